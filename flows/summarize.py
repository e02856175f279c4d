"""The flow `summarize`: documents that were ingested come in; the table `summary` goes out, with `evidence` and `rejects`."""

from __future__ import annotations

from typing import Any

from prefect import flow
from prefect.client.schemas.objects import State

from octavo.flows.order import answer, fetch_batches, price_and_approve
from octavo.flows.prefect_run.flow_run import in_flow_run
from octavo.flows.prefect_run.run_names import run_name
from octavo.schemas.job import Job


@flow(name="summarize", flow_run_name=run_name, persist_result=False)
async def summarize(job: Job) -> State[Any]:
    """Summarize documents that the flow ingest has read, in the style of the job.

    Args:
        job: Which style, with which model, and where the tables are. The inbox is opened only for pages that are pictures.
    """
    return await in_flow_run(job, steps=[price_and_approve, fetch_batches, answer], asks=["summarize"])
