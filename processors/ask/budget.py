"""What a run may cost: the worst case is reserved before a request leaves, and settled to the bill after."""

from __future__ import annotations

import asyncio

from schemas.errors import BudgetReached


class Budget:
    """The cap of one run in USD; 0 for no cap. Never passed, since what could still be billed counts as spent until it is known."""

    def __init__(self, cap_usd: float = 0.0) -> None:
        """Start with nothing spent."""
        self.cap_usd = cap_usd
        self.spent_usd = 0.0
        self._open: list[float] = []  # worst cases of the calls in flight
        self._settled = asyncio.Condition()

    @property
    def reserved_usd(self) -> float:
        """What the calls in flight may cost at the most."""
        return sum(self._open)

    async def reserve(self, worst_usd: float) -> None:
        """Set the worst case aside; wait while calls in flight may still free money; raise BudgetReached when none can."""
        async with self._settled:
            await self._settled.wait_for(lambda: self._fits(worst_usd) or not self._open)
            if not self._fits(worst_usd):
                spent = f"${self.spent_usd:.4f} is spent and the next call may cost ${worst_usd:.4f}"
                message = f"The budget of ${self.cap_usd:.2f} is reached: {spent}."
                raise BudgetReached(message, about="budget_usd", next_step="Run again with a higher --budget-usd; what is done is kept.")
            self._open.append(worst_usd)

    async def settle(self, worst_usd: float, billed_usd: float) -> None:
        """Exchange a reservation for the bill: 0 when the call was refused, the worst case when nobody knows."""
        async with self._settled:
            self._open.remove(worst_usd)
            self.spent_usd += billed_usd
            self._settled.notify_all()

    async def charge(self, billed_usd: float) -> None:
        """Add the bill of what an earlier run reserved and ordered."""
        async with self._settled:
            self.spent_usd += billed_usd
            self._settled.notify_all()

    def _fits(self, worst_usd: float) -> bool:
        return not self.cap_usd or self.spent_usd + self.reserved_usd + worst_usd <= self.cap_usd
