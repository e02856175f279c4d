"""The locked room: runs one SELECT and ends. Started by `sql` as a program of its own; imports nothing of Octavo.

In, on standard input: an order as JSON (file, statement, limits). Out, on standard output: a line of JSON that says how it went, and
behind it, when it went well, the rows as an Arrow stream.

What holds a statement that means harm (each was tried with DuckDB 2.0.0, 2026-11-23; read-only mode alone stops none of the first three):
  - files and network: external access is off, extensions are neither installed nor loaded, the configuration is locked
  - COPY, EXPORT, EXPLAIN ANALYZE COPY, ATTACH, SET, PRAGMA, a second statement: only one statement of type SELECT is run, or EXPLAIN of one
  - CREATE TABLE AS PIVOT, which DuckDB calls MULTI as it does a PIVOT of its own: only what may stand in brackets after FROM is run
  - writing in spite of all: the file is open read-only, and the kernel allows this process to write no file (RLIMIT_FSIZE)
  - memory: the kernel's limit (RLIMIT_AS), because `repeat('x', 3e9)` walks past DuckDB's own
  - time: the parent kills it; should the parent die, the kernel does (PR_SET_PDEATHSIG), and after as many seconds of CPU (RLIMIT_CPU)
  - variables of this program: DuckDB would read them as tables; that is off
"""

from __future__ import annotations

import ctypes
import json
import re
import resource
import signal
import sys
from collections.abc import Iterable, Sequence
from typing import Any, BinaryIO

import duckdb
import pyarrow as pa

_THREADS = 2
_PR_SET_PDEATHSIG = 1  # linux/prctl.h: which signal this process gets when its parent has died
_BATCH_ROWS = 2_048  # rows fetched at once: one vector of DuckDB, so that a cap is noticed early
_GAP = r"(?:\s|--[^\n]*(?:\n|$)|/\*.*?\*/)"  # white space and comments
_EXPLAIN = re.compile(
    rf"{_GAP}*EXPLAIN{_GAP}+(?:ANALYZE{_GAP}+)?(?:\(\s*(?:FORMAT|ANALYZE)\b[^()]*\))?",
    re.IGNORECASE | re.DOTALL,
)
_END = re.compile(rf"(?:;|{_GAP})*$", re.DOTALL)
_CONFIG: dict[str, str | bool | int | float | list[str]] = {
    "enable_external_access": "false",
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
    "allow_community_extensions": "false",
    "python_enable_replacements": "false",
    "temp_directory": "",
    "threads": str(_THREADS),
}


class Refused(Exception):
    """The statement is not one that is run here."""


def main() -> None:
    """Read the order, run it, write the outcome."""
    order = json.load(sys.stdin.buffer)
    _limit(order["memory_bytes"], order["time_s"])
    out = sys.stdout.buffer
    try:
        connection = _open(order["database"], order["memory_bytes"])
        _answer(connection, order, out)
    except (
        duckdb.Error,
        Refused,
        RuntimeError,
        MemoryError,
        OSError,
        pa.ArrowException,
        UnicodeError,
    ) as error:
        _tell(
            out, error=_sentence(error)
        )  # OSError: so come DuckDB's errors when they happen while rows are fetched


def _limit(memory_bytes: int, time_s: float) -> None:
    """Ask the kernel to hold this process to its limits. CPU seconds are those of all threads, and some for the start."""
    cpu_s = int(time_s * _THREADS) + 10
    limits = {
        resource.RLIMIT_AS: memory_bytes,
        resource.RLIMIT_FSIZE: 0,
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_CPU: cpu_s,
    }
    for which, most in limits.items():
        resource.setrlimit(which, (most, most))
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def _open(database: str, memory_bytes: int) -> duckdb.DuckDBPyConnection:
    """Half of the memory is for DuckDB: it then ends with a sentence more often than the kernel ends it without one."""
    connection = duckdb.connect(
        database, read_only=True, config={**_CONFIG, "memory_limit": f"{memory_bytes // 2}B"}
    )
    connection.execute("SET TimeZone = 'UTC'")
    connection.execute("SET lock_configuration = true")
    return connection


