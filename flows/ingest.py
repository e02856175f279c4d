"""The flow `ingest`: a folder comes in; the tables `documents` and `pages` go out. Asks nothing and costs nothing."""

from __future__ import annotations

from typing import Any

from prefect import flow
from prefect.client.schemas.objects import State

from octavo.flows.order import ingest as read_inbox
from octavo.flows.prefect_run.flow_run import in_flow_run
from octavo.flows.prefect_run.run_names import run_name
from octavo.schemas.job import Job


@flow(name="ingest", flow_run_name=run_name, persist_result=False)
async def ingest(job: Job) -> State[Any]:
    """Read every file below the inbox into `documents` and `pages`.

    Args:
        job: Which folder to read, and where the tables go. Questions in it are not asked.
    """
    return await in_flow_run(job, steps=[read_inbox], asks=[])
