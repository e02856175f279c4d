"""Pace: no minute has more requests or tokens than the account allows, what is allowed is used, and what is not told is found."""

from __future__ import annotations

import asyncio
import json
import random
from collections import deque
from dataclasses import replace
from datetime import UTC, datetime
from itertools import repeat
from types import SimpleNamespace
from typing import Any, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from octavo.processors.ask.api.refusals import Refusal, refusal
from octavo.processors.ask.pace.clock import Clock
from octavo.processors.ask.pace.limits import MINUTE_S, SLACK_S, Permit, day_began, fitting, minute_in
from octavo.processors.ask.pace.pace import RateLimiter
from octavo.processors.ask.pace.pauses import Pauses
from octavo.processors.ask.providers import AccountLimits, catalogue
from octavo.schemas.errors import AccessRefused, BudgetReached, RequestRefused
from tests import proofs
from tests.benchmarks.pace import overloads
from tests.emulator.config import Config
from tests.emulator.limits import Org, Ticket
from tests.false_time import VirtualLoop, now, run
from tests.proofs import slow

SPAN_S = MINUTE_S + SLACK_S


def paced(*, concurrency: int = 100, rpm: int = 0, tpm: int = 0, tpd: int = 0) -> RateLimiter:
    """A pace in virtual time, whose pauses have no jitter."""
    return RateLimiter(AccountLimits(concurrency, rpm, tpm, tpd), clock=Clock(now, now, chance=lambda: 0.0))


async def leave(pace: RateLimiter, sizes: list[int], job: str = "") -> list[tuple[float, int]]:
    """When each request left, all of them asking at once."""
    left: list[tuple[float, int]] = []

    async def one(tokens: int) -> None:
        async with pace.acquire(tokens, job) as place:
            pace.started(place)
            left.append((now(), tokens))

    await asyncio.gather(*(one(tokens) for tokens in sizes))
    return left


def told(message: str) -> Refusal:
    """A 429 of Moonshot with that message."""
    return refusal(429, json.dumps({"error": {"message": message}}), {}, catalogue().provider("moonshot"))


class Refused(Exception):
    """The provider's "no"."""


class Account:
    """A provider's side of an account: limits that count when a request is there, refusals in the documented words, replies later."""

    def __init__(self, concurrency: int, rpm: int, tpm: int, *, reply_s: float = 5.0, seed: int = 0) -> None:
        """Limits may be changed while it runs. Requests take up to half a second to be there."""
        self.concurrency, self.rpm, self.tpm = concurrency, rpm, tpm
        self.reply_s, self.chance = reply_s, random.Random(seed)
        self.in_flight = self.refused = 0
        self.overloaded_until = 0.0
        self.attempts: deque[float] = deque()
        self.admitted: list[tuple[float, int]] = []

    async def call(self, tokens: int) -> None:
        """Answer after a while, or raise Refused."""
        await asyncio.sleep(self.chance.uniform(0.05, 0.5))
        trouble = self._trouble(tokens)
        if trouble:
            self.refused += 1
            raise Refused(trouble)
        self.admitted.append((now(), tokens))
        self.in_flight += 1
        try:
            await asyncio.sleep(self.reply_s * self.chance.uniform(0.7, 1.3))
        finally:
            self.in_flight -= 1

    def _trouble(self, tokens: int) -> str:
        self.attempts.append(now())
        while self.attempts[0] <= now() - MINUTE_S:
            self.attempts.popleft()
        used = sum(size for when, size in reversed(self.admitted[-self.rpm :]) if when > now() - MINUTE_S)
        if now() < self.overloaded_until:
            return "The engine is currently overloaded, please try again later"
        if self.in_flight >= self.concurrency:
            return f"Your account a<b> request reached organization max concurrency: {self.concurrency}, please try again after 1 seconds"
        if len(self.attempts) > self.rpm:
            return f"Your account a<b> request reached organization max RPM: {self.rpm}, please try again after 1 seconds"
        if used + tokens > self.tpm:
            return f"Your account a<b> request reached organization TPM rate limit, current:{used + tokens}, limit:{self.tpm}"
        return ""


