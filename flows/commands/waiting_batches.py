"""`octavo batch`: the batches of an output folder that wait at the provider, and the end of one of them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from octavo.flows import settings
from octavo.processors.ask import replies
from octavo.schemas.errors import SettingsError
from octavo.schemas.job import Job


def waiting(out: Path) -> list[replies.Order]:
    """Batches of an output folder that are not over. Raises SettingsError and StorageError."""
    ledger = out / "ledger.sqlite"
    if not replies.has_ledger(ledger):
        raise SettingsError(
            f"There is no ledger in {out}.", about="out", next_step="`octavo run INBOX --out DIR` makes one."
        )
    return replies.pending(ledger)


async def cancel(job: Job, batch: str, environ: Mapping[str, str]) -> str:
    """End a batch of the job's output folder; gives its status. Raises SettingsError, AccessRefused and RequestError."""
    out = settings.out_folder(job.out)
    found = {order.batch: order for order in waiting(out) if order.batch}
    if batch not in found:
        step = f"{settings.typed('batch', job.out)} lists them."
        raise SettingsError(f"No batch {batch} of {out} is waiting.", about="cancel", next_step=step)
    return await replies.cancel(found[batch], settings.account(job, environ).key)
