"""The words of JSON Schema: one schema without references comes in; its kind, its limits and what is wrong with them go out.

Each kind of column takes the words listed here and no others. For every other word there is a reason and a way out, so that the error
can say what to write instead. Limits keep their JSON Schema names: `mfjs` sends those that the provider knows, `answers` checks all.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from decimal import Decimal
from typing import Annotated, Any, NamedTuple

from pydantic import Field, TypeAdapter
from pydantic_core import SchemaError as PatternError

from octavo.schemas.pipeline import Kind

MAX_CHOICES = 1000  # walle conf.go of Moonshot, 2026-06-29
MAX_CHOICE_CHARACTERS = 7500  # in all, once there are more than MANY_CHOICES; same source
MANY_CHOICES = 250
MAX_SCALE = 12  # digits after the point; leaves six before it in the 18 of a column

TYPES = ("string", "integer", "number", "boolean", "array", "object")
FORMATS = ("date", "date-time", "instant", "email", "uri", "uuid", "time", "decimal")
ANNOTATIONS = {
    "title",
    "description",
    "default",
    "examples",
    "$schema",
    "$id",
    "$comment",
    "$defs",
    "definitions",
}

_COUNTS = {"minLength", "maxLength", "minItems", "maxItems"}
_BOUNDS = {"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"}
_PAIRS = (("minLength", "maxLength"), ("minItems", "maxItems"), ("minimum", "maximum"))
KEYWORDS: dict[Kind, set[str]] = {
    "text": {"minLength", "maxLength", "pattern", "format", "expected_tokens"},
    "choice": {"enum", "const"},
    "date": {"format"},
    "datetime": {"format"},
    "instant": {"format"},
    "integer": _BOUNDS,
    "number": _BOUNDS,
    "decimal": _BOUNDS | {"format"},
    "boolean": set(),
    "list": {"items", "minItems", "maxItems"},
    "record": {"properties", "required", "additionalProperties"},
}


class Advice(NamedTuple):
    """Why something cannot be, and what to write instead."""

    why: str
    instead: str


MERGED = Advice("strict mode does not hold the model to it", "write the merged schema out")
CASES = Advice(
    "strict mode does not hold the model to it",
    "write one schema, with a field for each case that can be null",
)
OPEN = Advice(
    "keys that are not known beforehand cannot be columns",
    "list the properties, or use an array of objects with name and value",
)
PLACES = Advice(
    "an array is a column of one kind of value",
    "describe one item, or use an object with a named property for each place",
)
UNCHECKED = Advice("strict mode does not hold the model to it", "remove it, and ask with SQL")
NOT_FOLLOWED = Advice("it is not followed", "use $ref with #/$defs/NAME")
ADVICE = {
    "allOf": MERGED,
    **dict.fromkeys(
        ("oneOf", "not", "if", "then", "else", "dependentRequired", "dependentSchemas", "dependencies"), CASES
    ),
    **dict.fromkeys(
        ("patternProperties", "propertyNames", "unevaluatedProperties", "minProperties", "maxProperties"),
        OPEN,
    ),
    **dict.fromkeys(("prefixItems", "additionalItems", "unevaluatedItems"), PLACES),
    **dict.fromkeys(("uniqueItems", "contains", "minContains", "maxContains"), UNCHECKED),
    **dict.fromkeys(("$dynamicRef", "$recursiveRef", "$anchor", "$dynamicAnchor"), NOT_FOLLOWED),
    "enum": Advice(
        "only text can be chosen from a list", "write the values as strings, or use minimum and maximum"
    ),
    "const": Advice("only text can be fixed", "write the value as a string, or leave the field out"),
    "format": Advice(
        "it is not known, or not for this type", f"use one of {', '.join(FORMATS)}, or remove it"
    ),
    **dict.fromkeys(
        ("grounded", "required_evidence"),
        Advice("evidence is required by column", "put it on a property of the root"),
    ),
}


def advice(keyword: str, kind: Kind | None) -> Advice:
    """Why a word is not taken for a kind of column, and what to write instead."""
    return ADVICE.get(keyword) or Advice(
        f"it means nothing for {kind or 'a schema without one type'}", "remove it"
    )


def kind_of(schema: Mapping[str, Any], name: str) -> Kind:
    """The kind of column that a schema of the type `name` makes: `string` with `enum` is a choice, `multipleOf` 0.01 a decimal."""
    written = schema.get("format")
    if name == "string" and ("enum" in schema or "const" in schema):
        return "choice"
    if name in ("string", "number") and written == "decimal":
        return "decimal"
    if name == "string":
        moments: dict[Any, Kind] = {"date": "date", "date-time": "datetime", "instant": "instant"}
        return moments.get(written, "text")
    if name == "number":
        return "decimal" if digits(schema.get("multipleOf")) else "number"
    kinds: dict[str, Kind] = {"integer": "integer", "boolean": "boolean", "array": "list", "object": "record"}
    return kinds[name]


def digits(step: Any) -> int:
    """Digits after the point of a `multipleOf`: 2 for 0.01, 0 for 5 and for what is no number."""
    if not _is_number(step):
        return 0
    return max(0, -int(Decimal(str(step)).normalize().as_tuple().exponent))


def limits_of(schema: Mapping[str, Any], kind: Kind) -> tuple[dict[str, Any], dict[str, Advice]]:
    """The limits in a schema that make sense for its kind, and by keyword what is wrong with the others."""
    limits: dict[str, Any] = {}
    faults: dict[str, Advice] = {}
    for keyword in sorted((_COUNTS | _BOUNDS | {"pattern", "format"}) & KEYWORDS[kind] & set(schema)):
        value = schema[keyword]
        if fault := _fault(keyword, value, kind):
            faults[keyword] = Advice(fault, ADVICE["format"].instead if keyword == "format" else "correct it")
        else:
            limits[keyword] = (
                int(value) if keyword in _COUNTS or (kind == "integer" and keyword in _BOUNDS) else value
            )
    for least, most in _PAIRS:
        if least in limits and most in limits and limits[least] > limits[most]:
            faults[least] = Advice(f"it is above {most}", "exchange the two")
    return limits, faults


def choices_of(schema: Mapping[str, Any]) -> tuple[tuple[str, ...], dict[str, Advice]]:
    """The values of `enum` or `const`, without null and each once, or what is wrong with them."""
    keyword = "enum" if "enum" in schema else "const"
    listed = schema["enum"] if keyword == "enum" else [schema["const"]]
    values = [value for value in listed if value is not None] if isinstance(listed, list) else []
    if not values or not all(isinstance(value, str) for value in values):
        return (), {keyword: ADVICE[keyword]}
    if len(values) > MAX_CHOICES or (
        len(values) > MANY_CHOICES and sum(map(len, values)) > MAX_CHOICE_CHARACTERS
    ):
        bound = f"at most {MAX_CHOICES} values are taken, and {MAX_CHOICE_CHARACTERS} characters when there are over {MANY_CHOICES}"
        return (), {keyword: Advice(bound, "use a text and describe it")}
    return tuple(dict.fromkeys(values)), {}


def _fault(keyword: str, value: Any, kind: Kind) -> str:
    """What is wrong with the value of one limit, or nothing."""
    if keyword in ("pattern", "format"):
        return (
            _pattern_fault(value) if keyword == "pattern" else "" if value in FORMATS else "it is not known"
        )
    if not _is_number(value):
        return "it has to be a number"
    if keyword in _COUNTS and value < 0:
        return "it cannot be below 0"
    if keyword == "multipleOf" and (value <= 0 or digits(value) > MAX_SCALE):
        return f"it has to be above 0, with at most {MAX_SCALE} digits after the point"
    if (keyword in _COUNTS or kind == "integer") and value != int(value):
        return "it has to be a whole number"
    return ""


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _pattern_fault(pattern: Any) -> str:
    """Why a pattern cannot be checked, or nothing. Only patterns that take linear time are taken: no look-around, no back-references."""
    if not isinstance(pattern, str):
        return "it has to be a text"
    try:
        TypeAdapter(Annotated[str, Field(pattern=pattern)])
    except PatternError:
        return "it is no regular expression of the kind that takes linear time (no look-around, no back-references)"
    return ""
