"""Cells as they are drawn in; those out together that are the lines of one cell of a table, wrapped between the cells beside it.

Pure. Imports the nouns of `cells`.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

from octavo.processors.read.pdf.cells import Cell

_MOST_LINES = 6  # of a wrapped cell
_BESIDE = 0.3  # heights
CLOSE_LINES, _SAME_GAP = 0.7, 0.12  # heights between lines of one cell, and by which these may differ


class Block(NamedTuple):
    """The lines of one cell, and the height of the row that it is in."""

    cells: list[Cell]
    middle: float


def blocks(cells: Sequence[Cell], text: str) -> list[Block]:
    """Cells in the order in which they are drawn, those together that are the lines of one cell of a table.

    They are drawn one after the other, stand apart from what is above and below, and have one line of numbers beside them: at their middle,
    or at the first of them when the next word would not have fitted there.
    """
    chains = _chains(cells)
    if len(chains) == len(cells):
        return [Block(chain, chain[0].middle) for chain in chains]
    numbers = sorted(cell.middle for cell in cells if cell.is_numeric)
    edges: dict[int, list[Cell]] = defaultdict(list)
    for cell in cells:
        edges[round(cell.left)].append(cell)
    out: list[Block] = []
    for chain in chains:
        middle = _middle_of(chain, numbers, edges, text)
        out += [Block([cell], cell.middle) for cell in chain] if middle is None else [Block(chain, middle)]
    return out


def _chains(cells: Sequence[Cell]) -> list[list[Cell]]:
    """Cells that are drawn one after the other and stand below each other at one distance; the closer distance wins."""
    chains: list[list[Cell]] = []
    distance = 0.0
    for cell in cells:
        last = chains[-1][-1] if chains else None
        gap = last.bottom - cell.top if last and _is_below(last, cell) else None
        if gap is None or last is None:
            chains.append([cell])
        elif len(chains[-1]) == 1 or abs(gap - distance) < _SAME_GAP * cell.height:
            chains[-1].append(cell)
            distance = gap
        elif gap < distance:
            chains.append([chains[-1].pop(), cell])
            distance = gap
        else:
            chains.append([cell])
    return chains


def _is_below(above: Cell, cell: Cell) -> bool:
    """Whether a cell is the next line of what stands above it."""
    return (
        not cell.is_numeric
        and not above.is_numeric
        and -0.2 * cell.height < above.bottom - cell.top < CLOSE_LINES * cell.height
        and min(abs(above.left - cell.left), abs(above.right - cell.right), abs(above.center - cell.center))
        < 1
        and abs(above.height - cell.height) < 0.2 * cell.height
    )


def _middle_of(
    chain: list[Cell], numbers: Sequence[float], edges: dict[int, list[Cell]], text: str
) -> float | None:
    """The height at which lines over each other are one cell of a row; None when they are not one."""
    if not 1 < len(chain) <= _MOST_LINES or any(text[cell.end - 1] == ":" for cell in chain):
        return None
    beside = numbers[bisect_left(numbers, chain[-1].bottom) : bisect_right(numbers, chain[0].top)]
    height = chain[0].height
    if not beside or beside[-1] - beside[0] > _BESIDE * height or not _is_apart(chain, edges):
        return None
    middle = (chain[0].top + chain[-1].bottom) / 2
    if abs(middle - beside[0]) < _BESIDE * height:
        return middle
    limit = max(cell.right for cell in edges[round(chain[0].left)])
    first = chain[0].middle
    return (
        first
        if abs(first - beside[0]) < _BESIDE * height
        and all(is_carried_on(one, two, text, limit) for one, two in pairwise(chain))
        else None
    )


def _is_apart(chain: Sequence[Cell], edges: dict[int, list[Cell]]) -> bool:
    """Whether there is more space above and below than within."""
    height, top, bottom = chain[0].height, chain[0].top, chain[-1].bottom
    most = chain[0].bottom - chain[1].top + _SAME_GAP * height
    near = [
        cell
        for step in (-1, 0, 1)
        for cell in edges.get(round(chain[0].left) + step, ())
        if cell not in chain
    ]
    return not any(-height < cell.bottom - top < most or -height < bottom - cell.top < most for cell in near)


def is_carried_on(one: Cell, two: Cell, text: str, limit: float) -> bool:
    """Whether a line is too full for the first word of the next, which begins with a small letter or a sign."""
    if text[two.start].isupper():
        return False
    first = (two.right - two.left) * (two.word_end(text) - two.start) / max(1, two.end - two.start)
    return one.right + first + 0.2 * two.height > limit
