"""Numbers, dates and times in the text of a window: a value comes in, the places that may prove it go out.

What can be read in two ways is decided by the document (`conventions`) or the field (`hints`). Where neither decides, a place is
`ambiguous`; where the document shows the other reading, it is `contradicted` and proves nothing.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from functools import cached_property
from itertools import chain
from typing import Any, Literal

from octavo.processors.check.conventions import Conventions, is_section, order_by_weekday
from octavo.processors.check.hints import Hints
from octavo.processors.check.hits import MAY_BE, Doubt, Hit, Span
from octavo.processors.check.readings import Place, Reading, readings_of_amount, readings_of_date
from octavo.schemas.text.dates import (
    FoundValue,
    dates_in,
    is_numeric,
)
from octavo.schemas.text.digits import plain_digits
from octavo.schemas.text.moments import has_meridiem, times_in
from octavo.schemas.text.values import amounts_in

_NUMERAL = re.compile(r"\d(?<![A-Za-zÀ-ɏ\d]\d)(?<!\d[.,]\d)\d*(?:[.,]\d+)*")
_YEAR = re.compile(r"(?:19|20)\d\d(?<=\d\.\d{4})(?![.,]?\d)")  # of a date, which else is one numeral: 05.2019
_ONE_GROUP = re.compile(r"[1-9]\d{0,2}[.,]\d{3}")
_SIGN_BEFORE = re.compile(r"(?<![\w.,)])[-−–△▲](?:[$€£¥]|[A-Z]{3} ?)?$")
_MINUS_APART = re.compile(r"(?<!\S)[-−–]\s+$")
MINUS_CHARACTERS = 6  # a minus and what may stand between it and its number
_FIGURE = re.compile(r"[0-9OolIS|.,/-]*[0-9][0-9OolIS|.,/-]*")  # a number as OCR may read it
_MISREAD = str.maketrans("OolIS|", "001151")
_PERCENT = re.compile(r"\s?(?:%|٪|per ?cent\b|percent\b|Prozent\b|v\. ?H\.)")
_MULTIPLES = {  # what may follow a number that stands for a multiple of itself
    Decimal(10) ** 3: re.compile(r"\s?(?:thousand|k|K|T€|TEUR|Tsd\.?|mille?|mil|tys\.?|тыс\.?|千|ألف)(?!\w)"),
    Decimal(10) ** 4: re.compile(r"\s?[万萬만]"),
    Decimal(10) ** 5: re.compile(r"\s?(?:lakhs?|lacs?|लाख)(?!\w)", re.IGNORECASE),
    Decimal(10) ** 6: re.compile(r"\s?(?:mil+(?:ion|one)\w{0,2}|milhões|mill\.?|mio\.?|mln\.?|m[mn]?\.?|млн|مليون)(?!\w)", re.IGNORECASE),
    Decimal(10) ** 7: re.compile(r"\s?(?:crores?|cr\.?|करोड़)(?!\w)", re.IGNORECASE),
    Decimal(10) ** 8: re.compile(r"\s?[亿億억]"),
    Decimal(10) ** 9: re.compile(r"\s?(?:billion(?:s)?|milliard(?:s|en|i)?|mrd\.?|bn|mld\.?|млрд\.?|مليار)(?!\w)", re.IGNORECASE),
    Decimal(10) ** 12: re.compile(r"\s?(?:trillion(?:s)?|bio\.?|tn|兆)(?!\w)", re.IGNORECASE),
}  # fmt: skip
METRES = re.compile(r"\s?mm?\.?")  # which are no million, unless a currency goes before
_CURRENCY_BEFORE = re.compile(r"(?:[$€£¥₹]|\b[A-Z]{3}) ?$")
_DOTTED = re.compile(r"\d+\.\d*0")
LEADING_ZEROS = re.compile(r"0\d\d+")  # a number of three digits or more that begins with nought is no amount
FAR_YEARS = (1500, 2300)  # years before and behind are of another calendar, or of another age


class Figures:
    """The numbers, dates and times of a window; each index is made when it is first needed."""

    def __init__(self, text: str, spans: Mapping[str, Span], misread: Iterable[str], seam: str) -> None:
        """`spans` are those of the documents in the text, `misread` the documents from OCR, `seam` stands between documents."""
        self._misread, self._printed = set(misread), text
        pieces = (self._read(text[slice(*span)], document) for document, span in spans.items())
        self.text = seam.join(pieces)
        self._spans = sorted(spans.values())
        self._known: dict[int, Conventions] = {}

    def dates(self, value: date, span: Span, hints: Hints) -> Iterator[Hit]:
        """Places of a date."""
        for place in chain(_within(self._dates.get(value, ()), span), self._compact(value, span)):
            yield self._dated(place, value, hints)

    def moments(self, value: datetime, span: Span, hints: Hints) -> Iterator[Hit]:
        """Places of a date with a time of day, which has to stand in its line, or somewhere where it stands alone.

        A moment with an offset may stand there as another day.
        """
        days = [value.date()]
        days += [day.date() for day in (value + _DAY, value - _DAY)] if value.tzinfo else []
        for day in days:
            for hit in self.dates(day, span, hints):
                yield self._timed(hit, day, value)

    def numbers(self, number: Decimal, span: Span, hints: Hints) -> Iterator[Hit]:
        """Places of a number: spelled in the same way, then in any, then with its minus apart, then as a multiple."""
        spelled = (
            place
            for spelling in _spellings(abs(number))
            for place in _within(self._numerals.get(spelling, ()), span)
        )
        for place in spelled:
            written = self.text[place.start : place.end]
            if number < 0 and self.text[place.start - 1 : place.start] == "-":
                yield Hit(place.start - 1, place.end, "exact")
            elif number >= 0:
                hit = self._counted(replace(place, reading=_read_as(written)), number, hints, "exact")
                is_clean = self._printed[place.start : place.end] == written
                yield (
                    hit
                    if is_clean
                    else replace(hit, noisy=True, grade="missing" if hit.grade == "missing" else "loose")
                )
        for place in _within(self._amounts.get(number, ()), span):
            yield self._counted(place, number, hints, "loose")
        if number < 0:
            yield from self._signed(-number, span)
        elif number:
            yield from self._multiplied(number, span, hints)

    def amounts(self, number: Decimal, span: Span) -> Iterator[Hit]:
        """Every place of an amount of this value, however it is read there."""
        yield from (
            Hit(place.start, place.end, "loose") for place in _within(self._amounts.get(number, ()), span)
        )
        if number < 0:
            yield from self._signed(-number, span)

    def last_column(self, span: Span) -> list[Decimal]:
        """The last amount of each line of a span that has one, in order."""
        lines = self.text[slice(*span)].split("\n")
        rows = ([found.value for found in amounts_in(line)] for line in lines)
        return [row[-1] for row in rows if row]

    def times(self, value: time, span: Span) -> Iterator[Hit]:
        """Places of a time of day."""
        for place in _within(self._times.get(value.replace(tzinfo=None), ()), span):
            yield Hit(place.start, place.end, "loose")

    def time_at(self, start: int) -> FoundValue[time] | None:
        """The time of day that begins at a place."""
        return self._times_by_start.get(start)

    # --- doubts --------------------------------------------------------------------------------------------------

    def _dated(self, place: Place, value: date, hints: Hints) -> Hit:
        written = self.text[place.start : place.end]
        grade: Literal["exact", "loose"] = "exact" if written == value.isoformat() else "loose"
        doubt, why = self._doubt_of_date(place, value, hints)
        return _marked(Hit(place.start, place.end, grade), doubt, f"{written!r} {why}")

    def _doubt_of_date(self, place: Place, value: date, hints: Hints) -> tuple[Doubt, str]:
        may_be = f"{MAY_BE} {place.other} as well, and nothing decides"
        if place.reading in ("century", "calendar"):
            return "ambiguous", may_be
        if place.reading in ("day_first", "month_first"):
            shown = self._order_at(place)
            if shown is not None and (place.reading == "day_first") != shown:
                return "contradicted", f"is {place.other} here, as the document shows"
            if shown is None and hints.day_first is not (place.reading == "day_first"):
                return "ambiguous", may_be
        if FAR_YEARS[0] <= value.year < FAR_YEARS[1] or (
            value.year < FAR_YEARS[0] and not _is_numeric(self.text, place)
        ):
            return "", ""
        return "ambiguous", "may be of another calendar"

    def _order_at(self, place: Place) -> bool | None:
        """Whether a date has its day first, by its weekday or by its document."""
        found = next(iter(dates_in(self.text[place.start : place.end])), None)
        if found:
            moved = FoundValue(place.start, place.end, found.text, found.value)
            if (order := order_by_weekday(self.text, moved)) is not None:
                return order
        return self._conventions(place.start).day_first

    def _timed(self, hit: Hit, day: date, value: datetime) -> Hit:
        """A place of the day of a moment, judged by the time that stands nearest in its line."""
        near = self._nearest_time(hit)
        wall = value.replace(tzinfo=None)
        if near is None:
            if wall.time() == time() or any(True for _ in self.times(wall.time(), self._document(hit.start))):
                return hit
            return _marked(
                hit, "contradicted", f"the time {wall:%H:%M} does not stand beside {day.isoformat()}"
            )
        whole = replace(hit, start=min(hit.start, near.start), end=max(hit.end, near.end), grade="loose")
        return _marked(whole, *_doubt_of_time(near, day, value))

    def _nearest_time(self, hit: Hit) -> FoundValue[time] | None:
        first = self.text.rfind("\n", 0, hit.start) + 1
        last = self.text.find("\n", hit.end)
        line = self._times_of[
            bisect_left(self._time_starts, first) : bisect_left(
                self._time_starts, last if last >= 0 else len(self.text)
            )
        ]
        return min(line, key=lambda found: max(found.start - hit.end, hit.start - found.end), default=None)

    def _counted(self, place: Place, number: Decimal, hints: Hints, grade: Literal["exact", "loose"]) -> Hit:
        hit = Hit(place.start, place.end, grade)
        doubt, why = self._doubt_of_number(place, number, hints)
        return _marked(hit, doubt, f"{self.text[place.start : place.end]!r} {why}")

    def _doubt_of_number(self, place: Place, number: Decimal, hints: Hints) -> tuple[Doubt, str]:
        """The first thing that speaks against reading a place as this number."""
        written = self.text[place.start : place.end]
        for factor, words in _MULTIPLES.items():
            after = words.match(self.text, place.end)
            if after and factor != hints.unit and not self._is_length(place, after.group()):
                return "ambiguous", f"goes on with {after.group().strip()!r}, so it is a multiple"
        if LEADING_ZEROS.fullmatch(written) and number:
            return "ambiguous", "begins with nought, which a number loses"
        if (
            not hints.whole
            and _DOTTED.fullmatch(written)
            and str(number) != written
            and is_section(self.text, place.start)
        ):
            return "ambiguous", f"is the number of a section or version, not {number}"
        if number > 0 and _SIGN_BEFORE.search(self.text, max(0, place.start - MINUS_CHARACTERS), place.start):
            return ("", "") if hints.is_outgoing else ("ambiguous", "is printed with a minus")
        return self._doubt_of_marks(place, hints)

    def _is_length(self, place: Place, unit: str) -> bool:
        before = self.text[max(0, place.start - MINUS_CHARACTERS) : place.start]
        whole = before + self.text[place.start : place.end].rstrip("0123456789.,")
        return bool(METRES.fullmatch(unit)) and not _CURRENCY_BEFORE.search(whole)

    def _doubt_of_marks(self, place: Place, hints: Hints) -> tuple[Doubt, str]:
        may_be = f"{MAY_BE} {place.other} as well, and nothing decides"
        if place.reading == "positive":
            return (
                ("", "") if hints.is_outgoing else ("ambiguous", "stands in brackets, which may be a minus")
            )
        if place.reading == "negative":
            return "ambiguous", may_be
        if place.reading in ("grouped", "decimal"):
            written = self.text[place.start : place.end]
            mark = "." if "." in written else ","
            shown = self._conventions(place.start).decimal_mark
            if shown:
                is_right = (place.reading == "decimal") == (shown == mark)
                return (
                    ("", "")
                    if is_right
                    else ("contradicted", f"is {place.other} here, as other numbers of the document show")
                )
            if not (hints.whole and place.reading == "grouped"):
                return "ambiguous", may_be
        return "", ""

    def _signed(self, number: Decimal, span: Span) -> Iterator[Hit]:
        """Places of a negative number whose minus stands apart, as in a table with the signs in a column of their own."""
        for place in _within(self._amounts.get(number, ()), span):
            if sign := _MINUS_APART.search(
                self.text, max(place.start - MINUS_CHARACTERS, span[0]), place.start
            ):
                yield Hit(sign.start(), place.end, "loose")

    def _multiplied(self, number: Decimal, span: Span, hints: Hints) -> Iterator[Hit]:
        """Places of a number that is written in thousands or millions, or as per cent."""
        for factor, words in _MULTIPLES.items():
            for place in self._written(number / factor, span):
                if after := words.match(self.text, place.end, span[1]):
                    yield Hit(place.start, after.end(), "loose")
        for place in _within(self._amounts.get(number * 100, ()), span):
            if after := _PERCENT.match(self.text, place.end, span[1]):
                hit = Hit(place.start, after.end(), "loose")
                why = f"{self.text[place.start : after.end()]!r} is given as a fraction, which the schema does not ask for"
                yield hit if hints.is_percent is False else _marked(hit, "ambiguous", why)

    def _written(self, number: Decimal, span: Span) -> Iterator[Place]:
        """Places of a number as an amount, or with letters behind it: 1.5m."""
        spelled = (self._numerals.get(spelling, ()) for spelling in _spellings(number))
        for places in (self._amounts.get(number, ()), *spelled):
            yield from _within(places, span)

    def _compact(self, value: date, span: Span) -> Iterator[Place]:
        return _within(self._numerals.get(value.strftime("%Y%m%d"), ()), span)

    def _conventions(self, place: int) -> Conventions:
        """How the document writes in which a place lies."""
        start, end = self._document(place)
        return self._known.setdefault(start, Conventions(self.text[start:end]))

    def _document(self, place: int) -> Span:
        return self._spans[max(0, bisect_left(self._spans, (place + 1, 0)) - 1)]

    # --- indexes -------------------------------------------------------------------------------------------------

    def _read(self, text: str, document: str) -> str:
        """A text as it is read for numbers and dates, character by character: in plain digits, misread figures as figures."""
        text = plain_digits(text)
        if document not in self._misread:
            return text
        return _FIGURE.sub(lambda match: match.group().translate(_MISREAD), text)

    @cached_property
    def _dates(self) -> Mapping[date, list[Place]]:
        return _index(reading for found in dates_in(self.text) for reading in readings_of_date(found))

    @cached_property
    def _amounts(self) -> Mapping[Decimal, list[Place]]:
        return _index(reading for found in amounts_in(self.text) for reading in readings_of_amount(found))

    @cached_property
    def _numerals(self) -> Mapping[str, list[Place]]:
        """Every number as it is spelled, also where a unit follows it (`12kg`), but not where a letter goes before (`A4`)."""
        matches = sorted(chain(_NUMERAL.finditer(self.text), _YEAR.finditer(self.text)), key=re.Match.start)
        return _index((match.group(), Place(*match.span())) for match in matches)

    @cached_property
    def _times_of(self) -> list[FoundValue[time]]:
        return list(times_in(self.text))

    @cached_property
    def _time_starts(self) -> list[int]:
        return [found.start for found in self._times_of]

    @cached_property
    def _times_by_start(self) -> Mapping[int, FoundValue[time]]:
        return {found.start: found for found in self._times_of}

    @cached_property
    def _times(self) -> Mapping[time, list[Place]]:
        return _index(
            (found.value.replace(tzinfo=None), Place(found.start, found.end)) for found in self._times_of
        )


_DAY = timedelta(days=1)


def _doubt_of_time(found: FoundValue[time], day: date, value: datetime) -> tuple[Doubt, str]:
    """What speaks against a moment that is printed as this time on this day."""
    zone, wall = found.value.tzinfo, value.replace(tzinfo=None)
    printed = datetime.combine(day, found.value.replace(tzinfo=None))
    if zone and value.tzinfo:
        same = printed.replace(tzinfo=zone) == value.replace(microsecond=0)
        return ("", "") if same else ("contradicted", f"{found.text!r} on {day} is another moment")
    if wall.replace(microsecond=0) != printed:
        half_a_day = not has_meridiem(found) and wall - printed == timedelta(hours=12)
        return "ambiguous" if half_a_day else "contradicted", f"{found.text!r} is {found.value:%H:%M}"
    if zone:
        return "ambiguous", f"{found.text!r} names a zone, which was left out"
    return ("ambiguous", f"{found.text!r} names no zone") if value.tzinfo else ("", "")


def _read_as(written: str) -> Reading:
    """How a number is read where it is spelled as it was given, which is with a point before decimals."""
    return "decimal" if _ONE_GROUP.fullmatch(written) else ""


def _marked(hit: Hit, doubt: Doubt, why: str) -> Hit:
    if not doubt:
        return hit
    return replace(hit, doubt=doubt, why=why, grade="missing" if doubt == "contradicted" else "loose")


def _is_numeric(text: str, place: Place) -> bool:
    written = text[place.start : place.end]
    return is_numeric(FoundValue(place.start, place.end, written, date.min))


def _index(readings: Iterable[tuple[Any, Place]]) -> dict[Any, list[Place]]:
    """Places by value, in order."""
    index: dict[Any, list[Place]] = {}
    for value, place in readings:
        index.setdefault(value, []).append(place)
    return index


def _within(places: Sequence[Place], span: Span) -> Iterator[Place]:
    """The places, which are in order, that lie in a span."""
    for number in range(bisect_left(places, span[0], key=lambda place: place.start), len(places)):
        if places[number].end > span[1]:
            return
        yield places[number]


def _spellings(number: Decimal) -> dict[str, None]:
    """The plain ways to write a number with a point: as it was given, and without zeros at its end."""
    plain = format(number, "f")
    return dict.fromkeys((plain, plain.rstrip("0").rstrip(".") if "." in plain else plain))
