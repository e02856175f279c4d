"""A digital receipt of a Norwegian bicycle workshop, on a small page. Out: `SAMPLE`."""

from __future__ import annotations

from decimal import Decimal

from reportlab.lib.pagesizes import A5

from .bill import Receipt, item, written
from .sample import Sample
from .sheet import Column, Sheet, Style, use_vera

BILL = Receipt(
    merchant="Fjellhjul Sykkelverksted AS",
    address="Brygga 12, 0000 Sandvåg",
    date="2026-08-14",
    time="16:07",
    currency="NOK",
    payment="Bankkort",
    items=(
        item("Stor service, el-sykkel", "1", "1890.00", "25"),
        item("Kjede 11-delt, rustfri", "1", "449.00", "25"),
        item("Bremseklosser skive, par", "2", "219.00", "25"),
        item("Slange 28 tommer, bilventil", "2", "99.00", "25"),
        item("Refleksvest barn", "3", "79.50", "25"),
        item("Kjededrev rengjøring, miljøgebyr", "1", "35.00", "25"),
    ),
)
BODY = Style("Vera", 8)
BOLD = Style("Vera-Bold", 8)
SMALL = Style("Vera", 6.4, "#666666")
TEAL = "#0b6e78"
COLUMNS = (
    Column("Vare", 14, 56),
    Column("Antall", 84, 14, "right"),
    Column("Pris", 107, 20, "right"),
    Column("Sum", 134, 24, "right"),
)


def make() -> bytes:
    """The PDF, on A5 paper."""
    use_vera()
    sheet = Sheet("Kvittering 2026-5521", BILL.merchant, A5)
    _head(sheet)
    _sums(sheet, _goods(sheet))
    sheet.text(
        74,
        196,
        "Åpent man-fre 8-17, lør 10-14   |   hei@fjellhjul.example   |   www.fjellhjul.example",
        SMALL.but(align="centre"),
    )
    return sheet.pdf()


def _head(sheet: Sheet) -> None:
    for x in (19, 37):
        sheet.circle(x, 22, 6, stroke=TEAL, points=1.8)
        sheet.circle(x, 22, 1, fill=TEAL)
    sheet.path([(19, 22), (25, 14), (34, 14), (28, 22), (19, 22)], stroke=TEAL, points=1.6)
    sheet.path([(28, 22), (24, 12), (22, 12), (26, 12)], stroke=TEAL, points=1.6)
    sheet.path([(37, 22), (33, 11), (36.5, 10)], stroke=TEAL, points=1.6)
    sheet.text(50, 19, BILL.merchant, Style("Vera-Bold", 13, TEAL))
    sheet.lines(
        50, 24, ("Brygga 12, 0000 Sandvåg", "Org.nr. 000 417 392 MVA   Tlf. 00 00 04 17"), BODY.but(size=7.4)
    )
    sheet.rule(14, 35, 134, points=1, colour=TEAL)
    sheet.text(14, 44, "Kvittering", Style("Vera-Bold", 15))
    left = (("Kvitteringsnr.", "2026-5521"), ("Dato", "14.08.2026"), ("Klokkeslett", "16:07"))
    right = (("Kunde", "Ingrid Solbakk"), ("Sykkel", "Trollvann City 3, blå"), ("Betjent av", "Mats"))
    sheet.pairs(14, 52, 27, left, BODY.but(leading=1.5))
    sheet.pairs(76, 52, 22, right, BODY.but(leading=1.5))


def _goods(sheet: Sheet) -> float:
    y = 74.0
    sheet.row(y, COLUMNS, [column.title for column in COLUMNS], BOLD)
    sheet.rule(14, y + 2, 134, points=0.6)
    y += 7
    for entry in BILL.items:
        cells = (entry.description, str(entry.quantity), _amount(entry.unit_price), _amount(entry.amount))
        y = sheet.row(y, COLUMNS, cells, BODY) + 2.4
    sheet.rule(14, y - 3, 134, points=0.6)
    return y


def _sums(sheet: Sheet, y: float) -> None:
    y = sheet.sums(70, 134, y + 3, [("Totalt NOK", _amount(BILL.total))], Style("Vera-Bold", 11))
    rows = [
        (f"Herav mva {rate} % av {_amount(base - tax)}", _amount(tax))
        for rate, (base, tax) in BILL.taxes.items()
    ]
    y = sheet.sums(70, 134, y, [*rows, (f"Betalt med {BILL.payment}", _amount(BILL.total))], BODY)
    sheet.text(14, y + 10, "Takk for besøket - god tur!", Style("Vera-Italic", 9, TEAL))
    words = "Verkstedarbeid har seks måneders garanti. Ta med denne kvitteringen ved reklamasjon. Transaksjon 0417-3926-5521."
    sheet.paragraph(14, y + 16, 120, words, SMALL)


def _amount(value: Decimal) -> str:
    return written(value, "\u00a0", ",")


SAMPLE = Sample(
    name="receipt_workshop.pdf",
    what="Receipt of a Norwegian bicycle workshop",
    special="A5 page, Norwegian, `1 890,00` with a no-break space, prices that hold the tax",
    make=make,
    schema="receipt",
    values=BILL.gold(),
)
