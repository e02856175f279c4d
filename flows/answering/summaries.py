"""Summaries of the pieces of long documents in, one summary of each document out: map was asking about each piece, this is reduce.

    40 summaries of pieces  ->  one request when they fit into a window, else a few that are summed up again

What is asked is the same question, over the summaries as the text of their document, by the same ledger, budget and pace. The answer is
proved in the pages of the document, not in the summaries.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace

from octavo.flows.answering.packing import alone
from octavo.flows.answering.retry import ask
from octavo.flows.answering.window_answers import Answers, together
from octavo.flows.context import RunContext
from octavo.processors.pack import windows as pack
from octavo.schemas.pipeline import NOT_APPLICABLE, SUMMARY, Part, Question, Record

Piece = tuple[int, Record]  # where it begins in its document, and its summary


async def summed_up(run: RunContext, said: Answers) -> Answers:
    """Put one summary in the place of those of the pieces. A document of which a piece failed is left as it is."""
    question = next((question for question in run.questions if question.name == SUMMARY), None)
    failed = {
        reject.document
        for reject in said.rejects
        if reject.question == SUMMARY and reject.reason != NOT_APPLICABLE
    }
    pieces: dict[str, list[Piece]] = {}
    for position, record in said.records:
        if record.question == SUMMARY and record.document not in failed:
            pieces.setdefault(record.document, []).append((position, record))
    cut = {
        document: sorted(found, key=lambda piece: piece[0])
        for document, found in pieces.items()
        if len(found) > 1
    }
    if question is None or not cut:
        return said
    others = [piece for piece in said.records if piece[1].question != SUMMARY or piece[1].document not in cut]
    reduced = await asyncio.gather(*(_reduce(run, question, found) for found in cut.values()))
    return together([replace(said, records=others), *reduced])


async def _reduce(run: RunContext, question: Question, pieces: Sequence[Piece]) -> Answers:
    """Level by level, until there is one summary. What fails leaves a reject, and no record."""
    pages = run.warehouse.document(pieces[0][1].document, run.inbox).page_count
    bounds, beside = alone(run), Answers()
    while len(pieces) > 1:
        groups = pack.groups([_part(run, piece, pages) for piece in pieces], bounds)
        found = together([await _ask(run, question, group) for group in groups])
        pieces = found.records
        beside.add(replace(found, records=[]))
        if found.rejects:
            return beside
    return together([beside, Answers(records=list(pieces))])


async def _ask(run: RunContext, question: Question, group: Sequence[Part]) -> Answers:
    return await ask(run, run.asker.request(pack.window_of(group), question), frozenset([group[0].document]))


def _part(run: RunContext, piece: Piece, pages: int) -> Part:
    """A summary as the text of the pages that it sums up."""
    position, record = piece
    page_of = {proof.field: proof.page for proof in record.evidence}
    quotes = [
        _marked(quote, page_of.get(f"quotes[{n}]"))
        for n, quote in enumerate(record.value.get("quotes") or [])
    ]
    points = record.value.get("points") or []
    lines = [
        record.value.get("text") or "",
        *(["Points:", *points] if points else []),
        *(["Quotes:", *quotes] if quotes else []),
    ]
    text = "\n".join(lines)
    tokens = pack.PAGE_MARK_TOKENS + pack.ROLE_TOKENS + run.count(text)
    return Part(record.document, pack.page_of(position), pages, 0, len(text), text, tokens, role="summary")


def _marked(quote: str, page: int | None) -> str:
    """A quote with its page before its full stop."""
    body = quote.rstrip(".!?。！？")
    return f"{body} [p. {page}]{quote[len(body) :] or '.'}" if page else quote
