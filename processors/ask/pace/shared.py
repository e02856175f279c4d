"""What all processes of one machine use of one account, in one SQLite file: together they keep the limits that each keeps alone.

Every departure asks here: in one transaction the use of all is summed, and the request is counted or has to wait. A process that waits
says so, and the others then keep to their share. What a killed process had in flight is nobody's; what it had sent counts for its minute.

The file also remembers the tokens of the day and the limits that were found. It holds nothing that cannot be found again, so that it is
not synced (a kill does no harm, a power cut may), and trouble with it ends the sharing, never the run. It is opened by `database`;
processes are told apart by `process_identity`; how long a minute is stands in `limits`.
"""

from __future__ import annotations

import hashlib
import itertools
import logging
import os
import sqlite3
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from octavo.processors.ask import database
from octavo.processors.ask.pace.limits import MINUTE_S, SLACK_S
from octavo.processors.ask.process_identity import holder, is_gone
from octavo.schemas.errors import StorageError

FIRST = """
CREATE TABLE processes (account TEXT, name TEXT, in_flight INTEGER NOT NULL, waited_at REAL NOT NULL, PRIMARY KEY (account, name));
CREATE TABLE minutes (account TEXT, name TEXT, second INTEGER, requests INTEGER NOT NULL, tokens INTEGER NOT NULL,
    PRIMARY KEY (account, name, second));
CREATE TABLE days (account TEXT PRIMARY KEY, day INTEGER NOT NULL, tokens INTEGER NOT NULL);
CREATE TABLE limits (account TEXT, name TEXT, allowed INTEGER NOT NULL, found_at REAL NOT NULL, PRIMARY KEY (account, name));
"""
PAUSES = "CREATE TABLE pauses (account TEXT PRIMARY KEY, said_at REAL NOT NULL, until REAL NOT NULL);"
SPACES = "CREATE TABLE spaces (account TEXT PRIMARY KEY, left_at REAL NOT NULL, free_at REAL NOT NULL);"
STEPS = (FIRST, PAUSES, SPACES)  # of the schema; a new one goes at the end, and none is ever changed
BUSY_MS = 2_000  # a transaction takes well under a millisecond
SPAN_S = (
    MINUTE_S + SLACK_S / 2
)  # subtle: shorter than a minute's worth takes to leave, so that who leaves evenly is never stopped
TICK_S = 0.25  # departures within so long are counted together
LOOK_AGAIN_S = 0.25  # when somebody else may have made room
WAITS_S = 1.5  # a process that asked in vain so lately still waits
LONGEST_PAUSE_S = 300.0  # that others are told of
GONE_S = 1.0  # how often to look for processes that are gone

Result = TypeVar("Result")

NO_ROWS: list[sqlite3.Row] = []

_numbers = itertools.count()
log = logging.getLogger("octavo.ask")


@dataclass(frozen=True, slots=True)
class Entrance:
    """Whether the account has room for a request, the tokens of the day by all, and until when nobody may leave."""

    room: bool
    today_tokens: int
    pause_s: float  # that anybody was told to make
    again_s: float  # when to ask again; 0 for who may leave


def account_name(base_url: str, key: str) -> str:
    """The name of an account in the file, from which its key cannot be read."""
    return hashlib.sha256(f"octavo pace\n{base_url}\n{key}".encode()).hexdigest()[:24]


