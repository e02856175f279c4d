"""A record as columns hold it comes in; the same as a user's own model has it goes out, and back.

    columns                                             the model
    {"rates": [{"key": "EUR", "value": 1}]}             {"rates": {"EUR": 1}}        dict[str, T]
    {"place": {"item_1": 52.1, "item_2": 13.4}}         {"place": [52.1, 13.4]}      tuple
    {"pet": {"kind": "cat", "lives": 9, "breed": null}} {"pet": {"kind": "cat", "lives": 9}}  a choice of models
    {"model_": "X1"}                                    {"model": "X1"}

What comes back is what a column can hold: members of an Enum become their values, sets lists in the order of the answer, URLs text. A value
of another type than its column's stays as it was before the model's code.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from datetime import date, timedelta
from decimal import Decimal
from enum import Enum
from typing import Any

from pydantic import BaseModel, TypeAdapter

from octavo.schemas.columns import native
from octavo.schemas.errors import SchemaError, describe
from octavo.schemas.pipeline import Field

Hear = Callable[[str, str], None]  # takes a path and a sentence
Places = dict[int, str]  # by the id of each object that was made, its path in the record
Step = str | int
_DURATION = TypeAdapter(timedelta)
_LONGEST_SHOWN = 60  # characters


def to_own(
    fields: Sequence[Field], value: Mapping[str, Any], places: Places, path: str = ""
) -> dict[str, Any]:
    """A record as the model takes it, without nulls. `places` gets the path of every record in it."""
    made = {
        field.origin or field.name: _to_own(
            field, value[field.name], places, f"{path}.{field.name}".lstrip(".")
        )
        for field in fields
        if value.get(field.name) is not None
    }
    places[id(made)] = path
    return made


def from_own(
    fields: Sequence[Field], given: Sequence[Any], before: Any, hear: Hear, path: str = ""
) -> dict[str, Any]:
    """A record as columns hold it. `given` are what the model gives for it, the best first; `before` is what it was given."""
    made = {}
    for field in fields:
        name = field.origin or field.name
        inside = [one.get(name) for one in given if isinstance(one, Mapping)]
        was = before.get(field.name) if isinstance(before, Mapping) else None
        made[field.name] = _from_own(field, inside, was, hear, f"{path}.{field.name}".lstrip("."))
    return made


def held(value: Any) -> Any:
    """What a model holds, as dicts and lists, without its serializers."""
    if isinstance(value, BaseModel):
        names = ("root",) if "root" in type(value).model_fields else type(value).model_fields
        inner = {name: held(getattr(value, name)) for name in names}
        return inner.get("root", inner)
    if isinstance(value, Mapping):
        return {key: held(inner) for key, inner in value.items()}
    return (
        [held(inner) for inner in value] if isinstance(value, list | tuple | deque | AbstractSet) else value
    )


def steps_of(fields: Sequence[Field], value: Any, loc: Sequence[Step]) -> tuple[tuple[Step, ...], int]:
    """Pydantic's place of an error in the user's model, as the steps to it in the record of the columns.

    Beside them, how many of its own steps lead to where pydantic names one of a choice of models or types; all where it names none.
    """
    made: list[Step] = []
    chosen = len(loc)
    known: Sequence[Field] | Field = fields
    for at, step in enumerate(loc):
        inner = _inside(known, value, step)
        if inner is None:
            chosen = min(chosen, at)
            continue
        steps, field = inner
        made += steps
        for one in steps:
            value = _below(value, one)
        known = field if field.kind == "list" else field.fields
    return tuple(made), chosen


def _inside(known: Sequence[Field] | Field, value: Any, step: Step) -> tuple[tuple[Step, ...], Field] | None:
    """The steps that one of pydantic's stands for, and what is there; None where it is none, but names one of a choice."""
    if not isinstance(known, Field):
        field = _named(known, step)
        return ((field.name,), field) if field else None
    if known.item is None or (at := _place(known, value, step)) is None:
        return None
    return ((at, "value"), known.item.fields[1]) if known.form == "map" else ((at,), known.item)


def _below(value: Any, step: Step) -> Any:
    """What a record or a list has there; None where there is nothing."""
    if isinstance(value, list):
        return value[step] if isinstance(step, int) and step < len(value) else None
    return value.get(step) if isinstance(value, Mapping) else None


def plain(value: Any) -> Any:
    """A value of the model's as text, number or date, whatever class it has."""
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, timedelta):
        return _DURATION.dump_python(value, mode="json")
    if isinstance(value, re.Pattern):
        return value.pattern
    return str(value).strip("()") if isinstance(value, complex) else value


