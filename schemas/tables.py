"""The tables: their names, keys, typed columns and meanings, and the functions that turn nouns into their rows.

In: the nouns of `octavo.schemas.pipeline`. Out: plain dicts, and strict Arrow tables. Nothing here reads or writes.

    documents --path--> pages, <question> --document--> evidence --request--> requests
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, replace
from pathlib import Path
from re import fullmatch
from typing import Any

import pyarrow as pa

from octavo.schemas.columns import (
    FLAG,
    MOMENT,
    REAL,
    TEXT,
    WHOLE,
    Column,
    Table,
    View,
    arrow,
    column_of,
    refuse_twins,
)
from octavo.schemas.corrections import CORRECTIONS
from octavo.schemas.errors import SchemaError
from octavo.schemas.list_views import list_views
from octavo.schemas.pipeline import Document, Question
from octavo.schemas.rows import evidence_rows, page_row, record_row, reject_row

Row = dict[str, Any]

__all__ = [
    "CORRECTIONS",
    "FIXED",
    "META",
    "Column",
    "Row",
    "Table",
    "View",
    "arrow",
    "brought_up",
    "evidence_rows",
    "page_row",
    "question_table",
    "record_row",
    "reject_row",
    "row_order",
]


def _columns(*specs: tuple[str, pa.DataType, str]) -> tuple[Column, ...]:
    return tuple(Column(*spec) for spec in specs)


_OUTLINE = pa.list_(pa.struct([("level", WHOLE), ("title", TEXT), ("page", WHOLE)]))
_SHARES = pa.list_(
    pa.struct(
        [
            ("question", TEXT),
            ("field", TEXT),
            *((name, WHOLE) for name in ("answers", "filled", "values", "proved")),
        ]
    )
)
_DOUBTS = pa.list_(pa.struct([("question", TEXT), ("field", TEXT), ("detail", TEXT)]))
_WORDS = pa.list_(pa.struct([("start", WHOLE), ("stop", WHOLE), ("confidence", REAL)]))
_SPANS = pa.list_(pa.struct([("start", WHOLE), ("stop", WHOLE)]))

_DOCUMENT = ("document", TEXT, "SHA-256 of the document's bytes")
_QUESTION = ("question", TEXT, "Name of the question, which is the name of its table")
_REQUEST = ("request", TEXT, "Fingerprint of the request that gave the answer; see requests")
_ENGINE = (
    "engine",
    TEXT,
    "What answered: a provider; offline for rules on this machine; xml for a stated electronic invoice; person for what people filled in",
)
_MODEL = ("model", TEXT, "Model id")
_FINGERPRINT = ("question_fingerprint", TEXT, "Fingerprint of the question as it was asked")
_RUN = ("run", TEXT, "Run that put it here; see runs")
_INBOX = ("inbox", TEXT, "Folder or URL below which the path lies")

DOCUMENTS = Table(
    "documents",
    ("path", "inbox"),
    _columns(
        ("path", TEXT, "Path below the inbox, undecodable bytes escaped"),
        _INBOX,
        ("path_bytes", pa.binary(), "The same path as the file system has it"),
        ("document", TEXT, "SHA-256 of the bytes that were read; null when they could not be read"),
        ("media_type", TEXT, "Type by content, such as application/pdf"),
        ("size_bytes", WHOLE, "Size of the file in bytes"),
        ("status", TEXT, "ok, empty, skipped or error"),
        (
            "reason",
            TEXT,
            "Class of the trouble, such as encrypted; when status is ok, empty, or container for what only holds others",
        ),
        ("detail", TEXT, "The sentence for a person"),
        ("page_count", WHOLE, "Number of pages"),
        ("container", TEXT, "Path of the zip, mail or PDF in which it lies; empty for a file of its own"),
        ("flags", pa.list_(TEXT), "What a careful reader should know, such as hidden_text or repaired"),
        ("title", TEXT, "Title, as the file says"),
        ("author", TEXT, "Author, as the file says"),
        ("created_at", MOMENT, "When it was made, as the file says, UTC"),
        ("modified_at", MOMENT, "When it was changed last, as the file says, UTC"),
        ("message_id", TEXT, "Of a mail: its Message-ID"),
        ("in_reply_to", TEXT, "Of a mail: the message_id of the mail that it answers"),
        ("outline", _OUTLINE, "Outline of the file: level from 1, title, page from 1"),
        ("reader", TEXT, "Version of the reader that made the pages"),
    ),
    "Every path found below the inbox, one row each, whatever became of it",
)

PAGES = Table(
    "pages",
    ("document", "page"),
    _columns(
        _DOCUMENT,
        ("page", WHOLE, "Page number, from 1"),
        ("text", TEXT, "Text of the page"),
        ("chars", WHOLE, "Length of the text in characters"),
        ("tokens", WHOLE, "Length in tokens of the model, without what is repeated"),
        ("image_width_px", WHOLE, "Width of the picture in pixels, when the page has to be seen"),
        ("image_height_px", WHOLE, "Height of the picture in pixels, when the page has to be seen"),
        ("text_from", TEXT, "file; layer for OCR that came with a scan; ocr for the engine on this machine"),
        (
            "repeated",
            _SPANS,
            "Running headers and footers that stand on an earlier page too: first character, one past the last",
        ),
        ("hidden_chars", WHOLE, "Characters of the text that nobody sees on the page"),
        (
            "ocr_words",
            _WORDS,
            "Where text_from is ocr: its words, and how sure the engine is of each, 0 to 1",
        ),
    ),
    "The text of every page that was read",
)

EVIDENCE = Table(
    "evidence",
    ("document", "question"),
    _columns(
        _DOCUMENT,
        _QUESTION,
        ("field", TEXT, "Path of the field, such as line_items[0].amount"),
        (
            "state",
            TEXT,
            "given; corrected as a person says; else why it is null: null in the answer, missing there, or failed",
        ),
        ("value", TEXT, "The value as text; null unless state is given or corrected"),
        (
            "grade",
            TEXT,
            "exact, loose, or missing when the value does not stand in the document; null unless state is given",
        ),
        ("proved_by", TEXT, "row of its item or label, page, document (elsewhere), or meaning"),
        ("confidence", REAL, "How likely the value is right, 0 to 1; null unless state is given"),
        ("notes", pa.list_(TEXT), "What speaks for and against it, such as normalised, noisy, ambiguous"),
        ("detail", TEXT, "Why it was not accepted, what else may be meant, or what of a list is missing"),
        ("page", WHOLE, "Page on which the value stands, from 1"),
        ("span_start", WHOLE, "First character of the value on its page, from 0"),
        ("span_end", WHOLE, "One past the last character of the value on its page"),
        ("quote", TEXT, "The characters of the span"),
        (
            "ocr_confidence",
            REAL,
            "How sure OCR is of the doubtfullest word of the quote, 0 to 1; null for other text",
        ),
        _REQUEST,
        ("corrected_by", TEXT, "Who corrected it; null unless state is corrected"),
        ("corrected_at", MOMENT, "When it was corrected, UTC; null unless state is corrected"),
    ),
    "Every field of every answer, lists item by item: where its value stands in its own document, or why it has none",
    order=("field", "page", "span_start", "span_end", "value", "grade", "state"),
)

REQUESTS = Table(
    "requests",
    ("request",),
    _columns(
        ("request", TEXT, "Fingerprint: SHA-256 of exactly what was sent"),
        (
            "question",
            TEXT,
            "Name of the question; with .again for some of its fields once more, with .second for a second pass",
        ),
        _ENGINE,
        ("provider", TEXT, "Provider in the catalogue"),
        _MODEL,
        ("documents", pa.list_(TEXT), "Documents in the window, in order"),
        (
            "round",
            WHOLE,
            "0 the first time, 1 and 2 for what was asked again, 3 for rows that a list left out",
        ),
        ("prompt_tokens", WHOLE, "Tokens sent"),
        ("reply_tokens", WHOLE, "Tokens received"),
        (
            "cached_tokens",
            WHOLE,
            "Part of the prompt that was billed as cached; null when the provider did not say",
        ),
        (
            "cache_write_tokens",
            WHOLE,
            "Part of the prompt that was billed as written to the cache; null when the provider did not say",
        ),
        (
            "reasoning_tokens",
            WHOLE,
            "Part of the reply that was thought and not said; null when the provider did not say",
        ),
        ("cost_usd", REAL, "Cost in USD"),
        ("seconds", REAL, "Seconds from sending to the last byte"),
        ("attempts", WHOLE, "How often it was sent until a reply came"),
        ("finish_reason", TEXT, "Why the reply ended: stop, length, ..."),
        ("sent_at", MOMENT, "When it was sent, UTC"),
    ),
    "Every call and what it cost",
)

REJECTS = Table(
    "rejects",
    ("document", "question"),
    _columns(
        _DOCUMENT,
        _QUESTION,
        ("request", TEXT, "Fingerprint of the request whose answer was not accepted, or that was not sent"),
        ("reason", TEXT, "Class of the trouble, such as missing_in_reply"),
        ("detail", TEXT, "The sentence for a person"),
        _ENGINE,
        _MODEL,
        _FINGERPRINT,
        _RUN,
    ),
    "Documents that have no accepted answer to a question, and why",
    untold=("run",),
)

RUNS = Table(
    "runs",
    ("run",),
    _columns(
        ("run", TEXT, "Name of the run"),
        ("started_at", MOMENT, "When it began, UTC"),
        ("ended_at", MOMENT, "When it ended, UTC; null when it was killed"),
        ("job", TEXT, "The job as JSON"),
        _ENGINE,
        _MODEL,
        ("documents", WHOLE, "Paths found"),
        ("ok", WHOLE, "Documents that ended well"),
        ("failed", WHOLE, "Documents that did not"),
        ("added", WHOLE, "Paths that were not known before"),
        (
            "changed",
            WHOLE,
            "Paths whose document is another one than before, or could be read, or not, otherwise than before",
        ),
        ("removed", WHOLE, "Paths that were gone and left the tables"),
        ("unchanged", WHOLE, "Paths that were as before"),
        ("asked", WHOLE, "Requests sent"),
        ("from_ledger", WHOLE, "Replies taken from the ledger, free"),
        ("not_asked", WHOLE, "Times a document waits for an answer to a question"),
        ("cost_usd", REAL, "Cost in USD"),
        ("quoted_usd", REAL, "What it was expected to cost before anything was asked, in USD"),
        ("exit_code", WHOLE, "Exit code of the command"),
        ("outcome", TEXT, "The sentences that ended the run"),
        ("report", TEXT, "The report of the run, as Markdown"),
        (
            "fields",
            _SHARES,
            "By field, of the answers of this run: how many there are, and have a value; how many values, and proved ones",
        ),
        ("doubts", _DOUBTS, "Fields that had a value less often than in earlier runs, and a sentence"),
    ),
    "Every run that changed something or was stopped, and how it ended",
)

SHIPPED_VIEWS = Path(__file__).parent / "views"
FIXED = {table.name: table for table in (DOCUMENTS, PAGES, EVIDENCE, REQUESTS, REJECTS, RUNS, CORRECTIONS)}
OWN_NAMES = frozenset(
    {*FIXED, "summary", *(path.stem for path in SHIPPED_VIEWS.glob("*.sql"))}
)  # which no other schema or view may have

_BEFORE = _columns(
    _DOCUMENT, ("path", TEXT, "Path below the inbox, the first of those that hold these bytes")
)
_AFTER = _columns(
    _ENGINE,
    _MODEL,
    _QUESTION,
    _FINGERPRINT,
    _RUN,
    (
        "former",
        FLAG,
        "Whether it is of an earlier state of the file, or of an earlier question or model, and has no successor yet",
    ),
    _INBOX,
    _REQUEST,
    ("conflicts", pa.list_(TEXT), "Fields on which the parts of a long document, or two passes, disagreed"),
)
META = frozenset(column.name for column in (*_BEFORE, *_AFTER))
_UNTOLD = ("path", "run", "former", "inbox")


def question_table(question: Question) -> Table:
    """The table for a question's answers: its name, `document` as key, a column a field, then who answered.

    Raises SchemaError for a name that is no SQL identifier or is taken, and for a field that collides with a column of ours.
    """
    if not fullmatch(r"[a-z_][a-z0-9_]{0,62}", question.name):
        raise SchemaError(
            f"{question.name!r} cannot name a table.",
            about=question.name,
            next_step="Use a-z, 0-9 and _, at most 63.",
        )
    if question.name in FIXED:
        raise SchemaError(
            f"The table {question.name!r} is Octavo's own.",
            about=question.name,
            next_step="Name the schema otherwise.",
        )
    fields = (*question.fields, *question.computed)
    for field in fields:
        if field.name.lower() in META:
            message = (
                f"The field {field.name!r} of {question.name!r} collides with a column that every answer has."
            )
            raise SchemaError(message, about=field.name, next_step="Name the field otherwise.")
    refuse_twins(fields, question.name)
    meaning = question.instruction.strip().partition("\n")[0]
    views = list_views(question.name, fields, taken=OWN_NAMES)
    return replace(_answers(question.name, tuple(map(column_of, fields)), meaning), views=views)


def tables_of(questions: Iterable[Question]) -> list[Table]:
    """The tables that a run with these questions fills: the fixed ones, and one a question."""
    return [*FIXED.values(), *map(question_table, questions)]


def _answers(name: str, fields: Iterable[Column], meaning: str) -> Table:
    return Table(name, ("document",), (*_BEFORE, *fields, *_AFTER), meaning, untold=_UNTOLD)


def brought_up(table: Table, rows: pa.Table) -> tuple[Table, pa.Table]:
    """A table of answers of the days when `question` held the fingerprint, and its rows, as they are now."""
    fields = [column for column in table.columns if column.name not in META]
    number = len(rows)
    given = {name: rows[name] for name in rows.column_names} | {
        "question": pa.array([table.name] * number, TEXT),
        "question_fingerprint": rows["question"],
        "former": pa.array([False] * number, FLAG),
        **{name: pa.array([""] * number, TEXT) for name in ("path", "run", "inbox")},
    }
    made = _answers(table.name, fields, table.meaning)
    return made, pa.table({column.name: given[column.name] for column in made.columns})


def row_order(name: str) -> tuple[str, ...]:
    """The columns that put the rows of a table in order. Tables of questions are ordered by document."""
    table = FIXED.get(name)
    return (*table.key, *table.order) if table else ("document",)


def document_row(document: Document, reader: str, inbox: str = "") -> Row:
    """One row of `documents`; `reader` is the version of the reader, `inbox` the folder below which the path lies."""
    return {
        "path": document.path,
        "inbox": inbox,
        "path_bytes": document.path_bytes,
        "document": document.sha256 or None,
        "media_type": document.media_type,
        "size_bytes": document.size_bytes,
        "status": document.status,
        "reason": document.reason,
        "detail": document.detail,
        "page_count": document.page_count,
        "container": document.container,
        "flags": list(document.flags),
        "title": document.properties.title,
        "author": document.properties.author,
        "created_at": document.properties.created_at,
        "modified_at": document.properties.modified_at,
        "message_id": document.properties.message_id or None,
        "in_reply_to": document.properties.in_reply_to or None,
        "outline": [asdict(heading) for heading in document.properties.outline],
        "reader": reader,
    }
