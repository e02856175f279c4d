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
from contextlib import AbstractContextManager, contextmanager, nullcontext
from datetime import UTC, datetime
from pathlib import Path

import duckdb

from octavo.processors.store import catalog, changes, disk, earlier, parquet, succession, views
from octavo.processors.store.changes import Change
from octavo.processors.store.correction_store import FILE as CORRECTIONS
from octavo.processors.store.correction_store import (
    Claim,
    CorrectionStore,
    corrections_of,
    has_corrections,
    lapse,
    move_corrections,
)
from octavo.processors.store.reader import WAREHOUSE, ColumnInfo, TableInfo, WarehouseReader
from octavo.processors.store.succession import Asked
from octavo.schemas.errors import StorageError
from octavo.schemas.tables import FIXED

__all__ = [
    "CORRECTIONS",
    "Asked",
    "Change",
    "Claim",
    "ColumnInfo",
    "CorrectionStore",
    "TableInfo",
    "Warehouse",
    "WarehouseReader",
    "corrections_of",
    "has_corrections",
    "hold",
    "lapse",
    "move_corrections",
]

ASIDE = ".plan"  # folder of what a plan has read, which is in no table yet; what a run would read then, it need not read again
READ = "read.duckdb"


def _utc_now() -> datetime:
    return datetime.now(UTC)


@contextmanager
def hold_aside(
    folder: Path, clock: Callable[[], datetime] = _utc_now
) -> Iterator[tuple[Warehouse, Warehouse]]:
    """Hold the output folder to look ahead: give a copy of its warehouse that may be changed, and the one that an earlier look left.

    The warehouse itself stays as it is, and no other program finds the copy. `set_aside` gives it to the run that follows.
    """
    with disk.locked(folder, clock()):
        with disk.voiced(folder):
            disk.sweep(folder)
            (folder / ASIDE).mkdir(exist_ok=True)
            disk.sweep(folder / ASIDE)
        last, copy = (
            Warehouse(folder / ASIDE, file=READ),
            Warehouse(folder / ASIDE, file=f"next-{READ}", publishes=False),
        )
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
    with disk.locked(folder, clock()) as guard:
        warehouse = Warehouse(folder, guard=guard)
        warehouse.recover()
        yield warehouse


class Warehouse(WarehouseReader):
    """The tables of one output folder. Anyone may read; only who holds the folder (`hold`) may commit."""

    def __init__(
        self,
        folder: Path,
        shipped_views: Path = views.SHIPPED,
        *,
        file: str = WAREHOUSE,
        publishes: bool = True,
        guard: Callable[[], AbstractContextManager[None]] = nullcontext,
    ) -> None:
        """`publishes` says whether its rows are written as Parquet too; `guard` is held while a commit is put in place."""
        super().__init__(folder, file=file)
        self._publishes, self._guard = publishes, guard
        self.tables_folder = folder / "tables"
        self._views = views.load(shipped_views)
        self._committing = threading.Lock()

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
        return (
            bool(paths)
            and self._shape("documents") is not None
            and self.commit([Change(FIXED["documents"], (), set(paths))])
        )

    def adopt(self, inbox: str) -> None:
        """Say that the paths of a version before, which put down no inbox, are of this one."""
        if self._shape("documents") is not None and (
            rows := self.query("SELECT * FROM documents WHERE inbox = ''").to_pylist()
        ):
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

    def _difference(
        self, staged: Sequence[changes.Staged], asked: Mapping[str, Asked]
    ) -> dict[str, set[int]] | None:
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
            return (
                None
                if kept and not differs and not succession.asked_otherwise(connection, asked)
                else differs
            )

    def _replace(
        self, staged: Sequence[changes.Staged], differs: dict[str, set[int]], asked: Mapping[str, Asked]
    ) -> None:
        """Copy, change, sync, rename: the new file is there whole or not at all."""
        temporary = self.folder / f"{disk.TEMPORARY}{self.path.name}"
        disk.sweep(self.folder)
        try:
            if self.path.exists():
                catalog.copy(self.path, temporary)
            with catalog.attached(temporary, read_only=False) as connection:
                self._change(connection, staged, differs, asked)
            with self._guard():
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
            message = (
                f"Another program is writing to {self.path}, or died while it did: {log.name} lies beside it."
            )
            step = "Close that program; if none is left, open the file once with DuckDB and close it."
            raise StorageError(message, about=str(self.path), next_step=step)

    def _brought_up(self) -> list[Change]:
        if not self.path.exists():
            return []
        with self._open() as connection:
            return list(earlier.changes(connection))
