"""What is to be asked, and what came of it, as batches of work carry them: windows in tasks, records and rejects in answers."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from processors.pack import windows as pack
from schemas.pipeline import NOT_APPLICABLE, Part, Record, Reject, Request, Window

WINDOWS_PER_BATCH = 100  # a batch is a task in Prefect: minutes of calls, not one call ...
TOKENS_PER_BATCH = 4_000_000  # ... and not more text in memory than this
PASSING = ("not_asked", "unavailable")  # reasons of rejects that a later run need not meet again


@dataclass(frozen=True, slots=True)
class Task:
    """A window, and which of its documents each question wants. `recalled` is set when the reply is in the ledger already."""

    window: Window
    wanted: Mapping[str, frozenset[str]]  # name of the question -> documents
    recalled: Mapping[str, Any] | None = None  # of the request: fingerprint, ids and legend, as they were


Batch = list[Task]


@dataclass(slots=True)
class Answers:
    """What came of a batch of tasks."""

    records: list[tuple[int, Record]] = field(default_factory=list)  # where in its document an answer begins, and the answer
    rejects: list[Reject] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)  # fingerprints of the replies that were used
    strays: list[str] = field(default_factory=list)  # answers about documents that nobody asked about, which are dropped
    repaired: dict[tuple[str, str], str] = field(default_factory=dict)  # question, document -> how it came to its record when not at once
    once: set[tuple[str, str]] = field(default_factory=set)  # question, document of answers whose second pass could not be asked
    asked: int = 0

    def add(self, other: Answers) -> None:
        """Take in what came of a part of the batch."""
        self.records += other.records
        self.rejects += other.rejects
        self.requests += other.requests
        self.strays += other.strays
        self.repaired |= other.repaired
        self.once |= other.once
        self.asked += other.asked

    def put(self, request: Request, records: Iterable[Record], rejects: Iterable[Reject]) -> None:
        """Take in what came of a request: each record with its place, each reject with the pages that it is about."""
        self.records += [(pack.position(request.window.parts, record.document), record) for record in records]
        self.rejects += [_placed(request, reject) for reject in rejects]


def is_whole(parts: Sequence[Part]) -> bool:
    """Whether every document of a window is in it from its first page to its last."""
    pages: dict[str, set[int]] = {}
    for part in parts:
        pages.setdefault(part.document, set()).add(part.page if part.start == 0 and part.role == "whole" else 0)
    return all(seen == set(range(1, part.pages + 1)) for part in parts if (seen := pages[part.document]))


def rejected(request: Request, wanted: Iterable[str], reason: str, detail: str) -> list[Reject]:
    """A reject for each document of a request that is wanted."""
    return [Reject(document, request.question.table, request.fingerprint, reason, detail) for document in sorted(wanted)]


def _placed(request: Request, reject: Reject) -> Reject:
    """A reject that says which pages it is about, where its document was cut."""
    place = pack.place(request.window.parts, reject.document) if reject.reason != NOT_APPLICABLE else ""
    return replace(reject, detail=f"{place.capitalize()}: {reject.detail}") if place else reject


def batches(tasks: Iterable[Task]) -> Iterator[Batch]:
    """Tasks in batches that are neither too many windows nor too much text, and never part the windows of one document."""
    batch: Batch = []
    held = 0
    for task in tasks:
        full = len(batch) >= WINDOWS_PER_BATCH or held + task.window.tokens > TOKENS_PER_BATCH
        if batch and full and batch[-1].window.documents[-1:] != task.window.documents[:1]:
            yield batch
            batch, held = [], 0
        batch.append(task)
        held += task.window.tokens
    if batch:
        yield batch


def by_turns(first: Iterable[Batch], second: Iterable[Batch]) -> Iterator[Batch]:
    """The batches of both in turns, each made when it is its turn, so that calls leave while stored replies are checked."""
    waiting = deque([iter(first), iter(second)])
    while waiting:
        source = waiting.popleft()
        if batch := next(source, None):
            yield batch
            waiting.append(source)
