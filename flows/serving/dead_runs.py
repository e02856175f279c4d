"""Marks flow runs as crashed whose process has died, so that none stands as running for ever and what it held is free again.

In: a client of the Prefect server and the name of our worker. Out: a sentence for each run that was marked.
A run is judged by the lock that it holds while it lives (`flows/prefect_run/liveness.py`), and while it starts by its process on this
machine.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.filters import (
    FlowFilter,
    FlowFilterName,
    FlowRunFilter,
    FlowRunFilterState,
    FlowRunFilterStateType,
)
from prefect.client.schemas.objects import FlowRun, StateType, WorkerStatus
from prefect.exceptions import ObjectNotFound
from prefect.states import Cancelled, Crashed

from octavo.flows.deployments import DEPLOYMENTS, POOL
from octavo.flows.prefect_run import liveness
from octavo.flows.prefect_run.processes import flow_runs_here

LIVE = [StateType.PENDING, StateType.RUNNING, StateType.CANCELLING, StateType.PAUSED]
# A run has to be dead at two looks, since a new process may be about to take the lock of one that was started again. One that has not
# taken its lock yet has a minute to show a process, since a worker takes some seconds to start one.
SURE_AFTER_S, SURE_WITHOUT_LOCK_AFTER_S = 5.0, 60.0
MESSAGE = (
    "The process of this run died without a word: it was killed, or memory or the machine gave out. "
    "Run it again: what is paid is kept."
)


@dataclass(slots=True)
class DeadRuns:
    """Looks for runs of dead processes, again and again."""

    worker: str  # name of the worker that is started on this machine; what another one started is judged by locks only
    begun: Callable[
        [], datetime
    ]  # when worker and server were both there: what was given since is the worker's care, however long it takes
    clock: Callable[[], float] = time.monotonic
    _dead_since: dict[UUID, float] = field(default_factory=dict)

    async def mark(self, client: PrefectClient) -> list[str]:
        """Mark the runs that are dead for sure as crashed, or as cancelled where that was asked for; a sentence for each."""
        runs = await client.read_flow_runs(
            flow_filter=FlowFilter(name=FlowFilterName(any_=[deployment.flow for deployment in DEPLOYMENTS])),
            flow_run_filter=FlowRunFilter(state=FlowRunFilterState(type=FlowRunFilterStateType(any_=LIVE))),
        )
        lost = self.begun() if runs and await self._alone(client) else None
        dead = {run.id: wait_s for run in runs if (wait_s := _dead_after(run, lost)) is not None}
        self._dead_since = {id_: self._dead_since.get(id_, self.clock()) for id_ in dead}
        sure = [id_ for id_, since in self._dead_since.items() if self.clock() - since >= dead[id_]]
        sentences = [sentence for id_ in sure if (sentence := await _mark(client, id_))]
        await _tidy(client, {str(run.id) for run in runs})
        return sentences

    async def _alone(self, client: PrefectClient) -> bool:
        """Whether only our own worker takes runs from the pool."""
        workers = await client.read_workers_for_work_pool(POOL)
        return all(worker.name == self.worker for worker in workers if worker.status == WorkerStatus.ONLINE)


def _dead_after(run: FlowRun, lost_before: datetime | None) -> float | None:
    """For how many seconds a run has to look dead to be so; None while it looks alive, or when nobody here can tell.

    Before that moment a run without a lock and a process was given to a worker that is no more, or that could not tell its end to a server
    that was away; None where there may be other workers.
    """
    state = run.state
    if state is None or (state.type == StateType.PAUSED and state.state_details.pause_reschedule):
        return None  # suspended: it needs no process
    verdict = "unseen" if state.type == StateType.PENDING else liveness.verdict(str(run.id))
    if verdict == "dead":
        return SURE_AFTER_S
    if verdict == "unseen" and lost_before and state.timestamp < lost_before and run.work_pool_name == POOL:
        here = flow_runs_here()
        return SURE_WITHOUT_LOCK_AFTER_S if here is not None and str(run.id) not in here else None
    return None


async def _mark(client: PrefectClient, id_: UUID) -> str:
    """Mark a run, unless it said how it ended just before its process did; gives a sentence then."""
    run = await client.read_flow_run(id_)
    if run.state is None or run.state.type not in LIVE:
        return ""
    await client.set_flow_run_state(
        id_, Cancelled(message=MESSAGE) if run.state.is_cancelling() else Crashed(message=MESSAGE)
    )
    liveness.forget(str(id_))
    return f"The process of run {run.name} ({id_}) has died: it is marked as crashed. Run it again; what is paid is kept."


async def _tidy(client: PrefectClient, live: set[str]) -> None:
    """Take away what killed runs left behind of which this server knows the end."""
    for name in liveness.announced():
        if name not in live and liveness.verdict(name) == "dead":
            try:
                state = (await client.read_flow_run(UUID(name))).state
            except (ObjectNotFound, ValueError):
                continue  # another server's
            if state and state.is_final():
                liveness.forget(name)
