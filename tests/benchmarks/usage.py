"""What a piece of work costs: CPU seconds of children, and the largest resident set among them."""

from __future__ import annotations

import ctypes
import os
import resource
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from octavo.flows.prefect_run.processes import descendants

PR_SET_CHILD_SUBREAPER = (
    36  # of Linux, linux/prctl.h, read 2026-11: who outlives its parent becomes our child
)


def cpu_s(work: Callable[[], Any]) -> float:
    """User and system seconds of the child processes that end during the work, and of theirs, such as the workers that read."""
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1)
    others = set(descendants(os.getpid()))
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    work()
    while left := set(descendants(os.getpid())) - others:
        for pid in left:
            with suppress(ChildProcessError):  # it is the child of a child
                os.waitpid(pid, 0)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime


def largest_child_mb() -> float:
    """Resident megabytes of the largest child process that has ended so far."""
    return resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
