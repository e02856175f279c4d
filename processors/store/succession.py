"""Which rows have had their day: answers, evidence and pages of earlier states of files, and of earlier questions.

In: a connection in the middle of a commit, when `documents` and the answers are as they will be. Out: rows that went or were put right,
as the slots of each table that changed. Imports the helper `catalog` for its words of SQL.

An answer outlives the file it is about until something takes its place, so that a change never costs a row before there is another:

    file changed, not asked yet       the answer stays, `former`
    changed, and answered             the answer goes in the commit that brings its successor
    path gone from `documents`        the answer goes; who commits that has a person's word for it
    file moved                        the answer gets the new path
    inbox moved, file changed too     the answer gets the new inbox and stays, `former`
    question or model changed         the answer stays, `former`, until the document is answered anew
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import duckdb

from octavo.processors.store import catalog
from octavo.schemas.corrections import PERSON
from octavo.schemas.tables import FIXED
from octavo.schemas.text import invoice_page

Asked = tuple[list[str], str, str]  # fingerprints that a question may have, model, engine
Slots = dict[str, set[int]]

INERT = frozenset({"runs", "requests", "corrections"})  # tables of which nothing here depends
_NO_MODEL = (invoice_page.ENGINE, PERSON)  # engines whose answers are of no model

_ORPHAN = "document NOT IN (SELECT document FROM documents WHERE document IS NOT NULL)"

# A path has a successor to an earlier answer when what lies there now has an answer itself, or is known not to be of that kind.
_GONE = """
    $orphan AND ((path, inbox) NOT IN (SELECT path, inbox FROM documents WHERE status <> 'skipped')
                   OR (path, inbox) IN (SELECT d.path, d.inbox FROM documents d JOIN $table USING (document))
                   OR (path, inbox) IN (SELECT d.path, d.inbox FROM documents d JOIN rejects r USING (document)
                                        WHERE r.question = $name AND r.reason = 'not_applicable'))"""
_PLACED = """
    UPDATE $table SET path = first.path, inbox = first.inbox
    FROM (SELECT document, min({'path': path, 'inbox': inbox}) AS first FROM documents WHERE document IS NOT NULL GROUP BY document) AS d
    WHERE $table.document = d.document AND ($table.path, $table.inbox) <> (first.path, first.inbox) RETURNING $slot"""

# Where an inbox has no path left, another has taken its place: what lies at the same path there is the file of the answer.
_MOVED = """
    UPDATE $table SET inbox = d.inbox
    FROM (SELECT path, min(inbox) AS inbox FROM documents GROUP BY path HAVING count(*) = 1) AS d
    WHERE $orphan AND $table.path = d.path AND $table.inbox NOT IN (SELECT inbox FROM documents) RETURNING $slot"""

_FORMER = "UPDATE $table SET former = $former WHERE former <> $former RETURNING $slot"


def settle(connection: duckdb.DuckDBPyConnection) -> Slots:
    """Take away what has a successor or no file any more, and say of the rest where it lies and whether it is of earlier days."""
    there = set(catalog.tables(connection))
    touched: Slots = {}
    answers = sorted(there - FIXED.keys()) if there >= {"evidence", "rejects"} else []
    if there >= {"documents", "pages"}:
        for name, slots in _settled(connection, answers, there):
            touched.setdefault(name, set()).update(slots)
    return {name: slots for name, slots in touched.items() if slots}


def _settled(
    connection: duckdb.DuckDBPyConnection, answers: Sequence[str], there: set[str]
) -> Iterator[tuple[str, set[int]]]:
    """The slots that changed, with the table that they are of."""
    for table in answers:
        yield from _settled_answers(connection, table)
    if "rejects" in there and _has_orphans(connection, "rejects", "documents"):
        yield "rejects", _deleted(connection, "rejects", _ORPHAN)
    if not _has_orphans(connection, "pages", "documents"):
        return
    silent = (
        catalog.fill(" AND document NOT IN (SELECT document FROM $table)", table=catalog.quoted(table))
        for table in answers
    )
    yield "pages", _deleted(connection, "pages", _ORPHAN + "".join(silent))


def _settled_answers(connection: duckdb.DuckDBPyConnection, table: str) -> Iterator[tuple[str, set[int]]]:
    yield table, _slots(connection, _PLACED, table)
    former = _asked_before(connection, table)
    if _has_orphans(connection, table, "documents"):
        yield table, _slots(connection, _MOVED, table)
        yield table, _deleted(connection, table, _GONE)
        former = f"($orphan OR {former})"
    if _has_orphans(connection, "evidence", table, f"question = {catalog.literal(table)}"):
        condition = "question = $name AND document NOT IN (SELECT document FROM $table)"
        yield "evidence", _deleted(connection, "evidence", condition, table)
    yield table, _slots(connection, catalog.fill(_FORMER, former=former, table="$table", slot="$slot"), table)


def _has_orphans(
    connection: duckdb.DuckDBPyConnection, name: str, parent: str, condition: str = "true"
) -> bool:
    """Whether the table has rows of documents of which `parent` has none. Mostly not, and this is the cheapest way to know."""
    query = "SELECT count(*) FROM (FROM $of WHERE $condition) ANTI JOIN $parent USING (document)"
    parts = {"of": catalog.quoted(name), "parent": catalog.quoted(parent), "condition": condition}
    return bool(catalog.scalar(connection, catalog.fill(query, **parts)))


def _asked_before(connection: duckdb.DuckDBPyConnection, table: str) -> str:
    """The condition under which a row of a table is of an earlier question or model; what a document or a person states needs no model."""
    stored = sorted(_last_asked(connection, table))
    if not stored:
        return "false"
    now = ", ".join(f"({', '.join(map(catalog.literal, one))})" for one in stored)
    asked = ", ".join(catalog.literal(fingerprint) for fingerprint, _, _ in stored)
    stated = (
        f"(engine IN ({', '.join(map(catalog.literal, _NO_MODEL))}) AND question_fingerprint IN ({asked}))"
    )
    return f"((question_fingerprint, model, engine) NOT IN ({now}) AND NOT {stated})"


def note_asked(connection: duckdb.DuckDBPyConnection, asked: Mapping[str, Asked]) -> None:
    """Put down what each of these tables was last asked; answers to anything else are of earlier days from then on."""
    for table, (fingerprints, model, engine) in asked.items():
        connection.execute("DELETE FROM octavo.asked WHERE table_name = ?", [table])
        for fingerprint in fingerprints:
            connection.execute(
                "INSERT INTO octavo.asked VALUES (?, ?, ?, ?)", [table, fingerprint, model, engine]
            )


def asked_otherwise(connection: duckdb.DuckDBPyConnection, asked: Mapping[str, Asked]) -> bool:
    """Whether any of these tables was last asked something else, or nothing that was put down."""
    return any(
        _last_asked(connection, table) != {(fingerprint, model, engine) for fingerprint in fingerprints}
        for table, (fingerprints, model, engine) in asked.items()
    )


def _last_asked(connection: duckdb.DuckDBPyConnection, table: str) -> set[tuple[str, ...]]:
    query = "SELECT count(*) FROM duckdb_tables() WHERE database_name = 'warehouse' AND schema_name = 'octavo' AND table_name = 'asked'"
    if not catalog.scalar(connection, query):
        return set()
    return set(
        connection.execute(
            "SELECT fingerprint, model, engine FROM octavo.asked WHERE table_name = ?", [table]
        ).fetchall()
    )


def _deleted(connection: duckdb.DuckDBPyConnection, name: str, condition: str, table: str = "") -> set[int]:
    """Delete rows of the table `name`; `table` is the table of answers that the condition speaks of, where that is another."""
    query = catalog.fill(
        "DELETE FROM $of WHERE $condition RETURNING $slot",
        of=catalog.quoted(name),
        condition=condition,
        slot=catalog.slot(name),
    )
    return _slots(connection, query, table or name)


def _slots(connection: duckdb.DuckDBPyConnection, query: str, table: str) -> set[int]:
    filled = catalog.fill(
        query,
        table=catalog.quoted(table),
        name=catalog.literal(table),
        slot=catalog.slot(table),
        orphan=_ORPHAN,
    )
    return {slot for (slot,) in connection.execute(filled).fetchall()}
