"""Grounding: where each value stands in its own document."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from octavo.processors.check.confidence import SURE, confidence
from octavo.processors.check.ground import evidence, ground
from octavo.processors.check.window_text import WindowText
from octavo.schemas.pipeline import Evidence, Field, Kind, Part, TextFrom
from octavo.schemas.text.values import amounts_in, dates_in

LINE = Field(
    "lines",
    "list",
    item=Field(
        "line",
        "record",
        fields=(Field("what", "text"), Field("count", "integer"), Field("amount", "decimal")),
    ),
)

PROSE = (Path(__file__).parents[1] / "data/make_samples/prose/contract.txt").read_text(encoding="utf-8")[
    :1300
]


def part(
    text: str, *, page: int = 1, start: int = 0, document: str = "d1", text_from: TextFrom = "file"
) -> Part:
    """A part that shows `text` of a page from `start` on."""
    return Part(document, page, 9, start, start + len(text), text, 0, text_from=text_from)


def prove(
    fields: tuple[Field, ...], value: Mapping[str, Any], *parts: Part, document: str = "d1"
) -> list[Evidence]:
    """The evidence of a record over these parts."""
    source = WindowText(parts)
    return [evidence(leaf, source, document) for leaf in ground(fields, value, source, document)]


def prove_one(kind: Kind, value: Any, text: str, text_from: TextFrom = "file") -> Evidence:
    """The evidence of one value over one page."""
    return prove((Field("it", kind),), {"it": value}, part(text, text_from=text_from))[0]


@pytest.mark.parametrize(
    ("value", "text", "grade", "quote"),
    [
        ("Müller GmbH", "An Müller GmbH, Ulm", "exact", "Müller GmbH"),
        ("Müller GmbH", "An MÜLLER\nGMBH, Ulm", "loose", "MÜLLER\nGMBH"),
        ("Müller", "An Mu\u0308ller, Ulm", "loose", "Mu\u0308ller"),
        ("office file", "the oﬃce ﬁle is", "loose", "oﬃce ﬁle"),
        ("Versicherungsnummer", "die Versiche-\nrungsnummer lautet", "loose", "Versiche-\nrungsnummer"),
        (
            "Weena 664, 3012 CN Rotterdam",
            "Coolblue\nWeena 664\n3012 CN Rotterdam\n",
            "loose",
            "Weena 664\n3012 CN Rotterdam",
        ),
        ("O'Neil", "by O’Neil", "loose", "O’Neil"),
        ("INV001", "ＩＮＶ００１", "loose", "ＩＮＶ００１"),
        ("北京华信科技有限公司", "购买方：北京华信科技\n有限公司税号", "loose", "北京华信科技\n有限公司"),
        ("INV-001234", "NumberINV-001234Date", "loose", "INV-001234"),
        ("Acme Holding", "SellerAcme HoldingBuyer", "loose", "Acme Holding"),
        ("2026-03-05", "am 5. März 2026", "loose", "5. März 2026"),
        ("John Doe", "Signed: Doe, John", "loose", "Doe, John"),
        ("Doe, John", "by John Doe", "loose", "John Doe"),
        ("J. Doe", "by John Doe", "loose", "John Doe"),
        ("Mueller", "An Müller, Ulm", "loose", "Müller"),
        ("Müller", "An Mueller, Ulm", "loose", "Mueller"),
        ("Hauptstrasse 5", "Hauptstraße 5", "loose", "Hauptstraße 5"),
        ("Smith and Jones Ltd.", "Smith & Jones Limited", "loose", "Smith & Jones Limited"),
        ("+49 30 1234", "Tel +49 (30) 1234", "loose", "+49 (30) 1234"),
        ("EUR", "Summe: 12,00 €", "loose", "€"),
        ("MYR", "Total RM9.00", "loose", "RM"),
        ("GBP", "Summe: 12,00 €", "missing", ""),
        ("J. Doe", "by Jane Roe", "missing", ""),
        ("cat", "concatenate", "missing", ""),
        ("ACME", "An ACMEX, Ulm", "missing", ""),
        ("ACME", "An XACME, Ulm", "missing", ""),
        ("12", "2012", "missing", ""),
        ("Nobody Ltd", "Somebody Ltd", "missing", ""),
    ],
)
def test_texts(value: str, text: str, grade: str, quote: str) -> None:
    """A text is proved as it stands, or with white space, hyphens, case, accents and forms of letters levelled; never inside a word."""
    found = prove_one("text", value, text)
    assert (found.grade, found.quote) == (grade, quote)


@pytest.mark.parametrize(
    ("kind", "value", "text", "grade", "quote"),
    [
        ("date", date(2026, 3, 5), "on 2026-03-05.", "exact", "2026-03-05"),
        ("date", date(2026, 3, 5), "vom 05.03.2026", "loose", "05.03.2026"),
        ("date", date(2026, 3, 5), "le 5 mars 2026", "loose", "5 mars 2026"),
        ("date", date(2026, 3, 5), "开票日期：2026年3月5日", "loose", "2026年3月5日"),
        ("date", date(2026, 3, 5), "due 03/05/2026", "loose", "03/05/2026"),
        ("date", date(2026, 3, 5), "5th day of March, 2026", "loose", "5th day of March, 2026"),
        ("date", date(2026, 3, 5), "5.3.26", "loose", "5.3.26"),
        ("date", date(2026, 3, 5), "Thu Mar 05 10:20:11 2026", "loose", "Mar 05 10:20:11 2026"),
        ("date", date(2026, 3, 5), "２０２６年３月５日", "loose", "２０２６年３月５日"),
        ("date", date(2026, 3, 5), "file 20260305", "loose", "20260305"),
        ("date", date(2026, 3, 5), "am 05.03.\n2026", "loose", "05.03.\n2026"),
        ("date", date(2026, 3, 5), "in March 2026", "missing", ""),
        ("decimal", Decimal("1234.56"), "Total 1234.56", "exact", "1234.56"),
        ("decimal", Decimal("1234.56"), "Summe 1.234,56 EUR", "loose", "1.234,56 EUR"),
        ("decimal", Decimal("1234.56"), "Total 1 234,56", "loose", "1 234,56"),
        ("decimal", Decimal(12800), "￥12,800.00", "loose", "￥12,800.00"),
        ("decimal", Decimal("-1.12"), "Steuer in EUR -\n1,12", "loose", "-\n1,12"),
        ("decimal", Decimal("-12.50"), "12.50-", "loose", "12.50-"),
        ("decimal", Decimal("-12.50"), "12.50", "missing", ""),
        ("decimal", Decimal("-1234.50"), "(1,234.50)", "loose", "(1,234.50)"),
        ("decimal", Decimal("1234.50"), "CHF 1'234.50", "loose", "CHF 1'234.50"),
        ("decimal", Decimal("123456.70"), "₹1,23,456.70", "loose", "₹1,23,456.70"),
        ("decimal", Decimal("1234.50"), "￥１，２３４．５０", "loose", "￥１，２３４．５０"),
        ("decimal", Decimal("0.19"), "19 % MwSt.", "loose", "19 %"),
        ("decimal", Decimal(1200000), "EUR 1.2 million", "loose", "EUR 1.2 million"),
        ("decimal", Decimal("1.234"), "1.234 kg of 2.50", "exact", "1.234"),
        ("decimal", Decimal(9), "19.00 or 9.50", "missing", ""),
        ("integer", 12, "12kg of A12", "exact", "12"),
        ("integer", 12, "A12", "missing", ""),
        ("integer", 2019, "bis 05.2019", "exact", "2019"),
        ("number", 0.5, "0,5 Liter", "loose", "0,5"),
        ("boolean", True, "True", "missing", ""),
        ("choice", "monthly", "It is MONTHLY", "loose", "MONTHLY"),
        ("choice", "monthly", "Paid MONTHLY", "missing", ""),
    ],
)
def test_other_kinds(kind: Kind, value: Any, text: str, grade: str, quote: str) -> None:
    """A date or number is proved by its own spelling or by an equal one in any form; a whole number never by a piece of another."""
    found = prove_one(kind, value, text)
    assert (found.grade, found.quote) == (grade, quote)


@pytest.mark.parametrize(
    ("kind", "value", "text", "quote"),
    [
        ("text", "SOON SENG TRADING", "S00N SENG TRAD1NG", "S00N SENG TRAD1NG"),
        ("text", "Barn Lane", "at Bam Lane,", "Bam Lane"),
        ("text", "Invoice Number", "lnvoice Numher 7", "lnvoice Numher"),
        ("text", "INV-1001", "INV-1OO1", "INV-1OO1"),
        ("text", "INV-1001", "INV-1002", ""),
        ("text", "Johor Bahru", "Kota Bharu", ""),
        ("decimal", Decimal("12.50"), "Sum 12.5O", "12.5O"),
        ("date", date(2026, 3, 5), "O5/O3/2026", "O5/O3/2026"),
    ],
)
def test_misread_letters(kind: Kind, value: Any, text: str, quote: str) -> None:
    """On a page from OCR a value is proved through misread letters, never through another figure; on any other page it is not."""
    found = prove_one(kind, value, text, "ocr")
    assert (found.grade, found.quote) == ("loose" if quote else "missing", quote)
    assert kind != "text" or prove_one(kind, value, text).grade == "missing"


def test_a_word_of_which_ocr_is_unsure_is_a_doubt() -> None:
    """The doubtfullest word of a value's quote counts; below 0.8 it is noted, and the value goes to a person. Other text has none."""
    text = "Seller ACME TRADING Total 6.28"
    words = ((0, 6, 0.99), (7, 11, 0.98), (12, 19, 0.93), (20, 25, 1.0), (26, 30, 0.41))
    part = Part("d", 1, 1, 0, len(text), text, 9, text_from="ocr", ocr_words=words)
    source = WindowText([part.cut(3, len(text))])
    fields = (Field("seller", "text"), Field("total", "decimal"))
    record = {"seller": "ACME TRADING", "total": Decimal("6.28")}
    seller, total = (evidence(leaf, source, "d") for leaf in ground(fields, record, source, "d"))
    assert (seller.ocr_confidence, seller.notes) == (0.93, ())
    assert (total.ocr_confidence, total.notes) == (0.41, ("unclear",))
    assert (confidence(total) or 1) < SURE
    assert prove_one("decimal", Decimal("6.28"), text).ocr_confidence is None


