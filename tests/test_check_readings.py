"""Values with two readings: decided by the document, the field or the schema, else marked, and never silently one."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest

from octavo.processors.check.ground import evidence, ground
from octavo.processors.check.window_text import WindowText
from octavo.schemas.pipeline import Evidence, Field, Kind, Part

PROVED, AMBIGUOUS, CONTRADICTED, MISSING = "proved", "ambiguous", "contradicted", "missing"
AMERICAN, EUROPEAN = date(2026, 3, 4), date(2026, 4, 3)


def judged(field: Field, value: Any, text: str) -> tuple[str, Evidence]:
    """What becomes of one value over one page, and its evidence."""
    source = WindowText([Part("d", 1, 1, 0, len(text), text, 0)])
    (leaf,) = ground((field,), {field.name: value}, source, "d")
    item = evidence(leaf, source, "d")
    doubts = [note for note in item.notes if note in (AMBIGUOUS, CONTRADICTED)]
    return (doubts[0] if doubts else MISSING if item.grade == "missing" else PROVED), item


def field(kind: Kind, name: str = "it", description: str = "", scale: int = 4) -> Field:
    """A field of a schema."""
    return Field(name, kind, description, scale=scale)


@pytest.mark.parametrize(
    ("text", "value", "outcome"),
    [
        ("Issued 03/04/2026", AMERICAN, AMBIGUOUS),
        ("Issued 03/04/2026", EUROPEAN, AMBIGUOUS),
        ("Issued 03-04-2026", AMERICAN, AMBIGUOUS),
        ("Issued 3/4/26", AMERICAN, AMBIGUOUS),
        ("Issued ٠٣/٠٤/٢٠٢٦", AMERICAN, AMBIGUOUS),
        ("Issued 03.04.2026", EUROPEAN, PROVED),
        ("Issued 03.04.2026", AMERICAN, MISSING),
        ("Issued 04/04/2026", date(2026, 4, 4), PROVED),
        ("Issued 03/04/2026, due 25/04/2026", EUROPEAN, PROVED),
        ("Issued 03/04/2026, due 25/04/2026", AMERICAN, CONTRADICTED),
        ("Issued 03/04/2026, due 04/25/2026", AMERICAN, PROVED),
        ("Issued 03/04/2026, due 04/25/2026", EUROPEAN, CONTRADICTED),
        ("Issued 03/04/2026, 25/04/2026 or 04/25/2026", AMERICAN, AMBIGUOUS),
        ("Issued 03/04/2026 (3 April 2026)", AMERICAN, CONTRADICTED),
        ("Issued 03/04/2026 (2026-03-04)", AMERICAN, PROVED),
        ("Issued Fri 03/04/2026", EUROPEAN, PROVED),
        ("Issued Wednesday, 03/04/2026", AMERICAN, PROVED),
        ("Issued Friday 03/04/2026", AMERICAN, CONTRADICTED),
        ("Issued (DD/MM/YYYY): 03/04/2026", AMERICAN, CONTRADICTED),
        ("Issued (MM/DD/YYYY): 03/04/2026", AMERICAN, PROVED),
        ("Rechnung für das Jahr vom 03/04/2026, der Betrag", EUROPEAN, PROVED),
        ("Facture du 03/04/2026 pour le mois des travaux", AMERICAN, CONTRADICTED),
        ("Total £20.00 on 03/04/2026", EUROPEAN, PROVED),
        ("Total $20.00 on 03/04/2026", AMERICAN, AMBIGUOUS),
        ("Issued 2026-04-03", EUROPEAN, PROVED),
        ("Issued 2026/04/03", AMERICAN, MISSING),
    ],
)
def test_days_and_months(text: str, value: date, outcome: str) -> None:
    """Two readings of a date are decided by another date, a weekday, a mask, the language or the country of the document."""
    assert judged(field("date", "day"), value, text)[0] == outcome


@pytest.mark.parametrize(
    ("description", "value", "outcome"),
    [
        ("Day of purchase; day before month.", EUROPEAN, PROVED),
        ("Day of purchase; day before month.", AMERICAN, AMBIGUOUS),
        ("As MM/DD/YYYY.", AMERICAN, PROVED),
        ("As MM/DD/YYYY.", EUROPEAN, AMBIGUOUS),
        ("", EUROPEAN, AMBIGUOUS),
    ],
)
def test_a_schema_decides_days_and_months(description: str, value: date, outcome: str) -> None:
    """What a field's description says of the order decides where the document does not."""
    assert judged(field("date", "day", description), value, "On 03/04/2026")[0] == outcome


