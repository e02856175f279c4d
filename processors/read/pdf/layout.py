"""The text of a page and the boxes of its words in; pieces of that text out, in an order in which the rows of tables are whole.

    Item          Item | Qty | Amount
    Bolts         Bolts | 12 | 60.00
    Qty      ->   Nuts | 8 | 20.00
    12 ...

PDFium gives text in the order in which it was drawn. That is the reading order of prose, columns too, and it is left as it is. Tables
are often drawn cell by cell or column by column: where rows of short cells stand over each other, in one run of the drawing order, and
numbers are among them, the cells of a row are put on one line. Nothing is ever moved across other text, so columns cannot be mixed.

So are cells between ruled lines, wherever they are drawn. The lead of `cells`, `grid`, `grid_columns`, `wrapped` and `written`. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import groupby, pairwise
from typing import NamedTuple

from octavo.processors.read.pdf import cells as cells_
from octavo.processors.read.pdf import grid
from octavo.processors.read.pdf import grid_columns as columns
from octavo.processors.read.pdf.cells import Cell
from octavo.processors.read.pdf.chars import Box, Word
from octavo.processors.read.pdf.grid import Grid
from octavo.processors.read.pdf.regions import Region, boxes
from octavo.processors.read.pdf.ruled_lines import NONE, RuledLines
from octavo.processors.read.pdf.wrapped import Block
from octavo.processors.read.pdf.wrapped import blocks as blocks_of
from octavo.processors.read.pdf.written import Piece, written

_FEW_DIGITS, _MANY_DIGITS = (
    0.04,
    0.12,
)  # shares of a page's characters: prose has less than the first, most tables more than the second
_LEAST_DIGITS = 0.015
_FEWEST_NUMBERED, _LONGEST_COUNT = 4, 5  # lines, digits
_SHORT_LINE, _FEWEST_SHORT = 36, 4  # characters, lines
_NUMBER = re.compile(r"[^\w\s]{0,2}\d[\d.,:'’-]*")
_DIGIT, _LETTER = re.compile(r"\d"), re.compile(r"[^\W\d_]")
_AMOUNT = re.compile(r"\d[.,]\d\d\d?(?!\d)")
RIGHT_TO_LEFT = re.compile(
    "[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc]"
)  # rows of such scripts are left as PDFium gives them
_FEWEST_AMOUNTS = 4
_GAP = 0.75  # between cells, in heights of the line: spaces between words have 0.25, stretched ones up to 0.6
_SAME_LINE = 0.35  # how far the middles of two cells of a row may be apart, in heights
_SAME_BLOCK = 0.9  # with less between their middles, two rows are not lines of one block
_MOST_CHUNKS = 8  # in which a table is drawn, with other things between
_FEWEST_TURNS = 2  # between two blocks whose lines come in turns, when they are read from the top down
_LONG_WORDS = 5  # a cell with as many words is a sentence; a row has at most one of them
_WIDE = 2.0  # heights of a line between rows: what follows is another table
_DEEPEST = 40  # cells of a column that is drawn apart
_MOST_LINES_BETWEEN = 4  # rows of one cell within a table: a description that goes on
_NUMERIC_SHARE = 0.3  # of a table's cells behind the first column; with fewer numbers it may be a list in columns, and is not reordered

Lines = list[
    list[Block]
]  # of a table: in each line its cells, in each cell those that were drawn, of which a wrapped one has several


class Places(NamedTuple):
    """What ruled lines tell of text that they do not part into cells."""

    boxes: Sequence[Box]
    tops: Sequence[float]  # heights of ruled tables and edges of boxes, at which a table above ends


def looks_tabular(text: str) -> bool:
    """Whether a page is worth the boxes of its words: every eighth character a digit, or fewer with amounts or lines that end in digits."""
    plain = text.encode("ascii", "ignore")
    digits = len(plain) - len(plain.translate(None, b"0123456789"))
    if digits <= _LEAST_DIGITS * len(text) or RIGHT_TO_LEFT.search(text):
        return False
    if digits > _MANY_DIGITS * len(text) or _ends_in_numbers(text):
        return True
    return digits > _FEW_DIGITS * len(text) and len(_AMOUNT.findall(text)) >= _FEWEST_AMOUNTS


def _ends_in_numbers(text: str) -> bool:
    """Whether several lines one after the other end in digits; those that count lines or pages do not."""
    run = last = 0
    for line in text.split("\n"):
        word = line.rstrip("\r%) ").rpartition(" ")[2]
        if not _NUMBER.fullmatch(word):
            run = 0
            continue
        number = int(word) if word.isdecimal() and len(word) < _LONGEST_COUNT else -1
        run, last = run + (number < 0 or number != last + 1), number
        if run >= _FEWEST_NUMBERED:
            return True
    return False


def may_be_ruled(text: str) -> bool:
    """Whether a page is worth a look at the lines it draws: some of its own are short, as those of tables are."""
    short = sum(len(line) < _SHORT_LINE for line in text.split("\n"))
    return short >= _FEWEST_SHORT and not RIGHT_TO_LEFT.search(text)


def pieces(
    text: str,
    words: Sequence[Word],
    rules: RuledLines = NONE,
    regions: Sequence[Region] = (),
    *,
    by_space: bool = True,
) -> list[Piece]:
    """The text in reading order: spans of it, and bars and line ends between them. All words come once."""
    if _is_sideways(words):
        return [(0, len(text))]
    cells = cells_.of_words(text, words, rules)
    found = grid.tables(cells, regions, text)
    taken = frozenset().union(*(table.orders for table in found))
    kept = [cell for cell in cells if cell.order not in taken]
    places = Places(boxes(regions), [middle for table in found for middle in table.middles])
    spaced = [_table(lines, words, text) for lines in _by_white_space(kept, places, text)] if by_space else []
    known = frozenset().union(*(table.orders for table in spaced if len(table.rows) > 1))
    for table in grid.banded(kept, regions, words, text):
        if known.isdisjoint(table.orders):
            found.append(table)
            spaced = [other for other in spaced if other.orders.isdisjoint(table.orders)]
    return list(written(text, cells, [*found, *spaced]))


def _by_white_space(kept: Sequence[Cell], places: Places, text: str) -> list[Lines]:
    """Tables among cells that no lines rule. They are numbered anew, as if nothing else were drawn."""
    cells = [cell._replace(order=number) for number, cell in enumerate(kept)]
    lines = cells_.lines(cells)
    blocks: list[Block] = []
    found: list[Lines] = []
    for run in _runs(lines, places.tops):
        if _is_whole(run, places) and _turns(run) < _FEWEST_TURNS:
            found.append(_each_alone(run))
            continue
        blocks = blocks or blocks_of(cells, text)
        if fused := _fused(run, blocks, places):
            found.append(fused)
        else:
            found += map(_each_alone, _parts(run, places))
    taken = {cell.order for table in found for line in table for block in line for cell in block.cells}
    found += map(_each_alone, _stacks(cells, lines, taken, text))
    return [
        [
            [Block([kept[cell.order] for cell in block.cells], block.middle) for block in line]
            for line in table
        ]
        for table in found
    ]


def _each_alone(lines: Sequence[Sequence[Cell]]) -> Lines:
    """Lines of cells as lines of blocks."""
    return [[Block([cell], cell.middle) for cell in line] for line in lines]


def _fused(run: Sequence[Sequence[Cell]], blocks: Sequence[Block], places: Places) -> Lines:
    """The run with the lines of a wrapped cell as one, when it is a table so; else nothing."""
    orders = {cell.order for line in run for cell in line}
    own = [
        cells_.around(*block)._replace(order=number)
        for number, block in enumerate(blocks)
        if not orders.isdisjoint(cell.order for cell in block.cells)
    ]
    lines = cells_.lines(own)
    if not all(len(line) == 1 or _is_row(line) for line in lines) or _turns(lines) >= _FEWEST_TURNS:
        return []
    if not _is_whole(lines, places) and not _has_numbers_apart(lines):
        return []
    return [[blocks[cell.order] for cell in line] for line in lines]


def _table(lines: Lines, words: Sequence[Word], text: str) -> Grid:
    """The grid of lines of blocks, of which each is one cell of the table."""
    blocks = [block for line in lines for block in line]
    numbers = iter(range(len(blocks)))
    singles = [[cells_.around(*block)._replace(order=next(numbers)) for block in line] for line in lines]
    rows = columns.of_lines(singles, words, text)
    return Grid(
        columns.tidy([[_opened(column, blocks) for column in row] for row in rows], text),
        frozenset(cell.order for block in blocks for cell in block.cells),
        is_ruled=False,
    )


def _opened(column: Sequence[Cell], blocks: Sequence[Block]) -> list[Cell]:
    """The cells as they were drawn, or their parts, in place of those that stand for blocks."""
    out: list[Cell] = []
    for cell in column:
        own = blocks[cell.order].cells
        out += own if len(own) > 1 else [cell._replace(order=own[0].order)]
    return out


def _is_sideways(words: Sequence[Word]) -> bool:
    """Whether most words are higher than wide, so that their lines run up or down the page."""
    long = [word for word in words if word.end - word.start > 3]
    return sum(word.top - word.bottom > word.right - word.left for word in long) * 2 > len(long)


def _runs(rows: Sequence[list[Cell]], tops: Sequence[float]) -> Iterator[list[list[Cell]]]:
    """Rows of cells over each other, with a few rows of one cell between them but not around them."""
    run: list[list[Cell]] = []
    between: list[list[Cell]] = []
    for above, row in zip([None, *rows], rows, strict=False):
        if above and run and any(above[0].middle > top > row[0].middle for top in tops):
            yield run
            run, between = [], []
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


def _parts(run: list[list[Cell]], places: Places) -> Iterator[list[list[Cell]]]:
    """The blocks of a run that are drawn in one go and have numbers among their cells; of others the rows that are."""
    for block in _blocks(run):
        if _is_whole(block, places) or _has_numbers_apart(block):
            yield block
        else:
            yield from (
                [part] for row in block for part in _drawn_together(row) if len(part) > 1 and _in_rows([part])
            )


def _has_numbers_apart(run: Sequence[Sequence[Cell]]) -> bool:
    """Whether all that is drawn apart from the rows of a table are columns of its numbers, as programs do that fill in a form."""
    row_of = {cell.order: number for number, row in enumerate(run) for cell in row}
    cells = sorted((cell for row in run for cell in row), key=lambda cell: cell.order)
    chunks = [
        [cell for _, cell in part]
        for _, part in groupby(enumerate(cells), key=lambda item: item[1].order - item[0])
    ]
    if not 1 < len(chunks) <= _MOST_CHUNKS or not _is_table(run):
        return False
    main = max(chunks, key=lambda chunk: sum(not cell.is_numeric for cell in chunk))
    if sum(cell.words >= _LONG_WORDS for cell in main) * 4 > len(main):
        return False
    labelled = {row_of[cell.order]: cell.left for cell in main}
    others = [cell for chunk in chunks if chunk is not main for cell in chunk]
    beside = sum(labelled.get(row_of[cell.order], cell.left) < cell.left for cell in others)
    numbers = sum(cell.is_numeric for cell in others)
    return len(others) > 2 and numbers * 4 >= 3 * len(others) and beside * 4 >= 3 * len(others)


def _drawn_together(row: list[Cell]) -> list[list[Cell]]:
    """The row, or where it is not drawn in one go its parts that are: those of a table, without a panel that stands beside it."""
    if _in_one_go(row):
        return [row]
    return [
        [cell for _, cell in part]
        for _, part in groupby(enumerate(row), key=lambda item: item[1].order - item[0])
    ]


def _turns(run: Sequence[Sequence[Cell]]) -> int:
    """How often lines of blocks beside each other come in turns."""
    return sum(_is_beside(row, above) for above, row in pairwise(run))


def _is_whole(run: Sequence[Sequence[Cell]], places: Places) -> bool:
    """Whether nothing else is drawn between the cells of a run, or all are in one box, and there is nothing to move or they are a table."""
    cells = [cell for row in run for cell in row]
    return (_in_one_go(cells) or any(_holds(box, cells) for box in places.boxes)) and (
        _in_rows(run) or _is_table(run)
    )


def _holds(box: Box, cells: Sequence[Cell]) -> bool:
    left, bottom, right, top = box
    return all(left <= cell.center <= right and bottom <= cell.middle <= top for cell in cells)


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
