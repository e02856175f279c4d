"""Where a span of a page's text stands on the page."""

from __future__ import annotations

import io
import os
from pathlib import Path

import pikepdf
import pytest
from reportlab.lib.pagesizes import A4
from reportlab.pdfbase.pdfmetrics import stringWidth
from reportlab.pdfgen.canvas import Canvas

from octavo.processors.read.content import ReadLimits, Source
from octavo.processors.read.pages import FoundFile, Reader
from octavo.processors.read.pdf.pages import boxes, read
from tests.documents import hostile, make

LINES = ["Offer of the year", "The com-", "pile time is long", "Total 1,234.50 EUR"]
LEFT, FIRST, STEP, SIZE = 72, 700, 20, 12


def draw(canvas: Canvas) -> None:
    """Lines at known places, one of them with a word that is broken at its end."""
    canvas.setFont("Helvetica", SIZE)
    for number, line in enumerate(LINES):
        canvas.drawString(LEFT, FIRST - STEP * number, line)


DATA = make.pdf(draw)


def spans_of(data: bytes, words: str) -> list[tuple[float, float, float, float]]:
    """The boxes of some words of the first page."""
    text = read(Source(data, ReadLimits())).leaves[0].text
    start = text.index(words)
    return boxes(Source(data, ReadLimits()), 1, start, start + len(words))


def assert_around(box: tuple[float, float, float, float], line: int, words: str) -> None:
    """The box begins and ends where the words do, to a point, and has their base line in it."""
    left = LEFT + stringWidth(LINES[line][: LINES[line].index(words)], "Helvetica", SIZE)
    assert box[0] == pytest.approx(left, abs=1)
    assert box[2] == pytest.approx(left + stringWidth(words, "Helvetica", SIZE), abs=1)
    assert box[1] < FIRST - STEP * line < FIRST - STEP * line + 6 < box[3] < FIRST - STEP * line + SIZE * 1.5


def test_box_stands_around_the_words() -> None:
    """One line, one box, where the words were drawn."""
    (box,) = spans_of(DATA, "1,234.50")
    assert_around(box, 3, "1,234.50")


def test_boxes_are_exact_behind_what_cleaning_took_away() -> None:
    """A word that was broken at a line end is whole in the text; what stands behind it is still found at its place."""
    assert "The compile time" in read(Source(DATA, ReadLimits())).leaves[0].text
    (box,) = spans_of(DATA, "long")
    assert_around(box, 2, "long")


def test_span_over_lines_has_a_box_a_line() -> None:
    """A span that goes on in the next line has two boxes."""
    upper, lower = spans_of(DATA, "long\nTotal")
    assert_around(upper, 2, "long")
    assert_around(lower, 3, "Total")


def test_cells_of_a_table_are_found() -> None:
    """In a table that was put back into rows a cell is found where it was drawn."""
    rows = [
        ["Item", "Amount"],
        ["Chair", "120.00"],
        ["Table", "300.00"],
        ["Sofa", "840.00"],
        ["Lamp", "55.00"],
    ]

    def table(canvas: Canvas) -> None:
        for column in range(2):
            for number, row in enumerate(rows):
                canvas.drawString(100 + 200 * column, 600 - 20 * number, row[column])

    data = make.pdf(table)
    assert "Table | 300.00" in read(Source(data, ReadLimits())).leaves[0].text
    (box,) = spans_of(data, "300.00")
    assert box[0] == pytest.approx(300, abs=1)
    assert box[1] < 560 < box[3]


@pytest.mark.parametrize("turned", [90, 180, 270])
def test_boxes_of_a_turned_page_are_as_it_is_shown(turned: int) -> None:
    """On a page that is shown turned the box is where an eye sees the words."""
    with pikepdf.open(io.BytesIO(DATA)) as document, io.BytesIO() as file:
        document.pages[0].rotate(turned, relative=False)
        document.save(file)
        data = file.getvalue()
    (left, bottom, right, top), (plain_left, plain_bottom, _, _) = (
        spans_of(data, "1,234.50")[0],
        spans_of(DATA, "1,234.50")[0],
    )
    width, height = A4
    corner = {90: (left, top), 180: (right, top), 270: (right, bottom)}[
        turned
    ]  # where the lower left one comes to stand
    wanted = {
        90: (plain_bottom, width - plain_left),
        180: (width - plain_left, height - plain_bottom),
        270: (height - plain_bottom, plain_left),
    }
    assert corner == pytest.approx(wanted[turned], abs=0.1)


def test_no_page_and_no_span_have_no_boxes() -> None:
    """A page that does not exist and an empty span are nowhere."""
    assert boxes(Source(DATA, ReadLimits()), 9, 0, 5) == []
    assert boxes(Source(DATA, ReadLimits()), 1, 3, 3) == []


def test_form_values_have_no_box_and_text_before_them_has() -> None:
    """What was appended to the text stands nowhere on the page; the rest is found."""
    data = make.documents()["form.pdf"]
    assert len(spans_of(data, "Application")) == 1
    assert spans_of(data, "Jane Roe") == []


async def test_reader_gives_boxes(tmp_path: Path) -> None:
    """The door of the room: boxes of a document that was read, from a worker; none for what is no PDF."""
    (tmp_path / "a.pdf").write_bytes(DATA)
    (tmp_path / "b.txt").write_text("Total 1,234.50 EUR")
    with Reader(ReadLimits(workers=1)) as reader:
        found = [
            FoundFile(os.fsencode(tmp_path), name, (tmp_path / os.fsdecode(name)).stat().st_size)
            for name in (b"a.pdf", b"b.txt")
        ]
        pdf, text = await reader.read(found)
        start = pdf.pages[0].text.index("1,234.50")
        (box,) = await reader.boxes(tmp_path, pdf.document, 1, start, start + 8)
        assert_around(box, 3, "1,234.50")
        assert await reader.boxes(tmp_path, text.document, 1, 0, 5) == []


@pytest.mark.parametrize("sign", ["D83DDE00", "D83D", "0041D83DDE00", "4E2D"])
def test_boxes_are_exact_behind_an_emoji(sign: str) -> None:
    """PDFium counts units of UTF-16: behind characters that take two of them, or half a pair, words are still found at their places."""
    ranges = "1 begincodespacerange <00> <FF> endcodespacerange 1 beginbfrange <24> <7E> <0024> endbfrange"
    data = hostile.raw_pdf(
        "<< /Type /Catalog /Pages 2 0 R >>",
        "<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 300 300] /Contents 4 0 R /Resources << /Font << /F 5 0 R >> >> >>",
        hostile.stream(b"BT /F 12 Tf 72 150 Td (A## one two) Tj ET"),
        "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /ToUnicode 6 0 R >>",
        hostile.stream(f"begincmap {ranges} 1 beginbfchar <23> <{sign}> endbfchar endcmap".encode()),
    )
    (box,) = spans_of(data, "two")
    left = 72 + stringWidth("A## one ", "Helvetica", 12)
    assert (box[0], box[2]) == pytest.approx((left, left + stringWidth("two", "Helvetica", 12)), abs=1)
