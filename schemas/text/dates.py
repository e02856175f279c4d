"""Dates as documents write them, in many languages, digits and calendars: text in; `date` and half-open spans out.

    parse_date("18 MAR 2018")        date(2018, 3, 18)
    parse_date("令和8年3月14日")       date(2026, 3, 14)
    parse_date("14 มีนาคม 2569")      date(2569, 3, 14), which `converted_date` turns into date(2026, 3, 14)

Names of months beyond the Latin alphabet are those of dateparser's data. Years of Japanese eras and of the Republic of China are converted.
Those of calendars with other months (Hijri, Persian, Hebrew) are read as they are printed; a year far from ours tells that.
"""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from importlib import import_module
from typing import Generic, TypeVar

from octavo.schemas.text.digits import plain_digits

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class FoundValue(Generic[T]):
    """One date or amount that stands in a text. `start` and `end` are half-open, in characters of that text."""

    start: int
    end: int
    text: str
    value: T


_MONTH_NAMES = """
january february march april may june july august september october november december
januar februar marz april mai juni juli august september oktober november dezember
janvier fevrier mars avril mai juin juillet aout septembre octobre novembre decembre
enero febrero marzo abril mayo junio julio agosto septiembre octubre noviembre diciembre
januari februari maart april mei juni juli augustus september oktober november december
gennaio febbraio marzo aprile maggio giugno luglio agosto settembre ottobre novembre dicembre
janeiro fevereiro marco abril maio junho julho agosto setembro outubro novembro dezembro
janner feber mrz apr mai jun jul aug sept okt nov dez
jan feb mrt apr maggio jun jul aug sep oct nov dec
"""
_WHOLE_NAMES = """
styczen luty marzec kwiecien maj czerwiec lipiec sierpien wrzesien pazdziernik listopad grudzien
stycznia lutego marca kwietnia maja czerwca lipca sierpnia wrzesnia pazdziernika listopada grudnia
januar februar marts april maj juni juli august september oktober november december
januari februari mars april maj juni juli augusti september oktober november december
tammikuu helmikuu maaliskuu huhtikuu toukokuu kesakuu heinakuu elokuu syyskuu lokakuu marraskuu joulukuu
tammikuuta helmikuuta maaliskuuta huhtikuuta toukokuuta kesakuuta heinakuuta elokuuta syyskuuta lokakuuta marraskuuta joulukuuta
januar februar marcius aprilis majus junius julius augusztus szeptember oktober november december
ianuarie februarie martie aprilie mai iunie iulie august septembrie octombrie noiembrie decembrie
ocak subat mart nisan mayıs haziran temmuz agustos eylul ekim kasım aralık
januari februari maret april mei juni juli agustus september oktober november desember
januari februari mac april mei jun julai ogos september oktober november disember
ledna unora brezna dubna kvetna cervna cervence srpna zari rijna listopadu prosince
"""  # of which a beginning means nothing: `mar` is March, and not marraskuu
_PIVOT = (
    69  # two-digit years below are 20xx, the others 19xx, as POSIX strptime has it (The Open Group, Issue 7)
)
_LONGEST_DATE = 64  # characters; a longer text is prose that has a date in it, not a date
_LANGUAGES = (
    "en",
    "de",
    "fr",
    "es",
    "it",
    "nl",
    "pt",
    "pl",
    "cs",
    "da",
    "sv",
    "fi",
    "ro",
    "hu",
    "tr",
    "ru",
    "uk",
)

_OTHER_ALPHABETS = (
    "ru", "uk", "bg", "el", "ar", "fa", "he", "hi", "th",
)  # fmt: skip
_ERAS = {
    "令和": 2018,
    "平成": 1988,
    "昭和": 1925,
    "大正": 1911,
    "R": 2018,
    "H": 1988,
    "S": 1925,
    "民國": 1911,
    "民国": 1911,
}
_BUDDHIST, _BUDDHIST_YEARS = 543, range(2400, 2700)  # years ahead; of dates that nobody else writes

