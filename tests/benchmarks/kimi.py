"""The Kimi emulator in a process of its own, so that its work is not counted as ours: flags in, its address out."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def emulator(*flags: str) -> Iterator[str]:
    """Start it with the flags of `python -m tests.emulator`, give its address, and end it."""
    with subprocess.Popen(
        [sys.executable, "-m", "tests.emulator", *flags], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        found = re.search(r"http\S+", process.stdout.readline())
        assert found
        try:
            yield found[0]
        finally:
            process.terminate()