def test_the_document_goes_before_the_schema() -> None:
    """A date of the document that can be read in one way only counts more than the description."""
    text = "On 03/04/2026 and 04/25/2026"
    assert judged(field("date", "day", "day before month"), AMERICAN, text)[0] == PROVED


@pytest.mark.parametrize(
    ("text", "value", "outcome"),
    [
        ("Issued 12/03/2569", date(2569, 3, 12), AMBIGUOUS),
        ("Issued 14/09/1447", date(1447, 9, 14), AMBIGUOUS),
        ("Issued 1404/12/23", date(1404, 12, 23), AMBIGUOUS),
        ("Issued 23/05/5786", date(5786, 5, 23), AMBIGUOUS),
        ("Issued 13 มีนาคม 2569", date(2569, 3, 13), AMBIGUOUS),
        ("Issued 13 มีนาคม 2569", date(2026, 3, 13), PROVED),
        ("Issued 13/03/2569", date(2026, 3, 13), PROVED),
        ("Issued 令和8年3月13日", date(2026, 3, 13), PROVED),
        ("Issued 平成31年4月30日", date(2019, 4, 30), PROVED),
        ("Issued 令和元年5月1日", date(2019, 5, 1), PROVED),
        ("Issued 民國115年3月13日", date(2026, 3, 13), PROVED),
        ("Signed on 14 September 1447", date(1447, 9, 14), PROVED),
        ("Born 12/13/48", date(1948, 12, 13), AMBIGUOUS),
        ("Born 12/13/48", date(2048, 12, 13), PROVED),
    ],
)
def test_calendars(text: str, value: date, outcome: str) -> None:
    """A year of another calendar is converted, or in doubt; a far year beside the name of a month is history."""
    assert judged(field("date", "day"), value, text)[0] == outcome


@pytest.mark.parametrize(
    ("text", "value", "outcome"),
    [
        ("Weight 1.234 kg", "1.234", AMBIGUOUS),
        ("Weight 1.234 kg", "1234", AMBIGUOUS),
        ("Weight 1,234 kg", "1.234", AMBIGUOUS),
        ("Weight 1.234 kg, fee 2.50", "1.234", PROVED),
        ("Weight 1.234 kg, fee 2.50", "1234", CONTRADICTED),
        ("Weight 1,234 kg, fee 2.50", "1234", PROVED),
        ("Weight 1,234 kg, fee 2.50", "1.234", CONTRADICTED),
        ("Gewicht 1.234 kg, Preis 2,50", "1234", PROVED),
        ("Gewicht 1.234 kg, Preis 2,50", "1.234", CONTRADICTED),
        ("Gewicht 1,234 kg, Preis 2,50", "1.234", PROVED),
        ("Weight 1.234 kg of 1.234.567", "1234", PROVED),
        ("Weight 1.234 kg, from 14.03.2026", "1234", AMBIGUOUS),
        ("Weight 1.234 kg, at most 2.50 or 2,50", "1234", AMBIGUOUS),
        ("2.1 Scope\nWeight 1.234 kg", "1234", AMBIGUOUS),
        ("Weight 1'234 kg", "1234", PROVED),
        ("Weight 1’234.5 kg", "1234.5", PROVED),
        ("Weight 1 234,5 kg", "1234.5", PROVED),
        ("Weight ١٬٢٣٤٫٥٠ kg", "1234.5", PROVED),
        ("Weight ۱٬۲۳۴٫۵۰ kg", "1234.5", PROVED),
        ("Weight १,२३४.५० kg", "1234.5", PROVED),
        ("Weight 12,34,567 kg", "1234567", PROVED),
        ("Weight 0.125 kg", "0.125", PROVED),
        ("Weight 0,125 kg", "0.125", PROVED),
        ("Weight 1234.567 kg", "1234.567", PROVED),
    ],
)
def test_thousands_and_decimals(text: str, value: str, outcome: str) -> None:
    """One mark before three digits is decided by the other numbers of the document, dates and sections left aside."""
    verdict, item = judged(field("decimal", "weight"), Decimal(value), text)
    assert verdict == outcome
    assert item.grade != "exact" or outcome == PROVED


