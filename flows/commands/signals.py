"""A run that may be asked to end: SIGINT and SIGTERM go in, its result or Interrupted comes out."""

from __future__ import annotations

import asyncio
import gc
import signal
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from octavo.flows.hooks import StopSignal
from octavo.schemas.errors import Interrupted

DRAIN_S = 900.0  # how long a run that was asked to end awaits what is in flight; the gateway cuts a silent call after that (2026-08-13)

ENDING = f"Ending: nothing more is sent; what is in flight is awaited and kept, {DRAIN_S / 60:.0f} min at most. Once more stops at once."

Result = TypeVar("Result")


def until_signalled(
    work: Coroutine[Any, Any, Result], stop: StopSignal, say: Callable[[str], None]
) -> Result:
    """Run to the end. The first SIGINT or SIGTERM lets what is in flight finish and commit; a second one, or DRAIN_S, stops at once.

    Gives what the work gives or, where that was stopped at once, what it left in `stop.ended`; without either, raises what asked it to end.
    """

    async def guarded() -> Result:
        task = asyncio.ensure_future(work)
        loop = asyncio.get_running_loop()
        heard: list[int] = []

        def hear(number: int) -> None:
            if heard:
                task.cancel()
            else:
                say(ENDING)
            heard.append(number)
            stop.end(Interrupted(number))
            loop.call_later(DRAIN_S, task.cancel)

        def listen() -> None:
            for number in (signal.SIGINT, signal.SIGTERM):
                loop.add_signal_handler(number, hear, number)

        stop.listen = listen
        listen()
        return await task

    gc.freeze()  # what was imported stays, so no collection need go through it: a tenth of what a document takes, measured 2026-11
    try:
        return asyncio.run(guarded())
    except asyncio.CancelledError:
        if stop.ended is None:
            raise stop.error or Interrupted(signal.SIGTERM) from None
        stopped: Result = stop.ended
        return stopped
    finally:
        gc.unfreeze()  # else DuckDB's binding reports what nobody frees at exit as leaks
