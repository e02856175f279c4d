"""The account's balance: a way to read it in; sentences, and an error when nothing is left, out.

Read before a run, and every now and then in a long one, so that an empty account is said early and in words. The refusals
that `chat` tells apart mean here that the provider of `providers` does not tell.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from typing import Any

from octavo.processors.ask.api.chat import Retryable
from octavo.processors.ask.providers import Provider
from octavo.schemas.errors import AccessRefused, ProviderUnavailable, RequestRefused

EVERY_S = 600.0  # in long runs; our choice, 2026-11-23

Read = Callable[[], Awaitable[float | None]]


class Balance:
    """The balance of one account during one run. Without a call to `begin` it is never read."""

    def __init__(
        self,
        read: Read,
        currency: str,
        *,
        hear: Callable[[str], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`read` gives the balance in `currency`, None when the provider does not tell; `clock` gives seconds."""
        self._read, self._currency, self._hear, self._clock = read, currency, hear, clock
        self._expected_usd = 0.0
        self._due_s = float("inf")
        self._said = False

    async def begin(self, expected_usd: float) -> None:
        """Read it before anything is asked; `expected_usd` is what the run is expected to cost. Raises AccessRefused."""
        self._expected_usd = expected_usd
        await self._look(0.0)

    async def look_when_due(self, spent_usd: float) -> None:
        """Read it again when the last time is long ago; `spent_usd` is what the run has spent. Raises AccessRefused."""
        if self._clock() >= self._due_s:
            await self._look(spent_usd)

    async def _look(self, spent_usd: float) -> None:
        self._due_s = self._clock() + EVERY_S
        try:
            balance = await self._read()
        except (ProviderUnavailable, Retryable):
            return  # the calls themselves will say so, if it lasts
        if balance is None:
            self._due_s = float("inf")
            return
        if balance <= 0:
            message = f"The account's balance is {balance:.2f} {self._currency}."
            raise AccessRefused(
                message, about="balance", next_step="Top up in the provider's console, then run again."
            )
        missing = self._expected_usd - spent_usd
        if self._currency == "USD" and balance < missing and not self._said:
            self._said = True
            self._hear(
                f"The account's balance of ${balance:.2f} may not be enough: about ${missing:.2f} of calls are still to come."
            )


async def read_balance(get: Callable[[str], Awaitable[Any]], provider: Provider) -> float | None:
    """The balance in the provider's currency; None when the provider does not tell. Raises ProviderUnavailable and Retryable."""
    if not provider.balance_path:
        return None
    try:
        return float((await get(provider.balance_path))["data"]["available_balance"])
    except (RequestRefused, AccessRefused, LookupError, TypeError, ValueError):
        return None  # another host under this address may have no balance, or tell it in other words
