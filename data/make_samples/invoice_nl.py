"""A Dutch invoice in a modern dress: a side panel, embedded Vera fonts, two rates of BTW. Out: `SAMPLE`."""

from __future__ import annotations

from decimal import Decimal

from .bill import Invoice, item, taxes, written
from .sample import Sample
from .sheet import Column, Sheet, Style, use_vera

BILL = Invoice(
    number="2026-00731",
    issued="2026-06-17",
    due="2026-07-01",
    seller="Studio Lichtbaken B.V.",
    seller_tax_id="NL000417392B01",
    buyer="Stichting Havenmuseum De Loods",
    currency="EUR",
    purchase_order="HDL-26-044",
    items=(
        item(
            "Ontwerp lichtplan tentoonstelling",
            "32",
            "92.50",
            "21",
            unit="uur",
            note="Zalen 1 t/m 4, periode 4 mei - 5 juni",
        ),
        item("Ledspot 3000 K, dimbaar", "46", "38.75", "21", unit="stuks", note="inclusief railadapter"),
        item("Spanningsrail 2 meter, zwart", "18", "29.90", "21", unit="stuks"),
        item(
            "Rondleidingboekje Licht op de Loods",
            "150",
            "6.20",
            "9",
            unit="stuks",
            note="full colour, 32 pagina's",
        ),
        item("Montage en inregelen op locatie", "11.5", "68.00", "21", unit="uur"),
    ),
)
BODY = Style("Vera", 8)
BOLD = Style("Vera-Bold", 8)
SMALL = Style("Vera", 6.6, "#666666")
ORANGE, NIGHT = "#f07d1a", "#22313f"
COLUMNS = (
    Column("Omschrijving", 66, 54),
    Column("Aantal", 136, 16, "right"),
    Column("Tarief", 155, 18, "right"),
    Column("BTW", 168, 12, "right"),
    Column("Bedrag", 195, 26, "right"),
)


def make() -> bytes:
    """The PDF."""
    use_vera()
    sheet = Sheet(f"Factuur {BILL.number}", BILL.seller)
    _panel(sheet)
    _head(sheet)
    _totals(sheet, _table(sheet))
    return sheet.pdf()


def _panel(sheet: Sheet) -> None:
    sheet.box(0, 0, 55, 297, fill=NIGHT)
    sheet.path([(22, 44), (25, 22), (31, 22), (34, 44)], fill="#ffffff")
    sheet.box(24, 30, 8, 3.4, fill=ORANGE)
    sheet.box(23, 37, 10, 3.4, fill=ORANGE)
    sheet.circle(28, 19, 3, fill=ORANGE)
    for spread in (-6, 0, 6):
        sheet.path([(32, 19), (47, 15 + spread), (47, 18 + spread)], fill="#f9c58d")
    light = Style("Vera", 7.2, "#ffffff", leading=1.55)
    strong = light.but(font="Vera-Bold")
    blocks = (
        (
            "Studio Lichtbaken B.V.",
            (
                "Kade 17, loods C",
                "0000 XH Vlietwijk",
                "+31 (0)88 000 04 17",
                "post@lichtbaken.example",
                "www.lichtbaken.example",
            ),
        ),
        ("Bank", ("Polderbank N.V.", "NL00 POLD 0000 4173 92", "BIC POLDNL2A", "t.n.v. Studio Lichtbaken")),
        ("Registratie", ("KvK 00041739", f"BTW {BILL.seller_tax_id}")),
    )
    y = 58.0
    for title, words in blocks:
        sheet.text(8, y, title, strong)
        y = sheet.lines(8, y + 4.4, words, light) + 6


def _head(sheet: Sheet) -> None:
    sheet.text(66, 30, "Factuur", Style("Vera-Bold", 26, ORANGE))
    sheet.lines(
        66,
        46,
        (BILL.buyer, "t.a.v. de administratie", "Oude Havendijk 202", "0000 AB Zuiderkoog"),
        BODY.but(size=9),
    )
    rows = (
        ("Factuurnummer", BILL.number),
        ("Factuurdatum", "17-06-2026"),
        ("Vervaldatum", "01-07-2026"),
        ("Uw referentie", BILL.purchase_order),
        ("Klantnummer", "10058"),
    )
    sheet.pairs(140, 46, 28, rows, BODY.but(leading=1.6))
    sheet.text(66, 82, "Betreft: verlichting tentoonstelling 'Een eeuw aan de kade'", BOLD)


def _table(sheet: Sheet) -> float:
    y = 95.0
    sheet.row(y, COLUMNS, [column.title for column in COLUMNS], BOLD.but(colour=ORANGE))
    sheet.rule(66, y + 2.4, 195, points=1.6, colour=ORANGE)
    y += 8.6
    for entry in BILL.items:
        quantity = f"{entry.quantity} {entry.unit}".replace(".", ",")
        cells = (
            entry.description,
            quantity,
            _amount(entry.unit_price),
            f"{entry.rate}%",
            _amount(entry.amount),
        )
        end = sheet.row(y, COLUMNS, cells, BODY)
        if entry.note:
            end = sheet.paragraph(66, end, 54, entry.note, SMALL)
        sheet.rule(66, end - 1, 195, points=0.3, colour="#c9c9c9")
        y = end + 4.4
    return y


def _totals(sheet: Sheet, y: float) -> None:
    rows = [("Totaal exclusief btw", f"€ {_amount(BILL.net)}")]
    rows += [
        (f"Btw {rate}% over € {_amount(base)}", f"€ {_amount(tax)}")
        for rate, (base, tax) in taxes(BILL.items).items()
    ]
    rows += [("Totaal btw", f"€ {_amount(BILL.tax)}")]
    y = sheet.sums(120, 195, y + 3, rows, BODY)
    sheet.box(117, y - 2.6, 78, 10, fill=ORANGE)
    sheet.text(120, y + 3.9, "Te betalen", Style("Vera-Bold", 10, "#ffffff"))
    sheet.text(193, y + 3.9, f"€ {_amount(BILL.total)}", Style("Vera-Bold", 10, "#ffffff", "right"))
    words = (
        f"Wij verzoeken u het bedrag van € {_amount(BILL.total)} uiterlijk 01-07-2026 over te maken onder vermelding van "
        f"factuurnummer {BILL.number}. Op al onze opdrachten zijn onze algemene voorwaarden van toepassing; alle bedragen zijn in EUR."
    )
    sheet.paragraph(66, y + 24, 129, words, BODY)
    sheet.text(66, y + 42, "Bedankt voor de prettige samenwerking!", Style("Vera-Italic", 8, ORANGE))


def _amount(value: Decimal) -> str:
    return written(value, ".", ",")


SAMPLE = Sample(
    name="invoice_nl.pdf",
    what="Factuur of a Dutch lighting studio",
    special="seller only in a side panel, embedded TrueType fonts, `17-06-2026`, BTW 21 % and 9 %",
    make=make,
    schema="invoice",
    values=BILL.gold(),
)
