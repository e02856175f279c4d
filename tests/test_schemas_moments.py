"""Dates of many languages and calendars, times of day, and digits of other scripts, as documents write them."""

from __future__ import annotations

from datetime import date, time, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from octavo.schemas.text.digits import plain_digits
from octavo.schemas.text.moments import has_meridiem, times_in
from octavo.schemas.text.values import dates_in, parse_amount, parse_date

DAY = date(2026, 3, 14)


@pytest.mark.parametrize(
    "text",
    [
        "Invoice 12 dated 14 March 2026",
        "Desk N-7\nSat, 14 Mar 2026",
        "Page 7\nMarch 14, 2026",
        "Order 3 of 14 March 2026",
        "Room 4 am 14. März 2026",
        "Facture 99 du 14 mars 2026",
        "Lot 5 items 14-Mar-2026",
        "1 May 14 March 2026",
    ],
)
def test_a_number_and_a_word_do_not_hide_a_date(text: str) -> None:
    """A date is found behind a number below 100 and a word, which look like the beginning of one."""
    assert DAY in [found.value for found in dates_in(text)]


@pytest.mark.parametrize(
    "text",
    [
        "14 марта 2026 г.",
        "14 березня 2026",
        "14 Μαρτίου 2026",
        "14 مارس 2026",
        "١٤/٠٣/٢٠٢٦",
        "१४ मार्च २०२६",
        "14 tháng 3 năm 2026",
        "2026. március 14.",
        "14 Mart 2026",
        "14 marca 2026",
        "14. března 2026",
        "14. maaliskuuta 2026",
        "14 martie 2026",
        "14 Maret 2026",
        "14 Mac 2026",
        "2026 March 14",
        "令和8年3月14日",
        "R8.3.14",
        "民國115年3月14日",
        "2026년 3월 14일",
    ],
)
def test_dates_of_many_languages(text: str) -> None:
    """A date in words is one day in every language, script and era."""
    assert [found.value for found in dates_in(plain_digits(text))] == [DAY]
    assert parse_date(text) == DAY


@pytest.mark.parametrize(
    ("text", "hour", "ahead"),
    [
        ("10:15 pm", (22, 15), None),
        ("10:15 P.M.", (22, 15), None),
        ("12:30 am", (0, 30), None),
        ("12:30 pm", (12, 30), None),
        ("9 am", (9, 0), None),
        ("22.15 Uhr", (22, 15), None),
        ("klo 22.15", (22, 15), None),
        ("22h15", (22, 15), None),
        ("下午10:15", (22, 15), None),
        ("午後10時15分", (22, 15), None),
        ("오전 10:15", (10, 15), None),
        ("22:15:00 -0800", (22, 15), -8),
        ("22:15:00-08:00", (22, 15), -8),
        ("22:15+05:30", (22, 15), 5.5),
        ("22:15 UTC+2", (22, 15), 2),
        ("22:15Z", (22, 15), 0),
        ("22:15 (CET)", (22, 15), 1),
        ("10:15 PM EST", (22, 15), -5),
        ("22:15 CST", (22, 15), None),
    ],
)
def test_times_of_day(text: str, hour: tuple[int, int], ahead: float | None) -> None:
    """A time has its half of the day and its zone; an abbreviation that means two zones names none."""
    zone = None if ahead is None else timezone(timedelta(hours=ahead))
    (found,) = times_in(f"at {text}")
    assert found.value.replace(tzinfo=None) == time(*hour)
    assert found.value.utcoffset() == (zone and zone.utcoffset(None))


def test_a_span_of_time_is_two_times() -> None:
    """What stands behind a hyphen is the end, and no zone; a number with a point and a ratio are no times."""
    assert [found.text for found in times_in("10:15-11:30, version 10.15, 1:2")] == ["10:15", "11:30"]


@pytest.mark.parametrize(
    ("text", "told"), [("10:15", False), ("10:15 am", True), ("22:15", True), ("下午10:15", True)]
)
def test_halves_of_the_day(text: str, *, told: bool) -> None:
    """Only an hour up to 12 without a word may be of either half."""
    assert has_meridiem(next(times_in(text))) is told


@given(st.text(max_size=60))
def test_plain_digits_keep_every_place(text: str) -> None:
    """A text in plain digits has as many characters as before."""
    assert len(plain_digits(text)) == len(text)


@pytest.mark.parametrize(
    "text", ["١٬٢٣٤٫٥٠", "۱٬۲۳۴٫۵۰", "१,२३४.५०", "๑,๒๓๔.๕๐", "１，２３４．５０", "1ʼ234.50"]
)
def test_amounts_in_other_digits(text: str) -> None:
    """An amount is the same in the digits of every script."""
    assert str(parse_amount(text)) == "1234.50"
