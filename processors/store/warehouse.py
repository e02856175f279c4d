"""The warehouse: one DuckDB file that is replaced whole, and the same rows as Parquet beside it.

In: changes of rows. Out: `DIR/warehouse.duckdb`, `DIR/tables/<table>/*.parquet`, and rows, pages and answers read back.

    with hold(folder) as warehouse:
        warehouse.commit([Change(DOCUMENTS, [document_row(document, reader)])])

The commit point is one rename: the file is copied aside, changed in one transaction, synced and renamed. A reader keeps the file it
opened; a kill leaves the old file or the new one, and the next holder brings the Parquet files up to date.
"""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from processors.store import catalog, changes, disk, earlier, lookup, parquet, succession, views
from processors.store.changes import Change
from processors.store.succession import Asked
from schemas.errors import SettingsError, StorageError
from schemas.pipeline import Document, Page
from schemas.tables import FIXED, Row, Table

__all__ = ["Asked", "Change", "ColumnInfo", "TableInfo", "Warehouse", "hold"]

WAREHOUSE = "warehouse.duckdb"
ASIDE = ".plan"  # folder of what a plan has read, which is in no table yet; what a run would read then, it need not read again
READ = "read.duckdb"

_ROWS_AT_ONCE = 1_000  # rows as Python's dicts, which take ten times what they take in Arrow


@dataclass(frozen=True, slots=True)
class ColumnInfo:
    """One column as it is in the warehouse; `type` as DuckDB writes it."""

    name: str
    type: str
    meaning: str


@dataclass(frozen=True, slots=True)
class TableInfo:
    """One table or view as it is in the warehouse."""

    name: str
    rows: int
    columns: tuple[ColumnInfo, ...]
    meaning: str


def _utc_now() -> datetime:
    return datetime.now(UTC)


@contextmanager
def hold_aside(folder: Path, clock: Callable[[], datetime] = _utc_now) -> Iterator[tuple[Warehouse, Warehouse]]:
    """Hold the output folder to look ahead: give a copy of its warehouse that may be changed, and the one that an earlier look left.

    The warehouse itself stays as it is, and no other program finds the copy. `set_aside` gives it to the run that follows.
    """
    with disk.locked(folder, clock()):
        with disk.voiced(folder):
            disk.sweep(folder)
            (folder / ASIDE).mkdir(exist_ok=True)
            disk.sweep(folder / ASIDE)
        last, copy = Warehouse(folder / ASIDE, file=READ), Warehouse(folder / ASIDE, file=f"next-{READ}", publishes=False)
        with disk.voiced(folder):
            copy.path.unlink(missing_ok=True)
            if (folder / WAREHOUSE).exists():
                catalog.copy(folder / WAREHOUSE, copy.path)
        copy.recover()
        yield copy, last
        if copy.path.exists():
            with disk.voiced(folder):
                disk.replace(copy.path, last.path)


def set_aside(folder: Path) -> Warehouse | None:
    """What a look ahead has read since the last run, if there was one."""
    found = Warehouse(folder / ASIDE, file=READ)
    return found if found.path.exists() else None


def drop_aside(folder: Path) -> None:
    """Remove what a look ahead has read, since the tables have it now."""
    with disk.voiced(folder):
        shutil.rmtree(folder / ASIDE, ignore_errors=True)


@contextmanager
def hold(folder: Path, clock: Callable[[], datetime] = _utc_now) -> Iterator[Warehouse]:
    """Hold the output folder alone, clear away what a killed run left, and give its warehouse.

    Raises Locked (exit 75), naming the process that holds it, and StorageError (exit 74) when the folder cannot be written.
    """
    with disk.locked(folder, clock()):
        warehouse = Warehouse(folder)
        warehouse.recover()
        yield warehouse


