"""A loaded PDFium page in; its text, the boxes of its words and the traits of its objects out, in plain values.

A call through ctypes costs more than what PDFium does in it, so whole rows of calls are made by `map` with prototypes that take
addresses as numbers: a third of a microsecond a call instead of two, measured 2026-11. What they give is written into an `array`,
since ctypes makes a type, in ten microseconds, for each length of its own. Boxes are in points, turned as the page is shown.
"""

from __future__ import annotations

import ctypes
import re
from array import array
from collections import deque
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from itertools import pairwise, repeat
from typing import Any, NamedTuple

import pypdfium2
import pypdfium2.raw as pdfium

TEXT, PATH, IMAGE, SHADING, FORM = (
    *(pdfium.FPDF_PAGEOBJ_TEXT, pdfium.FPDF_PAGEOBJ_PATH, pdfium.FPDF_PAGEOBJ_IMAGE),
    *(pdfium.FPDF_PAGEOBJ_SHADING, pdfium.FPDF_PAGEOBJ_FORM),
)
_MAX_DEPTH = 3  # forms within forms that are looked into
_MAX_INNER = 20_000  # objects in forms that are looked at
NO_INK = (3, 7)  # render modes of PDF, ISO 32000-1 table 106
_WORD = re.compile(r"\S+")

Box = tuple[float, float, float, float]  # left, bottom, right, top
Matrix = tuple[float, float, float, float, float, float]
IN_PLACE: Matrix = (1, 0, 0, 1, 0, 0)
Columns = tuple[list[Any], list[Any], list[Any], list[Any]]


class Word(NamedTuple):
    """Characters without white space between: their place in PDFium's text, half-open, and their box."""

    start: int
    end: int
    left: float
    bottom: float
    right: float
    top: float


_word: Callable[[Iterable[Any]], Word] = partial(
    tuple.__new__, Word
)  # without the Python function that a named tuple is made by


def _run(calls: Iterable[Any]) -> None:
    """Make the calls and forget what they return."""
    deque(calls, maxlen=0)


def _call(name: str, result: Any, *arguments: Any) -> Callable[..., Any]:
    """A function of PDFium that takes handles and pointers as numbers."""
    place = ctypes.cast(getattr(pdfium, name), ctypes.c_void_p).value
    assert place is not None
    return ctypes.PYFUNCTYPE(result, *arguments)(
        place
    )  # keeps the GIL, which is dearer to give away than the call


_HANDLE, _INT, _OUT = ctypes.c_void_p, ctypes.c_int, ctypes.c_size_t
_rotation = _call("FPDFPage_GetRotation", _INT, _HANDLE)  # in quarters of a turn
_count = _call("FPDFPage_CountObjects", _INT, _HANDLE)
_object_at = _call("FPDFPage_GetObject", _HANDLE, _HANDLE, _INT)
_inner_at = _call("FPDFFormObj_GetObject", _HANDLE, _HANDLE, ctypes.c_ulong)
_inner_count = _call("FPDFFormObj_CountObjects", _INT, _HANDLE)
_kind = _call("FPDFPageObj_GetType", _INT, _HANDLE)
_mode = _call("FPDFTextObj_GetTextRenderMode", _INT, _HANDLE)
_bounds = _call("FPDFPageObj_GetBounds", _INT, _HANDLE, _OUT, _OUT, _OUT, _OUT)
_fill = _call("FPDFPageObj_GetFillColor", _INT, _HANDLE, _OUT, _OUT, _OUT, _OUT)
_stroke = _call("FPDFPageObj_GetStrokeColor", _INT, _HANDLE, _OUT, _OUT, _OUT, _OUT)
_matrix = _call("FPDFPageObj_GetMatrix", _INT, _HANDLE, _OUT)
_draw_mode = _call("FPDFPath_GetDrawMode", _INT, _HANDLE, _OUT, _OUT)
_segments = _call("FPDFPath_CountSegments", _INT, _HANDLE)
_set_active = _call("FPDFPageObj_SetIsActive", _INT, _HANDLE, _INT)
_load_layer = _call("FPDFText_LoadPage", _HANDLE, _HANDLE)
_close_layer = _call("FPDFText_ClosePage", None, _HANDLE)
_count_chars = _call("FPDFText_CountChars", _INT, _HANDLE)
_get_text = _call("FPDFText_GetText", _INT, _HANDLE, _INT, _INT, _OUT)
_char_at = _call("FPDFText_GetCharIndexFromTextIndex", _INT, _HANDLE, _INT)
_object_of = _call("FPDFText_GetTextObject", _HANDLE, _HANDLE, _INT)
_loose_box = _call("FPDFText_GetLooseCharBox", _INT, _HANDLE, _INT, _OUT)
_frame = _call("FPDF_GetPageBoundingBox", _INT, _HANDLE, _OUT)


