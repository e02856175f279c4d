"""What a person says about one value, and what it looks like as a row of `corrections`: nouns and plain dicts, nothing reads or writes.

A correction is about a field of the answer to a question about a document, by its path at that time. Items of lists move when another
answer comes, so a correction that goes through a list remembers each item on its way as it was (`anchors`).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from octavo.schemas.columns import MOMENT, REAL, TEXT, WHOLE, Column, Table
from octavo.schemas.pipeline import Grade

Verdict = Literal["right", "changed", "absent", "row_added", "row_removed"]
PERSON = "person"  # the engine of an answer that no model gave and people filled in
VERDICTS: tuple[Verdict, ...] = ("right", "changed", "absent", "row_added", "row_removed")


@dataclass(frozen=True, slots=True)
class ValuePlace:
    """Where on a page the value stands, as a person marked it or as it was found. Pages from 1, a half-open span of characters."""

    grade: Grade = "missing"
    page: int | None = None
    start: int | None = None
    end: int | None = None
    quote: str = ""


NOWHERE = ValuePlace()


@dataclass(frozen=True, slots=True)
class Correction:
    """One verdict of one person. Values are JSON: dates and decimals are texts as `evidence` writes them, rows are objects."""

    document: str  # SHA-256
    question: str  # name of its table
    field: (
        str  # path at that time, such as line_items[0].amount; of the item for `row_added` and `row_removed`
    )
    verdict: Verdict
    before: Any
    after: Any
    who: str
    at: datetime  # UTC
    note: str = ""
    question_fingerprint: str = ""  # of the answer that was corrected
    confidence: float | None = None  # in the value before, where a model gave it
    place: ValuePlace = NOWHERE
    anchors: tuple[
        Any, ...
    ] = ()  # each item on the way, as it was; of `row_added` how many such rows there were
    number: int = 0  # given by who stores it, from 1


CORRECTIONS = Table(
    "corrections",
    ("document", "question"),
    tuple(
        Column(*spec)
        for spec in (
            ("document", TEXT, "SHA-256 of the document's bytes"),
            ("question", TEXT, "Name of the question, which is the name of its table"),
            ("field", TEXT, "Path of the field or item when it was corrected, such as line_items[0].amount"),
            (
                "verdict",
                TEXT,
                "right, changed, absent (the document does not say it), row_added or row_removed",
            ),
            ("before", TEXT, "What stood there, a row as JSON; null for nothing"),
            ("after", TEXT, "What the person says, a row as JSON; null for nothing"),
            ("who", TEXT, "Who says so"),
            ("corrected_at", MOMENT, "When, UTC"),
            ("note", TEXT, "Remark of that person"),
            (
                "confidence",
                REAL,
                "Confidence in the model's value at that time, 0 to 1; null where it had none",
            ),
            ("question_fingerprint", TEXT, "Fingerprint of the question whose answer was corrected"),
            ("number", WHOLE, "ValuePlace among all corrections; of two of one field the later holds"),
        )
    ),
    "What people said about values, in force: each wins over later answers",
    order=("number",),
)


def correction_row(correction: Correction) -> dict[str, Any]:
    """One row of the table `corrections`."""
    return {
        "document": correction.document,
        "question": correction.question,
        "field": correction.field,
        "verdict": correction.verdict,
        "before": as_text(correction.before),
        "after": as_text(correction.after),
        "who": correction.who,
        "corrected_at": correction.at,
        "note": correction.note,
        "confidence": correction.confidence,
        "question_fingerprint": correction.question_fingerprint,
        "number": correction.number,
    }


def as_text(value: Any) -> str | None:
    """A value as a cell: null for nothing, a text as it is, anything else as JSON.

    >>> as_text("9.50"), as_text(["a"]), as_text(None)
    ('9.50', '["a"]', None)
    """
    return value if value is None or isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def as_json(value: Any) -> Any:
    """A native value as JSON has it: dates and decimals as the text that `evidence` shows, records and lists item by item."""
    if isinstance(value, Mapping):
        return {name: as_json(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [as_json(one) for one in value]
    if value is None or isinstance(value, str | bool | int | float):
        return value
    return value.isoformat() if hasattr(value, "isoformat") else format(value, "f")
