"""Records whose lists left out rows of their tables in; the same with those rows, or with a mark that says how many are missing, out."""

from __future__ import annotations

from dataclasses import replace

from octavo.flows.answering.retry import ask
from octavo.flows.answering.window_answers import PASSING, Answers, together
from octavo.flows.context import RunContext
from octavo.processors.check import records as check
from octavo.processors.pack import windows as pack
from octavo.schemas.pipeline import NOT_APPLICABLE, Record, Request


async def with_missing_rows(run: RunContext, request: Request, said: Answers) -> Answers:
    """Ask once for the rows that the lists of records left out, and for nothing else. What stays out is marked in the record."""
    if not any(field.item and field.item.kind == "record" for field in request.question.fields):
        return said
    failed = {reject.document for reject in said.rejects if reject.reason != NOT_APPLICABLE}
    completed = Answers()
    for document, found in said.by_document().items():
        place, record = min(place for place, _ in found), check.merge(found)
        if document not in failed:
            record, more = await _completed(run, request, record)
            completed.add(more)
        completed.records.append((place, record))
    return together([replace(said, records=[]), completed])


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
