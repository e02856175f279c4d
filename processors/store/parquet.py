"""The same rows for every other engine: `tables/<table>/<bucket>.parquet`, each file replaced whole and only when it changed.

In: an open warehouse. Out: files that carry the generation of their rows, so that the next run sees what a crash left behind.
A table of up to 25,000 rows is one bucket; a larger one is spread over 2, 4, 8, ... by a hash of its first key column. A view of ours is
one file, written when a table that it reads has changed.
Imports the helpers `catalog`, for its words of SQL, `disk`, because every file of the folder is replaced in the same way, and `views`,
which knows ours.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from octavo.processors.store import catalog, disk, views

BUCKET_ROWS = 25_000  # rows of a table that still go into one file; they are sorted in memory, 75 MB of pages
_ROW_GROUP = 5_000  # rows of a row group, which is what is held in memory
_GENERATION = b"octavo.generation"


@dataclass(frozen=True, slots=True)
class Bucket:
    """One file of a table or view: number `number` of `of`, as it was in `generation`."""

    table: str
    number: int  # from 0
    of: int  # a power of two
    generation: int
    is_view: bool = False

    @property
    def file(self) -> str:
        """Its path below the folder of tables: `invoice/000-of-001.parquet`."""
        return f"{self.table}/{self.number:03d}-of-{self.of:03d}.parquet"


def publish(connection: duckdb.DuckDBPyConnection, root: Path) -> None:
    """Write the files below `root` that are not as the warehouse has them, and remove those of ours that it does not have."""
    buckets = buckets_of(connection)
    old = [bucket for bucket in buckets if _generation(root / bucket.file) != bucket.generation]
    described = catalog.described(connection) if old else {}
    for bucket in old:
        write(connection, root / bucket.file, bucket, *described.get(bucket.table, ("", [])))
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
    for name, view in views.ours(connection).items():
        if (
            view.reads and view.reads <= tables.keys()
        ):  # else it is of an earlier version, or somebody has dropped a table
            last = max(
                view.generation,
                *(generation for table in view.reads for generation in tables[table].values()),
            )
            buckets.append(Bucket(name, 0, 1, last, is_view=True))
    return buckets


def _bucket_count(rows: int) -> int:
    """Into how many files a table of so many rows goes."""
    count = 1
    while count < catalog.SLOTS and rows > count * BUCKET_ROWS:
        count *= 2
    return count


def write(
    connection: duckdb.DuckDBPyConnection, target: Path, bucket: Bucket, meaning: str, columns: catalog.Shape
) -> None:
    """Write one bucket, whole or not at all."""
    rows = _rows(connection, bucket, columns)
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
    order = catalog.ordering(bucket.table, [name for name, _, _ in columns])
    query = catalog.fill(
        "FROM $table $where ORDER BY $order", table=catalog.quoted(bucket.table), where=where, order=order
    )
    return connection.sql(query).to_arrow_reader(_ROW_GROUP)


def _sweep(root: Path, wanted: set[Path]) -> None:
    """Remove files of ours that are not wanted, and what a killed run left unfinished. Files of others stay."""
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
