"""The account's balance: said early when it will not do, and the end of asking when nothing is left."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from octavo.flows import order, settings
from octavo.flows.hooks import Hooks
from octavo.flows.outcome.outcome import Outcome
from octavo.processors.ask import replies
from octavo.processors.ask.api.chat import Retryable
from octavo.processors.ask.money import balance as balances
from octavo.processors.ask.money.balance import EVERY_S, Balance, read_balance
from octavo.processors.ask.replies import look_up
from octavo.schemas.errors import AccessRefused, ProviderUnavailable
from octavo.schemas.job import Job
from tests.emulator.config import Config, Fault
from tests.emulator.fixture import Running, running
from tests.emulator.oracle import labelled_lines


@pytest.fixture
def kimi() -> Iterator[Running]:
    """A Kimi that answers at once."""
    with running(Config(tier=5, timing=False, oracle=labelled_lines)) as emulator:
        yield emulator


async def run(kimi: Running, tmp_path: Path, said: list[str], **changes: object) -> Outcome:
    """A job with one letter."""
    (tmp_path / "inbox").mkdir(exist_ok=True)
    (tmp_path / "inbox" / "a.txt").write_text("subject: balance\n", encoding="utf-8")
    plain = {
        "inbox": str(tmp_path / "inbox"),
        "out": str(tmp_path / "out"),
        "base_url": kimi.base_url,
        "extract": ["letter"],
    }
    job = Job.model_validate({**plain, **changes})
    return await order.run(job, settings.account(job, {}, key=kimi.key), hooks=Hooks(on_notice=said.append))


async def test_a_low_balance_is_said_before_anything_is_asked(kimi: Running, tmp_path: Path) -> None:
    """A balance below the estimate is one sentence, said before the first call and again in the outcome; the run goes on."""
    kimi.config.balance_usd = 0.0002
    said: list[str] = []

    def noted(body: dict[str, Any]) -> Any:
        said.append("asked")
        return labelled_lines(body)

    kimi.config.oracle = noted
    ended = await run(kimi, tmp_path, said)
    assert (ended.exit_code, said[1:]) == (0, ["asked"])
    assert "may not be enough" in said[0]
    assert said[0] in ended.sentences


async def test_an_empty_account_asks_nothing(kimi: Running, tmp_path: Path) -> None:
    """A balance of nothing is exit code 77 without a call; the documents are read and listed, and a later run asks."""
    kimi.config.balance_usd = 0.0
    ended = await run(kimi, tmp_path, [])
    assert (ended.exit_code, ended.statuses, ended.not_asked) == (77, {"ok": 1}, 1)
    assert "balance is 0.00 USD" in ended.stopped
    assert kimi.log.chats() == []
    kimi.config.balance_usd = 9.0
    assert (await run(kimi, tmp_path, [])).exit_code == 0


@pytest.mark.prove
async def test_the_balance_is_not_read_for_nothing(kimi: Running, tmp_path: Path) -> None:
    """Where nothing is to be asked, as offline or on a second run, no balance is read."""
    await run(kimi, tmp_path, [])
    before = len(kimi.journal)
    await run(kimi, tmp_path, [])
    await run(kimi, tmp_path, [], out=str(tmp_path / "free"), offline=True)
    assert len(kimi.journal) == before


async def test_a_long_run_reads_it_again() -> None:
    """Every ten minutes the balance is read again; what is spent lowers what is still needed; an end of money ends the run."""
    now_s, balances, said = 0.0, [5.0, 3.0, 3.0, -1.0], list[str]()

    async def read() -> float | None:
        return balances.pop(0)

    balance = Balance(read, "USD", hear=said.append, clock=lambda: now_s)
    await balance.begin(4.5)
    await balance.look_when_due(0.1)
    assert len(balances) == 3
    now_s = EVERY_S
    await balance.look_when_due(2.0)
    assert said == []
    now_s = 2 * EVERY_S
    await balance.look_when_due(0.5)
    assert ["about $4.00 of calls are still to come" in sentence for sentence in said] == [True]
    now_s = 3 * EVERY_S
    with pytest.raises(AccessRefused, match=r"-1\.00 USD"):
        await balance.look_when_due(2.0)


async def test_who_does_not_tell_is_not_asked_again() -> None:
    """A provider without a balance is asked once; one that cannot be reached just now does not end a run."""
    told: list[float | None] = [None]

    async def read() -> float | None:
        if not told:
            raise ProviderUnavailable("gone")
        return told.pop()

    clock = iter(range(0, 10**6, 10**4))
    balance = Balance(read, "USD", hear=pytest.fail, clock=lambda: float(next(clock)))
    await balance.begin(1.0)
    await balance.look_when_due(0.0)
    assert told == []
    await balance.begin(1.0)  # what `read` raises now ends no run


async def test_another_currency_is_not_compared(kimi: Running) -> None:
    """A balance in yuan is not held against an estimate in dollars; nothing left is nothing left in every currency."""
    account = settings.account(
        Job(inbox=".", provider="moonshot-cn", base_url=kimi.base_url), {}, key=kimi.key
    )
    assert replace(account).provider.currency == "CNY"

    async def read() -> float | None:
        return 1.0

    await Balance(read, account.provider.currency, hear=pytest.fail).begin(100.0)


@pytest.mark.parametrize(
    "said", [{"data": []}, {"data": None}, [], None, {}, {"data": {"available_balance": "much"}}]
)
async def test_what_cannot_be_read_is_not_told(said: Any) -> None:
    """A balance in a form that nobody knows is no balance, and no end of the run."""

    async def get(path: str) -> Any:
        return said

    account = settings.account(Job(inbox="."), {}, key="sk-emulator")
    assert await read_balance(get, account.provider) is None


async def test_a_trouble_of_the_moment_does_not_end_the_looking() -> None:
    """A balance that cannot be read just now is read again when it is due."""
    outcomes: list[Exception | float] = [Retryable("scaling"), 0.0]

    async def read() -> float | None:
        outcome = outcomes.pop(0)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    clock = iter(range(0, 10**6, 10**4))
    balance = Balance(read, "USD", hear=pytest.fail, clock=lambda: float(next(clock)))
    await balance.begin(1.0)
    with pytest.raises(AccessRefused):
        await balance.look_when_due(0.0)


@pytest.mark.prove
async def test_a_balance_that_fails_once_ends_no_run(kimi: Running, tmp_path: Path) -> None:
    """A 503 to the look before the run is passed over, in a run and where models are looked up."""
    kimi.config.faults += [Fault("server_unavailable", path="/users/me/balance", times=1)]
    assert (await run(kimi, tmp_path, [])).exit_code == 0
    kimi.config.faults[0].fired = 0
    account = settings.account(Job(inbox=".", base_url=kimi.base_url), {}, key=kimi.key)
    assert (await look_up(account))[1] is None
    assert (await look_up(account))[1] is not None


@pytest.mark.prove
async def test_the_balance_is_read_while_batches_are_waited_for(
    kimi: Running, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An account that is emptied while its batches are with the provider is said then; what is ordered stays ordered."""
    kimi.config.batch_step_s = 1_000_000.0
    monkeypatch.setattr(balances, "EVERY_S", 0.0)
    looks: list[float] = []

    async def read(get: Any, provider: Any) -> float | None:
        looks.append(0.0 if looks else 9.0)
        return looks[-1]

    monkeypatch.setattr(replies, "read_balance", read)
    ended = await run(kimi, tmp_path, [], mode="batch")
    assert (ended.exit_code, len(looks)) == (77, 2)
    assert "balance is 0.00 USD" in ended.stopped
    assert "in 1 batch stay with the provider" in ended.stopped