class _Least(random.Random):
    """Chance that takes no time: the least of what may be."""

    def uniform(self, a: float, b: float) -> float:
        """Nothing for travels, the least for replies."""
        return 0.0 if b < 0.6 else a


async def ask(
    pace: RateLimiter, account: Account, tokens: int, job: str = "", replies: list[str] | None = None
) -> None:
    """What an asker does with a request: again and again until it is answered."""
    for attempt in range(100):
        async with pace.acquire(tokens, job, again=attempt > 0) as place:
            pace.started(place)
            try:
                await account.call(tokens)
            except Refused as error:
                pace.refused(place, told(str(error)))
            else:
                pace.succeeded(place, tokens)
                if replies is not None:
                    replies.append(job)
                return
    raise AssertionError("refused a hundred times")


async def ask_all(pace: RateLimiter, account: Account, sizes: list[int]) -> None:
    """All requests at once."""
    await asyncio.gather(*(ask(pace, account, tokens) for tokens in sizes))


@settings(max_examples=proofs.examples(50))
@given(st.lists(st.integers(1, 90), max_size=60), st.integers(1, 10), st.integers(90, 300))
def test_no_sliding_minute_is_over_the_limits(sizes: list[int], rpm: int, tpm: int) -> None:
    """In any minute, wherever it begins, at most `rpm` requests and `tpm` tokens leave, and in the end all have left."""
    left = run(leave_all(sizes, rpm, tpm))
    assert len(left) == len(sizes)
    for start, _ in left:
        within = [tokens for when, tokens in left if start <= when < start + MINUTE_S]
        assert len(within) <= rpm
        assert sum(within) <= tpm


async def leave_all(sizes: list[int], rpm: int, tpm: int) -> list[tuple[float, int]]:
    """Requests under two limits."""
    return await leave(paced(rpm=rpm, tpm=tpm), sizes)


@settings(max_examples=proofs.examples(60))
@given(
    sizes=st.lists(st.integers(1, 1_500), min_size=1, max_size=60),
    rpm=st.integers(1, 40),
    tpm=st.integers(1_500, 9_000),
    window=st.sampled_from(["sliding", "fixed", "bucket"]),
    burst_s=st.floats(0.0, 10.0),
    begun_s=st.floats(0.0, 60.0),
)
def test_no_kind_of_minute_refuses(
    sizes: list[int], rpm: int, tpm: int, window: Any, burst_s: float, begun_s: float
) -> None:
    """With limits told nothing is refused, whatever a provider takes for a minute, and whenever in it the first request comes."""
    config = Config(concurrency=10**6, rpm=rpm, tpm=tpm, window=window, burst_s=burst_s, timing=False)

    async def admitted() -> int:
        org = Org("o", config, cast("Any", SimpleNamespace(now=now, window_now=now, wall=now)))
        await asyncio.sleep(begun_s)
        pace = paced(rpm=rpm, tpm=tpm)

        async def one(tokens: int) -> Ticket:
            async with pace.acquire(tokens) as place:
                pace.started(place)
                org.attempt()
                return org.admit("key", tokens)

        return len(await asyncio.gather(*map(one, sizes)))

    assert run(admitted()) == len(sizes)


@pytest.mark.parametrize("told", [True, False])
@settings(max_examples=proofs.examples(30))
@given(
    sizes=st.lists(st.integers(1, 400), min_size=1, max_size=80),
    concurrency=st.integers(1, 12),
    rpm=st.integers(1, 40),
    tpm=st.integers(400, 2_000),
    seed=st.integers(0, 99),
)
def test_every_request_is_answered_whatever_the_limits(
    sizes: list[int], concurrency: int, rpm: int, tpm: int, seed: int, *, told: bool
) -> None:
    """Told or found, all requests are answered; when the limits are told, none is ever refused, though requests travel for a while."""
    account = Account(concurrency, rpm, tpm, seed=seed)

    async def all_of_them() -> None:
        limits = {"concurrency": concurrency, "rpm": rpm, "tpm": tpm} if told else {"concurrency": 0}
        await ask_all(paced(**limits), account, sizes)

    run(all_of_them())
    assert len(account.admitted) == len(sizes)
    assert not (told and account.refused)


