"""A JSON Schema comes in; a tree of nodes goes out, or one error that names every place that cannot become a column.

Accepted is what has a fixed set of typed columns: one object of properties, nested objects, arrays of one kind of item, text, numbers,
Booleans, dates, choices, null beside any of them, and references inside the schema that do not recur. `title`, `default` and `examples`
are ignored. Three words are Octavo's own: `grounded` and `required_evidence` (on a property of the root) and `expected_tokens` (on a
text); see `octavo.schemas.fields`. `rules`, at the root, are comparisons between fields; see `octavo.schemas.arithmetic`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import unquote

from pydantic import BaseModel

from octavo.schemas.compile.keywords import (
    ANNOTATIONS,
    KEYWORDS,
    OPEN,
    PLACES,
    TYPES,
    Advice,
    advice,
    choices_of,
    digits,
    kind_of,
    limits_of,
)
from octavo.schemas.errors import SchemaError
from octavo.schemas.pipeline import Field, Kind

# Sizes that Moonshot's strict mode takes (walle conf.go, 2026-06-29), less the two levels and three keys of the reply around a record.
MAX_DEPTH = 30 - 2
MAX_KEYS = 3000 - 3

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,62}")
_TAKEN = {"anyOf", "required", "additionalProperties"}  # MFJS takes no property of these names
OWN_COLUMNS = frozenset(  # of every table of answers
    [
        "document",
        "path",
        "engine",
        "model",
        "question",
        "question_fingerprint",
        "run",
        "former",
        "inbox",
        "request",
        "conflicts",
    ]
)
_BAD_NAME = Advice(
    "the name cannot be a column", "use letters without accents, digits and _, a letter first, 63 at most"
)
_TRUTH = (bool, "true or false")
_WORDS = {
    "grounded": _TRUTH,
    "required_evidence": _TRUTH,
    "expected_tokens": (int, "a number"),
    "description": (str, "a text"),
    "rules": (list, "a list of comparisons"),
}


@dataclass(frozen=True, slots=True)
class Node:
    """A field with what its `Field` does not say: the limits on its values and Octavo's own words."""

    field: Field
    limits: Mapping[str, Any]  # by JSON Schema's names
    parts: tuple[Node, ...] = ()  # the fields of a record, or the one item of a list
    grounded: bool = True  # the value should stand in the document
    expected_tokens: int = 0  # of a text that is longer than a line; 0 for any other
    required_evidence: bool = False  # the value is refused when it does not stand there
    rules: Sequence[str] = ()  # between the fields of the root


def read(schema: Any, *, about: str) -> Node:
    """The tree of a JSON Schema whose root is an object. `about` names it in the error.

    Raises SchemaError, with one line a place: its JSON pointer, the keyword, why it cannot be, and what to write instead.
    """
    reading = _Reading(schema)
    try:
        node = _node(reading, schema, _SchemaPlace())
    except RecursionError:
        node = None
        reading.refuse(
            _SchemaPlace(), "$ref", Advice("references and choices are nested too deep", "flatten the schema")
        )
    if node and node.field.kind != "record":
        reading.refuse(
            _SchemaPlace(),
            "type",
            Advice("a record has named fields", "make the root an object with properties"),
        )
    if node and not reading.problems:
        return node
    lines = [
        f"  {pointer} {keyword}: {why}; {instead}."
        for (pointer, keyword), (why, instead) in reading.problems.items()
    ]
    message = "\n".join([f"The schema {about} cannot be compiled.", *lines])
    raise SchemaError(message, about=about, next_step="\nChange these places and try again.")


@dataclass(frozen=True, slots=True)
class _SchemaPlace:
    """Where in the schema we are. `refs` are the references that led here."""

    pointer: str = "#"
    name: str = ""
    depth: int = 0
    refs: tuple[str, ...] = ("#",)

    def at(self, *steps: object) -> _SchemaPlace:
        """A place inside the same field."""
        escaped = (str(step).replace("~", "~0").replace("/", "~1") for step in steps)
        return replace(self, pointer="/".join((self.pointer, *escaped)))

    def below(self, name: str, *steps: str) -> _SchemaPlace:
        """The place of another field, one level down."""
        return replace(self.at(*steps), name=name, depth=self.depth + 1)


@dataclass(slots=True)
class _Reading:
    """What is gathered on the way: the schema, the problems by place and keyword, and the number of keys so far."""

    root: Any
    problems: dict[tuple[str, str], Advice] = field(default_factory=dict)
    keys: int = 0

    def refuse(self, place: _SchemaPlace, keyword: str, advice: Advice) -> None:
        """Remember one problem; a definition that is used twice is named once."""
        self.problems.setdefault((place.pointer, keyword), advice)


