"""Check boxes that are drawn on a page of a PDF: their state stands beside their label, where it is sure."""

from __future__ import annotations

import io
from collections.abc import Callable

import pikepdf
import pytest
from pikepdf import Array, Dictionary, Name
from reportlab.lib import colors
from reportlab.pdfgen.canvas import Canvas

from octavo.processors.read.content import ReadLimits, Source
from octavo.processors.read.pdf.pages import boxes, read
from tests.documents import make

Mark = Callable[[Canvas, float, float], object]


def cross(canvas: Canvas, x: float, y: float) -> None:
    """Two diagonals."""
    canvas.line(x, y, x + 10, y + 10)
    canvas.line(x, y + 10, x + 10, y)


def cross_in_one(canvas: Canvas, x: float, y: float) -> None:
    """Two diagonals in one path, a little smaller than the box."""
    path = canvas.beginPath()
    for points in (((2, 2), (8, 8)), ((2, 8), (8, 2))):
        path.moveTo(x + points[0][0], y + points[0][1])
        path.lineTo(x + points[1][0], y + points[1][1])
    canvas.drawPath(path)


def tick(canvas: Canvas, x: float, y: float) -> None:
    """A tick that leaves the box."""
    path = canvas.beginPath()
    path.moveTo(x + 1, y + 5)
    path.lineTo(x + 4, y + 1)
    path.lineTo(x + 12, y + 13)
    canvas.drawPath(path)


def black(canvas: Canvas, x: float, y: float) -> None:
    """A black square within."""
    canvas.rect(x + 2, y + 2, 6, 6, stroke=0, fill=1)


def sign(word: str, font: str = "Helvetica") -> Mark:
    """A sign set in the box."""

    def draw(canvas: Canvas, x: float, y: float) -> None:
        canvas.setFont(font, 10)
        canvas.drawString(x + 1.5, y + 1.5, word)
        canvas.setFont("Helvetica", 12)

    return draw


def square(canvas: Canvas, x: float, y: float) -> None:
    """A box in one path."""
    canvas.rect(x, y, 10, 10)


def four_lines(canvas: Canvas, x: float, y: float) -> None:
    """A box whose sides are lines of their own."""
    for line in (
        (x, y, x, y + 10),
        (x + 10, y, x + 10, y + 10),
        (x, y, x + 10, y),
        (x, y + 10, x + 10, y + 10),
    ):
        canvas.line(*line)


def rounded(canvas: Canvas, x: float, y: float) -> None:
    """A box with round corners."""
    canvas.roundRect(x, y, 10, 10, 2)


def pale(canvas: Canvas, x: float, y: float) -> None:
    """A box on a shade."""
    canvas.setFillColor(colors.Color(0.9, 0.9, 0.95))
    canvas.rect(x, y, 10, 10, fill=1)
    canvas.setFillColor(colors.black)


def form(mark: Mark | None, *, labels_first: bool = False, box: Mark = square) -> Callable[[Canvas], None]:
    """A line with two boxes, of which the second has a mark."""

    def draw(canvas: Canvas) -> None:
        canvas.drawString(72, 700, "Gender:")
        words, places = ((124, 190), (168, 220)) if labels_first else ((134, 204), (120, 190))
        for number, (word, place) in enumerate(zip(words, places, strict=True)):
            box(canvas, place, 698)
            if number and mark:
                mark(canvas, place, 698)
            canvas.drawString(word, 700, ("Female", "Male")[number])

    return draw


def text(draw: Callable[[Canvas], object], change: Callable[[pikepdf.Pdf], None] | None = None) -> str:
    """The text of one page."""
    data = make.pdf(draw)
    if change:
        with pikepdf.open(io.BytesIO(data)) as document, io.BytesIO() as file:
            change(document)
            document.save(file)
            data = file.getvalue()
    return read(Source(data, ReadLimits())).leaves[0].text


def blue_cross(canvas: Canvas, x: float, y: float) -> None:
    """A cross as by a pen."""
    canvas.setStrokeColor(colors.blue)
    cross(canvas, x, y)
    canvas.setStrokeColor(colors.black)


MARKS = [blue_cross, cross, cross_in_one, tick, black, sign("X"), sign("x"), sign("\u2714", "ZapfDingbats")]


@pytest.mark.parametrize("mark", MARKS)
def test_boxes_stand_beside_their_labels(mark: Mark) -> None:
    """A box with a cross, a tick, a black square or such a sign is marked, an empty one is not."""
    assert text(form(mark)) == "Gender: [ ] Female [x] Male"


@pytest.mark.parametrize("box", [four_lines, rounded, pale])
@pytest.mark.parametrize("mark", [cross, tick])
def test_boxes_of_other_make(box: Mark, mark: Mark) -> None:
    """Boxes whose sides are lines of their own, that have round corners or stand on a shade are boxes as well."""
    assert text(form(mark, box=box)) == "Gender: [ ] Female [x] Male"


def test_boxes_of_a_font() -> None:
    """Where a cross is set over a box of the same font, boxes and crosses are states; boxes alone stay what they are."""

    def draw(canvas: Canvas, cross: str) -> None:
        for x, word, signs in ((120, "Female", "❏"), (190, "Male", f"❏{cross}")):
            canvas.setFont("ZapfDingbats", 12)
            for one in signs:
                canvas.drawString(x, 700, one)
            canvas.setFont("Helvetica", 12)
            canvas.drawString(x + 14, 700, word)

    assert text(lambda canvas: draw(canvas, "✘")) == "[ ] Female [x] Male"
    assert text(lambda canvas: draw(canvas, "")) == "❏ Female ❏ Male"


