"""What can be looked up in an output folder, for programs that ask on somebody's behalf: the agent and the MCP server.

Tables, rows, ranked pages, the text of pages and evidence come out, as plain records. Everything goes through the door of `query/sql`:
read-only, in a process of its own, with limits. Nothing here knows who asks, and nothing that a page says is obeyed.
"""

from __future__ import annotations

import hashlib
import re
from collections import OrderedDict
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from octavo.flows.lookup_statements import (
    DOCUMENTS,
    EVIDENCE,
    FILES,
    LEVEL,
    MEANT,
    PAGE_TEXTS,
    PATHS,
    PLAIN,
    TEXTS,
    filled,
)
from octavo.processors.query import sql
from octavo.processors.store.warehouse import TableInfo, Warehouse
from octavo.schemas.errors import SettingsError
from octavo.schemas.sql_names import literal

ROWS = 200  # of a page of rows, unless named
MOST_ROWS = 1_000  # of a page of rows
HITS, MOST_HITS = 10, 50  # pages that a search gives, unless named, and at most
TEXT_CHARACTERS = 40_000  # of the pages that are given at once: about 10,000 tokens
LIMITS = sql.QueryLimits(time_s=30.0, rows=100_000, bytes=16 << 20)  # shorter than a person waits
RESULTS = 8  # of queries that are kept to be read on, of 16 MB at most each
PROOFS = 200  # rows of evidence that are given at most
PAGES_AT_ONCE = 20  # whose texts are taken by one statement


@dataclass(frozen=True, slots=True)
class TableSummary:
    """A table or view: what a row is, how many there are, and its columns by name."""

    name: str
    rows: int
    meaning: str
    columns: list[str]


@dataclass(frozen=True, slots=True)
class ColumnMeaning:
    """A column: `type` as DuckDB writes it."""

    name: str
    type: str
    meaning: str


@dataclass(frozen=True, slots=True)
class TableDescription:
    """A table with its columns."""

    name: str
    rows: int
    meaning: str
    columns: list[ColumnMeaning]


@dataclass(frozen=True, slots=True)
class QueryRows:
    """A page of the rows of a query. `next_page_token` is empty when there are no more; `notes` say what is not here."""

    columns: list[str]
    rows: list[list[Any]]
    total_rows: int
    next_page_token: str = ""
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class PageHit:
    """A page that has words of a search; the higher the score the better."""

    path: str
    document: str
    page: int
    score: float
    found: list[str]
    snippet: str


@dataclass(frozen=True, slots=True)
class SearchResult:
    """The best pages, and how many matched in all."""

    hits: list[PageHit]
    matches: int
    note: str = ""


@dataclass(frozen=True, slots=True)
class PageText:
    """A page, or the part of it from character `start` on."""

    page: int
    text: str
    start: int
    characters: int
    is_picture: bool


@dataclass(frozen=True, slots=True)
class DocumentPages:
    """Pages of one document. `next_page` is 0 when the last one is here to its end, else where `next_start` goes on."""

    path: str
    document: str
    page_count: int
    pages: list[PageText]
    next_page: int = 0
    next_start: int = 0
    note: str = ""


@dataclass(frozen=True, slots=True)
class FieldProof:
    """Where the value of a field stands, or why it has none."""

    path: str
    document: str
    table: str
    field: str
    state: str
    value: str | None
    grade: str | None
    confidence: float | None
    page: int | None
    quote: str | None


@dataclass(frozen=True, slots=True)
class ProofList:
    """Evidence, and what is not in the list."""

    evidence: list[FieldProof]
    note: str = ""


