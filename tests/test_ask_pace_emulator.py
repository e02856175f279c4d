"""Pace against the emulator: real asker, SDK, HTTP and ledger in virtual time; the journal says whether a limit was ever passed."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from octavo.flows import settings
from octavo.processors.ask.api.chat import Retryable
from octavo.processors.ask.dispatch import Dispatcher
from octavo.processors.ask.money.budget import Budget, Caps
from octavo.processors.ask.pace.clock import Clock
from octavo.processors.ask.pace.pace import RateLimiter
from octavo.processors.ask.replies import Account, Asker, statement
from octavo.processors.pack import windows as pack
from octavo.schemas.compile.compiler import compile_question
from octavo.schemas.errors import AccessRefused, BudgetReached, ProviderUnavailable
from octavo.schemas.job import Job
from octavo.schemas.pipeline import Page, Window
from tests.benchmarks.pace import WORKS, Work, measure
from tests.emulator.config import Config, Fault
from tests.emulator.server import Emulator
from tests.false_time import emulated, now, run, wall
from tests.proofs import slow, slow_but

QUESTION = compile_question("letter")


def account_of(kimi: Emulator, **changes: object) -> Account:
    """An account at the emulator."""
    return settings.account(
        Job.model_validate({"inbox": ".", "base_url": kimi.base_url, **changes}), {}, key="sk-emulator"
    )


def asker(account: Account, folder: Path, run_name: str = "test", pace: RateLimiter | None = None) -> Asker:
    """An asker in virtual time."""
    pace = pace or RateLimiter(account.limits, begin=account.begin, clock=Clock(now, wall))
    return Asker(account, folder / "ledger.sqlite", run=run_name, count=pack.counter(None), pace=pace)


def window(number: int) -> Window:
    """A small window that no other is equal to."""
    (packed,) = pack.windows(
        [Page(f"{number:064x}", 1, f"Letter {number}")], pack.counter(None), pack.Bounds(100_000, 50)
    )
    return packed


async def ask_all(asking: Asker, numbers: range) -> None:
    """All at once."""
    await asyncio.gather(*(asking.ask(asking.request(window(number), QUESTION)) for number in numbers))


@pytest.mark.parametrize(
    ("tier", "window"),
    [
        (0, "bucket:2"),
        slow(1, "bucket:0"),
        (1, "sliding"),
        pytest.param(5, "fixed", marks=pytest.mark.prove),
        pytest.param(5, "bucket:2", marks=pytest.mark.prove),
    ],
)
@pytest.mark.parametrize("work", slow_but([2], WORKS), ids=[work.name for work in WORKS])
def test_a_tier_is_used_and_never_passed(tier: int, window: str, work: Work) -> None:
    """With the tier told, 95 % of the limit that binds are used in any kind of minute, nothing is refused and nothing is lost.

    Where that is the calls in flight, it takes some seconds until as many have left.
    """
    result = run(measure(tier, work, told=True, minutes=2, window=window))
    assert (result.later if work.name == "slow" else result.shares[result.binding]) >= 0.95
    assert (result.refused, result.lost) == (0, 0)


@pytest.mark.parametrize(("tier", "window"), [(0, "sliding"), (1, "bucket:2")])
def test_a_tier_that_is_not_told_is_found(tier: int, window: str) -> None:
    """Without limits 90 % of the one that binds are used after two minutes, few requests are refused and nothing is lost."""
    result = run(measure(tier, WORKS[0], told=False, minutes=4, window=window))
    assert result.later >= 0.9
    assert result.refused <= 4
    assert result.lost == 0


def test_an_overloaded_call_waits_alone(tmp_path: Path) -> None:
    """A call that meets an overload is tried again as late as the provider asks, and the others leave meanwhile."""

    async def one_of_three() -> tuple[list[float], int]:
        config = Config(tier=5, faults=[Fault("overloaded", times=1, value=7.0)])
        async with emulated(config) as kimi, asker(account_of(kimi, tier=5), tmp_path) as asking:
            await ask_all(asking, range(3))
            chats = kimi.state.journal.chats()
            return [entry.time_s for entry in chats], len(kimi.state.journal.paid())

    left, paid = run(one_of_three())
    assert left[:3] == pytest.approx([0.0, 0.2, 0.4], abs=0.05)
    assert left[3] == pytest.approx(7.0, abs=0.1)
    assert paid == 3


@pytest.mark.prove
def test_a_tier_lowered_midway_is_kept(tmp_path: Path) -> None:
    """When the account falls from tier 5 to tier 1 in the middle of a run, few requests are refused, and all are answered."""

    async def lowered() -> tuple[int, int, dict[str, int]]:
        config = Config(tier=5, tier_at={63.0: 1})
        async with emulated(config) as kimi, asker(account_of(kimi, tier=5), tmp_path) as asking:
            await ask_all(asking, range(550))
            journal = kimi.state.journal
            return (
                len(journal.breaches()),
                sum(entry.status == 200 for entry in journal.chats()),
                asking.pace.limits(),
            )

    refused, answered, limits = run(lowered())
    assert answered == 550
    assert refused <= 20
    assert limits["rpm"] == 100


def test_headers_tell_limits(tmp_path: Path) -> None:
    """Where refusals carry X-RateLimit-*, requests a minute are known from the first one on, whatever it was about."""

    async def told() -> dict[str, int]:
        config = Config(tier=1, ratelimit_headers=True, faults=[Fault("overloaded", times=1)])
        async with emulated(config) as kimi, asker(account_of(kimi), tmp_path) as asking:
            await ask_all(asking, range(2))
            return asking.pace.limits()

    assert run(told()) == {"concurrency": 0, "rpm": 100, "tpm": 0, "tpd": 0}


@pytest.mark.prove
def test_openais_headers_tell_limits(tmp_path: Path) -> None:
    """OpenAI's limits are known from the first reply on, whatever the catalogue assumes, so that nothing is ever refused."""

    async def told() -> tuple[int, int, dict[str, int]]:
        config = Config(dialect="openai", concurrency=256, rpm=90, tpm=300_000)
        async with emulated(config) as host, asker(account_of(host, provider="openai"), tmp_path) as asking:
            await ask_all(asking, range(200))
            chats = host.state.journal.chats()
            return (
                sum(entry.status == 429 for entry in chats),
                max(entry.in_flight for entry in chats),
                asking.pace.limits(),
            )

    refused, in_flight, limits = run(told())
    assert refused == 0
    assert in_flight >= 16
    assert limits == {"concurrency": 0, "rpm": 90, "tpm": 300_000, "tpd": 0}


