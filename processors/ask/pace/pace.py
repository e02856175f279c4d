"""When a request may leave: slots in flight, requests and tokens a minute, evenly, tokens a day, and shared pauses.

One RateLimiter for one account: jobs that share it leave in turn. Nobody polls: each event (a reply, a departure, the end of a
wait) lets go whoever may leave then. The provider charges prompt + reply budget against its tokens a minute, whatever is
generated, and counts every attempt as a request (documentation of 2026-08-13). The books are kept by `limits`, and for all
processes by `shared`; who waits stands in `queue`, and until when all wait in `pauses`; what a refusal says is read by
`refusals`.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager

from octavo.processors.ask.api.refusals import Refusal
from octavo.processors.ask.pace.clock import Clock
from octavo.processors.ask.pace.limits import (
    MOST_IN_FLIGHT,
    Day,
    Limit,
    Minute,
    Miscount,
    Permit,
    Slots,
    minute_in,
)
from octavo.processors.ask.pace.pauses import OTHERS_SHARE, OTHERS_WAIT, Pauses
from octavo.processors.ask.pace.queue import FairQueue, Waiter
from octavo.processors.ask.pace.shared import SharedLimits
from octavo.processors.ask.providers import AccountLimits
from octavo.schemas.errors import BudgetReached, OctavoError, RequestRefused

CLOCK, UNKNOWN = Clock(), AccountLimits(0, 0, 0, 0)
LOOK_S = 1.0  # how often to look which limits other processes found
MANY, MANY_SHARE = (
    5,
    0.25,
)  # all wait when overloads outnumber replies by so many, and by this share of those in flight (ours, 2026-11-30)
FEW = 2  # the same when nobody got through since all waited last, and for refusals that say "too fast" and not which limit


class RateLimiter:
    """One account's limits, kept by everything that asks through this object in one event loop."""

    def __init__(
        self,
        limits: AccountLimits = UNKNOWN,
        *,
        begin: int = 1,
        clock: Clock = CLOCK,
        sharing: SharedLimits | None = None,
        hear: Callable[[str], None] = lambda _: None,
    ) -> None:
        """Limits as the account has them; 0 is "not known": concurrency is then found from `begin` on, the others when they are met.

        `shared` is what other processes use of the account, and what is remembered of it. `hear` gets a sentence about each long pause.
        """
        self.clock = clock
        self._slots = Slots(limits.concurrency, begin)
        self._rpm, self._tpm, self._tpd = Limit(limits.rpm), Limit(limits.tpm), Limit(limits.tpd)
        self._minute, self._day, self._miscount = Minute(self._rpm, self._tpm), Day(), Miscount()
        self._turns, self._sharing, self._pauses = FairQueue(), sharing, Pauses(clock, hear)
        self._looked_at = -math.inf
        self._known: Mapping[str, tuple[int, float]] = {}  # limits as any process found them, and when
        self._timer: asyncio.Task[None] | None = None
        self._timer_at = math.inf
        self._remember()

    @property
    def in_flight(self) -> tuple[int, int]:
        """Calls that left and are not over, and how many there may be now."""
        return self._slots.in_flight, self._slots.open

    @property
    def most(self) -> int:
        """Most calls that can ever be in flight."""
        return self._slots.limit.told or MOST_IN_FLIGHT

    def limits(self) -> dict[str, int]:
        """The limits in force, told or found; 0 where none is known."""
        return {name: self._limit(name).now for name in ("concurrency", "rpm", "tpm", "tpd")}

    @asynccontextmanager
    async def acquire(self, tokens: int, job: str = "", *, again: bool = False) -> AsyncIterator[Permit]:
        """Hold a slot from the moment the request may leave to its last byte; `again` goes before the job's other requests.

        Raises BudgetReached when the day's tokens are used up.
        """
        permit = await self._turn(tokens, job, first=again)
        try:
            yield permit
        finally:
            self._slots.in_flight -= 1
            self._end(permit)

    def started(self, permit: Permit) -> None:
        """The request leaves now: its minute begins. Said again it means nothing."""
        if permit.at == math.inf:
            self._pauses.started(permit)
            self._minute.leave(permit, self.clock.now())
        self._let_go()

    def succeeded(self, permit: Permit, tokens: int) -> None:
        """A reply came, and the provider counted so many tokens, reply budget included; 0 when it did not say."""
        if tokens:
            self._miscount.learn(permit.asked_tokens, tokens)
            self._recount(permit, tokens)
        self._pauses.succeeded(permit)

    def refused(self, permit: Permit, refusal: Refusal | None, why: str = "") -> bool:
        """Learn from a refusal, None when nobody was there to refuse; gives whether all wait, or else its call has to by itself.

        What left before an earlier one was heard is one wave with it. `why` is the sentence for a person, should all have to wait for long.
        Raises RequestRefused when the request is larger than a whole minute of the account, so that it could never leave.
        """
        if refusal is None or not refusal.limit:
            many = 1 if refusal is None else FEW if refusal.kind == "rate" else 0
            return self.overloaded(permit, refusal.wait_s if refusal else None, why, many=many)
        now, new_wave = self.clock.now(), self._pauses.new_wave(permit)
        news = self._limit(refusal.limit).find(refusal.allowed, now)
        if self._sharing:
            self._sharing.tell_limit(refusal.limit, refusal.allowed, self.clock.wall())
        if refusal.limit == "concurrency":
            self._crowded(refusal.wait_s, why, new_wave=new_wave)
        elif new_wave:
            self._full(permit, refusal, why, news=news)
        self._recount(permit, 0)  # it was not let in, so it holds no tokens
        if refusal.limit == "tpm" and 0 < refusal.allowed < permit.asked_tokens:
            message = f"A request of {permit.asked_tokens:,} tokens is more than the account's {refusal.allowed:,} tokens a minute."
            raise RequestRefused(
                message, next_step=f"Name the limit, so that windows are made to fit: --tpm {refusal.allowed}"
            )
        return True

    def overloaded(
        self, permit: Permit, wait_s: float | None = None, why: str = "", *, many: int = 0
    ) -> bool:
        """The provider has too much to do, also when it says so in the middle of a reply; gives whether all wait.

        When such refusals outnumber replies by `many`, all go on with half, after a pause. A few among many replies are no reason to go
        slower: a provider that loses one call in a hundred at any speed would then be asked ever more slowly.
        """
        if not self._pauses.is_news(permit):
            return True
        in_flight = self._slots.in_flight
        many = many or max(FEW if self._pauses.vain else MANY, int(MANY_SHARE * in_flight))
        if not self._pauses.outnumbered(permit, many):
            return False
        self._slots.shrink(in_flight // 2, self.clock.now(), again=self._pauses.vain > 1)
        self.pause(self._pauses.backoff_s(wait_s), why, wait_s)
        return True

    def observe_headers(self, headers: Mapping[str, str], ago_s: float = 0.0) -> None:
        """Read the headers of an answer to what left so long ago: limits, where nobody told them, and whether the minute is used up."""
        for limit, name, what in ((self._rpm, "rpm", "requests"), (self._tpm, "tpm", "tokens")):
            allowed, empty_s = minute_in(headers, what)
            if allowed and not limit.told and allowed != limit.now:
                limit.find(allowed, self.clock.now())
                if self._sharing:
                    self._sharing.tell_limit(name, allowed, self.clock.wall())
            if empty_s > ago_s:
                self.pause(empty_s - ago_s, f"its headers say that no {what} are left.", empty_s - ago_s)

    def pause(self, seconds: float, why: str = "", told_s: float | None = None) -> None:
        """Let nothing leave for so long, in no process of the account; `told_s` is what the provider asked for."""
        self._pauses.pause(seconds, why, told_s)
        if self._sharing:
            self._sharing.pause(seconds)

    def spent_today(self, tokens: int) -> None:
        """Take note of the tokens that were reserved in this day of the provider, as earlier runs wrote them down."""
        self._day.turn(self.clock.wall())
        self._day.tokens = max(self._day.tokens, tokens)

    def give_up(self, job: str, error: OctavoError) -> None:
        """Let nobody of a job wait any longer: raise that error where they wait."""
        self._turns.give_up(job, error)

    def _crowded(self, wait_s: float | None, why: str, *, new_wave: bool) -> None:
        """Too many in flight: go on with those that were let in, or wait when there are none of ours."""
        if not new_wave:
            return
        others = self._slots.in_flight - 1
        self._slots.shrink(others, self.clock.now(), again=False)
        if not others:
            self.pause(self._pauses.backoff_s(wait_s), why, wait_s)

    def _full(self, permit: Permit, refusal: Refusal, why: str, *, news: bool) -> None:
        """A minute or a day is used up: wait as told when its limit is news, and is kept from now on, else longer each time."""
        if refusal.limit == "tpd":
            news = bool(refusal.allowed)
            self._day.tokens = max(self._day.tokens, refusal.used or refusal.allowed)
        else:
            self._minute.refused(permit, self.clock.now(), news=news)
        seconds = refusal.wait_s or 0.0 if news else self._pauses.backoff_s(refusal.wait_s)
        self.pause(seconds, why, refusal.wait_s)

    def _end(self, permit: Permit) -> None:
        """A slot is free again; who never left has used nothing."""
        self._pauses.ended(permit)
        never = permit.at == math.inf
        if never:
            self._minute.take_back(permit)
            self._day.recount(permit, 0)
        if self._sharing:
            self._sharing.leave(
                permit.entered_at,
                (0 if never else permit.tokens) - permit.entered_tokens,
                requests=-int(never),
            )
        self._let_go()

    def _recount(self, permit: Permit, tokens: int) -> None:
        self._day.recount(permit, tokens)
        self._minute.recount(permit, tokens)

    async def _turn(self, tokens: int, job: str, *, first: bool) -> Permit:
        """Wait until a request may leave. A slot given to somebody who is gone goes back."""
        waiting = Waiter(tokens, asyncio.get_running_loop().create_future())
        self._turns.join(waiting, job, first=first)
        self._let_go()
        try:
            return await waiting.turn
        except asyncio.CancelledError:
            if waiting.turn.done() and not waiting.turn.cancelled() and waiting.turn.exception() is None:
                self._slots.in_flight -= 1
                self._end(waiting.turn.result())
            raise

    def _let_go(self) -> None:
        """Let whoever may leave do so, the jobs in turn; then see to it that this is looked at again in time."""
        while (waiting := self._turns.next()) and self._has_slot():
            tokens = self._miscount.corrected(waiting.tokens)
            if self._day_is_full(waiting, tokens):
                continue
            now = self.clock.now()
            if wait_s := self._wait_s(tokens, now):
                # subtle: at a later moment each pause would seem to be a full minute
                if self._pauses.until - now < wait_s < math.inf:
                    self._pauses.hold(wait_s, self._minute.why(tokens, now))
                self._wake_in(wait_s)
                return
            if again_s := self._again_s(tokens):
                if self._pauses.until - now < again_s:
                    self._pauses.hold(again_s, OTHERS_SHARE)
                self._wake_in(again_s)
                return
            self._pauses.go()
            self._turns.pop()
            permit = Permit(tokens, self._day.number, waiting.tokens, self.clock.now(), tokens)
            self._minute.enter(permit, permit.entered_at)
            self._day.tokens += tokens
            self._slots.in_flight += 1
            waiting.turn.set_result(permit)

    def _again_s(self, tokens: int) -> float:
        """When to ask the other processes again whether they leave room for a request; 0 when they do, and it is counted there too."""
        if self._sharing is None:
            return 0.0
        self._learn_from_others()
        part_s = self._minute.part_s(tokens)
        found = self._sharing.enter(tokens, self.limits(), self._day.number, part_s)
        self._pauses.pause_for(found.pause_s, OTHERS_WAIT)
        self._day.tokens = max(self._day.tokens, found.today_tokens - tokens * found.room)
        return found.again_s

    def _remember(self) -> None:
        """Begin with what is known of the account: limits that were found, and the tokens of the day."""
        if self._sharing:
            self._learn_from_others()
            self._slots.open_known()
            self._day.turn(self.clock.wall())
            self.spent_today(self._sharing.today(self._day.number))

    def _learn_from_others(self) -> None:
        """Take limits that any process found since the last look; who has to be refused to know them is refused in vain."""
        now = self.clock.now()
        if self._sharing is None or now < self._looked_at + LOOK_S:
            return
        for name, found in (known := self._sharing.found_limits()).items():
            if found != self._known.get(name):
                self._limit(name).find(found[0], now - max(0.0, self.clock.wall() - found[1]))
        self._looked_at, self._known = now, known

    def _limit(self, name: str) -> Limit:
        return {"concurrency": self._slots.limit, "rpm": self._rpm, "tpm": self._tpm, "tpd": self._tpd}[name]

    def _has_slot(self) -> bool:
        """Whether a slot is free; opens one more when it is time, and else sees to it that this is looked at again then."""
        now = self.clock.now()
        if not self._slots.free and now >= max(self._pauses.until, self._slots.grow_at()):
            self._slots.grow(now)
        if not self._slots.free:
            self._wake_in(max(self._slots.grow_at(), self._pauses.until) - now)
        return self._slots.free

    def _wait_s(self, tokens: int, now: float) -> float:
        self._rpm.try_more(now)
        self._tpm.try_more(now)
        return max(0.0, self._pauses.until - now, self._minute.wait_s(tokens, now))

    def _day_is_full(self, waiting: Waiter, tokens: int) -> bool:
        """Whether the day has no room for a request, which is then told so."""
        self._day.turn(self.clock.wall())
        if not self._tpd.now or self._day.tokens + tokens <= self._tpd.now:
            return False
        message = f"The account's {self._tpd.now:,} tokens a day are used up."
        waiting.turn.set_exception(
            BudgetReached(
                message, about="tpd", next_step="Run again after 00:00 UTC+8; what is done is kept."
            )
        )
        self._turns.pop()
        return True

    def _wake_in(self, seconds: float) -> None:
        """Look again in so many seconds, unless that is due earlier anyway."""
        at = self.clock.now() + seconds
        if at == math.inf or (self._timer is not None and self._timer_at <= at):
            return  # at infinity: somebody is about to leave, and this is looked at again then
        if self._timer is not None:
            self._timer.cancel()
        self._timer_at = at
        self._timer = asyncio.get_running_loop().create_task(self._wake(seconds))

    async def _wake(self, seconds: float) -> None:
        await self.clock.sleep(seconds)
        self._timer = None
        self._let_go()
