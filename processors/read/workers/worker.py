"""What a worker process does: files in; a Reading out for each, and one for every file inside them, however deep.

A reader itself is imported when a file asks for it.

A file has slots: 0 is the file itself, 1 the first file inside it with all that this one holds, 2 the second, and so on. Before each
the worker puts its number down, so that when it dies on one the others can be read by the next worker.
"""

from __future__ import annotations

import hashlib
import importlib
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

from octavo.processors.read.content import (
    LOOKS,
    Content,
    FormatReader,
    Inner,
    PageContent,
    ReadLimits,
    Source,
    over,
)
from octavo.processors.read.discover import FoundFile, display, dotfile, take
from octavo.processors.read.kinds import NAMES, OLE_ENCRYPTED, UNKNOWN, media_type
from octavo.processors.read.workers.duplicates import Duplicates, twins
from octavo.processors.read.workers.inner_paths import paths
from octavo.processors.read.workers.sandbox import out_of_memory
from octavo.schemas.errors import DocumentError, describe
from octavo.schemas.pipeline import Document, Page, Status

_LONGEST_WORDS = 160  # characters of what a library says
_CALLED = {
    "pdf.pages": "PDF",
    "word.document": "Word file",
    "sheet": "workbook",
    "slides": "presentation",
    "opendocument": "OpenDocument file",
    "office": "Office file",
    "image": "picture",
    "mail": "mail",
    "epub": "e-book",
    "zip": "archive",
}
_XML_NO_MEMORY = 2  # XML_ERR_NO_MEMORY in libxml2's xmlerror.h, read 2026-11


@dataclass(frozen=True, slots=True)
class ReaderTerms:
    """On what terms files are read: limits, passwords to try, the file in this folder that reads each media type, and what is known.

    `twins` is the file that tells what was read before, "" when each file is read; with `ocr`, pictures are not in it.
    """

    limits: ReadLimits
    passwords: tuple[str, ...]
    readers: Mapping[str, str]
    twins: str = ""
    ocr: bool = False


@dataclass(frozen=True, slots=True)
class Reading:
    """A document and its pages.

    There are none when it could not be read, when the caller has them already (`unchanged`), or when they come with another document
    of the same bytes (`twin`). What lies in an unchanged document is unchanged too, and has no reading of its own.
    """

    document: Document
    pages: tuple[Page, ...] = ()
    unchanged: bool = False
    twin: bool = False


@dataclass(frozen=True, slots=True)
class SlotRange:
    """Which slots of a file to read, and for how long to go on to further ones."""

    start: int = 0
    stop: int | None = None  # None for all
    soft_s: float = 1.0
    spent: tuple[int, int] = (
        0,
        0,
    )  # files inside, and bytes by which they are larger, counted in the stretches before
    lost: DocumentError | None = None  # set when nothing is to be read any more: why


@dataclass(frozen=True, slots=True)
class OpenedFile:
    """The readings of a stretch, and the first slot that is still to be read; None when there is none."""

    readings: list[Reading]
    more_from: int | None = None
    spent: tuple[int, int] = (0, 0)  # as in `SlotRange`, this one included


def read_files(group: Sequence[FoundFile], terms: ReaderTerms) -> list[OpenedFile]:
    """Several files, one after the other."""
    return [read_file(found, terms, SlotRange()) for found in group]


def read_file(found: FoundFile, terms: ReaderTerms, stretch: SlotRange, mark: str = "") -> OpenedFile:
    """One file and what lies in it, or a stretch of that; `mark` is the file in which the slot at work is put down."""
    document = document_of(found)
    try:
        data = _taken(found, terms.limits)
    except DocumentError as error:
        return OpenedFile([Reading(failed(document, error))])
    return _Tree(terms, mark).stretch(document, data, found.known, stretch)


def look_again(what: str, found: FoundFile, path: bytes, sha256: str, terms: ReaderTerms, *args: Any) -> Any:
    """What the function `what` (`render`, `boxes`) of its reader says of a file, or of one inside it; None where it has no such function.

    Raises DocumentError: changed, corrupt and what reading raises.
    """
    data = _extracted(document_of(found), _taken(found, terms.limits), path, terms)
    if data is None or hashlib.sha256(data).hexdigest() != sha256:
        raise DocumentError(
            "changed",
            f"{display(path)} is no longer the file that was read.",
            next_step="Run again to read it anew.",
        )
    name = terms.readers.get(media_type(data, path), "")
    reader = _reader(name) if name else None
    if not isinstance(reader, LOOKS[what]):
        return None
    return _guarded(getattr(reader, what), Source(data, terms.limits, terms.passwords), *args)


def document_of(found: FoundFile) -> Document:
    """What is known of a file before it is opened."""
    return Document(path=found.path, path_bytes=found.path_bytes, size_bytes=found.size_bytes)


def failed(document: Document, error: DocumentError) -> Document:
    """The document with the reason why it could not be read."""
    status: Status = (
        "skipped" if error.reason == "unsupported" else "error"
    )  # such as a format whose extra is not installed
    return replace(document, status=status, reason=error.reason, detail=str(error))