def test_limits_are_used() -> None:
    """Requests leave evenly, and as soon as they may: 25 at 10 a minute take two minutes and a half, not three."""
    left = [when for when, _ in run(leave_all([1] * 25, 10, 0))]
    assert left == pytest.approx([SPAN_S / 10 * number for number in range(25)])


def test_a_request_over_the_minute_leaves_alone() -> None:
    """A request that is larger than a minute's tokens is not held for ever: it leaves when the minute is empty."""
    left = run(leave_all([50, 500, 50], 0, 100))
    assert [when for when, _ in left] == [0.0, SPAN_S, 2 * SPAN_S]


def test_a_request_that_can_never_leave_is_told_so() -> None:
    """When the provider says that its minute is smaller than the request, that is an error with the number, and no endless wait."""
    with pytest.raises(RequestRefused, match=r"--tpm 100") as caught:
        run(ask_all(paced(), Account(5, 10, 100), [500]))
    assert "500" in caught.value.message


def test_a_slot_is_held_to_the_end() -> None:
    """No more requests are in flight than there are slots, also when somebody who waited for one goes away."""
    account = Account(2, 1_000, 10**9)

    async def some_leave() -> None:
        pace = paced(concurrency=2)
        tasks = [asyncio.create_task(ask(pace, account, 1)) for _ in range(10)]
        await asyncio.sleep(3)
        for task in tasks[::2]:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await ask_all(pace, account, [1] * 4)

    run(some_leave())
    assert account.refused == 0
    assert len(account.admitted) >= 9


def test_a_slot_that_was_given_to_somebody_who_left_goes_back() -> None:
    """Who goes away in the moment in which the slot is given leaves it to the next."""

    async def gone() -> list[tuple[float, int]]:
        pace = paced(concurrency=1)
        async with pace.acquire(1):
            waiting = asyncio.create_task(leave(pace, [1]))
            await asyncio.sleep(0)
            await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        return await asyncio.wait_for(leave(pace, [2]), 60)

    assert run(gone()) == [(0.0, 2)]


@pytest.mark.parametrize("told_s", [None, 0.5, 90.0])
def test_pauses_grow_and_differ_between_machines(told_s: float | None) -> None:
    """A pause lasts as long as was told at least, doubles with each wave up to a minute, and chance makes it longer by up to a half."""
    for chance in (0.0, 0.4, 1.0):
        pauses, lengths = Pauses(Clock(lambda: 0.0, now, chance=repeat(chance).__next__), lambda _: None), []
        for _ in range(9):
            permit = Permit(1, 0, 1)
            pauses.started(permit)
            assert pauses.new_wave(permit)
            lengths.append(pauses.backoff_s(told_s))
        grown = [1, 2, 4, 8, 16, 32, 60, 60, 60]
        assert lengths == pytest.approx(
            [max(told_s or 0.0, length_s) * (1 + chance / 2) for length_s in grown]
        )


def test_a_pause_holds_everyone() -> None:
    """While a pause lasts, none leaves."""

    async def paused() -> list[tuple[float, int]]:
        pace = paced()
        pace.pause(7)
        return await leave(pace, [1, 1])

    assert [when for when, _ in run(paused())] == [7.0, 7.0]


def test_jobs_leave_in_turn() -> None:
    """A small job that comes after a large one is not kept behind it: they take turns."""
    replies: list[str] = []

    async def two_jobs() -> None:
        pace, account = paced(rpm=10), Account(100, 10, 10**9)
        large = asyncio.gather(*(ask(pace, account, 1, "large", replies) for _ in range(100)))
        await asyncio.sleep(20)
        await asyncio.gather(*(ask(pace, account, 1, "small", replies) for _ in range(10)))
        large.cancel()
        await asyncio.gather(large, return_exceptions=True)

    run(two_jobs())
    assert replies[:4] == ["large"] * 4
    assert replies.count("small") == 10
    assert 13 <= replies.count("large") <= 15


