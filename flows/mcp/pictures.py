"""A page as a picture: the folder, a document and a page number in, a JPEG out, made in the readers' sandbox."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from octavo.processors.read import pages as read
from octavo.processors.store.warehouse import Warehouse
from octavo.schemas.errors import SettingsError

DRAWN = "application/pdf"  # and whatever is a picture itself; other formats have no pages to look at


async def page_picture(folder: Path, row: Mapping[str, Any], page: int) -> bytes:
    """Page `page` (from 1) of a document as JPEG. Raises SettingsError where there is no picture, DocumentError when the file is gone."""
    path, kind = row["path"], row["media_type"]
    if kind != DRAWN and not kind.startswith("image/"):
        raise SettingsError(f"{path} is {kind}, whose pages are no pictures.", about=path)
    document = Warehouse(folder).document(row["document"], row["inbox"])
    with read.Reader(read.ReadLimits(workers=1)) as reader:
        found = await reader.images(row["inbox"], document, [page])
    if page not in found:
        raise SettingsError(f"Page {page} of {path} cannot be drawn.", about=path)
    return found[page]
