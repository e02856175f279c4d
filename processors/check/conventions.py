"""The text of one document comes in; how it writes days, months and decimals goes out, where it shows that.

A date that can be read in one way only (`25/03/2026`) decides for those that can be read in two, and an amount such as `2.50` for `1.234`.
Where a document shows both ways it decides nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from functools import cached_property, lru_cache
from importlib import import_module

from octavo.schemas.text.dates import FoundValue, dates_in, is_numeric, other_date
from octavo.schemas.text.values import currencies_in

_MASK_DAY_FIRST = re.compile(r"\b(?:DD|TT|JJ|dd)[/.\-](?:MM|mm)[/.\-](?:YY|JJ|AA|yy|aa)")
_MASK_MONTH_FIRST = re.compile(r"\b(?:MM|mm)[/.\-](?:DD|dd)[/.\-](?:YY|yy)")
_WEEKDAY = re.compile(r"([^\W\d_]{2,12})\.?,?\s{0,2}$")
_WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_WEEKDAY_LANGUAGES = ("en", "de", "fr", "es", "it", "nl", "pt")
_NATIONAL = (  # currencies of countries that write the day first; the dollar, the peso and the euro are of many
    "GBP AUD NZD INR MYR SGD ZAR BRL CHF DKK SEK NOK PLN CZK RON RUB TRY THB IDR VND NGN EGP AED ILS UAH PKR BGN"
)
_MONTHS_BEFORE = frozenset({"USD", "CAD", "PHP"})
_FOREIGN_WORDS = (  # of languages that write the day first
    "der die das und für vom rechnung datum le la les des du et pour facture montant el los para fecha del factura il di per della fattura"
    " het een van voor factuur da do em fatura och och av til og na od dnia"
)
_ENGLISH_WORDS = "the of and to for from date invoice total amount by on with this is"
_WORDS = re.compile(r"[^\W\d_]{2,12}")
LANGUAGE_CHARACTERS = 20_000  # of a document that are looked at for its language
LEAST_WORDS = 3  # of a language

# A number whose last mark must be the decimal one, with what touches it; not at the beginning of a line, where numbers of sections stand.
_POINT = re.compile(
    r"(?<![\d.,/])\d{1,3}(?:,\d{2,3})*\.(?:\d{1,2}|\d{5,})(?![\d.,:/]\d|\d)|(?<![\d.,])0\.\d+|\d{1,3}(?:,\d{3}){2,}|\d,\d{3}\.\d"
)
_COMMA = re.compile(
    r"(?<![\d.,/])\d{1,3}(?:\.\d{3})*,(?:\d{1,2}|\d{5,})(?![\d.,:/]\d|\d)|(?<![\d.,])0,\d+|\d{1,3}(?:\.\d{3}){2,}|\d\.\d{3},\d"
)
_SECTION = re.compile(
    r"(?:section|sec\.|clause|article|art\.|chapter|version|release|rev\.|paragraph|para\.|figure|fig\.|table|§+|item|"
    r"abschnitt|kapitel|ziffer|artikel|absatz|punkt|nummer|nr\.|no\.|v|ver\.|sección|sezione|clausola|cláusula|chapitre|раздел|пункт)\s*$",
    re.IGNORECASE,
)
_NUMBER = re.compile(r"\d+")
_DAY_AND_MONTH = re.compile(r"\d{1,2}\.\d{1,2}\.(?!\d)")  # 14.03. as German has it
_MONEY_AFTER = re.compile(r"\s?(?:[€$£¥%]|[A-Z]{3}\b|kg|km|m²|l\b)")


@dataclass(frozen=True)
class Conventions:
    """How one document writes dates and numbers. `text` has plain digits."""

    text: str

    @cached_property
    def day_first(self) -> bool | None:
        """Whether the day stands before the month in its dates; None where nothing shows it."""
        shown = {order for found in self._numeric if (order := self._order(found)) is not None}
        shown |= {True for _ in [0] if _MASK_DAY_FIRST.search(self.text)}
        shown |= {False for _ in [0] if _MASK_MONTH_FIRST.search(self.text)}
        if shown:
            return shown.pop() if len(shown) == 1 else None
        return True if self._is_day_first_country() else None

    @cached_property
    def decimal_mark(self) -> str:
        """The mark before decimals, a point or a comma; empty where nothing shows it, or both are used."""
        point, comma = _shows(_POINT, self.text), _shows(_COMMA, self.text)
        return "" if point == comma else "." if point else ","

    @cached_property
    def _numeric(self) -> list[FoundValue[date]]:
        return [found for found in dates_in(self.text) if is_numeric(found)]

    @cached_property
    def _worded(self) -> frozenset[date]:
        """Dates that can be read in one way only because their month has a name or their year comes first."""
        return frozenset(
            found.value for found in dates_in(self.text) if not is_numeric(found) or found.text[:4].isdigit()
        )

    def _order(self, found: FoundValue[date]) -> bool | None:
        """Whether a date has its day first, by its numbers, the same date in words, or its weekday."""
        other = other_date(found)
        if other is None:
            first, second, *_ = map(int, _NUMBER.findall(found.text))
            is_marked = "." not in found.text and first <= 31 and max(first, second) > 12
            return first > 12 if is_marked else None
        worded = {found.value, other} & self._worded
        return found.value in worded if len(worded) == 1 else order_by_weekday(self.text, found)

    def _is_day_first_country(self) -> bool:
        """Whether its language or currency is of countries that write the day first."""
        named = {found.value for found in currencies_in(self.text)}
        if named & set(_NATIONAL.split()) and not named & _MONTHS_BEFORE:
            return True
        words = [word.casefold() for word in _WORDS.findall(self.text[:LANGUAGE_CHARACTERS])]
        foreign = _count(words, _FOREIGN_WORDS.split())
        return foreign >= LEAST_WORDS and foreign > 2 * _count(words, _ENGLISH_WORDS.split())


def order_by_weekday(text: str, found: FoundValue[date]) -> bool | None:
    """Whether a date has its day first, as the day of the week beside it says: `Fri 03/04/2026` is 3 April."""
    other = other_date(found)
    beside = _WEEKDAY.search(text, max(0, found.start - 16), found.start)
    number = _weekdays().get(beside[1].casefold()) if beside else None
    if other is None or number is None or found.value.weekday() == other.weekday():
        return None
    return True if number == found.value.weekday() else False if number == other.weekday() else None


def is_section(text: str, start: int) -> bool:
    """Whether a number that begins at `start` is one of a section, a version or the like, and no amount."""
    return bool(_SECTION.search(text[max(0, start - 16) : start]))


def _begins_line(text: str, start: int) -> bool:
    """Whether nothing stands before a number in its line, as before that of a section."""
    return not text[text.rfind("\n", 0, start) + 1 : start].strip()


def _shows(form: re.Pattern[str], text: str) -> bool:
    return any(
        bool(_MONEY_AFTER.match(text, match.end()))
        or not (
            _begins_line(text, match.start())
            or is_section(text, match.start())
            or _DAY_AND_MONTH.match(text, match.start())
        )
        for match in form.finditer(text)
    )


@lru_cache(maxsize=1)
def _weekdays() -> dict[str, int]:
    """Names of days of the week that mean one day only, as dateparser has them, with their number from Monday."""
    meanings: dict[str, set[int]] = {}
    for language in _WEEKDAY_LANGUAGES:
        names = import_module(f"dateparser.data.date_translation_data.{language}").info
        for number, day in enumerate(_WEEKDAYS):
            for name in names[day]:
                meanings.setdefault(name.casefold().strip("."), set()).add(number)
    return {name: numbers.pop() for name, numbers in meanings.items() if len(numbers) == 1 and len(name) > 2}


def _count(words: Iterable[str], of: Iterable[str]) -> int:
    wanted = frozenset(of)
    return sum(word in wanted for word in words)
