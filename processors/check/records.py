"""The lead of this room: a request and its reply in; records with evidence and rejects out, one or the other for each document.

    records, rejects = check(request, reply)
    for window, complaint in ask_again(request, rejects): ...

A reject says what is wrong in words for a person, which are also what the model is told when it is asked again. Its reasons:

    truncated            the reply ends before the document's answer does
    invalid_json         the reply holds no answers at all
    missing_in_reply     the reply is whole and has no answer for the document
    duplicate_in_reply   it has several, which differ
    invalid              a field does not fit the schema
    contamination        a value stands only in another document of the window
    content_filter       the provider's filter stopped the reply before the document's answer
    unknown_id           an answer for no document of the window; the reject names no document
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any

from pydantic import ValidationError

from processors.check.ground import Leaf, evidence, ground, written
from processors.check.merge import merge
from processors.check.normalise import join, normalise, only_known, shown
from processors.check.salvage import Entry, Salvaged, salvage
from processors.check.source import Source
from schemas.compact import expanded
from schemas.pipeline import NOT_APPLICABLE, Question, Record, Reject, Reply, Request, Window

__all__ = ["ask_again", "check", "is_final", "merge"]

COMMON_CHARACTERS = 4  # shorter values stand in many documents, so finding one in a neighbour shows nothing
PROBLEMS_TOLD = 12  # fields named in one reject
COMPLAINT_CHARACTERS = 2_000  # most that a model is told about what was wrong

ALONE = frozenset({"contamination", "duplicate_in_reply", "content_filter"})  # reasons to ask again about a document without its neighbours


def check(request: Request, reply: Reply, *, earlier: bool = False) -> tuple[list[Record], list[Reject]]:
    """Judge a reply. Every document of the window has exactly one record or reject; answers for others are one reject without document.

    `earlier` takes a reply to an earlier schema of the question: what the schema does not name any more is left out.
    """
    salvaged = salvage(reply.text)
    answers = _answers(request, salvaged)
    if earlier:
        answers = {document: [_todays(request.question, answer) for answer in found] for document, found in answers.items()}
    source = Source(request.window.parts)
    records: list[Record] = []
    rejects: list[Reject] = []
    for document in request.window.documents:
        found = answers.get(document, [])
        judged = _judge(request, document, found[0], source) if len(found) == 1 else _unanswered(request, reply, document, salvaged, found)
        if isinstance(judged, Record):
            records.append(judged)
        else:
            rejects.append(judged)
    if strays := _strays(request, salvaged):
        rejects.append(_reject(request, "", "unknown_id", strays))
    return records, rejects


def ask_again(request: Request, rejects: Iterable[Reject]) -> list[tuple[Window, str]]:
    """The windows to ask again, each with the complaint about the last answer; documents are in the order of the window.

    A document whose answer may come from a neighbour, or was filtered because of one, is asked alone, the others together. When nothing
    at all fitted into the reply, its documents are asked in halves. What `is_final` says is not asked again.
    """
    failed = {reject.document: reject for reject in rejects if reject.document and not is_final(request, reject)}
    ordered = [failed[document] for document in request.window.documents if document in failed]
    alone = [[reject] for reject in ordered if reject.reason in ALONE]
    together = [reject for reject in ordered if reject.reason not in ALONE]
    groups = [*alone, *_halved(together, len(request.window.documents))]
    return [(_window(request.window, {reject.document for reject in group}), _complaint(group)) for group in groups if group]


def is_final(request: Request, reject: Reject) -> bool:
    """Whether asking again would change nothing: the document is of another kind, or what the filter found stands in it alone."""
    return reject.reason == NOT_APPLICABLE or (reject.reason == "content_filter" and len(request.window.documents) == 1)


def _answers(request: Request, salvaged: Salvaged) -> dict[str, list[Mapping[str, Any]]]:
    """The answers for each document."""
    answers: dict[str, list[Mapping[str, Any]]] = {}
    for entry in salvaged.entries:
        if document := request.ids.get(_id(entry)):
            answer = {**entry.value, "record": expanded(request.legend, entry.value["record"])} if "record" in entry.value else entry.value
            if answer not in answers.setdefault(document, []):  # the same said twice is said once
                answers[document].append(answer)
    return answers


def _todays(question: Question, answer: Mapping[str, Any]) -> Mapping[str, Any]:
    """An answer to an earlier schema as one to today's: what is new is null, what is gone is left out."""
    if not isinstance(answer.get("record"), dict):
        return answer
    new: dict[str, Any] = {field.name: None for field in question.fields}
    return {**answer, "record": new | only_known(question.fields, answer["record"])}


def _strays(request: Request, salvaged: Salvaged) -> str:
    """The sentence about ids that name no document of the window; empty when there are none."""
    ids = [shown(_id(entry)) for entry in salvaged.entries if _id(entry) not in request.ids]
    return f"The reply has entries for ids that were not given: {', '.join(ids[:PROBLEMS_TOLD])}." if ids else ""


def _id(entry: Entry) -> str:
    return str(entry.value.get("id", "")).strip()


