"""Real kills under `octavo serve`: what died is started again or marked as crashed, and what lives is left alone."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from octavo.flows.deployments import DEPLOYMENTS
from octavo.flows.prefect_run.processes import FLOW_RUN, environments
from octavo.flows.serving.crashed_runs import AGAIN
from octavo.processors.store.warehouse import Warehouse
from tests.prefect_server import ROOT, Server, free_port, prefect_server, serving, wait_for

pytestmark = [pytest.mark.flow, pytest.mark.prove]  # four servers that are killed: some minutes

DEAD_WITHIN_S = 120.0  # for no longer may a run stand as running after its process died
START_S = 240.0


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server whose worker has a key for a provider that never answers."""
    with prefect_server(tmp_path_factory.mktemp("prefect"), SILENT_KEY="sk-silent") as started:
        yield started


@pytest.fixture
def silent() -> Iterator[str]:
    """The address of a provider that takes calls and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}/v1"


@pytest.fixture
def inbox(tmp_path: Path) -> Path:
    """A folder with an invoice."""
    made = tmp_path / "inbox"
    made.mkdir()
    shutil.copy(ROOT / "data" / "samples" / "invoice_us.pdf", made)
    return made


def begin(server: Server, job: dict[str, Any]) -> str:
    """Start a run of the main deployment; gives its id."""
    deployment = server.ask(f"/deployments/name/{DEPLOYMENTS[0].name}")
    made = server.ask(
        f"/deployments/{deployment['id']}/create_flow_run",
        {"parameters": {"job": job}, "state": {"type": "SCHEDULED"}},
    )
    return str(made["id"])


def begin_waiting(server: Server, inbox: Path, silent: str) -> str:
    """Start a run that waits for ever, and come back when it does."""
    job = {
        "inbox": str(inbox),
        "out": f"{inbox}-out",
        "extract": ["invoice"],
        "base_url": silent,
        "key_env": "SILENT_KEY",
        "budget_usd": 1,
    }
    run = begin(server, job)
    wanted = {"artifacts": {"flow_run_id": {"any_": [run]}, "key": {"any_": ["octavo-ask"]}}}
    wait_for(lambda: server.ask("/artifacts/filter", wanted), "the first question", START_S)
    return run


def state(server: Server, run: str) -> str:
    """The state of a run."""
    return str(server.ask(f"/flow_runs/{run}")["state_type"])


def processes_of(run: str) -> list[int]:
    """The processes of a run."""
    return [pid for pid, given in environments().items() if given.get(FLOW_RUN) == run]


def worker_of(server: Server) -> int:
    """The worker of a server."""
    (worker,) = (
        pid
        for pid, given in environments().items()
        if FLOW_RUN not in given
        and given.get("PREFECT_HOME") == str(server.home)
        and b"worker\0start" in command(pid)
    )
    return worker


def command(pid: int) -> bytes:
    """The command line of a process, nothing when it has ended."""
    path = Path(f"/proc/{pid}/cmdline")
    return path.read_bytes() if path.exists() else b""


def kill(*pids: int) -> None:
    """Kill processes as a machine does that has no memory left."""
    for pid in pids:
        os.kill(pid, signal.SIGKILL)


def test_worker_and_flow_killed(server: Server, inbox: Path, silent: str) -> None:
    """The worker is started again, the run is marked as crashed, and the run that waited for its folder gets it and ends well."""
    dead = begin_waiting(server, inbox, silent)
    waiting = begin(
        server, {"inbox": str(inbox), "out": f"{inbox}-out", "extract": ["invoice"], "offline": True}
    )
    wait_for(
        lambda: server.ask(f"/flow_runs/{waiting}")["state_name"] == "Waiting",
        "the other run to wait for the folder",
        START_S,
    )
    kill(worker_of(server), *processes_of(dead))
    wait_for(lambda: state(server, dead) == "CRASHED", "the run to be marked as crashed", DEAD_WITHIN_S)
    assert "died without a word" in server.ask(f"/flow_runs/{dead}")["state"]["message"]
    wait_for(lambda: state(server, waiting) == "COMPLETED", "the next run", START_S)
    assert len(Warehouse(Path(f"{inbox}-out")).rows("invoice")) == 1
    said = server.log.read_text()
    assert "The worker was killed by SIGKILL. It is started again in 2 s." in said
    assert f"({dead}) has died: it is marked as crashed" in said


def test_a_run_whose_worker_was_killed_goes_on(
    server: Server, inbox: Path, silent: str, tmp_path: Path
) -> None:
    """A run that lives stays running when its worker is killed and another comes, while a dead one of a terminal is found."""
    living, starts = begin_waiting(server, inbox, silent), server.log.read_text().count("' started!")
    kill(worker_of(server))
    wait_for(lambda: server.log.read_text().count("' started!") > starts, "another worker", START_S)
    other = shutil.copytree(inbox, tmp_path / "other")
    kill_a_run_of_the_terminal(server, other, silent)
    wait_for(
        lambda: server.runs(other)[0]["state_type"] == "CRASHED",
        "the run of the terminal to be marked as crashed",
        DEAD_WITHIN_S,
    )
    assert state(server, living) == "RUNNING"
    kill(*processes_of(living))
    wait_for(lambda: state(server, living) == "CRASHED", "the run to be marked as crashed", DEAD_WITHIN_S)


def test_a_run_that_is_killed_says_what_to_do(server: Server, inbox: Path, silent: str) -> None:
    """A run whose worker lives and marks it has, beside what Prefect knows of its end, what to do next."""
    run = begin_waiting(server, inbox, silent)
    kill(*processes_of(run))
    wait_for(lambda: "SIGKILL" in message(server, run), "Prefect to mark the run", DEAD_WITHIN_S)
    wait_for(
        lambda: "Run it again: what is paid is kept." in message(server, run), "what to do", DEAD_WITHIN_S
    )
    assert state(server, run) == "CRASHED"
    assert "SIGKILL" in message(server, run)


def test_a_run_that_comes_up_without_a_server_is_started_again(server: Server, inbox: Path) -> None:
    """A run whose process finds no server crashes before its first line, and ends well when the server is back."""
    run = begin(server, {"inbox": str(inbox), "out": f"{inbox}-out", "extract": ["invoice"], "offline": True})
    wait_for(lambda: processes_of(run), "the process of the run", START_S)
    kill(server_of(server.url))
    wait_for(lambda: answers(server) and state(server, run) == "COMPLETED", "the run to end well", START_S)
    assert len(Warehouse(Path(f"{inbox}-out")).rows("invoice")) == 1
    told = [one["message"] for one in server.ask(f"/flow_run_states/?flow_run_id={run}", method="GET")]
    assert AGAIN in told


def message(server: Server, run: str) -> str:
    """What the state of a run says."""
    return str(server.ask(f"/flow_runs/{run}")["state"]["message"])


def kill_a_run_of_the_terminal(server: Server, inbox: Path, silent: str) -> None:
    """Start `octavo run` and kill it when it waits for its provider."""
    words = [
        "run",
        str(inbox),
        "--out",
        f"{inbox}-out",
        "--extract",
        "invoice",
        "--base-url",
        silent,
        "--yes",
    ]
    started = subprocess.Popen(
        [sys.executable, "-m", "octavo.flows.cli", *words],
        cwd=ROOT,
        env={**server.environ, "MOONSHOT_API_KEY": "sk-silent"},
    )
    wait_for(
        lambda: server.runs(inbox) and "octavo-ask" in server.artifacts(server.runs(inbox)[0]),
        "the first question",
        START_S,
    )
    kill(started.pid)
    assert started.wait(60) == -signal.SIGKILL


def test_a_server_that_was_killed_is_started_again(server: Server) -> None:
    """The server comes back at its address with what it knew, and `octavo serve` says that it was gone."""
    kill(server_of(server.url))
    wait_for(lambda: "The Prefect server was killed by SIGKILL" in server.log.read_text(), "the sentence")
    wait_for(lambda: answers(server), "the server", START_S)
    assert server.ask(f"/deployments/name/{DEPLOYMENTS[0].name}")


def server_of(url: str) -> int:
    """The Prefect server behind an address."""
    port = url.removesuffix("/api").rpartition(":")[2].encode()
    (pid,) = (pid for pid in environments() if {b"server", b"start", port} <= set(command(pid).split(b"\0")))
    return pid


def answers(server: Server) -> bool:
    """Whether the server takes questions."""
    try:
        return bool(server.ask("/health"))
    except OSError:
        return False


def test_serve_killed_and_started_again(inbox: Path, silent: str, tmp_path: Path) -> None:
    """A new `octavo serve` ends what a killed one left behind, lets its living run go on, and marks it as crashed when it dies."""
    home, port = tmp_path / "home", free_port()
    home.mkdir()
    with serving(home, home / "first.log", port=port, SILENT_KEY="sk-silent") as (first, _):
        server = Server(f"http://127.0.0.1:{port}/api", home, first.pid, home / "first.log")
        living = begin_waiting(server, inbox, silent)
        kill(first.pid)
    with serving(home, home / "second.log", port=port, SILENT_KEY="sk-silent"):
        assert "An earlier `octavo serve` was killed" in (home / "second.log").read_text()
        assert state(server, living) == "RUNNING"
        kill(*processes_of(living))
        wait_for(lambda: state(server, living) == "CRASHED", "the run to be marked as crashed", DEAD_WITHIN_S)
