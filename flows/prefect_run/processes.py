"""Processes that this one started, and theirs: finding them, and ending them by their process ids.

In: a process and how long it may take. Out: nothing of it is left. Reads /proc, or asks `ps` where there is none (macOS).
"""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from pathlib import Path

LOOK_EVERY_S = 0.1
FLOW_RUN = "PREFECT__FLOW_RUN_ID"  # what a worker puts in the environment of the process of a flow run


async def end_children(parent: int, grace_s: float, others: Callable[[], set[int]] = set) -> None:
    """Send SIGTERM to the children of a process, and to others, once to each, and wait until they have ended, but not for long.

    Prefect's worker kills its flow runs when it ends, and those then stand as running for ever. Ended before it, a flow run leaves
    its folder in order and says that it was stopped.
    """
    deadline = time.monotonic() + grace_s
    told: set[int] = set()
    while (alive := set(_children(parent)) | others()) and time.monotonic() < deadline:
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


def kill(pids: Iterable[int]) -> None:
    """Kill processes at once; of those that are gone already nothing is said."""
    for pid in pids:
        _send(pid, signal.SIGKILL)


def wait_until_gone(pids: Iterable[int], patience_s: float = 10.0) -> None:
    """Return when none of the processes runs any more, or after a while."""
    names, deadline = [name_of(pid) for pid in pids], time.monotonic() + patience_s
    while any(" " in name and not is_gone(name) for name in names) and time.monotonic() < deadline:
        time.sleep(LOOK_EVERY_S)


def _send(pid: int, number: signal.Signals) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, number)


def _session(pid: int) -> int | None:
    try:
        return os.getsid(pid)
    except ProcessLookupError:
        return None


def name_of(pid: int) -> str:
    """The number of a process and when it began, which no later process has; only the number when it has ended, or without a /proc."""
    with suppress(OSError, IndexError):
        state, *fields = Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()
        ended = (
            state == "Z" and int(fields[16]) <= 1
        )  # subtle: one whose threads still end has its sockets open
        return f"{pid}" if ended else f"{pid} {fields[18]}"
    return f"{pid}"


def is_gone(name: str) -> bool:
    """Whether the process of a name has ended."""
    return name_of(int(name.split(maxsplit=1)[0])) != name


def environments() -> dict[int, dict[str, str]]:
    """What every process that may be looked at was given as its environment; empty where there is no /proc."""
    found = {}
    for path in Path("/proc").glob("[0-9]*/environ"):
        with suppress(OSError):  # it ended while we looked, or is somebody else's
            pairs = (pair.partition("=") for pair in path.read_text(errors="replace").split("\0"))
            found[int(path.parent.name)] = {key: value for key, _, value in pairs if key}
    return found


def flow_runs_here() -> set[str] | None:
    """The flow runs that have a process on this machine; None where that cannot be seen."""
    found = environments()
    return {given[FLOW_RUN] for given in found.values() if FLOW_RUN in given} if found else None


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
                yield (
                    int(folder.name),
                    int((folder / "stat").read_text(errors="replace").rpartition(")")[2].split()[1]),
                )
