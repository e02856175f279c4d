"""The lead of this room: pages in, windows out. Short documents share a window, long ones are cut at page and paragraph edges.

First fit: a document goes into the first open window that has room. A window leaves when it is full, or when too many are open.
Documents keep together; one that is longer than a window gets windows of its own, in order.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby

from processors.pack.calibration import Calibration
from processors.pack.groups import PLACES, Frame, Group, Size, even, fewest, places
from processors.pack.plan import Call, Choice, Cost, Terms, Work, choose, cost
from processors.pack.tokens import VOCABULARY_SHA256, Count, counter, image_tokens, rough
from schemas.pipeline import Page, Part, Window

DOCUMENT_MARK_TOKENS = 7  # "<<407931 k285612>>" and its newline, counted with the Kimi vocabulary, 2026-11-23
PAGE_MARK_TOKENS = 12  # "<<407931 k285612 page 12/345>>", which each page of a document with several has
OPEN_WINDOWS = 8  # windows that wait for a document that fits

__all__ = [
    "PLACES",
    "VOCABULARY_SHA256",
    "Bounds",
    "Calibration",
    "Call",
    "Choice",
    "Cost",
    "Count",
    "Frame",
    "Group",
    "Size",
    "Terms",
    "Work",
    "choose",
    "cost",
    "counter",
    "even",
    "fewest",
    "halves",
    "image_tokens",
    "places",
    "rough",
    "size_of",
    "tokens_of",
    "whole",
    "window_of",
    "windows",
]


@dataclass(frozen=True, slots=True)
class Bounds:
    """What binds a window: what goes in and what must come out together, and how many documents it may hold."""

    max_tokens: int  # parts with their marks, and the replies about them
    max_documents: int
    reply_tokens: int = 0  # kept free for the reply about one document


@dataclass(slots=True)
class _Open:
    """A window that still takes documents."""

    parts: list[Part] = field(default_factory=list)
    tokens: int = 0
    documents: int = 0

    def takes(self, size: int, bounds: Bounds) -> bool:
        replies = bounds.reply_tokens * (self.documents + 1)
        return self.documents < bounds.max_documents and self.tokens + size + replies <= bounds.max_tokens

    def add(self, parts: Sequence[Part], size: int) -> None:
        self.parts.extend(parts)
        self.tokens += size
        self.documents += 1

    def close(self) -> Window:
        return Window(tuple(self.parts), self.tokens)


def windows(pages: Iterable[Page], count: Count, bounds: Bounds) -> Iterator[Window]:
    """Pack pages, which come grouped by document and in order. Every character of every page is in exactly one window."""
    waiting: list[_Open] = []
    for _, group in groupby(pages, key=lambda page: page.document):
        parts = whole(list(group), count)
        size = size_of(parts)
        if size + bounds.reply_tokens > bounds.max_tokens:
            yield from _alone(parts, count, bounds)
            continue
        place = next((window for window in waiting if window.takes(size, bounds)), None)
        if place is None:
            waiting.append(place := _Open())
        place.add(parts, size)
        if place.documents == bounds.max_documents or len(waiting) > OPEN_WINDOWS:
            fullest = max(waiting, key=lambda window: (window.documents == bounds.max_documents, window.tokens))
            waiting.remove(fullest)
            yield fullest.close()
    yield from (window.close() for window in waiting)


def whole(pages: Sequence[Page], count: Count) -> list[Part]:
    """One part a page, of one document."""
    return [
        Part(
            page.document,
            page.number,
            len(pages),
            0,
            len(page.text),
            page.text,
            _page_tokens(page, len(pages), count),
            page.image_px,
            page.image,
            page.text_from,
            page.repeated,
        )
        for page in pages
    ]


def size_of(parts: Sequence[Part]) -> int:
    """Tokens of parts of one document in a window, marks included."""
    return DOCUMENT_MARK_TOKENS + sum(part.tokens for part in parts)


def tokens_of(text_tokens: int, pages: int, images_px: Iterable[tuple[int, int]] = ()) -> int:
    """Tokens of a document in a window, marks included, from what is known without its text."""
    return DOCUMENT_MARK_TOKENS + _page_marks(pages) * pages + text_tokens + sum(image_tokens(*size) for size in images_px)


def window_of(parts: Sequence[Part]) -> Window:
    """A window that holds just these parts."""
    sizes = (size_of(list(group)) for _, group in groupby(parts, key=lambda part: part.document))
    return Window(tuple(parts), sum(sizes))


def halves(window: Window) -> list[Window]:
    """A window as two, parted between documents, else between the parts of its one document; none when it cannot be parted."""
    keys = window.documents if len(window.documents) > 1 else window.parts
    first = frozenset(keys[: len(keys) // 2])
    sides = [[part for part in window.parts if (part in first or part.document in first) is side] for side in (True, False)]
    return [window_of(side) for side in sides] if all(sides) else []


def _page_tokens(page: Page, pages: int, count: Count) -> int:
    seen = image_tokens(*page.image_px) if page.image_px else 0
    return _page_marks(pages) + count(page.shown) + seen


def _page_marks(pages: int) -> int:
    """Tokens of the mark of each page; the only page of a document has none beside the document's."""
    return PAGE_MARK_TOKENS if pages > 1 else 0


def _alone(parts: Sequence[Part], count: Count, bounds: Bounds) -> Iterator[Window]:
    """Windows for one document that is longer than a window: as many whole pages as fit, in order."""
    room = bounds.max_tokens - bounds.reply_tokens - DOCUMENT_MARK_TOKENS
    held: list[Part] = []
    for part in parts:
        for piece in _cut(part, count, room) if part.tokens > room else [part]:
            if held and sum(kept.tokens for kept in held) + piece.tokens > room:
                yield Window(tuple(held), size_of(held))
                held = []
            held.append(piece)
    yield Window(tuple(held), size_of(held))


def _cut(part: Part, count: Count, room: int) -> Iterator[Part]:
    """A page that is longer than a window, cut at the last paragraph, line or word edge before it is full."""
    start = 0
    while start < len(part.text):
        end = _fitting(part.text, start, count, room - PAGE_MARK_TOKENS)
        text = part.text[start:end]
        first = start == 0
        picture = (part.image_px, part.image) if first else (None, None)
        yield Part(part.document, part.page, part.pages, start, end, text, PAGE_MARK_TOKENS + count(text), *picture, part.text_from)
        start = end


def _fitting(text: str, start: int, count: Count, room: int) -> int:
    """Where a piece that begins at `start` and has at most `room` tokens should end. At least one character goes in."""
    low, high = start + 1, len(text)
    while low < high:  # the largest end that fits
        middle = (low + high + 1) // 2
        low, high = (middle, high) if count(text[start:middle]) <= room else (low, middle - 1)
    if low == len(text):
        return low
    for edge in ("\n\n", "\n", ". ", " "):
        at = text.rfind(edge, start + (low - start) // 2, low)
        if at > start:
            return at + len(edge)
    return low