@given(
    st.integers(0, 700),
    st.integers(120, 600),
    st.sets(st.integers(0, 599), max_size=5),
    st.sampled_from("#xzq"),
)
def test_long_texts_with_misread_letters(start: int, length: int, misread: set[int], letter: str) -> None:
    """A long text with few misread letters is found at its place; the same sentences in another order prove nothing.

    A text that begins or ends within a number is another text, since that number is another.
    """
    wanted = PROSE[start : start + length]
    assume(not (PROSE[start - 1 : start].isdigit() and wanted[0].isdigit()))
    assume(not (wanted[-1].isdigit() and PROSE[start + length : start + length + 1].isdigit()))
    edges = PROSE[max(0, start - 2) : start + 2], PROSE[start + length - 2 : start + length + 2]
    assume(not any(re.search(r"\d[.,'’]\d", edge) for edge in edges))
    written = "".join(
        letter if place in misread and sign.isalpha() else sign for place, sign in enumerate(wanted)
    )
    found = prove_one("text", wanted, PROSE[:start] + written + PROSE[start + length :])
    assert found.grade != "missing"
    assert found.start is not None
    assert found.end is not None
    assert max(abs(found.start - start), abs(found.end - start - length)) <= 6
    halves = wanted[length // 2 :] + wanted[: length // 2]
    assert prove_one("text", halves, PROSE).grade == "missing"


def test_of_two_places_the_better_one_proves() -> None:
    """A copy with fewer misread letters is the proof, wherever it stands."""
    wanted = PROSE[200:500]
    worse, better = (wanted.replace("e", "#", count) for count in (8, 1))
    found = prove_one("text", wanted, f"{worse} {PROSE[600:1200]} {better}")
    assert found.start is not None
    assert found.start > len(worse)


@pytest.mark.parametrize("text_from", ["file", "ocr"])
@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("RE-2024-11", "Rechnung RE-2024-117 vom"),
        ("re-2024-11", "Rechnung RE-2024-117 vom"),
        ("24-1178-RE", "Rechnung 2024-1178-RE vom"),
        (PROSE[: PROSE.index("2026") + 3], PROSE),
    ],
)
def test_a_piece_of_a_number_proves_nothing(value: str, text: str, text_from: TextFrom) -> None:
    """A text that ends or begins within a number of the document is another text, also where letters may be misread or glued."""
    assert prove_one("text", value, text, text_from).grade == "missing"


