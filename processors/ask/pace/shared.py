"""What all processes use of one account, in one store: together they keep the limits that each keeps alone.

Every departure asks here: in one transaction the use of all is summed, and the request is counted or has to wait. A process that waits
says so, and the others then keep to their share. What a killed process had in flight is nobody's; what it had sent counts for its minute.

The store also remembers the tokens of the day and the limits that were found. It holds nothing that cannot be found again, so that it is
not synced (a kill does no harm, a power cut may). How long a minute is stands in `limits`.

A file is shared by the processes of one machine, and trouble with it ends the sharing, never the run. In the state that hosts share
(`state/database`) the time is that of its server. While the server is away nobody is let in, since nobody knows what the others do; after
as long as the ledger waits for it too, calls go on to the ledger, which ends the run with a sentence before they leave.
"""

from __future__ import annotations

import hashlib
import itertools
import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from octavo.processors.ask.pace.limits import MINUTE_S, SLACK_S
from octavo.processors.state import database
from octavo.processors.state.database import Database, Schema, Statements, Step
from octavo.schemas.errors import SettingsError, StorageError

FIRST = """
CREATE TABLE processes (account TEXT, name TEXT, in_flight INTEGER NOT NULL, waited_at REAL NOT NULL, PRIMARY KEY (account, name));
CREATE TABLE minutes (account TEXT, name TEXT, second INTEGER, requests INTEGER NOT NULL, tokens INTEGER NOT NULL,
    PRIMARY KEY (account, name, second));
CREATE TABLE days (account TEXT PRIMARY KEY, day INTEGER NOT NULL, tokens INTEGER NOT NULL);
CREATE TABLE limits (account TEXT, name TEXT, allowed INTEGER NOT NULL, found_at REAL NOT NULL, PRIMARY KEY (account, name));
"""
PAUSES = "CREATE TABLE pauses (account TEXT PRIMARY KEY, said_at REAL NOT NULL, until REAL NOT NULL);"
SPACES = "CREATE TABLE spaces (account TEXT PRIMARY KEY, left_at REAL NOT NULL, free_at REAL NOT NULL);"
EXACT = (
    FIRST.replace("second INTEGER", "second DOUBLE PRECISION")
    .replace("INTEGER", "BIGINT")
    .replace("REAL", "DOUBLE PRECISION")
)
BUSY_S = 2.0  # a transaction takes well under a millisecond in a file
SCHEMA = Schema(  # a new step goes at the end, and none is ever changed
    (Step(FIRST, EXACT), PAUSES, SPACES),
    everybodys=True, durable=False, is_guarded=False, busy_s=BUSY_S, patience_s=0.0,
)  # fmt: skip
SPAN_S = (
    MINUTE_S + SLACK_S / 2
)  # subtle: shorter than a minute's worth takes to leave, so that who leaves evenly is never stopped
TICK_S = 0.25  # departures within so long are counted together
LOOK_AGAIN_S = 0.25  # when somebody else may have made room
WAITS_S = 1.5  # a process that asked in vain so lately still waits
LONGEST_PAUSE_S = 300.0  # that others are told of
GONE_S = 1.0  # how often to look for processes that are gone
AWAY_AGAIN_S = 1.0  # when to ask again while the server is away
AWAY_S = 60.0  # after which calls go on to the ledger, which says that the server is away

Result = TypeVar("Result")

