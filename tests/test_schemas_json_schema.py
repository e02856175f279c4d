"""JSON Schema files: what is taken, what is refused and how, and that whatever is taken is sent within Moonshot's subset."""

from __future__ import annotations

import json
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from octavo.schemas.compile.compiler import compile_question
from octavo.schemas.compile.fit_names import OWN_COLUMNS
from octavo.schemas.compile.json_schema import MAX_DEPTH, MAX_KEYS
from octavo.schemas.errors import SchemaError
from octavo.schemas.pipeline import Question
from octavo.schemas.tables import META, question_table
from tests import proofs
from tests.mfjs import conforms, faults


def compiled(tmp_path: Path, properties: dict[str, Any], **root: Any) -> Question:
    """The question of a JSON Schema file with these properties."""
    path = tmp_path / "thing.json"
    path.write_text(json.dumps({"type": "object", "properties": properties, **root}))
    return compile_question("thing.json", base=tmp_path)


EVERY_KIND: dict[str, Any] = {
    "title": {"type": "string", "minLength": 1, "maxLength": 9, "pattern": "^T"},
    "mail": {"type": ["string", "null"], "format": "email"},
    "state": {"enum": ["open", "shut", None]},
    "fixed": {"const": "yes"},
    "day": {"type": "string", "format": "date"},
    "moment": {"anyOf": [{"type": "string", "format": "date-time"}, {"type": "null"}]},
    "count": {"type": "integer", "exclusiveMinimum": 0, "multipleOf": 5},
    "ratio": {"type": "number", "maximum": 1.5, "exclusiveMaximum": 1.5},
    "price": {"type": "number", "multipleOf": 0.01},
    "step": {"type": "number", "multipleOf": 0.05},
    "exact": {"type": "string", "format": "decimal"},
    "plain": {"anyOf": [{"type": "number", "minimum": 0}, {"type": "string"}, {"type": "null"}]},
    "flag": {"type": "boolean"},
    "seller": {"$ref": "#/$defs/Party", "description": "Who sells."},
    "tags": {"type": "array", "items": {"enum": ["x", None]}, "maxItems": 2},
    "grid": {"type": "array", "items": {"type": "array", "items": {"type": "integer"}}},
    "parties": {"type": "array", "items": {"$ref": "#/$defs/Party"}},
}
PARTY = {
    "type": "object",
    "properties": {"name": {"type": "string"}},
    "required": ["name"],
    "additionalProperties": False,
    "description": "P.",
}
GOOD = {
    "title": "Tea",
    "mail": "a@b.c",
    "state": "open",
    "fixed": "yes",
    "day": "2024-01-31",
    "moment": "2024-01-31T10:00:00",
    "count": 10,
    "ratio": 1.25,
    "price": 9.99,
    "step": 0.15,
    "exact": 1.2345,
    "plain": "7 to 9",
    "flag": True,
    "seller": {"name": "A"},
    "tags": ["x", None],
    "grid": [[1], [2, 3]],
    "parties": [{"name": "B"}],
}


def test_every_kind_of_json_schema(tmp_path: Path) -> None:
    """Each accepted form becomes its kind; references are written out; a true answer fits both the sent schema and the model."""
    question = compiled(
        tmp_path,
        EVERY_KIND,
        **{"$defs": {"Party": PARTY}, "$schema": "x", "required": ["title"], "description": "Things."},
    )
    kinds = "text text choice choice date datetime integer number decimal decimal decimal text boolean record list list list"
    assert [field.kind for field in question.fields] == kinds.split()
    assert [field.scale for field in question.fields if field.kind == "decimal"] == [2, 2, 8]
    assert question.fields[2].choices == ("open", "shut")
    assert question.fields[13].description == "Who sells."
    assert faults(dict(question.json_schema)) == []
    assert conforms(GOOD, dict(question.json_schema))
    record = question.model.model_validate(GOOD).model_dump()
    assert record["price"] == Decimal("9.99")
    assert record["moment"] == datetime(2024, 1, 31, 10)  # noqa: DTZ001 - as the document says, which names no zone
    assert record["parties"] == [{"name": "B"}]


