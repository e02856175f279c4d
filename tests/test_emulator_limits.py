"""The emulator's limits: what a tier allows is admitted, what it does not is a 429 of the right kind, and the journal proves both."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx2
import openai
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests import proofs
from tests.emulator.catalogue import TIERS
from tests.emulator.client import K26, OFF, body, error, get, post, sdk
from tests.emulator.clock import Clock
from tests.emulator.config import Config, Fault
from tests.emulator.fixture import Running, running
from tests.emulator.limits import Org
from tests.emulator.refusals import Refusal


async def burst(kimi: Running, calls: int, **more: Any) -> list[int]:
    """So many different requests at once; their statuses."""
    headers = {"Authorization": f"Bearer {kimi.key}"}
    limits = httpx2.Limits(max_connections=calls)
    async with httpx2.AsyncClient(
        base_url=kimi.base_url, headers=headers, timeout=30.0, limits=limits
    ) as client:
        replies = await asyncio.gather(
            *(client.post("/chat/completions", json=body(f"call {at}", **more)) for at in range(calls))
        )
    return [reply.status_code for reply in replies]


def test_burst_over_the_concurrency() -> None:
    """Of 30 calls at once tier 1 takes 15; the others get the documented 429, and the journal shows never more than 15 in flight."""
    with running(Config(tier=1, ttft_s=0.5, jitter=0.0, tokens_per_s=10_000)) as kimi:
        statuses = asyncio.run(burst(kimi, 30))
        assert sorted(statuses) == [200] * 15 + [429] * 15
        assert len(kimi.breaches()) == 15
        assert {entry.reason for entry in kimi.breaches()} == {"concurrency"}
        assert kimi.stats()["peak_in_flight"] == 15
        assert all(entry.cost_usd == 0 for entry in kimi.breaches())
        assert asyncio.run(burst(kimi, 15)) == [200] * 15


def test_sdk_sees_the_concurrency_text() -> None:
    """The SDK raises its rate limit error, whose body has the organisation, the limit and the seconds to wait; no Retry-After."""
    with (
        running(Config(tier=0, timing=False, faults=[Fault("concurrency", times=1)])) as kimi,
        sdk(kimi) as client,
    ):
        with pytest.raises(openai.RateLimitError) as caught:
            client.chat.completions.create(
                model=K26, messages=[{"role": "user", "content": "x"}], extra_body=OFF
            )
        said = "org-emulator<ator> request reached organization max concurrency: 1, please try again after 1 seconds"
        assert said in caught.value.message
        assert caught.value.type == "rate_limit_reached_error"
        assert "retry-after" not in caught.value.response.headers


def test_requests_a_minute() -> None:
    """Tier 0 takes three requests a minute over all attempts; refused ones count; a minute later there is room again."""
    with running(Config(tier=0, timing=False, virtual=True)) as kimi:
        assert [post(kimi, body()).status_code for _ in range(4)] == [200, 200, 200, 429]
        assert "max RPM: 3, please try again after 1 seconds" in error(post(kimi, body()))[2]
        kimi.advance(59.0)
        assert post(kimi, body()).status_code == 429
        kimi.advance(1.5)
        assert [post(kimi, body()).status_code for _ in range(3)] == [200, 200, 429]


def test_refused_attempts_need_not_count() -> None:
    """With the setting off, only requests that were not refused use up the minute."""
    with running(Config(tier=0, timing=False, virtual=True, count_refused=False)) as kimi:
        assert [post(kimi, body()).status_code for _ in range(6)] == [200] * 3 + [429] * 3
        kimi.advance(60.5)
        assert [post(kimi, body()).status_code for _ in range(3)] == [200] * 3


def test_fixed_window() -> None:
    """In fixed windows the count begins anew at the full minute, however late the requests came."""
    with running(Config(tier=0, timing=False, virtual=True, window="fixed")) as kimi:
        kimi.advance(59.0)
        assert [post(kimi, body()).status_code for _ in range(4)] == [200, 200, 200, 429]
        kimi.advance(1.0)
        assert post(kimi, body()).status_code == 200


def test_bucket() -> None:
    """A bucket takes the limit's worth of its seconds at once, then as much as time takes out of it; refused attempts fill it too."""
    with running(Config(rpm=60, timing=False, virtual=True, window="bucket", burst_s=3.0)) as kimi:
        assert [post(kimi, body()).status_code for _ in range(4)] == [200, 200, 200, 429]
        kimi.advance(1.0)
        assert post(kimi, body()).status_code == 429
        kimi.advance(2.0)
        assert [post(kimi, body()).status_code for _ in range(2)] == [200, 429]


