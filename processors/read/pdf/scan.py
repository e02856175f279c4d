"""A loaded PDFium page and its text in; whether it has to be looked at, and how large its picture is, out.

A page decides for itself: text, a scan with a layer of OCR behind it that is good enough, one whose layer is
poor, or a mere picture. "Has text" is not "is digital".
"""

from __future__ import annotations

import io
import math
from collections.abc import Iterable, Iterator
from contextlib import closing
from itertools import islice

import pypdfium2
import pypdfium2.raw as pdfium
from PIL import Image

from octavo.processors.read.content import RENDER_DPI, bounded
from octavo.processors.read.pdf import chars
from octavo.processors.read.pdf.chars import IMAGE, NO_INK, TEXT, Box, Drawn, PageChars

WHOLE_PAGE = 0.85  # share of the page under pictures: a scan, whose text may be a stamp or a layer of OCR
_ENOUGH_TEXT = 1_500  # characters beside a picture, with which the picture is decoration
_LARGE_PICTURE = 0.3
_LITTLE_TEXT = 200
_THUMBNAIL_PX = 64  # enough to tell an empty page from a drawn one


def is_drawn(sheet: PageChars) -> bool:
    """Whether anything but blank paper is on the page."""
    if any(
        _share(sheet, [picture.get_bounds()]) >= WHOLE_PAGE and _shows(picture)
        for picture in _first_picture(sheet)
    ):
        return True
    with closing(sheet.page.render(scale=_THUMBNAIL_PX / max(1.0, *sheet.size), grayscale=True)) as bitmap:
        low, high = bitmap.to_pil().getextrema()
    return bool(low != high)


def _first_picture(sheet: PageChars) -> Iterator[pypdfium2.PdfImage]:
    """The picture that is drawn first, of most scans the only one."""
    return islice(sheet.page.get_objects(filter=[IMAGE], max_depth=1), 1)


def _shows(picture: pypdfium2.PdfImage) -> bool:
    """Whether a picture is a JPEG of more than one grey. Pillow decodes it small, five times faster than PDFium draws the page."""
    if picture.get_filters()[-1:] != ["DCTDecode"]:
        return False
    try:
        with Image.open(io.BytesIO(picture.get_data(decode_simple=True)), formats=["JPEG"]) as small:
            small.draft("L", (_THUMBNAIL_PX, _THUMBNAIL_PX))
            small.thumbnail((_THUMBNAIL_PX, _THUMBNAIL_PX))
            low, high = small.convert("L").getextrema()
    except (OSError, ValueError, Image.DecompressionBombError):  # PDFium is more patient
        return False
    return bool(low != high)


def is_undecodable(page: pypdfium2.PdfPage) -> bool:
    """Whether a page that came out blank has a picture that should have shown, and whose bytes make none."""
    return not all(map(_has_pixels, page.get_objects(filter=[IMAGE])))


def _has_pixels(picture: pypdfium2.PdfImage) -> bool:
    """Whether a picture can be decoded. Of one without a coding such as JPEG, PDFium makes a black one, however little is there."""
    width, height = picture.get_px_size()
    bits = 8 * pdfium.FPDFImageObj_GetImageDataDecoded(picture.raw, None, 0)
    if bits * 2 < width * height and not picture.get_filters(skip_simple=True):
        return False
    try:
        picture.get_bitmap()
    except pypdfium2.PdfiumError:
        return False
    return True


def picture_share(sheet: PageChars, drawn: Drawn) -> float:
    """Share of the page under its pictures; strips of a scan add up, so it may pass 1."""
    return _share(sheet, chars.bounds(drawn.of(IMAGE))) if IMAGE in drawn.kinds else 0.0


def _share(sheet: PageChars, boxes: Iterable[Box]) -> float:
    width, height = sheet.size
    return sum((right - left) * (top - bottom) for left, bottom, right, top in boxes) / max(
        1.0, width * height
    )


def is_layer(drawn: Drawn) -> bool:
    """Whether the text of a page under a picture is OCR that somebody put behind it: without ink, or drawn before the picture."""
    modes = chars.modes(drawn.of(TEXT))
    if sum(mode in NO_INK for mode in modes) * 2 > len(modes):
        return True
    last_picture = max(place for place, kind in enumerate(drawn.kinds) if kind == IMAGE)
    return drawn.kinds[:last_picture].count(TEXT) * 10 > len(modes) * 9


def needs_sight(share: float, text: str) -> bool:
    """Whether text beside pictures that cover such a share of the page would not do alone."""
    characters = len(text) - text.count(" ")
    if characters >= _ENOUGH_TEXT:
        return False
    return share >= WHOLE_PAGE or (share >= _LARGE_PICTURE and characters < _LITTLE_TEXT)


def scale(page: pypdfium2.PdfPage) -> float:
    """Pixels a point at which a page is shown to a model: 150 dpi, the longest side bounded."""
    pixels = RENDER_DPI / 72
    return pixels * bounded(page.get_width() * pixels, page.get_height() * pixels)


def size_px(page: pypdfium2.PdfPage) -> tuple[int, int]:
    """Width and height of that picture, rounded up as PDFium does."""
    pixels = scale(page)
    return max(1, math.ceil(page.get_width() * pixels)), max(1, math.ceil(page.get_height() * pixels))
