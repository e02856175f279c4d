"""A zip archive in; the files in it out, each a document of its own. The archive itself has no page."""

from __future__ import annotations

import zipfile

from octavo.processors.read.archive import Archive
from octavo.processors.read.content import Content, Inner, Source
from octavo.schemas.errors import DocumentError


def read(source: Source) -> Content:
    """All files in it, those that cannot be unpacked with the reason. Raises DocumentError: corrupt, bomb, encrypted (the whole of it)."""
    archive = Archive(source)
    files = tuple(_file(archive, entry) for entry in archive)
    if files and all(file.error and file.error.reason == "encrypted" for file in files):
        raise files[0].error or AssertionError
    return Content((), inner=files)


def _file(archive: Archive, entry: zipfile.ZipInfo) -> Inner:
    try:
        return Inner(entry.filename, archive.read(entry))
    except DocumentError as error:
        return Inner(entry.filename, b"", error)