@pytest.mark.parametrize(("kind", "scale"), [("integer", 4), ("decimal", 2), ("decimal", 0)])
def test_a_column_decides_thousands(kind: Kind, scale: int) -> None:
    """A column that holds no three digits behind the point can only mean thousands."""
    assert judged(field(kind, "total", scale=scale), Decimal(1234), "Total EUR 1.234")[0] == PROVED


@pytest.mark.parametrize(
    "text",
    [
        "Total 1.5 Mio. EUR",
        "Total EUR 1.5 million",
        "Total 1.5mn EUR",
        "Total EUR 1.5m",
        "Total $1.5M",
        "Total 1.5 bn",
        "Total 1.5 Mrd. €",
        "Total 1.5 crore",
        "Total 1.5 lakh",
        "Total 1.5 тыс. руб.",
        "Total 1.5 млн руб.",
        "Total 1.5万円",
        "Total 1.5亿元",
        "Total 1.5 TEUR",
        "Total 1.5 k",
        "Total 1.5 milliards",
        "Total 1.5 millones",
        "Total 1.5 مليون",
    ],
)
def test_cut_multiples(text: str) -> None:
    """A number without the million or the like that is printed behind it is in doubt; with it, it is proved."""
    assert judged(field("decimal", "total"), Decimal("1.5"), text)[0] == AMBIGUOUS
    proved = [
        factor
        for factor in (3, 4, 5, 6, 7, 8, 9)
        if judged(field("decimal", "total"), Decimal("1.5").scaleb(factor), text)[0] == PROVED
    ]
    assert len(proved) == 1


def test_a_schema_in_millions() -> None:
    """A field that is wanted in millions has the number as it is printed."""
    wanted = field("decimal", "total", "Total in millions of EUR.")
    assert judged(wanted, Decimal("1.5"), "Total 1.5 Mio. EUR")[0] == PROVED


@pytest.mark.parametrize(
    ("kind", "value", "text", "outcome"),
    [
        ("text", "123", "Customer 00123", MISSING),
        ("text", "1067", "ZIP 01067 Dresden", MISSING),
        ("text", "00123", "Customer 00123", PROVED),
        ("text", "1.1", "Section 1.10", MISSING),
        ("text", "1.1", "Version 1.1.2", MISSING),
        ("text", "1.2", "Version 1.1.2", MISSING),
        ("text", "1.10", "Section 1.10.", PROVED),
        ("text", "2", "Clause 2.3", MISSING),
        ("text", "2026", "of 14.03.2026", PROVED),
        ("text", "1,234.50 EUR", "EUR 1.234,50", PROVED),
        ("text", "49351123456", "+49 351 123456", PROVED),
        ("text", "+49351123456", "+49 351 123456", PROVED),
        ("text", "DE89370400440532013000", "DE89 3704 0044 0532 0130 00", PROVED),
        ("text", "DE8937040044053201300", "DE89 3704 0044 0532 0130 00", MISSING),
        ("text", "7.0", "Order 7", MISSING),
        ("integer", 123, "Customer 00123", AMBIGUOUS),
        ("integer", 1067, "ZIP 01067 Dresden", AMBIGUOUS),
        ("integer", 5, "Month 05", PROVED),
        ("decimal", Decimal("1.1"), "Section 1.10", AMBIGUOUS),
        ("decimal", Decimal("1.1"), "Version 1.10", AMBIGUOUS),
        ("decimal", Decimal("3.2"), "§ 3.20", AMBIGUOUS),
        ("decimal", Decimal("1.1"), "Price 1.10", PROVED),
        ("number", 1.1, "Abschnitt 1.10", AMBIGUOUS),
    ],
)
def test_identifiers(kind: Kind, value: Any, text: str, outcome: str) -> None:
    """A text is proved by its characters; a number that loses nought at either end of an identifier is in doubt."""
    assert judged(field(kind), value, text)[0] == outcome


