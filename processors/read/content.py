"""The nouns that the readers share: bytes and limits go in as a `Source`, leaves (pages without a document yet) come out.

Every reader imports this file; it holds values and small rules, reads nothing and imports no document library.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NoReturn, Protocol, runtime_checkable

from octavo.schemas.errors import DocumentError
from octavo.schemas.pipeline import Properties, TextFrom

RENDER_DPI = 150  # legible to vision models at 74-435 KB a page, measured 2026-11
RENDER_SIDE_PX = (
    2048  # longest side of a picture that is sent; larger ones are scaled down by the provider anyway
)
JPEG_QUALITY = 80  # 4 to 20 times faster than PNG and half its size, measured 2026-11


@dataclass(frozen=True, slots=True)
class ReadLimits:
    """How much one file may cost. Each refusal names the setting that lifts it.

    >>> ReadLimits(max_pages=10).max_pages
    10
    """

    timeout_s: float = 30.0  # processor time of a worker for one file; by the clock ten times as much
    memory_bytes: int = 1 << 30  # address space of a worker
    max_file_bytes: int = 200_000_000
    max_pages: int = 2_000
    max_cells: int = (
        10_000_000  # rows x columns between the first and the last filled cell of a sheet: 32 bytes each
    )
    max_pixels: int = 50_000_000  # width x height of one picture
    max_unpacked_bytes: int = (
        200_000_000  # declared by a zip container, all entries; and what all files inside a file add to it
    )
    max_entry_bytes: int = 60_000_000  # one entry of a zip container, counted while inflating
    max_entries: int = 10_000  # in a zip container; and files inside a file, however deep
    max_depth: int = 64  # folders below the inbox
    max_nesting: int = 4  # files inside files: 2 for the attachment of a mail in a zip
    workers: int = field(default_factory=lambda: min(os.cpu_count() or 1, 4))
    ocr_workers: int = field(default_factory=lambda: min(os.cpu_count() or 1, 2))
    ocr_timeout_s: float = 60.0  # wall time for one page
    ocr_memory_bytes: int = (
        2 << 30
    )  # address space; 0.8 GB of it resident on a page of 1200 x 1600, measured 2026-11


@dataclass(frozen=True, slots=True)
class Source:
    """The bytes of one file and what may be spent on them."""

    data: bytes
    limits: ReadLimits
    passwords: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class PageContent:
    """One page as a reader hands it over; the fields are those of `Page`. `image_px` is set when the page has to be looked at."""

    text: str
    image_px: tuple[int, int] | None = None
    text_from: TextFrom = "file"
    repeated: tuple[tuple[int, int], ...] = ()
    hidden_chars: int = 0


@dataclass(frozen=True, slots=True)
class Inner:
    """A file that lies in another: an entry of a zip, an attachment of a mail or a PDF. `name` may have folders in it."""

    name: str
    data: bytes = field(repr=False)
    error: DocumentError | None = None  # why its bytes could not be had; `data` is empty then


@dataclass(frozen=True, slots=True)
class Content:
    """What a reader found: its leaves in order, and a sentence on what was repaired or left out; the rest is as in `Document`."""

    leaves: tuple[PageContent, ...]
    detail: str = ""
    flags: tuple[str, ...] = ()
    properties: Properties = field(default_factory=Properties)
    inner: tuple[Inner, ...] = ()


@dataclass(frozen=True, slots=True)
class PlacedWords:
    """The words of a page: each its half-open span in the page's text, and its box (left, bottom, right, top).

    In points from the lower left of the page as it is shown, which is `width` by `height`.
    """

    width: float
    height: float
    words: tuple[tuple[int, int, float, float, float, float], ...] = ()


@runtime_checkable
class FormatReader(Protocol):
    """What a file that reads a format has."""

    def read(self, source: Source, /) -> Content:
        """What the file says. Raises DocumentError."""
        ...


@runtime_checkable
class PictureReader(FormatReader, Protocol):
    """One whose pages may have to be looked at."""

    def render(self, source: Source, numbers: Sequence[int], /) -> Mapping[int, bytes]:
        """The pictures of pages by number, from 1, as JPEG."""
        ...


@runtime_checkable
class PlaceReader(FormatReader, Protocol):
    """One that knows where words stand on a page."""

    def boxes(
        self, source: Source, number: int, start: int, end: int, /
    ) -> Sequence[tuple[float, float, float, float]]:
        """Where characters `start` to `end` of page `number`, from 1, stand: left, bottom, right, top in points."""
        ...

    def words(self, source: Source, number: int, /) -> PlacedWords:
        """Where all words of page `number`, from 1, stand."""
        ...


LOOKS: Mapping[str, Any] = {"render": PictureReader, "boxes": PlaceReader, "words": PlaceReader}
_CONTROLS = re.compile("[\x00-\x08\x0b-\x1f\x7f\ud800-\udfff]")
_LINE_ENDS = re.compile("\r\n|\r|\x0b|\x0c|\x85|\u2028|\u2029")
_MANY_BLANKS = re.compile(r"\n{3,}")


def clean(text: str) -> str:
    r"""Text that every later step can hold: lines end in \n, controls and lone surrogates become U+FFFD, blanks shrink.

    >>> clean("a\r\nb\x00")
    'a\nb\ufffd'
    """
    text = text.replace("\r\n", "\n")
    if (
        not text.replace("\n", "").replace("\xa0", "").replace("\t", "").isprintable()
    ):  # else nothing to replace: five times faster
        text = _CONTROLS.sub("\ufffd", _LINE_ENDS.sub("\n", text))
    text = "\n".join([line.rstrip(" \t\u3000") for line in text.split("\n")])
    return (_MANY_BLANKS.sub("\n\n", text) if "\n\n\n" in text else text).strip("\n")


def over(limit: str, amount: float, bound: float, reason: str = "too_large") -> NoReturn:
    """Refuse a file that passes `limit`; the sentence says which limit, how much it took, and which setting lifts it."""
    raise DocumentError(
        reason,
        f"It needs {limit} of {amount:,.0f}; the limit is {bound:,.0f}.",
        next_step=f"Raise the limit {limit} to read it.",
    )


def bounded(width: float, height: float) -> float:
    """The factor (at most 1) that brings the longest side within `RENDER_SIDE_PX`."""
    return min(1.0, RENDER_SIDE_PX / max(width, height, 1.0))
