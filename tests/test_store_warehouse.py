"""Rules of `store/warehouse`: what a commit does, what it leaves alone, and what comes back."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from octavo.processors.store.warehouse import Change, Warehouse, hold
from octavo.schemas import tables
from octavo.schemas.errors import SchemaError, SettingsError, StorageError
from octavo.schemas.pipeline import Field, Page, Record
from tests import rows


@pytest.fixture
def warehouse(tmp_path: Path) -> Iterator[Warehouse]:
    """The warehouse of an empty folder that is held."""
    with hold(tmp_path / "out") as held:
        yield held


def test_what_is_committed_comes_back_as_it_was(warehouse: Warehouse) -> None:
    """Dates, decimals, bytes, structs and lists survive the way into the file and back."""
    assert warehouse.commit([*rows.read("b", "a"), *rows.answers("a")])
    assert warehouse.documents() == [rows.document("a"), rows.document("b")]
    (row,) = warehouse.rows("invoice")
    assert (row["issued"], row["total"]) == (date(2024, 1, 31), Decimal("12.50"))
    assert row["lines"] == [{"what": "paper", "amount": Decimal("12.50")}]
    assert warehouse.rows("evidence", ["field", "page"]) == [
        {"field": "lines[0].what", "page": None},
        {"field": "number", "page": 1},
    ]


def test_a_commit_that_changes_nothing_leaves_every_byte(warehouse: Warehouse) -> None:
    """The same rows again, in another order, are no change: neither the warehouse nor a Parquet file is touched."""
    warehouse.commit([*rows.read("a", "b"), *rows.answers("a", "b")])
    before = {
        path: (path.read_bytes(), path.stat().st_mtime_ns)
        for path in warehouse.folder.rglob("*")
        if path.is_file()
    }
    assert not warehouse.commit([*rows.answers("b", "a"), *rows.read("b", "a")])
    assert not warehouse.commit([])
    assert not warehouse.commit([Change(tables.PAGES, (), {("unknown",)})])
    assert before == {
        path: (path.read_bytes(), path.stat().st_mtime_ns)
        for path in warehouse.folder.rglob("*")
        if path.is_file()
    }


def test_a_list_that_becomes_null_is_a_change(warehouse: Warehouse) -> None:
    """An empty list, null, and a list of null are three things, and going from one to another is committed."""
    asked = rows.question(fields=(Field("tags", "list", "Tags", item=Field("tag", "text")),))
    seen = []
    for tags in ([], None, [None], []):
        record = Record(rows.sha("a"), "invoice", {"tags": tags}, (), "request-1")
        assert warehouse.commit(
            [Change(tables.question_table(asked), [tables.record_row(record, asked, "offline", "rules")])]
        )
        seen += [row["tags"] for row in warehouse.rows("invoice")]
    assert seen == [[], None, [None], []]


def test_rows_replace_those_of_their_key_and_leave_the_others(warehouse: Warehouse) -> None:
    """A second answer about a document takes the place of the first, with all its evidence."""
    warehouse.commit(rows.answers("a", "b"))
    assert warehouse.commit(rows.answers("a", number="R-2"))
    assert {row["document"]: row["number"] for row in warehouse.rows("invoice")} == {
        rows.sha("a"): "R-2",
        rows.sha("b"): "R-1",
    }
    assert len(warehouse.rows("evidence")) == 4


def test_gone_takes_a_key_or_all_keys_that_begin_with_it(warehouse: Warehouse) -> None:
    """A full key removes its rows, a shorter one all rows under it."""
    pages = [
        tables.page_row(Page(document, number, ""), 0) for document in ("d1", "d2") for number in (1, 2, 3)
    ]
    warehouse.commit([Change(tables.PAGES, pages)])
    warehouse.commit([Change(tables.PAGES, (), {("d1",), ("d2", 2)})])
    assert [(row["document"], row["page"]) for row in warehouse.rows("pages")] == [("d2", 1), ("d2", 3)]
    with pytest.raises(SchemaError, match="1 to 2 parts"):
        warehouse.commit([Change(tables.PAGES, (), {("d2", 1, 1)})])


def test_a_row_of_a_key_that_is_gone_and_given_is_there(warehouse: Warehouse) -> None:
    """What is given wins over what is gone, so that all pages of a document can be replaced in one change."""
    warehouse.commit(
        [Change(tables.PAGES, [tables.page_row(Page("d1", number, "old"), 0) for number in (1, 2)])]
    )
    warehouse.commit([Change(tables.PAGES, [tables.page_row(Page("d1", 1, "new"), 0)], {("d1",)})])
    assert [(row["page"], row["text"]) for row in warehouse.rows("pages")] == [(1, "new")]


def test_later_changes_of_one_batch_win(warehouse: Warehouse) -> None:
    """Changes to one table are made in their order, also when the last one brings back what was there."""
    warehouse.commit(rows.answers("a", number="R-1"))
    assert warehouse.commit(
        [*rows.answers("a", number="R-2"), *rows.answers("b"), *rows.answers("a", number="R-1")]
    )
    assert {row["number"] for row in warehouse.rows("invoice")} == {"R-1"}
    assert warehouse.commit([*rows.answers("a", number="R-2"), *rows.answers("a", number="R-3")])
    assert "R-3" in {row["number"] for row in warehouse.rows("invoice")}


def test_all_changes_are_made_or_none(warehouse: Warehouse) -> None:
    """A row that does not fit stops the commit before anything is written."""
    warehouse.commit(rows.read("a"))
    before = warehouse.path.read_bytes()
    with pytest.raises(SchemaError):
        warehouse.commit([*rows.read("b"), Change(tables.PAGES, [{"document": "x"}])])
    assert warehouse.path.read_bytes() == before
    assert [path.name for path in warehouse.folder.iterdir() if path.name.startswith(".")] == []


def test_an_empty_change_makes_the_table(warehouse: Warehouse) -> None:
    """A table without rows can be asked about, here and as Parquet."""
    assert warehouse.commit([Change(tables.REJECTS)])
    assert warehouse.rows("rejects") == []
    assert [info.rows for info in warehouse.tables()] == [0]
    assert len(list((warehouse.tables_folder / "rejects").iterdir())) == 1


@settings(max_examples=15, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.dictionaries(st.sampled_from("abcd"), st.integers(1, 2)), st.sets(st.sampled_from("abcd"))
        ),
        max_size=4,
    )
)
def test_commits_do_what_a_dict_would_do(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[dict[str, int], set[str]]]
) -> None:
    """Whatever is put and taken, the table holds what a dict would, and says truly whether it changed."""
    model: dict[str, int] = {}
    with hold(tmp_path_factory.mktemp("out")) as warehouse:
        warehouse.commit([Change(tables.PAGES)])
        for put, gone in steps:
            before = dict(model)
            for name in gone:
                model.pop(name, None)
            model.update(put)
            made = [tables.page_row(Page(name, 1, str(value)), 0) for name, value in put.items()]
            assert warehouse.commit([Change(tables.PAGES, made, {(name,) for name in gone})]) == (
                model != before
            )
            assert {row["document"]: int(row["text"]) for row in warehouse.rows("pages")} == model


def fields(*more: Field) -> tuple[Field, ...]:
    """The fields of the sample question with these in place of those of the same name, or added."""
    return tuple({field.name: field for field in (*rows.INVOICE_FIELDS, *more)}.values())


@pytest.mark.parametrize(
    ("more", "kept"),
    [
        (Field("paid", "boolean"), {"paid": None, "number": "R-1"}),
        (Field("total", "number"), {"total": 12.5}),
        (Field("issued", "text"), {"issued": "2024-01-31"}),
        (Field("lines", "list", item=Field("line", "record", fields=(rows.AMOUNT, Field("unit", "text")))),
         {"lines": [{"amount": Decimal("12.50"), "unit": None}]}),
    ],
)  # fmt: skip
def test_an_edited_schema_keeps_the_rows_that_fit(
    warehouse: Warehouse, more: Field, kept: dict[str, Any]
) -> None:
    """New columns are null for the rows of other documents, and old values take their new type."""
    warehouse.commit(rows.answers("a"))
    edited = rows.question(fields=fields(more), fingerprint="f2")
    assert warehouse.commit([Change(tables.question_table(edited))])
    (row,) = warehouse.rows("invoice")
    assert {name: row[name] for name in kept} == kept
    assert (row["question"], row["question_fingerprint"]) == ("invoice", "f1")


def test_a_field_that_left_the_schema_leaves_the_table(warehouse: Warehouse) -> None:
    """The columns are those of the schema as it is now, in its order."""
    warehouse.commit(rows.answers("a"))
    table = tables.question_table(rows.question(fields=rows.INVOICE_FIELDS[:1]))
    assert warehouse.commit([Change(table)])
    assert list(warehouse.rows("invoice")[0]) == [column.name for column in table.columns]


@pytest.mark.parametrize(
    "more",
    [Field("number", "integer"), Field("lines", "boolean"), Field("lines", "record", fields=(rows.AMOUNT,))],
)
def test_an_edited_schema_that_old_values_do_not_fit_keeps_their_rows_with_a_warning(
    warehouse: Warehouse, caplog: pytest.LogCaptureFixture, more: Field
) -> None:
    """The value is null, the rest of the row and the evidence of the value stay, and the log says so."""
    warehouse.commit(rows.answers("a"))
    with caplog.at_level(logging.WARNING):
        assert warehouse.commit([Change(tables.question_table(rows.question(fields=fields(more))))])
    (row,) = warehouse.rows("invoice")
    assert (row[more.name], str(row["total"]), len(warehouse.rows("evidence"))) == (None, "12.50", 2)
    assert f"of invoice.{more.name} do not fit" in caplog.text


def test_answers_of_the_days_before_fingerprints_had_a_column_are_brought_up(tmp_path: Path) -> None:
    """A table whose `question` holds the fingerprint gets today's columns when the folder is held: the name, and no row is lost."""
    folder, new = tmp_path / "out", {"question_fingerprint", "path", "run", "former", "inbox"}
    table = tables.question_table(rows.question())
    before = replace(
        table, columns=tuple(column for column in table.columns if column.name not in new), untold=()
    )
    record = tables.record_row(rows.record("a"), rows.question(), "offline", "rules") | {"question": "f1"}
    with hold(folder):
        old = {name: value for name, value in record.items() if name not in new}
        Warehouse(folder, tmp_path).commit([*rows.read("a"), Change(before, [old])])
    with hold(folder) as warehouse:
        warehouse.commit([Change(tables.EVIDENCE), Change(tables.REJECTS)])
        (row,) = warehouse.rows("invoice")
        assert (row["number"], row["question"], row["question_fingerprint"], row["path"]) == (
            "R-1",
            "invoice",
            "f1",
            "a",
        )
        assert list(row) == [column.name for column in table.columns]


