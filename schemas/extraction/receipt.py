"""Receipts of shops, restaurants and services: what was paid, where, when and how."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

from pydantic import BaseModel, ConfigDict, Field

from octavo.schemas.fields import IMPLIED, Money, rules


class LineItem(BaseModel):
    """One thing bought. Skip totals, taxes, rounding, change and loyalty rows."""

    description: str = Field(description="Name of the item as printed, without codes and prices.")
    quantity: Decimal | None = Field(default=None, description="Number of units or weight, if printed.")
    amount: Money | None = Field(
        default=None, description="Price of the whole line; negative for a discount."
    )


class Receipt(BaseModel):
    """A receipt: the proof of one purchase that was paid at once, such as a till slip.

    Scans may hold reading errors; copy what stands there and do not correct it.
    """

    model_config = ConfigDict(
        json_schema_extra=rules(
            "sum(line_items.amount) in (total, total - tax_total)",
            "tax_total <= total",
        )
    )

    merchant_name: str = Field(
        description="Shop or company at the head of the receipt; not a brand of goods or of the card reader."
    )
    merchant_address: str | None = Field(
        default=None, description="Address of that shop in one line, without telephone and tax number."
    )
    purchase_date: date = Field(
        description="Day of the purchase; day before month unless the receipt is American."
    )
    purchase_time: str | None = Field(
        default=None, description="Time of the purchase as printed, such as 14:05 or 2:05 PM."
    )
    currency: str | None = Field(
        default=None,
        min_length=3,
        max_length=3,
        description="ISO 4217 code, from code, sign or country: MYR for RM.",
        json_schema_extra=IMPLIED,
    )
    total: Money = Field(
        description="Sum to pay with tax and after rounding; not the cash given, the change or a subtotal."
    )
    tax_total: Money | None = Field(
        default=None, description="Sum of the taxes contained or added; an amount, not a rate."
    )
    payment_method: str | None = Field(
        default=None, description="How it was paid as printed: cash, card, name of the card."
    )
    line_items: list[LineItem] = Field(description="All things bought, in printed order.")
