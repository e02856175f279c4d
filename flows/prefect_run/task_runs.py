"""Batches of work as Prefect task runs: one task run spans all batches that begin while it is young, and ends with the last of them.

In: batches, and what is done with each. Out: their results, as `flows.batch_runner.BatchRunner` gives them. Prefect sees a label and a
number only. A task run costs the server 20 kB and 45 ms, so it should last minutes; a run that finds nothing new has one.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from prefect import task
from prefect.cache_policies import NO_CACHE

from octavo.flows.batch_runner import IN_FLIGHT, BatchRunner, bounded

YOUNG_S = 120.0  # how long a task run takes on batches


@dataclass(slots=True)
class _TaskRun:
    """A task run that stands for the batches of some minutes. They run beside it, so that none waits where one task run follows another."""

    label: str
    number: int
    began: float = field(default_factory=time.monotonic)
    inside: int = 0  # batches that are not over
    newest: bool = True
    error: Exception | None = None
    _over: asyncio.Event = field(default_factory=asyncio.Event)
    _running: asyncio.Future[None] | None = None

    def start(self) -> None:
        """Begin, as Prefect sees it."""

        @task(
            name=self.label,
            task_run_name=f"{self.label} {self.number}",
            cache_policy=NO_CACHE,
            persist_result=False,
            retries=0,
        )
        async def batches() -> None:
            await self._over.wait()
            if self.error:
                raise self.error

        self._running = asyncio.ensure_future(batches())

    async def do(self, work: Awaitable[Any]) -> Any:
        """Do a batch inside this task run."""
        self.inside += 1
        try:
            return await work
        except Exception as error:
            self.error = self.error or error
            raise
        finally:
            self.inside -= 1
            self._end_when_over()

    def close(self) -> None:
        """Take on no more batches."""
        self.newest = False
        self._end_when_over()

    def _end_when_over(self) -> None:
        if not (self.newest or self.inside):
            self._over.set()

    async def ended(self) -> None:
        """Return when Prefect knows that it is over. What went wrong in it is raised to who awaits the batch, and not here again."""
        if self._running:
            await asyncio.gather(self._running, return_exceptions=True)


def in_task_runs() -> BatchRunner:
    """Do batches inside task runs named for their kind of work and a number, such as `read 2`."""
    numbers: Counter[str] = Counter()

    async def each(
        label: str,
        function: Callable[[Any], Awaitable[Any]],
        items: Iterable[Any],
        at_once: int = IN_FLIGHT,
    ) -> AsyncGenerator[Any]:
        runs: list[_TaskRun] = []

        def inside(item: Any) -> Awaitable[Any]:
            if not runs or time.monotonic() - runs[-1].began > YOUNG_S:
                if runs:
                    runs[-1].close()
                numbers[label] += 1
                runs.append(_TaskRun(label, numbers[label]))
                runs[-1].start()
            return runs[-1].do(function(item))

        try:
            async for result in bounded(inside, items, at_once):
                yield result
        finally:
            if runs:
                runs[-1].close()
            await asyncio.gather(*(run.ended() for run in runs))

    return each
