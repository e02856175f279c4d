"""CPU seconds until the first document is read, from the start of Python, the process and its children together.

    python -m tests.benchmarks.start [--runs 7]

In: nothing. Out: the median and the range, offline, into a new folder each time, with the CPU seconds of the whole run beside it.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.benchmarks.usage import cpu_s

SAMPLE = Path(__file__).resolve().parents[2] / "data" / "samples" / "letter.docx"
TICKS = os.sysconf("SC_CLK_TCK")


def main() -> None:
    """Run it some times and print."""
    parser = argparse.ArgumentParser(description="CPU seconds to the first document.")
    parser.add_argument("--runs", type=int, default=7)
    parser.add_argument("--inbox", help=argparse.SUPPRESS)  # a child: run once and print the CPU seconds
    flags = parser.parse_args()
    if flags.inbox:
        once(flags.inbox)
        return
    first, whole = zip(*(child() for _ in range(flags.runs)), strict=True)
    for name, seconds in (("to the first document", first), ("of the whole run", whole)):
        print(
            f"CPU {name}: {statistics.median(seconds):.2f} s (from {min(seconds):.2f} to {max(seconds):.2f}, {flags.runs} runs)"
        )


def child() -> tuple[float, float]:
    """CPU seconds of one run to its first document, and to its end."""
    with tempfile.TemporaryDirectory() as folder:
        inbox = Path(folder) / "inbox"
        inbox.mkdir()
        shutil.copy(SAMPLE, inbox)
        said: list[str] = []
        command = [sys.executable, "-m", "tests.benchmarks.start", "--inbox", str(inbox)]
        whole = cpu_s(
            lambda: said.append(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
        )
        return float(said[0]), whole


def once(inbox: str) -> None:
    """Do the job as `octavo run` does, and print the CPU seconds when the first document is read."""
    from octavo.flows import order, settings
    from octavo.flows.hooks import Hooks
    from octavo.flows.prefect_run.processes import descendants
    from octavo.schemas.job import Job

    def tell(stage: str, done: int, total: int | None) -> None:
        if (stage, done, total) == ("read", 1, 1):
            print(time.process_time() + sum(map(of_process, descendants(os.getpid()))))

    job = Job(inbox=inbox, out=f"{inbox}/../out", extract=["letter"], offline=True)
    asyncio.run(order.run(job, settings.account(job), hooks=Hooks(on_progress=tell)))


def of_process(pid: int) -> float:
    """User and system seconds of a process that runs."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


if __name__ == "__main__":
    main()
