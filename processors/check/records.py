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

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from octavo.processors.check.answer_citations import (
    AnswerCitation,
    CheckedMark,
    cited_answer,
    cited_names,
    figures_in,
    marks,
)
from octavo.processors.check.compare_passes import agree
from octavo.processors.check.complete import counted, gaps, has_lists, marked, short_lists
from octavo.processors.check.confidence import rated
from octavo.processors.check.corrected import corrected, field_at, fitted
from octavo.processors.check.corrected_rows import alike
from octavo.processors.check.entered import Entered, entered, places
from octavo.processors.check.judging import PROBLEMS_TOLD, Judging
from octavo.processors.check.merge import merge
from octavo.processors.check.own_code import checked, filled
from octavo.processors.check.reask import Reask, ask_again, rephrased, subset
from octavo.processors.check.reconsider import outdated, reconsidered
from octavo.processors.check.rules_held import balanced
from octavo.processors.check.salvage import Entry, Salvaged, salvage
from octavo.processors.check.validate import only_known, shown, steps
from octavo.processors.check.window_text import WindowText
from octavo.schemas.compile.row_codec import decode, legend
from octavo.schemas.pipeline import NOT_APPLICABLE, Part, Question, Record, Reject, Reply, Request

__all__ = [
    "AnswerCitation",
    "CheckedMark",
    "Entered",
    "Reask",
    "agree",
    "alike",
    "ask_again",
    "balanced",
    "check",
    "checked",
    "cited_answer",
    "cited_names",
    "close_rejects",
    "corrected",
    "counted",
    "entered",
    "field_at",
    "figures_in",
    "filled",
    "fitted",
    "gaps",
    "has_lists",
    "marked",
    "marks",
    "merge",
    "outdated",
    "places",
    "rated",
    "reconsidered",
    "repair",
    "rephrased",
    "short_lists",
    "steps",
    "subset",
]  # fmt: skip

Before = Mapping[str, Reject]  # by document, what came of its last answer


def check(
    request: Request,
    reply: Reply,
    before: Before | None = None,
    *,
    earlier: bool = False,
    pages: Sequence[Part] = (),
) -> tuple[list[Record], list[Reject]]:
    """Judge a reply. Every document of the window has exactly one record or reject; answers for others are one reject without document.

    A reply to some fields of a question is laid over what was accepted `before`, and judged as one answer.
    `pages` are what to prove values in, where the window shows something made of them.
    `earlier` takes a reply to an earlier schema of the question: what the schema does not name any more is left out.
    """
    salvaged = salvage(reply.text, request.ids, _names_alone(request))
    answers = _answers(request, salvaged)
    if earlier:
        answers = {
            document: [_todays(request.question, answer) for answer in found]
            for document, found in answers.items()
        }
    source = WindowText(pages or request.window.parts)
    records: list[Record] = []
    rejects: list[Reject] = []
    for document in request.window.documents:
        found, last = answers.get(document, []), (before or {}).get(document)
        judging = Judging(request, document, source, last)
        if last and earlier and any(_lacks(answer, last) for answer in found):
            judged: Record | Reject = last
        elif len(found) == 1:
            judged = judging.judge(found[0], lacking=not earlier)
        else:
            judged = judging.reject(*_unanswered(request, reply, salvaged, found))
        if isinstance(judged, Record):
            records.append(judged)
        else:
            rejects.append(_with_last(judged, last))
    if strays := _strays(request, salvaged):
        rejects.append(Reject("", request.question.table, request.fingerprint, "unknown_id", strays))
    return records, rejects


def close_rejects(rejects: Iterable[Reject]) -> tuple[list[Record], list[Reject]]:
    """The end of asking: what was accepted of an answer becomes a record whose other fields have failed; where nothing was, a reject."""
    rejects = list(rejects)
    return [reject.kept for reject in rejects if reject.kept], [
        reject for reject in rejects if not reject.kept
    ]


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
    documents = _documents(request, salvaged)
    for entry in salvaged.entries:
        if document := documents.get(_id(entry)):
            answer = (
                {**entry.value, "record": _named(request, entry.value["record"])}
                if "record" in entry.value
                else entry.value
            )
            if answer not in answers.setdefault(document, []):  # the same said twice is said once
                answers[document].append(answer)
    return answers


def _named(request: Request, record: Any) -> Any:
    """A record with its names. One that is a row although names were asked for has the order of the fields."""
    known = request.legend or (legend(request.question.fields) if isinstance(record, list) else ())
    return decode(known, record) if known else record


def _names_alone(request: Request) -> list[str]:
    """The names of the record's fields, where it needs no id: a reply about one document is about that one."""
    return [field.name for field in request.question.fields] if len(request.ids) == 1 else []


def _documents(request: Request, salvaged: Salvaged) -> Mapping[str, str]:
    """Documents by the ids in a reply. Where one was asked about, an answer under no id, or under a wrong one, is its answer."""
    given = {_id(entry) for entry in salvaged.entries}
    if len(request.ids) == 1 and not given & request.ids.keys():
        return dict.fromkeys(given, *request.ids.values())
    return request.ids


def _with_last(reject: Reject, last: Reject | None) -> Reject:
    """A reject with what was accepted before, when this answer brought nothing better."""
    if last is None or reject.kept or reject.reason == NOT_APPLICABLE:
        return reject
    return replace(reject, fields=last.fields, kept=last.kept, answer=last.answer)


def _todays(question: Question, answer: Mapping[str, Any]) -> Mapping[str, Any]:
    return (
        {**answer, "record": only_known(question.fields, answer["record"])} if "record" in answer else answer
    )


def _strays(request: Request, salvaged: Salvaged) -> str:
    """The sentence about ids that name no document of the window; empty when there are none."""
    documents = _documents(request, salvaged)
    ids = [shown(_id(entry)) for entry in salvaged.entries if _id(entry) not in documents]
    return (
        f"The reply has entries for ids that were not given: {', '.join(ids[:PROBLEMS_TOLD])}." if ids else ""
    )


def _id(entry: Entry) -> str:
    return str(entry.value.get("id", "")).strip()


def _unanswered(
    request: Request, reply: Reply, salvaged: Salvaged, found: Sequence[object]
) -> tuple[str, str]:
    """Why a document has no answer, or too many: the reason and a sentence."""
    if found:
        return "duplicate_in_reply", f"The reply has {len(found)} unlike entries for this document; give one."
    if reply.finish_reason == "content_filter":
        return "content_filter", "The provider's content filter stopped the reply."
    if salvaged.flaw and reply.finish_reason != "length":
        return "invalid_json", f"The reply is no valid JSON where this answer should be: {salvaged.flaw}"
    if reply.finish_reason == "length" or (salvaged.found and not salvaged.whole):
        return "truncated", f"The reply broke off after {len(salvaged.entries)} whole entries."
    if not salvaged.found:
        return "invalid_json", "The reply holds no JSON object with answers."
    return (
        "missing_in_reply",
        f"The reply has no entry for this document. {_strays(request, salvaged)}".strip(),
    )


def _lacks(answer: Mapping[str, Any], last: Reject) -> bool:
    """Whether a stored answer to some fields is silent about one that is wanted now."""
    said = answer.get("record")
    return not isinstance(said, Mapping) or not set(last.fields) <= set(said)
