"""Batches, over HTTP through the real SDK: the tables of a live run at 60 % of the price, and nothing paid twice whenever it is killed."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from octavo.flows import cli, order, settings
from octavo.flows.commands import waiting_batches
from octavo.flows.hooks import Hooks, StopSignal
from octavo.flows.outcome.outcome import Outcome
from octavo.processors.ask.batch.batches import Batches
from octavo.processors.ask.batch.file import line_of, results
from octavo.processors.ask.batch.orders import pending
from octavo.processors.ask.money.spending import Spending
from octavo.processors.ask.replies import Account, Asker
from octavo.processors.pack import windows as pack
from octavo.processors.store.warehouse import Warehouse
from octavo.schemas.compile.compiler import compile_question
from octavo.schemas.errors import Interrupted, SettingsError
from octavo.schemas.job import Job
from octavo.schemas.pipeline import Page
from tests.emulator.config import Config, Fault
from tests.emulator.fixture import Running, running
from tests.emulator.oracle import labelled_lines
from tests.proofs import slow

ROOT = Path(__file__).resolve().parents[1]
SCHEMA = {
    "type": "object",
    "description": "A parcel that was sent.",
    "properties": {"sender": {"type": "string"}, "weight": {"type": "number", "multipleOf": 0.01}},
}
QUICK = {"poll_s": [0.01, 0.05]}
LATER = 1_000_000.0  # a step of the provider that takes longer than any test


@pytest.fixture
def kimi() -> Iterator[Running]:
    """A Kimi that answers from lines such as `sender: Acme`, and batches at once."""
    config = Config(
        tier=5,
        timing=False,
        keep_bodies=True,
        oracle=labelled_lines,
        batch_step_s=0.01,
        batch_lines_per_s=10_000,
    )
    with running(config) as emulator:
        yield emulator


@pytest.fixture
def inbox(tmp_path: Path) -> Path:
    """A folder with six slips and the schema beside it."""
    (tmp_path / "parcel.json").write_text(json.dumps(SCHEMA), encoding="utf-8")
    folder = tmp_path / "inbox"
    folder.mkdir()
    for number in range(6):
        (folder / f"slip{number}.txt").write_text(
            f"Slip {number}\nsender: Sender {number} Ltd\nweight: {number}.25\n", encoding="utf-8"
        )
    return folder


def job_of(kimi: Running, inbox: Path, **changes: Any) -> Job:
    """A job with one document a window, so that six slips are six requests."""
    plain = {
        "inbox": str(inbox),
        "out": str(inbox.parent / "out"),
        "extract": [str(inbox.parent / "parcel.json")],
        "tier": 5,
    }
    return Job.model_validate(
        {**plain, "base_url": kimi.base_url, "mode": "batch", "max_documents_per_window": 1, **changes}
    )


def account_of(kimi: Running, job: Job, **rules: Any) -> Account:
    """The account of a job, at a provider that is asked often how a batch goes."""
    account = settings.account(job, {}, key=kimi.key)
    provider = replace(account.provider, batch={**account.provider.batch, **QUICK, **rules})
    return replace(account, provider=provider)


async def run(kimi: Running, job: Job, stop: StopSignal | None = None, **rules: Any) -> Outcome:
    """Do the job as `octavo run` does."""
    return await order.run(job, account_of(kimi, job, **rules), hooks=Hooks(stop=stop or StopSignal()))


def parcels(job: Job) -> list[dict[str, Any]]:
    """Values by path."""
    query = "SELECT documents.path, sender, weight FROM parcel JOIN documents USING (document) ORDER BY documents.path"
    return list(Warehouse(Path(job.out)).query(query).to_pylist())


def count(kimi: Running, kind: str) -> int:
    """How many requests of a kind were let in."""
    return sum(entry.kind == kind and entry.admitted for entry in kimi.journal)


def ledger(job: Job) -> Path:
    """The ledger of a job's folder."""
    return Path(job.out) / "ledger.sqlite"


