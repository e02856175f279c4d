"""Seconds and memory for listing a folder, and memory of a run that reads it: `python -m tests.benchmarks.discovery [MOST_FILES_TO_READ]`.

Each figure comes from a process of its own, so that its peak is its own. Peak memory is the resident set of that process, in MB;
the workers that read are other processes.
"""

from __future__ import annotations

import asyncio
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path


def fill(folder: Path, files: int) -> None:
    """Small texts, 1,000 a folder."""
    for number in range(files):
        if number % 1_000 == 0:
            (folder / f"{number:06}").mkdir()
        (folder / f"{number // 1_000 * 1_000:06}" / f"note {number}.txt").write_text(
            f"Note {number}\nsender: Sender {number} Ltd\n"
        )


def discover(folder: str) -> None:
    """List a folder and keep nothing."""
    from octavo.processors.read.pages import ReadLimits
    from octavo.processors.read.pages import discover as walk

    before = peak_mb()
    begun = time.perf_counter()
    files = sum(1 for _ in walk(Path(folder), ReadLimits()))
    print(
        f"listing {files:,} files: {time.perf_counter() - begun:.2f} s, peak {peak_mb():.0f} MB, {peak_mb() - before:.1f} MB of it new"
    )


def ingest(folder: str) -> None:
    """Read a folder into tables, twice: the second time nothing is parsed."""
    from octavo.flows import order, settings
    from octavo.schemas.job import Job

    with tempfile.TemporaryDirectory() as out:
        job = Job(inbox=folder, out=out, offline=True)
        for name in ("reading", "reading again"):
            begun, before = time.perf_counter(), peak_mb()
            ended = asyncio.run(order.run(job, settings.account(job, {}), steps=[order.ingest]))
            seconds = time.perf_counter() - begun
            memory = f"peak of the parent {peak_mb():.0f} MB, {peak_mb() - before:.1f} MB of it new"
            print(f"{name} {ended.paths:,} files: {seconds:.1f} s, {memory}")


def peak_mb() -> float:
    """Peak resident memory of this process; Linux counts it in KiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main(most: int) -> None:
    """Print all figures."""
    steps = [
        ("discover", 1_000),
        ("discover", 100_000),
        *(("ingest", count) for count in (1_000, 10_000, 100_000) if count <= most),
    ]
    for step, count in steps:
        with tempfile.TemporaryDirectory() as folder:
            fill(Path(folder), count)
            subprocess.run([sys.executable, "-m", "tests.benchmarks.discovery", step, folder], check=True)


if __name__ == "__main__":
    if sys.argv[1:2] in (["discover"], ["ingest"]):
        {"discover": discover, "ingest": ingest}[sys.argv[1]](sys.argv[2])
    else:
        main(int(sys.argv[1]) if len(sys.argv) > 1 else 100_000)
