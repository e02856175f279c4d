"""The queue: what a person should look at, the most doubtful first, without what was said since the tables were written.

The doubts are those of the view `review`, whose text is used as it ships, so that a folder of an earlier version has the same queue. They
are worked out once for all views and kept in Arrow, sorted; what a view shows of them is a mask or a slice.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cache
from typing import Any, TypeVar

import pyarrow as pa
import pyarrow.compute as pc

from octavo.flows.review.workspace import CLAIM_MINUTES, Row, Visitor, Workspace
from octavo.processors.store.warehouse import Claim, WarehouseReader, lapse
from octavo.schemas.tables import SHIPPED_VIEWS

A_PAGE = 50  # values of one page of the queue
LOOKED_AT = 60  # documents that are tried for one that nobody holds
CLAIM_AGAIN = timedelta(minutes=CLAIM_MINUTES / 10)
STALE_S = 60.0  # what is counted and ordered over all doubts may be so old while corrections come in
SHOWN = 200  # characters of a value in the list
FILTERED = 200  # choices of filters of which counts and orders are kept
FACETS = 40  # choices of one filter

T = TypeVar("T")
Place = tuple[float, str, str]  # of a document in the queue: its least confidence, path and id
Key = tuple[str, str, str]  # of a doubt: document, question and field


@dataclass(frozen=True, slots=True)
class Filters:
    """What of the queue is wanted; "" for all."""

    schema: str = ""
    field: str = ""  # with [] for the items of a list
    reason: str = ""
    folder: str = ""

    def of(self, rows: pa.Table) -> pa.Table:
        """Those of the rows that are wanted."""
        for column, wanted in (("question", self.schema), ("plain", self.field), ("reason", self.reason)):
            if wanted:
                rows = rows.filter(pc.equal(rows[column], wanted))
        return rows.filter(pc.starts_with(rows["path"], f"{self.folder}/")) if self.folder else rows


@dataclass(frozen=True, slots=True)
class Snapshot:
    """All doubts of the tables as they were, and the number of the last correction that they had."""

    number: int
    rows: pa.Table
    worked_out: dict[str, Any] = field(default_factory=dict)  # over all of them, by name
    documents: dict[str, list[Row]] = field(default_factory=dict)

    def memoised(self, name: str, make: Callable[[], T]) -> T:
        """What `make` gives, made once."""
        if len(self.worked_out) > FILTERED:
            self.worked_out.clear()
        found: T | None = self.worked_out.get(name)
        if found is None:
            found = self.worked_out[name] = make()
        return found

    def wanted(self, filters: Filters) -> pa.Table:
        """The doubts that filters leave, the most doubtful first."""
        return self.memoised(f"rows {filters}", lambda: filters.of(self.rows))

    def about(self, document: str) -> list[Row]:
        """The doubts about one document."""
        if len(self.documents) > FILTERED:
            self.documents.clear()
        rows = self.documents.get(document)
        if rows is None:
            rows = self.rows.filter(pc.equal(self.rows["document"], document)).to_pylist()
            self.documents[document] = rows
        return rows

    def queue(self, filters: Filters) -> pa.Table:
        """The documents that filters leave, each at the place of its most doubtful value."""
        return self.memoised(f"queue {filters}", lambda: _queue(self.wanted(filters)))


@cache
def doubts() -> str:
    """The SELECT of the view `review` without its order."""
    text = (SHIPPED_VIEWS / "review.sql").read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if not line.startswith("--")]
    return re.sub(r"\nORDER BY [^\n]*;\s*$", "", "\n".join(lines).strip())


def snapshot(workspace: Workspace) -> Snapshot:
    """The list of doubts, worked out once for each state of the tables, and while corrections come in now and then."""
    return workspace.cached("doubts", lambda: _snapshot(workspace), STALE_S)


def renew(workspace: Workspace) -> None:
    """Work it out anew before anybody waits for it."""
    found = workspace.cached("doubts", lambda: _snapshot(workspace), STALE_S / 2)
    found.queue(Filters())
    found.memoised("facets", lambda: _facets(found.rows))


def _snapshot(workspace: Workspace) -> Snapshot:
    number = (
        workspace.store.last_settled() if workspace.has_corrections else 0
    )  # before the tables are looked at
    # without a field: a whole answer that was rejected, to be filled in; that a bill is no contract needs no look
    query = rf"""SELECT document, path, page, question, coalesce(field, '') AS field, left(value, {SHOWN}) AS value, reason, confidence,
                       regexp_replace(field, '\[\d+\]', '[]', 'g') AS plain, regexp_extract(path, '^(.*)/[^/]*$', 1) AS folder,
                       CASE WHEN field IS NULL THEN detail END AS detail
                FROM ({doubts()}) WHERE document IS NOT NULL AND question IS NOT NULL AND reason <> 'nothing_found'
                ORDER BY confidence, path, document, question, field"""  # noqa: S608 - our own words
    return Snapshot(number, WarehouseReader(workspace.out).query(query).combine_chunks())


def listed(workspace: Workspace, filters: Filters, start: int) -> list[Row]:
    """One page of the queue; `start` counts what is left."""
    rows, done = _left(workspace, filters)
    for place in done:
        start += place <= start
    found: list[Row] = rows.slice(start, A_PAGE + len(done)).to_pylist()
    skipped = {place - start for place in done}
    return [row for number, row in enumerate(found) if number not in skipped][:A_PAGE]


def counted(workspace: Workspace, filters: Filters) -> int:
    """How many values are left in the queue."""
    rows, done = _left(workspace, filters)
    return len(rows) - len(done)


def _left(workspace: Workspace, filters: Filters) -> tuple[pa.Table, list[int]]:
    """The doubts, and the places of those that are none any more, by what was said since the tables were written."""
    found = snapshot(workspace)
    rows, done = found.wanted(filters), settled_since(workspace, found)
    if not done:
        return rows, []
    inside = pc.is_in(rows["document"], pa.array(sorted({document for document, _, _ in done}), pa.string()))
    places = pc.indices_nonzero(inside)
    keys = rows.select(["document", "question", "field"]).take(places).to_pylist()
    return rows, [
        place for place, key in zip(places.to_pylist(), keys, strict=True) if tuple(key.values()) in done
    ]


def facets(workspace: Workspace) -> dict[str, list[tuple[str, int]]]:
    """The choices of each filter with how many values they have, counted once for each state of the tables."""
    found = snapshot(workspace)
    return found.memoised("facets", lambda: _facets(found.rows))


def _facets(rows: pa.Table) -> dict[str, list[tuple[str, int]]]:
    columns = {"schema": "question", "field": "plain", "reason": "reason", "folder": "folder"}
    found = {name: _counts(rows[column]) for name, column in columns.items()}
    folders = found["folder"]
    found["folder"] = [  # a folder is what lies in it, at any depth
        (name, sum(count for other, count in folders if f"{other}/".startswith(f"{name}/")))
        for name, _ in folders[:FACETS]
    ]
    return {name: choices[:FACETS] for name, choices in found.items()}


def _counts(column: pa.ChunkedArray) -> list[tuple[str, int]]:
    pairs = [(pair["values"], pair["counts"]) for pair in pc.value_counts(column).to_pylist()]
    return sorted((pair for pair in pairs if pair[0]), key=lambda pair: (-pair[1], pair[0]))


def settled_since(workspace: Workspace, found: Snapshot) -> set[Key]:
    """The fields about which something was said that a list of doubts does not know."""
    said = workspace.store.since(found.number) if workspace.has_corrections else []
    whole = {
        (one.document, one.question, "") for one in said
    }  # what is begun to be filled in is rejected no more
    return whole | {(one.document, one.question, one.field) for one in said}


def of_document(workspace: Workspace, document: str, filters: Filters | None = None) -> list[Row]:
    """The doubts about one document that are left."""
    found = snapshot(workspace)
    return _of_document(found, settled_since(workspace, found), document, filters)


def _of_document(found: Snapshot, done: Collection[Key], document: str, filters: Filters | None) -> list[Row]:
    rows = found.about(document)
    if filters and filters != Filters():
        rows = filters.of(pa.Table.from_pylist(rows, found.rows.schema)).to_pylist()
    return [row for row in rows if (document, row["question"], row["field"]) not in done]


def claimed(workspace: Workspace, visitor: Visitor, filters: Filters, now: datetime) -> str:
    """The next document of the queue that nobody else looks at, which is this visitor's from now on; "" when there is none.

    What is about documents whose doubts are all settled by now is passed over, since the order is not worked out anew for each word.
    """
    waiting = _waiting(workspace, visitor.cursor, filters)
    claim = Claim("", visitor.holder, visitor.who, lapse(now, CLAIM_MINUTES))
    document = workspace.store.claim([one for _, _, one in waiting], claim, now) if waiting else ""
    visitor.held = (document, now) if document else None
    visitor.cursor = next((place for place in waiting if place[2] == document), visitor.cursor)
    return document


def following(workspace: Workspace, visitor: Visitor, filters: Filters) -> str:
    """The document that is probably the next one; nobody holds it for that."""
    return next((one for _, _, one in _waiting(workspace, visitor.cursor, filters, 1)), "")


def _waiting(
    workspace: Workspace, cursor: Place | None, filters: Filters, most: int = LOOKED_AT
) -> list[Place]:
    """The first documents behind a place that have doubts left."""
    known = snapshot(workspace)
    queue, done = known.queue(filters), settled_since(workspace, known)
    begun = {document for document, _, _ in done}
    at = bisect_right(range(len(queue)), cursor, key=lambda row: _place(queue, row)) if cursor else 0
    found: list[Place] = []
    while at < len(queue) and len(found) < most:
        place = _place(queue, at)
        if place[2] not in begun or _of_document(known, done, place[2], filters):
            found.append(place)
        at += 1
    return found


def _place(queue: pa.Table, row: int) -> Place:
    return queue["confidence"][row].as_py(), queue["path"][row].as_py(), queue["document"][row].as_py()


def _queue(rows: pa.Table) -> pa.Table:
    """Each document once, where it comes first."""
    numbered = pa.table({"document": rows["document"], "at": pa.array(range(len(rows)), pa.int64())})
    firsts = numbered.group_by("document").aggregate([("at", "min")])["at_min"]
    return (
        rows.select(["confidence", "path", "document"])
        .take(firsts.take(pc.sort_indices(firsts)))
        .combine_chunks()
    )


def keep_claim(workspace: Workspace, visitor: Visitor, document: str, now: datetime) -> None:
    """Go on holding a document that somebody works on; put down again now and then, since each time waits for the disk."""
    if visitor.held and visitor.held[0] == document and now - visitor.held[1] < CLAIM_AGAIN:
        return
    claim = Claim(document, visitor.holder, visitor.who, lapse(now, CLAIM_MINUTES))
    visitor.held = (document, now) if workspace.store.claim([document], claim, now) else None


def in_order(rows: Sequence[Row], paths: Sequence[str]) -> list[Row]:
    """Doubts in the order of the form."""
    rank = {path: place for place, path in enumerate(paths)}
    return sorted(rows, key=lambda row: (row["question"], rank.get(row["field"], len(rank)), row["field"]))
