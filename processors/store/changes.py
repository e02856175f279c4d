"""What one commit does to the tables, as SQL: find out what would change, then change it.

In: an open DuckDB connection with the warehouse in use, and changes. Out: the slots that differ, or the tables changed.
Copying and renaming is the lead's business. Imports the helper `catalog` for its words of SQL.

Rows are counted into 256 slots by a hash of their first key column. `octavo.slots` keeps, for each table and slot, the generation
in which it last changed (slot -1: the table's columns), and from that the Parquet files know whether they are up to date.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import duckdb
import pyarrow as pa

from octavo.processors.store import catalog
from octavo.schemas.errors import SchemaError
from octavo.schemas.tables import Table, arrow

_log = logging.getLogger("octavo.store")
_types_of: dict[
    pa.Schema, list[str]
] = {}  # what DuckDB calls the types of Arrow; a process has some twenty tables


@dataclass(frozen=True, slots=True)
class Change:
    """New rows for a table, and keys that have none any more.

    Every row whose key is in `rows` or in `gone` is deleted, then `rows` are inserted. A tuple in `gone` that is shorter than the
    key stands for all keys that begin with it: `{(document,)}` removes all pages of a document.
    """

    table: Table
    rows: Sequence[Mapping[str, Any]] | pa.Table = ()
    gone: set[tuple[Any, ...]] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class Staged:
    """A change made ready: strict Arrow rows, and for each length of key the keys that it touches."""

    table: Table
    rows: pa.Table
    touched: Mapping[int, pa.Table]

    @property
    def touches(self) -> bool:
        """Whether it names any key at all; else it only says what columns there are."""
        return any(len(keys) for keys in self.touched.values())


def staged(change: Change) -> Staged:
    """Make a change ready. Raises SchemaError when a row does not fit its table or a key in `gone` is too long."""
    rows = arrow(change.table, change.rows)
    kinds = [rows.schema.field(name) for name in change.table.key]
    gone = {length: _keys(change, kinds[:length], length) for length in {len(key) for key in change.gone}}
    present = _beside(rows.select(change.table.key), change.gone)
    whole = pa.concat_tables([present, gone.get(len(kinds), present.slice(0, 0))])
    return Staged(change.table, rows, {**gone, len(kinds): whole})


def _beside(keys: pa.Table, gone: set[tuple[Any, ...]]) -> pa.Table:
    """The keys that no shorter one in `gone` stands for already: to look for each in two ways takes twice as long."""
    lengths = sorted({len(key) for key in gone} - {keys.num_columns})
    if not lengths:
        return keys
    rows = zip(*(column.to_pylist() for column in keys.columns), strict=True)
    beside = [row for row in rows if all(row[:length] not in gone for length in lengths)]
    columns = zip(*beside, strict=True) if beside else [()] * keys.num_columns
    return pa.Table.from_arrays(list(map(pa.array, columns, keys.schema.types)), schema=keys.schema)


def _keys(change: Change, kinds: list[pa.Field], length: int) -> pa.Table:
    """The keys of one length in `gone`, as Arrow."""
    if not 0 < length <= len(change.table.key):
        raise SchemaError(
            f"A key of {change.table.name} has 1 to {len(change.table.key)} parts, not {length}.",
            about=change.table.name,
        )
    keys = [key for key in change.gone if len(key) == length]
    return pa.Table.from_pydict(
        {kind.name: [key[place] for key in keys] for place, kind in enumerate(kinds)}, schema=pa.schema(kinds)
    )


# --- what would change ---------------------------------------------------------------------------------------------


def difference(connection: duckdb.DuckDBPyConnection, change: Staged, stored: catalog.Described) -> set[int]:
    """The slots in which the change would alter a row; {catalog.SHAPE} when the table is missing or its columns or meanings differ.

    Rows are compared by hashes of 64 bits, since whole ones of two tables would be in memory at once. subtle: DuckDB's hash of an empty
    list is that of null, so lists and structs are hashed as JSON.
    """
    _register(connection, change)
    if stored.get(change.table.name) != _wanted_shape(connection, change):
        return {catalog.SHAPE}
    if not change.touches:
        return set()
    if not catalog.scalar(connection, _filled("SELECT count(*) FROM $table WHERE $touched", change)):
        new = connection.execute(_filled("SELECT DISTINCT $slot FROM __rows", change)).fetchall()
        return {slot for (slot,) in new}  # found by their keys alone; the text of all pages stays on the disk
    query = """
        WITH before AS (SELECT $slot AS slot, hash($compared) FROM $table WHERE $touched),
             after AS (SELECT $slot AS slot, hash($compared) FROM __rows)
        SELECT DISTINCT slot FROM ((FROM before EXCEPT ALL FROM after) UNION ALL (FROM after EXCEPT ALL FROM before))"""
    return {slot for (slot,) in connection.execute(_filled(query, change)).fetchall()}


def _register(connection: duckdb.DuckDBPyConnection, change: Staged) -> None:
    """Show the rows to SQL as `__rows` and the keys of length n as `__touched_n`."""
    connection.register("__rows", change.rows)
    for length, keys in change.touched.items():
        connection.register(f"__touched_{length}", keys)


def _filled(query: str, change: Staged) -> str:
    keys = [catalog.quoted(name) for name in change.table.key]
    return catalog.fill(
        query,
        table=catalog.quoted(change.table.name),
        kept=f"temp.{catalog.quoted('__kept_' + change.table.name)}",
        columns=", ".join(catalog.quoted(column.name) for column in change.table.columns),
        compared=", ".join(
            _comparable(field) for field in change.rows.schema if field.name not in change.table.untold
        ),
        touched=" OR ".join(
            f"({', '.join(keys[:length])}) IN (FROM __touched_{length})" for length in change.touched
        ),
        slot=catalog.slot(change.table.name),
        order=catalog.ordering(change.table.name, change.rows.column_names),
    )


def _comparable(field: pa.Field) -> str:
    return (
        f"to_json({catalog.quoted(field.name)})"
        if pa.types.is_nested(field.type)
        else catalog.quoted(field.name)
    )


def _wanted_shape(connection: duckdb.DuckDBPyConnection, change: Staged) -> tuple[str, catalog.Shape]:
    table, schema = change.table, change.rows.schema
    if schema not in _types_of:
        described = connection.execute("DESCRIBE FROM __rows").fetchall()
        _types_of[schema] = [kind for _, kind, *_ in described]
    return table.meaning, [
        (column.name, kind, column.meaning)
        for column, kind in zip(table.columns, _types_of[schema], strict=True)
    ]


# --- changing it ---------------------------------------------------------------------------------------------------


def keep(connection: duckdb.DuckDBPyConnection, change: Staged, stored: catalog.Described) -> None:
    """Before the transaction: when the table will get other columns, set its rows aside as the temporary table `__kept`.

    Rows are kept, with nulls in new columns and for values that do not fit the new type of theirs, which a warning tells: `evidence` has
    them as they were, and their documents count as not yet answered.
    """
    if change.table.name not in stored:
        return
    _register(connection, change)
    there, wanted = stored[change.table.name][1], _wanted_shape(connection, change)[1]
    if _types(there) == _types(wanted):
        return
    connection.execute(_filled("CREATE OR REPLACE TEMP TABLE $kept AS FROM __rows LIMIT 0", change))
    before = {name for name, _, _ in there}
    casts = [_cast(connection, change, name, kind) for name, kind, _ in wanted if name in before]
    casts += [f"'' AS {catalog.quoted(name)}" for name in change.table.key if name not in before]
    connection.execute(
        _filled(
            catalog.fill("INSERT INTO $$kept BY NAME SELECT $casts FROM $$table", casts=", ".join(casts)),
            change,
        )
    )


def _cast(connection: duckdb.DuckDBPyConnection, change: Staged, name: str, kind: str) -> str:
    """A stored column in its new type, as SQL; null where a value does not fit, and everywhere when none could."""
    column = catalog.quoted(name)
    cast = f"TRY_CAST({column} AS {kind})"
    misfits = catalog.fill(
        "SELECT count(*) FROM $$table WHERE $column IS NOT NULL AND $cast IS NULL", column=column, cast=cast
    )
    try:
        lost = catalog.scalar(connection, _filled(misfits, change))
    except (
        duckdb.ConversionException,
        duckdb.BinderException,
        duckdb.ParserException,
        duckdb.OutOfRangeException,
    ):
        cast, lost = f"CAST(NULL AS {kind})", "All"
    if lost:
        _log.warning(
            "%s values of %s.%s do not fit its new type %s; the answers of then have null there.",
            lost,
            change.table.name,
            name,
            kind,
        )
    return f"{cast} AS {column}"


def apply(connection: duckdb.DuckDBPyConnection, change: Staged, stored: catalog.Described) -> bool:
    """Make the change, inside the caller's transaction; makes the table first, or gives it other columns.

    `stored` says how tables are, and is told how this one is then. Gives whether the table is new or has other columns.
    """
    _register(connection, change)
    there, wanted = stored.get(change.table.name), _wanted_shape(connection, change)
    is_other = there is None or _types(there[1]) != _types(wanted[1])
    if is_other:
        made = "FROM __rows LIMIT 0" if there is None else "FROM $kept"
        connection.execute(_filled(f"CREATE OR REPLACE TABLE $table AS {made}", change))
    if there != wanted:
        _comment(connection, change.table)
        stored[change.table.name] = wanted
    if change.touches:
        connection.execute(_filled("DELETE FROM $table WHERE $touched", change))
    if len(change.rows):
        connection.execute(_filled("INSERT INTO $table BY NAME SELECT * FROM __rows ORDER BY $order", change))
    return is_other


def _types(shape: catalog.Shape) -> list[tuple[str, str]]:
    return [(name, kind) for name, kind, _ in shape]


def _comment(connection: duckdb.DuckDBPyConnection, table: Table) -> None:
    name = catalog.quoted(table.name)
    said = [f"COMMENT ON TABLE {name} IS {catalog.literal(table.meaning)}"]
    said += [
        f"COMMENT ON COLUMN {name}.{catalog.quoted(column.name)} IS {catalog.literal(column.meaning)}"
        for column in table.columns
    ]
    connection.execute("; ".join(said))


def stamp(connection: duckdb.DuckDBPyConnection, table: str, slots: set[int], generation: int) -> None:
    """Note that the slots of a table changed in `generation`."""
    connection.execute(
        "DELETE FROM octavo.slots WHERE table_name = ? AND slot IN (SELECT unnest(?::BIGINT[]))",
        [table, sorted(slots)],
    )
    connection.execute(
        "INSERT INTO octavo.slots SELECT ?, unnest(?::BIGINT[]), ?", [table, sorted(slots), generation]
    )
