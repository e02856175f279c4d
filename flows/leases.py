"""Who works on a run and on its batches: notes in the ledger of the output folder, which all of them see, wherever they are.

    driver               the run that holds the folder, how often it has said so, and whether its workers are to end
    lease RUN BATCH ID   the process that works on a batch, and how often it has said so
    yield ID             asks the holder of a lease to finish what is in flight, and to let go

A batch is begun when nobody else works on it, so that no call is paid twice: not when a scheduler takes a worker for dead that is not,
and not when a run was killed and the next one begins while workers of the first still wait for replies. A process of this machine that
is gone is known to be; one of another machine is taken for gone when it has said nothing for LOST_S by the clock of who looks.
"""

from __future__ import annotations

import asyncio
import json
import os
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

from octavo.processors.state.database import holder, is_gone

DRIVER = "driver"  # the name of the note
BEAT_S = 1.0  # how often drivers and holders say that they live
LOOK_S = 0.25  # how often to look who does
LOST_S = (
    60.0  # silence after which a process of another machine counts as gone (ours, 2026-11-30: sixty beats)
)
SAY_FROM_S = 2.0  # a wait that lasts so long is said


class LedgerNotes(Protocol):
    """The notes of a ledger."""

    def keep(self, name: str, value: str) -> None:
        """Put a note down, soon."""
        ...

    async def keep_now(self, name: str, value: str) -> None:
        """Put a note down, and return when it is there for all."""
        ...

    def note(self, name: str) -> str:
        """The note of that name; "" when there is none."""
        ...

    def notes(self, beginning: str) -> dict[str, str]:
        """All notes whose name begins so, by name."""
        ...

    def forget(self, name: str) -> None:
        """Take a note away, soon."""
        ...


@dataclass(slots=True)
class Pulse:
    """Which of the processes that left a note are gone. Each look costs nothing but what it compares."""

    clock: Callable[[], float] = time.monotonic
    _seen: dict[str, tuple[str, float]] = field(default_factory=dict)

    def is_lost(self, name: str, value: str) -> bool:
        """Whether who left this note is gone: surely, or silent for too long."""
        who = json.loads(value)["holder"]
        if who.partition(" ")[0] == os.uname().nodename:
            return is_gone(who)
        before, since = self._seen.get(name, ("", 0.0))
        if before != value:
            self._seen[name] = (value, self.clock())
            return False
        return self.clock() - since > LOST_S


class Lease:
    """That this process works on a batch, or waits until nobody else does."""

    def __init__(self, notes: LedgerNotes, run: str, batch: int) -> None:
        self._notes = notes
        self._owner = uuid.uuid4().hex
        self._beats = self._turn = 0
        self._has_begun = False
        self.others = _of(run, batch)  # how the notes of all who work on the batch begin
        self.name = f"{self.others}{self._owner}"

    async def claim(self) -> None:
        """Say that we are there, so that whoever comes at the same time sees it; who comes last is whom the scheduler chose last."""
        turns = (_turn(value) for name, value in self._notes.notes(self.others).items() if name != self.name)
        self._turn = 1 + max(turns, default=0)
        await self._notes.keep_now(self.name, self._stamp())

    def begin(self) -> None:
        """Say that we work on it from now on."""
        self._has_begun = True
        self.beat()

    def beat(self) -> None:
        """Say that we live."""
        self._beats += 1
        self._notes.keep(self.name, self._stamp())

    def precedes(self, name: str, value: str) -> bool:
        """Whether who left that note makes way for us: who works already, and who waits and came before us."""
        return bool(json.loads(value).get("begun", True)) or (self._turn, self.name) > (_turn(value), name)

    def _stamp(self) -> str:
        return stamp(self._beats, turn=self._turn, begun=self._has_begun)

    @property
    def is_wanted(self) -> bool:
        """Whether somebody asks us to let go."""
        return bool(self._notes.note(f"yield {self._owner}"))

    def release(self) -> None:
        """Say that we no longer do."""
        self._notes.forget(self.name)
        self._notes.forget(f"yield {self._owner}")


def stamp(beats: int, **more: Any) -> str:
    """What a note of this process says."""
    return json.dumps({"holder": holder(os.getpid()), "beats": beats, **more})


async def vacated(lease: Lease, notes: LedgerNotes) -> None:
    """Return when nobody else works on a batch, or when we are asked to let go ourselves; who works on it is asked to."""
    await lease.claim()
    await _alone(notes, lease.others, lease.name, lambda _: None, lambda: lease.is_wanted, lease.precedes)


async def none_left(notes: LedgerNotes, say: Callable[[str], None], is_over: Callable[[], bool]) -> None:
    """Return when no worker of an earlier run works on the folder any more, or when this run is over itself; a long wait is said."""

    def tell(left: int) -> None:
        workers = "batch of an earlier run is" if left == 1 else "batches of an earlier run are"
        say(f"{left} {workers} still with workers: waiting for their calls in flight, which are kept.")

    await _alone(notes, "lease ", "", tell, is_over)


async def _alone(
    notes: LedgerNotes,
    beginning: str,
    own: str,
    tell: Callable[[int], None],
    is_over: Callable[[], bool],
    makes_way: Callable[[str, str], bool] = lambda _, __: True,
) -> None:
    pulse, began, asked, told = Pulse(), time.monotonic(), set[str](), False
    while others := {name: value for name, value in notes.notes(beginning).items() if name != own}:
        for name, value in others.items():
            owner = name.rpartition(" ")[2]
            if pulse.is_lost(name, value):
                notes.forget(name)
                notes.forget(f"yield {owner}")
            elif name not in asked and makes_way(name, value):
                asked.add(name)
                notes.keep(f"yield {owner}", "please")
        if is_over():
            return
        if not told and time.monotonic() - began > SAY_FROM_S:
            told = True
            tell(len(others))
        await asyncio.sleep(LOOK_S)


def _turn(value: str) -> int:
    return int(json.loads(value).get("turn", 0))


def _of(run: str, batch: int) -> str:
    return f"lease {run} {batch} "
