"""A document that is longer than a window comes in; windows that each show a piece of it go out, which together are the document.

    pages 1-40        piece
    pages 40-80       context (first lines, heading), again (last lines of page 40), piece (pages 41-80)

A piece ends before a heading, between pages, behind a paragraph, between rows: at the best such place in its last quarter. It is as long
as a window takes and as the reply allows: rows of tables become items of a list, and a reply has only so much room.
It imports `book`, which knows where a document may be cut.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from octavo.processors.pack.book import PAGE_MARK_TOKENS, Book, Count, Span
from octavo.schemas.pipeline import Part, Window

OVERLAP_TOKENS = 150  # of the end of a piece that are shown again before the next; 0 for none
CONTEXT_TOKENS = (
    120  # of the first lines of the document that go before every later piece; 0 for no context at all
)
MOST_ASIDE = 10  # overlap and context each take at most one part in so many of a window
PIECE_REPLY_TOKENS = (
    8_000  # most that a reply about one piece is let grow by its rows: 200 s at 40 tokens a second
)
LAST_PART = 4  # the cut lies in the last one of so many parts of a full window


@dataclass(frozen=True, slots=True)
class Room:
    """What a piece may have: tokens of its parts with their marks, rows (0: any number), and of the tokens so many shown beside it."""

    tokens: int
    rows: int = 0
    overlap: int = OVERLAP_TOKENS
    context: int = CONTEXT_TOKENS


def room(max_tokens: int, reply_tokens: int, row_tokens: int, marks: int) -> Room:
    """The room of a piece in a window of so many tokens; `row_tokens` are those of a reply about one row, 0 when no list is asked for."""
    reply = max(reply_tokens, min(PIECE_REPLY_TOKENS, max_tokens // 3)) if row_tokens else reply_tokens
    tokens = max_tokens - reply - marks
    aside = tokens // MOST_ASIDE
    return Room(
        tokens,
        max(1, reply // row_tokens) if row_tokens else 0,
        min(OVERLAP_TOKENS, aside),
        min(CONTEXT_TOKENS, aside),
    )


def has_many_rows(parts: Sequence[Part], space: Room) -> bool:
    """Whether a document has more rows than a reply has room for."""
    lines = sum(part.text.count("\n") + 1 for part in parts)
    return 0 < space.rows < lines and len(Book(parts).rows) > space.rows


def cut(
    parts: Sequence[Part], count: Count, space: Room, marks: int, gaps: Iterable[Span] = ()
) -> Iterator[Window]:
    """Windows over a document whose whole pages are `parts`, or over gaps in it. `marks` are the tokens of a document's marks."""
    book = Book(parts)
    for start, end in gaps or [(0, book.offsets[-1])]:
        at = start
        while at < end:
            before = _before(book, at, space, count) if at else []
            stop = min(end, _stop(book, at, space, space.tokens - sum(part.tokens for part in before), count))
            held = (*before, *book.slices(at, stop, "piece", count))
            yield Window(held, marks + sum(part.tokens for part in held))
            at = stop


