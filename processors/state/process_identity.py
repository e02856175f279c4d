"""Names of processes that no later process has: what stands under one in a shared file is known to be nobody's when it is gone."""

from __future__ import annotations

import os
from pathlib import Path


def holder(pid: int) -> str:
    """The name of a process: host, number, and when it began in ticks since boot."""
    return f"{os.uname().nodename} {pid} {_began(pid)}"


def same_process(one: str, other: str) -> bool:
    """Whether two names, with whatever stands behind them, are of one process."""
    return one.split(" ")[:3] == other.split(" ")[:3]


def is_here(name: str) -> bool:
    """Whether the process lives on this machine."""
    host, pid, _ = name.split(" ")
    return host == os.uname().nodename and holder(int(pid)) == name


def is_gone(name: str) -> bool:
    """Whether the process was of this machine and is no more; of another machine's nobody here can tell."""
    return name.partition(" ")[0] == os.uname().nodename and not is_here(name)


def _began(pid: int) -> str:
    """Field 22 of /proc/PID/stat (proc_pid_stat(5)), counted behind the name, which may hold spaces.

    "" when there is no such process, or one that has ended and whose parent has not asked how.
    """
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
        fields = text.rpartition(")")[2].split()
        return "" if fields[0] in ("Z", "X") else fields[19]
    except (OSError, IndexError):
        return ""
