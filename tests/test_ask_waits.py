"""Whatever keeps a run waiting for more than ten seconds has a line that says for how long and whose choice it is."""

from __future__ import annotations

import asyncio
import itertools
from pathlib import Path
from typing import Any

import pytest

from octavo.processors.ask.api.chat import Retryable
from octavo.processors.ask.api.refusals import Refusal
from octavo.processors.ask.dispatch import Dispatcher
from octavo.processors.ask.money.budget import Budget, Caps
from octavo.processors.ask.pace.clock import Clock
from octavo.processors.ask.pace.limits import Permit
from octavo.processors.ask.pace.pace import RateLimiter
from octavo.processors.ask.pace.shared import SharedLimits
from octavo.processors.ask.providers import AccountLimits
from octavo.processors.ask.waits import SAY_FROM_S, whose
from tests.false_time import now, run


async def leave(pace: RateLimiter, tokens: int = 1, takes_s: float = 0.0) -> Permit:
    """One call, from its turn to its last byte."""
    async with pace.acquire(tokens) as place:
        pace.started(place)
        await asyncio.sleep(takes_s)
        return place


def pace_of(said: list[str], **limits: int) -> RateLimiter:
    """A pace in virtual time whose pauses are no longer than they must be."""
    named: dict[str, Any] = {"concurrency": 0, "rpm": 0, "tpm": 0, "tpd": 0} | limits
    return RateLimiter(AccountLimits(**named), clock=Clock(now, now, chance=lambda: 0.0), hear=said.append)


@pytest.mark.parametrize(
    ("limits", "tokens", "line"),
    [
        (
            {"rpm": 3},
            1,
            "the account's 3 requests a minute are spread evenly over it, a limit that the job named and Octavo keeps.",
        ),
        (
            {"tpm": 300},
            100,
            "the account's 300 tokens a minute are spread evenly over it, a limit that the job named and Octavo keeps.",
        ),
    ],
)
def test_a_full_minute_is_said(limits: dict[str, int], tokens: int, line: str) -> None:
    """A limit of the minute that is waited out is said with its number and who named it, once each minute."""
    said: list[str] = []

    async def five() -> None:
        pace = pace_of(said, concurrency=9, **limits)
        await asyncio.gather(*(leave(pace, tokens) for _ in range(5)))

    run(five())
    assert {sentence.partition(": ")[2] for sentence in said} == {line}
    assert len(said) <= 2  # in 81 s
    assert all(float(sentence.split()[4]) > SAY_FROM_S for sentence in said)


def test_a_minute_that_is_used_up_is_said_as_such() -> None:
    """When a limit turns out to be lower than what left already, the line says that it is used."""
    said: list[str] = []

    async def lowered() -> None:
        pace = pace_of(said, concurrency=9)
        for _ in range(3):
            await leave(pace)
        async with pace.acquire(1) as place:
            pace.started(place)
            pace.refused(place, Refusal("rate", "", "rpm", 3, 1.0))
        await leave(pace)

    run(lowered())
    (line,) = said
    assert line.endswith(
        "the account's 3 requests a minute are used, a limit that the provider named and Octavo keeps."
    )
    assert "for 61 s or more" in line


def test_a_limit_that_the_provider_named_is_its_own() -> None:
    """Where nobody told the limit, the line says that the provider named it."""
    said: list[str] = []

    async def refused() -> None:
        pace = pace_of(said, concurrency=9)
        async with pace.acquire(1) as place:
            pace.started(place)
            pace.refused(place, Refusal("rate", "", "rpm", 2, 1.0))
        await asyncio.gather(*(leave(pace) for _ in range(3)))

    run(refused())
    assert said[0].endswith(
        "the account's 2 requests a minute are used, a limit that the provider named and Octavo keeps."
    )


def test_short_waits_are_not_worth_a_line() -> None:
    """What lasts ten seconds or less is not said."""
    said: list[str] = []

    async def refused() -> None:
        pace = pace_of(said, concurrency=9)
        async with pace.acquire(1) as place:
            pace.started(place)
            pace.refused(place, Refusal("overload", "", wait_s=SAY_FROM_S), "No.")
        await leave(pace)

    run(refused())
    assert said == []


