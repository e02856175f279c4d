"""Summaries of the pieces of long documents in, one summary of each document out: map was asking about each piece, this is reduce.

    40 summaries of pieces  ->  one request when they fit into a window, else a few that are summed up again

What is asked is the same question, over the summaries as the text of their document, by the same ledger, budget and pace. The answer is
proved in the pages of the document, not in the summaries.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING

from flows.answers import Answers
from flows.packing import alone
from flows.repairing import ask
from processors.pack import windows as pack
from schemas.pipeline import NOT_APPLICABLE, SUMMARY, Part, Question, Record

if TYPE_CHECKING:  # the desk asks for this, and this asks through the desk
    from flows.asking import Desk

Piece = tuple[int, Record]  # where it begins in its document, and its summary


async def summed_up(desk: Desk, batch: Answers) -> None:
    """Put one summary in the place of those of the pieces. A document of which a piece failed is left as it is."""
    question = next((question for question in desk.questions if question.name == SUMMARY), None)
    failed = {reject.document for reject in batch.rejects if reject.question == SUMMARY and reject.reason != NOT_APPLICABLE}
    pieces: dict[str, list[Piece]] = {}
    for position, record in batch.records:
        if record.question == SUMMARY and record.document not in failed:
            pieces.setdefault(record.document, []).append((position, record))
    cut = {document: sorted(found, key=lambda piece: piece[0]) for document, found in pieces.items() if len(found) > 1}
    if question is None or not cut:
        return
    batch.records = [piece for piece in batch.records if piece[1].question != SUMMARY or piece[1].document not in cut]
    await asyncio.gather(*(_reduce(desk, question, found, batch) for found in cut.values()))


async def _reduce(desk: Desk, question: Question, pieces: Sequence[Piece], batch: Answers) -> None:
    """Level by level, until there is one. What fails leaves a reject in `batch`, and no record."""
    pages = desk.warehouse.document(pieces[0][1].document, desk.inbox).page_count
    bounds = alone(desk)
    while len(pieces) > 1:
        groups = pack.groups([_part(desk, piece, pages) for piece in pieces], bounds)
        answers = [await _ask(desk, question, group) for group in groups]
        pieces = [piece for answer in answers for piece in answer.records]
        for answer in answers:
            answer.records = []
            batch.add(answer)
        if any(answer.rejects for answer in answers):
            return
    batch.records += pieces


async def _ask(desk: Desk, question: Question, group: Sequence[Part]) -> Answers:
    answers = Answers()
    await ask(desk, desk.asker.request(pack.window_of(group), question), frozenset([group[0].document]), answers)
    return answers


def _part(desk: Desk, piece: Piece, pages: int) -> Part:
    """A summary as the text of the pages that it sums up."""
    position, record = piece
    page_of = {proof.field: proof.page for proof in record.evidence}
    quotes = [_marked(quote, page_of.get(f"quotes[{n}]")) for n, quote in enumerate(record.value.get("quotes") or [])]
    points = record.value.get("points") or []
    lines = [record.value.get("text") or "", *(["Points:", *points] if points else []), *(["Quotes:", *quotes] if quotes else [])]
    text = "\n".join(lines)
    tokens = pack.PAGE_MARK_TOKENS + pack.ROLE_TOKENS + desk.count(text)
    return Part(record.document, pack.page_of(position), pages, 0, len(text), text, tokens, role="summary")


def _marked(quote: str, page: int | None) -> str:
    """A quote with its page before its full stop."""
    body = quote.rstrip(".!?。！？")
    return f"{body} [p. {page}]{quote[len(body) :] or '.'}" if page else quote
