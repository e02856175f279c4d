"""`octavo` as its users start it: a process of its own, whose exit code, output and errors are those of the real command.

What a command imports costs it most of its time, so one process imports it once for all tests of a session, and each command is a fork
of that process, made before it has done anything: arguments, environment, folder, standard streams and end are its own. Tests that send
signals, or are about the start itself, start Python anew.
"""

from __future__ import annotations

import atexit
import functools
import json
import os
import runpy
import signal
import subprocess
import sys
import tempfile
import traceback
from pathlib import Path
from typing import IO, Any

ROOT = Path(__file__).resolve().parents[1]
PATIENCE_S = 300


def octavo(
    *words: str, module: str = "octavo", cwd: Path = ROOT, said: str = "", **environ: str
) -> subprocess.CompletedProcess[str]:
    """The command with these words. `said` is its standard input, `environ` stands beside what the test has."""
    with tempfile.TemporaryDirectory() as folder:
        files = [Path(folder) / name for name in ("in", "out", "err")]
        files[0].write_text(said, encoding="utf-8")
        order = {
            "words": [module, *words],
            "module": module,
            "cwd": str(cwd),
            "environ": {**os.environ, "PYTHONPATH": str(ROOT), **environ},
            "files": [str(path) for path in files],
        }
        code = _template().run(order)
        told = [path.read_bytes().decode(errors="replace") for path in files[1:]]
    return subprocess.CompletedProcess(words, code, *told)


class _Template:
    """The process that has imported all, and is forked for each command."""

    def __init__(self) -> None:
        pipe = subprocess.PIPE
        command = [sys.executable, "-m", "tests.command"]
        self._process = subprocess.Popen(command, cwd=ROOT, stdin=pipe, stdout=pipe, text=True)
        atexit.register(self.close)

    def run(self, order: dict[str, Any]) -> int:
        """The exit code, or the negative number of the signal that ended the command."""
        asked, answers = self._process.stdin, self._process.stdout
        assert asked
        assert answers
        print(json.dumps(order), file=asked, flush=True)
        return int(answers.readline())

    def close(self) -> None:
        """End it, as its standard input ends."""
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.close()
        self._process.wait(PATIENCE_S)
        self._process.stdout.close()


@functools.cache
def _template() -> _Template:
    return _Template()


def _serve(orders: IO[str], codes: IO[str]) -> None:
    """Run commands until there are no more."""
    import openai  # noqa: F401 - what a run imports when it begins, and the fork shall find
    import pyarrow.compute  # noqa: F401

    import octavo.flows.cli  # noqa: F401

    for line in orders:
        if not (child := os.fork()):
            _become(json.loads(line))
        signal.signal(signal.SIGALRM, lambda *_, child=child: os.kill(child, signal.SIGKILL))
        signal.alarm(PATIENCE_S)
        _, status = os.waitpid(child, 0)
        signal.alarm(0)
        print(os.waitstatus_to_exitcode(status), file=codes, flush=True)


def _become(order: dict[str, Any]) -> None:
    """Be the command: everything of this process that a new one would have of its own."""
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    for number, path in enumerate(order["files"]):
        os.dup2(os.open(path, os.O_RDWR | os.O_CREAT), number)
    sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115 - as long as the process
    os.chdir(order["cwd"])
    os.environ.clear()
    os.environ.update(order["environ"])
    sys.argv = order["words"]
    sys.path[0] = order[
        "cwd"
    ]  # as `python -m` has it; variables of Python itself are those of the first process
    code: Any = 1
    try:
        runpy.run_module(order["module"], run_name="__main__", alter_sys=True)
    except SystemExit as ended:
        code = ended.code
        if not isinstance(code, int | None):
            print(code, file=sys.stderr)
    except BaseException:  # noqa: BLE001 - as Python itself says it, who would end here
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        atexit._run_exitfuncs()
        os._exit(code if isinstance(code, int) else 0 if code is None else 1)


if __name__ == "__main__":
    with os.fdopen(os.dup(1), "w") as told:
        os.dup2(2, 1)
        sys.stdout = open(1, "w", closefd=False)  # noqa: SIM115
        _serve(sys.stdin, told)
