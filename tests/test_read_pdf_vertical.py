"""Vertical Chinese and Japanese in PDFs: from right to left and from top to bottom, in whatever order it is drawn."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from pathlib import Path

import pikepdf
import pytest
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.pdfgen.canvas import Canvas

from octavo.processors.read.content import ReadLimits, Source
from octavo.processors.read.pdf import pages as pdf

COLUMNS = ["abcdefghij", "klmnopqr", "stuvwxyzab", "cdefgh"]


def as_ideographs(text: str) -> str:
    """What the letters of a text are said to be: a to z as U+4E61 and on."""
    return "".join(chr(0x4E00 + ord(one)) if one.islower() else one for one in text)


def drawn(draw: Callable[[Canvas], object]) -> bytes:
    """A page whose small letters are ideographs, as its font says; so no font of a machine has to have them."""
    pdfmetrics.registerFont(TTFont("Down", "Vera.ttf"))  # which reportlab brings
    with io.BytesIO() as file:
        canvas = Canvas(file)
        canvas.setFont("Down", 18)
        draw(canvas)
        canvas.save()
        with pikepdf.open(io.BytesIO(file.getvalue())) as changed:
            for item in changed.objects:
                if isinstance(item, pikepdf.Dictionary) and "/ToUnicode" in item:
                    way = item.ToUnicode.read_bytes().decode("latin-1")
                    item.ToUnicode.write(re.sub(r"<00([67][0-9A-F])>", r"<4E\1>", way).encode("latin-1"))
            with io.BytesIO() as saved:
                changed.save(saved)
                return saved.getvalue()


def read(data: bytes) -> list[str]:
    """The lines of the only page."""
    (leaf,) = pdf.read(Source(data, ReadLimits())).leaves
    return leaf.text.splitlines()


def columns(canvas: Canvas, order: list[int], top: float = 760) -> None:
    """Columns from the right edge, drawn letter by letter in an order of their own."""
    for number in order:
        for place, letter in enumerate(COLUMNS[number]):
            canvas.drawString(480 - 40 * number, top - 20 * place, letter)


@pytest.mark.parametrize("order", [[0, 1, 2, 3], [3, 1, 0, 2]])
def test_columns_are_read_from_the_right(order: list[int]) -> None:
    """Each column is a line, whatever is drawn first; the number of the page comes behind."""

    def draw(canvas: Canvas) -> None:
        columns(canvas, order)
        canvas.drawString(280, 40, "12")

    assert read(drawn(draw)) == [*map(as_ideographs, COLUMNS), "12"]


def test_the_upper_tier_is_read_first() -> None:
    """Of two tiers of columns, the upper one comes first to its left end."""

    def draw(canvas: Canvas) -> None:
        columns(canvas, [3, 0, 2, 1], top=400)
        columns(canvas, [2, 0, 1, 3])

    assert read(drawn(draw)) == list(map(as_ideographs, COLUMNS)) * 2


def test_lines_across_stay_as_they_are() -> None:
    """Ideographs that are set from left to right are read so."""

    def draw(canvas: Canvas) -> None:
        for number, line in enumerate(COLUMNS):
            canvas.drawString(60, 700 - 24 * number, line)

    assert read(drawn(draw)) == list(map(as_ideographs, COLUMNS))


def test_marks_of_a_value_follow_its_column() -> None:
    """Boxes of words are told for the text as it is read: the first column stands at the right."""
    words = pdf.words(Source(drawn(lambda canvas: columns(canvas, [3, 1, 0, 2])), ReadLimits()), 1)
    lefts = [word[2] for word in words.words if word[0] < len(COLUMNS[0])]
    assert lefts
    assert min(lefts) > 470


def test_the_corpus_has_one() -> None:
    """A page of two columns in the corpus begins with the right one."""
    path = Path(__file__).resolve().parents[2] / "shared" / "corpus" / "pdf" / "pdfjs__vertical.pdf"
    if not path.exists():
        pytest.skip("the corpus is not beside this checkout")
    assert pdf.read(Source(path.read_bytes(), ReadLimits())).leaves[0].text == "あいうえお\n日本語"
