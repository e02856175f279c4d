"""The lead of this room: a request and its reply in; records with evidence and rejects out, one or the other for each document.

    records, rejects = check(request, reply)
    for window, complaint in ask_again(request, rejects): ...

A reject says what is wrong in words for a person, which are also what the model is told when it is asked again. Its reasons:

    truncated            the reply ends before the document's answer does
    invalid_json         the reply holds no answers at all
    missing_in_reply     the reply is whole and has no answer for the document
    duplicate_in_reply   it has more than one
    invalid              a field does not fit the schema
    contamination        a value stands only in another document of the window
    unknown_id           an answer for no document of the window; the reject names no document
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any

from pydantic import ValidationError

from processors.check.cited import FIELDS, cited
from processors.check.complete import gaps, short_lists
from processors.check.ground import Leaf, evidence, ground, written
from processors.check.merge import merge
from processors.check.normalise import join, normalise, only_known, shown
from processors.check.salvage import Entry, Salvaged, salvage
from processors.check.source import Source
from schemas.pipeline import NOT_APPLICABLE, SUMMARY, Evidence, Part, Question, Record, Reject, Reply, Request, Window

__all__ = ["ask_again", "check", "gaps", "merge", "short_lists"]

COMMON_CHARACTERS = 4  # shorter values stand in many documents, so finding one in a neighbour shows nothing
PROBLEMS_TOLD = 12  # fields named in one reject
COMPLAINT_CHARACTERS = 2_000  # most that a model is told about what was wrong

ALONE = frozenset({"contamination", "duplicate_in_reply"})  # reasons for which a document is asked again without its neighbours


def check(
    request: Request, reply: Reply, *, earlier: bool = False, pages: Sequence[Part] = ()
) -> tuple[list[Record], list[Reject]]:
    """Judge a reply. Every document of the window has exactly one record or reject; answers for others are one reject without document.

    `pages` are what to prove values in, where the window shows something made of them.
    `earlier` takes a reply to an earlier schema of the question: what the schema does not name any more is left out.
    """
    salvaged = salvage(reply.text)
    answers = _answers(request, salvaged)
    if earlier:
        answers = {document: [_todays(request.question, answer) for answer in found] for document, found in answers.items()}
    source = Source(pages or request.window.parts)
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

    A document whose answer may come from a neighbour is asked alone, the others together. When nothing at all fitted into the reply, its
    documents are asked in halves.
    """
    failed = {reject.document: reject for reject in rejects if reject.document and reject.reason != NOT_APPLICABLE}
    ordered = [failed[document] for document in request.window.documents if document in failed]
    alone = [[reject] for reject in ordered if reject.reason in ALONE]
    together = [reject for reject in ordered if reject.reason not in ALONE]
    groups = [*alone, *_halved(together, len(request.window.documents))]
    return [(_window(request.window, {reject.document for reject in group}), _complaint(group)) for group in groups if group]


def _answers(request: Request, salvaged: Salvaged) -> dict[str, list[Mapping[str, Any]]]:
    """The answers for each document."""
    answers: dict[str, list[Mapping[str, Any]]] = {}
    for entry in salvaged.entries:
        if document := request.ids.get(_id(entry)):
            answers.setdefault(document, []).append(entry.value)
    return answers


def _todays(question: Question, answer: Mapping[str, Any]) -> Mapping[str, Any]:
    return {**answer, "record": only_known(question.fields, answer["record"])} if "record" in answer else answer


def _strays(request: Request, salvaged: Salvaged) -> str:
    """The sentence about ids that name no document of the window; empty when there are none."""
    ids = [shown(_id(entry)) for entry in salvaged.entries if _id(entry) not in request.ids]
    return f"The reply has entries for ids that were not given: {', '.join(ids[:PROBLEMS_TOLD])}." if ids else ""


def _id(entry: Entry) -> str:
    return str(entry.value.get("id", "")).strip()


def _unanswered(request: Request, reply: Reply, document: str, salvaged: Salvaged, found: Sequence[object]) -> Reject:
    """Why a document has no answer, or too many."""
    if found:
        return _reject(request, document, "duplicate_in_reply", f"The reply has {len(found)} entries for this document; give one.")
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
    value = _validated(question, normalise(question.fields, answer.get("record"), problems), problems)
    if problems:
        return _reject(request, document, "invalid", _sentence(problems))
    leaves = ground(question.fields, value, source, document)
    if crossed := _crossed(question, document, leaves, source):
        return _reject(request, document, "contamination", _sentence(crossed))
    return Record(document, question.name, value, _proofs(question, document, leaves, value, source), request.fingerprint)


def _proofs(question: Question, document: str, leaves: Sequence[Leaf], value: Mapping[str, Any], source: Source) -> tuple[Evidence, ...]:
    """The evidence of a record. What a summary says in its own words is proved by its marks of pages."""
    if question.name != SUMMARY:
        return tuple(evidence(leaf, source, document) for leaf in leaves)
    quotes = [leaf for leaf in leaves if not leaf.path.startswith(FIELDS)]
    return (*cited(value, source.parts[document]), *(evidence(leaf, source, document) for leaf in quotes))


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
