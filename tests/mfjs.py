"""An independent reading of Moonshot's schema subset, for tests: a schema comes in, what strict mode would refuse goes out.

Written from the documents and the strictest level of the validator in github.com/MoonshotAI/walle (docs/walle.md, 2026-06-29), without
a look at our compiler. `conforms` says whether a JSON value is one that the constrained model could have written.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

COMMON = {"title", "description"}
ALLOWED = {
    "object": {"type", "properties", "required", "additionalProperties", "default"} | COMMON,
    "array": {"type", "items", "minItems", "maxItems", "default"} | COMMON,
    "string": {"type", "minLength", "maxLength", "enum", "default"} | COMMON,
    "number": {"type", "minimum", "maximum", "enum", "default"} | COMMON,
    "integer": {"type", "minimum", "maximum", "enum", "default"} | COMMON,
    "boolean": {"type", "enum", "default"} | COMMON,
    "null": {"type", "enum", "default"} | COMMON,
}
RESERVED = {"$defs", "$ref", "anyOf", "required", "additionalProperties"}


def faults(schema: dict[str, Any]) -> list[str]:
    """Everything that is wrong with a whole schema: rules first, then sizes."""
    found = [] if schema.get("type") == "object" else ["the root is no object"]
    found += list(_faults(schema, "#", 0))
    keys = sum(len(place["properties"]) for place in _places(schema) if "properties" in place)
    found += [f"{keys} keys"] if keys > 3000 else []
    found += ["too long"] if len(json.dumps(schema)) > 120_000 else []
    return found


def conforms(value: Any, schema: dict[str, Any]) -> bool:
    """Whether a JSON value conforms to a schema without faults."""
    if "anyOf" in schema:
        return any(conforms(value, branch) for branch in schema["anyOf"])
    types = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
    if not any(_is(value, name) for name in types) or value not in schema.get("enum", [value]):
        return False
    if isinstance(value, dict):
        properties = schema["properties"]
        return set(schema["required"]) <= set(value) <= set(properties) and all(
            conforms(value[key], properties[key]) for key in value
        )
    if isinstance(value, list) and not all(conforms(item, schema["items"]) for item in value):
        return False
    return all(least <= value_size <= most for least, value_size, most in _bounds(value, schema))


def _bounds(value: Any, schema: dict[str, Any]) -> Iterator[tuple[Any, Any, Any]]:
    """The bounds that hold for a value: least, its length or itself, most."""
    if isinstance(value, list):
        yield schema.get("minItems", 0), len(value), schema.get("maxItems", len(value))
    if isinstance(value, str):
        yield schema.get("minLength", 0), len(value), schema.get("maxLength", len(value))
    if _is(value, "number"):
        yield schema.get("minimum", value), value, schema.get("maximum", value)


def _is(value: Any, name: str) -> bool:
    kinds: dict[str, Any] = {
        "object": dict,
        "array": list,
        "string": str,
        "boolean": bool,
        "null": type(None),
    }
    if name in kinds:
        return isinstance(value, kinds[name])
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return number and (name == "number" or value == int(value))


def _places(schema: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield schema
    inner = [
        *schema.get("properties", {}).values(),
        *schema.get("anyOf", []),
        *([schema["items"]] if "items" in schema else []),
    ]
    for place in inner:
        yield from _places(place)


def _faults(schema: dict[str, Any], at: str, depth: int) -> Iterator[str]:
    if depth > 30:
        yield f"{at}: too deep"
    yield from _choice_faults(schema, at, depth) if "anyOf" in schema else _type_faults(schema, at, depth)


def _choice_faults(schema: dict[str, Any], at: str, depth: int) -> Iterator[str]:
    if schema.keys() - COMMON - {"anyOf"}:
        yield f"{at}: something beside anyOf"
    if not 1 <= len(schema["anyOf"]) <= 500:
        yield f"{at}: number of branches"
    for index, branch in enumerate(schema["anyOf"]):
        yield from _faults(branch, f"{at}/anyOf/{index}", depth)


def _type_faults(schema: dict[str, Any], at: str, depth: int) -> Iterator[str]:
    declared = schema.get("type", [])
    types = declared if isinstance(declared, list) else [declared]
    if not types or len(set(types)) < len(types) or not set(types) <= set(ALLOWED):
        yield f"{at}: types {types}"
        return
    beside = COMMON | {"type"} if len(types) > 1 else ALLOWED[types[0]]
    if extra := schema.keys() - beside:
        yield f"{at}: {sorted(extra)} beside {types}"
    yield from _value_faults(schema, at, types)
    for name, place in schema.get("properties", {}).items():
        if name in RESERVED or not name:
            yield f"{at}: property {name}"
        yield from _faults(place, f"{at}/properties/{name}", depth + 1)
    if "items" in schema:
        yield from _faults(schema["items"], f"{at}/items", depth)


def _value_faults(schema: dict[str, Any], at: str, types: list[str]) -> Iterator[str]:
    if types == ["object"] and (
        schema.get("required") != list(schema["properties"])
        or schema.get("additionalProperties") is not False
    ):
        yield f"{at}: strict mode wants all keys required and no others"
    if types == ["array"] and not schema.get("items"):
        yield f"{at}: an array of anything"
    enum = schema.get("enum", ["x"])
    if not enum or not all(isinstance(value, str) for value in enum) or len(enum) > 1000:
        yield f"{at}: enum"
    if len(enum) > 250 and sum(map(len, enum)) > 7500:
        yield f"{at}: enum is too long"
    for least, most in (("minLength", "maxLength"), ("minItems", "maxItems"), ("minimum", "maximum")):
        if least in schema and most in schema and schema[least] > schema[most]:
            yield f"{at}: {least} above {most}"
        for word in {least, most} & schema.keys():
            if "e" in json.dumps(schema[word]) or abs(schema[word]) >= 2**53:
                yield f"{at}: {word} is {schema[word]}"
