"""Records whose lists left out rows of their tables in; the same with those rows, or with a mark that says how many are missing, out."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from flows.answers import PASSING, Answers
from flows.repairing import ask
from processors.check import records as check
from processors.pack import windows as pack
from schemas.pipeline import NOT_APPLICABLE, Record, Request

if TYPE_CHECKING:  # the desk asks for this, and this asks through the desk
    from flows.asking import Desk

GAP_ROUND = 3  # of requests for what a list left out, after the rounds of `check.again`; nothing is asked again about their replies


async def complete(desk: Desk, request: Request, said: Answers) -> None:
    """Ask once for the rows that the lists of records left out, and for nothing else. What stays out is marked in the record."""
    if not any(field.item and field.item.kind == "record" for field in request.question.fields):
        return
    failed = {reject.document for reject in said.rejects if reject.reason != NOT_APPLICABLE}
    pieces: dict[str, list[tuple[int, Record]]] = {}  # more than one of a document when its pages were asked in halves
    for place, record in said.records:
        pieces.setdefault(record.document, []).append((place, record))
    whole = [(min(place for place, _ in found), check.merge(found)) for found in pieces.values()]
    said.records = [
        (place, record if record.document in failed else await _completed(desk, request, record, said)) for place, record in whole
    ]


async def _completed(desk: Desk, request: Request, record: Record, said: Answers) -> Record:
    if not (left := check.short_lists(request.question, record, request.window.parts)):
        return record
    found = Answers()
    for window, complaint in (gap for short in left for gap in check.gaps(request, short)):
        again = desk.asker.request(window, request.question, round_=GAP_ROUND, complaint=complaint)
        await ask(desk, again, frozenset([record.document]), found)
    said.requests += found.requests
    said.asked += found.asked
    said.rejects += [replace(reject, kept=record) for reject in found.rejects if reject.reason in PASSING and not desk.job.replay]
    whole = check.merge([(pack.position(request.window.parts, record.document), record), *found.records])
    return check.marked(whole, check.short_lists(request.question, whole, request.window.parts))
