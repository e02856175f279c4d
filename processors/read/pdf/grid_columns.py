"""Lines of cells that are known to be a table in; its grid out: each cell in its column, an empty one where nothing stands.

    01.02. Water      80.10           01.02. | Water | 80.10
    02.02. Transfer          500.00   02.02. | Transfer |  | 500.00

Columns are what no cell reaches across but a few that span several, as heads do: those are found by what falls apart without them.
Lines become rows: a line goes on with the row above when it is closer to it than rows are. Pure. Imports `cells` and `wrapped`.
"""

from __future__ import annotations

import re
import statistics
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import groupby, pairwise
from typing import NamedTuple

from octavo.processors.read.pdf import cells as cells_
from octavo.processors.read.pdf.cells import Cell, Line, Row
from octavo.processors.read.pdf.chars import Word
from octavo.processors.read.pdf.wrapped import CLOSE_LINES, is_carried_on

Span = tuple[float, float]
_TOUCH = 0.15  # heights by which neighbours in one row may reach into each other
_SPANNING = 0.25  # of the rows may have a cell that reaches over several columns
_MOST_HEADS = 2  # lines of heads, which may be wider than their columns
_WITNESSES = 2  # rows that must have cells on both sides of a gap that one cell reaches over
_CLOSE, _WIDE_SPACE = (
    0.8,
    1.2,
)  # times the usual space: a gap between words outside of this is not one of the words'
_WIDEST = 1.8  # times the usual space: a wider one parts cells within a table
_FAR_LINE = 1.7  # times the usual distance of lines
_ONE_EDGE = 1.5  # points between edges that are one
_FAR = 100.0  # points away from a column count as much as all of a cell in it
_SPLIT_SHARE = 0.6  # of a column's cells have such a gap at one place: it is two columns
_LEAST_SPLIT = 3
_INTO = 0.25  # heights by which a line may reach into the row above
_MOST_WRAPPED = 2  # columns of a row whose text goes on in a further line
_FEWEST_LINES = 3  # that tell columns by odd gaps
_LABEL = re.compile(r"[^\W\d_][^\n:]{0,25}:")  # begins a line of its own, also within a cell
_NUMERIC = 0.3  # of the cells behind the first are numbers
_SIGNS, _BEFORE = frozenset("$€£¥%()*"), frozenset("$€£¥(")


class _Placed(NamedTuple):
    """A line with its cells by column."""

    columns: dict[int, Line]
    top: float
    bottom: float
    height: float


def of_lines(lines: Sequence[Line], words: Sequence[Word], text: str) -> list[Row]:
    """The grid of a table by its white space."""
    if not _has_columns(lines):
        return [[[cell] for cell in line] for line in lines]
    rows: list[Row] = []
    for part in _sections(lines):
        parts, divided = spans_of(part, words, text)
        rows += in_columns(divided, parts, text)
    return rows


def _has_columns(lines: Sequence[Line]) -> bool:
    """Whether lines are rows of a table and not labels beside values: with numbers, or at least three cells."""
    beside = [line for line in lines if len(line) > 1]
    cells = [cell for line in beside for cell in line[1:]]
    numbers = sum(cell.is_numeric for cell in cells)
    wide = sum(len(line) > 2 for line in beside)
    return len(beside) > 1 and (numbers >= _NUMERIC * len(cells) or wide * 2 > len(beside))


def _sections(lines: Sequence[Line]) -> list[list[Line]]:
    """Lines cut where much space is between them, or heads come again, and what follows has other columns."""
    pitches = [one[0].middle - two[0].middle for one, two in pairwise(lines)]
    usual = statistics.median(pitches) if pitches else 0.0
    out = [[lines[0]]]
    for line, pitch in zip(lines[1:], pitches, strict=True):
        if pitch > _FAR_LINE * usual or (_has_numbers(out[-1]) and _is_head(line)):
            out.append([])
        out[-1].append(line)
    merged = out[:1]
    for section in out[1:]:
        if _has_same_columns(merged[-1], section):
            merged[-1] = [*merged[-1], *section]
        else:
            merged.append(section)
    return merged


