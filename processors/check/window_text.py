"""The parts of a window come in; where a value stands in them goes out, with the grade of the proof.

`exact` means the same characters. `loose` means the same after white space, line breaks, hyphens, case, accents, ligatures and
full-width forms are folded (`folding`), a name in another order, a date or amount of equal value, the sign of a currency for its
code, and where the text is from OCR or the value is long, the same but for misread letters (`ocr_noise`). What is found nowhere
has no hit.
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

from octavo.processors.check import ocr_noise
from octavo.processors.check.folding import FoldedText, fold, initials, variants
from octavo.schemas.pipeline import Grade, Kind, Part
from octavo.schemas.text.values import (
    FoundValue,
    amounts_in,
    currencies_in,
    dates_in,
    other_amount,
    other_date,
)

SEAM = "\x00"  # stands between parts, where no value can reach across
LOOSE_CHARACTERS = 3  # shorter texts are found as they are written, or not at all
GLUED_CHARACTERS = (
    6  # a text this long is also found where it is glued to the next word, as PDF columns often are
)
MOST_PLACES = 500  # of one value that are tried, so that no document makes the check slow
_IDEOGRAPHS = "\u2e80"  # from here on scripts that put no spaces between words
LONG_CHARACTERS = (
    60  # a text this long may have a word or two in another form, also where nothing was misread
)
_NUMERAL = re.compile(r"\d(?<![A-Za-zÀ-ɏ\d]\d)(?<!\d[.,]\d)\d*(?:[.,]\d+)*")
_YEAR = re.compile(r"(?:19|20)\d\d(?<=\d\.\d{4})(?![.,]?\d)")  # of a date, which else is one numeral: 05.2019
_MINUS_APART = re.compile(r"(?<!\S)[-−–]\s+$")
MINUS_CHARACTERS = 4  # a minus and what may stand between it and its number
_FIGURE = re.compile(r"[0-9OolIS|.,/-]*[0-9][0-9OolIS|.,/-]*")  # a number as OCR may read it
_MISREAD = str.maketrans("OolIS|", "001151")
_WIDE = {
    code: unicodedata.normalize("NFKC", chr(code))
    for code in range(0xFF01, 0xFF5F)
    if not chr(code).isalpha()
} | {ord("·"): "."}
_AFTER = {  # what may follow a number that stands for a multiple of itself
    Decimal("0.01"): re.compile(r"\s?%"),
    Decimal(10) ** 3: re.compile(r"\s?(?:thousand|k|T€|TEUR|Tsd\.?|mille?|mil)\b"),
    Decimal(10) ** 4: re.compile(r"\s?[万萬]"),
    Decimal(10) ** 6: re.compile(r"\s?(?:million(?:s|en)?|mio\.?|mln\.?|m)\b", re.IGNORECASE),
    Decimal(10) ** 8: re.compile(r"\s?[亿億]"),
    Decimal(10) ** 9: re.compile(r"\s?(?:billion(?:s)?|milliarden?|mrd\.?|bn)\b", re.IGNORECASE),
}

Span = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Hit:
    """Where a value was found: half-open, in characters of the source."""

    start: int
    end: int
    grade: Grade
    noisy: bool = False  # with letters misread


class WindowText:
    """The text of a window, made ready to be searched document by document; each index is made when it is first needed."""

    def __init__(self, parts: Iterable[Part]) -> None:
        """Take the parts of a window. Those of one document stand together, in order."""
        self.parts: dict[str, list[Part]] = {}
        for part in parts:
            self.parts.setdefault(part.document, []).append(part)
        self._row = [part for own in self.parts.values() for part in own]
        self._starts = list(accumulate((len(part.text) + 1 for part in self._row[:-1]), initial=0))
        self.text = SEAM.join(part.text for part in self._row)
        self._misread = {part.document for part in self._row if part.text_from != "file"}
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
        nearer = (
            self._find_in(span, kind, value) for span in dict.fromkeys(ranges) if hit and span != ranges[-1]
        )
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
        return (
            self._find_date(value, span) if kind in ("date", "datetime") else self._find_number(value, span)
        )

    def _find_text(self, value: str, span: Span) -> Hit | None:
        """The text as it is, else levelled, else levelled and glued to its neighbour, as columns of a PDF often are."""
        if hit := self._find_exact(value, span):
            return hit
        glued = None
        for start, end in self._loosely(value, span):
            if self._stands_alone(start, end):
                return Hit(start, end, "loose")
            if not self._cuts_number(start, end):
                glued = glued or Hit(start, end, "loose")
        return glued if len(fold(value)) >= GLUED_CHARACTERS else None

    def _find_exact(self, value: str, span: Span) -> Hit | None:
        """The text as it is."""
        places = _occurrences(self.text, value, *span)
        return next(
            (
                Hit(start, end, "exact")
                for start in places
                if self._stands_alone(start, end := start + len(value))
            ),
            None,
        )

    def _find_written(self, value: str, span: Span) -> Hit | None:
        """A text in another form: a name in another order, a date, an amount, a currency, or with letters misread."""
        for variant in variants(value):
            alone = (
                Hit(*place, "loose") for place in self._loosely(variant, span) if self._stands_alone(*place)
            )
            if hit := next(alone, None):
                return hit
        days = (self._dates.get(day.value, ()) for day in dates_in(value) if day.text == value)
        amounts = (
            self._amounts.get(amount.value, ()) for amount in amounts_in(value) if amount.text == value
        )
        written = chain(days, amounts, [self._currencies.get(value, ())])
        return next((hit for spans in written for hit in _hits(spans, span)), None) or self._find_misread(
            value, span
        )

    def _find_misread(self, value: str, span: Span) -> Hit | None:
        """A name with initials, or a text with letters misread."""
        if (pattern := initials(value)) and (match := pattern.search(self.text, *span)):
            return Hit(*match.span(), "loose")
        wanted = fold(value)
        if self._may_be_noisy(span, len(wanted)):
            low, high = (self._levelled.place(place) for place in span)
            for start, end in ocr_noise.places(wanted, self._levelled.text, low, high):
                place = self._levelled.origin(start), self._levelled.origin(end - 1) + 1
                if not self._cuts_number(*place):
                    return Hit(*place, "loose", noisy=True)
        return None

    def _may_be_noisy(self, span: Span, characters: int) -> bool:
        """Whether a text so long may stand with other letters in a span: within one document, from OCR unless the text is long."""
        own = (
            document for document, (start, end) in self.spans.items() if start <= span[0] and span[1] <= end
        )
        return any(characters >= LONG_CHARACTERS or document in self._misread for document in own)

    def _find_date(self, value: date, span: Span) -> Hit | None:
        """The date spelled in the same way, else in any form. A moment is loosely proved by its day."""
        if isinstance(value, datetime):
            return self._find_text(value.isoformat(), span) or next(
                _hits(self._dates.get(value.date(), ()), span), None
            )
        if hit := self._find_exact(value.isoformat(), span):
            return hit
        return next(
            chain(
                _hits(self._dates.get(value, ()), span),
                _hits(self._numerals.get(value.strftime("%Y%m%d"), ()), span),
            ),
            None,
        )

    def _find_number(self, value: float | Decimal, span: Span) -> Hit | None:
        """The number spelled in the same way, else the first amount of equal value."""
        number = Decimal(str(value))
        for spelling in _spellings(abs(number)):
            for hit in _hits(self._numerals.get(spelling, ()), span):
                if number >= 0:
                    return (
                        replace(hit, grade="exact")
                        if self.quote(hit) == spelling
                        else replace(hit, noisy=True)
                    )
                if self.text[hit.start - 1 : hit.start] == "-":
                    return Hit(hit.start - 1, hit.end, "exact")
        equal = next(_hits(self._amounts.get(number, ()), span), None)
        return equal or (
            self._find_signed(-number, span) if number < 0 else self._find_multiple(number, span)
        )

    def _find_multiple(self, number: Decimal, span: Span) -> Hit | None:
        """A number that is written as per cent, in thousands or millions."""
        for factor, words in _AFTER.items() if number else ():
            for hit in _hits(self._amounts.get(number / factor, ()), span):
                if after := words.match(self.text, hit.end, span[1]):
                    return replace(hit, end=after.end())
        return None

    def _find_signed(self, number: Decimal, span: Span) -> Hit | None:
        """A number whose minus stands apart from it, as in a table with the signs in a column of their own."""
        for hit in _hits(self._amounts.get(number, ()), span):
            if sign := _MINUS_APART.search(self.text, max(hit.start - MINUS_CHARACTERS, span[0]), hit.start):
                return Hit(sign.start(), hit.end, "loose")
        return None

    def _loosely(self, value: str, span: Span) -> Iterator[Span]:
        """Places where the value stands once both are levelled, as spans of the source."""
        wanted = fold(value)
        if len(wanted) < (2 if wanted[:1] > _IDEOGRAPHS else LOOSE_CHARACTERS):
            return
        low, high = (self._levelled.place(place) for place in span)
        for start in _occurrences(self._levelled.text, wanted, low, high):
            yield self._levelled.origin(start), self._levelled.origin(start + len(wanted) - 1) + 1

    def _stands_alone(self, start: int, end: int) -> bool:
        """Whether a span is not the inside of a longer word or number."""
        text = self.text
        return not (
            _glued(text[start - 1 : start], text[start]) or _glued(text[end - 1], text[end : end + 1])
        )

    def _cuts_number(self, start: int, end: int) -> bool:
        """Whether a span begins or ends within a number: words that are glued are still those words, a piece of a number is another."""
        text = self.text
        return _in_number(text[start - 1 : start], text[start]) or _in_number(
            text[end - 1], text[end : end + 1]
        )

    @cached_property
    def _levelled(self) -> FoldedText:
        return FoldedText(self.text)

    @cached_property
    def _figures(self) -> str:
        """The text as it is read for numbers and dates, character by character: full-width forms are plain, misread figures are figures."""
        return SEAM.join(self._read_for_figures(document) for document in self.spans)

    def _read_for_figures(self, document: str) -> str:
        text = self.text[slice(*self.spans[document])].translate(_WIDE)
        return (
            _FIGURE.sub(lambda match: match.group().translate(_MISREAD), text)
            if document in self._misread
            else text
        )

    @cached_property
    def _dates(self) -> Mapping[date, list[Span]]:
        return _index((found, other_date(found)) for found in dates_in(self._figures))

    @cached_property
    def _currencies(self) -> Mapping[str, list[Span]]:
        return _index((found, None) for found in currencies_in(self.text))

    @cached_property
    def _numerals(self) -> Mapping[str, list[Span]]:
        """Every number as it is spelled, also where a unit follows it (`12kg`), but not where a letter goes before (`A4`)."""
        numerals: dict[str, list[Span]] = {}
        for match in sorted(
            chain(_NUMERAL.finditer(self._figures), _YEAR.finditer(self._figures)), key=re.Match.start
        ):
            numerals.setdefault(match.group(), []).append(match.span())
        return numerals

    @cached_property
    def _amounts(self) -> Mapping[Decimal, list[Span]]:
        return _index((found, other_amount(found)) for found in amounts_in(self._figures))


def _index(readings: Iterator[tuple[FoundValue[Any], Any]]) -> dict[Any, list[Span]]:
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
    return _in_number(left, right) or (left.isalpha() and right.isalpha() and max(left, right) < _IDEOGRAPHS)


def _in_number(left: str, right: str) -> bool:
    """Whether two characters are of one number."""
    return left.isdigit() and right.isdigit()
