"""Invoices and credit notes: who bills whom for what, and how much."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

from pydantic import BaseModel, ConfigDict, Field

from octavo.schemas.fields import IMPLIED, Money, rules


class LineItem(BaseModel):
    """One billed position. Skip headings, subtotals, carried-over sums and tax rows."""

    description: str = Field(description="What is billed, as written, without quantity and price.")
    quantity: Decimal | None = Field(default=None, description="Number of units; not the position number.")
    unit_price: Decimal | None = Field(default=None, description="Price of one unit as printed.")
    amount: Money | None = Field(
        default=None, description="Sum of the line as printed, before tax where both are shown."
    )


class Invoice(BaseModel):
    """An invoice or credit note: a seller bills a buyer for goods or services.

    Amounts are those printed; give none that would have to be computed. Credit notes keep the signs they are printed with.
    """

    model_config = ConfigDict(
        json_schema_extra=rules(
            "net_total + tax_total == grand_total",
            "sum(line_items.amount) in (net_total, grand_total)",
            "issue_date <= due_date",
        )
    )

    invoice_number: str = Field(
        description="Number the seller gave this invoice; not the order, customer or delivery number."
    )
    issue_date: date = Field(description="Date of the invoice; not of order, delivery, service or print.")
    due_date: date | None = Field(
        default=None,
        description="Last day to pay, only if a date is printed; not computed from payment terms.",
    )
    seller_name: str = Field(
        description="Company or person that issues the invoice and is paid; name only, no address."
    )
    seller_tax_id: str | None = Field(
        default=None, description="VAT or tax number of the seller (USt-IdNr., GSTIN, EIN); not the buyer's."
    )
    buyer_name: str = Field(
        description="Company or person that is billed; name only, not the delivery recipient."
    )
    currency: str = Field(
        min_length=3,
        max_length=3,
        description="ISO 4217 code of the amounts, from code or sign: EUR for €.",
        json_schema_extra=IMPLIED,
    )
    net_total: Money | None = Field(default=None, description="Sum before tax (subtotal, Nettobetrag).")
    tax_total: Money | None = Field(
        default=None, description="Sum of all taxes (VAT, GST, MwSt.); an amount, not a rate."
    )
    grand_total: Money = Field(
        description="Sum with tax (total, Gesamtbetrag), before prepayments are taken off."
    )
    purchase_order: str | None = Field(
        default=None, description="The buyer's order number that the invoice refers to."
    )
    line_items: list[LineItem] = Field(description="All billed positions, in printed order.")
