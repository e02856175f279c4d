"""Electronic invoices in a run: answered from their XML, for nothing, and compared with what was read from their PDF."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest
from pypdf import PdfWriter
from reportlab.pdfgen.canvas import Canvas

from octavo.flows import order, settings
from octavo.processors.store.warehouse import Warehouse
from octavo.schemas.job import Job
from tests.documents.einvoices import CII
from tests.emulator.fixture import Running


def with_xml(total: str) -> bytes:
    """A PDF of an invoice with its XML attached; the page shows another total than 119.00 where that is asked for."""
    with io.BytesIO() as file:
        canvas = Canvas(file)
        for line, words in enumerate(
            ["Invoice number: R-77", "Invoice date: 2026-03-14", f"Total: {total} EUR"]
        ):
            canvas.drawString(72, 760 - 20 * line, words)
        canvas.save()
        writer = PdfWriter(io.BytesIO(file.getvalue()))
    writer.add_attachment("factur-x.xml", CII.encode())
    with io.BytesIO() as file:
        writer.write(file)
        return file.getvalue()


def job(folder: Path, **changes: Any) -> Job:
    """A job about what lies in the inbox."""
    return Job.model_validate(
        {"inbox": str(folder / "in"), "out": str(folder / "out"), "extract": ["invoice"], **changes}
    )


@pytest.fixture
def inbox(tmp_path: Path) -> Path:
    """An empty inbox."""
    (tmp_path / "in").mkdir()
    return tmp_path / "in"


async def test_an_invoice_in_xml_costs_nothing(kimi: Running, inbox: Path) -> None:
    """No call is made, each fact is there and proved, its engine is `xml`; the next run finds nothing to do."""
    (inbox / "a.xml").write_text(CII, encoding="utf-8")
    asked = job(inbox.parent, base_url=kimi.base_url, tier=5)
    account = settings.account(asked, {}, key=kimi.key)
    ended = await order.run(asked, account)
    tables = Warehouse(inbox.parent / "out")
    (row,) = tables.rows("invoice")
    assert (row["engine"], row["former"], str(row["grand_total"]), len(row["line_items"])) == (
        "xml",
        False,
        "119.00",
        1,
    )
    assert (ended.exit_code, tables.size("requests"), tables.size("review")) == (0, 0, 0)
    assert {one["grade"] for one in tables.rows("evidence") if one["state"] == "given"} == {"exact"}
    assert (await order.plan(asked, account)).windows == 0
    assert (await order.run(asked, account)).exit_code == 0


async def test_a_difference_from_the_page_is_in_review(inbox: Path) -> None:
    """Where the page of a PDF shows another total than its XML, `review` says both; what agrees is not there."""
    (inbox / "right.pdf").write_bytes(with_xml("119.00"))
    (inbox / "wrong.pdf").write_bytes(with_xml("911.00"))
    asked = job(inbox.parent, offline=True)
    await order.run(asked, settings.account(asked, {}, key=""))
    tables = Warehouse(inbox.parent / "out")
    differing = [
        (row["path"], row["field"], row["value"])
        for row in tables.rows("review")
        if row["reason"] == "differs"
    ]
    assert differing == [("wrong.pdf", "grand_total", "911.00")]


async def test_another_question_is_asked_about_the_pdf_alone(inbox: Path) -> None:
    """The XML in a PDF says what its page says, so a question that it cannot answer is asked once; a file of its own is asked about."""
    (inbox / "both.pdf").write_bytes(with_xml("119.00"))
    (inbox / "alone.xml").write_text(CII.replace("R-77", "R-78"), encoding="utf-8")
    schema = {"type": "object", "description": "A bill.", "properties": {"bank": {"type": "string"}}}
    (inbox.parent / "bill.json").write_text(json.dumps(schema), encoding="utf-8")
    asked = job(inbox.parent, offline=True, extract=[str(inbox.parent / "bill.json")])
    found = await order.plan(asked, settings.account(asked, {}, key=""))
    await order.run(asked, settings.account(asked, {}, key=""))
    tables = Warehouse(inbox.parent / "out")
    about = {document for row in tables.rows("requests") for document in row["documents"]}
    paths = {row["path"] for row in tables.rows("documents") if row["document"] in about}
    assert (found.windows, paths) == (1, {"both.pdf", "alone.xml"})


async def test_an_invoice_with_its_xml_counts_once(inbox: Path) -> None:
    """The PDF and the XML in it have a row each; without what `stated_in_xml` names each invoice is there once, others stay."""
    (inbox / "both.pdf").write_bytes(with_xml("119.00"))
    (inbox / "alone.xml").write_text(CII.replace("119.00", "238.00"), encoding="utf-8")
    asked = job(inbox.parent, offline=True)
    await order.run(asked, settings.account(asked, {}, key=""))
    tables = Warehouse(inbox.parent / "out")
    assert tables.size("invoice") == 3
    once = "SELECT path FROM invoice ANTI JOIN stated_in_xml USING (document, question) ORDER BY path"
    paths = tables.query(once)["path"].to_pylist()
    assert [path.partition("/")[0] for path in paths] == ["alone.xml", "both.pdf"]
    assert paths[1] != "both.pdf"
