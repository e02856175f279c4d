"""A page in; out its small squares that stand beside a word, empty or marked, as changes to its text: "[ ] " and "[x] " before the words.

Only what is sure is told: an outline with nothing in it is empty; two slanted strokes, a tick or a black square in it mark it, and so does
a letter x or a tick set in it. Squares that touch each other are a grid or a comb, those of several colours a legend; where fields,
pictures or other things lie over a square, its line is left as it is. In points as `chars` gives them; imports its calls.
"""

from __future__ import annotations

import ctypes
import re
from collections.abc import Iterator, Sequence
from itertools import groupby, pairwise
from typing import NamedTuple

import pypdfium2.raw as pdfium

from octavo.processors.read.pdf import chars
from octavo.processors.read.pdf.chars import Box, Matrix, PageChars, Word
from octavo.processors.read.pdf.written import Piece

_CORNERS, _LINES_BETWEEN = 12, 3  # points of the four curves of a rounded one; lines between them
_LEAST, _MOST = 5.0, 22.0  # a side, in points, with the strokes that draw it
_MOST_PATHS, _MOST_BOXES, _MOST_SQUARES, _MOST_NOTES = 2_000, 100, 300, 1_000
_RECTANGLE, _RING = (
    (4, 5, 6, 8),
    10,
)  # points of paths that draw one: closed, line by line, or as what lies between two
_THIN, _NEAR = 2.5, 2.2  # of lines: how thick, and how far from where a side would be, in points
_LEAST_MARK = 0.35  # of a side
_WIDEST_MARK = 2.0
_DARK, _LIGHT = 100, 200  # of 255: pale fields are white paper
_REACH = 12.0  # between a box and its label
_SIGNS = frozenset("xX×✓✔✕✖✗✘☑☒•●■")
_OVERPRINTED = re.compile("[❏❐❑❒□☐◻▢][✓✔✕✖✗✘×]")


class CheckBox(NamedTuple):
    """A square, as the page is shown; whether it is marked (None: not sure), and the word that marks it."""

    box: Box
    marked: bool | None
    sign: Word | None = None


class Shape(NamedTuple):
    """A path that is as small as a check box or a mark in one: where it is, and how it is drawn."""

    box: Box
    is_square: bool  # all of its lines are level or upright
    is_side: bool  # a thin line, level or upright
    slants: int  # of its strokes
    outlined: bool
    ink: str  # of what it paints: "dark", "light" or "other"


Change = tuple[int, int, str]  # what stands from one place of the text to another becomes this


def of_page(sheet: PageChars) -> list[Box]:
    """The paths of a page that may be check boxes, by their bounds alone; none on a page that draws much."""
    paths = chars.paths(sheet)
    if not paths or len(paths) > _MOST_PATHS:
        return []
    moved = _moved(sheet)
    squares = [box for box in moved if _is_square(box)] or _of_lines(moved)
    return squares if len(squares) <= _MOST_SQUARES else []


def _moved(sheet: PageChars) -> list[Box]:
    """Bounds of each path where it is on the page."""
    return [
        box if matrix == chars.IN_PLACE else chars.moved(box, matrix)
        for (_, matrix), box in zip(chars.paths(sheet), chars.path_bounds(sheet), strict=True)
    ]


def _is_square(box: Box) -> bool:
    width, height = box[2] - box[0], box[3] - box[1]
    return _LEAST <= width <= _MOST and abs(width - height) <= max(1.0, 0.1 * width)


