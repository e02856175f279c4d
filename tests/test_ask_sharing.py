"""Processes that share an account: together they keep its limits, nobody is starved, and a killed one leaves nothing behind."""

from __future__ import annotations

import asyncio
import os
import signal
import sqlite3
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from octavo.processors.ask.api.refusals import Refusal
from octavo.processors.ask.pace.clock import Clock
from octavo.processors.ask.pace.pace import RateLimiter
from octavo.processors.ask.pace.shared import (
    LONGEST_PAUSE_S,
    WAITS_S,
    Entrance,
    SharedLimits,
    account_name,
)
from octavo.processors.ask.providers import AccountLimits
from tests.false_time import now, run

ROOT = Path(__file__).resolve().parents[1]
pytestmark = pytest.mark.usefixtures("either_state")
LIMITS = {"concurrency": 4, "rpm": 10, "tpm": 1_000, "tpd": 0}

ENTER_AND_DIE = """
import os, sys
from pathlib import Path
from octavo.processors.ask.pace.shared import SharedLimits
sharing = SharedLimits(Path(sys.argv[1]), "a")
for _ in range(4):
    assert sharing.enter(10, {"concurrency": 4, "rpm": 10, "tpm": 1_000, "tpd": 0}, 1).room
os.kill(os.getpid(), 9)
"""


class HandClock:
    """A time that a test moves."""

    def __init__(self) -> None:
        """Some day."""
        self.now = 1_000.0

    def __call__(self) -> float:
        """The time."""
        return self.now


def enter(sharing: SharedLimits, tokens: int = 10, **limits: int) -> bool:
    """Whether a request may leave."""
    return sharing.enter(tokens, {**LIMITS, **limits}, 1).room


def two(folder: Path) -> tuple[SharedLimits, SharedLimits, HandClock]:
    """Two processes' parts, and their time."""
    clock = HandClock()
    return (
        SharedLimits(folder / "pace.sqlite", "a", clock=clock),
        SharedLimits(folder / "pace.sqlite", "a", clock=clock),
        clock,
    )


@pytest.mark.parametrize(
    ("limit", "tokens", "most"), [("concurrency", 10, 4), ("rpm", 10, 10), ("tpm", 300, 3)]
)
def test_a_limit_is_kept_together(tmp_path: Path, limit: str, tokens: int, most: int) -> None:
    """However the requests fall on the processes, no more are let in than the account allows; another account has limits of its own."""
    one, other, _ = two(tmp_path)
    limits = {name: allowed if name == limit else 0 for name, allowed in LIMITS.items()}
    assert sum(enter((one, other)[number % 2], tokens, **limits) for number in range(20)) == most
    assert enter(SharedLimits(tmp_path / "pace.sqlite", "b"), tokens, **limits)


def test_room_comes_back(tmp_path: Path) -> None:
    """A slot is free with the last byte, requests and tokens a minute after they left; what never left counts no more at once."""
    one, other, clock = two(tmp_path)
    began = clock.now
    assert [enter(one, rpm=4) for _ in range(4)] == [True] * 4
    assert not enter(other, rpm=0)
    one.leave(began, 0)
    assert enter(other, rpm=0)
    one.leave(began, -10, requests=-1)
    assert enter(other, rpm=5, concurrency=0)
    assert not enter(other, rpm=5, concurrency=0)
    clock.now += 63
    assert enter(other, rpm=1, concurrency=0)


def test_who_waits_gets_its_share(tmp_path: Path) -> None:
    """Alone a process may use all; while another one waits it keeps to its share, so that the other comes in."""
    one, other, clock = two(tmp_path)
    began = clock.now
    assert all(enter(one) for _ in range(4))
    assert not enter(other)
    one.leave(began, 0)
    assert not enter(one)  # it has three of four, and somebody waits
    assert enter(other)
    one.leave(began, 0)
    clock.now += WAITS_S + 0.1
    assert enter(one)  # nobody waits any more


def test_what_is_larger_than_a_share_may_leave_alone(tmp_path: Path) -> None:
    """A window of more tokens than a share has is let in when there is room for it, else it would never be."""
    one, other, clock = two(tmp_path)
    assert enter(one, 900)
    assert not enter(other, 900)
    clock.now += 63
    assert enter(other, 900)


def test_a_killed_process_holds_no_slot(tmp_path: Path) -> None:
    """What it had in flight is nobody's; what it had sent counts for its minute."""
    killed = subprocess.run(
        [sys.executable, "-c", ENTER_AND_DIE, str(tmp_path / "pace.sqlite")],
        cwd=ROOT,
        check=False,
        timeout=60,
    )
    assert killed.returncode == -signal.SIGKILL
    left = SharedLimits(tmp_path / "pace.sqlite", "a")
    assert [enter(left, rpm=6) for _ in range(4)] == [True, True, False, False]


def test_a_pause_is_everybodys(tmp_path: Path) -> None:
    """When one process is told to wait, no other lets a request leave until then; a shorter pause that is heard later changes nothing."""
    one, other, clock = two(tmp_path)
    one.pause(30.0)
    one.pause(5.0)
    assert other.enter(1, LIMITS, 1) == Entrance(False, 0, pause_s=30.0, again_s=30.0)
    clock.now += 29.0
    assert not enter(SharedLimits(tmp_path / "pace.sqlite", "a", clock=clock))
    assert enter(SharedLimits(tmp_path / "pace.sqlite", "b", clock=clock))
    clock.now += 1.0
    assert enter(other)
    one.pause(10_000.0)
    assert other.enter(1, LIMITS, 1).pause_s == LONGEST_PAUSE_S  # a new run may have other means
    clock.now = 3.0  # the machine started anew, and so did its clock
    assert enter(SharedLimits(tmp_path / "pace.sqlite", "a", clock=clock))


