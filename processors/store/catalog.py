"""What a warehouse file holds, and the words of SQL to ask it.

In: the path of a warehouse file, or an open connection. Out: connections, names, shapes, generations.
Subtle: a file is attached to a database in memory and never opened by `duckdb.connect(path)`. Within one process DuckDB gives the
second who connects to a path the database of the first, and so the rows from before a rename (measured with 2.0.0, 2026-11-23).
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from functools import lru_cache
from itertools import groupby
from pathlib import Path
from string import Template
from typing import Any

import duckdb

from octavo.schemas.errors import StorageError
from octavo.schemas.sql_names import literal, quoted
from octavo.schemas.tables import FIXED, Column, Table, row_order

__all__ = [
    "attached",
    "copy",
    "fill",
    "generation",
    "generations",
    "keep_books",
    "literal",
    "names",
    "ordering",
    "outdated",
    "quoted",
]
__all__ += ["row_count", "scalar", "shape", "slot", "stored_table", "tables"]

SLOTS = 256
SHAPE = -1  # the slot that stands for the columns of a table
_STORAGE = "v1.2.0"  # of DuckDB, so that 1.2 and all later ones read the file; that of 2.0 is as fast and no smaller, measured 2026-11
_ROW_GROUP = 20_480  # rows, of a file that is new: a commit holds those that it changes; DuckDB's own 122,880 took 25 MB, measured 2026-11
_NEW = f"STORAGE_VERSION '{_STORAGE}', ROW_GROUP_SIZE {_ROW_GROUP}"

_idle: list[
    duckdb.DuckDBPyConnection
] = []  # databases in memory that wait to be used again, since to make one takes 10 ms
os.register_at_fork(after_in_child=_idle.clear)  # its threads stay behind

Shape = list[tuple[str, str, str]]  # name, DuckDB type and meaning of each column, in order
Described = dict[str, tuple[str, Shape]]  # meaning and columns of each table and view


@contextmanager
def attached(path: Path, *, read_only: bool) -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection in which the file at `path` is in use, as `warehouse`. Raises StorageError when DuckDB or the disk refuses it.

    Times are UTC, nothing is spilled to other files, and one thread works: each would hold buffers of its own, and those who read files
    need the cores.
    """
    how = "READ_ONLY" if read_only else _NEW
    with ExitStack() as trouble:
        memory = _memory()
        trouble.callback(memory.close)
        with voiced(path):
            with memory.cursor() as connection:
                connection.execute(f"ATTACH {literal(str(path))} AS warehouse ({how})")
                _use(connection)
                yield connection
            memory.execute("DETACH warehouse")
        if not _idle:  # one is enough, and each holds some memory
            trouble.pop_all()
            _idle.append(memory)


def _use(connection: duckdb.DuckDBPyConnection) -> None:
    connection.execute("USE warehouse")
    connection.execute("SET TimeZone = 'UTC'")


@contextmanager
def beside(connection: duckdb.DuckDBPyConnection) -> Iterator[duckdb.DuckDBPyConnection]:
    """A second connection to the same file: what is registered in it, and rows that it has not given yet, are its own."""
    with connection.cursor() as another:
        _use(another)
        yield another


@contextmanager
def voiced(path: Path) -> Iterator[None]:
    """Within the block, what DuckDB or the disk refuses is a StorageError that says so of the file."""
    try:
        yield
    except (duckdb.OperationalError, duckdb.FatalException) as error:
        message = f"{path} cannot be read or written: {str(error).partition(chr(10))[0]}"
        step = "Free some space if the disk is full. If the file is damaged, move it away and run again: no reply is paid twice."
        raise StorageError(message, about=str(path), next_step=step) from error


def copy(path: Path, target: Path) -> None:
    """Copy a warehouse to a file that is not there yet: byte for byte, or row for row when it is in another storage than ours."""
    with attached(path, read_only=True) as connection:
        if not outdated(connection):
            _copy_bytes(path, target)
            return
        connection.execute(f"ATTACH {literal(str(target))} AS rewritten ({_NEW})")
        connection.execute("COPY FROM DATABASE warehouse TO rewritten")
        connection.execute("DETACH rewritten")