def _of_lines(boxes: Sequence[Box]) -> list[Box]:
    """Squares whose four sides are lines of their own."""
    level = [box for box in boxes if box[3] - box[1] <= _THIN and _LEAST <= box[2] - box[0] <= _MOST]
    upright = [box for box in boxes if box[2] - box[0] <= _THIN and _LEAST <= box[3] - box[1] <= _MOST]
    if not 1 < len(level) <= _MOST_SQUARES or not 1 < len(upright) <= _MOST_SQUARES:
        return []
    found = []
    for low in level:
        left, right, size = low[0], low[2], low[2] - low[0]
        square = (left, low[1], right, low[1] + size)
        sides = (left, low[1], left, square[3]), (right, low[1], right, square[3])
        above = (left, square[3], right, square[3])
        if any(_is_near(above, line) for line in level) and all(
            any(_is_near(side, line) for line in upright) for side in sides
        ):
            found.append(square)
    return found


def _is_near(side: Box, line: Box) -> bool:
    """Whether a line runs along a side of a square."""
    return all(abs(one - two) <= _NEAR for one, two in zip(side, line, strict=True))


def changes(sheet: PageChars, words: Sequence[Word]) -> list[Change]:
    """What the check boxes of a page add to its text. `words` are all of the page."""
    drawn = [(*path, box) for path, box in zip(chars.paths(sheet), _moved(sheet), strict=True)]
    squares = [shape for shape in _shapes([item for item in drawn if _is_square(item[2])]) if shape.is_square]
    lines = _of_lines([box for *_, box in drawn])
    outlines = _apart(_outlines([*(shape.box for shape in squares if shape.outlined), *lines]))
    is_legend = any(shape.outlined and shape.ink == "other" for shape in squares)
    if not outlines or len(outlines) > _MOST_BOXES or is_legend:
        return []
    shapes = list(_shapes([item for item in drawn if any(_holds(box, item[2]) for box in outlines)]))
    covers = _covers(sheet)
    states = [_state(box, shapes) for box in outlines]
    if all(states) and all(_is_solid(box, shapes) for box in outlines):  # bullets
        return []
    shown = map(CheckBox, chars.turned(sheet, outlines), states)
    covered = chars.turned(sheet, covers)
    boxes = [_with_words(one, words, covered) for one in shown]
    return sorted(change for row in _rows(boxes) for change in _told(row, words, sheet.text))


def _shapes(drawn: Sequence[tuple[int, Matrix, Box]]) -> Iterator[Shape]:
    for path, matrix, box in drawn:
        width, height = box[2] - box[0], box[3] - box[1]
        if max(width, height) > _WIDEST_MARK * _MOST or max(width, height) < _LEAST * _LEAST_MARK:
            continue
        filled, stroked = chars.is_filled(path), chars.is_stroked(path)
        count = chars.segment_counts([path])[0]
        slants, others = _strokes(path, matrix, min(count, 60))
        rounded = others == _CORNERS and count - others > _LINES_BETWEEN
        straight = (
            not slants
            and (rounded or not others)
            and (count in _RECTANGLE or rounded or (count == _RING and filled))
        )
        is_side = not slants and not others and min(width, height) <= _THIN
        color = chars.fills([path])[0] if filled else chars.stroke(path)
        outlined = (stroked and _ink(chars.stroke(path)) != "light") or count == _RING
        plain = not filled or count == _RING
        ink = "none" if plain and straight else _ink(color)
        yield Shape(box, straight and _is_square(box), is_side, slants, outlined, ink)


def _ink(color: tuple[int, int, int, int]) -> str:
    *rgb, opacity = color
    if min(rgb) >= _LIGHT or opacity == 0:
        return "light"
    return "dark" if max(rgb) <= _DARK else "other"


def _strokes(path: int, matrix: Matrix, count: int) -> tuple[int, int]:
    """How many lines of a path are slanted, and how many are curves."""
    handle = ctypes.cast(path, pdfium.FPDF_PAGEOBJECT)
    a, b, c, d, _, _ = chars.times(chars.matrix_of(path), matrix)
    x, y = ctypes.c_float(), ctypes.c_float()
    points: list[tuple[float, float, int]] = []
    for number in range(count):
        segment = pdfium.FPDFPath_GetPathSegment(handle, number)
        pdfium.FPDFPathSegment_GetPoint(segment, x, y)
        kind = pdfium.FPDFPathSegment_GetType(segment)
        points.append((a * x.value + c * y.value, b * x.value + d * y.value, kind))
    slants = sum(
        two[2] == pdfium.FPDF_SEGMENT_LINETO and abs(one[0] - two[0]) > 1 and abs(one[1] - two[1]) > 1
        for one, two in pairwise(points)
    )
    return slants, sum(kind == pdfium.FPDF_SEGMENT_BEZIERTO for *_, kind in points)