class SharedLimits:
    """One pace's part in the account. Nothing is raised: without the file everybody is let in."""

    def __init__(self, path: Path, account: str, *, clock: Callable[[], float] = time.monotonic) -> None:
        """Open or make the file. `clock` is one that all processes of the machine share, such as Linux's monotonic one."""
        self._account, self._clock = account, clock
        self._me = f"{holder(os.getpid())}/{next(_numbers)}"
        self._looked_at = -GONE_S
        self._file: sqlite3.Connection | None = None
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = database.connect(path)
            database.migrate(self._file, STEPS, path)
            self._file.execute("PRAGMA synchronous = OFF")
            self._file.execute(f"PRAGMA busy_timeout = {BUSY_MS}")
            self._file.isolation_level = None
        except (OSError, sqlite3.Error, StorageError) as error:
            self._lost(error)

    def enter(self, tokens: int, limits: Mapping[str, int], day: int, part_s: float = 0.0) -> Entrance:
        """Count a request that wants to leave, if there is room for it; nobody else may leave for `part_s` then."""

        def entered() -> Entrance:
            self._tidy()
            now, today, pause_s = self._clock(), self._day(day), self._pause_s()
            again_s = pause_s or self._space_s() or self._look_again_s(tokens, limits, today)
            if not again_s:
                self._count(now, requests=1, tokens=tokens)
                self._run(
                    "INSERT OR REPLACE INTO spaces VALUES (?, ?, ?)", (self._account, now, now + part_s)
                )
            room = not again_s
            self._say(in_flight=int(room), waited_at=0.0 if room else now)
            return Entrance(room, today + tokens * room, pause_s, again_s)

        return self._together(entered, Entrance(True, 0, 0.0, 0.0))

    def leave(self, entered_at: float, tokens: int, *, requests: int = 0) -> None:
        """A request is over. `tokens` is by how much its count was wrong; `requests` is -1 when it never left."""

        def left() -> None:
            if tokens or requests:
                self._count(entered_at, requests=requests, tokens=tokens)
            self._say(in_flight=-1, waited_at=0.0)

        self._together(left, None)

    def pause(self, seconds: float) -> None:
        """Let nobody leave for so long, a few minutes at most: who is refused again says so again, and a new run may be let in."""
        seconds = min(seconds, LONGEST_PAUSE_S)
        now = self._clock()
        sql = "INSERT INTO pauses VALUES (?, ?, ?) ON CONFLICT (account) DO UPDATE SET said_at = excluded.said_at, until = excluded.until"
        values = (self._account, now, now + seconds)
        self._together(
            lambda: self._run(f"{sql} WHERE until < excluded.until", values) if seconds else NO_ROWS, NO_ROWS
        )

    def tell_limit(self, name: str, allowed: int, at: float) -> None:
        """Remember a limit that the provider named; `at` in seconds since 1970."""
        values = (self._account, name, allowed, at)
        if allowed:
            self._together(
                lambda: self._run("INSERT OR REPLACE INTO limits VALUES (?, ?, ?, ?)", values), NO_ROWS
            )

    def found_limits(self) -> dict[str, tuple[int, float]]:
        """The limits that were found, by whomever, and when."""
        sql = "SELECT name, allowed, found_at FROM limits WHERE account = ?"
        rows = self._together(lambda: self._run(sql, (self._account,)), NO_ROWS)
        return {name: (allowed, found_at) for name, allowed, found_at in rows}

    def today(self, day: int) -> int:
        """The tokens of the day by all."""
        return self._together(lambda: self._day(day), 0)

    def close(self) -> None:
        """Take no part any more; what was sent counts until its minute is over."""
        self._together(
            lambda: self._run(
                "DELETE FROM processes WHERE account = ? AND name = ?", (self._account, self._me)
            ),
            NO_ROWS,
        )
        if self._file is not None:
            self._file.close()
            self._file = None

    def _together(self, work: Callable[[], Result], otherwise: Result) -> Result:
        """Do some work alone in the file; without the file, or in trouble with it, the result is `otherwise`."""
        if self._file is None:
            return otherwise
        try:
            self._file.execute("BEGIN IMMEDIATE")
            with self._file:
                return work()
        except sqlite3.Error as error:
            self._lost(error)
            return otherwise

    def _run(self, sql: str, values: tuple[Any, ...] = ()) -> list[sqlite3.Row]:
        assert self._file is not None
        return self._file.execute(sql, values).fetchall()

    def _room(self, tokens: int, limits: Mapping[str, int]) -> bool:
        """Whether the account has room, and we do not take the share of others that wait. What is alone in its minute may leave."""
        sql = "SELECT name, in_flight, waited_at FROM processes WHERE account = ?"
        processes = self._run(sql, (self._account,))
        sql = "SELECT name, sum(requests) AS requests, sum(tokens) AS tokens FROM minutes WHERE account = ? AND second > ? GROUP BY name"
        now = self._clock()
        minutes = self._run(sql, (self._account, now - SPAN_S - TICK_S))
        waiting = sum(one["name"] != self._me and one["waited_at"] > now - WAITS_S for one in processes)
        for limit, rows, column, more in (
            (limits["concurrency"], processes, "in_flight", 1),
            (limits["rpm"], minutes, "requests", 1),
            (limits["tpm"], minutes, "tokens", tokens),
        ):
            all_use = sum(row[column] for row in rows)
            our_use = sum(row[column] for row in rows if row["name"] == self._me)
            if limit and all_use and all_use + more > limit:
                return False
            if limit and our_use and our_use + more > -(-limit // (1 + waiting)):
                return False
        return True

    def _look_again_s(self, tokens: int, limits: Mapping[str, int], today: int) -> float:
        room = self._room(tokens, limits) and not 0 < limits["tpd"] < today + tokens
        return 0.0 if room else LOOK_AGAIN_S

    def _space_s(self) -> float:
        """How long the part of the minute lasts that the last request of anybody takes."""
        now = self._clock()
        rows = self._run(
            "SELECT free_at FROM spaces WHERE account = ? AND left_at <= ? AND free_at > ?",
            (self._account, now, now),
        )
        return float(rows[0]["free_at"]) - now if rows else 0.0

    def _pause_s(self) -> float:
        now = self._clock()
        rows = self._run("SELECT until FROM pauses WHERE account = ? AND until > ?", (self._account, now))
        return float(rows[0]["until"]) - now if rows else 0.0

    def _tidy(self) -> None:
        """Forget what is over (or of before the machine started anew), and what processes that are gone had in flight."""
        now = self._clock()
        if now < self._looked_at + GONE_S:
            return
        self._looked_at = now
        self._run("DELETE FROM minutes WHERE second < ? OR second > ?", (now - SPAN_S - TICK_S, now + 1))
        self._run("DELETE FROM pauses WHERE until < ? OR said_at > ?", (now, now + 1))
        for account, name in self._run("SELECT account, name FROM processes"):
            if is_gone(name.partition("/")[0]):
                self._run("DELETE FROM processes WHERE account = ? AND name = ?", (account, name))

    def _count(self, at: float, *, requests: int, tokens: int) -> None:
        self._run(
            "INSERT INTO minutes VALUES (?, ?, ?, ?, ?) ON CONFLICT (account, name, second)"
            " DO UPDATE SET requests = requests + excluded.requests, tokens = tokens + excluded.tokens",
            (self._account, self._me, at // TICK_S * TICK_S, requests, tokens),
        )
        self._run("UPDATE days SET tokens = tokens + ? WHERE account = ?", (tokens, self._account))

    def _say(self, *, in_flight: int, waited_at: float) -> None:
        self._run(
            "INSERT INTO processes VALUES (?, ?, ?, ?) ON CONFLICT (account, name)"
            " DO UPDATE SET in_flight = max(0, in_flight + excluded.in_flight), waited_at = excluded.waited_at",
            (self._account, self._me, in_flight, waited_at),
        )

    def _day(self, day: int) -> int:
        """The tokens of that day of the provider; a new day begins with none."""
        rows = self._run("SELECT tokens FROM days WHERE account = ? AND day = ?", (self._account, day))
        if not rows:
            self._run("INSERT OR REPLACE INTO days VALUES (?, ?, 0)", (self._account, day))
            return 0
        return int(rows[0]["tokens"])

    def _lost(self, error: Exception) -> None:
        self._file = None
        log.warning("The pace is not shared with other processes: %s.", error)
