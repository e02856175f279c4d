"""What is left to ask: the documents that the tables do not answer, as tasks; first those whose reply is in the ledger already.

Nothing is asked twice, for three reasons: what stands in the tables is left alone; what stands in the ledger is taken from there,
in the windows in which it was asked; and a request is named by its content, so that the same one finds its reply.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import chain

from octavo.flows.answering.packing import alone, packed
from octavo.flows.context import RunContext
from octavo.flows.stored_replies import WindowTask
from octavo.processors.ask import replies
from octavo.processors.check import records as check
from octavo.processors.pack import windows as pack
from octavo.schemas.pipeline import Part, Question


def answered(run: RunContext) -> dict[str, set[str]]:
    """For each question the documents that it need not be asked about.

    An answer of two passes is enough where one is wanted, and so is one that people filled in where this very asking brought none.
    """
    account = run.asker.account
    enough = {
        question.name: [
            reading.fingerprint
            for reading in (question, check.rephrased(question))[len(run.passes(question)) - 1 :]
        ]
        for question in run.questions
    }
    by_asking = {
        name: run.warehouse.answered(name, known, account.model.id, account.engine)
        for name, known in enough.items()
    }
    exactly = (replies.EXACT_MODEL, replies.EXACT_ENGINE)
    return {
        name: by_asking[name]
        | run.warehouse.answered(name, known, *exactly)
        | run.corrections.filled(name, known, account.model.id, account.engine)
        for name, known in enough.items()
    }


def pending(run: RunContext, done: Mapping[str, set[str]] | None = None) -> dict[str, set[str]]:
    """For each question the documents that have pages and no answer yet; `done` are those that have one, where that is known."""
    readable = run.warehouse.readable(run.inbox) - run.absent
    return {name: readable - documents for name, documents in (done or answered(run)).items()}


def tasks(run: RunContext, left: dict[str, set[str]]) -> Iterator[WindowTask]:
    """All that is to be done about the pending documents; first what is in the ledger."""
    return chain(stored(run, left), fresh(run, left))


def fresh(run: RunContext, left: Mapping[str, set[str]]) -> Iterator[WindowTask]:
    """Tasks to ask the provider: windows over all documents that some question still wants."""
    for window in packed(run, sorted(set[str]().union(*left.values()))):
        wanted = {name: frozenset(window.documents) & still for name, still in left.items()}
        yield WindowTask(window, {name: documents for name, documents in wanted.items() if documents})


def stored(run: RunContext, pending: dict[str, set[str]]) -> Iterator[WindowTask]:
    """Tasks whose reply is in the ledger, in the windows of then, without text. Takes their documents out of `pending` at once.

    When only some windows of a document that was cut have a reply, tasks about its rest follow them, made when they are taken.
    """
    whole: list[WindowTask] = []
    partly: list[Iterator[WindowTask]] = []
    for question in run.questions:
        left, pieces = pending[question.name], defaultdict[str, list[WindowTask]](list)
        for task in run.stored.tasks(question, replay=run.job.replay, among=left):
            parts = task.window.parts
            if any(part.role == "piece" for part in parts):
                pieces[parts[0].document].append(task)
            elif _shows_all_pages(parts) and (wanted := task.wanted[question.name] & left):
                left -= wanted
                whole.append(replace(task, wanted={question.name: wanted}))
        for document in sorted(pieces.keys() & left):
            left.remove(document)
            partly.append(_partly_answered(run, document, question, pieces[document]))
    return chain(_one_by_one(whole), *partly)


def _one_by_one(tasks: list[WindowTask]) -> Iterator[WindowTask]:
    """Tasks in their order; one that was taken is held here no more."""
    tasks.reverse()
    while tasks:
        yield tasks.pop()


def second_pass_missing(run: RunContext, task: WindowTask, question: Question) -> frozenset[str]:
    """Of a task whose reply is in the ledger, the documents of which a second pass is wanted and is not there."""
    wanted = task.wanted.get(question.name, frozenset())
    known = [run.stored.by_extent(reading) for reading in run.readings(question)[1:]]
    return frozenset(
        one for one in wanted for replies in known if pack.extent(task.window.parts, one) not in replies
    )


def _partly_answered(
    run: RunContext, document: str, question: Question, pieces: Sequence[WindowTask]
) -> Iterator[WindowTask]:
    """Tasks about a document that was cut: those whose reply is in the ledger, then those about what they leave."""
    pages = list(run.warehouse.pages_of([document]))
    chosen, windows = pack.rest(pages, [task.window.parts for task in pieces], run.count, alone(run))
    yield from (pieces[number] for number in chosen)
    yield from (WindowTask(window, {question.name: frozenset([document])}) for window in windows)


def _shows_all_pages(parts: Sequence[Part]) -> bool:
    """Whether every document of a window is in it from its first page to its last."""
    pages: dict[str, set[int]] = {}
    for part in parts:
        pages.setdefault(part.document, set()).add(
            part.page if part.start == 0 and part.role == "whole" else 0
        )
    return all(seen == set(range(1, part.pages + 1)) for part in parts if (seen := pages[part.document]))