@dataclass(frozen=True, slots=True)
class _Plain:
    """A schema whose references are followed: one type, null apart."""

    schema: Mapping[str, Any]
    place: _SchemaPlace
    kind: Kind
    nullable: bool

    def node(
        self, limits: Mapping[str, Any] | None = None, parts: tuple[Node, ...] = (), **more: Any
    ) -> Node:
        """The node of this schema. `more` are keywords of `Field`. The words of the root keep their lines."""
        words = str(self.schema.get("description", ""))
        text = " ".join(words.split()) if self.place.depth else words.strip()
        made = Field(self.place.name, self.kind, text, self.nullable, **more)
        own = {word: self.schema[word] for word in _WORDS if word in self.schema and word != "description"}
        return Node(made, limits or {}, parts, **own)


def _node(reading: _Reading, schema: Any, place: _SchemaPlace) -> Node | None:
    if place.depth > MAX_DEPTH:
        reading.refuse(
            place, "properties", Advice(f"it lies more than {MAX_DEPTH} levels deep", "flatten the schema")
        )
        return None
    plain = _plain(reading, schema, place)
    return _READERS.get(plain.kind, _leaf)(reading, plain) if plain else None


def _plain(reading: _Reading, schema: Any, place: _SchemaPlace) -> _Plain | None:
    """The schema behind references and choices, or None when there is none."""
    if not isinstance(schema, Mapping):
        reading.refuse(place, str(schema)[:20], Advice("a schema is an object", 'write {"type": ...}'))
        return None
    for word, (kind, example) in _WORDS.items():
        if word in schema and not isinstance(schema[word], kind):
            reading.refuse(place, word, Advice(f"it has to be {example}", "correct it"))
    if "$ref" in schema:
        return _referred(reading, schema, place)
    return _chosen(reading, schema, place) if "anyOf" in schema else _typed(reading, schema, place)


def _referred(reading: _Reading, schema: Mapping[str, Any], place: _SchemaPlace) -> _Plain | None:
    _refuse_beside(reading, schema, place, "$ref")
    ref = schema["$ref"]
    if not isinstance(ref, str) or not re.fullmatch(r"#(/.*)?", ref, re.DOTALL):
        trouble = Advice(
            "nothing outside the schema is fetched",
            "copy the definition below $defs and refer to #/$defs/NAME",
        )
    elif ref in place.refs:
        trouble = Advice("a record that holds itself has no fixed columns", "write out the levels you need")
    elif (target := _target(reading.root, ref)) is None:
        trouble = Advice(f"there is nothing at {ref}", "refer to #/$defs/NAME")
    else:
        inner = _plain(reading, target, replace(place, pointer=ref, refs=(*place.refs, ref)))
        return _annotated(inner, schema) if inner else None
    reading.refuse(place, "$ref", trouble)
    return None


def _target(root: Any, ref: str) -> Any:
    """What a JSON pointer in a fragment points to (RFC 6901, section 6), or None."""
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


def _chosen(reading: _Reading, schema: Mapping[str, Any], place: _SchemaPlace) -> _Plain | None:
    """Null beside one schema, or the number and text that pydantic writes for a Decimal. Nothing else is one column."""
    _refuse_beside(reading, schema, place, "anyOf")
    branches = schema["anyOf"] if isinstance(schema["anyOf"], list) else []
    rest = [(index, branch) for index, branch in enumerate(branches) if not _is_bare(branch, "null")]
    text = next((index for index, branch in rest if _is_bare(branch, "string", "pattern")), None)
    if len(rest) == 2 and text is not None:
        index, number = next(pair for pair in rest if pair[0] != text)
        is_decimal = isinstance(number, Mapping) and number.get("type") == "number"
        rest = [(index, {**number, "format": "decimal"})] if is_decimal else rest
    if len(rest) != 1:
        reading.refuse(
            place,
            "anyOf",
            Advice("a column has one type", "keep one of the types, or write a field for each"),
        )
        return None
    index, branch = rest[0]
    inner = _plain(reading, branch, place.at("anyOf", index))
    nullable = any(_is_bare(branch, "null") for branch in branches)
    return _annotated(inner, schema, nullable=nullable) if inner else None


def _is_bare(branch: Any, name: str, *words: str) -> bool:
    """Whether a schema says nothing but its type, `words` aside."""
    return (
        isinstance(branch, Mapping)
        and branch.get("type") == name
        and not set(branch) - ANNOTATIONS - {"type", *words}
    )


def _refuse_beside(reading: _Reading, schema: Mapping[str, Any], place: _SchemaPlace, keyword: str) -> None:
    for other in sorted(set(schema) - ANNOTATIONS - {keyword, "expected_tokens"} - _column_words(place)):
        reading.refuse(
            place, other, Advice(f"it stands beside {keyword}", "put it inside, beside the type it limits")
        )


def _column_words(place: _SchemaPlace) -> set[str]:
    return {"rules"} if place.depth == 0 else {"grounded", "required_evidence"} if place.depth == 1 else set()


def _annotated(plain: _Plain, outer: Mapping[str, Any], *, nullable: bool = False) -> _Plain:
    """The words beside a reference or a choice count more than those inside."""
    words = {word: outer[word] for word in _WORDS if word in outer}
    return replace(plain, schema={**plain.schema, **words}, nullable=plain.nullable or nullable)


