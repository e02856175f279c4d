"""How far a stage is and how fast: counts come in as the work goes on; figures and a line for people go out."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from typing import Any

from octavo.flows.consent import usd
from octavo.flows.hooks import STAGES
from octavo.processors.ask.replies import Traffic

UNITS = {"read": "files", "batch": "requests", "ask": "answers"}  # what each stage counts
RATE_OVER_S = 120.0  # the rate is that of so long


@dataclass(slots=True)
class Meter:
    """How far one stage is, and how fast it went of late."""

    stage: str
    traffic: Callable[[], Traffic]
    clock: Callable[[], float] = time.monotonic
    done: int = 0
    total: int | None = None
    samples: deque[tuple[float, int]] = field(default_factory=deque)  # when so much was done

    def note(self, done: int, total: int | None) -> None:
        """Take note of how far it is now."""
        self.done, self.total = done, total
        now = self.clock()
        self.samples.append((now, done))
        while len(self.samples) > 2 and self.samples[1][0] < now - RATE_OVER_S:
            self.samples.popleft()

    @property
    def share(self) -> float:
        """Share of the work that is done; 0 while it is not known."""
        return self.done / self.total if self.total else 0.0

    def figures(self) -> dict[str, Any]:
        """All that is known, by name; None for what is not. Times are seconds, money is USD."""
        began, before = self.samples[0] if self.samples else (self.clock(), 0)
        elapsed_s = self.clock() - began
        per_s = (self.done - before) / elapsed_s if elapsed_s > 0 else 0.0
        left_s = round((self.total - self.done) / per_s, 1) if per_s > 0 and self.total is not None else None
        rate = {
            "stage": self.stage,
            "done": self.done,
            "total": self.total,
            "per_minute": round(60 * per_s, 1),
            "left_s": left_s,
        }
        return rate | asdict(self.traffic())

    def __str__(self) -> str:
        """A line for people."""
        of = f" of {self.total:,} ({100 * self.share:.0f} %)" if self.total else ""
        return ", ".join([f"{STAGES[self.stage]}: {self.done:,}{of}", *self.details()])

    def details(self) -> Iterator[str]:
        """What a line says beside how much is done."""
        found = self.figures()
        if found["per_minute"] and not (self.total and self.done >= self.total):
            yield f"{found['per_minute']:,.0f} {UNITS[self.stage]} a minute"
            if found["left_s"] is not None:
                yield f"{_duration(found['left_s'])} left"
        if self.stage == "read":
            return
        of = f" of {usd(found['budget_usd'])}" if found["budget_usd"] else ""
        yield f"${found['spent_usd']:.4f}{of} spent"
        if found["in_flight"]:
            yield f"{found['in_flight']} of {found['allowed']} calls in flight"
        if found["refused"]:
            yield f"{found['refused']} told to come later"


def _duration(seconds: float) -> str:
    return f"{seconds / 60:.0f} min" if seconds >= 90 else f"{seconds:.0f} s"
