"""The queue: what a person should look at, the most doubtful first, without what was said since the tables were written.

The doubts are those of the view `review`, whose text is used as it ships, so that a folder of an earlier version has the same queue.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from string import Template
from typing import Any, TypeVar

import pyarrow as pa

from octavo.flows.review.workspace import CLAIM_MINUTES, Row, Visitor, Workspace
from octavo.processors.store.warehouse import Claim, lapse
from octavo.schemas.tables import SHIPPED_VIEWS

A_PAGE = 50  # values of one page of the queue
LOOKED_AT = 60  # documents that are tried for one that nobody holds
STALE_S = 60.0  # what is counted and ordered over all doubts may be so old while corrections come in
QUEUED = 5_000  # documents whose order is known at a time
SHOWN = 200  # characters of a value in the list
FILTERED = 200  # choices of filters of which counts and orders are kept
FACETS = 40  # choices of one filter


@dataclass(frozen=True, slots=True)
class Filters:
    """What of the queue is wanted; "" for all."""

    schema: str = ""
    field: str = ""  # with [] for the items of a list
    reason: str = ""
    folder: str = ""

    def where(self) -> tuple[str, list[Any]]:
        """The condition and its parameters."""
        # without a field: a whole answer that was rejected, to be filled in; that a bill is no contract needs no look
        terms = ["question IS NOT NULL", "document IS NOT NULL", "reason <> 'nothing_found'"]
        values: list[Any] = []
        for name, column in (("schema", "question"), ("field", _PLAIN_FIELD), ("reason", "reason")):
            if wanted := getattr(self, name):
                terms.append(f"{column} = ?")
                values.append(wanted)
        if self.folder:
            terms.append("starts_with(path, ?)")
            values.append(f"{self.folder}/")
        return " AND ".join(terms), values


T = TypeVar("T")
Place = tuple[float, str, str]  # of a document in the queue
_PLAIN_FIELD = r"regexp_replace(field, '\[\d+\]', '[]', 'g')"


@cache
def doubts() -> str:
    """The SELECT of the view `review` without its order."""
    text = (SHIPPED_VIEWS / "review.sql").read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if not line.startswith("--")]
    return re.sub(r"\nORDER BY [^\n]*;\s*$", "", "\n".join(lines).strip())


def listed(workspace: Workspace, filters: Filters, start: int) -> list[Row]:
    """One page of the queue."""
    where, values = filters.where()
    query = """SELECT document, path, page, question, coalesce(field, '') AS field, value, reason, detail, confidence FROM doubts
               WHERE $where ORDER BY confidence, path, question, field LIMIT ? OFFSET ?"""
    done = settled_since(workspace)
    found = _rows(workspace, query, [*values, A_PAGE + len(done), start], where=where)
    return [row for row in found if (row["document"], row["question"], row["field"]) not in done][:A_PAGE]


def counted(workspace: Workspace, filters: Filters) -> int:
    """How many values are left in the queue."""
    where, values = filters.where()
    query = "SELECT count(*) AS n FROM doubts WHERE $where"

    def count() -> int:
        return int(_rows(workspace, query, values, where=where)[0]["n"])

    return max(
        0, snapshot(workspace).memoised(f"count {filters}", count) - _done_since(workspace, where, values)
    )


def _done_since(workspace: Workspace, where: str, values: Sequence[Any]) -> int:
    """How many doubts of the tables are none any more, by what was said since they were written."""
    done = settled_since(workspace)
    if not done:
        return 0
    query = "SELECT document, question, coalesce(field, '') AS field FROM doubts WHERE $where AND document IN (SELECT unnest(?::TEXT[]))"
    documents = sorted({document for document, _, _ in done})
    rows = _rows(workspace, query, [*values, documents], where=where)
    return sum((row["document"], row["question"], row["field"]) in done for row in rows)


def facets(workspace: Workspace) -> dict[str, list[tuple[str, int]]]:
    """The choices of each filter with how many values they have, counted once for each state of the tables."""
    return snapshot(workspace).memoised("facets", lambda: _facets(workspace))


def _facets(workspace: Workspace) -> dict[str, list[tuple[str, int]]]:
    where, _ = Filters().where()
    query = """SELECT question, plain, reason, folder, grouping_id(question, plain, reason, folder) AS g, count(*) AS n FROM (
                  SELECT question, $plain AS plain, reason, regexp_extract(path, '^(.*)/[^/]*$$', 1) AS folder
                  FROM doubts WHERE $where)
               GROUP BY GROUPING SETS ((question), (plain), (reason), (folder)) ORDER BY n DESC"""
    rows = _rows(workspace, query, where=where, plain=_PLAIN_FIELD)
    columns = {"schema": "question", "field": "plain", "reason": "reason", "folder": "folder"}
    found: dict[str, list[tuple[str, int]]] = {}
    for place, (name, column) in enumerate(columns.items()):
        bits = 0b1111 ^ (
            1 << (len(columns) - 1 - place)
        )  # of `grouping_id`: 1 for each column that is not grouped by
        found[name] = [(row[column], row["n"]) for row in rows if row["g"] == bits and row[column]][:FACETS]
    return found


def settled_since(workspace: Workspace) -> set[tuple[str, str, str]]:
    """The fields about which something was said that the list of doubts does not know."""
    said = workspace.store.since(snapshot(workspace).number) if workspace.has_corrections else []
    whole = {
        (one.document, one.question, "") for one in said
    }  # what is begun to be filled in is rejected no more
    return whole | {(one.document, one.question, one.field) for one in said}


@dataclass(frozen=True, slots=True)
class Snapshot:
    """All doubts of the tables as they were, and the number of the last correction that they had."""

    number: int
    rows: pa.Table
    worked_out: dict[str, Any] = field(default_factory=dict)  # over all of them, by name

    def memoised(self, name: str, make: Callable[[], T]) -> T:
        """What `make` gives, made once."""
        if len(self.worked_out) > FILTERED:
            self.worked_out.clear()
        if name not in self.worked_out:
            self.worked_out[name] = make()
        found: T = self.worked_out[name]
        return found


def snapshot(workspace: Workspace) -> Snapshot:
    """The list of doubts, worked out once for each state of the tables, and while corrections come in now and then."""
    return workspace.cached("doubts", lambda: _snapshot(workspace), STALE_S)


def renew(workspace: Workspace) -> None:
    """Work it out anew before anybody waits for it."""
    workspace.cached("doubts", lambda: _snapshot(workspace), STALE_S / 2)


def _snapshot(workspace: Workspace) -> Snapshot:
    number = (
        workspace.store.last_settled() if workspace.has_corrections else 0
    )  # before the tables are looked at
    query = f"""SELECT document, path, page, question, field, left(value, {SHOWN}) AS value, reason, confidence,
                       CASE WHEN field IS NULL THEN detail END AS detail
                FROM ({doubts()}) WHERE document IS NOT NULL AND question IS NOT NULL
                ORDER BY confidence, path, question, field"""  # noqa: S608 - our own words
    return Snapshot(number, workspace.reader.query(query))


def _rows(workspace: Workspace, statement: str, parameters: Sequence[Any] = (), **parts: str) -> list[Row]:
    """Rows out of the list of doubts, which the statement knows as `doubts`."""
    query = Template(statement).substitute(parts)
    found: list[Row] = workspace.reader.query(
        query, parameters, {"doubts": snapshot(workspace).rows}
    ).to_pylist()
    return found


def of_document(workspace: Workspace, document: str, filters: Filters | None = None) -> list[Row]:
    """The doubts about one document that are left."""
    where, values = (filters or Filters()).where()
    query = "SELECT question, coalesce(field, '') AS field, reason, confidence FROM doubts WHERE $where AND document = ?"
    done = settled_since(workspace)
    rows = _rows(workspace, query, [*values, document], where=where)
    return [row for row in rows if (document, row["question"], row["field"]) not in done]


def claimed(workspace: Workspace, visitor: Visitor, filters: Filters, now: datetime) -> str:
    """The next document of the queue that nobody else looks at, which is this visitor's from now on; "" when there is none.

    Its doubts may all be settled by now, since the order is not worked out anew for each word; who asks goes on then.
    """
    queue = snapshot(workspace).memoised(f"queue {filters}", lambda: _queue(workspace, filters, None))
    waiting = [row for row in queue if visitor.cursor is None or row > visitor.cursor][:LOOKED_AT]
    if not waiting and len(queue) == QUEUED:
        waiting = _queue(workspace, filters, visitor.cursor)[:LOOKED_AT]
    claim = Claim("", visitor.holder, visitor.who, lapse(now, CLAIM_MINUTES))
    document = workspace.store.claim([row[2] for row in waiting], claim, now)
    visitor.cursor = next((row for row in waiting if row[2] == document), visitor.cursor)
    return document


def _queue(workspace: Workspace, filters: Filters, behind: Place | None) -> list[Place]:
    """Documents with doubts, the most doubtful first: their least confidence, path and id."""
    where, values = filters.where()
    after = "HAVING (c, p, document) > (?, ?, ?)" if behind else ""
    query = """SELECT document, min(confidence) AS c, min(path) AS p FROM doubts
               WHERE $where GROUP BY document $after ORDER BY c, p, document LIMIT $most"""
    parts = {"where": where, "after": after, "most": str(QUEUED)}
    return [
        (row["c"], row["p"], row["document"])
        for row in _rows(workspace, query, [*values, *(behind or ())], **parts)
    ]


def keep_claim(workspace: Workspace, visitor: Visitor, document: str, now: datetime) -> None:
    """Go on holding a document that somebody works on."""
    workspace.store.claim(
        [document], Claim(document, visitor.holder, visitor.who, lapse(now, CLAIM_MINUTES)), now
    )


def in_order(rows: Sequence[Row], paths: Sequence[str]) -> list[Row]:
    """Doubts in the order of the form."""
    rank = {path: place for place, path in enumerate(paths)}
    return sorted(rows, key=lambda row: (row["question"], rank.get(row["field"], len(rank)), row["field"]))
