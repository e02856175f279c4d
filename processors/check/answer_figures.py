"""The numbers of a text come in; what each may mean goes out, and which of them something else proves.

figures_in("1.234,50 EUR on 04.05.2026")        -> 1234.5, 4, 5, 2026 and the digits together, 2026-05-04
unproved("33.3 % of 12", {"0.33333333"})        -> ["12"]: a quotient of the rows may be rounded, and said in percent
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Iterator
from datetime import date
from decimal import Decimal

from octavo.schemas.text.dates import FoundValue, dates_in, other_date

_SPACED = "[ \u00a0\u202f'\u2019]"  # between thousands
_NUMBER = re.compile(rf"\d{{1,3}}(?:{_SPACED}\d{{3}})+(?!\d)(?:[.,]\d+)?|\d[\d.,]*\d|\d")
_DATE = re.compile(r"(\d{1,2})([./])(\d{1,2})\2(\d{4}|\d{2})|(\d{4})([./])(\d{1,2})\6(\d{1,2})")
_HASH = re.compile(r"\b[0-9a-f]{32,64}\b")  # digits of a document's id are no figures
_LABEL = re.compile(
    r"\b[A-Z]\d{1,2}\b|^[ \t>*-]*\d{1,3}[.)](?=\s)", re.MULTILINE
)  # Q1, A4, and numbers of a list
_PERCENT = re.compile(r"\s?(?:%|\uff05|percent|per cent|Prozent)")
QUOTIENT_DECIMALS = (
    4  # a figure of the rows with so many was divided, and may be said shorter; money and counts may not
)


def figures_in(text: str) -> set[str]:
    """All numbers of a text, in each way in which they may be read, without zeros that say nothing; and its dates.

    >>> sorted(figures_in("1.234,50 EUR, 1,234 pieces, 100.00"))
    ['1.234', '100', '1234', '1234.5']
    """
    plain = _HASH.sub(" ", _digits(text))
    written = (match.group() for match in _NUMBER.finditer(plain))
    dates = {reading for found in dates_in(plain) for reading in _days(found)}
    return dates.union(reading for number in written for reading in _all_readings(number))


def unproved(claim: str, proved: Collection[str], rows: Collection[str] = ()) -> list[str]:
    """The numbers of a claim that are not among `proved`; those of `rows` may be rounded where they are quotients."""
    text = _LABEL.sub(lambda label: " " * len(label.group()), _digits(claim))
    quotients = [Decimal(one) for one in rows if len(one.partition(".")[2]) >= QUOTIENT_DECIMALS]
    found = [one.text for one in dates_in(text) if _is_other_day(one, proved)]
    for match in _NUMBER.finditer(text):
        percent = bool(_PERCENT.match(text, match.end()))
        if not _stands(match.group(), proved, quotients, percent=percent):
            found.append(match.group())
    return list(dict.fromkeys(found))


def _days(found: FoundValue[date]) -> set[str]:
    """A date as it may be read."""
    return {day.isoformat() for day in (found.value, other_date(found)) if day}


def _is_other_day(found: FoundValue[date], proved: Collection[str]) -> bool:
    """Whether there are dates of that year, and this one is none of them: then its parts, which may stand in these, prove nothing."""
    year = f"{found.value.year}-"
    return _days(found).isdisjoint(proved) and any(one.startswith(year) for one in proved)


def _stands(number: str, proved: Collection[str], quotients: Collection[Decimal], *, percent: bool) -> bool:
    readings = _readings(number)
    if not readings.isdisjoint(proved) or any(_rounds(one, quotients, percent=percent) for one in readings):
        return True
    if percent and not {_plain(Decimal(one) / 100) for one in readings}.isdisjoint(proved):
        return True
    if not _DATE.fullmatch(number):
        return False  # the parts of `1 250,00` are no proof of it: a 1 stands on every page
    return all(not _readings(one).isdisjoint(proved) for one in _pieces(number))


def _rounds(number: str, quotients: Collection[Decimal], *, percent: bool) -> bool:
    """Whether a quotient, rounded to as many decimals as the number has, is the number."""
    said = Decimal(number)
    step = Decimal(1).scaleb(-len(number.partition(".")[2]))
    if not said:
        return False  # everything small is 0 when it is rounded
    return any(
        abs(one * scale - said) * 2 <= step for one in quotients for scale in ((1, 100) if percent else (1,))
    )


def _all_readings(number: str) -> Iterator[str]:
    yield from _readings(number)
    for piece in _pieces(number):
        yield from _readings(piece)


def _pieces(number: str) -> list[str]:
    """The parts of what may be a date or several numbers: 04.05.26 is 4, 5 and 2026; `2 100` may be a 2 and a 100."""
    if day := _DATE.fullmatch(number):
        parts = [one for one in day.groups() if one and one not in "./"]
        return [f"20{one}" if at == 2 and len(one) == 2 and day[4] else one for at, one in enumerate(parts)]
    return re.split(_SPACED, number)


def _readings(number: str) -> set[str]:
    """A last point or comma is that of decimals, or parts thousands where three digits follow it and no other mark stands before."""
    whole, mark, rest = re.fullmatch(r"(.*?)(?:([.,])(\d+))?", number).groups()  # type: ignore[union-attr] # it fits all
    digits = re.sub(r"\D", "", whole)
    together = (digits + (rest or "")).lstrip("0") or "0"
    if not mark or mark in whole:
        return {together}
    decimals = rest.rstrip("0")
    read = (digits.lstrip("0") or "0") + (f".{decimals}" if decimals else "")
    return {read, together} if len(rest) == 3 else {read}


def _plain(number: Decimal) -> str:
    """A number as `_readings` writes it."""
    text = f"{number:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _digits(text: str) -> str:
    """A text with the digits of all scripts as those of ASCII."""
    return "".join(
        str(unicodedata.digit(one)) if not one.isascii() and one.isdecimal() else one for one in text
    )
