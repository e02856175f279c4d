"""Regions of ruled lines and the cells within in; tables out whose place on the page is certain, in whatever order they were drawn.

Where a region has upright lines they part its columns, else its white space does; where a row of it holds several lines with numbers under
each other, these are rows. A frame around prose, or a form whose boxes hold labels, is no table. Pure. Imports `grid_columns`.
"""

from __future__ import annotations

import statistics
from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby, pairwise
from typing import Any, NamedTuple

from octavo.processors.read.pdf import cells as cells_
from octavo.processors.read.pdf import grid_columns as columns
from octavo.processors.read.pdf.cells import Cell, Line, Row
from octavo.processors.read.pdf.chars import Word
from octavo.processors.read.pdf.regions import FEWEST_BANDS, Region
from octavo.processors.read.pdf.ruled_lines import NEAR, Rule

_LONG_CELL = 14  # words: with as many in a cell it is prose
_PROSE_SHARE = 0.25  # of the filled cells may be as long
_LONGEST_CELL = 80
_MOST_SECTIONS = 6  # parts of a grid with columns of their own, in a table of few rows; a form has more
_WIDE = 1.2  # heights of a line between lines: another table
_ASIDE = 3.0  # heights between the ends of lines across and the outer cells
_COVERED = 0.5  # of a side of a cell is under a line: it is walled


class Grid(NamedTuple):
    """Rows, and the cells (as they were drawn) that they are made of."""

    rows: list[Row]
    orders: frozenset[int]
    is_ruled: bool = True

    @property
    def top(self) -> float:
        """Of its first line, in points from below."""
        return max(cell.top for row in self.rows for column in row for cell in column)

    @property
    def middles(self) -> list[float]:
        """Heights of its rows, in points from below."""
        return [next(cell.middle for column in row for cell in column) for row in self.rows if any(row)]


def tables(cells: Sequence[Cell], regions: Sequence[Region], text: str) -> list[Grid]:
    """The tables of a page whose columns are ruled, each cell in one of them at most: inner ones come first."""
    found: list[Grid] = []
    taken: set[int] = set()
    for region in sorted(regions, key=_area):
        inside = [cell for cell in cells if cell.order not in taken and _holds(region, cell)]
        if len(region.xs) > 2 and len(inside) > 3:
            for table in _ruled(region, inside, text):
                found.append(table)
                taken |= table.orders
    return found


def banded(cells: Sequence[Cell], regions: Sequence[Region], words: Sequence[Word], text: str) -> list[Grid]:
    """Tables whose rows alone are ruled or striped."""
    found: list[Grid] = []
    for region in regions:
        if len(region.xs) == 2 and len(region.ys) > FEWEST_BANDS:
            taken = {order for table in found for order in table.orders}
            free = [cell for cell in cells if cell.order not in taken]
            inside = [cell for cell in free if _holds(region, cell)]
            outside = [cell for cell in free if not _holds(region, cell)]
            if len(inside) > 3:
                found += _banded(region, inside, outside, words, text)
    return found


def _area(region: Region) -> float:
    return (region.ys[0] - region.ys[-1]) * (region.xs[-1] - region.xs[0])


def _holds(region: Region, cell: Cell) -> bool:
    return (
        region.xs[0] - NEAR <= cell.center <= region.xs[-1] + NEAR
        and region.ys[-1] <= cell.middle <= region.ys[0]
    )


