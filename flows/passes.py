"""What one pass said of a window in; asks it a second time in other words, and what both say, held against one another, out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from flows.answers import PASSING, Answers
from flows.completing import complete
from flows.repairing import ask
from processors.check import records as check
from processors.pack import windows as pack
from schemas.pipeline import Question, Record, Window

if TYPE_CHECKING:
    from flows.asking import Desk


async def ask_twice(desk: Desk, window: Window, question: Question, wanted: frozenset[str], said: Answers, *, before: bool) -> None:
    """Ask the window in other words, and hold the two answers about each document against one another.

    What cannot be asked now leaves the first answer, which a later run compares. `before` says that the first is of an earlier run.
    """
    other, again = Answers(), check.second(question)
    left = wanted - await _recalled(desk, window, again, wanted, other) if before else wanted
    if left:
        await _asked(desk, pack.window_of([part for part in window.parts if part.document in left]), again, left, other)
    first, second = _by_document(said), _by_document(other)
    records = check.agree(map(check.merge, first.values()), map(check.merge, second.values()))
    said.records = [(min(place for place, _ in first[record.document]), record) for record in records]
    waiting = {reject.document for reject in other.rejects if reject.reason in PASSING or not reject.request}
    said.once |= {(question.name, document) for document in waiting & first.keys()}
    other.records, other.rejects = [], []
    said.add(other)


async def _recalled(desk: Desk, window: Window, again: Question, wanted: frozenset[str], other: Answers) -> frozenset[str]:
    """The documents whose second pass is in the ledger, whatever the words around the question were then; their answers are in `other`."""
    stored = {one: desk.stored(again).get(pack.extent(window.parts, one)) for one in sorted(wanted)}
    found = {one: task for one, task in stored.items() if task}
    for task in {id(task): task for task in found.values()}.values():
        own = frozenset(one for one in found if found[one] is task)
        (shown,) = [replace(task, window=window)] if pack.same(task.window.parts, window.parts) else desk.with_texts([task])
        await complete(desk, await desk.recall(shown, again, own, other), other)
    return frozenset(found)


async def _asked(desk: Desk, window: Window, again: Question, wanted: frozenset[str], other: Answers) -> None:
    """Ask the second pass; a document whose picture can no longer be made is left out, with its reject in `other`."""
    if desk.asker.account.model.vision:
        window, lost = await desk.with_images(window, other)
        wanted -= lost
        window = pack.window_of([part for part in window.parts if part.document in wanted])
    if wanted:
        request = desk.asker.request(window, again)
        await ask(desk, request, wanted, other)
        await complete(desk, request, other)


def _by_document(answers: Answers) -> Mapping[str, list[tuple[int, Record]]]:
    """The records of each document: more than one when its pages were asked in halves."""
    found: dict[str, list[tuple[int, Record]]] = {}
    for place, record in answers.records:
        found.setdefault(record.document, []).append((place, record))
    return found
