"""Says when runs do not start when they should: a scheduler that plans nothing, runs that are late, a pool without a worker.

In: a client of the Prefect server. Out: a sentence for each trouble, under a name by which it is known again at the next look.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from prefect.client.orchestration import PrefectClient, get_client
from prefect.client.schemas.filters import (
    DeploymentFilter,
    DeploymentFilterId,
    FlowFilter,
    FlowFilterName,
    FlowRunFilter,
    FlowRunFilterNextScheduledStartTime,
    FlowRunFilterState,
    FlowRunFilterStateName,
)
from prefect.client.schemas.objects import DeploymentSchedule, FlowRun, WorkerStatus
from prefect.client.schemas.responses import DeploymentResponse
from prefect.client.schemas.schedules import RRuleSchedule
from prefect.client.schemas.sorting import FlowRunSort
from prefect.exceptions import ObjectNotFound

from octavo.flows.deployments import DEPLOYMENTS, POOL

LATE_AFTER = timedelta(minutes=1)
PLANNED_WITHIN = timedelta(minutes=3)  # the server plans once a minute, and right away what was just deployed
MANY = 50  # late runs need no exact number beyond
START_A_WORKER = f"`octavo serve` starts one, and so does `prefect worker start --pool {POOL}`."

Troubles = dict[str, str]


async def of_the_server() -> Troubles:
    """The same of the server that PREFECT_API_URL names. Raises httpx.HTTPError when it does not answer."""
    async with get_client() as client:
        return await look(client)


async def look(client: PrefectClient) -> Troubles:
    """Every trouble of the deployments of Octavo, whatever else the server runs."""
    now = datetime.now(UTC)
    ours = FlowFilter(name=FlowFilterName(any_=[deployment.flow for deployment in DEPLOYMENTS]))
    deployments = await client.read_deployments(flow_filter=ours)
    flows = {flow.id: flow.name for flow in await client.read_flows(flow_filter=ours)}
    found = await _of_the_pool(client) if deployments else {}
    for deployment in deployments:
        name = f"{flows[deployment.flow_id]}/{deployment.name}"
        active = not deployment.paused and any(
            _should_be_planned(schedule, now) for schedule in deployment.schedules
        )
        if active and not await _waiting(client, deployment, 1, after_=now):
            found[f"unplanned {name}"] = (
                f"{name} has an active schedule, and the server plans no run of it: its scheduler does not work. "
                "The log of the server says why (octavo-server.log in PREFECT_HOME, after `octavo serve`)."
            )
        if late := await _waiting(client, deployment, MANY, before_=now - LATE_AFTER):
            found[f"late {name}"] = _late(name, late)
    return found


def _late(name: str, late: list[FlowRun]) -> str:
    since = late[0].next_scheduled_start_time
    many = f"{MANY} runs or more" if len(late) >= MANY else f"{len(late)} runs" if len(late) > 1 else "A run"
    when = f", the first since {since:%Y-%m-%d %H:%M:%S} UTC" if since else ""
    return f"{many} of {name} should have started and did not{when}. `prefect flow-run ls --state Late` lists them."


async def _waiting(
    client: PrefectClient, deployment: DeploymentResponse, limit: int, **when: datetime
) -> list[FlowRun]:
    """Runs of a deployment that wait for a time after or before one, the earliest first; who waits for another run is none of them."""
    waiting = FlowRunFilterState(name=FlowRunFilterStateName(any_=["Scheduled", "Late"]))
    return await client.read_flow_runs(
        deployment_filter=DeploymentFilter(id=DeploymentFilterId(any_=[deployment.id])),
        flow_run_filter=FlowRunFilter(
            state=waiting, next_scheduled_start_time=FlowRunFilterNextScheduledStartTime.model_validate(when)
        ),
        sort=FlowRunSort.NEXT_SCHEDULED_START_TIME_ASC,
        limit=limit,
    )


def _should_be_planned(schedule: DeploymentSchedule, now: datetime) -> bool:
    """Whether runs of a schedule have to stand ahead: it is active, not of this minute, and without an end."""
    if isinstance(schedule.schedule, RRuleSchedule) and any(
        word in schedule.schedule.rrule for word in ("UNTIL", "COUNT")
    ):
        return False
    return schedule.active and schedule.updated is not None and schedule.updated < now - PLANNED_WITHIN


async def _of_the_pool(client: PrefectClient) -> Troubles:
    try:
        pool = await client.read_work_pool(POOL)
    except ObjectNotFound:
        return {
            "pool": f"There is no work pool {POOL}, so no run starts. `octavo serve` makes it, deploys the flows and starts a worker."
        }
    if pool.is_paused:
        return {
            "pool": f"The work pool {POOL} is paused, so no run starts. `prefect work-pool resume {POOL}` lets them."
        }
    workers = await client.read_workers_for_work_pool(POOL)
    if not any(worker.status == WorkerStatus.ONLINE for worker in workers):
        return {"pool": f"No worker takes runs from the work pool {POOL}, so no run starts. {START_A_WORKER}"}
    return {}
