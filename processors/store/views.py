"""Derived tables: every `.sql` file in `schemas/views` is a view in the warehouse, once the tables (not views) it reads are there.

In: files that hold one SELECT under a comment; its first line is the meaning of the view, lines `-- name: meaning` are of columns.
Out: views, made anew when their text or the set of tables changed. Imports the helper `catalog` for its words of SQL.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import duckdb

import schemas
from processors.store import catalog
from schemas.errors import SchemaError

SHIPPED = Path(schemas.__file__).parent / "views"


@dataclass(frozen=True, slots=True)
class View:
    """One derived table, as its file says."""

    name: str  # of the file, without `.sql`
    select: str
    meaning: str
    meanings: Mapping[str, str]  # of its columns

    @property
    def fingerprint(self) -> str:
        """SHA-256 of all of it."""
        return sha256(repr(self).encode()).hexdigest()


def load(folder: Path) -> tuple[View, ...]:
    """The views in a folder, by name."""
    return tuple(_view(path.stem, path.read_text(encoding="utf-8")) for path in sorted(folder.glob("*.sql")))


def _view(name: str, text: str) -> View:
    head = [line[2:].strip() for line in text.splitlines() if line.startswith("--")]
    named = {match[1]: match[2] for line in head[1:] if (match := re.match(r"(\w+): (.*)", line))}
    select = "\n".join(line for line in text.splitlines() if not line.startswith("--"))
    return View(name, select.strip().rstrip(";"), head[0] if head else "", named)


def refuse_namesakes(views: Sequence[View], tables: Iterable[str]) -> None:
    """Raise SchemaError when a table has the name of a view."""
    for name in {view.name for view in views} & set(tables):
        raise SchemaError(f"The table {name} has the name of a view.", about=name, next_step="Name the schema, or the view, otherwise.")


def stale(connection: duckdb.DuckDBPyConnection, views: Sequence[View]) -> bool:
    """Whether the views of ours in the warehouse are not the ones that its tables allow."""
    return _made(connection) != {view.name: view.fingerprint for view in _possible(connection, views)}


def create(connection: duckdb.DuckDBPyConnection, views: Sequence[View]) -> None:
    """Make the views whose tables are there, and drop those of ours that have no file any more; views of others stay."""
    for name in _made(connection):
        connection.execute(f"DROP VIEW IF EXISTS {catalog.quoted(name)}")
    connection.execute("DELETE FROM octavo.views")
    for view in _possible(connection, views):
        _create(connection, view)


def _create(connection: duckdb.DuckDBPyConnection, view: View) -> None:
    name = catalog.quoted(view.name)
    try:
        connection.execute(f"CREATE OR REPLACE VIEW {name} AS {view.select}")
        connection.execute(f"COMMENT ON VIEW {name} IS {catalog.literal(view.meaning)}")
        for column, meaning in view.meanings.items():
            connection.execute(f"COMMENT ON COLUMN {name}.{catalog.quoted(column)} IS {catalog.literal(meaning)}")
    except duckdb.ProgrammingError as error:
        raise SchemaError(f"The view {view.name}.sql cannot be made: {error}", about=view.name, next_step="Correct the file.") from error
    connection.execute("INSERT INTO octavo.views VALUES (?, ?)", [view.name, view.fingerprint])


def _possible(connection: duckdb.DuckDBPyConnection, views: Sequence[View]) -> list[View]:
    """The views whose tables are all there."""
    tables = _tables(connection)
    return [view for view in views if connection.get_table_names(view.select) <= tables]


def _tables(connection: duckdb.DuckDBPyConnection) -> set[str]:
    where = "WHERE database_name = 'warehouse' AND schema_name = 'main'"
    return {name for (name,) in connection.execute(catalog.fill("SELECT table_name FROM duckdb_tables() $where", where=where)).fetchall()}


def _made(connection: duckdb.DuckDBPyConnection) -> dict[str, str]:
    """Name and fingerprint of the views that we made."""
    if not catalog.generations(connection):
        return {}
    return dict(connection.execute("SELECT name, fingerprint FROM octavo.views").fetchall())
