"""What the view of one value shows: the page and its marks, the form, the field in focus, and what it cost."""

from __future__ import annotations

from typing import Any

from octavo.flows.corrections.current import Current
from octavo.flows.review import doubts, listing, page_view
from octavo.flows.review.page_view import PageMark
from octavo.flows.review.record_form import cell_at, paths_of, sections
from octavo.flows.review.workspace import Workspace
from octavo.processors.check import records as check
from octavo.processors.pack import windows as pack

PLACES = 40  # of one value on a page that are marked


def value_view(workspace: Workspace, document: str, question: str, field: str, page: int) -> dict[str, Any]:
    """The context of the template. Raises KeyError for a document that is not there, SettingsError for an answer that is not."""
    about = listing.answers_of(workspace, document)
    if not about:
        raise KeyError(document)
    stands = workspace.desk.current(document, question)
    parts = sections(stands, field)
    rows = doubts.in_order(doubts.of_document(workspace, document), paths_of(parts))
    doubted = (row["field"] for row in rows if row["question"] == question and row["field"])
    field = field or next(doubted, next(iter(paths_of(parts)), ""))
    cell = cell_at(parts, field)
    proof = stands.proofs().get(field)
    number = page or (proof.page if proof and proof.page else 1)
    number = max(1, min(number, about["page_count"] or 1))
    shown = page_view.page_of(workspace, document, number)
    pictured = page_view.has_picture(about["media_type"] or "")
    marks = page_view.marks_of(stands.record.evidence, number, field)
    marks += (
        [one for one in other_places(workspace, stands, field, number) if one not in marks]
        if not pictured
        else []
    )
    return {
        "document": about,
        "question": question,
        "questions": sorted({question, *listing.questions_about(workspace, document)}),
        "sections": parts,
        "field": field,
        "cell": cell,
        "proof": proof,
        "number": number,
        "page": shown,
        "pictured": pictured,
        "blocks": list(page_view.blocks(shown.text, marks)) if shown and not pictured else [],
        "doubts": rows,
        "conflicts": stands.record.conflicts,
        "by_person": stands.by_person,
        "rejected": stands.answer.get("rejected") or {},
        "checked": stands.question is not None,
        "call": listing.request_of(workspace, (proof.request if proof else "") or stands.record.request),
        "engine": stands.answer["engine"],
        "model": stands.answer["model"],
    }


def other_places(workspace: Workspace, stands: Current, field: str, number: int) -> list[PageMark]:
    """Every place of the value in focus on one page, since a value that stands in several is doubted for that."""
    cell = cell_at(sections(stands, field), field) if field else None
    page = page_view.page_of(workspace, stands.record.document, number)
    if cell is None or not cell.value or page is None or not page.text:
        return []
    own = check.field_at(stands.fields, check.steps(field))
    if own is None or own.kind in ("record", "list", "boolean"):
        return []
    spans = check.places(own, cell.value, pack.whole([page], len))
    return [PageMark(start, end, field, focused=True) for start, end in spans[:PLACES]]
