"""A request in, what came of it out: asks, checks, and asks again in smaller questions what was not accepted.

Three times at most: the window; what failed, with the complaint and only the failing fields; each that failed again, alone. Then what
was accepted of an answer is kept, with the other fields marked as failed, and a document of which nothing was accepted is a reject.

A replay makes no call: it checks the stored replies again under the schemas as they are now. A reply counts for every question of its
name, whatever the schema was when it was asked: fields that are new are null, fields that are gone are left out, and the rest is checked
as ever. A document for which that does not do is rejected as `not_asked`, so that the next run without a replay asks about it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import replace

from octavo.flows.answering.contents import whole_pages, with_images
from octavo.flows.answering.window_answers import Answers, together
from octavo.flows.context import RunContext
from octavo.flows.stored_replies import WindowTask
from octavo.processors.check import records as check
from octavo.processors.pack import windows as pack
from octavo.schemas.errors import AccessRefused, BudgetReached, Interrupted, RequestError, RequestRefused
from octavo.schemas.pipeline import NOT_APPLICABLE, Purpose, Question, Reject, Reply, Request

NOTHING: Mapping[str, Reject] = {}
IN_HALVES = frozenset(
    {"content_filter", "too_long"}
)  # refusals that concern what stands in a window, and not all of it
NOT_LIVE = "No batch answered it, and --mode batch-only asks nothing else. Run again with --mode batch to ask it live."


class NotStored(RequestError):
    """No reply is stored for a request, and a replay asks nothing."""

    reason = "not_asked"


async def ask(
    run: RunContext, request: Request, wanted: frozenset[str], before: Mapping[str, Reject] = NOTHING
) -> Answers:
    """Ask and check. What cannot be asked becomes a reject with its reason; where it never can be, what was accepted `before` is kept."""
    if why_not := str(run.stop.error or "") or _not_live(run, request):
        return _unasked(request, wanted, "not_asked", why_not, before)
    try:
        reply = await (_stored_reply(run, request) if run.job.replay else run.asker.ask(request))
    except (BudgetReached, AccessRefused, Interrupted) as error:
        run.stop.error = error
        return _unasked(request, wanted, "not_asked", str(error), before)
    except RequestRefused as error:
        return await _refused(run, request, wanted, error, before)
    except RequestError as error:
        run.stop.error = run.stop.error or run.asker.over
        reason = (
            "not_asked" if error is run.asker.over else error.reason
        )  # what keeps all calls back is no fault of this one
        return _unasked(request, wanted, reason, str(error), before)
    found = await judge(run, request, reply, wanted, before)
    found.asked += not reply.from_ledger
    return found


async def recall(
    run: RunContext, task: WindowTask, question: Question, wanted: frozenset[str], purpose: Purpose = "first"
) -> tuple[Request, Answers]:
    """Check the stored reply of a task whose window has its text; gives the request that it answered, and what came of it."""
    stored = task.stored
    if stored is None:
        raise ValueError("No reply is stored for the task.")
    request = run.asker.recalled(
        task.window,
        question,
        fingerprint=stored.fingerprint,
        ids=stored.ids,
        legend=stored.legend,
        purpose=purpose,
    )
    return request, await judge(run, request, run.asker.recall(request.fingerprint), wanted)


async def judge(
    run: RunContext,
    request: Request,
    reply: Reply,
    wanted: frozenset[str],
    before: Mapping[str, Reject] = NOTHING,
) -> Answers:
    """Check a reply, and ask again what fails; a reply of earlier days is only checked under the schemas of now."""
    pages = whole_pages(run, request.window.documents) if request.window.parts[0].role == "summary" else ()
    async with (
        run.checking
    ):  # on a thread, so that the next calls leave meanwhile; one at a time, since it is all computing
        records, rejects = await asyncio.to_thread(
            check.check, request, reply, before, earlier=run.job.replay, pages=pages
        )
    records = [record for record in records if record.document in wanted]
    failed = [reject for reject in rejects if reject.document in wanted and reject.reason != NOT_APPLICABLE]
    found = Answers.of(
        request,
        records,
        [reject for reject in rejects if reject.document in wanted and reject.reason == NOT_APPLICABLE],
    )
    found.requests.append(request.fingerprint)
    found.unrequested += [reject.detail for reject in rejects if not reject.document]
    for record in records:
        if how := check.repair(request, reply, before.get(record.document)):
            found.repaired[record.question, record.document] = how
    if smaller := check.ask_again(request, failed):
        found.add(together([await _ask_again(run, again) for again in smaller]))
    else:
        found.add(
            Answers.of(
                request, *(([], map(_not_fitting, failed)) if run.job.replay else check.close_rejects(failed))
            )
        )
    return found


async def _refused(
    run: RunContext,
    request: Request,
    wanted: frozenset[str],
    error: RequestRefused,
    before: Mapping[str, Reject],
) -> Answers:
    """What the provider will not take is asked in halves, so that only the document that is to blame fails: in 2 log2 n + 1 calls."""
    halves = pack.halves(request.window) if error.reason in IN_HALVES else []
    if not halves:
        kept = {document: last.kept for document, last in before.items()}
        refused = _rejects(request, wanted, error.reason, str(error))
        return Answers.of(
            request,
            *check.close_rejects(replace(reject, kept=kept.get(reject.document)) for reject in refused),
        )
    found = Answers()
    for window in halves:
        half = run.asker.request(
            window, request.question, purpose=request.purpose, complaint=request.complaint
        )
        found.add(await ask(run, half, wanted & frozenset(window.documents), before))
    return found


async def _ask_again(run: RunContext, again: check.Reask) -> Answers:
    """Ask again in smaller questions; each purpose has words of its own, so that its reply is none of an earlier one."""
    window, lost = (
        await with_images(run, again.window) if run.asker.account.model.vision else (again.window, [])
    )
    smaller = run.asker.request(window, again.question, purpose=again.purpose, complaint=again.complaint)
    if run.job.replay:
        found = await _recall_again(run, smaller, again)
    else:
        found = await ask(run, smaller, frozenset(window.documents), again.rejects)
    found.rejects[:0] = lost
    return found


async def _recall_again(run: RunContext, smaller: Request, again: check.Reask) -> Answers:
    """In a replay: mend each document with the newest stored reply that asked again for some of its fields, under whatever schema."""
    question = again.question.whole or again.question
    every = tuple(field.name for field in question.fields)
    stored = run.stored.by_extent(check.subset(question, every), replay=True)
    found = Answers()
    for document, reject in again.rejects.items():
        task = stored.get(pack.extent(smaller.window.parts, document))
        if task and task.stored:
            request, last = task.stored.given_to(smaller), replace(reject, fields=reject.fields or every)
            reply = run.asker.recall(request.fingerprint)
            found.add(await judge(run, request, reply, frozenset([document]), {document: last}))
        else:
            found.add(Answers.of(smaller, (), [_not_fitting(reject)]))
    return found


async def _stored_reply(run: RunContext, request: Request) -> Reply:
    """The reply in the ledger. Raises NotStored."""
    try:
        return run.asker.recall(request.fingerprint)
    except KeyError:
        raise NotStored(
            "No reply about this document is stored.", next_step="Run without --replay to ask."
        ) from None


def _not_live(run: RunContext, request: Request) -> str:
    """Why a request must not be sent now, if the job says so."""
    live = run.job.mode != "batch-only" or run.job.replay
    return "" if live or run.asker.is_stored(request.fingerprint) else NOT_LIVE


def _unasked(
    request: Request, wanted: frozenset[str], reason: str, why: str, before: Mapping[str, Reject]
) -> Answers:
    """What cannot be asked now waits for a later run; what was accepted `before` is kept all the same, its other fields marked."""
    rejects = [
        replace(reject, kept=last.kept if (last := before.get(reject.document)) else None)
        for reject in _rejects(request, wanted, reason, why)
    ]
    return Answers.of(request, [reject.kept for reject in rejects if reject.kept], rejects)


def _rejects(request: Request, wanted: Iterable[str], reason: str, detail: str) -> list[Reject]:
    """A reject for each document of a request that is wanted."""
    return [
        Reject(document, request.question.table, request.fingerprint, reason, detail)
        for document in sorted(wanted)
    ]


def _not_fitting(reject: Reject) -> Reject:
    """The reject of a stored reply that does not fit, such that a later run asks."""
    if reject.reason == NOT_APPLICABLE:
        return reject
    return replace(
        reject, reason="not_asked", detail=f"The stored reply does not fit ({reject.reason}): {reject.detail}"
    )
