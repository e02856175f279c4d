"""Paths in, documents with their pages out: the door of this room.

    with Reader(Limits()) as reader:
        for entry in discover(inbox, limits):       # Found, or a Document that says why it is not read
            readings = await reader.read([entry])   # a Reading each: the Document and its Pages

Every parse runs in the sandbox, so a file that hangs or crashes its parser costs only itself and becomes a row with a reason.
A new format is one file in this folder with a function `read(Source) -> Content`, and one line in `READERS`.
"""

from __future__ import annotations

import asyncio
import hashlib
import importlib
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from processors.read import ocr as ocr_engine
from processors.read.discover import Found, take, walk
from processors.read.kinds import DOCX, NAMES, OLE_ENCRYPTED, UNKNOWN, media_type
from processors.read.leaf import Content, Leaf, Limits, Source
from processors.read.sandbox import Sandbox, out_of_memory
from schemas.errors import DocumentError, SettingsError
from schemas.pipeline import Document, Page

__all__ = ["READERS", "READER_VERSION", "Found", "Limits", "Reader", "Reading", "discover", "ocr_available"]

ocr_available = ocr_engine.available

READER_VERSION = "2"  # goes up when the same bytes give another text

READERS = {  # media type -> file in this folder
    "application/pdf": "pdf",
    DOCX: "word",
    "image/png": "image",
    "image/jpeg": "image",
    "image/tiff": "image",
    "image/webp": "image",
    "image/gif": "image",
    "image/bmp": "image",
    "text/html": "html",
    "message/rfc822": "mail",
    "text/plain": "text",
    "text/markdown": "text",
    "text/csv": "text",
}
_PRELOAD = tuple(f"processors.read.{name}" for name in ("pages", *dict.fromkeys(READERS.values())))
_SMALL_BYTES = 256_000  # several files up to this size share a task; a larger one has its own
_TOGETHER = 8  # small files a task: 1.8 x on two workers against 1.1 x for one each, measured 2026-11
_FIRST_TRY = 1 / 3  # share of the time limit for a task of several; the rest is for trying one of them alone
_PAGES_A_TASK = 8  # pictures rendered in one go


@dataclass(frozen=True, slots=True)
class Reading:
    """A document and its pages; none when it could not be read, or when the caller has them already (`unchanged`)."""

    document: Document
    pages: tuple[Page, ...] = ()
    unchanged: bool = False


def discover(inbox: Path, limits: Limits, skip: Path | None = None) -> Iterator[Found | Document]:
    """Every path below the inbox once, in a fixed order: a file to read, or a Document with the reason why it is none.

    `skip` is the output folder where it lies in the inbox. Raises SettingsError when the inbox is no folder.
    """
    return walk(inbox, limits.max_file_bytes, limits.max_depth, skip)


