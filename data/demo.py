"""The end of `make demo`: a few SQL results over the tables it made, and how many gold values of the samples it got right.

Run it as `python -m data.demo DIR`.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

from processors.query.sql import select, write
from processors.store.warehouse import Warehouse

SAMPLES = Path(__file__).parent / "samples"
QUERIES = (
    """SELECT d.path, i.seller_name, i.issue_date, i.grand_total, i.currency
       FROM invoice i JOIN documents d USING (document) ORDER BY i.issue_date""",
    """SELECT d.path, item.description, item.amount
       FROM invoice i JOIN documents d USING (document), unnest(i.line_items) t(item) ORDER BY item.amount DESC NULLS LAST LIMIT 5""",
    """SELECT d.path, e.field, e.grade, e.page, e.quote
       FROM evidence e JOIN documents d USING (document) WHERE e.question = 'contract' AND e.page > 0 ORDER BY d.path, e.page LIMIT 8""",
    "SELECT question, grade, count(*) AS n FROM evidence WHERE state = 'given' GROUP BY ALL ORDER BY ALL",
)


def main(folder: Path) -> None:
    """Show the queries, then the score."""
    for query in QUERIES:
        print(f'\n$ octavo sql "{" ".join(query.split())}" --out {folder}', flush=True)
        write(select(folder, query), "table", sys.stdout.buffer)
    right, total = score(folder)
    print(f"\n{right} of {total} gold values right ({right / total:.0%}). Tables: {folder / 'warehouse.duckdb'} and {folder / 'tables'}")


def score(folder: Path) -> tuple[int, int]:
    """How many gold values stand in the tables, and how many there are. A list has a value for each item."""
    gold = json.loads((SAMPLES / "gold.json").read_text(encoding="utf-8"))
    warehouse = Warehouse(folder)
    paths = {row["path"]: row["document"] for row in warehouse.rows("documents")}
    answers = {(entry["schema"], row["document"]): row for entry in gold.values() for row in warehouse.rows(entry["schema"] or "none")}
    marks = [
        mark
        for path, entry in gold.items()
        for name, value in entry["values"].items()
        for mark in _marks(value, answers.get((entry["schema"], paths.get(path)), {}).get(name))
    ]
    return sum(marks), len(marks)


def _marks(gold: Any, found: Any) -> Iterator[bool]:
    """Right or wrong, for each value. Items of a list are right when some item of the answer agrees in every field."""
    if isinstance(gold, list):
        yield from (any(_same(item, other) for other in found or []) for item in gold)
    else:
        yield _same(gold, found)


def _same(gold: Any, found: Any) -> bool:
    if isinstance(gold, dict):
        return isinstance(found, dict) and all(_same(value, found.get(name)) for name, value in gold.items())
    if isinstance(found, Decimal | float | int):
        try:
            return Decimal(str(gold)) == Decimal(str(found))
        except InvalidOperation:
            return False
    return found is not None and _folded(gold) == _folded(found)


def _folded(value: Any) -> str:
    """Text without case, spaces and punctuation, as people compare it."""
    return "".join(character for character in str(value).casefold() if character.isalnum())


if __name__ == "__main__":
    main(Path(sys.argv[1]))
