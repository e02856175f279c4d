"""An American invoice in boxes: bill to, ship to, a row of order data, a grid, sales tax. Out: `SAMPLE`."""

from __future__ import annotations

from decimal import Decimal
from itertools import pairwise

from reportlab.lib.pagesizes import LETTER

from .bill import Invoice, item, written
from .sample import Sample
from .sheet import Column, Sheet, Style

BILL = Invoice(
    number="48217",
    issued="2026-03-05",
    due="2026-04-04",
    seller="Copper Mesa Lab Equipment, Inc.",
    seller_tax_id="00-4173926",
    buyer="Tall Pine Community College",
    currency="USD",
    purchase_order="PO-2026-1180",
    items=(
        item("Stereo microscope, trinocular, 7x-45x", "6", "489.00", "8.25", code="SM-745T"),
        item("Microscope camera 8 MP, USB-C", "2", "315.50", "8.25", code="MC-8U"),
        item("Prepared slide set, botany, 50 pieces", "12", "62.25", "8.25", code="PS-BOT50"),
        item("Borosilicate beaker 250 mL, case of 48", "3", "141.60", "8.25", code="BB-250"),
        item("Nitrile gloves, medium, box of 200", "30", "13.85", "8.25", code="NG-M200"),
        item("Lens paper, 4 x 6 in, pack of 12 books", "5", "27.40", "8.25", code="LP-46"),
        item("On-site setup and calibration, per hour", "4.5", "110.00", "0", code="SVC-CAL"),
    ),
)
BODY = Style(size=9)
BOLD = BODY.but(font="Helvetica-Bold")
LABEL = Style("Helvetica-Bold", 7.4, "#333333")
LEFT, RIGHT = 18, 198
ORDER = (
    ("P.O. NUMBER", BILL.purchase_order),
    ("TERMS", "Net 30"),
    ("DUE DATE", "04/04/2026"),
    ("REP", "DLW"),
    ("SHIP DATE", "03/03/2026"),
    ("SHIP VIA", "Ground"),
)
COLUMNS = (
    Column("ITEM", 20, 24),
    Column("DESCRIPTION", 47, 76),
    Column("QTY", 140, 14, "right"),
    Column("PRICE EACH", 168, 22, "right"),
    Column("AMOUNT", 196, 24, "right"),
)
EDGES = (18.0, 45.0, 125.0, 142.0, 170.0, 198.0)
GRID_TOP, GRID_END = 117, 190


def make() -> bytes:
    """The PDF, on Letter paper."""
    sheet = Sheet(f"Invoice {BILL.number}", BILL.seller, LETTER)
    _head(sheet)
    _addresses(sheet)
    _order(sheet)
    _grid(sheet)
    _items(sheet)
    _totals(sheet)
    _stub(sheet)
    return sheet.pdf()


def _head(sheet: Sheet) -> None:
    sheet.path([(18, 30), (26, 16), (31, 24), (35, 18), (42, 30)], fill="#b5622f")
    sheet.path([(18, 30), (26, 16), (28.5, 20), (22.5, 30)], fill="#d98a55")
    sheet.circle(38, 14, 2.6, fill="#e9b44c")
    sheet.text(47, 19, "Copper Mesa Lab Equipment, Inc.", Style("Helvetica-Bold", 13))
    sheet.lines(
        47,
        24,
        ("1420 Canyon Spur Road, Suite 5", "Dry Fork, AZ 85999", "(520) 555-0142  |  ar@coppermesa.example"),
        BODY.but(size=8.6),
    )
    sheet.text(RIGHT, 21, "Invoice", Style("Helvetica-Bold", 24, align="right"))
    for x, label, value in ((148, "DATE", "03/05/2026"), (173, "INVOICE #", BILL.number)):
        sheet.box(x, 27, 25, 6, fill="#e8e8e8", stroke="#1c1c1c")
        sheet.box(x, 33, 25, 7, stroke="#1c1c1c")
        sheet.text(x + 12.5, 31.2, label, LABEL.but(align="centre"))
        sheet.text(x + 12.5, 37.8, value, BODY.but(align="centre"))


