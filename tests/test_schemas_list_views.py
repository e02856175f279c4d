"""Rules of `schemas/list_views`: every list in an answer is a view, a row an item, with its values and where they stand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import duckdb
import pytest

from octavo.processors.store.warehouse import Change, Warehouse, hold
from octavo.schemas import tables
from octavo.schemas.list_views import list_views, renamed
from octavo.schemas.pipeline import Evidence, Field, Kind, Record
from tests import rows

TEXT: Kind = "text"
NUMBER: Kind = "integer"
TAXES = Field(
    "taxes",
    "list",
    "Taxes of the line",
    item=Field("tax", "record", fields=(Field("rate", NUMBER, "Per cent"),)),
)
PRICE = Field("price", "record", "What it costs", fields=(Field("amount", NUMBER), Field("currency", TEXT)))
LINES = Field(
    "lines",
    "list",
    "Lines",
    item=Field("line", "record", fields=(Field("what", TEXT, "Thing"), PRICE, TAXES)),
)
SELLER = Field("seller", "record", fields=(Field("phones", "list", "Telephones", item=Field("phone", TEXT)),))
GRID = Field("grid", "list", item=Field("row", "list", item=Field("cell", NUMBER)))

VALUE = {
    "lines": [
        {"what": "ink", "price": {"amount": 3, "currency": "EUR"}, "taxes": [{"rate": 7}, {"rate": 19}]},
        {"what": "paper", "price": None, "taxes": []},
    ],
    "seller": {"phones": ["11", "22"]},
    "grid": [[1, 2], [], [3]],
}
PROOFS = (
    Evidence("lines[0].what", "ink", "exact", 1, 0, 3, "Ink", confidence=0.95, by="row"),
    Evidence("lines[0].price.amount", "3", "loose", 2, 5, 9, "3.00"),
    Evidence("lines[0].taxes[1].rate", "19", "exact", 2, 10, 14, "19 %"),
    Evidence("lines[1].what", "paper", "missing"),
    Evidence("seller.phones[1]", "22", "exact", 3, 0, 2, "22"),
    Evidence("grid[2][0]", "3", "exact", 4, 0, 1, "3"),
)


@pytest.fixture
def warehouse(tmp_path: Path) -> Warehouse:
    """A document whose answer has lists at every depth, and one whose lists are null."""
    asked = rows.question("order", (LINES, SELLER, GRID))
    answers = [
        Record(rows.sha("a"), "order", VALUE, PROOFS, "r"),
        Record(rows.sha("b"), "order", dict.fromkeys(VALUE), (), "r"),
    ]
    with hold(tmp_path) as held:
        held.commit(
            [
                *rows.read("a", "b"),
                Change(
                    tables.question_table(asked),
                    [tables.record_row(one, asked, "offline", "rules") for one in answers],
                ),
                Change(tables.EVIDENCE, [row for one in answers for row in tables.evidence_rows(one)]),
                Change(tables.REJECTS),
            ]
        )
        return held


def found(warehouse: Warehouse, columns: str, view: str) -> list[tuple[Any, ...]]:
    """Some columns of a view."""
    made = warehouse.query(f"SELECT {columns} FROM {view} ORDER BY ALL")
    return [tuple(row.values()) for row in made.to_pylist()]


def test_an_item_is_a_row_with_its_values_and_their_proofs(warehouse: Warehouse) -> None:
    """Items count from 1; the page and the quote of each value stand beside it, also of a value in a record of the item."""
    proofs = "what_page, what_quote, what_grade, what_proved_by, what_confidence, price_amount_page, price_amount_quote"
    columns = f"path, item, what, price.amount, {proofs}"
    assert found(warehouse, columns, "order_lines") == [
        ("a", 1, "ink", 3, 1, "Ink", "exact", "row", 0.95, 2, "3.00"),
        ("a", 2, "paper", None, None, "", "missing", None, None, None, None),
    ]


def test_lists_inside_records_items_and_lists_have_views(warehouse: Warehouse) -> None:
    """The numbers of the items around an item say which one it belongs to; a plain value is called value."""
    assert found(warehouse, "lines_item, item, rate, rate_page, rate_quote", "order_lines_taxes") == [
        (1, 1, 7, None, None),
        (1, 2, 19, 2, "19 %"),
    ]
    assert found(warehouse, "item, value, value_page", "order_seller_phones") == [
        (1, "11", None),
        (2, "22", 3),
    ]
    assert found(warehouse, "item, value", "order_grid") == [(1, [1, 2]), (2, []), (3, [3])]
    assert found(warehouse, "grid_item, item, value, value_quote", "order_grid_") == [
        (1, 1, 1, None),
        (1, 2, 2, None),
        (3, 1, 3, "3"),
    ]


def test_items_stand_in_the_order_of_the_document(warehouse: Warehouse) -> None:
    """Document by document and item by item, without a word from who asks."""
    taxes = warehouse.query("SELECT path, lines_item, item FROM order_lines_taxes").to_pylist()
    assert taxes == sorted(taxes, key=lambda row: tuple(row.values()))


def test_every_column_of_a_list_view_has_a_meaning(warehouse: Warehouse) -> None:
    """`octavo tables` says of each view and column what it is; the words of the schema come through."""
    made = {info.name: info for info in warehouse.tables() if info.name.startswith("order_")}
    assert set(made) == {
        "order_lines",
        "order_lines_taxes",
        "order_seller_phones",
        "order_grid",
        "order_grid_",
    }
    for info in made.values():
        assert info.meaning
    meanings = {column.name: column.meaning for column in made["order_lines"].columns}
    assert meanings["what"] == "Thing"
    assert meanings["what_page"] == "Page on which what stands, from 1"
    assert {column.meaning for column in made["order_seller_phones"].columns if column.name == "value"} == {
        "Telephones"
    }


def test_fields_keep_their_names_and_ours_give_way() -> None:
    """An item that has a field `item`, `path` or `what_page` keeps it; our column gets a `_`, and a sentence says so."""
    names = ("item", "Path", "what", "what_page")
    line = Field("line", "record", fields=tuple(Field(name, TEXT) for name in names))
    fields = (Field("lines", "list", item=line),)
    (view,) = list_views("order", fields)
    columns = [name for name, _ in view.meanings]
    assert columns[:7] == ["document", "path_", "item_", *names]
    assert "what_page_" in columns
    assert len({name.lower() for name in columns}) == len(columns)
    told = " ".join(renamed("order", fields))
    for old, new in (("path", "path_"), ("item", "item_"), ("what_page", "what_page_")):
        assert f"column {old} of the view order_lines is called {new}" in told


def test_two_views_never_have_one_name() -> None:
    """Lists whose names run together, or into a table or view of ours, are told apart by a `_`, and a sentence says so."""
    tags = Field("day", "list", item=Field("tag", TEXT))
    fields = (Field("by", "record", fields=(tags,)), Field("by_day", "list", item=Field("tag", TEXT)))
    views = list_views("cost", fields, taken={"cost_by_day"})
    assert [view.name for view in views] == ["cost_by_day_", "cost_by_day__"]
    assert len(renamed("cost", fields, taken={"cost_by_day"})) == 2


@pytest.mark.parametrize(
    "name", ["order", "sélect", "it's", 'say "x"', "a.b", "line items", "a[b", "$cost", "back\\slash"]
)
def test_any_name_makes_a_view_that_works(name: str) -> None:
    """Names that SQL or a pattern would take for something else are names all the same."""
    fields = (Field(name, "list", item=Field("one", "record", fields=(Field(name, TEXT),))),)
    (view,) = list_views("order", fields)
    with duckdb.connect(":memory:") as connection:
        quoted = name.replace('"', '""')
        connection.execute(
            f"CREATE TABLE \"order\" AS SELECT 'd' AS document, 'p' AS path, [{{\"{quoted}\": 'x'}}] AS \"{quoted}\""
        )
        connection.execute(
            "CREATE TABLE evidence (document TEXT, question TEXT, field TEXT, state TEXT, page INT, quote TEXT, grade TEXT)"
        )
        connection.execute("ALTER TABLE evidence ADD COLUMN proved_by TEXT")
        connection.execute("ALTER TABLE evidence ADD COLUMN confidence DOUBLE")
        connection.execute(
            "INSERT INTO evidence VALUES ('d', 'order', ?, 'given', 7, 'q', 'exact', 'row', 1)",
            [f"{name}[0].{name}"],
        )
        assert connection.execute(view.select).fetchall() == [("d", "p", 1, "x", 7, "q", "exact", "row", 1.0)]