@pytest.mark.parametrize(
    ("name", "description", "value", "text", "outcome"),
    [
        ("vat", "", "19", "VAT 19 %", PROVED),
        ("vat", "", "0.19", "VAT 19 %", AMBIGUOUS),
        ("vat", "", "0.07", "VAT 7%", AMBIGUOUS),
        ("vat", "As a fraction, 0.19 for 19 %.", "0.19", "VAT 19 %", PROVED),
        ("vat", "In per cent.", "19", "VAT 19 %", PROVED),
        ("vat", "In per cent.", "0.19", "VAT 19 %", AMBIGUOUS),
        ("vat", "", "0.19", "VAT 0.19", PROVED),
    ],
)
def test_rates(name: str, description: str, value: str, text: str, outcome: str) -> None:
    """A rate is what is printed, unless the schema asks for a fraction, so that a column does not hold both."""
    assert judged(field("decimal", name, description), Decimal(value), text)[0] == outcome


@pytest.mark.parametrize(
    ("name", "value", "text", "outcome"),
    [
        ("profit", "-1234.50", "Profit (1,234.50)", PROVED),
        ("profit", "1234.50", "Profit (1,234.50)", AMBIGUOUS),
        ("cost", "1234.50", "Cost (1,234.50)", PROVED),
        ("profit", "-500", "Profit (500)", AMBIGUOUS),
        ("profit", "500", "Profit 500", PROVED),
        ("profit", "500", "Profit -500", AMBIGUOUS),
        ("profit", "-500", "Profit -500", PROVED),
        ("profit", "-500", "Profit −500", PROVED),
        ("profit", "-500.25", "Profit 500.25-", PROVED),
        ("profit", "-1500.25", "Profit △1,500.25", PROVED),
        ("profit", "-1500.25", "Profit ▲1,500.25", PROVED),
        ("discount", "500", "Discount -500", PROVED),
        ("profit", "-500", "Profit 500", MISSING),
        ("low", "3", "Pages 3-5", PROVED),
        ("high", "5", "Pages 3-5", PROVED),
    ],
)
def test_signs(name: str, value: str, text: str, outcome: str) -> None:
    """Brackets and a minus are a sign; without it a value is in doubt, unless its field is of what is taken off."""
    assert judged(field("decimal", name), Decimal(value), text)[0] == outcome


PST = timezone(-timedelta(hours=8))


def local(*parts: int) -> datetime:
    """A moment without a zone, as most documents print it."""
    year, month, day, hour, minute = (*parts, 0, 0)[:5]
    return datetime(year, month, day, hour, minute)  # noqa: DTZ001 - that is the point


