"""`octavo serve` without a server: what it refuses, and that it leaves no process behind. The rest is in test_flows_prefect.py."""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from octavo.flows.prefect_run.processes import descendants, end, end_children
from octavo.flows.serving.serve import (
    EXAMPLE,
    FOLDER,
    RUNS_S,
    SERVER_S,
    WORKER_S,
    _prefect,
    prefect_home,
    refuse_taken,
)
from octavo.schemas.errors import SettingsError
from octavo.schemas.job import Job
from tests.prefect_server import alive, environ, wait_for

STUBBORN = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('ready', flush=True); time.sleep(600)"
PARENT = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {STUBBORN!r}])"
POLITE = "import signal, sys, time; signal.signal(signal.SIGTERM, lambda *_: sys.exit(0)); print('ready', flush=True); time.sleep(600)"
WORKER = f"import subprocess, sys, time; subprocess.run([sys.executable, '-c', {POLITE!r}]); time.sleep(600)"


async def start(code: str) -> asyncio.subprocess.Process:
    """A Python process that has said it is ready, it or its child."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", code, stdout=asyncio.subprocess.PIPE, start_new_session=True
    )
    assert process.stdout
    assert (await process.stdout.readline()).strip() == b"ready"
    return process


def test_port_in_use_is_a_sentence(tmp_path: Path) -> None:
    """A port that is taken ends `octavo serve` with exit code 1 and says both ways out; nothing is started."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        command = [sys.executable, "-m", "octavo.flows.cli", "serve", "--port", port]
        done = subprocess.run(
            command,
            cwd=FOLDER,
            env=environ(tmp_path),
            check=False,
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert done.returncode == 1
        assert f"Port {port} of 127.0.0.1 cannot be used" in done.stderr
        assert "--port" in done.stderr
        assert "PREFECT_API_URL" in done.stderr
        assert not list(tmp_path.iterdir())


def test_unknown_host_is_a_sentence() -> None:
    """An address that is not this machine's is refused before anything starts."""
    with pytest.raises(SettingsError, match=r"Port 4200 of 192\.0\.2\.1 cannot be used"):
        refuse_taken("192.0.2.1", 4200)


def test_home_is_prefects_own() -> None:
    """The data lie where PREFECT_HOME says, else in Prefect's usual place."""
    assert prefect_home({"PREFECT_HOME": "/somewhere"}) == Path("/somewhere")
    assert prefect_home({}) == Path.home().resolve() / ".prefect"


def test_ending_takes_less_than_15_s() -> None:
    """What runs, worker and server may take to end is under the 15 s that are promised."""
    assert RUNS_S + WORKER_S + SERVER_S < 15


def test_example_is_a_job() -> None:
    """The command that is printed passes a job that Job takes, over a folder that is there."""
    assert (FOLDER / Job.model_validate_json(EXAMPLE).inbox).is_dir()


async def test_ctrl_c_reaches_prefect_through_us_only() -> None:
    """A command of Prefect has a session of its own, so that the terminal's Ctrl-C does not end server, worker and runs all at once."""
    async with _prefect(["version"], os.environ, grace_s=0.1, output=asyncio.subprocess.DEVNULL) as process:
        assert os.getsid(process.pid) == process.pid != os.getsid(0)


async def test_end_kills_what_does_not_listen() -> None:
    """A process that ends at SIGTERM but whose child ignores it is gone after the grace with its child."""
    process = await start(PARENT)
    family = [process.pid, *descendants(process.pid)]
    assert len(family) == 2
    await end(process, 0.2)
    wait_for(lambda: not alive(family), "the child to be gone", 10)


async def test_children_are_ended_before_their_parent() -> None:
    """The flow runs of a worker are asked to end, each once, while the worker still lives and can report them."""
    process = await start(WORKER)
    (child,) = descendants(process.pid)
    await end_children(process.pid, 10)
    assert not alive([child])
    assert alive([process.pid])
    await end(process, 1)


async def test_stubborn_children_are_left_to_end() -> None:
    """Waiting for children has an end; those that do not listen are killed with their parent."""
    process = await start(PARENT)
    (child,) = descendants(process.pid)
    await end_children(process.pid, 0.3)
    assert alive([child])
    await end(process, 0.2)
    wait_for(lambda: not alive([child]), "the child to be gone", 10)
