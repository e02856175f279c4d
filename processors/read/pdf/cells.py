"""The words of a page in; cells out: words that stand close together on one line. What a table is made of, before it is known to be one.

Pure. Imports the nouns `Word` of `chars` and `RuledLines` of `ruled_lines`.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby, pairwise
from typing import NamedTuple

from octavo.processors.read.pdf.chars import Word
from octavo.processors.read.pdf.ruled_lines import RuledLines

_DIGIT, _LETTER = re.compile(r"\d"), re.compile(r"[^\W\d_]")
GAP = 0.75  # between cells, in heights of the line: spaces between words have 0.25, stretched ones up to 0.6
_SAME_LINE = 0.35  # how far the middles of two cells of a row may be apart, in heights
_LEAST_SPACE, _SPACE_STEP = 0.02, 0.02
_USUAL_SPACE = 0.24  # in heights, where a page has none to measure


class Cell(NamedTuple):
    """Words that stand close together on one line: their place in the drawing order, in the text, and their box."""

    order: int
    line: int  # of PDFium, which joins what stands on one line and is drawn in a row
    start: int
    end: int
    words: int
    is_numeric: bool  # at least as many digits as letters
    left: float
    bottom: float
    right: float
    top: float

    @property
    def height(self) -> float:
        """Of the line, in points."""
        return max(self.top - self.bottom, 0.1)

    @property
    def middle(self) -> float:
        """Of the line, in points from below."""
        return (self.top + self.bottom) / 2

    @property
    def center(self) -> float:
        """Half way from left to right."""
        return (self.left + self.right) / 2

    def word_end(self, text: str) -> int:
        """Where its first word ends in the text."""
        return self.start + len(text[self.start : self.end].split(maxsplit=1)[0])


Line = list[Cell]  # from left to right
Column = list[Cell]  # what a cell of a table holds, in reading order; nothing for an empty one
Row = list[Column]


def of_words(text: str, words: Sequence[Word], rules: RuledLines) -> list[Cell]:
    """Words of one line of the text with small gaps and no upright line between them, in drawing order."""
    cells: list[Cell] = []
    first = line = 0
    for place, (one, two) in enumerate(pairwise(words), start=1):
        if _apart(text, one, two) or (rules.upright and _is_ruled_off(one, two, rules)):
            cells.append(of_run(len(cells), line, words[first:place], text))
            line += "\n" in text[one.end : two.start] or _is_over(one, two)
            first = place
    return [*cells, of_run(len(cells), line, words[first:], text)] if words else cells


def _apart(text: str, one: Word, two: Word) -> bool:
    """Whether two words that follow each other belong to different cells."""
    gap = text[one.end : two.start]
    if gap != " ":
        if "\u3000" in gap:  # sets the signs of one Chinese label wide
            return False
        if "\n" in gap or "\t" in gap or _is_over(one, two):
            return True
    if not text[two.start : two.end].strip(".…"):  # a leader to the next cell
        return False
    height = max(one.top - one.bottom, 0.1)
    return not -height < two.left - one.right < GAP * height


def _is_over(one: Word, two: Word) -> bool:
    """Whether one word stands wholly above or below the other."""
    return one.top <= two.bottom or two.top <= one.bottom


def _is_ruled_off(one: Word, two: Word, rules: RuledLines) -> bool:
    """Whether an upright line passes between two words."""
    middle = (one.top + one.bottom) / 2
    upright = rules.upright
    place = bisect_left(upright, (one.left + one.right) / 2, key=lambda rule: rule.at)
    while place < len(upright) and upright[place].at < (two.left + two.right) / 2:
        if upright[place].start <= middle <= upright[place].end:
            return True
        place += 1
    return False


def of_run(order: int, line: int, words: Sequence[Word], text: str) -> Cell:
    """Words that follow each other from left to right; their line is as high as the first of them."""
    first, last = words[0], words[-1]
    own = text[first.start : last.end]
    numeric = _DIGIT.search(own) is not None and len(_DIGIT.findall(own)) >= len(_LETTER.findall(own))
    return Cell(
        order,
        line,
        first.start,
        last.end,
        len(words),
        numeric,
        first.left,
        first.bottom,
        last.right,
        first.top,
    )


def around(block: Sequence[Cell], middle: float) -> Cell:
    """One cell in place of several that stand over each other, as high as a line at the height of their row."""
    if len(block) == 1:
        return block[0]
    half = block[0].height / 2
    return block[0]._replace(
        end=block[-1].end,
        words=sum(cell.words for cell in block),
        left=min(cell.left for cell in block),
        right=max(cell.right for cell in block),
        bottom=middle - half,
        top=middle + half,
        line=-1 - block[0].order,
    )


def is_on_line(one: Cell, two: Cell) -> bool:
    """Whether a cell stands right of another on its line."""
    return two.left >= one.right and abs(one.middle - two.middle) < _SAME_LINE * one.height


def lines(cells: Sequence[Cell]) -> list[Line]:
    """Lines of PDFium whose middles are about as high, from the top down; each from left to right."""
    own = [list(line) for _, line in groupby(cells, key=lambda cell: cell.line)]
    rows: list[tuple[float, Line]] = []
    for middle, line in sorted(((_middle(line), line) for line in own), key=lambda line: -line[0]):
        if rows and abs(rows[-1][0] - middle) < _SAME_LINE * min(rows[-1][1][0].height, line[0].height):
            rows[-1][1].extend(line)
        else:
            rows.append((middle, line))
    return [sorted(row, key=lambda cell: cell.left) for _, row in rows]


def _middle(line: Line) -> float:
    """The lower median of its cells' middles."""
    return sorted([cell.middle for cell in line])[(len(line) - 1) // 2]


def usual_space(runs: Iterable[Sequence[Word]]) -> float:
    """The space between words that follow each other on a line, in heights of the line: the one that comes most often.

    The spaces of a font are all alike; those between columns are as wide as what stands there leaves them.
    """
    spaces = [
        (two.left - one.right) / max(one.top - one.bottom, 0.1) for run in runs for one, two in pairwise(run)
    ]
    close = Counter(round(space / _SPACE_STEP) for space in spaces if _LEAST_SPACE < space < GAP)
    if not close:
        return _USUAL_SPACE
    step, times = max(close.items(), key=lambda item: (item[1], -item[0]))
    return step * _SPACE_STEP if times * 4 > close.total() else _USUAL_SPACE


def split(cell: Cell, widest: float, words: Sequence[Word], text: str) -> Iterator[Cell]:
    """The cell at its gaps that are wider than so many heights."""
    inner = words_of(cell, words) if cell.line >= 0 else ()
    ends = [
        place
        for place, (one, two) in enumerate(pairwise(inner), start=1)
        if two.left - one.right > widest * cell.height
    ]
    if not ends:
        yield cell
        return
    for first, end in pairwise([0, *ends, len(inner)]):
        yield of_run(cell.order, cell.line, inner[first:end], text)


def split_at(cell: Cell, at: float, words: Sequence[Word], text: str) -> Iterator[Cell]:
    """The cell in two where one of its gaps lies over a place."""
    inner = words_of(cell, words) if cell.line >= 0 else ()
    for place, (one, two) in enumerate(pairwise(inner), start=1):
        if one.right <= at <= two.left:
            yield of_run(cell.order, cell.line, inner[:place], text)
            yield of_run(cell.order, cell.line, inner[place:], text)
            return
    yield cell


def words_of(cell: Cell, words: Sequence[Word]) -> Sequence[Word]:
    """The words of a cell. All words are in the order of the text."""
    first = bisect_left(words, cell.start, key=lambda word: word.start)
    return words[first : first + cell.words]
