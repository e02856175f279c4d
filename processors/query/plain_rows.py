"""Rows for programs and models: an Arrow table in, one page of it as JSON's own values out, with what was left out said.

Decimals are numbers where a number of JSON has all their digits, else texts; dates and moments are ISO texts, bytes hexadecimal.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from math import isfinite
from typing import Any

import pyarrow as pa

PAGE_CHARACTERS = 60_000  # of all cells of a page: about 15,000 tokens, which every client takes
CELL_CHARACTERS = 20_000  # of one cell


@dataclass(frozen=True, slots=True)
class RowPage:
    """Rows `start` to `start + len(rows)` of a result, and sentences about what is not in them."""

    columns: list[str]
    rows: list[list[Any]]
    start: int
    of_rows: int
    notes: list[str]

    @property
    def end(self) -> int:
        """One past the last row."""
        return self.start + len(self.rows)


def row_page(table: pa.Table, start: int, most_rows: int) -> RowPage:
    """The rows from `start` on: at most so many, and no more than fit; one at least."""
    names, room = table.column_names, PAGE_CHARACTERS
    notes: list[str] = []
    rows: list[list[Any]] = []
    part = table.slice(start, most_rows).combine_chunks()
    for number, row in enumerate(zip(*map(natives, part.columns), strict=True), start):
        cells = [_cell(name, number, plain(value), notes) for name, value in zip(names, row, strict=True)]
        room -= sum(map(_length, cells))
        if rows and room < 0:
            break
        rows.append(cells)
    return RowPage(names, rows, start, table.num_rows, notes)


def natives(column: pa.Array | pa.ChunkedArray) -> list[Any]:
    """The values of a column; as text where Python has no such date or moment, which is so before year 1 and behind 9999."""
    try:
        return list(column.to_pylist())
    except (OverflowError, ValueError):
        pass
    try:
        return list(column.cast(pa.string()).to_pylist())
    except pa.ArrowException:
        return [column.slice(number, 1).to_string(skip_new_lines=True) for number in range(len(column))]


def plain(value: Any) -> Any:
    """A value as JSON has it.

    >>> plain({"total": Decimal("12.50"), "on": date(2026, 5, 1), "id": b"ab"})
    {'total': 12.5, 'on': '2026-05-01', 'id': '6162'}
    """
    if isinstance(value, Mapping):
        return {str(key): plain(one) for key, one in value.items()}
    if isinstance(value, list):
        return [plain(one) for one in value]
    if isinstance(value, Decimal):
        return _number(value)
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    if isinstance(value, bytes | timedelta):
        return value.hex() if isinstance(value, bytes) else str(value)
    return None if isinstance(value, float) and not isfinite(value) else value


def _number(value: Decimal) -> Any:
    if value.is_finite() and Decimal(repr(float(value))) == value:
        return int(value) if value == value.to_integral_value() and abs(value) < 2**53 else float(value)
    return f"{value:f}"


def _length(cell: Any) -> int:
    return len(cell) if isinstance(cell, str) else len(str(cell))


def _cell(name: str, row: int, value: Any, notes: list[str]) -> Any:
    """The value, or the beginning of a long text and a note that says so."""
    if not isinstance(value, str) or len(value) <= CELL_CHARACTERS:
        return value
    notes.append(
        f"Row {row + 1}: {name} has {len(value):,} characters, of which {CELL_CHARACTERS:,} are here; "
        f"substr({name}, {CELL_CHARACTERS + 1}, {CELL_CHARACTERS}) goes on."
    )
    return value[:CELL_CHARACTERS]
