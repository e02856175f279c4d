"""The words of JSON Schema: one schema without references comes in; its kind, its limits and what is wrong with them go out.

Each kind of column takes the words listed here and no others. For every other word there is a reason and a way out, so that the error
can say what to write instead. Limits keep their JSON Schema names: `mfjs` sends those that the provider knows, `answers` checks all.
"""

from __future__ import annotations

import json
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
MOST_DIGITS = 38  # of a DECIMAL, in DuckDB, Parquet and Arrow
MAX_SCALE = 30  # digits after the point; leaves eight before it
FAST_DIGITS = (
    18  # what fits in 64 bits, so that sums stay fast: for amounts of few digits after the point ...
)
FAST_SCALE = 6  # ... which leaves twelve before it
FREE_SCALE = (
    8  # of a Decimal that names no places: 1.08543 and a satoshi fit, and thirty digits before the point
)

TYPES = ("string", "integer", "number", "boolean", "array", "object")
FORMATS = ("date", "date-time", "instant", "email", "uri", "uuid", "time", "decimal", "duration")
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
    "integer": _BOUNDS | {"enum"},
    "number": _BOUNDS | {"enum"},
    "decimal": _BOUNDS | {"enum", "format", "max_digits"},
    "boolean": set(),
    "list": {"items", "minItems", "maxItems"},
    "record": {"properties", "required", "additionalProperties"},
}


class Advice(NamedTuple):
    """Why something cannot be, and what to write instead."""

    why: str
    instead: str
    in_python: str = ""  # the same for a pydantic model, where that is said otherwise


MERGED = Advice("strict mode does not hold the model to it", "write the merged schema out")
CASES = Advice(
    "strict mode does not hold the model to it",
    "write one schema, with a field for each case that can be null",
)
OPEN = Advice(
    "keys that are not known beforehand cannot be columns",
    "list the properties, or use an array of objects with name and value",
    "declare the fields, or use list[Entry] where Entry has a key and a value",
)
PLACES = Advice(
    "an array is a column of one kind of value",
    "describe one item, or use an object with a named property for each place",
    "say what is in the list, as list[str] does",
)
ONE_TYPE = Advice(
    "a column has one type",
    "keep one of the types, or write a property for each",
    "keep one of the types, or write a field for each",
)
RECURSION = Advice(
    "a record that holds itself has no fixed columns",
    "write out the levels you need",
    "write a model of its own for each level you need, the last without the field that leads back",
)
TOO_MANY_DIGITS = Advice(f"a column holds at most {MOST_DIGITS} digits", "allow fewer, or use text")
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


def no_type(declared: Any) -> Advice:
    """Why a type makes no column, and what to write instead."""
    if declared == "bytes":
        return Advice("a document's text has no bytes", "use text (str)")
    if declared == "class":
        return Advice("a document's text has no objects of a class", "use text (str) or a model with fields")
    if isinstance(declared, str) and declared not in (*TYPES, "null"):
        return Advice(f"there is no type {declared!r}", f"write one of {', '.join(TYPES)}")
    return Advice("a column has one type", f"write one of {', '.join(TYPES)}, with or without null")


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


def numbers_of(schema: Mapping[str, Any], kind: Kind) -> tuple[tuple[str, ...], dict[str, Advice]]:
    """The numbers of `enum`, each once, as JSON writes them, or what is wrong with them."""
    listed = (
        [value for value in schema["enum"] if value is not None] if isinstance(schema["enum"], list) else []
    )
    if not listed or not all(
        _is_number(value) and (kind != "integer" or value == int(value)) for value in listed
    ):
        return (), {
            "enum": Advice(f"its values are of another type than {kind}", "write values of that type")
        }
    if len(listed) > MAX_CHOICES:
        return (), {"enum": Advice(f"at most {MAX_CHOICES} values are taken", "use minimum and maximum")}
    return tuple(dict.fromkeys(json.dumps(value) for value in listed)), {}


def decimal_size(schema: Mapping[str, Any], step: Any) -> tuple[int, int]:
    """Digits of a decimal's column, all and after the point: as many as the schema allows.

    >>> decimal_size({}, 0.01), decimal_size({}, None), decimal_size({"max_digits": 30}, 0.01), decimal_size({}, 1e-10)
    ((18, 2), (38, 8), (30, 2), (38, 10))
    """
    most, places = schema.get("max_digits"), digits(step)
    if most:
        scale = places or min(FREE_SCALE, most)
        return max(
            FAST_DIGITS, most if places else min(most + scale, MOST_DIGITS) if most <= MOST_DIGITS else most
        ), scale
    if not places:
        return MOST_DIGITS, FREE_SCALE
    return (FAST_DIGITS if places <= FAST_SCALE else MOST_DIGITS), places


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
