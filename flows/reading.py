"""Folder in, `documents` and `pages` out: reads every path below the inbox in the sandbox and commits what it found.

Nothing here holds all files: paths are listed as they are wanted, readings go to the shelf as they come, and the shelf to the tables.
"""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from itertools import islice

from flows.asking import Desk
from flows.batches import Each, Tell
from flows.counting import Tokens
from processors.read import pages as read
from processors.store.warehouse import Change, Warehouse
from schemas import tables
from schemas.columns import Waiting
from schemas.pipeline import Document

FILES_PER_BATCH = 100  # a batch is a task in Prefect, which should last seconds and not milliseconds ...
GROWTH = 50  # ... and later ones are a share of all before them: 200 task runs for 100,000 files, 315 for a million
COMMIT_EVERY_S = 30.0
COMMIT_EVERY_CHARS = 30_000_000  # of text that waits in memory
COMMIT_EVERY_ROWS = 10_000


@dataclass(slots=True)
class _Known:
    """What the tables say already: for each path the SHA-256 of its bytes, the paths of the files inside it, and which were not met yet."""

    shas: dict[str, str] = field(default_factory=dict)
    unmet: set[str] = field(default_factory=set)
    inside: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))

    def within(self, path: str) -> Iterator[str]:
        """The paths of all files inside a file, however deep."""
        for inner in self.inside.get(path, ()):
            yield inner
            yield from self.within(inner)


@dataclass(slots=True)
class _Shelf:
    """Rows that wait for the next commit."""

    warehouse: Warehouse
    reader: str  # version of the reader, and what counted tokens, which stand beside what was read
    count: Tokens
    known: _Known
    documents: Waiting = field(default_factory=lambda: Waiting(tables.DOCUMENTS))
    pages: Waiting = field(default_factory=lambda: Waiting(tables.PAGES))
    gone: set[tuple[str]] = field(default_factory=set)  # documents whose old pages make way for new ones
    chars: int = 0  # of text that waits
    committed_at: float = field(default_factory=time.monotonic)
    changed: bool = False

    def put(self, reading: read.Reading) -> None:
        document = reading.document
        self.known.unmet.discard(document.path)
        if reading.unchanged:
            self.known.unmet.difference_update(self.known.within(document.path))
            return
        self.documents.put([tables.document_row(document, self.reader)])
        if document.sha256 and not reading.twin and (document.sha256,) not in self.gone:
            self.gone.add((document.sha256,))
            self.pages.put(tables.page_row(page, self.count.plain(page.shown)) for page in reading.pages)
            self.chars += sum(len(page.text) for page in reading.pages)

    async def commit_when_due(self) -> None:
        waits = self.chars > COMMIT_EVERY_CHARS or len(self.documents) > COMMIT_EVERY_ROWS
        if waits or time.monotonic() - self.committed_at > COMMIT_EVERY_S:
            await self.commit()

    async def commit(self) -> None:
        changes = [Change(tables.DOCUMENTS, self.documents.taken()), Change(tables.PAGES, self.pages.taken(), self.gone)]
        self.gone, self.chars = set(), 0
        self.changed |= await asyncio.to_thread(self.warehouse.commit, changes)
        self.committed_at = time.monotonic()


async def ingest(desk: Desk, *, each: Each, tell: Tell) -> bool:
    """Read the inbox: a row in `documents` for every path found, and for every file inside one, and the pages of what could be read.

    What is no longer in the inbox leaves all tables. Gives whether the tables changed. Raises SettingsError when the inbox is no
    folder, and StorageError.
    """
    version = f"{desk.reader.version} {desk.count.name}"
    shelf = _Shelf(desk.warehouse, version, desk.count, _known(desk.warehouse, version))
    await _read(desk, shelf, each=each, tell=tell)
    await shelf.commit()
    if desk.halt.error:  # not all was seen, so nothing is known to be gone
        return shelf.changed
    await _settle_twins(shelf)
    forgot = await asyncio.to_thread(desk.warehouse.forget, shelf.known.unmet)
    return shelf.changed or forgot


async def _settle_twins(shelf: _Shelf) -> None:
    """No row says ok without pages: where a worker died with those of a twin, the others are in trouble too; the next run reads them."""
    for document in await asyncio.to_thread(shelf.warehouse.pageless):
        detail = "The worker that read the same bytes under another path died before it handed over their pages. Run again."
        trouble = replace(document, status="error", reason="crashed", detail=detail)
        shelf.documents.put([tables.document_row(trouble, shelf.reader)])
    await shelf.commit()


async def _read(desk: Desk, shelf: _Shelf, *, each: Each, tell: Tell) -> None:
    """Read the files in batches. How many there are is known when the last one was listed."""
    done = 0
    tell("read", 0, None)
    committing = asyncio.Lock()  # batches overlap

    async def read_batch(batch: Sequence[read.Found]) -> None:
        nonlocal done
        async with aclosing(desk.reader.stream(batch)) as readings:
            async for files, some in readings:
                for reading in some:
                    shelf.put(reading)
                async with committing:
                    await shelf.commit_when_due()
                done += files
                tell("read", done, None)
                if desk.halt.error:
                    return

    async with aclosing(each("read", read_batch, _batches(_discovered(desk, shelf)))) as batches:
        async for _ in batches:
            if desk.halt.error:
                return
    tell("read", done, done)


def _batches(found: Iterator[read.Found]) -> Iterator[list[read.Found]]:
    """Files in batches that grow, so that a large folder is neither many batches nor in memory at once."""
    seen = 0
    while batch := list(islice(found, max(FILES_PER_BATCH, seen // GROWTH))):
        seen += len(batch)
        yield batch


def _discovered(desk: Desk, shelf: _Shelf) -> Iterator[read.Found]:
    """The files to read, each with the SHA-256 under which its pages are known. Other paths go on the shelf as they are."""
    for path in read.discover(desk.job.inbox, desk.limits, skip=desk.warehouse.folder):
        if isinstance(path, Document):
            shelf.put(read.Reading(path))
        else:
            yield replace(path, known=shelf.known.shas.get(path.path, ""))


def _known(warehouse: Warehouse, reader: str) -> _Known:
    """What need not be read again: what this reader has read, unless a file inside it was in trouble."""
    known = _Known()
    container_of: dict[str, str] = {}
    troubled = [document.path for document in warehouse.pageless()]  # of a run that was killed
    for row in warehouse.each(tables.DOCUMENTS.name, ["path", "document", "status", "reason", "reader", "container"]):
        known.unmet.add(row["path"])
        if row["container"]:
            container_of[row["path"]] = row["container"]
            known.inside[row["container"]].append(row["path"])
            if row["status"] == "error" or row["reason"] == "too_deep":
                troubled.append(row["path"])
        elif row["reader"] == reader and row["status"] in ("ok", "empty"):
            known.shas[row["path"]] = row["document"]
    for inner in troubled:
        outer = inner
        while outer in container_of:
            outer = container_of[outer]
        known.shas.pop(outer, None)
    return known
