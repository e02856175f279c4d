"""A loaded PDFium page and its text in; whether it has to be looked at, and how large its picture is, out.

A page decides for itself: text, a scan with a layer of OCR behind it that is good enough, one whose layer is
poor, or a mere picture. "Has text" is not "is digital".
"""

from __future__ import annotations

import io
import math
import re
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
_JUNK = re.compile("[\ue000-\uf8ff\ufffd\x00-\x08\x0e-\x1f]")  # private use, unknown and control characters
_LONGEST_JUDGED = 20_000  # characters of a layer
_GOOD_SHARE = 0.965  # of a layer's tokens like words or numbers: the good ones of the corpus have 0.97 to 1, the poor ones 0.76 to 0.96
_PLAIN = re.compile(
    r"""["'(\[“‘«*§$€£#—–-]*(?:
        [^\W\d_]?[^\W\d_A-ZÀ-Þ]+ | [^\W\d_a-zß-ÿ]{2,} | [AIaio] | [A-Z]\. |   # word, WORD, Word, I, J.
        (?:[^\W_]{1,20}[-'’/.&=:@—–]+)+[^\W_]{0,20} |                           # well-known, it's, U.S.A, NAME=Jane
        [-+]?[$€£]?\d[\d.,:/%-]* | \d+(?:st|nd|rd|th) | [A-Z]{1,3}-?\d+ |        # 1,200.00, 2nd, A4
        [-–—•|&§"“”;:!?*]                                                         # marks of their own
    )(?:\([^\W_]{1,3}\))*["')\]”’».,;:?!*%—–-]*""",
    re.VERBOSE,
)
_VOWEL = re.compile("[aeiouyàâäåæéèêëïîíìôöòóøùúûüœAEIOUYÀÂÄÅÆÉÈÊËÏÎÍÌÔÖÒÓØÙÚÛÜŒ]")


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


def is_junk(text: str) -> bool:
    """Whether a tenth of the characters says nothing: the font has no way back to Unicode."""
    if "\ufffd" not in text and text.replace("\n", "").replace("\xa0", "").replace("\t", "").isprintable():
        return False
    return len(_JUNK.findall(text)) * 10 > len(text) - text.count(" ")


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


def is_poor(text: str) -> bool:
    """Whether a layer of OCR is worth another reading: too many of its tokens are neither words nor numbers."""
    return readable_share(text) < _GOOD_SHARE


def readable_share(text: str) -> float:
    """Share of the tokens that look like a word, a number or a mark of their own; 0 without any.

    >>> readable_share("The price is $1,200.00 (net).")
    1.0
    >>> readable_share("Tbe prXce 1s ,~l 2O0.O0 ;{et")
    0.3333333333333333
    """
    tokens = text[:_LONGEST_JUDGED].split()
    return sum(map(_is_readable, tokens)) / len(tokens) if tokens else 0.0


def _is_readable(token: str) -> bool:
    if not _PLAIN.fullmatch(token):
        return False
    letters = [char for char in token if char.isalpha()]
    return len(letters) < 3 or not token.isascii() or _VOWEL.search(token) is not None or token.isupper()


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
