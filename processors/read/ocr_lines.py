"""Pieces of text and where they stand on a picture in; out: the pieces in reading order, line by line, columns one after the other.

Pure: nothing is looked at but boxes and words. What stands at one height is one line, unless a gap runs down between two blocks of prose.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

_LEAST_ROWS = 4  # of a column
_LEAST_CHARS = 14  # of a middle line of a column: a label, an amount or a code has fewer
_LEAST_LETTERS = 0.6  # share of the characters of a column
_LEAST_FILL = (
    0.7  # share of a column's width that its middle line takes: prose runs on to the edge, cells do not
)
_MOST_DEPTH = 8  # columns within parts of pages


@dataclass(frozen=True, slots=True)
class Box:
    """A piece of text and where it stands, in pixels from the upper left corner of the picture."""

    text: str
    left: float
    top: float
    bottom: float
    right: float = 0.0
    words: tuple[tuple[int, int, float], ...] = ()  # start, end, and how sure the engine is, 0 to 1

    @property
    def middle(self) -> float:
        """Half way between top and bottom."""
        return (self.top + self.bottom) / 2

    @property
    def height(self) -> float:
        """In pixels."""
        return self.bottom - self.top


def in_rows(boxes: Sequence[Box], depth: int = 0) -> Iterator[list[Box]]:
    """Boxes line by line, from left to right; of columns of prose first the left one to its end."""
    cut = _best_cut(boxes) if depth < _MOST_DEPTH else None
    if cut is None:
        yield from _rows(boxes)
        return
    for part in (cut.above, cut.left, cut.right, cut.below):
        yield from in_rows(part, depth + 1)


def in_columns(boxes: Sequence[Box]) -> Iterator[list[Box]]:
    """Boxes that are vertical lines, each alone, from right to left and, where they stand in tiers, from the upper tier down."""
    for tier in _tiers(boxes):
        yield from ([box] for box in sorted(tier, key=lambda box: -box.right))


def _tiers(boxes: Sequence[Box]) -> list[list[Box]]:
    """Vertical lines in groups that share a height, from top to bottom."""
    tiers: list[list[Box]] = []
    lowest = 0.0
    for box in sorted(boxes, key=lambda box: box.top):
        if tiers and box.top < lowest:
            tiers[-1].append(box)
        else:
            tiers.append([box])
        lowest = max(lowest, box.bottom)
    return tiers


@dataclass(frozen=True, slots=True)
class _Cut:
    """Boxes around a gap that runs down the page between two columns."""

    above: list[Box]
    left: list[Box]
    right: list[Box]
    below: list[Box]

    @property
    def size(self) -> int:
        """Boxes of the smaller column."""
        return min(len(self.left), len(self.right))


def _best_cut(boxes: Sequence[Box]) -> _Cut | None:
    """The longest gap between two columns of prose, if there is one."""
    if len(boxes) < 2 * _LEAST_ROWS:
        return None
    unit = statistics.median(box.height for box in boxes)
    places = _gap_places(boxes, unit)
    cuts = (cut for place in places for cut in _cuts_at(boxes, place, unit))
    return max((cut for cut in cuts if _is_columns(cut)), key=lambda cut: cut.size, default=None)


def _gap_places(boxes: Sequence[Box], unit: float) -> list[float]:
    """Where columns may begin: left edges that several boxes share, each as a place just before it."""
    lefts = sorted(box.left for box in boxes)
    places: list[float] = []
    for at, left in enumerate(lefts):
        shared = sum(abs(other - left) < unit for other in lefts[at : at + _LEAST_ROWS])
        if shared >= _LEAST_ROWS and (not places or left - places[-1] > unit):
            places.append(left)
    return [place - unit / 4 for place in places[1:]]  # before the first there is nothing


def _cuts_at(boxes: Sequence[Box], place: float, unit: float) -> Iterator[_Cut]:
    """The stretches of a page without a box across a place."""
    slack = unit / 2
    across = sorted(box.middle for box in boxes if box.left < place - slack and box.right > place + slack)
    edges = [float("-inf"), *across, float("inf")]
    for top, bottom in pairwise(edges):
        inside = [box for box in boxes if top < box.middle < bottom]
        left = [box for box in inside if box.right <= place + slack]
        right = [box for box in inside if box.right > place + slack]
        if min(len(left), len(right)) >= _LEAST_ROWS:
            above = [box for box in boxes if box.middle <= top]
            yield _Cut(above, left, right, [box for box in boxes if box.middle >= bottom])


def _is_columns(cut: _Cut) -> bool:
    return _is_prose(cut.left) and _is_prose(cut.right)


def _is_prose(boxes: Sequence[Box]) -> bool:
    """Whether a block is of lines that run on to its edge, and of words."""
    rows = list(_rows(boxes))
    width = max(box.right for box in boxes) - min(box.left for box in boxes)
    text = "".join(box.text for box in boxes).replace(" ", "")
    fills = [sum(box.right - box.left for box in row) / max(width, 1.0) for row in rows]
    sizes = [sum(_weight(box.text) for box in row) for row in rows]
    return (
        len(rows) >= _LEAST_ROWS
        and statistics.median(fills) >= _LEAST_FILL
        and statistics.median(sizes) >= _LEAST_CHARS
        and sum(map(str.isalpha, text)) >= _LEAST_LETTERS * len(text)
    )


def _weight(text: str) -> int:
    """Characters; those of Chinese and Japanese, which are as wide as two, count double."""
    return len(text) + sum(char >= "\u2e80" for char in text)


def _rows(boxes: Sequence[Box]) -> Iterator[list[Box]]:
    """What stands at the same height is one line, from left to right."""
    rows: list[list[Box]] = []
    for box in sorted(boxes, key=lambda box: box.middle):
        if rows and _same_row(rows[-1], box):
            rows[-1].append(box)
        else:
            rows.append([box])
    return (sorted(row, key=lambda box: box.left) for row in rows)


def _same_row(row: Sequence[Box], box: Box) -> bool:
    """Whether a box stands at the height of a row: its middle is off by less than half a line of the smaller print."""
    height = min(box.height, statistics.median(other.height for other in row))
    return abs(box.middle - statistics.fmean(other.middle for other in row)) < height / 2
