"""Rows of cells in, lines of text out, the same for every kind of table: cells of a row on one line, " | " between them.

Imports nothing of this room. Empty rows and columns at the edges and between fall away; an empty cell keeps its place in its row.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence

BAR = " | "


def lines(rows: Iterable[Sequence[str]]) -> str:
    r"""A table as text. An empty row ends a block and is one blank line; a column that is empty in every row is left out.

    >>> lines([["", "Item", "", "Price"], ["", "Bolt", "", "2.00"], [], ["", "", "", ""], ["", "", "", "2.00"]])
    'Item | Price\nBolt | 2.00\n\n| 2.00'
    """
    kept = [[" ".join(cell.split()) for cell in row] for row in rows]
    filled = sorted({column for row in kept for column, cell in enumerate(row) if cell})
    text = "\n".join(
        _line([row[column] for column in filled[: bisect_left(filled, len(row))]]) for row in kept
    )
    while "\n\n\n" in text:
        text = text.replace("\n\n\n", "\n\n")
    return text.strip("\n")


def _line(cells: Sequence[str]) -> str:
    """One row; bars after its last word say nothing and are left out."""
    return BAR.join(cells).rstrip(" |").lstrip(" ")
