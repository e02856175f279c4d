"""What a flow run is called: the folder it reads, the day, and which run of that day it is, such as `invoices 2026-11-30 #3`.

In: the flow run that begins, by Prefect's context. Out: its name, which no other run of the server has.
"""

from __future__ import annotations

import fcntl
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import httpx
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterName
from prefect.client.schemas.sorting import FlowRunSort
from prefect.exceptions import PrefectException
from prefect.runtime import flow_run

from octavo.flows import settings
from octavo.schemas.job import Job

LATEST = (
    20  # runs of one folder and day that are looked at: late ones begin in the order in which they were due
)


def run_name() -> str:
    """The name of the flow run that begins, for Prefect. Only folder and day when the server does not tell of other runs."""
    job = flow_run.parameters["job"]
    inbox = job.inbox if isinstance(job, Job) else job["inbox"]
    due = flow_run.scheduled_start_time or datetime.now(UTC)
    common = f"{Path(inbox).resolve().name or '/'} {due.astimezone(UTC):%Y-%m-%d}"
    try:
        with _alone():
            return _numbered(common)
    except (httpx.HTTPError, PrefectException, OSError):
        return common


def _numbered(common: str) -> str:
    """Subtle: the name is given here and not only returned, so that who asks next under the lock sees it."""
    with get_client(sync_client=True) as client:
        alike = FlowRunFilter(name=FlowRunFilterName(like_=f"{common} #"))
        runs = client.read_flow_runs(
            flow_run_filter=alike, sort=FlowRunSort.EXPECTED_START_TIME_DESC, limit=LATEST
        )
        numbers = (
            re.fullmatch(rf"{re.escape(common)} #(\d+)", run.name)
            for run in runs
            if str(run.id) != flow_run.id
        )
        name = f"{common} #{max((int(number[1]) for number in numbers if number), default=0) + 1}"
        if flow_run.id:
            client.set_flow_run_name(flow_run.id, name)
    return name


@contextmanager
def _alone() -> Iterator[None]:
    """While no other run of this machine looks for its name: those of one schedule begin in the same second."""
    folder = settings.data_folder()
    folder.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(folder / "run-names.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
