"""A zip container (docx and its kin, or a plain zip) in; single entries out, bounded before and while they are inflated.

Nothing is extracted to disk, and an entry that nobody asks for is never inflated.
"""

from __future__ import annotations

import io
import zipfile
import zlib
from collections.abc import Iterator
from itertools import pairwise

from octavo.processors.read.content import ReadLimits, Source, over
from octavo.schemas.errors import DocumentError

_LOCAL_HEADER_BYTES = 30  # of an entry, before its name; APPNOTE.TXT 6.3.10 section 4.3.7, read 2026-11
_BEYOND_BYTES = (
    1 << 16
)  # more than the library inflates at a time, so that it never meets the end that it is told
_AES = 99  # method that stands for WinZip's AES; the same document, appendix E
_SAVE_AGAIN = "Save it again from its program."


class Archive:
    """The entries of a container by name. Raises DocumentError: corrupt, encrypted, bomb."""

    def __init__(self, source: Source) -> None:
        self._limits: ReadLimits = source.limits
        self._passwords = source.passwords
        try:
            self._zip = zipfile.ZipFile(io.BytesIO(source.data))
        except (zipfile.BadZipFile, NotImplementedError, ValueError) as error:
            raise DocumentError(
                "corrupt", f"Its zip container is damaged ({error}).", next_step=_SAVE_AGAIN
            ) from error
        self._check()

    def __contains__(self, name: str) -> bool:
        return name in self._zip.NameToInfo

    def __iter__(self) -> Iterator[zipfile.ZipInfo]:
        """The entries that are no folders, in the order of the directory."""
        return (entry for entry in self._zip.infolist() if not entry.is_dir())

    def read(self, entry: str | zipfile.ZipInfo) -> bytes:
        """One entry, inflated up to the limit and not a byte further. Raises DocumentError: corrupt, bomb, encrypted."""
        if isinstance(entry, str):
            if entry not in self:
                raise DocumentError("corrupt", f"Its part {entry} is missing.", next_step=_SAVE_AGAIN)
            entry = self._zip.getinfo(entry)
        if not entry.flag_bits & 1:
            return self._inflated(entry, None)
        return self._decrypted(entry)

    def _decrypted(self, entry: zipfile.ZipInfo) -> bytes:
        """An encrypted entry. Subtle: a wrong password passes its one-byte test once in 256 times, and then the checksum fails."""
        if entry.compress_type == _AES:
            message = "It is encrypted with AES, which is not read here."
            raise DocumentError(
                "encrypted", message, next_step="Unpack it with its program and put the files into the inbox."
            )
        for password in self._passwords:
            try:
                return self._inflated(entry, password.encode())
            except DocumentError as error:
                if error.reason == "bomb":
                    raise
        message = (
            "It asks for a password, and none of those given fits."
            if self._passwords
            else "It asks for a password."
        )
        raise DocumentError(
            "encrypted", message, next_step="Name its password with --password or --password-file."
        )

    def _inflated(self, entry: zipfile.ZipInfo, password: bytes | None) -> bytes:
        """Subtle: the library stops at the declared size; told another one, it shows how far an entry really goes."""
        bound, declared = self._limits.max_entry_bytes, entry.file_size
        if declared > bound:
            over("max_entry_bytes", declared, bound, "bomb")
        entry.file_size = declared + _BEYOND_BYTES
        try:
            with self._zip.open(entry, pwd=password) as file:
                data = file.read(declared + 1)
        except RuntimeError as error:
            raise DocumentError(
                "encrypted", "It asks for a password.", next_step="Name its password with --password."
            ) from error
        except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, OSError, ValueError) as error:
            message = f"Its part {entry.filename} is damaged ({error})."
            raise DocumentError("corrupt", message, next_step=_SAVE_AGAIN) from error
        finally:
            entry.file_size = declared
        if len(data) > declared:
            message = (
                f"Its part {entry.filename} says that it unpacks to {declared:,} bytes, and unpacks to more."
            )
            raise DocumentError(
                "bomb",
                message,
                next_step="Whoever made it meant harm, or their program is broken: it is not unpacked.",
            )
        return data

    def _check(self) -> None:
        entries = self._zip.infolist()
        if len(entries) > self._limits.max_entries:
            over("max_entries", len(entries), self._limits.max_entries, "bomb")
        declared = sum(entry.file_size for entry in entries)
        if declared > self._limits.max_unpacked_bytes:
            over("max_unpacked_bytes", declared, self._limits.max_unpacked_bytes, "bomb")
        for one, other in pairwise(sorted(entries, key=lambda entry: entry.header_offset)):
            if (
                one.header_offset + _LOCAL_HEADER_BYTES + len(one.filename) + one.compress_size
                > other.header_offset
            ):
                message = f"Its parts {one.filename} and {other.filename} share bytes, as in a bomb."
                raise DocumentError("bomb", message, next_step="Unpack it with its program if you trust it.")
