"""The text of a page as PDFium gives it in; out without its marks for words that are broken at a line end. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable

from octavo.processors.read.content import clean

_HYPHEN = re.compile("\ufffe")  # PDFium's mark for a word broken at a line end
_COMPOUND = re.compile(r"[^\W\d_]+-[^\W\d_]+")
_WORD_END, _WORD_START = re.compile(r"[^\W\d_]+\Z"), re.compile(r"[^\W\d_]+")
_LONGEST_PART = 40  # letters before a hyphen


def compounds(texts: Iterable[str]) -> frozenset[str]:
    """The words of a document that are written with a hyphen within a line, in small letters."""
    return frozenset(word.lower() for text in texts if "-" in text for word in _COMPOUND.findall(text))


def cleaned(text: str, known: frozenset[str] = frozenset()) -> str:
    """The text without PDFium's marks for a word broken at a line end; in compounds and where no letters meet the mark is a hyphen."""
    if "\ufffe" in text:
        for place in reversed(places(text, known)):
            text = text[:place] + text[place + 1 :]
        text = text.replace("\ufffe", "-")
    return clean(text)


def places(text: str, known: frozenset[str]) -> list[int]:
    """Places of the marks between letters that belong to no compound."""
    return [found.start() for found in _HYPHEN.finditer(text) if _is_soft(text, found.start(), known)]


def _is_soft(text: str, place: int, known: frozenset[str]) -> bool:
    """Whether a mark breaks one word: between letters, not before a capital in small ones, nor in what has a hyphen elsewhere too."""
    before, after = text[place - 1 : place], text[place + 1 : place + 2]
    if not (before.isalpha() and after.isalpha()) or (before.islower() and after.isupper()):
        return False
    one, two = (
        _WORD_END.search(text, max(0, place - _LONGEST_PART), place),
        _WORD_START.match(text, place + 1),
    )
    return not (one and two and f"{one[0]}-{two[0]}".lower() in known)
