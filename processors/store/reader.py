"""What stands in a warehouse: rows, pages, documents and counts, read back by whoever wants them.

A reader opens the file for each question and leaves it again, since the file is replaced whole by who commits.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from octavo.processors.store import catalog, lookup
from octavo.schemas.errors import SettingsError
from octavo.schemas.pipeline import Document, Page
from octavo.schemas.tables import FIXED, Row, Table

WAREHOUSE = "warehouse.duckdb"
_ROWS_AT_ONCE = 1_000  # rows as Python's dicts, which take ten times what they take in Arrow


@dataclass(frozen=True, slots=True)
class ColumnInfo:
    """One column as it is in the warehouse; `type` as DuckDB writes it."""

    name: str
    type: str
    meaning: str


@dataclass(frozen=True, slots=True)
class TableInfo:
    """One table or view as it is in the warehouse."""

    name: str
    rows: int
    columns: tuple[ColumnInfo, ...]
    meaning: str


class WarehouseReader:
    """The tables of one output folder, for reading."""

    def __init__(self, folder: Path, *, file: str = WAREHOUSE) -> None:
        """`file` is the name of the warehouse in the folder."""
        self.folder = folder
        self.path = folder / file

    def rows(self, table: str, columns: Sequence[str] | None = None) -> list[Row]:
        """All rows of a table in the order of its key, as dicts with native values; none when there is no such table yet."""
        return list(self.each(table, columns))

    def each(self, table: str, columns: Sequence[str] | None = None) -> Iterator[Row]:
        """The same one by one, a thousand in memory at a time."""
        shape = self._shape(table)
        if shape is None:
            return
        chosen = ", ".join(catalog.quoted(name) for name in columns) if columns else "*"
        order = catalog.ordering(table, [name for name, _, _ in shape])
        query = catalog.fill(
            "SELECT $columns FROM $table ORDER BY $order",
            columns=chosen,
            table=catalog.quoted(table),
            order=order,
        )
        with self._open() as connection:
            for batch in connection.sql(query).to_arrow_reader(_ROWS_AT_ONCE):
                yield from batch.to_pylist()

    def query(
        self, statement: str, parameters: Sequence[Any] = (), beside: Mapping[str, pa.Table] | None = None
    ) -> pa.Table:
        """The result of one of our own statements, with `?` for parameters. For SQL of others there is `query/sql`.

        `beside` has rows that the statement reads beside those of the warehouse, by name.
        """
        with self._open() as connection:
            for name, rows in (beside or {}).items():
                connection.register(name, rows)
            return connection.sql(statement, params=list(parameters)).to_arrow_table()

    def inboxes(self) -> list[str]:
        """The folders and URLs below which the paths of `documents` lie, sorted."""
        if self._shape("documents") is None:
            return []
        return list(
            self.query("SELECT DISTINCT inbox FROM documents WHERE inbox <> '' ORDER BY inbox")[
                "inbox"
            ].to_pylist()
        )

    def documents_at(self, paths: Sequence[str], inbox: str) -> list[Row]:
        """The rows of `documents` at these paths of an inbox."""
        query = "SELECT * FROM documents WHERE path IN (SELECT unnest(?::TEXT[])) AND inbox = ?"
        rows: list[Row] = self.query(query, [list(paths), inbox]).to_pylist()
        return rows

    def documents(self) -> list[Document]:
        """Every path that was found, in the order of paths."""
        return [lookup.document(row) for row in self.rows("documents")]

    def document(self, sha256: str, inbox: str = "") -> Document:
        """The document with these bytes, under the first of its paths, of one inbox where it is named. Raises KeyError."""
        query = "SELECT * FROM documents WHERE document = ? AND ? IN ('', inbox) ORDER BY path LIMIT 1"
        found = self.query(query, [sha256, inbox]).to_pylist()
        if not found:
            raise KeyError(sha256)
        return lookup.document(found[0])

    def without_pages(self, inbox: str = "") -> list[Document]:
        """The documents, of one inbox where it is named, that were read and have no pages all the same.

        Theirs were to come with another path of the same bytes.
        """
        if self._shape("documents") is None or self._shape("pages") is None:
            return []
        query = """SELECT * FROM documents WHERE status = 'ok' AND reason <> 'container' AND page_count > 0
                   AND ? IN ('', inbox) AND document NOT IN (SELECT document FROM pages) ORDER BY path"""
        return [lookup.document(row) for row in self.query(query, [inbox]).to_pylist()]

    def lone_replies(self, marked: str, kept: str) -> list[Row]:
        """The rows of mails flagged `marked` that answer one which was not read, or lies here no longer.

        And of mails flagged `kept` whose pages were read anew since, such as with another path of the same bytes.
        """
        shape = self._shape("documents")
        if not any(name == "in_reply_to" for name, *_ in shape or ()):
            return []
        query = """SELECT * FROM documents WHERE status = 'ok' AND document IN (
                     SELECT document FROM documents WHERE status = 'ok' AND list_contains(flags, ?) AND coalesce(in_reply_to, '') NOT IN (
                       SELECT message_id FROM documents WHERE status = 'ok' AND message_id IS NOT NULL)
                     UNION SELECT document FROM documents JOIN pages USING (document) WHERE list_contains(flags, ?) AND len(repeated) > 0)
                   ORDER BY document, path"""
        rows: list[Row] = self.query(query, [marked, kept]).to_pylist()
        return rows

    def readable(self, inbox: str = "") -> set[str]:
        """The documents, of one inbox where it is named, that were read and have pages."""
        if self._shape("documents") is None or self._shape("pages") is None:
            return set()
        query = """SELECT DISTINCT document FROM documents
                   WHERE status = 'ok' AND ? IN ('', inbox) AND document IN (SELECT document FROM pages)"""
        return set(self.query(query, [inbox])["document"].to_pylist())

    def page_count(self, inbox: str = "") -> int:
        """How many pages the documents have, of one inbox where it is named, that were read."""
        if self._shape("documents") is None or self._shape("pages") is None:
            return 0
        query = """SELECT count(*) AS n FROM pages WHERE document IN (
                       SELECT document FROM documents WHERE status = 'ok' AND ? IN ('', inbox))"""
        return int(self.query(query, [inbox])["n"][0].as_py())

    def of_types(self, media_types: Sequence[str], inbox: str = "") -> dict[str, bool]:
        """The documents of these types that were read, and whether each lies only in a PDF, whose pages show the same."""
        if self._shape("documents") is None:
            return {}
        query = """SELECT d.document, bool_and(coalesce(o.media_type = 'application/pdf', false)) AS is_inside
                   FROM documents d LEFT JOIN documents o ON o.path = d.container AND o.inbox = d.inbox AND o.status = 'ok'
                   WHERE d.status = 'ok' AND d.media_type IN (SELECT unnest(?::TEXT[])) AND ? IN ('', d.inbox) GROUP BY 1"""
        rows = self.query(query, [list(media_types), inbox]).to_pylist()
        return {row["document"]: row["is_inside"] for row in rows}

    def pages_of(self, documents: Sequence[str]) -> Iterator[Page]:
        """The pages of the documents, in the order given and by number, a few thousand in memory at a time."""
        if not documents or self._shape("pages") is None:
            return
        with self._open() as connection:
            yield from lookup.pages_of(connection, documents)

    def extents(self, documents: Sequence[str]) -> list[Row]:
        """Document, pages, chars, tokens and images_px of the documents, in the order given; what can be planned without their text."""
        if not documents or self._shape("pages") is None:
            return []
        with self._open() as connection:
            return lookup.extents(connection, documents)

    def answered(self, question: str, fingerprints: Sequence[str], model: str, engine: str) -> set[str]:
        """The documents that need not be asked: answered by this very question, model and engine, or rejected for good.

        `question` is the table, `fingerprints` are the question's. Where a reject stands that another run may not meet (`TRANSIENT`),
        there is something to ask, also when a part of the answer is there.
        """
        if not self.path.exists():
            return set()
        asked = (list(fingerprints), model, engine)
        with self._open() as connection:
            there = catalog.tables(connection)
            answered = lookup.answered(connection, question, asked) if question in there else set()
            for_good, for_now = (
                lookup.rejected(connection, question, asked) if "rejects" in there else (set(), set())
            )
            return (answered | for_good) - for_now

    def has(self, table: str) -> bool:
        """Whether there is such a table or view."""
        return self._shape(table) is not None

    def size(self, table: str) -> int:
        """How many rows a table or view has; 0 when it is not there yet."""
        if self._shape(table) is None:
            return 0
        with self._open() as connection:
            return catalog.row_count(connection, table)

    def paths_of(self, documents: Sequence[str]) -> dict[str, str]:
        """The first path of each document that a path holds."""
        query = "SELECT document, min(path) AS path FROM documents WHERE document IN (SELECT unnest(?::TEXT[])) GROUP BY document"
        return (
            {row["document"]: row["path"] for row in self.query(query, [list(documents)]).to_pylist()}
            if documents
            else {}
        )

    def former(self, table: str) -> int:
        """How many answers of a table wait for their successor."""
        query = catalog.fill("SELECT count(*) AS n FROM $table WHERE former", table=catalog.quoted(table))
        return int(self.query(query)["n"][0].as_py()) if self.has(table) else 0

    def statuses(self, inbox: str) -> dict[str, int]:
        """How many paths of an inbox have each status."""
        if self._shape("documents") is None:
            return {}
        query = "SELECT status, count(*) AS n FROM documents WHERE inbox = ? GROUP BY ALL ORDER BY ALL"
        return {str(row["status"]): int(row["n"]) for row in self.query(query, [inbox]).to_pylist()}

    def counts(self, table: Table, column: str) -> list[Row]:
        """How many rows have each value of a column: `[{"status": "ok", "n": 12}, ...]`, by value."""
        if self._shape(table.name) is None:
            return []
        query = catalog.fill(
            "SELECT $column, count(*) AS n FROM $table GROUP BY ALL ORDER BY ALL",
            column=catalog.quoted(column),
            table=catalog.quoted(table.name),
        )
        return list(self.query(query).to_pylist())

    def answer_table(self, question: str) -> Table | None:
        """The table of the answers to a question, as it is stored; None when there is none."""
        if self._shape(question) is None or question in FIXED:
            return None
        with self._open() as connection:
            return (
                catalog.stored_table(connection, question) if question in catalog.tables(connection) else None
            )

    def answers_of(self, question: str, documents: Sequence[str]) -> dict[str, Row]:
        """The rows of a table of answers about these documents."""
        query = catalog.fill(
            "SELECT * FROM $table WHERE document IN (SELECT unnest(?::TEXT[]))",
            table=catalog.quoted(question),
        )
        return {row["document"]: row for row in self.query(query, [list(documents)]).to_pylist()}

    def evidence_of(self, question: str, documents: Sequence[str]) -> list[Row]:
        """The rows of `evidence` of answers to a question about these documents."""
        query = "SELECT * FROM evidence WHERE question = ? AND document IN (SELECT unnest(?::TEXT[])) ORDER BY ALL"
        rows: list[Row] = self.query(query, [question, list(documents)]).to_pylist()
        return rows

    def reject_of(self, question: str, document: str) -> Row | None:
        """The row of `rejects` of a question about a document; None where there is none."""
        query = "SELECT * FROM rejects WHERE question = ? AND document = ?"
        found = self.query(query, [question, document]).to_pylist() if self.has("rejects") else []
        return found[0] if found else None

    def is_unread(self, document: str) -> bool:
        """Whether a document is known and nothing of it could be read, so that it is asked about by nobody."""
        query = "SELECT bool_and(status IN ('error', 'empty')) AS unread FROM documents WHERE document = ?"
        return bool(self.query(query, [document])["unread"][0].as_py()) if self.has("documents") else False

    def is_corrected(self, question: str, document: str) -> bool:
        """Whether the row of an answer has what people said about it."""
        query = "SELECT count(*) AS n FROM corrections WHERE question = ? AND document = ?"
        return self.has("corrections") and bool(self.query(query, [question, document])["n"][0].as_py())

    def tables(self) -> list[TableInfo]:
        """Every table and view by name, with rows, columns and meanings."""
        if not self.path.exists():
            return []
        with self._open() as connection:
            described, rows = catalog.described(connection), catalog.row_counts(connection)
        return [
            TableInfo(name, rows[name], tuple(ColumnInfo(*column) for column in columns), meaning)
            for name, (meaning, columns) in sorted(described.items())
        ]

    @contextmanager
    def _open(self) -> Iterator[duckdb.DuckDBPyConnection]:
        if not self.path.exists():
            raise SettingsError(
                f"There is no warehouse in {self.folder}.",
                about=str(self.folder),
                next_step="Run octavo run first.",
            )
        with catalog.attached(self.path, read_only=True) as connection:
            yield connection

    def _shape(self, table: str) -> catalog.Shape | None:
        """The columns of a table; None when there is none of that name, or no warehouse yet."""
        return catalog.shapes(self.path).get(table)
