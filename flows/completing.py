"""Records whose lists left out rows of their tables in; the same with those rows, or with a mark that says how many are missing, out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flows.answers import PASSING, Answers
from flows.repairing import ask
from processors.check import records as check
from processors.pack import windows as pack
from schemas.pipeline import Record, Request

if TYPE_CHECKING:  # the desk asks for this, and this asks through the desk
    from flows.asking import Desk

GAP_ROUND = 3  # of requests for what a list left out, after the rounds of `check.again`; nothing is asked again about their replies


async def complete(desk: Desk, request: Request, said: Answers) -> None:
    """Ask once for the rows that the lists of records left out, and for nothing else. What stays out is marked in the record."""
    said.records = [(place, await _completed(desk, request, record, said)) for place, record in said.records]


async def _completed(desk: Desk, request: Request, record: Record, said: Answers) -> Record:
    if not (left := check.short_lists(request.question, record, request.window.parts)):
        return record
    found = Answers()
    for window, complaint in (gap for short in left for gap in check.gaps(request, short)):
        again = desk.asker.request(window, request.question, round_=GAP_ROUND, complaint=complaint)
        await ask(desk, again, frozenset([record.document]), found)
    said.requests += found.requests
    said.asked += found.asked
    said.rejects += [reject for reject in found.rejects if reject.reason in PASSING and not desk.job.replay]
    whole = check.merge([(pack.position(request.window.parts, record.document), record), *found.records])
    return check.marked(whole, check.short_lists(request.question, whole, request.window.parts))
