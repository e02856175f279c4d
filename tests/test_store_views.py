"""Rules of `store/views`: a file is a view as soon as its tables are there."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb
import pytest

from processors.store.views import SHIPPED
from processors.store.warehouse import Warehouse, hold
from schemas.errors import SchemaError
from schemas.pipeline import Field
from tests import rows


@contextmanager
def with_views(tmp_path: Path, **files: str) -> Iterator[Warehouse]:
    """A warehouse that is held and has these views instead of ours."""
    folder = tmp_path / "views"
    folder.mkdir(exist_ok=True)
    for path in folder.iterdir():
        path.unlink()
    for name, text in files.items():
        (folder / f"{name}.sql").write_text(text, encoding="utf-8")
    with hold(tmp_path / "out"):
        yield Warehouse(tmp_path / "out", shipped_views=folder)


def names(warehouse: Warehouse) -> list[str]:
    """The names of all tables and views."""
    return [info.name for info in warehouse.tables()]


BILLS = "-- What is to be paid\n-- sum: All of it\nSELECT sum(total) AS sum FROM invoice;\n"


def test_a_view_appears_with_its_tables(tmp_path: Path) -> None:
    """Before there are invoices there is no view of them; then it is there, with its meanings."""
    with with_views(tmp_path, bills=BILLS) as warehouse:
        warehouse.commit(rows.read("a", "b"))
        assert "bills" not in names(warehouse)
        warehouse.commit(rows.answers("a", "b"))
        (info,) = (info for info in warehouse.tables() if info.name == "bills")
        assert (info.meaning, info.columns[0].meaning, info.rows) == ("What is to be paid", "All of it", 1)
        assert [float(row["sum"]) for row in warehouse.rows("bills")] == [25.0]


def test_a_new_changed_or_removed_file_is_a_change(tmp_path: Path) -> None:
    """A rerun that changes no row still brings the views up to their files, once; views that people made stay."""
    with with_views(tmp_path) as warehouse:
        warehouse.commit(rows.answers("a"))
    with duckdb.connect(warehouse.path) as plain:
        plain.execute("CREATE VIEW mine AS SELECT 1")
    for files, expected in [({"bills": BILLS}, True), ({"bills": BILLS.replace("sum(", "max(")}, True), ({}, False)]:
        with with_views(tmp_path, **files) as warehouse:
            assert warehouse.commit(rows.answers("a"))
            assert not warehouse.commit(rows.answers("a"))
            assert ("bills" in names(warehouse)) == expected
            assert "mine" in names(warehouse)


def test_a_view_that_is_wrong_is_named_and_nothing_is_committed(tmp_path: Path) -> None:
    """The error names the file and says what DuckDB says."""
    with with_views(tmp_path, wrong="SELECT nothing FROM invoice") as warehouse:
        with pytest.raises(SchemaError, match=r"wrong\.sql .*nothing"):
            warehouse.commit(rows.answers("a"))
        assert names(warehouse) == []


def test_a_schema_with_the_name_of_a_view_is_refused(tmp_path: Path) -> None:
    """One name cannot be both."""
    with with_views(tmp_path, invoice="SELECT 1 AS one FROM pages") as warehouse, pytest.raises(SchemaError, match="name of a view"):
        warehouse.commit(rows.answers("a"))


def test_a_view_stays_when_the_columns_of_its_table_change(tmp_path: Path) -> None:
    """A view is made anew with every commit, so that it has the columns of now."""
    with with_views(tmp_path, all_of_it="SELECT * FROM invoice") as warehouse:
        warehouse.commit(rows.answers("a"))
        asked = rows.question(fields=(*rows.INVOICE_FIELDS, Field("paid", "boolean")))
        warehouse.commit(rows.answers("a", asked=asked))
        assert "paid" in warehouse.rows("all_of_it")[0]


def test_shipped_views_say_what_they_and_their_columns_mean(tmp_path: Path) -> None:
    """Every view that ships works on a warehouse of the sample rows, and every column has a meaning."""
    with hold(tmp_path) as warehouse:
        warehouse.commit([*rows.read("a", "b"), *rows.answers("a", "b")])
        views = [info for info in warehouse.tables() if (SHIPPED / f"{info.name}.sql").exists()]
        assert {info.name for info in views} == {path.stem for path in SHIPPED.glob("*.sql")}
        for info in views:
            assert info.meaning
            assert all(column.meaning for column in info.columns)
        assert [(row["field"], row["found"], row["exact"], row["missing"]) for row in warehouse.rows("evidence_quality")] == [
            ("lines[].what", 2, 0.0, 1.0),
            ("number", 2, 1.0, 0.0),
        ]