def test_processes_leave_one_after_the_other(tmp_path: Path) -> None:
    """Who leaves takes its part of the minute, in which no other process of the account leaves; another account does."""
    one, other, clock = two(tmp_path)
    assert one.enter(1, LIMITS, 1, part_s=6.1).room
    refused = other.enter(1, LIMITS, 1, part_s=6.1)
    assert (refused.room, refused.pause_s, round(refused.again_s, 3)) == (False, 0.0, 6.1)
    assert enter(SharedLimits(tmp_path / "pace.sqlite", "b", clock=clock))
    clock.now += 6.1
    assert other.enter(1, LIMITS, 1, part_s=6.1).room
    clock.now = 3.0  # the machine started anew, and so did its clock
    assert enter(one)


def test_a_process_waits_because_another_was_told_to() -> None:
    """The back-off of one is the pause of the other, which says why when it is long."""

    async def both(folder: Path) -> tuple[float, list[str]]:
        said: list[str] = []
        paces = [
            RateLimiter(
                AccountLimits(9, 0, 0, 0),
                clock=Clock(now, now, chance=lambda: 0.0),
                sharing=SharedLimits(folder / "p", "a", clock=now),
                hear=hear,
            )
            for hear in (lambda _: None, said.append)
        ]
        async with paces[0].acquire(1) as place:
            paces[0].started(place)
            assert paces[0].overloaded(place, 100.0, many=1)
        async with paces[1].acquire(1):
            return now(), said

    with tempfile.TemporaryDirectory() as folder:
        left_s, said = run(both(Path(folder)))
    assert left_s == pytest.approx(100.0, abs=1.0)
    assert ["another run of this account" in sentence for sentence in said] == [True]


def test_what_one_finds_the_other_knows(tmp_path: Path) -> None:
    """A limit that a refusal names to one process is kept by another that runs already, which need not be refused for it."""

    async def both() -> tuple[dict[str, int], dict[str, int]]:
        one, other = (
            RateLimiter(clock=Clock(now, now), sharing=SharedLimits(tmp_path / "p", "a", clock=now))
            for _ in range(2)
        )
        async with other.acquire(1):
            before = other.limits()
        await asyncio.sleep(5)
        async with one.acquire(1) as place:
            one.started(place)
            one.refused(place, Refusal("rate", "No.", "rpm", 100, 1.0))
        await asyncio.sleep(5)
        async with other.acquire(1):
            return before, other.limits()

    before, after = run(both())
    assert (before["rpm"], after["rpm"]) == (0, 100)


def test_what_was_found_before_a_look_is_known_at_the_next(tmp_path: Path) -> None:
    """A limit counts when it is there to be read, also where the finder's clock is behind."""

    async def later() -> dict[str, int]:
        one, other = (SharedLimits(tmp_path / "p", "a", clock=now) for _ in range(2))
        pace = RateLimiter(clock=Clock(now, now), sharing=other)
        await asyncio.sleep(5)
        async with pace.acquire(1):
            one.tell_limit("rpm", 7, now() - 3_600)
        await asyncio.sleep(5)
        async with pace.acquire(1):
            return pace.limits()

    assert run(later())["rpm"] == 7


def test_the_day_and_found_limits_are_remembered(tmp_path: Path) -> None:
    """The tokens of the day are those of all runs of the account, and the next run begins with the limits that an earlier one found."""
    first = SharedLimits(tmp_path / "pace.sqlite", "a")
    pace = RateLimiter(sharing=first)
    day = pace._day
    day.turn(pace.clock.wall())
    assert first.enter(700, LIMITS, day.number).room
    first.tell_limit("rpm", 100, pace.clock.wall())
    first.tell_limit("concurrency", 15, pace.clock.wall())
    first.close()
    later = RateLimiter(AccountLimits(0, 0, 5_000, 0), sharing=SharedLimits(tmp_path / "pace.sqlite", "a"))
    assert later.limits() == {"concurrency": 15, "rpm": 100, "tpm": 5_000, "tpd": 0}
    assert later._day.tokens == 700
    assert later._slots._open == 15


@pytest.mark.of_a_file
def test_trouble_with_the_file_ends_the_sharing_only(tmp_path: Path) -> None:
    """A file that cannot be used costs a line in the log; everybody is let in, as without it."""
    (tmp_path / "pace.sqlite").write_bytes(b"this is no database" * 100)
    sharing = SharedLimits(tmp_path / "pace.sqlite", "a")
    assert all(enter(sharing) for _ in range(20))
    sharing.leave(0.0, 0)
    sharing.tell_limit("rpm", 3, 0.0)
    assert sharing.found_limits() == {}
    sharing.close()


@pytest.mark.of_a_file
def test_a_file_of_a_newer_octavo_ends_the_sharing_only(tmp_path: Path) -> None:
    """The file is the machine's, and the machine may have two versions: the older one goes on without it."""
    with sqlite3.connect(tmp_path / "pace.sqlite") as file:
        file.execute("PRAGMA user_version = 99")
    assert all(enter(SharedLimits(tmp_path / "pace.sqlite", "a")) for _ in range(20))


@pytest.mark.of_a_file
def test_the_key_is_not_in_the_file(tmp_path: Path) -> None:
    """An account is named by a digest."""
    sharing = SharedLimits(
        tmp_path / "pace.sqlite", account_name("https://api.moonshot.ai/v1", "sk-canary-11")
    )
    assert enter(sharing)
    with sqlite3.connect(tmp_path / "pace.sqlite") as file:
        assert "canary" not in "\n".join(file.iterdump())
    assert str(os.getpid()) in "\n".join(file.iterdump())
