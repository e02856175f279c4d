"""The parts of a window come in; where a value stands in them goes out, with the grade of the proof.

`exact` means the same characters. `loose` means the same after white space, line breaks, hyphens, case, accents, ligatures and
full-width forms are folded (`folding`), a name in another order, a date or amount of equal value, the sign of a currency for its
code, and where the text is from OCR or the value is long, the same but for misread letters (`ocr_noise`). What is found nowhere
has no hit.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import date, datetime
from decimal import Decimal
from functools import cached_property
from itertools import accumulate
from typing import Any

from octavo.processors.check import ocr_noise
from octavo.processors.check.figures import Figures
from octavo.processors.check.folding import FoldedText, fold, initials, variants
from octavo.processors.check.hints import Hints, hints
from octavo.processors.check.hits import MOST_PLACES, Hit, Span, best
from octavo.schemas.pipeline import Field, Part
from octavo.schemas.text.digits import plain_digits
from octavo.schemas.text.moments import times_in
from octavo.schemas.text.values import amounts_in, currencies_in, dates_in

SEAM = "\x00"  # stands between parts, where no value can reach across
LOOSE_CHARACTERS = 3  # shorter texts are found as they are written, or not at all
GLUED_CHARACTERS = (
    6  # a text this long is also found where it is glued to the next word, as PDF columns often are
)
_IDEOGRAPHS = "\u2e80"  # from here on scripts that put no spaces between words
LONGEST_TIME = 24  # characters of a time of day
_PIECE = re.compile(r"\d[.,'’]\d")  # of a number or a section: 1.1 is no 1.1.2
_YEAR = re.compile(r"(?:19|20)\d\d")
LONG_CHARACTERS = (
    60  # a text this long may have a word or two in another form, also where nothing was misread
)


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

    def find(self, field: Field, value: Any, *ranges: Span) -> Hit | None:
        """The first place of a value in the first range that has one; with misread letters only where it stands nowhere as it is.

        The last range holds all others and is searched first, so that what it does not have costs one search.
        """
        hit = self._find_in(ranges[-1], field, value)
        if hit is None or (hit.noisy and len(str(value)) >= LONG_CHARACTERS):
            return hit
        nearer = (self._find_in(span, field, value) for span in dict.fromkeys(ranges) if span != ranges[-1])
        return next((near for near in nearer if near and (hit.noisy or not near.noisy)), hit)

    def place(self, hit: Hit) -> tuple[Part, int, int]:
        """The part in which a hit lies, and its half-open span in characters of the page."""
        number = bisect_right(self._starts, hit.start) - 1
        part, shift = self._row[number], self._row[number].start - self._starts[number]
        return part, hit.start + shift, hit.end + shift

    def page(self, start: int) -> int:
        """The page, from 1, on which a character stands."""
        return self._row[bisect_right(self._starts, start) - 1].page

    def quote(self, hit: Hit) -> str:
        """The characters of a hit."""
        return self.text[hit.start : hit.end]

    def finds_plainly(self, value: str, *ranges: Span) -> bool:
        """Whether a text stands in one of these ranges in any form, but for misread letters."""
        return any(
            hit is not None and hit.proves
            for span in ranges
            for hit in (
                self._find_time(value, span)
                or self._find_text(value, span)
                or self._find_plainly(value, span),
            )
        )

    def places(self, field: Field, value: Any, span: Span) -> Iterator[Hit]:
        """Every place of a value in a span, of a text those where it stands as it is."""
        if field.kind in ("integer", "number", "decimal"):
            yield from self.figures.amounts(Decimal(str(value)), span)
        elif field.kind in ("date", "datetime", "instant"):
            yield from self._figured(field, value, span)
        else:
            yield from self._exact(value, span)

    def _find_in(self, span: Span, field: Field, value: Any) -> Hit | None:
        if field.kind == "boolean":
            return None
        if field.kind in ("text", "choice"):
            return (
                self._find_time(value, span)
                or self._find_text(value, span)
                or self._find_written(value, span)
            )
        return best(self._figured(field, value, span))

    def _figured(self, field: Field, value: Any, span: Span) -> Iterator[Hit]:
        """Places of a number, a date or a moment."""
        meant = hints(field)
        if isinstance(value, datetime):
            return self.figures.moments(value, span, meant)
        if isinstance(value, date):
            return self.figures.dates(value, span, meant)
        return self.figures.numbers(Decimal(str(value)), span, meant)

    def _find_time(self, value: str, span: Span) -> Hit | None:
        """A text that is a time of day: the same time in any form. `10:15` is not proved by `10:15 pm`, though it stands there."""
        wanted = next(times_in(value), None) if len(value) <= LONGEST_TIME else None
        if wanted is None or wanted.text != value.strip():
            return None
        if hit := self._find_exact(value, span):
            there = self.figures.time_at(hit.start)
            if there is None or there.value == wanted.value:
                return hit
            cut = replace(hit, grade="missing", doubt="contradicted", why=f"{there.text!r} is another time")
            return next(self.figures.times(wanted.value, span), cut)
        return next(self.figures.times(wanted.value, span), None)

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
        return next(self._exact(value, span), None)

    def _exact(self, value: str, span: Span) -> Iterator[Hit]:
        for start in _occurrences(self.text, value, *span):
            if self._stands_alone(start, end := start + len(value)):
                yield Hit(start, end, "exact")

    def _find_written(self, value: str, span: Span) -> Hit | None:
        """A text in another form, or with letters misread."""
        return self._find_plainly(value, span) or self._find_misread(value, span)

    def _find_plainly(self, value: str, span: Span) -> Hit | None:
        """A text in another form: a name in another order, a date, an amount, a currency."""
        for variant in variants(value):
            alone = (
                Hit(*place, "loose") for place in self._loosely(variant, span) if self._stands_alone(*place)
            )
            if hit := next(alone, None):
                return hit
        currency = next(
            (
                place
                for place in self._currencies.get(value, ())
                if span[0] <= place[0] and place[1] <= span[1]
            ),
            None,
        )
        return best(self._written_otherwise(value, span)) or (Hit(*currency, "loose") if currency else None)

    def _written_otherwise(self, value: str, span: Span) -> Iterator[Hit]:
        """A text that is a date, in any form; one that is an amount, in a form with the same digits: `123` is no `00123`."""
        for day in dates_in(value):
            if day.text == value:
                yield from self.figures.dates(day.value, span, Hints(day_first=True))
        for amount in amounts_in(value):
            if amount.text == value:
                places = self.figures.numbers(amount.value, span, Hints(whole=True))
                yield from (hit for hit in places if _digits(self.quote(hit)) == _digits(value))

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
        if _glued(text[start - 1 : start], text[start]) or _glued(text[end - 1], text[end : end + 1]):
            return False
        is_year = _YEAR.fullmatch(text, start, end) is not None
        before, after = text[max(0, start - 2) : start + 1], text[end - 1 : end + 2]
        return not (_PIECE.fullmatch(before) and not is_year) and not _PIECE.fullmatch(after)

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
    def figures(self) -> Figures:
        """The numbers, dates and times of the window."""
        return Figures(self.text, self.spans, self._misread, SEAM)

    @cached_property
    def _currencies(self) -> Mapping[str, list[Span]]:
        index: dict[str, list[Span]] = {}
        for found in currencies_in(self.text):
            index.setdefault(found.value, []).append((found.start, found.end))
        return index


def _occurrences(text: str, wanted: str, start: int, end: int) -> Iterator[int]:
    """Places of a string, up to a bound: a page of nothing but `aaaa` has as many as characters."""
    for _ in range(MOST_PLACES if wanted else 0):
        if (start := text.find(wanted, start, end)) < 0:
            return
        yield start
        start += 1


def _digits(text: str) -> str:
    return "".join(filter(str.isdigit, plain_digits(text)))


def _glued(left: str, right: str) -> bool:
    """Whether two characters are of one word or number, in a script that puts spaces between words."""
    return _in_number(left, right) or (left.isalpha() and right.isalpha() and max(left, right) < _IDEOGRAPHS)


def _in_number(left: str, right: str) -> bool:
    """Whether two characters are of one number."""
    return left.isdigit() and right.isdigit()
