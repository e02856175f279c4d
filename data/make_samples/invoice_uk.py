"""A British VAT invoice with a colour band, two addresses, a VAT summary and a remittance slip to cut off. Out: `SAMPLE`."""

from __future__ import annotations

from decimal import Decimal

from .bill import Invoice, item, taxes, written
from .sample import Sample
from .sheet import Column, Sheet, Style

BILL = Invoice(
    number="INV-20388",
    issued="2026-05-12",
    due="2026-06-11",
    seller="Pennywhistle Garden Supplies Ltd",
    seller_tax_id="GB 000 4173 96",
    buyer="Ravensmoor Botanical Trust",
    currency="GBP",
    purchase_order="RBT-0917",
    items=(
        item("Peat-free multipurpose compost, 50 litre", "120", "7.45", "20", code="CMP50"),
        item("Galvanised watering can, 10 litre", "16", "18.90", "20", code="WC-G10"),
        item("Terracotta long tom pot, 18 cm", "250", "2.36", "20", code="LT18"),
        item("Seed potatoes, Charlotte, 2 kg net", "40", "4.10", "0", code="SP-CHA"),
        item("Runner bean seed, Painted Lady, 500 g", "12", "11.75", "0", code="RB-PL5"),
        item("Bamboo canes 2.4 m, bundle of 50", "8", "24.60", "20", code="BC240"),
        item("Delivery, tail lift vehicle", "1", "65.00", "20", code="DEL-TL"),
    ),
)
GREEN = "#1f5a3d"
PALE = "#eef4ee"
BODY = Style(size=9)
BOLD = BODY.but(font="Helvetica-Bold")
SMALL = Style(size=7.4, colour="#4a4a4a")
COLUMNS = (
    Column("Code", 20, 20),
    Column("Description", 41, 66),
    Column("Qty", 119, 14, "right"),
    Column("Unit price", 142, 20, "right"),
    Column("VAT %", 159, 14, "right"),
    Column("Amount £", 188, 24, "right"),
)


def make() -> bytes:
    """The PDF."""
    sheet = Sheet(f"Invoice {BILL.number}", BILL.seller)
    _band(sheet)
    _addresses(sheet)
    y = _totals(sheet, _table(sheet))
    _terms(sheet, y)
    _slip(sheet)
    return sheet.pdf()


def _band(sheet: Sheet) -> None:
    sheet.box(0, 0, 210, 34, fill=GREEN)
    sheet.path([(25, 25), (25, 14)], stroke="#ffffff", points=1.6)
    sheet.path([(25, 17), (19, 13), (18, 8), (23, 11)], fill="#9fce8a")
    sheet.path([(25, 14), (31, 11), (33, 6), (27, 8)], fill="#cfe8b5")
    sheet.path([(19, 25), (31, 25), (29, 30), (21, 30)], fill="#c9744a")
    sheet.text(38, 17, "Pennywhistle", Style("Times-BoldItalic", 24, "#ffffff"))
    sheet.text(38, 24, "Garden Supplies Ltd", Style("Times-Italic", 13, "#dcebd9"))
    sheet.text(190, 21, "INVOICE", Style("Helvetica-Bold", 24, "#ffffff", "right"))


def _addresses(sheet: Sheet) -> None:
    seller = (BILL.seller, "Unit 6, Tanyard Lane", "Little Haverford", "LH4 7QX", "Tel 01632 960417")
    sheet.text(20, 43, "FROM", SMALL)
    sheet.lines(20, 48, seller, BODY)
    buyer = (BILL.buyer, "Accounts Payable", "The Orangery, Ravensmoor Park", "Upper Sallow", "US1 2ZZ")
    sheet.text(78, 43, "INVOICE TO", SMALL)
    sheet.lines(78, 48, buyer, BODY)
    rows = (
        ("Invoice number", BILL.number),
        ("Invoice date", "12 May 2026"),
        ("Due date", "11 June 2026"),
        ("Your order", BILL.purchase_order),
        ("Account", "RAV004"),
        ("VAT reg. no.", BILL.seller_tax_id),
    )
    sheet.box(137, 39, 53, 33, fill=PALE)
    sheet.pairs(140, 45, 25, rows, BODY.but(size=8.6, leading=1.55))


