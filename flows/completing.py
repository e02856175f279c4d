"""A record whose lists left out rows of their tables in; the record with those rows, or with a mark that says how many are missing, out."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from flows.answers import Answers
from processors.check import records as check
from processors.pack import windows as pack
from schemas.pipeline import Record, Request

if TYPE_CHECKING:  # the desk asks for this, and this asks through the desk
    from flows.asking import Desk

GAP_ROUND = 3  # of requests for what a list left out; nothing is asked again about their replies


async def completed(desk: Desk, request: Request, record: Record, answers: Answers) -> Record:
    """Ask once for the rows that the lists of a record left out, and for nothing else. What stays out is named in its conflicts."""
    if request.round >= GAP_ROUND or not (left := check.short_lists(request.question, record, request.window.parts)):
        return record
    found = Answers()
    for window, complaint in (gap for short in left for gap in check.gaps(request, short)):
        again = desk.asker.request(window, request.question, round_=GAP_ROUND, complaint=complaint)
        await desk.ask(again, frozenset([record.document]), found)
    answers.requests += found.requests
    answers.asked += found.asked
    whole = check.merge([(pack.position(request.window.parts, record.document), record), *found.records])
    still = check.short_lists(request.question, whole, request.window.parts)
    return replace(whole, conflicts=(*whole.conflicts, *(short.sentence for short in still)))
