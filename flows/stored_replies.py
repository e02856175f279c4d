"""Replies that the ledger holds, as windows that need not be asked about again.

In: a question. Out: a task for each stored reply, without the text of its window; or the same by what of a document it is about.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from octavo.processors.ask.replies import Asker
from octavo.processors.pack import windows as pack
from octavo.schemas.pipeline import Question, Request, Window


@dataclass(frozen=True, slots=True)
class StoredRequest:
    """What a request whose reply is stored was like when it was asked; its reply can be read in no other way."""

    fingerprint: str
    ids: Mapping[str, str]  # short id -> document
    legend: Mapping[str, Any] | Sequence[Any]

    def given_to(self, request: Request) -> Request:
        """The request as it was asked then."""
        return replace(request, fingerprint=self.fingerprint, ids=self.ids, legend=self.legend)


@dataclass(frozen=True, slots=True)
class WindowTask:
    """A window, and which of its documents each question wants. `stored` is set when the reply is in the ledger already."""

    window: Window
    wanted: Mapping[str, frozenset[str]]  # name of the question -> documents
    stored: StoredRequest | None = None


@dataclass(slots=True)
class StoredReplies:
    """The stored replies of one run's ledger; what was looked up once is kept."""

    asker: Asker
    _by_extent: dict[tuple[str, bool], dict[pack.Extent, WindowTask]] = field(default_factory=dict)

    def tasks(
        self, question: Question, *, replay: bool = False, among: Collection[str] | None = None
    ) -> Iterator[WindowTask]:
        """A task for each stored reply; `among` has the documents of which it must be about one.

        A replay takes replies to whatever question had the name, the newest first.
        """
        for fingerprint, ids, parts, legend in self.asker.remembered(question, replay=replay, among=among):
            stored = StoredRequest(fingerprint, ids, legend)
            yield WindowTask(Window(tuple(parts), 0), {question.name: frozenset(ids.values())}, stored)

    def by_extent(self, question: Question, *, replay: bool = False) -> Mapping[pack.Extent, WindowTask]:
        """By document, or piece of one, the stored reply to a question in these words; for a replay the newest to one of its name."""
        key = (question.fingerprint, replay)
        if key not in self._by_extent:
            found = self._by_extent.setdefault(key, {})
            for task in self.tasks(question, replay=replay):
                for document in task.wanted[question.name]:
                    found.setdefault(pack.extent(task.window.parts, document), task)
        return self._by_extent[key]