def test_what_was_refused_goes_first() -> None:
    """A request that has to be asked again does not wait behind all the others of its job."""
    order: list[int] = []

    async def again() -> None:
        pace = paced(concurrency=1)

        async def one(number: int) -> None:
            async with pace.acquire(1, again=number == 9):
                order.append(number)
                await asyncio.sleep(1)

        await asyncio.gather(*(one(number) for number in (0, 1, 2, 9)))

    run(again())
    assert order == [0, 9, 1, 2]


def test_the_day_ends_with_a_sentence() -> None:
    """When the day's tokens are used up, nothing leaves, and the error says when to go on; a new day is a new one."""

    async def two_days() -> None:
        pace = paced(tpd=100)
        await leave(pace, [60])
        with pytest.raises(BudgetReached, match=r"UTC\+8"):
            await leave(pace, [60])
        await asyncio.sleep(86_400)
        await leave(pace, [60])

    run(two_days())


def test_earlier_runs_of_the_day_count() -> None:
    """What an earlier run took of the day is gone; the refusal of the provider is believed when it knows of more."""

    async def late() -> None:
        pace = paced(tpd=100)
        pace.spent_today(60)
        with pytest.raises(BudgetReached):
            await leave(pace, [60])
        pace = paced()
        async with pace.acquire(30) as place:
            pace.started(place)
            pace.refused(
                place,
                told("Your account a<b> request reached organization TPD rate limit, current:115, limit:100"),
            )
        with pytest.raises(BudgetReached):
            await leave(pace, [30])
        await leave(pace, [10])

    run(late())


def test_nobody_waits_for_an_account_that_is_refused() -> None:
    """When the account is refused, all who wait are told at once."""

    async def refused() -> float:
        pace = paced(rpm=1)
        waiting = asyncio.gather(*(leave(pace, [1], str(job)) for job in range(50)), return_exceptions=True)
        await asyncio.sleep(1)
        for job in range(50):
            pace.give_up(str(job), AccessRefused("No."))
        assert sum(isinstance(result, AccessRefused) for result in await waiting) == 49
        return now()

    assert run(refused()) == 1.0


@pytest.mark.parametrize(
    ("concurrency", "rpm", "tpm"), [(1, 3, 500_000), (15, 100, 2_000_000), slow(100, 300, 5_000_000)]
)
@pytest.mark.parametrize(("tokens", "reply_s"), [(3_000, 5.0), slow(3_000, 40.0), slow(245_000, 35.0)])
def test_limits_that_are_not_told_are_found(
    concurrency: int, rpm: int, tpm: int, tokens: int, reply_s: float
) -> None:
    """Starting with one request at a time, 90 % of the limit that binds are used in half an hour, with few refusals."""
    minutes = 30
    account = Account(concurrency, rpm, tpm, reply_s=reply_s)
    per_minute = min(rpm, tpm // tokens, concurrency * 60 / (reply_s + 0.3))

    async def half_an_hour() -> None:
        asking = asyncio.ensure_future(
            ask_all(paced(concurrency=0), account, [tokens] * int(per_minute * minutes * 1.2))
        )
        await asyncio.sleep(60 * minutes)
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)

    run(half_an_hour())
    assert len(account.admitted) >= 0.9 * per_minute * minutes
    assert account.refused <= 5 + 0.02 * len(account.admitted)


def test_slots_are_found_soon_and_few_are_refused_for_it() -> None:
    """Of 100 slots that nobody told 95 are in use after 40 s, before most replies are there, and a handful was refused on the way."""
    account = Account(100, 10_000, 10**9, reply_s=60.0)

    async def seeking() -> int:
        asking = asyncio.ensure_future(ask_all(paced(concurrency=0), account, [1] * 300))
        await asyncio.sleep(40)
        asking.cancel()
        in_flight = account.in_flight
        await asyncio.gather(asking, return_exceptions=True)
        return in_flight

    assert run(seeking()) >= 95
    assert account.refused <= 6


