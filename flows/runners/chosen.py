"""The runner that a job names in; the workers for it out. What a runner needs is imported when it is chosen."""

from __future__ import annotations

from octavo.flows.batch_runner import InProcess, Workers
from octavo.schemas.errors import SettingsError
from octavo.schemas.job import Job


def workers_of(job: Job) -> Workers:
    """Who works on the batches of a job. Raises SettingsError where the extra is missing, or the job cannot be handed to others."""
    kind, _, place = job.runner.partition(":")
    if kind == "here":
        return InProcess()
    if job.password:
        message = "Passwords that are given by --password stay in this process, and workers would need them."
        step = "Put them into a file that workers can read, named with --password-file, or use --runner here."
        raise SettingsError(message, about="password", next_step=step)
    from octavo.flows.runners.remote_workers import RemoteWorkers

    if kind == "processes":
        from octavo.flows.runners.process_pool import Processes

        return RemoteWorkers(Processes(int(place or 0)))
    try:
        if kind == "dask":
            from octavo.flows.runners.dask_cluster import DaskCluster

            return RemoteWorkers(DaskCluster(place))
        from octavo.flows.runners.ray_cluster import RayCluster

        return RemoteWorkers(RayCluster(place))
    except ModuleNotFoundError as error:
        message = f"--runner {kind} needs the package {error.name}, which is not installed."
        raise SettingsError(
            message, about="runner", next_step=f"Install it with: pip install 'octavo[{kind}]'"
        ) from None
