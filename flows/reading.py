"""Folder in, `documents` and `pages` out: reads every path below the inbox in the sandbox and commits what it found.

Nothing here holds all files: paths are listed as they are wanted, readings are staged as they come, and committed to the tables.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from itertools import islice

from octavo.flows import threads
from octavo.flows.context import RunContext
from octavo.flows.tally import FIRST, Failure
from octavo.processors.read import pages as read
from octavo.processors.store.warehouse import Change, Warehouse
from octavo.schemas import tables
from octavo.schemas.columns import Waiting
from octavo.schemas.pipeline import Document

FILES_PER_BATCH = 100  # a batch is worked on at once and committed soon ...
GROWTH = 50  # ... and later ones are a share of all before them: 200 task runs for 100,000 files, 315 for a million
COMMIT_FIRST_S, COMMIT_EVERY_S = 5.0, 30.0  # the first is soon, since it makes the tables of a new folder
COMMIT_EVERY_CHARS = 30_000_000  # of text that waits in memory
COMMIT_EVERY_ROWS = 10_000
ASIDE_AT_ONCE, ASIDE_ROWS = 500, 2_000  # paths taken over from a plan with one look-up, and that wait for it
MOST_VANISHED = 0.1  # share of the known files that may be gone before a person is asked: an unmounted share looks like an empty folder


@dataclass(slots=True)
class Ingested:
    """What reading the inbox found, in paths: files, and files inside files."""

    added: int = 0
    changed: int = 0
    removed: int = 0
    unchanged: int = 0
    failed: int = 0  # that could not be read, and were not known to be so
    failures: list[Failure] = field(default_factory=list)  # the first of these
    vanished: int = 0  # that are gone from the inbox and, since they are too many, were left in the tables
    unseen: int = (
        0  # known ones below a folder or in a file that could not be looked at, which stay in the tables
    )
    known: int = 0  # files that the tables held before, without those inside others
    absent: frozenset[str] = frozenset()  # documents of vanished paths; nothing is asked about them
    tables_changed: bool = False


@dataclass(frozen=True, slots=True)
class _Row:
    """What `documents` says of a path."""

    document: str
    status: str
    reason: str
    container: str


@dataclass(slots=True)
class _Known:
    """What the tables, and a plan that was made since, say of the paths of an inbox."""

    inbox: str = ""
    rows: dict[str, _Row] = field(default_factory=dict)
    shas: dict[str, str] = field(default_factory=dict)  # by path: the bytes that need not be read again
    inside: dict[str, list[str]] = field(
        default_factory=lambda: defaultdict(list)
    )  # by path: the paths of the files inside it

    def within(self, path: str) -> Iterator[str]:
        """The paths of all files inside a file, however deep."""
        for inner in self.inside.get(path, ()):
            yield inner
            yield from self.within(inner)


class _StagedPages:
    """Rows that wait for the next commit, and what is known of the inbox by now."""

    def __init__(self, run: RunContext, aside: Warehouse | None) -> None:
        """`aside` is where a plan has put what it read."""
        self.warehouse, self.inbox, self.count = run.warehouse, run.inbox, run.count
        self.reader = f"{run.reader.version} {run.count.name}"  # stands beside what was read
        self.known = _known(run.warehouse, self.inbox, self.reader)
        self.replaced = _replaced(run)
        self.moved: set[str] = (
            set()
        )  # paths that are known of the inbox whose place this one has taken, and of this one not yet
        known = [*self.known.rows.values(), *self.replaced.rows.values()]
        self.found = Ingested(known=sum(not row.container and row.status != "skipped" for row in known))
        self.unmet = set(self.known.rows)
        self.met: set[str] = set()  # documents that lie somewhere
        self.unlisted: list[str] = []  # paths below which nothing could be looked at
        self._aside = aside
        self._planned = _known(aside, self.inbox, self.reader) if aside else _Known()
        self._taken_over: list[str] = []
        self._documents = Waiting(tables.DOCUMENTS)
        self._pages = Waiting(tables.PAGES)
        self._passed_over: list[Document] = []
        self._gone: set[tuple[str]] = set()  # documents whose old pages make way for new ones
        self._waiting: dict[str, Document] = {}  # by SHA-256
        self._chars = 0  # of text that waits
        self._committed_at = time.monotonic() - COMMIT_EVERY_S + COMMIT_FIRST_S

    def sha(self, path: str) -> str:
        """The SHA-256 under which the pages of a path are known; "" when it is to be read."""
        return self._planned.shas.get(path, "") or self.known.shas.get(path, "")

    def put(self, reading: read.Reading) -> None:
        """Take what became of a path."""
        document = reading.document
        path, before = document.path, self.known.rows.get(document.path)
        if reading.unchanged:
            self._put_unchanged(path)
            return
        if document.status == "error" or document.reason == "too_deep":
            self.unlisted.append(path)
        if document.status == "skipped" and before and before.document:
            self._passed_over.append(document)  # gone, as far as its rows are concerned
            return
        self._count(self._before(path), document)
        self.unmet.discard(path)
        self.met.add(document.sha256)
        self._documents.put([tables.document_row(document, self.reader, self.inbox)])
        self._waiting[document.sha256] = document
        if document.sha256 and not reading.twin and (document.sha256,) not in self._gone:
            self._gone.add((document.sha256,))
            self._pages.put(tables.page_row(page, self.count.plain(page.shown)) for page in reading.pages)
            self._chars += sum(len(page.text) for page in reading.pages)

    def _put_unchanged(self, path: str) -> None:
        """What lies in an unchanged document is unchanged too, and has no reading of its own."""
        planned = self._planned.shas.get(path)
        family = [path, *(self._planned if planned else self.known).within(path)]
        self.unmet.difference_update(family)
        for one in family:
            row = (self._planned if planned else self.known).rows[one]
            self.met.add(row.document)
            before = self._before(one)
            self.found.unchanged += before == row
            self.found.changed += bool(before and before != row)
            self.found.added += before is None
            self.found.failed += row.status == "error" and before != row
        if planned and self.known.shas.get(path) != planned:
            self._taken_over += family

    def _before(self, path: str) -> _Row | None:
        """What was known of a path that is there; a folder that has moved brings what was known of it along."""
        if path not in self.known.rows and path in self.replaced.rows:
            self.moved.add(path)
            return self.replaced.rows[path]
        return self.known.rows.get(path)

    def _count(self, before: _Row | None, document: Document) -> None:
        now = _Row(document.sha256, document.status, document.reason, document.container)
        if before is None:
            self.found.added += 1
        elif before == now:
            self.found.unchanged += 1
        else:
            self.found.changed += 1
        if document.status == "error" and before != now:
            self._fail(document)

    def _fail(self, document: Document) -> None:
        self.found.failed += 1
        if len(self.found.failures) < FIRST:
            self.found.failures.append(Failure(document.reason, document.detail, document.path))

    async def commit_when_due(self) -> None:
        """Commit when the last one is long ago, or much waits."""
        waits = (
            self._chars > COMMIT_EVERY_CHARS
            or len(self._documents) > COMMIT_EVERY_ROWS
            or len(self._taken_over) > ASIDE_ROWS
        )
        if waits or time.monotonic() - self._committed_at > COMMIT_EVERY_S:
            await self.commit()

    async def commit_rest(self) -> None:
        """Commit what waits, if anything does."""
        misfits = self._documents.misfits or self._pages.misfits
        if len(self._documents) or len(self._pages) or misfits or self._gone or self._taken_over:
            await self.commit()

    async def commit(self) -> None:
        """Commit what waits in one step."""
        await asyncio.to_thread(self._take_over)
        changes = [
            Change(tables.DOCUMENTS, self._documents.taken()),
            Change(tables.PAGES, self._pages.taken(), self._gone),
        ]
        self._gone, self._chars = set(), 0
        self.found.tables_changed |= await asyncio.to_thread(self.warehouse.commit, changes)
        if misfits := [*self._documents.misfits, *self._pages.misfits]:
            self._documents.misfits, self._pages.misfits = [], []
            self._refuse(misfits)
            await self.commit()
        self._waiting.clear()
        self._committed_at = time.monotonic()

    def _refuse(self, misfits: Sequence[tuple[Mapping[str, object], Exception]]) -> None:
        """A row that cannot be stored is the trouble of its document, and of no other."""
        for row, error in misfits:
            document = self._waiting.get(str(row["document"]))
            if document and document.reason != "unstorable":
                detail = f"What was read of it cannot be stored: {error}"
                self.trouble(replace(document, status="error", reason="unstorable", detail=detail))

    def trouble(self, document: Document) -> None:
        """Put down that a document that was read is in trouble all the same; its pages go."""
        self._documents.put([tables.document_row(document, self.reader, self.inbox)])
        self._waiting[document.sha256] = document
        self._gone.add((document.sha256,))
        self._fail(document)

    def _take_over(self) -> None:
        """Put the rows that a plan has read, of paths whose bytes are still the same."""
        while self._aside and self._taken_over:
            paths, self._taken_over = self._taken_over[:ASIDE_AT_ONCE], self._taken_over[ASIDE_AT_ONCE:]
            rows = self._aside.documents_at(paths, self.inbox)
            self._documents.put(rows)
            shas = sorted(
                {row["document"] for row in rows if row["document"]} - {sha for (sha,) in self._gone}
            )
            self._gone.update((sha,) for sha in shas)
            pages = list(self._aside.pages_of(shas))
            self._pages.put(tables.page_row(page, self.count.plain(page.shown)) for page in pages)

    async def settle_absence(self, *, accepted: bool) -> None:
        """Let go of the paths that are gone, unless they are so many that the inbox itself may be: then they stay, and that is said.

        What surely is no more goes in any case: the old path of a document that lies elsewhere now, a path that was passed over, and what
        was in a zip that is there and was read.
        """
        unmet = {(path, self.inbox): self.known.rows[path] for path in self.unmet}
        unmet |= {(path, self.replaced.inbox): row for path, row in self.replaced.rows.items()}
        places = set(self.unlisted)
        unseen = {key: row for key, row in unmet.items() if _is_below(key[0], places)}
        unmet = {key: row for key, row in unmet.items() if key not in unseen}
        self.unmet -= {path for path, inbox in unseen if inbox == self.inbox}
        self.found.unseen = sum(row.status != "skipped" for row in unseen.values())
        gone = {
            key: row
            for key, row in unmet.items()
            if (row.document not in self.met or not row.document) and not self._has_moved(*key)
        }
        files = sum(not row.container and row.status != "skipped" for row in gone.values())
        if not accepted and files and (files == self.found.known or files > MOST_VANISHED * self.found.known):
            self.found.vanished = files
            self.found.absent = frozenset(row.document for row in gone.values()) - self.met
            unmet = {key: row for key, row in unmet.items() if key not in gone or self._left_a_file(*key)}
        passed_over = [
            document for document in self._passed_over if unmet.pop((document.path, self.inbox), None)
        ]
        self._documents.put(
            [tables.document_row(document, self.reader, self.inbox) for document in passed_over]
        )
        moved = sum(self._has_moved(*key) for key in unmet)
        self.found.removed += len(unmet) - moved + len(passed_over)
        await self.commit_rest()
        self.found.tables_changed |= await asyncio.to_thread(self.warehouse.delete_paths, unmet.keys())

    def _has_moved(self, path: str, inbox: str) -> bool:
        """Whether a path of the inbox whose place this one has taken is here too, with the same content or another."""
        return inbox == self.replaced.inbox and path in self.moved

    def _left_a_file(self, path: str, inbox: str) -> bool:
        """Whether a path that is gone was inside a file of this inbox that is there."""
        outer = path
        while outer in self.known.rows and self.known.rows[outer].container:
            outer = self.known.rows[outer].container
        return inbox == self.inbox and outer != path and outer not in self.unmet


def _is_below(path: str, places: Collection[str]) -> bool:
    """Whether a path lies below one of these places; "" is the inbox itself, and above all."""
    while path:
        path = path.rpartition("/")[0]
        if path in places:
            return True
    return False


async def read_inbox(run: RunContext, aside: Warehouse | None = None) -> Ingested:
    """Read the inbox: a row in `documents` for every path found, and for every file inside one, and the pages of what could be read.

    What is no longer in the inbox leaves all tables; when that is more than a tenth of what was known, only if the job accepts it.
    Raises SettingsError when the inbox is no folder, and StorageError.
    """
    staged = _StagedPages(run, aside)
    await _read(run, staged)
    await staged.commit()
    if not run.stop.error:  # else not all was seen, so nothing is known to be gone
        await _settle_twins(staged)
        await staged.settle_absence(accepted=run.job.accept_vanished)
        kept = await asyncio.to_thread(threads.keep_lone_quotations, staged.warehouse, staged.count)
        staged.found.tables_changed |= kept
    return staged.found


async def _settle_twins(staged: _StagedPages) -> None:
    """No row says ok without pages: where a worker died with those of a twin, the others are in trouble too; the next run reads them."""
    for document in await asyncio.to_thread(staged.warehouse.without_pages, staged.inbox):
        detail = "The worker that read the same bytes under another path died before it handed over their pages. Run again."
        staged.trouble(replace(document, status="error", reason="crashed", detail=detail))
    await staged.commit_rest()


async def _read(run: RunContext, staged: _StagedPages) -> None:
    """Read the files in batches. How many there are is known when the last one was listed."""
    done, workers = 0, run.hooks.workers
    run.hooks.on_progress("read", 0, None)
    committing = asyncio.Lock()  # batches overlap

    async def read_batch(batch: Sequence[read.FoundFile]) -> None:
        nonlocal done
        async with aclosing(workers.do("read", run.reader.stream, run, batch)) as readings:
            async for files, some in readings:
                for reading in some:
                    staged.put(reading)
                async with committing:
                    await staged.commit_when_due()
                done += files
                run.hooks.on_progress("read", done, None)
                if run.stop.error:
                    return

    found = _batches(_discovered(run, staged), workers.files or sys.maxsize)
    async with aclosing(run.hooks.each("read", read_batch, found, workers.at_once)) as batches:
        async for _ in batches:
            if run.stop.error:
                return
    run.hooks.on_progress("read", done, done)


def _batches(found: Iterator[read.FoundFile], most: int) -> Iterator[list[read.FoundFile]]:
    """Files in batches that grow up to `most`, so that a large folder is neither many batches nor in memory at once."""
    seen = 0
    while batch := list(islice(found, min(most, max(FILES_PER_BATCH, seen // GROWTH)))):
        seen += len(batch)
        yield batch


def _discovered(run: RunContext, staged: _StagedPages) -> Iterator[read.FoundFile]:
    """The files to read, each with the SHA-256 under which its pages are known. Other paths go into the staged pages as they are."""
    for path in read.discover(
        run.job.inbox, run.limits, skip=run.job.out if "://" in run.job.out else run.out
    ):
        if isinstance(path, Document):
            staged.put(read.Reading(path))
        else:
            yield replace(path, known=staged.sha(path.path))


def _replaced(run: RunContext) -> _Known:
    """What the tables say of the inbox whose place this one has taken, if it has.

    Where this one is in the tables already, the other may be there beside it and for good; then its rows go only if that is accepted too.
    """
    held = run.warehouse.inboxes()
    others = [inbox for inbox in held if inbox != run.inbox]
    is_new = run.inbox not in held
    if not (run.job.replace_inbox and len(others) == 1 and (is_new or run.job.accept_vanished)):
        return _Known()
    return _known(run.warehouse, others[0], "")


def _known(warehouse: Warehouse, inbox: str, reader: str) -> _Known:
    """What is known of an inbox. Need not be read again: what this reader has read, unless a file inside it was in trouble."""
    known = _Known(inbox)
    troubled = [document.path for document in warehouse.without_pages(inbox)]  # of a run that was killed
    for row in warehouse.each(
        tables.DOCUMENTS.name, ["path", "inbox", "document", "status", "reason", "reader", "container"]
    ):
        if row["inbox"] != inbox:
            continue
        path = row["path"]
        known.rows[path] = _Row(
            row["document"] or "", sys.intern(row["status"]), sys.intern(row["reason"]), row["container"]
        )
        if row["container"]:
            known.inside[row["container"]].append(path)
            if row["status"] == "error" or row["reason"] == "too_deep":
                troubled.append(path)
        elif row["reader"] == reader and row["status"] in ("ok", "empty"):
            known.shas[path] = row["document"]
    for inner in troubled:
        outer = inner
        while outer in known.rows and known.rows[outer].container in known.rows:
            outer = known.rows[outer].container
        known.shas.pop(outer, None)
    return known
