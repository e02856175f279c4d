"""Rules of `store/views`: a file is a view as soon as its tables are there."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path

import duckdb
import pytest

from octavo.processors.store.views import SHIPPED
from octavo.processors.store.warehouse import Change, Warehouse, hold
from octavo.schemas import tables
from octavo.schemas.errors import SchemaError
from octavo.schemas.pipeline import Evidence, Field
from tests import rows


@contextmanager
def with_views(tmp_path: Path, **files: str) -> Iterator[Warehouse]:
    """A warehouse that is held and has these views instead of ours."""
    folder = tmp_path / "views"
    folder.mkdir(exist_ok=True)
    for path in folder.iterdir():
        path.unlink()
    for name, text in files.items():
        (folder / f"{name}.sql").write_text(text, encoding="utf-8")
    with hold(tmp_path / "out"):
        yield Warehouse(tmp_path / "out", shipped_views=folder)


def names(warehouse: Warehouse) -> list[str]:
    """The names of all tables and views."""
    return [info.name for info in warehouse.tables()]


BILLS = "-- What is to be paid\n-- sum: All of it\nSELECT sum(total) AS sum FROM invoice;\n"


def test_a_view_appears_with_its_tables(tmp_path: Path) -> None:
    """Before there are invoices there is no view of them; then it is there, with its meanings."""
    with with_views(tmp_path, bills=BILLS) as warehouse:
        warehouse.commit(rows.read("a", "b"))
        assert "bills" not in names(warehouse)
        warehouse.commit(rows.answers("a", "b"))
        (info,) = (info for info in warehouse.tables() if info.name == "bills")
        assert (info.meaning, info.columns[0].meaning, info.rows) == ("What is to be paid", "All of it", 1)
        assert [float(row["sum"]) for row in warehouse.rows("bills")] == [25.0]


def test_a_new_changed_or_removed_file_is_a_change(tmp_path: Path) -> None:
    """A rerun that changes no row still brings the views up to their files, once; views that people made stay."""
    with with_views(tmp_path) as warehouse:
        warehouse.commit(rows.answers("a"))
    with duckdb.connect(warehouse.path) as plain:
        plain.execute("CREATE VIEW mine AS SELECT 1")
    for files, expected in [
        ({"bills": BILLS}, True),
        ({"bills": BILLS.replace("sum(", "max(")}, True),
        ({}, False),
    ]:
        with with_views(tmp_path, **files) as warehouse:
            assert warehouse.commit(rows.answers("a"))
            assert not warehouse.commit(rows.answers("a"))
            assert ("bills" in names(warehouse)) == expected
            assert "mine" in names(warehouse)


def test_a_view_follows_its_tables_and_comes_back(tmp_path: Path) -> None:
    """One that shows all columns has those of today after the schema was edited, and one that somebody dropped is made again."""
    with with_views(tmp_path, every="-- All\nSELECT * FROM invoice", bills=BILLS) as warehouse:
        warehouse.commit(rows.answers("a"))
    with duckdb.connect(warehouse.path) as plain:
        plain.execute("DROP VIEW bills")
    edited = rows.question(fields=(*rows.INVOICE_FIELDS, Field("note", "text")))
    with with_views(tmp_path, every="-- All\nSELECT * FROM invoice", bills=BILLS) as warehouse:
        warehouse.commit([Change(tables.question_table(edited))])
        assert "note" in warehouse.rows("every")[0]
        assert "bills" in names(warehouse)


def test_a_view_that_is_wrong_is_named_and_nothing_is_committed(tmp_path: Path) -> None:
    """The error names the file and says what DuckDB says."""
    with with_views(tmp_path, wrong="SELECT nothing FROM invoice") as warehouse:
        with pytest.raises(SchemaError, match=r"wrong\.sql .*nothing"):
            warehouse.commit(rows.answers("a"))
        assert names(warehouse) == []


def test_a_schema_with_the_name_of_a_view_is_refused(tmp_path: Path) -> None:
    """One name cannot be both."""
    with (
        with_views(tmp_path, invoice="SELECT 1 AS one FROM pages") as warehouse,
        pytest.raises(SchemaError, match="name of a view"),
    ):
        warehouse.commit(rows.answers("a"))


def test_a_view_stays_when_the_columns_of_its_table_change(tmp_path: Path) -> None:
    """A view is made anew with every commit, so that it has the columns of now."""
    with with_views(tmp_path, all_of_it="SELECT * FROM invoice") as warehouse:
        warehouse.commit(rows.answers("a"))
        asked = rows.question(fields=(*rows.INVOICE_FIELDS, Field("paid", "boolean")))
        warehouse.commit(rows.answers("a", asked=asked))
        assert "paid" in warehouse.rows("all_of_it")[0]


def test_shipped_views_say_what_they_and_their_columns_mean(tmp_path: Path) -> None:
    """Every view that ships works on a warehouse of the sample rows, and every column has a meaning."""
    with hold(tmp_path) as warehouse:
        warehouse.commit([*map(Change, tables.FIXED.values()), *rows.read("a", "b"), *rows.answers("a", "b")])
        views = [info for info in warehouse.tables() if (SHIPPED / f"{info.name}.sql").exists()]
        assert {info.name for info in views} == {path.stem for path in SHIPPED.glob("*.sql")}
        for info in views:
            assert info.meaning
            assert all(column.meaning for column in info.columns)
        assert [
            (row["field"], row["found"], row["exact"], row["missing"])
            for row in warehouse.rows("evidence_quality")
        ] == [
            ("lines[].what", 2, 0.0, 1.0),
            ("number", 2, 1.0, 0.0),
        ]


def test_a_view_of_a_list_comes_and_goes_with_its_table(tmp_path: Path) -> None:
    """It is there from the first commit of the table, follows its schema, and stays when rows go or another table is committed."""
    with hold(tmp_path) as warehouse:
        warehouse.commit([Change(tables.EVIDENCE), *rows.answers("a"), *rows.read("a")])
        assert "invoice_lines" in names(warehouse)
        warehouse.delete_paths({(rows.document("a").path, "")})
        other = rows.question("bill", (Field("tags", "list", item=Field("tag", "text")),))
        warehouse.commit([Change(tables.question_table(other))])
        assert {"invoice_lines", "bill_tags"} <= set(names(warehouse))
        assert warehouse.rows("invoice_lines") == []
        lines = Field("lines", "list", item=Field("line", "record", fields=(Field("unit", "text"),)))
        warehouse.commit(
            [Change(tables.question_table(rows.question(fields=(*rows.INVOICE_FIELDS[:3], lines))))]
        )
        assert "unit" in warehouse.query("FROM invoice_lines").column_names
        warehouse.commit([Change(tables.question_table(rows.question(fields=rows.INVOICE_FIELDS[:3])))])
        assert "invoice_lines" not in names(warehouse)
        assert "bill_tags" in names(warehouse)


def test_a_view_that_a_person_made_stays_theirs(tmp_path: Path) -> None:
    """A view of theirs that is called as one of ours would be is left alone, and a rerun has nothing to change for it."""
    with hold(tmp_path) as warehouse:
        warehouse.commit([Change(tables.EVIDENCE)])
        with duckdb.connect(warehouse.path) as plain:
            plain.execute("CREATE VIEW invoice_lines AS SELECT 'mine' AS whose")
        assert warehouse.commit(rows.answers("a"))
        assert warehouse.rows("invoice_lines") == [{"whose": "mine"}]
        assert not warehouse.commit(rows.answers("a"))


def test_a_schema_with_the_name_of_a_stored_view_is_refused(tmp_path: Path) -> None:
    """Neither takes the place of the other: not a table that of a view of a list, nor the other way round."""
    lines = rows.question("invoice_lines", rows.INVOICE_FIELDS[:1])
    for first, second in [(rows.question(), lines), (lines, rows.question())]:
        with hold(tmp_path / first.name) as warehouse:
            warehouse.commit([Change(tables.EVIDENCE), Change(tables.question_table(first))])
            before = warehouse.path.read_bytes()
            with pytest.raises(SchemaError, match="invoice_lines has the name of a view"):
                warehouse.commit([Change(tables.question_table(second))])
            assert warehouse.path.read_bytes() == before


def paid(
    request: str, cost_usd: float, *names: str, question: str = "invoice", day: int = 1
) -> dict[str, object]:
    """A row of `requests` about these documents."""
    empty = dict.fromkeys(column.name for column in tables.REQUESTS.columns)
    sent = datetime(
        2026, 3, day, 23, 30, tzinfo=timezone(timedelta(hours=-1))
    )  # half past midnight of the next day, UTC
    usage = {"prompt_tokens": 100, "reply_tokens": 10, "cost_usd": cost_usd, "model": "kimi", "sent_at": sent}
    return {
        **empty,
        **usage,
        "request": request,
        "question": question,
        "documents": [rows.sha(name) for name in names],
    }


@pytest.fixture
def busy(tmp_path: Path) -> Iterator[Warehouse]:
    """A warehouse after some trouble: a file under two paths, one that cannot be read, a reject, a field that failed, and calls."""
    twin = tables.document_row(rows.document("a"), "1") | {"path": "Z/a"}
    broken = tables.document_row(rows.document("x"), "1") | {
        "document": None,
        "status": "error",
        "reason": "corrupt",
        "detail": "Broken.",
    }
    calls = [
        paid("r1", 0.10, "a", "b", "c"),
        paid("r2", 0.01, "a", question="invoice.again", day=2),
        paid("r3", 0.07, "gone"),
        paid("r4", 0.005),
    ]
    lost = Evidence("total", "", "missing", state="failed", detail="No amount.")
    record = replace(rows.record("a"), evidence=(*rows.record("a").evidence, lost))
    with hold(tmp_path) as warehouse:
        warehouse.commit(
            [
                *map(Change, tables.FIXED.values()),
                *rows.read("a", "b", "c"),
                Change(tables.DOCUMENTS, [twin, broken]),
                *rows.answers("a", "b"),
                Change(tables.EVIDENCE, tables.evidence_rows(record)),
                Change(
                    tables.REJECTS,
                    [
                        tables.reject_row(rows.reject("c", why), rows.question(), "e", "m")
                        for why in ("invalid",)
                    ],
                ),
                Change(
                    tables.REJECTS,
                    [tables.reject_row(rows.reject("b", "not_applicable"), rows.question("bill"), "e", "m")],
                ),
                Change(
                    tables.REJECTS,
                    [tables.reject_row(rows.reject("a", "not_asked"), rows.question("bill"), "e", "m")],
                ),
                Change(tables.REQUESTS, calls),
            ]
        )
        yield warehouse


def test_the_cost_of_documents_sums_up_to_what_was_paid(busy: Warehouse) -> None:
    """A call is shared by its documents; two paths are one document; what is gone, or was about none, is in the sum too."""
    found = {row["path"]: row for row in busy.rows("cost_by_document") if row["path"]}
    assert {path: round(row["cost_usd"], 6) for path, row in found.items()} == {
        "Z/a": 0.043333,
        "b": 0.033333,
        "c": 0.033333,
    }
    assert found["Z/a"]["requests"] == 2
    rest = [row["cost_usd"] for row in busy.rows("cost_by_document") if not row["path"]]
    assert sorted(round(cost, 6) for cost in rest) == [0.005, 0.07]
    total = sum(row["cost_usd"] for row in busy.rows("requests"))
    assert sum(row["cost_usd"] for row in busy.rows("cost_by_document")) == pytest.approx(total, abs=1e-9)
    assert sum(row["prompt_tokens"] for row in busy.rows("cost_by_document")) == pytest.approx(400, abs=0.5)


def test_the_cost_of_days_counts_days_in_utc_and_what_was_asked_again(busy: Warehouse) -> None:
    """A call late in the evening elsewhere is of the next day here; calls for failed fields are those of their question."""
    assert [
        (str(row["day"]), row["question"], row["requests"], round(row["cost_usd"], 6))
        for row in busy.rows("cost_by_day")
    ] == [
        ("2026-03-02", "invoice", 3, 0.175),
        ("2026-03-03", "invoice", 1, 0.01),
    ]


def test_failures_are_files_answers_and_fields(busy: Warehouse) -> None:
    """Each stands there once with path, reason and sentence; what is merely of another kind, or waits to be asked, is no failure."""
    assert [
        (row["kind"], row["reason"], row["path"], row["field"], row["detail"])
        for row in busy.rows("failures")
    ] == [
        ("answer", "invalid", "c", None, "It is invalid."),
        ("field", "not_accepted", "Z/a", "total", "No amount."),
        ("file", "corrupt", "x", None, "Broken."),
    ]


def test_duplicates_are_the_paths_that_hold_the_same_bytes(busy: Warehouse) -> None:
    """All of them, with the one whose name the answers carry; files that could not be read are no duplicates of each other."""
    assert [(row["path"], row["first_path"], row["copies"]) for row in busy.rows("duplicates")] == [
        ("Z/a", "Z/a", 2),
        ("a", "Z/a", 2),
    ]


def test_coverage_counts_documents_items_and_lists(busy: Warehouse) -> None:
    """A field is filled in so many of the answered documents, one of items in so many items, a list where it has an item."""
    assert {
        row["field"]: (row["answers"], row["given"], row["failed"], row["filled"], row["proved"])
        for row in busy.rows("coverage")
    } == {
        "number": (2, 2, 0, 1.0, 1.0),
        "total": (2, 0, 1, 0.0, None),
        "lines": (2, 2, 0, 1.0, 0.0),
        "lines[].what": (2, 2, 0, 1.0, 0.0),
    }


def test_a_document_under_two_paths_is_reviewed_once(busy: Warehouse) -> None:
    """A doubt about a document is one row, under the first of its paths."""
    doubts = [(row["path"], row["field"]) for row in busy.rows("review")]
    assert len(doubts) == len(set(doubts))
    assert ("Z/a", "total") in doubts
    assert not [path for path, _ in doubts if path == "a"]