def _has_numbers(lines: Sequence[Line]) -> bool:
    return any(cell.is_numeric for line in lines for cell in line)


def _is_head(line: Line) -> bool:
    """Whether several cells hold no number."""
    return len(line) > 1 and not _has_numbers([line])


def _has_same_columns(above: Sequence[Line], section: Sequence[Line]) -> bool:
    """Whether lines have the columns of those above; a row of numbers may have fewer of them, as totals do."""
    before, both = len(spans(above)), len(spans([*above, *section]))
    telling = next((line for line in section if len(line) > 1), [])
    return both == before and (_has_numbers([telling]) or len(spans(section)) == before)


def spans_of(lines: Sequence[Line], words: Sequence[Word], text: str) -> tuple[list[Span], list[Line]]:
    """Where the columns are, and the lines with cells that are of two columns divided."""
    return _divided(lines, words, text)


def in_columns(lines: Sequence[Line], spans: Sequence[Span], text: str) -> list[Row]:
    """The grid of a table whose columns are known."""
    placed = [_placed(line, spans) for line in lines]
    return [_row(group, len(spans)) for group in _groups(placed, text, _new_row_gap(placed), spans)]


def spans(lines: Sequence[Line]) -> list[Span]:
    """From where to where each column reaches, from left to right: by all lines, or by those below the heads where these hide some."""
    telling = [line for line in lines if len(line) > 1] or lines
    ways = [_spans_of(telling[skipped:]) for skipped in range(min(_MOST_HEADS + 1, max(1, len(telling) - 1)))]
    return max(ways, key=len)


def _spans_of(lines: Sequence[Line]) -> list[Span]:
    cells = [(cell, number) for number, line in enumerate(lines) for cell in line]
    narrow: list[tuple[Cell, int]] = []
    for cluster in _clusters(cells):
        narrow += _without_spanning(cluster, max(2, int(_SPANNING * len(lines))))
    return [_extent(cluster) for cluster in _clusters(narrow)]


def _clusters(cells: Sequence[tuple[Cell, int]]) -> list[list[tuple[Cell, int]]]:
    """Cells that overlap from left to right, or are linked by others that do."""
    out: list[list[tuple[Cell, int]]] = []
    end = 0.0
    for cell, number in sorted(cells, key=lambda item: item[0].left):
        if out and cell.left < end - _TOUCH * cell.height:
            out[-1].append((cell, number))
            end = max(end, cell.right)
        else:
            out.append([(cell, number)])
            end = cell.right
    return out


def _without_spanning(cluster: list[tuple[Cell, int]], most: int) -> list[tuple[Cell, int]]:
    """The cells of a cluster without those that alone hold it together; all when it is one column."""
    by_width = sorted(cluster, key=lambda item: item[0].left - item[0].right)
    for count in range(1, min(most, len(cluster) - 1) + 1):
        if by_width[count - 1][0].is_numeric:
            break
        parts = _clusters(by_width[count:])
        if len(parts) > 1 and _are_witnessed(parts):
            return by_width[count:]
    return cluster


def _are_witnessed(parts: Sequence[Sequence[tuple[Cell, int]]]) -> bool:
    """Whether enough rows have cells in several of the parts."""
    rows = Counter(number for part in parts for number in {number for _, number in part})
    return sum(times > 1 for times in rows.values()) >= _WITNESSES


def _extent(cluster: Sequence[tuple[Cell, int]]) -> Span:
    return min(cell.left for cell, _ in cluster), max(cell.right for cell, _ in cluster)


