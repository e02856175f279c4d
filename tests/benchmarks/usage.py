"""What a piece of work costs: CPU seconds of children, and the largest resident set among them."""

from __future__ import annotations

import resource
from collections.abc import Callable
from typing import Any


def cpu_s(work: Callable[[], Any]) -> float:
    """User and system seconds of the child processes that end during the work."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    work()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime


def largest_child_mb() -> float:
    """Resident megabytes of the largest child process that has ended so far."""
    return resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
