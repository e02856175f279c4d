"""A zip container (docx and its kin) in; single entries out, bounded before and while they are inflated.

Imports `leaf`, the nouns the readers share. Nothing is extracted to disk, and an entry that nobody asks for is never inflated.
"""

from __future__ import annotations

import io
import zipfile
import zlib

from processors.read.leaf import Limits, Source, over
from schemas.errors import DocumentError


class Archive:
    """The entries of a container by name. Raises DocumentError: corrupt, encrypted, bomb."""

    def __init__(self, source: Source) -> None:
        self._limits: Limits = source.limits
        try:
            self._zip = zipfile.ZipFile(io.BytesIO(source.data))
        except (zipfile.BadZipFile, NotImplementedError, ValueError) as error:
            message = f"Its zip container is damaged ({error})."
            raise DocumentError("corrupt", message, next_step="Save it again from its program.") from error
        self._check()

    def __contains__(self, name: str) -> bool:
        return name in self._zip.NameToInfo

    def read(self, name: str) -> bytes:
        """One entry, inflated up to the limit and not a byte further. Raises DocumentError: corrupt, bomb, encrypted."""
        bound = self._limits.max_entry_bytes
        try:
            with self._zip.open(name) as entry:
                data = entry.read(bound + 1)
        except KeyError as error:
            raise DocumentError("corrupt", f"Its part {name} is missing.", next_step="Save it again from its program.") from error
        except RuntimeError as error:
            raise DocumentError("encrypted", "The container asks for a password.", next_step="Save it without one.") from error
        except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, OSError) as error:
            message = f"Its part {name} is damaged ({error})."
            raise DocumentError("corrupt", message, next_step="Save it again from its program.") from error
        if len(data) > bound:
            over("max_entry_bytes", len(data), bound, "bomb")
        return data

    def _check(self) -> None:
        entries = self._zip.infolist()
        if len(entries) > self._limits.max_entries:
            over("max_entries", len(entries), self._limits.max_entries, "bomb")
        declared = sum(entry.file_size for entry in entries)
        if declared > self._limits.max_unpacked_bytes:
            over("max_unpacked_bytes", declared, self._limits.max_unpacked_bytes, "bomb")
