"""Asking, over HTTP through the real SDK: paid once, paced, within the budget, and every trouble told apart."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from octavo.flows import settings
from octavo.processors.ask.replies import Account, Asker, look_up, statement
from octavo.processors.pack import windows as pack
from octavo.schemas.compile.compiler import compile_question
from octavo.schemas.errors import (
    AccessRefused,
    BudgetReached,
    Interrupted,
    ProviderUnavailable,
    RequestRefused,
)
from octavo.schemas.job import Job
from octavo.schemas.pipeline import Page, Question, Window
from tests.emulator.config import WIDE, Config, Fault
from tests.emulator.fixture import Running, running
from tests.emulator.oracle import labelled_lines


@pytest.fixture
def kimi() -> Iterator[Running]:
    """A Kimi that answers at once from lines such as `invoice number: 7`."""
    with running(
        Config(tier=5, rpm=WIDE["rpm"], tpm=WIDE["tpm"], timing=False, oracle=labelled_lines)
    ) as emulator:
        yield emulator


@pytest.fixture
def question() -> Question:
    """The question about invoices."""
    return compile_question("invoice")


def account_of(kimi: Running, **changes: object) -> Account:
    """An account at the emulator."""
    job = Job.model_validate({"inbox": ".", "base_url": kimi.base_url, "tier": 5, **WIDE, **changes})
    return settings.account(job, {}, key=kimi.key)


def window(*texts: str) -> Window:
    """A window with one document a text."""
    pages = [Page(f"{number:064x}", 1, text) for number, text in enumerate(texts)]
    (packed,) = pack.windows(pages, pack.counter(None), pack.Bounds(100_000, 50))
    return packed


def asker(kimi: Running, folder: Path, **changes: object) -> Asker:
    """An asker with a ledger in that folder."""
    return Asker(account_of(kimi, **changes), folder / "ledger.sqlite", run="test", count=pack.counter(None))


async def test_a_request_is_paid_once(kimi: Running, question: Question, tmp_path: Path) -> None:
    """The same request is asked once, also by another process later: the second reply comes from the ledger and costs nothing."""
    shown = window("invoice number: 7\nseller name: Acme Ltd")
    async with asker(kimi, tmp_path) as first:
        paid = await first.ask(first.request(shown, question))
    async with asker(kimi, tmp_path) as second:
        known = await second.ask(second.request(shown, question))
    assert '"Acme Ltd"' in paid.text
    assert (paid.from_ledger, known.from_ledger, known.text) == (False, True, paid.text)
    assert len(kimi.paid()) == 1
    assert second.budget.spent_usd == 0


async def test_the_bill_is_the_providers(kimi: Running, question: Question, tmp_path: Path) -> None:
    """What we write down as spent is what the provider bills."""
    async with asker(kimi, tmp_path) as asking:
        replies = [
            await asking.ask(asking.request(window(f"invoice number: {n}"), question)) for n in range(3)
        ]
        billed_usd = sum(entry.cost_usd for entry in kimi.paid())
        assert asking.budget.spent_usd == pytest.approx(billed_usd)
        bills = list(asking.bills([reply.request for reply in replies]))
    assert sum(row["cost_usd"] for row in bills) == pytest.approx(billed_usd)
    assert {row["attempts"] for row in bills} == {1}


async def test_a_bill_says_which_tokens_it_is_for(kimi: Running, question: Question, tmp_path: Path) -> None:
    """What was read from the cache and written to it stands beside the bill, in the rows of requests as in the statement of the ledger."""
    kimi.config.cached_place = "nested"
    shown = window("invoice number: 7\n" + "text " * 2_000)
    async with asker(kimi, tmp_path, model="kimi-k3") as asking:
        requests = [asking.request(shown, question), asking.request(shown, compile_question("letter"))]
        replies = [await asking.ask(request) for request in requests]
        rows = list(asking.bills([request.fingerprint for request in requests]))
        (total, *_) = statement(asking.ledger.path)
    for name in ("prompt_tokens", "cached_tokens", "cache_write_tokens", "reply_tokens"):
        told = [getattr(entry, name) for entry in kimi.paid()]
        assert any(told)
        assert [row[name] for row in rows] == [getattr(reply.usage, name) for reply in replies] == told
        assert total[name] == sum(told)
    assert total["reasoning_tokens"] is None
    assert total["spent_usd"] == pytest.approx(sum(entry.cost_usd for entry in kimi.paid()))


async def test_the_documents_stand_before_the_question(
    kimi: Running, question: Question, tmp_path: Path
) -> None:
    """A second question over the same window finds the documents in the provider's cache."""
    shown = window("invoice number: 7\n" + "text " * 2_000)
    async with asker(kimi, tmp_path) as asking:
        await asking.ask(asking.request(shown, question))
        second = await asking.ask(asking.request(shown, compile_question("letter")))
    assert second.usage.cached_tokens is not None
    assert second.usage.cached_tokens > 0.7 * second.usage.prompt_tokens


