"""Workers elsewhere: the same tables, one account, nothing paid twice whoever dies, and sentences where they cannot be used."""

from __future__ import annotations

import asyncio
import json
import os
import pickle
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from octavo.flows import leases, order, settings
from octavo.flows.hooks import Hooks, StopSignal
from octavo.flows.outcome.outcome import Outcome
from octavo.flows.prefect_run.processes import descendants
from octavo.flows.runners import bench, likeness, remote_workers
from octavo.flows.runners.chosen import workers_of
from octavo.flows.runners.parcel import (
    Delivery,
    Parcel,
    RunTerms,
    pack_readings,
    pack_tasks,
    readings_of,
    tasks_of,
)
from octavo.flows.stored_replies import WindowTask
from octavo.processors.ask.ledger import Ledger
from octavo.processors.pack import windows as pack
from octavo.processors.read.pages import Reading
from octavo.processors.store.warehouse import Warehouse
from octavo.schemas.errors import BudgetReached, Interrupted, SettingsError, UsageError
from octavo.schemas.job import Job
from octavo.schemas.pipeline import Document, Page
from tests.dask_workers import COMMANDS, PORT, Cluster, dask_cluster
from tests.emulator.config import Config
from tests.emulator.fixture import Running, running
from tests.emulator.oracle import labelled_lines
from tests.prefect_server import ROOT, wait_for
from tests.proofs import slow

SLIPS = 14
KEY = "sk-emulator"
TABLES = ("documents", "pages", "parcel", "evidence", "rejects", "requests", "summary", "review")
UNTOLD = {"run", "sent_at", "seconds", "attempts", "cached_tokens", "cost_usd"}  # of a run, and of its time
MODEL = """
import os, threading
from pydantic import BaseModel, field_validator

class Parcel(BaseModel):
    '''A parcel that was sent.'''
    sender: str | None = None
    weight: float | None = None

    @field_validator("sender")
    @classmethod
    def refuse(cls, value):
        if value == "Killer" and any(one.name == "octavo-worker" for one in threading.enumerate()):
            os.kill(os.getpid(), 9)
        return value
"""