@dataclass(frozen=True, slots=True)
class Lookups:
    """The output folder of runs, to be looked into. Every method raises SettingsError with a sentence for who asked."""

    folder: Path
    limits: sql.QueryLimits = LIMITS
    _results: OrderedDict[str, Any] = field(
        default_factory=OrderedDict, compare=False
    )  # by mark, the newest last

    def tables(self) -> list[TableSummary]:
        """All tables and views."""
        return [
            TableSummary(info.name, info.rows, info.meaning, [column.name for column in info.columns])
            for info in self._tables()
        ]

    def table(self, name: str) -> TableDescription:
        """One table with the meaning of its columns."""
        known = {info.name: info for info in self._tables()}
        if (info := known.get(name.strip('"').lower())) is None:
            raise SettingsError(
                f"There is no table {name!r}.", about=name, next_step=f"Tables: {', '.join(known)}."
            )
        columns = [ColumnMeaning(column.name, column.type, column.meaning) for column in info.columns]
        return TableDescription(info.name, info.rows, info.meaning, columns)

    def _tables(self) -> list[TableInfo]:
        found = Warehouse(self.folder).tables()
        if not found:
            raise SettingsError(
                f"There is no warehouse in {self.folder}.",
                about=str(self.folder),
                next_step="`octavo run INBOX --out DIR` makes one.",
            )
        return found

    def state(self) -> str:
        """A mark that is another one after every commit; "" while there is no warehouse."""
        try:
            file = (self.folder / "warehouse.duckdb").stat()
        except FileNotFoundError:
            return ""
        return f"{file.st_ino}.{file.st_mtime_ns}.{file.st_size}"

    async def rows(self, statement: str, page_token: str = "", most: int = ROWS) -> QueryRows:
        """A page of what a SELECT gives; the token of the page before leads to the next, as long as the tables are the same."""
        mark = hashlib.sha256(f"{self.state()}\n{statement}".encode()).hexdigest()[:16]
        start = self._start(mark, page_token) if page_token else 0
        if not page_token:
            self._results[mark] = await sql.selecting(self.folder, statement, self.limits)
            self._results.move_to_end(mark)
            while len(self._results) > RESULTS:
                self._results.popitem(last=False)
        table = self._results[mark]
        page = sql.row_page(table, start, max(1, min(most, MOST_ROWS)))
        notes = [*page.notes, *filter(None, [sql.truncation(table)])]
        if more := page.end < page.of_rows:
            notes.append(f"Rows {start + 1:,} to {page.end:,} of {page.of_rows:,}; next_page_token leads on.")
        token = f"{page.end}-{mark}" if more else ""
        return QueryRows(page.columns, page.rows, page.of_rows, token, notes)

    def _start(self, mark: str, token: str) -> int:
        """The first row that a token means. subtle: a result is kept and not asked for again, since its order may be another one then."""
        number, _, known = token.partition("-")
        if not number.isdecimal() or known != mark or mark not in self._results:
            raise SettingsError(
                "This page token is not of this statement, the tables have changed since, or it is too old.",
                about="page_token",
                next_step="Send the statement again without a token.",
            )
        return int(number)

    async def search(self, words: str, most: int = HITS, document: str = "") -> SearchResult:
        """The pages that have the words, the best first; in one document where it is named."""
        among = [(await self.document(document))["document"]] if document else []
        query = sql.ranked_pages(words, limit=max(1, min(most, MOST_HITS)), documents=among)
        found = (await sql.selecting(self.folder, query, self.limits)).to_pylist()
        matches = found[0]["matches"] if found else 0
        hits = [PageHit(**{name: value for name, value in row.items() if name != "matches"}) for row in found]
        if not hits:
            return SearchResult([], 0, "No page has any of these words. Try others, or fewer.")
        note = f"The best {len(hits)} of {matches} pages." if matches > len(hits) else ""
        return SearchResult(hits, matches, note)

    async def document(self, name: str) -> dict[str, Any]:
        """Path, document (SHA-256), inbox, media_type and page_count of the one document that a path, an end of it, or a hash means."""
        query = filled(DOCUMENTS, name=literal(name), condition=_named(name))
        found: list[dict[str, Any]] = (await sql.selecting(self.folder, query, self.limits)).to_pylist()
        best = [row for row in found if row["fit"] == found[0]["fit"]]
        if not best:
            raise SettingsError(
                f"There is no readable document {name!r}.",
                about=name,
                next_step="Paths are in the table documents: SELECT path, status, detail FROM documents.",
            )
        if len(best) > 1:
            several = ", ".join(f"{row['path']} ({row['document'][:12]})" for row in best)
            raise SettingsError(
                f"{name!r} means several documents: {several}.",
                about=name,
                next_step="Name one by its path or its hash.",
            )
        return best[0]

    async def level(self, below: str, most: int) -> list[dict[str, Any]]:
        """Folders (`is_folder`, with their number of `files`) and files directly below the beginning of a path, by name.

        At most so many of a kind, of which there are `of_kind`; a file has path, status, reason, page_count and document.
        """
        query = filled(LEVEL, below=literal(below), most=str(most))
        return list((await sql.selecting(self.folder, query, self.limits)).to_pylist())

    async def paths_with(self, typed: str, most: int) -> tuple[list[str], int]:
        """The first paths that have these letters, and how many there are."""
        query = filled(PATHS, typed=literal(typed), most=str(most))
        found = (await sql.selecting(self.folder, query, self.limits)).to_pylist()
        return [row["path"] for row in found], found[0]["n"] if found else 0

    async def found_at(self, path: str) -> dict[str, Any] | None:
        """Path, status, reason, page_count and document of one path; None when nothing was found there."""
        query = filled(FILES, condition=f"path = {literal(path)}")
        return next(iter((await sql.selecting(self.folder, query, self.limits)).to_pylist()), None)

    async def pages(self, name: str, first: int = 1, last: int = 0, start: int = 0) -> DocumentPages:
        """Pages `first` to `last` (0: as many as fit), the first one from character `start` on; what did not fit is said."""
        row = await self.document(name)
        if not 1 <= first <= max(1, row["page_count"]):
            raise SettingsError(
                f"{row['path']} has pages 1 to {row['page_count']}, and no page {first}.", about=name
            )
        last = min(last or row["page_count"], row["page_count"])
        found = await self._texts(row["document"], first, max(first, last), start)
        return _fitting(row, found, start, max(first, last))

    async def page_text(self, name: str, page: int) -> str:
        """The whole text of one page."""
        text, start = "", 0
        while True:
            found = await self.pages(name, page, page, start)
            text += "".join(one.text for one in found.pages)
            if not found.next_start:
                return text
            start = found.next_start

    async def paths_meant(self, names: Sequence[str]) -> dict[str, str]:
        """The path of the one document that each name means: as it stands, as people write it, its end, or a hash. Others are left out."""
        if not names:
            return {}
        query = filled(
            MEANT,
            names=", ".join(map(literal, names)),
            plain_name=filled(PLAIN, text="name"),
            plain_path=filled(PLAIN, text="path"),
        )
        found = (await sql.selecting(self.folder, query, self.limits)).to_pylist()
        return {row["name"]: row["path"] for row in found}

    async def page_texts(self, places: Sequence[tuple[str, int]]) -> dict[tuple[str, int], str]:
        """The whole texts of pages, each by path and number from 1; without those that there are not."""
        found: dict[tuple[str, int], str] = {}
        for at in range(0, len(places), PAGES_AT_ONCE):
            some = places[at : at + PAGES_AT_ONCE]
            query = filled(
                PAGE_TEXTS,
                paths=", ".join(literal(path) for path, _ in some),
                numbers=", ".join(str(page) for _, page in some),
            )
            table = await sql.selecting(self.folder, query, self.limits)
            found |= {(row["path"], row["page"]): row["text"] or "" for row in table.to_pylist()}
            if sql.truncation(table):
                for place in set(some) - found.keys():
                    with suppress(SettingsError):  # there is no such page
                        found[place] = await self.page_text(*place)
        return found

    async def _texts(self, document: str, first: int, last: int, start: int) -> list[dict[str, Any]]:
        """The pages, as far as they are read at once: text from `start` on of the first one, and one character more than fits."""
        query = filled(
            TEXTS,
            document=literal(document),
            first=str(first),
            last=str(last),
            begin=str(start + 1),
            most=str(TEXT_CHARACTERS),
            more=str(TEXT_CHARACTERS + 1),
        )
        return list((await sql.selecting(self.folder, query, self.limits)).to_pylist())

    async def evidence(self, name: str = "", field_path: str = "", table: str = "") -> ProofList:
        """Where the values of a document stand: of one field (and what is below it), of one table, or all."""
        document = (await self.document(name))["document"] if name else ""
        wanted = [
            f"document = {literal(document)}" if document else "",
            f"question = {literal(table)}" if table else "",
            f"(field = {literal(field_path)} OR starts_with(field, {literal(field_path + '[')})"
            f" OR starts_with(field, {literal(field_path + '.')}))"
            if field_path
            else "",
        ]
        condition = " AND ".join(filter(None, wanted)) or "true"
        query = filled(EVIDENCE, condition=condition, most=str(PROOFS))
        found = (await sql.selecting(self.folder, query, self.limits)).to_pylist()
        proofs = [FieldProof(**{key: value for key, value in row.items() if key != "n"}) for row in found]
        if not proofs:
            return ProofList(
                [], "There is no evidence of that. Fields are the columns of the table, such as grand_total."
            )
        of = found[0]["n"]
        note = (
            f"The first {len(proofs)} of {of}: name a document, a table or a field."
            if of > len(proofs)
            else ""
        )
        return ProofList(proofs, note)


