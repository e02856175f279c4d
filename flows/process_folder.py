"""The flow `process-folder`: a folder comes in; all tables go out. Reads, extracts and summarizes in one go."""

from __future__ import annotations

from typing import Any

from prefect import flow
from prefect.client.schemas.objects import State

from flows.order import ALL
from flows.run_names import run_name
from flows.tracked import tracked
from schemas.job import Job


@flow(name="process-folder", flow_run_name=run_name, persist_result=False)
async def process_folder(job: Job) -> State[Any]:
    """Read a folder, ask the questions of the job about every document, and write tables.

    Args:
        job: What to read, what to ask of whom, and what it may cost.
    """
    return await tracked(job, ALL)
