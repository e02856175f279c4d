"""What all pools of workers are alike in: parcels in, deliveries out, each batch run again when its worker dies, a few times."""

from __future__ import annotations

import os
from types import TracebackType
from typing import Protocol, Self

from octavo.flows.runners.parcel import Delivery, Parcel

TRIES = 3  # workers that a batch may kill before it is given up, or taken apart


class TooManyDeaths(Exception):
    """Every worker that took the batch died."""

    def __init__(self, workers: int) -> None:
        super().__init__(f"Each of {workers} workers that took it died, one after the other.")


class PoolLost(Exception):
    """There is no way to the workers any more, or no worker that could be used."""

    def __init__(self, message: str, *, next_step: str) -> None:
        super().__init__(message)
        self.message, self.next_step = message, next_step


class Pool(Protocol):
    """Workers that can be reached. `slots` batches are in work at once; in each worker so many `processes` read."""

    slots: int
    processes: int

    async def __aenter__(self) -> Self:
        """Start or reach the workers. Raises SettingsError."""
        ...

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Let go of them, or end those that were started for us, whatever they are doing."""
        ...

    async def run(self, parcel: Parcel, tries: int = TRIES) -> Delivery:
        """What came of a batch, which may kill so many workers, where that is ours to say. Raises TooManyDeaths and PoolLost."""
        ...

    async def settle(self) -> None:
        """Give workers that were started for us the time to close what they have open."""
        ...


def cores() -> int:
    """Processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def share(workers: int) -> int:
    """Processes that each of so many workers of a machine may read with."""
    return max(1, cores() // max(1, workers))
