"""A French invoice set in Times: accents, two rates of TVA, SIRET and the legal lines, amounts as `1 234,56 €`. Out: `SAMPLE`."""

from __future__ import annotations

from decimal import Decimal

from .bill import Invoice, item, taxes, written
from .sample import Sample
from .sheet import Column, Sheet, Style

BILL = Invoice(
    number="FA-2026-0318",
    issued="2026-04-17",
    due="2026-05-31",
    seller="Maison Thévenot-Lacaze SARL",
    seller_tax_id="FR00 004 173 926",
    buyer="Hôtel des Trois Écluses",
    currency="EUR",
    items=(
        item("Bière ambrée artisanale, fût de 20 litres", "8", "74.00", "20", code="BA-20"),
        item("Cidre fermier brut, carton de 6 bouteilles", "15", "27.60", "20", code="CF-06"),
        item("Jus de pomme trouble, carton de 12 x 25 cl", "22", "19.80", "5.5", code="JP-12"),
        item("Confiture de mirabelles, pot de 340 g", "60", "3.95", "5.5", code="CM-34"),
        item("Miel de forêt crémeux, seau de 5 kg", "4", "48.50", "5.5", code="MF-5K"),
        item("Vinaigre de cidre vieilli en fût, bidon de 10 litres", "3", "31.20", "5.5", code="VC-10"),
        item("Location de tireuse à bière, week-end", "2", "65.00", "20", code="LO-TB"),
        item("Livraison et mise en cave", "1", "38.00", "20", code="LIV"),
    ),
)
BODY = Style("Times-Roman", 10)
BOLD = BODY.but(font="Times-Bold")
SMALL = Style("Times-Roman", 7.8, "#4d4038")
WINE = "#7a1f2b"
COLUMNS = (
    Column("Réf.", 20, 16),
    Column("Désignation", 38, 76),
    Column("Qté", 127, 12, "right"),
    Column("P.U. HT", 147, 18, "right"),
    Column("TVA", 163, 14, "right"),
    Column("Total HT", 190, 24, "right"),
)


def make() -> bytes:
    """The PDF."""
    sheet = Sheet(f"Facture {BILL.number}", BILL.seller)
    _head(sheet)
    _parties(sheet)
    y = _table(sheet)
    _rates(sheet, y)
    y = _totals(sheet, y)
    _legal(sheet, y + 8)
    return sheet.pdf()


def _head(sheet: Sheet) -> None:
    sheet.circle(105, 19, 9, stroke=WINE, points=1.2)
    sheet.circle(105, 19, 7.8, stroke=WINE, points=0.4)
    sheet.path([(105, 26), (105, 15)], stroke=WINE, points=1)
    for step in (0, 3, 6):
        sheet.path([(105, 24 - step), (101, 20 - step), (105, 21.4 - step)], fill=WINE)
        sheet.path([(105, 24 - step), (109, 20 - step), (105, 21.4 - step)], fill=WINE)
    sheet.text(105, 37, "Maison Thévenot-Lacaze", Style("Times-Italic", 23, WINE, "centre"))
    sheet.text(
        105, 43, "cidres, bières & douceurs du verger depuis 1987", BODY.but(align="centre", colour="#4d4038")
    )
    sheet.rule(20, 48, 190, points=0.6, colour=WINE)
    sheet.rule(20, 48.9, 190, points=0.2, colour=WINE)


def _parties(sheet: Sheet) -> None:
    sheet.text(20, 60, f"FACTURE N° {BILL.number}", BOLD.but(size=15, colour=WINE))
    rows = (
        ("Date de facture :", "17 avril 2026"),
        ("Date d'échéance :", "31 mai 2026"),
        ("Code client :", "HTE-052"),
        ("Bon de livraison :", "BL-7741 du 15/04/2026"),
    )
    sheet.pairs(20, 68, 32, rows, BODY)
    sheet.text(118, 60, "Facturé à", SMALL.but(font="Times-Italic", size=9))
    sheet.lines(
        118,
        66,
        (BILL.buyer, "Mme Solène Garrigou", "2, quai de la Dérivation", "89999 Saint-Aubin-sur-l'Écluse"),
        BODY.but(size=11),
    )


