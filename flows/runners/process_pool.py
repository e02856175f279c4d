"""Workers as processes of this machine, by pebble: `--runner processes`. They have our environment, and end with us."""

from __future__ import annotations

import asyncio
import tempfile
from concurrent.futures.process import BrokenProcessPool
from multiprocessing.context import SpawnContext, SpawnProcess
from multiprocessing.process import BaseProcess
from types import TracebackType
from typing import Any, Self

from pebble import ProcessExpired, ProcessPool

from octavo.flows.runners.parcel import Delivery, Parcel
from octavo.flows.runners.pool import TRIES, PoolLost, TooManyDeaths, cores, share
from octavo.flows.runners.worker import work
from octavo.processors.read.pages import without_main
from octavo.schemas.errors import describe

CLOSING_S = 1.0  # how long workers have to close the ledger when the run is over; they look twice as often


class Processes:
    """Some processes, each of which works on a batch."""

    def __init__(self, workers: int) -> None:
        """0 is one a core."""
        self.slots = workers or cores()
        self.processes = share(self.slots)
        self._pool: ProcessPool | None = None

    async def __aenter__(self) -> Self:
        self._folder = tempfile.TemporaryDirectory(prefix="octavo-workers-")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._pool is not None:
            self._pool.stop()  # type: ignore[no-untyped-call]
            await asyncio.to_thread(self._pool.join)
        self._folder.cleanup()

    async def run(self, parcel: Parcel, tries: int = TRIES) -> Delivery:
        """What came of a batch; a worker that dies is replaced, and its batch tried again."""
        deaths = losses = 0
        while True:
            pool = self._started()
            try:
                return await asyncio.wrap_future(pool.schedule(work, args=(parcel,)))
            except ProcessExpired:
                deaths += 1
                if deaths >= tries:
                    raise TooManyDeaths(deaths) from None
            except BrokenProcessPool as error:  # an idle one died, or said what nobody understands
                losses += 1
                self._drop(pool)
                if losses >= TRIES:
                    message = f"The worker processes do not hold ({describe(error)})."
                    raise PoolLost(message, next_step="Run again, or with --runner here.") from None

    async def settle(self) -> None:
        """They see by themselves that the run is over."""
        if self._pool is not None:
            await asyncio.sleep(CLOSING_S)

    def _drop(self, pool: ProcessPool) -> None:
        """End a pool that is broken; the next batch begins another one."""
        if self._pool is pool:
            self._pool = None
            pool.stop()  # type: ignore[no-untyped-call]

    def _started(self) -> ProcessPool:
        if self._pool is None:
            self._pool = ProcessPool(
                self.slots, initializer=_enter, initargs=(self._folder.name,), context=_Spawned()
            )
        return self._pool


def _enter(folder: str) -> None:
    """First act of a worker: what it leaves in temporary files goes with the folder of its parent, however it ends."""
    tempfile.tempdir = folder


class _Worker(SpawnProcess):
    @staticmethod
    def _Popen(process_obj: BaseProcess) -> Any:  # noqa: N802  # the name multiprocessing calls
        with without_main():
            return SpawnProcess._Popen(process_obj)  # noqa: SLF001


class _Spawned(SpawnContext):
    Process = _Worker
