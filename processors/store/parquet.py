"""The same rows for every other engine: `tables/<table>/<bucket>.parquet`, each file replaced whole and only when it changed.

In: an open warehouse. Out: files that carry the generation of their rows, so that the next run sees what a crash left behind.
A table of up to 10,000 rows is one bucket; a larger one is spread over 2, 4, 8, ... by a hash of its first key column. A view of ours is
one file, written when a table that it reads has changed.
Imports the helpers `catalog`, for its words of SQL, `disk`, because every file of the folder is replaced in the same way, `views`, which
knows ours, and `spread`, which takes a large table apart.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from octavo.processors.store import catalog, disk, spread, views

BUCKET_ROWS = 10_000  # rows of a table that still go into one file; they are sorted in memory, 30 MB of pages
_ROW_GROUP = 5_000  # rows of a row group, which is what is held in memory
_GENERATION = b"octavo.generation"
_APART = 16  # files of a table that are worth a pass that takes it apart first; with 8 it was 3.4 s beside 2.1, measured 2026-11
_CACHE_MB = 128  # of the warehouse that DuckDB keeps in memory meanwhile; else it keeps all that it has read
_SPREAD = f"{disk.TEMPORARY}spread"


@dataclass(frozen=True, slots=True)
class Bucket:
    """One file of a table or view: number `number` of `of`, as it was in `generation`."""

    table: str
    number: int  # from 0
    of: int  # a power of two
    generation: int
    is_view: bool = False

    @property
    def name(self) -> str:
        """Its place among the files of its table: `000-of-001`."""
        return Path(self.file).stem

    @property
    def file(self) -> str:
        """Its path below the folder of tables: `invoice/000-of-001.parquet`."""
        return f"{self.table}/{self.number:03d}-of-{self.of:03d}.parquet"


def publish(connection: duckdb.DuckDBPyConnection, root: Path) -> None:
    """Write the files below `root` that are not as the warehouse has them, and remove those of ours that it does not have."""
    buckets = buckets_of(connection)
    old = [bucket for bucket in buckets if _generation(root / bucket.file) != bucket.generation]
    for _ in written(connection, old, lambda bucket: root / bucket.file, root / _SPREAD):
        pass
    _sweep(root, {root / bucket.file for bucket in buckets})


def newest(root: Path) -> int:
    """The highest generation of any file below `root`, 0 when there is none."""
    return max((_generation(path) or 0 for path in root.glob("*/*.parquet")), default=0)


def buckets_of(connection: duckdb.DuckDBPyConnection) -> list[Bucket]:
    """The files that there should be, each with the generation in which any row of it last changed."""
    tables = catalog.generations(connection)
    buckets = []
    for table, slots in tables.items():
        of = _bucket_count(catalog.row_count(connection, table))
        for number in range(of):
            last = max(
                generation
                for slot, generation in slots.items()
                if slot == catalog.SHAPE or slot % of == number
            )
            buckets.append(Bucket(table, number, of, last))
    for name, view in views.whole(connection).items():
        of_tables = (
            generation
            for table in view.reads
            for generation in tables.get(table, {catalog.SHAPE: 0}).values()
        )
        buckets.append(Bucket(name, 0, 1, max(view.generation, *of_tables), is_view=True))
    return buckets


def _bucket_count(rows: int) -> int:
    """Into how many files a table of so many rows goes."""
    count = 1
    while count < catalog.SLOTS and rows > count * BUCKET_ROWS:
        count *= 2
    return count


def written(
    connection: duckdb.DuckDBPyConnection,
    buckets: Sequence[Bucket],
    place: Callable[[Bucket], Path],
    scratch: Path,
) -> Generator[Bucket]:
    """Write buckets to their places, each whole or not at all, and give each as it is there; those of a table stand together.

    A large table is taken apart first, in one pass, in the folder `scratch`, which is there as long as that takes.
    """
    described = catalog.described(connection) if buckets else {}
    for table, group in groupby(buckets, key=lambda bucket: bucket.table):
        some, shape = list(group), described.get(table, ("", []))
        done = 0
        try:
            with catalog.sparing(connection, _CACHE_MB):
                for bucket in _table_written(connection, some, shape, place, scratch):
                    yield bucket
                    done += 1
        except duckdb.OutOfMemoryException:  # a view over all rows, or rows that are large
            yield from _table_written(connection, some[done:], shape, place, scratch)


def _table_written(
    connection: duckdb.DuckDBPyConnection,
    buckets: Sequence[Bucket],
    shape: tuple[str, catalog.Shape],
    place: Callable[[Bucket], Path],
    scratch: Path,
) -> Generator[Bucket]:
    """Write some files of one table or view."""
    if buckets[0].is_view or len(buckets) < _APART:
        for bucket in buckets:
            _write(place(bucket), bucket, _rows(connection, bucket, shape[1]), shape)
            yield bucket
        return
    table, of = buckets[0].table, buckets[0].of
    numbers = [bucket.number for bucket in buckets]
    with spread.taken_apart(connection, table, of, numbers, scratch) as files:
        for bucket in buckets:
            connection.register("__spread", spread.rows_in(files[bucket.number]))
            _write(place(bucket), bucket, _ordered(connection, "__spread", "", table, shape[1]), shape)
            connection.unregister("__spread")
            yield bucket


def _write(
    target: Path, bucket: Bucket, rows: pa.RecordBatchReader, shape: tuple[str, catalog.Shape]
) -> None:
    meaning, columns = shape
    fields = [rows.schema.field(name).with_metadata({"meaning": text}) for name, _, text in columns]
    schema = pa.schema(fields, metadata={_GENERATION: str(bucket.generation), b"meaning": meaning})
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = target.with_name(f"{disk.TEMPORARY}{target.name}")
    with pq.ParquetWriter(temporary, schema, compression="zstd") as writer:
        for batch in rows:
            writer.write_batch(pa.RecordBatch.from_arrays(batch.columns, schema=schema))
    disk.replace(temporary, target)


def _rows(
    connection: duckdb.DuckDBPyConnection, bucket: Bucket, columns: catalog.Shape
) -> pa.RecordBatchReader:
    """The rows of one bucket in the order of their key, those of a view in its own, a row group at a time."""
    if bucket.is_view:
        return connection.sql(catalog.fill("FROM $view", view=catalog.quoted(bucket.table))).to_arrow_reader(
            _ROW_GROUP
        )
    where = f"WHERE {catalog.slot(bucket.table)} % {bucket.of} = {bucket.number}" if bucket.of > 1 else ""
    return _ordered(connection, catalog.quoted(bucket.table), where, bucket.table, columns)


def _ordered(
    connection: duckdb.DuckDBPyConnection, source: str, where: str, table: str, columns: catalog.Shape
) -> pa.RecordBatchReader:
    order = catalog.ordering(table, [name for name, _, _ in columns])
    query = catalog.fill("FROM $source $where ORDER BY $order", source=source, where=where, order=order)
    return connection.sql(query).to_arrow_reader(_ROW_GROUP)


def _sweep(root: Path, wanted: set[Path]) -> None:
    """Remove files of ours that are not wanted, and what a killed run left unfinished. Files of others stay."""
    shutil.rmtree(root / _SPREAD, ignore_errors=True)
    for path in root.glob("*/*.parquet"):
        if path not in wanted and (path.name.startswith(disk.TEMPORARY) or _generation(path) is not None):
            path.unlink()


def _generation(path: Path) -> int | None:
    """The generation of a file of ours; None when it is missing, broken, or somebody else's."""
    try:
        metadata = pq.read_schema(path).metadata or {}
    except (OSError, pa.ArrowException):
        return None
    text = metadata.get(_GENERATION, b"").decode(errors="replace")
    return int(text) if text.isdigit() else None
