"""A choice of schemas comes in; the one schema of the column that holds any of them goes out, or None where there is no such column.

1, "2 to 3", null              a text, as printed
a number or a whole number     a number
a date or a text               a text
several lists of choices       one list of choices
T or a list of T               a list of T
several objects                one record with the fields of all; `kind` of a discriminated union is a choice
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from octavo.schemas.compile.spellings import FORM, SchemaNotes, types_of

SCALARS = {"string", "integer", "number", "boolean"}


def united(branches: Sequence[Mapping[str, Any]], path: str, told: SchemaNotes) -> dict[str, Any] | None:
    """One schema of several without null, references followed. `path` names their place in what is `told`."""
    unlike = [one for at, one in enumerate(branches) if one not in branches[:at]]
    kinds = [_kind(one) for one in unlike]
    if len(unlike) == 1:
        return dict(unlike[0])
    if set(kinds) <= SCALARS:
        return _scalar(unlike, set(kinds), path, told)
    if set(kinds) == {"object"} and all(isinstance(one.get("properties"), Mapping) for one in unlike):
        return _record(unlike, path, told)
    if "array" in kinds:
        told.places[f"{path} may be one value or a list of them: it is a list."] = None
        return {"type": "array", "items": _one_of(list(_items(unlike)))}
    return None


def _kind(schema: Mapping[str, Any]) -> str:
    """The type of a schema; empty where it has several or none."""
    kinds = types_of(schema)
    if not kinds and ("enum" in schema or "const" in schema):
        return "string"
    if not kinds and "properties" in schema:
        return "object"
    return str(kinds[0]) if len(kinds) == 1 else ""


def _scalar(
    unlike: Sequence[Mapping[str, Any]], kinds: set[str], path: str, told: SchemaNotes
) -> dict[str, Any]:
    listed = [_listed(one) for one in unlike]
    if all(listed):
        return {"enum": list(dict.fromkeys(value for values in listed for value in values or ()))}
    numbers = [one for one in unlike if _kind(one) in ("number", "integer")]
    if kinds == {"number", "string"} and len(unlike) == 2 and _is_written_number(unlike):
        return {**numbers[0], "format": "decimal"}
    if kinds <= {"integer", "number"}:
        return {"type": "number"}
    formats = {one.get("format") for one in unlike}
    if kinds == {"string"} and formats == {"date", "date-time"}:
        return {"type": "string", "format": "date-time"}
    names = " or ".join(dict.fromkeys(str(one.get("format", _kind(one))) for one in unlike))
    told.places[f"{path} may be {names}: it is kept as text, as printed."] = None
    return {"type": "string"}


def _is_written_number(unlike: Sequence[Mapping[str, Any]]) -> bool:
    r"""Whether the text beside a number is the one that pydantic writes for a Decimal, `^(?!^[-+.]*$)[+-]?0*\d*\.?\d*$` and the like."""
    texts = [str(one.get("pattern", "")) for one in unlike if _kind(one) == "string"]
    return all(text.startswith("^(?!^[-+.]*$)[+-]?0*") for text in texts)


def _listed(schema: Mapping[str, Any]) -> list[Any] | None:
    """The values of a choice; None for what is no choice."""
    if isinstance(schema.get("enum"), list):
        return [one for one in schema["enum"] if one is not None]
    return [schema["const"]] if "const" in schema else None


def _items(unlike: Sequence[Mapping[str, Any]]) -> Iterator[Any]:
    for one in unlike:
        yield one.get("items", {"type": "string"}) if _kind(one) == "array" else one


def _one_of(schemas: Sequence[Any]) -> Any:
    unlike = [one for at, one in enumerate(schemas) if one not in schemas[:at]]
    return unlike[0] if len(unlike) == 1 else {"anyOf": unlike}


def _record(unlike: Sequence[Mapping[str, Any]], path: str, told: SchemaNotes) -> dict[str, Any]:
    """One record of several: the field that tells them apart first, then those of all. What is not in all says where it belongs."""
    kind = _discriminator(unlike)
    names = dict.fromkeys(name for one in unlike for name in one["properties"] if name != kind)
    properties: dict[str, Any] = {}
    if kind:
        values = [value for one in unlike for value in _listed(one["properties"][kind]) or ()]
        words = (
            one_words
            if (one_words := unlike[0]["properties"][kind].get("description"))
            else "Which kind it is."
        )
        properties[kind] = {"enum": values, "description": words}
    for name in names:
        owners = [one for one in unlike if name in one["properties"]]
        made = _one_of([one["properties"][name] for one in owners])
        properties[name] = made if len(owners) == len(unlike) or not kind else _only_where(made, kind, owners)
    by = f", told apart by {kind}" if kind else ""
    told.places[
        f"{path} may be one of {len(unlike)} records{by}: it is one record with the fields of all."
    ] = None
    return {"type": "object", "properties": properties, FORM: "union"}


def _discriminator(unlike: Sequence[Mapping[str, Any]]) -> str:
    """The property that has another fixed text in each."""
    for name in unlike[0]["properties"]:
        schemas = [one["properties"].get(name) for one in unlike]
        values = [_listed(one) if isinstance(one, Mapping) else None for one in schemas]
        given = [str(value) for listed in values for value in listed or ()]
        if all(values) and len(set(given)) == len(given):
            return str(name)
    return ""


def _only_where(schema: Any, kind: str, owners: Sequence[Mapping[str, Any]]) -> Any:
    if not isinstance(schema, Mapping):
        return schema
    values = [str(value) for one in owners for value in _listed(one["properties"][kind]) or ()]
    where = f"Only where {kind} is {' or '.join(values)}."
    words = f"{schema.get('description', '')} {where}".strip()
    return {**schema, "description": words}
