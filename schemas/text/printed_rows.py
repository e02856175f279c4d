"""Rows of tables in plain text, and what a list of them costs in a reply: text or fields in, spans or tokens out.

A row has numerals, and few words beside them: `17  Widget, blue  3  4.50  13.50` is one, and `In 2019 the firm sold 30 more.` is none.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from octavo.schemas.pipeline import Field, Kind

LEAST_NUMERALS = 2  # of a row; a line with one number may be anything
WORDS_A_NUMERAL = 4  # most words of a row for each of its numerals
LONGEST_ROW = 400  # characters; a longer line is prose
ROWS_BESIDE = 9  # of a document that are no items of its list, such as dates, sums, addresses; on average over data/samples, 2026-11-23
LIST_ITEMS = 5  # expected in a list whose length nobody knows

# Tokens of a value with its quotes, rounded up; counted with the Kimi vocabulary over labelled invoices and receipts, 2026-11-23.
VALUE_TOKENS: dict[Kind, int] = {
    "text": 9,
    "choice": 4,
    "date": 8,
    "datetime": 14,
    "instant": 17,
    "integer": 2,
    "number": 4,
    "decimal": 4,
    "boolean": 1,
}
_CELLS = re.compile(r"[\s|;]+|,(?!\d{3}(?!\d))")
_LINE = re.compile(r"[^\n]+")
_DIGIT = re.compile(r"\d")


@dataclass(frozen=True, slots=True)
class PrintedRow:
    """One row: its line as a half-open span of characters, and how many numerals it has."""

    start: int
    end: int
    numerals: int


def rows_in(text: str) -> Iterator[PrintedRow]:
    """The lines of a text that look like rows of a table, in order."""
    for line in _LINE.finditer(text):
        if (numerals := _numerals(line.group())) >= LEAST_NUMERALS:
            yield PrintedRow(line.start(), line.end(), numerals)


def likely_items(rows: int) -> int:
    """How many of the rows of a document are items of its list, as far as one can tell before reading them."""
    return max(0, rows - ROWS_BESIDE)


def item_tokens(fields: Sequence[Field], *, plain: bool = False) -> int:
    """Tokens that one item of the longest kind of record in a question's lists is expected to have in a reply; 0 without such lists.

    `plain` is for items that are written as objects, where each key costs its words and two marks.
    """
    items = (field.item for field in fields if field.item and field.item.kind == "record")
    return max(
        (2 + sum(_value_tokens(inner, plain=plain) for inner in item.fields) for item in items), default=0
    )


def name_tokens(fields: Sequence[Field]) -> int:
    """Tokens of the names in an answer whose records are objects, when every field has a value and a list LIST_ITEMS items."""
    total = 0
    for field in fields:
        inner, times = (field.item, LIST_ITEMS) if field.item else (field, 1)
        total += name_words(field) + (times * name_tokens(inner.fields) if inner.kind == "record" else 0)
    return total


def name_words(field: Field) -> int:
    """Tokens of a field's name: its words and a mark.

    Over the labelled samples it was 1.4 tokens a word and 0.3 (Kimi's vocabulary, 2026-11-30).
    """
    return len(field.name.split("_")) + 1


def _value_tokens(field: Field, *, plain: bool) -> int:
    return VALUE_TOKENS.get(field.kind, 9) + (name_words(field) if plain else 0)


def _numerals(line: str) -> int:
    """Cells of a line that have a digit; 0 when it has many words beside them."""
    if len(line) > LONGEST_ROW or not _DIGIT.search(line):
        return 0
    cells = [cell for cell in _CELLS.split(line) if cell]
    numerals = sum(1 for cell in cells if _DIGIT.search(cell))
    return numerals if len(cells) - numerals <= WORDS_A_NUMERAL * numerals else 0
