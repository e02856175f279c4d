"""What all runs of one user have spent and hold reserved, in one store: caps of a day, a month or a project hold by it.

The store is shared by processes and output folders, and by hosts where it is in the state that they share (`state/database`). Every call
is a row: reserved at its worst case before it leaves, with the bill beside it after. Whatever has no bill counts in full. Checking the
caps and reserving is one transaction, so two processes never take the same dollar.

The rule for a process that ends without settling, as by kill -9: nobody knows whether its calls in flight were billed, so their worst
case stays counted for good, marked as lost. A batch that waits at the provider outlives its process, so that its reservation has a
name, by which a later process settles it. Nothing is ever freed for being old. Sums are whole nano-dollars (`nano_usd`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from octavo.processors.ask.nano_usd import usd
from octavo.processors.state import database
from octavo.processors.state.database import DatabaseRow, Schema, Statements

FIRST = """
CREATE TABLE calls (
    call INTEGER PRIMARY KEY, project TEXT NOT NULL, run TEXT NOT NULL, day TEXT NOT NULL, holder TEXT NOT NULL,
    reserved_nano INTEGER NOT NULL, billed_nano INTEGER, lost INTEGER NOT NULL DEFAULT 0);
CREATE INDEX open_calls ON calls (holder) WHERE billed_nano IS NULL;
CREATE TABLE totals (scope TEXT PRIMARY KEY, billed_nano INTEGER NOT NULL, open_nano INTEGER NOT NULL);
"""
BATCHES = "ALTER TABLE calls ADD COLUMN batch TEXT NOT NULL DEFAULT '';"  # our name of the batch for which it is reserved
SCHEMA = Schema((FIRST, BATCHES), everybodys=True)  # a new step goes at the end, and none is ever changed

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Shortage:
    """Why a call may not be made: the scope whose cap it could pass, and what stands against it in nano-dollars."""

    scope: str
    billed: int
    open: int
    may_free: bool  # whether a living process holds a reservation, which its bill may lower


def scopes(day: str, project: str, run: str = "") -> tuple[str, ...]:
    """What a call counts towards: its UTC day and month (`2026-11-23` and `2026-11`), its project and its run where they are named."""
    named = {"project": project, "run": run}
    return (f"day {day}", f"month {day[:7]}", *(f"{kind} {name}" for kind, name in named.items() if name))


def spent_in(path: Path) -> dict[str, tuple[float, float]]:
    """What is billed and reserved by scope, in USD; nothing when there is no store. Read beside who spends. Raises StorageError."""
    try:
        if not database.exists(path, SCHEMA):
            return {}
        with closing(database.opened(path, SCHEMA, read_only=True)) as store:
            rows = store.read("SELECT scope, billed_nano, open_nano FROM totals")
    except database.TROUBLE as error:
        step = "Name the right folder in OCTAVO_HOME."
        raise database.refused("The file of what is spent,", path, error, step) from error
    return {row["scope"]: (usd(row["billed_nano"]), usd(row["open_nano"])) for row in rows}


class Spending:
    """The open store. Safe to use from any thread; every call is on disk when it returns. Raises StorageError."""

    def __init__(self, path: Path, *, project: str, run: str) -> None:
        """Open or make the store."""
        self.path, self.project, self.run = path, project, run
        with self._sentence():
            path.parent.mkdir(parents=True, exist_ok=True)
            self._store = database.opened(path, SCHEMA)

    def close(self) -> None:
        """Close the store. What is reserved stays reserved."""
        self._store.close()

    def reserve(self, nanos: int, day: str, caps: Mapping[str, int]) -> int | Shortage:
        """Set the worst case aside when it fits under every cap (by scope), and give the number of the call; else say what is short."""

        def reserved(store: Statements) -> int | Shortage:
            for scope, cap in caps.items():
                billed, held = _total(store, scope)
                if billed + held + nanos > cap:
                    self._write_off(store)
                    billed, held = _total(store, scope)
                    return Shortage(scope, billed, held, may_free=self._others_hold(store))
            added = store.execute(
                "INSERT INTO calls (project, run, day, holder, reserved_nano) VALUES (?, ?, ?, ?, ?) RETURNING call",
                (self.project, self.run, day, self._store.me, nanos),
            ).fetchone()
            add_up(store, scopes(day, self.project, self.run), billed=0, held=nanos)
            return int(added["call"])

        return self._written(reserved)

    def settle(self, call: int, billed: int) -> dict[str, int]:
        """Exchange a reservation for its bill, also when the call was already written off; gives what is billed by scope."""

        def settled(store: Statements) -> dict[str, int]:
            row = store.execute("SELECT * FROM calls WHERE call = ?", (call,)).fetchone()
            _settle(store, row, billed, lost=False)
            return {
                scope: _total(store, scope)[0] for scope in scopes(row["day"], row["project"], row["run"])
            }

        return self._written(settled)

    def name(self, call: int, batch: str) -> None:
        """Keep a reservation for a batch, also when this process is gone."""
        sql = "UPDATE calls SET batch = ? WHERE call = ?"
        self._written(lambda store: store.execute(sql, (batch, call)))

    def named(self, batch: str) -> int:
        """The number of the reservation that waits for a batch; 0 when there is none."""
        with self._sentence():
            rows = self._store.read(
                "SELECT call FROM calls WHERE billed_nano IS NULL AND batch = ?", (batch,)
            )
        return int(rows[0]["call"]) if rows else 0

    def total_usd(self, scope: str) -> tuple[float, float]:
        """What is billed and what is reserved in a scope, such as `day 2026-11-23`, in USD."""
        billed, held = self._written(lambda store: _total(store, scope))
        return usd(billed), usd(held)

    def _write_off(self, store: Statements) -> None:
        """Count the reservations of processes that are gone as spent: nobody knows, and nobody will."""
        for row in store.execute("SELECT * FROM calls WHERE billed_nano IS NULL AND batch = ''").fetchall():
            if row["holder"] != self._store.me and self._store.is_gone(store, row["holder"]):
                _settle(store, row, row["reserved_nano"], lost=True)

    def _others_hold(self, store: Statements) -> bool:
        """Whether another process that is known to live has calls in flight. Nobody waits for a batch, which may take a day."""
        sql = "SELECT DISTINCT holder FROM calls WHERE billed_nano IS NULL AND batch = ''"
        holders = [name for (name,) in store.execute(sql).fetchall()]
        return any(
            self._store.is_here(store, name)
            for name in holders
            if not database.same_process(name, self._store.me)
        )

    def _written(self, work: Callable[[Statements], Result]) -> Result:
        """Alone in the store until the work is done, then on disk; nothing is changed when it raises."""
        with self._sentence():
            return self._store.write(work)

    @contextmanager
    def _sentence(self) -> Iterator[None]:
        try:
            yield
        except (OSError, *database.TROUBLE) as error:
            step = "Make it writable, or name another folder in OCTAVO_HOME."
            raise database.refused("The file of what is spent,", self.path, error, step) from None


def is_kept(path: Path) -> bool:
    """Whether anybody has put down what was spent. Raises StorageError."""
    try:
        return database.exists(path, SCHEMA)
    except database.TROUBLE as error:
        raise database.refused("The file of what is spent,", path, error, "Run again.") from None


def _settle(store: Statements, row: DatabaseRow, billed: int, *, lost: bool) -> None:
    """Put the bill in place of the reservation, or of the bill that was assumed when its process was gone."""
    was_billed, was_held = (
        (0, row["reserved_nano"]) if row["billed_nano"] is None else (row["billed_nano"], 0)
    )
    values = (billed, int(lost), row["call"])
    store.execute("UPDATE calls SET billed_nano = ?, lost = ? WHERE call = ?", values)
    add_up(store, scopes(row["day"], row["project"], row["run"]), billed=billed - was_billed, held=-was_held)


def _total(store: Statements, scope: str) -> tuple[int, int]:
    row = store.execute("SELECT billed_nano, open_nano FROM totals WHERE scope = ?", (scope,)).fetchone()
    return (int(row[0]), int(row[1])) if row else (0, 0)


def add_up(store: Statements, counted: Sequence[str], *, billed: int, held: int) -> None:
    """Add to what is billed and reserved in some scopes, in nano-dollars."""
    for scope in counted:
        store.execute(
            "INSERT INTO totals VALUES (?, ?, ?) ON CONFLICT (scope) DO UPDATE SET"
            " billed_nano = totals.billed_nano + excluded.billed_nano, open_nano = totals.open_nano + excluded.open_nano",
            (scope, billed, held),
        )
