"""SQLite files that last: a path and the numbered steps of a schema in, an open connection of the newest schema out.

`PRAGMA user_version` says how many steps a file has taken; each further one runs once, whole, in a transaction of its own. WAL, so
that readers and the writer do not wait for one another, and synchronous FULL, so that a commit survives a power cut.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path

from octavo.schemas.errors import StorageError

BUSY_S = 60.0  # how long a writer waits for another one


def connect(path: Path) -> sqlite3.Connection:
    """An open file, made when it is not there. Any thread may use the connection, one at a time. Raises sqlite3.Error."""
    connection = sqlite3.connect(path, timeout=BUSY_S, check_same_thread=False)
    connection.row_factory = sqlite3.Row
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA journal_mode = WAL")
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
        if (
            _version(connection) == version
        ):  # subtle: another process may have taken the step while this one waited
            for statement in _statements(steps[version]):
                connection.execute(statement)
            connection.execute(f"PRAGMA user_version = {version + 1}")
        connection.commit()
    if version > len(steps):
        message = f"{path} was written by a newer Octavo (schema {version}, this one knows {len(steps)})."
        raise StorageError(message, about=str(path), next_step="Update Octavo, or use another folder.")


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
