"""Folder in, `documents` and `pages` out: reads every path below the inbox in the sandbox and commits what it found."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from pathlib import Path

from flows.asking import Desk
from flows.batches import Each, Tell, in_batches
from processors.pack.windows import Count
from processors.read import pages as read
from processors.store.warehouse import Change, Warehouse
from schemas import tables
from schemas.pipeline import Document

FILES_PER_BATCH = 100  # a batch is a task in Prefect, which should last seconds and not milliseconds
MOST_BATCHES = 200  # a flow run in Prefect stays readable below 500 task runs
COMMIT_EVERY_S = 30.0

Row = dict[str, object]


@dataclass(slots=True)
class _Shelf:
    """Rows that wait for the next commit, and every path and document met so far."""

    warehouse: Warehouse
    reader: str  # version of the reader, which stands beside what it read
    count: Count
    documents: list[Row] = field(default_factory=list)
    pages: list[Row] = field(default_factory=list)
    gone: set[tuple[str]] = field(default_factory=set)  # documents whose old pages make way for new ones
    paths: set[str] = field(default_factory=set)
    shas: set[str] = field(default_factory=set)
    committed_at: float = field(default_factory=time.monotonic)
    changed: bool = False

    async def put_all(self, readings: Iterable[read.Reading]) -> None:
        for reading in readings:
            self.put(reading)
        if time.monotonic() - self.committed_at > COMMIT_EVERY_S:
            await self.commit()

    def put(self, reading: read.Reading) -> None:
        document = reading.document
        if reading.unchanged:
            self.paths.add(document.path)
            return
        self.documents.append(tables.document_row(document, self.reader))
        if document.sha256 and document.sha256 not in self.shas:
            self.gone.add((document.sha256,))
            self.pages.extend(tables.page_row(page, self.count(page.shown)) for page in reading.pages)
        self.paths.add(document.path)
        self.shas.add(document.sha256)

    async def commit(self) -> None:
        changes = [Change(tables.DOCUMENTS, self.documents), Change(tables.PAGES, self.pages, self.gone)]
        self.documents, self.pages, self.gone, self.committed_at = [], [], set(), time.monotonic()
        self.changed |= await asyncio.to_thread(self.warehouse.commit, changes)


async def ingest(desk: Desk, *, each: Each, tell: Tell) -> bool:
    """Read the inbox: a row in `documents` for every path found, and the pages of those that could be read.

    What is no longer in the inbox leaves all tables. Gives whether the tables changed. Raises SettingsError when the inbox is no
    folder, and StorageError.
    """
    shelf = _Shelf(desk.warehouse, desk.reader.version, desk.count)
    found = list(_discovered(desk, shelf))
    await _read(desk, found, shelf, each=each, tell=tell)
    await shelf.commit()
    if desk.halt.error:  # not all was seen, so nothing is known to be gone
        return shelf.changed
    forgot = await asyncio.to_thread(desk.warehouse.keep_only, shelf.paths)
    return shelf.changed or forgot


async def _read(desk: Desk, found: Sequence[read.Found], shelf: _Shelf, *, each: Each, tell: Tell) -> None:
    """Read the files in batches, and commit now and then."""
    done, total = len(shelf.paths), len(shelf.paths) + len(found)
    tell("read", done, total)

    def more(files: int) -> None:
        nonlocal done
        done += files
        tell("read", done, total)

    async def read_batch(batch: Sequence[read.Found]) -> Sequence[read.Reading]:
        return await desk.reader.read(batch, more)

    batches = in_batches(found, max(FILES_PER_BATCH, len(found) // MOST_BATCHES))
    async with aclosing(each("read", read_batch, batches)) as read_batches:
        async for readings in read_batches:
            await shelf.put_all(readings)
            if desk.halt.error:
                return


def _discovered(desk: Desk, shelf: _Shelf) -> Iterator[read.Found]:
    """The files to read, each with the SHA-256 under which its pages are known. Other paths go on the shelf as they are."""
    rows = desk.warehouse.rows(tables.DOCUMENTS.name, ["path_bytes", "document", "status", "reader"])
    sound = (row for row in rows if row["reader"] == shelf.reader and row["status"] in ("ok", "empty"))
    known = {row["path_bytes"]: row["document"] for row in sound}
    for path in read.discover(Path(desk.job.inbox), desk.limits, skip=Path(desk.job.out)):
        if isinstance(path, Document):
            shelf.put(read.Reading(path))
        else:
            yield replace(path, known=known.get(path.path_bytes, ""))
