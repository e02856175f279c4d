"""Rows of tables in PDFs: cells of a row on one line, and nothing else moved."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product

from hypothesis import given
from hypothesis import strategies as st
from reportlab.pdfgen.canvas import Canvas

from octavo.processors.read.content import ReadLimits, Source
from octavo.processors.read.pdf.chars import Word
from octavo.processors.read.pdf.layout import looks_tabular, pieces
from octavo.processors.read.pdf.pages import read
from octavo.processors.read.pdf.written import BAR, joined
from tests.documents import make

TABLE = [
    ["Item", "Qty", "Price", "Amount"],
    ["Oak chair", "12", "10.00", "120.00"],
    ["Pine table", "2", "150.00", "300.00"],
    ["Delivery", "1", "25.50", "25.50"],
]
LINES = [
    "Item | Qty | Price | Amount",
    "Oak chair | 12 | 10.00 | 120.00",
    "Pine table | 2 | 150.00 | 300.00",
    "Delivery | 1 | 25.50 | 25.50",
]
LEFT = (72, 260, 340, 440)


def text_of(draw: Callable[[Canvas], object]) -> str:
    """The text of a page that is drawn so."""
    return read(Source(make.pdf(draw), ReadLimits())).leaves[0].text


def cell(canvas: Canvas, row: int, column: int) -> None:
    """One cell of the table."""
    canvas.drawString(LEFT[column], 600 - 16 * row, TABLE[row][column])


def test_rows_drawn_cell_by_cell_are_lines() -> None:
    """A table drawn row by row has its cells parted by bars."""

    def draw(canvas: Canvas) -> None:
        for row, column in product(range(4), range(4)):
            cell(canvas, row, column)

    assert text_of(draw).split("\n") == LINES


def test_rows_drawn_column_by_column_are_lines() -> None:
    """A table drawn column by column is put back into rows, and the text around it stays where it is."""

    def draw(canvas: Canvas) -> None:
        canvas.drawString(72, 760, "Invoice 2024-117 of the year before last, for the rooms")
        for column in range(4):
            for row in range(4):
                cell(canvas, row, column)
        canvas.drawString(72, 400, "Payment within thirty days of the date of this invoice")

    lines = text_of(draw).split("\n")
    assert lines[1:-1] == LINES
    assert lines[0].startswith("Invoice")
    assert lines[-1].startswith("Payment")


def test_labels_and_values_drawn_apart_are_paired() -> None:
    """Where all labels are drawn and then all values, or the other way round, each label stands with its value."""

    def draw(canvas: Canvas) -> None:
        for number, words in enumerate(["Sold to Acme", "Main street 5", "1234 AB Utrecht", "Netherlands"]):
            canvas.drawString(72, 700 - 30 * number, words)
        for left, column in (
            (450, ["1,200.00", "252.00", "1,452.00"]),
            (350, ["Subtotal:", "Tax:", "Total:"]),
        ):
            for number, words in enumerate(column):
                canvas.drawString(left, 500 - 16 * number, words)
        canvas.drawString(72, 420, "Number 2024-117 of 1 March 2024, due on 31 March 2024")

    assert "\nSubtotal: | 1,200.00\nTax: | 252.00\nTotal: | 1,452.00\n" in text_of(draw)


def test_prose_in_columns_is_left_alone() -> None:
    """Two columns of prose with numbers in them are read one after the other, whatever stands beside a line."""
    sentence = [
        "In 2019",
        "some",
        "1,200.50",
        "tons of",
        "steel and",
        "340.25 tons of",
        "coal",
        "went",
        "by rail",
    ]
    columns = [
        [" ".join([*sentence[n % 5 :], str(1900 + n + 50 * column)]) for n in range(20)]
        for column in range(2)
    ]

    def draw(canvas: Canvas) -> None:
        canvas.setFont("Helvetica", 7)
        for column, lines in enumerate(columns):
            for number, line in enumerate(lines):
                canvas.drawString(60 + 270 * column, 700 - 10 * number, line)

    text = text_of(draw)
    assert looks_tabular(text)
    assert text.split("\n") == [*columns[0], *columns[1]]


def test_names_in_columns_are_left_alone() -> None:
    """A list of names in two columns is no table: without numbers among the cells nothing moves."""
    names = [[f"Name {letter}{other}" for other in "abcdefgh"] for letter in "AB"]

    def draw(canvas: Canvas) -> None:
        for column, lines in enumerate(names):
            for number, line in enumerate(lines):
                canvas.drawString(60 + 200 * column, 700 - 14 * number, line)
        canvas.drawString(60, 300, "1,200.00 2,300.00 3,400.00 4,500.00 5,600.00")

    assert text_of(draw).split("\n")[:16] == [*names[0], *names[1]]


@given(
    st.lists(
        st.tuples(
            st.integers(0, 500),
            st.integers(0, 700),
            st.text("ab1.:", min_size=1, max_size=8),
            st.sampled_from(" \n"),
        ),
        max_size=40,
    )
)
def test_every_word_comes_once(drawn: list[tuple[int, int, str, str]]) -> None:
    """Wherever words stand, the pieces hold each of them once and add nothing but bars and white space."""
    text, words = "", []
    for left, bottom, word, after in drawn:
        words.append(Word(len(text), len(text) + len(word), left, bottom, left + 5 * len(word), bottom + 10))
        text += word + after
    given = joined(text, pieces(text, words))
    assert sorted(given.replace("|", " ").split()) == sorted(text.split())


def test_an_address_beside_lines_of_another_height_stays_together() -> None:
    """Blocks beside each other whose lines do not meet are not woven into each other, though numbers are in them."""
    address = ["Lindenhof eG", "Einkauf", "Am Tor 3", "20095 Hamburg"]
    facts = [
        ("Number", "4711"),
        ("Date", "05.03.2026"),
        ("Due", "04.04.2026"),
        ("Customer", "20451"),
        ("Order", "11873"),
    ]

    def draw(canvas: Canvas) -> None:
        for row, line in enumerate(address):
            canvas.drawString(72, 700 - 15 * row, line)
        for row, (label, value) in enumerate(facts):
            canvas.drawString(300, 706 - 13 * row, label)
            canvas.drawString(400, 706 - 13 * row, value)

    lines = text_of(draw).split("\n")
    assert lines[:4] == address
    assert [line.replace(BAR, " ") for line in lines[4:]] == [f"{label} {value}" for label, value in facts]


def test_rows_beside_a_panel_keep_their_bars() -> None:
    """Where a panel that was drawn before stands at the height of some rows, these rows are lines of cells as the others are."""
    panel = ["Acme", "Quay 17", "Utrecht"]

    def draw(canvas: Canvas) -> None:
        for number, words in enumerate(panel):
            canvas.drawString(10, 600 - 40 * number, words)
        canvas.drawString(72, 300, "Paid within thirty days")
        for row in range(4):
            for column in range(4):
                canvas.drawString(LEFT[column], 600 - 40 * row, TABLE[row][column])
            canvas.drawString(LEFT[0], 584 - 40 * row, "as ordered")

    assert text_of(draw).split("\n") == [
        *panel,
        "Paid within thirty days",
        *(line for row in LINES for line in (row, "as ordered")),
    ]