def _divided(lines: Sequence[Line], words: Sequence[Word], text: str) -> tuple[list[Span], list[Line]]:
    """Columns whose cells are two each, so close that only their being aligned tells: 09.01. Card, where the space is no space of words."""
    if sum(len(line) > 1 for line in lines) < _FEWEST_LINES:
        return spans(lines), list(lines)
    space = cells_.usual_space([cells_.words_of(cell, words) for line in lines for cell in line])
    out = [
        [part for cell in line for part in cells_.split(cell, _WIDEST * space, words, text)] for line in lines
    ]
    parts = spans(out)
    cuts = [cut for span in parts for cut in _cuts(span, out, words, space)]
    for cut in cuts:
        out = [[part for cell in line for part in cells_.split_at(cell, cut, words, text)] for line in out]
    return spans(out) if cuts else parts, out


def _cuts(span: Span, lines: Sequence[Line], words: Sequence[Word], space: float) -> Iterator[float]:
    """The place of a gap that most cells of a column have, and no other cell reaches over."""
    own = [cell for line in lines for cell in line if span[0] <= cell.center <= span[1]]
    gaps = [gap for cell in own for gap in _odd_gaps(cell, words, space)]
    if len(gaps) < max(_LEAST_SPLIT, _SPLIT_SHARE * len(own)):
        return
    for at in sorted({statistics.fmean(gap) for gap in gaps}):
        clear = sum(left <= at <= right for left, right in gaps)
        aside = sum(not cell.left < at < cell.right for cell in own)
        if clear >= max(_LEAST_SPLIT, _SPLIT_SHARE * len(own)) and clear + aside >= len(own) - 1:
            yield at
            return


def _odd_gaps(cell: Cell, words: Sequence[Word], space: float) -> Iterator[Span]:
    """Gaps within a cell that are not as wide as the spaces of the page."""
    inner = cells_.words_of(cell, words)
    for one, two in pairwise(inner):
        gap = (two.left - one.right) / cell.height
        if not _CLOSE * space <= gap <= _WIDE_SPACE * space:
            yield one.right, two.left


def _placed(line: Line, spans: Sequence[Span]) -> _Placed:
    columns: dict[int, Line] = {}
    for cell, column in zip(line, assigned(line, spans), strict=True):
        columns.setdefault(column, []).append(cell)
    tops, bottoms = [cell.top for cell in line], [cell.bottom for cell in line]
    return _Placed(columns, max(tops), min(bottoms), statistics.median(cell.height for cell in line))


def assigned(line: Line, spans: Sequence[Span]) -> list[int]:
    """The column of each cell of a line: as far as may be its own and right of the one before, where it stands over most."""
    best: list[tuple[float, tuple[int, ...]]] = [(0.0, ())]
    for number, cell in enumerate(line):
        shared = number > 0 and line[number - 1].order == cell.order
        options: dict[int, tuple[float, tuple[int, ...]]] = {}
        for points, path in best:
            first = path[-1] + (not shared) if path else 0
            for column in range(min(first, len(spans) - 1), len(spans)):
                total = points + _fit(cell, spans[column])
                if column not in options or total > options[column][0]:
                    options[column] = (total, (*path, column))
        best = list(options.values())
    return list(max(best)[1])


def _fit(cell: Cell, span: Span) -> float:
    """How well a cell stands in a column: the part of the narrower one that they share, less than nothing where they share none."""
    shared = min(cell.right, span[1]) - max(cell.left, span[0])
    if shared <= 0:
        return shared / _FAR
    part = shared / max(0.1, min(cell.right - cell.left, span[1] - span[0]))
    return part + (abs(cell.left - span[0]) < _ONE_EDGE or abs(cell.right - span[1]) < _ONE_EDGE)


def _new_row_gap(placed: Sequence[_Placed]) -> float | None:
    """The space above a line that certainly begins a row, as it repeats numbers; of other lines the widest, where spaces differ."""
    pairs = list(pairwise(placed))
    sure = [one.bottom - two.top for one, two in pairs if _numbers(one) & _numbers(two)]
    if sure:
        return statistics.median(sure)
    gaps = [one.bottom - two.top for one, two in pairs]
    numbers = any(map(_numbers, placed))
    return max(gaps) if numbers and gaps and max(gaps) - min(gaps) > 0.3 * placed[0].height else None


