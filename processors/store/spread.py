"""A large table taken apart in one pass: rows in the order in which they lie in, a file of rows for each bucket out.

To look for the rows of each bucket in the whole table is as many passes as there are buckets, and so grows with the square of the rows.
Imports the helper `catalog` for its words of SQL.
"""

from __future__ import annotations

import shutil
from collections.abc import Collection, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import duckdb
import pyarrow as pa

from octavo.processors.store import catalog

_ROWS_AT_ONCE = 5_000
_NUMBER = "__bucket"


@contextmanager
def taken_apart(
    connection: duckdb.DuckDBPyConnection, table: str, of: int, numbers: Collection[int], folder: Path
) -> Iterator[dict[int, Path]]:
    """Give a file of Arrow for each of these buckets, of so many; they lie in `folder` as long as the block lasts.

    Raises OSError when the disk is full.
    """
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    try:
        files = {number: folder / f"{number:03d}.arrow" for number in numbers}
        _take_apart(connection, table, of, files)
        yield files
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def rows_in(file: Path) -> pa.Table:
    """What was put into a file."""
    with pa.OSFile(str(file), "rb") as source, pa.ipc.open_stream(source) as reader:
        return reader.read_all()


def _take_apart(connection: duckdb.DuckDBPyConnection, table: str, of: int, files: dict[int, Path]) -> None:
    query = "SELECT *, $slot % $of AS $number FROM $table WHERE $slot % $of IN ($numbers)"
    parts = {"slot": catalog.slot(table), "of": str(of), "number": _NUMBER, "table": catalog.quoted(table)}
    rows = connection.sql(catalog.fill(query, numbers=", ".join(map(str, files)), **parts))
    with ExitStack() as stack:
        reader = rows.to_arrow_reader(_ROWS_AT_ONCE)
        schema = pa.schema(list(reader.schema)[:-1])
        packing = pa.ipc.IpcWriteOptions(compression="lz4")
        writers = {
            number: stack.enter_context(pa.ipc.new_stream(str(path), schema, options=packing))
            for number, path in files.items()
        }
        for batch in reader:
            for number, some in _by_bucket(batch, schema):
                writers[number].write_table(some)


def _by_bucket(batch: pa.RecordBatch, schema: pa.Schema) -> Iterator[tuple[int, pa.Table]]:
    """The rows of each bucket in a batch, without their number."""
    ordered = pa.Table.from_batches([batch]).sort_by(_NUMBER)
    numbers = ordered[_NUMBER].to_pylist()
    rows = ordered.select(schema.names).cast(schema)
    start = 0
    for stop in range(1, len(numbers) + 1):
        if stop == len(numbers) or numbers[stop] != numbers[start]:
            yield numbers[start], rows.slice(start, stop - start)
            start = stop
