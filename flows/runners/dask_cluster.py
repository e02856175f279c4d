"""Workers of a Dask cluster: `--runner dask:ADDRESS` for one that is there, `--runner dask` for one on this machine while the run lasts.

Dask schedules: it gives a batch to a worker with a free thread, and to another one when that dies, as often as its scheduler allows
(`distributed.scheduler.allowed-failures`). What it carries and shows of a batch is a name and a number.
"""

from __future__ import annotations

import asyncio
import logging
import warnings
from collections import Counter
from concurrent.futures import CancelledError
from types import TracebackType
from typing import Any, Self

import dask
from distributed import Client, LocalCluster
from distributed.scheduler import KilledWorker

from octavo.flows.runners import likeness
from octavo.flows.runners.parcel import Delivery, Parcel
from octavo.flows.runners.pool import TRIES, PoolLost, TooManyDeaths, cores, share
from octavo.flows.runners.worker import work
from octavo.schemas.errors import SettingsError, describe

REACHED_S = 10.0  # how long a scheduler, and then a first worker, may take to answer
THREADS = 2  # of each worker of ours: one batch begins while the last replies of another are awaited
CLOSING_S = 1.0
TOO_LARGE = "Sending large graph"  # a warning of Dask's: a batch is a few megabytes of text, and goes with its task to be run again


class DaskCluster:
    """A scheduler and its workers."""

    def __init__(self, address: str) -> None:
        """An empty address starts one here."""
        self.slots = self.processes = 1
        self._address = address
        self._cluster: Any = None
        self._lost = ""

    async def __aenter__(self) -> Self:
        if not self._address:
            await self._start()
        where = self._cluster or self._address
        try:
            self._client: Any = await Client(  # type: ignore[no-untyped-call]
                where, asynchronous=True, timeout=REACHED_S, name="octavo"
            )
        except (OSError, ValueError, TypeError) as error:
            raise _refused(f"No Dask scheduler answers at {self._address} ({describe(error)}).") from None
        try:
            await self._meet()
        except BaseException:
            await self._leave()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._leave()

    async def run(self, parcel: Parcel, tries: int = TRIES) -> Delivery:  # noqa: ARG002 - the scheduler's choice
        """What came of a batch, from whichever worker did it."""
        if self._lost:
            raise self._gone()
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", TOO_LARGE)
            key = f"octavo-{parcel.kind}-{parcel.terms.run}-{parcel.number}"
            future = self._client.submit(work, parcel, key=key, pure=False)
        try:
            delivery: Delivery = await future
        except KilledWorker as error:
            raise TooManyDeaths(error.allowed_failures + 1) from None
        except (CancelledError, OSError) as error:  # not asyncio's, which is ours and goes on
            self._lost = describe(error)
            raise self._gone() from None
        except (
            ImportError,
            AttributeError,
            TypeError,
        ) as error:  # a worker could not make out what it was given
            message = f"A Dask worker cannot take the work ({describe(error)})."
            raise PoolLost(message, next_step=f"Install Octavo {likeness.program()} on it.") from None
        finally:
            future.release()
        return delivery

    async def settle(self) -> None:
        """Those that we started see by themselves that the run is over."""
        if self._cluster is not None and not self._lost:
            await asyncio.sleep(CLOSING_S)

    async def _start(self) -> None:
        with dask.config.set({"distributed.scheduler.allowed-failures": TRIES - 1}):
            self._cluster = await LocalCluster(  # type: ignore[no-untyped-call]
                n_workers=cores(),
                threads_per_worker=THREADS,
                processes=True,
                silence_logs=logging.ERROR,
                dashboard_address=None,
                asynchronous=True,
            )

    async def _meet(self) -> None:
        """Wait for a first worker, and see what there is. Raises SettingsError."""
        try:
            await self._client.wait_for_workers(1, timeout=REACHED_S)
        except (TimeoutError, OSError):
            raise SettingsError(
                f"The Dask scheduler at {self._address or 'this machine'} has no worker.",
                about="runner",
                next_step=f"Start one with: dask worker {self._address or 'ADDRESS'}",
            ) from None
        await self._compare()
        workers = (await self._client.scheduler.identity(n_workers=-1))["workers"]
        self.slots = sum(worker["nthreads"] for worker in workers.values())
        self.processes = share(max(Counter(worker["host"] for worker in workers.values()).values()))

    async def _compare(self) -> None:
        """Raise SettingsError where a worker has another Octavo, or none."""
        try:
            versions: dict[str, Any] = await self._client.run(likeness.program)
        except Exception as error:  # noqa: BLE001 - whatever a worker has in its place
            raise _refused(f"The workers at {self._address} cannot run Octavo ({describe(error)}).") from None
        for worker, found in versions.items():
            if found != likeness.program():
                message = (
                    f"The Dask worker {worker} has Octavo {found}, and this run is of {likeness.program()}."
                )
                raise SettingsError(
                    message, about="runner", next_step="Install the same version, and start it again."
                )

    async def _leave(self) -> None:
        await self._client.close(timeout=REACHED_S)
        if self._cluster is not None:
            await self._cluster.close(timeout=REACHED_S)

    def _gone(self) -> PoolLost:
        where = self._address or "this machine"
        return PoolLost(
            f"The Dask scheduler at {where} is gone ({self._lost}).",
            next_step="Start it, then run again: what is done is kept.",
        )


def _refused(message: str) -> SettingsError:
    step = "Check the address and that the scheduler runs (`dask scheduler`), with the same versions of Dask and Octavo."
    return SettingsError(message, about="runner", next_step=step)
