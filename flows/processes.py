"""Ending processes that this one started, and theirs, by their process ids.

In: a process and how long it may take. Out: nothing of it is left. Reads /proc, or asks `ps` where there is none (macOS).
"""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

LOOK_EVERY_S = 0.1


async def end_children(parent: int, grace_s: float) -> None:
    """Send SIGTERM to the children of a process, once to each, and wait until they have ended, but not for long.

    Prefect's worker kills its flow runs when it ends, and those then stand as running for ever. Ended before it, a flow run leaves
    its folder in order and says that it was stopped.
    """
    deadline = time.monotonic() + grace_s
    told: set[int] = set()
    while (alive := set(_children(parent))) and time.monotonic() < deadline:
        for pid in alive - told:
            _send(pid, signal.SIGTERM)
        told |= alive
        await asyncio.sleep(LOOK_EVERY_S)


async def end(process: asyncio.subprocess.Process, grace_s: float) -> None:
    """Ask a process to end, and after `grace_s` kill what is left of it and of all that descends from it."""
    family = {pid: session for pid in (process.pid, *descendants(process.pid)) if (session := _session(pid))}
    if process.returncode is None:
        _send(process.pid, signal.SIGTERM)
    with suppress(TimeoutError):
        await asyncio.wait_for(process.wait(), grace_s)
    for pid, session in family.items():
        if _session(pid) == session:  # else the number has gone to somebody else
            _send(pid, signal.SIGKILL)
    await process.wait()


def _send(pid: int, number: signal.Signals) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, number)


def _session(pid: int) -> int | None:
    try:
        return os.getsid(pid)
    except ProcessLookupError:
        return None


def descendants(parent: int) -> Iterator[int]:
    """Children, and children of children, of a process."""
    for child in _children(parent):
        yield child
        yield from descendants(child)


def _children(parent: int) -> list[int]:
    return [pid for pid, its_parent in _processes() if its_parent == parent]


def _processes() -> Iterator[tuple[int, int]]:
    """Every process with its parent."""
    if not Path("/proc/self/stat").exists():
        listed = subprocess.run(["ps", "-A", "-o", "pid=,ppid="], capture_output=True, text=True, check=True)  # noqa: S607
        for line in listed.stdout.splitlines():
            pid, parent = line.split()
            yield int(pid), int(parent)
        return
    for folder in Path("/proc").iterdir():
        if folder.name.isdecimal():
            with suppress(OSError):  # it ended while we looked
                # subtle: the name of a program, in brackets, may hold spaces and brackets
                yield int(folder.name), int((folder / "stat").read_text(errors="replace").rpartition(")")[2].split()[1])