class Reader:
    """Owns the worker processes that read. With `ocr` pages without text are read by the local engine too."""

    def __init__(self, limits: Limits | None = None, passwords: Sequence[str] = (), *, ocr: bool = False) -> None:
        if ocr and not ocr_engine.available():
            raise SettingsError("Local OCR is not installed.", about="ocr", next_step="Install it with: pip install 'octavo[ocr]'")
        self._limits = limits or Limits()
        self._passwords = tuple(passwords)
        self._sandbox = Sandbox(self._limits.workers, self._limits.memory_bytes, _PRELOAD)
        self._ocr = Sandbox(self._limits.ocr_workers, self._limits.ocr_memory_bytes, _PRELOAD) if ocr else None

    @property
    def version(self) -> str:
        """What gave the text, for the rows: the reader's version, and whether local OCR was on."""
        return READER_VERSION if self._ocr is None else f"{READER_VERSION}+ocr"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._sandbox.close()
        if self._ocr is not None:
            self._ocr.close()

    async def read(self, batch: Sequence[Found], tell: Callable[[int], None] = lambda _: None) -> list[Reading]:
        """A Reading for each file, in order. Raises nothing for a file: what goes wrong stands in its Document.

        `tell` hears how many more files are done, each time some are.
        """
        groups = await asyncio.gather(*(self._read_whole(group, tell) for group in _groups(batch)))
        return [reading for group in groups for reading in group]

    async def images(self, inbox: Path, document: Document, numbers: Sequence[int]) -> dict[int, bytes]:
        """Pages (from 1) as JPEG: 150 dpi, RGB, upright, at most 2048 px. A number that is no page is left out.

        Raises DocumentError: changed when the file no longer has the bytes of `document`, else as reading does.
        """
        return await self._render(Found(os.fsencode(inbox), document.path_bytes, document.size_bytes), document.sha256, numbers)

    async def boxes(self, inbox: Path, document: Document, page: int, start: int, end: int) -> list[tuple[float, float, float, float]]:
        """Where characters `start` to `end` of the text of a page (from 1) stand: a box (left, bottom, right, top) a line.

        In points from the lower left of the page as it is shown; none but for a PDF. Raises DocumentError as `images` does.
        """
        found = Found(os.fsencode(inbox), document.path_bytes, document.size_bytes)
        task = (look_again, "boxes", found, document.sha256, self._limits, self._passwords, page, start, end)
        return list(await self._sandbox.run(*task, timeout_s=self._limits.timeout_s) or ())

    async def _read_whole(self, group: Sequence[Found], tell: Callable[[int], None]) -> list[Reading]:
        """A group with the text of its pictures, where local OCR is on."""
        readings = await self._read_group(group)
        if self._ocr is not None:
            readings = [await self._with_ocr(found, reading) for found, reading in zip(group, readings, strict=True)]
        tell(len(group))
        return readings

    async def _read_group(self, group: Sequence[Found]) -> list[Reading]:
        """One task; when several files share it and it fails, each is tried again alone, so that one costs only itself."""
        if len(group) == 1:
            return [await self._read_alone(group[0], self._limits.timeout_s)]
        try:
            return await self._task(group, self._limits.timeout_s * _FIRST_TRY)
        except DocumentError:
            left_s = self._limits.timeout_s * (1 - _FIRST_TRY)
            return list(await asyncio.gather(*(self._read_alone(found, left_s) for found in group)))

    async def _read_alone(self, found: Found, timeout_s: float) -> Reading:
        try:
            return (await self._task([found], timeout_s))[0]
        except DocumentError as error:
            return Reading(_failed(_document(found), error))

    async def _task(self, group: Sequence[Found], timeout_s: float) -> list[Reading]:
        return await self._sandbox.run(read_files, tuple(group), self._limits, self._passwords, timeout_s=timeout_s)

    async def _render(self, found: Found, sha256: str, numbers: Sequence[int]) -> dict[int, bytes]:
        pictures: dict[int, bytes] = {}
        for start in range(0, len(numbers), _PAGES_A_TASK):
            some = tuple(numbers[start : start + _PAGES_A_TASK])
            task = (look_again, "render", found, sha256, self._limits, self._passwords, some)
            pictures |= await self._sandbox.run(*task, timeout_s=self._limits.timeout_s) or {}
        return pictures

    async def _with_ocr(self, found: Found, reading: Reading) -> Reading:
        """The reading with the text of its pictures; a document in which nothing was found is empty, and says so."""
        wanted = [page.number for page in reading.pages if page.image_px is not None]
        if not wanted:
            return reading
        texts: dict[int, str] = {}
        trouble: list[str] = []
        for start in range(0, len(wanted), _PAGES_A_TASK):
            try:
                pictures = await self._render(found, reading.document.sha256, wanted[start : start + _PAGES_A_TASK])
                texts |= {number: await self._recognise(picture) for number, picture in pictures.items()}
            except DocumentError as error:
                trouble.append(f"OCR stopped at page {wanted[start]}: {error.message}")
        pages = tuple(_recognised(page, texts.get(page.number, "")) for page in reading.pages)
        return Reading(_after_ocr(reading.document, pages, trouble), pages)

    async def _recognise(self, picture: bytes) -> str:
        assert self._ocr is not None
        return await self._ocr.run(ocr_engine.recognise, picture, timeout_s=self._limits.ocr_timeout_s)


def read_files(group: Sequence[Found], limits: Limits, passwords: tuple[str, ...]) -> list[Reading]:
    """Several files in this process: the task of a worker."""
    return [_read_file(found, limits, passwords) for found in group]


def look_again(what: str, found: Found, sha256: str, limits: Limits, passwords: tuple[str, ...], *args: Any) -> Any:
    """What the function `what` of a file's reader gives, None where it has none: the other task of a worker.

    Raises DocumentError: changed, corrupt and what reading raises.
    """
    data = _taken(found, limits)
    if hashlib.sha256(data).hexdigest() != sha256:
        raise DocumentError("changed", f"{found.path} is no longer the file that was read.", next_step="Run again to read it anew.")
    function = getattr(_module(READERS.get(media_type(data, found.path_bytes), "text")), what, None)
    return function and _guarded(function, Source(data, limits, passwords), *args)


