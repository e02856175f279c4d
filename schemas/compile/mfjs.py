"""A tree of nodes comes in; the JSON Schema of one record goes out, in the subset that Kimi's strict mode takes.

Moonshot's subset, MFJS (github.com/MoonshotAI/walle, docs/walle.md, 2026-06-29): every key listed and required, no others allowed, no
`pattern`, `format`, `const`, `oneOf`, exclusive bounds or `multipleOf`, and beside a list of types nothing but words. So what may be null
and has more to it is an `anyOf` with null. Descriptions stand in the instruction alone, where they are paid once; a date keeps its form.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from octavo.schemas.compile.json_schema import Node
from octavo.schemas.pipeline import Kind

MAX_BYTES = 120_000 - 1_000  # walle conf.go, 2026-06-29, less the reply around a record

LEAST_SHARED = 120  # characters of a record that is worth a reference, which has some forty itself

_TYPES: dict[Kind, str] = {
    "text": "string",
    "choice": "string",
    "date": "string",
    "datetime": "string",
    "instant": "string",
    "integer": "integer",
    "number": "number",
    "decimal": "number",
    "boolean": "boolean",
    "list": "array",
    "record": "object",
}
MOMENT_FORM = "YYYY-MM-DDTHH:MM:SS, with its offset such as -08:00 where one is printed"
INSTANT_FORM = "YYYY-MM-DDTHH:MM:SS with its offset, such as -08:00 or Z"
_FORMS: dict[Kind, str] = {"date": "YYYY-MM-DD", "datetime": MOMENT_FORM, "instant": INSTANT_FORM}
_KEPT = ("minLength", "maxLength", "minimum", "maximum", "minItems", "maxItems")


def wire(node: Node) -> dict[str, Any]:
    """The schema of one node and all below it."""
    body: dict[str, Any] = {"type": _TYPES[node.field.kind]}
    if form := _FORMS.get(node.field.kind):
        body["description"] = form
    body |= {
        word: node.limits[word] for word in _KEPT if word in node.limits and _is_plain(node.limits[word])
    } | _content(node)
    if not node.field.nullable:
        return body
    if body.keys() <= {"type", "description"}:
        return body | {"type": [body["type"], "null"]}
    return {"anyOf": [body, {"type": "null"}]}


def _content(node: Node) -> dict[str, Any]:
    """What a choice, a list and a record hold."""
    if node.field.kind == "choice":
        return {"enum": list(node.field.choices)}
    if node.field.kind == "list":
        return {"items": wire(node.parts[0])}
    if node.field.kind == "record":
        properties = {part.field.name: wire(part) for part in node.parts}
        return {"properties": properties, "required": list(properties), "additionalProperties": False}
    return {}


def with_definitions(schema: Mapping[str, Any]) -> dict[str, Any]:
    """The same schema with records that stand in it more than once written once, under `$defs` at its root, as the subset has it.

    >>> fields = {name: {"type": "string"} for name in ("street", "city", "country", "postcode")}
    >>> address = {"type": "object", "properties": fields, "required": list(fields), "additionalProperties": False}
    >>> with_definitions({"type": "object", "properties": {"seller": address, "buyer": address}})["properties"]
    {'seller': {'$ref': '#/$defs/seller'}, 'buyer': {'$ref': '#/$defs/seller'}}
    """
    counts: Counter[str] = Counter()
    for node in _records(schema):
        counts[json.dumps(node)] += 1
    known: dict[str, Any] = dict(schema.get("$defs", {}))
    names: dict[str, str] = {}

    def written(node: Any, name: str) -> Any:
        if isinstance(node, list):
            return [written(inner, name) for inner in node]
        if not isinstance(node, dict):
            return node
        digest = json.dumps(node) if "properties" in node else ""
        if counts[digest] < 2 or len(digest) < LEAST_SHARED:
            return {key: _below(key, inner, name, written) for key, inner in node.items()}
        if digest not in names:
            names[digest] = name if name not in known else f"{name}_{len(known)}"
            known[names[digest]] = {}  # the name is taken while what is inside is written
            inside = {key: _below(key, inner, name, written) for key, inner in node.items()}
            known[names[digest]] = inside
        return {"$ref": f"#/$defs/{names[digest]}"}

    root = {key: _below(key, inner, "record", written) for key, inner in schema.items() if key != "$defs"}
    known |= {name: written(node, name) for name, node in schema.get("$defs", {}).items()}
    return root | ({"$defs": known} if known else {})


def _below(key: str, inner: Any, name: str, written: Callable[[Any, str], Any]) -> Any:
    """What stands under a key of a schema: each property has its own name, lists and choices that of the field they are in."""
    if key == "properties":
        return {field: written(node, field) for field, node in inner.items()}
    return written(inner, name) if key in ("items", "anyOf") else inner


def _records(node: Any) -> Iterator[dict[str, Any]]:
    """Every record below a node of a schema."""
    if isinstance(node, list):
        for inner in node:
            yield from _records(inner)
    elif isinstance(node, dict):
        if "properties" in node:
            yield node
        for key, inner in node.items():
            if key in ("items", "anyOf"):
                yield from _records(inner)
            elif key in ("properties", "$defs"):
                yield from _records(list(inner.values()))


def _is_plain(number: float) -> bool:
    """Whether a number is within the exact range of a double and written without an exponent, as MFJS has it."""
    return abs(number) < 2**53 and "e" not in json.dumps(number)
