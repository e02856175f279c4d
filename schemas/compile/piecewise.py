"""A question about whole documents in; the same question about pieces of them, and how the whole breaks limits of lists, out.

A piece may have none of the items of a list, or fewer than the schema wants of a document: how many there are is counted in the whole.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from octavo.schemas.compile.validators import without_counts
from octavo.schemas.pipeline import Question, Window

COUNTS = ("minItems", "maxItems")


def shown_in(question: Question, window: Window) -> Question:
    """The question as a window is asked it: that about pieces where the window shows a piece, else the question itself."""
    pieces = any(part.role == "piece" for part in window.parts)
    return of_pieces(question) if pieces else question


def of_pieces(question: Question) -> Question:
    """The question without limits on the number of items in lists, under the same name and fingerprint."""
    if not _has_counts(question.json_schema):
        return question
    whole = question.whole and of_pieces(question.whole)
    schema = _without_counts(question.json_schema)
    return replace(question, json_schema=schema, model=without_counts(question.model), whole=whole)


def miscounted(schema: Mapping[str, Any], value: Any, path: str = "") -> Iterator[str]:
    """For each list in a record that has too few items or too many, its path and a sentence: `lines: 2 items, at least 3 are wanted`."""
    plain = next((one for one in schema.get("anyOf", [schema]) if one.get("type") != "null"), schema)
    if isinstance(value, Mapping):
        for name, node in plain.get("properties", {}).items():
            yield from miscounted(node, value.get(name), f"{path}.{name}" if path else name)
    elif isinstance(value, list):
        least, most = plain.get("minItems", 0), plain.get("maxItems", len(value))
        if not least <= len(value) <= most:
            wanted = f"at least {least}" if len(value) < least else f"at most {most}"
            yield f"{path}: {len(value)} items, {wanted} are wanted"
        for number, item in enumerate(value):
            yield from miscounted(plain.get("items", {}), item, f"{path}[{number}]")


def _has_counts(node: Any) -> bool:
    if isinstance(node, Mapping):
        return any(isinstance(node.get(word), int) for word in COUNTS) or any(map(_has_counts, node.values()))
    return isinstance(node, list) and any(map(_has_counts, node))


def _without_counts(node: Any) -> Any:
    """A schema without limits on numbers of items. Names of fields are left alone: they stand in `properties`."""
    if isinstance(node, list):
        return [_without_counts(inner) for inner in node]
    if not isinstance(node, Mapping):
        return node
    kept = {word: inner for word, inner in node.items() if word not in COUNTS or isinstance(inner, Mapping)}
    return {word: _without_counts(inner) for word, inner in kept.items()}
