"""Bytes that name no encoding in; out: the encodings that fit them, the likeliest first, each with its text, and whether the first is sure.

The guess weighs languages: `Señor Muñoz` and `Seńor Muńoz` are the same bytes, and one of them is a language.
Imports nothing of this room.
"""

from __future__ import annotations

import codecs
import re
import unicodedata
import warnings
from dataclasses import dataclass

import chardet

SAMPLE_BYTES = 60_000  # judged by these: 20 ms; more of a text says nothing more, measured 2026-11
# What people's machines wrote: Windows, ISO, DOS in the West and in Russia, and East Asia. Rarer ones win by chance only.
_KNOWN = re.findall(
    r"\S+",
    "ascii utf-8 cp1250 cp1251 cp1252 cp1253 cp1254 cp1255 cp1256 cp1257 cp1258 iso8859-1 iso8859-2 iso8859-5 iso8859-6"
    " iso8859-7 iso8859-8 iso8859-9 iso8859-13 iso8859-15 koi8-r koi8-u cp437 cp850 cp852 cp866 cp874 tis-620"
    " gb18030 gb2312 hz big5 big5hkscs shift_jis cp932 euc-jp iso-2022-jp iso2022_kr euc_kr cp949",
)
_WIDER = {  # as browsers read these labels: supersets, in which programs of Windows really write (WHATWG Encoding Standard, 2026-11)
    "ascii": "cp1252",
    "iso-8859-1": "cp1252",
    "iso-8859-9": "cp1254",
    "iso-8859-11": "cp874",
    "tis-620": "cp874",
    "gb2312": "gb18030",
    "shift_jis": "cp932",
    "euc-kr": "cp949",
}
_RARE = dict.fromkeys(("cp437", "cp850", "cp852", "cp866"), 0.5)  # of DOS: seldom met today
# A second encoding this near to the first, in the confidence of the library, is as likely: of 1,500 made texts in 31 languages 10 % have
# one, and of 7 that were read wrongly 7 (with the other two rules of `_is_unsure`), measured 2026-11.
_AS_LIKELY = 0.99
_NEARLY = (
    (3, 0.6),
    (6, 0.9),
)  # so many letters are too few to judge by: below them an encoding as near as this is as likely
_CURRENCY = "€£¥¤"
_ALPHABETS = "\u0700"  # below it lie Latin, Greek, Cyrillic, Hebrew and Arabic
_NEVER_INSIDE = ("Cf", "Co", "Cn", "Sk", "So", "Sm", "No")


@dataclass(frozen=True, slots=True)
class Guess:
    """An encoding, as Python names it, and the text of the sample in it."""

    encoding: str
    text: str
    confidence: float  # 0 to 1; says only how two guesses about the same bytes compare


def guesses(data: bytes) -> list[Guess]:
    """The encodings in which the beginning of the bytes makes sense, the likeliest first; none when none does.

    >>> guesses("Señor Muñoz, calle Mayor".encode("cp1252"))[0].text
    'Señor Muñoz, calle Mayor'
    """
    sample = data[:SAMPLE_BYTES]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that its fallback is not in the list
        found = chardet.detect_all(sample, ignore_threshold=True, include_encodings=_KNOWN)
    fitting = [
        guess
        for one in found
        if (guess := _fit(sample, (one["encoding"] or "").lower(), one["confidence"] or 0.0))
    ]
    return sorted(fitting, key=lambda guess: guess.confidence, reverse=True)


def rival(ranked: list[Guess]) -> str:
    """The encoding that may be the right one instead of the first, "" when the first is sure."""
    best, *others = ranked
    letters = _letters(best.text)
    nearly = next((share for most, share in _NEARLY if len(letters) < most), _AS_LIKELY)
    return next(
        (
            other.encoding
            for other in others
            if other.confidence >= nearly * best.confidence and _letters(other.text) != letters
        ),
        "",
    )


def _fit(sample: bytes, encoding: str, confidence: float) -> Guess | None:
    """The sample in an encoding; a character that is cut at its end does not count."""
    name = _WIDER.get(encoding) or (codecs.lookup(encoding).name if encoding else "")
    for end in range(len(sample), max(0, len(sample) - 4), -1):
        try:
            text = sample[:end].decode(name)
            return Guess(name, text, confidence * _RARE.get(name, 1.0) / (1 + _strays(text)))
        except (UnicodeDecodeError, LookupError):
            if len(sample) < SAMPLE_BYTES:
                return None
    return None


def _letters(text: str) -> str:
    """What makes a difference to a reader: letters that are not ASCII, and signs of currencies."""
    return "".join(one for one in text if one > "\x7f" and (one.isalpha() or one in _CURRENCY))


def _strays(text: str) -> int:
    """How often something stands inside a word that never does: a control, a sign, an accent by itself, a letter of another alphabet."""
    controls = sum("\x7f" < one < "\xa0" for one in text)
    return controls + sum(
        _is_mixed(before, middle)
        or _is_mixed(after, middle)
        or (_is_letter(before) and _is_letter(after) and _is_sign(middle))
        for before, middle, after in zip(f" {text}", text, f"{text[1:]} ", strict=False)
        if middle > "\x7f"
    )


def _is_letter(one: str) -> bool:
    return one < _ALPHABETS and one.isalpha()


def _is_sign(one: str) -> bool:
    return unicodedata.category(one) in _NEVER_INSIDE


def _is_mixed(one: str, other: str) -> bool:
    """Whether the first is a letter of ASCII and the other one of another alphabet than Latin."""
    return one < "\x7f" and one.isalpha() and "\u0370" <= other < _ALPHABETS and other.isalpha()