_CLOCK = r"\d{1,2}:\d\d(?::\d\d)?"
_LETTER = r"[A-Za-zÀ-ɏ\u0370-\u05ea\u0620-\u064a\u0671-\u06d3\u0900-\u0963\u0e01-\u0e4e]"
_WORD = rf"{_LETTER}{{3,14}}"
_NTH = r"(?:st|nd|rd|th|er|[.ºª])?(?:\s+day)?[\s\-/.]{0,3}(?:(?:de|of|di)\s+)?"
_YEAR_WORD = r"(?:(?:de[l]?|พ\.ศ\.|ค\.ศ\.)\s*)?"
# Subtle: a digit first, and only then what stands before it, because the engine skips to a first character three times as fast.
_DATE_FORMS = tuple(
    re.compile(form)
    for form in (
        r"(?P<y>\d(?<!\d\d)\d{3})(?P<s>[-./／]) ?(?P<m>\d{1,2})(?P=s) ?(?P<d>\d{1,2})(?!\d)",
        r"(?P<y>\d(?<!\d\d)\d{3})\s?[年년]\s?(?P<m>\d{1,2})\s?[月월]\s?(?P<d>\d{1,2})\s?[日号號일]",
        r"(?P<a>\d(?<!\d\d)(?<!\d[./]\d)\d?) ?(?P<s>[-./／])\s?(?P<b>\d{1,2}) ?(?P=s)\s?(?P<y>\d{4}|\d{2})(?!\d)(?!(?P=s)\d)",
        rf"(?P<d>\d(?<!\d\d)\d?){_NTH}(?P<n>{_WORD})[\s\-/.,]{{0,3}}{_YEAR_WORD}['’]?(?P<y>\d{{4}}|\d{{2}})(?!\d)",
        rf"(?<!{_LETTER})(?P<n>{_WORD})[\s.\-]{{0,3}}(?P<d>\d{{1,2}})(?:st|nd|rd|th)?[\s,\-]{{1,16}}['’]?(?:{_CLOCK}\s)?(?P<y>\d{{4}}|(?<=['’])\d\d)(?!\d)",
        rf"(?P<y>\d(?<!\d\d)\d{{3}})[.,]?[\s\-/](?P<n>{_WORD})[\s\-/.]{{1,2}}(?P<d>\d{{1,2}})(?!\d)",
        r"(?P<d>\d(?<!\d\d)\d?)\s+tháng\s+(?P<m>\d{1,2})(?:\s+năm|,)?\s+(?P<y>\d{4})(?!\d)",
        rf"(?P<e>{'|'.join(_ERAS)})(?<![A-Za-z]\w)\s?(?P<y>\d{{1,3}}|元)\s?[年.]\s?(?P<m>\d{{1,2}})\s?[月.]\s?(?P<d>\d{{1,2}})(?!\d)日?",
    )
)
_SLASHED = re.compile(r"\d{1,2} ?[-/／]\s?\d{1,2} ?[-/／]\s?\d+")
_COMPACT = re.compile(r"(?P<y>(?:19|20)\d{2})(?P<m>\d{2})(?P<d>\d{2})")
_TIME = re.compile(
    r"T?\d{1,2}:\d{2}(?::\d{2}(?:[.,]\d+)?)?\s*(?:Z|[AaPp]\.?[Mm]\.?)?(?:\s*[+-]\d{2}:?\d{2})?"
)


def parse_date(text: str, *, day_first: bool | None = None) -> date | None:
    """The one date that `text` is, or None. Weekdays, words and a time of day around it do no harm; other digits do.

    `03/05/2026`: a number above 12 is the day. Otherwise `day_first` decides, and None means day first, as in most of the
    world; dots (`03.05.2026`) are day first whatever is told, because no country writes them month first. Eight digits are
    YYYYMMDD. Two-digit years turn at 69. Relative dates and dates without a year are None.
    """
    text = plain_digits(text).strip()
    if len(text) > _LONGEST_DATE:
        return None
    if compact := _COMPACT.fullmatch(text):
        return _date_of(compact, day_first=day_first)
    found = list(dates_in(text, day_first=day_first))
    if not found:
        return _parse_rare_date(text, "MDY" if day_first is False else "DMY")
    rest = text[: found[0].start] + _TIME.sub(" ", text[found[0].end :])
    return found[0].value if len(found) == 1 and not re.search(r"\d", rest) else None


def dates_in(text: str, *, day_first: bool | None = None) -> Iterator[FoundValue[date]]:
    r"""Every full date in `text` with its half-open span, in order and without overlaps; rules as in `parse_date`.

    Where two overlap, one with a year of four digits goes before, so that in `7\nMay 12, 2026` the 7 is no day.
    """
    hits = [hit for form in _DATE_FORMS for hit in _matches(form, text, day_first=day_first)]
    kept: list[FoundValue[date]] = []
    for hit in sorted(hits, key=lambda hit: (_is_short(hit), hit.start, -hit.end)):
        at = bisect_left(kept, hit.start, key=lambda other: other.start)
        if (at == 0 or kept[at - 1].end <= hit.start) and (at == len(kept) or hit.end <= kept[at].start):
            kept.insert(at, hit)
    yield from kept


def converted_date(found: FoundValue[date]) -> date | None:
    """The common date of one with a year of the Buddhist calendar, or None."""
    if found.value.year not in _BUDDHIST_YEARS:
        return None
    try:
        return found.value.replace(year=found.value.year - _BUDDHIST)
    except ValueError:
        return None


