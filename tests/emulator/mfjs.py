"""Moonshot's subset of JSON Schema: a schema comes in, what is wrong with it goes out as sentences with their place.

Rules and limits: github.com/MoonshotAI/walle, docs/mfjs-spec.md and conf.go, 2026-06-29.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

TYPES = frozenset({"object", "array", "string", "number", "integer", "boolean", "null"})
_STRUCTURE = frozenset(
    {"type", "properties", "required", "additionalProperties", "items", "anyOf", "enum", "$ref"}
)
_BOUNDS = frozenset({"minLength", "maxLength", "minimum", "maximum", "minItems", "maxItems"})
ALLOWED = _STRUCTURE | _BOUNDS | {"description", "title", "default"}
ROOT_ONLY = frozenset({"$defs", "$id"})
ENUM_MAX, BRANCHES_MAX, DEPTH_MAX, SIZE_MAX, KEYS_MAX = 1_000, 500, 30, 120_000, 3_000

Found = Iterator[tuple[str, Mapping[str, Any], int]]


def complaints(schema: Mapping[str, Any]) -> Iterator[str]:
    """What the strict mode does not take; nothing when the schema is fine."""
    if schema.get("type") != "object":
        yield "$: the root must be an object"
    if len(json.dumps(schema, ensure_ascii=False)) > SIZE_MAX:
        yield f"$: the schema is larger than {SIZE_MAX}"
    nodes = list(_nodes(schema, "$", 1))
    for place, node, depth in nodes:
        yield from (f"{place}: {text}" for text in _node(node, depth, root=place == "$"))
        yield from (
            f"{place}: $ref {node['$ref']} leads nowhere"
            for _ in [0]
            if "$ref" in node and not _target(schema, node["$ref"])
        )
    if sum(len(node.get("properties", {})) for _, node, _ in nodes) > KEYS_MAX:
        yield f"$: more than {KEYS_MAX} property keys"


def unknown_types(schema: Mapping[str, Any]) -> Iterator[str]:
    """Types that do not exist, which are refused in every mode [C: Kimi-Vendor-Verifier test_response_format.py]."""
    for place, node, _ in _nodes(schema, "$", 1):
        given = node.get("type", [])
        for name in given if isinstance(given, list) else [given]:
            if name not in TYPES:
                yield f"{place}: unknown type {name}"


def _nodes(schema: Any, place: str, depth: int) -> Found:
    """Every subschema with its place and depth."""
    if not isinstance(schema, Mapping):
        return
    yield place, schema, depth
    for name, child in (schema.get("properties") or {}).items():
        yield from _nodes(child, f"{place}.properties.{name}", depth + 1)
    for name, child in (schema.get("$defs") or {}).items():
        yield from _nodes(child, f"{place}.$defs.{name}", depth + 1)
    yield from _nodes(schema.get("items"), f"{place}.items", depth + 1)
    for at, child in enumerate(schema.get("anyOf") or []):
        yield from _nodes(child, f"{place}.anyOf[{at}]", depth + 1)


def _node(node: Mapping[str, Any], depth: int, *, root: bool) -> Iterator[str]:
    yield from (
        f"keyword {key} is not supported"
        for key in node.keys() - ALLOWED - (ROOT_ONLY if root else frozenset())
    )
    if depth > DEPTH_MAX:
        yield f"deeper than {DEPTH_MAX}"
    if "type" in node and ("anyOf" in node or "$ref" in node):
        yield "type may not stand beside anyOf or $ref"
    if not root and not {"type", "anyOf", "$ref"} & node.keys():
        yield "type is missing"
    yield from _lists(node)


def _lists(node: Mapping[str, Any]) -> Iterator[str]:
    properties, choices = node.get("properties") or {}, node.get("enum") or []
    yield from (
        f"required name {name} is not in properties"
        for name in node.get("required") or []
        if name not in properties
    )
    if len(choices) > ENUM_MAX:
        yield f"more than {ENUM_MAX} enum items"
    if not all(isinstance(choice, str) for choice in choices) and not all(
        isinstance(choice, int | float) for choice in choices
    ):
        yield "enum items must be all strings or all numbers"
    if len(node.get("anyOf") or []) > BRANCHES_MAX:
        yield f"more than {BRANCHES_MAX} anyOf branches"


def _target(schema: Mapping[str, Any], ref: Any) -> bool:
    """True when an internal $ref points at something."""
    if ref == "#":
        return True
    return (
        isinstance(ref, str)
        and ref.startswith("#/$defs/")
        and ref.removeprefix("#/$defs/") in (schema.get("$defs") or {})
    )
