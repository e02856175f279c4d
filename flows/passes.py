"""What one pass said of a window in; asks it a second time in other words, and what both say, held against one another, out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flows.answers import Answers
from flows.completing import complete
from flows.repairing import ask
from processors.check import records as check
from schemas.pipeline import Question, Window

if TYPE_CHECKING:
    from flows.asking import Desk


async def ask_twice(desk: Desk, window: Window, question: Question, wanted: frozenset[str], said: Answers) -> None:
    """Ask the window in other words, and hold the two answers about each document against one another."""
    other = Answers()
    if desk.asker.account.model.vision:
        window, _ = await desk.with_images(window, other)
    request = desk.asker.request(window, check.second(question))
    await ask(desk, request, wanted, other)
    await complete(desk, request, other)
    places = {record.document: place for place, record in said.records}
    first, second = ([record for _, record in one.records] for one in (said, other))
    records, said.rejects = check.agree(first, said.rejects, second, other.rejects)
    said.records = [(places[record.document], record) for record in records]
    other.records, other.rejects = [], []
    said.add(other)