def _read_file(found: Found, limits: Limits, passwords: tuple[str, ...]) -> Reading:
    document = _document(found)
    try:
        data = _taken(found, limits)
        kind = media_type(data, found.path_bytes) if data else ""
        document = replace(document, sha256=hashlib.sha256(data).hexdigest(), media_type=kind, size_bytes=len(data))
        if not data:
            return Reading(replace(document, status="empty", reason="zero_bytes", detail="The file has no bytes."))
        if document.sha256 == found.known:
            return Reading(document, unchanged=True)
        if kind not in READERS:
            return Reading(_unsupported(document))
        return _paged(document, _guarded(_module(READERS[kind]).read, Source(data, limits, passwords)))
    except DocumentError as error:
        return Reading(_failed(document, error))


def _taken(found: Found, limits: Limits) -> bytes:
    data = take(found, limits.max_file_bytes)
    if len(data) > limits.max_file_bytes:
        message = f"It grew past the limit max_file_bytes of {limits.max_file_bytes:,}."
        raise DocumentError("too_large", message, next_step="Raise the limit max_file_bytes to read it.")
    return data


def _guarded(function: Any, *args: Any) -> Any:
    """What a reader returns. Whatever a library throws at a broken file becomes DocumentError `corrupt`; a full worker ends."""
    try:
        return function(*args)
    except DocumentError:
        raise
    except MemoryError:
        out_of_memory()
    except Exception as error:
        words = " ".join(str(error).split())[:200]
        message = f"Its reader could make no sense of it ({type(error).__name__}: {words})."
        raise DocumentError("corrupt", message, next_step="Open it in its program and save it again.") from error


def _paged(document: Document, content: Content) -> Reading:
    """The leaves as pages of a document. Without text and without a picture to look at it is empty, never ok."""
    leaves = enumerate(content.leaves, start=1)
    pages = tuple(_page(document.sha256, number, leaf) for number, leaf in leaves)
    document = replace(document, page_count=len(pages), detail=content.detail, flags=content.flags, properties=content.properties)
    if any(page.text.strip() or page.image_px for page in pages):
        return Reading(document, pages)
    detail = f"{len(pages)} page(s), and no text on them. {content.detail}".strip()
    return Reading(replace(document, status="empty", reason="no_text", detail=detail), pages)


def _page(document: str, number: int, leaf: Leaf) -> Page:
    return Page(
        document, number, leaf.text, leaf.image_px, text_from=leaf.text_from, repeated=leaf.repeated, hidden_chars=leaf.hidden_chars
    )


def _recognised(page: Page, text: str) -> Page:
    """The page with the text of its picture, where that says more than the text it has."""
    return replace(page, text=text, text_from="ocr", repeated=(), hidden_chars=0) if len(text) > len(page.text) else page


def _after_ocr(document: Document, pages: Sequence[Page], trouble: Sequence[str]) -> Document:
    detail = " ".join(filter(None, [document.detail, *trouble]))
    if trouble or any(page.text.strip() for page in pages):
        return replace(document, detail=detail)
    return replace(document, status="empty", reason="no_text", detail=f"OCR found no text on its {len(pages)} page(s). {detail}".strip())


def _document(found: Found) -> Document:
    return Document(path=found.path, path_bytes=found.path_bytes, size_bytes=found.size_bytes)


def _failed(document: Document, error: DocumentError) -> Document:
    return replace(document, status="error", reason=error.reason, detail=str(error))


def _unsupported(document: Document) -> Document:
    if document.media_type == OLE_ENCRYPTED:
        return _failed(document, DocumentError("encrypted", "The Office file asks for a password.", next_step="Save it without one."))
    name = NAMES.get(document.media_type, NAMES[UNKNOWN])
    detail = f"It is {name}, which is not read yet." if document.media_type != UNKNOWN else "Its content is of no type that is known here."
    return replace(document, status="skipped", reason="unsupported", detail=detail)


def _groups(batch: Sequence[Found]) -> Iterator[list[Found]]:
    """Neighbours that are small go together, so that order is kept."""
    group: list[Found] = []
    for found in batch:
        if group and (found.size_bytes > _SMALL_BYTES or len(group) == _TOGETHER):
            yield group
            group = []
        group.append(found)
        if found.size_bytes > _SMALL_BYTES:
            yield group
            group = []
    if group:
        yield group


def _module(name: str) -> Any:
    """A reader, imported in the worker that needs it and never in the parent."""
    return importlib.import_module(f"processors.read.{name}")
