"""A JSON Schema comes in; a tree of nodes goes out, or one error that names every place that cannot become a column.

A table has a fixed set of typed columns: one object of properties, nested objects, arrays of one kind of item, text, numbers, Booleans,
dates, choices, null beside any of them, and references inside the schema that do not recur. What is another thing, and can be told as one
of these, is written as that by `adapt`, place by place. Three words are Octavo's own: `grounded` and `required_evidence` (on a property
of the root) and `expected_tokens` (on a text); see `octavo.schemas.fields`. `rules`, at the root, are comparisons between fields; see
`octavo.schemas.arithmetic`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from octavo.schemas.compile.adapt import adapted, pointed
from octavo.schemas.compile.found import FoundSchema
from octavo.schemas.compile.keywords import (
    ANNOTATIONS,
    KEYWORDS,
    MOST_DIGITS,
    ONE_TYPE,
    OPEN,
    PLACES,
    RECURSION,
    TOO_MANY_DIGITS,
    TYPES,
    Advice,
    advice,
    choices_of,
    decimal_size,
    kind_of,
    limits_of,
    no_type,
    numbers_of,
)
from octavo.schemas.compile.spellings import FORM, ORIGIN, SchemaNotes
from octavo.schemas.errors import SchemaError
from octavo.schemas.pipeline import Field, Kind

# Sizes that Moonshot's strict mode takes (walle conf.go, 2026-06-29), less the two levels and three keys of the reply around a record.
MAX_DEPTH = 30 - 2
MAX_KEYS = 3000 - 3

_TRUTH = (bool, "true or false")
_WORDS: dict[str, tuple[type, str]] = {
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


def read(found: FoundSchema, *, about: str, is_model: bool = False) -> tuple[Node, SchemaNotes]:
    """The tree of a JSON Schema whose root is an object, and what a person should know of it. `about` names it in the error.

    Raises SchemaError, with one line a place: where, why it cannot be, and what to write instead. Where it `is_model`, the place is that in
    a pydantic model, else a JSON pointer and the keyword.
    """
    reading = _Reading(found.root, SchemaNotes(places=dict.fromkeys(found.told)))
    root = _SchemaPlace(found.pointer)
    try:
        node = _node(reading, found.schema, root)
    except RecursionError:
        node = None
        reading.refuse(
            root, "$ref", Advice("references and choices are nested too deep", "flatten the schema")
        )
    if node and node.field.kind != "record":
        reading.refuse(
            root, "type", Advice("a record has named fields", "make the root an object with properties")
        )
    if node and not reading.problems:
        return node, reading.told
    lines = [_line(problem, is_model=is_model) for problem in reading.problems.values()]
    message = "\n".join([f"The schema {about} cannot be compiled.", *dict.fromkeys(lines)])
    raise SchemaError(message, about=about, next_step="\nChange these places and try again.")


@dataclass(frozen=True, slots=True)
class _Problem:
    """What cannot be at a place, and what to write instead."""

    place: _SchemaPlace
    keyword: str
    advice: Advice


def _line(problem: _Problem, *, is_model: bool) -> str:
    why, instead, in_python = problem.advice
    if is_model:
        return f"  {problem.place.path or 'The model'}: {why}; {in_python or instead}."
    return f"  {problem.place.pointer} {problem.keyword}: {why}; {instead}."


@dataclass(frozen=True, slots=True)
class _SchemaPlace:
    """Where in the schema we are. `refs` are the references that led here."""

    pointer: str = "#"
    name: str = ""
    path: str = ""  # as a person would write it: lines[].price
    depth: int = 0
    refs: tuple[str, ...] = ("#",)

    def at(self, *steps: object) -> _SchemaPlace:
        """A place inside the same field."""
        escaped = (str(step).replace("~", "~0").replace("/", "~1") for step in steps)
        return replace(self, pointer="/".join((self.pointer, *escaped)))

    def below(self, name: str, *steps: str) -> _SchemaPlace:
        """The place of another field, one level down."""
        path = f"{self.path}[]" if steps == ("items",) else f"{self.path}.{name}".lstrip(".")
        return replace(self.at(*steps), name=name, path=path, depth=self.depth + 1)


@dataclass(slots=True)
class _Reading:
    """What is gathered on the way: the schema, the problems by place and keyword, and the number of keys so far."""

    root: Any
    told: SchemaNotes = field(default_factory=SchemaNotes)
    problems: dict[tuple[str, str], _Problem] = field(default_factory=dict)
    keys: int = 0

    def refuse(self, place: _SchemaPlace, keyword: str, advice: Advice) -> None:
        """Remember one problem; a definition that is used twice is named once."""
        self.problems.setdefault((place.pointer, keyword), _Problem(place, keyword, advice))


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
        marks = {"origin": self.schema.get(ORIGIN, ""), "form": self.schema.get(FORM, "")}
        if self.kind not in ("record", "list"):
            marks["default"] = self.schema.get("default")
        made = Field(self.place.name, self.kind, text, self.nullable, **marks, **more)
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
    schema = adapted(reading.root, schema, place.path, reading.told)
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
    ref = schema["$ref"]
    if not isinstance(ref, str) or not re.fullmatch(r"#(/.*)?", ref, re.DOTALL):
        trouble = Advice(
            "nothing outside the schema is fetched",
            "copy the definition below $defs and refer to #/$defs/NAME",
        )
    elif ref in place.refs:
        trouble = RECURSION
    elif (target := pointed(reading.root, ref)) is None:
        trouble = Advice(f"there is nothing at {ref}", "refer to #/$defs/NAME")
    else:
        inner = _plain(reading, target, replace(place, pointer=ref, refs=(*place.refs, ref)))
        return _annotated(inner, schema) if inner else None
    reading.refuse(place, "$ref", trouble)
    return None


def _chosen(reading: _Reading, schema: Mapping[str, Any], place: _SchemaPlace) -> _Plain | None:
    """Null beside one schema: of all others `adapt` has made one, or there is no column that holds them."""
    branches = schema["anyOf"] if isinstance(schema["anyOf"], list) else []
    rest = [(index, branch) for index, branch in enumerate(branches) if not _is_null(branch)]
    if len(rest) != 1:
        reading.refuse(place, "anyOf", ONE_TYPE)
        return None
    index, branch = rest[0]
    inner = _plain(reading, branch, place.at("anyOf", index) if len(branches) > 1 else place)
    return _annotated(inner, schema, nullable=len(branches) > 1) if inner else None


def _is_null(branch: Any) -> bool:
    return isinstance(branch, Mapping) and branch.get("type") == "null"


def _column_words(place: _SchemaPlace) -> set[str]:
    return {"rules"} if place.depth == 0 else {"grounded", "required_evidence"} if place.depth == 1 else set()


def _annotated(plain: _Plain, outer: Mapping[str, Any], *, nullable: bool = False) -> _Plain:
    """The words beside a reference or a choice count more than those inside."""
    words = {word: outer[word] for word in (*_WORDS, "default", ORIGIN) if word in outer}
    return replace(plain, schema={**plain.schema, **words}, nullable=plain.nullable or nullable)


def _typed(reading: _Reading, schema: Mapping[str, Any], place: _SchemaPlace) -> _Plain | None:
    declared = schema.get("type", _inferred(schema))
    types = declared if isinstance(declared, list) else [declared]
    rest = [name for name in types if name != "null"]
    kind = kind_of(schema, rest[0]) if len(rest) == 1 and rest[0] in TYPES else None
    known = KEYWORDS[kind] if kind else set().union(*KEYWORDS.values())
    unknown = sorted(set(schema) - known - ANNOTATIONS - _column_words(place) - {"type", FORM, ORIGIN})
    for keyword in unknown:
        reading.refuse(place, keyword, advice(keyword, kind))
    if kind:
        listed = schema.get("enum")
        return _Plain(
            schema, place, kind, nullable="null" in types or (isinstance(listed, list) and None in listed)
        )
    if declared or not unknown:
        reading.refuse(place, "type", no_type(declared))
    return None


def _inferred(schema: Mapping[str, Any]) -> str | None:
    """The type that a schema without one can only mean."""
    meanings = {"properties": "object", "items": "array", "enum": "string", "const": "string"}
    return next((meaning for keyword, meaning in meanings.items() if keyword in schema), None)


def _limits(reading: _Reading, plain: _Plain) -> dict[str, Any]:
    limits, faults = limits_of(plain.schema, plain.kind)
    for keyword, fault in faults.items():
        if keyword == "pattern":
            reading.told.places[f"{plain.place.path}: its pattern is not held to, since {fault.why}."] = None
        else:
            reading.refuse(plain.place, keyword, fault)
    return limits


def _leaf(reading: _Reading, plain: _Plain) -> Node:
    limits = _limits(reading, plain)
    choices: tuple[Any, ...] = ()
    if "enum" in plain.schema:
        choices, faults = numbers_of(plain.schema, plain.kind)
        for keyword, fault in faults.items():
            reading.refuse(plain.place, keyword, fault)
    if plain.kind != "decimal":
        return plain.node(limits, choices=choices)
    precision, scale = decimal_size(plain.schema, limits.get("multipleOf"))
    if precision > MOST_DIGITS:
        reading.refuse(plain.place, "max_digits", TOO_MANY_DIGITS)
    return plain.node(limits, choices=choices, precision=precision, scale=scale)


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
    if (wanted := plain.schema.get("required")) is not None:
        reading.refuse(
            plain.place,
            "required",
            Advice(f"it has to be a list, and is {wanted!r:.20}", "list names of properties"),
        )
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


_READERS: dict[Kind, Callable[[_Reading, _Plain], Node | None]] = {
    "choice": _choice,
    "list": _list,
    "record": _record,
}
