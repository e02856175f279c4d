"""`octavo review` where no model gave an answer: the form is filled in by hand, by keys, and stands in the tables."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from octavo.processors.store.warehouse import Change, Warehouse, hold
from octavo.schemas import tables
from octavo.schemas.pipeline import Document, Page, Question, Record, Reject
from tests.review_app import Watched
from tests.rows import question
from tests.test_review_app import until

GONE = "The model gave no answer about this document."


def rejected(out: Path, asked: Question) -> None:
    """Tables of one bill that was rejected, one that could not be read, and one with an answer."""
    texts = {"lost.txt": "Bill R-7 of 2026-03-04, total 12.50", "sealed.pdf": "", "good.txt": "Bill R-8"}
    ids = {path: hashlib.sha256(path.encode()).hexdigest() for path in texts}
    documents = []
    for path, text in texts.items():
        trouble = {} if text else {"status": "error", "reason": "encrypted", "detail": "It needs a password."}
        noun = Document(path, path.encode(), ids[path], "text/plain", 90, page_count=1, **trouble)  # type: ignore[arg-type]
        documents.append(tables.document_row(noun, "1", "/inbox"))
    pages = [tables.page_row(Page(ids[path], 1, text), 20) for path, text in texts.items() if text]
    reject = Reject(ids["lost.txt"], "invoice", "request-1", "missing_in_reply", GONE)
    good = Record(
        ids["good.txt"], "invoice", {"number": "R-8", "issued": None, "total": None, "lines": []}, (), "r"
    )
    with hold(out) as warehouse:
        warehouse.commit(
            [
                Change(tables.DOCUMENTS, documents),
                Change(tables.PAGES, pages),
                Change(tables.REJECTS, [tables.reject_row(reject, asked, "moonshot", "kimi-k3")]),
                Change(tables.question_table(asked), [tables.record_row(good, asked, "moonshot", "kimi-k3")]),
                *(Change(tables.FIXED[name]) for name in ("evidence", "requests", "runs", "corrections")),
            ]
        )


@pytest.fixture
def out(tmp_path: Path) -> Path:
    """Those tables."""
    rejected(tmp_path, question())
    return tmp_path


def test_a_rejected_answer_is_in_the_queue_and_filled_in_by_keys(tmp_path: Path, reviewer: Watched) -> None:
    """The queue lists the answer as a whole, j goes from field to empty field of its form, and the row stands instead of the reject."""
    page = reviewer.page
    assert page.locator("tbody tr").all_inner_texts()[0].startswith("invoice the whole answer")
    reviewer.press("j")
    assert GONE in page.inner_text("#form-pane .notice")
    assert reviewer.focus == "number"
    page.keyboard.press("e")
    page.keyboard.type("R-7")
    reviewer.press("Enter")
    reviewer.press("j")
    assert reviewer.focus == "issued"
    page.keyboard.press("e")
    page.keyboard.type("4 March 2026")
    reviewer.press("Enter")
    reviewer.press("j")
    reviewer.press("n")

    def stored() -> list[tuple[object, ...]]:
        query = "SELECT engine, number, issued::TEXT AS issued, total FROM invoice WHERE path = 'lost.txt'"
        return [tuple(row.values()) for row in Warehouse(tmp_path).query(query).to_pylist()]

    assert until(lambda: stored() == [("person", "R-7", "2026-03-04", None)]), stored()
    assert Warehouse(tmp_path).rows("rejects") == []
    reviewer.open("/")
    assert page.inner_text("h1").startswith("0 values")


@pytest.mark.prove
def test_documents_lead_to_the_form(tmp_path: Path, reviewer: Watched) -> None:
    """From the table of documents one comes to the form of a rejected document, and of one that could not be read."""
    page = reviewer.page
    reviewer.open("/documents?kind=rejected")
    page.click("a.tag.rejected")
    page.wait_for_selector("main[data-view=value][data-ready]")
    assert GONE in page.inner_text("#form-pane .notice")
    reviewer.open("/documents?kind=failed")
    page.click("td.path a")
    page.wait_for_selector("main[data-view=document][data-ready]")
    page.wait_for_selector("[data-picture]", state="hidden")  # a file that cannot be read has none
    page.click(".fill-in a")
    page.wait_for_selector("main[data-view=value][data-ready]")
    reviewer.open(page.url.removeprefix(reviewer.base) + "?field=total")
    page.keyboard.press("e")
    page.keyboard.type("9.90")
    reviewer.press("Enter")
    assert until(
        lambda: "sealed.pdf" in [row["path"] for row in Warehouse(tmp_path).rows("invoice", ["path"])]
    )


def test_what_is_not_there_is_said_in_a_page(reviewer: Watched) -> None:
    """A document that is not there and an address that leads nowhere are a sentence in a page of the app, which leads back."""
    for path in ("/document/none", "/nowhere"):
        reviewer.open(path)
        assert reviewer.page.inner_text("#sentence").startswith("There is no")
        assert reviewer.page.locator("main a").get_attribute("href") == "/"
    assert [fault for fault in reviewer.faults if "404" not in fault] == []
    reviewer.faults.clear()
