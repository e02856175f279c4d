"""What flows ask of the tables: pages to pack, documents that are answered.

In: an open connection and, where it matters, which tables there are. Out: nouns, names and keys.
Imports the helper `catalog` for its words of SQL, and `succession` for what it calls asked.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import duckdb

from octavo.processors.store import catalog
from octavo.processors.store.succession import Asked
from octavo.schemas.pipeline import Document, Heading, Page, Properties
from octavo.schemas.tables import Row

# Reasons in `rejects` that another run may not meet: nothing was asked, or a page could not be shown.
TRANSIENT = (
    "unavailable",
    "not_asked",
    "needs_ocr",
    "encrypted",
    "changed",
    "vanished",
    "unreadable",
    "timeout",
    "memory",
    "crashed",
)
_PAGES_AT_ONCE = 2_000  # pages held in memory


def document(row: Row) -> Document:
    """The noun of a row of `documents`."""
    outline = tuple(Heading(**heading) for heading in row["outline"])
    thread = (
        row.get("message_id") or "",
        row.get("in_reply_to") or "",
    )  # which an earlier version did not store
    properties = Properties(
        row["title"], row["author"], row["created_at"], row["modified_at"], outline, *thread
    )
    apart = ("sha256", "flags", "properties")
    same = {name: row[name] for name in Document.__dataclass_fields__ if name not in apart}
    return Document(sha256=row["document"] or "", flags=tuple(row["flags"]), properties=properties, **same)


def pages_of(connection: duckdb.DuckDBPyConnection, documents: Sequence[str]) -> Iterator[Page]:
    """The pages of the documents, in the order given and by number."""
    for group in _groups(connection, documents):
        found = _pages(connection, group)
        for one in group:
            yield from found.get(one, ())


def _groups(connection: duckdb.DuckDBPyConnection, documents: Sequence[str]) -> Iterator[list[str]]:
    """The documents in groups that have at most so many pages together, or one document."""
    query = (
        "SELECT document, count(*) FROM pages WHERE document IN (SELECT unnest(?::TEXT[])) GROUP BY document"
    )
    counts = dict(connection.execute(query, [list(documents)]).fetchall())
    group: list[str] = []
    held = 0
    for one in documents:
        held += counts.get(one, 0)
        if group and held > _PAGES_AT_ONCE:
            yield group
            group, held = [], counts.get(one, 0)
        group.append(one)
    yield group


def _pages(connection: duckdb.DuckDBPyConnection, documents: Sequence[str]) -> dict[str, list[Page]]:
    query = "FROM pages WHERE document IN (SELECT unnest(?::TEXT[])) ORDER BY document, page"
    found: dict[str, list[Page]] = {}
    for row in connection.sql(query, params=[list(documents)]).to_arrow_table().to_pylist():
        found.setdefault(row["document"], []).append(_page(row))
    return found


def _page(row: Row) -> Page:
    """The page of a row; one of an earlier version has no words of OCR."""
    width, height = row["image_width_px"], row["image_height_px"]
    return Page(
        row["document"],
        row["page"],
        row["text"],
        None if width is None else (width, height),
        text_from=row["text_from"],
        repeated=tuple((span["start"], span["stop"]) for span in row["repeated"] or ()),
        hidden_chars=row["hidden_chars"],
        ocr_words=tuple(
            (word["start"], word["stop"], word["confidence"]) for word in row.get("ocr_words") or ()
        ),
    )


def extents(connection: duckdb.DuckDBPyConnection, documents: Sequence[str]) -> list[Row]:
    """How large the documents are, in the order given: document, pages, chars, tokens of their text, images_px of pages to be seen."""
    query = """SELECT document, count(*) AS pages, sum(chars)::BIGINT AS chars, sum(tokens)::BIGINT AS tokens,
                      list([image_width_px, image_height_px]) FILTER (image_width_px IS NOT NULL) AS images_px
               FROM pages WHERE document IN (SELECT unnest(?::TEXT[])) GROUP BY document"""
    found = connection.sql(query, params=[list(documents)]).to_arrow_table().to_pylist()
    at = {document: number for number, document in enumerate(documents)}
    return sorted(found, key=lambda row: at[row["document"]])


def answered(connection: duckdb.DuckDBPyConnection, question: str, asked: Asked) -> set[str]:
    """The documents with an accepted answer in the table `question`."""
    query = "SELECT document FROM $table WHERE question_fingerprint IN (SELECT unnest(?::TEXT[])) AND model = ? AND engine = ?"
    found = connection.execute(catalog.fill(query, table=catalog.quoted(question)), list(asked)).fetchall()
    return {one for (one,) in found}


def rejected(connection: duckdb.DuckDBPyConnection, question: str, asked: Asked) -> tuple[set[str], set[str]]:
    """The documents that were rejected when `question` was asked like this: for good, and for now (`TRANSIENT`)."""
    query = """SELECT document, reason IN (SELECT unnest(?::TEXT[])) FROM rejects
               WHERE question = ? AND question_fingerprint IN (SELECT unnest(?::TEXT[])) AND model = ? AND engine = ?"""
    found = connection.execute(query, [list(TRANSIENT), question, *asked]).fetchall()
    return {one for one, passing in found if not passing}, {one for one, passing in found if passing}
