"""A German invoice as DIN 5008 wants it: window address, reference block, one VAT rate, discount for quick payment. Out: `SAMPLE`."""

from __future__ import annotations

from decimal import Decimal

from .bill import Invoice, cents, item, taxes, written
from .sample import Sample
from .sheet import Column, Sheet, Style

BILL = Invoice(
    number="RE-2026-0417",
    issued="2026-03-05",
    due="2026-04-04",
    seller="Brandtmeier Metallbau GmbH",
    seller_tax_id="DE000417936",
    buyer="Windkraft Osterfeld eG",
    currency="EUR",
    purchase_order="WKO-B-11873",
    items=(
        item(
            "Geländerpfosten 42,4 x 2, Edelstahl V2A",
            "24",
            "38.90",
            "19",
            unit="Stk",
            code="1204-42",
            note="geschliffen Korn 240, mit Fußplatte",
        ),
        item("Handlaufrohr Edelstahl, Länge 6 m", "9", "121.50", "19", unit="Stk", code="1210-60"),
        item(
            "Gitterrostbühne feuerverzinkt 1.200 x 800",
            "6",
            "214.75",
            "19",
            unit="Stk",
            code="3308-12",
            note="Maschenweite 30/10, Tragstab 30 x 3",
        ),
        item("Schraubensatz M10 A4-70", "48", "3.15", "19", unit="Satz", code="9071-10"),
        item(
            "Montage Turmzugang, zwei Monteure",
            "14.5",
            "96.00",
            "19",
            unit="Std",
            code="M-200",
            note="Leistungszeitraum 23.02. bis 26.02.2026",
        ),
        item("Anfahrt Montagefahrzeug", "4", "58.00", "19", unit="Fahrt", code="M-010"),
    ),
)
BODY = Style(size=9.2)
BOLD = BODY.but(font="Helvetica-Bold")
SMALL = Style(size=7, colour="#555555")
RIGHT = 190
BLUE = "#23405e"
COLUMNS = (
    Column("Pos.", 27, 8),
    Column("Art.-Nr.", 36, 17),
    Column("Bezeichnung", 53, 62),
    Column("Menge", 131, 16, "right"),
    Column("Einheit", 134, 12),
    Column("Einzelpreis", 166, 20, "right"),
    Column("Gesamt", 188, 22, "right"),
)


def make() -> bytes:
    """The PDF."""
    sheet = Sheet(f"Rechnung {BILL.number}", BILL.seller)
    _letterhead(sheet)
    _address(sheet)
    _reference(sheet)
    y = _table(sheet, _opening(sheet))
    _closing(sheet, _totals(sheet, y))
    _footer(sheet)
    return sheet.pdf()


def _letterhead(sheet: Sheet) -> None:
    sheet.path([(25, 28), (25, 14), (32, 21), (39, 14), (39, 28)], stroke=BLUE, points=5)
    sheet.box(22.6, 30.2, 18.8, 1.4, fill="#c8742b")
    sheet.text(46, 22, "BRANDTMEIER", Style("Helvetica-Bold", 19, BLUE))
    sheet.text(46, 28, "Metallbau  ·  Treppen  ·  Bühnen  ·  Geländer", Style(size=9, colour="#555555"))
    for y in (105, 148.5, 210):
        sheet.rule(4, y, 9 if y == 148.5 else 7, points=0.3, colour="#777777")


def _address(sheet: Sheet) -> None:
    sheet.text(25, 47, "Brandtmeier Metallbau GmbH · Hammerweg 14 · 58799 Lennetal", SMALL.but(size=6.5))
    sheet.rule(25, 48.2, 92, points=0.3, colour="#777777")
    sheet.lines(
        25,
        54,
        ("Windkraft Osterfeld eG", "Rechnungswesen", "Am Deichtor 3", "25799 Wesselhusen"),
        Style(size=10.5),
    )


def _reference(sheet: Sheet) -> None:
    rows = (
        ("Rechnungs-Nr.:", BILL.number),
        ("Rechnungsdatum:", "05.03.2026"),
        ("Kunden-Nr.:", "20451"),
        ("Ihre Bestellung:", BILL.purchase_order),
        ("Lieferschein:", "LS-2026-0388"),
        ("Bearbeiterin:", "Frau Jutta Kremer"),
        ("Telefon:", "+49 30 23125 417"),
    )
    sheet.box(122, 46, 68, 37, fill="#eef1f4")
    sheet.pairs(126, 52, 31, rows, BODY)


