"""`octavo migrate`: what an output folder and this machine keep in files, into the state that OCTAVO_STATE names."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from octavo.flows import settings
from octavo.processors.ask import replies
from octavo.processors.store.warehouse import CORRECTIONS, hold, move_corrections
from octavo.schemas.errors import SettingsError


def migrate(out: Path) -> Iterator[str]:
    """Move everything that is in files, and say what was moved. Raises SettingsError, Locked and StorageError."""
    settings.refuse_without_state()
    home = settings.data_folder()
    ledger, spending, pace = out / "ledger.sqlite", home / "spending.sqlite", home / "pace.sqlite"
    if not out.is_dir():
        raise SettingsError(
            f"There is no folder {out}.", about="out", next_step="`octavo run INBOX --out DIR` makes one."
        )
    with hold(out):
        yield _said(ledger, replies.move_ledger(ledger))
        yield _said(out / CORRECTIONS, move_corrections(out))
    yield _said(spending, replies.move_spending(spending))
    yield _said(pace, replies.move_pace(pace))


def _said(path: Path, rows: int | None) -> str:
    """What became of one file."""
    if rows is None:
        return f"{path}: no such file, nothing to move."
    return f"{path}: {rows:,} rows moved. The file stays as {path.name}.moved, which nothing reads any more."
