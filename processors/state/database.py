"""The lead of this room: the path of a store and its schema in, an open database out, in a file or in the state that hosts share.

    ledger = opened(out / "ledger.sqlite", SCHEMA)

Where a store is kept is decided here and nowhere else. Without OCTAVO_STATE it is the SQLite file of that path. With it, the store is in
that PostgreSQL database: that of an output folder under the name of the folder (`folder_id`), that of all runs under its own. It is read
from the environment, and not handed from caller to caller, since one that forgot it would find an empty ledger and pay for all again.

For the same reason a store is refused that is in the other place: a file that was not moved into the database (`octavo migrate`), and a
folder whose rows are in a database that nobody names.
"""

from __future__ import annotations

import os
import re
import sqlite3
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

from octavo.processors.state import folder_id
from octavo.processors.state.address import VARIABLE, Address, address_of
from octavo.processors.state.dialect import Database, DatabaseRow, Schema, Statements, StateTrouble, Step
from octavo.processors.state.process_identity import holder, is_gone, same_process
from octavo.processors.state.sqlite import SqliteDatabase, copy
from octavo.schemas.errors import SettingsError, StorageError

if TYPE_CHECKING:
    from octavo.processors.state.postgres import PostgresDatabase

__all__ = [
    "MEMORY", "TROUBLE", "VARIABLE", "Database", "DatabaseRow", "Schema", "Statements", "Step",
    "copy", "exists", "holder", "is_gone", "is_shared", "opened", "refused", "same_process", "shared_store",
]  # fmt: skip

TROUBLE = (sqlite3.Error, StateTrouble)
MEMORY = Path(":memory:")
MOVE = "`octavo migrate --out DIR` moves it there; it may be run again."


def is_shared() -> bool:
    """Whether stores are kept in the state that OCTAVO_STATE names. Raises SettingsError when that is no address."""
    return address_of(os.environ) is not None


def opened(path: Path, schema: Schema, *, read_only: bool = False) -> Database:
    """The store of that path, made or brought up to date unless it is only read.

    Raises TROUBLE, OSError, SettingsError, and StorageError when a newer Octavo wrote it.
    """
    address = address_of(os.environ)
    if path == MEMORY or address is None:
        if schema.is_guarded:
            _refuse_unnamed(path, address)
        return SqliteDatabase(path, schema, read_only=read_only)
    if schema.is_guarded and path.exists():
        message = f"{path} has what was done before, and the database that {VARIABLE} names does not have it."
        raise SettingsError(message, about=VARIABLE, next_step=MOVE)
    return shared_store(address, path, schema, read_only=read_only)


def exists(path: Path, schema: Schema) -> bool:
    """Whether there is a store of that path. Raises TROUBLE, SettingsError and StorageError."""
    address = address_of(os.environ)
    if address is None or path.exists():
        if schema.is_guarded:
            _refuse_unnamed(path, address)
        return path.exists()
    named = folder_id.read(path.parent)
    if named is None and not schema.everybodys:
        return False
    return bool(_postgres(address).exists(address, _place(path, schema, named)))


def shared_store(
    address: Address, path: Path, schema: Schema, *, read_only: bool = False
) -> PostgresDatabase:
    """The store of that path in the state that hosts share, whatever lies at the path. Raises as `opened` does."""
    shared, named = _connected(address, path, schema)
    try:
        shared.settle(_place(path, schema, named), make=not read_only)
    except BaseException:
        shared.close()
        raise
    return shared


def folder_state(folder: Path) -> tuple[PostgresDatabase, str]:
    """What all hosts share beside the stores, and the name of a folder there. Raises as `opened` does."""
    address = address_of(os.environ)
    assert address is not None
    shared, named = _connected(address, folder / "lock", Schema(()))
    return shared, named.folder


def _connected(address: Address, path: Path, schema: Schema) -> tuple[PostgresDatabase, folder_id.FolderId]:
    """A connection for the store of that path, and the name of the folder."""
    name = f"{path}, kept in PostgreSQL at {address.place},"
    shared: PostgresDatabase = _postgres(address).PostgresDatabase(address, schema, name)
    try:
        return shared, folder_id.claim(path.parent, shared.state_id)
    except BaseException:
        shared.close()
        raise


def refused(what: str, path: Path, error: Exception, next_step: str) -> StorageError:
    """A store cannot be used: `what` it is, why, and what to do where it is a file."""
    address = address_of(os.environ)
    if address is None or not isinstance(error, StateTrouble):
        return StorageError(f"{what} {path} cannot be used: {error}.", about=str(path), next_step=next_step)
    message = f"{what} {path}, kept in PostgreSQL at {address.place}, cannot be used: {error}."
    step = f"See that the server of {VARIABLE} runs and lets you in, then run again: what is done is kept."
    return StorageError(message, about=str(path), next_step=step)


def _place(path: Path, schema: Schema, named: folder_id.FolderId | None) -> str:
    """The namespace of a store; what is everybody's needs no name of a folder."""
    stem = re.sub(r"[^a-z0-9]", "_", path.stem.lower())[:20]
    if schema.everybodys:
        return f"octavo_{stem}"
    assert named
    return f"octavo_{named.folder[:16]}_{stem}"


def _refuse_unnamed(path: Path, address: Address | None) -> None:
    if address is None and path != MEMORY and folder_id.read(path.parent) is not None:
        message = f"What was paid and done in {path.parent} is kept in a database, and {VARIABLE} names none."
        raise SettingsError(
            message, about=VARIABLE, next_step=f"Name it in {VARIABLE}, as the runs before did."
        )


def _postgres(address: Address) -> ModuleType:
    """The door to the server, which needs an extra. Raises SettingsError without it."""
    try:
        return import_module("octavo.processors.state.postgres")
    except ImportError as error:
        message = f"{VARIABLE} names {address.place}, and the library for PostgreSQL is not here: {error}."
        raise SettingsError(
            message, about=VARIABLE, next_step="Install it: pip install 'octavo[postgres]'"
        ) from None
