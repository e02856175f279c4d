"""Time and chance, as a rate limiter has them; a test gives its own."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Clock:
    """What time it is, how to wait, and a number from 0 to 1 that nobody knows beforehand."""

    now: Callable[[], float] = time.monotonic  # seconds; all processes of a machine share it
    wall: Callable[[], float] = time.time  # seconds since 1970
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    chance: Callable[[], float] = random.random
