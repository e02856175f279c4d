"""What people write on the pages of a PDF, and the files that they pin to them."""

from __future__ import annotations

import io
from typing import Any

import pikepdf
import pytest
from pikepdf import Array, Dictionary, Name
from reportlab.pdfbase.pdfmetrics import stringWidth
from reportlab.pdfgen.canvas import Canvas

from octavo.processors.read.content import Inner, ReadLimits, Source
from octavo.processors.read.pdf.pages import boxes, read
from tests.documents import make


def _page(canvas: Canvas) -> None:
    canvas.drawString(72, 700, "Payment within 10 days of delivery")
    canvas.drawString(72, 680, "Price 20.00 EUR")


PAGE = make.pdf(_page)


def _place(before: str, words: str, bottom: float) -> tuple[float, float, float, float]:
    left = 72 + stringWidth(before, "Helvetica", 12)
    return left, bottom - 3, left + stringWidth(words, "Helvetica", 12), bottom + 9


TEN_DAYS = _place("Payment within ", "10 days", 700)
PRICE = _place("", "Price 20.00", 680)


def annotated(*notes: dict[str, Any]) -> bytes:
    """The page with annotations, each given by its entries; a file in /FS is given by its name and bytes."""
    with pikepdf.open(io.BytesIO(PAGE)) as document, io.BytesIO() as file:
        document.pages[0].Annots = Array([_annotation(document, entries) for entries in notes])
        document.save(file)
        return file.getvalue()


def _annotation(document: pikepdf.Pdf, entries: dict[str, Any]) -> pikepdf.Object:
    left, bottom, right, top = entries.pop("box", (300, 500, 400, 520))
    if attached := entries.pop("file", None):
        name, data = attached
        entries["FS"] = pikepdf.AttachedFileSpec(document, data, filename=name).obj
    quads = Array([left, top, right, top, left, bottom, right, bottom])
    rect = Array([left, bottom, right, top])
    plain = {f"/{key}": value for key, value in entries.items()}
    return document.make_indirect(
        Dictionary({"/Type": Name.Annot, "/Rect": rect, "/QuadPoints": quads, **plain})
    )


def told(*notes: dict[str, Any]) -> list[str]:
    """What the annotations add to the text of the page."""
    (leaf,) = read(Source(annotated(*notes), ReadLimits())).leaves
    lines = leaf.text.split("\n")
    assert lines[:2] == ["Payment within 10 days of delivery", "Price 20.00 EUR"]
    return lines[2:]


@pytest.mark.parametrize(
    ("entries", "wanted"),
    [
        ({"Subtype": Name.Text, "Contents": "Ask Bob", "T": "Ann"}, "Comment by Ann: Ask Bob"),
        ({"Subtype": Name.Text, "Contents": "Ask Bob"}, "Comment: Ask Bob"),
        ({"Subtype": Name.FreeText, "Contents": "PAID\n3 May", "T": "Ann"}, "Text added by Ann: PAID 3 May"),
        ({"Subtype": Name.Stamp, "Contents": "Approved"}, "Stamp: Approved"),
        ({"Subtype": Name.Caret, "Contents": "net"}, "Insertion: net"),
        ({"Subtype": Name.Ink, "Contents": "sloppy"}, "Comment: sloppy"),
        (
            {"Subtype": Name.Highlight, "Contents": "make it 30", "T": "Ann", "box": TEN_DAYS},
            'Comment by Ann on "10 days": make it 30',
        ),
        (
            {"Subtype": Name.Underline, "Contents": "too soon", "box": TEN_DAYS},
            'Comment on "10 days": too soon',
        ),
        ({"Subtype": Name.StrikeOut, "box": PRICE}, 'Struck out: "Price 20.00"'),
        (
            {"Subtype": Name.StrikeOut, "Contents": "18", "T": "Ann", "box": PRICE},
            'Struck out by Ann: "Price 20.00": 18',
        ),
        (
            {"Subtype": Name.FreeText, "RC": "<body><p>Rich <b>t</b>ext &amp;</p><p>more</p></body>"},
            "Text added: Rich text & more",
        ),
    ],
)
def test_what_people_write_on_a_page_is_text_that_says_so(entries: dict[str, Any], wanted: str) -> None:
    """Notes, text boxes, stamps and the comments of marks follow the page's own text, a line each, with who wrote them about what."""
    assert told(dict(entries)) == [wanted]


