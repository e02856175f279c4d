"""What a client may open: tables, pages of documents as text and picture, and the tree of the inboxes.

    octavo://tables                              all tables
    octavo://tables/{table}                      one table with its columns
    octavo://documents/{document}                a document: its path, kind, pages
    octavo://documents/{document}/pages/{page}   text of a page, from 1
    octavo://documents/{document}/pages/{page}/picture
    octavo://inbox, octavo://inbox/{path}        files and folders as the runs found them

A long page is given whole: a resource is opened by a person, and no part of it is left out in silence.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

from fastmcp import FastMCP

from octavo.flows.lookups import Lookups
from octavo.flows.mcp.pictures import page_picture
from octavo.schemas.errors import SettingsError

MOST_NAMES = 1_000  # of one folder of the tree; the rest is said
JSON = "application/json"


def add_resources(server: FastMCP, lookups: Lookups) -> None:
    """Give a server what may be opened."""
    _add_tables(server, lookups)
    _add_pages(server, lookups)
    _add_tree(server, lookups)


def _add_tables(server: FastMCP, lookups: Lookups) -> None:
    @server.resource("octavo://tables", title="Tables", mime_type=JSON)
    def tables() -> str:
        """All tables and views with their columns."""
        return _json([asdict(table) for table in lookups.tables()])

    @server.resource("octavo://tables/{table}", title="A table", mime_type=JSON)
    def table(table: str) -> str:
        """One table: what a row is, and what its columns mean."""
        return _json(asdict(lookups.table(table)))


def _add_pages(server: FastMCP, lookups: Lookups) -> None:
    @server.resource("octavo://documents/{document}", title="A document", mime_type=JSON)
    async def document(document: str) -> str:
        """Path, kind and number of pages of a document, and where its pages are."""
        row = await lookups.document(document)
        names = ("path", "document", "inbox", "media_type", "page_count")
        pages = f"octavo://documents/{row['document']}/pages/{{1..{row['page_count']}}}"
        return _json({**{name: row[name] for name in names}, "pages": pages})

    @server.resource("octavo://documents/{document}/pages/{page}", title="A page", mime_type="text/plain")
    async def page_text(document: str, page: int) -> str:
        """The text of one page, from 1."""
        return await lookups.page_text(document, page)

    @server.resource(
        "octavo://documents/{document}/pages/{page}/picture",
        title="A page as picture",
        mime_type="image/jpeg",
    )
    async def page_image(document: str, page: int) -> bytes:
        """The picture of one page, from 1, of a PDF or a picture."""
        return await page_picture(lookups.folder, await lookups.document(document), page)


def _add_tree(server: FastMCP, lookups: Lookups) -> None:
    @server.resource("octavo://inbox", title="Inbox", mime_type=JSON)
    async def inbox() -> str:
        """Files and folders at the top of the inbox, with the status of each file."""
        return _json(await tree(lookups, ""))

    @server.resource("octavo://inbox/{path*}", title="A folder or file of the inbox", mime_type=JSON)
    async def inbox_path(path: str) -> str:
        """Files and folders below a path of the inbox; of a file its row."""
        return _json(await tree(lookups, path))


async def tree(lookups: Lookups, path: str) -> dict[str, Any]:
    """What lies directly below a path of the inbox: folders with their number of files, files with their status and address.

    Raises SettingsError when nothing lies there.
    """
    below = f"{path.strip('/')}/" if path.strip("/") else ""
    rows = await lookups.level(below, MOST_NAMES)
    if not rows and below:
        return await _file(lookups, path)
    folders = [{"name": row["name"], "files": row["files"]} for row in rows if row["is_folder"]]
    files = [row for row in rows if not row["is_folder"]]
    shown = {"path": path, "folders": folders, "files": [_listed(row) for row in files]}
    kinds = {row["is_folder"]: row["of_kind"] for row in rows}
    left = sum(kinds.values()) - len(rows)
    return {**shown, "note": f"{left:,} more are in the table documents."} if left else shown


def _listed(row: dict[str, Any]) -> dict[str, Any]:
    """A file of the tree, with the address of its document."""
    named = {name: row[name] for name in ("path", "status", "reason", "page_count", "document")}
    return {**named, "address": f"octavo://documents/{row['document']}" if row["document"] else None}


async def _file(lookups: Lookups, path: str) -> dict[str, Any]:
    """The row of one file."""
    if not (found := await lookups.found_at(path)):
        raise SettingsError(
            f"Nothing lies at {path!r} in the inbox.", about=path, next_step="octavo://inbox lists it."
        )
    return found


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, indent=1, default=str)
