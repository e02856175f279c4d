"""The end of `make demo`: a few SQL results over the tables it made, and how many labelled values of the samples are right.

Run it as `python -m data.demo DIR`.
"""

from __future__ import annotations

import sys
from pathlib import Path

from octavo.flows.commands.evaluate import evaluate
from octavo.processors.query.sql import select, write

SAMPLES = Path(__file__).parent / "samples"
QUERIES = (
    "SELECT path, seller_name, issue_date, grand_total, currency FROM invoice ORDER BY issue_date",
    "SELECT path, item, description, amount, amount_page FROM invoice_line_items ORDER BY amount DESC NULLS LAST LIMIT 5",
    """SELECT path, field, grade, page, quote FROM contract JOIN evidence USING (document, question)
       WHERE page > 0 ORDER BY path, page LIMIT 8""",
    "SELECT question, grade, count(*) AS n FROM evidence WHERE state = 'given' GROUP BY ALL ORDER BY ALL",
)


def main(folder: Path) -> None:
    """Show the queries, then how right the answers are."""
    for query in QUERIES:
        print(f'\n$ octavo sql "{" ".join(query.split())}" --out {folder}', flush=True)
        write(select(folder, query), "table", sys.stdout.buffer)
    found = evaluate(SAMPLES / "gold.json", folder).tallies["all"]
    print(f"\n$ octavo eval data/samples/gold.json --out {folder}")
    print(f"{found.right} of {found.gold} labelled values are right, F1 {found.f1:.2f}.")
    print(f"Tables: {folder / 'warehouse.duckdb'} and {folder / 'tables'}")
    print(f"The doubtful values beside their pages: .venv/bin/octavo review --out {folder}")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
