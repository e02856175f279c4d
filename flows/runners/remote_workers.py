"""Batches to workers in other processes or on other machines: what they give is what this process would give.

The run itself stays here: what is to be read and asked, the price, the tables, which only this process writes. A batch whose worker
dies is run again, by the pool; what its calls had brought is in the ledger, and is asked by nobody again. A batch that kills whoever
takes it is halved until what is to blame is alone, and that gets a row.
"""

from __future__ import annotations

import asyncio
import itertools
import math
import os
import re
import threading
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from octavo.flows import leases, settings
from octavo.flows.answering.answer import cut_document
from octavo.flows.answering.window_answers import Answers
from octavo.flows.context import RunContext
from octavo.flows.runners import likeness
from octavo.flows.runners.parcel import (
    Delivery,
    Packed,
    Parcel,
    RunTerms,
    pack_plain,
    pack_tasks,
    readings_of,
)
from octavo.flows.runners.pool import TRIES, Pool, PoolLost, TooManyDeaths
from octavo.flows.stored_replies import WindowTask
from octavo.processors.read import pages as read
from octavo.schemas.errors import DocumentError, OctavoError, WorkersLost
from octavo.schemas.job import Job
from octavo.schemas.pipeline import Reject

FILES_PER_PARCEL = 64  # some seconds of reading; what they give is in memory at once
WINDOWS_PER_PARCEL = (8, 100)  # the fewest and the most
WINDOWS_UNKNOWN = 25  # where the calls in flight are still to be found
READY_EACH = 4  # windows with workers for each call in flight, so that who ends a batch leaves no gap: half of them are done in the mean
COUNT_EVERY_S = 2.0  # how often calls and dollars are counted, which takes 20 ms of 10,000 calls
MIND_S = 0.1  # how soon workers are told that the run ends
IN_FILE = re.compile(
    r"(.+\.py(?=:|$)|.+\.json(?=#|$))(.*)", re.IGNORECASE
)  # a schema of one's own: its file, and which one in it
CRASHED = "crashed"  # reason of a row, as when a parser dies


class RemoteWorkers:
    """The workers of one run."""

    def __init__(self, pool: Pool) -> None:
        self.at_once, self.files, self.windows = 1, FILES_PER_PARCEL, WINDOWS_UNKNOWN
        self._pool = pool
        self._numbers = itertools.count(1)
        self._terms: RunTerms | None = None
        self._out = 0  # batches that are with workers
        self._counted_at = 0.0

    @asynccontextmanager
    async def attend(self, run: RunContext) -> AsyncIterator[None]:
        """Connect, and tell all workers that the run lives as long as the block does. Raises SettingsError."""
        async with self._pool as pool:
            self.at_once = pool.slots + 1  # one is there when another ends
            self.windows = _windows(run.asker.account.limits.concurrency, pool.slots)
            driver = Driver(run)
            try:
                yield
            except asyncio.CancelledError:
                driver.end("now")
                raise
            finally:
                driver.end()
                await pool.settle()

    async def do(
        self, kind: str, near: Callable[[Any], AsyncGenerator[Any]], run: RunContext, batch: Any
    ) -> AsyncGenerator[Any]:
        """What workers make of a batch. When the run is being stopped, what is left is settled here, where nothing is sent either."""
        if not run.stop.error:
            try:
                for result in await self._made(kind, run, batch):
                    yield result
            except OctavoError as error:  # of the pool, or of a worker that may not work for this run
                run.stop.error = run.stop.error or error
            else:
                return
        if kind == "ask":
            async for result in near(batch):
                yield result

    async def _made(self, kind: str, run: RunContext, batch: Sequence[Any], tries: int = TRIES) -> list[Any]:
        parcel = Parcel(self._terms_of(run), kind, next(self._numbers), _packed(kind, batch))
        self._out += 1
        try:
            delivery = await self._pool.run(parcel, tries)
        except TooManyDeaths as deaths:
            return await self._apart(kind, run, batch, deaths)
        except PoolLost as error:
            raise WorkersLost(error.message, about="runner", next_step=error.next_step) from error
        finally:
            self._out -= 1
            self._count(run)
        return self._taken(kind, run, delivery)

    async def _apart(
        self, kind: str, run: RunContext, batch: Sequence[Any], deaths: TooManyDeaths
    ) -> list[Any]:
        """The halves of a batch that killed its workers; of one that cannot be halved what stands in its rows."""
        middle = _middle(kind, batch)
        if not middle:
            return _given_up(kind, batch, str(deaths))
        results: list[Any] = []
        for half in (batch[:middle], batch[middle:]):
            results += await self._made(kind, run, half, 1 if _middle(kind, half) else TRIES)
        return results

    def _taken(self, kind: str, run: RunContext, delivery: Delivery) -> list[Any]:
        """The results, and what comes beside them."""
        for sentence in delivery.notices:
            run.asker.notice(sentence)
        if delivery.defect:
            raise RuntimeError(f"A worker failed: {delivery.defect}.")
        if delivery.error:
            raise delivery.error
        if delivery.stopped:
            run.stop.error = run.stop.error or delivery.stopped
        assert delivery.results is not None
        return readings_of(delivery.results) if kind == "read" else list(delivery.results.values)

    def _count(self, run: RunContext) -> None:
        """See what workers have asked and spent; for the last time when no batch is with them."""
        if not self._out or time.monotonic() - self._counted_at > COUNT_EVERY_S:
            run.asker.count_others()
            run.count.look_up()
            self._counted_at = time.monotonic()

    def _terms_of(self, run: RunContext) -> RunTerms:
        if self._terms is None or (self._terms.run, self._terms.budget_usd) != (run.name, _left_usd(run)):
            budget = run.asker.budget
            self._terms = RunTerms(
                likeness.program(),
                run.name,
                _anywhere(run.job).model_dump_json(),
                tuple(question.fingerprint for question in run.questions),
                run.asker.account_name,
                run.asker.ledger_name,
                likeness.home(),
                likeness.machine(),
                run.job.workers or self._pool.processes,
                _left_usd(run),
                budget.is_quoted,
            )
        return self._terms