async def until(happened: Any) -> None:
    """Wait for something."""
    async with asyncio.timeout(60):
        while not happened():  # noqa: ASYNC110 - what is waited for happens in another thread
            await asyncio.sleep(0.02)


async def test_the_tables_of_a_live_run_at_60_percent(kimi: Running, inbox: Path) -> None:
    """A batch run gives the tables of a live run; the provider bills 60 % of the price, and so do we."""
    live = job_of(kimi, inbox, mode="live", out=str(inbox.parent / "live"))
    paid = await run(kimi, live)
    job = job_of(kimi, inbox)
    ended = await run(kimi, job)
    assert parcels(job) == parcels(live)
    assert (ended.exit_code, ended.asked, ended.recalled, ended.maybe_paid) == (0, 6, 0, 0)
    lines = [entry for entry in kimi.paid() if entry.kind == "batch"]
    assert (len(lines), count(kimi, "batch_create"), count(kimi, "chat")) == (6, 1, 6)
    assert ended.cost_usd == pytest.approx(sum(entry.cost_usd for entry in lines))
    model = settings.catalogue().models["kimi-k2.6"]
    full_usd = sum(
        model.cost_usd(entry.prompt_tokens, entry.reply_tokens, entry.cached_tokens) for entry in lines
    )
    assert ended.cost_usd == pytest.approx(0.6 * full_usd)
    assert sum(row["cost_usd"] for row in Warehouse(Path(job.out)).rows("requests")) == pytest.approx(
        ended.cost_usd
    )
    assert ended.cost_usd < 0.65 * paid.cost_usd


async def test_nothing_is_left_with_the_provider(kimi: Running, inbox: Path) -> None:
    """Once its replies are on disk, the files of a batch are removed from the provider; a rerun asks nothing."""
    job = job_of(kimi, inbox)
    await run(kimi, job)
    assert kimi.emulator.state.files == {}
    again = await run(kimi, job)
    assert (again.changed, again.asked, count(kimi, "batch_create")) == (False, 0, 1)


@pytest.mark.prove
async def test_large_work_is_several_files(kimi: Running, inbox: Path) -> None:
    """A file has no more lines and bytes than the provider takes; each is a batch of its own, and all are waited for."""
    job = job_of(kimi, inbox)
    ended = await run(kimi, job, max_lines=4)
    assert (ended.exit_code, count(kimi, "upload"), ended.asked) == (0, 2, 6)
    small = job_of(kimi, inbox, out=str(inbox.parent / "small"))
    ended = await run(kimi, small, max_bytes=3_000)
    assert count(kimi, "upload") > 4
    assert (ended.exit_code, count(kimi, "chat")) == (0, 0)
    assert parcels(small) == parcels(job)


async def test_refused_lines_are_asked_live(kimi: Running, inbox: Path) -> None:
    """A line in the error file is free and has its reason; its request is asked live, and the others are not asked again."""
    kimi.config.faults.append(Fault("server_error", match="Sender 2", path="/batches"))
    job = job_of(kimi, inbox)
    ended = await run(kimi, job)
    assert (ended.exit_code, ended.asked, count(kimi, "chat")) == (0, 6, 1)
    assert len(parcels(job)) == 6
    assert len(kimi.paid()) == 6
    assert ended.cost_usd == pytest.approx(sum(entry.cost_usd for entry in kimi.paid()))


@pytest.mark.prove
async def test_batch_only_asks_nothing_live(kimi: Running, inbox: Path) -> None:
    """With `batch-only`, what a batch did not answer is a row in `rejects`, and the next run orders it again."""
    kimi.config.faults.append(Fault("server_error", match="Sender 2", path="/batches", times=1))
    job = job_of(kimi, inbox, mode="batch-only")
    ended = await run(kimi, job)
    assert (ended.exit_code, ended.not_asked, count(kimi, "chat")) == (2, 1, 0)
    (reject,) = Warehouse(Path(job.out)).rows("rejects")
    assert reject["reason"] == "not_asked"
    again = await run(kimi, job)
    assert (again.exit_code, again.asked, count(kimi, "chat"), len(kimi.paid())) == (0, 1, 0, 6)