def _address(handle: Any) -> int:
    """A PDFium handle as a number."""
    return ctypes.cast(handle, ctypes.c_void_p).value or 0


class PageChars:
    """A loaded page with its text as PDFium gives it. Close it before the page. Raises PdfiumError."""

    def __init__(self, page: pypdfium2.PdfPage) -> None:
        self.page = page
        self.paths: list[tuple[int, Matrix]] | None = None
        self.path_bounds: list[Box] | None = None
        self.handle = _address(page.raw)
        self.layer = _load_layer(self.handle)
        if not self.layer:
            raise pypdfium2.PdfiumError("The text of a page cannot be loaded.")
        count = _count_chars(self.layer)
        characters = array("H", bytes(2 * count + 2))
        end = max(0, _get_text(self.layer, 0, count, characters.buffer_info()[0]) - 1)
        self.text = str(memoryview(characters)[:end], "utf-16-le", "ignore")
        self.is_plain = (
            len(self.text) == count
        )  # whether each of PDFium's characters has its place in the text
        self.units = range(end) if len(self.text) == end else _beginnings(characters[:end])

    @cached_property
    def frame(self) -> Box:
        """The part of the page that is shown, in its own coordinates."""
        sides = array("f", bytes(16))
        _frame(self.handle, sides.buffer_info()[0])
        left, top, right, bottom = sides
        return left, bottom, right, top

    @cached_property
    def size(self) -> tuple[float, float]:
        """Width and height of the page as it is shown."""
        west, south, east, north = self.frame
        return (north - south, east - west) if _rotation(self.handle) % 2 else (east - west, north - south)

    def close(self) -> None:
        """Let go of the text."""
        _close_layer(self.layer)


def _beginnings(units: Sequence[int]) -> list[int]:
    """Where each character begins among the units of UTF-16. A pair of them makes one, half a pair makes none, as when it is decoded."""
    pairs = pairwise([*units, 0])
    return [
        place
        for place, (one, two) in enumerate(pairs)
        if one >> 11 != 0x1B or (one >> 10, two >> 10) == (0x36, 0x37)
    ]


@dataclass(frozen=True, slots=True)
class Drawn:
    """The objects of a page in the order in which they are drawn, what is within a form in the form's place."""

    items: list[int]
    kinds: list[int]  # `TEXT`, `IMAGE`, `PATH`, or another
    nested: bool  # whether some are within forms that are moved or scaled, so that their boxes are those of the form

    def of(self, *kinds: int) -> list[int]:
        """Objects of these kinds."""
        return [item for item, kind in zip(self.items, self.kinds, strict=True) if kind in kinds]


def count(sheet: PageChars) -> int:
    """How many objects the page draws, a form counted as one."""
    return int(_count(sheet.handle))


def objects(sheet: PageChars) -> Drawn:
    """What the page draws."""
    items = list(map(_object_at, repeat(sheet.handle), range(count(sheet))))
    kinds = list(map(_kind, items))
    if FORM not in kinds:
        return Drawn(items, kinds, nested=False)
    forms = [item for item, kind in zip(items, kinds, strict=True) if kind == FORM]
    items = _opened(items, kinds, _MAX_DEPTH)
    return Drawn(items, list(map(_kind, items)), nested=not all(map(_is_in_place, forms)))


def _is_in_place(form: int) -> bool:
    """Whether what is in a form has the coordinates of the page."""
    return matrix_of(form) == IN_PLACE


def matrix_of(item: int) -> Matrix:
    """How an object is moved and scaled, as six numbers of PDF."""
    matrix = pdfium.FS_MATRIX()
    _matrix(item, ctypes.addressof(matrix))
    return matrix.a, matrix.b, matrix.c, matrix.d, matrix.e, matrix.f