class Driver:
    """Says in the ledger that the run lives, and whether its workers are to end: on a thread, since a long computation is no death."""

    def __init__(self, run: RunContext) -> None:
        self._run, self._notes = run, run.asker.ledger
        self._over = threading.Event()
        self._notes.keep(leases.DRIVER, leases.stamp(0, run=run.name, stop=""))
        while self._notes.note(leases.DRIVER).find(run.name) < 0:  # on disk before the first batch leaves
            time.sleep(0.001)
        self._thread = threading.Thread(target=self._live, name="driver", daemon=True)
        self._thread.start()

    def end(self, how: str = "") -> None:
        """Say no more; the workers end by themselves, with `now` at once."""
        if not self._over.is_set():
            self._over.set()
            self._thread.join()
            if how:
                self._notes.keep(leases.DRIVER, leases.stamp(0, run=self._run.name, stop=how))
            else:
                self._notes.forget(leases.DRIVER)

    def _live(self) -> None:
        beats, said, told = 0, 0.0, ""
        while not self._over.wait(MIND_S):
            stop = "end" if self._run.stop.error else ""
            if stop != told or time.monotonic() - said > leases.BEAT_S:
                beats, said, told = beats + 1, time.monotonic(), stop
                self._notes.keep(leases.DRIVER, leases.stamp(beats, run=self._run.name, stop=stop))


def _windows(concurrency: int, slots: int) -> int:
    fewest, most = WINDOWS_PER_PARCEL
    wanted = math.ceil(READY_EACH * concurrency / max(1, slots)) if concurrency else WINDOWS_UNKNOWN
    return min(most, max(fewest, wanted))


def _left_usd(run: RunContext) -> float:
    """What is left of the run's cap for calls of workers; 0 for none. What this process spends is for batches of the provider."""
    budget = run.asker.budget
    return max(1e-9, budget.caps.run_usd - budget.own_usd) if budget.caps.run_usd else 0.0


def _anywhere(job: Job) -> Job:
    """The job with paths that hold whatever folder a worker is in."""

    def whole(name: str) -> str:
        return name if "://" in name else str(Path(name).absolute())

    return job.model_copy(
        update={
            "runner": "here",
            "inbox": whole(job.inbox),
            "out": str(settings.out_folder(job.out).absolute()),
            "extract": [_whole_spec(spec) for spec in job.extract],
            "catalogue": job.catalogue and whole(job.catalogue),
            "password_file": job.password_file and whole(job.password_file),
        }
    )


def _whole_spec(spec: str) -> str:
    """The name of a schema with the whole path of its file, if it is in one."""
    found = IN_FILE.fullmatch(spec)
    return f"{Path(found[1]).absolute()}{found[2]}" if found else spec


def _packed(kind: str, batch: Sequence[Any]) -> Packed:
    if kind == "ask":
        return pack_tasks(batch)
    here = os.fsencode(Path.cwd())  # which a path that begins with / takes nothing of
    return pack_plain(
        [one if one.is_remote else replace(one, inbox=os.path.join(here, one.inbox)) for one in batch]  # noqa: PTH118 - bytes
    )


def _middle(kind: str, batch: Sequence[Any]) -> int:
    """Where a batch is halved, 0 for nowhere: the pieces of one document stay together, since they become one answer."""
    cuts = [
        at
        for at in range(1, len(batch))
        if kind == "read" or not (cut := cut_document(batch[at])) or cut != cut_document(batch[at - 1])
    ]
    return min(cuts, key=lambda at: abs(2 * at - len(batch)), default=0)


def _given_up(kind: str, batch: Sequence[Any], why: str) -> list[Any]:
    """What stands in the tables of a file, or of the documents of some windows, that nobody could work on."""
    if kind == "read":
        lost = DocumentError(CRASHED, why, next_step="Look at it alone, here.")
        return [(1, [read.given_up(one, lost)]) for one in batch]
    tasks: Sequence[WindowTask] = batch
    wanted = {(document, name) for task in tasks for name, them in task.wanted.items() for document in them}
    return [Answers(rejects=[Reject(document, name, "", CRASHED, why) for document, name in sorted(wanted)])]
