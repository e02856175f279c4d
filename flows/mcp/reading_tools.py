"""The tools that only look: tables, rows, pages, pictures and evidence of an output folder."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Annotated

from fastmcp import FastMCP
from fastmcp.tools import ToolResult
from fastmcp.utilities.types import Image
from mcp_types import ContentBlock, TextContent, ToolAnnotations
from pydantic import Field, TypeAdapter

from octavo.flows.lookups import (
    HITS,
    MOST_HITS,
    MOST_ROWS,
    ROWS,
    DocumentPages,
    Lookups,
    ProofList,
    QueryRows,
    SearchResult,
    TableDescription,
    TableSummary,
)
from octavo.flows.mcp.pictures import page_picture
from octavo.schemas.errors import OctavoError

LOOKS = ToolAnnotations(
    read_only_hint=True, destructive_hint=False, idempotent_hint=True, open_world_hint=False
)

PAGES_SCHEMA = TypeAdapter(DocumentPages).json_schema()

DocumentName = Annotated[
    str, Field(description="Path such as invoices/may.pdf, or its hash, as the other tools give them.")
]
Page = Annotated[int, Field(ge=1, description="First page, from 1.")]


@dataclass(frozen=True, slots=True)
class TableList:
    """All tables and views."""

    tables: list[TableSummary]


def add_reading_tools(server: FastMCP, lookups: Lookups) -> None:
    """Give a server the tools that look."""
    _add_tables(server, lookups)
    _add_documents(server, lookups)


def _add_tables(server: FastMCP, lookups: Lookups) -> None:
    @server.tool(title="List tables", annotations=LOOKS)
    def list_tables() -> TableList:
        """List all tables: what a row is, how many rows, which columns. Call this first."""
        return TableList(lookups.tables())

    @server.tool(title="Describe a table", annotations=LOOKS)
    def describe_table(
        table: Annotated[str, Field(description="Name from list_tables.")],
    ) -> TableDescription:
        """Describe one table: the type and the meaning of every column."""
        return lookups.table(table)

    @server.tool(title="Run SQL", annotations=LOOKS)
    async def query(
        sql: Annotated[
            str,
            Field(description="One SELECT in DuckDB's SQL, such as SELECT path, grand_total FROM invoice."),
        ],
        page_token: Annotated[
            str, Field(description="next_page_token of the page before, with the same sql.")
        ] = "",
        max_rows: Annotated[int, Field(ge=1, le=MOST_ROWS, description="Most rows of a page.")] = ROWS,
    ) -> QueryRows:
        """Run one read-only SELECT over the tables. Nothing can be written."""
        return await lookups.rows(sql, page_token, max_rows)


def _add_documents(server: FastMCP, lookups: Lookups) -> None:
    @server.tool(title="Search the documents", annotations=LOOKS)
    async def search_documents(
        words: Annotated[str, Field(description='Words to find; "in quotes" for a phrase.')],
        document: Annotated[str, Field(description="Search only in this document.")] = "",
        max_hits: Annotated[int, Field(ge=1, le=MOST_HITS, description="Most pages to give.")] = HITS,
    ) -> SearchResult:
        """Find pages by words in their text, best first. Gives path, page and a snippet."""
        return await lookups.search(words, max_hits, document)

    @server.tool(title="Read a document", annotations=LOOKS, output_schema=PAGES_SCHEMA)
    async def read_document(
        document: DocumentName,
        first_page: Page = 1,
        last_page: Annotated[int, Field(ge=0, description="Last page; 0 for as many as fit.")] = 0,
        start: Annotated[
            int,
            Field(
                ge=0, description="Character of the first page to begin at; next_start of the part before."
            ),
        ] = 0,
        picture: Annotated[  # noqa: FBT002 - arguments of tools come by name
            bool, Field(description="Also give a picture of the first page, where it is one.")
        ] = False,
    ) -> ToolResult:
        """Read the text of a document's pages. Long documents come in parts: next_page and next_start lead on."""
        found = await lookups.pages(document, first_page, last_page, start)
        return await _shown(lookups, found, picture=picture)

    @server.tool(title="Find evidence", annotations=LOOKS)
    async def find_evidence(
        document: Annotated[str, Field(description="Path or hash; empty for all.")] = "",
        field: Annotated[
            str, Field(description="Column such as grand_total, or line_items[0].amount; empty for all.")
        ] = "",
        table: Annotated[str, Field(description="Table such as invoice; empty for all.")] = "",
    ) -> ProofList:
        """Show where the values of a document stand: page, quote, grade and confidence, or why a field is empty."""
        return await lookups.evidence(document, field, table)


async def _shown(lookups: Lookups, found: DocumentPages, *, picture: bool) -> ToolResult:
    """Pages as text with their marks, and as data; the picture where one is wanted, or a sentence why there is none."""
    words = [
        f"[{found.path} p. {page.page}]\n{page.text or '(no text on this page)'}" for page in found.pages
    ]
    content = [TextContent(type="text", text=text) for text in [*words, found.note] if text]
    blocks: list[ContentBlock] = list(content)
    if picture and found.pages:
        try:
            row = await lookups.document(found.document)
            jpeg = await page_picture(lookups.folder, row, found.pages[0].page)
            blocks.append(Image(data=jpeg, format="jpeg").to_image_content())
        except OctavoError as error:
            blocks.append(TextContent(type="text", text=str(error)))
    return ToolResult(content=blocks, structured_content=asdict(found))