def _outlines(squares: Sequence[Box]) -> list[Box]:
    """Squares that are outlined; of two within each other the outer one."""
    boxes: list[Box] = []
    for box in sorted(squares, key=lambda box: box[0] - box[2]):
        if not any(_holds(other, box) for other in boxes):
            boxes.append(box)
        if len(boxes) > _MOST_BOXES:
            break
    return boxes


def _holds(box: Box, other: Box) -> bool:
    """Whether the middle of another box is in this one."""
    across, upright = (other[0] + other[2]) / 2, (other[1] + other[3]) / 2
    return box[0] <= across <= box[2] and box[1] <= upright <= box[3]


def _apart(boxes: Sequence[Box]) -> list[Box]:
    """Boxes that touch no other, and have none beside them so near that no label is between: those are combs and grids."""
    return [box for box in boxes if not any(other is not box and _is_beside(box, other) for other in boxes)]


def _is_beside(box: Box, other: Box) -> bool:
    across = max(box[0], other[0]) - min(box[2], other[2])
    upright = max(box[1], other[1]) - min(box[3], other[3])
    return (upright < 0 and across < 0.6 * (box[2] - box[0])) or (across < 0 and upright < 0.5)


def _state(box: Box, shapes: Sequence[Shape]) -> bool | None:
    """Whether what is drawn in a box marks it; None when that is not sure."""
    side = box[2] - box[0]
    slants, black, strange = 0, False, False
    for shape in shapes:
        left, bottom, right, top = shape.box
        size = max(right - left, top - bottom)
        if not _holds(box, shape.box) or not _LEAST_MARK * side <= size <= _WIDEST_MARK * side:
            continue
        if shape.is_side and _is_side_of(box, shape.box):
            continue
        if shape.is_square:
            strange = strange or (shape.ink == "light" and bool(slants or black))  # it is painted over
            black = black or shape.ink == "dark"
            strange = strange or shape.ink == "other"
        elif shape.ink != "light":
            slants += shape.slants
            strange = strange or not shape.slants
        else:
            strange = True
    if strange or slants == 1:
        return None
    return slants > 1 or black


def _is_side_of(box: Box, line: Box) -> bool:
    """Whether a thin line lies on a side of a box."""
    across, upright = (line[0] + line[2]) / 2, (line[1] + line[3]) / 2
    return (
        min(abs(across - box[0]), abs(across - box[2]), abs(upright - box[1]), abs(upright - box[3])) <= _NEAR
    )


def _is_solid(box: Box, shapes: Sequence[Shape]) -> bool:
    """Whether a box is black from side to side."""
    return any(
        shape.is_square and shape.ink == "dark" and shape.box[2] - shape.box[0] > 0.9 * (box[2] - box[0])
        for shape in shapes
        if _holds(box, shape.box)
    )


def _covers(sheet: PageChars) -> list[Box]:
    """Fields and notes on the page and its pictures: what lies over a box without being a path or text."""
    drawn = chars.objects(sheet)
    boxes = [] if drawn.nested else chars.bounds(drawn.of(chars.IMAGE, chars.SHADING))
    rect = pdfium.FS_RECTF()
    for index in range(min(pdfium.FPDFPage_GetAnnotCount(sheet.page.raw), _MOST_NOTES)):
        note = pdfium.FPDFPage_GetAnnot(sheet.page.raw, index)
        if note:
            if pdfium.FPDFAnnot_GetRect(note, ctypes.byref(rect)):
                boxes.append((rect.left, rect.bottom, rect.right, rect.top))
            pdfium.FPDFPage_CloseAnnot(note)
    return [box for box in boxes if box[2] - box[0] < 3 * _MOST]