def test_a_changed_meaning_is_a_change(warehouse: Warehouse) -> None:
    """A column that is described otherwise is described so in the warehouse, and its rows stay."""
    warehouse.commit(rows.answers("a"))
    edited = tables.question_table(rows.question(fields=fields(Field("number", "text", "As printed"))))
    assert warehouse.commit([Change(edited)])
    assert [
        column.meaning for info in warehouse.tables() for column in info.columns if column.name == "number"
    ] == ["As printed"]
    assert len(warehouse.rows("invoice")) == 1


def test_a_folder_of_an_earlier_version_gets_the_columns_of_this_one(tmp_path: Path) -> None:
    """A folder whose `evidence` has no states can be read as it is; who holds it finds nulls, the old values counted, and all views."""
    folder, new = tmp_path / "out", {"state", "confidence", "notes", "detail"}
    columns = tuple(column for column in tables.EVIDENCE.columns if column.name not in new)
    before = replace(tables.EVIDENCE, columns=columns)
    with hold(folder):
        *most, evidence, rejects = [*rows.read("a"), *rows.answers("a")]
        old = [
            {name: value for name, value in row.items() if name not in new}
            for row in evidence.rows
            if isinstance(row, dict)
        ]
        most = [replace(change, table=replace(change.table, views=None)) for change in most]
        Warehouse(folder, tmp_path).commit([*most, rejects, Change(before, old)])
    assert [row["field"] for row in Warehouse(folder).rows("evidence", ["field"])] == [
        "lines[0].what",
        "number",
    ]
    shutil.rmtree(folder / "tables")
    with hold(folder) as warehouse:
        assert [(row["value"], row["grade"], row["state"]) for row in warehouse.rows("evidence")] == [
            ("paper", "missing", None),
            ("R-1", "exact", None),
        ]
        assert warehouse.counts(tables.EVIDENCE, "state") == [{"state": None, "n": 2}]
        assert [(row["field"], row["found"]) for row in warehouse.rows("evidence_quality")] == [
            ("lines[].what", 1),
            ("number", 1),
        ]
        assert warehouse.rows("review") == []
        after = warehouse.path.read_bytes()
    with hold(folder) as warehouse:
        assert warehouse.path.read_bytes() == after
        assert warehouse.commit(rows.answers("a"))
        assert {row["state"] for row in warehouse.rows("evidence")} == {"given"}


