"""How far a run is, for who watches: how much is done and how fast, what it cost, how many calls are in flight, and for what it waits.

Stages and sentences come in. What goes out depends on who watches: bars at a terminal; where there is none, a line each tenth of the
work and each minute; with --json an event a line on standard output, for programs; with --quiet nothing but trouble.
"""

from __future__ import annotations

import json
import logging
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Protocol

from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, Task, TaskID, TextColumn
from rich.text import Text

from octavo.flows import consent
from octavo.flows.commands import show
from octavo.flows.commands.meter import Meter
from octavo.flows.hooks import STAGES, StopSignal
from octavo.schemas.errors import OctavoError
from octavo.schemas.job import Job

if TYPE_CHECKING:
    from octavo.flows.consent import Approve, Estimate
    from octavo.flows.outcome.outcome import Outcome
    from octavo.processors.ask.replies import Traffic

LINES = 10  # lines that a stage has at least where there is no terminal
SPEAK_EVERY_S = 60.0  # and so often there is one at least
EVENT_EVERY_S = 1.0  # progress events come no closer than that


class Reporter(Protocol):
    """Who tells a person or a program how a run goes."""

    asks: bool  # whether somebody can be asked

    def tell(self, stage: str, done: int, total: int | None) -> None:
        """How far a stage is."""

    def note(self, sentence: str) -> None:
        """What to know now, such as for what the run waits."""

    async def wait(self, sentence: str) -> None:
        """For whom the run waits, and how long it has."""

    def price(self, found: Estimate) -> None:
        """What the run will cost."""

    def ask(self) -> bool:
        """Whether somebody agrees to the price."""

    def outcome(self, ended: Outcome) -> None:
        """How the run ended."""

    def close(self) -> None:
        """Nothing more is told of how far it is."""


class Lines:
    """For logs: a line at the start of a stage, each tenth of it and each minute, and every sentence."""

    asks = False

    def __init__(self, stop: StopSignal) -> None:
        """`stop` shows the calls."""
        self._stop = stop
        self._meters: dict[str, Meter] = {}
        self._said: dict[str, int] = {}  # tenths by stage
        self._said_at = time.monotonic()
        self._over = threading.Event()
        threading.Thread(target=self._keep_speaking, daemon=True).start()

    def tell(self, stage: str, done: int, total: int | None) -> None:
        """A line when one more tenth is done."""
        new = stage not in self._meters
        meter = self._meters.setdefault(stage, Meter(stage, self._traffic))
        meter.note(done, total)
        tenths = int(LINES * meter.share)
        if new or tenths > self._said.get(stage, 0):
            self._said[stage] = tenths
            self._progress(meter)

    def _traffic(self) -> Traffic:
        return self._stop.traffic()

    def _keep_speaking(self) -> None:
        while not self._over.wait(1.0):
            if self._meters and time.monotonic() - self._said_at >= SPEAK_EVERY_S:
                self._progress(list(self._meters.values())[-1])

    def _progress(self, meter: Meter) -> None:
        self._said_at = time.monotonic()
        show.note(str(meter))

    def note(self, sentence: str) -> None:
        """A line."""
        show.note(sentence)

    async def wait(self, sentence: str) -> None:
        """As any sentence."""
        self.note(sentence)

    def price(self, found: Estimate) -> None:
        """A line."""
        show.note(consent.price(found))

    def ask(self) -> bool:
        """Nobody is there."""
        return False

    def outcome(self, ended: Outcome) -> None:
        """All sentences of the outcome."""
        show.outcome(ended)

    def close(self) -> None:
        """No more lines by the clock."""
        self._over.set()


class Quiet(Lines):
    """For who wants to hear of trouble only."""

    def _progress(self, meter: Meter) -> None:
        """Say nothing."""

    def note(self, sentence: str) -> None:
        """Say nothing; what matters of it is in the outcome."""

    def price(self, found: Estimate) -> None:
        """Say nothing; the outcome says it when nobody agreed to it."""

    def outcome(self, ended: Outcome) -> None:
        """All sentences of an outcome that is not well."""
        if ended.exit_code:
            show.outcome(ended)


