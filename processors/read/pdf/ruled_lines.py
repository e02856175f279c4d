"""The paths that a page draws in; the straight lines among them out, as a reader sees them: ruled lines, sides of boxes, edges of fills.

Lines that lie within `NEAR` of each other are one, so that double lines and the gaps between filled cells count once. Pages of drawings
and maps have too many paths and give none. All in points, turned as the page is shown. Imports `chars`, which holds PDFium's calls.
"""

from __future__ import annotations

import ctypes
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby, pairwise
from typing import NamedTuple

import pypdfium2.raw as pdfium

from octavo.processors.read.pdf import chars
from octavo.processors.read.pdf.chars import Box, PageChars

NEAR = 3.0  # as in pdfplumber, whose figures on ruled tables are the best of the libraries tried 2026-11
_THIN = 2.0  # a box with a side as short is a line
_SHORTEST = 4.0
_MOST_PATHS = 4_000
_BOX_SEGMENTS = 5  # of a box, with its last side
_MOST_SEGMENTS = 2_000  # of the paths of a page that are more than a box, one of which may draw a whole grid
_MOST_LINES = 500  # of a direction


class Rule(NamedTuple):
    """A line across (`at` is its height) or upright (`at` is its distance from the left), and where it begins and ends."""

    at: float
    start: float
    end: float


class RuledLines(NamedTuple):
    """The lines of a page: those across from the top down, those upright from left to right."""

    across: tuple[Rule, ...] = ()
    upright: tuple[Rule, ...] = ()


NONE = RuledLines()


def of_page(sheet: PageChars) -> RuledLines:
    """The lines of a page, none where it draws more than a table would."""
    paths = chars.paths(sheet)
    if not paths or len(paths) > _MOST_PATHS:
        return NONE
    whole = chars.path_bounds(sheet)
    counts = chars.segment_counts([path for path, _ in paths])
    drawn = [
        count if count > _BOX_SEGMENTS and min(box[2] - box[0], box[3] - box[1]) > _THIN else 0
        for box, count in zip(whole, counts, strict=True)
    ]
    look_inside = sum(drawn) < _MOST_SEGMENTS
    boxes = [
        chars.moved(part, matrix)
        for (path, matrix), box, count in zip(paths, whole, drawn, strict=True)
        for part in (_boxes(path, count) if count and look_inside else [box])
    ]
    return from_boxes(chars.turned(sheet, boxes))


def from_boxes(boxes: Iterable[Box]) -> RuledLines:
    """Boxes as lines: a thin one is a line, of another each side is one.

    >>> from_boxes([(0, 0, 100, 0.5)])
    RuledLines(across=(Rule(at=0.25, start=0, end=100),), upright=())
    """
    across: list[Rule] = []
    upright: list[Rule] = []
    for left, bottom, right, top in boxes:
        if top - bottom <= _THIN:
            across.append(Rule((top + bottom) / 2, left, right))
        elif right - left <= _THIN:
            upright.append(Rule((left + right) / 2, bottom, top))
        else:
            across += [Rule(bottom, left, right), Rule(top, left, right)]
            upright += [Rule(left, bottom, top), Rule(right, bottom, top)]
    one, two = _joined(across), _joined(upright)
    if max(len(one), len(two)) > _MOST_LINES:
        return NONE
    return RuledLines(tuple(reversed(one)), tuple(two))


def _boxes(path: int, count: int) -> Iterator[Box]:
    """A box for each of the straight pieces of a path."""
    handle = ctypes.cast(path, pdfium.FPDF_PAGEOBJECT)
    a, b, c, d, e, f = chars.matrix_of(path)
    points = [_point(handle, number) for number in range(count)]
    places = [(a * x + c * y + e, b * x + d * y + f, kind) for x, y, kind in points]
    for (x, y, _), (other_x, other_y, kind) in pairwise(places):
        if kind == pdfium.FPDF_SEGMENT_LINETO and (abs(x - other_x) < 1 or abs(y - other_y) < 1):
            yield min(x, other_x), min(y, other_y), max(x, other_x), max(y, other_y)


def _point(handle: pdfium.FPDF_PAGEOBJECT, number: int) -> tuple[float, float, int]:
    segment = pdfium.FPDFPath_GetPathSegment(handle, number)
    x, y = ctypes.c_float(), ctypes.c_float()
    pdfium.FPDFPathSegment_GetPoint(segment, x, y)
    return x.value, y.value, pdfium.FPDFPathSegment_GetType(segment)


def _joined(rules: Sequence[Rule]) -> list[Rule]:
    """Lines near each other brought to one height, and those that touch made one; short ones that stay alone fall away."""
    out: list[Rule] = []
    for group in _near(sorted(rules)):
        at = sum(rule.at for rule in group) / len(group)
        start, end = None, 0.0
        for rule in sorted(group, key=lambda rule: rule.start):
            if start is None or rule.start > end + NEAR:
                if start is not None and end - start >= _SHORTEST:
                    out.append(Rule(at, start, end))
                start, end = rule.start, rule.end
            end = max(end, rule.end)
        if start is not None and end - start >= _SHORTEST:
            out.append(Rule(at, start, end))
    return out


def _near(rules: Sequence[Rule]) -> Iterator[list[Rule]]:
    """Runs of lines of which each is near the first."""
    first = 0.0
    number = -1

    def place(rule: Rule) -> int:
        nonlocal first, number
        if number < 0 or rule.at - first > NEAR:
            first, number = rule.at, number + 1
        return number

    for _, group in groupby(rules, key=place):
        yield list(group)
