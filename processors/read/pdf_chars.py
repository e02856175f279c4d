"""A loaded PDFium page in; its text, the boxes of its words and the traits of its objects out, in plain values.

A call through ctypes costs more than what PDFium does in it, so whole rows of calls are made by `map` with prototypes that take
addresses as numbers: half a microsecond a call instead of two, measured 2026-11. Boxes are in points, turned as the page is shown.
"""

from __future__ import annotations

import ctypes
import re
from collections import deque
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from itertools import repeat
from operator import sub
from typing import Any, NamedTuple

import pypdfium2
import pypdfium2.raw as pdfium

TEXT, PATH, IMAGE, SHADING, FORM = (
    *(pdfium.FPDF_PAGEOBJ_TEXT, pdfium.FPDF_PAGEOBJ_PATH, pdfium.FPDF_PAGEOBJ_IMAGE),
    *(pdfium.FPDF_PAGEOBJ_SHADING, pdfium.FPDF_PAGEOBJ_FORM),
)
_MAX_DEPTH = 3  # forms within forms that are looked into
_MAX_INNER = 20_000  # objects in forms that are looked at
_WORD = re.compile(r"\S+")

Box = tuple[float, float, float, float]  # left, bottom, right, top
Columns = tuple[list[float], list[float], list[float], list[float]]


class Word(NamedTuple):
    """Characters without white space between: their place in PDFium's text, half-open, and their box."""

    start: int
    end: int
    left: float
    bottom: float
    right: float
    top: float


def _run(calls: Iterable[Any]) -> None:
    """Make the calls and forget what they return."""
    deque(calls, maxlen=0)


def _call(name: str, result: Any, *arguments: Any) -> Callable[..., Any]:
    """A function of PDFium that takes handles and pointers as numbers."""
    place = ctypes.cast(getattr(pdfium, name), ctypes.c_void_p).value
    assert place is not None
    return ctypes.CFUNCTYPE(result, *arguments)(place)


_HANDLE, _INT, _OUT = ctypes.c_void_p, ctypes.c_int, ctypes.c_size_t
_object_at = _call("FPDFPage_GetObject", _HANDLE, _HANDLE, _INT)
_inner_at = _call("FPDFFormObj_GetObject", _HANDLE, _HANDLE, ctypes.c_ulong)
_inner_count = _call("FPDFFormObj_CountObjects", _INT, _HANDLE)
_kind = _call("FPDFPageObj_GetType", _INT, _HANDLE)
_mode = _call("FPDFTextObj_GetTextRenderMode", _INT, _HANDLE)
_bounds = _call("FPDFPageObj_GetBounds", _INT, _HANDLE, _OUT, _OUT, _OUT, _OUT)
_fill = _call("FPDFPageObj_GetFillColor", _INT, _HANDLE, _OUT, _OUT, _OUT, _OUT)
_matrix = _call("FPDFPageObj_GetMatrix", _INT, _HANDLE, _OUT)
_draw_mode = _call("FPDFPath_GetDrawMode", _INT, _HANDLE, _OUT, _OUT)
_set_active = _call("FPDFPageObj_SetIsActive", _INT, _HANDLE, _INT)
_char_at = _call("FPDFText_GetCharIndexFromTextIndex", _INT, _HANDLE, _INT)
_object_of = _call("FPDFText_GetTextObject", _HANDLE, _HANDLE, _INT)
_loose_box = _call("FPDFText_GetLooseCharBox", _INT, _HANDLE, _INT, _OUT)


def _address(handle: Any) -> int:
    """A PDFium handle as a number."""
    return ctypes.cast(handle, ctypes.c_void_p).value or 0


@dataclass(frozen=True, slots=True)
class Drawn:
    """The objects of a page in the order in which they are drawn, what is within a form in the form's place."""

    items: list[int]
    kinds: list[int]  # `TEXT`, `IMAGE`, `PATH`, or another
    nested: bool  # whether some are within forms that are moved or scaled, so that their boxes are those of the form

    def of(self, *kinds: int) -> list[int]:
        """Objects of these kinds."""
        return [item for item, kind in zip(self.items, self.kinds, strict=True) if kind in kinds]


def count(page: pypdfium2.PdfPage) -> int:
    """How many objects the page draws, a form counted as one."""
    return int(pdfium.FPDFPage_CountObjects(page.raw))


def objects(page: pypdfium2.PdfPage) -> Drawn:
    """What the page draws."""
    items = list(map(_object_at, repeat(_address(page.raw)), range(count(page))))
    kinds = list(map(_kind, items))
    forms = [item for item, kind in zip(items, kinds, strict=True) if kind == FORM]
    if not forms:
        return Drawn(items, kinds, nested=False)
    items = _opened(items, kinds, _MAX_DEPTH)
    return Drawn(items, list(map(_kind, items)), nested=not all(map(_is_in_place, forms)))


def _is_in_place(form: int) -> bool:
    """Whether what is in a form has the coordinates of the page."""
    matrix = pdfium.FS_MATRIX()
    _matrix(form, ctypes.addressof(matrix))
    return (matrix.a, matrix.b, matrix.c, matrix.d, matrix.e, matrix.f) == (1, 0, 0, 1, 0, 0)


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
    return list(zip(*_fours(_bounds, items, ctypes.c_float), strict=True))


