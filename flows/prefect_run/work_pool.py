"""Makes the work pool of the deployments, as `prefect work-pool create` does, in a process that has Prefect already.

In: the server that PREFECT_API_URL names. Out: the pool, of type process; one that is there stays as it is.
"""

from __future__ import annotations

from prefect.client.orchestration import get_client
from prefect.client.schemas.actions import WorkPoolCreate
from prefect.exceptions import ObjectNotFound
from prefect.workers.utilities import get_default_base_job_template_for_infrastructure_type

from octavo.flows.deployments import POOL

TYPE = "process"


async def make_when_missing() -> bool:
    """Give whether it had to be made. Raises httpx.HTTPError or PrefectException when the server does not do it."""
    async with get_client() as client:
        try:
            await client.read_work_pool(POOL)
        except ObjectNotFound:
            template = await get_default_base_job_template_for_infrastructure_type(TYPE)
            await client.create_work_pool(
                WorkPoolCreate(name=POOL, type=TYPE, base_job_template=template or {})
            )
            return True
        return False