def _copy_bytes(path: Path, target: Path) -> None:
    """Copy a file inside the kernel, where Btrfs, XFS and the like share its blocks: 60 MB took 0.1 MB of writing, measured 2026-11."""
    try:
        with path.open("rb") as source, target.open("wb") as made:
            left = os.fstat(source.fileno()).st_size
            while left and (done := os.copy_file_range(source.fileno(), made.fileno(), left)):
                left -= done
    except (
        OSError,
        AttributeError,
    ):  # a file system, or a system, that cannot; a disk that is full says so again
        left = 1
    if left:
        shutil.copyfile(path, target)


def outdated(connection: duckdb.DuckDBPyConnection) -> bool:
    """Whether the file is in another storage than ours, which DuckDB 1.2 may not read."""
    query = "SELECT tags['storage_version'] FROM duckdb_databases() WHERE database_name = 'warehouse'"
    return bool(scalar(connection, query) != f"{_STORAGE}+")


@contextmanager
def sparing(connection: duckdb.DuckDBPyConnection, limit_mb: int) -> Iterator[None]:
    """Within the block DuckDB has so much memory, for rows at work and for what it keeps of the file; nothing is spilled.

    Raises duckdb.OutOfMemoryException where that does not do.
    """
    connection.execute(f"SET memory_limit = '{limit_mb}MB'")
    try:
        yield
    finally:
        connection.execute("RESET memory_limit")


def _memory() -> duckdb.DuckDBPyConnection:
    """A database in memory to which no file is attached."""
    try:
        return _idle.pop()
    except IndexError:
        return duckdb.connect(":memory:", config={"temp_directory": "", "threads": 1})


def tables(connection: duckdb.DuckDBPyConnection) -> list[str]:
    """The names of all tables, sorted; our own bookkeeping lies in another schema."""
    query = "SELECT table_name FROM duckdb_tables() WHERE database_name = 'warehouse' AND schema_name = 'main' ORDER BY 1"
    return [name for (name,) in connection.execute(query).fetchall()]


def names(connection: duckdb.DuckDBPyConnection) -> list[str]:
    """The names of all tables and views, sorted."""
    query = "SELECT view_name FROM duckdb_views() WHERE database_name = 'warehouse' AND schema_name = 'main' AND NOT internal"
    return sorted([*tables(connection), *(name for (name,) in connection.execute(query).fetchall())])


def described(connection: duckdb.DuckDBPyConnection) -> Described:
    """Meaning and columns of every table and view as they are; one look, since each goes through all of DuckDB's own views."""
    where = "WHERE database_name = 'warehouse' AND schema_name = 'main' AND NOT internal"
    meaning = """SELECT table_name, coalesce(comment, '') FROM duckdb_tables() $where
                 UNION ALL SELECT view_name, coalesce(comment, '') FROM duckdb_views() $where"""
    columns = "SELECT table_name, column_name, data_type, coalesce(comment, '') FROM duckdb_columns() $where ORDER BY column_index"
    found: Described = {
        name: (text, []) for name, text in connection.execute(fill(meaning, where=where)).fetchall()
    }
    for table, *column in connection.execute(fill(columns, where=where)).fetchall():
        found[table][1].append((column[0], column[1], column[2]))
    return found


def shape(connection: duckdb.DuckDBPyConnection, name: str) -> tuple[str, Shape] | None:
    """Meaning and columns of a table or view as they are; None when there is none of that name."""
    return described(connection).get(name)


def shapes(path: Path) -> Mapping[str, Shape]:
    """The columns of every table and view in the file at `path`, looked up once for each file that comes to stand there."""
    try:
        found = path.stat()
    except FileNotFoundError:
        return {}
    return _shapes(path, found.st_ino, found.st_size, found.st_mtime_ns)


@lru_cache(maxsize=4)
def _shapes(path: Path, *_: int) -> Mapping[str, Shape]:
    """A file is replaced whole, so that its inode, size and time of change tell it from the one before."""
    query = """SELECT table_name, column_name, data_type, coalesce(comment, '') FROM duckdb_columns()
               WHERE database_name = 'warehouse' AND schema_name = 'main' AND NOT internal ORDER BY table_name, column_index"""
    with attached(path, read_only=True) as connection:
        rows = connection.execute(query).fetchall()
    return {
        table: [(name, kind, text) for _, name, kind, text in group]
        for table, group in groupby(rows, key=lambda row: row[0])
    }