@pytest.mark.prove
def test_limits_lowered_midway_are_kept_and_tried_again() -> None:
    """When limits fall, few requests are refused; when they are back, they are used again after a while."""
    account = Account(100, 300, 5_000_000)
    pace_of: list[RateLimiter] = []

    async def up_and_down() -> list[int]:
        pace = paced(concurrency=100, rpm=300, tpm=5_000_000)
        pace_of.append(pace)
        asking = asyncio.ensure_future(ask_all(pace, account, [1_000] * 20_000))
        counts = []
        for concurrency, rpm, minutes in ((100, 300, 5), (15, 100, 10), (100, 300, 30), (100, 300, 10)):
            account.concurrency, account.rpm = concurrency, rpm
            before = len(account.admitted)
            await asyncio.sleep(60 * minutes)
            counts.append((len(account.admitted) - before) // minutes)
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)
        return counts

    high, low, _, again = run(up_and_down())
    assert high >= 285
    assert 80 <= low <= 110
    assert again >= 285
    assert account.refused <= 0.01 * len(account.admitted)


@pytest.mark.parametrize("reply_s", [0.3, 3.0])
@pytest.mark.parametrize("told_s", [None, 1.0])
def test_one_overload_in_a_hundred_costs_little(reply_s: float, told_s: float | None) -> None:
    """When one call in a hundred meets an overload, a hundred calls in flight do nine tenths of what they could; the others go on."""
    done, met = run(overloads(0.01, reply_s, told_s=told_s, seconds=40 * reply_s))
    assert met > 20
    assert done >= 0.9


@pytest.mark.parametrize(("reply_s", "least"), [(0.3, 0.3), (3.0, 0.8)])
def test_many_overloads_among_more_replies_are_no_collapse(reply_s: float, least: float) -> None:
    """When three calls in ten meet an overload whatever the speed, the others go on: refusals come at once, replies late."""
    done, _ = run(overloads(0.3, reply_s, told_s=1.0, seconds=100 * reply_s))
    assert done >= least


def test_after_a_trouble_growth_returns() -> None:
    """When half of the calls were refused for a minute and none is any more, all slots are in use again after a minute."""

    async def trouble() -> tuple[int, int]:
        pace, chance, until = paced(), random.Random(1), 120.0

        async def one() -> None:
            while now() < until:
                async with pace.acquire(1) as place:
                    pace.started(place)
                    await asyncio.sleep(0.3)
                    if now() < 60.0 and chance.random() < 0.5:
                        pace.overloaded(place)
                    else:
                        pace.succeeded(place, 1)

        asking = asyncio.gather(*(one() for _ in range(100)))
        await asyncio.sleep(59.0)
        fewest = pace.in_flight[1]
        await asking
        return fewest, pace.in_flight[1]

    fewest, afterwards = run(trouble())
    assert fewest < 50
    assert afterwards >= 95


def test_pauses_do_not_grow_when_calls_pass() -> None:
    """A refusal after which somebody left and got through is not in vain, though the reply is heard after the next refusal."""

    async def refusals() -> list[float]:
        pace, lengths = paced(), []
        no = told("Your account a<b> request reached organization max RPM: 0, please try again later")
        for _ in range(6):
            async with pace.acquire(1) as long:
                pace.started(long)
                async with pace.acquire(1) as place:
                    pace.started(place)
                    pace.refused(place, no)
                lengths.append(pace._pauses.until - now())
                await asyncio.sleep(30.0)
                pace.succeeded(long, 1)
        return lengths

    assert max(run(refusals())) <= 2.0