def _unanswered(request: Request, reply: Reply, document: str, salvaged: Salvaged, found: Sequence[object]) -> Reject:
    """Why a document has no answer, or too many."""
    if found:
        return _reject(request, document, "duplicate_in_reply", f"The reply has {len(found)} unlike entries for this document; give one.")
    if reply.finish_reason == "content_filter":
        return _reject(request, document, "content_filter", "The provider's content filter stopped the reply.")
    if reply.finish_reason == "length" or (salvaged.found and not salvaged.whole):
        return _reject(request, document, "truncated", f"The reply broke off after {len(salvaged.entries)} whole entries.")
    if not salvaged.found:
        return _reject(request, document, "invalid_json", 'The reply holds no JSON object {"documents": [...]}.')
    return _reject(request, document, "missing_in_reply", f"The reply has no entry for this document. {_strays(request, salvaged)}".strip())


def _judge(request: Request, document: str, answer: Mapping[str, Any], source: Source) -> Record | Reject:
    """One answer: normalised, validated, grounded in its own document, and compared with the neighbours."""
    question = request.question
    if _is_empty(answer.get("record", "")):
        return _reject(request, document, NOT_APPLICABLE, f"Nothing in the document answers the question {question.name}.")
    problems = [f"{shown(key, quoted=False)}: does not belong beside id and record" for key in answer if key not in ("id", "record")]
    problems += _left_out(request, answer.get("record"))
    value = _validated(question, normalise(question.fields, answer.get("record"), problems), problems)
    if problems:
        return _reject(request, document, "invalid", _sentence(problems))
    leaves = ground(question.fields, value, source, document)
    if crossed := _crossed(question, document, leaves, source):
        return _reject(request, document, "contamination", _sentence(crossed))
    proofs = tuple(evidence(leaf, source, document) for leaf in leaves)
    return Record(document, question.name, value, proofs, request.fingerprint)


def _left_out(request: Request, record: Any) -> list[str]:
    """Fields that a record lacks. In the short form a field is left out where it would be null, so nothing can be said about it."""
    if request.legend or not isinstance(record, dict):
        return []
    return [f"{field.name}: is missing; give its value, or null" for field in request.question.fields if field.name not in record]


def _is_empty(value: Any) -> bool:
    """Whether nothing is said: null, or an object or list in which nothing is."""
    inside = value.values() if isinstance(value, dict) else value if isinstance(value, list) else None
    return value is None if inside is None else all(_is_empty(item) for item in inside)


def _validated(question: Question, value: dict[str, Any], problems: list[str]) -> dict[str, Any]:
    """The value as the question's model gives it back; what the model refuses is added to `problems`, each field once."""
    try:
        return question.model.model_validate(value).model_dump()
    except ValidationError as error:
        named = {problem.partition(":")[0] for problem in problems}
        for trouble in error.errors(include_url=False):
            place = _path(trouble["loc"])
            if place not in named:
                given = "" if trouble["type"] == "missing" else f", not {shown(trouble['input'])}"
                problems.append(f"{place or 'record'}: {trouble['msg']}{given}")
        return value


def _path(loc: tuple[int | str, ...]) -> str:
    """Pydantic's place of an error as a path: `("line_items", 0, "amount")` is `line_items[0].amount`."""
    path = ""
    for step in loc:
        path = f"{path}[{step}]" if isinstance(step, int) else join(path, step)
    return path


def _crossed(question: Question, document: str, leaves: Iterable[Leaf], source: Source) -> list[str]:
    """Values that stand in a neighbour and not in their own document. A document that is seen as a picture proves nothing here."""
    if source.is_seen(document):
        return []
    missing = [leaf for leaf in leaves if leaf.hit is None and _needs_proof(question, leaf)]
    return [
        f"{leaf.path}: {shown(leaf.value if leaf.kind == 'text' else written(leaf.value))} does not stand in this document, only in another"
        for leaf in missing
        if _is_telling(leaf, source)
    ]


def _needs_proof(question: Question, leaf: Leaf) -> bool:
    top = re.split(r"[.\[]", leaf.path, maxsplit=1)[0]
    return leaf.kind not in ("boolean", "choice") and (not question.evidence or top in question.evidence)


def _is_telling(leaf: Leaf, source: Source) -> bool:
    """Whether the window has the value, and it is not one that many documents have: a short text, zero, a small number."""
    if leaf.kind in ("integer", "number", "decimal"):
        number = Decimal(str(leaf.value))
        return number != 0 and any(len(re.sub(r"[^\d.,]", "", quote)) >= COMMON_CHARACTERS for quote in source.amounts(number))
    is_common = leaf.kind == "text" and len(leaf.value.strip()) < COMMON_CHARACTERS
    return not is_common and source.find(leaf.kind, leaf.value, (0, len(source.text))) is not None


def _halved(rejects: list[Reject], documents: int) -> Iterator[list[Reject]]:
    """One group, or two when the reply had no room for any document of the window."""
    middle = len(rejects) // 2 if len(rejects) == documents and all(reject.reason == "truncated" for reject in rejects) else 0
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


def _sentence(problems: Sequence[str]) -> str:
    more = f"; and {len(problems) - PROBLEMS_TOLD} more" if len(problems) > PROBLEMS_TOLD else ""
    return "; ".join(problems[:PROBLEMS_TOLD]) + more + "."


def _reject(request: Request, document: str, reason: str, detail: str) -> Reject:
    return Reject(document, request.question.name, request.fingerprint, reason, detail)
