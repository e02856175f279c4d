"""What lines look like: the text of a line in; a pattern that lines of one table have in common out.

    pattern("17  Widget, blue  3  4.50  13.50")    ("number", ("number", "decimal 2", "decimal 2"), 4, 0)
    pattern("A-7 | Widget, blue | 3 | 4.50")       ("", ("words", "numeral", "numeral"), 2, 3)
    pattern("- Ann Lee, University of Ulm")        ("-", (), 0, 0)

A pattern is how the line begins, the numerals with which it ends, how many numerals it has, and how many marks between cells. Of a line
with three cells or more it is what stands in each of them.
"""

from __future__ import annotations

import re
from typing import NamedTuple

LEAST_CELLS = 2  # of a line that has columns; they alone are its pattern, but for the first, which may be a name or a number
MOST_ENDING = 8  # numerals at the end that are told apart
_WORD = re.compile(r"[^\s|;\t]+")
_DIGIT = re.compile(r"\d")
_DATE = re.compile(r"\(?\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}[.,;:)]?")
_NUMBER = re.compile(r"[-+−(]?[^\w\s]?\d[\d.,'’]*\)?[^\w\s]?")
_DECIMALS = re.compile(r"[.,](\d{1,2})\D*$")
_ENUMERATOR = re.compile(
    r"[\s|]*(?:\(|\[|#|no\.?\s?|nr\.?\s?)?(\d{1,6})(?!\d|[.,/:-]\d)[.):\]]?(?=[\s|]|$)", re.IGNORECASE
)


class Pattern(NamedTuple):
    """What a line looks like."""

    begin: str
    ending: tuple[str, ...]
    numerals: int
    cells: int

    @property
    def is_telling(self) -> bool:
        """Whether it says more than that there are words: with two numerals or three cells a line is a row of something."""
        return self.numerals > 1 or self.cells > 1


def pattern(line: str) -> Pattern:
    """The pattern of a line, which is not blank."""
    cells = re.split(r"[|\t]", line)
    if len(cells) > LEAST_CELLS:
        columns = tuple(map(_column, cells[1:]))
        return Pattern("", columns, columns.count("numeral"), len(cells) - 1)
    words = _WORD.findall(line)
    kinds = [_kind(word) for word in words]
    ending: list[str] = []
    for kind in reversed(kinds):
        if kind in ("word", "Word", "mark") or len(ending) == MOST_ENDING:
            break
        ending.insert(0, kind)
    begin = words[0] if words and kinds[0] == "mark" else kinds[0] if kinds else ""
    return Pattern(begin, tuple(ending), sum(map(_is_numeral, kinds)), len(cells) - 1)


def _column(cell: str) -> str:
    """What stands in a cell: words, a numeral with a word at the most, or nothing."""
    kinds = [kind for kind in map(_kind, _WORD.findall(cell)) if kind != "mark"]
    numerals = sum(map(_is_numeral, kinds))
    return "" if not kinds else "numeral" if numerals and len(kinds) - numerals <= 1 else "words"


def enumerator(line: str) -> int | None:
    """The number with which a line begins, such as 17 in `17. Widget` and `[17] Lee, A.`; None when it begins with none."""
    match = _ENUMERATOR.match(line)
    return int(match[1]) if match else None


def _is_numeral(kind: str) -> bool:
    return kind not in ("word", "Word", "mark")


def _kind(word: str) -> str:
    if not _DIGIT.search(word):
        plain = word.strip("()[]{}.,;:\"'„“”*")
        return ("Word" if plain[:1].isupper() else "word") if any(map(str.isalnum, plain)) else "mark"
    if _DATE.fullmatch(word):
        return "date"
    if not _NUMBER.fullmatch(word):
        return "code"
    decimals = _DECIMALS.search(word)
    return f"decimal {len(decimals[1])}" if decimals else "number"