async def test_a_wrong_answer_from_a_batch_is_asked_again_live(kimi: Running, inbox: Path) -> None:
    """A reply of a batch is checked like any other: what fails is asked once more, by a call."""
    kimi.config.faults.append(Fault("not_json", match="Sender 4", path="/batches"))
    job = job_of(kimi, inbox)
    ended = await run(kimi, job)
    assert (ended.exit_code, ended.asked, count(kimi, "chat")) == (0, 7, 1)
    assert len(parcels(job)) == 6


async def test_an_expired_batch_keeps_what_it_answered(kimi: Running, inbox: Path) -> None:
    """What an expired batch answered is kept and paid once; the rest is asked live."""
    kimi.config.batch_lines_per_s, kimi.config.timing, kimi.config.time_scale = 3 / 43_200, True, 1_000_000.0
    job = job_of(kimi, inbox)
    ended = await run(kimi, job, window="12h")
    answered = sum(entry.kind == "batch" for entry in kimi.paid())
    assert 0 < answered < 6
    assert (ended.exit_code, count(kimi, "chat"), len(kimi.paid())) == (0, 6 - answered, 6)
    assert kimi.asked_twice() == []


@pytest.mark.prove
async def test_a_batch_that_is_not_accepted_is_asked_live(kimi: Running, inbox: Path) -> None:
    """A file that fails validation costs nothing; each request has that reason in the ledger and is asked live."""
    job = job_of(kimi, inbox)
    account = account_of(kimi, job)
    kimi.config.retired.add("kimi-k2.6")

    def back(status: dict[str, Any]) -> None:
        if status["status"] == "failed":
            kimi.config.retired.clear()

    ended = await run_watching(job, account, back)
    assert (ended.exit_code, count(kimi, "batch"), count(kimi, "chat")) == (0, 0, 6)
    with sqlite3.connect(ledger(job)) as connection:
        reasons = connection.execute(
            "SELECT DISTINCT error, billed_nano FROM ends WHERE error IS NOT NULL"
        ).fetchall()
    assert len(reasons) == 1
    assert "cannot be used in a batch" in reasons[0][0]
    assert reasons[0][1] == 0


async def run_watching(job: Job, account: Account, watch: Any) -> Outcome:
    """Do the job and show each status of a batch to `watch`."""
    from octavo.processors.ask.batch.calls import BatchCalls

    plain = BatchCalls.status

    async def status(self: BatchCalls, order: Any) -> dict[str, Any]:
        found = await plain(self, order)
        watch(found)
        return found

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(BatchCalls, "status", status)
        return await order.run(job, account)


@pytest.mark.prove
async def test_an_interrupted_wait_says_how_to_go_on(kimi: Running, inbox: Path) -> None:
    """A run that is asked to end while it waits leaves the batch where it is and says so; the next one fetches it."""
    kimi.config.batch_step_s = LATER
    job, stop = job_of(kimi, inbox), StopSignal()
    working = asyncio.create_task(run(kimi, job, stop))
    await until(lambda: count(kimi, "batch_get"))
    stop.error = Interrupted(signal.SIGINT)
    ended = await working
    assert ended.exit_code == 130
    assert "6 requests in 1 batch stay with the provider" in ended.stopped
    assert (ended.cost_usd, ended.maybe_paid, count(kimi, "chat")) == (0, 0, 0)
    refused = await run(kimi, job.model_copy(update={"mode": "live"}))
    assert refused.exit_code == 1
    assert "--mode batch" in refused.stopped
    assert (count(kimi, "batch_create"), kimi.paid()) == (1, [])


