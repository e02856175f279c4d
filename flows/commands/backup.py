"""What `octavo ledger backup` and `restore` do: what was paid and said, as files that may be carried away, and back.

    DIR/ledger.sqlite, DIR/corrections.sqlite, OCTAVO_HOME/spending.sqlite --backup--> FOLDER --restore--> the same places

A backup is taken beside a running job and is whole as of one moment of each file. The tables are no part of it: they are made of the
ledger again, for nothing. A restore never writes over what is there.
"""

from __future__ import annotations

from pathlib import Path

from octavo.flows import settings
from octavo.processors.state import database
from octavo.processors.store.warehouse import hold
from octavo.schemas.errors import SettingsError, StorageError, UsageError, system_message

ACTIONS = ("backup", "restore")
LEDGER, OF_FOLDER, OF_HOME = "ledger.sqlite", ("ledger.sqlite", "corrections.sqlite"), ("spending.sqlite",)


def carry(action: str, out: Path, *, to: Path | None, source: Path | None) -> list[str]:
    """Back up, or restore, as it was typed. Raises UsageError where the other folder is not named, and what the two raise."""
    if database.is_shared():
        message = f"What was paid and said is kept in the database that {database.VARIABLE} names."
        raise SettingsError(
            message, about=database.VARIABLE, next_step="Back it up as any database: `pg_dump`, `pg_restore`."
        )
    if action == "backup" and to:
        return backup(out, to)
    if action == "restore" and source:
        return restore(source, out)
    flag = "--to" if action == "backup" else "--from"
    raise UsageError(
        f"`octavo ledger {action}` needs {flag} FOLDER.", next_step="Name the folder of the backup."
    )


def backup(out: Path, to: Path) -> list[str]:
    """Copy what there is into the folder `to`; gives a sentence a file. Raises SettingsError without a ledger, and StorageError."""
    if not (out / LEDGER).is_file():
        step = "`octavo run INBOX --out DIR` makes one."
        raise SettingsError(f"There is no ledger in {out}.", about="out", next_step=step)
    _make(to)
    there = [place for place in _places(out) if place.is_file()]
    return [f"{place} is in {_copied(place, to / place.name)}." for place in there]


def restore(source: Path, out: Path) -> list[str]:
    """Put a backup where runs look for it; gives a sentence a file. Raises SettingsError where it would lose one, and StorageError."""
    if not (source / LEDGER).is_file():
        message = f"There is no backup in {source}: it has no {LEDGER}."
        raise SettingsError(
            message, about="from", next_step="Name the folder that `octavo ledger backup --to` had."
        )
    if taken := [str(out / name) for name in OF_FOLDER if (out / name).exists() and (source / name).exists()]:
        message = f"{taken[0]} is there already, and may know of replies that the backup does not."
        raise SettingsError(message, about="out", next_step="Name a new folder with --out, or move it away.")
    with hold(out):
        return [
            _restored(source / place.name, place) for place in _places(out) if (source / place.name).is_file()
        ]


def _places(out: Path) -> list[Path]:
    return [*(out / name for name in OF_FOLDER), *(settings.data_folder() / name for name in OF_HOME)]


def _restored(kept: Path, place: Path) -> str:
    if place.exists():
        return f"{place} is there already, and other folders count in it: it stays as it is."
    _make(place.parent)
    return f"{_copied(kept, place)} is as it was in the backup."


def _copied(source: Path, target: Path) -> Path:
    database.copy(source, target)
    return target


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        message = f"{folder} cannot be made: {system_message(error)}."
        raise StorageError(message, about="to", next_step="Name a folder that may be written.") from None
