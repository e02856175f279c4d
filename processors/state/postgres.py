"""PostgreSQL for what hosts share: an address and a schema in, an open database out that outlives its connection.

A store has a schema (a namespace) of its own in the database, and `octavo` has what concerns all: who has which store open (`sessions`),
who holds which output folder (`holders`), and the id of the state.

**A connection may break at any moment**, and the server may end and begin anew. What was begun is then done again on a new connection,
for so long as the schema has patience. Nothing is done twice for it: each transaction of an opening also puts its number into the row of
that opening, so that the row says afterwards whether a COMMIT that nobody answered was done. The old connection is ended before.

**Who lives** is known by a lock that the server holds for the connection of each opening (`pg_advisory_lock` on a key made of its name).
The kernel closes the socket of a process that is killed, and the server lets go at once; keepalives tell it within a minute of a host that
lost its power. No clock of any host is needed, and a process that is only slow or stopped is never taken for dead.

`dialect` says what a schema is, `address` where the server is; processes are named by `process_identity`.
"""

from __future__ import annotations

import logging
import os
import secrets
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from hashlib import sha256
from typing import Any

import psycopg
from psycopg.conninfo import conninfo_to_dict
from psycopg.errors import DeadlockDetected, SerializationFailure

from octavo.processors.state.address import VARIABLE, Address, unusable
from octavo.processors.state.dialect import (
    Result,
    Schema,
    Statements,
    StateTrouble,
    Values,
    for_postgres,
    steps_for_postgres,
)
from octavo.processors.state.postgres_rows import (
    Text,
    WholeNumber,
    by_name,
    missing_options,
    session_settings,
)
from octavo.processors.state.process_identity import holder
from octavo.processors.state.sqlite import newer

FIRST_PATIENCE_S = 5.0  # for a server that is just being started, when nothing is begun yet
LONGEST_PAUSE_S = 1.0  # between tries
ENDING_S = 5.0  # until a connection that was told to end is gone
FETCHED = 1_000  # rows in memory at once
SHARED = """
CREATE TABLE state (id TEXT PRIMARY KEY);
INSERT INTO state VALUES (replace(CAST(gen_random_uuid() AS TEXT), '-', ''));
CREATE TABLE sessions (
    name TEXT PRIMARY KEY, key BIGINT NOT NULL, last BIGINT NOT NULL, at TIMESTAMPTZ NOT NULL DEFAULT now());
CREATE TABLE holders (
    folder TEXT PRIMARY KEY, name TEXT NOT NULL, pid BIGINT NOT NULL, host TEXT NOT NULL, started_at TEXT NOT NULL);
CREATE TABLE moved (source TEXT PRIMARY KEY, at TIMESTAMPTZ NOT NULL DEFAULT now());
"""
SHARED_STEPS = (SHARED,)  # of the schema `octavo`; a new one goes at the end, and none is ever changed
logging.getLogger("psycopg").setLevel(
    logging.ERROR
)  # it warns of broken connections, of which we say what is to be said
PASSING = ("starting up", "shutting down", "recovery mode", "too many clients", "connection slots")


