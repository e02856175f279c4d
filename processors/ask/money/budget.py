"""What may be spent: the worst case is reserved before a request leaves, and settled to the bill after.

A run's own cap is kept in this process. Caps of a UTC day, a month or a project are kept in the file of `spending`, which all
processes share; it is opened when the first call that costs something is about to leave. Sums are whole nano-dollars (`nano_usd`).
`waits` says that a call waits for room.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from octavo.processors.ask.money.spending import Shortage, Spending, scopes
from octavo.processors.ask.nano_usd import nano, nano_cap, shown, usd
from octavo.processors.ask.waits import said_when_late
from octavo.schemas.errors import BudgetReached

ALERTS = (50, 80, 100)  # percent of a cap at which a sentence is said
POLL_S = 0.5  # how often to look whether another process has settled a call

Hear = Callable[[str], None]


def quiet(_: str) -> None:
    """Hear and say nothing."""


@dataclass(frozen=True, slots=True)
class Caps:
    """Most that may be spent, in USD; 0 for no cap. `file` holds what all runs spend: day, month and project need it.

    `together` says that several processes work on the run, so that its own cap is kept in the file too.
    """

    run_usd: float = 0.0
    day_usd: float = 0.0
    month_usd: float = 0.0
    project_usd: float = 0.0
    project: str = ""
    file: Path | None = None
    together: bool = False

    @property
    def shared(self) -> bool:
        """Whether calls are counted together with those of other runs."""
        kept = (self.day_usd, self.month_usd, self.project_usd, self.project, self.together)
        return self.file is not None and any(kept)

    @property
    def lowest_usd(self) -> float:
        """The lowest cap; 0 when there is none."""
        return min(filter(None, (self.run_usd, self.day_usd, self.month_usd, self.project_usd)), default=0.0)

    def by_scope(self, day: str, run: str = "") -> dict[str, int]:
        """The caps that are kept in the file, in nano-dollars, by the scope that they bound on that day; the run's if it is `together`."""
        bound = scopes(day, self.project, run if self.together else "")
        return {scope: cap for scope in bound if (cap := self.of(scope))}

    def of(self, scope: str) -> int:
        """The cap of a scope such as `run` or `day 2026-11-23` in nano-dollars; 0 for none."""
        kind = scope.partition(" ")[0]
        return nano_cap(
            {"run": self.run_usd, "day": self.day_usd, "month": self.month_usd, "project": self.project_usd}[
                kind
            ]
        )


@dataclass(frozen=True, slots=True, eq=False)
class Reservation:
    """Money that is set aside for one call or one batch, until it is settled or left."""

    worst_usd: float  # the most that the call may cost
    held: int  # nano-dollars that are set aside for it
    call: int  # its number in the shared file; 0 when there is none


