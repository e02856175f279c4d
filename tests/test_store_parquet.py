"""Rules of `store/parquet`: the same rows as the warehouse, described, and only the files that changed are written."""

from __future__ import annotations

import time
from contextlib import suppress
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from octavo.processors.store.warehouse import Change, Warehouse, hold
from octavo.schemas import tables
from octavo.schemas.pipeline import Field, Page
from tests import rows


def pages(count: int, text: str = "text") -> list[Change]:
    """One page each of so many documents."""
    return [
        Change(
            tables.PAGES,
            [tables.page_row(Page(rows.sha(str(number)), 1, text), number) for number in range(count)],
        )
    ]


def files(warehouse: Warehouse, table: str) -> dict[str, int]:
    """The Parquet files of a table and when they were written."""
    return {path.name: path.stat().st_mtime_ns for path in (warehouse.tables_folder / table).iterdir()}


def read(warehouse: Warehouse, table: str) -> list[dict[str, object]]:
    """All rows of a table in its Parquet files, in order of the document."""
    found = pq.read_table(warehouse.tables_folder / table).to_pylist()
    return sorted(found, key=lambda row: str(row["document"]))


def test_parquet_holds_the_same_rows_in_the_same_order(tmp_path: Path) -> None:
    """Every table and view is there with every value of every type, sorted by its key, views in their own order."""
    with hold(tmp_path) as warehouse:
        warehouse.commit(
            [*map(Change, tables.FIXED.values()), *rows.read("b", "a", "c"), *rows.answers("c", "a")]
        )
        assert {"review", "coverage", "invoice_lines"} <= {info.name for info in warehouse.tables()}
        for info in warehouse.tables():
            is_table = info.name in {*tables.FIXED, "invoice"}
            expected = (
                warehouse.rows(info.name) if is_table else warehouse.query(f'FROM "{info.name}"').to_pylist()
            )
            made = pq.read_table(warehouse.tables_folder / info.name)
            assert made.to_pylist() == expected, info.name
            assert all(
                field.metadata[b"meaning"] for field in made.schema if not info.name.startswith("invoice")
            ), info.name


def test_parquet_says_what_columns_mean(tmp_path: Path) -> None:
    """The types are those of the table, the meanings stand in the metadata of the fields, and zstd packs them."""
    with hold(tmp_path) as warehouse:
        warehouse.commit(rows.answers("a"))
        (path,) = (warehouse.tables_folder / "invoice").iterdir()
    schema = pq.read_schema(path)
    assert schema.field("total").metadata == {b"meaning": b"Amount to pay"}
    assert schema.metadata[b"meaning"] == b"Read the invoice."
    assert schema.field("total").type == pa.decimal128(18, 2)
    assert schema.field("issued").type == pa.date32()
    assert pq.read_metadata(path).row_group(0).column(0).compression == "ZSTD"


def test_times_are_utc(tmp_path: Path) -> None:
    """A moment is stored as UTC, whatever the machine's clock is set to."""
    with hold(tmp_path) as warehouse:
        warehouse.commit([Change(tables.RUNS)])
        assert pq.read_table(warehouse.tables_folder / "runs").schema.field(
            "started_at"
        ).type == pa.timestamp("us", tz="UTC")


def test_only_tables_that_changed_are_written(tmp_path: Path) -> None:
    """A commit that touches one table leaves the files of the others alone."""
    with hold(tmp_path) as warehouse:
        warehouse.commit([*rows.read("a"), *rows.answers("a")])
        before = {name: files(warehouse, name) for name in ("documents", "pages", "invoice")}
        warehouse.commit([*rows.read("a"), *rows.answers("a", number="R-2")])
        after = {name: files(warehouse, name) for name in ("documents", "pages", "invoice")}
    assert before["documents"] == after["documents"]
    assert before["pages"] == after["pages"]
    assert before["invoice"] != after["invoice"]


@pytest.mark.parametrize("trouble", [None, KeyError])
def test_files_that_may_be_behind_are_written_when_the_folder_is_let_go(
    tmp_path: Path, trouble: type[Exception] | None
) -> None:
    """A commit soon after the last writing leaves the files as they are; at the end, whatever it is, they have its rows."""
    with suppress(KeyError), hold(tmp_path, publish_every_s=3_600) as warehouse:
        warehouse.commit(pages(3))
        assert not (warehouse.tables_folder / "pages").exists()
        assert warehouse.size("pages") == 3
        if trouble:
            raise trouble
    assert read(warehouse, "pages") == warehouse.rows("pages")


def test_files_are_written_during_a_long_hold_too(tmp_path: Path) -> None:
    """Once the wait is over, the next commit that changes something writes them."""
    with hold(tmp_path, publish_every_s=0.001) as warehouse:
        time.sleep(0.01)
        warehouse.commit(pages(3))
        assert read(warehouse, "pages") == warehouse.rows("pages")


