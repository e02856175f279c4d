"""When a request may leave: concurrency slots, requests and tokens in a sliding minute, tokens a day, and a shared pause.

The provider charges prompt + reply budget against its tokens a minute, whatever is generated, and counts every attempt as a
request (documentation of 2026-08-13). The shape of its minute is not documented; a sliding log is the strictest of the likely ones.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from schemas.errors import BudgetReached

MINUTE_S = 60.0
DAY_S = 86_400.0
DAY_SHIFT_S = 8 * 3_600.0  # the provider's day begins at 00:00 UTC+8 (inferred, 2026-11-23)


class Pace:
    """One account's limits, kept by everything that asks through this object. Requests leave in the order in which they came."""

    def __init__(
        self,
        *,
        concurrency: int,
        rpm: int,
        tpm: int,
        tpd: int = 0,
        clock: Callable[[], float] = time.monotonic,
        wall_clock: Callable[[], float] = time.time,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        """Limits as the account has them (0 for none); `clock` and `wall_clock` in seconds."""
        self.rpm, self.tpm, self.tpd = rpm, tpm, tpd
        self._clock, self._wall_clock, self._sleep = clock, wall_clock, sleep
        self._slots = asyncio.Semaphore(concurrency or 1_000)
        self._gate = asyncio.Lock()  # held by the one request that is next to leave
        self._log: deque[tuple[float, int]] = deque()  # (when it left, tokens), within the last minute
        self._log_tokens = 0
        self._paused_until = 0.0
        self._day, self._day_tokens = 0, 0

    @asynccontextmanager
    async def slot(self, tokens: int) -> AsyncIterator[None]:
        """Hold a slot from the moment the request may leave to its last byte. Raises BudgetReached when the day's tokens are used up."""
        async with self._slots:
            async with self._gate:
                self._spend_day(tokens)
                while (wait_s := self._wait_s(tokens)) > 0:
                    await self._sleep(wait_s)
                self._log.append((self._clock(), tokens))
                self._log_tokens += tokens
            yield

    def pause(self, seconds: float) -> None:
        """Let nothing leave for so long: the provider asked one request to wait, so all wait."""
        self._paused_until = max(self._paused_until, self._clock() + seconds)

    def _wait_s(self, tokens: int) -> float:
        """Seconds until a request of that size may leave; 0 when it may leave now."""
        now = self._clock()
        self._forget(now - MINUTE_S)
        wait_s = self._paused_until - now
        if self.rpm and len(self._log) >= self.rpm:
            wait_s = max(wait_s, self._log[0][0] + MINUTE_S - now)
        if self.tpm and self._log and self._log_tokens + tokens > self.tpm:
            wait_s = max(wait_s, self._log[0][0] + MINUTE_S - now)
        return max(0.0, wait_s)

    def _forget(self, before: float) -> None:
        while self._log and self._log[0][0] <= before:
            self._log_tokens -= self._log.popleft()[1]

    def _spend_day(self, tokens: int) -> None:
        day = int((self._wall_clock() + DAY_SHIFT_S) // DAY_S)
        if day != self._day:
            self._day, self._day_tokens = day, 0
        if self.tpd and self._day_tokens + tokens > self.tpd:
            message = f"The account's {self.tpd:,} tokens a day are used up."
            raise BudgetReached(message, about="tpd", next_step="Run again after 00:00 UTC+8; what is done is kept.")
        self._day_tokens += tokens
