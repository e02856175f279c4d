"""Answers outlive what they are about until something takes their place: no change of files or questions costs a row on its way."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from octavo.processors.store.warehouse import Asked, Change, Warehouse, hold
from octavo.schemas import tables
from octavo.schemas.pipeline import Document, Page, Status
from tests import rows

FIRST: dict[str, Asked] = {"invoice": (["f1"], "rules", "offline")}


@pytest.fixture
def warehouse(tmp_path: Path) -> Iterator[Warehouse]:
    """Two documents that were read and answered."""
    with hold(tmp_path / "out") as held:
        held.commit(rows.read("a", "b"))
        held.commit([*rows.answers("a", "b"), Change(tables.REQUESTS)], FIRST)
        yield held


def change(path: str, text: str, status: Status = "ok") -> list[Change]:
    """The file at a path has another content now, which was read, or not."""
    sha256 = rows.sha(text) if status == "ok" else ""
    document = replace(rows.document(path), sha256=sha256, status=status)
    pages = [tables.page_row(Page(sha256, 1, text), 3)] if status == "ok" else []
    return [Change(tables.DOCUMENTS, [tables.document_row(document, "1")]), Change(tables.PAGES, pages)]


def found(warehouse: Warehouse) -> list[tuple[Any, ...]]:
    """Path, content and whether it is of earlier days, of every answer."""
    texts = {rows.sha(text): text for text in ("a", "b", "a new")}
    order = sorted(warehouse.rows("invoice"), key=lambda row: (row["path"], row["former"]))
    return [(row["path"], texts[row["document"]], row["former"]) for row in order]


@pytest.mark.parametrize("status", ["ok", "error", "empty"])
def test_the_answer_to_a_changed_file_stays_until_there_is_another(
    warehouse: Warehouse, status: Status
) -> None:
    """A file that changed, or cannot be read any more, keeps its answer with evidence and pages, which is said to be of earlier days."""
    warehouse.commit(change("a", "a new", status))
    assert found(warehouse) == [("a", "a", True), ("b", "b", False)]
    assert rows.sha("a") in {row["document"] for row in warehouse.rows("evidence")} & {
        row["document"] for row in warehouse.rows("pages")
    }


def test_the_answer_goes_in_the_commit_that_brings_its_successor(warehouse: Warehouse) -> None:
    """One path has one answer as soon as its new content has; nothing of the old content is left."""
    warehouse.commit(change("a", "a new"))
    warehouse.commit(rows.answers("a new"))
    assert found(warehouse) == [("a", "a new", False), ("b", "b", False)]
    for name in ("evidence", "pages"):
        assert rows.sha("a") not in {row["document"] for row in warehouse.rows(name)}


def test_that_it_is_of_another_kind_now_is_a_successor(warehouse: Warehouse) -> None:
    """When the new content is no invoice, there is no invoice at that path any more; other rejects take no answer away."""
    warehouse.commit(change("a", "a new"))
    for reason, left in (("invalid", 2), ("not_applicable", 1)):
        row = tables.reject_row(rows.reject("a new", reason), rows.question(), "offline", "rules")
        warehouse.commit([Change(tables.REJECTS, [row])])
        assert len(found(warehouse)) == left


def test_bytes_that_come_back_are_of_today_again(warehouse: Warehouse) -> None:
    """A file that could not be read for a while has its answer as before."""
    warehouse.commit(change("a", "", "error"))
    warehouse.commit(change("a", "a"))
    assert found(warehouse) == [("a", "a", False), ("b", "b", False)]


def test_a_moved_file_has_its_new_path(warehouse: Warehouse) -> None:
    """The answer is under the path where its bytes lie now; of several the first."""
    moved = tables.document_row(
        Document("moved", b"moved", rows.sha("a"), "text/plain", 1, page_count=1), "1"
    )
    warehouse.commit([Change(tables.DOCUMENTS, [moved], {("a", "")})])
    assert found(warehouse) == [("b", "b", False), ("moved", "a", False)]
    twin = tables.document_row(
        Document("a twin", b"a twin", rows.sha("a"), "text/plain", 1, page_count=1), "1"
    )
    warehouse.commit([Change(tables.DOCUMENTS, [twin])])
    assert found(warehouse)[0] == ("a twin", "a", False)


def test_a_path_that_left_takes_its_answers_along(warehouse: Warehouse) -> None:
    """Also the one to an earlier content of it."""
    warehouse.commit(change("a", "a new"))
    assert warehouse.delete_paths({("a", "")})
    assert found(warehouse) == [("b", "b", False)]


def test_two_inboxes_do_not_replace_each_other(warehouse: Warehouse) -> None:
    """The same path below another inbox is another file."""
    warehouse.commit(change("a", "a new", "error"))
    other = tables.document_row(replace(rows.document("a"), sha256=rows.sha("a new")), "1", "/other")
    warehouse.commit([Change(tables.DOCUMENTS, [other]), *rows.answers("a new")])
    assert found(warehouse) == [("a", "a", True), ("a", "a new", False), ("b", "b", False)] or found(
        warehouse
    ) == [
        ("a", "a new", False),
        ("a", "a", True),
        ("b", "b", False),
    ]


def test_answers_to_another_question_are_of_earlier_days_once_that_was_asked(warehouse: Warehouse) -> None:
    """Another wording or model that has answered one document marks the others; what was only planned marks none."""
    again = rows.answers("a", asked=rows.question(fingerprint="f2"))
    warehouse.commit(again, {"invoice": (["f2"], "rules", "offline")})
    assert found(warehouse) == [("a", "a", False), ("b", "b", True)]
    warehouse.commit(rows.answers("a"), FIRST)
    assert found(warehouse) == [("a", "a", False), ("b", "b", False)]


def test_parquet_has_what_the_tables_have(warehouse: Warehouse) -> None:
    """Rows that went or were marked beside the change itself are in the files of other engines too."""
    import pyarrow.parquet as pq

    warehouse.commit(change("a", "a new"))
    stored = pq.read_table(warehouse.tables_folder / "invoice").to_pylist()
    assert sorted((row["path"], row["former"]) for row in stored) == [("a", True), ("b", False)]