@pytest.fixture
def kimi() -> Iterator[Running]:
    """A Kimi whose replies take a few tenths of a second."""
    with running(Config(tier=5, oracle=labelled_lines, ttft_s=0.2, tokens_per_s=800, jitter=0.0)) as emulator:
        yield emulator


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The OCTAVO_HOME of the cluster."""
    return tmp_path_factory.mktemp("shared-home")


@pytest.fixture(scope="module")
def dask(tmp_path_factory: pytest.TempPathFactory, home: Path) -> Iterator[Cluster]:
    """One cluster for all tests that leave it whole; a nanny replaces a worker that dies."""
    environ = {"OCTAVO_HOME": str(home), "MOONSHOT_API_KEY": KEY}
    with dask_cluster(tmp_path_factory.mktemp("dask"), environ) as cluster:
        yield cluster


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch, home: Path) -> None:
    """Run and workers have the same home and key."""
    monkeypatch.setenv("OCTAVO_HOME", str(home))
    monkeypatch.setenv("MOONSHOT_API_KEY", KEY)


@pytest.fixture
def inbox(tmp_path: Path) -> Path:
    """Slips, of which one is empty, one in a mail, one twice, one broken; and the schema beside them."""
    folder = tmp_path / "inbox"
    folder.mkdir()
    (tmp_path / "parcel.py").write_text(MODEL, encoding="utf-8")
    for number in range(SLIPS):
        text = f"Parcel slip {number}\nsender: Sender Number {number} Ltd\nweight: {number + 0.25}\n"
        (folder / f"slip{number:02}.txt").write_text(text, encoding="utf-8")
    shutil.copy(folder / "slip03.txt", folder / "twin.txt")
    (folder / "empty.txt").write_bytes(b"")
    (folder / "broken.pdf").write_bytes(b"%PDF-1.7\nnothing of the kind")
    return folder


def job_of(kimi: Running, inbox: Path, runner: str, **changes: Any) -> Job:
    """Small windows, so that there are many batches."""
    out = inbox.parent / "".join(letter for letter in runner if letter.isalnum())
    given = {"inbox": str(inbox), "out": str(out), "extract": [f"{inbox.parent}/parcel.py:Parcel"]}
    limits = {"tier": 5, "rpm": 10**6, "concurrency": 4, "max_documents_per_window": 1}
    return Job.model_validate(
        {**given, "base_url": kimi.base_url, **limits, "runner": runner, "approved": True, **changes}
    )


async def run(job: Job) -> Outcome:
    """Do the job as `octavo run` does."""
    same_secret(Path(job.out))
    return await order.run(job, settings.account(job), hooks=Hooks(workers=workers_of(job)))


def same_secret(out: Path) -> None:
    """Give the ledger of a new folder a known secret, so that requests are the same in each, to the letter."""
    if not out.exists():
        out.mkdir()
        Ledger(out / "ledger.sqlite").close()
        with sqlite3.connect(out / "ledger.sqlite") as file:
            file.execute("UPDATE meta SET value = ? WHERE key = 'secret'", (b"s" * 32,))


def tables(job: Job) -> dict[str, list[dict[str, Any]]]:
    """All rows without ids of runs and times."""
    warehouse = Warehouse(Path(job.out))
    return {
        name: [
            {column: value for column, value in row.items() if column not in UNTOLD}
            for row in warehouse.rows(name)
        ]
        for name in TABLES
    }


def start(job: Job) -> subprocess.Popen[str]:
    """`octavo run` of a job, as a process."""
    same_secret(Path(job.out))
    file = Path(job.out).parent / "job.yaml"
    file.write_text(job.model_dump_json(exclude_defaults=True), encoding="utf-8")
    command = [sys.executable, "-m", "octavo", "run", "--job", str(file)]
    return subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True)


def at(moment: Callable[[], object], act: Callable[[], object]) -> threading.Thread:
    """Act as soon as the moment has come, beside what goes on."""

    def look() -> None:
        wait_for(moment, "it", 120)
        act()

    thread = threading.Thread(target=look, daemon=True)
    thread.start()
    return thread


def in_flight(kimi: Running) -> int:
    """Calls that have come and not ended."""
    return sum(not entry.ended_s for entry in kimi.log.chats())


@pytest.mark.parametrize("runner", [slow("processes:2"), "dask"])
async def test_tables_are_the_same(
    kimi: Running, inbox: Path, runner: str, request: pytest.FixtureRequest
) -> None:
    """Whoever works on batches, all tables are those of a run in one process: values, evidence, requests, reasons."""
    if runner == "dask":
        runner = f"dask:{request.getfixturevalue('dask').address}"
    kimi.config.timing = False
    undisturbed, job = job_of(kimi, inbox, "here"), job_of(kimi, inbox, runner)
    ended, other = await run(undisturbed), await run(job)
    assert (other.rows, other.exit_code, other.asked) == (ended.rows, ended.exit_code, ended.asked), (
        other.sentences
    )
    assert other.cost_usd == pytest.approx(ended.cost_usd)
    assert tables(job) == tables(undisturbed)
    again = await run(job)
    assert (again.asked, again.changed) == (0, False)


async def test_a_worker_that_is_killed_costs_what_it_had_in_flight(
    kimi: Running, inbox: Path, dask: Cluster
) -> None:
    """Kill -9 of a worker in the middle: tables as undisturbed, and of calls only those in flight are asked again."""
    undisturbed = job_of(kimi, inbox, "here")
    await run(undisturbed)
    kimi.reset()
    job, lost = job_of(kimi, inbox, f"dask:{dask.address}"), list[int]()

    def kill() -> None:
        lost.append(in_flight(kimi))
        os.kill(dask.worker_pids()[0], signal.SIGKILL)

    killing = at(lambda: len(kimi.paid()) >= 4, kill)
    ended = await run(job)
    killing.join()
    assert ended.exit_code == 2  # for the broken file, as undisturbed
    assert tables(job) == tables(undisturbed)
    assert len(kimi.asked_twice()) <= 4  # as many as may be in flight
    assert len(kimi.paid()) <= SLIPS + 4
    wait_for(lambda: len(dask.worker_pids()) == 2, "it", 120)


@pytest.mark.prove
async def test_a_batch_that_kills_every_worker_gets_a_row(
    kimi: Running, inbox: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What kills each worker that takes it is given up after a few, alone, with its reason; all else is answered."""
    monkeypatch.setattr(remote_workers, "WINDOWS_PER_PARCEL", (2, 2))
    kimi.config.timing = False
    (inbox / "slip05.txt").write_text("Parcel slip 5\nsender: Killer\nweight: 1\n", encoding="utf-8")
    job = job_of(kimi, inbox, "processes:2")
    ended = await run(job)
    assert ended.rows == {"parcel": SLIPS - 1}
    (reject,) = Warehouse(Path(job.out)).rows("rejects")
    assert (reject["reason"], reject["question"]) == ("crashed", "parcel")
    assert "Each of 3 workers that took it died" in reject["detail"]
    assert kimi.asked_twice() == []  # its reply is in the ledger each time