def _named(fields: Sequence[Field], step: Step) -> Field | None:
    if isinstance(step, int):  # of a tuple
        return fields[step] if step < len(fields) and fields[step].name not in ("key", "value") else None
    return next((field for field in fields if step in (field.origin, field.name)), None)


def _place(field: Field, value: Any, step: Step) -> int | None:
    if field.form != "map":
        return step if isinstance(step, int) else None
    entries = value if isinstance(value, list) else []
    return next((at for at, entry in enumerate(entries) if str(entry.get("key")) == str(step)), None)


def _to_own(field: Field, value: Any, places: Places, path: str) -> Any:
    if value is None:
        return None
    if field.kind == "record" and field.form == "tuple":
        return [
            _to_own(inner, value.get(inner.name), places, f"{path}.{inner.name}") for inner in field.fields
        ]
    if field.kind == "record":
        return to_own(field.fields, value, places, path)
    if field.kind == "list" and field.item:
        items = [_to_own(field.item, item, places, f"{path}[{at}]") for at, item in enumerate(value)]
        return {item.get("key"): item.get("value") for item in items} if field.form == "map" else items
    return value


def _from_own(field: Field, given: Sequence[Any], before: Any, hear: Hear, path: str) -> Any:
    given = [plain(one) for one in given]
    if all(one is None for one in given[:1]):
        return None
    if field.kind == "record":
        shaped = [_as_record(field, one) for one in given]
        usable = [one for one in shaped if one is not None]
        return (
            from_own(field.fields, usable, before, hear, path)
            if usable
            else _kept(field, given, before, hear, path)
        )
    if field.kind == "list" and field.item:
        lists = [found for one in given if (found := _as_list(field, one, before)) is not None]
        return (
            _items(field.item, lists, before, hear, path)
            if lists
            else _kept(field, given, before, hear, path)
        )
    for one in given:
        try:
            return _leaf(field, one)
        except (SchemaError, ValueError, TypeError):
            continue
    return _kept(field, given, before, hear, path)


def _items(item: Field, lists: Sequence[list[Any]], before: Any, hear: Hear, path: str) -> list[Any]:
    was = before if isinstance(before, list) else []
    made = []
    for at, first in enumerate(lists[0]):
        given = [first, *(other[at] for other in lists[1:] if len(other) == len(lists[0]))]
        made.append(_from_own(item, given, was[at] if at < len(was) else None, hear, f"{path}[{at}]"))
    return made


def _as_record(field: Field, value: Any) -> Mapping[str, Any] | None:
    if field.form == "tuple" and isinstance(value, list | tuple):
        return {inner.origin or inner.name: one for inner, one in zip(field.fields, value, strict=False)}
    return value if isinstance(value, Mapping) else None


def _as_list(field: Field, value: Any, before: Any) -> list[Any] | None:
    if field.form == "map":
        return (
            [{"key": key, "value": inner} for key, inner in value.items()]
            if isinstance(value, Mapping)
            else None
        )
    if isinstance(value, AbstractSet):
        was = [str(one) for one in before] if isinstance(before, list) else []
        return sorted(value, key=lambda one: (_index(was, str(plain(one))), str(plain(one))))
    return list(value) if isinstance(value, list | tuple | deque) else None


def _index(values: Sequence[str], value: str) -> int:
    return values.index(value) if value in values else len(values)


def _leaf(field: Field, value: Any) -> Any:
    """A value as its column holds it. Raises SchemaError, ValueError or TypeError where it does not."""
    if value is None:
        return None
    if field.kind in ("text", "choice") and not isinstance(value, str):
        value = _as_text(value)
    made = native(field, value, field.name)
    if field.kind == "decimal":  # with the digits that it was given, and not those of the column
        return value if isinstance(value, Decimal) else Decimal(str(value))
    return made


def _as_text(value: Any) -> str:
    if isinstance(value, Mapping | list | tuple | AbstractSet):
        raise TypeError  # it is no text
    if isinstance(value, bytes):
        return value.decode()
    return (
        str(value).lower()
        if isinstance(value, bool)
        else value.isoformat()
        if isinstance(value, date)
        else str(value)
    )


def _kept(field: Field, given: Sequence[Any], before: Any, hear: Hear, path: str) -> Any:
    shown = describe(ValueError(repr(given[0]))).removeprefix(
        "ValueError: "
    )  # without the address of an object
    shown = shown if len(shown) <= _LONGEST_SHOWN else f"{shown[:_LONGEST_SHOWN]}..."
    kind = type(given[0]).__name__
    hear(
        path,
        f"the model's own code makes {shown} ({kind}) of it, which a {field.kind} column cannot hold; it stays as it was answered",
    )
    return before
