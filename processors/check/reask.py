"""Rejects come in; what to ask again goes out: which documents together, which fields, and what was wrong.

A window is asked as it was packed ("first"), then what failed, with the complaint, documents that lack the same fields together and only
these fields ("failed_fields"), then each that failed again ("alone"). No document is asked more than three times; what fails then is a row.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from octavo.schemas.pipeline import NOT_APPLICABLE, Purpose, Question, Reject, Request, Window

COMPLAINT_CHARACTERS = 2_000  # most that a model is told about what was wrong
ALONE = frozenset(
    {"contamination", "duplicate_in_reply", "content_filter"}
)  # reasons to ask again about a document without its neighbours

SECOND = """
Read on your own account: begin with the last page, give the fields in the order of the schema, and copy each value from where it stands."""


@dataclass(frozen=True, slots=True)
class Reask:
    """A window to ask again: the question, which may be about some fields only, and by document what came of the last answer."""

    window: Window
    purpose: Purpose
    complaint: str
    question: Question
    rejects: Mapping[str, Reject]


def ask_again(request: Request, rejects: Iterable[Reject]) -> list[Reask]:
    """The windows to ask again; documents are in the order of the window.

    There are none about a document that was asked alone, and after a second pass, which is only compared with the first.
    A document whose answer may come from a neighbour, or that failed a second time, is asked alone, others with those that lack the
    same fields. When nothing at all fitted into the reply, its documents are asked in halves.
    """
    failed = {
        reject.document: reject for reject in rejects if reject.document and not _is_final(request, reject)
    }
    if request.purpose not in ("first", "failed_fields"):
        return []
    groups: dict[object, list[Reject]] = {}
    for document in request.window.documents:
        if reject := failed.get(document):
            alone = request.purpose == "failed_fields" or reject.reason in ALONE
            groups.setdefault(document if alone else reject.fields, []).append(reject)
    ordered = sorted(groups.values(), key=lambda group: group[0].reason not in ALONE)
    return [
        _again(request, half)
        for group in ordered
        for half in _halved(group, len(request.window.documents))
        if half
    ]


def subset(question: Question, names: Iterable[str]) -> Question:
    """The same question about some of its fields; the question itself when no names are given. The name shows it in the ledger."""
    wanted = tuple(names)
    if not wanted:
        return question
    words = f"{question.instruction}\nGive these fields only, the others are known: {', '.join(wanted)}."
    return _variant(question, "again", words, wanted)


def rephrased(question: Question) -> Question:
    """The same question in other words, its fields in the opposite order: for a second, independent pass."""
    return _variant(
        question,
        "second",
        question.instruction + SECOND,
        tuple(field.name for field in reversed(question.fields)),
    )


def _variant(question: Question, kind: str, words: str, names: tuple[str, ...]) -> Question:
    properties = question.json_schema.get("properties", {})
    schema = {
        **question.json_schema,
        "properties": {name: properties[name] for name in names},
        "required": list(names),
    }
    share = -(-question.reply_tokens * len(names) // max(1, len(question.fields)))
    signed = hashlib.sha256(f"{question.fingerprint} {kind} {' '.join(names)}".encode()).hexdigest()
    fields = {field.name: field for field in question.fields}
    return replace(
        question,
        name=f"{question.name}.{kind}",
        instruction=words,
        fields=tuple(fields[name] for name in names),
        json_schema=schema,
        reply_tokens=share,
        fingerprint=signed,
        whole=question,
    )


def _is_final(request: Request, reject: Reject) -> bool:
    """Whether asking again would change nothing: the document is of another kind, or what the filter found stands in it alone."""
    return reject.reason == NOT_APPLICABLE or (
        reject.reason == "content_filter" and len(request.window.documents) == 1
    )


def _again(request: Request, group: list[Reject]) -> Reask:
    question = request.question.whole or request.question
    by_document = {reject.document: reject for reject in group}
    purpose: Purpose = "failed_fields" if request.purpose == "first" else "alone"
    return Reask(
        _window(request.window, set(by_document)),
        purpose,
        _complaint(group),
        subset(question, group[0].fields),
        by_document,
    )


def _halved(rejects: list[Reject], documents: int) -> Iterator[list[Reject]]:
    """One group, or two when the reply had no room for any document of the window."""
    middle = (
        len(rejects) // 2
        if len(rejects) == documents and all(reject.reason == "truncated" for reject in rejects)
        else 0
    )
    yield rejects[:middle]
    yield rejects[middle:]


def _window(window: Window, documents: set[str]) -> Window:
    """A window with these documents of another, and their share of its marks."""
    parts = tuple(part for part in window.parts if part.document in documents)
    marks = window.tokens - sum(part.tokens for part in window.parts)
    share = -(-marks * len(documents) // len(window.documents))
    return Window(parts, sum(part.tokens for part in parts) + share)


def _complaint(rejects: Iterable[Reject]) -> str:
    """What was wrong, each thing once. Documents are not named, since their ids change with the window."""
    text = " ".join(dict.fromkeys(reject.detail for reject in rejects))
    return text if len(text) <= COMPLAINT_CHARACTERS else text[:COMPLAINT_CHARACTERS] + "..."
