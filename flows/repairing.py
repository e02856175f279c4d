"""A request in, accepted records and rejects out: asks, checks, and asks again in smaller questions what was not accepted.

Three times at most: the window; what failed, with the complaint and only the failing fields; each that failed again, alone. Then what
was accepted of an answer is kept, with the other fields marked as failed, and a document of which nothing was accepted is a reject.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from flows.answers import Answers, rejected
from flows.replaying import stored, unfit
from processors.check import records as check
from processors.pack import windows as pack
from schemas.errors import AccessRefused, BudgetReached, Interrupted, RequestError, RequestRefused
from schemas.pipeline import NOT_APPLICABLE, Reject, Reply, Request

if TYPE_CHECKING:
    from flows.asking import Desk

NOTHING: Mapping[str, Reject] = {}
IN_HALVES = frozenset({"content_filter", "too_long"})  # refusals that concern what stands in a window, and not all of it
NOT_LIVE = "No batch answered it, and --mode batch-only asks nothing else. Run again with --mode batch to ask it live."


async def ask(desk: Desk, request: Request, wanted: frozenset[str], answers: Answers, before: Mapping[str, Reject] = NOTHING) -> None:
    """Ask and check. What cannot be asked becomes a reject with its reason; where it never can be, what was accepted `before` is kept."""
    if why_not := str(desk.halt.error or "") or _not_live(desk, request):
        _put_unasked(request, wanted, "not_asked", why_not, answers, before)
        return
    try:
        reply = await (stored(desk.asker, request) if desk.job.replay else desk.asker.ask(request))
    except (BudgetReached, AccessRefused, Interrupted) as error:
        desk.halt.error = error
        _put_unasked(request, wanted, "not_asked", str(error), answers, before)
    except RequestRefused as error:
        await _refused(desk, request, wanted, error, answers, before)
    except RequestError as error:
        desk.halt.error = desk.halt.error or desk.asker.over
        _put_unasked(request, wanted, error.reason, str(error), answers, before)
    else:
        answers.asked += not reply.from_ledger
        await judge(desk, request, reply, wanted, answers, before)


def _put_unasked(request: Request, wanted: frozenset[str], reason: str, why: str, answers: Answers, before: Mapping[str, Reject]) -> None:
    """What cannot be asked now waits for a later run; what was accepted `before` is kept all the same, its other fields marked."""
    rejects = [
        replace(reject, kept=last.kept if (last := before.get(reject.document)) else None)
        for reject in rejected(request, wanted, reason, why)
    ]
    answers.put(request, [reject.kept for reject in rejects if reject.kept], rejects)


async def _refused(
    desk: Desk, request: Request, wanted: frozenset[str], error: RequestRefused, answers: Answers, before: Mapping[str, Reject]
) -> None:
    """What the provider will not take is asked in halves, so that only the document that is to blame fails: in 2 log2 n + 1 calls."""
    halves = pack.halves(request.window) if error.reason in IN_HALVES else []
    if not halves:
        kept = {document: last.kept for document, last in before.items()}
        refused = rejected(request, wanted, error.reason, str(error))
        answers.put(request, *check.settle(replace(reject, kept=kept.get(reject.document)) for reject in refused))
    for window in halves:
        half = desk.asker.request(window, request.question, round_=request.round, complaint=request.complaint)
        await ask(desk, half, wanted & frozenset(window.documents), answers, before)


async def judge(
    desk: Desk, request: Request, reply: Reply, wanted: frozenset[str], answers: Answers, before: Mapping[str, Reject] = NOTHING
) -> None:
    """Check a reply, and ask again what fails; a reply of earlier days is only checked under the schemas of now."""
    answers.requests.append(request.fingerprint)
    pages = desk.pages(request.window.documents) if request.window.parts[0].role == "summary" else ()
    async with desk.checking:  # on a thread, so that the next calls leave meanwhile; one at a time, since it is all computing
        records, rejects = await asyncio.to_thread(check.check, request, reply, before, earlier=desk.job.replay, pages=pages)
    records = [record for record in records if record.document in wanted]
    failed = [reject for reject in rejects if reject.document in wanted and reject.reason != NOT_APPLICABLE]
    answers.put(request, records, [reject for reject in rejects if reject.document in wanted and reject.reason == NOT_APPLICABLE])
    answers.strays += [reject.detail for reject in rejects if not reject.document]
    for record in records:
        if how := check.repair(request, reply, before.get(record.document)):
            answers.repaired[record.question, record.document] = how
    rounds = check.ask_again(request, failed)
    for again in rounds:
        await _ask_again(desk, request, again, answers)
    if not rounds:
        answers.put(request, *(([], map(unfit, failed)) if desk.job.replay else check.settle(failed)))


async def _ask_again(desk: Desk, request: Request, again: check.Again, answers: Answers) -> None:
    """Ask again in smaller questions; each round has words of its own, so that its reply is none of an earlier one."""
    window = again.window
    if desk.asker.account.model.vision:
        window, _ = await desk.with_images(window, answers)
    smaller = desk.asker.request(window, again.question, round_=request.round + 1, complaint=again.complaint)
    if desk.job.replay:
        await _recall_again(desk, smaller, again, answers)
    else:
        await ask(desk, smaller, frozenset(window.documents), answers, again.rejects)


async def _recall_again(desk: Desk, smaller: Request, again: check.Again, answers: Answers) -> None:
    """In a replay: mend each document with the newest stored reply that asked again for some of its fields, under whatever schema."""
    question = again.question.whole or again.question
    every = tuple(field.name for field in question.fields)
    stored_replies = desk.stored(check.some(question, every), replay=True)
    for document, reject in again.rejects.items():
        if found := stored_replies.get(pack.extent(smaller.window.parts, document)):
            request, last = replace(smaller, **found.recalled or {}), replace(reject, fields=reject.fields or every)
            await judge(desk, request, desk.asker.recall(request.fingerprint), frozenset([document]), answers, {document: last})
        else:
            answers.put(smaller, (), [unfit(reject)])


def _not_live(desk: Desk, request: Request) -> str:
    """Why a request must not be sent now, if the job says so."""
    live = desk.job.mode != "batch-only" or desk.job.replay
    return "" if live or desk.asker.known(request.fingerprint) else NOT_LIVE
