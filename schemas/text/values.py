"""Amounts and currencies as documents write them: text in; `Decimal`, ISO code and half-open spans out. Dates are handed on from `dates`.

What is ambiguous is decided by the rules written here, and without a clock; `processors/check` tells where that is a guess.

    parse_amount("1.234,56 €")     Decimal("1234.56")
    currency_in("Total RM 9.00")   "MYR"
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterator
from decimal import Decimal

from octavo.schemas.text.dates import FoundValue, dates_in, other_date, parse_date

__all__ = [
    "FoundValue", "amounts_in", "currencies_in", "currency_in", "dates_in", "other_amount", "other_date",
    "parse_amount", "parse_date",
]  # fmt: skip


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
_MINUS = "[-−–△▲]"
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
