"""What a file of an earlier version lacks: an open connection in, the changes that bring its tables up to these days out.

Imports the helpers `catalog` for its words of SQL and `changes`, since bringing a table up is a change like any other.
"""

from __future__ import annotations

from collections.abc import Iterator

import duckdb

from octavo.processors.store import catalog
from octavo.processors.store.changes import Change
from octavo.schemas.tables import FIXED, brought_up


def changes(connection: duckdb.DuckDBPyConnection) -> Iterator[Change]:
    """Fixed tables that lack columns get them, and tables of answers in which `question` holds what is `question_fingerprint` now."""
    for name in catalog.generations(connection):
        stored = catalog.stored_table(connection, name)
        there = set(stored.schema.names)
        if name in FIXED and not {column.name for column in FIXED[name].columns} <= there:
            yield Change(FIXED[name])
        elif name not in FIXED and "question_fingerprint" not in there:
            rows = connection.sql(catalog.fill("FROM $table", table=catalog.quoted(name))).to_arrow_table()
            yield Change(*brought_up(stored, rows))