def test_a_pause_of_our_own_is_not_said_to_be_the_providers() -> None:
    """Pauses that grow with refusals say that Octavo chose them, and what the provider asked for; one that was asked for says that."""
    said: list[str] = []

    async def in_vain() -> None:
        pace = pace_of(said, concurrency=1)
        for _ in range(15):
            async with pace.acquire(1) as place:
                pace.started(place)
                pace.refused(
                    place,
                    Refusal("overload", "", wait_s=1.0),
                    "The provider asks to try again after 1 seconds.",
                )

    run(in_vain())
    assert (
        "for 16 s, which is Octavo's own choice after 13 failures in a row (the provider asks for 1 s): The provider asks"
        in said[0]
    )
    assert "for 32 s, which is Octavo's own choice after 15 failures in a row" in said[1]
    assert whose(30.0, 30.0, 1) == "since the provider asks for 30 s"
    assert whose(44.0, 30.0, 1) == "since the provider asks for 30 s"  # with the jitter
    assert "names no time" in whose(44.0, None, 3)


def test_a_pause_is_no_full_minute() -> None:
    """Who waits out a pause is held by no limit, also by a clock that goes on while it is looked at, as real ones do."""
    said: list[str] = []
    looks = itertools.count()

    async def paused() -> None:
        clock = Clock(lambda: now() + next(looks) * 1e-6, now, chance=lambda: 0.0)
        pace = RateLimiter(AccountLimits(1, 0, 0, 0), clock=clock, hear=said.append)
        pace.pause(30.0, "The provider asks to try later.")
        await leave(pace)

    run(paused())
    (line,) = said
    assert line.startswith("Nothing is sent before")


def test_a_pause_that_grows_while_it_lasts_is_said_again() -> None:
    """A refusal that is heard during a pause and makes it longer by more than ten seconds has a line of its own."""
    said: list[str] = []

    async def refused() -> None:
        pace = pace_of(said, concurrency=9)
        async with pace.acquire(1) as one, pace.acquire(1) as two:
            pace.started(one)
            pace.started(two)
            pace.overloaded(one, 20.0, "No.", many=1)
            await asyncio.sleep(11.0)
            pace.overloaded(two, 60.0, "No.", many=1)

    run(refused())
    assert [sentence.split("for ")[1].split(" s")[0] for sentence in said] == ["20", "60"]


def test_the_share_of_another_run_is_said(tmp_path: Path) -> None:
    """A run that waits since another one of the account uses its limits says so after ten seconds."""
    said: list[str] = []

    async def two_runs() -> None:
        def sharing() -> SharedLimits:
            return SharedLimits(tmp_path / "pace.sqlite", "a", clock=now)

        other = RateLimiter(AccountLimits(1, 0, 0, 0), clock=Clock(now, now), sharing=sharing())
        ours = RateLimiter(
            AccountLimits(1, 0, 0, 0), clock=Clock(now, now), sharing=sharing(), hear=said.append
        )
        long = asyncio.ensure_future(leave(other, takes_s=30.0))
        await asyncio.sleep(1.0)
        await leave(ours)
        await long

    run(two_runs())
    (line,) = said
    assert "other runs of this account on this machine use its limits" in line


def test_a_budget_that_waits_for_bills_is_said() -> None:
    """A call that has no room in the budget before others are billed says for what it waits, and with which sums, once."""
    said: list[str] = []

    async def waits() -> None:
        budget = Budget(Caps(1.0), say=said.append)
        reserved = await budget.reserve(0.8)
        next_one = asyncio.ensure_future(budget.reserve(0.5))
        await asyncio.sleep(40.0)
        await budget.settle(reserved, 0.1)
        await next_one

    run(waits())
    (line,) = said
    assert "waits until calls in flight are billed, since the budget of $1.00 has no room" in line
    assert "$0.80 is reserved" in line


async def test_a_call_that_waits_alone_is_said(tmp_path: Path) -> None:
    """A call whose own trouble is waited out says whose choice that is; of many that wait alike it is said once."""
    said: list[str] = []
    paying = Dispatcher.__new__(Dispatcher)
    paying.say, paying._said_until, paying.pace = said.append, float("-inf"), RateLimiter()
    for _ in range(9):
        paying._say_wait(45.0, Retryable("The connection to the provider broke."), 4)
    (line,) = said
    assert line.startswith(
        "A call is tried again in 45 s, which is Octavo's own choice after 4 failures in a row (the provider names no time)"
    )
    assert line.endswith(": The connection to the provider broke.")
