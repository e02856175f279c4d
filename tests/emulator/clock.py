"""Emulated time: real time comes in, scaled, or a virtual time that moves only when told; seconds since the start go out."""

from __future__ import annotations

import asyncio
import heapq
import itertools
import time

from tests.emulator.config import Config


class Clock:
    """Seconds since the start. `until` waits; `advance` moves a virtual clock and wakes whoever is due, in order."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self._real = time.monotonic()
        self._wall = time.time()
        self._virtual = 0.0
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []
        self._number = itertools.count()

    def now(self) -> float:
        """Emulated seconds since the start."""
        if self._config.virtual:
            return self._virtual
        return (time.monotonic() - self._real) * self._config.time_scale

    def window_now(self) -> float:
        """The time by which rate windows pass: emulated, or real when `scale_windows` is off."""
        if self._config.scale_windows or self._config.virtual:
            return self.now()
        return time.monotonic() - self._real

    def wall(self) -> float:
        """Seconds since 1970: the real start plus the emulated time since."""
        return self._wall + self.now()

    async def until(self, moment: float) -> None:
        """Returns at `moment` of emulated time; at once when it has passed or timing is off."""
        if self._config.virtual:
            await self._until_virtual(moment)
            return
        left = (moment - self.now()) / self._config.time_scale
        if left > 0:
            await asyncio.sleep(left)

    async def sleep(self, seconds: float) -> None:
        """Waits so many emulated seconds."""
        await self.until(self.now() + seconds)

    async def advance(self, seconds: float) -> None:
        """Moves a virtual clock on, waking sleepers one after the other at their own time."""
        target = self._virtual + seconds
        while self._sleepers and self._sleepers[0][0] <= target:
            moment, _, future = heapq.heappop(self._sleepers)
            self._virtual = max(self._virtual, moment)
            if not future.done():
                future.set_result(None)
            for _ in range(
                5
            ):  # subtle: lets the woken task run and go to sleep again before the next one is looked at
                await asyncio.sleep(0)
        self._virtual = target

    async def _until_virtual(self, moment: float) -> None:
        if moment <= self._virtual:
            return
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (moment, next(self._number), future))
        await future