class Warehouse:
    """The tables of one output folder. Anyone may read; only who holds the folder (`hold`) may commit."""

    def __init__(self, folder: Path, shipped_views: Path = views.SHIPPED, *, file: str = WAREHOUSE, publishes: bool = True) -> None:
        """`publishes` says whether its rows are written as Parquet too."""
        self.folder = folder
        self.path = folder / file
        self._publishes = publishes
        self.tables_folder = folder / "tables"
        self._views = views.load(shipped_views)
        self._committing = threading.Lock()

    # --- writing ---

    def commit(self, batch: Sequence[Change], asked: Mapping[str, Asked] | None = None) -> bool:
        """Make all changes at once, or none. False when they change nothing: then the file stays as it is, byte for byte.

        `asked` says by table the question that it answers by now, in the batch or before: rows that answer another one are `former`
        then. What has a successor in the batch goes, and so does what a change of `documents` leaves without a path.

        A table whose schema was edited gets its new columns: the rows of other documents stay, with nulls in new columns and where a value
        does not fit the new type of its column, which a warning tells. Raises SchemaError for rows that do not fit their table,
        StorageError when the disk refuses; what was committed stays.
        """
        views.refuse_namesakes(self._views, (change.table for change in batch))
        staged = [changes.staged(change) for change in batch]
        with self._committing, disk.voiced(self.folder):
            differs = self._difference(staged, asked or {})
            if differs is not None:
                self._replace(staged, differs, asked or {})
            self._publish()
        return differs is not None

    def delete_paths(self, paths: Collection[tuple[str, str]]) -> bool:
        """Forget these paths, each with its inbox, and every answer, page and reject of documents that no other path holds.

        Gives whether anything changed. What was paid (`requests`) and done (`runs`) is never forgotten.
        """
        return bool(paths) and self._shape("documents") is not None and self.commit([Change(FIXED["documents"], (), set(paths))])

    def adopt(self, inbox: str) -> None:
        """Say that the paths of a version before, which put down no inbox, are of this one."""
        if self._shape("documents") is not None and (rows := self.query("SELECT * FROM documents WHERE inbox = ''").to_pylist()):
            nameless = {(row["path"], "") for row in rows}
            self.commit([Change(FIXED["documents"], [{**row, "inbox": inbox} for row in rows], nameless)])

    def recover(self) -> None:
        """Remove what a killed commit left unfinished, bring the Parquet files up to the warehouse, and its tables up to these days.

        A table of a version before, which lacks columns, gets them with nulls.
        """
        with disk.voiced(self.folder):
            disk.sweep(self.folder)
            self._publish()
            brought_up = self._brought_up()
        if brought_up:
            self.commit(brought_up)

    def _difference(self, staged: Sequence[changes.Staged], asked: Mapping[str, Asked]) -> dict[str, set[int]] | None:
        """The slots of each table that would change; none when only views, storage or what was asked would, None when nothing would."""
        if not self.path.exists():
            return {change.table.name: {catalog.SHAPE} for change in staged}
        self._refuse_log()
        differs, tables = dict[str, set[int]](), [change.table for change in staged]
        with self._open() as connection:
            views.refuse_namesakes(self._views, tables, connection)
            for change in staged:
                if slots := changes.difference(connection, change):
                    differs.setdefault(change.table.name, set()).update(slots)
            kept = not (views.stale(connection, self._views, tables) or catalog.outdated(connection))
            return None if kept and not differs and not succession.asked_otherwise(connection, asked) else differs

    def _replace(self, staged: Sequence[changes.Staged], differs: dict[str, set[int]], asked: Mapping[str, Asked]) -> None:
        """Copy, change, sync, rename: the new file is there whole or not at all."""
        temporary = self.folder / f"{disk.TEMPORARY}{self.path.name}"
        disk.sweep(self.folder)
        try:
            if self.path.exists():
                catalog.copy(self.path, temporary)
            with catalog.attached(temporary, read_only=False) as connection:
                self._change(connection, staged, differs, asked)
            disk.replace(temporary, self.path)
        finally:
            disk.sweep(self.folder)

    def _change(
        self,
        connection: duckdb.DuckDBPyConnection,
        staged: Sequence[changes.Staged],
        differs: dict[str, set[int]],
        asked: Mapping[str, Asked],
    ) -> None:
        differing = [change for change in staged if change.table.name in differs]
        for change in differing:
            changes.keep(connection, change)
        connection.begin()
        catalog.keep_books(connection)
        generation = 1 + max(catalog.generation(connection), parquet.newest(self.tables_folder))
        for change in differing:
            changes.apply(connection, change)
        succession.note_asked(connection, asked)
        for touched in (differs, succession.settle(connection)):
            for table, slots in touched.items():
                changes.stamp(connection, table, slots, generation)
        views.create(connection, self._views, [change.table for change in staged], generation)
        connection.commit()
        connection.execute("CHECKPOINT warehouse")

    def _publish(self) -> None:
        """Write the Parquet files that are not as the warehouse has them, and remove those that it does not have."""
        if not (self._publishes and self.path.exists()):
            return
        with self._open() as connection:
            parquet.publish(connection, self.tables_folder)

    def _refuse_log(self) -> None:
        log = self.path.with_name(f"{self.path.name}.wal")
        if log.exists():
            message = f"Another program is writing to {self.path}, or died while it did: {log.name} lies beside it."
            step = "Close that program; if none is left, open the file once with DuckDB and close it."
            raise StorageError(message, about=str(self.path), next_step=step)

    # --- reading ---

    def rows(self, table: str, columns: Sequence[str] | None = None) -> list[Row]:
        """All rows of a table in the order of its key, as dicts with native values; none when there is no such table yet."""
        return list(self.each(table, columns))

    def each(self, table: str, columns: Sequence[str] | None = None) -> Iterator[Row]:
        """The same one by one, a thousand in memory at a time."""
        shape = self._shape(table)
        if shape is None:
            return
        chosen = ", ".join(catalog.quoted(name) for name in columns) if columns else "*"
        order = catalog.ordering(table, [name for name, _, _ in shape])
        query = catalog.fill("SELECT $columns FROM $table ORDER BY $order", columns=chosen, table=catalog.quoted(table), order=order)
        with self._open() as connection:
            for batch in connection.sql(query).to_arrow_reader(_ROWS_AT_ONCE):
                yield from batch.to_pylist()

    def query(self, statement: str, parameters: Sequence[Any] = ()) -> pa.Table:
        """The result of one of our own statements, with `?` for parameters. For SQL of others there is `query/sql`."""
        with self._open() as connection:
            return connection.sql(statement, params=list(parameters)).to_arrow_table()

    def inboxes(self) -> list[str]:
        """The folders and URLs below which the paths of `documents` lie, sorted."""
        if self._shape("documents") is None:
            return []
        return list(self.query("SELECT DISTINCT inbox FROM documents WHERE inbox <> '' ORDER BY inbox")["inbox"].to_pylist())

    def documents_at(self, paths: Sequence[str], inbox: str) -> list[Row]:
        """The rows of `documents` at these paths of an inbox."""
        query = "SELECT * FROM documents WHERE path IN (SELECT unnest(?::TEXT[])) AND inbox = ?"
        rows: list[Row] = self.query(query, [list(paths), inbox]).to_pylist()
        return rows

    def documents(self) -> list[Document]:
        """Every path that was found, in the order of paths."""
        return [lookup.document(row) for row in self.rows("documents")]

    def document(self, sha256: str, inbox: str = "") -> Document:
        """The document with these bytes, under the first of its paths, of one inbox where it is named. Raises KeyError."""
        query = "SELECT * FROM documents WHERE document = ? AND ? IN ('', inbox) ORDER BY path LIMIT 1"
        found = self.query(query, [sha256, inbox]).to_pylist()
        if not found:
            raise KeyError(sha256)
        return lookup.document(found[0])

    def without_pages(self, inbox: str = "") -> list[Document]:
        """The documents, of one inbox where it is named, that were read and have no pages all the same.

        Theirs were to come with another path of the same bytes.
        """
        if self._shape("documents") is None or self._shape("pages") is None:
            return []
        query = """SELECT * FROM documents WHERE status = 'ok' AND reason <> 'container' AND page_count > 0
                   AND ? IN ('', inbox) AND document NOT IN (SELECT document FROM pages) ORDER BY path"""
        return [lookup.document(row) for row in self.query(query, [inbox]).to_pylist()]

    def readable(self, inbox: str = "") -> set[str]:
        """The documents, of one inbox where it is named, that were read and have pages."""
        if self._shape("documents") is None or self._shape("pages") is None:
            return set()
        query = """SELECT DISTINCT document FROM documents
                   WHERE status = 'ok' AND ? IN ('', inbox) AND document IN (SELECT document FROM pages)"""
        return set(self.query(query, [inbox])["document"].to_pylist())

    def pages_of(self, documents: Sequence[str]) -> Iterator[Page]:
        """The pages of the documents, in the order given and by number, a few thousand in memory at a time."""
        if not documents or self._shape("pages") is None:
            return
        with self._open() as connection:
            yield from lookup.pages_of(connection, documents)

    def extents(self, documents: Sequence[str]) -> list[Row]:
        """Document, pages, chars, tokens and images_px of the documents, in the order given; what can be planned without their text."""
        if not documents or self._shape("pages") is None:
            return []
        with self._open() as connection:
            return lookup.extents(connection, documents)

    def answered(self, question: str, fingerprints: Sequence[str], model: str, engine: str) -> set[str]:
        """The documents that need not be asked: answered by this very question, model and engine, or rejected for good.

        `question` is the table, `fingerprints` are the question's. Where a reject stands that another run may not meet (`TRANSIENT`),
        there is something to ask, also when a part of the answer is there.
        """
        if not self.path.exists():
            return set()
        asked = (list(fingerprints), model, engine)
        with self._open() as connection:
            there = catalog.tables(connection)
            answered = lookup.answered(connection, question, asked) if question in there else set()
            for_good, for_now = lookup.rejected(connection, question, asked) if "rejects" in there else (set(), set())
            return (answered | for_good) - for_now

    def has(self, table: str) -> bool:
        """Whether there is such a table or view."""
        return self._shape(table) is not None

    def size(self, table: str) -> int:
        """How many rows a table or view has; 0 when it is not there yet."""
        if self._shape(table) is None:
            return 0
        with self._open() as connection:
            return catalog.row_count(connection, table)

    def paths_of(self, documents: Sequence[str]) -> dict[str, str]:
        """The first path of each document that a path holds."""
        query = "SELECT document, min(path) AS path FROM documents WHERE document IN (SELECT unnest(?::TEXT[])) GROUP BY document"
        return {row["document"]: row["path"] for row in self.query(query, [list(documents)]).to_pylist()} if documents else {}

    def former(self, table: str) -> int:
        """How many answers of a table wait for their successor."""
        query = catalog.fill("SELECT count(*) AS n FROM $table WHERE former", table=catalog.quoted(table))
        return int(self.query(query)["n"][0].as_py()) if self.has(table) else 0

    def statuses(self, inbox: str) -> dict[str, int]:
        """How many paths of an inbox have each status."""
        if self._shape("documents") is None:
            return {}
        query = "SELECT status, count(*) AS n FROM documents WHERE inbox = ? GROUP BY ALL ORDER BY ALL"
        return {str(row["status"]): int(row["n"]) for row in self.query(query, [inbox]).to_pylist()}

    def counts(self, table: Table, column: str) -> list[Row]:
        """How many rows have each value of a column: `[{"status": "ok", "n": 12}, ...]`, by value."""
        if self._shape(table.name) is None:
            return []
        query = catalog.fill(
            "SELECT $column, count(*) AS n FROM $table GROUP BY ALL ORDER BY ALL",
            column=catalog.quoted(column),
            table=catalog.quoted(table.name),
        )
        return list(self.query(query).to_pylist())

    def tables(self) -> list[TableInfo]:
        """Every table and view by name, with rows, columns and meanings."""
        if not self.path.exists():
            return []
        with self._open() as connection:
            return [_info(connection, name) for name in catalog.names(connection)]

    @contextmanager
    def _open(self) -> Iterator[duckdb.DuckDBPyConnection]:
        if not self.path.exists():
            raise SettingsError(f"There is no warehouse in {self.folder}.", about=str(self.folder), next_step="Run octavo run first.")
        with catalog.attached(self.path, read_only=True) as connection:
            yield connection

    def _brought_up(self) -> list[Change]:
        if not self.path.exists():
            return []
        with self._open() as connection:
            return list(earlier.changes(connection))

    def _shape(self, table: str) -> catalog.Shape | None:
        """The columns of a table; None when there is none of that name, or no warehouse yet."""
        return catalog.shapes(self.path).get(table)


def _info(connection: duckdb.DuckDBPyConnection, name: str) -> TableInfo:
    meaning, columns = catalog.shape(connection, name) or ("", [])
    return TableInfo(name, catalog.row_count(connection, name), tuple(ColumnInfo(*column) for column in columns), meaning)
