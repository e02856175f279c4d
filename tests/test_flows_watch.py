"""What `octavo serve` looks after, piece by piece: locks of runs, processes that are kept running, troubles that are told."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from prefect.client.schemas.objects import FlowRun, StateDetails, StateType
from prefect.client.schemas.objects import State as RunState

from octavo.flows.prefect_run import liveness
from octavo.flows.prefect_run.processes import (
    FLOW_RUN,
    environments,
    flow_runs_here,
    is_gone,
    name_of,
    wait_until_gone,
)
from octavo.flows.serving import dead_runs
from octavo.flows.serving.serve import worker_name
from octavo.flows.serving.supervision import how_it_ended, kept_running
from octavo.flows.serving.watch import SURE_AFTER, Told
from tests.prefect_server import ROOT

RUN = "0658abce-e7f9-47b2-9585-fc8d37f666f8"
LATER = datetime.now(UTC) + timedelta(days=1)
LIVING = f"from octavo.flows.prefect_run import liveness; liveness.announce({RUN!r}); print('ready', flush=True); input()"


def living() -> subprocess.Popen[str]:
    """A process that holds the lock of a run until it is told to end."""
    started = subprocess.Popen(
        [sys.executable, "-c", LIVING], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert started.stdout
    assert started.stdout.readline() == "ready\n"
    return started


def note(**changed: str) -> None:
    """Change what stands in the file of the run."""
    path = liveness.folder() / RUN
    path.write_text(json.dumps({**json.loads(path.read_text()), **changed}))


def run(kind: StateType, **details: Any) -> FlowRun:
    """A flow run of a worker in a state."""
    state = RunState(type=kind, state_details=StateDetails(**details))
    return FlowRun(id=UUID(RUN), flow_id=UUID(RUN), work_pool_name="octavo", state=state)


def test_a_run_lives_as_long_as_its_process() -> None:
    """The lock of a run is held while its process lives, free after kill -9, and its file is gone when the process ends by itself."""
    assert liveness.verdict(RUN) == "unseen"
    with living() as killed:
        assert liveness.verdict(RUN) == "alive"
        killed.kill()
    assert (liveness.verdict(RUN), liveness.announced()) == ("dead", [RUN])
    with living() as ended:
        assert liveness.verdict(RUN) == "alive"
        ended.communicate("\n")
    assert (liveness.verdict(RUN), liveness.announced()) == ("unseen", [])


@pytest.mark.parametrize("started_by_worker", [True, False])
def test_a_run_outlives_its_worker(tmp_path: Path, *, started_by_worker: bool) -> None:
    """A process that a worker started goes on when nobody reads its lines; one of a terminal ends, as `octavo run | head` should."""
    code = "import sys; from octavo.flows.prefect_run import liveness; from rich.console import Console\n"
    code += "liveness.outlive_worker(); input()\n"
    code += "for _ in range(3): Console().print('x'); Console(stderr=True).print('x')\n"
    code += f"open({str(tmp_path / 'done')!r}, 'w')"
    environ = {**os.environ, **({FLOW_RUN: RUN} if started_by_worker else {})}
    streams: dict[str, Any] = {
        "stdin": subprocess.PIPE,
        "stdout": subprocess.PIPE,
        "stderr": subprocess.STDOUT,
    }
    with subprocess.Popen(
        [sys.executable, "-c", code], cwd=ROOT, env=environ, text=True, **streams
    ) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        process.stdout.close()
        process.stdin.write("\n")
        process.stdin.close()
    assert (tmp_path / "done").exists() is started_by_worker


def test_a_machine_started_anew_is_told_from_another_machine() -> None:
    """A free lock of an earlier start of this machine is a dead run; one of another machine says nothing here."""
    with living() as killed:
        killed.kill()
    note(boot="an earlier one")
    assert liveness.verdict(RUN) == "dead"
    note(boot="another", host="elsewhere")
    assert liveness.verdict(RUN) == "elsewhere"


@pytest.mark.parametrize("lost_before", [LATER, None])
def test_only_the_dead_are_judged(lost_before: datetime | None) -> None:
    """A run with a lock is judged by it, a suspended one by nothing, and one that has none yet only when no other worker could have it."""
    assert (dead_runs._dead_after(run(StateType.RUNNING), lost_before) is None) is (lost_before is None)
    assert (dead_runs._dead_after(run(StateType.PENDING), lost_before) is None) is (lost_before is None)
    with living() as process:
        assert dead_runs._dead_after(run(StateType.RUNNING), lost_before) is None
        process.kill()
    assert dead_runs._dead_after(run(StateType.RUNNING), lost_before) == dead_runs.SURE_AFTER_S
    assert dead_runs._dead_after(run(StateType.PAUSED), lost_before) == dead_runs.SURE_AFTER_S
    assert dead_runs._dead_after(run(StateType.PAUSED, pause_reschedule=True), lost_before) is None
    note(boot="another", host="elsewhere")
    assert dead_runs._dead_after(run(StateType.RUNNING), lost_before) is None


def test_a_run_that_a_living_worker_was_given_is_its_care() -> None:
    """A worker on a busy machine may take minutes to start a run; it is no dead one, for which its worker has to have died since."""
    assert dead_runs._dead_after(run(StateType.PENDING), datetime.now(UTC) - timedelta(minutes=10)) is None


def test_a_run_that_has_a_process_is_not_dead() -> None:
    """A run that has not taken its lock yet lives when a process on this machine was started for it."""
    environ = {**os.environ, FLOW_RUN: RUN}
    with subprocess.Popen(
        [sys.executable, "-c", "input()"], stdin=subprocess.PIPE, env=environ, text=True
    ) as process:
        assert RUN in (flow_runs_here() or set())
        assert dead_runs._dead_after(run(StateType.PENDING), LATER) is None
        process.communicate("\n")
    assert dead_runs._dead_after(run(StateType.PENDING), LATER) == dead_runs.SURE_WITHOUT_LOCK_AFTER_S


def test_processes_have_names_for_good() -> None:
    """The name of a process is known to be gone when it has ended, also while nobody has asked how."""
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    name = name_of(process.pid)
    assert not is_gone(name)
    assert process.pid in environments()
    process.kill()
    wait_until_gone([process.pid])
    assert is_gone(name)
    process.communicate()


def test_the_worker_has_the_same_name_at_every_start() -> None:
    """By its name the worker of this machine is told from those of others."""
    assert worker_name() == worker_name()
    assert worker_name().startswith(f"octavo-{os.uname().nodename}-")


async def test_what_ends_is_started_again() -> None:
    """A process that ends is started again with a sentence and a pause that doubles, and is ended with the block."""
    said: list[str] = []
    codes = iter(["raise SystemExit(3)", "import os; os.kill(os.getpid(), 9)", "input()"])
    started: asyncio.Queue[asyncio.subprocess.Process] = asyncio.Queue()

    @asynccontextmanager
    async def start() -> AsyncIterator[asyncio.subprocess.Process]:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-c", next(codes), stdin=asyncio.subprocess.PIPE
        )
        await started.put(process)
        try:
            yield process
        finally:
            if process.returncode is None:
                process.kill()

    async with kept_running("worker", start, said.append, first_pause_s=0.01) as worker:
        first, _, third = [await started.get() for _ in range(3)]
        await asyncio.sleep(0.1)
        assert worker.process is third
    assert (first.returncode, third.returncode) == (3, None)
    await third.wait()
    assert said[0].startswith("The worker ended by itself, with exit code 3. It is started again in")
    assert said[1].startswith("The worker was killed by SIGKILL.")


async def test_what_cannot_start_says_why() -> None:
    """An error of the first start is the caller's, and nothing hangs."""

    @asynccontextmanager
    async def start() -> AsyncIterator[asyncio.subprocess.Process]:
        message = "no such program"
        raise FileNotFoundError(message)
        yield

    with pytest.raises(FileNotFoundError, match="no such program"):
        async with kept_running("worker", start, print):
            pass


def test_ends_have_words() -> None:
    """Exit codes and signals are told apart."""
    assert how_it_ended(0) == "ended by itself, with exit code 0"
    assert how_it_ended(-signal.SIGTERM) == "was killed by SIGTERM"
    assert how_it_ended(-200) == "was killed by signal 200"


def test_a_trouble_that_lasts_is_said_once() -> None:
    """What is found at one look only is not said; what lasts is said once, and once more when it is over."""
    said: list[str] = []
    told = Told(said.append)
    for found in (
        {"a": "A is late."},
        {},
        *({"a": "A is late.", "b": "B too."},) * (SURE_AFTER + 2),
        {"b": "B too."},
    ):
        told.hear(found)
    assert [line.partition(" UTC: ")[2] for line in said] == [
        "A is late.",
        "B too.",
        "this is over: A is late.",
    ]


def test_the_folder_of_locks_may_be_missing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A run goes on when its lock cannot be written; it is not judged then."""
    (tmp_path / "file").touch()
    monkeypatch.setenv("OCTAVO_HOME", str(tmp_path / "file"))
    liveness.announce("nobody")
    assert liveness.verdict("nobody") == "unseen"
    assert liveness.announced() == []
