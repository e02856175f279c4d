"""Which flow runs live: each holds a lock of its own for as long as its process does, and the kernel gives it back when that dies.

In: the id of a flow run. Out: whether its process lives, as far as this machine can tell. The locks are files in `OCTAVO_HOME/runs`.
"""

from __future__ import annotations

import atexit
import fcntl
import json
import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Literal

from rich.console import Console

from octavo.flows import settings
from octavo.flows.prefect_run.processes import FLOW_RUN

Verdict = Literal[
    "alive", "dead", "elsewhere", "unseen"
]  # on a machine that is not this one; without a lock that was ever taken

_BOOT = Path("/proc/sys/kernel/random/boot_id")
_held: dict[str, int] = {}  # open files of this process by run, kept until it ends


def folder(environ: Mapping[str, str] = os.environ) -> Path:
    """Where the locks lie."""
    return settings.data_folder(environ) / "runs"


def announce(run: str) -> None:
    """Hold the lock of a flow run until this process ends, however it ends. Without a folder to write to nobody is told."""
    if run in _held:
        return
    path = folder() / run
    with suppress(OSError):  # it is a help for others, and no run fails for it
        path.parent.mkdir(parents=True, exist_ok=True)
        _held[run] = handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o600)
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.write(
            handle, json.dumps({"pid": os.getpid(), "host": os.uname().nodename, "boot": boot()}).encode()
        )
        atexit.register(forget, run)


def outlive_worker() -> None:
    """Let a run that a worker started go on when that is killed, and nobody reads its lines any more; rich would end it at the next one."""
    if FLOW_RUN in os.environ:
        Console.on_broken_pipe = _read_by_nobody  # type: ignore[assignment, method-assign]


def _read_by_nobody(_: Console) -> None:
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.dup2(nowhere, 2)
    os.close(nowhere)


def forget(run: str) -> None:
    """Take away the file of a run that has ended."""
    (folder() / run).unlink(missing_ok=True)


def announced() -> list[str]:
    """The runs that have a file here."""
    return sorted(path.name for path in folder().iterdir()) if folder().is_dir() else []


def verdict(run: str) -> Verdict:
    """Whether the process of a run lives. Of a run on another machine, which may share the folder, nobody here can tell."""
    try:
        handle = os.open(folder() / run, os.O_RDWR)
    except OSError:
        return "unseen"
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        note = json.loads(os.read(handle, 4096))
    except (OSError, ValueError):
        return "alive"  # it is held, or its holder is just writing it
    finally:
        os.close(handle)
    # subtle: under the boot of another kernel a free lock says nothing, unless this machine was started anew
    return "dead" if note["boot"] == boot() or note["host"] == os.uname().nodename else "elsewhere"


def boot() -> str:
    """What names this start of this machine's kernel; "" where there is no /proc."""
    return _BOOT.read_text().strip() if _BOOT.exists() else ""
