"""docs/sql.md is true: each of its queries answers its question over the samples, here and in earlier versions of DuckDB."""

from __future__ import annotations

import datetime as dt
import json
import re
import shutil
import subprocess
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from octavo.flows import cli
from octavo.processors.query.sql import select
from octavo.processors.store.warehouse import Change, hold
from octavo.schemas import tables
from tests.test_store_versions import another_duckdb

ROOT = Path(__file__).resolve().parents[1]
PAGE = (ROOT / "docs" / "sql.md").read_text(encoding="utf-8")
QUERIES = dict(re.findall(r"^### (.*?)\n.*?```sql\n(.*?)```", PAGE, re.MULTILINE | re.DOTALL))
UNTOTALLED = """INVOICE

Lantern & Wick Ltd
14 Mill Lane, Leeds

Invoice number: EX-7
Invoice date: 5 March 2026
Bill to: Harbour Books Ltd

Description            Quantity   Unit price   Amount
Brass lantern          2          40.00        80.00
Wick, cotton           10         1.50         15.00

The sum follows with our statement at the end of the month.
"""

__all__ = ["another_duckdb"]  # a fixture


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three invoices ten days ago, one under two paths; then one of them in another file, one without a total, and a broken file."""
    inbox, out = tmp_path_factory.mktemp("inbox"), tmp_path_factory.mktemp("out")
    run = ["run", str(inbox), "--offline", "--extract", "invoice", "--out", str(out)]
    for name in ("invoice_de.pdf", "invoice_us.pdf", "invoice_uk.pdf"):
        shutil.copy(ROOT / "data" / "samples" / name, inbox)
    shutil.copy(inbox / "invoice_de.pdf", inbox / "a copy.pdf")
    assert cli.main(run) == 0
    with hold(out) as warehouse:  # as if it were long ago
        then = dt.datetime.now(dt.UTC) - dt.timedelta(days=10)
        warehouse.commit(
            [Change(tables.RUNS, [{**row, "started_at": then} for row in warehouse.rows("runs")])]
        )
    (inbox / "invoice_us again.pdf").write_bytes((inbox / "invoice_us.pdf").read_bytes() + b"\n")
    (inbox / "no total.txt").write_text(UNTOTALLED)
    (inbox / "broken.pdf").write_bytes(b"%PDF-1.7 nothing")
    assert cli.main(run) in {0, 2}
    return out


def answer(out: Path, question: str) -> list[tuple[Any, ...]]:
    """The rows that the query under a heading of the page gives."""
    return [tuple(row.values()) for row in select(out, QUERIES[question]).to_pylist()]


def test_the_page_has_ten_questions() -> None:
    """Each with one query."""
    assert len(QUERIES) == 10


def test_what_was_spent(out: Path) -> None:
    """A file under two paths counts once, one that is another file of the same invoice twice, which is another question."""
    assert answer(out, "What was spent with each supplier, month by month?") == [
        ("Brandtmeier Metallbau GmbH", "2026-03", "EUR", 1, Decimal("6058.05")),
        ("Copper Mesa Lab Equipment, Inc.", "2026-03", "USD", 2, Decimal("12441.34")),
        ("Lantern & Wick Ltd", "2026-03", None, 1, None),
        ("Pennywhistle Garden Supplies Ltd", "2026-05", "GBP", 1, Decimal("2762.84")),
    ]


def test_what_has_no_total(out: Path) -> None:
    """With the reason why."""
    assert [row[:3] for row in answer(out, "Which invoices have no total, and why?")] == [
        ("no total.txt", "EX-7", "null")
    ]


def test_items_above_a_price(out: Path) -> None:
    """Each with its number, page and quote, the dearest first."""
    found = answer(out, "Which items cost more than 1,000?")
    assert [row[3] for row in found] == sorted((row[3] for row in found), reverse=True)
    assert found[0][0].startswith("invoice_us")


def test_where_a_value_stands(out: Path) -> None:
    """The page and the quote of each total; a join by document and question gives a row an answer."""
    found = {row[0]: row[1:] for row in answer(out, "Where does a value stand?")}
    assert found["a copy.pdf"][:4] == (Decimal("6058.05"), 1, "6.058,05 EUR", "loose")
    assert set(found) == {
        "a copy.pdf",
        "invoice_uk.pdf",
        "invoice_us.pdf",
        "invoice_us again.pdf",
        "no total.txt",
    }


def test_what_to_look_at_first(out: Path) -> None:
    """The file that could not be read comes first."""
    assert answer(out, "What should a person look at first?")[0][0] == "broken.pdf"


def test_what_documents_cost(out: Path) -> None:
    """Every document once, also the one under two paths; offline it is free."""
    found = answer(out, "What did each document cost?")
    assert sorted(row[0] for row in found) == [
        "a copy.pdf",
        "invoice_uk.pdf",
        "invoice_us again.pdf",
        "invoice_us.pdf",
        "no total.txt",
    ]
    assert {row[3] for row in found} == {0}


def test_which_invoice_came_twice(out: Path) -> None:
    """By its number and total where the bytes differ, by the view where they are the same."""
    ((_, currency, _, paths),) = answer(out, "Which invoice came twice?")
    assert (currency, paths) == ("USD", ["invoice_us again.pdf", "invoice_us.pdf"])
    assert select(out, "SELECT path FROM duplicates")["path"].to_pylist() == ["a copy.pdf", "invoice_de.pdf"]


def test_what_failed(out: Path) -> None:
    """The broken file, with its reason and a sentence."""
    ((kind, _, question, n, example, sentence),) = answer(out, "What failed, by reason?")
    assert (kind, question, n, example) == ("file", None, 1, "broken.pdf")
    assert sentence


def test_what_is_new(out: Path) -> None:
    """Only what the second run answered."""
    assert [row[0] for row in answer(out, "What is new since last week?")] == [
        "invoice_us again.pdf",
        "no total.txt",
    ]


def test_what_is_filled(out: Path) -> None:
    """The least filled first, shares of the answered invoices."""
    found = {row[0]: row[1:] for row in answer(out, "How often is each field filled?")}
    assert found["grand_total"][:2] == (5, 0.8)
    assert found["invoice_number"] == (5, 1.0, 1.0)
    assert found["line_items[].amount"][0] > 20


def test_the_engines_that_read_parquet_find_the_views_too(out: Path) -> None:
    """What a query asks of DuckDB stands in tables/ as well."""
    import pyarrow.parquet as pq

    names = {path.name for path in (out / "tables").iterdir()}
    assert {
        "invoice_line_items",
        "review",
        "coverage",
        "failures",
        "duplicates",
        "cost_by_document",
        "cost_by_day",
    } <= names
    failures = pq.read_table(out / "tables" / "failures").to_pylist()
    assert [row["path"] for row in failures] == ["broken.pdf"]


@pytest.mark.prove
def test_the_queries_run_in_earlier_versions(another_duckdb: Path, out: Path) -> None:
    """DuckDB 1.2 and 1.5 give as many rows for each."""
    code = "import duckdb, json, sys; c = duckdb.connect(sys.argv[1], read_only=True); c.execute(\"SET TimeZone = 'UTC'\")\n"
    code += "print(json.dumps([c.execute(f'SELECT count(*) FROM ({query})').fetchone()[0] for query in json.loads(sys.argv[2])]))"
    command = [
        str(another_duckdb),
        "-c",
        code,
        str(out / "warehouse.duckdb"),
        json.dumps(list(QUERIES.values())),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == [len(answer(out, question)) for question in QUERIES]