NO_ROWS: list[Any] = []

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
    """One pace's part in the account. Without the file everybody is let in."""

    def __init__(self, path: Path, account: str, *, clock: Callable[[], float] | None = None) -> None:
        """Open or make the store. `clock` is one that all who share it have, by default the store's own.

        Raises StorageError and SettingsError where hosts share it.
        """
        self._account, self._clock = account, clock
        self._looked_at = -GONE_S
        self._in_flight = 0
        self._now = self._ahead_s = (
            0.0  # the time in a transaction, and by how much it is ahead of this machine's
        )
        self._away_since: float | None = None
        self._store: Database | None = None
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._store = database.opened(path, SCHEMA)
        except SettingsError:
            raise
        except (OSError, StorageError, *database.TROUBLE) as error:
            if database.is_shared():
                raise database.refused("What is used of the account,", path, error, "Run again.") from None
            self._lost(error)
        self._me = f"{self._store.me if self._store else ''}/{next(_numbers)}"

    def enter(self, tokens: int, limits: Mapping[str, int], day: int, part_s: float = 0.0) -> Entrance:
        """Count a request that wants to leave, if there is room for it; nobody else may leave for `part_s` then."""

        def entered() -> Entrance:
            self._tidy()
            now, today, pause_s = self._now, self._day(day), self._pause_s()
            again_s = pause_s or self._space_s() or self._look_again_s(tokens, limits, today)
            if not again_s:
                self._count(now, requests=1, tokens=tokens)
                self._run(
                    "INSERT INTO spaces VALUES (?, ?, ?) ON CONFLICT (account)"
                    " DO UPDATE SET left_at = excluded.left_at, free_at = excluded.free_at",
                    (self._account, now, now + part_s),
                )
            room = not again_s
            self._say(in_flight=self._in_flight + room, waited_at=0.0 if room else now)
            return Entrance(room, today + tokens * room, pause_s, again_s)

        found = self._together(entered, None) or self._without()
        self._in_flight += found.room
        return found

    def leave(self, entered_at: float, tokens: int, *, requests: int = 0) -> None:
        """A request is over. `tokens` is by how much its count was wrong; `requests` is -1 when it never left."""

        def left() -> None:
            if tokens or requests:
                self._count(entered_at + self._ahead_s, requests=requests, tokens=tokens)
            self._say(in_flight=self._in_flight, waited_at=0.0)

        self._in_flight = max(0, self._in_flight - 1)
        self._together(left, None)

    def pause(self, seconds: float) -> None:
        """Let nobody leave for so long, a few minutes at most: who is refused again says so again, and a new run may be let in."""
        seconds = min(seconds, LONGEST_PAUSE_S)
        sql = "INSERT INTO pauses VALUES (?, ?, ?) ON CONFLICT (account) DO UPDATE SET said_at = excluded.said_at, until = excluded.until"

        def paused() -> None:
            values = (self._account, self._now, self._now + seconds)
            self._run(f"{sql} WHERE pauses.until < excluded.until", values)

        if seconds:
            self._together(paused, None)

    def tell_limit(self, name: str, allowed: int, at: float) -> None:
        """Remember a limit that the provider named; `at` in seconds since 1970."""
        values = (self._account, name, allowed, at)
        if allowed:
            sql = (
                "INSERT INTO limits VALUES (?, ?, ?, ?) ON CONFLICT (account, name)"
                " DO UPDATE SET allowed = excluded.allowed, found_at = excluded.found_at"
            )
            self._together(lambda: self._run(sql, values), NO_ROWS)

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
        if self._store is not None:
            self._store.close()
            self._store = None

    def _together(self, work: Callable[[], Result], otherwise: Result) -> Result:
        """Do some work alone in the store; without it, or in trouble with it, the result is `otherwise`."""
        if self._store is None:
            return otherwise
        try:
            done = self._store.write(partial(self._at_one_time, work))
        except database.TROUBLE as error:
            self._lost(error)
            return otherwise
        self._away_since = None
        return done

    def _at_one_time(self, work: Callable[[], Result], statements: Statements) -> Result:
        """Do the work with the time of the store, as it is when the work begins."""
        assert self._store is not None
        self._statements = statements
        if self._clock is not None:
            self._now = self._clock()
        else:
            self._now = self._store.seconds(statements)
            self._ahead_s = self._now - time.monotonic()
        return work()

    def _run(self, sql: str, values: tuple[Any, ...] = ()) -> list[Any]:
        return self._statements.execute(sql, values).fetchall()

    def _without(self) -> Entrance:
        """Whether a request may leave without the store: without a file it may, without the server not before the ledger says no."""
        waits = self._away_since is not None and time.monotonic() - self._away_since < AWAY_S
        return Entrance(not waits, 0, 0.0, AWAY_AGAIN_S if waits else 0.0)

    def _room(self, tokens: int, limits: Mapping[str, int]) -> bool:
        """Whether the account has room, and we do not take the share of others that wait. What is alone in its minute may leave."""
        sql = "SELECT name, in_flight, waited_at FROM processes WHERE account = ?"
        processes = self._run(sql, (self._account,))
        sql = "SELECT name, sum(requests) AS requests, sum(tokens) AS tokens FROM minutes WHERE account = ? AND second > ? GROUP BY name"
        now = self._now
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
        now = self._now
        rows = self._run(
            "SELECT free_at FROM spaces WHERE account = ? AND left_at <= ? AND free_at > ?",
            (self._account, now, now),
        )
        return float(rows[0]["free_at"]) - now if rows else 0.0

    def _pause_s(self) -> float:
        now = self._now
        rows = self._run("SELECT until FROM pauses WHERE account = ? AND until > ?", (self._account, now))
        return float(rows[0]["until"]) - now if rows else 0.0

    def _tidy(self) -> None:
        """Forget what is over (or of before the machine started anew), and what processes that are gone had in flight."""
        now = self._now
        if now < self._looked_at + GONE_S:
            return
        self._looked_at = now
        self._run("DELETE FROM minutes WHERE second < ? OR second > ?", (now - SPAN_S - TICK_S, now + 1))
        self._run("DELETE FROM pauses WHERE until < ? OR said_at > ?", (now, now + 1))
        for account, name in self._run("SELECT account, name FROM processes"):
            if self._store and self._store.is_gone(self._statements, name.partition("/")[0]):
                self._run("DELETE FROM processes WHERE account = ? AND name = ?", (account, name))

    def _count(self, at: float, *, requests: int, tokens: int) -> None:
        self._run(
            "INSERT INTO minutes VALUES (?, ?, ?, ?, ?) ON CONFLICT (account, name, second)"
            " DO UPDATE SET requests = minutes.requests + excluded.requests, tokens = minutes.tokens + excluded.tokens",
            (self._account, self._me, at // TICK_S * TICK_S, requests, tokens),
        )
        self._run("UPDATE days SET tokens = tokens + ? WHERE account = ?", (tokens, self._account))

    def _say(self, *, in_flight: int, waited_at: float) -> None:
        self._run(
            "INSERT INTO processes VALUES (?, ?, ?, ?) ON CONFLICT (account, name)"
            " DO UPDATE SET in_flight = excluded.in_flight, waited_at = excluded.waited_at",
            (self._account, self._me, in_flight, waited_at),
        )

    def _day(self, day: int) -> int:
        """The tokens of that day of the provider; a new day begins with none."""
        rows = self._run("SELECT tokens FROM days WHERE account = ? AND day = ?", (self._account, day))
        if not rows:
            self._run(
                "INSERT INTO days VALUES (?, ?, 0) ON CONFLICT (account) DO UPDATE SET day = excluded.day, tokens = 0",
                (self._account, day),
            )
            return 0
        return int(rows[0]["tokens"])

    def _lost(self, error: Exception) -> None:
        if not database.is_shared():
            self._store = None
            log.warning("The pace is not shared with other processes: %s.", error)
        elif self._away_since is None:
            self._away_since = time.monotonic()
            log.warning("Nobody is let in, since the state that hosts share cannot be used: %s.", error)
