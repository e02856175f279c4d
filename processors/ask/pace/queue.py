"""Who waits to leave: the jobs of an account in turn, the requests of a job in order. A turn gives a place of `limits`."""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass

from octavo.processors.ask.pace.limits import Permit
from octavo.schemas.errors import OctavoError


@dataclass(slots=True)
class Waiter:
    """A request that wants to leave."""

    tokens: int
    turn: asyncio.Future[Permit]


class FairQueue:
    """The queue of each job."""

    def __init__(self) -> None:
        """Nobody waits."""
        self._jobs: dict[str, deque[Waiter]] = {}  # in the order of their turns

    def join(self, waiting: Waiter, job: str, *, first: bool) -> None:
        """Wait behind the job's other requests, or before them."""
        queue = self._jobs.setdefault(job, deque())
        (queue.appendleft if first else queue.append)(waiting)

    def next(self) -> Waiter | None:
        """The request whose turn it is; those that were given up, and jobs without requests, are dropped on the way."""
        while self._jobs:
            job = next(iter(self._jobs))
            queue = self._jobs[job]
            while queue and queue[0].turn.done():
                queue.popleft()
            if queue:
                return queue[0]
            del self._jobs[job]
        return None

    def pop(self) -> None:
        """Take the request whose turn it was, and put its job behind the others."""
        job = next(iter(self._jobs))
        queue = self._jobs.pop(job)
        queue.popleft()
        if queue:
            self._jobs[job] = queue

    def give_up(self, job: str, error: OctavoError) -> None:
        """Let nobody of a job wait any longer: raise that error where they wait."""
        for waiting in self._jobs.pop(job, ()):
            if not waiting.turn.done():
                waiting.turn.set_exception(error)