@pytest.mark.parametrize(
    ("value", "text", "outcome"),
    [
        (local(2026, 3, 14, 22, 15), "on 14.03.2026 at 10:15 pm", PROVED),
        (local(2026, 3, 14, 10, 15), "on 14.03.2026 at 10:15 pm", CONTRADICTED),
        (local(2026, 3, 14, 10, 15), "on 14.03.2026 at 10:15 P.M.", CONTRADICTED),
        (local(2026, 3, 14, 10, 15), "2026年3月14日 下午10:15", CONTRADICTED),
        (local(2026, 3, 14, 22, 15), "2026年3月14日 下午10:15", PROVED),
        (local(2026, 3, 14, 22, 15), "on 14.03.2026 at 10:15", AMBIGUOUS),
        (local(2026, 3, 14, 0, 30), "14 March 2026, 12:30 am", PROVED),
        (local(2026, 3, 14, 12, 30), "14 March 2026, 12:30 am", CONTRADICTED),
        (local(2026, 3, 14, 22, 15), "am 14.03.2026 um 22.15 Uhr", PROVED),
        (local(2026, 3, 14, 22, 15), "le 14 mars 2026 à 22h15", PROVED),
        (local(2026, 3, 14, 22, 15), "2026-03-14T22:15:00", PROVED),
        (local(2026, 3, 14, 22, 15), "14 March 2026", CONTRADICTED),
        (local(2026, 3, 14), "14 March 2026", PROVED),
        (local(2026, 3, 14, 9, 30), "14 March 2026\nDoors open 9:30", PROVED),
        (datetime(2026, 3, 14, 23, 30, tzinfo=PST), "Sat, 14 Mar 2026 23:30:00 -0800", PROVED),
        (datetime(2026, 3, 15, 7, 30, tzinfo=UTC), "Sat, 14 Mar 2026 23:30:00 -0800", PROVED),
        (local(2026, 3, 14, 23, 30), "Sat, 14 Mar 2026 23:30:00 -0800", AMBIGUOUS),
        (datetime(2026, 3, 14, 23, 30, tzinfo=UTC), "Sat, 14 Mar 2026 23:30:00 -0800", CONTRADICTED),
        (datetime(2026, 3, 14, 23, 30, tzinfo=UTC), "14 Mar 2026 23:30", AMBIGUOUS),
        (datetime(2026, 3, 14, 23, 30, tzinfo=UTC), "2026-03-14T23:30:00Z", PROVED),
        (datetime(2026, 3, 14, 23, 30, tzinfo=PST), "14 Mar 2026 23:30 PST", PROVED),
    ],
)
def test_moments(value: datetime, text: str, outcome: str) -> None:
    """The hour of a moment is proved by an hour, in its half of the day and its zone, and not by the day."""
    assert judged(field("datetime", "began"), value, text)[0] == outcome


@pytest.mark.parametrize(
    ("value", "text", "outcome"),
    [
        ("09:30:00", "opens 09:30", PROVED),
        ("10:15", "at 10:15 pm", CONTRADICTED),
        ("22:15", "at 10:15 pm", PROVED),
        ("10:15 PM", "at 10:15 pm", PROVED),
        ("14:05", "at 2:05 PM", PROVED),
        ("14:05", "at 14:06", MISSING),
    ],
)
def test_times_of_day(value: str, text: str, outcome: str) -> None:
    """A text that is a time of day is proved by the same time in any form, and not by a piece of another."""
    assert judged(field("text", "time"), value, text)[0] == outcome


def test_a_clean_place_goes_before_a_doubtful_one() -> None:
    """Where a value stands twice, the place that can be read in one way only is its proof."""
    found = judged(field("date", "day"), EUROPEAN, "03/04/2026, which is 3 April 2026")[1]
    assert found.notes == ()


@pytest.mark.parametrize(
    ("wanted", "value", "text", "by"),
    [
        (field("decimal", "total"), Decimal("9.50"), "Total: 9.50", "row"),
        (field("decimal", "total"), Decimal("9.50"), "Total\n9.50", "row"),
        (field("decimal", "total"), Decimal("9.50"), "Price 9.50\n\nTotal 12.00", "page"),
        (field("decimal", "total"), Decimal("9.50"), "Price 9.50", "document"),
        (
            field("decimal", "sum", "What is paid (total, Gesamtbetrag)."),
            Decimal("9.50"),
            "Gesamtbetrag 9.50",
            "row",
        ),
        (field("decimal", "total"), Decimal("8.50"), "Total: 9.50", ""),
        (field("choice", "kind"), "actual", "Kind: actual", "row"),
        (field("choice", "kind"), "actual", "the actual work", "meaning"),
        (field("boolean", "paid"), True, "Paid: yes", "meaning"),
    ],
)
def test_by_what_a_value_is_proved(wanted: Field, value: Any, text: str, by: str) -> None:
    """The line of its label proves more than another on its page, and that more than any place; choices and booleans are meant."""
    assert judged(wanted, value, text)[1].by == by


def test_a_common_word_is_no_proof_of_a_choice() -> None:
    """A choice is graded as standing in the document only beside its label."""
    assert judged(field("choice", "kind"), "actual", "the actual work")[1].grade == "missing"
    assert judged(field("choice", "kind"), "actual", "Kind: actual")[1].grade == "exact"
