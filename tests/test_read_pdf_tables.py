"""Tables of PDFs keep their grid: each cell in its row and column, an empty one as an empty one, however they are ruled and drawn."""

from __future__ import annotations

from pathlib import Path

import pytest
from reportlab.pdfgen.canvas import Canvas

from octavo.processors.read.content import ReadLimits, Source
from octavo.processors.read.pdf.pages import boxes, read
from tests.benchmarks.pdf_tables import score
from tests.documents import made_tables, make

CORPUS = Path(__file__).resolve().parents[1].parent / "shared" / "corpus"


def texts(data: bytes) -> list[str]:
    """The text of each page."""
    return [leaf.text for leaf in read(Source(data, ReadLimits())).leaves]


def test_cells_stand_in_their_row_and_column() -> None:
    """Of tables ruled in any way and drawn in any order, a fifth of their cells empty, 97 of 100 cells are found in their place."""
    made = [
        made_tables.drawn(seed, rules, order, 0.2)
        for rules in made_tables.RULES
        for order in made_tables.ORDERS
        for seed in (0, 1, 4)
    ]
    counts = [score(texts(one.data)[0], one.pages[0], one.spans) for one in made]
    cells, right = (sum(count[key] for count in counts) for key in ("cells", "right"))
    assert right >= 0.97 * cells


def test_wrapped_cells_are_one() -> None:
    """The lines of a wrapped cell of a ruled table are one cell, wherever the cells beside it stand."""
    for seed in (0, 2):
        one = made_tables.drawn(seed, "ruled", "by rows", 0.2, wraps=True)
        count = score(texts(one.data)[0], one.pages[0], one.spans)
        assert count["right"] == count["cells"]


def test_tables_over_pages_have_their_columns_on_each() -> None:
    """A table of sixty rows keeps its grid on both of its pages."""
    one = made_tables.over_pages(1, "ruled", 0.2)
    for text, grid in zip(texts(one.data), one.pages, strict=True):
        count = score(text, grid, ())
        assert count["right"] == count["cells"]


def test_a_column_of_digits_stays_a_column() -> None:
    """Single digits that are drawn one below the other are cells of their rows, and not one number."""

    def draw(canvas: Canvas) -> None:
        for left, column in ((72, ["Bolt", "Nut", "Screw", "Hinge"]), (200, "2571"), (260, "9463")):
            for row, word in enumerate(column):
                canvas.drawString(left, 700 - 16 * row, word)

    assert texts(make.pdf(draw))[0].split("\n") == [
        "Bolt | 2 | 9",
        "Nut | 5 | 4",
        "Screw | 7 | 6",
        "Hinge | 1 | 3",
    ]


def test_debit_and_credit_are_told_apart() -> None:
    """In a statement without lines an amount is in the column under its head."""
    rows = [("07.01.2026", "Direct debit", "80.10", ""), ("08.01.2026", "Incoming", "", "500.00")]
    rows += [("09.01.2026", "Card payment", "12.30", ""), ("10.01.2026", "Refund", "", "12.30")]

    def draw(canvas: Canvas) -> None:
        canvas.setFont("Helvetica", 10)
        for left, head in ((60, "Date"), (130, "Text"), (376, "Debit"), (470, "Credit")):
            canvas.drawString(left, 780, head)
        for number, (day, words, debit, credit) in enumerate(rows):
            bottom = 760 - 15 * number
            canvas.drawString(60, bottom, day)
            canvas.drawString(130, bottom, words)
            canvas.drawRightString(400, bottom, debit)
            canvas.drawRightString(500, bottom, credit)

    assert texts(make.pdf(draw))[0].split("\n") == [
        "Date | Text | Debit | Credit",
        *(" | ".join(row).rstrip(" |") for row in rows),
    ]


def test_a_table_beside_prose_leaves_the_prose_alone() -> None:
    """Numbers drawn apart, beside lines of prose, are not woven into it."""
    prose = [
        f"The yards were chosen by the share of shade that number {number} had in spring"
        for number in range(8)
    ]

    def draw(canvas: Canvas) -> None:
        canvas.setFont("Helvetica", 6)
        for number, line in enumerate(prose):
            canvas.drawString(60, 700 - 12 * number, line)
        canvas.drawString(60, 400, "And so the study ended in the autumn of that year with a feast")
        for number in range(8):
            for column in range(3):
                canvas.drawString(320 + 60 * column, 700 - 12 * number, f"{number * 7 + column}.5")

    assert texts(make.pdf(draw))[0].split("\n")[:8] == prose


def test_boxes_of_a_cell_are_where_it_is_printed() -> None:
    """The place of a cell that was moved into its row is still found on the page."""
    one = made_tables.drawn(0, "ruled", "numbers last", 0.2)
    text = texts(one.data)[0]
    cell = one.pages[0][1][4]
    start = text.index(cell)
    (box,) = boxes(Source(one.data, ReadLimits()), 1, start, start + len(cell))
    assert 600 < box[1] < box[3] < 700


@pytest.mark.parametrize(
    ("name", "row"),
    [
        (
            "invoice/invoice2data__QualityHosting.pdf",
            "2 | 1 | Small Business QualityExchange 2010 |  | 5,39 | 5,39",
        ),
        (
            "invoice/invoice2data__AzureInterior.pdf",
            "[17589684] Beeswax XL Acme beeswax | 1.00 kg | 42.00 | 0.00 | 15.00% | $ 42.00",
        ),
        (
            "invoice/invoice2data__AzureInterior.pdf",
            "[LUX_TRF] Luxury Truffles | 15.00 g | 10.00 | 0.00 |  | $ 150.00",
        ),
        (
            "invoice/corpus__MustangGnuaccountingBeispielRE-20190610_507.pdf",
            "1.00 | Design (hours): Of a sample invoice | 7% | 160.00 € | 160.00 €",
        ),
        ("invoice/invoice2data__free_fiber.pdf", "FO10479674 | 10577874 | 35 RUE du logiciel libre"),
        (
            "invoice/corpus__zugferd_2p0_BASIC_Taxifahrt.pdf",
            "1 |  | Grundpreis (Pauschale) | 3,9000 | 1 Stk | 7 % | 3,90",
        ),
        (
            "pdf/olmocr__discoverworld_crazy_table4.pdf",
            "1 | Easy | Simplified Clustering | 0.87 | 0.20 | 0.20 | 0.80 | 0.00 | 0.00 | 0.90 | 0.40 | 1.00",
        ),
        ("pdf/markitdown__REPAIR-2022-INV-001_multipage.pdf", "Insured name | Gabriel Diaz | Year | 2022"),
        ("invoice/invoice2data__coolblue1.pdf", "Mario Kart 7 3DS | 1 | € 44,99 | 21% | € 44,99"),
        ("invoice/invoice2data__oyo.pdf", "Room Charges | Rs 1939 x 1 Night x 1 Room | Rs 1939"),
    ],
)
def test_rows_of_real_tables(name: str, row: str) -> None:
    """Rows of the corpus' tables, read by eye, stand in its text with their empty cells."""
    if not CORPUS.exists():
        pytest.skip("the developer corpus is not beside this checkout")
    assert row in "\n".join(texts((CORPUS / name).read_bytes())).split("\n")