class Events(Lines):
    """For programs: an event a line on standard output, as JSON with `event` and `at`."""

    def tell(self, stage: str, done: int, total: int | None) -> None:
        """An event at the start and the end of a stage, and once a second between."""
        new = stage not in self._meters
        meter = self._meters.setdefault(stage, Meter(stage, self._traffic))
        meter.note(done, total)
        if new or done == total or time.monotonic() - self._said_at >= EVENT_EVERY_S:
            self._progress(meter)

    def _progress(self, meter: Meter) -> None:
        self._said_at = time.monotonic()
        _emit("progress", **meter.figures())

    def note(self, sentence: str) -> None:
        """An event."""
        _emit("note", sentence=sentence)

    def price(self, found: Estimate) -> None:
        """An event with all figures of the estimate."""
        _emit("price", sentence=consent.price(found), **asdict(found))

    def outcome(self, ended: Outcome) -> None:
        """An event with all figures of the outcome."""
        _emit("outcome", **asdict(ended), sentences=ended.sentences)


def emit_trouble(error: OctavoError) -> None:
    """The event of what ended a command before it had an outcome."""
    _emit("trouble", sentence=str(error), exit_code=error.exit_code, about=error.about)


def _emit(event: str, **more: Any) -> None:
    line = _plain({"event": event, "at": datetime.now(UTC).isoformat(timespec="milliseconds"), **more})
    sys.stdout.write(json.dumps(line, default=str, ensure_ascii=False) + "\n")
    sys.stdout.flush()


def _plain(value: Any) -> Any:
    """The value with names for keys: a question and its field are `question.field`."""
    if isinstance(value, Mapping):
        return {
            ".".join(map(str, key)) if isinstance(key, tuple) else key: _plain(one)
            for key, one in value.items()
        }
    return [_plain(one) for one in value] if isinstance(value, (list, tuple)) else value


class _Details(ProgressColumn):
    """What a bar cannot show, as it is now."""

    max_refresh = 0.5

    def __init__(self, meters: dict[str, Meter]) -> None:
        super().__init__()
        self._meters = meters

    def render(self, task: Task) -> Text:
        """The details of a stage."""
        return Text(", ".join(self._meters[task.fields["stage"]].details()), style="progress.elapsed")


class Bars(Lines):
    """For a terminal: a bar for each stage, sentences above them."""

    def __init__(self, stop: StopSignal) -> None:
        """Nothing is drawn before a stage begins."""
        super().__init__(stop)
        self.asks = show.can_ask()
        self._bars = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=12),
            MofNCompleteColumn(),
            _Details(self._meters),
            console=show.err,
        )
        self._tasks: dict[str, TaskID] = {}

    def tell(self, stage: str, done: int, total: int | None) -> None:
        """Draw a stage as it is now."""
        self._meters.setdefault(stage, Meter(stage, self._traffic)).note(done, total)
        if stage not in self._tasks:
            self._tasks[stage] = self._bars.add_task(STAGES[stage], total=total, stage=stage)
        self._bars.start()
        self._bars.update(self._tasks[stage], completed=done, total=total)

    def _progress(self, meter: Meter) -> None:
        """The bar says it."""

    def ask(self) -> bool:
        """Wait for a yes; bars that are drawn anew would wipe the question away."""
        self._bars.stop()
        return show.err.input("Go on? [y/N] ", markup=False).strip().lower() in {"y", "yes"}

    def close(self) -> None:
        """The bars stay as they are."""
        super().close()
        self._bars.stop()


class _Notices(logging.Handler):
    """Gives what is said deep inside, such as whose choice a wait is, to who tells it."""

    def __init__(self, report: Reporter) -> None:
        super().__init__(logging.WARNING)
        self._report = report

    def emit(self, record: logging.LogRecord) -> None:
        """Pass a sentence on."""
        self._report.note(record.getMessage())


@contextmanager
def reporter(stop: StopSignal, *, quiet: bool = False, as_json: bool = False) -> Iterator[Reporter]:
    """Who tells of a run, by who watches."""
    kind = Events if as_json else Quiet if quiet else Bars if show.err.is_terminal else Lines
    report, log = kind(stop), logging.getLogger("octavo")
    handler = _Notices(report)
    log.addHandler(handler)
    try:
        yield report
    finally:
        log.removeHandler(handler)
        report.close()


def approve(job: Job, report: Reporter) -> Approve:
    """Say the price before anything is spent, and wait for a yes; where nobody can be asked, the job itself agrees or not."""
    by_job = consent.by_job(job, lambda _: None)

    def approved(found: Estimate) -> bool:
        if not found.free:
            report.price(found)
        if found.free or not report.asks or (job.approved and not consent.above(job, found)):
            return by_job(found)
        return report.ask()

    return approved
