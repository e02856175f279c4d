"""A loaded PDFium page in; the words of its text that nobody sees out.

Words beyond the page's edge or too small to be read are known by their boxes, words without ink or opacity,
or white on white, by their objects. Where these cannot tell (covered, white on a picture), text is hidden
when the page looks the same without it: the part with such words is drawn twice, small, with the suspects and
without, and compared. That costs up to some milliseconds.
"""

from __future__ import annotations

import math
import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator
from contextlib import closing
from itertools import compress
from operator import sub
from typing import Literal

import pypdfium2
from PIL import Image, ImageChops

from octavo.processors.read.pdf import chars
from octavo.processors.read.pdf.chars import IMAGE, NO_INK, PATH, SHADING, TEXT, Box, Drawn, PageChars, Word

TINY_POINTS = 1.2  # height of a line, of text of one point: no reader sees it on paper
_COVERS = frozenset({PATH, IMAGE, SHADING})
_NEAR_WHITE = 242
_NO_OPACITY, _OPAQUE = 10, 245  # of 255
_SEEN = 30  # of 765, over three colours: a smaller difference is no text for an eye
_SCALE = 0.6  # pixels a point: coarse drawing is enough to see whether anything changes
_SIDE_PX = 1_600  # of a drawn page
_BEYOND = 2.0  # points outside the page from where a line is not seen
_SURFACE = 4.0  # points: what is lower or narrower covers no text
_BAND = 24.0  # points: height of the bands in which covers are sought
_LINE = re.compile(r"\S.*")
Span = tuple[int, int]
Ground = Literal["white", "dark", "unsure", "beyond"]
Bands = dict[int, list[tuple[int, Box]]]  # height on the page in bands -> place in the drawing order, and box


def strays(sheet: PageChars) -> list[Span]:
    """Words beyond the page's edge or tiny, in lines that begin so. Costs a call a line, and no drawing."""
    lines = list(_LINE.finditer(sheet.text))
    boxes = chars.shown(sheet, [line.start() for line in lines])
    if not lines or _are_all_in(sheet, *boxes):
        return []
    odd = [
        (line.start(), line.start() + len(line[0].rstrip()))
        for line in compress(lines, _are_stray(sheet, zip(*boxes, strict=True)))
    ]
    ends = chars.shown(sheet, [end - 1 for _, end in odd])
    found: list[Span] = []
    for (start, end), is_whole in zip(odd, _are_stray(sheet, zip(*ends, strict=True)), strict=True):
        words = chars.word_spans(sheet.text, start, end)
        found += (
            words
            if is_whole
            else compress(words, _are_stray(sheet, (word[2:] for word in chars.words(sheet, words))))
        )
    return found


def _are_all_in(
    sheet: PageChars, left: list[float], bottom: list[float], right: list[float], top: list[float]
) -> bool:
    """Whether no box leaves the page and none is too low; a quick answer for nearly all pages."""
    east, north = sheet.size[0] + _BEYOND, sheet.size[1] + _BEYOND
    inside = min(left) > -_BEYOND and min(bottom) > -_BEYOND and max(right) < east and max(top) < north
    return inside and min(map(sub, top, bottom)) >= TINY_POINTS


def _are_stray(sheet: PageChars, boxes: Iterable[Box]) -> list[bool]:
    """Whether each box lies beyond the page or is too low to be read. Characters that PDFium adds have a box without height."""
    east, north = sheet.size[0] + _BEYOND, sheet.size[1] + _BEYOND
    return [
        right < -_BEYOND
        or top < -_BEYOND
        or left > east
        or bottom > north
        or 0 < max(top - bottom, right - left) < TINY_POINTS
        for left, bottom, right, top in boxes
    ]


def without_ink(sheet: PageChars, drawn: Drawn) -> tuple[list[int], list[int]]:
    """Texts that surely nobody sees, without ink or opacity or white on white, and white ones of which only a drawing can tell."""
    places = [place for place, kind in enumerate(drawn.kinds) if kind == TEXT]
    items = [drawn.items[place] for place in places]
    modes, fills = chars.modes(items), chars.fills(items)
    sure = [
        item
        for item, mode, fill in zip(items, modes, fills, strict=True)
        if mode in NO_INK or fill[3] < _NO_OPACITY
    ]
    known = set(sure)
    white = [
        place
        for place, fill in zip(places, fills, strict=True)
        if _is_white(fill) and drawn.items[place] not in known
    ]
    unsure = [drawn.items[place] for place in white]
    if drawn.nested or not white:
        return sure, unsure
    grounds = _grounds(sheet, drawn, white)
    sure += [item for item, ground in zip(unsure, grounds, strict=True) if ground == "white"]
    return sure, [item for item, ground in zip(unsure, grounds, strict=True) if ground == "unsure"]


def _grounds(sheet: PageChars, drawn: Drawn, places: list[int]) -> list[Ground]:
    """On what each of these texts stands: white paper or a white field, a dark one, or what only a drawing can tell."""
    left, bottom, right, top = sheet.frame
    boxes = chars.bounds([drawn.items[place] for place in places])
    inside = [box[0] < right and left < box[2] and box[1] < top and bottom < box[3] for box in boxes]
    surfaces = _surfaces(drawn, 0) if any(inside) else {}
    return [
        _ground(drawn, max((earlier for earlier in _at(box, surfaces) if earlier < place), default=None))
        if is_inside
        else "beyond"
        for place, box, is_inside in zip(places, boxes, inside, strict=True)
    ]


