"""Paths in, documents with their pages out: the door of this room.

    with Reader(Limits()) as reader:
        for entry in discover(inbox, limits):       # Found, or a Document that says why it is not read
            readings = await reader.read([entry])   # a Reading for it, and one for each file inside it: the Document and its Pages

Every parse runs in the sandbox, so a file that hangs or crashes its parser costs only itself and becomes a row with a reason.
A new format is one file in this folder with a function `read(Source) -> Content`, and one line in `READERS`.
"""

from __future__ import annotations

import asyncio
import os
import tempfile
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import replace
from itertools import islice
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from weakref import WeakValueDictionary

from octavo.processors.read import kinds, remote
from octavo.processors.read import ocr as ocr_engine
from octavo.processors.read.after_ocr import seen_pages
from octavo.processors.read.content import PlacedWords, ReadLimits
from octavo.processors.read.cutout import cropped
from octavo.processors.read.discover import FoundFile, display, outermost, walk
from octavo.processors.read.ocr_lines import Box
from octavo.processors.read.ocr_script import SeenPage
from octavo.processors.read.workers import tasks
from octavo.processors.read.workers.duplicates import Duplicates
from octavo.processors.read.workers.sandbox import BUSY, Sandbox, without_main
from octavo.processors.read.workers.worker import ReaderTerms, Reading, document_of, failed, look_again
from octavo.schemas.errors import DocumentError, SettingsError, describe
from octavo.schemas.pipeline import Document
from octavo.schemas.text import invoice_page

__all__ = [
    "EXTRAS", "READERS", "READER_VERSION", "FoundFile", "PlacedWords", "ReadLimits", "Reader", "Reading",
    "address", "discover", "given_up", "ocr_available", "without_main",
]  # fmt: skip

ocr_available = ocr_engine.available

READER_VERSION = "7"  # goes up when the same bytes give another text

READERS = {  # media type -> file in this folder
    "application/pdf": "pdf.pages",
    kinds.DOCX: "word.document",
    **dict.fromkeys((kinds.XLSX, kinds.XLSB, kinds.XLS, kinds.ODS), "sheet"),
    kinds.PPTX: "slides",
    **dict.fromkeys((kinds.ODT, kinds.ODP), "opendocument"),
    **dict.fromkeys((kinds.DOC, kinds.RTF, kinds.PPT, kinds.MSG), "office"),
    **dict.fromkeys(
        (
            *("image/png", "image/jpeg", "image/tiff", "image/webp", "image/gif", "image/bmp"),
            *("image/heic", "image/avif", "image/jp2"),
        ),
        "image",
    ),
    "text/html": "html",
    "message/rfc822": "mail",
    "application/mbox": "mbox",
    invoice_page.MEDIA_TYPE: "einvoice",
    kinds.EPUB: "epub",
    kinds.SVG: "svg",
    kinds.FLAT_OPC: "flat_opc",
    kinds.TNEF: "tnef",
    kinds.SIGNED: "signed",
    "application/zip": "zip",
    "text/plain": "text",
    "text/markdown": "text",
    "text/csv": "delimited",
}
EXTRAS = {"office": "office"}  # reader -> the extra of pyproject.toml that it needs
_PRELOAD = tuple(
    f"octavo.processors.read.{name}" for name in ("workers.worker", *dict.fromkeys(READERS.values()))
)
_PAGES_A_TASK = 8  # pictures rendered in one go


def discover(
    inbox: Path | str, limits: ReadLimits, skip: Path | str | None = None
) -> Iterator[FoundFile | Document]:
    """Every path below the inbox once, in a fixed order: a file to read, or a Document with the reason why it is none.

    The inbox is a folder, or a URL such as s3://bucket/prefix. `skip` is the output, a folder or a URL too, where it lies in the inbox.
    Raises SettingsError when the inbox is no folder.
    """
    if place := remote.url(inbox):
        return remote.walk(place, limits.max_file_bytes, limits.max_depth, remote.url(skip or ""))
    own = None if skip is None or remote.url(skip) else Path(skip)
    return walk(remote.folder(inbox), limits.max_file_bytes, limits.max_depth, own)