def _addresses(sheet: Sheet) -> None:
    bill_to = (BILL.buyer, "Attn: Purchasing, Hall C-114", "900 Ponderosa Way", "Tall Pine, AZ 86999")
    ship_to = (BILL.buyer, "Science Stockroom, Dock 2", "904 Ponderosa Way", "Tall Pine, AZ 86999")
    for x, label, words in ((LEFT, "BILL TO", bill_to), (112, "SHIP TO", ship_to)):
        sheet.box(x, 52, 86, 6, fill="#e8e8e8", stroke="#1c1c1c")
        sheet.box(x, 58, 86, 26, stroke="#1c1c1c")
        sheet.text(x + 3, 56.2, label, LABEL)
        sheet.lines(x + 3, 63.5, words, BODY)


def _order(sheet: Sheet) -> None:
    for position, (label, value) in enumerate(ORDER):
        x = LEFT + 30 * position
        sheet.box(x, 92, 30, 6, fill="#e8e8e8", stroke="#1c1c1c")
        sheet.box(x, 98, 30, 7, stroke="#1c1c1c")
        sheet.text(x + 15, 96.2, label, LABEL.but(align="centre"))
        sheet.text(x + 15, 102.8, value, BODY.but(align="centre"))


def _grid(sheet: Sheet) -> None:
    sheet.box(LEFT, GRID_TOP - 7, 180, 7, fill="#e8e8e8", stroke="#1c1c1c")
    for left, right in pairwise(EDGES):
        sheet.box(left, GRID_TOP - 7, right - left, GRID_END - GRID_TOP + 7, stroke="#1c1c1c")


def _items(sheet: Sheet) -> None:
    sheet.row(GRID_TOP - 2.2, COLUMNS, [column.title for column in COLUMNS], LABEL)
    y = GRID_TOP + 6.0
    for entry in BILL.items:
        taxed = "T" if entry.rate else ""
        cells = (
            entry.code,
            entry.description,
            str(entry.quantity),
            _amount(entry.unit_price),
            f"{_amount(entry.amount)}{taxed}",
        )
        y = sheet.row(y, COLUMNS, cells, BODY) + 3


def _totals(sheet: Sheet) -> None:
    sheet.paragraph(
        LEFT,
        197,
        100,
        "T = taxable item. Tracking 1Z 000 417 03 0000 0142. Thank you for supporting science education!",
        BODY.but(size=8.2),
    )
    rows = (
        ("Subtotal", _amount(BILL.net)),
        ("Sales Tax (8.25%)", _amount(BILL.tax)),
        ("Total (USD)", f"${_amount(BILL.total)}"),
    )
    for position, (label, value) in enumerate(rows):
        y = GRID_END + 8 * position
        last = position == len(rows) - 1
        sheet.box(125, y, 73, 8, fill="#e8e8e8" if last else "", stroke="#1c1c1c")
        style = BOLD.but(size=10.5) if last else BODY
        sheet.text(128, y + 5.4, label, style)
        sheet.text(196, y + 5.4, value, style.but(align="right"))


def _stub(sheet: Sheet) -> None:
    sheet.rule(LEFT, 229, RIGHT, points=0.4, dash=(2, 2))
    sheet.text(LEFT, 236, "Remit payment to:", BOLD)
    sheet.lines(LEFT, 241, ("Copper Mesa Lab Equipment, Inc.", "P.O. Box 00417", "Dry Fork, AZ 85999"), BODY)
    sheet.text(112, 236, "ACH / wire:", BOLD)
    bank = (
        ("Bank", "First Saguaro Bank"),
        ("Routing", "000041739"),
        ("Account", "0001 2345 67"),
        ("Federal EIN", BILL.seller_tax_id),
    )
    sheet.pairs(112, 241, 24, bank, BODY)
    sheet.text(
        108,
        266,
        "A late charge of 1.5% per month applies to balances past due.",
        Style("Helvetica-Oblique", 8, "#444444", "centre"),
    )


def _amount(value: Decimal) -> str:
    return written(value, ",", ".")


SAMPLE = Sample(
    name="invoice_us.pdf",
    what="Invoice of an American laboratory supplier",
    special="boxes and grid on Letter paper, `03/05/2026` is the 5th of March, sales tax on some lines, ship-to beside bill-to",
    make=make,
    schema="invoice",
    values=BILL.gold(),
)
