"""Answers as rows: a record, its evidence or a reject comes in; plain dicts for the tables of `octavo.schemas.tables` go out."""

from __future__ import annotations

from typing import Any

from octavo.schemas.columns import native_record
from octavo.schemas.errors import SchemaError
from octavo.schemas.pipeline import Question, Record, Reject

Row = dict[str, Any]


def record_row(record: Record, question: Question, engine: str, model: str, run: str = "") -> Row:
    """One row of a question's table. Values may be native (`date`, `Decimal`) or their JSON form (`"2024-01-31"`, `"9.50"`).

    Its path, and whether a later state of file or question has taken its place, are the store's to say.

    Raises SchemaError, about the document, when a value does not fit its column; nothing is cut or rounded to make it fit.
    """
    try:
        values = native_record((*question.fields, *question.computed), record.value, "")
    except SchemaError as error:
        error.about = record.document
        raise
    return {
        "document": record.document,
        "path": "",
        **values,
        "engine": engine,
        "model": model,
        "question": question.table,
        "question_fingerprint": question.fingerprint,
        "run": run,
        "former": False,
        "inbox": "",
        "request": record.request,
        "conflicts": list(record.conflicts),
    }


def evidence_rows(record: Record) -> list[Row]:
    """The rows of `evidence` for one record, one a field and item."""
    return [
        {
            "document": record.document,
            "question": record.question,
            "field": evidence.field,
            "state": evidence.state,
            "value": evidence.value if evidence.state == "given" else None,
            "grade": evidence.grade if evidence.state == "given" else None,
            "proved_by": (evidence.by or None) if evidence.state == "given" else None,
            "confidence": evidence.confidence,
            "notes": list(evidence.notes),
            "detail": evidence.detail,
            "page": evidence.page,
            "span_start": evidence.start,
            "span_end": evidence.end,
            "quote": evidence.quote,
            "request": evidence.request or record.request,
        }
        for evidence in record.evidence
    ]


def reject_row(reject: Reject, question: Question, engine: str, model: str, run: str = "") -> Row:
    """One row of `rejects`."""
    return {
        "document": reject.document,
        "question": reject.question,
        "request": reject.request,
        "reason": reject.reason,
        "detail": reject.detail,
        "engine": engine,
        "model": model,
        "question_fingerprint": question.fingerprint,
        "run": run,
    }
