"""What `octavo rebuild` does: tables on a bucket in, an output folder of this machine out."""

from __future__ import annotations

from pathlib import Path

from octavo.processors.store.warehouse import rebuild
from octavo.schemas.tables import DOCUMENTS


def rebuilt(url: str, folder: Path) -> str:
    """Make the folder of what stands at the URL; gives a sentence about it. Raises SettingsError, Locked and StorageError."""
    warehouse = rebuild(url, folder)
    documents = warehouse.size(DOCUMENTS.name)
    return f"{folder} has the tables of {url}, {documents:,} paths. Its ledger begins anew; what is answered is not asked again."
