"""Checking against real invoices: their labels are proved, and what belongs to a neighbour is caught."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pypdfium2
import pytest

from octavo.processors.check.records import check
from octavo.schemas.compile.compiler import compile_question
from octavo.schemas.pipeline import Part, Record, Reject, Reply, Request, Usage, Window

CORPUS = Path(__file__).resolve().parents[1].parent / "shared" / "corpus"
pytestmark = pytest.mark.skipif(not CORPUS.exists(), reason="the developer corpus is not here")

NAMES = {
    "invoice_number": "invoice_number",
    "issue_date": "issue_date",
    "date": "issue_date",
    "seller_name": "seller_name",
    "buyer_name": "buyer_name",
    "net_total": "net_total",
    "amount_untaxed": "net_total",
    "tax_total": "tax_total",
    "grand_total": "grand_total",
    "amount": "grand_total",
}

Gold = dict[str, Any]


@pytest.fixture(scope="module")
def invoices() -> dict[str, tuple[Gold, tuple[Part, ...]]]:
    """Gold values and pages of the labelled invoices, by the path that stands for the document."""
    labels = (json.loads(path.read_text()) for path in sorted((CORPUS / "labels").glob("*.json")))
    return {
        label["document"]: (gold(label["fields"]), pages(label["document"]))
        for label in labels
        if label["kind"] == "invoice"
    }


def gold(fields: Gold) -> Gold:
    """The labels that the shipped schema has, under its names."""
    return {NAMES[name]: value for name, value in fields.items() if name in NAMES and value not in ("", None)}


def pages(document: str) -> tuple[Part, ...]:
    """The pages of a PDF, as a reader gives them."""
    pdf = pypdfium2.PdfDocument(CORPUS / document)
    texts = [page.get_textpage().get_text_bounded().replace("\r\n", "\n") for page in pdf]
    return tuple(
        Part(document, number, len(texts), 0, len(text), text, 0)
        for number, text in enumerate(texts, start=1)
    )


def judge(
    invoices: dict[str, tuple[Gold, tuple[Part, ...]]], answers: dict[str, Gold]
) -> tuple[list[Record], list[Reject]]:
    """Check one reply about all invoices in one window."""
    window = Window(tuple(part for _, parts in invoices.values() for part in parts), 0)
    ids = {f"k{number}": document for number, document in enumerate(invoices)}
    text = json.dumps(
        {"documents": [{"id": key, "record": answers[document]} for key, document in ids.items()]}
    )
    question = compile_question("invoice")
    request = Request(
        "f", question, window, ids, {}, 0, 0, legend={field.name: field.name for field in question.fields}
    )
    return check(request, Reply("f", text, "stop", Usage(0, 0), "m", "e", 0.0))


def test_gold_values_are_proved(invoices: dict[str, tuple[Gold, tuple[Part, ...]]]) -> None:
    """The right answers about real invoices are accepted without a false alarm, and 99 in 100 of their values get a span."""
    records, rejects = judge(invoices, {document: values for document, (values, _) in invoices.items()})
    assert not rejects
    found = [item for record in records for item in record.evidence if item.state == "given"]
    assert len(found) > 140
    assert sum(item.grade != "missing" for item in found) >= 0.99 * len(found)
    for record in records:
        texts = {part.page: part.text for part in invoices[record.document][1]}
        assert all(
            texts[item.page][item.start : item.end] == item.quote for item in record.evidence if item.page
        )


@pytest.mark.parametrize("field", sorted(set(NAMES.values())))
def test_values_of_a_neighbour_are_caught(
    invoices: dict[str, tuple[Gold, tuple[Part, ...]]], field: str
) -> None:
    """A value planted from the next invoice is contamination, unless it stands in the document's own text too, or is nought."""
    documents = list(invoices)
    answers, planted = {}, []
    for own, neighbour in zip(documents, documents[1:] + documents[:1], strict=True):
        value = invoices[neighbour][0].get(field)
        answers[own] = invoices[own][0] | ({field: value} if value is not None else {})
        if str(value or "").strip("0.") and value != invoices[own][0].get(field):
            planted.append(own)
    records, rejects = judge(invoices, answers)
    caught = {reject.document for reject in rejects if reject.reason == "contamination"}
    items = (item for record in records for item in record.evidence if record.document in planted)
    passed = [item for item in items if item.field == field and item.state == "given"]
    assert caught
    assert caught <= set(planted)
    assert [(item.value, item.grade) for item in passed if item.grade == "missing"] == []
