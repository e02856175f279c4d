"""A Swiss invoice of two pages: 36 lines, a sum carried over, amounts as `1'234.56`. Out: `SAMPLE`."""

from __future__ import annotations

from decimal import Decimal

from .bill import Invoice, Item, item, net_total, written
from .sample import Sample
from .sheet import Column, Sheet, Style

GOODS = """\
30-101|Spruce board planed 24 x 145 mm, 4 m|65|11.40
30-102|Spruce board planed 24 x 195 mm, 4 m|40|15.85
30-118|Larch decking grooved 27 x 142 mm, 3 m|120|18.60
30-131|Oak threshold 20 x 80 mm, 1 m|14|22.75
30-140|Birch plywood 12 mm, 2500 x 1250 mm|26|64.90
30-142|Birch plywood 18 mm, 2500 x 1250 mm|18|88.30
30-155|Three-layer panel spruce 27 mm, 5000 x 2050 mm|7|246.00
31-004|Wood fibre board 60 mm, tongue and groove|48|17.25
31-011|Cellulose insulation, bag of 15 kg|36|21.90
31-020|Vapour control sheet, roll of 75 square metres|4|139.50
31-027|Airtight tape 60 mm, roll of 40 m|22|28.40
32-200|Wood screw 5 x 60 mm Torx, box of 500|16|34.20
32-201|Wood screw 6 x 120 mm Torx, box of 200|12|39.80
32-214|Facade screw stainless 4.5 x 50 mm, box of 250|19|57.60
32-230|Joist hanger 60 x 130 mm|84|2.95
32-231|Angle bracket reinforced 90 mm|150|1.85
32-245|Threaded rod M12 galvanised, 1 m|24|4.60
32-260|Ring nails 2.8 x 70 mm, box of 2500|6|48.10
33-310|Window sill aluminium 150 mm, per metre|32|19.75
33-315|Expanding joint tape 15 mm, roll of 8 m|20|16.35
33-322|Mounting foam low expansion, 750 ml|30|12.90
33-340|Silicone facade grey, cartridge 310 ml|44|9.45
34-005|Linseed oil glaze natural, 10 litres|5|186.00
34-009|Primer for larch, 5 litres|6|92.40
34-016|Brush flat 70 mm, natural bristle|18|8.70
35-100|Scaffold anchor with eye, set of 10|8|43.25
35-108|Tarpaulin reinforced 6 x 8 m|5|79.90
35-121|Ratchet strap 50 mm, 8 m|16|17.50
36-001|Saw blade 250 mm, 60 teeth|3|84.60
36-004|Jigsaw blade for wood, pack of 25|7|36.80
36-012|Sanding disc 150 mm grain 120, pack of 50|9|41.15
36-020|Work glove lined, size 10|40|5.35
37-500|Cutting to size, per cut|94|1.60
37-510|Planing and bevelling, per hour|6.5|98.00
37-900|Crane lorry, unloading on site, per hour|5.25|165.00
37-910|Returnable pallets, deposit|22|14.00"""


def _goods() -> tuple[Item, ...]:
    rows = (line.split("|") for line in GOODS.splitlines())
    return tuple(
        item(description, quantity, price, "8.1", code=code) for code, description, quantity, price in rows
    )


BILL = Invoice(
    number="26-104388",
    issued="2026-09-28",
    due="2026-10-28",
    seller="Holzhandel Gantenbein AG",
    seller_tax_id="CHE-000.417.392 MWST",
    buyer="Zimmerei Caduff & Töchter GmbH",
    currency="CHF",
    purchase_order="Chalet Surgonda / 2026-17",
    items=_goods(),
)
BODY = Style(size=8.4)
BOLD = BODY.but(font="Helvetica-Bold")
SMALL = Style(size=7, colour="#555555")
RED = "#9c2f2f"
FIRST_PAGE = 22  # lines on page 1
COLUMNS = (
    Column("Pos", 20, 8),
    Column("Article", 30, 16),
    Column("Description", 48, 80),
    Column("Quantity", 144, 16, "right"),
    Column("Price CHF", 166, 20, "right"),
    Column("Amount CHF", 190, 24, "right"),
)


def make() -> bytes:
    """The PDF of two pages."""
    sheet = Sheet(f"Invoice {BILL.number}", BILL.seller)
    _logo(sheet)
    _address(sheet)
    y = _rows(sheet, _heading(sheet, 99), 0, FIRST_PAGE)
    carried = _amount(net_total(BILL.items[:FIRST_PAGE]))
    sheet.sums(124, 190, y + 2, [("Carried forward", carried)], BOLD)
    _foot(sheet, 1)
    sheet.next_page()
    _logo(sheet)
    sheet.text(20, 44, f"Invoice {BILL.number} of 28 September 2026, {BILL.buyer}", BODY)
    y = _heading(sheet, 54)
    y = sheet.sums(124, 190, y, [("Brought forward", carried)], BOLD)
    _end(sheet, _rows(sheet, y + 1, FIRST_PAGE, len(BILL.items)))
    _foot(sheet, 2)
    return sheet.pdf()