def _numbers(line: _Placed) -> set[int]:
    """Columns with a number in a line."""
    return {column for column, cells in line.columns.items() if any(cell.is_numeric for cell in cells)}


def _groups(
    placed: Sequence[_Placed], text: str, gap: float | None, spans: Sequence[Span]
) -> Iterator[list[_Placed]]:
    """Lines that are one row."""
    group: list[_Placed] = []
    for line in placed:
        if group and _goes_on(group, line, text, gap, spans):
            group.append(line)
        else:
            if group:
                yield group
            group = [line]
    if group:
        yield group


def _goes_on(
    group: Sequence[_Placed], line: _Placed, text: str, new_gap: float | None, spans: Sequence[Span]
) -> bool:
    """Whether a line is part of the row above."""
    shared = set().union(*(above.columns for above in group)) & line.columns.keys()
    numbers = set().union(*map(_numbers, group)) | _numbers(line)
    gap, height = min(above.bottom for above in group) - line.top, line.height
    if (
        not 0 < len(shared) <= _MOST_WRAPPED
        or shared & numbers
        or len(line.columns) >= max(len(above.columns) for above in group) > 1
        or gap < -_INTO * height
        or any(_LABEL.match(text, cells[0].start, cells[-1].end) for cells in line.columns.values())
    ):
        return False
    if new_gap is not None and gap < min(new_gap - 0.2 * height, CLOSE_LINES * height, 0.6 * new_gap):
        return True
    return len(line.columns) == 1 and gap < height and _is_wrapped(group[-1], line, text, spans)


def _is_wrapped(above: _Placed, line: _Placed, text: str, spans: Sequence[Span]) -> bool:
    """Whether the only cell of a line goes on with the one above it."""
    ((column, cells),) = line.columns.items()
    return (
        column in above.columns
        and text[cells[0].start].islower()
        and is_carried_on(above.columns[column][-1], cells[0], text, spans[column][1])
    )


def _row(group: Sequence[_Placed], width: int) -> Row:
    return [[cell for line in group for cell in line.columns.get(column, ())] for column in range(width)]


def tidy(rows: list[Row], text: str) -> list[Row]:
    """Without columns that are none: currency signs go with the amounts behind them, per cents and brackets with those before them.

    What is the only cell of its column goes with the cell before it. They are made parts of one cell by its place in the drawing order.
    """
    return [row for _, part in groupby(rows, key=len) for row in _tidied(list(part), text)]


def _tidied(rows: list[Row], text: str) -> list[Row]:
    """Rows of one width."""
    for column in range(len(rows[0]) - 1, -1, -1):
        said = [text[cell.start : cell.end] for row in rows for cell in row[column]]
        signs = bool(said) and all(set(word) <= _SIGNS for word in said)
        if signs and set("".join(said)) & _BEFORE and column + 1 < len(rows[0]):
            rows = [_put_together(row, column) for row in rows]
        elif (signs or _is_stray(rows, column)) and _may_join(rows, column):
            rows = [_put_together(row, column - 1) for row in rows]
    return rows


def _is_stray(rows: Sequence[Row], column: int) -> bool:
    """Whether a column has one piece of text below the first row and nothing else."""
    filled = [row[column] for row in rows if row[column]]
    stray = len(filled) == 1 and len(rows) > _FEWEST_LINES and not rows[0][column]
    return stray and not any(cell.is_numeric for cell in filled[0])


def _may_join(rows: Sequence[Row], column: int) -> bool:
    """Whether the cells of a column have something before them to go with."""
    return column > 0 and all(row[column - 1] for row in rows if row[column])


def _put_together(row: Row, column: int) -> Row:
    """The row with a column and the next as one."""
    one, two = row[column], row[column + 1]
    if one and two:
        two = [cell._replace(order=one[-1].order) for cell in two]
    return [*row[:column], [*one, *two], *row[column + 2 :]]
