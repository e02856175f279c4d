"""Columns: from the fields of a schema to Arrow types, and from rows to Arrow tables, strictly.

In: `Field` trees, values as JSON or Python has them, rows as dicts. Out: `Column`, `Table`, native values, `pyarrow.Table`.
What does not fit raises SchemaError with the place and the value; nothing is cut or turned into null.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Context, Decimal, InvalidOperation
from hashlib import sha256
from typing import Any

import pyarrow as pa

from octavo.schemas.errors import SchemaError
from octavo.schemas.pipeline import Field, Kind

TEXT, WHOLE, REAL, FLAG = pa.string(), pa.int64(), pa.float64(), pa.bool_()
MOMENT = pa.timestamp("us", tz="UTC")
ANY_DIGITS = Context(prec=80)  # Python's own has 28, fewer than a column may have
_PACKED_ROWS = 1_000  # rows that wait as dicts
_PLAIN: Mapping[Kind, pa.DataType] = {
    "text": TEXT,
    "choice": TEXT,
    "date": pa.date32(),
    "datetime": pa.timestamp("us"),  # as it is printed, whatever its zone, which most documents do not name
    "instant": MOMENT,
    "integer": WHOLE,
    "number": REAL,
    "boolean": FLAG,
}


@dataclass(frozen=True, slots=True)
class Column:
    """One column: its name, its Arrow type, and what a value in it means."""

    name: str
    type: pa.DataType
    meaning: str


@dataclass(frozen=True, slots=True)
class View:
    """One derived table: a SELECT over tables. `meanings` are of its columns."""

    name: str
    select: str
    meaning: str
    meanings: tuple[tuple[str, str], ...]

    @property
    def fingerprint(self) -> str:
        """SHA-256 of all of it."""
        return sha256(repr(self).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Table:
    """One table. `key` names the columns by which rows are replaced; `order` what puts rows of one key in order.

    A row that differs from the stored one in `untold` columns only is the same row: they say where it came from, or are kept by the store.
    `views` are those that belong to it alone, such as of the lists in its rows; None where they are not known and stay as they are.
    """

    name: str
    key: tuple[str, ...]
    columns: tuple[Column, ...]
    meaning: str
    order: tuple[str, ...] = ()
    untold: tuple[str, ...] = ()
    views: tuple[View, ...] | None = None

    @property
    def schema(self) -> pa.Schema:
        """The columns as an Arrow schema."""
        return pa.schema([(column.name, column.type) for column in self.columns])


# --- fields to types -----------------------------------------------------------------------------------------------


def column_of(field: Field) -> Column:
    """The column of a top-level field; the meaning of a nested one names what is inside it."""
    return Column(field.name, arrow_type(field), _meaning(field))


def arrow_type(field: Field) -> pa.DataType:
    """The Arrow type of a field: `decimal` becomes decimal128(precision, scale), `record` a struct, `list` a list."""
    if field.kind == "decimal":
        return pa.decimal128(field.precision, field.scale)
    if field.kind == "record":
        if not field.fields:
            raise SchemaError(
                f"The record {field.name!r} has no fields.",
                about=field.name,
                next_step="Give it one, or leave it out.",
            )
        return pa.struct([(inner.name, arrow_type(inner)) for inner in field.fields])
    if field.kind == "list":
        if field.item is None:
            raise SchemaError(f"The list {field.name!r} does not say what it is a list of.", about=field.name)
        return pa.list_(arrow_type(field.item))
    return _PLAIN[field.kind]


def field_of(name: str, kind: pa.DataType, meaning: str = "") -> Field:
    """The field that a column was made of, as far as its type tells: of a choice, a text. The way back from `column_of`."""
    if pa.types.is_decimal(kind):
        return Field(name, "decimal", meaning, scale=kind.scale)
    if pa.types.is_struct(kind):
        return Field(name, "record", meaning, fields=tuple(field_of(one.name, one.type) for one in kind))
    if pa.types.is_list(kind):
        return Field(name, "list", meaning, item=field_of(name, kind.value_type))
    if pa.types.is_timestamp(kind):
        return Field(name, "instant" if kind.tz else "datetime", meaning)
    kinds: Mapping[pa.DataType, Kind] = {
        **{plain: name for name, plain in _PLAIN.items()},
        TEXT: "text",
    }
    return Field(name, kinds.get(kind, "text"), meaning)


def refuse_twins(fields: Sequence[Field], place: str) -> None:
    """Raise SchemaError when two fields of one record differ in case only: SQL would not tell them apart."""
    seen: dict[str, str] = {}
    for field in fields:
        other = seen.setdefault(field.name.lower(), field.name)
        if other is not field.name:
            message = f"The fields {other!r} and {field.name!r} of {place} are one name in SQL."
            raise SchemaError(message, about=field.name, next_step="Rename one of them.")
        refuse_twins(_inside(field), f"{place}.{field.name}")


def _inside(field: Field) -> tuple[Field, ...]:
    """The fields of a record, or of the records in a list."""
    return _inside(field.item) if field.item else field.fields


def _meaning(field: Field) -> str:
    inner = "; ".join(
        f"{one.name}: {text}" if (text := _meaning(one)) else one.name for one in _inside(field)
    )
    return f"{field.description} ({inner})".strip() if inner else field.description


# --- values --------------------------------------------------------------------------------------------------------


def native_record(fields: Sequence[Field], value: Mapping[str, Any], place: str) -> dict[str, Any]:
    """A record with every field there and native: `{"day": "2024-01-31"}` becomes `{"day": date(2024, 1, 31), "paid": None}`.

    `place` is the path of the record, empty at the top. Raises SchemaError, naming the place, for what does not fit.
    """
    if not isinstance(value, Mapping):
        raise SchemaError(f"{place} should be a record, but is {_shown(value)}.", about=place)
    if unknown := sorted(map(str, value.keys() - {field.name for field in fields})):
        raise SchemaError(
            f"{place or 'The record'} has a field that the schema does not have: {unknown[0]}.",
            about=unknown[0],
        )
    return {
        field.name: native(field, value.get(field.name), f"{place}.{field.name}".lstrip("."))
        for field in fields
    }


def native(field: Field, value: Any, place: str) -> Any:
    """One value of a field, native, as `native_record` does it; null stays null. Raises SchemaError, naming the place."""
    if value is None:
        return None
    if field.kind == "record":
        return native_record(field.fields, value, place)
    if field.kind == "list":
        if not isinstance(value, list | tuple) or field.item is None:
            raise SchemaError(f"{place} should be a list, but is {_shown(value)}.", about=place)
        return [native(field.item, one, f"{place}[{number}]") for number, one in enumerate(value)]
    try:
        return _native_decimal(value, field) if field.kind == "decimal" else _FORMS[field.kind](value)
    except (ValueError, TypeError, OverflowError, InvalidOperation):
        raise SchemaError(
            f"{place} should be of kind {field.kind}, but is {_shown(value)}.", about=place
        ) from None


def written(value: Any) -> str:
    """A value as a cell of the table `evidence` shows it."""
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, bool):
        return str(value).lower()
    return format(value, "f") if isinstance(value, Decimal) else str(value)


def _native_text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError
    value.encode()  # a lone surrogate cannot be stored
    return str.__str__(value)  # subtle: str() of a member of an enum would be "Currency.EUR"


def _native_date(value: Any) -> date:
    return (
        value.date()
        if isinstance(value, datetime)
        else value
        if isinstance(value, date)
        else date.fromisoformat(value)
    )


def _native_datetime(value: Any) -> datetime:
    """The time as it is printed. Its offset stays in the evidence."""
    moment = value if isinstance(value, datetime) else datetime.fromisoformat(value)
    return moment.replace(tzinfo=None)


def _native_instant(value: Any) -> datetime:
    moment = value if isinstance(value, datetime) else datetime.fromisoformat(value)
    if moment.tzinfo is None:
        raise TypeError
    return moment.astimezone(UTC)


def _native_integer(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not -(2**63) <= value < 2**63:
        raise TypeError
    return value


def _native_number(value: Any) -> float:
    if isinstance(value, bool | str):
        raise TypeError
    return float(value)


def _native_boolean(value: Any) -> bool:
    if not isinstance(value, bool):
        raise TypeError
    return value


def _native_decimal(value: Any, field: Field) -> Decimal:
    """With `scale` digits after the point. `str` first, so that the float 0.1 is 0.1 and not 0.1000000000000000055."""
    if isinstance(value, bool):
        raise TypeError
    exact = Decimal(str(value))
    scaled = exact.quantize(Decimal(1).scaleb(-field.scale), context=ANY_DIGITS)
    if scaled != exact or len(scaled.as_tuple().digits) > field.precision:
        raise ValueError  # also NaN, which equals nothing
    return scaled


_FORMS: Mapping[Kind, Callable[[Any], Any]] = {
    "text": _native_text,
    "choice": _native_text,
    "date": _native_date,
    "datetime": _native_datetime,
    "instant": _native_instant,
    "integer": _native_integer,
    "number": _native_number,
    "boolean": _native_boolean,
}


# --- rows to Arrow -------------------------------------------------------------------------------------------------


def arrow(table: Table, rows: Sequence[Mapping[str, Any]] | pa.Table) -> pa.Table:
    """The rows as an Arrow table with exactly the columns of `table`.

    Raises SchemaError for a column too many or too few, a value of another type, and a null in the key.
    """
    names = [column.name for column in table.columns]
    if isinstance(rows, pa.Table):
        _same_names(table, names, rows.column_names)
        arrays = [_cast(table, column, rows[column.name]) for column in table.columns]
    else:
        for row in rows:
            _same_names(table, names, row)
        arrays = [_array(table, column, [row[column.name] for row in rows]) for column in table.columns]
    made = pa.Table.from_arrays(arrays, schema=table.schema)
    for name in table.key:
        if made[name].null_count:
            raise SchemaError(
                f"A row of {table.name} has no {name}, which is part of its key.", about=table.name
            )
    return made


class Waiting:
    """Rows of a table that wait to be stored, packed as Arrow by the thousand: a tenth of what they take as dicts."""

    def __init__(self, table: Table) -> None:
        """Start empty. `misfits` are rows that the table cannot hold, and why; whoever put them has to say so."""
        self.misfits: list[tuple[Mapping[str, Any], SchemaError]] = []
        self._table = table
        self._loose: list[Mapping[str, Any]] = []
        self._packed: list[pa.Table] = []

    def __len__(self) -> int:
        """How many rows wait."""
        return len(self._loose) + sum(len(some) for some in self._packed)

    def put(self, rows: Iterable[Mapping[str, Any]]) -> None:
        """Add rows. One that does not fit the table is among `misfits`, at the latest when the others are taken."""
        self._loose += rows
        if len(self._loose) >= _PACKED_ROWS:
            self._pack()

    def taken(self) -> pa.Table:
        """All rows; none wait any more."""
        self._pack()
        packed, self._packed = self._packed, []
        return pa.concat_tables(packed)

    def _pack(self) -> None:
        loose, self._loose = self._loose, []
        try:
            self._packed.append(arrow(self._table, loose))
        except SchemaError:
            self._packed += [made for row in loose if (made := self._alone(row)) is not None]
            self._packed.append(arrow(self._table, ()))

    def _alone(self, row: Mapping[str, Any]) -> pa.Table | None:
        try:
            return arrow(self._table, [row])
        except SchemaError as error:
            self.misfits.append((row, error))
            return None


def _same_names(table: Table, wanted: list[str], given: Sequence[str] | Mapping[str, Any]) -> None:
    if len(given) == len(wanted) and all(name in given for name in wanted):
        return
    missing, unknown = sorted(set(wanted) - set(given)), sorted(set(given) - set(wanted))
    raise SchemaError(
        f"A row of {table.name} has other columns: missing {missing}, unknown {unknown}.", about=table.name
    )


_MISFITS = (
    pa.ArrowException,
    TypeError,
    ValueError,
    OverflowError,
)  # ValueError holds UnicodeEncodeError, for lone surrogates


def _cast(table: Table, column: Column, values: pa.ChunkedArray) -> pa.ChunkedArray:
    if values.type == column.type:
        return (
            values  # subtle: a cast loads pyarrow.compute, 0.1 s in a process that needs it for nothing else
        )
    try:
        return values.cast(column.type)
    except _MISFITS as error:
        raise SchemaError(
            f"{table.name}.{column.name} is {column.type}, not {values.type}: {error}", about=table.name
        ) from None


def _array(table: Table, column: Column, values: list[Any]) -> pa.Array:
    try:
        return pa.array(values, type=column.type)
    except _MISFITS:
        misfit = next((value for value in values if not _fits(column, value)), values)
        raise SchemaError(
            f"{table.name}.{column.name} is {column.type} and cannot hold {_shown(misfit)}.", about=table.name
        ) from None


def _fits(column: Column, value: Any) -> bool:
    try:
        pa.array([value], type=column.type)
    except _MISFITS:
        return False
    return True


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."
