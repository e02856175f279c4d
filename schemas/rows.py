"""Answers as rows: a record, its evidence or a reject comes in; plain dicts for the tables of `octavo.schemas.tables` go out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from octavo.schemas.columns import native_record
from octavo.schemas.errors import SchemaError
from octavo.schemas.pipeline import Evidence, Page, Question, Record, Reject

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
            "value": evidence.value if _has_value(evidence) else None,
            "grade": evidence.grade if _has_value(evidence) else None,
            "proved_by": (evidence.by or None) if _has_value(evidence) else None,
            "confidence": evidence.confidence,
            "notes": list(evidence.notes),
            "detail": evidence.detail,
            "page": evidence.page,
            "span_start": evidence.start,
            "span_end": evidence.end,
            "quote": evidence.quote,
            "ocr_confidence": evidence.ocr_confidence,
            "request": evidence.request or record.request,
            "corrected_by": evidence.who or None,
            "corrected_at": evidence.corrected_at,
        }
        for evidence in record.evidence
    ]


def _has_value(evidence: Evidence) -> bool:
    """A value that a person gave is one too; where the person says that there is none, the text is empty."""
    return evidence.state == "given" or (evidence.state == "corrected" and evidence.value != "")


def evidence_of(row: Mapping[str, Any]) -> Evidence:
    """The evidence of a row, as `evidence_rows` wrote it."""
    return Evidence(
        field=row["field"],
        value=row["value"] or "",
        grade=row["grade"] or "missing",
        page=row["page"],
        start=row["span_start"],
        end=row["span_end"],
        quote=row["quote"] or "",
        state=row["state"],
        notes=tuple(row["notes"] or ()),
        detail=row["detail"] or "",
        confidence=row["confidence"],
        request=row["request"] or "",
        by=row["proved_by"] or "",
        who=row.get("corrected_by") or "",
        corrected_at=row.get("corrected_at"),
        ocr_confidence=row.get("ocr_confidence"),
    )


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


def page_row(page: Page, tokens: int) -> Row:
    """One row of `pages`."""
    width, height = page.image_px or (None, None)
    return {
        "document": page.document,
        "page": page.number,
        "text": page.text,
        "chars": len(page.text),
        "tokens": tokens,
        "image_width_px": width,
        "image_height_px": height,
        "text_from": page.text_from,
        "repeated": [{"start": start, "stop": stop} for start, stop in page.repeated],
        "hidden_chars": page.hidden_chars,
        "ocr_words": [
            {"start": start, "stop": stop, "confidence": sure} for start, stop, sure in page.ocr_words
        ],
    }