class PostgresDatabase:
    """An open store (see `dialect.Database`). Raises StateTrouble, and StorageError when a newer Octavo wrote the tables."""

    def __init__(self, address: Address, schema: Schema, name: str) -> None:
        """Connect. The tables are there once it is settled in a namespace."""
        self.name, self.place = name, "octavo"
        self.me = f"{holder(os.getpid())} {secrets.token_hex(4)}"
        self._address, self._schema = address, schema
        self._lock = threading.RLock()
        self._number = 0  # of the transaction that was begun last
        self._backend: tuple[Any, ...] = ()
        self._gave_up = False
        self._connection: psycopg.Connection[Any] | None = None
        _check(address)
        with self._words():
            self._connect(time.monotonic() + FIRST_PATIENCE_S, first=True)
            self._refuse_encoding()
        self._through(lambda link: self._take_steps(link, SHARED_STEPS))
        self._through(self._enlist)

    def settle(self, place: str, *, make: bool = True) -> None:
        """Use the tables of that namespace from now on, made or brought up to date."""
        self.place = place
        self._through(lambda link: link.execute(f"SET search_path TO {place}"))
        if make:
            steps = steps_for_postgres(self._schema.steps)
            self._through(lambda link: self._take_steps(link, steps))

    @property
    def state_id(self) -> str:
        """The id of the state, which a copy of the database keeps."""
        return str(self.read("SELECT id FROM octavo.state")[0]["id"])

    def read(self, sql: str, values: Values = ()) -> list[Any]:
        """The rows of a query."""
        return self._through(lambda link: link.execute(for_postgres(sql), values or None).fetchall())

    def each(self, sql: str, values: Values = ()) -> Iterator[Any]:
        """The rows of a query, some at a time. A connection that breaks meanwhile ends them with trouble."""
        name = f"each_{secrets.token_hex(4)}"

        def declare(link: psycopg.Connection[Any]) -> psycopg.ServerCursor[Any]:
            cursor = link.cursor(name, withhold=True)
            cursor.execute(for_postgres(sql), values or None)
            return cursor

        cursor = self._through(declare)
        while True:
            with self._lock, self._words():
                rows = cursor.fetchmany(FETCHED)
                if len(rows) < FETCHED:
                    cursor.close()
            yield from rows
            if len(rows) < FETCHED:
                return

    def write(self, work: Callable[[Statements], Result], *, alone: bool = True) -> Result:
        """Do some work in one transaction, once, whatever becomes of the connection."""
        given: list[Result] = []

        def transaction(link: psycopg.Connection[Any]) -> Result:
            if given and self._was_committed(link):
                return given[-1]
            given.clear()
            with link.pipeline():
                link.execute("BEGIN ISOLATION LEVEL READ COMMITTED")
                if alone:
                    link.execute("SELECT pg_advisory_xact_lock(%s)", (_key(f"store {self.place}"),))
                link.execute(
                    "INSERT INTO octavo.sessions (name, key, last) VALUES (%s, %s, %s)"
                    " ON CONFLICT (name) DO UPDATE SET last = excluded.last, at = now()",
                    (self.me, _key(self.me), self._number),
                )
                given.append(work(_Transaction(link)))
                link.execute("COMMIT")
            return given[-1]

        with self._lock:
            self._number += 1
            return self._through(transaction)

    @contextmanager
    def held(self, sql: str, values: Values = ()) -> Iterator[Any]:
        """The row of a query, which nobody else changes until the block ends; None when there is none."""

        def begin(link: psycopg.Connection[Any]) -> Any:
            link.execute("BEGIN; SET LOCAL idle_in_transaction_session_timeout TO 0")
            return link.execute(f"{for_postgres(sql)} FOR UPDATE", values or None).fetchone()

        with self._lock:
            row = self._through(begin)
            try:
                yield row
            finally:
                self._roll_back()

    def columns(self, table: str) -> set[str]:
        """The names of a table's columns; none when there is no such table."""
        sql = "SELECT column_name FROM information_schema.columns WHERE table_schema = ? AND table_name = ?"
        return {row["column_name"] for row in self.read(sql, (self.place, table))}

    def seconds(self, statements: Statements) -> float:
        """The server's time in seconds since 1970."""
        sql = "SELECT CAST(extract(epoch FROM clock_timestamp()) AS DOUBLE PRECISION)"
        return float(statements.execute(sql).fetchone()[0])

    def is_here(self, statements: Statements, name: str) -> bool:
        """Whether who opened a store under that name lives, on whatever host."""
        return not self.is_gone(statements, name)

    def is_gone(self, statements: Statements, name: str) -> bool:
        """Whether the server holds no connection any more for who opened a store under that name."""
        # subtle: shared, so that two who look at once do not take each other for the one they look for
        sql = "SELECT pg_try_advisory_xact_lock_shared(?)"
        return name != self.me and bool(statements.execute(sql, (_key(name),)).fetchone()[0])

    def ping(self) -> None:
        """Connect again if the connection broke; else do nothing."""
        self.read("SELECT 1")

    def close(self) -> None:
        """Close it, and be forgotten."""
        with self._lock:
            link, self._connection = self._connection, None
            if link is not None and not link.closed:
                with suppress(psycopg.Error):
                    link.execute("DELETE FROM octavo.sessions WHERE name = %s", (self.me,))
                link.close()

    def _through(self, work: Callable[[psycopg.Connection[Any]], Result]) -> Result:
        """Do some work, again on a new connection for as long as the old one breaks."""
        with self._lock, self._words():
            until = time.monotonic() + (0.0 if self._gave_up else self._schema.patience_s)
            while True:
                try:
                    if self._connection is None or self._connection.closed:
                        self._connect(until)
                    assert self._connection is not None
                    given = work(self._connection)
                except psycopg.Error as error:
                    if not self._is_broken():
                        self._roll_back()
                        if (
                            isinstance(error, DeadlockDetected | SerializationFailure)
                            and time.monotonic() < until
                        ):
                            continue  # the server has undone all of it, and the other one goes on
                        raise
                    if time.monotonic() >= until:
                        self._gave_up = True
                        raise
                except BaseException:
                    self._roll_back()
                    raise
                else:
                    self._gave_up = False
                    return given

    def _is_broken(self) -> bool:
        return self._connection is None or self._connection.closed

    def _roll_back(self) -> None:
        link = self._connection
        if link is not None and not link.closed and link.info.transaction_status:
            with suppress(psycopg.Error):
                link.execute("ROLLBACK")

    def _connect(self, until: float, *, first: bool = False) -> None:
        """Connect, and again until then while the server is away. What no patience mends is raised at once, the first time."""
        pause_s = 0.1
        while True:
            try:
                self._connection = self._connected()
            except psycopg.Error as error:
                passes = not (first and "FATAL" in str(error)) or any(
                    words in str(error) for words in PASSING
                )
                if not passes or time.monotonic() + pause_s >= until:
                    raise
                time.sleep(pause_s)
                pause_s = min(2 * pause_s, LONGEST_PAUSE_S)
            else:
                return

    def _connected(self) -> psycopg.Connection[Any]:
        """A new connection, under our name; the one before is ended."""
        more: dict[str, Any] = missing_options(conninfo_to_dict(self._address.url))
        link: psycopg.Connection[Any] = psycopg.connect(
            self._address.url, autocommit=True, row_factory=by_name, **more
        )
        link.adapters.register_loader("numeric", WholeNumber)
        link.adapters.register_dumper(str, Text)
        link.execute(session_settings(self.place, self._schema.durable, self._schema.busy_s))
        self._end_former(link)
        link.execute("SELECT pg_advisory_lock(%s)", (_key(self.me),))
        sql = "SELECT pid, backend_start FROM pg_stat_activity WHERE pid = pg_backend_pid()"
        self._backend = tuple(link.execute(sql).fetchone() or ())
        return link

    def _end_former(self, link: psycopg.Connection[Any]) -> None:
        """End the connection that we had before, should the server not have noticed that it is broken, and wait until it is."""
        if not self._backend:
            return
        sql = "FROM pg_stat_activity WHERE pid = %s AND backend_start = %s"
        link.execute(f"SELECT pg_terminate_backend(pid) {sql}", self._backend)
        until = time.monotonic() + ENDING_S
        while link.execute(f"SELECT pid {sql}", self._backend).fetchone() and time.monotonic() < until:
            time.sleep(0.02)

    def _enlist(self, link: psycopg.Connection[Any]) -> None:
        """Have a row in which the last transaction is noted, and drop the rows of who is gone for a month: a host may sleep."""
        link.execute(
            "DELETE FROM octavo.sessions WHERE at < now() - interval '30 days' AND pg_try_advisory_xact_lock_shared(key)"
        )
        link.execute(
            "INSERT INTO octavo.sessions (name, key, last) VALUES (%s, %s, 0) ON CONFLICT (name) DO NOTHING",
            (self.me, _key(self.me)),
        )

    def _refuse_encoding(self) -> None:
        """Raise StateTrouble for a database that cannot hold every text."""
        assert self._connection is not None
        row = self._connection.execute("SELECT current_setting('server_encoding')").fetchone()
        if row and row[0] != "UTF8":
            raise StateTrouble(f"its encoding is {row[0]}, and has to be UTF8")

    def _was_committed(self, link: psycopg.Connection[Any]) -> bool:
        """Whether the transaction whose COMMIT nobody answered was done."""
        row = link.execute("SELECT last FROM octavo.sessions WHERE name = %s", (self.me,)).fetchone()
        return row is not None and row["last"] == self._number

    def _take_steps(self, link: psycopg.Connection[Any], steps: Sequence[str]) -> None:
        """Take the steps that the tables have not taken yet, each whole, and one opening at a time."""
        place, version = self.place, _known_version(link, self.place)
        while version < len(steps):
            with link.transaction():
                link.execute("SELECT pg_advisory_xact_lock(%s)", (_key(f"steps {place}"),))
                version = _version(link, place)
                if version < len(steps):
                    link.execute(steps[version])
                    link.execute(f"UPDATE {place}.octavo_version SET version = version + 1")  # noqa: S608 - our own words
        if version > len(steps):
            raise newer(self.name, version, len(steps))

    @contextmanager
    def _words(self) -> Iterator[None]:
        """Trouble in our words: one line, without a password, and without the traceback that might show one."""
        try:
            yield
        except psycopg.Error as error:
            raise StateTrouble(
                self._address.redacted(" ".join(str(error).split()))[:400].rstrip(".")
            ) from None