@pytest.mark.parametrize(
    "answer",
    [
        {"title": ""},
        {"title": "x"},
        {"state": "ajar"},
        {"fixed": "no"},
        {"day": "2024-02-30"},
        {"count": 7},
        {"count": 0},
        {"ratio": 1.5},
        {"price": 0.001},
        {"step": 0.12},
        {"seller": {"name": 3}},
        {"tags": ["x", "x", "x"]},
        {"grid": [[1.5]]},
        {"more": 1},
    ],
)
def test_json_schema_limits_hold(tmp_path: Path, answer: dict[str, Any]) -> None:
    """A limit holds whether strict mode can hold it or not."""
    model = compiled(tmp_path, EVERY_KIND, **{"$defs": {"Party": PARTY}}).model
    with pytest.raises(ValidationError):
        model.model_validate(answer)


REFUSED: dict[str, tuple[Any, str]] = {
    "closed object": ({"type": "object", "additionalProperties": False}, "/a properties"),
    "required": ({"type": "object", "properties": {"b": {"type": "string"}}, "required": "b"}, "/a required"),
    "null": ({"type": "null"}, "/a type"),
    "unknown type": ({"type": "frob"}, "/a type"),
    "text or object": ({"anyOf": [{"type": "string"}, PARTY]}, "/a anyOf"),
    "list of text or object": ({"oneOf": [{"type": "array"}, PARTY]}, "/items anyOf"),
    "long enum": ({"enum": [str(n) for n in range(1001)]}, "/a enum"),
    "wide enum": ({"enum": [f"{n:030}" for n in range(251)]}, "/a enum"),
    "enum of objects": ({"enum": [{"a": 1}, {"a": 2}]}, "/a enum"),
    "empty enum": ({"enum": []}, "/a enum"),
    "crossed limits": ({"type": "string", "minLength": 2, "maxLength": 1}, "/a minLength"),
    "fraction of a count": ({"type": "integer", "minimum": 0.5}, "/a minimum"),
    "step": ({"type": "number", "multipleOf": 0}, "/a multipleOf"),
    "tiny step": ({"type": "number", "multipleOf": 1e-31}, "/a multipleOf"),
    "many digits": ({"type": "number", "format": "decimal", "max_digits": 39}, "/a max_digits"),
    "remote": ({"$ref": "other.json#/x"}, "/a $ref"),
    "nowhere": ({"$ref": "#/$defs/Nobody"}, "/a $ref"),
    "recursion": ({"$ref": "#"}, "/a $ref"),
    "$dynamicRef": ({"$dynamicRef": "#x"}, "/a $dynamicRef"),
    "grounded within": (
        {"type": "object", "properties": {"b": {"type": "string", "grounded": False}}},
        "/a/properties/b grounded",
    ),
    "description": ({"type": "string", "description": 3}, "/a description"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_a_column_is_named(tmp_path: Path, case: str) -> None:
    """The error names the place as a JSON pointer, the keyword, why, and what to write instead."""
    schema, said = REFUSED[case]
    with pytest.raises(SchemaError) as caught:
        compiled(tmp_path, {"a": schema, "good": {"type": "string"}})
    lines = [line for line in str(caught.value).splitlines() if said in line]
    assert lines, caught.value
    assert all("; " in line for line in lines)
    assert "good" not in str(caught.value)


def test_all_places_are_named_at_once(tmp_path: Path) -> None:
    """One error holds every place of a schema that has to change, so that it is changed once."""
    with pytest.raises(SchemaError) as caught:
        compiled(tmp_path, {f"p{n}": schema for n, (schema, _) in enumerate(REFUSED.values())})
    for n in range(len(REFUSED)):
        assert f"#/properties/p{n}" in str(caught.value), n


@pytest.mark.parametrize(
    ("name", "column"),
    [
        ("", "field"),
        ("1st", "n1st"),
        ("_hidden", "hidden"),
        ("naïve", "naive"),
        ("two words", "two_words"),
        ("a" * 64, "a" * 63),
        ("json", "json_"),
        ("model_dump", "model_dump_"),
        ("anyOf", "anyOf_"),
        ("Document", "Document_"),
        ("request", "request_"),
        ("发票", "field"),
        ("@type", "type"),
    ],
)
def test_names_are_made_to_fit(tmp_path: Path, name: str, column: str) -> None:
    """A name that SQL, Python, the provider or our own columns would trip over is made to fit; the instruction has it as it was."""
    question = compiled(tmp_path, {name: {"type": "string"}})
    assert [field.name for field in question.fields] == [column]
    assert question.instruction.endswith(f": {name}" if name else "(text)")


def test_names_that_become_the_same_are_told_apart(tmp_path: Path) -> None:
    """DuckDB takes Total and total for one column, and `a b` and `a_b` fit as one; no name that fits as it is changes."""
    names: dict[str, Any] = {"total": {}, "Total": {}, "a b": {}, "a_b": {}, "a-b": {}}
    columns = [field.name for field in compiled(tmp_path, names).fields]
    assert columns == ["total", "Total_", "a_b_", "a_b", "a_b_2"]


def test_our_own_columns_are_those_of_the_tables() -> None:
    """The names that no field may have are the columns that every answer has."""
    assert META == OWN_COLUMNS


# --- sizes ---------------------------------------------------------------------------------------------------------------


def _deep(levels: int) -> dict[str, Any]:
    return {"type": "object", "properties": {"a": _deep(levels - 1)}} if levels else {"type": "string"}


def test_depth_of_the_subset(tmp_path: Path) -> None:
    """The deepest record that still fits into a reply of 30 levels is taken, a deeper one refused."""
    question = compiled(tmp_path, {"a": _deep(MAX_DEPTH - 1)})
    assert (
        faults(
            {
                "type": "object",
                "properties": {"a": _reply(question)},
                "required": ["a"],
                "additionalProperties": False,
            }
        )
        == []
    )
    with pytest.raises(SchemaError, match=f"more than {MAX_DEPTH} levels"):
        compiled(tmp_path, {"a": _deep(MAX_DEPTH)})


def _reply(question: Question) -> dict[str, Any]:
    return {
        "type": "array",
        "items": {
            "type": "object",
            "properties": {"r": dict(question.json_schema)},
            "required": ["r"],
            "additionalProperties": False,
        },
    }


def test_number_of_keys(tmp_path: Path) -> None:
    """References that multiply are stopped at the number of keys that the provider takes, in no time."""
    double = {
        f"L{n}": {"type": "object", "properties": {key: {"$ref": f"#/$defs/L{n + 1}"} for key in ("x", "y")}}
        for n in range(20)
    }
    with pytest.raises(SchemaError, match=f"more than {MAX_KEYS}"):
        compiled(tmp_path, {"a": {"$ref": "#/$defs/L0"}}, **{"$defs": {**double, "L20": PARTY}})


def test_length_of_the_schema(tmp_path: Path) -> None:
    """A schema that is longer than the provider takes is refused before it is sent."""
    with pytest.raises(SchemaError, match="longer than"):
        compiled(tmp_path, {f"{'n' * 50}{n}": {"type": "string"} for n in range(1500)})


@pytest.mark.parametrize("minimum", [1e-7, 2**53, -1e300])
def test_numbers_that_the_subset_cannot_write_are_only_checked(tmp_path: Path, minimum: float) -> None:
    """A bound that needs an exponent or more than 53 bits is not sent, and still holds."""
    question = compiled(tmp_path, {"a": {"type": "number", "minimum": minimum}})
    assert faults(dict(question.json_schema)) == []
    with pytest.raises(ValidationError):
        question.model.model_validate({"a": minimum * 2 - 1 if minimum < 0 else -1})


# --- properties ----------------------------------------------------------------------------------------------------------

NAMES = st.from_regex(r"[a-z]{2,8}_[a-z0-9]{1,4}", fullmatch=True)
LEAVES: list[tuple[dict[str, Any], st.SearchStrategy[Any]]] = [
    ({"type": "string"}, st.text(max_size=20)),
    ({"type": "string", "minLength": 2, "maxLength": 4}, st.text(min_size=2, max_size=4)),
    ({"type": "string", "format": "date"}, st.dates().map(str)),
    ({"enum": ["a", "b"]}, st.sampled_from(["a", "b"])),
    ({"type": "integer", "minimum": -5, "exclusiveMaximum": 10}, st.integers(-5, 9)),
    ({"type": "number"}, st.floats(allow_nan=False, allow_infinity=False)),
    ({"type": "number", "multipleOf": 0.01}, st.integers(-(10**9), 10**9).map(lambda cents: cents / 100)),
    ({"type": "boolean"}, st.booleans()),
]


@st.composite
def schemas_and_values(draw: st.DrawFn, depth: int = 3) -> tuple[dict[str, Any], Any]:
    """A supported schema and a value that conforms to it."""
    form = draw(st.sampled_from(["leaf", "leaf", "null", "list", "record"] if depth else ["leaf"]))
    if form == "leaf":
        schema, values = draw(st.sampled_from(LEAVES))
        return schema, draw(values)
    if form == "null":
        schema, value = draw(schemas_and_values(depth=depth - 1))
        return {"anyOf": [schema, {"type": "null"}]}, draw(st.sampled_from([value, None]))
    if form == "list":
        schema, value = draw(schemas_and_values(depth=depth - 1))
        return {"type": "array", "items": schema}, [value] * draw(st.integers(0, 3))
    return draw(records(depth - 1))


@st.composite
def records(draw: st.DrawFn, depth: int = 3) -> tuple[dict[str, Any], dict[str, Any]]:
    """An object schema and a value with all its keys, any of which may be null."""
    pairs = draw(st.dictionaries(NAMES, schemas_and_values(depth=depth), min_size=1, max_size=4))
    value = {name: draw(st.sampled_from([item, item, None])) for name, (_, item) in pairs.items()}
    return {"type": "object", "properties": {name: schema for name, (schema, _) in pairs.items()}}, value


@settings(
    max_examples=proofs.examples(150),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(records())
def test_supported_schemas_compile_and_true_answers_pass(
    tmp_path: Path, pair: tuple[dict[str, Any], dict[str, Any]]
) -> None:
    """Any supported schema is sent within the subset; an answer that conforms to it validates and keeps all its keys."""
    schema, value = pair
    question = compiled(tmp_path, schema["properties"])
    assert faults(dict(question.json_schema)) == []
    record = question.model.model_validate(value).model_dump()
    assert record.keys() == value.keys()
    assert {key for key in record if record[key] is None} == {key for key in value if value[key] is None}
    assert question_table(question)


WORDS = [
    "a",
    "type",
    "properties",
    "items",
    "anyOf",
    "$ref",
    "enum",
    "const",
    "format",
    "required",
    "minLength",
    "maximum",
    "pattern",
]
VALUES = st.sampled_from(
    [
        "string",
        "object",
        "array",
        "number",
        "date",
        "#",
        "#/properties/a",
        "(",
        "x",
        "null",
        True,
        None,
        0,
        -1.5,
        1e300,
    ]
)
JSON = st.recursive(
    VALUES,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.sampled_from(WORDS), inner, max_size=4)
    ),
    max_leaves=25,
)


@settings(
    max_examples=proofs.examples(300),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(st.dictionaries(st.sampled_from(WORDS), JSON, max_size=5))
def test_nonsense_is_refused_never_a_crash(tmp_path: Path, schema: dict[str, Any]) -> None:
    """Whatever JSON is given as a schema, the answer is a question within the subset or a SchemaError."""
    (tmp_path / "thing.json").write_text(json.dumps({"type": "object", **schema}))
    try:
        question = compile_question("thing.json", base=tmp_path)
    except SchemaError:
        return
    assert faults(dict(question.json_schema)) == []
