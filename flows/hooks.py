"""How who starts a run takes part in it: hears how far it is, agrees to its price, may stop it, and says who runs its batches, and how."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from octavo.flows.batch_runner import BatchRunner, InProcess, Workers, run_in_process
from octavo.flows.consent import Approve, always
from octavo.processors.ask.replies import Traffic
from octavo.schemas.errors import OctavoError

STAGES = {"read": "Reading files", "batch": "Waiting for batches", "ask": "Asking questions"}  # for people


OnProgress = Callable[
    [str, int, int | None], None
]  # gets a stage, how much of it is done, and of how much: None while that is not known
OnNotice = Callable[[str], None]  # gets a sentence that a person should know while the work goes on


def ignore(*_: object) -> None:
    """Hear and say nothing."""


@dataclass(slots=True)
class StopSignal:
    """Whether a run should send nothing more: `error` says why. Set from outside by a signal, from inside by a budget or a refusal.

    `tell` is told at once when the run is asked to end. `listen` hears signals, also where somebody else took them over meanwhile.
    `traffic` shows what goes between the run and its provider, once there is one. `ended` is how a run ended that was stopped at once.
    """

    error: OctavoError | None = None
    tell: Callable[[OctavoError], None] = lambda _: None
    listen: Callable[[], None] = lambda: None
    traffic: Callable[[], Traffic] = Traffic
    ended: Any = None  # an outcome, which holds what this file is about

    def end(self, error: OctavoError) -> None:
        """Ask the run to end: what waits is not sent, what is in flight is awaited."""
        self.error = error
        self.tell(error)


@dataclass(frozen=True, slots=True)
class Hooks:
    """What a run calls on the way. `approve` sees the price before anything is asked, and may say no."""

    on_progress: OnProgress = ignore
    on_notice: OnNotice = ignore
    approve: Approve = always
    stop: StopSignal = field(default_factory=StopSignal)
    each: BatchRunner = run_in_process
    workers: Workers = field(default_factory=InProcess)