async def test_a_batch_that_waits_counts_for_other_runs(
    kimi: Running, inbox: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run may end before its batch: a shared cap keeps what that may cost, and a run on another folder has only the rest."""
    monkeypatch.setenv("OCTAVO_HOME", str(inbox.parent / "home"))
    kimi.config.batch_step_s = LATER
    job, stop = job_of(kimi, inbox, project="p", budget_project_usd=0.0075), StopSignal()
    account = replace(account_of(kimi, job), caps=settings.caps(job))
    working = asyncio.create_task(order.run(job, account, hooks=Hooks(stop=stop)))
    await until(lambda: count(kimi, "batch_get"))
    stop.end(Interrupted(signal.SIGINT))
    await working
    (waiting,) = pending(ledger(job))
    other = await order.run(
        job.model_copy(update={"out": str(inbox.parent / "other"), "mode": "live"}), account
    )
    assert "project p is reached" in other.stopped
    assert 0 < other.cost_usd <= 0.0075 - waiting.reserved_usd
    shared = Spending(inbox.parent / "home" / "spending.sqlite", project="p", run="")
    assert shared.total_usd("project p") == pytest.approx((other.cost_usd, waiting.reserved_usd))


@pytest.mark.prove
async def test_ctrl_c_leaves_the_batch_where_it_is(kimi: Running, inbox: Path) -> None:
    """`octavo run --mode batch` hears a signal within a second or so, ends with 130, and tells how the batch is fetched."""
    kimi.config.batch_step_s = LATER
    job = job_of(kimi, inbox)
    flags = [
        job.inbox,
        "--out",
        job.out,
        "--extract",
        *job.extract,
        "--base-url",
        kimi.base_url,
        "--mode",
        "batch",
        "--yes",
    ]
    command = [sys.executable, "-m", "octavo.flows.cli", "run", *flags]
    environ = {**os.environ, "MOONSHOT_API_KEY": kimi.key}
    started = subprocess.Popen(  # noqa: ASYNC220 - starting takes no time
        command, cwd=ROOT, env=environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    await until(lambda: count(kimi, "batch_get"))
    started.send_signal(signal.SIGINT)
    _, said = await asyncio.to_thread(started.communicate, timeout=60)
    assert started.returncode == 130
    assert "run the same again" in said
    assert count(kimi, "batch_cancel") == 0


async def test_a_batch_that_vanished_is_maybe_paid(kimi: Running, inbox: Path) -> None:
    """When the provider no longer knows a batch, nobody knows the bill: the worst is counted, and all is asked live."""
    kimi.config.batch_step_s = LATER
    job, stop = job_of(kimi, inbox), StopSignal()
    working = asyncio.create_task(run(kimi, job, stop))
    await until(lambda: count(kimi, "batch_get"))
    stop.error = Interrupted(signal.SIGINT)
    await working
    (waiting,) = pending(ledger(job))
    kimi.emulator.state.batches.clear()
    ended = await run(kimi, job.model_copy(update={"mode": "live"}))
    assert (ended.exit_code, ended.maybe_paid, count(kimi, "chat")) == (0, 6, 6)
    assert ended.cost_usd == pytest.approx(
        waiting.reserved_usd + sum(entry.cost_usd for entry in kimi.paid())
    )


@pytest.mark.prove
async def test_a_document_of_many_windows_is_ordered_once(kimi: Running, inbox: Path) -> None:
    """The parts of a document that is longer than a window go into one batch, and their answers become one row."""
    lines = "".join(f"line {number} of a long slip\n" for number in range(4_000))
    (inbox / "slip0.txt").write_text(f"sender: Sender 0 Ltd\n{lines}weight: 0.25\n", encoding="utf-8")
    job = job_of(kimi, inbox)
    account = account_of(kimi, job)
    ended = await order.run(job, replace(account, model=replace(account.model, context_tokens=16_000)))
    assert ended.asked > 6
    assert (ended.exit_code, ended.asked, count(kimi, "chat"), count(kimi, "batch_create")) == (
        0,
        len(kimi.paid()),
        0,
        1,
    )
    assert (parcels(job)[0]["sender"], str(parcels(job)[0]["weight"])) == ("Sender 0 Ltd", "0.25")


@pytest.mark.prove
async def test_the_second_pass_goes_in_a_batch_too(kimi: Running, inbox: Path) -> None:
    """What was answered live once is asked a second time at the price of a batch, as the plan says, and nothing of it live."""
    job = job_of(kimi, inbox)
    await run(kimi, job.model_copy(update={"mode": "live"}))
    calls, twice = count(kimi, "chat"), job.model_copy(update={"passes": 2})
    said = await order.plan(twice, account_of(kimi, job))
    ended = await run(kimi, twice)
    assert (ended.exit_code, ended.asked, ended.single_pass) == (0, said.cost.requests, 0)
    assert (count(kimi, "chat"), count(kimi, "batch_create")) == (calls, 1)


async def test_the_plan_is_at_the_batch_price(kimi: Running, inbox: Path) -> None:
    """The price that is told before is that of the batch."""
    job = job_of(kimi, inbox)
    live = await order.plan(job.model_copy(update={"mode": "live"}), account_of(kimi, job))
    batch = await order.plan(job, account_of(kimi, job))
    assert (batch.cost.usd, batch.cost.worst_usd) == pytest.approx(
        (0.6 * live.cost.usd, 0.6 * live.cost.worst_usd)
    )


@pytest.mark.prove
async def test_a_batch_can_be_ended(kimi: Running, inbox: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`octavo batch` lists what waits and `--cancel` ends it; the next run keeps what was answered and asks the rest."""
    kimi.config.batch_lines_per_s, kimi.config.timing = 1.0, True
    job, stop = job_of(kimi, inbox), StopSignal()
    working = asyncio.create_task(run(kimi, job, stop))
    await until(kimi.paid)
    stop.error = Interrupted(signal.SIGINT)
    await working
    (waiting,) = waiting_batches.waiting(Path(job.out))
    assert cli.main(["batch", "--out", job.out]) == 0
    assert waiting.batch[:12] in capsys.readouterr().out
    status = await waiting_batches.cancel(job, waiting.batch, {"MOONSHOT_API_KEY": kimi.key})
    assert status == "cancelling"
    with pytest.raises(SettingsError, match="No batch"):
        await waiting_batches.cancel(job, "batch_other", {})
    kimi.config.timing = False
    await until(lambda: [batch.status for batch in kimi.emulator.state.batches.values()] == ["cancelled"])
    answered = len(kimi.paid())
    ended = await run(kimi, job.model_copy(update={"mode": "live"}))
    assert (ended.exit_code, count(kimi, "chat"), len(kimi.paid())) == (0, 6 - answered, 6)
    assert len(parcels(job)) == 6
    assert waiting_batches.waiting(Path(job.out)) == []


KILLED = """
import asyncio, os, signal, sys
from dataclasses import replace
from octavo.flows import order, settings
from octavo.processors.ask.api import chat
from octavo.processors.ask.batch import calls, orders
from octavo.schemas.job import Job

def then_die(owner, name):
    plain = getattr(owner, name)
    async def step(*args, **kwargs):
        made = await plain(*args, **kwargs)
        os.kill(os.getpid(), signal.SIGKILL)
        return made
    setattr(owner, name, step)

def die_first(owner, name):
    def step(*args, **kwargs):
        os.kill(os.getpid(), signal.SIGKILL)
    setattr(owner, name, step)

job, key, at = Job.model_validate_json(sys.argv[1]), sys.argv[2], sys.argv[3]
owner, name = {"Chat": chat.Chat, "Orders": orders.Orders, "BatchCalls": calls.BatchCalls}[at.split(".")[0]], at.split(".")[1]
(die_first if sys.argv[4] == "before" else then_die)(owner, name)
account = settings.account(job, {}, key=key)
account = replace(account, provider=replace(account.provider, batch={"poll_s": [0.01, 0.05]}))
asyncio.run(order.run(job, account))
"""


@pytest.mark.parametrize(
    ("at", "when", "batches"),
    [
        pytest.param("Orders.intend", "before", 0, marks=pytest.mark.prove),
        pytest.param("BatchCalls.upload", "before", 0, marks=pytest.mark.prove),  # the intent is on disk
        slow("Chat.upload", "after", 0),  # the file is there, its id is not on disk
        pytest.param(
            "BatchCalls.create", "before", 0, marks=pytest.mark.prove
        ),  # the id of the file is on disk
        ("BatchCalls.create", "after", 1),  # the batch is made, its id is not on disk
        pytest.param("BatchCalls.status", "before", 1, marks=pytest.mark.prove),  # in progress
        slow("BatchCalls.content", "before", 1),  # over, nothing fetched
        ("Orders.done", "before", 1),  # fetched, not on disk
        pytest.param("BatchCalls.delete", "before", 1, marks=pytest.mark.prove),  # on disk, files not removed
    ],
)
async def test_kill_9_at_every_step(kimi: Running, inbox: Path, at: str, when: str, batches: int) -> None:
    """Whenever a run is killed, the next one takes the batch up: one batch in all, nothing paid twice, and the same tables."""
    job = job_of(kimi, inbox)
    environ = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", KILLED, job.model_dump_json(), kimi.key, at, when]
    killed = await asyncio.to_thread(
        subprocess.run, command, cwd=ROOT, env=environ, capture_output=True, text=True, check=False
    )
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    assert count(kimi, "batch_create") == batches
    ended = await run(kimi, job)
    assert (ended.exit_code, count(kimi, "batch_create"), count(kimi, "chat"), len(kimi.paid())) == (
        0,
        1,
        0,
        6,
    )
    assert kimi.asked_twice() == []
    assert [str(row["weight"]) for row in parcels(job)] == [f"{number}.25" for number in range(6)]
    assert pending(ledger(job)) == []
    assert ended.maybe_paid == 0
    if at != "BatchCalls.delete":  # the bill is then the killed run's
        assert ended.cost_usd == pytest.approx(sum(entry.cost_usd for entry in kimi.paid()))


async def test_a_lost_answer_to_an_order_makes_no_second_batch(
    kimi: Running, inbox: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When the connection breaks after the provider made the batch, it is looked for before another one is made."""
    from octavo.processors.ask.api.chat import Chat, Retryable

    plain = Chat.post
    broken: list[str] = []

    async def post(self: Chat, path: str, body: Any = None) -> bytes:
        made = await plain(self, path, body)
        if not broken:
            broken.append(path)
            message = "The connection broke."
            raise Retryable(message, wait_s=0.0, maybe_paid=True)
        return made

    monkeypatch.setattr(Chat, "post", post)
    ended = await run(kimi, job_of(kimi, inbox))
    assert broken == ["/batches"]
    assert (ended.exit_code, count(kimi, "batch_create"), len(kimi.paid())) == (0, 1, 6)


@pytest.mark.prove
async def test_trouble_at_the_door_is_waited_out(kimi: Running, inbox: Path) -> None:
    """Uploads, orders and looks that the provider asks to make later are made later, and no document is lost."""
    kimi.config.faults += [
        Fault("overloaded", path="/files", times=1),
        Fault("server_unavailable", path="/batches", times=1),
    ]
    ended = await run(kimi, job_of(kimi, inbox))
    assert (ended.exit_code, count(kimi, "batch_create"), len(kimi.paid())) == (0, 1, 6)


async def test_a_refused_key_is_77_and_nothing_is_meant_any_more(kimi: Running, inbox: Path) -> None:
    """A key that is refused at the upload ends the run with exit code 77; the order is dropped, since nothing was made."""
    job = job_of(kimi, inbox)
    ended = await order.run(job, replace(account_of(kimi, job), key="sk-wrong-key-canary"))
    assert ended.exit_code == 77
    assert "canary" not in ended.stopped
    assert (await run(kimi, job)).exit_code == 0
    assert pending(ledger(job)) == []


async def test_the_budget_reserves_at_the_batch_price(kimi: Running, inbox: Path) -> None:
    """A cap is never passed: what has no room at its worst is ordered when earlier batches have settled, or not at all."""
    whole = await run(kimi, job_of(kimi, inbox, out=str(inbox.parent / "whole")))
    kimi.reset()
    job = job_of(kimi, inbox, budget_usd=0.0045)
    ended = await run(kimi, job)
    assert ended.cost_usd <= 0.0045
    assert ended.cost_usd == pytest.approx(sum(entry.cost_usd for entry in kimi.paid()))
    assert count(kimi, "batch_create") > 1
    assert ended.exit_code == 0
    assert ended.cost_usd == pytest.approx(whole.cost_usd)
    none = await run(kimi, job_of(kimi, inbox, out=str(inbox.parent / "none"), budget_usd=0.000_001))
    assert (none.exit_code, none.cost_usd) == (3, 0)


@pytest.mark.parametrize("model", ["kimi-k3", "kimi-k3.1-pro", "kimi-k2.7-code-highspeed"])
def test_a_model_without_batches_says_so(model: str) -> None:
    """Asking for batches of a model that takes none is an error of settings before anything is read."""
    job = Job(inbox=".", model=model, mode="batch")
    with pytest.raises(SettingsError, match="takes no batches"):
        settings.account(job, {}, key="sk-any")


async def test_the_pauses_grow(kimi: Running, inbox: Path, tmp_path: Path) -> None:
    """The provider is asked after 10 s first and then ever more seldom, up to once a minute."""
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)
        if sum(slept) > 300:
            kimi.config.batch_step_s = 0.0
        await asyncio.sleep(0)

    account = settings.account(job_of(kimi, inbox), {}, key=kimi.key)
    async with Asker(account, tmp_path / "ledger.sqlite", run="test", count=pack.counter(None)) as asker:
        batches: Batches = asker.batches(lambda: sum(slept) > 300, lambda *_: None)
        batches.sleep = sleep
        kimi.config.batch_step_s = LATER
        (window,) = pack.windows(
            [Page("0" * 64, 1, "sender: Acme")], pack.counter(None), pack.Bounds(100_000, 5)
        )

        async def requests() -> Any:
            yield asker.request(window, compile_question("letter"))

        await batches.order(requests())
    looks = count(kimi, "batch_get")
    assert max(slept) <= 1.0  # a wish to end is heard within a second
    assert looks == 1 + len([10, 15, 22.5, 33.75, 50.625, 60, 60, 60])


def test_lines_keep_to_the_rules(kimi: Running, inbox: Path, tmp_path: Path) -> None:
    """A line has the four fields, its id is the fingerprint, no reader of lines can break it, and sampling keeps it out."""
    asker = Asker(
        account_of(kimi, job_of(kimi, inbox)),
        tmp_path / "ledger.sqlite",
        run="test",
        count=pack.counter(None),
    )
    (window,) = pack.windows(
        [Page("0" * 64, 1, "a\u2028b\x85c")], pack.counter(None), pack.Bounds(100_000, 5)
    )
    request = asker.request(window, compile_question("letter"))
    asker.ledger.close()
    line = line_of(request, "/v1/chat/completions")
    assert len(line.decode().splitlines()) == 1
    data = json.loads(line)
    assert (data["custom_id"], data["method"], data["url"]) == (
        request.fingerprint,
        "POST",
        "/v1/chat/completions",
    )
    assert data["body"] == request.body
    assert line_of(replace(request, body={**request.body, "temperature": 0}), "/v1") == b""


@pytest.mark.parametrize(
    ("line", "found"),
    [
        (
            {"custom_id": "a", "response": {"status_code": 200, "body": {"x": 1}}, "error": None},
            [("a", '{"x": 1}', "")],
        ),
        (
            {"custom_id": "a", "response": {"status_code": 400, "body": {"error": {"message": "no"}}}},
            [("a", None, "no")],
        ),
        ({"custom_id": "a", "response": None, "error": {"message": "no"}}, [("a", None, "no")]),
        ({"custom_id": "a", "error": "no"}, [("a", None, "no")]),
        (
            {"custom_id": "a", "response": {"status_code": 200, "body": None}},
            [("a", None, "no reply and no reason")],
        ),
        ({"response": {"status_code": 200, "body": {}}}, []),
        ("text", []),
    ],
)
def test_lines_that_come_back(line: Any, found: list[Any]) -> None:
    """A line is a reply, a reason, or names no request; nothing raises."""
    assert list(results(json.dumps(line).encode() + b"\n\nnot json\n")) == found
