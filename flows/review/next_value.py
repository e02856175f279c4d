"""The way through the queue: where a person is comes in, the value that follows goes out.

Within a document it goes by question and in the order of the form, from where one is to its end; then to the next document that nobody
else holds. It never turns back, so that `j` alone comes to an end.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from urllib.parse import quote, urlencode

from octavo.flows.review import doubts, listing, page_view
from octavo.flows.review.doubts import Filters
from octavo.flows.review.record_form import form_paths, natural
from octavo.flows.review.workspace import Visitor, Workspace
from octavo.schemas.errors import SettingsError

_EDGE = re.compile(r"[.\[]|$")  # where a path goes on, or ends
TRAIL = 500  # values that k leads back to


@dataclass(frozen=True, slots=True)
class Spot:
    """A value that somebody looks at; empty for none."""

    document: str = ""
    question: str = ""
    field: str = ""

    @classmethod
    def of(cls, here: object) -> Spot:
        """What a browser says of where it is."""
        known = here if isinstance(here, Mapping) else {}
        return cls(*(str(known.get(name) or "") for name in ("document", "question", "field")))

    def address(self, filters: Filters | Mapping[str, str] | None = None) -> str:
        """The address of its view, which keeps the filters of the queue."""
        return value_address(self.document, self.question, self.field, filters)


def value_address(
    document: str, question: str, field: str, filters: Filters | Mapping[str, str] | None = None
) -> str:
    """The address of the view of a value."""
    told = asdict(filters) if isinstance(filters, Filters) else dict(filters or {})
    kept = {f"only_{name}": value for name, value in told.items() if value}
    query = urlencode({name: value for name, value in {"field": field, **kept}.items() if value})
    return f"/value/{quote(document, safe='')}/{quote(question, safe='')}" + (f"?{query}" if query else "")


def step(workspace: Workspace, visitor: Visitor, filters: Filters, here: Spot, now: datetime) -> Spot | None:
    """Go on to the next value, whose document this visitor holds then; None when nothing is left, and who begins anew sees all again."""
    found = _after(workspace, visitor, filters, here, now)
    if found is None:
        visitor.cursor = None
    elif here.document:
        visitor.trail = [*visitor.trail, here.address(filters)][-TRAIL:]
    return found


def _after(
    workspace: Workspace, visitor: Visitor, filters: Filters, here: Spot, now: datetime
) -> Spot | None:
    if here.document and (left := _left(workspace, here.document, filters, here)):
        return left[0]
    while document := doubts.claimed(workspace, visitor, filters, now):
        if left := _left(workspace, document, filters, Spot()):
            return left[0]
    return None


def back(visitor: Visitor, here: Spot) -> str:
    """The address of the value that was looked at before; "" where one began."""
    now = here.address()
    while visitor.trail and visitor.trail[-1].partition("&only_")[0].partition("?only_")[0] == now:
        visitor.trail.pop()
    return visitor.trail.pop() if visitor.trail else ""


def _left(workspace: Workspace, document: str, filters: Filters, here: Spot) -> list[Spot]:
    """The doubts of a document behind where one is, in the order of the forms."""
    rows = doubts.of_document(workspace, document, filters)
    found: list[Spot] = []
    for question in sorted({row["question"] for row in rows} | ({here.question} - {""})):
        if question >= here.question:
            wanted = {row["field"] for row in rows if row["question"] == question}
            at = here.field if question == here.question else None
            found += [
                Spot(document, question, path) for path in _fields(workspace, document, question, wanted, at)
            ]
    return found


def _fields(
    workspace: Workspace, document: str, question: str, wanted: set[str], at: str | None
) -> list[str]:
    """The fields of one form to go to, behind the one where one is; of a form that one fills in, each that is still empty."""
    try:
        stands = workspace.desk.current(document, question)
    except SettingsError:  # what one looked at is gone by now
        return []
    paths = form_paths(stands)
    if at is not None:
        wanted = (wanted - {""}) | (set(stands.unfilled()) if stands.fills_in else set())
    return behind(paths, wanted, at)


def behind(paths: Sequence[str], wanted: set[str], at: str | None) -> list[str]:
    """The wanted fields behind the one where one is; what no form has stands behind what it lies in, so that none is met twice.

    >>> behind(["a", "b", "c"], {"c", "a", "b[1].d", "gone"}, None), behind(["a", "b", "c"], {"c", "a", "gone"}, "gone")
    (['gone', 'a', 'b[1].d', 'c'], ['a', 'c'])
    """
    rank = {path: place for place, path in enumerate(paths)}

    def place(path: str) -> tuple[int, bool, list[tuple[int, str]]]:
        ends = [match.start() for match in _EDGE.finditer(path)]
        around = (rank[path[:end]] for end in reversed(ends) if path[:end] in rank)
        return next(around, -1), path not in rank, natural(path)

    start = place(at) if at is not None else None
    return sorted((path for path in wanted if start is None or place(path) > start), key=place)


def ahead(
    workspace: Workspace, visitor: Visitor, filters: Filters, here: Spot
) -> tuple[str, int, str] | None:
    """Document, page and id of the text of the picture that is probably wanted next, so that a browser has it by then; None for none."""
    document, rows = here.document, doubts.of_document(workspace, here.document, filters)
    left = [row for row in rows if (row["question"], row["field"]) != (here.question, here.field)]
    if not left:
        document = doubts.following(workspace, visitor, filters)
        left = doubts.of_document(workspace, document, filters) if document else []
    about = listing.answers_of(workspace, document) if left else {}
    if not about or not page_view.has_picture(about["media_type"] or "") or about["status"] != "ok":
        return None
    number = left[0]["page"] or 1
    return document, number, page_view.text_id(page_view.page_of(workspace, document, number))