@pytest.mark.parametrize("burst_s", [0.0, 1.0])
def test_what_is_larger_than_a_bucket_is_taken_when_it_is_empty(burst_s: float) -> None:
    """A request of more tokens than a bucket has is let in alone, and the next one when they have run out."""
    config = Config(tpm=60_000, timing=False, virtual=True, window="bucket", burst_s=burst_s)
    with running(config) as kimi:
        assert post(kimi, body(max_completion_tokens=9_990)).status_code == 200
        kimi.advance(9.0)
        assert "TPM rate limit" in error(post(kimi, body(max_completion_tokens=9_990)))[2]
        kimi.advance(1.1)
        assert post(kimi, body(max_completion_tokens=9_990)).status_code == 200


def test_tokens_a_minute_are_prompt_and_budget() -> None:
    """What is charged is the prompt and the whole reply budget; the refusal names no time; nothing comes back by default."""
    with running(Config(tpm=1_000, timing=False, virtual=True)) as kimi:
        assert post(kimi, body(max_completion_tokens=500)).status_code == 200
        status, kind, message = error(post(kimi, body(max_completion_tokens=500)))
        assert (status, kind) == (429, "rate_limit_reached_error")
        assert "request reached organization TPM rate limit, current:10" in message
        assert "limit:1000" in message
        assert "after" not in message
        assert kimi.journal[0].reserved_tokens == kimi.journal[0].prompt_tokens + 500
        kimi.advance(60.5)
        assert post(kimi, body(max_completion_tokens=500)).status_code == 200


def test_unused_tokens_may_come_back() -> None:
    """With refund = actual the unused budget is free again at the end of the call."""
    with running(Config(tpm=1_000, timing=False, refund="actual", text_tokens=20)) as kimi:
        assert [post(kimi, body(max_completion_tokens=800)).status_code for _ in range(3)] == [200, 200, 200]


def test_missing_budget_reserves_the_default() -> None:
    """Without a reply limit the model's default is charged: 32,768 tokens on K2.6, 131,072 on K3."""
    with running(Config(timing=False)) as kimi:
        post(kimi, body())
        post(kimi, {"model": "kimi-k3", "messages": [{"role": "user", "content": "hi"}]})
        assert [entry.reserved_tokens - entry.prompt_tokens for entry in kimi.journal] == [32_768, 131_072]


def test_tokens_a_day() -> None:
    """The day's tokens bind until the day is over."""
    with running(Config(tpd=1_000, timing=False, virtual=True)) as kimi:
        assert post(kimi, body(max_completion_tokens=900)).status_code == 200
        assert "TPD rate limit" in error(post(kimi, body(max_completion_tokens=900)))[2]
        kimi.advance(86_400.0)
        assert post(kimi, body(max_completion_tokens=900)).status_code == 200


def test_money_runs_out() -> None:
    """When the balance is used up the reply is a 429 of another type, which is no rate limit; both wordings exist."""
    with running(Config(timing=False, balance_usd=0.0001)) as kimi:
        assert post(kimi, body()).status_code == 200
        status, kind, message = error(post(kimi, body()))
        assert (status, kind) == (429, "exceeded_current_quota_error")
        assert "is suspended, please check your plan and billing details" in message
        kimi.config.quota_text = "quota"
        assert "You exceeded your current token quota" in error(post(kimi, body()))[2]
        assert get(kimi, "/users/me/balance")["data"]["available_balance"] < 0
        assert kimi.breaches() == []
        kimi.config.balance_usd = 10.0
        assert post(kimi, body()).status_code == 200


