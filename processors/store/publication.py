"""Tables on a bucket: the warehouse of a work folder goes up as Parquet files and one manifest, and comes back from them.

In: a work folder that says where its tables go (`remote.json`), and its warehouse. Out: objects below the prefix, or the warehouse again.

    work folder/warehouse.duckdb --files that changed, one at a time--> tables/<table>/*-<commit>.parquet
                                 --then, if nobody else committed-----> manifest.json

The manifest is replaced only by who read the last one (If-Match), so of two writers one is refused and changes nothing; files are never
overwritten, so whoever reads by a manifest sees one commit. A connection that is lost midway leaves files of no table, which a later run
removes. When another host has committed, the warehouse here is made anew from what stands there.
Imports the helpers `object_store` and `manifest` (what and where), `books` (what a warehouse is made of), `parquet` and `disk` (files),
`catalog` (an open warehouse) and `correction_store` (the name of its file).
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import re
import secrets
import sqlite3
from collections.abc import Collection, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from octavo.processors.state import folder_id
from octavo.processors.store import books, catalog, correction_store, disk, manifest, parquet
from octavo.processors.store.lease import leased
from octavo.processors.store.manifest import Manifest, TableFile, TableState
from octavo.processors.store.object_store import ObjectStore, Overtaken, checked
from octavo.schemas.errors import SettingsError, StorageError

NOTE = folder_id.REMOTE
_OURS = re.compile(  # keys that a run makes; whatever else lies below the prefix is somebody's, such as documents in a folder `tables`
    r"tables/[a-z_][a-z0-9_]*/\d{3}-of-\d{3}-[0-9a-f]{12}[.]parquet|corrections/[0-9a-f]{12}[.]sqlite|tables/probe-[0-9a-f]{12}"
)
_SCRATCH = f"{disk.TEMPORARY}spread"  # folder in which a large table is taken apart
NOTHING_SAID = hashlib.sha256().hexdigest()  # state of a file in which nobody has said anything
_LAST_STAMP = """SELECT coalesce(max(last), 0)
    FROM (SELECT last FROM main.stamps UNION ALL SELECT last FROM fetched.stamps)"""
WAIT_S = 30.0  # for who writes corrections meanwhile
_BATCH_ROWS = 5_000  # of a file that comes back, which is what is held in memory

_log = logging.getLogger("octavo.store")


def work_folder(url: str, home: Path) -> Path:
    """The folder of this machine that works for the tables at a URL: warehouse, ledger and corrections lie there. Makes it.

    Raises SettingsError for a URL that no table can be written to, and StorageError.
    """
    url = checked(url)
    readable = re.sub(r"[^a-z0-9.]+", "-", url.removeprefix("s3://").lower())[:60].strip("-.")
    folder = home / "outputs" / f"{readable}-{hashlib.sha256(url.encode()).hexdigest()[:8]}"
    with disk.voiced(folder):
        folder.mkdir(parents=True, exist_ok=True)
        if not (folder / NOTE).exists():
            _write(folder / NOTE, {"url": url, "folder": secrets.token_hex(8)})
    return folder


def publication_of(folder: Path, warehouse: Path) -> Publication | None:
    """Where the tables of a folder go beside it; None for an output folder that is its own place."""
    return Publication(folder, warehouse) if (folder / NOTE).exists() else None


class Publication:
    """The tables of one work folder on their bucket. Whoever changes something there holds the folder."""

    def __init__(self, folder: Path, warehouse: Path) -> None:
        """Read the note of the folder. Nothing is asked of the bucket."""
        self._folder, self._warehouse = folder, warehouse
        self._note: dict[str, Any] = json.loads((folder / NOTE).read_text(encoding="utf-8"))
        self.url = str(self._note["url"])
        self._store = ObjectStore(self.url)

    @contextmanager
    def held(self, now: datetime) -> Iterator[None]:
        """Hold the prefix alone, with rights and conditions proved and the warehouse brought up to it. Raises Locked and StorageError."""
        with leased(self._store, str(self._note["folder"]), now):
            self._store.prove()
            self.refresh()
            self._find_lost(now)
            yield

    def is_current(self) -> bool:
        """Whether the warehouse here has what stands on the bucket. Raises StorageError when that does not answer."""
        return self._store.etag(manifest.KEY) == self._note.get("etag", "") and self._warehouse.exists()

    def refresh(self) -> None:
        """Make the warehouse anew when another host has committed since, or when it is not there. Raises StorageError."""
        found = self._store.get(manifest.KEY)
        if found is None:
            if self._note.pop("etag", ""):
                _log.warning("%s has no manifest any more; all tables go up again.", self.url)
                self._keep(Manifest(), "")
            return
        there = manifest.parsed(found.data, self.url)
        is_ours = found.etag == self._note.get("etag") or there.commit == self._note.get("intended")
        if not (is_ours and self._warehouse.exists()):
            self._bring_back(there)
        if not is_ours or found.etag != self._note.get("etag"):
            self._keep(there, found.etag)

    def publish(self, connection: duckdb.DuckDBPyConnection, now: datetime | None = None) -> None:
        """Bring what changed to the bucket, and all of it into sight at once.

        Raises StorageError when the bucket does not answer or another host has committed; the tables there are as they were then.
        """
        now = now or datetime.now(UTC)
        self._confirm()
        before, commit = self._last(), secrets.token_hex(6)
        after = self._uploaded(connection, before, commit)
        if after.same_as(before) and self._note.get("etag"):
            return
        following = after.following(before, commit, now)
        outlived = following.outlived(now)
        self._note["intended"] = commit
        self._save()
        try:
            etag = self._store.put_if(
                manifest.KEY, following.without(outlived).as_json(), self._note.get("etag", "")
            )
        except Overtaken:
            message = f"Another run has written {self.url} since this one began, so nothing of this commit was put there."
            step = "Run again: it begins with the tables of the other run, and no reply is paid twice on this host."
            raise StorageError(message, about=self.url, next_step=step) from None
        self._keep(following.without(outlived), etag)
        self._remove(outlived)

    def _confirm(self) -> None:
        """Look whether a manifest whose confirmation was lost is there all the same; then it is what the next one follows."""
        if not (intended := self._note.get("intended")):
            return
        found = self._store.get(manifest.KEY)
        there = manifest.parsed(found.data, self.url) if found else None
        if found and there and there.commit == intended:
            self._keep(there, found.etag)

    # --- up ---------------------------------------------------------------------------------------------------------

    def _uploaded(self, connection: duckdb.DuckDBPyConnection, before: Manifest, commit: str) -> Manifest:
        """The manifest of the warehouse as it is, with the files that it needs on the bucket."""
        files: dict[str, dict[str, TableFile | None]] = {}
        buckets = parquet.buckets_of(connection)
        for bucket in buckets:
            there = before.file(bucket.table, bucket.name, bucket.generation)
            files.setdefault(bucket.table, {})[bucket.name] = there
        for file, bucket in self._uploads(
            connection, [one for one in buckets if files[one.table][one.name] is None], commit
        ):
            files[bucket.table][bucket.name] = file
        described = catalog.described(connection)
        tables = {
            name: TableState(
                meaning, tuple(columns), tuple(filter(None, found.values())), books.is_view(connection, name)
            )
            for name, found in files.items()
            for meaning, columns in [described.get(name, ("", []))]
        }
        return Manifest(
            tables=tables,
            books=books.of(connection),
            corrections=self._corrections(before, commit),
        )

    def _uploads(
        self, connection: duckdb.DuckDBPyConnection, buckets: Sequence[parquet.Bucket], commit: str
    ) -> Iterator[tuple[TableFile, parquet.Bucket]]:
        """Bring files up, one after another; each is here only while it is on its way."""
        local, scratch = self._folder / f"{disk.TEMPORARY}upload.parquet", self._folder / _SCRATCH
        try:
            with closing(parquet.written(connection, buckets, lambda _: local, scratch)) as written:
                for bucket in written:
                    path = f"tables/{bucket.table}/{bucket.name}-{commit}.parquet"
                    rows, size = pq.read_metadata(local).num_rows, local.stat().st_size
                    self._store.upload(path, local)
                    yield (
                        TableFile(bucket.name, path, rows, size, _sha256(local), bucket.generation),
                        bucket,
                    )
        finally:
            local.unlink(missing_ok=True)

    def _corrections(self, before: Manifest, commit: str) -> dict[str, Any]:
        """The file of corrections as the manifest has it, brought up when something was said or taken back since."""
        path = self._folder / correction_store.FILE
        if not path.exists():
            return dict(before.corrections)
        if before.corrections.get("state") == _said(path):
            return dict(before.corrections)
        local, key = self._folder / f"{disk.TEMPORARY}upload.sqlite", f"corrections/{commit}.sqlite"
        try:
            with closing(sqlite3.connect(path)) as source, closing(sqlite3.connect(local)) as to:
                source.backup(to)
            self._store.upload(key, local)
            return {
                "path": key,
                "sha256": _sha256(local),
                "state": _said(local),
            }  # more may have been said meanwhile
        finally:
            local.unlink(missing_ok=True)

    def _find_lost(self, now: datetime) -> None:
        """Put files of no table, which a run left that lost its connection, among those that are removed in an hour."""
        last = self._last()
        known = {*last.paths(), *last.replaced}
        lost = [
            key
            for below in ("tables/", "corrections/")
            for key in self._store.keys(below)
            if key not in known and _OURS.fullmatch(key)
        ]
        if lost and last.commit:
            at = now.isoformat(timespec="seconds")
            self._note["manifest"] = json.loads(
                replace(last, replaced={**last.replaced, **dict.fromkeys(lost, at)}).as_json()
            )
            self._save()

    def _remove(self, paths: list[str]) -> None:
        """Remove files that nobody reads any more; what the bucket refuses is said, and costs no run."""
        try:
            self._store.delete(paths)
        except StorageError as error:
            _log.warning("%s", error)

    # --- and back ---------------------------------------------------------------------------------------------------

    def _bring_back(self, there: Manifest) -> None:
        if self._warehouse.exists():
            _log.warning("%s was written by another host; the warehouse here is made anew from it.", self.url)
        self._bring_back_corrections(there)
        rebuild(self._store, there, self._warehouse)

    def _bring_back_corrections(self, there: Manifest) -> None:
        """Take the corrections of the bucket over. Raises StorageError when some were given here that it has not."""
        wanted, mine = there.corrections, self._folder / correction_store.FILE
        if not wanted or (mine.exists() and _said(mine) == wanted["state"]):
            return
        if not fetch_corrections(self._store, there, self._folder, self._last().corrections.get("state")):
            message = f"Corrections were given in {mine} and on another host, and cannot be put together."
            step = f"Move {mine.name} away, run again, and take its corrections with `octavo correct`."
            raise StorageError(message, about=self.url, next_step=step)

    # --- the note ---------------------------------------------------------------------------------------------------

    def _last(self) -> Manifest:
        """The manifest as this folder last wrote or read it."""
        known = self._note.get("manifest")
        return manifest.parsed(json.dumps(known).encode(), self.url) if known else Manifest()

    def _keep(self, there: Manifest, etag: str) -> None:
        self._note |= {"etag": etag, "manifest": json.loads(there.as_json())}
        self._note.pop("intended", None)
        self._save()

    def _save(self) -> None:
        _write(self._folder / NOTE, self._note)


def rebuild(store: ObjectStore, there: Manifest, target: Path) -> None:
    """Make the warehouse file `target` of what stands on a bucket, whole or not at all. Raises StorageError."""
    temporary = target.with_name(f"{disk.TEMPORARY}{target.name}")
    temporary.unlink(missing_ok=True)
    try:
        with catalog.attached(temporary, read_only=False) as connection:
            connection.begin()
            for name, state in there.tables.items():
                if not state.is_view:
                    books.make_table(connection, name, state)
                    for file in state.files:
                        _fetch(connection, store, name, file, temporary)
            books.keep(connection, there.books, there.tables)
            connection.commit()
            connection.execute("CHECKPOINT warehouse")
        disk.replace(temporary, target)
    finally:
        disk.sweep(target.parent)


def _fetch(
    connection: duckdb.DuckDBPyConnection, store: ObjectStore, name: str, file: TableFile, beside: Path
) -> None:
    """Put the rows of one file into its table; the file itself stays no longer than that takes."""
    local = beside.with_name(f"{disk.TEMPORARY}fetched.parquet")
    try:
        store.download(file.path, local, file.sha256)
        with pq.ParquetFile(local) as source:
            schema = source.schema_arrow.remove_metadata()
            batches = (
                pa.RecordBatch.from_arrays(batch.columns, schema=schema)
                for batch in source.iter_batches(_BATCH_ROWS)
            )
            books.fill(connection, name, pa.RecordBatchReader.from_batches(schema, batches))
    finally:
        local.unlink(missing_ok=True)


def fetch_corrections(store: ObjectStore, there: Manifest, folder: Path, last: str | None = None) -> bool:
    """Put the corrections that stand on a bucket into a folder, if there are any.

    False when the folder has others than those of state `last`: then they stay. Its file stays the same one, since a review may have it
    open: who writes there afterwards would write into a file that has no name any more. Raises StorageError.
    """
    if not there.corrections:
        return True
    local, target = folder / f"{disk.TEMPORARY}fetched.sqlite", folder / correction_store.FILE
    try:
        store.download(str(there.corrections["path"]), local, str(there.corrections["sha256"]))
        if target.exists():
            return _taken_over(local, target, (last, there.corrections.get("state"), NOTHING_SAID))
        for left in ("-wal", "-shm"):
            target.with_name(target.name + left).unlink(missing_ok=True)
        disk.replace(local, target)
        return True
    finally:
        local.unlink(missing_ok=True)


def _taken_over(source: Path, target: Path, known: Collection[str | None]) -> bool:
    """Put the rows of one file of corrections in place of those of another; False when that is in none of these states."""
    try:
        with closing(sqlite3.connect(target, isolation_level=None, timeout=WAIT_S)) as connection:
            connection.execute("ATTACH ? AS fetched", (str(source),))
            connection.execute("BEGIN IMMEDIATE")  # from here on nobody says anything
            if _digest(connection) not in known:
                connection.execute("ROLLBACK")
                return False
            for table, is_whole in (("corrections", True), ("answers", True), ("unsettled", False)):
                if is_whole:
                    connection.execute(f"DELETE FROM main.{table}")  # noqa: S608 - our own names
                columns = ", ".join(
                    row[1] for row in connection.execute(f"PRAGMA fetched.table_info({table})")
                )
                connection.execute(
                    f"INSERT OR REPLACE INTO main.{table} ({columns}) SELECT {columns} FROM fetched.{table}"  # noqa: S608
                )
            (stamp,) = connection.execute(_LAST_STAMP).fetchone()
            connection.execute("DELETE FROM main.stamps")
            connection.execute("INSERT INTO main.stamps VALUES (?)", (stamp + 1,))
            connection.execute("COMMIT")
    except sqlite3.Error as error:
        message = f"{target} cannot take the corrections of the bucket: {error}."
        raise StorageError(
            message, about=str(target), next_step="End what writes there, and run again."
        ) from None
    return True


def read_manifest(store: ObjectStore) -> Manifest:
    """What stands on a bucket now. Raises SettingsError when there are no tables, and StorageError."""
    found = store.get(manifest.KEY)
    if found is None:
        message = f"There are no tables of Octavo at {store.url}: it has no {manifest.KEY}."
        raise SettingsError(message, about="from", next_step="Name the URL that a run had as --out.")
    return manifest.parsed(found.data, store.url)


def _said(corrections: Path) -> str:
    """What tells two states of the file of corrections apart: a hash of what was said, taken back and answered."""
    with closing(sqlite3.connect(corrections)) as connection:
        return _digest(connection)


def _digest(connection: sqlite3.Connection) -> str:
    digest = hashlib.sha256()
    for query in (
        "SELECT * FROM main.corrections ORDER BY number",
        "SELECT * FROM main.answers ORDER BY document, question",
    ):
        for row in connection.execute(query):
            digest.update(repr(row).encode())
    return digest.hexdigest()


def _sha256(path: Path) -> str:
    with path.open("rb") as source:
        return hashlib.file_digest(source, "sha256").hexdigest()


def _write(path: Path, note: dict[str, Any]) -> None:
    temporary = path.with_name(f"{disk.TEMPORARY}{os.getpid()}-{path.name}")
    try:
        temporary.write_text(json.dumps(note), encoding="utf-8")
        disk.replace(temporary, path)
    finally:
        with suppress(FileNotFoundError):
            temporary.unlink()
