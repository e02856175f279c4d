"""What the view of one value shows: the page and its marks, the form, the field in focus, and what it cost."""

from __future__ import annotations

from typing import Any

from octavo.flows.corrections.current import Current
from octavo.flows.corrections.entry import state_of
from octavo.flows.review import doubts, listing, page_view
from octavo.flows.review.page_view import PageMark
from octavo.flows.review.record_form import FormCell, cell_at, form_paths, lone_cell, sections
from octavo.flows.review.workspace import Workspace
from octavo.processors.check import records as check
from octavo.processors.pack import windows as pack
from octavo.schemas.pipeline import Page

PLACES = 40  # of one value on a page that are marked


def value_view(workspace: Workspace, document: str, question: str, field: str, page: int) -> dict[str, Any]:
    """The context of the template. Raises KeyError for a document that is not there, SettingsError for an answer that is not."""
    about = listing.answers_of(workspace, document)
    if not about:
        raise KeyError(document)
    stands = workspace.desk.current(document, question)
    paths = form_paths(stands)
    rows = doubts.in_order(doubts.of_document(workspace, document), paths)
    doubted = (row["field"] for row in rows if row["question"] == question and row["field"])
    field = field or next(doubted, next(iter(paths), ""))
    parts = sections(stands, field)
    cell = cell_at(parts, field)
    alone = lone_cell(stands, field) if field and not cell else None
    proof = stands.proofs().get(field)
    number = page or (proof.page if proof and proof.page else 1)
    number = max(1, min(number, about["page_count"] or 1))
    shown = page_view.page_of(workspace, document, number)
    pictured = page_view.has_picture(about["media_type"] or "")
    marks = page_view.marks_of(stands.record.evidence, number, field)
    marks += [one for one in _other_places(stands, cell or alone, shown) if one not in marks]
    return {
        "document": about,
        "question": question,
        "questions": sorted({question, *listing.questions_about(workspace, document)}),
        "sections": parts,
        "field": field,
        "cell": cell,
        "alone": alone,
        "seen": state_of(stands.record),
        "marks": [[one.start, one.end, one.focused] for one in marks],
        "text": page_view.text_id(shown),
        "proof": proof,
        "number": number,
        "page": shown,
        "pictured": pictured,
        "blocks": list(page_view.blocks(shown.text, marks)) if shown and not pictured else [],
        "doubts": rows,
        "conflicts": stands.record.conflicts,
        "by_person": stands.by_person,
        "fills_in": stands.fills_in,
        "rejected": stands.answer.get("rejected") or {},
        "checked": stands.question is not None,
        "call": listing.request_of(workspace, (proof.request if proof else "") or stands.record.request),
        "engine": stands.answer["engine"],
        "model": stands.answer["model"],
    }


def _other_places(stands: Current, cell: FormCell | None, page: Page | None) -> list[PageMark]:
    """Every place of the value in focus on one page, since a value that stands in several is doubted for that."""
    if cell is None or not cell.value or page is None or not page.text:
        return []
    own = check.field_at(stands.fields, check.steps(cell.path))
    if own is None or own.kind in ("record", "list", "boolean"):
        return []
    spans = check.places(own, cell.value, pack.whole([page], len))
    return [PageMark(start, end, cell.path, focused=True) for start, end in spans[:PLACES]]