@pytest.mark.prove
def test_what_the_catalogue_assumes_is_no_limit(tmp_path: Path) -> None:
    """At Z.ai asking begins with the calls in flight that are assumed, and finds what the account allows; none is lost."""

    async def found() -> tuple[int, int, int]:
        config = Config(dialect="zai", tier=1, rpm=10_000, tokens_per_s=10.0)
        async with emulated(config) as host, asker(account_of(host, provider="zai"), tmp_path) as asking:
            await ask_all(asking, range(250))
            chats = host.state.journal.chats()
            assert {entry.in_flight for entry in chats[:3]} == {1, 2, 3}
            late = [entry.in_flight for entry in chats if entry.admitted][-100:]
            return (
                sum(entry.status == 429 for entry in chats),
                sum(entry.status == 200 for entry in chats),
                min(late),
            )

    refused, answered, in_flight = run(found())
    assert (answered, refused <= 10) == (250, True)
    assert in_flight >= 12  # of 15


def test_an_overload_is_waited_out_together(tmp_path: Path) -> None:
    """Two minutes of overload cost each of 60 requests few attempts, since all wait together; none is lost or paid twice."""

    async def overloaded() -> tuple[int, int]:
        config = Config(tier=1, faults=[Fault("overloaded", until_s=120.0)])
        async with emulated(config) as kimi, asker(account_of(kimi, tier=1), tmp_path) as asking:
            await ask_all(asking, range(60))
            return sum(entry.status == 429 for entry in kimi.state.journal.chats()), len(
                kimi.state.journal.paid()
            )

    refused, paid = run(overloaded())
    assert refused <= 40
    assert paid == 60


def test_two_jobs_share_an_account(tmp_path: Path) -> None:
    """Two askers with one pace keep the account's limits together, and the smaller one does not wait for the larger."""

    async def shared() -> tuple[int, float, float]:
        async with emulated(Config(tier=1)) as kimi:
            account = account_of(kimi, tier=1)
            (tmp_path / "a").mkdir()
            (tmp_path / "b").mkdir()
            async with (
                asker(account, tmp_path / "a", "large") as large,
                asker(account, tmp_path / "b", "small", large.pace) as small,
            ):
                long = asyncio.create_task(ask_all(large, range(250)))
                await asyncio.sleep(1)
                await ask_all(small, range(1_000, 1_030))
                small_s = now()
                await long
                return len(kimi.state.journal.breaches()), small_s, now()

    breaches, small_s, both_s = run(shared())
    assert breaches == 0
    assert small_s < 60
    assert both_s > 120


def test_the_day_is_kept_over_runs(tmp_path: Path) -> None:
    """A run knows from the ledger what earlier runs of the day used, and stops before the provider has to refuse."""

    async def twice() -> tuple[int, int]:
        async with emulated(Config(tier=1, tpd=40_000, rpm=10**6)) as kimi:
            account = account_of(kimi, tier=1, tpd=40_000, rpm=10**6)
            paid = []
            for numbers in (range(8), range(8, 100)):
                asking = Asker(account, tmp_path / "ledger.sqlite", run="test", count=pack.counter(None))
                async with asking:
                    results = await asyncio.gather(
                        *(asking.ask(asking.request(window(number), QUESTION)) for number in numbers),
                        return_exceptions=True,
                    )
                    paid.append(sum(not isinstance(result, BaseException) for result in results))
                    assert all(
                        isinstance(result, BudgetReached)
                        for result in results
                        if isinstance(result, BaseException)
                    )
            assert kimi.state.journal.breaches() == []
            return paid[0], paid[1]

    first, second = run(twice())
    assert first == 8
    assert 0 < second < 92


