"""The warehouse: one DuckDB file that is replaced whole, and the same rows as Parquet beside it.

In: changes of rows. Out: `DIR/warehouse.duckdb`, `DIR/tables/<table>/*.parquet`, and rows, pages and answers read back.

    with hold(folder) as warehouse:
        warehouse.commit([Change(DOCUMENTS, [document_row(document, reader)])])

The commit point is one rename: the file is copied aside, changed in one transaction, synced and renamed. A reader keeps the file it
opened; a kill leaves the old file or the new one, and the next holder brings the Parquet files up to date. During a run these may be
a while behind.
"""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from datetime import UTC, datetime
from pathlib import Path

import duckdb

from octavo.processors.store import catalog, changes, disk, earlier, memory, parquet, succession, views
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
from octavo.processors.store.lookup import TRANSIENT
from octavo.processors.store.object_store import ObjectStore
from octavo.processors.store.publication import (
    fetch_corrections,
    publication_of,
    read_manifest,
    work_folder,
)
from octavo.processors.store.publication import rebuild as rebuild_file
from octavo.processors.store.reader import WAREHOUSE, ColumnInfo, TableInfo, WarehouseReader
from octavo.processors.store.steady_reader import FileVersion, SteadyReader
from octavo.processors.store.succession import Asked
from octavo.schemas.errors import Locked, SettingsError, StorageError
from octavo.schemas.tables import FIXED

__all__ = [
    "CORRECTIONS",
    "TRANSIENT",
    "Asked",
    "Change",
    "Claim",
    "ColumnInfo",
    "CorrectionStore",
    "FileVersion",
    "SteadyReader",
    "TableInfo",
    "Warehouse",
    "WarehouseReader",
    "corrections_of",
    "has_corrections",
    "hold",
    "lapse",
    "move_corrections",
    "rebuild",
    "up_to_date",
    "work_folder",
]

ASIDE = ".plan"  # folder of what a plan has read, which is in no table yet; what a run would read then, it need not read again
READ = "read.duckdb"
PUBLISH_SHARE = 0.05  # of the time may go into Parquet files during a run: their rows lie spread, so that a commit touches most of them


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
        if published := publication_of(folder, folder / WAREHOUSE):
            published.refresh()
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
def hold(
    folder: Path, clock: Callable[[], datetime] = _utc_now, *, publish_every_s: float = 0.0
) -> Iterator[Warehouse]:
    """Hold the output folder alone, clear away what a killed run left, and give its warehouse.

    `publish_every_s`: the Parquet files are written by commits that come so long after they were last, and when the folder is let go; with
    0 by every commit. The work folder of tables on a bucket is held together with their prefix, and brought up to what stands there.
    Raises Locked (exit 75), naming the process that holds it, and StorageError (exit 74) when the folder cannot be written.
    """
    with disk.locked(folder, clock()) as guard:
        published = publication_of(folder, folder / WAREHOUSE)
        with published.held(clock()) if published else nullcontext():
            memory.keep_little()
            warehouse = Warehouse(folder, publish_every_s=publish_every_s, guard=guard)
            warehouse.recover()
            try:
                yield warehouse
            except BaseException:
                if not warehouse.is_unpublishable:
                    with suppress(StorageError):  # what ended the block is the trouble to tell
                        warehouse.publish()
                raise
            warehouse.publish()


def up_to_date(folder: Path) -> None:
    """Before somebody reads the work folder of tables on a bucket: bring it up to what stands there, unless a run here does.

    Raises StorageError when the bucket does not answer.
    """
    published = publication_of(folder, folder / WAREHOUSE)
    if published is None or published.is_current():
        return
    with suppress(Locked), disk.locked(folder, _utc_now()):
        if now := publication_of(folder, folder / WAREHOUSE):
            now.refresh()


