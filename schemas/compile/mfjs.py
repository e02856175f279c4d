"""A tree of nodes comes in; the JSON Schema of one record goes out, in the subset that Kimi's strict mode takes.

Moonshot's subset, MFJS (github.com/MoonshotAI/walle, docs/walle.md, 2026-06-29): every key listed and required, no others allowed, no
`pattern`, `format`, `const`, `oneOf`, exclusive bounds or `multipleOf`, and beside a list of types nothing but words. So what may be null
and has more to it is an `anyOf` with null. Descriptions stand in the instruction alone, where they are paid once; a date keeps its form.
"""

from __future__ import annotations

import json
from typing import Any

from octavo.schemas.compile.json_schema import Node
from octavo.schemas.pipeline import Kind

MAX_BYTES = 120_000 - 1_000  # walle conf.go, 2026-06-29, less the reply around a record

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


def _is_plain(number: float) -> bool:
    """Whether a number is within the exact range of a double and written without an exponent, as MFJS has it."""
    return abs(number) < 2**53 and "e" not in json.dumps(number)
