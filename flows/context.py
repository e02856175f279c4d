"""What a run works with. It is opened by `octavo.flows.order`, and everything that works for a run is given it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from octavo.flows.corrections.settle import Overlay
from octavo.flows.hooks import Hooks, StopSignal
from octavo.flows.stored_replies import StoredReplies
from octavo.flows.token_counter import TokenCounter
from octavo.processors.ask.replies import Asker
from octavo.processors.check import records as check
from octavo.processors.read import pages as read
from octavo.processors.store.warehouse import Warehouse
from octavo.schemas.job import Job
from octavo.schemas.pipeline import SUMMARY, Question


@dataclass(frozen=True, slots=True)
class RunContext:
    """The job of one run, its questions, and the open things that it works with: tables, ledger, connection, sandbox."""

    job: Job
    questions: Sequence[Question]
    limits: read.ReadLimits
    warehouse: Warehouse
    asker: Asker
    reader: read.Reader
    count: TokenCounter
    stored: StoredReplies
    hooks: Hooks
    name: str  # the run's id, as it stands in `runs` and in the ledger
    inbox: str  # the one of the job, as the tables name it
    out: Path
    corrections: Overlay
    absent: frozenset[str] = frozenset()  # documents whose file was not found, which are not asked about
    checking: asyncio.Lock = field(
        default_factory=asyncio.Lock
    )  # checks are computing only, so they take turns on one thread

    @property
    def stop(self) -> StopSignal:
        """Whether nothing more is to be sent, and why."""
        return self.hooks.stop

    def passes(self, question: Question) -> list[Question]:
        """A question in the words of every pass: one, or two, but for summaries, which are never alike.

        An answer is stored under the fingerprint of the last words, so that one pass is never taken for two.
        """
        return (
            [question, check.rephrased(question)]
            if self.job.passes > 1 and question.name != SUMMARY
            else [question]
        )

    def readings(self, question: Question) -> list[Question]:
        """A question in the words in which it is asked about every window. A replay compares nothing."""
        return self.passes(question)[: 1 if self.job.replay else None]