@pytest.mark.parametrize("turned", [90, 180, 270])
def test_turned_pages(turned: int) -> None:
    """A page that is shown upright by its rotation tells the same."""

    def draw(canvas: Canvas) -> None:
        canvas.translate(300, 400)
        canvas.rotate(turned)
        canvas.translate(-150, -700)
        form(cross)(canvas)

    def turn(document: pikepdf.Pdf) -> None:
        document.pages[0].rotate(turned, relative=False)

    assert text(draw, turn) == "Gender: [ ] Female [x] Male"


def test_labels_may_stand_before_their_boxes() -> None:
    """Where no label follows the last box of a line, all labels stand before their boxes."""
    assert text(form(cross, labels_first=True)) == "Gender: Female [ ] Male [x]"


def test_boxes_beside_a_table() -> None:
    """On a page with a table the states stand beside the labels, and the table is what it was."""

    def draw(canvas: Canvas) -> None:
        form(tick)(canvas)
        canvas.drawString(72, 660, "The person named above has ordered all of this:")
        for column, words in enumerate(
            (("Chair", "Lamp", "Table", "Sum"), ("120.00", "55.00", "310.00", "485.00"))
        ):
            for number, word in enumerate(words):
                canvas.drawString(72 + 130 * column, 600 - 20 * number, word)

    first, _, *rows = text(draw).split("\n")
    assert first.replace(" | ", " ") == "Gender: [ ] Female [x] Male"
    assert rows == ["Chair | 120.00", "Lamp | 55.00", "Table | 310.00", "Sum | 485.00"]


def test_words_keep_their_places() -> None:
    """The box of a label is where it was, also where a sign before it became a state; the state has none."""
    data = make.pdf(form(sign("X")))
    (leaf,) = read(Source(data, ReadLimits())).leaves
    start = leaf.text.index("Male")
    ((left, *_),) = boxes(Source(data, ReadLimits()), 1, start, start + 4)
    assert left == pytest.approx(204, abs=1)
    assert boxes(Source(data, ReadLimits()), 1, start - 4, start) == []


def slash(canvas: Canvas, x: float, y: float) -> None:
    """One stroke."""
    canvas.line(x, y, x + 10, y + 10)


def white_cross(canvas: Canvas, x: float, y: float) -> None:
    """A cross that nobody sees."""
    canvas.setStrokeColor(colors.white)
    cross(canvas, x, y)
    canvas.setStrokeColor(colors.black)


def erased(canvas: Canvas, x: float, y: float) -> None:
    """A cross that is painted over."""
    cross(canvas, x, y)
    canvas.setFillColor(colors.white)
    canvas.rect(x - 1, y - 1, 12, 12, stroke=0, fill=1)
    canvas.setFillColor(colors.black)


@pytest.mark.parametrize("mark", [slash, white_cross, erased, sign("7")])
def test_a_line_with_a_box_that_is_not_sure_stays_as_it_is(mark: Mark) -> None:
    """One stroke, something white and another sign tell nothing sure, so nothing is told of that line."""
    assert "[" not in text(form(mark))


def test_fields_tell_their_own_state() -> None:
    """Where a field lies over a drawn box, what is drawn below says nothing."""

    def field(document: pikepdf.Pdf) -> None:
        widget = Dictionary(
            Type=Name.Annot, Subtype=Name.Widget, FT=Name.Btn, T="sex", V=Name.Yes, AS=Name.Yes
        )
        widget.Rect = Array([120, 698, 130, 708])
        note = document.make_indirect(widget)
        document.pages[0].Annots = Array([note])
        document.Root.AcroForm = Dictionary(Fields=Array([note]))

    assert text(form(None), field) == "Gender: Female Male\nForm fields:\nsex: Yes"


def comb(canvas: Canvas) -> None:
    """A field of one square a letter."""
    for number in range(8):
        canvas.rect(72 + 12 * number, 698, 12, 12)
    canvas.drawString(175, 700, "IBAN")


def grid(canvas: Canvas) -> None:
    """A table of small squares."""
    for number in range(25):
        canvas.rect(72 + 13 * (number % 5), 600 + 13 * (number // 5), 10, 10)
    canvas.drawString(140, 652, "Seats")


def legend(canvas: Canvas) -> None:
    """The colours of a chart."""
    for number, color in enumerate((colors.white, colors.black, colors.red)):
        canvas.setFillColor(color)
        canvas.rect(72, 600 + 20 * number, 10, 10, fill=1)
        canvas.setFillColor(colors.black)
        canvas.drawString(86, 601 + 20 * number, f"Plan {number}")


def bullets(canvas: Canvas) -> None:
    """Black squares before items."""
    for number in range(3):
        canvas.rect(72, 600 + 20 * number, 6, 6, fill=1)
        canvas.drawString(86, 600 + 20 * number, f"Item {number}")


def map_of_many(canvas: Canvas) -> None:
    """A drawing of thousands of paths."""
    form(cross)(canvas)
    for number in range(2_100):
        canvas.line(300, 100, 300 + number / 10, 300)


@pytest.mark.parametrize("draw", [comb, grid, legend, bullets, map_of_many])
def test_what_looks_like_a_check_box_and_is_none(draw: Callable[[Canvas], None]) -> None:
    """Combs, grids, legends, bullets and squares in drawings of thousands of paths have no state."""
    assert "[" not in text(draw)