def rebuild(url: str, folder: Path) -> Warehouse:
    """Make an output folder of the tables that stand at a URL: warehouse, Parquet files and corrections.

    Raises SettingsError when there are none, or the folder has a warehouse already, Locked and StorageError.
    """
    with disk.locked(folder, _utc_now()):
        if (folder / WAREHOUSE).exists() or publication_of(folder, folder / WAREHOUSE):
            message = f"{folder} holds tables already, which would be lost."
            raise SettingsError(message, about="out", next_step="Name a new folder with --out.")
        store = ObjectStore(url)
        there = read_manifest(store)
        with disk.voiced(folder):
            if not fetch_corrections(store, there, folder):
                message = f"{folder} has corrections that {url} has not."
                raise SettingsError(message, about="out", next_step="Name a new folder with --out.")
            rebuild_file(store, there, folder / WAREHOUSE)
        warehouse = Warehouse(folder)
        warehouse.recover()
        return warehouse


class Warehouse(WarehouseReader):
    """The tables of one output folder. Anyone may read; only who holds the folder (`hold`) may commit."""

    def __init__(
        self,
        folder: Path,
        shipped_views: Path = views.SHIPPED,
        *,
        file: str = WAREHOUSE,
        publishes: bool = True,
        publish_every_s: float = 0.0,
        guard: Callable[[], AbstractContextManager[None]] = nullcontext,
    ) -> None:
        """`publishes`: its rows are written as Parquet too, `publish_every_s` after they were last.

        `guard` is held while a commit is put in place.
        """
        super().__init__(folder, file=file)
        self._publishes, self._guard = publishes, guard
        self._publish_every_s = publish_every_s
        self._put_off: list[Change] = []
        self._is_behind = False
        self.is_unpublishable = False  # the last try to write the Parquet files failed
        self._published_at, self._publishing_took_s = time.monotonic(), 0.0
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
        with self._committing, disk.voiced(self.folder):
            before = len(self._put_off)
            batch = [*self._put_off, *batch]
            views.refuse_namesakes(self._views, (change.table for change in batch))
            staged = [changes.staged(change) for change in batch]
            differs = self._difference(staged, asked or {})
            if differs is not None:
                self._replace(staged, differs, asked or {})
                self._is_behind = True
            del self._put_off[:before]  # what was put off is put off still when there is trouble
            wait_s = max(self._publish_every_s, self._publishing_took_s / PUBLISH_SHARE)
            is_due = not self._publish_every_s or time.monotonic() - self._published_at > wait_s
            if self._is_behind and is_due:
                self._publish()
        if differs is not None:
            memory.give_back()
        return differs is not None

    def publish(self) -> None:
        """Write the Parquet files that commits have left behind. Raises StorageError."""
        with self._committing, disk.voiced(self.folder):
            if self._is_behind:
                self._publish()
                memory.give_back()

    def put_off(self, batch: Sequence[Change]) -> None:
        """Make these changes with the next commit, whatever that one is about: two in one cost little more than one."""
        self._put_off += batch

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
            stored = catalog.described(connection)
            for change in staged:
                if slots := changes.difference(connection, change, stored):
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
        stored = catalog.described(connection)
        for change in differing:
            changes.keep(connection, change, stored)
        connection.begin()
        catalog.keep_books(connection)
        generation = 1 + max(catalog.generation(connection), parquet.newest(self.tables_folder))
        reshaped = {change.table.name for change in differing if changes.apply(connection, change, stored)}
        succession.note_asked(connection, asked)
        settled = succession.settle(connection) if asked or differs.keys() - succession.INERT else {}
        for touched in (differs, settled):
            for table, slots in touched.items():
                changes.stamp(connection, table, slots, generation)
        views.create(connection, self._views, [change.table for change in staged], generation, reshaped)
        connection.commit()
        connection.execute("CHECKPOINT warehouse")

    def _publish(self) -> None:
        """Write the Parquet files that are not as the warehouse has them, and remove those that it does not have."""
        if not (self._publishes and self.path.exists()):
            return
        started = time.monotonic()
        self.is_unpublishable = True
        try:
            with self._open() as connection:
                if published := publication_of(self.folder, self.path):
                    published.publish(connection)
                else:
                    parquet.publish(connection, self.tables_folder)
            self._is_behind = self.is_unpublishable = False
        finally:
            self._published_at = time.monotonic()
            self._publishing_took_s = self._published_at - started

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
