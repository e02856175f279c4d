"""Records whose lists left out rows of their tables in; the same with those rows, or with a mark that says how many are missing, out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from octavo.flows.answering.retry import ask
from octavo.flows.answering.window_answers import PASSING, Answers, together
from octavo.flows.context import RunContext
from octavo.flows.stored_replies import WindowTask
from octavo.processors.check import records as check
from octavo.processors.pack import windows as pack
from octavo.schemas.pipeline import NOT_APPLICABLE, Record, Request, Window


async def with_missing_rows(run: RunContext, request: Request, said: Answers) -> Answers:
    """Ask once for the rows that the lists of records left out, and for nothing else. What stays out is marked in the record."""
    if not check.has_lists(request.question):
        return said
    failed = _failed(said)
    completed = Answers()
    for document, found in said.by_document().items():
        place, record = min(place for place, _ in found), check.merge(found)
        if document not in failed:
            record, more = await _completed(run, request, record)
            completed.add(more)
        completed.records.append((place, record))
    return together([replace(said, records=[]), completed])


async def with_missing_pieces(
    run: RunContext, document: str, tasks: Sequence[WindowTask], said: Answers
) -> Answers:
    """Ask once for what pieces of a document left out whole, as its other pieces tell: the rows of a page, or of a table that goes on."""
    if document in _failed(said) or len(tasks) == 1:
        return said
    ordered = sorted(tasks, key=lambda task: _begin(task, document))
    parts = tuple(part for task in ordered for part in task.window.parts if part.role == "piece")
    completed = Answers()
    for question in filter(check.has_lists, run.questions):
        found = [piece for piece in said.records if piece[1].question == question.table]
        if found:
            request = run.asker.recalled(Window(parts, 0), question, fingerprint="", ids={}, legend={})
            record, more = await _completed(run, request, check.merge(found))
            completed.add(more)
            completed.records.append((min(place for place, _ in found), record))
    answered = {record.question for _, record in completed.records}
    others = [piece for piece in said.records if piece[1].question not in answered]
    return together([replace(said, records=others), completed])


def _begin(task: WindowTask, document: str) -> int:
    return pack.position(task.window.parts, document)


def _failed(said: Answers) -> set[str]:
    """Documents of which a question could not be answered."""
    return {reject.document for reject in said.rejects if reject.reason != NOT_APPLICABLE}


async def _completed(run: RunContext, request: Request, record: Record) -> tuple[Record, Answers]:
    """The record with what could be had of its left-out rows, and what came beside them."""
    if not (left := check.short_lists(request.question, record, request.window.parts)):
        return record, Answers()
    found = Answers()
    for window, complaint in (gap for short in left for gap in check.gaps(request, short)):
        again = run.asker.request(window, request.question, purpose="missing_rows", complaint=complaint)
        found.add(await ask(run, again, frozenset([record.document])))
    whole = check.merge([(pack.position(request.window.parts, record.document), record), *found.records])
    waiting = [
        replace(reject, kept=record)
        for reject in found.rejects
        if reject.reason in PASSING and not run.job.replay
    ]
    beside = Answers(rejects=waiting, requests=found.requests, asked=found.asked)
    return check.marked(whole, check.short_lists(request.question, whole, request.window.parts)), beside
