"""The least that Prefect can be asked to do: a flow of one task, which does nothing. `prefect_growth` holds runs of Octavo against it."""

from __future__ import annotations

from prefect import flow, task


@task
async def nothing() -> None:
    """Do nothing."""


@flow
async def bare() -> None:
    """Do nothing once."""
    await nothing()
