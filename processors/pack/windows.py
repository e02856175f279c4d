"""The lead of this room: pages in, windows out. Short documents share a window, long ones are cut (`cut`).

First fit: a document goes into the first open window that has room. A window leaves when it is full, or when too many are open.
Documents keep together; one that is longer than a window gets windows of its own, in order.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby, pairwise

from octavo.processors.pack.book import PAGE_MARK_TOKENS, ROLE_TOKENS, page_mark, sliced
from octavo.processors.pack.calibration import Calibration
from octavo.processors.pack.cut import Room, cover, cut, has_many_rows, pieces, room
from octavo.processors.pack.groups import PLACES, Frame, Group, Size, even, fewest, places
from octavo.processors.pack.plan import Call, Choice, Cost, Terms, Work, carried_on, choose, cost
from octavo.processors.pack.tokens import VOCABULARY_SHA256, Count, counter, image_tokens, rough
from octavo.schemas.pipeline import Page, Part, Role, Window

DOCUMENT_MARK_TOKENS = 4  # "<<285612>>" and its newline, counted with the Kimi vocabulary, 2026-11-23
OPEN_WINDOWS = 8  # windows that wait for a document that fits

Extent = tuple[
    str, Role, int
]  # document, whether all of it is shown or a piece or a summary, and where that begins

__all__ = [
    "DOCUMENT_MARK_TOKENS", "PAGE_MARK_TOKENS", "PLACES", "ROLE_TOKENS", "VOCABULARY_SHA256", "Bounds", "Calibration", "Call", "Choice",
    "Cost", "Count", "Extent", "Frame", "Group", "Size", "Terms", "Work",
    "carried_on", "choose", "cost", "counter", "even", "extent", "fewest", "groups",
    "halves", "image_tokens", "page_of", "pieces", "place", "places", "position", "rest", "rough", "same", "shown", "size_of", "tokens_of",
    "whole", "window_of", "windows",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Bounds:
    """What binds a window: what goes in and what must come out together, and how many documents it may hold."""

    max_tokens: int  # parts with their marks, and the replies about them
    max_documents: int
    reply_tokens: int = 0  # kept free for the reply about one document
    row_tokens: int = 0  # of a reply about one row of a table; 0 when no list is asked for

    @property
    def alone(self) -> Room:
        """What a piece of a document may have that does not fit into a window."""
        return room(self.max_tokens, self.reply_tokens, self.row_tokens, DOCUMENT_MARK_TOKENS)


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
        if size + bounds.reply_tokens > bounds.max_tokens or has_many_rows(parts, bounds.alone):
            yield from cut(parts, count, bounds.alone, DOCUMENT_MARK_TOKENS)
            continue
        place = next((window for window in waiting if window.takes(size, bounds)), None)
        if place is None:
            waiting.append(place := _Open())
        place.add(parts, size)
        if place.documents == bounds.max_documents or len(waiting) > OPEN_WINDOWS:
            fullest = max(
                waiting, key=lambda window: (window.documents == bounds.max_documents, window.tokens)
            )
            waiting.remove(fullest)
            yield fullest.close()
    yield from (window.close() for window in waiting)


def whole(pages: Sequence[Page], count: Count) -> list[Part]:
    """One part a page, of one document."""
    return [_part(page, len(pages), count) for page in pages]


def _part(page: Page, pages: int, count: Count) -> Part:
    tokens = _page_tokens(page, pages, count)
    text = page.text
    return Part(
        page.document,
        page.number,
        pages,
        0,
        len(text),
        text,
        tokens,
        page.image_px,
        page.image,
        page.text_from,
        page.repeated,
        ocr_words=page.ocr_words,
    )


def size_of(parts: Sequence[Part]) -> int:
    """Tokens of parts of one document in a window, marks included."""
    return DOCUMENT_MARK_TOKENS + sum(part.tokens for part in parts)


def tokens_of(text_tokens: int, pages: int, images_px: Iterable[tuple[int, int]] = ()) -> int:
    """Tokens of a document in a window, marks included, from what is known without its text."""
    return (
        DOCUMENT_MARK_TOKENS
        + page_mark(pages) * pages
        + text_tokens
        + sum(image_tokens(*size) for size in images_px)
    )


def window_of(parts: Sequence[Part]) -> Window:
    """A window that holds just these parts."""
    sizes = (size_of(list(group)) for _, group in groupby(parts, key=lambda part: part.document))
    return Window(tuple(parts), sum(sizes))


def halves(window: Window) -> list[Window]:
    """A window as two: parted between documents, else between the pages of its one document, which are pieces from then on.

    There are none when it cannot be parted; what is shown beside a piece goes with both. Summaries are not parted.
    """
    if len(window.documents) > 1:
        first = frozenset(window.documents[: len(window.documents) // 2])
        sides = [
            [part for part in window.parts if (part.document in first) is side] for side in (True, False)
        ]
        return list(map(window_of, sides))
    own = [replace(part, role="piece") for part in window.parts if part.role in ("whole", "piece")]
    beside = [part for part in window.parts if part.role in ("context", "columns")]
    again = [part for part in window.parts if part.role == "again"]
    middle = len(own) // 2
    return (
        [window_of([*beside, *again, *own[:middle]]), window_of([*beside, *own[middle:]])] if middle else []
    )


def rest(
    pages: Sequence[Page], seen: Sequence[Sequence[Part]], count: Count, bounds: Bounds
) -> tuple[list[int], list[Window]]:
    """What other windows, of which the parts are given, show of a document.

    Gives the numbers of the fewest of them that show as much as all, in reading order, and windows over what they leave.
    """
    parts = whole(pages, count)
    chosen, gaps = cover(parts, seen)
    return chosen, list(cut(parts, count, bounds.alone, DOCUMENT_MARK_TOKENS, gaps)) if gaps else []


def shown(parts: Sequence[Part], pages: Sequence[Page], count: Count) -> list[Part]:
    """Parts of a document that were stored without their text, with it."""
    if all(one.role == "whole" for one in parts):
        return whole(pages, count)
    own = {
        number: _part(pages[number - 1], len(pages), count)
        for number in {one.page for one in parts}
        if number <= len(pages)
    }
    return [sliced(own[one.page], one.start, one.end, one.role, count) for one in parts if one.page in own]


def groups(parts: Sequence[Part], bounds: Bounds) -> list[list[Part]]:
    """Parts of one document in as few windows as hold them, in order and about equally full; at least two in each."""
    number = -(-sum(part.tokens for part in parts) // bounds.alone.tokens)
    number = max(1, min(number, len(parts) // 2))
    edges = [len(parts) * n // number for n in range(number + 1)]
    return [list(parts[first:last]) for first, last in pairwise(edges)]


def position(parts: Sequence[Part], document: str) -> int:
    """Where in a document the parts of a window begin that are asked about: it grows in reading order."""
    own = [part for part in parts if part.document == document and part.role in ("whole", "piece", "summary")]
    return min((part.page << 32) + part.start for part in own)


def extent(parts: Sequence[Part], document: str) -> Extent:
    """What a window shows of a document, so that windows can be told that show the same."""
    (*_, last) = (part for part in parts if part.document == document)
    return document, last.role, position(parts, document)


def same(parts: Sequence[Part], others: Sequence[Part]) -> bool:
    """Whether two windows show the same of the same documents, as far as can be told without text."""
    return list(map(_span, parts)) == list(map(_span, others))


def _span(part: Part) -> tuple[str, int, int, int, Role]:
    return part.document, part.page, part.start, part.end, part.role


def page_of(position: int) -> int:
    """The page of a position."""
    return position >> 32


def place(parts: Sequence[Part], document: str) -> str:
    """Which pages of a document that was cut a window is about: "pages 41-80 of 200"; "" when it shows the whole document."""
    own = [part for part in parts if part.document == document and part.role == "piece"]
    if not own:
        return ""
    first, last = own[0].page, own[-1].page
    return (f"page {first} of " if first == last else f"pages {first}-{last} of ") + str(own[0].pages)


def _page_tokens(page: Page, pages: int, count: Count) -> int:
    seen = image_tokens(*page.image_px) if page.image_px else 0
    return page_mark(pages) + count(page.shown) + seen
