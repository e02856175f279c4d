"""The sandbox: a worker may die in any way, and its parent only gets an error."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from octavo.processors.read.workers.sandbox import Sandbox, out_of_memory
from octavo.schemas.errors import DocumentError

CANARIES = (
    "CANARY_API_KEY",
    "KIMI",
    "DATABASE_URL",
)  # --key-env may name any variable, and an address may hold a password


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    """One worker with half a gigabyte, started while a key stands in the environment."""
    with pytest.MonkeyPatch.context() as patch:
        for name in CANARIES:
            patch.setenv(name, "sk-canary")
        with Sandbox(1, 512 << 20) as box:
            asyncio.run(box.run(os.getpid, timeout_s=30))
            yield box


def _compute() -> None:
    while True:
        pass


@pytest.mark.parametrize(
    ("call", "reason"),
    [
        ((os.abort,), "crashed"),
        ((os._exit, 3), "crashed"),
        ((time.sleep, 60), "busy"),
        ((_compute,), "timeout"),
        ((out_of_memory,), "memory"),
    ],
)
def test_a_dead_worker_is_an_error_and_the_next_task_runs(
    sandbox: Sandbox, call: tuple[Any, ...], reason: str
) -> None:
    """Abort, exit, waiting, computing and memory each become a DocumentError with its reason, and a new worker takes the next task."""
    with pytest.raises(DocumentError) as caught:
        asyncio.run(sandbox.run(*call, timeout_s=0.3))
    assert caught.value.reason == reason
    assert asyncio.run(sandbox.run(abs, -1, timeout_s=30)) == 1


def _die_once(mark: Path) -> str:
    """What becomes of an innocent task in a worker that an earlier one has left ill."""
    if not mark.exists():
        mark.touch()
        os.abort()
    return "well"


def test_a_worker_that_was_ill_costs_no_file(sandbox: Sandbox, tmp_path: Path) -> None:
    """A task whose worker dies is tried once more in another one, unless its files are tried one by one anyway."""
    assert asyncio.run(sandbox.run(_die_once, tmp_path / "one", timeout_s=30)) == "well"
    with pytest.raises(DocumentError, match="SIGABRT"):
        asyncio.run(sandbox.run(_die_once, tmp_path / "other", timeout_s=30, forgiven=0))


class _OddError(Exception):
    """An error that can be sent and not be received."""

    def __init__(self, _one: int, _other: int) -> None:
        super().__init__("odd")


def _panic() -> None:
    raise BaseException("panicked")  # noqa: TRY002 - as a library in Rust does, whose panic is no Exception


def _odd() -> None:
    raise _OddError(1, 2)


def _unsendable() -> object:
    return lambda: 1


@pytest.mark.parametrize("fault", [_panic, _odd, _unsendable])
def test_whatever_ends_a_task_is_a_document_error(sandbox: Sandbox, fault: Callable[[], object]) -> None:
    """A panic, an error that cannot be sent and a result that cannot be: the parent hears of a crash, and of nothing else."""
    with pytest.raises(DocumentError) as caught:
        asyncio.run(sandbox.run(fault, timeout_s=30))
    assert caught.value.reason == "crashed"
    assert "cannot be started" not in caught.value.message
    assert asyncio.run(sandbox.run(abs, -1, timeout_s=30)) == 1


def test_memory_is_bounded(sandbox: Sandbox) -> None:
    """A worker cannot take more than its limit, and whatever meets it first, the reason is memory."""
    with pytest.raises(DocumentError) as caught:
        asyncio.run(sandbox.run(bytes, 1 << 30, timeout_s=30))
    assert caught.value.reason == "memory"


def test_workers_hold_no_key(sandbox: Sandbox) -> None:
    """No key reaches a worker, under whatever name it stands, and what Python needs does."""
    for name in CANARIES:
        assert os.environ[name] == "sk-canary"
        assert asyncio.run(sandbox.run(os.getenv, name, timeout_s=30)) is None
    assert asyncio.run(sandbox.run(os.getenv, "PATH", timeout_s=30)) is not None


def test_kernel_keeps_no_key() -> None:
    """A program that starts its first sandbox with a key set has no worker whose /proc/PID/environ shows it."""
    script = (
        "import asyncio, pathlib\n"
        "from octavo.processors.read.workers.sandbox import Sandbox\n"
        "with Sandbox(1, 1 << 30) as box:\n"
        "    environ = asyncio.run(box.run(pathlib.Path.read_bytes, pathlib.Path('/proc/self/environ'), timeout_s=30))\n"
        "assert b'PATH=' in environ and b'sk-canary' not in environ, environ\n"
    )
    environment = os.environ | dict.fromkeys(CANARIES, "sk-canary")
    subprocess.run([sys.executable, "-c", script], env=environment, cwd=Path(__file__).parents[1], check=True)


def test_workers_do_not_import_the_program(tmp_path: Path) -> None:
    """A worker does not run the main module again, which for a Prefect run would cost seconds."""
    (tmp_path / "program.py").write_text(
        "import asyncio, os, pathlib\n"
        "pathlib.Path('starts').open('a').write('x')\n"
        "from octavo.processors.read.workers.sandbox import Sandbox\n"
        "with Sandbox(1, 1 << 30) as box:\n"
        "    assert asyncio.run(box.run(os.getpid, timeout_s=30)) != os.getpid()\n",
    )
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[1])}
    subprocess.run([sys.executable, "program.py"], env=environment, cwd=tmp_path, check=True)
    assert (tmp_path / "starts").read_text() == "x"