async def test_the_request_keeps_the_models_rules(kimi: Running, question: Question, tmp_path: Path) -> None:
    """The call has thinking off, no sampling, a strict schema in the subset that the provider takes, and an explicit reply limit."""
    async with asker(kimi, tmp_path) as asking:
        body = asking.request(window("invoice number: 7"), question).body
        await asking.ask(asking.request(window("invoice number: 7"), question))
    assert body["model"] == "kimi-k2.6"
    assert body["thinking"] == {"type": "disabled"}
    assert body["response_format"]["json_schema"]["strict"] is True
    assert body["max_completion_tokens"] > 0
    assert not {"temperature", "top_p", "n"} & set(body)
    assert [entry.status for entry in kimi.journal] == [200]


async def test_overload_is_waited_out(kimi: Running, question: Question, tmp_path: Path) -> None:
    """A 429 that asks to wait is tried again, is no cost, and the reply is paid once."""
    kimi.config.faults.append(Fault("overloaded", attempts=1))
    async with asker(kimi, tmp_path) as asking:
        reply = await asking.ask(asking.request(window("invoice number: 7"), question))
    assert reply.attempts == 2
    assert [entry.status for entry in kimi.journal] == [429, 200]
    assert asking.budget.spent_usd == pytest.approx(kimi.journal[1].cost_usd)


async def test_a_broken_connection_is_maybe_paid(kimi: Running, question: Question, tmp_path: Path) -> None:
    """When the connection breaks before the reply, the call is made again, and the lost one is counted with its worst case."""
    kimi.config.faults.append(Fault("reset_before", attempts=1))
    async with asker(kimi, tmp_path) as asking:
        await asking.ask(asking.request(window("invoice number: 7"), question))
        lost, lost_usd = asking.ledger.maybe_paid()
        assert (lost, lost_usd > 0) == (1, True)
        assert asking.budget.spent_usd > lost_usd


@pytest.mark.parametrize("key", ["sk-of-another-region", ""])
async def test_a_refused_key_ends_all_asking(
    kimi: Running, question: Question, tmp_path: Path, key: str
) -> None:
    """A key that the provider refuses is exit code 77 with the key not shown, and nothing more is sent."""
    account = replace(account_of(kimi), key=key)
    async with Asker(account, tmp_path / "ledger.sqlite", run="test", count=pack.counter(None)) as asking:
        for text in ("invoice number: 7", "invoice number: 8"):
            with pytest.raises(AccessRefused) as caught:
                await asking.ask(asking.request(window(text), question))
            assert caught.value.exit_code == 77
            assert "another-region" not in str(caught.value)
    assert len(kimi.journal) == 1


