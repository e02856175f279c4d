"""The queue: what a person should look at, the most doubtful first, without what was said since the tables were written.

The doubts are those of the view `review`, whose text is used as it ships, so that a folder of an earlier version has the same queue.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

from octavo.flows.review.workspace import CLAIM_MINUTES, Row, Visitor, Workspace
from octavo.processors.store.warehouse import Claim, lapse
from octavo.schemas.tables import SHIPPED_VIEWS

A_PAGE = 50  # values of one page of the queue
LOOKED_AT = 60  # documents that are tried for one that nobody holds
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
        terms = ["question IS NOT NULL", "document IS NOT NULL", "field IS NOT NULL"]
        values: list[Any] = []
        for name, column in (("schema", "question"), ("field", _PLAIN_FIELD), ("reason", "reason")):
            if wanted := getattr(self, name):
                terms.append(f"{column} = ?")
                values.append(wanted)
        if self.folder:
            terms.append("starts_with(path, ?)")
            values.append(f"{self.folder}/")
        return " AND ".join(terms), values


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
    query = """SELECT document, path, page, question, field, value, reason, detail, confidence FROM ($doubts)
               WHERE $where ORDER BY confidence, path, question, field LIMIT ? OFFSET ?"""
    done = settled_since(workspace)
    found = workspace.rows(query, [*values, A_PAGE + len(done), start], doubts=doubts(), where=where)
    return [row for row in found if (row["document"], row["question"], row["field"]) not in done][:A_PAGE]


def counted(workspace: Workspace, filters: Filters) -> int:
    """How many values are left in the queue."""
    where, values = filters.where()
    query = "SELECT count(*) AS n FROM ($doubts) WHERE $where"

    def count() -> int:
        return int(workspace.rows(query, values, doubts=doubts(), where=where)[0]["n"])

    return max(0, workspace.cached(f"count {filters}", count) - len(settled_since(workspace)))


def facets(workspace: Workspace) -> dict[str, list[tuple[str, int]]]:
    """The choices of each filter with how many values they have, counted once for each state of the tables."""
    return workspace.cached("facets", lambda: _facets(workspace))


def _facets(workspace: Workspace) -> dict[str, list[tuple[str, int]]]:
    where, _ = Filters().where()
    query = """SELECT question, plain, reason, folder, grouping_id(question, plain, reason, folder) AS g, count(*) AS n FROM (
                  SELECT question, $plain AS plain, reason, regexp_extract(path, '^(.*)/[^/]*$$', 1) AS folder
                  FROM ($doubts) WHERE $where)
               GROUP BY GROUPING SETS ((question), (plain), (reason), (folder)) ORDER BY n DESC"""
    rows = workspace.rows(query, doubts=doubts(), where=where, plain=_PLAIN_FIELD)
    columns = {"schema": "question", "field": "plain", "reason": "reason", "folder": "folder"}
    found: dict[str, list[tuple[str, int]]] = {}
    for place, (name, column) in enumerate(columns.items()):
        bits = 0b1111 ^ (
            1 << (len(columns) - 1 - place)
        )  # of `grouping_id`: 1 for each column that is not grouped by
        found[name] = [(row[column], row["n"]) for row in rows if row["g"] == bits and row[column]][:FACETS]
    return found


def settled_since(workspace: Workspace) -> set[tuple[str, str, str]]:
    """The fields about which something was said that the tables do not have yet."""
    keys = workspace.store.unsettled() if workspace.out.joinpath("corrections.sqlite").exists() else {}
    return {(one.document, one.question, one.field) for key in keys for one in workspace.store.in_force(*key)}


def of_document(workspace: Workspace, document: str, filters: Filters | None = None) -> list[Row]:
    """The doubts about one document that are left."""
    where, values = (filters or Filters()).where()
    query = "SELECT question, field, reason, confidence FROM ($doubts) WHERE $where AND document = ?"
    done = settled_since(workspace)
    rows = workspace.rows(query, [*values, document], doubts=doubts(), where=where)
    return [row for row in rows if (document, row["question"], row["field"]) not in done]


def claimed(workspace: Workspace, visitor: Visitor, filters: Filters, now: datetime) -> str:
    """The next document of the queue that nobody else looks at, which is this visitor's from now on; "" when there is none."""
    rows = _waiting(workspace, visitor, filters)
    claim = Claim("", visitor.holder, visitor.who, lapse(now, CLAIM_MINUTES))
    document = workspace.store.claim([row["document"] for row in rows], claim, now)
    for row in rows:
        if row["document"] == document:
            visitor.cursor = (row["c"], row["p"], row["document"])
    return document


def _waiting(workspace: Workspace, visitor: Visitor, filters: Filters) -> list[Row]:
    """Documents with doubts behind the one that a visitor had last, the most doubtful first."""
    where, values = filters.where()
    after, behind = ("HAVING (c, p, document) > (?, ?, ?)", visitor.cursor) if visitor.cursor else ("", ())
    query = """SELECT document, min(confidence) AS c, min(path) AS p, list({'q': question, 'f': field}) AS fields FROM ($doubts)
               WHERE $where GROUP BY document $after ORDER BY c, p, document LIMIT $most"""
    parts = {"doubts": doubts(), "where": where, "after": after, "most": str(LOOKED_AT)}
    done = settled_since(workspace)
    return [
        row
        for row in workspace.rows(query, [*values, *behind], **parts)
        if any((row["document"], one["q"], one["f"]) not in done for one in row["fields"])
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
