"""Pace: no minute has more requests or tokens than the account allows, and what is allowed is used."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from processors.ask.pace import MINUTE_S, Pace
from schemas.errors import BudgetReached


class Clock:
    """A clock that only moves when somebody sleeps."""

    def __init__(self) -> None:
        """Start at zero."""
        self.now = 0.0

    def read(self) -> float:
        """Seconds since the start."""
        return self.now

    async def sleep(self, seconds: float) -> None:
        """Let time pass."""
        self.now += seconds
        await asyncio.sleep(0)


def paced(clock: Clock, *, concurrency: int = 100, rpm: int = 0, tpm: int = 0, tpd: int = 0) -> Pace:
    """A pace on a false clock."""
    return Pace(concurrency=concurrency, rpm=rpm, tpm=tpm, tpd=tpd, clock=clock.read, wall_clock=clock.read, sleep=clock.sleep)


async def leave(pace: Pace, clock: Clock, sizes: list[int]) -> list[tuple[float, int]]:
    """When each request left, all of them asking at once."""
    left: list[tuple[float, int]] = []

    async def one(tokens: int) -> None:
        async with pace.slot(tokens):
            left.append((clock.now, tokens))

    await asyncio.gather(*(one(tokens) for tokens in sizes))
    return left


@settings(max_examples=50)
@given(st.lists(st.integers(1, 90), max_size=60), st.integers(1, 10), st.integers(90, 300))
def test_no_sliding_minute_is_over_the_limits(sizes: list[int], rpm: int, tpm: int) -> None:
    """In any minute, wherever it begins, at most `rpm` requests and `tpm` tokens leave."""
    clock = Clock()
    left = asyncio.run(leave(paced(clock, rpm=rpm, tpm=tpm), clock, sizes))
    assert len(left) == len(sizes)
    for start, _ in left:
        within = [tokens for when, tokens in left if start <= when < start + MINUTE_S]
        assert len(within) <= rpm
        assert sum(within) <= tpm


async def test_limits_are_used() -> None:
    """Requests leave as soon as they may: 25 at 10 a minute take two minutes, not three."""
    clock = Clock()
    left = await leave(paced(clock, rpm=10), clock, [1] * 25)
    assert [when for when, _ in left] == [0.0] * 10 + [60.0] * 10 + [120.0] * 5


async def test_a_request_over_the_minute_leaves_alone() -> None:
    """A request that is larger than a minute's tokens is not held for ever: it leaves when the minute is empty."""
    clock = Clock()
    left = await leave(paced(clock, tpm=100), clock, [50, 500, 50])
    assert [when for when, _ in left] == [0.0, 60.0, 120.0]


async def test_a_slot_is_held_to_the_end() -> None:
    """No more requests are in flight than there are slots."""
    pace = paced(Clock(), concurrency=2)
    most = current = 0

    async def one() -> None:
        nonlocal most, current
        async with pace.slot(1):
            current += 1
            most = max(most, current)
            await asyncio.sleep(0.001)
            current -= 1

    await asyncio.gather(*(one() for _ in range(10)))
    assert most == 2


async def test_a_pause_holds_everyone() -> None:
    """When one request is told to wait, none leaves before."""
    clock = Clock()
    pace = paced(clock)
    pace.pause(7)
    assert [when for when, _ in await leave(pace, clock, [1, 1])] == [7.0, 7.0]


async def test_the_day_ends_with_a_sentence() -> None:
    """When the day's tokens are used up, nothing leaves, and the error says when to go on."""
    clock = Clock()
    pace = paced(clock, tpd=100)
    await leave(pace, clock, [60])
    with pytest.raises(BudgetReached, match=r"UTC\+8"):
        await leave(pace, clock, [60])
    clock.now += 86_400
    await leave(pace, clock, [60])
