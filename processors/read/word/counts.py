"""A count and the name of a script in (numFmt of OOXML); the count as it is printed out: "4", "d", "iv", "四", "④"."""

from __future__ import annotations

_ROMAN = {
    1000: "m",
    900: "cm",
    500: "d",
    400: "cd",
    100: "c",
    90: "xc",
    50: "l",
    40: "xl",
    10: "x",
    9: "ix",
    5: "v",
    4: "iv",
    1: "i",
}
_LETTERS = {"Letter": "abcdefghijklmnopqrstuvwxyz", "russian": "абвгдежзиклмнопрстуфхцчшщэюя"}
_HAN_DIGITS = "〇一二三四五六七八九"
_HAN_UNITS = ("", "十", "百", "千")
_HAN_COUNTING = frozenset(
    (
        "chineseCounting",
        "chineseCountingThousand",
        "taiwaneseCounting",
        "taiwaneseCountingThousand",
        "japaneseCounting",
    ),
)
_HAN_PLAIN = frozenset(
    {"ideographDigital", "japaneseDigitalTenThousand", "taiwaneseDigital", "koreanDigital2"}
)
_MOST_LETTERS = 30  # of one letter in a row; Word stops there too


def written(number: int, kind: str) -> str:
    """A count in the script of its list; digits where the script is not known or ends.

    >>> written(4, "lowerRoman"), written(28, "upperLetter"), written(12, "chineseCounting"), written(3, "ordinal")
    ('iv', 'BB', '十二', '3rd')
    """
    if kind.endswith("Roman") and 0 < number < 4000:
        return _cased(_roman(number), kind)
    if kind.endswith("Letter") or kind.startswith("russian"):
        return _cased(_letters(number, _LETTERS["russian" if kind.startswith("russian") else "Letter"]), kind)
    if kind in _HAN_COUNTING and 0 < number < 10_000:
        return _han(number)
    if kind in _HAN_PLAIN:
        return "".join(_HAN_DIGITS[int(digit)] for digit in str(number))
    return _digits(number, kind)


def _digits(number: int, kind: str) -> str:
    if kind.startswith("decimalEnclosedCircle") and 0 < number <= 20:
        return chr(ord("①") + number - 1)
    if kind == "ordinal":
        last = number % 10 if number // 10 % 10 != 1 else 0
        return f"{number}{ {1: 'st', 2: 'nd', 3: 'rd'}.get(last, 'th') }"
    return f"{number:02d}" if kind == "decimalZero" else str(number)


def _cased(text: str, kind: str) -> str:
    return text.upper() if "pper" in kind else text


def _letters(number: int, alphabet: str) -> str:
    """From a to z, then aa, bb, ...: the letter repeats."""
    times = (number - 1) // len(alphabet) + 1
    return alphabet[(number - 1) % len(alphabet)] * times if 0 < times <= _MOST_LETTERS else str(number)


def _roman(number: int) -> str:
    letters = ""
    for amount, sign in _ROMAN.items():
        letters += sign * (number // amount)
        number %= amount
    return letters


def _han(number: int) -> str:
    """Chinese and Japanese counting below ten thousand: 12 -> 十二, 105 -> 一百〇五."""
    text, digits = "", str(number)
    for place, digit in zip(range(len(digits) - 1, -1, -1), digits, strict=True):
        if digit != "0":
            text += _HAN_DIGITS[int(digit)] + _HAN_UNITS[place]
        elif not text.endswith("〇"):
            text += "〇"
    text = text.rstrip("〇")
    return text.removeprefix("一") if 10 <= number < 20 else text
