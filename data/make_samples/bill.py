"""The figures of an invoice or a receipt. In: items with quantities, prices and tax rates. Out: the sums, as amounts and as gold values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

CENT = Decimal("0.01")


def cents(value: Decimal) -> Decimal:
    """Rounded half up to two digits, as shops do."""
    return value.quantize(CENT, ROUND_HALF_UP)


def written(value: Decimal, thousands: str, point: str, places: int = 2) -> str:
    """An amount as a country writes it: `written(Decimal("1234.5"), ".", ",")` is `1.234,50`."""
    return f"{value:,.{places}f}".translate(str.maketrans(",.", thousands + point))


@dataclass(frozen=True, slots=True)
class Item:
    """One line of a bill. `note` is a second line that is printed below the description and is no part of it."""

    description: str
    quantity: Decimal
    unit_price: Decimal
    rate: Decimal  # tax in per cent
    unit: str = ""
    code: str = ""
    note: str = ""

    @property
    def amount(self) -> Decimal:
        """Quantity times price, without tax."""
        return cents(self.quantity * self.unit_price)


def item(description: str, quantity: str, unit_price: str, rate: str, **more: str) -> Item:
    """An item from figures as text: `item("Bolt M8", "40", "0.35", "19", unit="Stk")`."""
    return Item(description, Decimal(quantity), Decimal(unit_price), Decimal(rate), **more)


def net_total(items: Sequence[Item]) -> Decimal:
    """The sum of the amounts, without tax."""
    return sum((entry.amount for entry in items), Decimal(0))


def taxes(items: Sequence[Item]) -> dict[Decimal, tuple[Decimal, Decimal]]:
    """For each rate the amount it is taken on and the tax, highest rate first."""
    rates = sorted({entry.rate for entry in items}, reverse=True)
    bases = {rate: net_total([entry for entry in items if entry.rate == rate]) for rate in rates}
    return {rate: (base, cents(base * rate / 100)) for rate, base in bases.items()}


@dataclass(frozen=True, slots=True)
class Invoice:
    """What an invoice says. Dates as YYYY-MM-DD; each layout writes them in its own way."""

    number: str
    issued: str
    due: str
    seller: str
    seller_tax_id: str
    buyer: str
    currency: str
    items: tuple[Item, ...] = field(repr=False)
    purchase_order: str = ""

    @property
    def net(self) -> Decimal:
        """The sum without tax."""
        return net_total(self.items)

    @property
    def tax(self) -> Decimal:
        """The sum of the taxes, each rate rounded by itself."""
        return sum((tax for _, tax in taxes(self.items).values()), Decimal(0))

    @property
    def total(self) -> Decimal:
        """What has to be paid."""
        return self.net + self.tax

    def gold(self) -> dict[str, Any]:
        """The values that the schema `invoice` should find; what is empty is left out."""
        values = {
            "invoice_number": self.number,
            "issue_date": self.issued,
            "due_date": self.due,
            "seller_name": self.seller,
            "seller_tax_id": self.seller_tax_id,
            "buyer_name": self.buyer,
            "currency": self.currency,
            "net_total": str(self.net),
            "tax_total": str(self.tax),
            "grand_total": str(self.total),
            "purchase_order": self.purchase_order,
            "line_items": [_gold_item(entry) for entry in self.items],
        }
        return {name: value for name, value in values.items() if value}


def _gold_item(entry: Item) -> dict[str, str]:
    return {
        "description": entry.description,
        "quantity": str(entry.quantity),
        "unit_price": str(entry.unit_price),
        "amount": str(entry.amount),
    }


@dataclass(frozen=True, slots=True)
class Receipt:
    """What a receipt says. Prices hold the tax when `tax_inside`, else it is added to their sum."""

    merchant: str
    address: str
    date: str  # YYYY-MM-DD
    time: str
    currency: str
    payment: str
    items: tuple[Item, ...] = field(repr=False)
    tax_inside: bool = True

    @property
    def subtotal(self) -> Decimal:
        """The sum of the prices as they are printed."""
        return net_total(self.items)

    @property
    def taxes(self) -> dict[Decimal, tuple[Decimal, Decimal]]:
        """For each rate the printed sum it is taken on and the tax, highest rate first."""
        if not self.tax_inside:
            return taxes(self.items)
        return {
            rate: (base, cents(base * rate / (100 + rate))) for rate, (base, _) in taxes(self.items).items()
        }

    @property
    def tax(self) -> Decimal:
        """The sum of the taxes."""
        return sum((tax for _, tax in self.taxes.values()), Decimal(0))

    @property
    def total(self) -> Decimal:
        """What was paid."""
        return self.subtotal if self.tax_inside else self.subtotal + self.tax

    def gold(self) -> dict[str, Any]:
        """The values that the schema `receipt` should find; what is empty is left out."""
        values = {
            "merchant_name": self.merchant,
            "merchant_address": self.address,
            "purchase_date": self.date,
            "purchase_time": self.time,
            "currency": self.currency,
            "total": str(self.total),
            "tax_total": str(self.tax),
            "payment_method": self.payment,
            "line_items": [
                {
                    "description": entry.description,
                    "quantity": str(entry.quantity),
                    "amount": str(entry.amount),
                }
                for entry in self.items
            ],
        }
        return {name: value for name, value in values.items() if value}