def test_a_view_is_written_when_a_table_that_it_reads_changed(tmp_path: Path) -> None:
    """Not when another table changed; a rerun without a change writes nothing, and a view that is gone leaves no file."""
    views = ("cost_by_day", "coverage", "invoice_lines", "evidence_quality")
    with hold(tmp_path) as warehouse:
        warehouse.commit([*map(Change, tables.FIXED.values()), *rows.read("a"), *rows.answers("a")])
        before = {name: files(warehouse, name) for name in views}
        assert not warehouse.commit(rows.answers("a"))
        warehouse.commit(
            [
                Change(
                    tables.RUNS,
                    [dict.fromkeys((one.name for one in tables.RUNS.columns), None) | {"run": "r"}],
                )
            ]
        )
        assert before == {name: files(warehouse, name) for name in views}
        warehouse.commit(rows.answers("a", number="R-2"))
        assert {name for name in views if files(warehouse, name) != before[name]} == {
            "coverage",
            "invoice_lines",
            "evidence_quality",
        }
        warehouse.commit([Change(tables.question_table(rows.question(fields=rows.INVOICE_FIELDS[:3])))])
        assert not files(warehouse, "invoice_lines")
    with hold(tmp_path) as warehouse:
        assert files(warehouse, "cost_by_day") == before["cost_by_day"], (
            "who holds the folder again writes nothing"
        )


@pytest.mark.parametrize("apart", [2, 999])
def test_a_large_table_is_spread_and_only_its_changed_files_are_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, apart: int
) -> None:
    """Above the bound a table has 2, 4, 8, ... files by hash of the document, taken apart first or not; one document changes one file."""
    monkeypatch.setattr("octavo.processors.store.parquet.BUCKET_ROWS", 50)
    monkeypatch.setattr("octavo.processors.store.parquet._APART", apart)
    with hold(tmp_path) as warehouse:
        warehouse.commit(pages(50))
        assert list(files(warehouse, "pages")) == ["000-of-001.parquet"]
        warehouse.commit(pages(300))
        before = files(warehouse, "pages")
        assert sorted(before) == [f"{number:03d}-of-008.parquet" for number in range(8)]
        warehouse.commit(pages(1, text="other"))
        after = files(warehouse, "pages")
        assert sum(before[name] != after[name] for name in before) == 1
        assert read(warehouse, "pages") == warehouse.rows("pages")
        warehouse.commit([Change(tables.PAGES, (), {(rows.sha(str(number)),) for number in range(10, 300)})])
        assert list(files(warehouse, "pages")) == ["000-of-001.parquet"]
        assert read(warehouse, "pages") == warehouse.rows("pages")


def test_a_bucket_that_needs_more_memory_gets_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is kept of the file is bounded; rows that do not fit beside it are written all the same."""
    monkeypatch.setattr("octavo.processors.store.parquet._CACHE_MB", 1)
    with hold(tmp_path) as warehouse:
        warehouse.commit(pages(2_000, text="much text " * 200))
        assert read(warehouse, "pages") == warehouse.rows("pages")


def test_every_file_of_a_large_table_gets_its_new_columns(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When a schema was edited, files whose rows did not change are written too, so that all files of a table have its columns."""
    monkeypatch.setattr("octavo.processors.store.parquet.BUCKET_ROWS", 2)
    with hold(tmp_path) as warehouse:
        warehouse.commit([*rows.read(*"abcdefgh"), *rows.answers(*"abcdefgh")])
        assert len(files(warehouse, "invoice")) == 4
        edited = rows.question(fields=(*rows.INVOICE_FIELDS, Field("note", "text")))
        warehouse.commit([Change(tables.question_table(edited))])
        shapes = [pq.read_schema(path).names for path in (warehouse.tables_folder / "invoice").iterdir()]
    assert len(shapes) == 4
    assert all("note" in names for names in shapes)


def test_files_of_others_stay(tmp_path: Path) -> None:
    """Only what carries our mark is removed from the folder of tables."""
    with hold(tmp_path) as warehouse:
        warehouse.commit(pages(1))
        theirs = warehouse.tables_folder / "pages" / "mine.parquet"
        pq.write_table(pa.table({"a": [1]}), theirs)
        (warehouse.tables_folder / "notes.txt").write_text("a note")
        warehouse.commit(pages(2))
        assert theirs.exists()
        assert (warehouse.tables_folder / "notes.txt").exists()


def test_files_of_an_earlier_warehouse_are_not_taken_for_ours(tmp_path: Path) -> None:
    """When the warehouse was deleted, a new one with other rows replaces all Parquet files, though it counts from the start."""
    with hold(tmp_path) as warehouse:
        warehouse.commit([*pages(3), *rows.answers("a")])
        warehouse.path.unlink()
    with hold(tmp_path) as warehouse:
        assert files(warehouse, "pages"), "what is left of the old rows is kept until there are new ones"
        warehouse.commit(pages(1, text="new"))
        assert read(warehouse, "pages") == warehouse.rows("pages")
        assert not files(warehouse, "invoice")


def test_files_of_a_restored_warehouse_are_its_own(tmp_path: Path) -> None:
    """When an older copy of the warehouse is put back, the Parquet files go back with it, and stay right after the next commit."""
    with hold(tmp_path) as warehouse:
        warehouse.commit(pages(3))
        copy = warehouse.path.read_bytes()
        warehouse.commit(pages(3, text="later"))
    warehouse.path.write_bytes(copy)
    with hold(tmp_path) as warehouse:
        assert read(warehouse, "pages") == warehouse.rows("pages")
        warehouse.commit(pages(3, text="other"))
        assert read(warehouse, "pages") == warehouse.rows("pages")