class Budget:
    """The caps on one run's calls. Never passed, since what could still be billed counts as spent until it is known."""

    def __init__(
        self,
        caps: Caps | None = None,
        *,
        run: str = "",
        hear: Hear = quiet,
        say: Hear = quiet,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """Start with nothing spent by this run. `hear` gets a sentence at each of ALERTS, `say` one about a long wait; `now` is in UTC."""
        self.caps = caps or Caps()
        self._run, self._hear, self._say, self._now = run, hear, say, now
        self._spent = self._held = self._elsewhere = 0
        self._is_quoted = False  # whether the cap of the run is what was said, and nobody's choice
        self._turn = asyncio.Lock()  # held by the one call that is next to be let go
        self._freed = asyncio.Event()
        self._dearer = (
            1.0  # how much more than its worst case a call has cost; stays 1 while tokens are counted right
        )
        self._told: set[tuple[str, int]] = set()
        self._shared: Spending | None = None

    @property
    def spent_usd(self) -> float:
        """What the calls of this run have cost."""
        return usd(self._spent + self._elsewhere)

    @property
    def own_usd(self) -> float:
        """The same without the calls of other processes."""
        return usd(self._spent)

    @property
    def reserved_usd(self) -> float:
        """What the calls in flight may cost at the most."""
        return usd(self._held)

    def lower(self, run_usd: float) -> None:
        """Cap the run at this, unless it is 0 or the cap is lower already."""
        self.caps = replace(self.caps, run_usd=min(filter(None, (run_usd, self.caps.run_usd)), default=0.0))

    def quote(self, most_usd: float) -> None:
        """Cap the run at what it was said to cost at the most, unless a lower cap was named."""
        before = self.caps.run_usd
        self.lower(most_usd)
        self._is_quoted = self.caps.run_usd != before

    @property
    def is_quoted(self) -> bool:
        """Whether the cap of the run is what it was said to cost at the most."""
        return self._is_quoted

    def share(self, run_usd: float, *, quoted: bool) -> None:
        """Keep this cap (0 for none) together with other processes that work on the same run."""
        self.caps = replace(self.caps, run_usd=run_usd, together=True)
        self._is_quoted = quoted

    def count(self, spent_usd: float) -> None:
        """Take over what the calls of this run cost that other processes made."""
        self._elsewhere = nano(spent_usd)

    async def reserve(self, worst_usd: float) -> Reservation:
        """Set the worst case aside; wait while calls in flight may still free money; raise BudgetReached when none can."""
        worst = nano(worst_usd * self._dearer)
        async with self._turn:
            with said_when_late(self._say) as because:
                call = await self._room_for(worst, because)
            self._held += worst
        return Reservation(worst_usd, worst, call)

    async def _room_for(self, worst: int, because: Hear) -> int:
        """Take what is left for a call once there is enough; gives its number in the shared file."""
        while isinstance(call := await self._take(worst), Shortage):
            if not (self._held or call.may_free):
                raise self._reached(call, worst)
            because(self._awaited(call, worst))
            with suppress(TimeoutError):
                await asyncio.wait_for(self._freed.wait(), POLL_S if call.may_free else None)
        return call

    def _awaited(self, short: Shortage, worst: int) -> str:
        """What a call waits for that finds no room in a budget now."""
        who = "calls of other runs" if short.may_free else "calls in flight"
        budget = _budget(short.scope, self.caps.of(short.scope))
        held = f"{shown(short.billed)} is spent, {shown(short.open)} is reserved for {who}, and the next call may cost {shown(worst)}"
        return (
            f"The next call waits until {who} are billed, since the {budget} has no room for it now: {held}."
        )

    async def name(self, reserved: Reservation, batch: str) -> None:
        """Give a reservation the name of a batch, which may outlive this process, in the shared file."""
        if reserved.call and self._shared:
            await asyncio.to_thread(self._shared.name, reserved.call, batch)

    def leave(self, reserved: Reservation) -> None:
        """Leave a batch to a later process: it stays reserved in the shared file."""
        self._held -= reserved.held
        self._freed.set()

    async def settle(self, reserved: Reservation, billed_usd: float) -> None:
        """Exchange a reservation for the bill, once: 0 for a refusal, the worst case when nobody knows."""
        worst, call = reserved.held, reserved.call
        billed = worst if billed_usd == reserved.worst_usd else nano(billed_usd)
        self._held -= worst
        self._spent += billed
        if billed > worst:
            self._dearer = max(self._dearer, billed_usd / usd(worst))
            self._hear(
                f"A call cost {shown(billed)}, more than the {shown(worst)} reserved for it; more is reserved from now on."
            )
        try:
            totals = (
                await asyncio.to_thread(self._shared.settle, call, billed) if call and self._shared else {}
            )
        finally:
            self._freed.set()
        self._alert(totals)

    async def charge(self, batch: str, billed_usd: float) -> None:
        """Add the bill of a batch that an earlier run reserved and ordered; it counts whatever the caps are."""
        billed = nano(billed_usd)
        self._spent += billed
        async with self._turn:
            totals = await asyncio.to_thread(self._charge_shared, billed, batch)
        self._alert(totals)

    def close(self) -> None:
        """Close the shared file, if it was needed."""
        if self._shared:
            self._shared.close()

    async def _take(self, worst: int) -> int | Shortage:
        """Reserve under all caps, here and in the shared file; 0 when there is no such file."""
        self._freed.clear()
        cap = self.caps.of("run")
        if cap and not self.caps.together and self._spent + self._held + worst > cap:
            return Shortage("run", self._spent, self._held, may_free=False)
        if not (self.caps.shared and worst):
            return 0
        return await asyncio.to_thread(self._take_shared, worst)

    def _take_shared(self, worst: int) -> int | Shortage:
        day = self._day()
        return self._file().reserve(worst, day, self.caps.by_scope(day, self._run))

    def _charge_shared(self, billed: int, batch: str) -> dict[str, int]:
        """Put down a bill without looking at the caps; gives what is billed by scope. Who ordered may have had caps when we have none."""
        if self.caps.file is None or not (self.caps.shared or self.caps.file.exists()):
            return {}
        call = self._file().named(batch)
        if not call and self.caps.shared and billed:
            reserved = self._file().reserve(billed, self._day(), {})
            assert isinstance(reserved, int)  # there is no cap
            call = reserved
        return self._file().settle(call, billed) if call else {}

    def _file(self) -> Spending:
        """The shared file, opened the first time."""
        assert self.caps.file is not None
        self._shared = self._shared or Spending(self.caps.file, project=self.caps.project, run=self._run)
        return self._shared

    def _day(self) -> str:
        return f"{self._now():%Y-%m-%d}"

    def _reached(self, short: Shortage, worst: int) -> BudgetReached:
        """The error that names the cap, what stands against it, and when or how to go on."""
        cap = self.caps.of(short.scope)
        held = f", {shown(short.open)} is reserved" if short.open else ""
        is_quoted = _is_run(short.scope) and self._is_quoted
        what = f"price that was said at the most, {shown(cap)}," if is_quoted else _budget(short.scope, cap)
        message = f"The {what} is reached: {shown(short.billed)} is spent{held}"
        message = f"{message}, and the next call may cost {shown(worst)}."
        self._tell(short.scope, 100, message)
        return BudgetReached(
            message,
            about="budget",
            next_step=f"{QUOTED if is_quoted else _when(short.scope)} What is done is kept.",
        )

    def _alert(self, totals: Mapping[str, int]) -> None:
        """Say for each cap the highest share that is spent, once. `totals` are those of the file, in which our own run may stand, too."""
        if not self.caps.together:
            totals = {"run": self._spent, **{scope: of for scope, of in totals.items() if not _is_run(scope)}}
        for scope, billed in totals.items():
            cap = self.caps.of(scope)
            alerts = () if _is_run(scope) and self._is_quoted else ALERTS
            passed = [percent for percent in alerts if cap and billed * 100 >= cap * percent]
            if passed:
                self._tell(
                    scope,
                    passed[-1],
                    f"{passed[-1]} % of the {_budget(scope, cap)} is spent: {shown(billed)}.",
                )

    def _tell(self, scope: str, percent: int, sentence: str) -> None:
        if not any(told == scope and said >= percent for told, said in self._told):
            self._told.add((scope, percent))
            self._hear(sentence)


QUOTED = "More was asked again than usual; see `octavo sql 'FROM rejects'`. Run again to go on at a price that is said anew."


def _is_run(scope: str) -> bool:
    return scope.partition(" ")[0] == "run"


def _budget(scope: str, cap: int) -> str:
    kind, _, name = scope.partition(" ")
    where = {
        "run": "",
        "day": f" for {name} (UTC)",
        "month": f" for {name} (UTC)",
        "project": f" for the project {name}",
    }[kind]
    return f"budget of {shown(cap)}{where}"


def _when(scope: str) -> str:
    """When there is money again, and how to go on before."""
    kind, _, name = scope.partition(" ")
    flag = "--budget-usd" if kind == "run" else f"--budget-{kind}-usd"
    if kind in {"run", "project"}:
        return f"Run again with a higher {flag}."
    first = datetime.fromisoformat(name if kind == "day" else f"{name}-01")
    following = first + timedelta(days=1) if kind == "day" else (first + timedelta(days=31)).replace(day=1)
    return f"Run again after {following:%Y-%m-%d} 00:00 UTC, or with a higher {flag}."