class _Tree:
    """A file with all files inside it, which share its limits."""

    def __init__(self, terms: ReaderTerms, mark: str) -> None:
        self._terms = terms
        self._mark = mark
        self._files = 0  # inside, so far
        self._grown_bytes = 0  # by which the files inside are larger than what they lay in

    def stretch(self, document: Document, data: bytes, known: str, stretch: SlotRange) -> OpenedFile:
        """Read some slots. Between two of them there is time to stop, so that a large archive is read in several goes."""
        begun = time.process_time()
        self._put_down(stretch.start, document.path_bytes)
        own, inner = self._open(document, data, known)
        readings = [] if stretch.start else [own]
        self._files, self._grown_bytes = max(stretch.spent, (self._files, self._grown_bytes))
        for slot, (one, file) in enumerate(_files(own.document, inner), start=1):
            if slot < stretch.start:
                continue
            if slot == stretch.stop or (
                time.process_time() - begun > stretch.soft_s and slot > stretch.start and not stretch.lost
            ):
                return OpenedFile(readings, slot, (self._files, self._grown_bytes))
            self._put_down(slot, one.path_bytes)
            readings += [Reading(failed(one, stretch.lost))] if stretch.lost else self._read(one, file, 1)
        return OpenedFile(readings)

    def _read(self, document: Document, file: Inner, depth: int) -> Iterator[Reading]:
        """One file inside, and what lies in it."""
        if file.error:
            yield Reading(failed(document, file.error))
        elif any(part.startswith(".") for part in document.path.removeprefix(document.container).split("/")):
            yield Reading(
                replace(
                    dotfile(document.path_bytes), container=document.container, size_bytes=document.size_bytes
                )
            )
        elif depth > self._terms.limits.max_nesting:
            bound = self._terms.limits.max_nesting
            detail = (
                f"It lies {depth} files deep; the limit max_nesting is {bound}. Raise it to read the file."
            )
            yield Reading(replace(document, status="skipped", reason="too_deep", detail=detail))
        else:
            own, inner = self._open(document, file.data)
            yield own
            for one, further in _files(own.document, inner):
                yield from self._read(one, further, depth + 1)

    def _open(self, document: Document, data: bytes, known: str = "") -> tuple[Reading, Sequence[Inner]]:
        """The reading of one file, and the files inside it, unread."""
        kind = media_type(data, document.path_bytes) if data else ""
        document = replace(
            document, sha256=hashlib.sha256(data).hexdigest(), media_type=kind, size_bytes=len(data)
        )
        if not data:
            return Reading(
                replace(document, status="empty", reason="zero_bytes", detail="The file has no bytes.")
            ), ()
        if document.sha256 == known:
            return Reading(document, unchanged=True), ()
        if kind not in self._terms.readers:
            return Reading(_unsupported(document)), ()
        if not self._terms.twins:
            return self._parsed(document, data)
        known_here = twins(self._terms.twins)
        with known_here.alone(document.sha256):
            return self._once(document, data, known_here)

    def _once(self, document: Document, data: bytes, known: Duplicates) -> tuple[Reading, Sequence[Inner]]:
        """As the same bytes ended before; else parsed, for others to know. What holds files is opened each time, for these have paths."""
        twin, holds = known.of(document) or (None, True)
        if twin and not holds:
            return Reading(twin, twin=True), ()
        own, inner = self._parsed(document, data)
        if twin:
            return Reading(own.document if own.document.status == "error" else twin, twin=True), inner
        to_see = self._terms.ocr and any(page.image_px for page in own.pages)
        if (
            not to_see and own.document.reason != "bomb"
        ):  # which may be the limit of a container, and says nothing of the bytes
            known.put(own.document, holds=bool(inner))
        return own, inner

    def _parsed(self, document: Document, data: bytes) -> tuple[Reading, Sequence[Inner]]:
        try:
            content = _content(data, document.media_type, self._terms)
            self._count(content.inner, len(data))
        except DocumentError as error:
            return Reading(failed(document, error)), ()
        return _paged(document, content), content.inner

    def _count(self, inner: Sequence[Inner], size_bytes: int) -> None:
        """Raises DocumentError when all files inside are too many, or unpack to too much."""
        self._files += len(inner)
        self._grown_bytes += max(0, sum(len(file.data) for file in inner) - size_bytes)
        limits = self._terms.limits
        if self._files > limits.max_entries:
            over("max_entries", self._files, limits.max_entries, "bomb")
        if self._grown_bytes > limits.max_unpacked_bytes:
            over("max_unpacked_bytes", self._grown_bytes, limits.max_unpacked_bytes, "bomb")

    def _put_down(self, slot: int, path: bytes) -> None:
        if self._mark:
            Path(self._mark).write_bytes(b"%d %b" % (slot, path))