def test_an_overload_is_no_storm() -> None:
    """While the engine is overloaded, all wait together, longer each time; afterwards the old speed comes back."""
    account = Account(50, 10_000, 10**9)

    async def overloaded() -> tuple[int, int]:
        asking = asyncio.ensure_future(ask_all(paced(concurrency=50), account, [1] * 20_000))
        await asyncio.sleep(60)
        account.overloaded_until = now() + 120
        await asyncio.sleep(120)
        refused = account.refused
        await asyncio.sleep(120)
        before = len(account.admitted)
        await asyncio.sleep(60)
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)
        return refused, len(account.admitted) - before

    refused, afterwards = run(overloaded())
    assert refused <= 120  # 50 in flight at the start, then waves that halve
    assert afterwards >= 0.8 * 50 * 60 / 5.3


def test_strangers_who_hold_the_account_are_waited_out() -> None:
    """When others hold all slots, a few attempts at growing distances are made, however fast the refusals come."""
    account = Account(1, 10_000, 10**9, reply_s=300.0)
    account.chance = _Least()

    async def late() -> int:
        stranger = asyncio.ensure_future(account.call(1))
        await asyncio.sleep(1)
        await asyncio.gather(*(ask(paced(concurrency=2), account, 1) for _ in range(2)))
        await stranger
        return account.refused

    assert run(late()) <= 30


def test_an_overload_late_in_a_reply_is_news() -> None:
    """A long reply that is broken off by an overload counts as one, also when another refusal was heard since it began."""

    async def broken_off() -> list[bool]:
        pace = paced(concurrency=3)
        async with pace.acquire(1) as long:
            pace.started(long)
            async with pace.acquire(1) as refused:
                pace.started(refused)
                all_wait = [pace.overloaded(refused, many=1)]
            await asyncio.sleep(100)
            return [*all_wait, pace.overloaded(long, many=1), pace._pauses.until > now()]

    assert run(broken_off()) == [True, True, True]


def test_who_never_left_has_used_nothing() -> None:
    """A request that got a slot and then was not sent, for want of money, takes nothing of the minute or the day."""

    async def not_sent() -> list[tuple[float, int]]:
        pace = paced(rpm=1, tpm=100, tpd=100)
        async with pace.acquire(100):
            pass
        return await leave(pace, [100])

    assert run(not_sent()) == [(0.0, 100)]


def test_waiting_costs_nothing() -> None:
    """Thousands who wait do not poll: the loop goes round a few times for each departure, however many wait."""

    async def crowd() -> int:
        pace = paced(rpm=100)
        waiting = asyncio.gather(*(leave(pace, [1]) for _ in range(5_000)), return_exceptions=True)
        await asyncio.sleep(10 * SPAN_S - 1)
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualLoop)
        return loop.turns

    departures = 1_000
    assert run(crowd()) < 7 * departures


def test_a_miscount_is_corrected() -> None:
    """When the provider counts more tokens than we do, that is learned from the first replies, and no minute passes the limit."""

    async def miscounted() -> list[tuple[float, int]]:
        pace = paced(concurrency=1, tpm=10_000)
        left = []
        for _ in range(60):
            async with pace.acquire(1_000) as place:
                pace.started(place)
                left.append((now(), 1_300))
                await asyncio.sleep(1)
                pace.succeeded(place, 1_300)
        return left

    left = run(miscounted())
    assert max(sum(size for when, size in left if start <= when < start + 60) for start, _ in left) <= 10_000


def test_headers_name_a_limit_where_none_is_told() -> None:
    """`X-RateLimit-Limit` is taken as requests a minute, unless it speaks of longer or the user has told the limit."""
    headers = {"x-ratelimit-limit": "100", "x-ratelimit-remaining": "3", "x-ratelimit-reset": "60"}
    found, told = RateLimiter(), RateLimiter(AccountLimits(0, 50, 0, 0))
    for pace in (found, told):
        pace.observe_headers(headers)
    assert (found.limits()["rpm"], told.limits()["rpm"]) == (100, 50)
    assert minute_in({"x-ratelimit-limit": str(2**63)}, "requests") == (0, 0.0)
    day = {**headers, "x-ratelimit-reset": "86400"}
    wrong: tuple[dict[str, str], ...] = (
        day,
        {},
        {"x-ratelimit-limit": "many"},
        {"x-ratelimit-reset": "soon"},
    )
    assert [minute_in(one, "requests") for one in wrong] == [(0, 0.0)] * 4
    assert minute_in(headers, "tokens") == (0, 0.0)