def fills(items: Sequence[int]) -> list[tuple[int, int, int, int]]:
    """Red, green, blue and opacity with which each object is filled, 0 to 255."""
    return list(zip(*_fours(_fill, items, ctypes.c_uint), strict=True))


def is_filled(path: int) -> bool:
    """Whether a path paints its inside."""
    mode, stroked = ctypes.c_int(), ctypes.c_int()
    _draw_mode(path, ctypes.addressof(mode), ctypes.addressof(stroked))
    return bool(mode.value != pdfium.FPDF_FILLMODE_NONE)


def _fours(function: Callable[..., Any], items: Sequence[int], kind: Any) -> tuple[list[Any], list[Any], list[Any], list[Any]]:
    """Four columns of what a function that fills four numbers gives for each object; zeros where it fails."""
    numbers = (kind * (4 * len(items)))()
    size = ctypes.sizeof(kind)
    start, step = ctypes.addressof(numbers), 4 * size
    end = start + step * len(items)
    _run(map(function, items, *(range(start + place * size, end, step) for place in range(4))))
    return numbers[0::4], numbers[1::4], numbers[2::4], numbers[3::4]


def activate(items: Iterable[int], *, active: bool) -> None:
    """Let objects be drawn, or not."""
    for item in items:
        _set_active(item, active)


def char_boxes(page: pypdfium2.PdfPage, layer: pypdfium2.PdfTextPage, places: Sequence[int]) -> list[Box]:
    """The box of a line's height around each character, given by its place in the text."""
    return list(zip(*_shown(page, layer, places), strict=True))


def extent(layer: pypdfium2.PdfTextPage, places: Sequence[int]) -> tuple[Box, float]:
    """The box around all these characters in the page's own coordinates, and the height of the lowest."""
    left, top, right, bottom = _sides(layer, places)
    return (min(left), min(bottom), max(right), max(top)), min(map(sub, top, bottom))


def _sides(layer: pypdfium2.PdfTextPage, places: Sequence[int]) -> Columns:
    """Left, top, right and bottom of characters in the page's own coordinates."""
    numbers = (ctypes.c_float * (4 * len(places)))()
    start = ctypes.addressof(numbers)
    if places:
        _run(map(_loose_box, repeat(_address(layer.raw)), _indices(layer, places), range(start, start + 16 * len(places), 16)))
    return numbers[0::4], numbers[1::4], numbers[2::4], numbers[3::4]


def _indices(layer: pypdfium2.PdfTextPage, places: Sequence[int]) -> Iterable[int]:
    """PDFium's numbers of characters, which are their places in the text unless some have no text; the shift only grows."""
    handle, last = _address(layer.raw), max(places)
    return places if _char_at(handle, last) == last else map(_char_at, repeat(handle), places)


def word_spans(text: str, start: int = 0, end: int | None = None) -> list[tuple[int, int]]:
    """Where words stand in a text, or in a part of it."""
    return [found.span() for found in _WORD.finditer(text, start, len(text) if end is None else end)]


def spans_of(layer: pypdfium2.PdfTextPage, text: str, items: Collection[int]) -> list[tuple[int, int]]:
    """Where the words stand that begin in one of these text objects."""
    spans = word_spans(text)
    if not spans:
        return []
    owners = map(_object_of, repeat(_address(layer.raw)), _indices(layer, [start for start, _ in spans]))
    return [span for span, owner in zip(spans, owners, strict=True) if owner in items]


def words(page: pypdfium2.PdfPage, layer: pypdfium2.PdfTextPage, spans: Sequence[tuple[int, int]]) -> list[Word]:
    """The words at these places of PDFium's text, with their boxes."""
    starts, ends = [start for start, _ in spans], [end for _, end in spans]
    one = _shown(page, layer, starts)
    two = _shown(page, layer, [end - 1 for end in ends])
    sides = (map(choose, first, last) for choose, first, last in zip((min, min, max, max), one, two, strict=True))
    return list(map(Word, starts, ends, *sides))


def _shown(page: pypdfium2.PdfPage, layer: pypdfium2.PdfTextPage, places: Sequence[int]) -> Columns:
    """Left, bottom, right and top of characters as the page is shown: its lower left corner is 0, 0 and its rotation is applied."""
    left, top, right, bottom = _sides(layer, places)
    west, south, east, north = frame(page)
    rotation = page.get_rotation()
    if rotation == 90:
        return _from(bottom, south), _down(right, east), _from(top, south), _down(left, east)
    if rotation == 180:
        return _down(right, east), _down(top, north), _down(left, east), _down(bottom, north)
    if rotation == 270:
        return _down(top, north), _from(left, west), _down(bottom, north), _from(right, west)
    return _from(left, west), _from(bottom, south), _from(right, west), _from(top, south)


def _from(values: list[float], start: float) -> list[float]:
    return [value - start for value in values] if start else values


def _down(values: list[float], start: float) -> list[float]:
    return [start - value for value in values]


def frame(page: pypdfium2.PdfPage) -> Box:
    """The part of the page that is shown, in its own coordinates."""
    box = pdfium.FS_RECTF()
    pdfium.FPDF_GetPageBoundingBox(page.raw, ctypes.byref(box))
    return box.left, box.bottom, box.right, box.top
