"""The budget: what could still be billed counts as spent."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from octavo.processors.ask.money.budget import Budget, Caps
from octavo.processors.ask.nano_usd import nano
from octavo.schemas.errors import BudgetReached


@given(st.lists(st.tuples(st.floats(0.01, 1.0), st.floats(0.0, 1.0)), max_size=30), st.floats(0.5, 5.0))
def test_the_cap_is_never_passed(calls: list[tuple[float, float]], cap_usd: float) -> None:
    """However calls overlap, bills and open reservations together stay within the cap."""
    budget = Budget(Caps(cap_usd))
    held: list[int] = []

    async def call(worst_usd: float, share: float) -> None:
        reserved = await budget.reserve(worst_usd)
        held.append(nano(budget.spent_usd) + nano(budget.reserved_usd))
        await asyncio.sleep(0)
        await budget.settle(reserved, worst_usd * share)

    async def run() -> list[BaseException | None]:
        return await asyncio.gather(*(call(*one) for one in calls), return_exceptions=True)

    assert all(result is None or isinstance(result, BudgetReached) for result in asyncio.run(run()))
    assert max([*held, nano(budget.spent_usd)]) <= nano(cap_usd)


async def test_a_reservation_waits_for_bills() -> None:
    """A call that does not fit now, but will when a bill comes in lower, waits instead of ending the run."""
    budget = Budget(Caps(1.0))
    reserved = await budget.reserve(0.8)
    waiting = asyncio.ensure_future(budget.reserve(0.5))
    await asyncio.sleep(0)
    assert not waiting.done()
    await budget.settle(reserved, 0.1)
    await waiting
    assert budget.spent_usd == 0.1


async def test_a_reached_cap_says_so() -> None:
    """When nothing in flight can free money, the error names the cap and what to do."""
    with pytest.raises(BudgetReached, match=r"\$0\.10 is reached.*--budget-usd"):
        await Budget(Caps(0.1)).reserve(0.2)


async def test_no_cap_takes_everything() -> None:
    """A cap of 0 means that there is none."""
    budget = Budget(Caps(0))
    await budget.reserve(1e9)
    assert budget.reserved_usd == 1e9


async def test_what_an_earlier_run_ordered_is_charged(tmp_path: Path) -> None:
    """The bill of a batch of an earlier run counts towards the run and all runs of the day, though no cap has room for it."""
    file, now = tmp_path / "spending.sqlite", datetime(2026, 11, 23, tzinfo=UTC)
    budget = Budget(Caps(run_usd=1.0, day_usd=1.0, file=file), now=lambda: now)
    await budget.charge("batch", 1.5)
    with pytest.raises(BudgetReached):
        await budget.reserve(0.1)
    budget.close()
    other = Budget(Caps(day_usd=1.5, file=file), now=lambda: now)
    with pytest.raises(BudgetReached, match="2026-11-23"):
        await other.reserve(0.1)
    other.close()
    assert budget.spent_usd == 1.5
