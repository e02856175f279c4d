"""What all runs of one user have spent and hold reserved, in one SQLite file: caps of a day, a month or a project hold by it.

The file is shared by processes and output folders, so it is no part of any of them. Every call is a row: reserved at its worst case
before it leaves, with the bill beside it after. Whatever has no bill counts in full. Checking the caps and reserving is one
transaction, so two processes never take the same dollar.

The rule for a process that ends without settling, as by kill -9: nobody knows whether its calls in flight were billed, so their worst
case stays counted for good, marked as lost. A batch that waits at the provider outlives its process, so that its reservation has a
name, by which a later process settles it. Nothing is ever freed for being old. Sums are whole nano-dollars (`nano_usd`), the file is
opened by `database`, and processes are told apart by `process_identity`.
"""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from octavo.processors.ask import database
from octavo.processors.ask.nano_usd import usd
from octavo.processors.ask.process_identity import holder, is_gone, is_here
from octavo.schemas.errors import StorageError

FIRST = """
CREATE TABLE calls (
    call INTEGER PRIMARY KEY, project TEXT NOT NULL, run TEXT NOT NULL, day TEXT NOT NULL, holder TEXT NOT NULL,
    reserved_nano INTEGER NOT NULL, billed_nano INTEGER, lost INTEGER NOT NULL DEFAULT 0);
CREATE INDEX open_calls ON calls (holder) WHERE billed_nano IS NULL;
CREATE TABLE totals (scope TEXT PRIMARY KEY, billed_nano INTEGER NOT NULL, open_nano INTEGER NOT NULL);
"""
BATCHES = "ALTER TABLE calls ADD COLUMN batch TEXT NOT NULL DEFAULT '';"  # our name of the batch for which it is reserved
STEPS = (FIRST, BATCHES)  # of the schema; a new one goes at the end, and none is ever changed


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


class Spending:
    """The open file. Safe to use from any thread; every call is on disk when it returns. Raises StorageError."""

    def __init__(self, path: Path, *, project: str, run: str) -> None:
        """Open or make the file."""
        self.path, self.project, self.run = path, project, run
        self._me = holder(os.getpid())
        self._lock = threading.Lock()
        with self._sentence():
            path.parent.mkdir(parents=True, exist_ok=True)
            self._connection = database.connect(path)
            database.migrate(self._connection, STEPS, path)

    def close(self) -> None:
        """Close the file. What is reserved stays reserved."""
        self._connection.close()

    def reserve(self, nanos: int, day: str, caps: Mapping[str, int]) -> int | Shortage:
        """Set the worst case aside when it fits under every cap (by scope), and give the number of the call; else say what is short."""
        with self._transaction():
            for scope, cap in caps.items():
                billed, held = self._total(scope)
                if billed + held + nanos > cap:
                    self._write_off()
                    billed, held = self._total(scope)
                    return Shortage(scope, billed, held, may_free=self._others_hold())
            values = (self.project, self.run, day, self._me, nanos)
            added = self._connection.execute(
                "INSERT INTO calls (project, run, day, holder, reserved_nano) VALUES (?, ?, ?, ?, ?)", values
            )
            self._count(scopes(day, self.project, self.run), billed=0, held=nanos)
            return added.lastrowid or 0

    def settle(self, call: int, billed: int) -> dict[str, int]:
        """Exchange a reservation for its bill, also when the call was already written off; gives what is billed by scope."""
        with self._transaction():
            row = self._connection.execute("SELECT * FROM calls WHERE call = ?", (call,)).fetchone()
            self._settle(row, billed, lost=False)
            return {scope: self._total(scope)[0] for scope in scopes(row["day"], row["project"], row["run"])}

    def name(self, call: int, batch: str) -> None:
        """Keep a reservation for a batch, also when this process is gone."""
        with self._transaction():
            self._connection.execute("UPDATE calls SET batch = ? WHERE call = ?", (batch, call))

    def named(self, batch: str) -> int:
        """The number of the reservation that waits for a batch; 0 when there is none."""
        with self._lock, self._sentence():
            row = self._connection.execute(
                "SELECT call FROM calls WHERE billed_nano IS NULL AND batch = ?", (batch,)
            ).fetchone()
        return int(row["call"]) if row else 0

    def total_usd(self, scope: str) -> tuple[float, float]:
        """What is billed and what is reserved in a scope, such as `day 2026-11-23`, in USD."""
        with self._lock:
            billed, held = self._total(scope)
        return usd(billed), usd(held)

    def _settle(self, row: sqlite3.Row, billed: int, *, lost: bool) -> None:
        """Put the bill in place of the reservation, or of the bill that was assumed when its process was gone."""
        was_billed, was_held = (
            (0, row["reserved_nano"]) if row["billed_nano"] is None else (row["billed_nano"], 0)
        )
        self._connection.execute(
            "UPDATE calls SET billed_nano = ?, lost = ? WHERE call = ?", (billed, lost, row["call"])
        )
        counted = scopes(row["day"], row["project"], row["run"])
        self._count(counted, billed=billed - was_billed, held=-was_held)

    def _write_off(self) -> None:
        """Count the reservations of processes that are gone as spent: nobody knows, and nobody will."""
        for row in self._connection.execute(
            "SELECT * FROM calls WHERE billed_nano IS NULL AND batch = ''"
        ).fetchall():
            if row["holder"] != self._me and is_gone(row["holder"]):
                self._settle(row, row["reserved_nano"], lost=True)

    def _others_hold(self) -> bool:
        """Whether another living process of this machine has calls in flight. Nobody waits for a batch, which may take a day."""
        sql = "SELECT DISTINCT holder FROM calls WHERE billed_nano IS NULL AND batch = '' AND holder <> ?"
        holders = self._connection.execute(sql, (self._me,))
        return any(is_here(name) for (name,) in holders)

    def _total(self, scope: str) -> tuple[int, int]:
        row = self._connection.execute(
            "SELECT billed_nano, open_nano FROM totals WHERE scope = ?", (scope,)
        ).fetchone()
        return (int(row[0]), int(row[1])) if row else (0, 0)

    def _count(self, counted: Sequence[str], *, billed: int, held: int) -> None:
        self._connection.executemany(
            "INSERT INTO totals VALUES (?, ?, ?) ON CONFLICT (scope)"
            " DO UPDATE SET billed_nano = billed_nano + excluded.billed_nano, open_nano = open_nano + excluded.open_nano",
            [(scope, billed, held) for scope in counted],
        )

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        """Alone in the file until the block ends, then on disk; nothing is changed when it raises."""
        with self._lock, self._sentence():
            self._connection.execute("BEGIN IMMEDIATE")
            with self._connection:
                yield

    @contextmanager
    def _sentence(self) -> Iterator[None]:
        try:
            yield
        except (OSError, sqlite3.Error) as error:
            message = f"The file of what is spent, {self.path}, cannot be used: {error}."
            raise StorageError(
                message, next_step="Make it writable, or name another folder in OCTAVO_HOME."
            ) from error
