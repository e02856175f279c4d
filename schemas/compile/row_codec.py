"""The short form of a record, in which a reply costs less: its values as a row, in the order that a legend says, without names.

    {"number": "R-1", "due": null, "lines": [{"what": "ink", "amount": 3}, {"what": "pens", "amount": null}]}     as the tables have it
    ["R-1", null, [["ink", 3], ["pens", null]]]                                                                   as it is sent
    ["number", "due", {"lines[]": ["what", "amount"]}]                                                            the legend of it

In a record with more than WIDEST fields positions would be mistaken: there a letter stands for each name, and null is left out.

In: the fields of a question. Out: the legend, a schema and a record in the short form, and the record as it was. Output is the dear and
slow side of a call: over the labelled samples a reply in the short form has 0.60 times the tokens of the same values as JSON is usually
written, and 0.74 times those of JSON without spaces (Kimi's vocabulary, 2026-11-23; `tests.benchmarks.cheap`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import count
from typing import Any

from octavo.schemas.pipeline import Field

Legend = (
    Mapping[str, Any] | Sequence[Any]
)  # entries of a row, or letter -> entry; an entry is a name or {name: legend}, {"name[]": legend}

WIDEST = 16  # fields of a record that is written as a row; a longer one is written letter by letter
_LIST = "[]"  # behind the name of a list of records


def legend(fields: Sequence[Field]) -> Legend:
    """The legend of a record. No letter is the name of a field beside it, so that a record in either form is understood."""
    entries = [_entry(field) for field in fields]
    if len(entries) <= WIDEST:
        return entries
    letters = (letter for letter in _letters() if letter not in {field.name for field in fields})
    return dict(zip(letters, entries, strict=False))


def encode_schema(known: Legend, schema: Mapping[str, Any], *, optional: bool) -> dict[str, Any]:
    """The schema of a record in the short form. `optional`: what may be null is left out where names stand, instead of being null."""
    nodes = schema["properties"]
    if not isinstance(known, Mapping):
        return _row(known, nodes, optional=optional)
    properties = {
        letter: _property(entry, nodes[_name(entry)], optional=optional) for letter, entry in known.items()
    }
    needed = [
        letter for letter, entry in known.items() if not (optional and _is_nullable(nodes[_name(entry)]))
    ]
    return {**schema, "properties": properties, "required": needed}


def decode(known: Legend, record: Any) -> Any:
    """The record as the tables have it. What is not in the short form stays as it is.

    Where letters stand, what is left out is null. A row has a place for each value: one of another length stays as it is, since nobody
    knows which is missing, and so does what is written with names instead and lacks some.
    """
    entries = known.values() if isinstance(known, Mapping) else known
    if isinstance(record, list) and len(record) == len(known) and not isinstance(known, Mapping):
        return {_name(entry): _expanded(entry, value) for entry, value in zip(entries, record, strict=True)}
    if not known or not isinstance(record, Mapping):
        return record
    keys = {_name(entry): entry for entry in entries} | dict(known if isinstance(known, Mapping) else {})
    given = {
        _name(keys[key]) if key in keys else key: _expanded(keys.get(key, key), value)
        for key, value in record.items()
    }
    return (dict.fromkeys(map(_name, entries)) if isinstance(known, Mapping) else {}) | given


def encode(known: Legend, record: Mapping[str, Any]) -> Any:
    """The short form of a record, as a model should write it."""
    if not isinstance(known, Mapping):
        return [_written(entry, record.get(_name(entry))) for entry in known]
    values = {letter: _written(entry, record.get(_name(entry))) for letter, entry in known.items()}
    return {letter: value for letter, value in values.items() if value is not None}


def _letters() -> Iterator[str]:
    """a, b, ..., z, a1, b1, ..."""
    for round_ in count():
        yield from (letter + (str(round_) if round_ else "") for letter in "abcdefghijklmnopqrstuvwxyz")


def _entry(field: Field) -> Any:
    inner = field.item if field.kind == "list" and field.item else field
    if inner.kind != "record":
        return field.name
    return {field.name + (_LIST if field.kind == "list" else ""): legend(inner.fields)}


def _name(entry: Any) -> str:
    return entry if isinstance(entry, str) else next(iter(entry)).removesuffix(_LIST)


def _inner(entry: Any) -> tuple[Legend, bool]:
    """The legend of the record or records in a field, and whether it is a list of them; () for a field without records."""
    if isinstance(entry, str):
        return (), False
    ((name, known),) = entry.items()
    return known, name.endswith(_LIST)


def _property(entry: Any, node: Mapping[str, Any], *, optional: bool) -> dict[str, Any]:
    """The schema of a field, its records in the short form; without null when it is `optional`."""
    known, _ = _inner(entry)
    shaped = _shaped(known, node, optional=optional) if known else dict(node)
    return _without_null(shaped) if optional else shaped


def _shaped(known: Legend, node: Mapping[str, Any], *, optional: bool) -> dict[str, Any]:
    if "anyOf" in node:
        return {**node, "anyOf": [_shaped(known, branch, optional=optional) for branch in node["anyOf"]]}
    if node.get("type") == "array":
        return {**node, "items": _shaped(known, node["items"], optional=optional)}
    return encode_schema(known, node, optional=optional) if "properties" in node else dict(node)


def _row(entries: Sequence[Any], nodes: Mapping[str, Any], *, optional: bool) -> dict[str, Any]:
    """A list with a value for each entry, of any of their types: the subset has no types by position."""
    types: dict[str, None] = {}
    others: list[dict[str, Any]] = []
    for entry in entries:
        node = _property(entry, nodes[_name(entry)], optional=optional)
        for branch in node.get("anyOf", [node]):
            if branch["type"] in ("array", "object"):
                others += [branch] if branch not in others else []
            else:
                types |= dict.fromkeys(
                    [branch["type"]] if isinstance(branch["type"], str) else branch["type"]
                )
    scalar = {"type": [*(kind for kind in types if kind != "null"), "null"]}
    items = {"anyOf": [scalar, *others]} if others else scalar
    return {"type": "array", "items": items, "minItems": len(entries), "maxItems": len(entries)}


def _is_nullable(node: Mapping[str, Any]) -> bool:
    return any(branch.get("type") == "null" for branch in node.get("anyOf", ())) or "null" in node.get(
        "type", ()
    )


def _without_null(node: dict[str, Any]) -> dict[str, Any]:
    if not _is_nullable(node):
        return node
    if "anyOf" in node:
        branches = [branch for branch in node["anyOf"] if branch.get("type") != "null"]
        return branches[0] if len(branches) == 1 else {**node, "anyOf": branches}
    kinds = [kind for kind in node["type"] if kind != "null"]
    return {**node, "type": kinds[0] if len(kinds) == 1 else kinds}


def _expanded(entry: Any, value: Any) -> Any:
    known, many = _inner(entry)
    if many and isinstance(value, list):
        return [decode(known, item) for item in value]
    return decode(known, value) if known and not many else value


def _written(entry: Any, value: Any) -> Any:
    known, many = _inner(entry)
    if value is None or not known:
        return value
    return [encode(known, item) for item in value] if many else encode(known, value)
