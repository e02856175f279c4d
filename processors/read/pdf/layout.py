"""The text of a page and the boxes of its words in; pieces of that text out, in an order in which the rows of tables are whole.

    Item          Item | Qty | Amount
    Bolts         Bolts | 12 | 60.00
    Qty      ->   Nuts | 8 | 20.00
    12 ...

PDFium gives text in the order in which it was drawn. That is the reading order of prose, columns too, and it is left as it is. Tables
are often drawn cell by cell or column by column: where rows of short cells stand over each other, in one run of the drawing order, and
numbers are among them, the cells of a row are put on one line. Nothing is ever moved across other text, so columns cannot be mixed.

Cells are parted by " | ", as in the tables of Word and HTML: a model knows it from Markdown, and it costs the tokens that two spaces
cost, which vanish where white space is levelled. Pure. Imports the noun `Word` of `chars`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import groupby, pairwise
from typing import NamedTuple

from octavo.processors.read.pdf.chars import Word

BAR = " | "
_FEW_DIGITS, _MANY_DIGITS = (
    0.04,
    0.12,
)  # shares of a page's characters: prose has less than the first, most tables more than the second
_DIGIT, _LETTER = re.compile(r"\d"), re.compile(r"[^\W\d_]")
_AMOUNT = re.compile(r"\d[.,]\d\d\d?(?!\d)")
_RIGHT_TO_LEFT = re.compile(
    "[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc]"
)  # rows of such scripts are left as PDFium gives them
_FEWEST_AMOUNTS = 4
_GAP = 0.75  # between cells, in heights of the line: spaces between words have 0.25, stretched ones up to 0.6
_SAME_LINE = 0.35  # how far the middles of two cells of a row may be apart, in heights
_SAME_BLOCK = 0.9  # with less between their middles, two rows are not lines of one block
_FEWEST_TURNS = 2  # between two blocks whose lines come in turns, when they are read from the top down
_LONG_WORDS = 5  # a cell with as many words is a sentence; a row has at most one of them
_WIDE = 2.0  # heights of a line between rows: what follows is another table
_DEEPEST = 40  # cells of a column that is drawn apart
_MOST_LINES_BETWEEN = 4  # rows of one cell within a table: a description that goes on
_NUMERIC_SHARE = 0.3  # of a table's cells behind the first column; with fewer numbers it may be a list in columns, and is not reordered

Piece = tuple[int, int] | str  # a span of the page's text, or what is put between


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


def looks_tabular(text: str) -> bool:
    """Whether a page is worth the boxes of its words: every eighth character a digit, or fewer with amounts among them."""
    plain = text.encode("ascii", "ignore")
    digits = len(plain) - len(plain.translate(None, b"0123456789"))
    if digits <= _FEW_DIGITS * len(text) or _RIGHT_TO_LEFT.search(text):
        return False
    return digits > _MANY_DIGITS * len(text) or len(_AMOUNT.findall(text)) >= _FEWEST_AMOUNTS


def pieces(text: str, words: Sequence[Word]) -> list[Piece]:
    """The text in reading order: spans of it, and bars and line ends between them. All words come once."""
    if _is_sideways(words):
        return [(0, len(text))]
    cells = _cells(text, words)
    rows = _rows(cells)
    tables = list(_tables(rows))
    tables += _stacks(cells, rows, {cell.order for table in tables for row in table for cell in row}, text)
    tables.sort(key=lambda table: min(cell.order for row in table for cell in row))
    out: list[Piece] = []
    done = 0  # cells
    for table in tables:
        first = min(cell.order for row in table for cell in row)
        count = sum(map(len, table))
        out += _as_drawn(cells[done:first])
        out += [part for row in table for part in _line(row)]
        done = first + count
    return [*out, *_as_drawn(cells[done:])]


def joined(text: str, parts: Sequence[Piece]) -> str:
    """The pieces as one text."""
    return "".join(part if isinstance(part, str) else text[part[0] : part[1]] for part in parts)


def _is_sideways(words: Sequence[Word]) -> bool:
    """Whether most words are higher than wide, so that their lines run up or down the page."""
    long = [word for word in words if word.end - word.start > 3]
    return sum(word.top - word.bottom > word.right - word.left for word in long) * 2 > len(long)


def _as_drawn(cells: Sequence[Cell]) -> list[Piece]:
    """Cells with what stood between them."""
    return [(cells[0].start, cells[-1].end), "\n"] if cells else []


def _line(row: Sequence[Cell]) -> Iterator[Piece]:
    for place, cell in enumerate(row):
        if place:
            yield BAR
        yield (cell.start, cell.end)
    yield "\n"


def _cells(text: str, words: Sequence[Word]) -> list[Cell]:
    """Words of one line of the text with small gaps between them, in drawing order."""
    cells: list[Cell] = []
    first = line = 0
    for place, (one, two) in enumerate(pairwise(words), start=1):
        if _apart(text, one, two):
            cells.append(_cell(len(cells), line, words[first:place], text))
            line += "\n" in text[one.end : two.start]
            first = place
    return [*cells, _cell(len(cells), line, words[first:], text)] if words else cells


def _apart(text: str, one: Word, two: Word) -> bool:
    """Whether two words that follow each other belong to different cells."""
    gap = text[one.end : two.start]
    if gap != " ":
        if "\u3000" in gap:  # sets the signs of one Chinese label wide
            return False
        if "\n" in gap or "\t" in gap:
            return True
    height = max(one.top - one.bottom, 0.1)
    return not -height < two.left - one.right < _GAP * height


def _cell(order: int, line: int, words: Sequence[Word], text: str) -> Cell:
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


def _rows(cells: Sequence[Cell]) -> list[list[Cell]]:
    """Lines of PDFium whose middles are about as high, from the top down; each row from left to right."""
    lines = [list(line) for _, line in groupby(cells, key=lambda cell: cell.line)]
    rows: list[tuple[float, list[Cell]]] = []
    for middle, line in sorted(((_middle(line), line) for line in lines), key=lambda line: -line[0]):
        if rows and abs(rows[-1][0] - middle) < _SAME_LINE * min(rows[-1][1][0].height, line[0].height):
            rows[-1][1].extend(line)
        else:
            rows.append((middle, line))
    return [sorted(row, key=lambda cell: cell.left) for _, row in rows]


def _middle(line: Sequence[Cell]) -> float:
    """The lower median of its cells' middles."""
    return sorted([cell.middle for cell in line])[(len(line) - 1) // 2]


def _tables(rows: Sequence[list[Cell]]) -> Iterator[list[list[Cell]]]:
    """Runs of rows that are tables and may be written row by row without crossing other text."""
    for run in _runs(rows):
        yield from _parts(run)


def _runs(rows: Sequence[list[Cell]]) -> Iterator[list[list[Cell]]]:
    """Rows of cells over each other, with a few rows of one cell between them but not around them."""
    run: list[list[Cell]] = []
    between: list[list[Cell]] = []
    for row in rows:
        if _is_row(row):
            run += [*between, row]
            between = []
        elif run and len(row) == 1 and len(between) < _MOST_LINES_BETWEEN:
            between.append(row)
        elif run:
            yield run
            run, between = [], []
    if run:
        yield run


def _stacks(
    cells: Sequence[Cell], rows: Sequence[Sequence[Cell]], taken: set[int], text: str
) -> Iterator[list[list[Cell]]]:
    """Two columns that are drawn one after the other, such as all labels of a form and then all their values, as rows."""
    at = {cell.order: number for number, row in enumerate(rows) for cell in row}
    numbers = [at[order] for order in range(len(cells))]
    done = 0
    for place in range(1, len(cells)):
        depth = _depth(numbers, done, place)
        one, two = cells[place - depth : place], cells[place : place + depth]
        if (
            depth > 1
            and not any(cell.order in taken for cell in [*one, *two])
            and (_are_values(one, text) or _are_values(two, text))
        ):
            yield [sorted(row, key=lambda cell: cell.left) for row in zip(one, two, strict=True)]
            done = place + depth


def _depth(numbers: Sequence[int], done: int, place: int) -> int:
    """How many row numbers that go down before a place, and behind what is done, are gone through again from there on; 0 for none.

    >>> _depth([3, 4, 5, 3, 4, 5, 9], 0, 3)
    3
    """
    start = place - 1
    while start > done and numbers[start - 1] < numbers[start] and numbers[start] > numbers[place]:
        start -= 1
    depth = place - start
    again = start >= done and numbers[start:place] == numbers[place : place + depth]
    return depth if again and depth <= _DEEPEST else 0


def _are_values(column: Sequence[Cell], text: str) -> bool:
    """Whether a column is of labels that end in a colon, or has enough numbers, and no sentences."""
    labels = sum(text[cell.end - 1] in ":：" for cell in column)
    numbers = sum(cell.is_numeric for cell in column)
    short = all(cell.words < _LONG_WORDS for cell in column)
    return short and (labels * 2 > len(column) or numbers >= _NUMERIC_SHARE * len(column))


def _is_row(row: Sequence[Cell]) -> bool:
    """Several cells beside each other, of which at most one is a sentence."""
    sentences = sum(cell.words >= _LONG_WORDS and not cell.is_numeric for cell in row)
    return (
        len(row) > 1
        and sentences <= 1
        and all(one.right <= two.left + 0.5 * one.height for one, two in pairwise(row))
    )


def _parts(run: list[list[Cell]]) -> Iterator[list[list[Cell]]]:
    """The run when it is drawn in one go and numbers are among its cells; else its blocks of which that is true; else such rows."""
    if _is_whole(run) and sum(_is_beside(row, above) for above, row in pairwise(run)) < _FEWEST_TURNS:
        yield run
        return
    for block in _blocks(run):
        if _is_whole(block):
            yield block
        else:
            yield from (
                [part] for row in block for part in _drawn_together(row) if len(part) > 1 and _in_rows([part])
            )


def _drawn_together(row: list[Cell]) -> list[list[Cell]]:
    """The row, or where it is not drawn in one go its parts that are: those of a table, without a panel that stands beside it."""
    if _in_one_go(row):
        return [row]
    return [
        [cell for _, cell in part]
        for _, part in groupby(enumerate(row), key=lambda item: item[1].order - item[0])
    ]


def _is_whole(run: Sequence[Sequence[Cell]]) -> bool:
    return _in_one_go([cell for row in run for cell in row]) and (_in_rows(run) or _is_table(run))


def _blocks(run: Sequence[list[Cell]]) -> list[list[list[Cell]]]:
    """The run cut where there is much space between rows, or blocks with other lines stand beside each other."""
    blocks = [[run[0]]]
    for above, row in pairwise(run):
        if above[0].bottom - row[0].top > _WIDE * row[0].height or _is_beside(row, above):
            blocks.append([])
        blocks[-1].append(row)
    return blocks


def _is_beside(row: Sequence[Cell], above: Sequence[Cell]) -> bool:
    """Whether two rows are lines of blocks beside each other, as labels with values beside an address.

    One reaches into the height of the other, and none of their cells stand over each other. The cells of one are drawn in one go and in
    order, or are single characters, as of a label that is set downward.
    """
    close = above[0].middle - row[0].middle < _SAME_BLOCK * min(above[0].height, row[0].height)
    apart = not any(cell.left < one.right and one.left < cell.right for cell in row for one in above)
    ordered = any(len(line) > 1 and _in_one_go(line) and _in_rows([line]) for line in (row, above))
    return (
        close
        and apart
        and (ordered or any(all(cell.end - cell.start == 1 for cell in line) for line in (row, above)))
    )


def _in_one_go(cells: Sequence[Cell]) -> bool:
    """Whether nothing else is drawn between these cells."""
    orders = [cell.order for cell in cells]
    return max(orders) - min(orders) + 1 == len(orders)


def _in_rows(run: Sequence[Sequence[Cell]]) -> bool:
    """Whether the cells are drawn row by row already, so that nothing has to move."""
    return all(one.order < two.order for one, two in pairwise(cell for row in run for cell in row))


def _is_table(run: Sequence[Sequence[Cell]]) -> bool:
    """Whether enough cells behind the first column are numbers."""
    cells = [cell for row in run for cell in row[1:]]
    return len(run) > 1 and sum(cell.is_numeric for cell in cells) >= _NUMERIC_SHARE * len(cells)
