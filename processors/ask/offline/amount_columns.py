"""Which column of a table holds what: the cells of its header in, the place of each known column out; then one row's cells by column.

Pure, and knows no sheet: money.py decides which rows count.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from decimal import Decimal

from octavo.schemas.text.values import amounts_in

FEWEST_COLUMNS = 3

# Headings, folded, in the order in which they are tried: "Gesamtpreis" is an amount before it is a price, "VAT %" a tax before both.
_WORDS = {
    "tax": r"^(?:vat|gst|tax|taxes|tva|btw|mwst|ust|iva|mva|moms|steuer\w*|montant[ ]tva|discount|rabatt|remise|korting)\b|%$|^税",
    "unit": r"^(?:units?|uom|einheit|einh|unite|eenheid|unidad|ud|unita|u\.?m|enhet|单位)\.?$",
    "code": r"""\b(?:code|sku|ref|reference|referenz|artikelnummer)\b|编号|编码|
        \b(?:item|art|article|artikel|part|prod|product|produkt)[. -]{0,2}(?:no|nr|num\w*|id|\#)""",
    "quantity": r"""数量|^(?:qty|quantity|hours|hrs|menge|anzahl|qte|quantite|nombre|aantal|hoeveelheid|cantidad|cant|quantita|qta|
        antall|antal)\b""",
    "amount": r"""^(?!unit\b|per\b).*(?:gesamt|betrag|summe|金额|小计|
        \b(?:amount|totals?|value|sum|montant|bedrag|totaal|importe|importo|totale|belop|belob|belopp)\b)""",
    "unit_price": r"price|\brate\b|\bcost\b|\beach\b|preis|^p\.?[ ]?u\b|\bprix\b|prijs|tarief|precio|prezzo|\bpris\b|单价",
    "description": r"""description|designation|libelle|bezeichnung|beschreibung|omschrijving|descripcion|concepto|descrizione|
        particulars|beskrivelse|名称|项目|品名""",
    "thing": r"""^(?:items?|products?|services?|details?|goods|articles?|artikel|leistung\w*|produkt\w*|produits?|prestations?|vare|varer|
        articulo|prodotto|dienst|商品)\b""",
}
_HEADINGS: Mapping[str, re.Pattern[str]] = {
    kind: re.compile(words, re.VERBOSE) for kind, words in _WORDS.items()
}
_MARK = re.compile(r"(?<=[.,]\d\d) ?[A-Z*]{1,2}$")  # behind an amount: what tax it has


def columns(cells: Sequence[str]) -> Mapping[str, int]:
    """The place of each column that a table of items has, from 0; {} when the cells, which come folded, are no header of such a table.

    >>> columns(["item", "description", "qty", "price each", "amount"])
    {'thing': 0, 'description': 1, 'quantity': 2, 'unit_price': 3, 'amount': 4}
    """
    if len(cells) < FEWEST_COLUMNS or any(char.isdigit() for cell in cells for char in cell):
        return {}
    places: dict[str, int] = {}
    for place, cell in enumerate(cells):
        if kind := next((kind for kind, words in _HEADINGS.items() if words.search(cell)), None):
            places.setdefault(kind, place)
    unnamed = (place for place, cell in enumerate(cells) if cell and place not in places.values())
    if "description" not in places:
        places["description"] = places.get("thing", next(unnamed, places.get("code", 0)))
    return (
        places
        if {"description", "amount"} <= places.keys() and places.keys() & {"quantity", "unit_price"}
        else {}
    )


def number_in(cell: str) -> Decimal | None:
    """The one number of a cell, beside which a unit, a currency or the mark of a tax may stand: 2934.00 of `2,934.00T`."""
    found = list(
        amounts_in(_MARK.sub("", cell.strip()))
    )  # a number with spaces in it is followed by its pieces
    return found[0].value if found and found[-1].end <= found[0].end else None
