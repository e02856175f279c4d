"""What one pass said of a window in; asks it a second time in other words, and what both say, held against one another, out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from flows.answers import PASSING, Answers
from flows.completing import complete
from flows.repairing import ask
from processors.check import records as check
from processors.pack import windows as pack
from schemas.pipeline import Question, Record, Window

if TYPE_CHECKING:
    from flows.asking import Desk


async def ask_twice(desk: Desk, window: Window, question: Question, wanted: frozenset[str], said: Answers) -> None:
    """Ask the window in other words, and hold the two answers about each document against one another.

    What cannot be asked now leaves the first answer, which a later run compares.
    """
    other, window = Answers(), pack.window_of([part for part in window.parts if part.document in wanted])
    if desk.asker.account.model.vision:
        window, _ = await desk.with_images(window, other)
    request = desk.asker.request(window, check.second(question))
    await ask(desk, request, wanted, other)
    await complete(desk, request, other)
    first, second = _by_document(said), _by_document(other)
    records = check.agree(map(check.merge, first.values()), map(check.merge, second.values()))
    said.records = [(min(place for place, _ in first[record.document]), record) for record in records]
    waiting = {reject.document for reject in other.rejects if reject.reason in PASSING}
    said.once |= {(question.name, document) for document in waiting & first.keys()}
    other.records, other.rejects = [], []
    said.add(other)


def _by_document(answers: Answers) -> Mapping[str, list[tuple[int, Record]]]:
    """The records of each document: more than one when its pages were asked in halves."""
    found: dict[str, list[tuple[int, Record]]] = {}
    for place, record in answers.records:
        found.setdefault(record.document, []).append((place, record))
    return found
