"""What a JSON file holds comes in; the schema in it goes out, with what its references are looked up in, and a sentence where it lay deep.

    {"type": "object", ...}                                        a schema
    {"name": "parcel", "schema_definition": {...}}                 within a wrapper, as tools for extraction and providers of models have it
    {"fields": {"Vendor": {"type": "string"}}}, {"fields": [...]}  fields by name, or each with its name
    {"vendor": {"type": "string"}, "total": {"type": "number"}}    properties without the object around them
    [{...}]-like root, or one of names not known beforehand        a record with one list

A file with several schemas is refused with their pointers; `FILE.json#/components/schemas/Invoice` names one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from octavo.schemas.compile.adapt import followed, pointed
from octavo.schemas.compile.spellings import KNOWN_TYPES
from octavo.schemas.errors import SchemaError

_LIBRARY = (
    "$defs",
    "definitions",
    "components",
    "examples",
    "example",
)  # what lies there is only referred to
_NAMES = ("name", "fieldName", "field_name", "key", "fieldKey", "id")  # of a field in a list of fields
ITEMS = "items"  # the column of a root that is a list
MOST_NAMED = 8  # schemas of a file that are named


@dataclass(frozen=True, slots=True)
class FoundSchema:
    """A schema, what its references point into, its own place, and what to say of it."""

    schema: Any
    root: Any
    pointer: str = "#"
    told: tuple[str, ...] = ()


def found_schema(whole: Any, about: str, pointer: str = "") -> FoundSchema:
    """The schema in what a file holds; `pointer` names its place, where the user did.

    Raises SchemaError, when there is none, there are several, or nothing is at that place.
    """
    if pointer:
        inner = pointed(whole, pointer)
        if not isinstance(inner, Mapping):
            step = f"These are there: {_named(whole)}." if any(_schemas(whole, "#")) else "Check the pointer."
            raise SchemaError(f"There is no schema at {pointer} of {about}.", about=about, next_step=step)
        return as_record(FoundSchema(inner, whole, pointer))
    if not isinstance(whole, Mapping) or _is_schema(whole):
        return as_record(FoundSchema(whole, whole))
    schemas = list(_at(whole, "#"))
    if len(schemas) > 1:
        message = f"The file {about} holds {len(schemas)} schemas."
        raise SchemaError(message, about=about, next_step=f"Name one: {_named(whole, about)}.")
    if schemas:
        place, inner = schemas[0]
        own = any(word in inner for word in ("$defs", "definitions"))
        return as_record(
            FoundSchema(inner, inner if own else whole, place, (f"the schema in it is at {place}.",))
        )
    looks = "looks like an example of an answer" if whole else "is empty"
    step = 'Write {"type": "object", "properties": {"NAME": {"type": "string", "description": "..."}}}.'
    raise SchemaError(f"The file {about} holds no schema; it {looks}.", about=about, next_step=step)


def as_record(found: FoundSchema) -> FoundSchema:
    """The schema itself when it is a record; a list, or a record of names not known beforehand, as the one field of a record."""
    target = followed(found.root, found.schema)
    if not isinstance(target, Mapping) or "properties" in target:
        return found
    is_list = target.get("type") in ("array", ["array", "null"]) or (
        "type" not in target and "items" in target
    )
    is_open = target.get("type") == "object" and isinstance(target.get("additionalProperties"), Mapping)
    if not (is_list or is_open):
        return found
    inner = {
        word: value
        for word, value in target.items()
        if word not in ("description", "rules", "$schema", "$id")
    }
    words = {word: target[word] for word in ("description", "rules") if word in target}
    schema = {"type": "object", **words, "properties": {ITEMS: inner}}
    told = (*found.told, f"a table has named columns, so its list is the column {ITEMS}.")
    return FoundSchema(schema, found.root, found.pointer, told)


def _is_schema(node: Mapping[str, Any]) -> bool:
    """Whether an object is a schema itself, and no wrapper that has a type of its own, as an item of `tools` has."""
    kind = node.get("type")
    if _is_record(node) or isinstance(node.get("enum"), list):
        return True
    wraps = any(
        isinstance(value, Mapping) and _is_record(value) for word, value in node.items() if word != "items"
    )
    is_open = isinstance(node.get("additionalProperties"), Mapping)
    return is_open or ((isinstance(kind, list) or str(kind).lower() in KNOWN_TYPES) and not wraps)


def _is_record(node: Mapping[str, Any]) -> bool:
    return (
        isinstance(node.get("properties"), Mapping)
        or "$ref" in node
        or any(isinstance(node.get(word), list) for word in ("allOf", "oneOf", "anyOf"))
    )


def _schemas(node: Any, place: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The outermost schemas of records below a node; those in a library of definitions only where there are no others."""
    inside = list(_children(node))
    others = [
        found for key, value in inside if key not in _LIBRARY for found in _at(value, f"{place}/{_step(key)}")
    ]
    yield from others or (
        found for key, value in inside if key in _LIBRARY for found in _at(value, f"{place}/{_step(key)}")
    )


