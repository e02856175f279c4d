"""A web page: the receipt for a conference registration, with the furniture of a site around it. Out: `SAMPLE`."""

from __future__ import annotations

from html import escape
from string import Template

from .bill import Receipt, item
from .sample import Sample
from .texts import prose

BILL = Receipt(
    merchant="Great Lakes Bookbinders' Guild",
    address="212 Foundry Lane, Port Merrow, ON N0N 0N0",
    date="2026-10-06",
    time="9:38 a.m.",
    currency="CAD",
    payment="Visa ending in 0417",
    items=(
        item("Conference pass, three days", "1", "340.00", "13"),
        item("Workshop: sewing on raised cords", "1", "85.00", "13"),
        item("Workshop: paste papers", "1", "60.00", "13"),
        item("Saturday dinner", "2", "72.00", "13"),
    ),
    tax_inside=False,
)


def make() -> bytes:
    """The page in UTF-8."""
    rows = "\n".join(
        f'      <tr><td>{escape(entry.description)}</td><td class="n">{entry.quantity}</td>'
        f'<td class="n">${entry.unit_price}</td><td class="n">${entry.amount}</td></tr>'
        for entry in BILL.items
    )
    values = {
        "merchant": escape(BILL.merchant, quote=False),
        "address": BILL.address,
        "payment": BILL.payment,
        "rows": rows,
        "subtotal": str(BILL.subtotal),
        "tax": str(BILL.tax),
        "total": str(BILL.total),
    }
    page = Template("\n".join(prose("receipt.html"))).substitute(values)
    return f"{page}\n".encode()


SAMPLE = Sample(
    name="order_receipt.html",
    what="Web page with the receipt for a conference registration in Canada",
    special="navigation, style and script around the words; tax added to the sum; an event date that is not the purchase date",
    make=make,
    schema="receipt",
    values=BILL.gold(),
)