def test_pieces_of_one_document_are_never_parted() -> None:
    """A batch is halved between documents only: pieces become one answer, and half of them would look like a whole one."""

    def task(document: str, role: str) -> Any:
        part = SimpleNamespace(role=role, document=document)
        return SimpleNamespace(window=SimpleNamespace(parts=(part,)))

    pieces = [task("long", "piece")] * 4
    assert remote_workers._middle("ask", pieces) == 0
    assert remote_workers._middle("ask", [*pieces, task("short", "document")]) == 4
    assert remote_workers._middle("ask", [task("a", "document")] * 4) == 2
    assert remote_workers._middle("ask", pieces[:1]) == 0
    assert remote_workers._middle("read", pieces) == 2


@pytest.mark.prove
@pytest.mark.usefixtures("shared_state")
async def test_workers_share_a_state_on_a_server(
    kimi: Running, inbox: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With ledger, limits and lock in PostgreSQL, workers make the same rows, and a later run with other workers asks nothing."""
    monkeypatch.setenv("OCTAVO_HOME", str(tmp_path / "home"))  # which is of that state from now on
    job = job_of(kimi, inbox, "processes:2")
    for asked in (SLIPS, 0):
        ended = await order.run(job, settings.account(job), hooks=Hooks(workers=workers_of(job)))
        assert (ended.asked, ended.rows) == (asked, {"parcel": SLIPS}), ended.sentences
    assert kimi.asked_twice() == []
    assert not (Path(job.out) / "ledger.sqlite").exists()


@pytest.mark.parametrize("number", [signal.SIGKILL, slow(signal.SIGINT)])
def test_a_run_that_ends_leaves_nothing_to_be_paid_twice(
    kimi: Running, inbox: Path, number: signal.Signals
) -> None:
    """Killed or interrupted in the middle, and run again at once: calls in flight are awaited by the workers, and no call is paid twice."""
    kimi.config.ttft_s = 1.5
    job = job_of(kimi, inbox, "processes:2")
    first = start(job)
    wait_for(lambda: first.poll() is not None or (len(kimi.paid()) >= 4 and in_flight(kimi)), "it", 240)
    workers = [pid for pid in descendants(first.pid) if Path(f"/proc/{pid}").exists()]
    first.send_signal(number)
    first.wait(120)  # else a killed one is there still, and its workers wait for its word
    _, said = first.communicate(timeout=120)
    assert first.returncode == (-9 if number == signal.SIGKILL else 130), said
    kimi.config.ttft_s = 0.1
    second = start(job)
    _, said = second.communicate(timeout=120)
    assert second.returncode == 0, said  # the broken file is of the first run
    assert kimi.asked_twice() == []
    assert Warehouse(Path(job.out)).size("parcel") == SLIPS
    wait_for(lambda: not any(map(_lives, workers)), "it", 60)


@pytest.mark.prove
async def test_a_scheduler_that_dies_leaves_a_state_to_go_on_from(
    kimi: Running, inbox: Path, tmp_path: Path, home: Path
) -> None:
    """The run ends with 69 and a sentence, keeps what is paid, and a rerun pays no call twice but those that the workers had in flight."""
    job = job_of(kimi, inbox, "here")
    with dask_cluster(tmp_path, {"OCTAVO_HOME": str(home), "MOONSHOT_API_KEY": KEY}, workers=1) as cluster:
        lost = job.model_copy(update={"runner": f"dask:{cluster.address}"})
        killing = at(lambda: len(kimi.paid()) >= 4, cluster.scheduler.kill)
        ended = await run(lost)
        killing.join()
        assert ended.exit_code == 69
        assert "scheduler" in ended.stopped
        assert "run again" in ended.stopped
        rest = await run(job)
    assert rest.rows == {"parcel": SLIPS}
    assert len(kimi.asked_twice()) <= 4


@pytest.mark.parametrize("workers", [2, pytest.param(4, marks=pytest.mark.prove)])
async def test_processes_share_one_account(kimi: Running, inbox: Path, workers: int) -> None:
    """All workers together keep the limits of the account, at the provider's count, and the budget of the run, to the cent."""
    kimi.config.concurrency, kimi.config.rpm = 3, 600
    job = job_of(kimi, inbox, f"processes:{workers}", concurrency=3, rpm=600)
    ended = await run(job)
    assert ended.rows == {"parcel": SLIPS}
    assert kimi.breaches() == []
    assert max(entry.in_flight for entry in kimi.log.chats()) <= 3
    a_third = sum(entry.cost_usd for entry in kimi.paid()) / 3
    kimi.reset()
    job = job.model_copy(update={"out": f"{job.out}-capped", "budget_usd": a_third})
    ended = await run(job)
    assert ended.exit_code == 3
    assert sum(entry.cost_usd for entry in kimi.paid()) <= a_third
    assert ended.cost_usd == pytest.approx(sum(entry.cost_usd for entry in kimi.paid()))


async def test_a_worker_that_is_unlike_is_refused(
    kimi: Running, inbox: Path, dask: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another key, home or version is a sentence that says what to set, and no call."""
    job = job_of(kimi, inbox, f"dask:{dask.address}")
    monkeypatch.setenv("MOONSHOT_API_KEY", "sk-of-somebody-else")
    ended = await run(job)
    assert (ended.exit_code, "has another key" in ended.stopped) == (1, True)
    assert "sk-" not in ended.stopped
    monkeypatch.setenv("MOONSHOT_API_KEY", KEY)
    monkeypatch.setenv("OCTAVO_HOME", str(tmp_path / "elsewhere"))
    ended = await run(job)
    assert (ended.exit_code, "same OCTAVO_HOME" in ended.stopped) == (1, True)
    monkeypatch.setattr(likeness, "version", lambda _: "9.9")
    with pytest.raises(SettingsError, match=r"has Octavo .*9\.9"):
        await run(job)
    assert kimi.log.chats() == []


@pytest.mark.parametrize(
    ("runner", "words"),
    [("dask:tcp://127.0.0.1:9", "No Dask scheduler answers at tcp://127.0.0.1:9"), ("ray", "octavo")],
)
async def test_what_cannot_be_reached_is_a_sentence(
    kimi: Running, inbox: Path, runner: str, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An address where nobody answers and an extra that is missing say what to do, before anything is read."""
    monkeypatch.setattr("octavo.flows.runners.dask_cluster.REACHED_S", 1.0)
    if runner == "ray":
        monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(SettingsError, match=words) as refused:
        await run(job_of(kimi, inbox, runner))
    assert refused.value.next_step


def test_what_no_runner_is_named_so(tmp_path: Path) -> None:
    """A word that is no runner is refused with those there are, and passwords do not leave the process."""
    from octavo.flows.commands import flags, jobs, parsing

    parsers = flags.parsers({name: lambda _: 0 for name in _commands()})
    with pytest.raises(UsageError, match="--runner: 'cloud' is no runner: here, processes"):
        jobs.from_flags(parsing.parse(*parsers, ["run", str(tmp_path), "--runner", "cloud"]))
    job = Job.model_validate({"inbox": ".", "runner": "processes", "password": ["geheim"]})
    with pytest.raises(SettingsError, match="--password-file"):
        workers_of(job)


def test_a_parcel_holds_no_secret_and_shows_no_text(kimi: Running, inbox: Path) -> None:
    """Key and passwords are in nothing that is sent, texts in nothing that is logged, and what is packed comes out the same."""
    page = Page("d", 1, "Confidential \ud800 words", repeated=((0, 3),))
    (window,) = pack.windows([page], pack.counter(None), pack.Bounds(100_000, 50))
    task = WindowTask(window, {"parcel": frozenset("d")})
    packed = pack_tasks([task, task])
    assert tasks_of(pickle.loads(pickle.dumps(packed))) == [task, task]
    reading = Reading(Document("a", b"a", "d"), (page, page))
    assert readings_of(pack_readings([(1, [reading])])) == [(1, [reading])]
    job = remote_workers._anywhere(
        job_of(kimi, inbox, "processes", extract=["invoice", "own.py:Own", "a/b.json#/x"])
    )
    assert job.extract == ["invoice", f"{Path.cwd()}/own.py:Own", f"{Path.cwd()}/a/b.json#/x"]
    terms = RunTerms("1", "run", job.model_dump_json(), (), settings.account(job).key[:0], "l", "h", "m", 1)
    parcel = Parcel(terms, "ask", 1, packed)
    assert KEY.encode() not in pickle.dumps(parcel)
    assert "Confidential" not in repr(parcel) + str(parcel) + repr(packed)


@pytest.mark.prove
def test_the_page_is_true(inbox: Path, dask: Cluster) -> None:
    """The runs that docs/runners.md shows go well, on the cluster that it shows."""
    shown = [command for command in COMMANDS if command.startswith("octavo run")]
    assert len(shown) == 2
    for command in shown:
        words = command.replace(PORT, str(dask.port)).replace("data/samples", str(inbox))
        words = words.replace("--out out", f"--out {inbox.parent}/out").replace("octavo", "-m octavo", 1)
        done = subprocess.run(
            [sys.executable, *words.split()], cwd=ROOT, capture_output=True, text=True, check=False
        )
        assert done.returncode == 2, done.stderr  # for the broken file


def test_dask_shows_neither_key_nor_text(dask: Cluster) -> None:
    """The logs of scheduler and workers hold neither, whatever died before."""
    assert KEY not in dask.said()
    assert "Sender Number" not in dask.said()


def test_errors_come_over_whole() -> None:
    """An error that a worker hands over has its words, its next step and its exit code on this side, too."""
    for error in (Interrupted(2), SettingsError("No.", about="x", next_step="Do."), BudgetReached("Over.")):
        came = pickle.loads(pickle.dumps(Delivery(error=error))).error
        assert (str(came), came.exit_code, came.about) == (str(error), error.exit_code, error.about)


def test_a_lease_is_given_up_by_who_is_gone_or_asked(tmp_path: Path) -> None:
    """A process that is gone holds nothing; one that lives is asked to let go, and is waited for."""
    ledger = Ledger(tmp_path / "ledger.sqlite")
    pulse = leases.Pulse(clock=iter([0.0, 30.0, 61.0]).__next__)
    gone = json.dumps({"holder": f"{os.uname().nodename} {2**22 + 1} 1", "beats": 1})
    far = json.dumps({"holder": "another-host 7 1", "beats": 1})
    assert pulse.is_lost("here", gone)
    assert [pulse.is_lost("far", far) for _ in range(3)] == [False, False, True]
    lease = leases.Lease(ledger, "run", 1)
    lease.beat()
    wait_for(lambda: ledger.note(lease.name), "it", 10)
    assert not lease.is_wanted
    waiting = threading.Thread(
        target=lambda: __import__("asyncio").run(leases.none_left(ledger, lambda _: None, lambda: False))
    )
    waiting.start()
    wait_for(lambda: lease.is_wanted, "it", 10)
    assert waiting.is_alive()
    lease.release()
    waiting.join(10)
    assert not waiting.is_alive()
    assert ledger.notes("yield") == ledger.notes("lease") == {}
    ledger.close()


async def test_of_two_who_wait_for_a_batch_one_has_it(tmp_path: Path) -> None:
    """Two workers that were given the same batch never both let go, nor both begin: who came last has it, also from one who has begun."""
    ledger = Ledger(tmp_path / "ledger.sqlite")
    first, second, third = (leases.Lease(ledger, "run", 1) for _ in range(3))
    for one in (first, second):  # both are there before either looks
        await one.claim()
    notes = ledger.notes("lease")
    assert (
        first.precedes(second.name, notes[second.name]),
        second.precedes(first.name, notes[first.name]),
    ) == (
        False,
        True,
    )
    for holds, comes in ((first, second), (second, third)):
        waiting = asyncio.ensure_future(leases.vacated(comes, ledger))
        for _ in range(100):
            if holds.is_wanted:
                break
            await asyncio.sleep(0.05)
        assert (holds.is_wanted, comes.is_wanted, waiting.done()) == (True, False, False)
        holds.release()
        await asyncio.wait_for(waiting, 10)
        comes.begin()
    third.release()
    ledger.close()


async def test_a_worker_that_closes_says_that_it_lives(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Calls in flight of a run that a worker leaves are awaited, and nobody takes the worker for lost meanwhile."""
    monkeypatch.setattr(bench, "LOOK_EVERY_S", 0.02)
    ledger = Ledger(tmp_path / "ledger.sqlite")
    await ledger.keep_now(leases.DRIVER, leases.stamp(0, run="run", stop=""))
    asker = SimpleNamespace(ledger=ledger, notices=[])
    run = SimpleNamespace(asker=asker, stop=StopSignal())
    one = bench.Bench(SimpleNamespace(run="run"), run, AsyncExitStack())  # type: ignore[arg-type]
    begun, flying = asyncio.Event(), asyncio.Event()

    async def batch() -> int:
        begun.set()
        await flying.wait()
        return 7

    work = asyncio.ensure_future(one.work(1, batch))
    await begun.wait()
    closing = asyncio.ensure_future(one.close())
    await asyncio.sleep(0.1)
    before = ledger.notes("lease")
    await asyncio.sleep(0.3)
    assert ledger.notes("lease") != before
    flying.set()
    assert await work == 7
    await closing
    ledger.close()


def _lives(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def _commands() -> list[str]:
    from octavo.flows.cli import COMMANDS

    return list(COMMANDS)


def test_time_is_not_wasted() -> None:
    """Imports that only workers of other kinds need are not made for a run in this process."""
    code = (
        "import sys; from octavo.flows.runners.chosen import workers_of; from octavo.schemas.job import Job;"
    )
    code += "workers_of(Job(inbox='.')); print({'distributed', 'ray', 'octavo.flows.runners.remote_workers'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