def _typed(reading: _Reading, schema: Mapping[str, Any], place: _SchemaPlace) -> _Plain | None:
    declared = schema.get("type", _inferred(schema))
    types = declared if isinstance(declared, list) else [declared]
    rest = [name for name in types if name != "null"]
    kind = kind_of(schema, rest[0]) if len(rest) == 1 and rest[0] in TYPES else None
    known = KEYWORDS[kind] if kind else set().union(*KEYWORDS.values())
    unknown = sorted(set(schema) - known - ANNOTATIONS - _column_words(place) - {"type"})
    for keyword in unknown:
        reading.refuse(place, keyword, advice(keyword, kind))
    if kind:
        listed = schema.get("enum")
        return _Plain(
            schema, place, kind, nullable="null" in types or (isinstance(listed, list) and None in listed)
        )
    if declared or not unknown:
        reading.refuse(
            place,
            "type",
            Advice("a column has one type", f"write one of {', '.join(TYPES)}, with or without null"),
        )
    return None


def _inferred(schema: Mapping[str, Any]) -> str | None:
    """The type that a schema without one can only mean."""
    meanings = {"properties": "object", "items": "array", "enum": "string", "const": "string"}
    return next((meaning for keyword, meaning in meanings.items() if keyword in schema), None)


def _limits(reading: _Reading, plain: _Plain) -> dict[str, Any]:
    limits, faults = limits_of(plain.schema, plain.kind)
    for keyword, fault in faults.items():
        reading.refuse(plain.place, keyword, fault)
    return limits


def _leaf(reading: _Reading, plain: _Plain) -> Node:
    limits = _limits(reading, plain)
    return (
        plain.node(limits, scale=digits(limits.get("multipleOf")) or 4)
        if plain.kind == "decimal"
        else plain.node(limits)
    )


def _choice(reading: _Reading, plain: _Plain) -> Node:
    choices, faults = choices_of(plain.schema)
    for keyword, fault in faults.items():
        reading.refuse(plain.place, keyword, fault)
    return plain.node(choices=choices)


def _list(reading: _Reading, plain: _Plain) -> Node | None:
    items = plain.schema.get("items")
    if not isinstance(items, Mapping) or not items:
        reading.refuse(plain.place, "items", PLACES)
        return None
    item = _node(reading, items, plain.place.below("item", "items"))
    return plain.node(_limits(reading, plain), (item,), item=item.field) if item else None


def _record(reading: _Reading, plain: _Plain) -> Node | None:
    properties = plain.schema.get("properties")
    if plain.schema.get("additionalProperties", False) is not False:
        reading.refuse(plain.place, "additionalProperties", OPEN)
    if not isinstance(properties, Mapping) or not properties:
        reading.refuse(
            plain.place, "properties", Advice("an object without properties has no columns", OPEN.instead)
        )
        return None
    reading.keys += len(properties)
    if reading.keys > MAX_KEYS:
        reading.refuse(
            _SchemaPlace(),
            "properties",
            Advice(f"there are more than {MAX_KEYS} in all", "ask two questions"),
        )
        return None
    _check_names(reading, plain, list(properties))
    nodes = [
        _node(reading, schema, plain.place.below(name, "properties", name))
        for name, schema in properties.items()
    ]
    parts = tuple(_as_property(node) for node in nodes if node)
    return plain.node(parts=parts, fields=tuple(part.field for part in parts))


def _as_property(node: Node) -> Node:
    """A property may be null, because a document may not say it. A list is then empty, unless it must have items."""
    nullable = node.field.kind != "list" or node.field.nullable or node.limits.get("minItems", 0) > 0
    return replace(node, field=replace(node.field, nullable=nullable))


def _check_names(reading: _Reading, plain: _Plain, names: list[str]) -> None:
    required = plain.schema.get("required", [])
    if not isinstance(required, list) or any(name not in names for name in required):
        reading.refuse(
            plain.place,
            "required",
            Advice("it names what is not in properties", "list names of properties only"),
        )
    seen: set[str] = set()
    for name in names:
        place = plain.place.at("properties", name)
        if not _NAME.fullmatch(name):
            reading.refuse(place, "properties", _BAD_NAME)
        elif hasattr(BaseModel, name) or name in _TAKEN:
            reading.refuse(
                place,
                "properties",
                Advice("the name is taken by pydantic or JSON Schema", f"call it {name}_value or the like"),
            )
        elif plain.place.depth == 0 and name.casefold() in OWN_COLUMNS:
            reading.refuse(
                place,
                "properties",
                Advice("every answer has a column of this name already", "call the field otherwise"),
            )
        elif name.casefold() in seen:
            reading.refuse(
                place, "properties", Advice("SQL takes it for the same name as another", "name the two apart")
            )
        seen.add(name.casefold())


_READERS: dict[Kind, Callable[[_Reading, _Plain], Node | None]] = {
    "choice": _choice,
    "list": _list,
    "record": _record,
}