def _table(sheet: Sheet) -> float:
    y = 98.0
    sheet.rule(20, y - 5, 190, points=0.8, colour=WINE)
    sheet.row(y, COLUMNS, [column.title for column in COLUMNS], BOLD.but(size=9.4, colour=WINE))
    sheet.rule(20, y + 2, 190, points=0.4, colour=WINE)
    y += 7.5
    for entry in BILL.items:
        rate = f"{entry.rate} %".replace(".", ",")
        cells = (
            entry.code,
            entry.description,
            str(entry.quantity),
            _amount(entry.unit_price),
            rate,
            _amount(entry.amount),
        )
        y = sheet.row(y, COLUMNS, cells, BODY) + 2.2
    sheet.rule(20, y - 3.4, 190, points=0.8, colour=WINE)
    return y + 4


def _rates(sheet: Sheet, y: float) -> None:
    columns = (
        Column("Taux", 20, 16),
        Column("Base HT", 58, 22, "right"),
        Column("Montant TVA", 88, 26, "right"),
    )
    sheet.row(y, columns, [column.title for column in columns], SMALL.but(font="Times-Bold", size=8.6))
    sheet.rule(20, y + 1.6, 88, points=0.3)
    y += 6
    for rate, (base, tax) in taxes(BILL.items).items():
        y = sheet.row(
            y, columns, (f"{rate} %".replace(".", ","), _amount(base), _amount(tax)), BODY.but(size=9)
        )


def _totals(sheet: Sheet, y: float) -> float:
    y = sheet.sums(
        124, 190, y, [("Total HT", f"{_amount(BILL.net)} €"), ("Total TVA", f"{_amount(BILL.tax)} €")], BODY
    )
    sheet.rule(124, y - 3.4, 190, points=0.4, colour=WINE)
    return sheet.sums(
        124, 190, y + 2, [("Net à payer TTC", f"{_amount(BILL.total)} €")], BOLD.but(size=12, colour=WINE)
    )


def _legal(sheet: Sheet, y: float) -> None:
    sheet.text(20, y, "Règlement par virement à 30 jours fin de mois :", BOLD)
    bank = (
        ("IBAN", "FR00 3000 4000 0300 0041 7392 600"),
        ("BIC", "CRVGFRP1XXX"),
        ("Banque", "Crédit du Verger, agence de Courtevigne"),
    )
    y = sheet.pairs(20, y + 6, 18, bank, BODY)
    words = (
        "En cas de retard de paiement, une pénalité égale à trois fois le taux d'intérêt légal sera exigible, ainsi qu'une "
        "indemnité forfaitaire pour frais de recouvrement de 40 €. Pas d'escompte pour paiement anticipé. Les fûts consignés "
        "restent la propriété de la maison. L'abus d'alcool est dangereux pour la santé, à consommer avec modération."
    )
    sheet.paragraph(20, y + 6, 170, words, SMALL)
    sheet.rule(20, 274, 190, points=0.4, colour=WINE)
    foot = (
        f"{BILL.seller} au capital de 12 000 €  -  14, chemin du Pressoir, 89998 Courtevigne",
        f"SIRET 004 173 926 00017  -  RCS Courtevigne 004 173 926  -  N° TVA intracommunautaire {BILL.seller_tax_id}",
        "Tél. 01 99 00 41 73  -  comptoir@thevenot-lacaze.example",
    )
    sheet.lines(105, 278.5, foot, SMALL.but(align="centre"))


def _amount(value: Decimal) -> str:
    return written(value, "\u00a0", ",")


SAMPLE = Sample(
    name="invoice_fr.pdf",
    what="Facture of a French cider house",
    special="accents, `1 234,56 €` with a no-break space, TVA 20 % and 5,5 %, dates in words, tax number only in the footer",
    make=make,
    schema="invoice",
    values=BILL.gold(),
)
