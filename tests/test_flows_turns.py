"""Runs that write one output folder follow one another."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from octavo.flows import folder_queue
from octavo.flows.hooks import StopSignal
from octavo.processors.store.warehouse import hold
from octavo.schemas.errors import Interrupted, Locked, SameJobWaits
from octavo.schemas.job import Job
from tests.prefect_server import ROOT

HOLDER = """
import sys, time
from pathlib import Path
from octavo.processors.store.warehouse import hold

with hold(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(600)
"""


def holder(out: Path) -> subprocess.Popen[bytes]:
    """Another process that holds an output folder until it is killed."""
    process = subprocess.Popen([sys.executable, "-c", HOLDER, str(out)], cwd=ROOT, stdout=subprocess.PIPE)
    assert process.stdout
    assert process.stdout.readline() == b"held\n"
    return process


class Runs:
    """Runs over one output folder, what they did in which order, and what they said."""

    def __init__(self, out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("OCTAVO_HOME", str(out.parent / "home"))
        monkeypatch.setattr(folder_queue, "LOOK_EVERY_S", 0.05)
        self.out = out
        self.said: list[str] = []
        self.did: list[str] = []
        self._speaks = asyncio.Event()

    async def spoken(self, sentences: int) -> None:
        """Return when so many sentences were said."""
        while len(self.said) < sentences:
            self._speaks.clear()
            await self._speaks.wait()

    async def run(self, question: str, patience_s: float = 60.0, stop: StopSignal | None = None) -> str:
        """A run that asks one question: it writes its name down while it holds the folder."""

        async def work() -> str:
            with hold(self.out):
                self.did.append(question)
                await asyncio.sleep(0.2)
                self.did.append(f"{question} over")
            return question

        async def say(sentence: str) -> None:
            self.said.append(sentence)
            self._speaks.set()

        job = Job(inbox="in", out=str(self.out), extract=[question])
        return await folder_queue.in_turn(
            work, job, ["extract"], patience_s=patience_s, say=say, stop=stop or StopSignal()
        )


@pytest.fixture
def runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Runs:
    """Runs over a folder of the test's own."""
    return Runs(tmp_path / "out", monkeypatch)


async def test_runs_of_one_folder_follow_one_another(runs: Runs) -> None:
    """Three runs that ask different things all end well, and none begins before the one before it is over."""
    assert sorted(await asyncio.gather(*(runs.run(name) for name in ("a", "b", "c")))) == ["a", "b", "c"]
    assert runs.did[1::2] == [f"{name} over" for name in runs.did[::2]]


async def test_a_waiting_run_says_for_whom_until_a_killed_one_is_gone(
    runs: Runs, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who waits names the process that holds the folder, at once and then how long it waited; kill -9 of that process lets it go on."""
    monkeypatch.setattr(folder_queue, "SAY_EVERY_S", 0.2)
    other = holder(runs.out)
    waiting = asyncio.ensure_future(runs.run("a"))
    await runs.spoken(2)
    other.kill()
    other.wait()
    assert await waiting == "a"
    assert f"process {other.pid} on" in runs.said[0]
    assert runs.said[0].endswith("Waiting for it.")
    assert runs.said[1].endswith("s so far.")


async def test_of_two_runs_that_would_do_the_same_one_waits(runs: Runs) -> None:
    """A schedule that is faster than its runs gathers no crowd: who finds its own job waiting already ends; another job waits too."""
    other = holder(runs.out)
    first, third = asyncio.ensure_future(runs.run("a")), asyncio.ensure_future(runs.run("b"))
    await runs.spoken(2)
    with pytest.raises(SameJobWaits):
        await runs.run("a")
    other.kill()
    other.wait()
    assert [await first, await third] == ["a", "b"]


async def test_patience_ends(runs: Runs) -> None:
    """Without patience a held folder ends a run at once; with some it ends after that, and a run that is asked to end ends."""
    with hold(runs.out):
        with pytest.raises(Locked):
            await runs.run("a", patience_s=0.0)
        assert runs.said == []
        with pytest.raises(Locked):
            await runs.run("a", patience_s=0.1)
        stop = StopSignal()
        waiting = asyncio.ensure_future(runs.run("a", stop=stop))
        await runs.spoken(2)
        stop.end(Interrupted(signal.SIGTERM))
        with pytest.raises(Interrupted):
            await waiting
    assert runs.did == []


@pytest.mark.prove
def test_the_terminal_waits_when_told(tmp_path: Path) -> None:
    """`octavo run --wait-s` says for whom it waits and then does its work; without the flag it ends at once with exit code 75."""
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "note.txt").write_text("A note.")
    other = holder(tmp_path / "out")
    command = [
        sys.executable,
        "-m",
        "octavo.flows.cli",
        "run",
        str(tmp_path / "in"),
        "--out",
        str(tmp_path / "out"),
        "--offline",
        "--extract",
        "letter",
    ]
    environ = {**os.environ, "OCTAVO_HOME": str(tmp_path / "home")}
    done = subprocess.run(
        command, cwd=ROOT, env=environ, check=False, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 75, done.stderr
    waiting = subprocess.Popen(
        [*command, "--wait-s", "100"], cwd=ROOT, env=environ, stderr=subprocess.PIPE, text=True
    )
    assert waiting.stderr
    assert f"process {other.pid}" in (line := waiting.stderr.readline()), line
    other.kill()
    other.wait()
    assert waiting.wait(100) == 0, waiting.stderr.read()
    waiting.stderr.close()
