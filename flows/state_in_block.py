"""The shared state that a job names by a Prefect Secret block: in use by this process as long as a run lasts, and no longer.

A process has one state (`processors/state/database` says why), which is in its environment. A flow run or a worker that opened a block
puts the address there, and takes it away again; a run of another state that begins meanwhile is refused, since its stores and those of
the first would be opened in the same place. What the environment says by itself is of no block, and stays.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from octavo.flows import settings
from octavo.flows.secret_block import in_block
from octavo.schemas.errors import SettingsError

_runs: list[str] = []  # the address of each run that goes on in this process; "" for files
_before: list[str] = []  # what the environment said before the first of them


@asynccontextmanager
async def shared_state(name: str, *, wins: bool) -> AsyncIterator[None]:
    """Use the state in that block until the block of code ends; "" for what the environment says.

    `wins`: it is used also where the environment names a state. Raises SettingsError, also when a run of another state goes on.
    """
    own = _before[0] if _before else os.environ.get(settings.STATE, "").strip()
    address = (await in_block(name, "state_secret")).strip() if name and (wins or not own) else own
    if _runs and _runs[0] != address:
        message = "This process works on a run with another shared state."
        raise SettingsError(
            message, about="state_secret", next_step="Wait for it, or give each state workers of its own."
        )
    if not _runs:
        _before.append(own)
    _runs.append(address)
    _put(address)
    try:
        yield
    finally:
        _runs.remove(address)
        if not _runs:
            _put(_before.pop())


def _put(address: str) -> None:
    if address:
        os.environ[settings.STATE] = address
    else:
        os.environ.pop(settings.STATE, None)