class _Transaction:
    """A transaction of PostgreSQL that takes our SQL."""

    def __init__(self, link: psycopg.Connection[Any]) -> None:
        self._link = link

    def execute(self, sql: str, values: Any = (), /) -> _Given:
        """Do one statement. What gives no rows is on its way to the server, and its trouble comes with a later one."""
        gives = sql.lstrip().startswith(("SELECT", "WITH")) or "RETURNING" in sql
        return _Given(self._link.execute(for_postgres(sql), values or None), gives=gives)


class _Given:
    """The rows of a statement."""

    def __init__(self, cursor: psycopg.Cursor[Any], *, gives: bool) -> None:
        self._cursor, self._gives = cursor, gives

    def fetchone(self) -> Any:
        """The first row."""
        return self._cursor.fetchone() if self._gives else None

    def fetchall(self) -> list[Any]:
        """All rows."""
        return self._cursor.fetchall() if self._gives else []


def exists(address: Address, place: str) -> bool:
    """Whether a store is there. Raises StateTrouble."""
    looked = PostgresDatabase(address, Schema(()), place)
    try:
        looked.settle(place, make=False)
        return bool(looked.columns("octavo_version"))
    finally:
        looked.close()


def _check(address: Address) -> None:
    """Raise SettingsError for an address that is none; libpq's own words would show parts of it."""
    try:
        conninfo_to_dict(address.url)
    except psycopg.Error:
        raise unusable(f"{VARIABLE} is no address of a PostgreSQL database.") from None