def test_tables_are_described_inside_the_file(warehouse: Warehouse) -> None:
    """Names, rows, types and meanings come from the warehouse itself, so that any program sees them."""
    warehouse.commit([*rows.read("a", "b"), *rows.answers("a"), Change(tables.RUNS)])
    found = {info.name: info for info in warehouse.tables()}
    derived = {
        "evidence_quality",
        "review",
        "coverage",
        "failures",
        "duplicates",
        "stated_in_xml",
        "invoice_lines",
    }
    assert set(found) == {"documents", "pages", "invoice", "evidence", "rejects", "runs"} | derived
    assert (found["documents"].rows, found["documents"].meaning) == (2, tables.DOCUMENTS.meaning)
    assert [column.name for column in found["pages"].columns] == [
        column.name for column in tables.PAGES.columns
    ]
    assert {column.name: column.type for column in found["invoice"].columns}[
        "lines"
    ] == "STRUCT(what VARCHAR, amount DECIMAL(18,2))[]"
    with duckdb.connect(warehouse.path, read_only=True) as plain:
        assert plain.execute("SELECT comment FROM duckdb_tables() WHERE table_name = 'pages'").fetchall() == [
            (tables.PAGES.meaning,)
        ]


def test_pages_come_in_the_order_asked_and_by_number(
    warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also when they are fetched in several groups, when a document is unknown, and when a page has to be seen."""
    monkeypatch.setattr("octavo.processors.store.lookup._PAGES_AT_ONCE", 4)
    pages = [
        Page(f"d{number % 5}", number, f"p{number}", (9, 8) if number == 7 else None)
        for number in range(20, 0, -1)
    ]
    warehouse.commit([Change(tables.PAGES, [tables.page_row(page, 1) for page in pages])])
    asked = ["d3", "nowhere", "d0", "d4", "d1", "d2", "d3"]
    wanted = [page for document in asked for page in reversed(pages) if page.document == document]
    assert list(warehouse.pages_of(asked)) == wanted
    assert list(warehouse.pages_of([])) == []


def test_pages_keep_coming_while_others_are_committed(warehouse: Warehouse) -> None:
    """A reader sees the file that it opened to the end; who opens after the commit sees the new one at once."""
    warehouse.commit(rows.read("a", "b"))
    reading = warehouse.pages_of([rows.sha("a"), rows.sha("b")])
    first = next(reading)
    warehouse.commit([Change(tables.PAGES, (), {(rows.sha("b"),)})])
    assert [page.document for page in (first, *reading)] == [rows.sha("a"), rows.sha("b")]
    assert len(warehouse.rows("pages")) == 1


@pytest.mark.parametrize(
    ("reason", "settled"),
    [
        ("invalid", True),
        ("unavailable", False),
        ("needs_ocr", False),
        ("not_asked", False),
        ("timeout", False),
    ],
)
def test_answered_counts_answers_and_rejects_for_good(
    warehouse: Warehouse, reason: str, *, settled: bool
) -> None:
    """Whoever was not asked, for want of net, money or a picture, is asked again; who was asked and failed is not."""
    asked = rows.question()
    rejected = Change(
        tables.REJECTS, [tables.reject_row(rows.reject("b", reason), asked, "offline", "rules")]
    )
    warehouse.commit([*rows.answers("a"), rejected])
    expected = {rows.sha("a")} | ({rows.sha("b")} if settled else set())
    assert warehouse.answered("invoice", ["f0", "f1"], "rules", "offline") == expected


@pytest.mark.parametrize(
    "asked", [(["f2"], "rules", "offline"), (["f1"], "kimi", "offline"), (["f1"], "rules", "moonshot")]
)
def test_an_answer_to_another_question_or_of_another_model_does_not_count(
    warehouse: Warehouse, asked: tuple[list[str], str, str]
) -> None:
    """Question, model and engine must all be the same."""
    warehouse.commit(rows.answers("a"))
    assert warehouse.answered("invoice", *asked) == set()


def test_a_folder_without_a_warehouse_has_no_rows(tmp_path: Path) -> None:
    """Before the first commit there is nothing, which is no error; only a statement of one's own needs tables."""
    empty = Warehouse(tmp_path / "nowhere")
    assert not any((empty.documents(), empty.rows("pages"), empty.tables(), list(empty.pages_of(["d"]))))
    assert empty.counts(tables.DOCUMENTS, "status") == []
    assert empty.answered("invoice", ["f"], "m", "e") == empty.readable() == set()
    assert empty.size("pages") == 0
    assert not empty.delete_paths({("a", "")})
    with pytest.raises(SettingsError, match="no warehouse"):
        empty.query("SELECT 1")


def test_counts_and_sizes_are_of_the_rows_there_are(warehouse: Warehouse) -> None:
    """What a report says about a run stands in the tables."""
    warehouse.commit([*rows.read("a", "b"), *rows.answers("a")])
    assert warehouse.counts(tables.DOCUMENTS, "status") == [{"status": "ok", "n": 2}]
    assert (warehouse.size("invoice"), warehouse.size("nothing")) == (1, 0)
    assert warehouse.readable() == {rows.sha("a"), rows.sha("b")}
    assert warehouse.document(rows.sha("a")) == rows.document("a")
    with pytest.raises(KeyError):
        warehouse.document("unknown")
    assert warehouse.query("SELECT ? + 1 AS n", [1]) == pa.table({"n": pa.array([2], pa.int32())})


def test_what_left_the_inbox_leaves_every_table_but_the_bills(warehouse: Warehouse) -> None:
    """Pages, answers, evidence and rejects of a vanished document go; what a second path still holds stays, and what was paid."""
    twin = tables.document_row(rows.document("b"), "1") | {"path": "copy of b"}
    unread = tables.document_row(rows.document("u"), "1") | {"document": None}
    paid = dict.fromkeys((column.name for column in tables.REQUESTS.columns), None) | {
        "request": "r",
        "documents": [rows.sha("a")],
    }
    bills = [Change(tables.DOCUMENTS, [twin, unread]), Change(tables.REQUESTS, [paid])]
    warehouse.commit([*rows.read("a", "b"), *rows.answers("a", "b"), *bills])
    assert warehouse.delete_paths({(rows.document(name).path, "") for name in "abu"})
    assert [row["path"] for row in warehouse.rows("documents")] == ["copy of b"]
    assert {row["document"] for name in ("pages", "invoice", "evidence") for row in warehouse.rows(name)} == {
        rows.sha("b")
    }
    assert warehouse.size("requests") == 1
    assert not warehouse.delete_paths({("a path that is not there", "")})


def test_a_log_of_another_writer_is_not_overlooked(warehouse: Warehouse) -> None:
    """When another program has written beside us, its log would belong to no file after the rename; so it is not renamed."""
    warehouse.commit(rows.read("a"))
    warehouse.path.with_name("warehouse.duckdb.wal").write_bytes(b"rows of theirs")
    with pytest.raises(StorageError, match=r"warehouse\.duckdb\.wal"):
        warehouse.commit(rows.read("b"))


def test_a_damaged_file_is_named(warehouse: Warehouse) -> None:
    """A file that is no database ends with the sentence that says what to do, not with a traceback of DuckDB."""
    warehouse.path.write_bytes(b"not a database" * 1000)
    with pytest.raises(StorageError, match="move it away"):
        warehouse.rows("documents")
