"""What is said of waits: who chose it, and for how long. A wait comes in; a sentence goes out when it is long."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager

SAY_FROM_S = 10.0  # shorter waits are not worth a line
JITTER = 0.5  # a pause is longer by up to this share, so that several machines do not come back at once


def whose(seconds: float, told_s: float | None, vain: int) -> str:
    """Whose choice a pause after a refusal is: the provider's, when it named about so long a time, else our own.

    >>> whose(85.0, 1.0, 7)
    "which is Octavo's own choice after 7 failures in a row (the provider asks for 1 s)"
    """
    if told_s is not None and seconds <= told_s * (1 + JITTER):
        return f"since the provider asks for {told_s:.0f} s"
    asks = f"the provider asks for {told_s:.0f} s" if told_s is not None else "the provider names no time"
    return f"which is Octavo's own choice after {'a failure' if vain <= 1 else f'{vain} failures in a row'} ({asks})"


@contextmanager
def said_when_late(say: Callable[[str], None]) -> Iterator[Callable[[str], None]]:
    """Within it, the latest of the sentences that are given is said once, SAY_FROM_S after the first. For an event loop."""
    latest: list[str] = []
    timers: list[asyncio.TimerHandle] = []

    def because(sentence: str) -> None:
        latest[:] = [sentence]
        if not timers:
            timers.append(asyncio.get_running_loop().call_later(SAY_FROM_S, lambda: say(latest[0])))

    try:
        yield because
    finally:
        for timer in timers:
            timer.cancel()
