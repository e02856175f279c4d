"""What one pass said of a window in; asks it a second time in other words, and what both say, held against one another, out."""

from __future__ import annotations

from dataclasses import replace

from octavo.flows.answering.contents import with_images, with_text
from octavo.flows.answering.missing_rows import with_missing_rows
from octavo.flows.answering.retry import ask, recall
from octavo.flows.answering.window_answers import PASSING, Answers, together
from octavo.flows.context import RunContext
from octavo.processors.check import records as check
from octavo.processors.pack import windows as pack
from octavo.schemas.pipeline import Question, Window


async def with_second_pass(
    run: RunContext,
    window: Window,
    question: Question,
    wanted: frozenset[str],
    said: Answers,
    *,
    before: bool,
) -> Answers:
    """Ask the window in other words, and hold the two answers about each document against one another.

    What cannot be asked now leaves the first answer, which a later run compares. `before` says that the first is of an earlier run.
    """
    rephrased = check.rephrased(question)
    stored, other = (
        await _recalled(run, window, rephrased, wanted) if before else (frozenset[str](), Answers())
    )
    if left := wanted - stored:
        own = pack.window_of([part for part in window.parts if part.document in left])
        other.add(await _asked(run, own, rephrased, left))
    first, second = said.by_document(), other.by_document()
    records = check.agree(map(check.merge, first.values()), map(check.merge, second.values()))
    waiting = {reject.document for reject in other.rejects if reject.reason in PASSING or not reject.request}
    agreed = replace(
        said,
        records=[(min(place for place, _ in first[record.document]), record) for record in records],
        single_pass=said.single_pass | {(question.name, document) for document in waiting & first.keys()},
    )
    return together([agreed, replace(other, records=[], rejects=[])])


async def _recalled(
    run: RunContext, window: Window, again: Question, wanted: frozenset[str]
) -> tuple[frozenset[str], Answers]:
    """The documents whose second pass is in the ledger, whatever the words around the question were then, and what came of them."""
    stored = {one: run.stored.by_extent(again).get(pack.extent(window.parts, one)) for one in sorted(wanted)}
    found = {one: task for one, task in stored.items() if task}
    answers = Answers()
    for task in {id(task): task for task in found.values()}.values():
        own = frozenset(one for one in found if found[one] is task)
        same = pack.same(task.window.parts, window.parts)
        (shown,) = [replace(task, window=window)] if same else with_text(run, [task])
        request, said = await recall(run, shown, again, own, "second_pass")
        answers.add(await with_missing_rows(run, request, said))
    return frozenset(found), answers


async def _asked(run: RunContext, window: Window, again: Question, wanted: frozenset[str]) -> Answers:
    """Ask the second pass; a document whose picture can no longer be made is left out, with its reject."""
    answers = Answers()
    if run.asker.account.model.vision:
        window, answers.rejects = await with_images(run, window)
        wanted -= {reject.document for reject in answers.rejects}
        window = pack.window_of([part for part in window.parts if part.document in wanted])
    if wanted:
        request = run.asker.request(window, again, purpose="second_pass")
        answers.add(await with_missing_rows(run, request, await ask(run, request, wanted)))
    return answers
