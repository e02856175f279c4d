"""A real Dask cluster for tests: a scheduler and workers as programs of their own, started as docs/runners.md says."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from octavo.flows.prefect_run.processes import descendants
from tests.prefect_server import ROOT, wait_for

PAGE = (ROOT / "docs" / "runners.md").read_text(encoding="utf-8")
COMMANDS = [line for block in re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL) for line in block.splitlines()]
PORT, WORKERS = "8786", "--nworkers 2"  # of the page
QUIET = {
    "DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES": "2",
    "DASK_DISTRIBUTED__WORKER__DAEMON": "True",
    "PYTHONPATH": str(ROOT),
}


class Cluster:
    """The programs, and what they said."""

    def __init__(self, folder: Path, environ: Mapping[str, str], workers: int = 2) -> None:
        self.port = _free_port()
        self.address = f"tcp://127.0.0.1:{self.port}"
        self.log = folder / "dask.log"
        self._environ = {**os.environ, **environ, **QUIET}
        self.scheduler = self._start("dask scheduler ")
        wait_for(lambda: "Scheduler at" in self.said(), "it", 120)
        self.workers = self._start("dask worker ", workers)
        wait_for(lambda: self.said().count("Registered to") >= workers, "it", 120)

    def said(self) -> str:
        """All that was logged."""
        return self.log.read_text(encoding="utf-8", errors="replace") if self.log.exists() else ""

    def worker_pids(self) -> list[int]:
        """The processes that work, which a nanny looks after."""
        found = [pid for pid in descendants(self.workers.pid) if "spawn_main" in _command(pid)]
        return [pid for pid in found if "octavo.processors" not in _command(pid)]

    def stop(self) -> None:
        """End all."""
        for program in (self.workers, self.scheduler):
            for pid in (*descendants(program.pid), program.pid):
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            program.wait()

    def _start(self, beginning: str, workers: int = 2) -> subprocess.Popen[bytes]:
        """A program as the page has it, at our port."""
        (line,) = (line for line in COMMANDS if line.startswith(beginning))
        words = line.replace(PORT, str(self.port)).replace(WORKERS, f"--nworkers {workers}").split()
        command = [sys.executable, "-m", *words, "--no-dashboard"]
        with self.log.open("ab") as log:
            return subprocess.Popen(command, env=self._environ, cwd=ROOT, stdout=log, stderr=log)


@contextmanager
def dask_cluster(folder: Path, environ: Mapping[str, str], workers: int = 2) -> Iterator[Cluster]:
    """The cluster as long as the block lasts."""
    cluster = Cluster(folder, environ, workers)
    try:
        yield cluster
    finally:
        cluster.stop()


def _command(pid: int) -> str:
    with suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    return ""


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
    return port