def _known_version(link: psycopg.Connection[Any], place: str) -> int:
    """How many steps the tables of a namespace have taken, for who only looks; -1 where there are none."""
    name = f"{place}.octavo_version"
    row = link.execute("SELECT to_regclass(%s)", (name,)).fetchone()
    if row is None or row[0] is None:
        return -1
    found = link.execute(f"SELECT version FROM {name}").fetchone()  # noqa: S608 - our own words
    return int(found["version"]) if found else -1


def _version(link: psycopg.Connection[Any], place: str) -> int:
    """How many steps the tables of a namespace have taken; makes the namespace."""
    link.execute(f"CREATE SCHEMA IF NOT EXISTS {place}")
    link.execute(f"CREATE TABLE IF NOT EXISTS {place}.octavo_version (version BIGINT NOT NULL)")
    row = link.execute(f"SELECT version FROM {place}.octavo_version").fetchone()  # noqa: S608 - our own words
    if row is None:
        link.execute(f"INSERT INTO {place}.octavo_version VALUES (0)")  # noqa: S608 - our own words
    return int(row["version"]) if row else 0


def _key(name: str) -> int:
    """The number under which the server locks what has this name."""
    return int.from_bytes(sha256(f"octavo {name}".encode()).digest()[:8], signed=True)
