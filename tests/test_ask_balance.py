"""The account's balance: said early when it will not do, and the end of asking when nothing is left."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from flows import order, settings
from flows.outcome import Outcome
from processors.ask.balance import EVERY_S, Balance
from schemas.errors import AccessRefused, ProviderUnavailable
from schemas.job import Job
from tests.emulator.config import Config
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
    plain = {"inbox": str(tmp_path / "inbox"), "out": str(tmp_path / "out"), "base_url": kimi.base_url, "extract": ["letter"]}
    job = Job.model_validate({**plain, **changes})
    return await order.run(job, settings.account(job, {}, key=kimi.key), hear=said.append)


async def test_a_low_balance_is_said_before_anything_is_asked(kimi: Running, tmp_path: Path) -> None:
    """A balance below the estimate is one sentence, said before the first call and again in the outcome; the run goes on."""
    kimi.config.balance_usd = 0.0002
    kimi.config.oracle = lambda body: said.append("asked") or labelled_lines(body)  # type: ignore[func-returns-value]
    said: list[str] = []
    ended = await run(kimi, tmp_path, said)
    assert (ended.exit_code, said[1:]) == (0, ["asked"])
    assert "may not be enough" in said[0]
    assert said[0] in ended.sentences


async def test_an_empty_account_asks_nothing(kimi: Running, tmp_path: Path) -> None:
    """A balance of nothing is exit code 77 without a call; the documents are read and listed, and a later run asks."""
    kimi.config.balance_usd = 0.0
    ended = await run(kimi, tmp_path, [])
    assert (ended.exit_code, ended.statuses, ended.rejects) == (77, {"ok": 1}, 1)
    assert "balance is 0.00 USD" in ended.stopped
    assert kimi.log.chats() == []
    kimi.config.balance_usd = 9.0
    assert (await run(kimi, tmp_path, [])).exit_code == 0


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
    replies: list[float | None] = [None]

    async def read() -> float | None:
        if not replies:
            raise ProviderUnavailable("gone")
        return replies.pop()

    clock = iter(range(0, 10**6, 10**4))
    balance = Balance(read, "USD", hear=pytest.fail, clock=lambda: float(next(clock)))
    await balance.begin(1.0)
    await balance.look_when_due(0.0)
    assert replies == []
    await balance.begin(1.0)  # what `read` raises now ends no run


async def test_another_currency_is_not_compared(kimi: Running) -> None:
    """A balance in yuan is not held against an estimate in dollars; nothing left is nothing left in every currency."""
    account = settings.account(Job(inbox=".", provider="moonshot-cn", base_url=kimi.base_url), {}, key=kimi.key)
    assert replace(account).provider.currency == "CNY"

    async def read() -> float | None:
        return 1.0

    await Balance(read, account.provider.currency, hear=pytest.fail).begin(100.0)