def _opening(sheet: Sheet) -> float:
    sheet.text(25, 100, f"Rechnung {BILL.number}", Style("Helvetica-Bold", 14))
    words = (
        "Sehr geehrte Damen und Herren, für unsere Lieferungen und Leistungen am Turmzugang Anlage 7 "
        "berechnen wir Ihnen wie vereinbart:"
    )
    return sheet.paragraph(25, 108, 165, words, BODY) + 5


def _table(sheet: Sheet, y: float) -> float:
    sheet.box(25, y - 4.6, 165, 6.8, fill=BLUE)
    sheet.row(y, COLUMNS, [column.title for column in COLUMNS], Style("Helvetica-Bold", 8.2, "#ffffff"))
    y += 7.6
    for position, entry in enumerate(BILL.items, start=1):
        cells = (
            str(position),
            entry.code,
            entry.description,
            _number(entry.quantity),
            entry.unit,
            _amount(entry.unit_price),
            _amount(entry.amount),
        )
        end = sheet.row(y, COLUMNS, cells, BODY.but(size=8.8))
        if entry.note:
            end = sheet.paragraph(53, end, 62, entry.note, SMALL)
        sheet.rule(25, end - 1.8, RIGHT, points=0.3, colour="#b5bcc4")
        y = end + 3
    return y


def _totals(sheet: Sheet, y: float) -> float:
    rows = [("Nettobetrag", f"{_amount(BILL.net)} EUR")]
    rows += [(f"zzgl. {rate} % MwSt", f"{_amount(tax)} EUR") for rate, (_, tax) in taxes(BILL.items).items()]
    y = sheet.sums(124, 188, y + 3, rows, BODY)
    sheet.rule(122, y - 3.6, RIGHT, points=0.8)
    y = sheet.sums(
        124, 188, y + 1.2, [("Rechnungsbetrag", f"{_amount(BILL.total)} EUR")], BOLD.but(size=10.5)
    )
    sheet.rule(122, y - 3.8, RIGHT, points=0.8)
    sheet.rule(122, y - 3.1, RIGHT, points=0.8)
    return y + 6


def _closing(sheet: Sheet, y: float) -> None:
    early = _amount(cents(BILL.total * 98 / 100))
    words = (
        f"Zahlbar bis 04.04.2026 ohne Abzug. Bei Zahlung bis 15.03.2026 gewähren wir 2 % Skonto, das sind dann {early} EUR. "
        "Die Ware bleibt bis zur vollständigen Bezahlung unser Eigentum. Lieferdatum entspricht dem Lieferschein."
    )
    y = sheet.paragraph(25, y, 165, words, BODY)
    y = sheet.lines(25, y + 4, ("Mit freundlichen Grüßen", "", "Brandtmeier Metallbau GmbH"), BODY)
    sheet.text(25, y, "Dieses Schreiben wurde maschinell erstellt und ist ohne Unterschrift gültig.", SMALL)


def _footer(sheet: Sheet) -> None:
    sheet.rule(25, 271, RIGHT, points=0.5, colour=BLUE)
    columns = (
        (25, ("Brandtmeier Metallbau GmbH", "Hammerweg 14", "58799 Lennetal")),
        (68, ("Tel. +49 30 23125 400", "buchhaltung@brandtmeier.example", "www.brandtmeier.example")),
        (112, ("Volksbank Lennetal", "IBAN DE00 4476 0000 0071 2204 00", "BIC GENODEX1LNT")),
        (
            153,
            ("USt-IdNr. DE000417936", "Amtsgericht Lennetal HRB 00417", "Geschäftsführer: Arno Brandtmeier"),
        ),
    )
    for x, words in columns:
        sheet.lines(x, 275, words, SMALL.but(size=6.6))


def _amount(value: Decimal) -> str:
    return written(value, ".", ",")


def _number(value: Decimal) -> str:
    return str(value).replace(".", ",")


SAMPLE = Sample(
    name="invoice_de.pdf",
    what="Invoice of a German metal workshop",
    special="DIN 5008 letter, `1.234,56 EUR`, `05.03.2026`, 19 % MwSt, two due dates (Skonto)",
    make=make,
    schema="invoice",
    values=BILL.gold(),
)
