"""The end of `make demo`: a few SQL results over the tables it made, and how many labelled values of the samples are right.

Run it as `python -m data.demo DIR`.
"""

from __future__ import annotations

import sys
from pathlib import Path

from flows.evaluating import evaluate
from processors.query.sql import select, write

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
    """Show the queries, then how right the answers are."""
    for query in QUERIES:
        print(f'\n$ octavo sql "{" ".join(query.split())}" --out {folder}', flush=True)
        write(select(folder, query), "table", sys.stdout.buffer)
    found = evaluate(SAMPLES / "gold.json", folder).tallies["all"]
    print(f"\n$ octavo eval data/samples/gold.json --out {folder}")
    print(f"{found.right} of {found.gold} labelled values are right, F1 {found.f1:.2f}.")
    print(f"Tables: {folder / 'warehouse.duckdb'} and {folder / 'tables'}")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