def _ground(drawn: Drawn, surface: int | None) -> Ground:
    """What the last surface under a text is; none is the paper."""
    if surface is None:
        return "white"
    item = drawn.items[surface]
    if drawn.kinds[surface] != PATH or not chars.is_filled(item):
        return "unsure"
    color = chars.fills([item])[0]
    if color[3] < _OPAQUE:
        return "unsure"
    return "white" if _is_white(color) else "dark"


def _is_white(color: tuple[int, int, int, int]) -> bool:
    return color[0] > _NEAR_WHITE and color[1] > _NEAR_WHITE and color[2] > _NEAR_WHITE


def covered(drawn: Drawn) -> list[int]:
    """Texts whose middle lies under a filled path or a picture that is drawn later."""
    items, kinds = drawn.items, drawn.kinds
    first = kinds.index(TEXT) if TEXT in kinds else len(kinds)
    surfaces = _surfaces(drawn, first)
    if not surfaces:
        return []
    last = max(place for band in surfaces.values() for place, _ in band)
    texts = [place for place in range(first, last) if kinds[place] == TEXT]
    boxes = chars.bounds([items[place] for place in texts])
    under = [
        (items[place], [later for later in _at(box, surfaces) if later > place])
        for place, box in zip(texts, boxes, strict=True)
    ]
    return [
        item
        for item, covers in under
        if any(kinds[cover] != PATH or chars.is_filled(items[cover]) for cover in covers)
    ]


def _surfaces(drawn: Drawn, first: int) -> Bands:
    """Paths, pictures and shadings from the object `first` on that are larger than a line, by the bands in which they lie."""
    places = [place for place, kind in enumerate(drawn.kinds) if kind in _COVERS and place >= first]
    bands: Bands = defaultdict(list)
    for place, box in zip(places, chars.bounds([drawn.items[place] for place in places]), strict=True):
        if box[2] - box[0] > _SURFACE and box[3] - box[1] > _SURFACE:
            for band in range(max(-100, int(box[1] // _BAND)), min(1_000, int(box[3] // _BAND)) + 1):
                bands[band].append((place, box))
    return bands


def _at(box: Box, surfaces: Bands) -> Iterator[int]:
    """Places of the surfaces that hold the middle of a box."""
    across, up = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
    for place, (left, bottom, right, top) in surfaces.get(int(up // _BAND), ()):
        if left < across < right and bottom < up < top:
            yield place


def unseen(sheet: PageChars, spans: list[Span], suspects: Collection[int]) -> list[Span]:
    """Those of the spans of suspect objects without which the page looks the same."""
    if not spans:
        return []
    scale = min(_SCALE, _SIDE_PX / max(1.0, *sheet.size))
    size = math.ceil(sheet.page.get_width() * scale), math.ceil(sheet.page.get_height() * scale)
    areas = [_area(word, scale, *size) for word in chars.words(sheet, spans)]
    inside = [
        (left, upper, right, lower) for left, upper, right, lower in areas if left < right and upper < lower
    ]
    if not inside:
        return spans
    west, north, east, south = (
        choose(side) for choose, side in zip((min, min, max, max), zip(*inside, strict=True), strict=True)
    )
    changes = _changes(sheet.page, suspects, scale, (west, size[1] - south, size[0] - east, north))
    return [
        span
        for span, area in zip(spans, areas, strict=True)
        if area not in inside or not _is_seen(area, changes, west, north)
    ]


def _area(word: Word, scale: float, width: int, height: int) -> tuple[int, int, int, int]:
    """Left, upper, right and lower of the pixels around a word within the drawn page."""
    left, right = max(0, int(word.left * scale)), min(width, int(word.right * scale) + 1)
    return (
        left,
        max(0, height - int(word.top * scale) - 1),
        right,
        min(height, height - int(word.bottom * scale)),
    )


def _changes(
    page: pypdfium2.PdfPage, suspects: Collection[int], scale: float, margins: tuple[int, ...]
) -> Image.Image:
    """What the suspects change within the margins, in pixels, of the drawn page, in grey."""
    with_them = _drawn(page, scale, margins)
    chars.activate(suspects, active=False)
    try:
        return ImageChops.difference(with_them, _drawn(page, scale, margins)).convert("L", (1, 1, 1, 0))
    finally:
        chars.activate(suspects, active=True)


def _drawn(page: pypdfium2.PdfPage, scale: float, margins: tuple[int, ...]) -> Image.Image:
    left, bottom, right, top = (
        (pixels - 0.5) / scale for pixels in margins
    )  # which are rounded up when they are pixels again
    with closing(page.render(scale=scale, may_draw_forms=False, crop=(left, bottom, right, top))) as bitmap:
        picture: Image.Image = bitmap.to_pil().convert("RGB")
        return picture


def _is_seen(area: tuple[int, int, int, int], changes: Image.Image, west: int, north: int) -> bool:
    """Whether any pixel in an area changes."""
    left, upper, right, lower = area
    _, highest = changes.crop((left - west, upper - north, right - west, lower - north)).getextrema()
    return bool(highest > _SEEN)  # type: ignore[operator]  # one channel: a number