def test_an_overload_inside_a_stream_makes_its_call_wait(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A reply that an overload breaks off after its first words is carried on a little later; nothing is lost or paid in vain."""
    monkeypatch.setattr("octavo.processors.ask.api.stream.STREAM_FROM_TOKENS", 1)

    async def broken_off() -> tuple[float, float, int]:
        config = Config(tier=1, faults=[Fault("stream_error", times=1, value=0.5)], jitter=0.0)
        async with (
            emulated(config) as kimi,
            asker(account_of(kimi, tier=1, concurrency=1), tmp_path) as asking,
        ):
            await ask_all(asking, range(1))
            cut, after = kimi.state.journal.chats()
            return cut.ended_s, after.time_s, sum(entry.status == 429 for entry in kimi.state.journal.chats())

    cut_s, after_s, refused = run(broken_off())
    assert after_s - cut_s >= 1.0
    assert refused == 0


def test_an_address_that_nobody_answers_is_soon_told(tmp_path: Path) -> None:
    """When nobody ever answered, all requests end within a minute, after few attempts in all, with the address and what to do."""

    async def nobody() -> tuple[list[BaseException | None], float, int]:
        account = settings.account(Job(inbox=".", base_url="http://127.0.0.1:9/v1"), {}, key="sk-emulator")
        async with asker(account, tmp_path) as asking:
            requests = [asking.request(window(number), QUESTION) for number in range(100)]
            ended = await asyncio.gather(
                *(asking.ask(request) for request in requests[:99]), return_exceptions=True
            )
            ended_s = now()
            ended += await asyncio.gather(asking.ask(requests[99]), return_exceptions=True)
            assert now() == ended_s
            assert len(asking.notices) == 1
            assert asking.notices[0] == str(ended[99])
            assert asking.ledger.maybe_paid() == (0, 0.0)
            total = statement(asking.ledger.path)[0]
            return (
                [error if isinstance(error, BaseException) else None for error in ended],
                ended_s,
                total["attempts"],
            )

    ended, ended_s, attempts = run(nobody())
    assert all(isinstance(error, ProviderUnavailable) for error in ended)
    assert "http://127.0.0.1:9/v1/ cannot be reached" in str(ended[0])
    assert "--base-url" in str(ended[0])
    assert ended_s < 60
    assert attempts < 20


def test_an_outage_midway_is_waited_out(tmp_path: Path) -> None:
    """When the provider is away for three minutes after it had answered, all wait together, and every request is answered once."""

    async def away() -> tuple[int, int]:
        config = Config(tier=1, faults=[Fault("refused", from_s=20.0, until_s=200.0)])
        async with emulated(config) as kimi, asker(account_of(kimi, tier=1), tmp_path) as asking:
            await ask_all(asking, range(100))
            total = statement(asking.ledger.path)[0]
            return total["answered"], total["attempts"]

    answered, attempts = run(away())
    assert answered == 100
    assert attempts <= 140  # 15 are broken off when it goes, the others look whether it is back


def test_no_call_leaves_once_asking_has_ended(tmp_path: Path) -> None:
    """A call that waits for money while the run ends for another reason does not leave when the money is there."""

    async def ended() -> int:
        async with emulated(Config(tier=1)) as kimi, asker(account_of(kimi, tier=1), tmp_path) as asking:
            budget = Budget(Caps(1.0))
            asking._paying.budget = budget
            reserved = await budget.reserve(1.0)
            call = asyncio.ensure_future(asking.ask(asking.request(window(1), QUESTION)))
            await asyncio.sleep(1)
            asking._paying.end(AccessRefused("No key."))
            await budget.settle(reserved, 0.0)
            with pytest.raises(AccessRefused, match="No key"):
                await call
            assert (budget.spent_usd, budget.reserved_usd) == (0.0, 0.0)
            return len(kimi.state.journal.chats())

    assert run(ended()) == 0


def test_calls_beside_the_pace_wait_as_they_are_told(tmp_path: Path) -> None:
    """What does not wait in the pace, such as the calls of batches, waits by itself, as told or longer each time."""

    async def refused() -> float:
        account = settings.account(Job(inbox=".", base_url="http://127.0.0.1:9/v1"), {}, key="sk-emulator")
        async with asker(account, tmp_path) as asking:
            paying = Dispatcher(
                account, "test", asking.pace, asking.ledger, asking.budget, asking.balance, heard=True
            )
            left = [7.0, 5.0]

            async def call() -> float:
                if left:
                    raise Retryable("No.", wait_s=left.pop(), shared=True)
                return now()

            return await paying.retrying(paced=False)(call)

    assert run(refused()) == 12.0