@pytest.mark.parametrize(
    ("left", "reset", "told"),
    [
        ("7", "1s", (500, 0.0)),
        ("0", "120ms", (500, 0.12)),
        ("0", "12.5s", (500, 12.5)),
        ("0", "1m0s", (500, 60.0)),
        ("0", "7", (500, 7.0)),
        ("0", "", (500, 0.0)),
        ("499", "2m52.8s", (0, 0.0)),
        ("0", "1h0m3s", (0, 0.0)),
        ("0", "1795000000", (0, 0.0)),
        ("0", "soon", (0, 0.0)),
    ],
)
@pytest.mark.parametrize("what", ["requests", "tokens"])
def test_headers_of_a_minute(what: str, left: str, reset: str, told: tuple[int, float]) -> None:
    """OpenAI's headers tell a limit, and how long nothing is left; what is whole again later than in a minute is another limit."""
    names = (("limit", "500"), ("remaining", left), ("reset", reset))
    assert minute_in({f"x-ratelimit-{name}-{what}": value for name, value in names}, what) == told


def test_a_used_up_minute_is_waited_for() -> None:
    """When headers say that nothing is left, none leaves until there is, less the time that the answer took; else none waits."""

    async def heard(left: str) -> float:
        pace = paced()
        named = {
            "x-ratelimit-limit-tokens": "500",
            "x-ratelimit-remaining-tokens": left,
            "x-ratelimit-reset-tokens": "20s",
        }
        pace.observe_headers(named, 8.0)
        return (await leave(pace, [1]))[0][0]

    assert (run(heard("0")), run(heard("3"))) == (12.0, 0.0)


def test_a_long_pause_is_said_once() -> None:
    """When nothing may leave for over ten seconds, one sentence says until when and why; the next pause has its own."""
    said: list[str] = []

    async def refused() -> None:
        pace = RateLimiter(
            AccountLimits(9, 0, 0, 0), clock=Clock(now, now, chance=lambda: 0.0), hear=said.append
        )
        no = refusal(
            429,
            '{"error":{"type":"engine_overloaded_error"}}',
            {"retry-after": "90"},
            catalogue().provider("moonshot"),
        )
        for wait_s in (90.0, 5.0, 600.0):
            async with pace.acquire(1) as one, pace.acquire(1) as two:
                pace.started(one)
                pace.started(two)
                for place in (one, two) * 3:
                    pace.refused(place, replace(no, wait_s=wait_s), f"It asks for {wait_s:g} s.")

    run(refused())
    assert said == [
        "Nothing is sent before 00:01:30 UTC, for 90 s, since the provider asks for 90 s: It asks for 90 s.",
        "Nothing is sent before 00:11:35 UTC, for 600 s, since the provider asks for 600 s: It asks for 600 s.",
    ]


def test_windows_fit_the_minute() -> None:
    """A whole number of windows makes up the minute of an account, so that nothing of it is left over."""
    assert fitting(262_144, 2_000_000) == 250_000
    assert fitting(262_144, 0) == 262_144
    assert fitting(1_048_576, 500_000) == 500_000
    assert fitting(131_072, 10_000_000) * 77 == pytest.approx(10_000_000, rel=1e-4)


def test_the_day_begins_in_china() -> None:
    """The provider's day begins at 16:00 UTC."""
    assert day_began(datetime(2026, 11, 24, 15, 59, tzinfo=UTC)) == "2026-11-23T16:00:00.000+00:00"
    assert day_began(datetime(2026, 11, 24, 16, 1, tzinfo=UTC)) == "2026-11-24T16:00:00.000+00:00"
