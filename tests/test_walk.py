"""One document's way, from a folder to an SQL row, with each noun printed as it passes: `pytest -s tests/test_walk.py`."""

from __future__ import annotations

import shutil
from pathlib import Path
from pprint import pformat

from octavo.flows import settings
from octavo.flows.order import questions
from octavo.processors.ask.replies import Asker
from octavo.processors.check import records as check
from octavo.processors.pack import windows as pack
from octavo.processors.query import sql
from octavo.processors.read import pages as read
from octavo.processors.store.warehouse import Change, hold
from octavo.schemas import tables
from octavo.schemas.job import Job

SAMPLE = Path(__file__).resolve().parents[1] / "data" / "samples" / "invoice_de.pdf"


def show(noun: str, value: object) -> None:
    """Print a noun, long texts cut."""
    text = pformat(value, width=120, compact=True)
    print(f"\n--- {noun} ---\n{text if len(text) < 1_500 else text[:1_500] + ' ...'}")


async def test_one_document_from_folder_to_row(tmp_path: Path) -> None:
    """The nouns follow one another from Document to Evidence, and the row says what the page says."""
    inbox, out = tmp_path / "inbox", tmp_path / "out"
    inbox.mkdir()
    shutil.copy(SAMPLE, inbox)
    job = Job(inbox=str(inbox), out=str(out), extract=["invoice"], offline=True)
    count = pack.counter(None)

    (found,) = read.discover(inbox, read.ReadLimits())
    assert isinstance(found, read.FoundFile)
    with read.Reader() as reader:
        (reading,) = await reader.read([found])
    show("Document", reading.document)
    show("Page", reading.pages[0])

    (window,) = pack.windows(reading.pages, count, pack.Bounds(max_tokens=100_000, max_documents=20))
    show("Part", window.parts[0])
    show("Window", (window.documents, window.tokens))

    (question,) = questions(job)
    show("Question", (question.name, question.instruction, question.fields))
    with hold(out) as warehouse:
        async with Asker(settings.account(job, {}), out / "ledger.sqlite", run="walk", count=count) as asker:
            request = asker.request(window, question)
            show(
                "Request",
                (
                    request.fingerprint,
                    dict(request.ids),
                    request.prompt_tokens,
                    request.reply_tokens,
                    request.body["messages"],
                ),
            )
            reply = await asker.ask(request)
            show("Reply", reply)
            bills = list(asker.bills([request.fingerprint]))

        (record,), rejects = check.check(request, reply)
        show("Record", dict(record.value))
        show("Evidence", record.evidence[:3])
        assert rejects == []

        warehouse.commit(
            [
                Change(tables.DOCUMENTS, [tables.document_row(reading.document, read.READER_VERSION)]),
                Change(tables.PAGES, [tables.page_row(page, count(page.text)) for page in reading.pages]),
                Change(
                    tables.question_table(question),
                    [tables.record_row(record, question, reply.engine, reply.model)],
                ),
                Change(tables.EVIDENCE, tables.evidence_rows(record)),
                Change(tables.REQUESTS, bills),
            ]
        )

    query = """SELECT d.path, i.invoice_number, i.issue_date, i.grand_total, e.page, e.quote, r.cost_usd
               FROM invoice i JOIN documents d USING (document) JOIN evidence e USING (document) JOIN requests r ON r.request = i.request
               WHERE e.field = 'grand_total'"""
    (row,) = sql.select(out, query).to_pylist()
    show("row", row)
    assert (row["path"], str(row["grand_total"]), row["page"], row["cost_usd"]) == (
        "invoice_de.pdf",
        "6058.05",
        1,
        0.0,
    )
    assert row["quote"] in reading.pages[0].text