def _extracted(document: Document, data: bytes, path: bytes, terms: ReaderTerms) -> bytes | None:
    """The bytes of the file with this path in a file, or of the file itself; None when there is none."""
    while document.path_bytes != path:
        inner = _content(data, media_type(data, document.path_bytes), terms).inner
        on_the_way = (
            pair
            for pair in _files(document, inner)
            if path == pair[0].path_bytes or path.startswith(pair[0].path_bytes + b"/")
        )
        found = next(on_the_way, None)
        if found is None:
            return None
        document, data = found[0], found[1].data
    return data


def _files(container: Document, inner: Sequence[Inner]) -> Iterator[tuple[Document, Inner]]:
    """Each file inside as the document it will be."""
    for path, file in zip(paths(container.path_bytes, (file.name for file in inner)), inner, strict=True):
        yield (
            Document(
                path=display(path), path_bytes=path, size_bytes=len(file.data), container=container.path
            ),
            file,
        )


def _taken(found: FoundFile, limits: ReadLimits) -> bytes:
    data = take(found, limits.max_file_bytes)
    if len(data) > limits.max_file_bytes:
        message = f"It grew past the limit max_file_bytes of {limits.max_file_bytes:,}."
        raise DocumentError("too_large", message, next_step="Raise the limit max_file_bytes to read it.")
    return data


def _content(data: bytes, kind: str, terms: ReaderTerms) -> Content:
    name = terms.readers[kind]
    source = Source(data, terms.limits, terms.passwords)
    content: Content = _guarded(_reader(name).read, source, what=_CALLED.get(name, "file"))
    return content


def _guarded(function: Any, *args: Any, what: str = "file") -> Any:
    """What a reader returns. Whatever a library throws at a broken `what` becomes DocumentError `corrupt`; a full worker ends."""
    try:
        return function(*args)
    except DocumentError as error:
        if _is_out_of_memory(error):
            out_of_memory()
        raise
    except MemoryError:
        out_of_memory()
    except BaseException as error:  # a panic of a library in Rust is no Exception
        if _is_out_of_memory(error):
            out_of_memory()
        message = f"The {what} is damaged or cut off: its reader stopped at {_short(error)}."
        raise DocumentError(
            "corrupt", message, next_step="Open it in its program and save it again."
        ) from error


def _short(error: BaseException) -> str:
    """What a library says, on one line."""
    return " ".join(describe(error).split())[:_LONGEST_WORDS].rstrip(". ")


def _is_out_of_memory(error: BaseException | None) -> bool:
    """Whether an error, or one that it came from, says that there was no memory. libxml2 does so by code 2 and "unknown error"."""
    while error is not None:
        if isinstance(error, MemoryError) or (
            type(error).__name__ == "XMLSyntaxError" and getattr(error, "code", 0) == _XML_NO_MEMORY
        ):
            return True
        error = error.__cause__ or error.__context__
    return False


def _paged(document: Document, content: Content) -> Reading:
    """The leaves as pages of a document. Without text and without a picture to look at it is empty, or only holds other files."""
    leaves = enumerate(content.leaves, start=1)
    pages = tuple(_page(document.sha256, number, leaf) for number, leaf in leaves)
    document = replace(
        document,
        page_count=len(pages),
        detail=content.detail,
        flags=content.flags,
        properties=content.properties,
    )
    if any(page.text.strip() or page.image_px for page in pages):
        return Reading(document, pages)
    if content.inner:
        return Reading(
            replace(
                document,
                reason="container",
                detail=f"{len(content.inner)} file(s) in it. {content.detail}".strip(),
            )
        )
    if "repaired" in content.flags:
        message = "The PDF is damaged, and nothing of it can be read."
        return Reading(
            failed(document, DocumentError("corrupt", message, next_step="Export it again from its source."))
        )
    detail = f"{len(pages)} page(s), and no text on them. {content.detail}".strip()
    return Reading(replace(document, status="empty", reason="no_text", detail=detail), pages)


def _page(document: str, number: int, leaf: PageContent) -> Page:
    return Page(
        document,
        number,
        leaf.text,
        leaf.image_px,
        text_from=leaf.text_from,
        repeated=leaf.repeated,
        hidden_chars=leaf.hidden_chars,
    )


def _unsupported(document: Document) -> Document:
    if document.media_type == OLE_ENCRYPTED:
        return failed(
            document,
            DocumentError(
                "encrypted", "The Office file asks for a password.", next_step="Save it without one."
            ),
        )
    way = "PNG or JPEG" if document.media_type.startswith("image/") else "PDF"
    detail = f"It is {NAMES.get(document.media_type, NAMES[UNKNOWN])}, which is not read. Save it as {way} to have it read."
    if document.media_type == UNKNOWN:
        detail = "Its content is of no type that is known here."
    return replace(document, status="skipped", reason="unsupported", detail=detail)


def _reader(name: str) -> FormatReader:
    """A reader, imported in the worker that needs it and never in the parent."""
    reader: Any = importlib.import_module(f"octavo.processors.read.{name}")
    return cast("FormatReader", reader)
