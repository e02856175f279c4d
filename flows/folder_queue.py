"""Runs that write one output folder follow one another: who comes second waits, and says for whom and for how long.

In: the work of a run, which ends with Locked when another run holds its folder. Out: what the work gives, as soon as it could be done.
The lock is the kernel's (processors/store/disk.py): it is free in the moment in which its holder ends, also by kill -9. Of runs that
would do the very same only one waits, so that a schedule that is faster than its runs does not fill the machine.
"""

from __future__ import annotations

import asyncio
import fcntl
import hashlib
import os
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from octavo.flows import settings
from octavo.flows.hooks import StopSignal
from octavo.schemas.errors import Locked, SameJobWaits
from octavo.schemas.job import Job

LOOK_EVERY_S = 2.0  # a look is an open and a flock
SAY_EVERY_S = 60.0

Result = TypeVar("Result")
Say = Callable[[str], Awaitable[None]]


async def in_turn(
    work: Callable[[], Awaitable[Result]],
    job: Job,
    asks: Sequence[str],
    *,
    patience_s: float,
    say: Say,
    stop: StopSignal,
) -> Result:
    """Do the work as soon as no other run holds its folder; says at once for whom it waits, and again every minute.

    Raises Locked when patience ends, SameJobWaits when a run of the same job waits already, and what asks the run to end.
    """
    place = settings.data_folder() / "waiting" / f"{_key(job, asks)}.lock"
    began, said = time.monotonic(), 0
    while True:
        try:
            return await work()
        except Locked as error:
            held = error
        waited_s = time.monotonic() - began
        if stop.error:
            raise stop.error
        if waited_s >= patience_s:
            raise held
        with _alone(place) as alone:
            if not alone:
                message = f"{held.message} A run of the same job waits for it already, so this one has nothing to do."
                raise SameJobWaits(message, about=held.about, next_step="Wait for that one.")
            if waited_s >= said * SAY_EVERY_S:
                said += 1
                await say(f"{held.message} Waiting for it{f', {waited_s:.0f} s so far' if said > 1 else ''}.")
            await asyncio.sleep(min(LOOK_EVERY_S, patience_s - waited_s))


def _key(job: Job, asks: Sequence[str]) -> str:
    """The same for two runs that would do the very same."""
    whole = job.model_copy(
        update={"inbox": str(Path(job.inbox).resolve()), "out": str(settings.out_folder(job.out).resolve())}
    )
    return hashlib.sha256(f"{whole.model_dump_json()} {' '.join(asks)}".encode()).hexdigest()[:16]


@contextmanager
def _alone(path: Path) -> Iterator[bool]:
    """Hold a place that only one may have; gives whether it is ours. The kernel frees it when its holder dies."""
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        alone = True
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            alone = False
        yield alone
        if alone:
            path.unlink(missing_ok=True)
    finally:
        os.close(descriptor)
