"""A character of a symbol font in (code and font); the Unicode character that looks like it out.

Symbol follows Adobe's encoding (unicode.org, VENDORS/ADOBE/symbol.txt, 2026-11); of Wingdings the ticks, boxes and arrows are known.
"""

from __future__ import annotations

import re

_GREEK = "ΑΒΧΔΕΦΓΗΙϑΚΛΜΝΟΠΘΡΣΤΥςΩΞΨΖ"
_SMALL_GREEK = "αβχδεφγηιϕκλμνοπθρστυϖωξψζ"
_SIGNS = "€ϒ′≤⁄∞ƒ♣♦♥♠↔←↑→↓°±″≥×∝∂•÷≠≡≈…⏐⎯↵ℵℑℜ℘⊗⊕∅∩∪⊃⊇⊄⊂⊆∈∉∠∇®©™∏√⋅¬∧∨⇔⇐⇑⇒⇓◊〈®©™∑⎛⎜⎝⎡⎢⎣⎧⎨⎩⎪"  # from 0xA0
_SYMBOL = {0x41 + place: sign for place, sign in enumerate(_GREEK)}
_SYMBOL |= {0x61 + place: sign for place, sign in enumerate(_SMALL_GREEK)}
_SYMBOL |= {0xA0 + place: sign for place, sign in enumerate(_SIGNS)}
_SYMBOL |= dict(zip(range(0xF1, 0xFF), "〉∫⌠⎮⌡⎞⎟⎠⎤⎥⎦⎫⎬⎭", strict=True))
_SYMBOL |= dict(zip(b"\x22\x24\x27\x2a\x2d\x40\x5c\x5e\x60\x7e", "∀∃∍∗−≅∴⊥‾∼", strict=True))
_WINGDINGS = dict(
    zip(
        b"\x4a\x4c\x6c\x6e\x6f\x71\x72\x77\x78\x9f\xa7\xa8\xd8\xdf\xe0\xe8\xf0\xfb\xfc\xfd\xfe",
        "☺☹●■☐❑❒◆☒•▪☐➢←→➔⇨✗✓☒☑",
        strict=True,
    ),
)
_WINGDINGS_2 = dict(zip(b"\x4f\x50\x51\x52\x53\x54\xa3", "✗✓☒☑☒☒☐", strict=True))
_FONTS = {"symbol": _SYMBOL, "wingdings": _WINGDINGS, "wingdings 2": _WINGDINGS_2}
_CODE = re.compile(r"[0-9A-Fa-f]{1,4}")
_PRIVATE = 0xF000  # Word keeps symbol fonts in the private use area from here


def symbol(code: str, font: str) -> str:
    """The character for a hexadecimal code in a font; one that is not known is kept as the file has it.

    >>> symbol("F061", "Symbol"), symbol("F0FE", "Wingdings")
    ('α', '☑')
    """
    if not _CODE.fullmatch(code) or 0xD800 <= int(code, 16) <= 0xDFFF:
        return ""
    number = int(code, 16)
    low = number - _PRIVATE if _PRIVATE <= number < _PRIVATE + 0x100 else number
    known = _FONTS.get(font.lower(), {}).get(low)
    return known or (chr(low) if font.lower() == "symbol" and low >= 32 else chr(number))
