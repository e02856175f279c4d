"""One schema as people spell it comes in; the same in the words that `json_schema` reads goes out, with what was left out.

Words that only annotate are left out, as JSON Schema says of unknown ones; rules that nobody here can check are left out and told apart
from these. `nullable`, the types of other tools and of other drafts are written as JSON Schema has them now.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

FORM, ORIGIN = "octavo_form", "octavo_origin"  # marks of ours: see `Field`
OWN_WORDS = {"expected_tokens", "grounded", "required_evidence", "rules", FORM, ORIGIN}

_SPELLINGS: tuple[
    tuple[str, dict[str, Any]], ...
] = (  # of types, as other tools call them -> as JSON Schema does
    ("str text varchar char markdown multiline uuid email uri time date", {"type": "string"}),
    ("int long int32 int64 bigint", {"type": "integer"}),
    ("float double numeric percentage", {"type": "number"}),
    ("decimal currency money", {"type": "number", "format": "decimal"}),
    ("bool checkbox", {"type": "boolean"}),
    ("list table", {"type": "array"}),
    ("dict map record struct", {"type": "object"}),
    ("datetime date-time timestamp", {"type": "string", "format": "date-time"}),
    ("set", {"type": "array", "uniqueItems": True}),
)
_TYPES = {name: schema for names, schema in _SPELLINGS for name in names.split()}
_NAMED_FORMATS = ("uuid", "email", "uri", "time", "date")
_FORMATS = {  # by type, which are kept; any other only annotates
    "string": {"date", "date-time", "instant", "email", "uri", "uuid", "time", "decimal", "duration"},
    "number": {"decimal"},
}
_FIXED_FORMATS = (
    "date",
    "date-time",
    "instant",
    "decimal",
)  # of texts that become another type, to which rules of texts say nothing
_TEXT_RULES = ("minLength", "maxLength", "pattern")
_SAME_WORD = {"divisibleBy": "multipleOf"}  # of draft 3
_SAME_FORMAT = {"datetime": "date-time", "full-date": "date", "url": "uri"}
_NUMBER = {
    "minimum",
    "maximum",
    "exclusiveMinimum",
    "exclusiveMaximum",
    "multipleOf",
    "enum",
    "const",
    "format",
    "max_digits",
}
WORDS = {
    "string": {"minLength", "maxLength", "pattern", "format", "enum", "const", "expected_tokens"},
    "integer": _NUMBER,
    "number": _NUMBER,
    "boolean": {"enum", "const"},
    "array": {"items", "minItems", "maxItems", "uniqueItems", "prefixItems", "additionalItems"},
    "object": {"properties", "required", "additionalProperties", "patternProperties", "propertyNames"},
    "null": set[str](),
}
KNOWN_TYPES = frozenset({*_TYPES, *WORDS})
_EVERYWHERE = {"type", "description", "default", "$ref", "anyOf", "oneOf", "allOf", *OWN_WORDS}
_REFUSED = {"$dynamicRef", "$recursiveRef", "$anchor", "$dynamicAnchor"}
UNCHECKED = {  # they narrow what may be said, and nobody here holds an answer to them
    *(
        "not",
        "if",
        "then",
        "else",
        "dependentRequired",
        "dependentSchemas",
        "dependencies",
        "unevaluatedItems",
    ),
    *("contains", "minContains", "maxContains", "minProperties", "maxProperties", "unevaluatedProperties"),
}
SILENT = {
    "$schema",
    "$id",
    "id",
    "$comment",
    "$defs",
    "definitions",
    "examples",
    "example",
    "title",
    "discriminator",
}


@dataclass(slots=True)
class SchemaNotes:
    """What a person should know of a schema, each thing once."""

    annotations: set[str] = field(default_factory=set)
    unchecked: set[str] = field(default_factory=set)
    renamed: dict[str, str] = field(default_factory=dict)  # old -> new
    places: dict[str, None] = field(default_factory=dict)  # sentences

    def sentences(self, about: str) -> list[str]:
        """The sentences."""
        said = list(self.places)
        if self.renamed:
            pairs = ", ".join(f"{old!r} is {new}" for old, new in self.renamed.items())
            said.append(f"names made to fit columns: {pairs}.")
        if self.unchecked:
            said.append(f"answers are not held to {', '.join(sorted(self.unchecked))}; check that with SQL.")
        if self.annotations:
            said.append(f"words that only annotate change nothing: {', '.join(sorted(self.annotations))}.")
        return [f"{about}: {sentence}" for sentence in said]


def respelled(schema: Mapping[str, Any], told: SchemaNotes) -> dict[str, Any]:
    """The schema in the words of JSON Schema as it is now, without what says nothing to Octavo."""
    made = _typed(_without_annotations(schema, told))
    if isinstance(made.get("required"), bool):  # of a property, as draft 3 had it
        told.annotations.add("required: true")
        del made["required"]
    if schema.get("nullable") is True:
        made = _nullable(made)
    for bound, edge in (("exclusiveMinimum", "minimum"), ("exclusiveMaximum", "maximum")):
        if isinstance(made.get(bound), bool) and made.pop(bound) and edge in made:  # as draft 4 had it
            made[bound] = made.pop(edge)
    return _of_type(made, told)


def types_of(schema: Mapping[str, Any]) -> list[str]:
    """The types that a schema names, without null."""
    declared = schema.get("type")
    listed = declared if isinstance(declared, list) else [declared]
    return [one if isinstance(one, str) else repr(one) for one in listed if one is not None and one != "null"]


def is_nullable(schema: Mapping[str, Any]) -> bool:
    """Whether null is among the types that a schema names."""
    declared = schema.get("type")
    return isinstance(declared, list) and "null" in declared


def _without_annotations(schema: Mapping[str, Any], told: SchemaNotes) -> dict[str, Any]:
    made = {}
    for written, value in schema.items():
        word = _SAME_WORD.get(written, written)
        if word in UNCHECKED:
            told.unchecked.add(word)
        elif word in _EVERYWHERE or word in _REFUSED or any(word in words for words in WORDS.values()):
            made[word] = value
        elif word not in SILENT and not (word == "nullable" and isinstance(value, bool)):
            told.annotations.add(str(word))
    return made


def _typed(schema: dict[str, Any]) -> dict[str, Any]:
    kind = schema.get("type")
    if not isinstance(kind, str):
        return schema
    named = _TYPES.get(kind.lower(), {"type": kind.lower() if kind.lower() in WORDS else kind})
    form = {"format": kind.lower()} if kind.lower() in _NAMED_FORMATS else {}
    return {**schema, **named, **form}


def _nullable(schema: dict[str, Any]) -> dict[str, Any]:
    kind = schema.get("type")
    if isinstance(kind, str):
        return {**schema, "type": [kind, "null"]}
    if not {"$ref", "anyOf", "oneOf", "allOf"} & schema.keys():
        return schema
    words = {word: schema[word] for word in ("description", "default", *OWN_WORDS) if word in schema}
    inner = {word: value for word, value in schema.items() if word not in words}
    return {"anyOf": [inner, {"type": "null"}], **words}


def _of_type(schema: dict[str, Any], told: SchemaNotes) -> dict[str, Any]:
    """The schema without words for other types than its own, and formats that nobody knows: they say nothing there."""
    if isinstance(schema.get("format"), str):
        schema["format"] = _SAME_FORMAT.get(schema["format"], schema["format"])
    kinds = [kind for kind in types_of(schema) if kind in WORDS]
    if not kinds or len(kinds) < len(types_of(schema)):
        return schema
    known = _EVERYWHERE.union(*(WORDS[kind] for kind in kinds), _REFUSED)
    left = {word for word in schema if word not in known}
    if "format" in schema and not any(
        schema["format"] in _FORMATS.get(kind, ()) for kind in kinds if isinstance(schema["format"], str)
    ):
        told.annotations.add(f"format {schema['format']}")
        left = {*left, "format"}
    told.annotations |= left - {"format"}
    if "format" not in left and schema.get("format") in _FIXED_FORMATS:
        beside = {word for word in _TEXT_RULES if word in schema}
        told.unchecked |= {f"{word} beside format {schema['format']}" for word in beside}
        left |= beside
    return {word: value for word, value in schema.items() if word not in left}