async def test_a_refused_request_costs_nothing(kimi: Running, question: Question, tmp_path: Path) -> None:
    """A request that the provider's filter refuses is not tried again, is not counted as spent, and is not "maybe paid"."""
    kimi.config.faults.append(Fault("content_filter"))
    async with asker(kimi, tmp_path) as asking:
        with pytest.raises(RequestRefused):
            await asking.ask(asking.request(window("invoice number: 7"), question))
        assert (asking.budget.spent_usd, asking.budget.reserved_usd, asking.ledger.maybe_paid()) == (
            0.0,
            0.0,
            (0, 0.0),
        )
    assert [entry.status for entry in kimi.journal] == [400]


async def test_no_money_ends_all_asking(kimi: Running, question: Question, tmp_path: Path) -> None:
    """A 429 that means an empty account is not waited out: exit code 77."""
    kimi.config.balance_usd = 0.0
    async with asker(kimi, tmp_path) as asking:
        with pytest.raises(AccessRefused, match="account"):
            await asking.ask(asking.request(window("invoice number: 7"), question))
    assert len(kimi.journal) == 1


async def test_the_budget_stops_before_the_call(kimi: Running, question: Question, tmp_path: Path) -> None:
    """A call that could pass the cap is not made."""
    async with asker(kimi, tmp_path, budget_usd=0.000001) as asking:
        with pytest.raises(BudgetReached):
            await asking.ask(asking.request(window("invoice number: 7"), question))
    assert kimi.journal == []


async def test_the_accounts_limits_are_kept(kimi: Running, question: Question, tmp_path: Path) -> None:
    """Many requests at once never run into the account's concurrency: the journal knows of no refusal."""
    kimi.config.tier, kimi.config.timing, kimi.config.time_scale = 1, True, 15
    async with asker(kimi, tmp_path, tier=1) as asking:
        await asyncio.gather(
            *(asking.ask(asking.request(window(f"invoice number: {n}"), question)) for n in range(60))
        )
    assert kimi.breaches() == []
    assert max(entry.in_flight for entry in kimi.journal) == 15


async def test_an_address_that_nobody_answers_is_a_sentence(
    kimi: Running, question: Question, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When no connection can be made within the retry time, the request ends as ProviderUnavailable and was not paid."""
    monkeypatch.setattr("octavo.processors.ask.dispatch.UNREACHED_TIME_S", 0.2)
    account = replace(account_of(kimi), base_url="http://127.0.0.1:9/v1")
    async with Asker(account, tmp_path / "ledger.sqlite", run="test", count=pack.counter(None)) as asking:
        with pytest.raises(ProviderUnavailable, match="tried"):
            await asking.ask(asking.request(window("invoice number: 7"), question))
        assert asking.ledger.maybe_paid() == (0, 0.0)


async def test_the_doctor_sees_models_and_balance(kimi: Running) -> None:
    """Models with their context and the balance are read as the provider gives them."""
    served, balance = await look_up(account_of(kimi))
    assert served["kimi-k2.6"] == 262_144
    assert balance == pytest.approx(100.0)


async def test_asking_that_is_ended_sends_nothing_more(
    kimi: Running, question: Question, tmp_path: Path
) -> None:
    """Whoever waits for a slot, for money or to try again is told at once; the call in flight is awaited, and its reply is kept."""
    kimi.config.timing, kimi.config.ttft_s = True, 1.0
    kimi.config.faults.append(Fault("server_error", match="number: 9"))
    async with asker(kimi, tmp_path, concurrency=2) as asking:
        windows = [window(f"invoice number: {number}") for number in (9, *range(5))]
        calls = [asyncio.ensure_future(asking.ask(asking.request(shown, question))) for shown in windows]
        await asyncio.sleep(0.5)  # two are in flight by then, or one and another try
        left = len(kimi.log.chats())
        asking.end(Interrupted(15))
        ended = await asyncio.gather(*calls, return_exceptions=True)
    assert isinstance(ended[0], Interrupted)
    assert len(kimi.log.chats()) <= left + 1
    assert sum(not isinstance(reply, BaseException) for reply in ended) == len(kimi.paid()) >= 1
    assert all(isinstance(reply, Interrupted) for reply in ended if isinstance(reply, BaseException))
    assert asking.budget.reserved_usd == 0