def row_count(connection: duckdb.DuckDBPyConnection, name: str) -> int:
    """How many rows a table or view has."""
    return int(scalar(connection, fill("SELECT count(*) FROM $table", table=quoted(name))))


def row_counts(connection: duckdb.DuckDBPyConnection) -> dict[str, int]:
    """How many rows each table and view has, in one query."""
    known = names(connection)
    count = "SELECT $name, count(*) FROM $table"
    counts = (fill(count, name=literal(name), table=quoted(name)) for name in known)
    return dict(connection.execute(" UNION ALL ".join(counts)).fetchall()) if known else {}


def keep_books(connection: duckdb.DuckDBPyConnection) -> None:
    """Make our bookkeeping in a file that is new: which slot changed when, which views are ours, what each table was last asked."""
    connection.execute("CREATE SCHEMA IF NOT EXISTS octavo")
    connection.execute(
        "CREATE TABLE IF NOT EXISTS octavo.slots (table_name TEXT, slot BIGINT, generation BIGINT)"
    )
    connection.execute("CREATE TABLE IF NOT EXISTS octavo.views (name TEXT, fingerprint TEXT)")
    connection.execute(
        "CREATE TABLE IF NOT EXISTS octavo.asked (table_name TEXT, fingerprint TEXT, model TEXT, engine TEXT)"
    )
    for column in (
        "owner TEXT",
        "reads TEXT[]",
        "generation BIGINT",
    ):  # which a file of an earlier version lacks
        connection.execute(f"ALTER TABLE octavo.views ADD COLUMN IF NOT EXISTS {column}")


def generations(connection: duckdb.DuckDBPyConnection) -> dict[str, dict[int, int]]:
    """For each table that is there the generation in which each of its slots last changed; empty in a file that is new."""
    if not _has_books(connection):
        return {}
    there = set(tables(connection))  # somebody may have dropped one
    rows = connection.execute("SELECT table_name, slot, generation FROM octavo.slots ORDER BY ALL").fetchall()
    return {
        table: {slot: generation for _, slot, generation in group}
        for table, group in groupby(rows, key=lambda row: row[0])
        if table in there
    }


def generation(connection: duckdb.DuckDBPyConnection) -> int:
    """The generation of the warehouse: that of its newest slot, 0 when it is new."""
    query = "SELECT coalesce(max(generation), 0) FROM octavo.slots"
    return int(scalar(connection, query)) if _has_books(connection) else 0


def _has_books(connection: duckdb.DuckDBPyConnection) -> bool:
    query = (
        "SELECT count(*) FROM duckdb_tables() WHERE database_name = 'warehouse' AND schema_name = 'octavo'"
    )
    return bool(scalar(connection, query))


def stored_table(connection: duckdb.DuckDBPyConnection, name: str) -> Table:
    """A table as it is in the file, for a change that only takes rows away."""
    meaning, columns = shape(connection, name) or ("", [])
    schema = connection.sql(fill("FROM $table LIMIT 0", table=quoted(name))).to_arrow_table().schema
    described = (Column(name, schema.field(name).type, text) for name, _, text in columns)
    key = FIXED[name].key if name in FIXED else ("document",)
    return Table(name, key, tuple(described), meaning)


# --- words of SQL --------------------------------------------------------------------------------------------------


def fill(query: str, **parts: str) -> str:
    """Put ready parts of SQL (quoted names, conditions) in the places of a query: `$table` and the like; `$$` stays as `$`."""
    return Template(query).substitute(parts)


def slot(table: str) -> str:
    """The slot of a row, 0 to 255, as SQL. MD5, because DuckDB's own `hash` may differ between versions."""
    return f"('0x' || md5({quoted(row_order(table)[0])})[:2])::BIGINT"


def ordering(table: str, columns: Sequence[str]) -> str:
    """What puts the rows of a table in order, as SQL: its key, without what a table of an earlier version lacks; else all that it has."""
    return ", ".join(quoted(name) for name in row_order(table) if name in columns) or "ALL"


def scalar(connection: duckdb.DuckDBPyConnection, query: str) -> Any:
    """The one value that a query gives."""
    return connection.execute(query).fetchall()[0][0]
