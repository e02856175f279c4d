"""Dates, amounts and currencies as documents write them: text in; `date`, `Decimal`, ISO code and half-open spans out.

What is ambiguous is decided by the rules written here and nowhere else, and without a clock: a date without a year is no date.

    parse_date("18 MAR 2018")      date(2018, 3, 18)
    parse_amount("1.234,56 €")     Decimal("1234.56")
    currency_in("Total RM 9.00")   "MYR"
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import lru_cache
from typing import Generic, TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class FoundValue(Generic[T]):
    """One date or amount that stands in a text. `start` and `end` are half-open, in characters of that text."""

    start: int
    end: int
    text: str
    value: T


# --- dates ---------------------------------------------------------------------------------------------------------

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

_CLOCK = r"\d{1,2}:\d\d(?::\d\d)?"
_WORD = r"[A-Za-zÀ-ÿ]{3,10}"
_NTH = r"(?:st|nd|rd|th|er|[.ºª])?(?:\s+day)?[\s\-/.]{0,3}(?:(?:de|of|di)\s+)?"
# Subtle: a digit first, and only then what stands before it, because the engine skips to a first character three times as fast.
_DATE_FORMS = tuple(
    re.compile(form)
    for form in (
        r"(?P<y>\d(?<!\d\d)\d{3})(?P<s>[-./／]) ?(?P<m>\d{1,2})(?P=s) ?(?P<d>\d{1,2})(?!\d)",
        r"(?P<y>\d(?<!\d\d)\d{3})\s?[年년]\s?(?P<m>\d{1,2})\s?[月월]\s?(?P<d>\d{1,2})\s?[日号號일]",
        r"(?P<a>\d(?<!\d\d)(?<!\d[./]\d)\d?) ?(?P<s>[-./／])\s?(?P<b>\d{1,2}) ?(?P=s)\s?(?P<y>\d{4}|\d{2})(?!\d)(?!(?P=s)\d)",
        rf"(?P<d>\d(?<!\d\d)\d?){_NTH}(?P<n>{_WORD})[\s\-/.,]{{0,3}}(?:del?\s+)?['’]?(?P<y>\d{{4}}|\d{{2}})(?!\d)",
        rf"(?<![A-Za-zÀ-ÿ])(?P<n>{_WORD})[\s.\-]{{0,3}}(?P<d>\d{{1,2}})(?:st|nd|rd|th)?[\s,\-]{{1,16}}['’]?(?:{_CLOCK}\s)?(?P<y>\d{{4}}|(?<=['’])\d\d)(?!\d)",
    )
)
_SLASHED = re.compile(r"\d{1,2}[-/／] ?\d{1,2}[-/／] ?\d+")
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
    text = text.strip()
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
    """Every full date in `text` with its half-open span, in order and without overlaps; rules as in `parse_date`."""
    matches = (match for form in _DATE_FORMS for match in form.finditer(text))
    hits = [
        FoundValue(match.start(), match.end(), match.group(), day)
        for match in matches
        if (day := _date_of(match, day_first=day_first))
    ]
    end = 0
    for hit in sorted(hits, key=lambda hit: (hit.start, -hit.end)):
        if hit.start >= end:
            end = hit.end
            yield hit


def other_date(found: FoundValue[date]) -> date | None:
    """The second reading of a date that has one: `03/05/2026` is 3 May, or 5 March for a reader in the United States."""
    if found.value.day > 12 or not _SLASHED.fullmatch(found.text):
        return None
    return found.value.replace(month=found.value.day, day=found.value.month)


def _date_of(match: re.Match[str], *, day_first: bool | None) -> date | None:
    """The calendar day of a match, or None when there is no such day or month."""
    parts = match.groupdict()
    year = int(parts["y"])
    if len(parts["y"]) == 2:
        year += 2000 if year < _PIVOT else 1900
    if "a" in parts:
        day, month = _ordered(
            int(parts["a"]), int(parts["b"]), day_first=day_first is not False or parts["s"] == "."
        )
    else:
        day, month = int(parts["d"]), int(parts["m"]) if "m" in parts else _month(parts["n"])
    try:
        return date(year, month, day)
    except ValueError:
        return None


def _ordered(first: int, second: int, *, day_first: bool) -> tuple[int, int]:
    """Day and month of two numbers: whichever is above 12 is the day."""
    month_first = second > 12 or (not day_first and first <= 12)
    return (second, first) if month_first else (first, second)


def _month(name: str) -> int:
    """Number of a month from its name or an unambiguous beginning of it in seven languages; 0 when it is none."""
    return _months().get(_plain(name), 0)


@lru_cache(maxsize=1)
def _months() -> dict[str, int]:
    """Every beginning of three letters or more that means one month only: `juil` is July, `jui` is nothing."""
    meanings: dict[str, set[int]] = {}
    for line in _MONTH_NAMES.split("\n"):
        for number, name in enumerate(line.split(), start=1):
            for length in range(3, len(name) + 1):
                meanings.setdefault(name[:length], set()).add(number)
    return {start: numbers.pop() for start, numbers in meanings.items() if len(numbers) == 1}


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


# --- amounts -------------------------------------------------------------------------------------------------------

_SIGNS = {
    "US$": "USD", "HK$": "HKD", "NT$": "TWD", "AU$": "AUD", "CA$": "CAD", "NZ$": "NZD", "A$": "AUD", "C$": "CAD", "S$": "SGD",
    "R$": "BRL", "$": "USD", "€": "EUR", "£": "GBP", "₹": "INR", "₩": "KRW", "₽": "RUB", "₺": "TRY", "₫": "VND", "₱": "PHP",
    "฿": "THB", "₪": "ILS", "₴": "UAH", "₦": "NGN", "元": "CNY", "圆": "CNY", "人民币": "CNY", "円": "JPY", "RMB": "CNY", "RM": "MYR",
    "Rp": "IDR", "Rs.": "INR", "Rs": "INR", "Fr.": "CHF", "SFr.": "CHF", "zł": "PLN", "Kč": "CZK", "Ft": "HUF", "руб": "RUB",
    "Euro": "EUR", "euros": "EUR", "euro": "EUR",
}  # fmt: skip
_CODES = (
    "AED ARS AUD BGN BHD BRL CAD CHF CLP CNY COP CZK DKK EGP EUR GBP HKD HUF IDR ILS INR ISK JOD JPY KES KRW KWD LKR MAD MXN MYR NGN "
    "NOK NZD OMR PEN PHP PKR PLN QAR RON RSD RUB SAR SEK SGD THB TND TWD UAH USD VND ZAR"
)  # ISO 4217, 2026-11; codes that are words of a language (ALL, TOP, TRY) are left out
_THREE_DECIMALS = frozenset({"BHD", "JOD", "KWD", "OMR", "TND"})  # ISO 4217, exponent 3
_LETTERS = "A-Za-zÀ-ɏ"
_MONEY = "|".join(
    re.escape(name) + (rf"(?![{_LETTERS}])" if name[-1].isalpha() else "")
    for name in sorted([*_SIGNS, "¥", "￥", *_CODES.split()], key=len, reverse=True)
)
_CURRENCY = re.compile(rf"(?<![{_LETTERS}$])(?:{_MONEY})")

_GAP = "[ \u00a0\u2009\u202f]"
_LONGEST_AMOUNT = 40  # characters; DECIMAL(38) is the widest column, and a longer run of digits is no amount
_SPACED = re.compile(_GAP)
_MINUS = "[-−–]"
_AMOUNT = re.compile(
    rf"(?<![{_LETTERS}\d_])(?<!\d[.,/:'-])(?<![{_LETTERS}][-/])"
    rf"(?P<open>\()?(?P<sign>{_MINUS}{_GAP}?(?=[^\s\d]))?(?P<before>{_MONEY})?(?(before){_GAP}?)(?P<minus>{_MINUS})?"
    rf"(?P<number>\d{{1,3}}(?:{_GAP}\d{{3}})+(?:[.,]\d+)?(?!\d)|\d+(?:[.,'’]\d+)*)(?![.,:/]?\d)(?!-\d)"
    rf"(?(before)|(?:{_GAP}?(?P<after>{_MONEY}))?)(?![{_LETTERS}_])(?P<trail>{_MINUS}(?![\w-]))?(?(open)\))"
)
_ONE_GROUP = re.compile(r"(?<![\d.,])[1-9]\d{0,2}[.,]\d{3}(?![\d.,])")
_GROUPED = re.compile(r"(?!0)\d{1,3}(?P<g>[.,'’ ])\d{3}(?:(?P=g)\d{3})*(?:(?!(?P=g))[.,]\d+)?")
_INDIAN = re.compile(r"\d{1,2}(?:,\d{2})+,\d{3}(?:\.\d+)?")
_SIMPLE = re.compile(r"\d+(?:[.,]\d+)?")


def parse_amount(text: str) -> Decimal | None:
    """The one amount that `text` is, or None; currency, sign, accounting brackets and a per cent sign may stand around it.

    Of two kinds of separator the last is the decimal one. One separator before exactly three digits groups thousands
    (`1.234` is 1234), unless a zero stands before it (`0.125`), more than three digits do (`1234.567`), or the currency has
    three decimals (`KWD 1.234`). `(12.50)` and `12.50-` are negative, `(3)` is a mark like a footnote's and positive; `12,-` is 12.
    """
    plain = unicodedata.normalize("NFKC", text).strip().removesuffix("%").strip()
    plain = re.sub(r"(?<=\d)[.,][-–—]{1,2}", "", plain)
    plain = re.sub(r"^([-−–]) +", r"\1", plain).removeprefix("+")
    match = _AMOUNT.fullmatch(plain)
    return _amount_of(match) if match else None


def amounts_in(text: str) -> Iterator[FoundValue[Decimal]]:
    """Every number in `text` that may be an amount, in order, with the currency, sign and brackets that touch it.

    Dates, times, telephone numbers and parts of identifiers are left out. Subtle: `2 100,00` may be one number or two columns,
    so a number with spaces in it is followed by its pieces, which lie inside its span.
    """
    for match in _AMOUNT.finditer(text):
        if (value := _amount_of(match)) is not None:
            yield FoundValue(match.start(), match.end(), match.group(), value)
        if _SPACED.search(match["number"]):
            yield from _pieces(match)


def other_amount(found: FoundValue[Decimal]) -> Decimal | None:
    """The second reading of an amount that has one: `1.234` is 1234, or 1.234 where three digits follow a decimal point."""
    if not _ONE_GROUP.search(found.text):
        return None
    return found.value.scaleb(-3 if found.value == found.value.to_integral_value() else 3)


def currencies_in(text: str) -> Iterator[FoundValue[str]]:
    """Every sign, code or name of a currency in `text`, in order, with its ISO 4217 code.

    `$` alone is USD. `¥` is JPY where `円`, JPY or kana stand in the text, else CNY. `kr` names three currencies and so none.
    """
    japanese = bool(re.search(r"円|JPY|[\u3041-\u30ff]", text))
    for match in _CURRENCY.finditer(text):
        yield FoundValue(match.start(), match.end(), match.group(), _code(match.group(), japanese=japanese))


def currency_in(text: str) -> str | None:
    """ISO 4217 code of the currency that `text` names most often, the first of equals, or None."""
    counts = Counter(found.value for found in currencies_in(text))
    return max(counts, key=counts.__getitem__) if counts else None


def _code(name: str, *, japanese: bool) -> str:
    if name in "¥￥":
        return "JPY" if japanese else "CNY"
    return _SIGNS.get(name, name)


def _pieces(match: re.Match[str]) -> Iterator[FoundValue[Decimal]]:
    """The numbers between the spaces of a spaced number."""
    offset = match.start("number")
    for piece in re.finditer(r"[\d.,]+", match["number"]):
        if (value := _decimal(piece.group(), three_decimals=False)) is not None:
            yield FoundValue(offset + piece.start(), offset + piece.end(), piece.group(), value)


def _amount_of(match: re.Match[str]) -> Decimal | None:
    currency = match["before"] or match["after"] or ""
    value = _decimal(match["number"], three_decimals=currency in _THREE_DECIMALS)
    negative = (
        match["sign"]
        or match["minus"]
        or match["trail"]
        or (match["open"] and (currency or not match["number"].isdigit()))
    )
    return -value if value and negative else value


def _decimal(number: str, *, three_decimals: bool) -> Decimal | None:
    """Digits and separators to a Decimal; None when the groups make no number, as in `05.03.2026`, or more digits than money has."""
    if len(number) > _LONGEST_AMOUNT:
        return None
    if number.isdigit():
        return Decimal(number)
    number = _SPACED.sub(" ", number)
    one_separator = len(re.findall(r"\D", number)) == 1 and " " not in number
    if _GROUPED.fullmatch(number) and not (three_decimals and one_separator):
        return _with_point(number, grouped=True)
    if _INDIAN.fullmatch(number):
        return Decimal(number.replace(",", ""))
    return _with_point(number, grouped=False) if _SIMPLE.fullmatch(number) else None


def _with_point(number: str, *, grouped: bool) -> Decimal:
    """Subtle: in a grouped number the first separator groups, and a different one later is the point."""
    if grouped:
        number = number.replace(re.findall(r"\D", number)[0], "")
    return Decimal(number.replace(",", "."))
