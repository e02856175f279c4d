"""What `octavo ledger` says and does: an output folder in; a table of what was spent, or a job that checks its replies again, out."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
from pydantic import ValidationError

from octavo.processors.ask.replies import statement
from octavo.processors.store.warehouse import Warehouse
from octavo.schemas.errors import SettingsError
from octavo.schemas.job import Job
from octavo.schemas.tables import RUNS


def spent(out: Path) -> pa.Table:
    """Attempts by outcome and dollars, by day, model, run and question. Raises SettingsError and StorageError."""
    return pa.Table.from_pylist(statement(out / "ledger.sqlite"))


def replay(out: Path, changes: Mapping[str, Any]) -> Job:
    """The job of the folder's last run as a replay, with some of its fields changed. Raises SettingsError."""
    runs = sorted(Warehouse(out).rows(RUNS.name, ["started_at", "job"]), key=lambda row: row["started_at"])
    if not runs:
        raise SettingsError(
            f"There is no run in {out} to replay.",
            about="out",
            next_step="`octavo run INBOX --out DIR` makes one.",
        )
    try:
        last = Job.model_validate_json(runs[-1]["job"])
    except ValidationError:
        message = f"The last run in {out} was described by another version of Octavo."
        raise SettingsError(
            message, about="out", next_step="Use `octavo run INBOX --replay` with its flags."
        ) from None
    return last.model_copy(update={"out": str(out), "replay": True, **changes})