def paths(sheet: PageChars) -> list[tuple[int, Matrix]]:
    """The paths of a page and of the forms on it, each with the matrix that moves it to the page. Looked for once."""
    if sheet.paths is None:
        sheet.paths = _all_paths(sheet)
    return sheet.paths


def path_bounds(sheet: PageChars) -> list[Box]:
    """The box of each of `paths`, in the coordinates of what holds it. Asked for once."""
    if sheet.path_bounds is None:
        sheet.path_bounds = bounds([path for path, _ in paths(sheet)])
    return sheet.path_bounds


def moved(box: Box, matrix: Matrix) -> Box:
    """The box where the form that holds it is drawn."""
    if matrix == IN_PLACE:
        return box
    a, b, c, d, e, f = matrix
    corners = [(a * x + c * y + e, b * x + d * y + f) for x in box[::2] for y in box[1::2]]
    across, upright = zip(*corners, strict=True)
    return min(across), min(upright), max(across), max(upright)


def _all_paths(sheet: PageChars) -> list[tuple[int, Matrix]]:
    items = list(map(_object_at, repeat(sheet.handle), range(count(sheet))))
    return _paths(items, IN_PLACE, _MAX_DEPTH)


def _paths(items: Sequence[int], matrix: Matrix, depth: int) -> list[tuple[int, Matrix]]:
    found: list[tuple[int, Matrix]] = []
    for item, kind in zip(items, map(_kind, items), strict=True):
        if kind == PATH:
            found.append((item, matrix))
        elif kind == FORM and depth and len(found) < _MAX_INNER:
            inner = list(map(_inner_at, repeat(item), range(min(_inner_count(item), _MAX_INNER))))
            found += _paths(inner, times(matrix_of(item), matrix), depth - 1)
    return found


def times(one: Matrix, two: Matrix) -> Matrix:
    """First the one, then the other."""
    a, b, c, d, e, f = one
    g, h, i, j, k, m = two
    return a * g + b * i, a * h + b * j, c * g + d * i, c * h + d * j, e * g + f * i + k, e * h + f * j + m


def modes(items: Iterable[int]) -> list[int]:
    """How each text is rendered; 3 and 7 leave no ink."""
    return list(map(_mode, items))


def _opened(items: list[int], kinds: list[int], depth: int) -> list[int]:
    """The objects with forms replaced by what is in them, bounded in depth and number."""
    if FORM not in kinds or depth == 0:
        return items
    found: list[int] = []
    for item, kind in zip(items, kinds, strict=True):
        if kind != FORM:
            found.append(item)
        elif len(found) < _MAX_INNER:
            inner = list(map(_inner_at, repeat(item), range(min(_inner_count(item), _MAX_INNER))))
            found += _opened(inner, list(map(_kind, inner)), depth - 1)
    return found


def bounds(items: Sequence[int]) -> list[Box]:
    """The box of each object in the page's own coordinates; for what is within a form, in those of the form."""
    return list(zip(*_fours(_bounds, items, "f"), strict=True))


def segment_counts(paths: Sequence[int]) -> list[int]:
    """Of how many points each path is made."""
    return list(map(_segments, paths))


def fills(items: Sequence[int]) -> list[tuple[int, int, int, int]]:
    """Red, green, blue and opacity with which each object is filled, 0 to 255."""
    return list(zip(*_fours(_fill, items, "I"), strict=True))


def stroke(path: int) -> tuple[int, int, int, int]:
    """Red, green, blue and opacity of the line that draws a path, 0 to 255."""
    red, green, blue, opacity = (column[0] for column in _fours(_stroke, [path], "I"))
    return red, green, blue, opacity


def is_stroked(path: int) -> bool:
    """Whether a path is drawn by a line."""
    mode, stroked = ctypes.c_int(), ctypes.c_int()
    _draw_mode(path, ctypes.addressof(mode), ctypes.addressof(stroked))
    return bool(stroked.value)


def is_filled(path: int) -> bool:
    """Whether a path paints its inside."""
    mode, stroked = ctypes.c_int(), ctypes.c_int()
    _draw_mode(path, ctypes.addressof(mode), ctypes.addressof(stroked))
    return bool(mode.value != pdfium.FPDF_FILLMODE_NONE)