def _table(sheet: Sheet) -> float:
    y = 84.0
    sheet.row(y, COLUMNS, [column.title for column in COLUMNS], BOLD.but(size=8.4, colour=GREEN))
    sheet.rule(18, y + 2.2, 190, points=1.4, colour=GREEN)
    y += 7.4
    for position, entry in enumerate(BILL.items):
        if position % 2 == 0:
            sheet.box(18, y - 4.6, 172, 6.8, fill=PALE)
        cells = (
            entry.code,
            entry.description,
            str(entry.quantity),
            str(entry.unit_price),
            str(entry.rate),
            _amount(entry.amount),
        )
        sheet.row(y, COLUMNS, cells, BODY)
        y += 6.8
    sheet.rule(18, y - 4.4, 190, points=0.6, colour=GREEN)
    return y


def _totals(sheet: Sheet, y: float) -> float:
    sheet.text(20, y + 3, "VAT SUMMARY", SMALL)
    columns = (Column("Rate", 20, 16), Column("Goods", 58, 20, "right"), Column("VAT", 80, 18, "right"))
    sheet.row(y + 8, columns, [column.title for column in columns], BOLD.but(size=8))
    sheet.rule(20, y + 9.6, 80, points=0.4)
    below = y + 14
    for rate, (base, tax) in taxes(BILL.items).items():
        below = sheet.row(below, columns, (f"{rate}%", _amount(base), _amount(tax)), BODY.but(size=8.4))
    rows = (("Total net", f"£{_amount(BILL.net)}"), ("Total VAT", f"£{_amount(BILL.tax)}"))
    end = sheet.sums(128, 188, y + 4, rows, BODY)
    sheet.box(125, end - 3.2, 65, 9, fill=GREEN)
    sheet.sums(
        128,
        188,
        end + 2.8,
        [("Total due (GBP)", f"£{_amount(BILL.total)}")],
        Style("Helvetica-Bold", 11, "#ffffff"),
    )
    return end + 16


def _terms(sheet: Sheet, y: float) -> None:
    words = (
        "Payment is due within 30 days of the invoice date. Goods remain the property of Pennywhistle Garden Supplies Ltd until paid "
        "for in full. Plants and seed are zero-rated or standard-rated as shown. Please tell us of any shortage "
        "within three working days of delivery."
    )
    sheet.paragraph(20, y, 168, words, SMALL)
    sheet.text(20, y + 11, "Registered in England and Wales no. 00041739. Registered office as above.", SMALL)


def _slip(sheet: Sheet) -> None:
    sheet.rule(10, 238, 200, points=0.6, colour="#777777", dash=(3, 3))
    sheet.text(105, 236.6, "please detach and return with your payment", SMALL.but(align="centre", size=6.6))
    sheet.text(20, 247, "REMITTANCE ADVICE", BOLD.but(size=11, colour=GREEN))
    bank = (
        ("Bank", "Haverford & Sallow Bank"),
        ("Sort code", "00-41-73"),
        ("Account no.", "00012345"),
        ("IBAN", "GB00 HVSB 0041 7300 0123 45"),
    )
    sheet.pairs(20, 255, 24, bank, BODY)
    reference = (
        ("Invoice", BILL.number),
        ("Account", "RAV004"),
        ("Amount", f"£{_amount(BILL.total)}"),
        ("Pay by", "11 June 2026"),
    )
    sheet.pairs(125, 255, 24, reference, BODY)
    sheet.text(
        105, 288, "sales@pennywhistle.example   ·   www.pennywhistle.example", SMALL.but(align="centre")
    )


def _amount(value: Decimal) -> str:
    return written(value, ",", ".")


SAMPLE = Sample(
    name="invoice_uk.pdf",
    what="VAT invoice of a British garden supplier",
    special="colour band, 20 % and zero-rated lines with a VAT summary, remittance slip that repeats the values",
    make=make,
    schema="invoice",
    values=BILL.gold(),
)
