"""Two false times: one that passes only when all wait, so that hours pass at once, and one that passes faster, for use with sockets."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Coroutine
from typing import Any, TypeVar

from processors.ask.pace import Pace
from processors.ask.providers import Limits

Result = TypeVar("Result")


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop whose clock jumps to the next timer when all tasks wait. For code without sockets and threads."""

    def __init__(self) -> None:
        """Start at zero."""
        super().__init__()
        self.now = 0.0
        self.turns = 0  # how often the loop went round: what polling would raise

    def time(self) -> float:
        """Seconds since the start."""
        return self.now

    def _run_once(self) -> None:
        self.turns += 1
        if not self._ready and self._scheduled:  # type: ignore[attr-defined] # CPython's own names, stable since 3.4
            self.now = max(self.now, self._scheduled[0]._when)  # type: ignore[attr-defined]
        super()._run_once()  # type: ignore[misc]


def run(work: Coroutine[Any, Any, Result]) -> Result:
    """The result of a coroutine in virtual time."""
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(work)


def fast(limits: Limits, time_scale: float) -> Pace:
    """A pace whose time passes as fast as that of an emulator of this scale."""
    return Pace(
        concurrency=limits.concurrency,
        rpm=limits.rpm,
        tpm=limits.tpm,
        tpd=limits.tpd,
        clock=lambda: time.monotonic() * time_scale,
        wall_clock=lambda: time.time() * time_scale,
        sleep=lambda seconds: asyncio.sleep(seconds / time_scale),
    )


def now() -> float:
    """The virtual clock of the loop that runs."""
    return asyncio.get_running_loop().time()
