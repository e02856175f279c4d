"""Workers of a Ray cluster: `--runner ray:ADDRESS` for one that is there, `--runner ray` for one on this machine while the run lasts.

Ray schedules: a batch takes one processor, and is run again elsewhere when its worker dies, a few times.
"""

from __future__ import annotations

import asyncio
import importlib
from types import TracebackType
from typing import Any, Self

from octavo.flows.runners import likeness
from octavo.flows.runners.parcel import Delivery, Parcel
from octavo.flows.runners.pool import TRIES, PoolLost, TooManyDeaths, share
from octavo.flows.runners.worker import work
from octavo.schemas.errors import SettingsError, describe

CLOSING_S = 1.0


class RayCluster:
    """The workers of a cluster."""

    def __init__(self, address: str) -> None:
        """An empty address starts one here. Raises ModuleNotFoundError where Ray is not installed."""
        self._ray: Any = importlib.import_module("ray")
        self.slots = self.processes = 1
        self._address = address

    async def __aenter__(self) -> Self:
        try:
            await asyncio.to_thread(self._connect)
        except (ConnectionError, ValueError, RuntimeError, OSError) as error:
            message = f"No Ray cluster answers at {self._address or 'this machine'} ({describe(error)})."
            raise SettingsError(
                message, about="runner", next_step="Check the address; `ray start --head` starts a cluster."
            ) from None
        nodes = [node for node in self._ray.nodes() if node["Alive"]]
        self.slots = max(1, int(self._ray.cluster_resources().get("CPU", 1)))
        self.processes = share(max(1, self.slots // max(1, len(nodes))))
        self._work = self._ray.remote(work)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await asyncio.to_thread(self._ray.shutdown)

    async def run(self, parcel: Parcel, tries: int = TRIES) -> Delivery:
        """What came of a batch, from whichever worker did it."""
        try:
            delivery: Delivery = await self._work.options(
                num_cpus=1, name="octavo", max_retries=tries - 1
            ).remote(parcel)
        except (self._ray.exceptions.WorkerCrashedError, self._ray.exceptions.OutOfMemoryError):
            raise TooManyDeaths(tries) from None
        except self._ray.exceptions.RayError as error:
            step = f"Install Octavo {likeness.program()} on all nodes, start Ray, and run again: what is done is kept."
            raise PoolLost(f"Ray could not work on a batch ({describe(error)}).", next_step=step) from None
        return delivery

    async def settle(self) -> None:
        """Workers see by themselves that the run is over."""
        await asyncio.sleep(CLOSING_S)

    def _connect(self) -> None:
        self._ray.init(
            address=self._address or "local",
            namespace="octavo",
            include_dashboard=False if not self._address else None,
            logging_level="ERROR",
            log_to_driver=False,
        )
