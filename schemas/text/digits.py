"""A text comes in; the same text with plain digits goes out, character by character, so that spans stay what they are.

plain_digits("١٬٢٣٤٫٥٠")     "1,234.50"
plain_digits("１２．５０")      "12.50"
"""

from __future__ import annotations

import unicodedata

_MARKS = {
    "\u066b": ".",  # Arabic decimal separator
    "\u066c": ",",  # Arabic thousands separator
    "\u00b7": ".",
    "\u02bc": "’",
    "\u2032": "’",
    **dict.fromkeys("\u200e\u200f\u202a\u202b\u202c\u2066\u2067\u2069", " "),  # marks of direction
}


class _PlainForms(dict[int, str]):
    """The plain form of each digit and mark, worked out when it is first met."""

    def __missing__(self, code: int) -> str:
        character = chr(code)
        digit = unicodedata.decimal(character, None)
        self[code] = _MARKS.get(character) or (_narrow(character) if digit is None else str(digit))
        return self[code]


def plain_digits(text: str) -> str:
    """The text with the digits of every script as 0 to 9, and the marks of numbers as a point, a comma or an apostrophe."""
    return text if text.isascii() else text.translate(_PLAIN)


def _narrow(character: str) -> str:
    """A full-width sign such as `．` as the plain one; letters stay as they are."""
    if not "\uff01" <= character <= "\uff5e" or character.isalpha():
        return character
    return unicodedata.normalize("NFKC", character)


_PLAIN = _PlainForms()
