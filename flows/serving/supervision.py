"""Keeps a process running: one that ends by itself is started again, after a pause that grows while it does not last.

In: how to start it and what to call it. Out: the process that runs now. Ends with the block that it was kept for.
"""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime

Process = asyncio.subprocess.Process
Start = Callable[[], AbstractAsyncContextManager[Process]]  # ends the process when it is left
Say = Callable[[str], None]

FIRST_PAUSE_S, LONGEST_PAUSE_S = 2.0, 60.0
STEADY_S = 300.0  # who ran for so long did not end for the reason before


@dataclass(slots=True)
class Kept:
    """A process that is kept running, and what is known of it now."""

    process: Process
    began: datetime  # when this one was started, which a later one was not


@asynccontextmanager
async def kept_running(
    name: str, start: Start, say: Say, first_pause_s: float = FIRST_PAUSE_S
) -> AsyncIterator[Kept]:
    """Start a process and keep it running for as long as the block takes; says each time that it ended, and when it is started again."""
    started: asyncio.Future[Kept] = asyncio.get_running_loop().create_future()
    keeping = asyncio.create_task(_keep(name, start, say, started, first_pause_s))
    keeping.add_done_callback(
        lambda task: (
            None
            if started.done() or task.cancelled()
            else started.set_exception(task.exception() or OSError())
        )
    )
    try:
        yield await started
    finally:
        keeping.cancel()
        with suppress(asyncio.CancelledError):
            await keeping


async def _keep(
    name: str, start: Start, say: Say, started: asyncio.Future[Kept], first_pause_s: float
) -> None:
    pause_s = first_pause_s
    while True:
        began = time.monotonic()
        async with start() as process:
            if started.done():
                started.result().process, started.result().began = process, datetime.now(UTC)
            else:
                started.set_result(Kept(process, datetime.now(UTC)))
            code = await process.wait()
        if time.monotonic() - began > STEADY_S:
            pause_s = first_pause_s
        say(f"The {name} {how_it_ended(code)}. It is started again in {pause_s:.0f} s.")
        await asyncio.sleep(pause_s)
        pause_s = min(2 * pause_s, LONGEST_PAUSE_S)


def how_it_ended(code: int) -> str:
    """The end of a process in words."""
    if code >= 0:
        return f"ended by itself, with exit code {code}"
    try:
        return f"was killed by {signal.Signals(-code).name}"
    except ValueError:
        return f"was killed by signal {-code}"
