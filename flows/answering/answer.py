"""Pages and questions in, tables out: what is not answered yet is packed, asked and checked, and the records or the reasons are committed.

backlog      what is left to ask, as tasks: a window and what is wanted of it
stated       documents that state their facts, which nobody is asked about
packing      which documents share a window
contents     text and pictures of a window
retry        ask, check, and ask again for what was not accepted
missing_rows, second_pass, summaries    what an accepted answer may need beside
staging      answers as rows, until the next commit
"""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import AsyncGenerator, Collection, Iterable, Iterator, Sequence
from contextlib import aclosing
from functools import partial

from octavo.flows.answering import backlog, stated
from octavo.flows.answering.contents import visible, with_text
from octavo.flows.answering.missing_rows import with_missing_pieces, with_missing_rows
from octavo.flows.answering.retry import ask, recall
from octavo.flows.answering.second_pass import with_second_pass
from octavo.flows.answering.staging import StagedAnswers
from octavo.flows.answering.summaries import summed_up
from octavo.flows.answering.window_answers import Answers, together
from octavo.flows.batch_runner import bounded
from octavo.flows.context import RunContext
from octavo.flows.stored_replies import WindowTask
from octavo.flows.tally import WAITING, Tally
from octavo.processors.pack import windows as pack
from octavo.schemas.pipeline import Question, Reject, Request
from octavo.schemas.tables import REJECTS

WINDOWS_PER_BATCH = 100  # a batch is asked at once: minutes of calls, not one call ...
TOKENS_PER_BATCH = (
    2_000_000  # ... and not more text in memory than this, several times over with what is sent
)
CUT_SHORT = (
    "The run was stopped at once, before there was an answer. Run it again: it goes on where it stopped."
)
READY = 2  # windows in work for each call in flight: while one is asked, the next is made ready to leave

Batch = list[WindowTask]


async def answer(run: RunContext, tally: Tally, bought: Collection[str]) -> bool:
    """Answer every question about every document that is readable and not answered yet; gives whether that changed the tables.

    `tally` counts as answers come, so that it is right also when this is cancelled. `bought` has the requests that came by batch.
    """
    done = backlog.answered(run)
    pending = backlog.pending(run, done)
    exactly = stated.taken(run, pending)
    total, workers = sum(map(len, [*pending.values(), *exactly.values()])), run.hooks.workers
    run.hooks.on_progress("ask", 0, total)
    staged = StagedAnswers(run, tally, done)
    for answers in await stated.answer(run, exactly, pending):
        staged.put(answers)

    async def answer_batch(tasks: Sequence[WindowTask]) -> None:
        async with aclosing(workers.do("ask", partial(answers_to, run), run, tasks)) as found:
            async for answers in found:
                staged.put(answers, bought)
                run.hooks.on_progress("ask", staged.settled, total)
                await staged.commit_when_due()

    try:
        stored = backlog.stored(run, pending)
        most = workers.windows or WINDOWS_PER_BATCH
        tasks = _by_turns(_batches(backlog.fresh(run, pending), most), _batches(stored, most))
        async with aclosing(run.hooks.each("ask", answer_batch, tasks, workers.at_once)) as batches:
            async for _ in batches:
                pass
    except asyncio.CancelledError:
        staged.commit_now()  # there may be no time for more, and what is not staged yet is in the ledger
        staged.put(Answers(rejects=_cut_short(run)))
        staged.commit_now()
        raise
    await staged.commit()
    return staged.changed


async def first_requests(run: RunContext) -> AsyncGenerator[Request]:
    """What would be asked first about all that is not answered, in order, without asking it."""
    pending = backlog.pending(run)
    stated.taken(run, pending)
    for task in with_text(run, backlog.fresh(run, pending)):
        seen, _ = await visible(run, task)
        for question in run.questions:
            if wanted := seen.wanted.get(question.name):
                window = pack.window_of([part for part in seen.window.parts if part.document in wanted])
                yield run.asker.request(window, question)


def _cut_short(run: RunContext) -> list[Reject]:
    """A reject for each answer that is open and of which the tables say nothing yet, since the run ended at once."""
    told = {
        (row["document"], row["question"])
        for row in run.warehouse.each(REJECTS.name, ["document", "question"])
    }
    waiting = [
        (document, name) for name, documents in backlog.pending(run).items() for document in sorted(documents)
    ]
    return [Reject(*one, "", WAITING, CUT_SHORT) for one in waiting if one not in told]


async def answers_to(run: RunContext, tasks: Sequence[WindowTask]) -> AsyncGenerator[Answers]:
    """Work on the windows of a batch at once, as far as the pace allows, and give what came of each; pieces of a document together.

    The questions of one window follow one another.
    """
    parted = Counter(map(cut_document, tasks))
    pieces: dict[str, list[tuple[WindowTask, Answers]]] = {}
    at_once = READY * run.asker.account.limits.concurrency or len(tasks)

    async def answer_task(task: WindowTask) -> tuple[WindowTask, Answers]:
        return task, await _answer_task(run, task)

    async with aclosing(bounded(answer_task, with_text(run, tasks), at_once)) as answered:
        async for task, answers in answered:
            document = cut_document(task)
            pieces.setdefault(document, []).append((task, answers))
            if not document:
                yield together(answers for _, answers in pieces.pop(document))
            elif len(pieces[document]) == parted[document]:
                shown, said = zip(*pieces.pop(document), strict=True)
                yield await summed_up(run, await with_missing_pieces(run, document, shown, together(said)))


async def _answer_task(run: RunContext, task: WindowTask) -> Answers:
    answers = Answers()
    if not task.stored:
        task, answers.rejects = await visible(run, task)
    for question in run.questions:
        if wanted := task.wanted.get(question.name):
            answers.add(await _answer_question(run, task, question, wanted))
    return answers


async def _answer_question(
    run: RunContext, task: WindowTask, question: Question, wanted: frozenset[str]
) -> Answers:
    """One question about a window, asked once or, in two passes, twice."""
    if task.stored:
        request, said = await recall(run, task, question, wanted)
    else:
        window = pack.window_of([part for part in task.window.parts if part.document in wanted])
        request = run.asker.request(window, question)
        said = await ask(run, request, wanted)
    said = await with_missing_rows(run, request, said)
    if len(run.readings(question)) > 1 and said.records:
        said = await with_second_pass(run, request.window, question, wanted, said, before=bool(task.stored))
    return said


def cut_document(task: WindowTask) -> str:
    """The document of which a task shows a piece, and nothing else; "" for a task about whole documents.

    Not by all that its window shows: a window of earlier days, once it has its text, shows less when one of its files has gone since.
    """
    return next((part.document for part in task.window.parts if part.role == "piece"), "")


def _batches(tasks: Iterable[WindowTask], most: int) -> Iterator[Batch]:
    """Tasks in batches that are neither too many windows nor too much text, and never part the windows of one document."""
    batch: Batch = []
    held = 0
    for task in tasks:
        full = len(batch) >= most or held + task.window.tokens > TOKENS_PER_BATCH
        if batch and full and batch[-1].window.documents[-1:] != task.window.documents[:1]:
            yield batch
            batch, held = [], 0
        batch.append(task)
        held += task.window.tokens
    if batch:
        yield batch


def _by_turns(first: Iterable[Batch], second: Iterable[Batch]) -> Iterator[Batch]:
    """The batches of both in turns, each made when it is its turn, so that calls leave while stored replies are checked."""
    waiting = deque([iter(first), iter(second)])
    while waiting:
        source = waiting.popleft()
        if batch := next(source, None):
            yield batch
            waiting.append(source)
