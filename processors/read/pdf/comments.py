"""A loaded PDFium page in; out what people wrote on it, a line each that says so, and whether files are pinned to it.

    sticky note, drawing, mark   -> Comment by Ann on "10 days": make it 30
    struck text                  -> Struck out by Ann: "10 days"
    text box, insertion, stamp   -> Text added by Ann: ..., Insertion by Ann: ..., Stamp by Ann: ...

Links, fields, popups and what is hidden are none. A comment is one line, so that it cannot pass for lines of the page.
"""

from __future__ import annotations

import ctypes
import html
import re
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any

import pypdfium2
import pypdfium2.raw as pdfium

from octavo.processors.read.content import clean
from octavo.processors.read.pdf import extras

_MARKS = (
    *(pdfium.FPDF_ANNOT_HIGHLIGHT, pdfium.FPDF_ANNOT_UNDERLINE),
    *(pdfium.FPDF_ANNOT_SQUIGGLY, pdfium.FPDF_ANNOT_STRIKEOUT),
)
_WORDS = {
    pdfium.FPDF_ANNOT_FREETEXT: "Text added",
    pdfium.FPDF_ANNOT_CARET: "Insertion",
    pdfium.FPDF_ANNOT_STAMP: "Stamp",
    pdfium.FPDF_ANNOT_STRIKEOUT: "Struck out",
    **dict.fromkeys(
        (
            *(pdfium.FPDF_ANNOT_TEXT, pdfium.FPDF_ANNOT_LINE, pdfium.FPDF_ANNOT_SQUARE),
            *(pdfium.FPDF_ANNOT_CIRCLE, pdfium.FPDF_ANNOT_POLYGON, pdfium.FPDF_ANNOT_POLYLINE),
            *(pdfium.FPDF_ANNOT_INK, pdfium.FPDF_ANNOT_FILEATTACHMENT, pdfium.FPDF_ANNOT_REDACT),
            *_MARKS[:3],
        ),
        "Comment",
    ),
}
_HIDDEN = pdfium.FPDF_ANNOT_FLAG_HIDDEN | pdfium.FPDF_ANNOT_FLAG_NOVIEW
_MOST_LOOKED_AT, MOST_COMMENTS = 5_000, 500  # on a page
_LONGEST, _LONGEST_QUOTE = 4_000, 300  # characters
_MOST_QUADS = 50  # lines of a marked passage
_EDGE = (
    0.12  # of the height of a marked line: full stops and quotation marks lie within, the line below does not
)
_PARTING, _TAG = re.compile(r"</(?:p|li|div)>|<br ?/>"), re.compile(r"<[^>]*>")


@dataclass
class PageComments:
    """What is written on a page: the lines, whether files are pinned to it, and whether there is more than was taken."""

    lines: list[str] = field(default_factory=list)
    has_files: bool = False
    is_cut: bool = False


def of_page(page: pypdfium2.PdfPage) -> PageComments:
    """What people wrote on the page, in the order of the file."""
    notes = PageComments()
    count = pdfium.FPDFPage_GetAnnotCount(page.raw)
    notes.is_cut = count > _MOST_LOOKED_AT
    for index in range(min(count, _MOST_LOOKED_AT)):
        note = pdfium.FPDFPage_GetAnnot(page.raw, index)
        if note:
            try:
                _add(notes, page, note)
            finally:
                pdfium.FPDFPage_CloseAnnot(note)
    return notes


def _add(notes: PageComments, page: pypdfium2.PdfPage, note: Any) -> None:
    kind = pdfium.FPDFAnnot_GetSubtype(note)
    notes.has_files |= kind == pdfium.FPDF_ANNOT_FILEATTACHMENT
    if kind not in _WORDS or pdfium.FPDFAnnot_GetFlags(note) & _HIDDEN:
        return
    if pdfium.FPDFAnnot_HasKey(note, b"StateModel"):  # a tick in a list of reviewers
        return
    line = _line(page, note, kind)
    if line and len(notes.lines) >= MOST_COMMENTS:
        notes.is_cut = True
    elif line:
        notes.lines.append(line)


def _line(page: pypdfium2.PdfPage, note: Any, kind: int) -> str:
    """What an annotation says, "" for one that says nothing."""
    said = _said(note, b"Contents") or _plain(_said(note, b"RC"))
    said, author = _short(said, _LONGEST), _short(_said(note, b"T"), _LONGEST_QUOTE)
    who = f"{_WORDS[kind]} by {author}" if author else _WORDS[kind]
    marked = _marked(page, note) if kind in _MARKS and (said or kind == pdfium.FPDF_ANNOT_STRIKEOUT) else ""
    said = "" if said == marked else said  # some programs copy the marked words
    if kind == pdfium.FPDF_ANNOT_STRIKEOUT and marked:
        return f'{who}: "{marked}"' + (f": {said}" if said else "")
    if not said:
        return ""
    return f'{who} on "{marked}": {said}' if marked else f"{who}: {said}"


def _said(note: Any, key: bytes) -> str:
    return extras.string_of(pdfium.FPDFAnnot_GetStringValue, note, key)


def _plain(rich: str) -> str:
    """Rich text without its tags, its paragraphs parted."""
    return html.unescape(_TAG.sub("", _PARTING.sub(" ", rich[: 8 * _LONGEST])))


def _short(text: str, longest: int) -> str:
    """The text in one line, cut with a mark where it is longer."""
    line = " ".join(clean(text[: 4 * longest]).split())
    return line if len(line) <= longest else f"{line[:longest]} [...]"


def _marked(page: pypdfium2.PdfPage, note: Any) -> str:
    """The words of the page under a mark."""
    with closing(page.get_textpage()) as text:
        rows = [text.get_text_bounded(*box) for box in _quads(note)]
    return _short(" ".join(rows).replace("\ufffe", ""), _LONGEST_QUOTE)


def _quads(note: Any) -> Iterator[tuple[float, float, float, float]]:
    """Left, bottom, right and top of what lies well within each marked line, so that its neighbours stay out."""
    quad = pdfium.FS_QUADPOINTSF()
    for number in range(min(pdfium.FPDFAnnot_CountAttachmentPoints(note), _MOST_QUADS)):
        if pdfium.FPDFAnnot_GetAttachmentPoints(note, number, ctypes.byref(quad)):
            left, *_, right = sorted((quad.x1, quad.x2, quad.x3, quad.x4))
            bottom, *_, top = sorted((quad.y1, quad.y2, quad.y3, quad.y4))
            edge = _EDGE * min(right - left, top - bottom)
            yield left + edge, bottom + edge, right - edge, top - edge
