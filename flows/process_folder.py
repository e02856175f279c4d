"""The flow `process-folder`: a folder comes in; all tables go out. Reads, extracts and summarizes in one go."""

from __future__ import annotations

from typing import Any

from prefect import flow
from prefect.client.schemas.objects import State

from octavo.flows.order import answer, fetch_batches, ingest, price_and_approve
from octavo.flows.prefect_run.flow_run import in_flow_run
from octavo.flows.prefect_run.run_names import run_name
from octavo.schemas.job import Job


@flow(name="process-folder", flow_run_name=run_name, persist_result=False)
async def process_folder(job: Job) -> State[Any]:
    """Read a folder, ask the questions of the job about every document, and write tables.

    Args:
        job: What to read, what to ask of whom, and what it may cost.
    """
    return await in_flow_run(
        job,
        steps=[
            ingest,  # inbox -> documents, pages
            price_and_approve,  # pages -> a price, and somebody who agrees to it
            fetch_batches,  # orders at half the price -> replies in the ledger
            answer,  # pages, replies -> invoice, ..., summary, evidence, rejects
        ],
        asks=["extract", "summarize"],
    )