def given_up(found: FoundFile, error: DocumentError) -> Reading:
    """The reading of a file that nobody could read."""
    return Reading(failed(document_of(found), error))


def address(inbox: Path | str) -> str:
    """The one name of an inbox, however it was given: its URL, or the path of the folder without links, safe to print."""
    return remote.url(inbox) or display(os.path.realpath(os.fsencode(remote.folder(inbox))))


class Reader:
    """Owns the worker processes that read. With `ocr` pages without text are read by the local engine too."""

    def __init__(
        self, limits: ReadLimits | None = None, passwords: Sequence[str] = (), *, ocr: bool = False
    ) -> None:
        if ocr and not ocr_engine.available():
            raise SettingsError(
                "Local OCR is not installed.",
                about="ocr",
                next_step="Install it with: pip install 'octavo[ocr]'",
            )
        self._limits = limits or ReadLimits()
        self._terms = ReaderTerms(self._limits, tuple(passwords), READERS)
        self._sandbox = Sandbox(self._limits.workers, self._limits.memory_bytes, _PRELOAD)
        self._crew = tasks.WorkerPool(self._sandbox, self._terms)
        self._folder = tempfile.TemporaryDirectory(prefix="octavo-")  # what the workers tell one another
        self._twins = Duplicates(self._place)
        self._recognising: WeakValueDictionary[str, asyncio.Lock] = (
            WeakValueDictionary()
        )  # by SHA-256 of the document
        self._ocr: Sandbox | None = None
        if ocr:
            self._ocr = Sandbox(
                self._limits.ocr_workers, self._limits.ocr_memory_bytes, _PRELOAD, prefix="ocr_"
            )

    @property
    def version(self) -> str:
        """What gave the text, for the rows: the reader's version, and whether local OCR was on."""
        return READER_VERSION if self._ocr is None else f"{READER_VERSION}+ocr"

    @property
    def _place(self) -> str:
        return str(Path(self._folder.name) / "twins")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._sandbox.close()
        if self._ocr is not None:
            self._ocr.close()
        self._twins.close()
        self._folder.cleanup()

    async def read(
        self, batch: Sequence[FoundFile], tell: Callable[[int], None] = lambda _: None
    ) -> list[Reading]:
        """A Reading for each file and for each file inside it, in order. Raises nothing for a file: what goes wrong is in its Document.

        `tell` hears how many more files are done, each time some are.
        """
        groups = list(tasks.groups(batch))
        done: dict[int, list[Reading]] = {}
        async for number, readings in self._stream(groups, self._crew):
            done[number] = readings
            tell(len(groups[number]))
        return [reading for number in sorted(done) for reading in done[number]]

    async def stream(self, batch: Sequence[FoundFile]) -> AsyncGenerator[tuple[int, list[Reading]]]:
        """The same as they are done: how many files more, and their readings. Only a few wait in memory when they are not taken.

        Bytes that were read before, in this batch or an earlier one, are not parsed again: their reading is a `twin` without pages.
        """
        groups = list(tasks.groups(batch))
        terms = replace(self._terms, twins=self._place, ocr=self._ocr is not None)
        async with aclosing(self._stream(groups, tasks.WorkerPool(self._sandbox, terms))) as done:
            async for number, readings in done:
                yield len(groups[number]), readings

    async def images(self, inbox: Path | str, document: Document, numbers: Sequence[int]) -> dict[int, bytes]:
        """Pages (from 1) as JPEG: 150 dpi, RGB, upright, at most 2048 px. A number that is no page is left out.

        Raises DocumentError: changed when the file no longer has the bytes of `document`, else as reading does.
        """
        async with self._outermost(inbox, document) as near:
            return await self._render(near, document, numbers)

    async def boxes(
        self, inbox: Path | str, document: Document, page: int, start: int, end: int
    ) -> list[tuple[float, float, float, float]]:
        """Where characters `start` to `end` of the text of a page (from 1) stand: a box (left, bottom, right, top) a line.

        In points from the lower left of the page as it is shown; none but for a PDF. Raises DocumentError as `images` does.
        """
        async with self._outermost(inbox, document) as near:
            return list(await self._look_again("boxes", near, document, page, start, end) or ())

    async def words(self, inbox: Path | str, document: Document, page: int) -> PlacedWords | None:
        """Where every word of a page (from 1) stands on it; None but for a PDF. Raises DocumentError as `images` does."""
        async with self._outermost(inbox, document) as near:
            found: PlacedWords | None = await self._look_again("words", near, document, page)
            return found

    async def cropped(self, picture: bytes, window: tuple[float, float, float, float]) -> bytes:
        """The part of a picture (JPEG) between left, top, right and bottom, each a share of its size. Raises DocumentError."""
        return await self._sandbox.run(cropped, picture, window, timeout_s=self._limits.timeout_s)

    async def recognised(self, picture: bytes) -> list[Box]:
        """The lines that local OCR sees in a picture (JPEG), in pixels of it. Raises DocumentError; `ocr` must be on."""
        assert self._ocr is not None
        return await self._ocr.run(ocr_engine.boxes_in, picture, timeout_s=self._limits.ocr_timeout_s)

    async def _stream(
        self, groups: Sequence[Sequence[FoundFile]], crew: tasks.WorkerPool
    ) -> AsyncGenerator[tuple[int, list[Reading]]]:
        """Number and readings of each group, as they are done. So many at once that no worker waits, and no more."""
        waiting: set[asyncio.Task[tuple[int, list[Reading]]]] = set()
        late: list[int] = []
        pending = enumerate(groups)
        try:
            while True:
                room = 2 * self._limits.workers + 1 - len(waiting)
                waiting |= {
                    asyncio.create_task(self._read_numbered(crew, *item)) for item in islice(pending, room)
                }
                if not waiting:
                    break
                done, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
                for number, readings in (task.result() for task in done):
                    if any(reading.document.reason == BUSY for reading in readings):
                        late.append(number)
                    else:
                        yield number, readings
            for number in late:  # one after the other, when the machine has nothing else of ours to do
                _, readings = await self._read_numbered(crew, number, groups[number])
                yield number, [_given_up(reading) for reading in readings]
        finally:
            for task in waiting:
                task.cancel()
            await asyncio.gather(*waiting, return_exceptions=True)

    async def _read_numbered(
        self, crew: tasks.WorkerPool, number: int, group: Sequence[FoundFile]
    ) -> tuple[int, list[Reading]]:
        """The readings of a group. What goes wrong on this side, such as a full disk, costs no more than the group."""
        try:
            if group[0].is_remote:
                each = await asyncio.gather(*(self._read_remote(crew, found) for found in group))
            else:
                read = await crew.read_group(group)
                each = [
                    await self._with_text(crew, found, readings)
                    for found, readings in zip(group, read, strict=True)
                ]
        except Exception as error:  # noqa: BLE001 - recorded in the row of each file
            message = f"It was not read, for something failed beside it ({describe(error)})."
            why = DocumentError(
                "crashed", message, next_step=f"Check the space in {tempfile.gettempdir()} and run again."
            )
            each = [[Reading(failed(document_of(found), why))] for found in group]
        return number, [reading for readings in each for reading in readings]

    async def _read_remote(self, crew: tasks.WorkerPool, found: FoundFile) -> list[Reading]:
        try:
            async with self._at_hand(found) as near:
                return await self._with_text(crew, near, await crew.read_alone(near))
        except DocumentError as error:
            return [Reading(failed(document_of(found), error))]

    @asynccontextmanager
    async def _outermost(self, inbox: Path | str, document: Document) -> AsyncIterator[FoundFile]:
        """The file at hand that is the document, or that the document lies in."""
        place = remote.url(inbox)
        found = (
            remote.outermost(place, document)
            if place
            else outermost(os.fsencode(remote.folder(inbox)), document)
        )
        async with self._at_hand(found) as near:
            yield near

    @asynccontextmanager
    async def _at_hand(self, found: FoundFile) -> AsyncIterator[FoundFile]:
        """The file with its bytes on this machine, in a temporary file as long as they are needed where the inbox is remote."""
        if not found.is_remote:
            yield found
            return
        with tempfile.TemporaryDirectory(prefix="octavo-") as folder:
            copy = Path(folder) / "file"
            await asyncio.to_thread(remote.fetch, found, copy, self._limits.max_file_bytes)
            yield replace(found, copy=os.fsencode(copy))

    async def _render(self, found: FoundFile, document: Document, numbers: Sequence[int]) -> dict[int, bytes]:
        pictures: dict[int, bytes] = {}
        for start in range(0, len(numbers), _PAGES_A_TASK):
            some = tuple(numbers[start : start + _PAGES_A_TASK])
            pictures |= await self._look_again("render", found, document, some) or {}
        return pictures

    async def _look_again(self, what: str, found: FoundFile, document: Document, *args: Any) -> Any:
        """What a reader's function `what` says of a document that lies in `found`."""
        task = (look_again, what, found, document.path_bytes, document.sha256, self._terms)
        return await _timely(self._sandbox.run(*task, *args, timeout_s=self._limits.timeout_s))

    async def _with_text(
        self, crew: tasks.WorkerPool, found: FoundFile, readings: list[Reading]
    ) -> list[Reading]:
        """The readings with the text of their pictures, where local OCR is on."""
        if self._ocr is None:
            return readings
        holding = {reading.document.container for reading in readings}
        return [
            await self._once(crew, found, reading, holds=reading.document.path in holding)
            for reading in readings
        ]

    async def _once(
        self, crew: tasks.WorkerPool, found: FoundFile, reading: Reading, *, holds: bool
    ) -> Reading:
        """The reading with the text of its pictures, or as the same bytes ended before. Workers hear of them now, not when they parse."""
        if not any(page.image_px for page in reading.pages):
            return reading
        if not crew.terms.twins:
            return await self._with_ocr(found, reading)
        async with self._recognising.setdefault(reading.document.sha256, asyncio.Lock()):
            if (known := self._twins.of(reading.document)) is not None:
                return Reading(known[0], twin=True)
            done = await self._with_ocr(found, reading)
            self._twins.put(done.document, holds=holds)
            return done

    async def _with_ocr(self, found: FoundFile, reading: Reading) -> Reading:
        """The reading with the text of its pictures; a document in which nothing was found is empty, and says so."""
        wanted = [page.number for page in reading.pages if page.image_px is not None]
        seen: dict[int, SeenPage] = {}
        trouble: dict[int, DocumentError] = {}
        for start in range(0, len(wanted), _PAGES_A_TASK):
            try:
                pictures = await self._render(found, reading.document, wanted[start : start + _PAGES_A_TASK])
            except DocumentError as error:
                trouble[wanted[start]] = error
                continue
            for number, picture in pictures.items():
                try:
                    seen[number] = await self._recognise(picture)
                except DocumentError as error:
                    trouble[number] = error
        return seen_pages(reading, seen, trouble)

    async def _recognise(self, picture: bytes) -> SeenPage:
        assert self._ocr is not None
        page: SeenPage = await _timely(
            self._ocr.run(ocr_engine.recognise, picture, timeout_s=self._limits.ocr_timeout_s)
        )
        return page


async def _timely(call: Awaitable[Any]) -> Any:
    """What a worker gives; a busy machine is out of time where nothing is tried again."""
    try:
        return await call
    except DocumentError as error:
        if error.reason == BUSY:
            raise DocumentError("timeout", error.message, next_step=error.next_step) from error
        raise


def _given_up(reading: Reading) -> Reading:
    """The reading, where the machine was too busy a second time too: as out of time."""
    document = reading.document
    return (
        replace(reading, document=replace(document, reason="timeout")) if document.reason == BUSY else reading
    )