def _fours(function: Callable[..., Any], items: Sequence[int], kind: str) -> Columns:
    """Four columns of what a function that fills four numbers gives for each object; zeros where it fails."""
    numbers = array(kind, bytes(16 * len(items)))
    start, _ = numbers.buffer_info()
    end = start + 16 * len(items)
    _run(map(function, items, *(range(start + place, end, 16) for place in (0, 4, 8, 12))))
    return _columns(numbers)


def _columns(numbers: array[Any]) -> Columns:
    return numbers[0::4].tolist(), numbers[1::4].tolist(), numbers[2::4].tolist(), numbers[3::4].tolist()


def activate(items: Iterable[int], *, active: bool) -> None:
    """Let objects be drawn, or not."""
    for item in items:
        _set_active(item, active)


def _sides(sheet: PageChars, places: Sequence[int]) -> Columns:
    """Left, top, right and bottom of characters in the page's own coordinates."""
    numbers = array("f", bytes(16 * len(places)))
    start, _ = numbers.buffer_info()
    _run(
        map(
            _loose_box,
            repeat(sheet.layer),
            _indices(sheet, places),
            range(start, start + 16 * len(places), 16),
        )
    )
    return _columns(numbers)


def _indices(sheet: PageChars, places: Sequence[int]) -> Iterable[int]:
    """PDFium's numbers of characters, which are their places in the text unless some have no text or are a pair in UTF-16."""
    return (
        places if sheet.is_plain else map(_char_at, repeat(sheet.layer), map(sheet.units.__getitem__, places))
    )


def word_spans(text: str, start: int = 0, end: int | None = None) -> list[tuple[int, int]]:
    """Where words stand in a text, or in a part of it."""
    return [found.span() for found in _WORD.finditer(text, start, len(text) if end is None else end)]


def spans_of(sheet: PageChars, items: Collection[int]) -> list[tuple[int, int]]:
    """Where the words stand that begin in one of these text objects."""
    spans = word_spans(sheet.text)
    owners = map(_object_of, repeat(sheet.layer), _indices(sheet, [start for start, _ in spans]))
    return [span for span, owner in zip(spans, owners, strict=True) if owner in items]


def words(sheet: PageChars, spans: Sequence[tuple[int, int]]) -> list[Word]:
    """The words at these places of PDFium's text, with their boxes."""
    if not spans:
        return []
    starts, ends = zip(*spans, strict=True)
    one, two = shown(sheet, starts), shown(sheet, [end - 1 for end in ends])
    box = (
        map(choose, first, last) for choose, first, last in zip((min, min, max, max), one, two, strict=True)
    )
    return list(map(_word, zip(starts, ends, *box, strict=True)))


def shown(sheet: PageChars, places: Sequence[int]) -> Columns:
    """Left, bottom, right and top of characters, given by their places in the text.

    As the page is shown: its lower left corner is 0, 0 and its rotation is applied. A box is as high as the line.
    """
    left, top, right, bottom = _sides(sheet, places)
    west, south, east, north = sheet.frame
    rotation = _rotation(sheet.handle)
    if rotation == 1:
        return _from(bottom, south), _down(right, east), _from(top, south), _down(left, east)
    if rotation == 2:
        return _down(right, east), _down(top, north), _down(left, east), _down(bottom, north)
    if rotation == 3:
        return _down(top, north), _from(left, west), _down(bottom, north), _from(right, west)
    return _from(left, west), _from(bottom, south), _from(right, west), _from(top, south)


def turned(sheet: PageChars, boxes: Sequence[Box]) -> list[Box]:
    """Boxes in the page's own coordinates as they are shown: from its lower left corner, its rotation applied."""
    west, south, east, north = sheet.frame
    rotation = _rotation(sheet.handle)
    if rotation == 1:
        return [
            (bottom - south, east - right, top - south, east - left) for left, bottom, right, top in boxes
        ]
    if rotation == 2:
        return [
            (east - right, north - top, east - left, north - bottom) for left, bottom, right, top in boxes
        ]
    if rotation == 3:
        return [
            (north - top, left - west, north - bottom, right - west) for left, bottom, right, top in boxes
        ]
    return [(left - west, bottom - south, right - west, top - south) for left, bottom, right, top in boxes]


def _from(values: list[float], start: float) -> list[float]:
    return [value - start for value in values] if start else values


def _down(values: list[float], start: float) -> list[float]:
    return [start - value for value in values]
