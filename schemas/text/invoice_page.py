"""An invoice that was made for machines, as the page of text that it is read to, and back: each fact on a line after its label.

    Invoice number: R-77            <- `invoice_number` of the shipped schema `invoice`
    Issue date: 2026-03-14
    ...
    Description | Quantity | Unit price | Amount
    Chair | 2 | 50.00 | 100.00

What reads XML writes this text, what answers questions reads it, and a proof stands in it. Only facts that the XML states are there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

MEDIA_TYPE = "application/einvoice+xml"  # of our own: the formats share application/xml
ENGINE, MODEL = "xml", "einvoice-1"  # what answers from such a page, in the columns of these names
HEADING = "Electronic invoice"
LABELS = {  # field of the shipped schema -> its label
    "invoice_number": "Invoice number",
    "issue_date": "Issue date",
    "due_date": "Due date",
    "seller_name": "Seller",
    "seller_tax_id": "Seller tax ID",
    "buyer_name": "Buyer",
    "currency": "Currency",
    "net_total": "Net total",
    "tax_total": "Tax total",
    "grand_total": "Grand total",
    "purchase_order": "Purchase order",
}
ITEMS = "line_items"
COLUMNS = {
    "description": "Description",
    "quantity": "Quantity",
    "unit_price": "Unit price",
    "amount": "Amount",
}
_NAMES = {label: name for name, label in LABELS.items()}
_BAR = " | "


def written(
    kind: str,
    facts: Mapping[str, str],
    items: Sequence[Mapping[str, str]],
    others: Sequence[tuple[str, str]] = (),
) -> str:
    """The page: `kind` says what format it is, `others` are facts that the schema does not ask for."""
    lines = [f"{HEADING} ({kind})"]
    lines += [f"{label}: {_one_line(facts[name])}" for name, label in LABELS.items() if facts.get(name)]
    lines += [f"{label}: {_one_line(value)}" for label, value in others if value]
    if items:
        lines += ["", _BAR.join(COLUMNS.values())]
        lines += [_BAR.join(_cell(item.get(name, "")) for name in COLUMNS).rstrip(" |") for item in items]
    return "\n".join(lines)


def parsed(text: str) -> dict[str, Any]:
    r"""The facts of a page by field, {} for another text; what it does not state is null.

    >>> parsed("Electronic invoice (UBL)\nInvoice number: R-77\nGrand total: 88.00")["grand_total"]
    '88.00'
    """
    if not text.startswith(f"{HEADING} ("):
        return {}
    head, _, table = text.partition(f"\n\n{_BAR.join(COLUMNS.values())}\n")
    stated = dict(line.split(": ", 1) for line in reversed(head.split("\n")) if ": " in line)
    record: dict[str, Any] = {name: stated.get(label) for label, name in _NAMES.items()}
    return {**record, ITEMS: [_item(line) for line in table.split("\n") if line.strip()]}


def _item(line: str) -> dict[str, str | None]:
    cells = [cell.strip() for cell in line.split("|")]
    return {name: cell or None for name, cell in zip(COLUMNS, [*cells, "", "", "", ""], strict=False)}


def _one_line(value: str) -> str:
    return " ".join(value.split())


def _cell(value: str) -> str:
    return _one_line(value).replace("|", "/")
