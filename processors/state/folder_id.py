"""Which folder this is, wherever it is mounted: a file in it, `state.json`, that names it and the state in which its rows are kept.

Hosts that see one folder under different paths find the same name in it, and so the same ledger and the same lock. A folder whose rows are
in a database says so, so that nobody begins a second ledger beside it and pays again for what is in the first one.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
from dataclasses import asdict, dataclass
from pathlib import Path

from octavo.processors.state.address import VARIABLE
from octavo.schemas.errors import SettingsError, StorageError, system_message

FILE = "state.json"
REMOTE = "remote.json"  # in the work folder of tables on a bucket: the `url` by which it is the same one on every host


@dataclass(frozen=True, slots=True)
class FolderId:
    """The name of a folder, 16 hexadecimal digits, and the id of the state that has its rows."""

    folder: str
    state: str


def read(folder: Path) -> FolderId | None:
    """What a folder is named; None where it has no name. Raises StorageError for a file that is none of ours."""
    path = folder / FILE
    try:
        said = json.loads(path.read_text(encoding="utf-8"))
        folder_id = FolderId(str(said["folder"]), str(said["state"]))
        int(folder_id.folder, 16)
    except FileNotFoundError:
        return None
    except NotADirectoryError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        why = system_message(error) if isinstance(error, OSError) else "it does not say which folder this is"
        message = f"{path}, which says where the ledger of this folder is kept, cannot be read: {why}."
        raise StorageError(
            message, about=str(path), next_step="Restore it, since without it all would be paid again."
        ) from None
    return folder_id


def claim(folder: Path, state: str) -> FolderId:
    """The name of a folder, made the first time. Raises SettingsError when another state has its rows, StorageError, and OSError."""
    if (named := read(folder)) is None:
        _make(folder, FolderId(_of_url(folder) or secrets.token_hex(8), state))
        named = read(folder)
        assert named is not None
    if named.state != state:
        message = (
            f"What was paid for {folder} is kept in another database than the one that {VARIABLE} names."
        )
        raise SettingsError(
            message,
            about=VARIABLE,
            next_step=f"Name that database in {VARIABLE}, or use another folder with --out.",
        )
    return named


def _of_url(folder: Path) -> str:
    """The name of a work folder, from the URL for which it works; "" for any other folder."""
    try:
        url = str(json.loads((folder / REMOTE).read_text(encoding="utf-8"))["url"])
    except FileNotFoundError:
        return ""
    return hashlib.sha256(url.encode()).hexdigest()[:16]


def _make(folder: Path, folder_id: FolderId) -> None:
    """Write the file whole, or leave the one that another host wrote a moment ago."""
    temporary = folder / f".octavo-{secrets.token_hex(4)}"
    try:
        with temporary.open("x", encoding="utf-8") as file:
            file.write(json.dumps(asdict(folder_id)) + "\n")
            file.flush()
            os.fsync(file.fileno())
        os.link(temporary, folder / FILE)
    except FileExistsError:
        pass
    finally:
        temporary.unlink(missing_ok=True)