def _named(name: str) -> str:
    """The condition for what a name may mean: a path, its last part, a hash or the beginning of one."""
    ways = [f"path = {literal(name)}", f"ends_with(path, {literal('/' + name)})"]
    if re.fullmatch(r"[0-9a-f]{8,64}", name):
        ways.append(f"starts_with(document, {literal(name)})")
    return " OR ".join(ways)


def _fitting(row: dict[str, Any], found: Sequence[dict[str, Any]], start: int, last: int) -> DocumentPages:
    """The pages that fit together, the last one cut where the room ends, and where to go on."""
    room = TEXT_CHARACTERS
    pages: list[PageText] = []
    for one in found:
        if room <= 0:
            return _going_on(row, pages, one["page"], 0)
        begin = start if one is found[0] else 0
        text = one["text"][:room]
        pages.append(PageText(one["page"], text, begin, one["chars"], one["is_picture"]))
        room -= len(text)
        if begin + len(text) < one["chars"] and text != one["text"]:
            return _going_on(row, pages, one["page"], begin + len(text))
    after = pages[-1].page + 1 if pages else 0
    if pages and after <= last:
        return _going_on(row, pages, after, 0)
    return DocumentPages(row["path"], row["document"], row["page_count"], pages)


def _going_on(row: dict[str, Any], pages: list[PageText], page: int, start: int) -> DocumentPages:
    note = f"{TEXT_CHARACTERS:,} characters are given at once; page {page} from character {start} on is next."
    return DocumentPages(row["path"], row["document"], row["page_count"], pages, page, start, note)