def test_spans_are_offsets_of_the_page() -> None:
    """A part may begin in the middle of its page: spans count from the page's beginning, and never reach into another part."""
    parts = [part("Seller: Acme", page=2, start=100), part("Inc.\nTotal 9.50", page=3, start=50)]
    total, seller = prove(
        (Field("total", "decimal"), Field("seller", "text")),
        {"total": Decimal("9.50"), "seller": "Acme Inc."},
        *parts,
    )
    assert (total.page, total.start, total.end, total.quote) == (3, 61, 65, "9.50")
    assert seller.grade == "missing"


def test_only_the_own_document_proves() -> None:
    """A value that stands in a neighbour of the window is missing in its own document."""
    fields = (Field("number", "text"),)
    parts = [part("Invoice INV-7781"), part("Invoice INV-9902", document="d2")]
    assert prove(fields, {"number": "INV-9902"}, *parts)[0].grade == "missing"
    assert prove(fields, {"number": "INV-9902"}, *parts, document="d2")[0].grade == "exact"


def test_rows_of_a_table_prove_their_own_values() -> None:
    """Equal values in several rows point each at its own row, also when the first column stands before the longest text."""
    text = "Pos  Item  Sum\n2 Large blue widget 10.00\n2 Large red widget 10.00\n2 Large red widget 10.00\nTotal 30.00"
    lines = [
        {"what": what, "count": 2, "amount": Decimal("10.00")}
        for what in ("Large blue widget", "Large red widget", "Large red widget")
    ]
    found = prove((LINE,), {"lines": lines}, part(text))
    rows = {
        row: [text.count("\n", 0, item.start) for item in found if item.field.startswith(f"lines[{row}]")]
        for row in range(3)
    }
    assert rows == {0: [1, 1, 1], 1: [2, 2, 2], 2: [3, 3, 3]}


