"""The lead of this room: what a worker process does. A parcel comes in, the delivery of what came of it goes out; nothing is raised.

    delivery = work(parcel)     # in a pool of processes, a thread of a Dask worker, or a task of Ray

The worker opens what it needs by itself, from its own settings and environment: the ledger and the limits of the account, which it
shares with all others, and the key, which is in no parcel. It keeps that open as long as the run lasts, and asks on one event loop, so
that batches in several threads share one pace. It writes no table.
"""

from __future__ import annotations

import asyncio
import threading
import traceback
from collections.abc import Awaitable, Callable

from octavo.flows.answering.answer import answers_to
from octavo.flows.context import RunContext
from octavo.flows.runners.bench import Bench, opened_bench
from octavo.flows.runners.parcel import (
    Delivery,
    Packed,
    Parcel,
    RunTerms,
    pack_plain,
    pack_readings,
    tasks_of,
)
from octavo.schemas.errors import OctavoError


async def _read(run: RunContext, content: Packed) -> Packed:
    """Files as readings. Bytes that lie in two batches are read twice, so that no batch needs another one to have arrived."""
    files = content.values
    return pack_readings([(len(files), await run.reader.read(files))])


async def _ask(run: RunContext, content: Packed) -> Packed:
    """Windows as answers."""
    return pack_plain([answers async for answers in answers_to(run, tasks_of(content))])


WORK: dict[str, Callable[[RunContext, Packed], Awaitable[Packed]]] = {"read": _read, "ask": _ask}


def work(parcel: Parcel) -> Delivery:
    """Do the work of a batch; what goes wrong is in the delivery, since what a worker raises is logged with all that it was given."""
    return _station().do(parcel)


class Station:
    """An event loop on a thread of its own, and the run that it works on, one at a time."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._opening = asyncio.Lock()
        self._bench: Bench | None = None
        threading.Thread(target=self._loop.run_forever, name="octavo-worker", daemon=True).start()

    def do(self, parcel: Parcel) -> Delivery:
        """Work on a batch; any thread may ask for that."""
        return asyncio.run_coroutine_threadsafe(self._delivered(parcel), self._loop).result()

    async def _delivered(self, parcel: Parcel) -> Delivery:
        try:
            bench = await self._bench_of(parcel.terms)
            results = await bench.work(parcel.number, lambda: WORK[parcel.kind](bench.run, parcel.content))
        except OctavoError as error:
            return Delivery(error=error)
        except Exception as error:  # noqa: BLE001 - handed over, without the values that a traceback may show
            return Delivery(defect=_where(error))
        return Delivery(results, stopped=bench.run.stop.error, notices=bench.notices())

    async def _bench_of(self, terms: RunTerms) -> Bench:
        """The run that a batch is of, opened with its first batch; the one before it is closed then."""
        async with self._opening:
            if self._bench is None or self._bench.terms != terms or self._bench.is_over:
                if self._bench:
                    await self._bench.close()
                    self._bench = None
                self._bench = await opened_bench(terms)
            return self._bench


def _where(error: BaseException) -> str:
    """Class and place of a mistake of ours."""
    place = traceback.extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__} in {place.name} ({place.filename}:{place.lineno})"


_lock = threading.Lock()
_only: list[Station] = []


def _station() -> Station:
    """The one of this process."""
    with _lock:
        if not _only:
            _only.append(Station())
    return _only[0]