@pytest.mark.filterwarnings("ignore::pikepdf.PageCopyWarning")
@pytest.mark.parametrize(
    "entries",
    [
        {"Subtype": Name.Text, "Contents": "secret", "F": 2},
        {"Subtype": Name.FreeText, "Contents": "secret", "F": 32},
        {"Subtype": Name.Popup, "Contents": "twice"},
        {"Subtype": Name.Link, "Contents": "a link"},
        {"Subtype": Name.Widget, "Contents": "a field"},
        {"Subtype": Name.Text, "Contents": "Accepted set by Bob", "StateModel": "Review"},
        {"Subtype": Name.Highlight, "box": TEN_DAYS},
        {"Subtype": Name.Highlight, "Contents": "10 days", "box": TEN_DAYS},
        {"Subtype": Name.Text, "Contents": " \n"},
    ],
)
def test_what_is_hidden_or_says_nothing_is_left_out(entries: dict[str, Any]) -> None:
    """Hidden notes, popups, links, fields, ticks of reviewers and marks without a comment add nothing."""
    assert told(dict(entries)) == []


def test_comments_are_bounded() -> None:
    """A long comment is cut with a mark; of a page with too many the first are taken, and the row says so."""
    assert told({"Subtype": Name.Text, "Contents": "x" * 9_000}) == [f"Comment: {'x' * 4_000} [...]"]
    content = read(
        Source(annotated(*({"Subtype": Name.Text, "Contents": "x"} for _ in range(502))), ReadLimits())
    )
    assert content.leaves[0].text.count("Comment: x") == 500
    assert content.detail == "Not all comments were taken of page(s) 1, which have too many."


def test_comments_have_no_place_and_move_nothing() -> None:
    """The boxes of the page's own words are where they were; a comment has none."""
    data = annotated({"Subtype": Name.Text, "Contents": "Ask Bob"})
    (leaf,) = read(Source(data, ReadLimits())).leaves
    start = leaf.text.index("20.00")
    ((left, *_),) = boxes(Source(data, ReadLimits()), 1, start, start + 5)
    assert left == pytest.approx(102, abs=1)
    start = leaf.text.index("Ask Bob")
    assert boxes(Source(data, ReadLimits()), 1, start, start + 7) == []


def test_pinned_files_are_documents() -> None:
    """Files that are pinned to a page come out beside its text, also two of one name; one that lies elsewhere does not."""
    pin: dict[str, Any] = {"Subtype": Name.FileAttachment}
    elsewhere = Dictionary({"/Type": Name.Filespec, "/F": "away.txt"})
    data = annotated(
        {**pin, "file": ("a.txt", b"one"), "Contents": "see here"},
        {**pin, "file": ("a.txt", b"two"), "F": 2},
        {**pin, "FS": elsewhere},
    )
    content = read(Source(data, ReadLimits()))
    assert content.inner == (Inner("a.txt", b"one"), Inner("a.txt", b"two"))
    assert content.leaves[0].text.endswith("\nComment: see here")
    assert content.detail == ""


def test_a_pinned_file_that_is_listed_too_comes_once() -> None:
    """A file in the list of attachments that is pinned to a page as well is one document."""
    with pikepdf.open(io.BytesIO(PAGE)) as document, io.BytesIO() as file:
        spec = pikepdf.AttachedFileSpec(document, b"one", filename="a.txt")
        document.attachments["a.txt"] = spec
        rect = Array([9, 9, 20, 20])
        document.pages[0].Annots = Array(
            [Dictionary(Type=Name.Annot, Subtype=Name.FileAttachment, Rect=rect, FS=spec.obj)]
        )
        document.save(file)
        assert read(Source(file.getvalue(), ReadLimits())).inner == (Inner("a.txt", b"one"),)
