"""Words of PDFs that are broken at the end of a line: plain ones are joined, compounds keep their hyphen."""

from __future__ import annotations

import pytest
from reportlab.pdfgen.canvas import Canvas

from octavo.processors.read.content import ReadLimits, Source
from octavo.processors.read.pdf.pages import boxes, read
from tests.documents import make


def pdf(*pages: list[str]) -> bytes:
    """Pages of lines."""

    def draw(canvas: Canvas) -> None:
        for lines in pages:
            for number, line in enumerate(lines):
                canvas.drawString(72, 700 - 14 * number, line)
            canvas.showPage()

    return make.pdf(draw)


def texts(data: bytes) -> list[str]:
    """The text of each page."""
    return [leaf.text for leaf in read(Source(data, ReadLimits())).leaves]


@pytest.mark.parametrize(
    ("lines", "word"),
    [
        (["a letter of Jean-", "Baptiste came late"], "Jean-Baptiste"),
        (["figures of non-", "GAAP kinds are told"], "non-GAAP"),
        (["the agree-", "ment was signed"], "agreement"),
        (["THE AGREE-", "MENT WAS SIGNED"], "AGREEMENT"),
    ],
)
def test_a_capital_keeps_the_hyphen(lines: list[str], word: str) -> None:
    """Before a capital in small letters the hyphen is one of a compound; else the parts of the word are joined."""
    assert word in texts(pdf(lines))[0]


def test_a_word_with_a_hyphen_elsewhere_keeps_it() -> None:
    """What is written with a hyphen within a line, on any page, keeps it at a line's end, and its place on the page is still found."""
    data = pdf(["it is a well-", "known fact and an agree-", "ment"], ["this is Well-known to all"])
    text = texts(data)[0]
    assert text.replace("\n", " ").startswith("it is a well-known fact")
    assert "agreement" in text
    start = text.index("ment")
    assert boxes(Source(data, ReadLimits()), 1, start, start + 4)
