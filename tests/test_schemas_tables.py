"""Rules of `schemas/tables` and `schemas/columns`: types of fields, values that fit, rows that are strict."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from octavo.schemas import tables
from octavo.schemas.columns import arrow_type, native_record
from octavo.schemas.errors import SchemaError
from octavo.schemas.pipeline import Document, Evidence, Field, Page, Record, Reject
from tests import rows

KINDS: list[tuple[Field, pa.DataType]] = [
    (Field("f", "text"), pa.string()),
    (Field("f", "choice", choices=("a", "b")), pa.string()),
    (Field("f", "date"), pa.date32()),
    (Field("f", "datetime"), pa.timestamp("us")),
    (Field("f", "instant"), pa.timestamp("us", tz="UTC")),
    (Field("f", "integer"), pa.int64()),
    (Field("f", "number"), pa.float64()),
    (Field("f", "decimal", scale=2), pa.decimal128(18, 2)),
    (Field("f", "boolean"), pa.bool_()),
    (Field("f", "record", fields=(Field("a", "date"),)), pa.struct([("a", pa.date32())])),
    (Field("f", "list", item=Field("i", "decimal", scale=3)), pa.list_(pa.decimal128(18, 3))),
]


@pytest.mark.parametrize(("field", "kind"), KINDS, ids=[field.kind for field, _ in KINDS])
def test_every_kind_of_field_has_an_arrow_type(field: Field, kind: pa.DataType) -> None:
    """Dates stay dates, money is decimal, nesting is struct and list."""
    assert arrow_type(field) == kind


def test_a_question_becomes_a_table_with_document_first_and_the_engine_last() -> None:
    """The fields stand between the document and what says who answered; the document is the key."""
    table = tables.question_table(rows.question())
    assert [column.name for column in table.columns] == [
        *("document", "path", "number", "issued", "total", "lines"),
        *(
            "engine",
            "model",
            "question",
            "question_fingerprint",
            "run",
            "former",
            "inbox",
            "request",
            "conflicts",
        ),
    ]
    assert table.key == ("document",)
    assert table.meaning == "Read the invoice."
    assert table.columns[5].meaning == "Lines (what; amount: What it costs)"


@pytest.mark.parametrize("name", sorted(tables.META))
def test_a_field_with_the_name_of_our_own_column_is_refused_by_name(name: str) -> None:
    """A schema cannot hide which document or model a row is from, not even by other case."""
    for field in (Field(name, "text"), Field(name.upper(), "text")):
        with pytest.raises(SchemaError, match=field.name):
            tables.question_table(rows.question(fields=(field,)))


@pytest.mark.parametrize("name", ["documents", "../etc", "Invoice", "a b", "", "x" * 64, 'a";--'])
def test_a_question_whose_name_is_taken_or_no_identifier_is_refused(name: str) -> None:
    """The name becomes a table and a folder, so it is a plain lower-case word that is still free."""
    with pytest.raises(SchemaError):
        tables.question_table(rows.question(name))


def test_fields_that_differ_in_case_only_are_refused_at_any_depth() -> None:
    """SQL does not tell `Total` from `total`, so a schema may not need it to."""
    twins = (Field("total", "text"), Field("Total", "text"))
    with pytest.raises(SchemaError, match="Total"):
        tables.question_table(rows.question(fields=twins))
    with pytest.raises(SchemaError, match="Total"):
        tables.question_table(
            rows.question(fields=(Field("all", "list", item=Field("one", "record", fields=twins)),))
        )


def test_an_empty_record_and_a_list_of_nothing_are_refused() -> None:
    """A column needs a type."""
    with pytest.raises(SchemaError, match="no fields"):
        arrow_type(Field("f", "record"))
    with pytest.raises(SchemaError, match="list of"):
        arrow_type(Field("f", "list"))


def test_a_record_becomes_a_row_of_native_values_with_every_field() -> None:
    """JSON forms turn into dates and decimals, and what was left out is null."""
    record = Record(
        "d1",
        "invoice",
        {"issued": "2024-01-31", "total": 9.5, "lines": [{"what": "x"}]},
        (),
        "r1",
        ("total",),
    )
    row = tables.record_row(record, rows.question(), "moonshot", "kimi", "run-1")
    assert row == {
        "document": "d1",
        "path": "",
        "number": None,
        "issued": date(2024, 1, 31),
        "total": Decimal("9.50"),
        "lines": [{"what": "x", "amount": None}],
        "engine": "moonshot",
        "model": "kimi",
        "question": "invoice",
        "question_fingerprint": "f1",
        "run": "run-1",
        "former": False,
        "inbox": "",
        "request": "r1",
        "conflicts": ["total"],
    }


MISFITS: list[tuple[Field, Any]] = [
    (Field("f", "text"), 3),
    (Field("f", "text"), "\ud800"),
    (Field("f", "date"), "31.01.2024"),
    (Field("f", "date"), 20240131),
    (Field("f", "datetime"), "yesterday"),
    (Field("f", "integer"), 1.5),
    (Field("f", "integer"), True),
    (Field("f", "integer"), 2**63),
    (Field("f", "number"), "1.5"),
    (Field("f", "decimal", scale=2), "1.234"),
    (Field("f", "decimal", scale=2), "12345678901234567.00"),
    (Field("f", "decimal", scale=2), "NaN"),
    (Field("f", "decimal", scale=2), "twelve"),
    (Field("f", "boolean"), 1),
    (Field("f", "record", fields=(Field("a", "text"),)), "a"),
    (Field("f", "record", fields=(Field("a", "text"),)), {"b": "unknown"}),
    (Field("f", "list", item=Field("i", "text")), "abc"),
]


@pytest.mark.parametrize(
    ("field", "value"), MISFITS, ids=[f"{field.kind}-{str(value)[:12]!a}" for field, value in MISFITS]
)
def test_a_value_that_does_not_fit_is_an_error_about_its_document(field: Field, value: Any) -> None:
    """Nothing is cut, rounded or turned into null to make it fit."""
    with pytest.raises(SchemaError) as caught:
        tables.record_row(Record("d1", "q", {"f": value}, (), "r1"), rows.question(fields=(field,)), "e", "m")
    assert caught.value.about == "d1"


def test_an_error_names_the_place_of_the_value() -> None:
    """The path leads to the very value in the record."""
    value = {"lines": [{"what": "x", "amount": "1"}, {"what": "y", "amount": "much"}]}
    with pytest.raises(SchemaError, match=r"lines\[1\]\.amount"):
        native_record(rows.INVOICE_FIELDS, value, "")


@given(st.decimals(min_value=-(10**15), max_value=10**15, places=2))
def test_every_decimal_of_the_scale_passes_unchanged_in_each_of_its_forms(amount: Decimal) -> None:
    """Text, Decimal and whole numbers mean the same amount, to the last digit."""
    field = Field("f", "decimal", scale=2)
    forms = [amount, str(amount), *([int(amount)] if amount == int(amount) else [])]
    assert {native_record((field,), {"f": form}, "")["f"] for form in forms} == {amount}


def test_rows_become_arrow_with_exactly_the_columns_of_the_table() -> None:
    """The order of keys in a row does not matter, the types are those of the table."""
    row = tables.page_row(Page("d1", 1, "text", (640, 480)), 2)
    made = tables.arrow(tables.PAGES, [dict(reversed(row.items()))])
    assert made.schema == tables.PAGES.schema
    assert made.to_pylist() == [row]
    assert tables.arrow(tables.PAGES, made) == made
    assert tables.arrow(tables.PAGES, []).schema == tables.PAGES.schema


@pytest.mark.parametrize(
    ("spoil", "sentence"),
    [
        ({"chars": "many"}, "pages.chars is int64 and cannot hold 'many'"),
        ({"text": "\ud800"}, "pages.text"),
        ({"extra": 1}, r"unknown \['extra'\]"),
        ({"document": None}, "part of its key"),
        ({"chars": "many" * 100}, r"cannot hold 'many.{72}\.\.\.\."),
    ],
)
def test_a_row_that_does_not_fit_is_named(spoil: dict[str, Any], sentence: str) -> None:
    """The error says which column, which type and which value."""
    good, bad = tables.page_row(Page("d1", 1, "text"), 2), tables.page_row(Page("d2", 1, "text"), 2) | spoil
    with pytest.raises(SchemaError, match=sentence):
        tables.arrow(tables.PAGES, [good, bad])


def test_a_row_that_lacks_a_column_is_refused() -> None:
    """A forgotten column is no null."""
    row = tables.page_row(Page("d1", 1, "text"), 2)
    del row["tokens"]
    with pytest.raises(SchemaError, match="tokens"):
        tables.arrow(tables.PAGES, [row])


def test_every_noun_has_rows_that_fit_their_table() -> None:
    """Documents, evidence and rejects become rows that Arrow takes without a change."""
    asked = rows.question()
    record = Record(
        "d1",
        "invoice",
        {},
        (Evidence("number", "1", "exact", 1, 0, 1, "1"), Evidence("total", "2", "missing")),
        "r1",
    )
    made = {
        tables.DOCUMENTS: [tables.document_row(Document("a", b"\xff"), "7")],
        tables.EVIDENCE: tables.evidence_rows(record),
        tables.REJECTS: [
            tables.reject_row(Reject("d1", "invoice", "r1", "invalid", "why"), asked, "moonshot", "kimi")
        ],
    }
    for table, noun_rows in made.items():
        assert tables.arrow(table, noun_rows).to_pylist() == noun_rows
    assert made[tables.DOCUMENTS][0]["document"] is None
    assert made[tables.EVIDENCE][0]["span_start"] == 0
    assert made[tables.REJECTS][0]["question_fingerprint"] == "f1"


def test_every_column_of_ours_says_what_it_means() -> None:
    """`octavo tables` has a sentence for each table and each column."""
    for table in tables.FIXED.values():
        assert table.meaning
        assert all(column.meaning for column in table.columns)
        assert set(table.key + table.order) <= {column.name for column in table.columns}