def test_equal_items_are_proved_in_rows_of_their_own() -> None:
    """The second of two equal items is proved in the second row, also where a value of the first, printed in its row, was not given."""
    text = "2 Large red widget 10.00\n2 Large red widget 10.00\n"
    lines = [
        {"what": "Large red widget", "count": 2, "amount": amount} for amount in (None, Decimal("10.00"))
    ]
    found = prove((LINE,), {"lines": lines}, part(text))
    assert [text.count("\n", 0, item.start) for item in found] == [0, 0, 1, 1, 1]


def test_columns_prove_in_order() -> None:
    """Where a table was read column by column, equal values are taken one after the other."""
    text = "Blue widget\nRed widget\n10.00\n10.00\n20.00"
    lines = [
        {"what": "Blue widget", "amount": Decimal("10.00")},
        {"what": "Red widget", "amount": Decimal("10.00")},
    ]
    found = prove((LINE,), {"lines": lines}, part(text))
    assert [text.count("\n", 0, item.start) for item in found] == [0, 2, 1, 3]


def test_repeated_texts_are_taken_in_order() -> None:
    """A list of equal texts points at one place after the other, and starts again when there are no more."""
    field = Field("names", "list", item=Field("name", "text"))
    found = prove((field,), {"names": ["Ann", "Bob", "Ann", "Ann"]}, part("Ann, Bob, Ann"))
    assert [item.start for item in found] == [0, 5, 10, 0]
    assert [item.field for item in found] == ["names[0]", "names[1]", "names[2]", "names[3]"]


def test_a_picture_has_a_page_and_no_span() -> None:
    """A document that is one page without text says at least which page it was."""
    found = prove((Field("total", "decimal"),), {"total": Decimal("9.50")}, part("", page=4))[0]
    assert (found.grade, found.page, found.start) == ("missing", 4, None)


def test_nulls_have_no_evidence() -> None:
    """What a document does not say needs no proof; every scalar that is there has exactly one evidence."""
    value = {
        "lines": [
            {"what": "A", "count": None, "amount": Decimal(1)},
            {"what": None, "count": None, "amount": None},
        ]
    }
    assert [item.field for item in prove((LINE,), value, part(""))] == ["lines[0].what", "lines[0].amount"]


pages = st.text(alphabet=st.sampled_from("ab AB\n-.,0123456789/ﬁéＡ中 "), max_size=80)


@given(st.lists(pages, min_size=1, max_size=3), st.data())
def test_what_stands_in_the_text_is_found_there(texts: list[str], data: st.DataObject) -> None:
    """Any words, dates and amounts taken from a page are proved by characters that mean the same."""
    parts = [part(text, page=number, start=7 * number) for number, text in enumerate(texts, start=1)]
    taken = data.draw(st.sampled_from(texts))
    words = [word.strip(".,-/") for word in taken.split()]
    fields = (
        Field("words", "list", item=Field("word", "text")),
        Field("days", "list", item=Field("day", "date")),
        Field("amounts", "list", item=Field("amount", "decimal")),
    )
    value = {
        "words": [word for word in words if word],
        "days": [hit.value for hit in dates_in(taken)],
        "amounts": [hit.value for hit in amounts_in(taken)],
    }
    for found in prove(fields, value, *parts):
        assert found.grade != "missing"
        assert found.page is not None
        assert found.start is not None
        assert found.end is not None
        offset = 7 * found.page
        assert texts[found.page - 1][found.start - offset : found.end - offset] == found.quote
        assert (
            found.quote == found.value
            or found.grade == "loose"
            or Decimal(found.quote) == Decimal(found.value)
        )


def test_a_row_comes_before_a_page_number() -> None:
    """A value of an item is proved in its row, also where the same number stands more exactly in a footer behind it."""
    text = "1  Ink  2  1.50\n2  Pens  4  3.00\nPage 3\n"
    items = Field(
        "items",
        "list",
        item=Field("item", "record", fields=(Field("what", "text"), Field("amount", "decimal"))),
    )
    value = {"items": [{"what": "Ink", "amount": Decimal("1.50")}, {"what": "Pens", "amount": Decimal(3)}]}
    found = [one for one in prove((items,), value, part(text)) if one.field == "items[1].amount"]
    assert [(one.quote, one.by) for one in found] == [("3.00", "row")]
