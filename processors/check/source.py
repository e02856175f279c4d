"""The parts of a window come in; where a value stands in them goes out, with the grade of the proof.

`exact` means the same characters. `loose` means the same after white space, line breaks, hyphens, case, accents, ligatures and
full-width forms are levelled, or a date or amount of equal value. What is found nowhere has no hit.
"""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal
from functools import cached_property
from itertools import accumulate, chain
from typing import Any

from schemas.pipeline import Grade, Kind, Part
from schemas.values import Found, amounts_in, dates_in, other_amount, other_date

SEAM = "\x00"  # stands between parts, where no value can reach across
LOOSE_CHARACTERS = 3  # shorter texts are found as they are written, or not at all
GLUED_CHARACTERS = 6  # a text this long is also found where it is glued to the next word, as PDF columns often are
MOST_PLACES = 2_000  # of one value that are tried, so that no document makes the check slow
_IDEOGRAPHS = "\u2e80"  # from here on scripts that put no spaces between words
_LEVELLED = re.compile(r",(?:(?<!\d,)|(?!\d))")  # commas that do not stand within a number: lines of an address are joined with them
_DROPPED = frozenset("-‐‑‒–—―−\u00ad\u200b\u200c\u200d\ufeff'’‘`´\"“”„«»")

_NUMERAL = re.compile(r"\d(?<![A-Za-zÀ-ɏ\d]\d)(?<!\d[.,]\d)\d*(?:[.,]\d+)*")
_YEAR = re.compile(r"(?:19|20)\d\d(?<=\d\.\d{4})(?![.,]?\d)")  # of a date, which else is one numeral: 05.2019
_MINUS_APART = re.compile(r"(?<!\S)[-−–]\s+$")
MINUS_CHARACTERS = 4  # a minus and what may stand between it and its number

Span = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Hit:
    """Where a value was found: half-open, in characters of the source."""

    start: int
    end: int
    grade: Grade


class Source:
    """The text of a window, made ready to be searched document by document; each index is made when it is first needed."""

    def __init__(self, parts: Iterable[Part]) -> None:
        """Take the parts of a window. Those of one document stand together, in order."""
        self.parts: dict[str, list[Part]] = {}
        for part in parts:
            self.parts.setdefault(part.document, []).append(part)
        self._row = [part for own in self.parts.values() for part in own]
        self._starts = list(accumulate((len(part.text) + 1 for part in self._row[:-1]), initial=0))
        self.text = SEAM.join(part.text for part in self._row)
        self.spans: dict[str, Span] = {}
        for part, start in zip(self._row, self._starts, strict=True):
            first, _ = self.spans.get(part.document, (start, start))
            self.spans[part.document] = (first, start + len(part.text))

    def is_seen(self, document: str) -> bool:
        """Whether the document is shown as a picture too, so that its text is not all that it says."""
        return any(part.image is not None or part.image_px is not None for part in self.parts[document])

    def find(self, kind: Kind, value: Any, *ranges: Span) -> Hit | None:
        """The first place of a value in the first range that has one.

        The last range holds all others and is searched first, so that what it does not have costs one search.
        """
        hit = self._find_in(ranges[-1], kind, value)
        nearer = (self._find_in(span, kind, value) for span in dict.fromkeys(ranges) if hit and span != ranges[-1])
        return next((near for near in nearer if near), hit)

    def place(self, hit: Hit) -> tuple[Part, int, int]:
        """The part in which a hit lies, and its half-open span in characters of the page."""
        number = bisect_right(self._starts, hit.start) - 1
        part, shift = self._row[number], self._row[number].start - self._starts[number]
        return part, hit.start + shift, hit.end + shift

    def quote(self, hit: Hit) -> str:
        """The characters of a hit."""
        return self.text[hit.start : hit.end]

    def amounts(self, number: Decimal) -> list[str]:
        """Every way in which the window writes an amount of this value."""
        everywhere = (0, len(self.text))
        apart = self._find_signed(-number, everywhere) if number < 0 else None
        return [self.quote(hit) for hit in (*_hits(self._amounts.get(number, ()), everywhere), apart) if hit]

    def _find_in(self, span: Span, kind: Kind, value: Any) -> Hit | None:
        if kind == "boolean":
            return None
        if kind in ("text", "choice"):
            return self._find_text(value, span) or self._find_written(value, span)
        return self._find_date(value, span) if kind in ("date", "datetime") else self._find_number(value, span)

    def _find_text(self, value: str, span: Span) -> Hit | None:
        """The text as it is, else levelled, else levelled and glued to its neighbour, as columns of a PDF often are."""
        for start in _occurrences(self.text, value, *span):
            if self._stands_alone(start, start + len(value)):
                return Hit(start, start + len(value), "exact")
        glued = None
        for start, end in self._loosely(value, span):
            if self._stands_alone(start, end):
                return Hit(start, end, "loose")
            glued = glued or Hit(start, end, "loose")
        return glued if len(_level(value)) >= GLUED_CHARACTERS else None

    def _find_written(self, value: str, span: Span) -> Hit | None:
        """A text that is a date or an amount, which the document has in another form."""
        days = (self._dates.get(day.value, ()) for day in dates_in(value) if day.text == value)
        amounts = (self._amounts.get(amount.value, ()) for amount in amounts_in(value) if amount.text == value)
        return next((hit for spans in chain(days, amounts) for hit in _hits(spans, span)), None)

    def _find_date(self, value: date, span: Span) -> Hit | None:
        """The date spelled in the same way, else in any form. A moment is loosely proved by its day."""
        if isinstance(value, datetime):
            return self._find_text(value.isoformat(), span) or next(_hits(self._dates.get(value.date(), ()), span), None)
        hits = list(_hits(self._dates.get(value, ()), span))
        spelled = (replace(hit, grade="exact") for hit in hits if self.quote(hit) == value.isoformat())
        return next(spelled, hits[0] if hits else None)

    def _find_number(self, value: float | Decimal, span: Span) -> Hit | None:
        """The number spelled in the same way, else the first amount of equal value."""
        number = Decimal(str(value))
        for spelling in _spellings(abs(number)):
            for hit in _hits(self._numerals.get(spelling, ()), span):
                if number >= 0:
                    return replace(hit, grade="exact")
                if self.text[hit.start - 1 : hit.start] == "-":
                    return Hit(hit.start - 1, hit.end, "exact")
        equal = next(_hits(self._amounts.get(number, ()), span), None)
        return equal or (self._find_signed(-number, span) if number < 0 else None)

    def _find_signed(self, number: Decimal, span: Span) -> Hit | None:
        """A number whose minus stands apart from it, as in a table with the signs in a column of their own."""
        for hit in _hits(self._amounts.get(number, ()), span):
            if sign := _MINUS_APART.search(self.text, max(hit.start - MINUS_CHARACTERS, span[0]), hit.start):
                return Hit(sign.start(), hit.end, "loose")
        return None

    def _loosely(self, value: str, span: Span) -> Iterator[Span]:
        """Places where the value stands once both are levelled, as spans of the source."""
        levelled, positions = self._levelled
        wanted = _level(value)
        if len(wanted) < (2 if wanted[:1] > _IDEOGRAPHS else LOOSE_CHARACTERS):
            return
        low, high = bisect_left(positions, span[0]), bisect_left(positions, span[1])
        for start in _occurrences(levelled, wanted, low, high):
            yield positions[start], positions[start + len(wanted) - 1] + 1

    def _stands_alone(self, start: int, end: int) -> bool:
        """Whether a span is not the inside of a longer word or number."""
        text = self.text
        return not (_glued(text[start - 1 : start], text[start]) or _glued(text[end - 1], text[end : end + 1]))

    @cached_property
    def _levelled(self) -> tuple[str, list[int]]:
        """The levelled text, and for each of its characters the place in the source."""
        text = _LEVELLED.sub(" ", self.text)
        forms = {character: _level_one(character) for character in set(text)}
        pieces = list(map(forms.__getitem__, text))
        return "".join(pieces), [place for place, piece in enumerate(pieces) for _ in piece]

    @cached_property
    def _dates(self) -> Mapping[date, list[Span]]:
        return _index((found, other_date(found)) for found in dates_in(self.text))

    @cached_property
    def _numerals(self) -> Mapping[str, list[Span]]:
        """Every number as it is spelled, also where a unit follows it (`12kg`), but not where a letter goes before (`A4`)."""
        numerals: dict[str, list[Span]] = {}
        for match in sorted(chain(_NUMERAL.finditer(self.text), _YEAR.finditer(self.text)), key=re.Match.start):
            numerals.setdefault(match.group(), []).append(match.span())
        return numerals

    @cached_property
    def _amounts(self) -> Mapping[Decimal, list[Span]]:
        return _index((found, other_amount(found)) for found in amounts_in(self.text))


