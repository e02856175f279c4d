"""Sample nouns and changes for the tests of `store` and `query`: a small inbox with invoices, answered by rules."""

from __future__ import annotations

from hashlib import sha256

from pydantic import BaseModel

from octavo.processors.store.warehouse import Change
from octavo.schemas import tables
from octavo.schemas.pipeline import Document, Evidence, Field, Page, Question, Record, Reject

AMOUNT = Field("amount", "decimal", "What it costs", scale=2)
INVOICE_FIELDS = (
    Field("number", "text", "Number of the invoice"),
    Field("issued", "date", "Day of issue"),
    Field("total", "decimal", "Amount to pay", scale=2),
    Field("lines", "list", "Lines", item=Field("line", "record", fields=(Field("what", "text"), AMOUNT))),
)


def question(
    name: str = "invoice", fields: tuple[Field, ...] = INVOICE_FIELDS, fingerprint: str = "f1"
) -> Question:
    """A question with a schema of every nesting."""
    return Question(name, "Read the invoice.\nAll of it.", fields, {}, 100, fingerprint, BaseModel)


def sha(text: str) -> str:
    """The id of a document with this text."""
    return sha256(text.encode()).hexdigest()


def document(name: str) -> Document:
    """A readable document of one page whose text is its name."""
    return Document(name, name.encode(), sha(name), "text/plain", len(name), page_count=1)


def record(name: str, number: str = "R-1") -> Record:
    """An answer about the document `name`."""
    value = {
        "number": number,
        "issued": "2024-01-31",
        "total": "12.50",
        "lines": [{"what": "paper", "amount": "12.50"}],
    }
    evidence = (
        Evidence("number", number, "exact", 1, 0, 3, number),
        Evidence("lines[0].what", "paper", "missing"),
    )
    return Record(sha(name), "invoice", value, evidence, "request-1")


def reject(name: str, reason: str) -> Reject:
    """An answer about the document `name` that was not accepted."""
    return Reject(sha(name), "invoice", "request-1", reason, f"It is {reason}.")


def read(*names: str) -> list[Change]:
    """The changes after reading these documents."""
    pages = [tables.page_row(Page(sha(name), 1, f"Text of {name}"), 3) for name in names]
    return [
        Change(tables.DOCUMENTS, [tables.document_row(document(name), "1") for name in names]),
        Change(tables.PAGES, pages),
    ]


def answers(*names: str, number: str = "R-1", asked: Question | None = None) -> list[Change]:
    """The changes after an answer about each of these documents."""
    asked = asked or question()
    records = [record(name, number) for name in names]
    return [
        Change(
            tables.question_table(asked),
            [tables.record_row(one, asked, "offline", "rules") for one in records],
        ),
        Change(tables.EVIDENCE, [row for one in records for row in tables.evidence_rows(one)]),
        Change(tables.REJECTS, (), {(one.document, one.question) for one in records}),
    ]
