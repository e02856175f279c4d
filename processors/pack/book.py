"""One long document as one text: its whole parts in, offsets, slices and places to cut out.

An offset counts the characters of all pages before it, and one for the end of each page, so that pages without text have a place too.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import accumulate

from octavo.schemas.pipeline import Part, Role
from octavo.schemas.text.printed_rows import rows_in

PAGE_MARK_TOKENS = 9  # "<<285612 page 12/345>>" and its newline, counted with the Kimi vocabulary, 2026-11-23
ROLE_TOKENS = 3  # ", context" in the mark of what is shown beside a piece
LONGEST_HEADING = 90  # characters
FURNITURE_LINES = 8  # between two rows of one table: the footer of one page and the header of the next
LONGEST_COLUMNS = 300  # characters of the line with the column headings

_NAMED = r"(?i:chapter|section|article|part|annex|exhibit|schedule|appendix|book|kapitel|abschnitt|teil|anlage|artikel|chapitre|capítulo)"
HEADING = re.compile(
    rf"^[ \t]*(?:\#{{1,6}}[ ]|{_NAMED}[ ]+[\dIVXLCA-Z]|§+[ ]?\d|第.{{1,8}}[章节節条條编編]"
    r"|\d{1,3}(?:\.\d{1,3}){0,3}\.?[ \t]+[A-ZÀ-Þ\u4e00-\u9fff]"
    r"|[A-ZÀ-Þ][A-ZÀ-Þ ,&'’-]{7,}$)[^\n]*",
    re.MULTILINE,
)
_LINE = re.compile(r"[^\n]+")
_EDGES = (
    re.compile(r"\n[ \t\r]*\n\s*"),
    re.compile(r"\n+"),
    re.compile(r"[.!?;]\s+|[。！？；]"),
    re.compile(r"\s+"),
)

Count = Callable[[str], int]
Span = tuple[int, int]


@dataclass(frozen=True)
class Book:
    """A document that is cut. `parts` are its pages, each whole."""

    parts: Sequence[Part]

    @cached_property
    def offsets(self) -> list[int]:
        """Where each page begins; one more for the end of the document."""
        return list(accumulate((len(part.text) + 1 for part in self.parts), initial=0))

    @cached_property
    def rows(self) -> list[int]:
        """Where each line begins that looks like a row of a table."""
        return [
            at + row.start
            for at, part in zip(self.offsets, self.parts, strict=False)
            for row in rows_in(part.text)
        ]

    @cached_property
    def headings(self) -> list[Span]:
        """The lines that look like headings, in order."""
        return [
            (at + match.start(), at + match.end())
            for at, part in zip(self.offsets, self.parts, strict=False)
            for match in HEADING.finditer(part.text)
            if len(match.group()) <= LONGEST_HEADING and _is_worded(match.group())
        ]

    def page_at(self, offset: int) -> int:
        """The index of the page on which an offset lies."""
        return bisect_right(self.offsets, offset, 0, len(self.parts)) - 1

    def slices(self, start: int, end: int, role: Role, count: Count) -> list[Part]:
        """The pages between two offsets as parts, those at the edges cut and counted anew."""
        found = []
        for page in range(self.page_at(start), bisect_left(self.offsets, end)):
            at, part = self.offsets[page], self.parts[page]
            found.append(sliced(part, max(start - at, 0), min(end - at, len(part.text)), role, count))
        return found

    def best_edge(self, low: int, high: int) -> int:
        """The last of the best places after `low` and up to `high`: before a heading, between pages, behind a paragraph, line, word."""
        at = bisect_right(self.headings, (high, high)) - 1
        if at >= 0 and low < self._before(self.headings[at][0]) <= high:
            return self._before(self.headings[at][0])
        page = self.offsets[self.page_at(high)]
        if low < page <= high:
            return page
        text = self.parts[self.page_at(high)].text
        for edge in _EDGES:
            ends = [match.end() for match in edge.finditer(text, max(low - page, 0), high - page)]
            if ends:
                return page + ends[-1]
        return high

    def _before(self, heading: int) -> int:
        """The place before a heading: that before the page, when it is the first thing there."""
        page = self.page_at(heading)
        at = self.offsets[page]
        return at if not self.parts[page].text[: heading - at].strip() else heading

    def lines_before(self, offset: int, room: int, count: Count) -> int:
        """Where the last whole lines before an offset begin that have at most so many tokens together."""
        start, left = offset, room
        for begin, end in self._lines_back(offset):
            left -= (
                count(self._text(begin, end))
                + 1
                + PAGE_MARK_TOKENS * (self.page_at(begin) != self.page_at(start))
            )
            if left < PAGE_MARK_TOKENS:
                break
            start = begin
        return start

    def heading_before(self, offset: int) -> Span | None:
        """The heading under which an offset stands; None when it is the first thing there or there is none."""
        at = bisect_left(self.headings, (offset, offset)) - 1
        return self.headings[at] if at >= 0 else None

    def columns_before(self, offset: int) -> Span | None:
        """The line with the column headings of a table that goes on at an offset."""
        following = next(self._lines_on(offset), None)
        if following is None or not self._is_row(following[0]):
            return None
        idle, first = 0, None
        lines = self._lines_back(offset)
        for begin, end in lines:
            if self._is_row(begin):
                idle, first = 0, (begin, end)
            elif (idle := idle + 1) > FURNITURE_LINES:
                break
        if first is None:
            return None
        above = next(self._lines_back(first[0]), None)
        return (
            above
            if above and above[1] - above[0] <= LONGEST_COLUMNS and len(self._text(*above).split()) > 1
            else None
        )

    def _is_row(self, begin: int) -> bool:
        at = bisect_left(self.rows, begin)
        return at < len(self.rows) and self.rows[at] == begin

    def _text(self, start: int, end: int) -> str:
        page = self.page_at(start)
        return self.parts[page].text[start - self.offsets[page] : end - self.offsets[page]]

    def _lines_on(self, offset: int) -> Iterator[Span]:
        """The lines from an offset on that are not blank."""
        for page in range(self.page_at(offset), len(self.parts)):
            at = self.offsets[page]
            for line in _LINE.finditer(self.parts[page].text, max(offset - at, 0)):
                if line.group().strip():
                    yield at + line.start(), at + line.end()

    def _lines_back(self, offset: int) -> Iterator[Span]:
        """The lines before an offset that are not blank, the last one first."""
        for page in range(self.page_at(max(offset - 1, 0)), -1, -1):
            at = self.offsets[page]
            for line in reversed(list(_LINE.finditer(self.parts[page].text, 0, max(offset - at, 0)))):
                if line.group().strip():
                    yield at + line.start(), at + line.end()


def sliced(part: Part, start: int, end: int, role: Role, count: Count) -> Part:
    """The characters from `start` to `end` of a whole page in another role. A picture goes with the beginning of its page."""
    if role == "whole" or (role == "piece" and (start, end) == (0, len(part.text))):
        return replace(part, role=role)
    piece = part.cut(start, end)
    shows = part.image_px is not None and start == 0 and role == "piece"
    seen = part.tokens - page_mark(part.pages) - count(part.shown) if shows else 0
    picture, size = (part.image, part.image_px) if shows else (None, None)
    mark = PAGE_MARK_TOKENS + (0 if role == "piece" else ROLE_TOKENS)
    return replace(piece, tokens=mark + count(piece.shown) + seen, image=picture, image_px=size, role=role)


def page_mark(pages: int) -> int:
    """Tokens of the mark of each page; the only page of a document has none beside the document's."""
    return PAGE_MARK_TOKENS if pages > 1 else 0


def _is_worded(line: str) -> bool:
    """Whether a line has a word, ends as no sentence does, and is no row of a table."""
    if any(rows_in(line)) or line.rstrip().endswith((".", ",", ";", ":")):
        return False
    return bool(re.search(r"[^\W\d_]{3}|[\u4e00-\u9fff]", line))