def _index(readings: Iterator[tuple[Found[Any], Any]]) -> dict[Any, list[Span]]:
    """Spans by value, in order; an ambiguous text stands under both of its readings."""
    index: dict[Any, list[Span]] = {}
    for found, other in readings:
        index.setdefault(found.value, []).append((found.start, found.end))
        if other is not None and other != found.value:
            index.setdefault(other, []).append((found.start, found.end))
    return index


def _hits(spans: Sequence[Span], within: Span) -> Iterator[Hit]:
    """The spans, which are in order, that lie in a range."""
    for number in range(bisect_left(spans, (within[0], 0)), len(spans)):
        if spans[number][1] > within[1]:
            return
        yield Hit(*spans[number], "loose")


def _occurrences(text: str, wanted: str, start: int, end: int) -> Iterator[int]:
    """Places of a string, up to a bound: a page of nothing but `aaaa` has as many as characters."""
    for _ in range(MOST_PLACES if wanted else 0):
        if (start := text.find(wanted, start, end)) < 0:
            return
        yield start
        start += 1


def _spellings(number: Decimal) -> dict[str, None]:
    """The plain ways to write a number with a point: as it was given, and without zeros at its end."""
    plain = format(number, "f")
    return dict.fromkeys((plain, plain.rstrip("0").rstrip(".") if "." in plain else plain))


def _glued(left: str, right: str) -> bool:
    """Whether two characters are of one word or number, in a script that puts spaces between words."""
    return (left.isdigit() and right.isdigit()) or (left.isalpha() and right.isalpha() and max(left, right) < _IDEOGRAPHS)


def _level(text: str) -> str:
    return "".join(map(_level_one, _LEVELLED.sub(" ", text)))


def _level_one(character: str) -> str:
    """A character in its plainest form: `ﬁ` is `fi`, `É` is `e`, `Ａ` is `a`; white space, hyphens and quotation marks are nothing."""
    if character.isspace() or character in _DROPPED:
        return ""
    plain = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", character).casefold())
    return "".join(one for one in plain if not unicodedata.combining(one) and not one.isspace())
