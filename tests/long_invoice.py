"""A long invoice of our own making, the schema that asks about it, and a Kimi that reads it like a careful, or a lazy, person."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from tests.emulator.config import Oracle
from tests.emulator.oracle import enveloped, text_of

SCHEMA = {
    "type": "object",
    "description": "A bill with many rows.",
    "properties": {
        "number": {"type": "string"},
        "total": {"type": "number", "multipleOf": 0.01},
        "items": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {
                    "article": {"type": "string"},
                    "quantity": {"type": "integer"},
                    "amount": {"type": "number", "multipleOf": 0.01},
                },
            },
        },
    },
}
ROWS_A_PAGE = 40
_PAGE = re.compile(
    r"<<(?!end>>)(?P<short>\w+)(?: page \d+/\d+(?:, (?P<role>\w+))?)?>>\n?(?P<text>.*?)(?=<<)", re.DOTALL
)
_ROW = re.compile(
    r"^\d+\s+(?P<article>Article \w+)\s+(?P<quantity>\d+)\s+(?P<price>[\d.]+)\s+(?P<amount>[\d.]+)$",
    re.MULTILINE,
)


def article(number: int) -> str:
    """The name in a row, unlike every other."""
    return f"Article A{number:05d}x"


def amount(number: int) -> str:
    """The amount of a row; many rows have the same."""
    return f"{(number % 7 + 1) * 1.5:.2f}"


def invoice(rows: int) -> str:
    """The invoice as text: pages between form feeds, column headings on the first alone."""
    lines = [f"{n}   {article(n)}   {n % 7 + 1}   1.50   {amount(n)}" for n in range(1, rows + 1)]
    pages = ["\n".join(lines[at : at + ROWS_A_PAGE]) for at in range(0, rows, ROWS_A_PAGE)]
    pages[0] = "ACME Ltd\nInvoice number: R-2026-77\n\nNo  Article  Quantity  Price  Amount\n" + pages[0]
    pages[-1] += f"\n\nTotal: {sum(float(amount(n)) for n in range(1, rows + 1)):.2f}\n"
    return "\f".join(f"{page}\nAcme Ltd, Elm Road 1\nPage {n}\n" for n, page in enumerate(pages, 1))


def shown(body: Mapping[str, Any], *roles: str) -> dict[str, str]:
    """The text of each document of a prompt, of pages in certain roles: "" for what is asked about, "again", "context", "columns"."""
    said = "".join(text_of(message) for message in body["messages"] if message["role"] == "user")
    found: dict[str, str] = {}
    for page in _PAGE.finditer(said):
        found[page["short"]] = found.get(page["short"], "") + (
            page["text"] + "\n" if (page["role"] or "") in roles else ""
        )
    return found


def reader(leaves_out: Callable[[dict[str, Any], str], bool] = lambda _body, _article: False) -> Oracle:
    """An oracle that gives every row that is shown but those that are left out, and number and total where they stand."""

    def answer(body: dict[str, Any]) -> Any:
        records = {}
        for short, text in shown(body, "", "again").items():
            number, total = re.search(r"Invoice number: (\S+)", text), re.search(r"Total: (\S+)", text)
            items = [
                {"article": row["article"], "quantity": int(row["quantity"]), "amount": float(row["amount"])}
                for row in _ROW.finditer(text)
                if not leaves_out(body, row["article"])
            ]
            records[short] = {
                "number": number and number[1],
                "total": total and float(total[1]),
                "items": items,
            }
        return enveloped(body, records)

    return answer
