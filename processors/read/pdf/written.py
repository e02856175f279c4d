"""The cells of a page and its tables in; the text out in pieces: what is drawn in its order, tables row by row with " | " between cells.

Cells are parted as in the tables of Word and HTML: a model knows it from Markdown, and it costs the tokens that two spaces cost, which
vanish where white space is levelled. An empty cell keeps its place. Pure. Imports the nouns of `cells` and `grid`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from octavo.processors.read.pdf import cells as cells_
from octavo.processors.read.pdf.cells import Cell, Column, Row
from octavo.processors.read.pdf.grid import Grid

BAR = " | "
Piece = tuple[int, int] | str  # a span of the page's text, or what is put between


def written(text: str, cells: Sequence[Cell], tables: Sequence[Grid]) -> Iterator[Piece]:
    """All cells: those of a table where the first of them is drawn, others as they are."""
    first = {min(min(table.orders) for table in group): group for group in _woven(tables)}
    taken = frozenset().union(*(table.orders for table in tables))
    run: list[Cell] = []
    for cell in cells:
        if cell.order not in taken:
            run.append(cell)
            continue
        if run:
            yield from _as_drawn(run)
            run = []
        for table in first.get(cell.order, ()):
            yield from _lines(table, text)
    yield from _as_drawn(run)


def _woven(tables: Sequence[Grid]) -> list[list[Grid]]:
    """Tables that are drawn by turns, from the top down; each other alone."""
    groups: list[list[Grid]] = []
    end = -1
    for table in sorted(tables, key=lambda table: min(table.orders)):
        if groups and min(table.orders) < end:
            groups[-1].append(table)
        else:
            groups.append([table])
        end = max(end, *table.orders)
    return [sorted(group, key=lambda table: -table.top) for group in groups]


def joined(text: str, parts: Sequence[Piece]) -> str:
    """The pieces as one text."""
    return "".join(part if isinstance(part, str) else text[part[0] : part[1]] for part in parts)


def _as_drawn(cells: Sequence[Cell]) -> list[Piece]:
    """Cells with what stood between them."""
    return [(cells[0].start, cells[-1].end), "\n"] if cells else []


def _lines(table: Grid, text: str) -> Iterator[Piece]:
    """A table row by row. Text that stands alone below its first row goes on with a cell, or is a title: it has no bars before it."""
    for number, row in enumerate(_without_empty_columns(table.rows)):
        filled = [place for place, column in enumerate(row) if column]
        if not filled:
            continue
        is_text = len(filled) == 1 and number > 0 and not row[filled[0]][0].is_numeric
        alone = not table.is_ruled and (is_text or text[row[filled[0]][-1].end - 1] == ":")
        yield from _row(row, filled[0] if alone else 0, filled[-1], text)


def _without_empty_columns(rows: Sequence[Row]) -> list[Row]:
    """The rows without columns in which nothing stands at all, head and body: lines around nothing, as along the edge of a form."""
    used = {place for row in rows for place, column in enumerate(row) if column}
    return [[column for place, column in enumerate(row) if place in used] for row in rows]


def _row(row: Row, first: int, last: int, text: str) -> Iterator[Piece]:
    """The cells of a row from one to another with bars between; bars behind the last say nothing and are left out."""
    for place in range(first, last + 1):
        if place > first:
            yield BAR if place > first + 1 or row[first] else BAR.lstrip()
        yield from _column(row[place], text)
    yield "\n"


def _column(column: Column, text: str) -> Iterator[Piece]:
    """What stands in a cell, its lines one after the other; a bar where two cells of one line had to go into one column."""
    for place, cell in enumerate(column):
        before = column[place - 1] if place else None
        if before and before.order != cell.order and cells_.is_on_line(before, cell):
            yield BAR
        elif before and "\ufffe" not in (text[cell.start - 1], text[before.end - 1]):
            yield " "
        yield (cell.start, cell.end)
