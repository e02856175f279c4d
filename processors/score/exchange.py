"""Labels and an answer in; schema, gold and answer as scorers of others read them out, such as ExtractBench (`extract-bench` on PyPI).

That one looks at a field that may be null only when its schema names a metric (0.1, read 2026-11-23), wants
every field in the gold, and takes numbers as numbers. So all three have the labelled fields alone, and what a
label leaves out of a record is null. Of several right values the first is told. Lists are for its judge, a
model of its own.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from octavo.processors.score.match import ANY_OF
from octavo.schemas.pipeline import Field, Kind

_METRICS: dict[Kind, tuple[str, str]] = {
    "text": ("string", "string_case_insensitive"),
    "choice": ("string", "string_exact"),
    "date": ("string", "string_exact"),
    "datetime": ("string", "string_exact"),
    "instant": ("string", "string_exact"),
    "integer": ("integer", "integer_exact"),
    "number": ("number", "number_tolerance"),
    "decimal": ("number", "number_tolerance"),
    "boolean": ("boolean", "boolean_exact"),
}


def exchanged(
    fields: Sequence[Field], labels: Mapping[str, Any] | None, found: Mapping[str, Any] | None
) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
    """JSON Schema, gold and answer of one document. No labels, for one of another kind, and no answer are null in every field."""
    named = [field for field in fields if labels is None or field.name in labels]
    return _schema(named), _record(named, labels or {}), _record(named, found or {})


def _schema(fields: Iterable[Field]) -> dict[str, Any]:
    properties = {field.name: _node(field) for field in fields}
    return {"type": "object", "properties": properties, "required": list(properties)}


def _node(field: Field) -> dict[str, Any]:
    about = {"description": field.description} if field.description else {}
    if field.kind == "record":
        return {**_schema(field.fields), **about}
    if field.kind == "list" and field.item:
        return {"type": "array", "items": _node(field.item), **about}
    kind, metric = _METRICS[field.kind]
    return {"anyOf": [{"type": kind}, {"type": "null"}], "evaluation_config": metric, **about}


def _record(fields: Iterable[Field], values: Mapping[str, Any]) -> dict[str, Any]:
    return {field.name: _value(field, values.get(field.name)) for field in fields}


def _value(field: Field, value: Any) -> Any:
    if isinstance(value, Mapping) and ANY_OF in value:
        value = next(iter(value[ANY_OF]), None)
    if field.kind == "record":
        return _record(field.fields, value or {})
    if field.kind == "list" and field.item:
        return [_value(field.item, item) for item in value or ()]
    if value is None or field.kind == "boolean":
        return value
    return _number(value) if _METRICS[field.kind][0] != "string" else str(value)


def _number(value: Any) -> Any:
    """A number as one, a whole one to its last digit; what is none stays as it is, and counts as wrong."""
    for read in (int, float):
        try:
            number = read(str(value))
        except ValueError:
            continue
        return number if abs(number) < math.inf else value
    return value