def test_tier_falls_while_running() -> None:
    """A tier that is lowered binds from that moment on."""
    with running(Config(tier=5, tier_at={10.0: 0}, timing=False, virtual=True)) as kimi:
        assert [post(kimi, body()).status_code for _ in range(5)] == [200] * 5
        kimi.advance(10.0)
        assert post(kimi, body()).status_code == 429


def test_organisations_do_not_share() -> None:
    """Limits and balance belong to the organisation: its keys share them, another's do not."""
    keys = {"sk-a1": "org-a", "sk-a2": "org-a", "sk-b": "org-b"}
    with running(Config(keys=keys, tier=0, timing=False)) as kimi:
        asked = [
            post(kimi, body(), key=key).status_code for key in ("sk-a1", "sk-a2", "sk-a1", "sk-a2", "sk-b")
        ]
        assert asked == [200, 200, 200, 429, 200]


def test_limits_before_september() -> None:
    """The older table can be had: tier 1 allowed 50 calls at once."""
    config = Config(limits_of_august=True)
    assert Org("o", config, Clock(config)).tier().concurrency == 50
    config.limits_of_august, config.rpm = False, 7
    assert (
        Org("o", config, Clock(config)).tier().concurrency,
        Org("o", config, Clock(config)).tier().rpm,
    ) == (TIERS[1].concurrency, 7)


def test_rate_headers_are_a_setting() -> None:
    """Retry-After on limits and X-RateLimit-* are absent by default and can be switched on."""
    with running(
        Config(tier=0, rpm=1, timing=False, retry_after_on_limits=True, ratelimit_headers=True)
    ) as kimi:
        post(kimi, body())
        reply = post(kimi, body())
        assert (
            reply.headers["retry-after"],
            reply.headers["x-ratelimit-limit"],
            reply.headers["x-ratelimit-remaining"],
        ) == ("1", "1", "0")


def test_windows_pass_as_time_is_scaled() -> None:
    """At a hundredfold scale a minute of the account is 0.6 s of ours, and so is the waiting for a reply."""
    with running(Config(tier=0, time_scale=200.0, ttft_s=1.0)) as kimi:
        assert [post(kimi, body()).status_code for _ in range(3)] == [200] * 3
        before = kimi.journal[-1]
        assert before.ended_s - before.time_s > 1.0
        while post(kimi, body()).status_code == 429:
            asyncio.run(asyncio.sleep(0.35))
        assert kimi.journal[-1].time_s > 60.0


def test_overload_grows_with_load() -> None:
    """Beyond so many calls in flight the first token waits, and beyond more the engine is overloaded, with Retry-After."""
    with running(
        Config(
            tier=5,
            ttft_s=0.2,
            jitter=0.0,
            tokens_per_s=10_000,
            cold_slots=2,
            cold_wait_s=0.1,
            overload_beyond=5,
        )
    ) as kimi:
        assert sorted(asyncio.run(burst(kimi, 8))) == [200] * 5 + [429] * 3
        assert {entry.reason for entry in kimi.journal if entry.status == 429} == {"overloaded"}
        waits = sorted(entry.ended_s - entry.time_s for entry in kimi.journal if entry.status == 200)
        assert waits[-1] > waits[0] + 0.2
        assert kimi.breaches() == []


@settings(max_examples=proofs.examples(50), deadline=None)
@given(
    st.lists(st.tuples(st.floats(0.0, 30.0), st.integers(1, 400)), max_size=60),
    st.sampled_from(["none", "actual"]),
)
def test_no_minute_holds_more_than_the_limit(arrivals: list[tuple[float, int]], refund: Any) -> None:
    """Whatever comes, the tokens admitted within any sixty seconds stay within the limit when nothing is given back."""
    config = Config(virtual=True, tpm=1_000, rpm=10**6, concurrency=10**6, refund=refund)
    clock = Clock(config)
    org = Org("o", config, clock)
    admitted: list[tuple[float, int]] = []
    for gap, tokens in arrivals:
        asyncio.run(clock.advance(gap))
        try:
            org.release(org.admit("key", tokens), tokens)
        except Refusal:
            continue
        admitted.append((clock.now(), tokens))
    for end, _ in admitted:
        assert sum(tokens for at, tokens in admitted if end - 60.0 < at <= end) <= 1_000
