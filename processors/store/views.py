"""Derived tables: every `.sql` file in `schemas/views` is a view in the warehouse, once the tables (not views) it reads are there.

In: files that hold one SELECT under a comment; its first line is the meaning of the view, lines `-- name: meaning` are of columns;
and the views that a table of a commit brings along, such as of its lists. Out: views, made anew when their text or the set of tables
changed. Imports the helper `catalog` for its words of SQL.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb

from octavo.processors.store import catalog
from octavo.schemas.errors import SchemaError
from octavo.schemas.tables import SHIPPED_VIEWS, Table, View

SHIPPED = SHIPPED_VIEWS
_tables_in: dict[
    str, frozenset[str]
] = {}  # by SELECT; those of a process are its schemas' and ours, some twenty


@dataclass(frozen=True, slots=True)
class Made:
    """A view of ours as it is in the warehouse."""

    fingerprint: str
    owner: str  # the table that brought it along; empty for one that has a file
    reads: frozenset[str]  # tables
    generation: int  # in which it was made or changed


def load(folder: Path) -> tuple[View, ...]:
    """The views in a folder, by name."""
    return tuple(_view(path.stem, path.read_text(encoding="utf-8")) for path in sorted(folder.glob("*.sql")))


def _view(name: str, text: str) -> View:
    head = [line[2:].strip() for line in text.splitlines() if line.startswith("--")]
    named = {match[1]: match[2] for line in head[1:] if (match := re.match(r"(\w+): (.*)", line))}
    select = "\n".join(line for line in text.splitlines() if not line.startswith("--"))
    return View(name, select.strip().rstrip(";"), head[0] if head else "", tuple(named.items()))


def refuse_namesakes(
    views: Sequence[View], tables: Iterable[Table], connection: duckdb.DuckDBPyConnection | None = None
) -> None:
    """Raise SchemaError when a table has the name of a view, of this commit or, with a connection, of what is stored."""
    tables = list(tables)
    named = {table.name for table in tables}
    derived = {*(view.name for view in views), *(view.name for table in tables for view in table.views or ())}
    if connection:
        named |= set(catalog.tables(connection))
        derived |= {name for name, made in ours(connection).items() if _stays(made, tables)}
    for name in derived & named:
        raise SchemaError(
            f"The table {name} has the name of a view.",
            about=name,
            next_step="Name the schema, or the list, otherwise.",
        )


def stale(connection: duckdb.DuckDBPyConnection, views: Sequence[View], tables: Sequence[Table]) -> bool:
    """Whether the views of ours in the warehouse are not the ones that its tables allow. `tables` are those of a commit."""
    made = {name: one.fingerprint for name, one in ours(connection).items() if not _stays(one, tables)}
    return made != {view.name: view.fingerprint for view, _, _ in _possible(connection, views, tables)}


def create(
    connection: duckdb.DuckDBPyConnection,
    views: Sequence[View],
    tables: Sequence[Table],
    generation: int,
    reshaped: Collection[str],
) -> None:
    """Make the views whose tables are there, and drop those of ours that are wanted no more; views of others stay.

    One that is there as it is wanted is left alone, unless a table that it reads is among the `reshaped`, which have other columns now.
    """
    before, there = ours(connection), _names(connection)
    possible = _possible(connection, views, tables)
    for name in [name for name, one in before.items() if not _stays(one, tables)]:
        if name not in {view.name for view, _, _ in possible}:
            connection.execute(f"DROP VIEW IF EXISTS {catalog.quoted(name)}")
            connection.execute("DELETE FROM octavo.views WHERE name = ?", [name])
    for view, owner, reads in possible:
        old = before.get(view.name)
        is_same = old and (old.fingerprint, old.owner, old.reads) == (view.fingerprint, owner, reads)
        if not (is_same and view.name in there and reads.isdisjoint(reshaped)):
            _create(connection, view)
        if not is_same:
            _note(connection, Made(view.fingerprint, owner, reads, generation), view.name)


def _note(connection: duckdb.DuckDBPyConnection, made: Made, name: str) -> None:
    """Put down what a view of ours is."""
    row = [name, made.fingerprint, made.owner, sorted(made.reads), made.generation]
    connection.execute("DELETE FROM octavo.views WHERE name = ?", [name])
    connection.execute(
        "INSERT INTO octavo.views (name, fingerprint, owner, reads, generation) VALUES (?, ?, ?, ?, ?)", row
    )


def ours(connection: duckdb.DuckDBPyConnection) -> Mapping[str, Made]:
    """The views that we made, by name."""
    if not catalog.generations(connection):
        return {}
    rows = connection.sql("FROM octavo.views").to_arrow_table().to_pylist()
    return {
        row["name"]: Made(
            row["fingerprint"],
            row.get("owner") or "",
            frozenset(row.get("reads") or ()),
            row.get("generation") or 0,
        )
        for row in rows
    }


def whole(connection: duckdb.DuckDBPyConnection) -> Mapping[str, Made]:
    """Those of ours that can be read: not one of an earlier version, nor one of which somebody has dropped a table."""
    there = set(catalog.tables(connection))
    return {name: one for name, one in ours(connection).items() if one.reads and one.reads <= there}


def _stays(made: Made, tables: Sequence[Table]) -> bool:
    """Whether a view is left as it is, since it belongs to a table about whose views the commit says nothing."""
    return bool(made.owner) and made.owner not in {table.name for table in tables if table.views is not None}


def _create(connection: duckdb.DuckDBPyConnection, view: View) -> None:
    name = catalog.quoted(view.name)
    said = [f"COMMENT ON VIEW {name} IS {catalog.literal(view.meaning)}"]
    said += [
        f"COMMENT ON COLUMN {name}.{catalog.quoted(column)} IS {catalog.literal(meaning)}"
        for column, meaning in view.meanings
    ]
    try:
        connection.execute(f"CREATE OR REPLACE VIEW {name} AS {view.select}")
        connection.execute("; ".join(said))
    except duckdb.ProgrammingError as error:
        raise SchemaError(
            f"The view {view.name}.sql cannot be made: {error}",
            about=view.name,
            next_step="Correct the file.",
        ) from error


def _possible(
    connection: duckdb.DuckDBPyConnection, views: Sequence[View], tables: Sequence[Table]
) -> list[tuple[View, str, frozenset[str]]]:
    """The views whose tables are all there and whose name no other view has, with the table that brought them and those they read."""
    there, others = set(catalog.tables(connection)), _names(connection) - ours(connection).keys()
    wanted = [(view, "") for view in views]
    wanted += [
        (view, name)
        for name, brought in {table.name: table.views or () for table in tables}.items()
        for view in brought
    ]
    reads = [(view, owner, _reads(connection, view)) for view, owner in wanted]
    return [one for one in reads if one[2] <= there and one[0].name not in others]


def _reads(connection: duckdb.DuckDBPyConnection, view: View) -> frozenset[str]:
    """The tables that a view reads, which its words tell; DuckDB is asked once for each."""
    if view.select not in _tables_in:
        _tables_in[view.select] = frozenset(connection.get_table_names(view.select))
    return _tables_in[view.select]


def _names(connection: duckdb.DuckDBPyConnection) -> set[str]:
    """The names of all views."""
    query = "SELECT view_name FROM duckdb_views() WHERE database_name = 'warehouse' AND schema_name = 'main' AND NOT internal"
    return {name for (name,) in connection.execute(query).fetchall()}
