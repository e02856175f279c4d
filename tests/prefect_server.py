"""One real Prefect server for the whole session, started as a user starts it: `octavo serve`, on a free port, with a home of its own."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from octavo.flows.prefect_run.processes import descendants

ROOT = Path(__file__).resolve().parents[1]
START_S = 420.0  # patience, no promise: with a load of 13 on two cores it took four minutes
STOP_S = 60.0  # `octavo serve` promises 15; the rest is for a machine that is busy with other things

Answer = TypeVar("Answer")


@dataclass(frozen=True)
class Server:
    """A running server with deployments and a worker."""

    url: str
    home: Path
    pid: int  # of `octavo serve`
    log: Path

    @property
    def environ(self) -> dict[str, str]:
        """What a program needs in its environment to speak to it."""
        return environ(self.home, PREFECT_API_URL=self.url)

    def prefect(self, *words: str) -> subprocess.CompletedProcess[str]:
        """A command of Prefect, as it would be typed in the checkout."""
        command = [sys.executable, "-m", "prefect", "--no-prompt", *words]
        return subprocess.run(
            command, cwd=ROOT, env=self.environ, check=False, capture_output=True, text=True, timeout=400
        )

    def octavo(self, *words: str) -> subprocess.CompletedProcess[str]:
        """A command of Octavo that reports to this server."""
        command = [sys.executable, "-m", "octavo.flows.cli", *words]
        return subprocess.run(
            command, cwd=ROOT, env=self.environ, check=False, capture_output=True, text=True, timeout=400
        )

    def run(self, deployment: str, job: Mapping[str, Any]) -> subprocess.CompletedProcess[str]:
        """Run a deployment as CI does and wait for its end."""
        return self.prefect(
            "deployment",
            "run",
            deployment,
            "--watch",
            "--watch-timeout",
            "300",
            "--param",
            f"job={json.dumps(job)}",
        )

    def begin(self, deployment: str, job: Mapping[str, Any]) -> str:
        """Start a run of a deployment as the UI does, now; gives its id."""
        found = self.ask(f"/deployments/name/{deployment}")
        asked = {"parameters": {"job": job}, "state": {"type": "SCHEDULED"}}
        return str(self.ask(f"/deployments/{found['id']}/create_flow_run", asked)["id"])

    @contextmanager
    def without_worker(self) -> Iterator[None]:
        """Its worker takes no run within the block, so that another does."""
        (pid,) = (
            pid for pid in descendants(self.pid) if b"worker" in Path(f"/proc/{pid}/cmdline").read_bytes()
        )
        os.kill(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(pid, signal.SIGCONT)

    def ask(
        self, path: str, body: Mapping[str, Any] | Sequence[Any] | None = None, *, method: str = ""
    ) -> Any:
        """A question to the API: GET, or POST with a body, unless a method is named. A busy database (503) is asked again."""
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(
            f"{self.url}{path}", data, {"Content-Type": "application/json"}, method=method or None
        )
        for pause_s in (1, 2, 4, 0):
            try:
                with urllib.request.urlopen(request, timeout=30) as reply:
                    return json.loads(reply.read() or b"null")
            except urllib.error.HTTPError as error:
                if error.code != 503 or not pause_s:
                    raise
            time.sleep(pause_s)
        raise AssertionError

    def runs(self, inbox: Path) -> list[Any]:
        """The flow runs that read a folder, the newest first."""
        found = self.ask("/flow_runs/filter", {"sort": "EXPECTED_START_TIME_DESC"})
        return [run for run in found if run["parameters"].get("job", {}).get("inbox") == str(inbox)]

    def artifacts(self, run: Mapping[str, Any]) -> dict[str, Any]:
        """The artifacts of a flow run by key."""
        found = self.ask("/artifacts/filter", {"artifacts": {"flow_run_id": {"any_": [run["id"]]}}})
        return {artifact["key"]: artifact for artifact in found}


def environ(home: Path, **more: str) -> dict[str, str]:
    """The environment without anyone's keys and servers, and with a Prefect home of its own."""
    kept = {
        name: value for name, value in os.environ.items() if not name.startswith(("PREFECT_", "MOONSHOT_"))
    }
    return {
        **kept,
        "PREFECT_HOME": str(home),
        "OCTAVO_HOME": str(home / "octavo"),
        "DO_NOT_TRACK": "1",
        "PYTHONUNBUFFERED": "1",
        **more,
    }


def free_port() -> int:
    """A port of 127.0.0.1 on which nobody listens now."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
    return port


def wait_for(look: Callable[[], Answer], what: str, patience_s: float = 60.0) -> Answer:
    """The first true answer. Fails the test when there is none in time."""
    deadline = time.monotonic() + patience_s
    while not (answer := look()):
        assert time.monotonic() < deadline, f"waited {patience_s:.0f} s for {what}"
        time.sleep(0.2)
    return answer


def alive(pids: list[int]) -> list[int]:
    """Which of the processes still run."""
    return [
        pid
        for pid in pids
        if Path(f"/proc/{pid}/stat").exists() and " Z " not in Path(f"/proc/{pid}/stat").read_text()
    ]


@contextmanager
def serving(
    home: Path, log: Path, *, port: int = 0, cwd: Path = ROOT, **more: str
) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """`octavo serve` until its worker is there, then until it was asked to end; whatever it started has to be gone with it."""
    port = port or free_port()
    with log.open("wb") as output:
        command = [sys.executable, "-m", "octavo.flows.cli", "serve", "--port", str(port)]
        process = subprocess.Popen(
            command, cwd=cwd, env=environ(home, **more), stdout=output, stderr=subprocess.STDOUT
        )
    try:
        wait_for(
            lambda: process.poll() is not None or b"' started!" in log.read_bytes(), "octavo serve", START_S
        )
        assert process.poll() is None, log.read_text()
        yield process, port
    finally:
        family = list(descendants(process.pid))
        process.send_signal(signal.SIGTERM)
        ended = process.wait(STOP_S)
    if ended != -signal.SIGKILL:  # else it leaves to others to clear away
        assert ended == 0, log.read_text()
        assert not alive(family), f"left running: {alive(family)}"


@contextmanager
def prefect_server(home: Path, **more: str) -> Iterator[Server]:
    """A server with its deployments and a worker, with more in its environment."""
    log = home / "serve.log"
    with serving(home, log, port=0, cwd=ROOT, **more) as (process, port):
        yield Server(f"http://127.0.0.1:{port}/api", home, process.pid, log)
