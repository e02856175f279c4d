"""A schema that no column can be as it is comes in; the one that comes nearest goes out. What lies below it is left as it is.

    "type": ["number", "string"]         a text, as printed
    prefixItems, a tuple                 a record: item_1, item_2
    additionalProperties, dict[str, T]   a list of key and value
    uniqueItems, set                     a list without repetitions
    allOf                                one record with the fields of all
    a name that no column can have       the nearest name that one can

`FORM` and `ORIGIN` mark them for `own_form`, by which a user's own model gets what it declares. It imports `spellings`, `unions` and
`fit_names`, each of which is a part of this.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote

from octavo.schemas.compile.fit_names import OWN_COLUMNS, fitted
from octavo.schemas.compile.spellings import (
    FORM,
    ORIGIN,
    OWN_WORDS,
    SILENT,
    UNCHECKED,
    SchemaNotes,
    is_nullable,
    respelled,
    types_of,
)
from octavo.schemas.compile.unions import united

OUTER = (
    "description",
    "default",
    "grounded",
    "required_evidence",
    "rules",
    "expected_tokens",
    ORIGIN,
)  # words beside a choice or reference that count more
MOST_REFS = 50  # references that lead to one another


def adapted(root: Any, schema: Any, path: str, told: SchemaNotes) -> Any:
    """The nearest schema. `root` holds what references point to, `path` names the place in what is `told`: `lines[].price`."""
    if schema is True or (
        isinstance(schema, Mapping) and not set(schema) - SILENT - {"description", "default", *OWN_WORDS}
    ):
        told.places[f"{path or 'The root'} has no type: it is text."] = None
        return {**(schema if isinstance(schema, Mapping) else {}), "type": "string"}
    if not isinstance(schema, Mapping):
        return schema
    plain = respelled(schema, told)
    if "allOf" in plain:
        plain = _merged(root, plain, told)
    if "$ref" in plain and set(plain) - {"$ref", *OUTER} and "$ref" not in followed(root, plain):
        plain = respelled(followed(root, plain), told)  # what stands beside a reference holds as well
    for word in ("oneOf", "anyOf"):
        if word in plain and "$ref" not in plain:
            return _chosen(root, plain, word, path, told)
    if len(types_of(plain)) > 1:
        return _of_types(root, plain, path, told)
    return _shaped(plain, path, told)


def pointed(root: Any, ref: Any) -> Any:
    """What a JSON pointer in a fragment points to (RFC 6901, section 6), or None."""
    if not isinstance(ref, str) or not ref.startswith("#"):
        return None
    target = root
    for step in unquote(ref).split("/")[1:]:
        key = step.replace("~1", "/").replace("~0", "~")
        if isinstance(target, list) and key.isdecimal() and int(key) < len(target):
            target = target[int(key)]
        elif isinstance(target, Mapping):
            target = target.get(key)
        else:
            return None
    return target


def followed(root: Any, schema: Any) -> Any:
    """The schema behind references; itself where one leads nowhere or in a circle."""
    seen: set[str] = set()
    made = schema
    while isinstance(made, Mapping) and isinstance(made.get("$ref"), str) and len(seen) < MOST_REFS:
        target = pointed(root, made["$ref"])
        if not isinstance(target, Mapping) or made["$ref"] in seen:
            return schema
        seen.add(made["$ref"])
        made = {**target, **{word: value for word, value in made.items() if word != "$ref"}}
    return made


def _merged(root: Any, schema: dict[str, Any], told: SchemaNotes) -> dict[str, Any]:
    """A schema with what `allOf` adds to it: the properties of all, and of other words the last."""
    own = {word: value for word, value in schema.items() if word != "allOf"}
    listed = schema["allOf"] if isinstance(schema["allOf"], list) else []
    if (
        len(listed) == 1
        and isinstance(listed[0], Mapping)
        and "$ref" in listed[0]
        and not set(own) - {*OUTER}
    ):
        return {**listed[0], **own}
    made: dict[str, Any] = {}
    for one in (*listed, own):
        part = followed(root, one)
        if not isinstance(part, Mapping) or "$ref" in part:
            return {**own, "$ref": str(part.get("$ref", "")) if isinstance(part, Mapping) else ""}
        plain = respelled(part, told)
        plain = _merged(root, plain, told) if "allOf" in plain else plain
        properties = {**made.get("properties", {}), **_mapping(plain.get("properties"))}
        made |= plain | ({"properties": properties} if properties else {})
    made.pop("additionalProperties", None)
    made.pop("required", None)
    return made


def _chosen(root: Any, schema: dict[str, Any], word: str, path: str, told: SchemaNotes) -> dict[str, Any]:
    """One of several schemas, in each of which stands what is beside them, such as their type once more."""
    listed = [one for one in schema[word] if not _is_never(one)] if isinstance(schema[word], list) else []
    beside = {key: value for key, value in schema.items() if key not in (word, *OUTER)}
    outer = {key: schema[key] for key in OUTER if key in schema}
    if beside.get("properties") and not any(_says_more(one) for one in listed):
        told.unchecked.add(word)
        return dict(adapted(root, {**beside, **outer}, path, told))
    branches = [_branch(root, one, beside, path, told) for one in listed]
    with_null = any(map(_is_null, branches)) or _may_be_null(branches)
    rest = _flat([one for one in branches if not _is_null(one)])
    if len(rest) == 1 and all(isinstance(one, Mapping) for one in rest):
        kept = next(one for one, made in zip(listed, branches, strict=True) if not _is_null(made))
        made: Any = kept if isinstance(kept, Mapping) and "$ref" in kept and not beside else rest[0]
    else:
        made = (
            united(rest, path or "The root", told)
            if rest and all(isinstance(one, Mapping) for one in rest)
            else None
        )
    if made is None:
        return {"anyOf": listed, **outer}
    kinds = [{key: value for key, value in made.items() if key not in outer}]
    return {
        "anyOf": [*kinds, *([{"type": "null"}] if with_null else [])],
        **outer,
    }


def _branch(root: Any, schema: Any, beside: Mapping[str, Any], path: str, told: SchemaNotes) -> Any:
    if not isinstance(schema, Mapping):
        return schema
    target = followed(root, schema)
    if "$ref" in target:
        return target
    made = adapted(root, {**beside, **target}, path, told)
    return {
        word: value for word, value in made.items() if word not in ("grounded", "required_evidence", "rules")
    }


def _is_never(schema: Any) -> bool:
    """Whether a schema takes nothing at all, as zod writes "or not there"."""
    return schema is False or schema == {"not": {}}


def _says_more(schema: Any) -> bool:
    """Whether one of a choice says more than which properties have to be there, as `{"required": ["email"]}` does."""
    return not isinstance(schema, Mapping) or bool(set(schema) - {"required", *SILENT, *UNCHECKED})


def _flat(branches: list[Any]) -> list[Any]:
    """Choices within choices as one, null apart."""
    made: list[Any] = []
    for one in branches:
        inner = one.get("anyOf") if isinstance(one, Mapping) else None
        made += [each for each in _flat(inner) if not _is_null(each)] if isinstance(inner, list) else [one]
    return made


def _may_be_null(branches: list[Any]) -> bool:
    return any(
        isinstance(one, Mapping) and (any(map(_is_null, _branches(one))) or is_nullable(one))
        for one in branches
    )


def _branches(schema: Mapping[str, Any]) -> list[Any]:
    return schema["anyOf"] if isinstance(schema.get("anyOf"), list) else []


def _is_null(schema: Any) -> bool:
    return isinstance(schema, Mapping) and (schema.get("type") == "null" or schema.get("enum") == [None])


def _of_types(root: Any, schema: dict[str, Any], path: str, told: SchemaNotes) -> dict[str, Any]:
    """A schema of several types, as the choice that it is."""
    outer = {key: schema[key] for key in OUTER if key in schema}
    inner = {key: value for key, value in schema.items() if key not in outer}
    kinds = schema["type"]
    if "enum" in inner or "const" in inner:
        return {**outer, **_shaped({key: value for key, value in inner.items() if key != "type"}, path, told)}
    return _chosen(root, {"anyOf": [{**inner, "type": kind} for kind in kinds], **outer}, "anyOf", path, told)


def _shaped(schema: dict[str, Any], path: str, told: SchemaNotes) -> dict[str, Any]:
    """Lists and records as columns have them, choices under their type."""
    if "enum" in schema or "const" in schema:
        return _listed(schema)
    kinds = types_of(schema)
    if kinds == ["array"] or (not kinds and ("items" in schema or "prefixItems" in schema)):
        return _list(schema, path, told)
    if kinds == ["object"] or (not kinds and "properties" in schema):
        return _object(schema, path, told)
    return {**schema, FORM: "duration"} if schema.get("format") == "duration" else schema


def _listed(schema: dict[str, Any]) -> dict[str, Any]:
    """A choice under its type: whole numbers and numbers keep theirs, anything mixed is text."""
    values = schema["enum"] if "enum" in schema else [schema["const"]]
    if not isinstance(values, list) or not values:
        return schema
    rest = [value for value in values if value is not None]
    kinds = {type(value) for value in rest}
    rest_words = {word: value for word, value in schema.items() if word in (*OUTER, *OWN_WORDS)}
    kind = {bool: "boolean", int: "integer", float: "number", str: "string"}.get(
        kinds.pop() if len(kinds) == 1 else str, "string"
    )
    kind = "number" if {type(value) for value in rest} == {int, float} else kind
    may_be_null = len(rest) < len(values) or is_nullable(schema)
    if kind == "boolean":
        return {**rest_words, "type": ["boolean", "null"] if may_be_null else "boolean"}
    if kind == "string" and any(isinstance(value, list | dict) for value in rest):
        return schema
    texts = rest if kind != "string" else [_written(value) for value in rest]
    return {**rest_words, "type": [kind, "null"] if may_be_null else kind, "enum": texts}


def _written(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _list(schema: dict[str, Any], path: str, told: SchemaNotes) -> dict[str, Any]:
    items = schema.get("prefixItems", schema.get("items"))
    places = items if isinstance(items, list) else None
    kept = {
        word: value
        for word, value in schema.items()
        if word not in ("prefixItems", "additionalItems", "uniqueItems")
    }
    if places:
        titles = [one.get("title") if isinstance(one, Mapping) else None for one in places]
        names = [re.sub(r"\s+", "_", title.lower()) if isinstance(title, str) else "" for title in titles]
        if not all(names) or len(set(names)) < len(names):
            names = [f"item_{at}" for at in range(1, len(places) + 1)]
        outer = {word: value for word, value in kept.items() if word in (*OUTER, *OWN_WORDS)}
        properties = dict(zip(map(str, names), places, strict=True))
        kind = ["object", "null"] if is_nullable(schema) else "object"
        return _fit_names({**outer, "type": kind, "properties": properties, FORM: "tuple"}, path, told)
    if schema.get("uniqueItems") is True:
        kept[FORM] = "set"
    if not isinstance(items, Mapping) or not items:
        told.places[f"{path or 'The root'} is a list of anything: its items are text."] = None
        kept["items"] = {"type": "string"}
    return kept


def _object(schema: dict[str, Any], path: str, told: SchemaNotes) -> dict[str, Any]:
    """A record with the names of columns; where no names are known, a list of key and value."""
    opened = {"additionalProperties", "patternProperties", "propertyNames"} & schema.keys()
    kept = {word: value for word, value in schema.items() if word not in opened}
    properties = schema.get("properties")
    if isinstance(properties, Mapping) and properties:
        if schema.get("additionalProperties", False) is not False or "patternProperties" in opened:
            told.places[f"{path or 'The root'}: only what is listed in its properties becomes a column."] = (
                None
            )
        return _fit_names(kept, path, told)
    if schema.get("additionalProperties") is False and "patternProperties" not in opened:
        return kept
    if not path:  # a table needs columns
        return kept
    return _map(schema, path, told)


def _map(schema: dict[str, Any], path: str, told: SchemaNotes) -> dict[str, Any]:
    patterns = [*_mapping(schema.get("patternProperties")).values()]
    value = patterns[0] if len(patterns) == 1 else schema.get("additionalProperties")
    value = value if isinstance(value, Mapping) and value else {"type": "string"}
    names = _mapping(schema.get("propertyNames"))
    key = {
        "type": "string",
        **({"enum": names["enum"]} if "enum" in names else {}),
        "description": "Its name, as printed.",
    }
    told.places[f"{path} has names that are not known beforehand: it is a list of key and value."] = None
    outer = {word: value for word, value in schema.items() if word in (*OUTER, *OWN_WORDS)}
    item = {"type": "object", "properties": {"key": key, "value": value}}
    return {**outer, "type": "array", "items": item, FORM: "map"}


def _fit_names(schema: dict[str, Any], path: str, told: SchemaNotes) -> dict[str, Any]:
    """A record whose names can all be columns; what had to be renamed says how it was called."""
    own = OWN_COLUMNS if not path else ()
    properties: dict[str, Any] = {}
    as_they_are = {name for name in schema["properties"] if fitted(str(name), own=own) == name}
    for name, inner in schema["properties"].items():
        taken = [*properties, *([] if name in as_they_are else as_they_are)]
        made = fitted(str(name), taken, own=own)
        properties[made] = inner
        if made != name:
            told.renamed[str(name)] = made
            marked = inner if isinstance(inner, Mapping) else {"type": "string"} if inner is True else inner
            properties[made] = {**marked, ORIGIN: name} if isinstance(marked, Mapping) else marked
    wanted = schema.get("required")
    kept = {word: value for word, value in schema.items() if word != "required"}
    if not isinstance(wanted, list) and wanted is not None:
        kept["required"] = wanted
    return {**kept, "properties": properties}


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
