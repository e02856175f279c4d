"""A page as a person sees it: its words with their boxes on the picture, or its text in paragraphs and tables, marked."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from octavo.flows.review.workspace import Workspace
from octavo.processors.read import pages as read
from octavo.schemas.errors import DocumentError
from octavo.schemas.pipeline import Evidence, Page

BAR = " | "  # between the cells of a table, as the readers write it
PICTURED = ("application/pdf", "image/")


@dataclass(frozen=True, slots=True)
class PageMark:
    """A span of the page's text that a field claims."""

    start: int
    end: int
    field: str
    focused: bool = False


@dataclass(frozen=True, slots=True)
class Piece:
    """Some text of a page that begins at a character; marked, or not."""

    start: int
    text: str
    mark: str = ""  # "", "marked" or "focused"


@dataclass(frozen=True, slots=True)
class TextBlock:
    """A paragraph, or a table row by row."""

    pieces: tuple[Piece, ...] = ()
    rows: tuple[tuple[tuple[Piece, ...], ...], ...] = ()


def has_picture(media_type: str) -> bool:
    """Whether pages of this type can be shown as pictures."""
    return media_type.startswith(PICTURED)


def page_of(workspace: Workspace, document: str, number: int) -> Page | None:
    """One page with its text; None where there is none of that number."""
    query = """SELECT text, image_width_px, image_height_px, text_from, hidden_chars FROM pages WHERE document = ? AND page = ?"""
    rows = workspace.rows(query, [document, number])
    if not rows:
        return None
    row = rows[0]
    size = None if row["image_width_px"] is None else (row["image_width_px"], row["image_height_px"])
    return Page(
        document, number, row["text"], size, text_from=row["text_from"], hidden_chars=row["hidden_chars"]
    )


def text_id(page: Page | None) -> str:
    """What tells the text of a page from that of an earlier reading of it, since spans are of one of the two."""
    return hashlib.sha256(page.text.encode("utf-8", "replace")).hexdigest()[:16] if page else ""


def marks_of(proofs: Sequence[Evidence], page: int, focus: str) -> list[PageMark]:
    """The spans of one page that evidence speaks of."""
    return [
        PageMark(one.start, one.end, one.field, one.field == focus)
        for one in proofs
        if one.page == page and one.start is not None and one.end is not None
    ]


async def words_of(workspace: Workspace, document: str, number: int) -> dict[str, Any]:
    """The words of a page and their boxes, as a browser draws them: from the upper left, `width` by `height`.

    `note` says what a person should know of a page whose words nobody can place.
    """
    page = page_of(workspace, document, number)
    text = page.text if page else ""
    try:
        placed = await workspace.words(document, number)
    except DocumentError as error:
        return _nothing(str(error))
    if placed and placed.words and not (page and page.text_from == "ocr"):
        words = [
            [start, end, left, placed.height - top, right - left, top - bottom]
            for start, end, left, bottom, right, top in placed.words
        ]
        return {"width": placed.width, "height": placed.height, "words": words, "text": text, "note": ""}
    return await _recognised(workspace, document, number, text)


async def _recognised(workspace: Workspace, document: str, number: int, text: str) -> dict[str, Any]:
    """Lines that local OCR sees, each at its place in the page's text where it stands there."""
    if not read.ocr_available():
        note = "This page is a picture without words, so nothing can be marked on it. The extra `octavo[ocr]` reads it here."
        return _nothing(note)
    try:
        picture = await workspace.picture(document, number)
        width, height, found = await workspace.recognised(document, number, picture)
    except DocumentError as error:
        return _nothing(str(error))
    words, lines, behind = [], [], 0
    for one in found:
        at = text.find(one.text, behind)
        behind = at + len(one.text) if at >= 0 else behind
        words.append(
            [
                at,
                at + len(one.text) if at >= 0 else -1,
                one.left,
                one.top,
                one.right - one.left,
                one.bottom - one.top,
            ]
        )
        lines.append(one.text)
    note = "This page is a picture. Its lines are as local OCR sees them, which may misread."
    return {"width": width, "height": height, "words": words, "lines": lines, "text": text, "note": note}


def _nothing(note: str) -> dict[str, Any]:
    return {"width": 0, "height": 0, "words": [], "text": "", "note": note}


def blocks(text: str, marks: Sequence[PageMark]) -> Iterator[TextBlock]:
    """The text of a page: lines with bars as tables, all else as paragraphs, marked."""
    rows: list[tuple[tuple[Piece, ...], ...]] = []
    start = 0
    for line in text.split("\n"):
        if BAR in line:
            rows.append(tuple(_cells(line, start, marks)))
        else:
            if rows:
                yield TextBlock(rows=tuple(rows))
                rows = []
            if line.strip():
                yield TextBlock(tuple(_pieces(line, start, marks)))
        start += len(line) + 1
    if rows:
        yield TextBlock(rows=tuple(rows))


def _cells(line: str, start: int, marks: Sequence[PageMark]) -> Iterator[tuple[Piece, ...]]:
    for cell in line.split(BAR):
        yield tuple(_pieces(cell, start, marks))
        start += len(cell) + len(BAR)


def _pieces(text: str, start: int, marks: Sequence[PageMark]) -> Iterator[Piece]:
    """A text cut where marks begin and end."""
    end = start + len(text)
    inside = [mark for mark in marks if mark.start < end and mark.end > start]
    edges = sorted(
        {start, end, *(max(start, one.start) for one in inside), *(min(end, one.end) for one in inside)}
    )
    for one, two in pairwise(edges):
        over = [mark for mark in inside if mark.start <= one and mark.end >= two]
        tone = "focused" if any(mark.focused for mark in over) else "marked" if over else ""
        yield Piece(one, text[one - start : two - start], tone)
