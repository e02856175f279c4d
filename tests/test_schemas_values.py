"""Dates, amounts and currencies as documents write them."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from octavo.schemas.text.values import (
    amounts_in,
    currency_in,
    dates_in,
    other_amount,
    other_date,
    parse_amount,
    parse_date,
)

FIFTH_OF_MARCH = date(2026, 3, 5)


@pytest.mark.parametrize(
    "text",
    [
        "2026-03-05",
        "2026/3/5",
        "05.03.2026",
        "05. 03. 2026",
        "5.3.26",
        "05/03/2026",
        "20260305",
        "2026-03-05T12:30:00Z",
        "05.03.2026 12:30",
        "5 March 2026",
        "Thursday, March 5th, 2026",
        "Mar 5, 2026",
        "5 MAR 2026",
        "05-Mar-26",
        "5th day of March, 2026",
        "5. März 2026",
        "le 5 mars 2026",
        "5 de marzo de 2026",
        "5 maart 2026",
        "5 marzo 2026",
        "5 de março de 2026",
        "5 марта 2026 г.",
        "2026年3月5日",
        "２０２６年３月５日",
        "2026년 3월 5일",
    ],
)
def test_one_day_in_every_form(text: str) -> None:
    """A full date is read in the forms and languages that documents use."""
    assert parse_date(text) == FIFTH_OF_MARCH


@pytest.mark.parametrize(
    "text",
    [
        "",
        "tomorrow",
        "in 3 days",
        "5 March",
        "March 2026",
        "2026",
        "29.02.2025",
        "05.13.13.2026",
        "01.05.14-31.05.14",
        "5-8 March 2026",
        "12345678",
    ],
)
def test_no_date_is_guessed(text: str) -> None:
    """Relative, partial, impossible and several dates are no date."""
    assert parse_date(text) is None


@pytest.mark.parametrize(
    ("text", "day_first", "expected"),
    [
        ("03/05/2026", None, date(2026, 5, 3)),
        ("03/05/2026", True, date(2026, 5, 3)),
        ("03/05/2026", False, FIFTH_OF_MARCH),
        ("03/13/2026", True, date(2026, 3, 13)),
        ("13/03/2026", False, date(2026, 3, 13)),
        ("03.05.2026", False, date(2026, 5, 3)),
    ],
)
def test_order_of_day_and_month(text: str, *, day_first: bool | None, expected: date) -> None:
    """A number above 12 is the day, dots are day first, and otherwise the caller decides; day first when nobody does."""
    assert parse_date(text, day_first=day_first) == expected


@pytest.mark.parametrize(
    ("text", "year"), [("01.01.68", 2068), ("01.01.69", 1969), ("31-Dec-99", 1999), ("12-01-19", 2019)]
)
def test_years_of_two_digits(text: str, year: int) -> None:
    """Two digits below 69 are of this century, without looking at a clock."""
    found = parse_date(text)
    assert found is not None
    assert found.year == year


def test_dates_in_a_page() -> None:
    """Each date of a text is found once, in order, with the span that holds it; a month that ends a line goes on in the next."""
    text = "Leistung 01.05.14-31.05.14, gestellt am 5. März\n2026. Bill of Mar 5, 2026; IP 10.05.20.14, tel 555-1234"
    found = list(dates_in(text))
    assert [hit.value for hit in found] == [
        date(2014, 5, 1),
        date(2014, 5, 31),
        FIFTH_OF_MARCH,
        FIFTH_OF_MARCH,
    ]
    assert all(text[hit.start : hit.end] == hit.text for hit in found)


def test_a_date_with_two_readings() -> None:
    """A date that the United States read otherwise has a second reading; one that cannot be mistaken has none."""
    assert [other_date(hit) for hit in dates_in("03/05/2026 05.03.2026 13/05/2026")] == [
        FIFTH_OF_MARCH,
        None,
        None,
    ]


@given(
    st.dates(min_value=date(1970, 1, 1), max_value=date(2068, 12, 31)),
    st.sampled_from(["%Y-%m-%d", "%d.%m.%Y", "%d %B %Y", "%b %d, %Y", "%d.%m.%y"]),
)
def test_a_written_date_reads_back(day: date, form: str) -> None:
    """What strftime writes is read as the same day, alone and in a sentence."""
    text = day.strftime(form)
    assert parse_date(text) == day
    assert [hit.value for hit in dates_in(f"Due {text}, at noon")] == [day]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1.234,56", "1234.56"),
        ("1,234.56", "1234.56"),
        ("1 234,56", "1234.56"),
        ("1\u202f234,56 €", "1234.56"),
        ("1'234.56", "1234.56"),
        ("CHF 1’234.50", "1234.50"),
        ("12.345.678,90", "12345678.90"),
        ("₹1,23,456.78", "123456.78"),
        ("¥12,800.00", "12800.00"),
        ("￥１２，８００．００", "12800.00"),
        ("12800元", "12800"),
        ("EUR 9", "9"),
        ("RM9.00", "9.00"),
        ("(12.50)", "-12.50"),
        ("($1,234.50)", "-1234.50"),
        ("12.50-", "-12.50"),
        ("-€12.50", "-12.50"),
        ("- 5.00", "-5.00"),
        ("−5.00", "-5.00"),
        ("12,-", "12"),
        ("19 %", "19"),
        ("1.234", "1234"),
        ("0.125", "0.125"),
        ("1234.567", "1234.567"),
        ("KWD 1.234", "1.234"),
    ],
)
def test_amounts_of_the_world(text: str, expected: str) -> None:
    """Separators, signs and currencies are read as their countries write them, and no digit is lost."""
    assert str(parse_amount(text)) == expected


@pytest.mark.parametrize(
    "text", ["", "twelve", "12 apples", "05.03.2026", "1.234.56", "1e5", "12.50 13.50", "A4", "2024-117"]
)
def test_no_amount_is_guessed(text: str) -> None:
    """What is not one amount is none."""
    assert parse_amount(text) is None


def test_amounts_in_a_page() -> None:
    """Amounts stand with the currency and sign that touch them; dates, times, identifiers and telephone numbers are no amounts."""
    text = "RE-2019/507 vom 05.03.2026 12:30: 1.234,56 EUR, USt 19%, Rabatt -12.50 (3) (12.50) 金额￥12,800.00元 tel 020-7604101 A4"
    found = list(amounts_in(text))
    assert [str(hit.value) for hit in found] == ["1234.56", "19", "-12.50", "3", "-12.50", "12800.00"]
    assert found[0].text == "1.234,56 EUR"
    assert all(text[hit.start : hit.end] == hit.text for hit in found)


def test_a_space_may_group_or_part() -> None:
    """A number with spaces in it is followed by its pieces, because it may have been two columns."""
    assert [str(hit.value) for hit in amounts_in("2 100,00")] == ["2100.00", "2", "100.00"]


def test_an_amount_with_two_readings() -> None:
    """Three digits behind one separator can be read as thousands and as decimals; other amounts have one reading."""
    assert [other_amount(hit) for hit in amounts_in("1.234 1,234.50 12.50 0.125")] == [
        Decimal("1.234"),
        None,
        None,
        None,
    ]


@given(
    st.decimals(min_value=Decimal("-9999999.99"), max_value=Decimal("9999999.99"), places=2),
    st.sampled_from([(",", "."), (".", ","), ("'", "."), (" ", ",")]),
)
def test_a_written_amount_reads_back(value: Decimal, marks: tuple[str, str]) -> None:
    """An amount of two decimals is read as it was written, whatever separates its groups."""
    text = f"{value:,.2f}".translate(str.maketrans(",.", "".join(marks)))
    assert parse_amount(text) == value
    assert value in [hit.value for hit in amounts_in(f"Total {text} due")]


@given(st.text(alphabet=st.sampled_from("0123456789.,-/ ()€年月日Mar'’xX\n"), max_size=60))
def test_spans_hold_what_was_found(text: str) -> None:
    """Whatever the text, spans are in order and hold the characters they report, and the scan ends."""
    for found in (list(dates_in(text)), list(amounts_in(text))):
        assert all(text[hit.start : hit.end] == hit.text for hit in found)
        assert [hit.start for hit in found] == sorted(hit.start for hit in found)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("Total 9.00 EUR", "EUR"),
        ("£ 12", "GBP"),
        ("$5", "USD"),
        ("HK$5", "HKD"),
        ("RM 9.00", "MYR"),
        ("￥12,800.00", "CNY"),
        ("12,800元", "CNY"),
        ("¥500 (税込) ご請求", "JPY"),
        ("500円", "JPY"),
        ("CHF 5, EUR 3, EUR 2", "EUR"),
        ("Rs. 500", "INR"),
        ("kr 500", None),
        ("EUROPE, FARM, nothing", None),
    ],
)
def test_currency_of_a_text(text: str, code: str | None) -> None:
    """A code or sign gives the currency; the yen sign is Japanese only where the text is; words are no codes."""
    assert currency_in(text) == code
