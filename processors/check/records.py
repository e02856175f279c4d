"""The lead of this room: a request and its reply in; records with evidence and rejects out, one or the other for each document.

    records, rejects = check(request, reply)
    for again in ask_again(request, rejects): ...            what failed, in a smaller question; its reply is checked with what was kept:
    records, rejects = check(again_request, reply, again.rejects)
    records, rejects = close_rejects(rejects)                after the last round: what was kept of them, and the rows that say why not

A reject says what is wrong in words for a person, which are also what the model is told when it is asked again. Its reasons:

    truncated            the reply ends before the document's answer does
    invalid_json         the reply holds no answers at all
    missing_in_reply     the reply is whole and has no answer for the document
    duplicate_in_reply   it has several, which differ
    invalid              a field does not fit the schema
    unproved             a value does not stand in the document, and evidence is required
    contamination        a value stands only in another document of the window
    content_filter       the provider's filter stopped the reply before the document's answer
    unknown_id           an answer for no document of the window; the reject names no document
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any

from processors.check.citations import FIELDS, cited
from processors.check.compare_passes import agree
from processors.check.complete import gaps, marked, short_lists
from processors.check.confidence import rated, within
from processors.check.ground import FieldValue, evidence, ground, written
from processors.check.merge import merge
from processors.check.reask import Reask, ask_again, rephrased, subset
from processors.check.salvage import Entry, Salvaged, salvage
from processors.check.validate import blanked, fit, notes, only_known, shown, silences, top
from processors.check.window_text import WindowText
from schemas.compile.row_codec import decode
from schemas.pipeline import NOT_APPLICABLE, NOTHING_FOUND, SUMMARY, Evidence, Part, Question, Record, Reject, Reply, Request

__all__ = [
    "Reask",
    "agree",
    "ask_again",
    "check",
    "close_rejects",
    "gaps",
    "marked",
    "merge",
    "rated",
    "repair",
    "rephrased",
    "short_lists",
    "subset",
]  # fmt: skip

COMMON_CHARACTERS = 4  # shorter values stand in many documents, so finding one in a neighbour shows nothing
PROBLEMS_TOLD = 12  # fields named in one reject
_FIELD = re.compile(r"[.\[]")  # behind the first field of a path

Before = Mapping[str, Reject]  # by document, what came of its last answer


def check(
    request: Request, reply: Reply, before: Before | None = None, *, earlier: bool = False, pages: Sequence[Part] = ()
) -> tuple[list[Record], list[Reject]]:
    """Judge a reply. Every document of the window has exactly one record or reject; answers for others are one reject without document.

    A reply to some fields of a question is laid over what was accepted `before`, and judged as one answer.
    `pages` are what to prove values in, where the window shows something made of them.
    `earlier` takes a reply to an earlier schema of the question: what the schema does not name any more is left out.
    """
    salvaged = salvage(reply.text)
    answers = _answers(request, salvaged)
    if earlier:
        answers = {document: [_todays(request.question, answer) for answer in found] for document, found in answers.items()}
    source = WindowText(pages or request.window.parts)
    records: list[Record] = []
    rejects: list[Reject] = []
    for document in request.window.documents:
        found, last = answers.get(document, []), (before or {}).get(document)
        if last and earlier and any(_lacks(answer, last) for answer in found):
            judged: Record | Reject = last
        elif len(found) == 1:
            judged = _judge(request, document, found[0], source, last, lacking=not earlier)
        else:
            judged = _unanswered(request, reply, document, salvaged, found)
        if isinstance(judged, Record):
            records.append(judged)
        else:
            rejects.append(_with_last(judged, last))
    if strays := _strays(request, salvaged):
        rejects.append(_reject(request, "", "unknown_id", strays))
    return records, rejects


def close_rejects(rejects: Iterable[Reject]) -> tuple[list[Record], list[Reject]]:
    """The end of asking: what was accepted of an answer becomes a record whose other fields have failed; where nothing was, a reject."""
    rejects = list(rejects)
    return [reject.kept for reject in rejects if reject.kept], [reject for reject in rejects if not reject.kept]


def repair(request: Request, reply: Reply, last: Reject | None) -> str:
    """How a record of a reply was come by when it was not the plain way; empty when it was. `last` is what came of the answer before."""
    if last and last.reason == "contamination":
        return "asked alone, since values of a neighbour stood in it"
    if request.round:
        if request.question.whole:
            return "by their failing fields"
        return "asked again" if request.purpose == "failed_fields" else "asked alone"
    return "kept from a reply that broke off" if reply.finish_reason == "length" else ""


def _answers(request: Request, salvaged: Salvaged) -> dict[str, list[Mapping[str, Any]]]:
    """The answers for each document."""
    answers: dict[str, list[Mapping[str, Any]]] = {}
    for entry in salvaged.entries:
        if document := request.ids.get(_id(entry)):
            answer = {**entry.value, "record": decode(request.legend, entry.value["record"])} if "record" in entry.value else entry.value
            if answer not in answers.setdefault(document, []):  # the same said twice is said once
                answers[document].append(answer)
    return answers


def _with_last(reject: Reject, last: Reject | None) -> Reject:
    """A reject with what was accepted before, when this answer brought nothing better."""
    if last is None or reject.kept or reject.reason == NOT_APPLICABLE:
        return reject
    return replace(reject, fields=last.fields, kept=last.kept, answer=last.answer)


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
        return _reject(request, document, "duplicate_in_reply", f"The reply has {len(found)} unlike entries for this document; give one.")
    if reply.finish_reason == "content_filter":
        return _reject(request, document, "content_filter", "The provider's content filter stopped the reply.")
    if reply.finish_reason == "length" or (salvaged.found and not salvaged.whole):
        return _reject(request, document, "truncated", f"The reply broke off after {len(salvaged.entries)} whole entries.")
    if not salvaged.found:
        return _reject(request, document, "invalid_json", 'The reply holds no JSON object {"documents": [...]}.')
    return _reject(request, document, "missing_in_reply", f"The reply has no entry for this document. {_strays(request, salvaged)}".strip())


def _judge(
    request: Request, document: str, answer: Mapping[str, Any], source: WindowText, last: Reject | None, *, lacking: bool
) -> Record | Reject:
    """One answer: normalised, validated, grounded in its own document, and compared with the neighbours; `lacking` looks for fields."""
    question = request.question.whole or request.question
    said = answer.get("record")
    if last and last.fields:
        said = {**last.answer, **_asked_for(last, said)}
    elif _is_empty(answer.get("record", "")):
        of_other_kind = f"Nothing in the document answers the question {question.name}."
        return _reject(request, document, NOT_APPLICABLE, NOTHING_FOUND if said else of_other_kind)
    value, problems = fit(question, said)
    problems += [f"{shown(key, quoted=False)}: does not belong beside id and record" for key in answer if key not in ("id", "record")]
    leaves = ground(question.fields, value or {}, source, document)
    if crossed := _crossed(question, document, leaves, source):
        return _reject(request, document, "contamination", _sentence([*crossed, *problems]))
    if unproved := _unproved(question, document, leaves, source):
        value = value and blanked(question, value, list(unproved))
        leaves = ground(question.fields, value or {}, source, document)
    refused = [*problems, *(f"{path}: {words}" for path, words in unproved.items())]
    record = None if value is None else _record(request, document, value, said, leaves, refused, source, last)
    if lacking and isinstance(said, Mapping):  # asked for again; what stays away is missing, and not failed
        problems += [f"{field.name}: is missing; give its value, or null" for field in question.fields if field.name not in said]
    if record and not (refused or problems):
        return record
    return _refused(request, document, said, list(dict.fromkeys([*problems, *refused])), record, "invalid" if problems else "unproved")


def _lacks(answer: Mapping[str, Any], last: Reject) -> bool:
    """Whether a stored answer to some fields is silent about one that is wanted now."""
    said = answer.get("record")
    return not isinstance(said, Mapping) or not set(last.fields) <= set(said)


def _asked_for(last: Reject, said: Any) -> dict[str, Any]:
    """The fields that were asked for again; null for the whole record is null for each."""
    if said is None:
        return dict.fromkeys(last.fields)
    return {name: said[name] for name in last.fields if name in said} if isinstance(said, Mapping) else {"": said}


def _refused(request: Request, document: str, said: Any, problems: Sequence[str], record: Record | None, reason: str) -> Reject:
    """The reject of an answer, with the fields to ask again and what can be kept without them."""
    question = request.question.whole or request.question
    names = [field.name for field in question.fields]
    failed = {top(problem) for problem in problems}
    fields = tuple(name for name in names if name in failed) if record and failed <= set(names) else ()
    kept = record if record and any(not _is_empty(inner) for inner in record.value.values()) else None
    answer = {name: said[name] for name in names if name in said and name not in fields} if isinstance(said, Mapping) else {}
    full = _reject(request, document, reason, _sentence(problems))
    return replace(full, fields=fields if len(fields) < len(names) else (), kept=kept, answer=answer)


def _record(
    request: Request,
    document: str,
    value: dict[str, Any],
    said: Any,
    leaves: Sequence[FieldValue],
    problems: Sequence[str],
    source: WindowText,
    last: Reject | None,
) -> Record:
    """The record with one evidence for each value, each null and each field that failed."""
    question = request.question.whole or request.question
    first = last.kept.request if last and last.kept else request.fingerprint
    failed = [Evidence(place, "", "missing", state="failed", detail=words) for place, _, words in (one.partition(": ") for one in problems)]
    proofs = _proofs(question, document, leaves, value, said, source)
    silent = [item for item in silences(question.fields, value, said) if not within(item.field, [one.field for one in failed])]
    if last:
        asked = last.fields or tuple(field.name for field in question.fields)
        proofs = [_repaired(item, request.fingerprint) if top(item.field) in asked else item for item in proofs]
    return Record(document, question.name, value, (*proofs, *silent, *failed), first)


def _proofs(
    question: Question, document: str, leaves: Sequence[FieldValue], value: Mapping[str, Any], said: Any, source: WindowText
) -> list[Evidence]:
    """The evidence of the values. What a summary says in its own words is proved by its marks of pages."""
    own = FIELDS if question.name == SUMMARY else ()
    told = cited(value, source.parts[document]) if own else []
    return [*told, *(_proof(question, leaf, said, source, document) for leaf in leaves if top(leaf.path) not in own)]


def _repaired(item: Evidence, request: str) -> Evidence:
    return replace(item, notes=(*item.notes, "repaired"), request=request)


def _proof(question: Question, leaf: FieldValue, said: Any, source: WindowText, document: str) -> Evidence:
    """The evidence of a value, with what speaks for and against it."""
    excuse = "" if leaf.hit else "seen" if source.is_seen(document) else "" if _needs_proof(question, leaf) else "implied"
    noisy = "noisy" if leaf.hit and leaf.hit.noisy else ""
    noted = (*notes(leaf.kind, leaf.value, said, leaf.path), *filter(None, [excuse, noisy]))
    return evidence(leaf, source, document, noted)


def _unproved(question: Question, document: str, leaves: Sequence[FieldValue], source: WindowText) -> dict[str, str]:
    """By path, why a value is refused that does not stand in the document, where evidence is required."""
    wanted = question.required_evidence if not source.is_seen(document) else ()
    refused = (leaf for leaf in leaves if leaf.hit is None and leaf.kind not in ("boolean", "choice") and top(leaf.path) in wanted)
    return {leaf.path: f"{_quoted(leaf)} does not stand in the document; copy it as it is printed, or give null" for leaf in refused}


def _quoted(leaf: FieldValue) -> str:
    return shown(leaf.value if leaf.kind == "text" else written(leaf.value))


def _is_empty(value: Any) -> bool:
    """Whether nothing is said: null, or an object or list in which nothing is."""
    inside = value.values() if isinstance(value, dict) else value if isinstance(value, list) else None
    return value is None if inside is None else all(_is_empty(item) for item in inside)


def _crossed(question: Question, document: str, leaves: Iterable[FieldValue], source: WindowText) -> list[str]:
    """Values that stand in a neighbour and not in their own document. A document that is seen as a picture proves nothing here."""
    if source.is_seen(document):
        return []
    missing = [leaf for leaf in leaves if (leaf.hit is None or leaf.hit.noisy) and _needs_proof(question, leaf)]
    return [
        f"{leaf.path}: {_quoted(leaf)} does not stand in this document, only in another" for leaf in missing if _is_telling(leaf, source)
    ]


def _needs_proof(question: Question, leaf: FieldValue) -> bool:
    return leaf.kind not in ("boolean", "choice") and (not question.evidence or _FIELD.split(leaf.path, 1)[0] in question.evidence)


def _is_telling(leaf: FieldValue, source: WindowText) -> bool:
    """Whether the window has the value, and it is not one that many documents have: a short text, zero, a small number."""
    if leaf.kind in ("integer", "number", "decimal"):
        number = Decimal(str(leaf.value))
        return (
            leaf.hit is None
            and number != 0
            and any(len(re.sub(r"[^\d.,]", "", quote)) >= COMMON_CHARACTERS for quote in source.amounts(number))
        )
    is_common = leaf.kind == "text" and len(leaf.value.strip()) < COMMON_CHARACTERS
    hit = None if is_common else source.find(leaf.kind, leaf.value, (0, len(source.text)))
    return hit is not None and not hit.noisy


def _sentence(problems: Sequence[str]) -> str:
    more = f"; and {len(problems) - PROBLEMS_TOLD} more" if len(problems) > PROBLEMS_TOLD else ""
    return "; ".join(problems[:PROBLEMS_TOLD]) + more + "."


def _reject(request: Request, document: str, reason: str, detail: str) -> Reject:
    return Reject(document, request.question.table, request.fingerprint, reason, detail)
