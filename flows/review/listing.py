"""The tables of documents and runs, a page at a time: filters come in, rows for a template go out."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from octavo.flows.review.workspace import Row, Workspace

A_PAGE = 50
FOUND_IN_TEXT = 2_000  # documents whose text has what is looked for; more are not looked at
KINDS = {  # what the filter calls it -> condition over `documents`
    "ok": "status = 'ok'",
    "failed": "status = 'error'",
    "empty": "status = 'empty'",
    "skipped": "status = 'skipped' AND reason <> 'container'",
    "rejected": "document IN (SELECT document FROM rejects WHERE reason NOT IN ('not_applicable', 'not_asked'))",
    "needs_ocr": "document IN (SELECT document FROM rejects WHERE reason = 'needs_ocr')"
    " OR document IN (SELECT document FROM pages WHERE image_width_px IS NOT NULL AND trim(text) = '')",
    "corrected": "document IN (SELECT document FROM corrections)",
}


@dataclass(frozen=True, slots=True)
class Search:
    """What of the documents is wanted."""

    text: str = ""
    kind: str = ""
    start: int = 0


def documents(workspace: Workspace, search: Search) -> tuple[list[Row], int]:
    """One page of documents with the sentence of what is wrong, and how many there are in all."""
    terms, values = ["true"], []
    if search.kind in KINDS:
        terms.append(f"({KINDS[search.kind]})")
    if search.text:
        terms.append(
            "(contains(lower(path), lower(?)) OR document IN "
            "(SELECT document FROM pages WHERE contains(lower(text), lower(?)) LIMIT $found))"
        )
        values += [search.text, search.text]
    where = " AND ".join(terms).replace("$found", str(FOUND_IN_TEXT))
    query = """SELECT document, path, media_type, page_count, status, reason, detail, size_bytes, container FROM documents
               WHERE $where ORDER BY path, inbox LIMIT $most OFFSET ?"""
    rows = workspace.rows(query, [*values, search.start], where=where, most=str(A_PAGE))
    count = "SELECT count(*) AS n FROM documents WHERE $where"
    total = workspace.cached(
        f"documents {search.text} {search.kind}", lambda: workspace.rows(count, values, where=where)[0]["n"]
    )
    _with_answers(workspace, rows)
    return rows, int(total)


def _with_answers(workspace: Workspace, rows: list[Row]) -> None:
    """Say of each document which answers there are, and why others are not."""
    ids = [row["document"] for row in rows if row["document"]]
    answers: dict[str, list[str]] = {}
    for one in workspace.rows(
        "SELECT DISTINCT document, question FROM evidence WHERE document IN (SELECT unnest(?::TEXT[])) ORDER BY ALL",
        [ids],
    ):
        answers.setdefault(one["document"], []).append(one["question"])
    query = """SELECT document, question, reason, detail FROM rejects
               WHERE reason <> 'not_applicable' AND document IN (SELECT unnest(?::TEXT[])) ORDER BY ALL"""
    refused: dict[str, list[Row]] = {}
    for one in workspace.rows(query, [ids]):
        refused.setdefault(one["document"], []).append(one)
    for row in rows:
        row["answers"] = answers.get(row["document"], [])
        row["rejects"] = refused.get(row["document"], [])


def questions_about(workspace: Workspace, document: str) -> list[str]:
    """The tables that have an answer about a document."""
    query = "SELECT DISTINCT question FROM evidence WHERE document = ? ORDER BY ALL"
    return [row["question"] for row in workspace.rows(query, [document])]


def fillable(workspace: Workspace, document: Mapping[str, Any]) -> list[str]:
    """The tables for which a person can fill in what no model answered: those that rejected it, or all for what could not be read."""
    if document["status"] in ("error", "empty"):
        return workspace.cached("answer tables", lambda: _answer_tables(workspace))
    query = "SELECT question FROM rejects WHERE document = ? ORDER BY reason = 'not_applicable', question"
    return [row["question"] for row in workspace.rows(query, [document["document"]])]


def _answer_tables(workspace: Workspace) -> list[str]:
    query = "SELECT DISTINCT table_name AS name FROM duckdb_columns() WHERE database_name = 'warehouse' AND schema_name = 'main'"
    query += " AND column_name = 'question_fingerprint' ORDER BY 1"
    return [row["name"] for row in workspace.rows(query) if workspace.reader.answer_table(row["name"])]


def request_of(workspace: Workspace, request: str) -> Row | None:
    """A paid call with what one of its documents costs."""
    query = """SELECT request, model, engine, cost_usd / greatest(1, len(documents)) AS usd, len(documents) AS documents,
                      prompt_tokens, reply_tokens, seconds, sent_at FROM requests WHERE request = ?"""
    rows = workspace.rows(query, [request]) if request else []
    return rows[0] if rows else None


def runs(workspace: Workspace) -> list[Row]:
    """The last runs, the latest first."""
    query = """SELECT run, started_at, ended_at, engine, model, documents, ok, failed, asked, from_ledger, cost_usd, quoted_usd,
                      exit_code, outcome FROM runs ORDER BY started_at DESC LIMIT 50"""
    return workspace.rows(query)


def run_of(workspace: Workspace, name: str) -> Row | None:
    """One run with its job and shares by field; the last one for ""."""
    query = "SELECT * FROM runs WHERE ? IN ('', run) ORDER BY started_at DESC LIMIT 1"
    rows = workspace.rows(query, [name])
    if not rows:
        return None
    row = rows[0]
    row["job"] = json.loads(row["job"]) if row["job"] else {}
    return row


def calls_of(workspace: Workspace, run: Row) -> list[Row]:
    """The calls that were sent while a run went on, the earliest first: tokens by kind, seconds, attempts, documents."""
    query = """SELECT question, model, prompt_tokens, reply_tokens, cached_tokens, reasoning_tokens, cost_usd, seconds, attempts,
                      finish_reason, sent_at, len(documents) AS documents FROM requests
               WHERE sent_at >= ? AND sent_at <= coalesce(?, now()) ORDER BY sent_at LIMIT 20000"""
    return workspace.rows(query, [run["started_at"], run["ended_at"]])


def doubts_by_field(workspace: Workspace) -> list[Row]:
    """How many values of each field are doubted, of how many."""
    query = r"""SELECT question, regexp_replace(field, '\[\d+\]', '[]', 'g') AS field, count(*) AS given,
                       count(*) FILTER (confidence < 0.9 AND proved_by IS DISTINCT FROM 'meaning') AS doubted,
                       count(*) FILTER (state = 'corrected') AS corrected
                FROM evidence WHERE state IN ('given', 'failed', 'corrected') GROUP BY ALL
                ORDER BY doubted DESC, question, field LIMIT 20"""
    return workspace.cached("doubts by field", lambda: workspace.rows(query))


def answers_of(workspace: Workspace, document: str) -> dict[str, Any]:
    """Path, type, pages and sentences of a document; empty where there is none."""
    query = """SELECT document, path, inbox, media_type, page_count, status, reason, detail, container, title, flags FROM documents
               WHERE document = ? ORDER BY path LIMIT 1"""
    rows = workspace.rows(query, [document])
    if not rows:
        return {}
    row = rows[0]
    query = "SELECT question, reason, detail FROM rejects WHERE document = ? AND reason <> 'not_applicable' ORDER BY ALL"
    row["rejects"] = workspace.rows(query, [document])
    return dict(row)