def pieces(tokens: int, space: Room, rows: int = 0) -> tuple[int, int]:
    """About how many pieces a document of so many tokens and rows is cut into, and the tokens of each with what is shown beside it."""
    aside = space.overlap + space.context
    number = -(-(tokens - aside) // max(1, space.tokens - aside))
    number = max(number, -(-rows // space.rows)) if space.rows else number
    return number, -(-tokens // number) + (aside if number > 1 else 0)


def cover(parts: Sequence[Part], seen: Sequence[Sequence[Part]]) -> tuple[list[int], list[Span]]:
    """The numbers of the fewest windows that show as much of a document as all of them do, and the gaps that they leave.

    `parts` are its whole pages. Of two windows that show the same the first is taken.
    """
    book = Book(parts)
    spans = [(*span, number) for number, shown in enumerate(seen) if (span := spanned(book, shown))]
    chosen: list[int] = []
    found: list[Span] = []
    reach, end = 0, book.offsets[-1]
    while reach < end:
        going_on = [(stop, -number) for start, stop, number in spans if start <= reach < stop]
        if going_on:
            reach, number = max(going_on)
            chosen.append(-number)
        else:
            begin = min((start for start, _, _ in spans if start > reach), default=end)
            found.append((reach, begin))
            reach = begin
    return chosen, found


def spanned(book: Book, shown: Sequence[Part]) -> Span | None:
    """The offsets between which a window shows a document; None when its pages are not there any more."""
    own = [part for part in shown if part.role in ("whole", "piece")]
    if not own or own[-1].page > len(book.parts):
        return None
    start, end = book.offsets[own[0].page - 1] + own[0].start, book.offsets[own[-1].page - 1] + own[-1].end
    last = len(book.parts[own[-1].page - 1].text)
    return start, end + 1 if own[-1].end >= last else end


def _before(book: Book, at: int, space: Room, count: Count) -> list[Part]:
    """What is shown before a piece: first lines of the document, the heading, the columns of a table that goes on, the last lines again."""
    again = book.lines_before(at, space.overlap, count) if space.overlap > PAGE_MARK_TOKENS else at
    shown: list[Part] = []
    heading, columns = book.heading_before(again), book.columns_before(at)
    limit = min(again, columns[0]) if columns else again
    if space.context > PAGE_MARK_TOKENS and (first := _first_lines(book, limit, space.context, count)):
        shown += book.slices(0, first, "context", count)
        if heading and heading[0] >= first and heading[1] <= again:
            shown += book.slices(*heading, "context", count)
        if columns and columns[0] >= first and columns[1] <= again and columns != heading:
            shown += book.slices(*columns, "columns", count)
    fits = sum(part.tokens for part in shown) <= 2 * space.context
    repeated = book.slices(again, at, "again", count) if again < at else []
    return [*(sorted(shown, key=lambda part: (part.page, part.start)) if fits else []), *repeated]


def _first_lines(book: Book, limit: int, tokens: int, count: Count) -> int:
    """Where the first lines of the document end that have at most so many tokens and stand before `limit`; 0 when there are none."""
    text = book.parts[0].text
    end = _fitting(text, 0, tokens - PAGE_MARK_TOKENS, count)
    if min(end, limit) < len(text):
        end = text.rfind("\n", 0, min(end, limit)) + 1
    return end if text[:end].strip() else 0


def _stop(book: Book, start: int, space: Room, tokens: int, count: Count) -> int:
    """Where the piece that begins at an offset should end. At least one character goes in."""
    far = _furthest(book, start, tokens, count)
    if space.rows:
        row = bisect_right(book.rows, start - 1) + space.rows
        far = min(far, book.rows[row]) if row < len(book.rows) else far
    if far >= book.offsets[-1]:
        return book.offsets[-1]
    return book.best_edge(start + (far - start) * (LAST_PART - 1) // LAST_PART, far)


def _furthest(book: Book, start: int, tokens: int, count: Count) -> int:
    """The last offset that fits, page by page and within the first page that does not fit whole."""
    for page in range(book.page_at(start), len(book.parts)):
        begin, end = max(start, book.offsets[page]), book.offsets[page + 1]
        (part,) = book.slices(begin, end, "piece", count)
        if part.tokens <= tokens:
            tokens -= part.tokens
            continue
        left = tokens - (part.tokens - count(part.shown))
        fitting = _fitting(part.text, 0, left, count) if left > 0 else 0
        return (
            begin + fitting
            if begin + fitting > start
            else min(start + 1, book.offsets[-1])
            if part.text
            else end
        )
    return book.offsets[-1]


def _fitting(text: str, start: int, tokens: int, count: Count) -> int:
    """The largest end of a piece of a text that has at most so many tokens."""
    low, high = start, len(text)
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if count(text[start:middle]) <= tokens else (low, middle - 1)
    return low