def _at(node: Any, place: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    if isinstance(node, Mapping) and (_is_record(node) or _is_list(node)):
        yield place, node
    elif isinstance(node, Mapping) and (fields := _fields(node, place)):
        words = {"description": node["description"]} if isinstance(node.get("description"), str) else {}
        yield place, {"type": "object", **words, "properties": fields}
    else:
        yield from _schemas(node, place)


def _is_list(node: Mapping[str, Any]) -> bool:
    return node.get("type") == "array" and isinstance(node.get("items"), Mapping)


def _fields(node: Mapping[str, Any], place: str) -> Mapping[str, Any] | None:
    """Fields that lie below `fields`, or loose; several records beside one another are no fields but several schemas."""
    if named := _properties(node.get("fields")):
        return named
    loose = _properties(node)
    is_library = place.rpartition("/")[2] in ("schemas", *_LIBRARY) or all(
        map(_is_record, (loose or {}).values())
    )
    return None if is_library else loose


def _children(node: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(node, Mapping):
        yield from ((str(key), value) for key, value in node.items())
    elif isinstance(node, list):
        yield from ((str(at), value) for at, value in enumerate(node))


def _step(key: str) -> str:
    return key.replace("~", "~0").replace("/", "~1")


def _named(whole: Any, about: str = "") -> str:
    places = [f"{about}{place}" for place, _ in _schemas(whole, "#")]
    return ", ".join(places[:MOST_NAMED]) + (
        f" and {len(places) - MOST_NAMED} more" if len(places) > MOST_NAMED else ""
    )


def _properties(node: Any) -> Mapping[str, Any] | None:
    """Fields as properties: a schema by each name, or a list of schemas with names."""
    if isinstance(node, Mapping):
        is_fields = bool(node) and all(
            isinstance(value, Mapping) and _is_field(value) for value in node.values()
        )
        return {name: _field(value) for name, value in node.items()} if is_fields else None
    if isinstance(node, Sequence) and not isinstance(node, str):
        named = [(_name(one), one) for one in node if isinstance(one, Mapping)]
        if named and len(named) == len(node) and all(name for name, _ in named):
            return {str(name): _field(one, _NAMES) for name, one in named}
    return None


def _name(one: Mapping[str, Any]) -> Any:
    return next((one[word] for word in _NAMES if isinstance(one.get(word), str)), None)


def _is_field(node: Mapping[str, Any]) -> bool:
    kinds = [node[word] for word in ("type", "fieldType", "valueType") if word in node]
    if kinds:
        return all(isinstance(kind, list) or str(kind).lower() in KNOWN_TYPES for kind in kinds)
    return any(
        word in node for word in ("enum", "properties", "items", "$ref", "anyOf", "description", "prompt")
    )


def _field(node: Mapping[str, Any], dropped: Sequence[str] = ()) -> dict[str, Any]:
    """A field in the words of JSON Schema: `fieldType`, `prompt`, `columns` and the like are those of other tools."""
    made = {word: value for word, value in node.items() if word not in dropped}
    for word, other in (
        ("type", "fieldType"),
        ("type", "valueType"),
        ("description", "prompt"),
        ("properties", "valueObject"),
        ("items", "valueArray"),
    ):
        if word not in made and other in made:
            made[word] = made.pop(other)
    inner = next(
        (
            properties
            for word in ("fields", "columns", "children")
            if (properties := _properties(made.get(word)))
        ),
        None,
    )
    if inner:
        made = {word: value for word, value in made.items() if word not in ("fields", "columns", "children")}
        is_list = str(made.get("type", "")).lower() in ("array", "list", "table")
        record = {"type": "object", "properties": inner}
        made |= {"type": "array", "items": record} if is_list else record
    return made
