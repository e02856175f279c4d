"""The state of a flow run while it waits for another one: its name and message in the UI, and a line in the log.

In: a sentence that says for what the run waits. Out: the state `Waiting`, and `Running` again when the work goes on.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from prefect import get_run_logger
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterState, FlowRunFilterStateType
from prefect.client.schemas.objects import StateType
from prefect.exceptions import PrefectException
from prefect.runtime import flow_run
from prefect.states import Running

from octavo.schemas.job import Job

ANSWER_WITHIN_S = 10.0  # Prefect's client by itself tries for a minute


async def tolerantly(talking: Awaitable[Any], what: str = "An artifact could not be stored") -> Any:
    """A server that is away for a while costs a picture, never the run, and no more than a few seconds."""
    try:
        return await asyncio.wait_for(talking, ANSWER_WITHIN_S)
    except (httpx.HTTPError, PrefectException, TimeoutError) as error:
        get_run_logger().warning("%s: %s", what, error or "the server did not answer in time")
        return None


@dataclass(slots=True)
class Wait:
    """That a flow run waits for its output folder, as the UI shows it."""

    job: Job
    waits: bool = False
    telling: set[asyncio.Task[Any]] = field(default_factory=set)

    async def say(self, sentence: str) -> None:
        """Show that the run waits, and for whom."""
        self.waits = True
        others = await tolerantly(_holders(self.job), "The other run could not be looked up")
        words = f"{sentence} In Prefect it is called {' or '.join(others)}." if others else sentence
        get_run_logger().info("%s", words)
        await tolerantly(_set(Running(name="Waiting", message=words)), "The state could not be set")

    def over(self) -> None:
        """Show that the run works, if it has waited."""
        if self.waits:
            self.waits = False
            self.telling.add(asyncio.ensure_future(tolerantly(_set(Running()), "The state could not be set")))


async def _set(state: Any) -> None:
    async with get_client() as client:
        await client.set_flow_run_state(flow_run.id, state, force=True)


async def _holders(job: Job) -> list[str]:
    """The names of other running flow runs that write this output folder."""
    async with get_client() as client:
        running = FlowRunFilter(
            state=FlowRunFilterState(type=FlowRunFilterStateType(any_=[StateType.RUNNING]))
        )
        runs = await client.read_flow_runs(flow_run_filter=running)
    others = [run for run in runs if str(run.id) != flow_run.id and run.state and run.state.name != "Waiting"]
    return [run.name for run in others if _out(run.parameters) == Path(job.out).resolve()]


def _out(parameters: dict[str, Any]) -> Path | None:
    job = parameters.get("job")
    return Path(job.get("out", Job.model_fields["out"].default)).resolve() if isinstance(job, dict) else None
