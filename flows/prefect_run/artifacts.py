"""How far a flow run is, for the UI: a bar for each stage that lasts, a line of the log, and the table of notices.

In: counts, as `flows.hooks.OnProgress` hears them. Out: artifacts and lines that come rarer the longer a stage lasts, since each change of
an artifact costs the server 10 kB (measured with Prefect 3.9.1). A stage that is over within seconds has a line and no bar.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from uuid import UUID

from prefect import get_run_logger
from prefect.artifacts import acreate_progress_artifact, acreate_table_artifact, aupdate_progress_artifact
from prefect.client.orchestration import get_client
from prefect.client.schemas.actions import ArtifactUpdate
from prefect.events import emit_event

from octavo.flows.hooks import STAGES, OnProgress
from octavo.flows.prefect_run.run_states import tolerantly
from octavo.schemas.job_groups import as_in_form

NOTICE_KEY = "octavo-notices"  # runs become versions of it
NOTICE = "octavo.notice"  # name of the event
LOOK_EVERY_S = 1.0
FIRST_AFTER_S = 5.0  # a stage that is shorter has no bar
REDRAW_S, REDRAW_SHARE = (
    10.0,
    0.05,
)  # of what the stage has lasted: a stage of an hour is redrawn some 80 times


@dataclass(slots=True)
class Notices:
    """What a person should hear at once, such as a budget or a balance that runs low: a line of the log, an event, and a table of all."""

    run: str  # id of the flow run
    heard: list[str] = field(default_factory=list)
    drawn: int = 0  # how many of them stand in the table
    table: UUID | None = None

    def hear(self, sentence: str) -> None:
        """Pass a sentence on. An automation of Prefect can send the event `octavo.notice` anywhere."""
        sentence = as_in_form(sentence)
        self.heard.append(sentence)
        get_run_logger().warning("%s", sentence)
        emit_event(NOTICE, {"prefect.resource.id": f"octavo.run.{self.run}"}, payload={"message": sentence})

    async def draw(self) -> None:
        """Keep the table as it is now: one for the whole run, whose description is the latest notice."""
        if self.drawn == len(self.heard):
            return
        self.drawn = len(self.heard)
        rows, latest = [{"notice": sentence} for sentence in self.heard], self.heard[-1]
        if self.table is None:
            self.table = await acreate_table_artifact(rows, NOTICE_KEY, latest)
        else:
            async with get_client() as client:
                await client.update_artifact(
                    self.table, ArtifactUpdate(data=json.dumps(rows), description=latest)
                )


@dataclass(slots=True)
class _Stage:
    """One stage of a run, and what the UI shows of it."""

    name: str
    began: float
    done: int = 0
    total: int | None = None
    drawn: tuple[int, int | None] | None = None
    due: float = 0.0  # when it is worth a drawing again
    bar: UUID | None = None

    @property
    def over(self) -> bool:
        """Whether all is done that there is."""
        return self.total is not None and self.done >= self.total

    def words(self, now: float) -> str:
        """How far it is, how long it took, and how long the rest will take if it goes on so."""
        took = now - self.began
        of = f"{self.done:,}" if self.over or self.total is None else f"{self.done:,} of {self.total:,}"
        left = (
            f", about {_lasting(took / self.done * (self.total - self.done))} left"
            if self.total and self.done and not self.over
            else ""
        )
        return f"{STAGES.get(self.name, self.name)}: {of} in {_lasting(took)}{left}"

    async def draw(self, now: float, *, last: bool) -> None:
        """A line, and a bar when the stage has lasted; once more when it is over."""
        if (
            self.total == 0
            or self.drawn == (self.done, self.total)
            or not (last or self.over or now >= self.due)
        ):
            return
        self.drawn, self.due = (self.done, self.total), now + max(REDRAW_S, REDRAW_SHARE * (now - self.began))
        words = self.words(now)
        get_run_logger().info("%s.", words)
        percent = 100.0 if self.over else 100.0 * self.done / self.total if self.total else 0.0
        if self.bar:
            await aupdate_progress_artifact(self.bar, percent, words)
        elif now - self.began >= FIRST_AFTER_S:
            self.bar = await acreate_progress_artifact(percent, f"octavo-{self.name}", words)


@asynccontextmanager
async def progress(also: OnProgress, notices: Notices) -> AsyncIterator[OnProgress]:
    """Draw each stage and the table of notices while the work goes on, and once more when it ends."""
    stages: dict[str, _Stage] = {}

    def tell(stage: str, done: int, total: int | None) -> None:
        now = time.monotonic()
        shown = stages.setdefault(stage, _Stage(stage, now, due=now + FIRST_AFTER_S))
        shown.done, shown.total = done, total
        also(stage, done, total)

    async def draw(*, last: bool) -> None:
        await notices.draw()
        for stage in list(stages.values()):
            await stage.draw(time.monotonic(), last=last)

    async def keep_drawing() -> None:
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            await tolerantly(draw(last=False))

    drawing = asyncio.create_task(keep_drawing())
    try:
        yield tell
    finally:
        drawing.cancel()
    await tolerantly(draw(last=True))


def _lasting(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 100 else f"{seconds / 60:.0f} min"