def _logo(sheet: Sheet) -> None:
    for radius, colour in ((9, "#caa472"), (7, "#e3c79d"), (5, "#caa472"), (3, "#e3c79d"), (1, "#8a5a2b")):
        sheet.circle(181, 22, radius, fill=colour)
    sheet.path([(172, 31), (190, 13)], stroke="#ffffff", points=1.4)
    sheet.text(20, 20, "GANTENBEIN", Style("Helvetica-Bold", 20, RED))
    sheet.text(20, 26, "Holzhandel AG  |  timber, panels and fixings since 1931", SMALL.but(size=8.4))
    sheet.rule(20, 34, 190, points=1.2, colour=RED)


def _address(sheet: Sheet) -> None:
    seller = (
        "Holzhandel Gantenbein AG",
        "Sägereistrasse 41",
        "CH-0000 Rheinau-Au",
        "Phone +41 44 000 04 17",
        "debitoren@gantenbein.example",
    )
    sheet.lines(20, 45, seller, BODY)
    sheet.lines(118, 45, (BILL.buyer, "Via Surgonda 8", "CH-0000 Valdrun"), BODY.but(size=10))
    sheet.text(20, 78, f"INVOICE {BILL.number}", Style("Helvetica-Bold", 14))
    left = (("Date of invoice", "28 September 2026"), ("Payable by", "28 October 2026"))
    right = (("Your order", BILL.purchase_order), ("VAT number", BILL.seller_tax_id))
    sheet.pairs(20, 85, 28, left, BODY)
    sheet.pairs(118, 85, 24, right, BODY)


def _heading(sheet: Sheet, y: float) -> float:
    sheet.box(20, y - 4.4, 170, 6.4, fill="#f1e7da")
    sheet.row(y, COLUMNS, [column.title for column in COLUMNS], BOLD.but(size=8))
    return y + 7


def _rows(sheet: Sheet, y: float, first: int, end: int) -> float:
    for position in range(first, end):
        entry = BILL.items[position]
        cells = (
            f"{position + 1}",
            entry.code,
            entry.description,
            str(entry.quantity),
            _amount(entry.unit_price),
            _amount(entry.amount),
        )
        sheet.row(y, COLUMNS, cells, BODY)
        sheet.rule(20, y + 1.9, 190, points=0.2, colour="#c9bba8")
        y += 6.6
    return y


def _end(sheet: Sheet, y: float) -> None:
    rows = [("Net total CHF", _amount(BILL.net)), ("VAT 8.1 %", _amount(BILL.tax))]
    y = sheet.sums(124, 190, y + 4, rows, BODY.but(size=9))
    sheet.rule(124, y - 3.2, 190, points=0.8)
    y = sheet.sums(124, 190, y + 1.6, [("Invoice total CHF", _amount(BILL.total))], BOLD.but(size=10.5))
    sheet.rule(124, y - 3.4, 190, points=0.8)
    words = (
        "Payable within 30 days net. Timber is a natural product: differences in colour and grain are no defect. Pallets are credited "
        "when they come back within 90 days. Place of jurisdiction is the seat of the seller."
    )
    y = sheet.paragraph(20, y + 8, 170, words, SMALL.but(size=8))
    bank = (
        ("Bank", "Rheinau Kantonalbank"),
        ("IBAN", "CH00 0041 7392 0000 1234 5"),
        ("BIC", "RHKBCH00"),
        ("Reference", "26 10438 80000 00020"),
    )
    sheet.pairs(20, y + 6, 24, bank, BODY)


def _foot(sheet: Sheet, page: int) -> None:
    sheet.rule(20, 280, 190, points=0.4, colour=RED)
    sheet.text(20, 284.5, "Holzhandel Gantenbein AG, Sägereistrasse 41, CH-0000 Rheinau-Au", SMALL)
    sheet.text(190, 284.5, f"Page {page} of 2", SMALL.but(align="right"))


def _amount(value: Decimal) -> str:
    return written(value, "'", ".")


SAMPLE = Sample(
    name="invoice_ch.pdf",
    what="Invoice of a Swiss timber merchant",
    special="two pages, 36 lines, a sum carried over that is not the total, `CHF 12'345.60`",
    make=make,
    schema="invoice",
    values=BILL.gold(),
)
