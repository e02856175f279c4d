"""The bookkeeping of a warehouse as plain values, and a warehouse made of it and of rows: the two halves of leaving and coming back.

In: an open connection, or books and Arrow batches. Out: books (slots, what was asked, views), or tables with their comments.
Imports the helpers `catalog`, for its words of SQL, and `views`, which knows ours.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from typing import Any

import duckdb
import pyarrow as pa

from octavo.processors.store import catalog, views
from octavo.processors.store.manifest import TableState

Books = Mapping[str, Any]


def of(connection: duckdb.DuckDBPyConnection) -> dict[str, Any]:
    """What a warehouse knows beside its rows, as JSON has it. A view that cannot be read is made again by who can."""
    slots, told = catalog.generations(connection), views.whole(connection)
    return {
        "slots": {table: _runs(of_table) for table, of_table in slots.items()},
        "asked": _rows(connection, "SELECT * FROM octavo.asked ORDER BY ALL"),
        "views": [
            {**row, "sql": _definition(connection, row["name"])}
            for row in _rows(connection, "SELECT * FROM octavo.views ORDER BY name")
            if row["name"] in told
        ],
    }


def _rows(connection: duckdb.DuckDBPyConnection, query: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = connection.sql(query).to_arrow_table().to_pylist()
    return found


def _runs(slots: Mapping[int, int]) -> dict[str, list[int]]:
    """Slots by generation, which is shorter than generations by slot: many change at once."""
    by_generation = defaultdict[str, list[int]](list)
    for slot, generation in sorted(slots.items()):
        by_generation[str(generation)].append(slot)
    return dict(by_generation)


def _definition(connection: duckdb.DuckDBPyConnection, view: str) -> str:
    query = "SELECT sql FROM duckdb_views() WHERE database_name = 'warehouse' AND schema_name = 'main' AND view_name = ?"
    found = connection.execute(query, [view]).fetchall()
    return str(found[0][0]) if found else ""


def make_table(connection: duckdb.DuckDBPyConnection, name: str, state: TableState) -> None:
    """Make an empty table with its columns and meanings."""
    columns = ", ".join(f"{catalog.quoted(column)} {kind}" for column, kind, _ in state.columns)
    connection.execute(f"CREATE TABLE {catalog.quoted(name)} ({columns})")
    _comment(connection, "TABLE", name, state)


def fill(connection: duckdb.DuckDBPyConnection, name: str, batches: pa.RecordBatchReader) -> None:
    """Put rows into a table, some thousand in memory at a time."""
    connection.register("__rows", batches)
    connection.execute(
        catalog.fill("INSERT INTO $table BY NAME SELECT * FROM __rows", table=catalog.quoted(name))
    )
    connection.unregister("__rows")


def keep(connection: duckdb.DuckDBPyConnection, books: Books, states: Mapping[str, TableState]) -> None:
    """Put the books into a warehouse whose tables are there, and make its views."""
    catalog.keep_books(connection)
    slots = [
        (table, slot, int(generation))
        for table, runs in books["slots"].items()
        for generation, numbers in runs.items()
        for slot in numbers
    ]
    connection.executemany("INSERT INTO octavo.slots VALUES (?, ?, ?)", slots)
    for row in books["asked"]:
        connection.execute("INSERT INTO octavo.asked VALUES (?, ?, ?, ?)", list(row.values()))
    for row in books["views"]:
        if not row["sql"] or row["name"] not in states:
            continue  # the next commit makes it, if its tables are there
        connection.execute(row["sql"])
        _comment(connection, "VIEW", row["name"], states[row["name"]])
        names = ("name", "fingerprint", "owner", "reads", "generation")
        connection.execute(
            "INSERT INTO octavo.views (name, fingerprint, owner, reads, generation) VALUES (?, ?, ?, ?, ?)",
            [row[name] for name in names],
        )


def is_view(connection: duckdb.DuckDBPyConnection, name: str) -> bool:
    """Whether this is a view of ours."""
    return name in views.ours(connection)


def _comment(connection: duckdb.DuckDBPyConnection, kind: str, name: str, state: TableState) -> None:
    quoted = catalog.quoted(name)
    connection.execute(f"COMMENT ON {kind} {quoted} IS {catalog.literal(state.meaning)}")
    for column, _, meaning in state.columns:
        if meaning:
            connection.execute(
                f"COMMENT ON COLUMN {quoted}.{catalog.quoted(column)} IS {catalog.literal(meaning)}"
            )