def _with_words(one: CheckBox, words: Sequence[Word], covers: Sequence[Box]) -> CheckBox:
    """The box with the sign that is set in it; not sure where other words or things lie in it."""
    left, bottom, right, top = one.box
    edge = 0.2 * (right - left)
    inner = (left + edge, bottom + edge, right - edge, top - edge)
    inside = [word for word in words if _meet(inner, word[2:])]
    if any(_meet(inner, cover) for cover in covers) or len(inside) > 1:
        return one._replace(marked=None)
    return one._replace(marked=None if one.marked else True, sign=inside[0]) if inside else one


def _meet(box: Box, other: Sequence[float]) -> bool:
    return box[0] < other[2] and other[0] < box[2] and box[1] < other[3] and other[1] < box[3]


def _rows(boxes: Sequence[CheckBox]) -> Iterator[list[CheckBox]]:
    """Boxes on one line, from left to right."""

    def middle(one: CheckBox) -> float:
        return round((one.box[1] + one.box[3]) / 4)

    for _, row in groupby(sorted(boxes, key=lambda one: (middle(one), one.box[0])), key=middle):
        yield list(row)


def _told(row: Sequence[CheckBox], words: Sequence[Word], text: str) -> list[Change]:
    """The changes for the boxes of a line, of which each has its label on the same side; none where one is not sure."""
    signs = {one.sign for one in row if one.sign}
    if any(one.marked is None for one in row) or any(
        text[sign.start : sign.end] not in _SIGNS for sign in signs
    ):
        return []
    others = [word for word in words if word not in signs]
    behind = [_label(one.box, others, 1) for one in row]
    before = [_label(one.box, others, -1) for one in row]
    out: list[Change] = [
        (sign.start, sign.end + (text[sign.end : sign.end + 1] == " "), "") for sign in signs
    ]
    for one, right, left in zip(row, behind, before, strict=True):
        state = "[x]" if one.marked else "[ ]"
        if all(behind) and right:
            out.append((right.start, right.start, f"{state} "))
        elif len(row) > 1 and all(before) and left:
            out.append((left.end, left.end, f" {state}"))
        else:
            return []
    return out


def _label(box: Box, words: Sequence[Word], side: int) -> Word | None:
    """The word beside a box: right of it (1) or left of it (-1)."""
    middle, height = (box[1] + box[3]) / 2, box[3] - box[1]
    near = [
        (gap, word)
        for word in words
        if abs((word.top + word.bottom) / 2 - middle) < 0.6 * max(word.top - word.bottom, height)
        and -2 < (gap := word.left - box[2] if side > 0 else box[0] - word.right) < _REACH
    ]
    return min(near)[1] if near else None


def of_glyphs(text: str) -> list[Change]:
    """The changes for boxes that are signs of a font, on a page where a tick or cross is set over one of them."""
    pairs = {found.start(): found.end() for found in _OVERPRINTED.finditer(text)}
    kinds = {text[start] for start in pairs}
    boxes = [place for place, char in enumerate(text) if char in kinds] if pairs else []
    return [(place, pairs.get(place, place + 1), "[x]" if place in pairs else "[ ]") for place in boxes]


def applied(parts: Sequence[Piece], todo: Sequence[Change]) -> list[Piece]:
    """The pieces of a text after the changes, which are sorted."""
    out: list[Piece] = []
    for part in parts:
        if isinstance(part, str):
            out.append(part)
            continue
        place, last = part
        for start, end, words in todo:
            if place <= start < last or (start == last and words.startswith(" ")):
                out += [(place, start), words] if place < start else [words]
                place = max(place, min(end, last))
        out += [(place, last)] if place < last else []
    return out