def _ruled(region: Region, cells: Sequence[Cell], text: str) -> Iterator[Grid]:
    """A table with upright lines."""
    anchors = _anchors(region)
    at: dict[tuple[int, int], list[Cell]] = defaultdict(list)
    for cell in cells:
        at[anchors[_place(region, cell)]].append(cell)
    if len({column for _, column in at}) < 2:
        return
    for place in [place for place, own in at.items() if _is_form(own, text)]:
        del at[place]
    few = len({row for row, _ in at}) < FEWEST_BANDS
    whole = (0, len(region.xs) - 2)
    rows: list[Row] = []
    sections = _sections(anchors, region)
    filled = {band for band, _ in at}
    regular = sum(len(filled.intersection(bands)) for bands in sections if len(bands) > 1)
    if regular * 2 < len(filled) or len(sections) > max(_MOST_SECTIONS, len(filled) // 4):
        return
    for bands in sections:
        spans = _spans_of_bands(at, bands)
        for band in bands:
            own = {column: at[band, column] for column in spans if (band, column) in at}
            if own.keys() == {0} and anchors[band, whole[1]] == (band, 0):
                rows += [[line] for line in cells_.lines(sorted(own[0], key=lambda cell: cell.order))]
            else:
                rows += _rows_of_band(own, spans, text, few=few)
    if len(rows) > 1 and _is_tabular(rows):
        yield Grid(rows, frozenset(cell.order for own in at.values() for cell in own))


def _is_form(own: Sequence[Cell], text: str) -> bool:
    """Whether a cell of the grid is a box of labels and values, which are read as they are drawn."""
    return sum(any(sign in text[cell.start : cell.end] for sign in ":：") for cell in own) > 1


def _sections(anchors: Mapping[tuple[int, int], tuple[int, int]], region: Region) -> list[list[int]]:
    """Rows of the grid that have the same columns, as they follow each other; or fewer, as below a head over several.

    What stands above and below a table and is parted otherwise, as the boxes of a form are, has columns of its own.
    """
    own = [
        frozenset(anchors[row, column][1] for column in range(len(region.xs) - 1))
        for row in range(len(region.ys) - 1)
    ]
    runs = [[row for row, _ in run] for _, run in groupby(enumerate(own), key=lambda item: item[1])]
    real = [_adopted(number, runs, own) for number in range(len(runs))]
    return [
        [row for number in numbers for row in runs[number]]
        for _, numbers in groupby(range(len(runs)), key=lambda number: real[number])
    ]


def _adopted(number: int, runs: Sequence[Sequence[int]], own: Sequence[frozenset[int]]) -> frozenset[int]:
    """The columns of a run of rows: its own, or those of a longer run above or below that has them too."""
    run, columns_ = runs[number], own[runs[number][0]]
    beside = [runs[other] for other in (number - 1, number + 1) if 0 <= other < len(runs)]
    longer = [own[other[0]] for other in beside if own[other[0]] > columns_ and len(other) > len(run)]
    return max(longer, key=len, default=columns_)


def _spans_of_bands(
    at: Mapping[tuple[int, int], list[Cell]], bands: Sequence[int]
) -> dict[int, list[columns.Span]]:
    """The columns of some rows of a grid, and what white space parts in them."""
    cells: dict[int, list[Cell]] = defaultdict(list)
    for (band, column), own in at.items():
        if band in bands:
            cells[column] += own
    return {column: _inner_columns(own) for column, own in sorted(cells.items())}


def _inner_columns(cells: Sequence[Cell]) -> list[columns.Span]:
    """The columns between two upright lines: one, or where cells stand beside each other those that white space parts."""
    lines = cells_.lines(sorted(cells, key=lambda cell: cell.order))
    if any(cells_.is_on_line(one, two) for line in lines for one, two in pairwise(line)):
        return columns.spans(lines)
    return [(min(cell.left for cell in cells), max(cell.right for cell in cells))]


def _rows_of_band(
    own: dict[int, list[Cell]], spans: dict[int, list[columns.Span]], text: str, *, few: bool
) -> list[Row]:
    """One row, or several where lines of it are rows of their own."""
    if not own:
        return []
    at: dict[tuple[int, int], list[Cell]] = defaultdict(list)
    for column, cells in own.items():
        for line in cells_.lines(sorted(cells, key=lambda cell: cell.order)):
            for cell, inner in zip(line, columns.assigned(line, spans[column]), strict=True):
                at[column, inner].append(cell)
    places = [(column, inner) for column, parts in spans.items() for inner in range(len(parts))]
    flat = [part for parts in spans.values() for part in parts]
    lines = cells_.lines(
        sorted((cell for cells in own.values() for cell in cells), key=lambda cell: cell.order)
    )
    if _is_many(lines, at, few=few):
        return columns.in_columns(lines, flat, text)
    return [[_in_order(at.get(place, [])) for place in places]]


def _is_many(lines: Sequence[Line], own: Mapping[Any, list[Cell]], *, few: bool) -> bool:
    """Whether lines of one band are rows: two have a number in one and the same column and something in another one.

    Or they have so many columns in common that these cannot all be wrapped; in a box that is all there is, two are enough.
    """
    column_of = {cell: column for column, cells in own.items() for cell in cells}
    filled = [{column_of[cell] for cell in line} for line in lines]
    numbers = [
        {column_of[cell] for cell in line if cell.is_numeric} if len(columns_) > 1 else set()
        for line, columns_ in zip(lines, filled, strict=True)
    ]
    seen = Counter(column for line in numbers for column in line)
    shared = max((len(one & two) for one, two in pairwise(filled)), default=0)
    return max(seen.values(), default=0) > 1 or shared > (1 if few else 2)


def _in_order(column: Sequence[Cell]) -> list[Cell]:
    """What stands in one cell, line by line."""
    ordered = sorted(column, key=lambda cell: cell.order)
    return [cell for line in cells_.lines(ordered) for cell in line]


def _is_tabular(rows: Sequence[Row]) -> bool:
    """Whether there are several columns, and their cells are no prose."""
    lengths = [sum(cell.words for cell in column) for row in rows for column in row if column]
    long = sum(length >= _LONG_CELL for length in lengths)
    filled = {number for row in rows for number, column in enumerate(row) if column}
    return len(filled) > 1 and max(lengths) < _LONGEST_CELL and long <= _PROSE_SHARE * len(lengths)


def _place(region: Region, cell: Cell) -> tuple[int, int]:
    """Row and column of the grid."""
    row = bisect_right([-y for y in region.ys], -cell.middle) - 1
    column = bisect_right(region.xs, cell.center) - 1
    return max(0, min(row, len(region.ys) - 2)), max(0, min(column, len(region.xs) - 2))


def _anchors(region: Region) -> dict[tuple[int, int], tuple[int, int]]:
    """For each place of the grid the first of its cell: places without a wall between are one."""
    rows, width = len(region.ys) - 1, len(region.xs) - 1
    upright = [_at(region.rules.upright, x) for x in region.xs]
    across = [_at(region.rules.across, y) for y in region.ys]
    anchors: dict[tuple[int, int], tuple[int, int]] = {}
    for row in range(rows):
        for column in range(width):
            place = (row, column)
            if place in anchors:
                continue
            anchors[place] = place
            right = column
            while right + 1 < width and not _is_walled(
                upright[right + 1], region.ys[row + 1], region.ys[row]
            ):
                right += 1
                anchors.setdefault((row, right), place)
            below, left, end = row, region.xs[column], region.xs[right + 1]
            while below + 1 < rows and not _is_walled(across[below + 1], left, end):
                below += 1
                for number in range(column, right + 1):
                    anchors.setdefault((below, number), place)
    return anchors


def _at(rules: Sequence[Rule], at: float) -> list[Rule]:
    """The lines at a place."""
    return [rule for rule in rules if abs(rule.at - at) <= NEAR]


def _is_walled(rules: Sequence[Rule], low: float, high: float) -> bool:
    """Whether the lines at a place cover enough of a side."""
    covered = sum(max(0.0, min(rule.end, high) - max(rule.start, low)) for rule in rules)
    return covered > _COVERED * (high - low)


def _banded(
    region: Region, inside: Sequence[Cell], free: Sequence[Cell], words: Sequence[Word], text: str
) -> Iterator[Grid]:
    """Tables between lines across, as wide as these: runs of bands of which none is prose, and that have columns in common."""
    if not _reaches(region, inside):
        return
    bands = _bands(region, inside)
    runs: list[list[list[Line]]] = [[]]
    for lines in bands:
        if not _is_table_band(lines):
            runs.append([])
        elif runs[-1] and not _go_together(runs[-1], lines):
            runs.append([lines])
        else:
            runs[-1].append(lines)
    for number, run in enumerate(runs):
        if len(run) < FEWEST_BANDS:
            continue
        first = _next_to(region, free, bands, above=True) if number == 0 else []
        last = _next_to(region, free, bands, above=False) if number == len(runs) - 1 else []
        for more in (first, last):
            if more and not _go_together(run, [line for band in more for line in band]):
                more.clear()
        yield from _of_bands([*first, *run, *last], words, text)


def _reaches(region: Region, cells: Sequence[Cell]) -> bool:
    """Whether lines across are about as wide as what they rule; wider ones are of the page."""
    aside = _ASIDE * max(cell.height for cell in cells)
    left, right = min(cell.left for cell in cells), max(cell.right for cell in cells)
    return left - region.xs[0] < aside and region.xs[-1] - right < aside


def _go_together(run: Sequence[Sequence[Line]], lines: Sequence[Line]) -> bool:
    """Whether a band has the columns of those above it, or one cell."""
    above = [line for band in run for line in band]
    if all(len(line) == 1 for line in lines) or all(len(line) == 1 for line in above):
        return True
    both, one, two = (len(columns.spans(part)) for part in ([*above, *lines], above, lines))
    return both >= max(one, two)


def _bands(region: Region, cells: Sequence[Cell]) -> list[list[Line]]:
    """The lines between one line across and the next, where there are some."""
    bands = [[cell for cell in cells if low <= cell.middle < high] for high, low in pairwise(region.ys)]
    return [cells_.lines(band) for band in bands if band]


def _next_to(
    region: Region, free: Sequence[Cell], bands: Sequence[Sequence[Line]], *, above: bool
) -> list[list[Line]]:
    """Rows that follow each other as closely above or below the lines: heads, or those that have no stripe or line of their own."""
    left, right = region.xs[0] - NEAR, region.xs[-1] + NEAR
    lines = cells_.lines([cell for cell in free if (cell.middle > region.ys[0]) == above])
    ordered = list(reversed(lines)) if above else lines
    edge = region.ys[0] if above else region.ys[-1]
    high = statistics.median(one[0].top - one[0].bottom for band in bands for one in band) if bands else 0.0
    found: list[Line] = []
    for line in ordered:
        gap = line[0].bottom - edge if above else edge - line[0].top
        fits = left <= line[0].left and line[-1].right <= right and line[0].words < _LONG_CELL
        if gap > _WIDE * high or not fits or (len(line) == 1 and found and len(found[-1]) == 1):
            break
        found.append(line)
        edge = line[0].top if above else line[0].bottom
    while found and len(found[-1]) == 1:
        found.pop()
    return [[line] for line in (reversed(found) if above else found)]


def _is_table_band(lines: Sequence[Line]) -> bool:
    """Whether cells stand beside each other, or there is one short line, a title within the table."""
    beside = sum(len(line) > 1 for line in lines)
    if any(sum(cell.words >= _LONG_CELL for cell in line) for line in lines):
        return False
    return beside * 2 > len(lines) or (beside > 0 and len(lines) < 6) or len(lines) == 1


def _of_bands(run: Sequence[Sequence[Line]], words: Sequence[Word], text: str) -> Iterator[Grid]:
    """The table of some bands: each is a row, or has several."""
    lines = [line for band in run for line in band]
    if sum(len(line) > 1 for line in lines) < 2:
        return
    spans, parted = columns.spans_of(lines, words, text)
    if len(spans) < 2:
        return
    rows: list[Row] = []
    done = 0
    for band in run:
        own = parted[done : done + len(band)]
        done += len(band)
        at: dict[int, list[Cell]] = defaultdict(list)
        for line in own:
            for cell, column in zip(line, columns.assigned(line, spans), strict=True):
                at[column].append(cell)
        if len(own) > 1 and _is_many(own, at, few=len(spans) == 2):
            rows += columns.in_columns(own, spans, text)
        else:
            rows.append([_in_order(at.get(column, [])) for column in range(len(spans))])
    yield Grid(columns.tidy(rows, text), frozenset(cell.order for line in lines for cell in line))
