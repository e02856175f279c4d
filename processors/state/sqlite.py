"""SQLite files that last: a path and the numbered steps of a schema in, an open file of the newest schema out.

`PRAGMA user_version` says how many steps a file has taken; each further one runs once, whole, in a transaction of its own. WAL, so
that readers and the writer do not wait for one another, and synchronous FULL, so that a commit survives a power cut. `dialect` says what
a schema is, and processes are told apart by `process_identity`.
"""

from __future__ import annotations

import os
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from octavo.processors.state.dialect import Result, Schema, Statements, Values, steps_for_sqlite
from octavo.processors.state.process_identity import holder, is_gone, is_here
from octavo.schemas.errors import StorageError

BUSY_S = 60.0  # how long a writer waits for another one


def connect(path: Path, busy_s: float = BUSY_S) -> sqlite3.Connection:
    """An open file, made when it is not there. Any thread may use the connection, one at a time. Raises sqlite3.Error."""
    connection = sqlite3.connect(path, timeout=busy_s, check_same_thread=False, isolation_level=None)
    connection.row_factory = sqlite3.Row
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA journal_mode = WAL")
    return connection


def look_at(path: Path) -> sqlite3.Connection:
    """A file that is only read, beside who writes it. Raises sqlite3.Error."""
    connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=30, check_same_thread=False)
    connection.row_factory = sqlite3.Row
    return connection


def copy(path: Path, target: Path) -> None:
    """A copy of a file as it is at one moment, beside who writes it, checked and put in place in one step. Raises StorageError."""
    temporary = target.with_name(f".{target.name}.part")
    try:
        temporary.unlink(missing_ok=True)
        source = sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=BUSY_S)
        with closing(source), closing(sqlite3.connect(temporary)) as to:
            source.backup(to)
            to.execute("PRAGMA journal_mode = DELETE")  # so that it is one file
            if (said := to.execute("PRAGMA quick_check").fetchone()[0]) != "ok":
                raise sqlite3.DatabaseError(said)
        with temporary.open("rb") as written:
            os.fsync(written.fileno())
        temporary.replace(target)
    except (OSError, sqlite3.Error) as error:
        step = "Check both places and the disk, then try again; what was there is as it was."
        raise StorageError(
            f"{path} cannot be copied to {target}: {error}.", about=str(path), next_step=step
        ) from error
    finally:
        temporary.unlink(missing_ok=True)


def migrate(connection: sqlite3.Connection, steps: Sequence[str], path: Path) -> None:
    """Take the steps, a script each, that the file has not taken yet.

    Raises StorageError when a newer Octavo wrote the file, and sqlite3.Error.
    """
    while (version := _version(connection)) < len(steps):
        connection.execute("BEGIN IMMEDIATE")
        with connection:
            if (
                _version(connection) == version
            ):  # subtle: another process may have taken the step while this one waited
                for statement in _statements(steps[version]):
                    connection.execute(statement)
                connection.execute(f"PRAGMA user_version = {version + 1}")
    if version > len(steps):
        raise newer(str(path), version, len(steps))


def newer(name: str, version: int, known: int) -> StorageError:
    """What to say of a store that a newer Octavo wrote."""
    message = f"{name} was written by a newer Octavo (schema {version}, this one knows {known})."
    return StorageError(message, about=name, next_step="Update Octavo, or use another folder.")


class SqliteDatabase:
    """An open file (see `dialect.Database`). Raises sqlite3.Error, and StorageError when a newer Octavo wrote the file."""

    def __init__(self, path: Path, schema: Schema, *, read_only: bool = False) -> None:
        """Open the file, and make it or bring it up to date unless it is only read."""
        self.path, self.name, self.me = path, str(path), holder(os.getpid())
        self._lock = threading.RLock()
        if read_only:
            self._connection = look_at(path)
            return
        self._connection = connect(path, schema.busy_s)
        migrate(self._connection, steps_for_sqlite(schema.steps), path)
        if not schema.durable:
            self._connection.execute("PRAGMA synchronous = OFF")

    def read(self, sql: str, values: Values = ()) -> list[Any]:
        """The rows of a query."""
        with self._lock:
            return self._connection.execute(sql, values).fetchall()

    def each(self, sql: str, values: Values = ()) -> Iterator[Any]:
        """The rows of a query, one by one."""
        yield from self._connection.execute(sql, values)

    def write(self, work: Callable[[Statements], Result], *, alone: bool = True) -> Result:  # noqa: ARG002
        """Do some work in one transaction; a file has one writer at a time, `alone` or not."""
        with self._lock:
            self._connection.execute("BEGIN IMMEDIATE")
            with self._connection:
                return work(self._connection)

    def columns(self, table: str) -> set[str]:
        """The names of a table's columns."""
        return {row["name"] for row in self.read(f"PRAGMA table_info({table})")}

    def seconds(self, statements: Statements) -> float:  # noqa: ARG002 - others ask their server
        """Linux's monotonic time, which all processes of a machine share."""
        return time.monotonic()

    def is_here(self, statements: Statements, name: str) -> bool:  # noqa: ARG002
        """Whether the process lives on this machine."""
        return is_here(name)

    def is_gone(self, statements: Statements, name: str) -> bool:  # noqa: ARG002
        """Whether the process was of this machine and is no more."""
        return is_gone(name)

    def close(self) -> None:
        """Close the file."""
        self._connection.close()


def _version(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def _statements(script: str) -> Iterator[str]:
    """The statements of a script one by one, since `executescript` would commit between them."""
    statement = ""
    for line in script.splitlines():
        statement += line + "\n"
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""