def _answer(connection: duckdb.DuckDBPyConnection, order: dict[str, Any], out: BinaryIO) -> None:
    try:
        reader = connection.sql(the_select(connection, order["statement"])).to_arrow_reader(_BATCH_ROWS)
    except duckdb.CatalogException as error:
        _tell(out, error=_sentence(error), tables=_tables(connection))
        return
    except duckdb.ParserException as error:
        _tell(out, error=_sentence(error), reserved=_reserved(connection, order["statement"]))
        return
    batches, whole = capped(reader, order["rows"], order["bytes"])
    names = unique(reader.schema.names)
    schema = pa.schema([field.with_name(name) for field, name in zip(reader.schema, names, strict=True)])
    _tell(out, whole=whole)
    with pa.ipc.new_stream(out, schema) as writer:
        for batch in batches:
            writer.write_batch(pa.RecordBatch.from_arrays(batch.columns, schema=schema))
    out.flush()


def the_select(connection: duckdb.DuckDBPyConnection, text: str) -> str:
    """The one SELECT that `text` is, or EXPLAIN of one. Raises Refused for anything else, duckdb.ParserException for what is no SQL."""
    statements = connection.extract_statements(text)
    if len(statements) != 1:
        raise Refused(f"One statement is run at a time, and there are {len(statements)}.")
    kind, query = statements[0].type, statements[0].query
    if explain := _EXPLAIN.match(query):
        return explain[0] + the_select(connection, query[explain.end() :])
    if kind == duckdb.StatementType.SELECT or (
        kind == duckdb.StatementType.MULTI and _is_pivot(connection, query)
    ):
        return query
    what = "does more" if kind == duckdb.StatementType.MULTI else f"is {kind.name}"
    raise Refused(f"Only SELECT is run here, and this {what}.")


def _is_pivot(connection: duckdb.DuckDBPyConnection, query: str) -> bool:
    """Whether a statement that DuckDB runs as several is a query with PIVOT, which first makes an enum of what it finds, in memory.

    A query may stand in brackets after FROM. CREATE TABLE AS PIVOT, COPY (PIVOT ...) and the like may not.
    """
    try:
        return len(connection.extract_statements(f"FROM ({_END.sub('', query)})")) == 1
    except duckdb.ParserException:
        return False


def capped(
    batches: Iterable[pa.RecordBatch], rows: int, size_bytes: int
) -> tuple[list[pa.RecordBatch], bool]:
    """The batches up to so many rows and bytes together, and whether that is all of them."""
    kept: list[pa.RecordBatch] = []
    for batch in batches:
        fitting = _fitting(batch, rows, size_bytes)
        kept.append(batch.slice(0, fitting))
        if fitting < batch.num_rows:
            return kept, False
        rows -= fitting
        size_bytes -= batch.nbytes
    return kept, True


def _fitting(batch: pa.RecordBatch, rows: int, size_bytes: int) -> int:
    """How many rows of a batch are kept: within a factor of two as many as fit."""
    fitting: int = min(batch.num_rows, rows)
    while fitting and batch.slice(0, fitting).nbytes > size_bytes:
        fitting //= 2
    return fitting


def unique(names: Sequence[str]) -> list[str]:
    """Column names without doubles: `a, a` becomes `a, a_2`."""
    taken: list[str] = []
    for name in names:
        free, number = name, 2
        while free in taken:
            free, number = f"{name}_{number}", number + 1
        taken.append(free)
    return taken


def _tables(connection: duckdb.DuckDBPyConnection) -> list[str]:
    query = "SELECT table_name FROM information_schema.tables WHERE table_schema = 'main' ORDER BY table_name"
    return [name for (name,) in connection.execute(query).fetchall()]


def _reserved(connection: duckdb.DuckDBPyConnection, statement: str) -> list[str]:
    """The words of a statement that are names of tables or columns and that SQL keeps for itself, so that they need quotes."""
    query = """WITH names AS (SELECT unnest([table_name, column_name]) AS name FROM duckdb_columns() WHERE NOT internal)
               SELECT DISTINCT name FROM names JOIN duckdb_keywords() ON keyword_name = lower(name)
               WHERE keyword_category IN ('reserved', 'type_function') ORDER BY ALL"""
    words = {word.lower() for word in re.findall(r'(?<!")\b\w+\b(?!")', statement)}
    return [name for (name,) in connection.execute(query).fetchall() if name.lower() in words]


def _sentence(error: BaseException) -> str:
    """What DuckDB says, without the hints that follow in paragraphs of their own."""
    return str(error).strip().partition("\n\n")[0].replace("\n", " ") or type(error).__name__


def _tell(out: BinaryIO, **outcome: Any) -> None:
    out.write(json.dumps(outcome).encode() + b"\n")
    out.flush()


if __name__ == "__main__":
    main()
