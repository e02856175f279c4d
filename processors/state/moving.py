"""Files into the state that hosts share: a SQLite store in, the same rows in PostgreSQL out, once, however often it is tried.

All rows of a file are copied in one transaction, which also notes the file's name (`octavo.moved`), while nobody else may write to the
file; then it is sealed for who has it open still, and renamed. A kill before
the commit leaves nothing behind, one after it leaves a file whose name is noted, which is only renamed the next time.
"""

from __future__ import annotations

import os
import secrets
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from octavo.processors.state.address import VARIABLE, address_of
from octavo.processors.state.database import TROUBLE, refused, shared_store
from octavo.processors.state.dialect import Database, Schema, Statements
from octavo.processors.state.folder_id import read
from octavo.processors.state.sqlite import SqliteDatabase
from octavo.schemas.errors import SettingsError

AT_ONCE = 1_000  # rows on their way to the server
MOVED = ".moved"  # behind the name of a file whose rows are in the state

Copy = Callable[[Database, Statements], int]


def move(what: str, path: Path, schema: Schema, copy: Copy) -> int | None:
    """Move a file's rows, as `copy` does it; gives how many there were, None where there is no such file.

    Raises SettingsError when no state is named or `copy` refuses, and StorageError.
    """
    address = address_of(os.environ)
    if address is None:
        message = f"{VARIABLE} names no database, so there is nowhere to move anything."
        raise SettingsError(
            message, about=VARIABLE, next_step="Set it to postgresql://USER@HOST:5432/DATABASE."
        )
    if not path.exists():
        return None
    aside = path.with_name(f"{path.name}{MOVED}")
    comes_again = aside.exists()
    if comes_again and schema.is_guarded:
        message = f"{path} came after {aside.name}, which was moved: what they say of the same cannot be put together."
        step = "Keep both aside, and see what wrote the new one; the state has what was in the first."
        raise SettingsError(message, about=str(path), next_step=step)
    try:
        with (
            closing(SqliteDatabase(path, schema)) as source,
            closing(shared_store(address, path, schema)) as target,
        ):
            named = read(path.parent)
            assert named is not None
            name = f"{named.folder}/{path.stem}"
            if comes_again:  # what was found of limits since, which takes the place of what was known
                name += f" {secrets.token_hex(4)}"

            def moved(file: Statements) -> int:
                """What others write to the file waits until all is copied, and is refused then."""
                rows = target.write(lambda store: _once(store, name, lambda: copy(source, store)))
                if schema.is_guarded:
                    _seal(file)
                return rows

            rows = source.write(moved)
            source.read("PRAGMA wal_checkpoint(TRUNCATE)")
        path.replace(aside)
    except (OSError, *TROUBLE) as error:
        raise refused(what, path, error, "Run it again: nothing is copied twice.") from None
    return rows


def _seal(file: Statements) -> None:
    """Let nobody write to the file any more: a run that has it open would put down there, unseen by all, what it spends."""
    tables = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%'"
    for (table,) in file.execute(tables).fetchall():
        for change in ("INSERT", "UPDATE", "DELETE"):
            file.execute(
                f"CREATE TRIGGER IF NOT EXISTS moved_{change.lower()}_{table} BEFORE {change} ON {table}"
                f" BEGIN SELECT RAISE(ABORT, 'it was moved into the database that {VARIABLE} names'); END"
            )


def copy_table(source: Database, store: Statements, table: str, *, number: str = "") -> int:
    """Copy all rows of a table in their order; gives how many. `number` is the column that numbers the rows, which goes on from there."""
    count, sql = 0, ""
    for row in source.each(f"SELECT * FROM {table} ORDER BY {number or _order(source, table)}"):  # noqa: S608 - our own words
        if not sql:
            names = list(row.keys())
            columns = ", ".join(f'"{name}"' for name in names)
            sql = f"INSERT INTO {table} ({columns}) VALUES ({', '.join('?' * len(names))})"  # noqa: S608
        store.execute(sql, tuple(row))
        count += 1
        if count % AT_ONCE == 0:
            store.execute(
                "SELECT 1"
            ).fetchone()  # subtle: waits until these rows are there, so that few are in memory
    if number and count:
        store.execute(
            f"SELECT setval(pg_get_serial_sequence('{table}', '{number}'), max({number})) FROM {table}"  # noqa: S608 - our own words
        ).fetchone()
    return count


def _order(source: Database, table: str) -> str:
    """What orders a table: the order of writing, where it has one."""
    try:
        source.read(f"SELECT rowid FROM {table} LIMIT 1")  # noqa: S608 - our own words
    except sqlite3.Error:
        return "1, 2"
    return "rowid"


def _once(store: Statements, name: str, copy: Callable[[], int]) -> int:
    """Copy what was not copied yet under that name."""
    sql = "INSERT INTO octavo.moved (source) VALUES (?) ON CONFLICT DO NOTHING RETURNING source"
    return copy() if store.execute(sql, (name,)).fetchone() else 0