def other_century(found: FoundValue[date]) -> date | None:
    """The reading of a date with a year of two digits in the other century: `12/03/48` is 2048, or 1948."""
    if not _is_short(found):
        return None
    try:
        return found.value.replace(year=found.value.year + (100 if found.value.year < 2000 else -100))
    except ValueError:
        return None


def is_numeric(found: FoundValue[date]) -> bool:
    """Whether a date is written without a word, so that the calendar is not said."""
    return not any(character.isalpha() for character in found.text)


def _matches(form: re.Pattern[str], text: str, *, day_first: bool | None) -> Iterator[FoundValue[date]]:
    """The dates of one form. What looks like one and is none (`12 dated 14`) does not hide one that begins within it."""
    match = form.search(text)
    while match:
        if day := _date_of(match, day_first=day_first):
            yield FoundValue(match.start(), match.end(), match.group(), day)
        match = form.search(text, match.start() + 1)


def _is_short(found: FoundValue[date]) -> bool:
    """Whether the year has two digits."""
    return str(found.value.year) not in found.text and bool(re.search(r"(?<!\d)['’]?\d\d$", found.text))


def other_date(found: FoundValue[date]) -> date | None:
    """The second reading of a date that has one: `03/05/2026` is 3 May, or 5 March for a reader in the United States."""
    if found.value.day > 12 or not _SLASHED.fullmatch(found.text):
        return None
    return found.value.replace(month=found.value.day, day=found.value.month)


def _date_of(match: re.Match[str], *, day_first: bool | None) -> date | None:
    """The calendar day of a match, or None when there is no such day or month."""
    parts = match.groupdict()
    if "a" in parts:
        day, month = _ordered(
            int(parts["a"]), int(parts["b"]), day_first=day_first is not False or parts["s"] == "."
        )
    else:
        day, month = int(parts["d"]), int(parts["m"]) if "m" in parts else _month(parts["n"])
    try:
        return date(_year(parts), month, day)
    except ValueError:
        return None


def _year(parts: dict[str, str]) -> int:
    """The year of a match: of an era its number from the beginning, of two digits by the pivot."""
    if era := parts.get("e"):
        return _ERAS[era] + (1 if parts["y"] == "元" else int(parts["y"]))
    year = int(parts["y"])
    return year if len(parts["y"]) > 2 else year + (2000 if year < _PIVOT else 1900)


def _ordered(first: int, second: int, *, day_first: bool) -> tuple[int, int]:
    """Day and month of two numbers: whichever is above 12 is the day."""
    month_first = second > 12 or (not day_first and first <= 12)
    return (second, first) if month_first else (first, second)


def _month(name: str) -> int:
    """Number of a month from its name or an unambiguous beginning of it; 0 when it is none."""
    return _months().get(_plain(name), 0) if _plain(name) else _months_elsewhere().get(_bare(name), 0)


@lru_cache(maxsize=1)
def _months() -> dict[str, int]:
    """Every beginning of three letters or more that means one month only: `juil` is July, `jui` is nothing."""
    meanings: dict[str, set[int]] = {}
    for line in _MONTH_NAMES.split("\n"):
        for number, name in enumerate(map(_plain, line.split()), start=1):
            for length in range(3, len(name) + 1):
                meanings.setdefault(name[:length], set()).add(number)
    whole = {
        _plain(name): number
        for line in _WHOLE_NAMES.split("\n")
        for number, name in enumerate(line.split(), start=1)
    }
    return whole | {start: numbers.pop() for start, numbers in meanings.items() if len(numbers) == 1}


@lru_cache(maxsize=1)
def _months_elsewhere() -> dict[str, int]:
    """Names of months in other alphabets, as dateparser has them. Loaded when a document has such letters beside a number."""
    names = _MONTH_NAMES.split()[:12]
    return {
        _bare(name): number
        for language in _OTHER_ALPHABETS
        for number, month in enumerate(names, start=1)
        for name in import_module(f"dateparser.data.date_translation_data.{language}").info[month]
    }


def _bare(word: str) -> str:
    return word.casefold().strip(".")


def _plain(word: str) -> str:
    """Lower case without accents: `FÉVR` becomes `fevr`."""
    return unicodedata.normalize("NFKD", word.casefold()).encode("ascii", "ignore").decode()


@lru_cache(maxsize=1024)
def _parse_rare_date(text: str, order: str) -> date | None:
    """A date in a language or order that the forms above do not know; it must name day, month and a year of four digits."""
    if not re.search(r"(?<!\d)\d{4}(?!\d)", text) or not re.search(r"[^\W\d_]", text):
        return None
    import dateparser  # takes 0.3 s to import and is seldom needed

    moment = dateparser.parse(
        text,
        languages=list(_LANGUAGES),
        settings={
            "REQUIRE_PARTS": ["day", "month", "year"],
            "PARSERS": ["absolute-time"],
            "DATE_ORDER": order,
        },
    )
    return moment.date() if moment else None
