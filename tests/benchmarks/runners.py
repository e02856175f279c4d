"""What giving batches to workers costs, and what of an account several workers use together.

    python -m tests.benchmarks.runners --carry                 # CPU of one batch's way there and back, by kind of way
    python -m tests.benchmarks.runners --limits --workers 2 4  # share of the requests a minute that binds, and refusals
    python -m tests.benchmarks.runners --limits --runner dask  # the same with two workers of a Dask cluster of its own

In: nothing. Out: a line for each. A batch is a hundred windows of 4,000 characters. Limits are the emulator's, in real time, with replies
that take some seconds; a share is counted from the first request on over whole minutes; the CPU is that of all processes of the run.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import pickle
import resource
import tempfile
import time
from pathlib import Path
from typing import Any

from octavo.flows import order, settings
from octavo.flows.hooks import Hooks
from octavo.flows.runners.chosen import workers_of
from octavo.flows.runners.parcel import Packed, pack_tasks, tasks_of
from octavo.flows.stored_replies import WindowTask
from octavo.processors.pack import windows as pack
from octavo.schemas.job import Job
from octavo.schemas.pipeline import Page
from tests.emulator.config import Config
from tests.emulator.fixture import Running, running
from tests.emulator.oracle import labelled_lines

WINDOWS, CHARACTERS = 100, 4_000
BATCHES = 40
RPM = 120
SECONDS_A_REPLY = 3.0


def cpu_s() -> float:
    """Processor seconds of this process and of its children that have ended."""
    return sum(
        used.ru_utime + used.ru_stime
        for used in (resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN))
    )


def batch() -> list[WindowTask]:
    """Windows that no two are alike."""
    found = []
    for number in range(WINDOWS):
        text = f"sender: Sender {number}\n" + "Some words of a letter. " * (CHARACTERS // 24)
        (window,) = pack.windows(
            [Page(f"{number:064x}", 1, text)], pack.counter(None), pack.Bounds(100_000, 50)
        )
        found.append(WindowTask(window, {"letter": frozenset(window.documents)}))
    return found


def echo(packed: Packed) -> int:
    """What a worker does with a batch before it works on it."""
    return len(tasks_of(packed))


def carried() -> None:
    """The way of a batch without a cluster, and with Dask's."""
    tasks, before = batch(), cpu_s()
    for _ in range(BATCHES):
        echo(pickle.loads(pickle.dumps(pack_tasks(tasks))))
    print(f"packed, pickled, unpacked: {(cpu_s() - before) / BATCHES * 1000:.1f} ms CPU a batch")
    from distributed import Client, LocalCluster

    before = cpu_s()
    with (
        LocalCluster(n_workers=1, threads_per_worker=2, dashboard_address=None) as cluster,  # type: ignore[no-untyped-call]
        Client(cluster) as client,  # type: ignore[no-untyped-call]
    ):
        client.submit(echo, pack_tasks(tasks[:1]), pure=False).result()
        alone = cpu_s()
        for _ in range(BATCHES):
            client.submit(echo, pack_tasks(tasks), pure=False).result()
        ours = cpu_s() - alone
    print(
        f"by Dask: {ours / BATCHES * 1000:.1f} ms CPU a batch here and in the scheduler, {cpu_s() - before:.1f} s with start and workers"
    )


def folder(place: Path, windows: int) -> Path:
    """Slips, each of which is a window."""
    inbox = place / "inbox"
    inbox.mkdir()
    schema = {"type": "object", "description": "A parcel.", "properties": {"sender": {"type": "string"}}}
    (place / "parcel.json").write_text(json.dumps(schema), encoding="utf-8")
    for number in range(windows):
        (inbox / f"slip{number:04}.txt").write_text(f"Slip {number}\nsender: Sender {number} Ltd\n")
    return inbox


def limited(runner: str, minutes: int) -> None:
    """One run whose requests a minute bind."""
    with (
        tempfile.TemporaryDirectory() as place,
        running(Config(tier=5, rpm=RPM, oracle=labelled_lines, ttft_s=SECONDS_A_REPLY, jitter=0.1)) as kimi,
    ):
        os.environ["OCTAVO_HOME"], os.environ["MOONSHOT_API_KEY"] = f"{place}/home", kimi.key
        inbox = folder(Path(place), RPM * minutes + RPM // 2)
        job = Job(
            inbox=str(inbox), out=f"{place}/out", extract=[f"{place}/parcel.json"], base_url=kimi.base_url,
            tier=5, rpm=RPM, concurrency=40, max_documents_per_window=1, runner=runner, approved=True,
        )  # fmt: skip
        began, before = time.monotonic(), cpu_s()
        ended = asyncio.run(order.run(job, settings.account(job), hooks=Hooks(workers=workers_of(job))))
        told(runner, kimi, minutes, ended, time.monotonic() - began, cpu_s() - before)


def told(runner: str, kimi: Running, minutes: int, ended: Any, took_s: float, used_s: float) -> None:
    """A line."""
    calls = kimi.log.chats()
    first = calls[0].time_s
    inside = sum(entry.admitted and entry.time_s < first + 60 * minutes for entry in calls)
    refused = sum(not entry.admitted for entry in calls)
    print(
        f"{runner}: {inside / (RPM * minutes):.1%} of rpm in {minutes} min, {refused} of {len(calls)} refused, "
        f"{len(kimi.breaches())} breaches, twice {len(kimi.asked_twice())}, rows {ended.rows}, {took_s:.0f} s, {used_s:.1f} s CPU"
    )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--carry", action="store_true")
    parser.add_argument("--limits", action="store_true")
    parser.add_argument("--workers", type=int, nargs="+", default=[2])
    parser.add_argument("--runner", default="processes")
    parser.add_argument("--minutes", type=int, default=1)
    given = parser.parse_args()
    if given.carry:
        carried()
    if given.limits:
        for workers in given.workers if given.runner == "processes" else [0]:
            limited(f"processes:{workers}" if workers else given.runner, given.minutes)


if __name__ == "__main__":
    main()
