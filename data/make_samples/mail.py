"""An order confirmation as an e-mail: headers, a plain part and an HTML part that say the same. Out: `SAMPLE`."""

from __future__ import annotations

from email.message import EmailMessage
from email.policy import SMTP
from html import escape

from .bill import Receipt, item
from .sample import Sample

BILL = Receipt(
    merchant="Thistledown Tea Merchants",
    address="19 Weavers Quay, Ballynacor, Ireland",
    date="2026-07-03",
    time="21:14",
    currency="EUR",
    payment="Mastercard ending 4173",
    items=(
        item("Ballynacor Breakfast, loose leaf, 500 g", "2", "17.90", "0"),
        item("Smoked Oolong, tin of 100 g", "1", "14.50", "0"),
        item("Glass teapot with basket, 1.2 l", "1", "39.00", "23"),
        item("Linen tea towel “Heron”", "3", "11.50", "23"),
        item("Standard delivery", "1", "6.95", "23"),
    ),
)
ORDER = "TT-260703-8841"
GREETING = "Hello Caspian,"
OPENING = (
    f"thank you for your order {ORDER} of 3 July 2026, 21:14. "
    "Your payment has been received, and we will write again when the parcel leaves us."
)
ADDRESS = (
    "Caspian Rehnquist-Doyle",
    "Apartment 5, The Maltings",
    "Kiln Street",
    "Ardvale AV4 00X2",
    "Ireland",
)
CLOSING = "You may send goods back within 14 days. Opened tea cannot be returned. Questions? Just answer this message."


def make() -> bytes:
    """The message as a mail program stores it."""
    mail = EmailMessage(policy=SMTP)
    mail["Return-Path"] = "<bounce@thistledown.example>"
    mail["Received"] = (
        "from mx1.thistledown.example (192.0.2.41) by mx.mail.example with ESMTPS id 4T17X9; Fri, 03 Jul 2026 20:14:52 +0000"
    )
    mail["Date"] = "Fri, 03 Jul 2026 21:14:48 +0100"
    mail["From"] = f"{BILL.merchant} <orders@thistledown.example>"
    mail["To"] = "Caspian Rehnquist-Doyle <caspian@mail.example>"
    mail["Subject"] = f"Your order {ORDER} is confirmed – €{BILL.total}"
    mail["Message-ID"] = f"<{ORDER}@thistledown.example>"
    mail.set_content(_plain(), cte="quoted-printable")
    mail.add_alternative(_html(), subtype="html", cte="quoted-printable")
    mail.set_boundary("=_thistledown_8841_417392")
    return mail.as_bytes()


def _rows() -> list[tuple[str, str, str]]:
    return [(f"{entry.quantity} x", entry.description, f"€{entry.amount}") for entry in BILL.items]


def _sums() -> list[tuple[str, str]]:
    return [("Total paid (EUR)", f"€{BILL.total}"), ("of which VAT", f"€{BILL.tax}")]


def _plain() -> str:
    goods = [f"{count:<5}{what:<48}{amount:>9}" for count, what, amount in _rows()]
    sums = [f"{label:<53}{amount:>9}" for label, amount in _sums()]
    parts = (
        [GREETING, "", OPENING, ""],
        [*goods, "-" * 62, *sums, "", f"Paid with {BILL.payment}", ""],
        ["Delivery to:", *(f"  {line}" for line in ADDRESS), "", CLOSING, ""],
        ["-- ", BILL.merchant, BILL.address, "VAT IE 0041739CH  |  www.thistledown.example", ""],
    )
    return "\n".join(line for part in parts for line in part)


def _html() -> str:
    goods = "\n".join(
        f"<tr><td>{count}</td><td>{escape(what)}</td><td style='text-align:right'>{amount}</td></tr>"
        for count, what, amount in _rows()
    )
    sums = "\n".join(
        f"<tr><th colspan='2' style='text-align:left'>{label}</th><th style='text-align:right'>{amount}</th></tr>"
        for label, amount in _sums()
    )
    return f"""\
<html><body style="font-family:Georgia,serif;color:#26332b;background:#f3f1e8;margin:0">
<div style="max-width:560px;margin:24px auto;background:#fff;padding:28px;border-top:6px solid #4c7a5a">
<h1 style="color:#4c7a5a;font-size:22px">{BILL.merchant}</h1>
<p>{GREETING}</p>
<p>{OPENING}</p>
<table style="width:100%;border-collapse:collapse" cellpadding="6">
{goods}
{sums}
</table>
<p>Paid with {BILL.payment}</p>
<p><b>Delivery to:</b><br>{"<br>".join(ADDRESS)}</p>
<p>{CLOSING}</p>
<hr><p style="font-size:12px;color:#777">{BILL.merchant}, {BILL.address}<br>VAT IE 0041739CH | www.thistledown.example</p>
</div></body></html>
"""


SAMPLE = Sample(
    name="order_confirmation.eml",
    what="E-mail of an Irish tea merchant that confirms a paid order",
    special="multipart: the same words as text and as HTML, quoted-printable, € and a dash in an encoded subject",
    make=make,
    schema="receipt",
    values=BILL.gold(),
)
