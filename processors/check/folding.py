"""A text comes in; its plainest form goes out, with the way back to the characters it came from, and other ways to write a name.

`fold("Süd-Ost GmbH")` is `sudostgmbh`; in `FoldedText("a Süd-Ost b")` the origin of character 1 is character 2, the S; the variants of
`Doe, John` have `John Doe` among them.
"""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_right
from collections.abc import Iterator
from itertools import accumulate

_CHUNK = 1_024  # characters; the way back is walked within one
_MARKS = re.compile(r"[,.](?:(?<!\d[,.])|(?!\d))")  # commas and points that do not stand within a number
_DROPPED = frozenset("-‐‑‒–—―−\u00ad\u200b\u200c\u200d\ufeff'’‘`´\"“”„«»()[]:;·•")
_UMLAUTS = str.maketrans(
    {"ä": "ae", "ö": "oe", "ü": "ue", "Ä": "Ae", "Ö": "Oe", "Ü": "Ue", "å": "aa", "ø": "oe", "æ": "ae"}
)
_SPELLED_OUT = re.compile(r"([aou])e", re.IGNORECASE)
_SWAPS = (  # words that a document and an answer may have one for the other
    (re.compile(r"\s(?:and|und|et|y|en|e)\s", re.IGNORECASE), " & "),
    (re.compile(r"\s*&\s*"), " and "),
    (re.compile(r"\s*&\s*"), " und "),
    (re.compile(r"\bLtd\b", re.IGNORECASE), "Limited"),
    (re.compile(r"\bLimited\b", re.IGNORECASE), "Ltd"),
    (re.compile(r"\bInc\b", re.IGNORECASE), "Incorporated"),
    (re.compile(r"\bIncorporated\b", re.IGNORECASE), "Inc"),
    (re.compile(r"\bCorp\b", re.IGNORECASE), "Corporation"),
    (re.compile(r"\bCorporation\b", re.IGNORECASE), "Corp"),
)
_NAME = re.compile(
    r"[^\W\d_][\w'’.-]*(?:,? [^\W\d_][\w'’.-]*){1,3}"
)  # two to four words without a figure at their beginning
_INITIAL = re.compile(r"[^\W\d_]\.?")


class _Forms(dict[int, str]):
    """The plainest form of each character, worked out when it is first met."""

    def __missing__(self, code: int) -> str:
        self[code] = form = _form(chr(code))
        return form


def _form(character: str) -> str:
    """`ﬁ` is `fi`, `É` is `e`, `Ａ` is `a`; white space, hyphens, brackets and quotation marks are nothing."""
    if character.isspace() or character in _DROPPED:
        return ""
    plain = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", character).casefold())
    return "".join(
        one for one in plain if not unicodedata.combining(one) and not one.isspace() and one not in _DROPPED
    )


_FORMS = _Forms()


class FoldedText:
    """The plainest form of a text, and for each of its characters the one it came from."""

    def __init__(self, text: str) -> None:
        """Folds the text; the way back is found when it is asked for."""
        text = _MARKS.sub(" ", text)
        self._chunks = [text[start : start + _CHUNK] for start in range(0, len(text), _CHUNK)]
        pieces = [chunk.translate(_FORMS) for chunk in self._chunks]
        self._starts = list(accumulate(map(len, pieces), initial=0))
        self.text = "".join(pieces)

    def origin(self, place: int) -> int:
        """The place in the source of the character from which the levelled character at `place` came."""
        number = bisect_right(self._starts, place) - 1
        left = place - self._starts[number]
        for offset, character in enumerate(self._chunks[number]):
            left -= len(_FORMS[ord(character)])
            if left < 0:
                return number * _CHUNK + offset
        return number * _CHUNK + len(self._chunks[number])

    def place(self, origin: int) -> int:
        """The first levelled character that came from `origin` or from behind it."""
        number, offset = divmod(origin, _CHUNK)
        if number >= len(self._chunks):
            return len(self.text)
        return self._starts[number] + sum(
            len(_FORMS[ord(character)]) for character in self._chunks[number][:offset]
        )


def fold(text: str) -> str:
    """The plainest form of a value."""
    return _MARKS.sub(" ", text).translate(_FORMS)


def variants(value: str) -> Iterator[str]:
    """Other ways to write the same: `&` for `and`, `Ltd` for `Limited`, umlauts spelled out or not, the last name first."""
    forms = [value]
    for pattern, word in _SWAPS:
        forms += [
            swapped for form in forms if (swapped := pattern.sub(word, form)) != form and swapped not in forms
        ]
    yield from forms[1:]
    if (spelled := value.translate(_UMLAUTS)) != value:
        yield spelled
    if (short := _SPELLED_OUT.sub(r"\1", value)) != value:
        yield short
    if _NAME.fullmatch(value):
        first, *rest = value.replace(",", "").split()
        yield " ".join([*rest, first])
        if len(rest) > 1:
            yield " ".join([rest[-1], first, *rest[:-1]])


def initials(value: str) -> re.Pattern[str] | None:
    """What a name with initials may stand for: `J. Doe` for John Doe. None when the name has none, or nothing else."""
    words = value.replace(",", " ").split() if _NAME.fullmatch(value) else []
    short = [_INITIAL.fullmatch(word) for word in words]
    if not any(short) or all(short):
        return None
    forms = (
        rf"{re.escape(word[0])}(?:\w*|\.)" if one else re.escape(word)
        for word, one in zip(words, short, strict=True)
    )
    return re.compile(r"\b" + r"[\s,]+".join(forms) + r"(?!\w)")
