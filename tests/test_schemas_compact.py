"""The short form of records: it says the same, costs less, and is understood beside the plain one."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from octavo.schemas.compile.compiler import compile_question, shipped
from octavo.schemas.compile.row_codec import WIDEST, decode, encode, encode_schema, legend
from octavo.schemas.pipeline import Field
from tests.emulator.mfjs import complaints

TYPE = re.compile(r"'(string|integer|number|boolean|array|object|null)'")
NAMES = st.sampled_from(["a", "b", "c", "number", "total", "due", *(f"field_{n}" for n in range(20))])
SCALARS = st.one_of(st.none(), st.integers(), st.text(max_size=3))


def fields(depth: int) -> st.SearchStrategy[tuple[Field, ...]]:
    """Fields of a record, with records and lists inside."""
    plain = st.builds(Field, NAMES, st.sampled_from(["text", "integer"]))
    if depth:
        inner = fields(depth - 1)
        record = st.builds(lambda name, parts: Field(name, "record", fields=parts), NAMES, inner)
        listed = st.builds(lambda name, item: Field(name, "list", item=item), NAMES, st.one_of(plain, record))
        plain = st.one_of(plain, record, listed)
    return st.lists(plain, min_size=1, max_size=20, unique_by=lambda field: field.name).map(tuple)


def values(field: Field) -> st.SearchStrategy[Any]:
    """Values of a field, null among them."""
    if field.kind == "record":
        return st.one_of(st.none(), records(field.fields))
    if field.kind == "list" and field.item:
        items = records(field.item.fields) if field.item.kind == "record" else SCALARS
        return st.one_of(st.none(), st.lists(items, max_size=3))
    return SCALARS


def records(parts: tuple[Field, ...]) -> st.SearchStrategy[dict[str, Any]]:
    """Records with every field there."""
    return st.fixed_dictionaries({field.name: values(field) for field in parts})


@given(st.data())
def test_there_and_back_is_the_same(data: st.DataObject) -> None:
    """A record in the short form is the record again when it is expanded; so is one that came in the plain form."""
    parts = data.draw(fields(2))
    record = data.draw(records(parts))
    known = legend(parts)
    assert decode(known, encode(known, record)) == record
    assert decode(known, record) == record


def test_rows_are_in_the_order_of_the_fields() -> None:
    """A record is a row, a record inside of it a row too, and a list of records a list of rows; names stand in the legend alone."""
    lines = Field(
        "lines", "list", item=Field("", "record", fields=(Field("what", "text"), Field("amount", "decimal")))
    )
    place = Field("place", "record", fields=(Field("city", "text"), lines))
    parts = (Field("who", "text"), place, Field("tags", "list", item=Field("", "text")))
    plain = {
        "who": None,
        "place": {"city": "Ulm", "lines": [{"what": "ink", "amount": 3}, {"what": "pens", "amount": None}]},
        "tags": ["a", "b"],
    }
    assert legend(parts) == ["who", {"place": ["city", {"lines[]": ["what", "amount"]}]}, "tags"]
    assert encode(legend(parts), plain) == [None, ["Ulm", [["ink", 3], ["pens", None]]], ["a", "b"]]
    assert (
        decode(legend(parts), {**plain, "place": ["Ulm", [["ink", 3], {"what": "pens", "amount": None}]]})
        == plain
    )


def test_long_records_have_letters() -> None:
    """In a record of many fields nobody counts positions: letters stand for names, null is left out, and no letter is a name beside it."""
    wide = (Field("a", "text"), *(Field(f"field_{n}", "text") for n in range(WIDEST)))
    known = legend(wide)
    assert isinstance(known, dict)
    assert "a" not in known
    assert (known["b"], known["c"]) == ("a", "field_0")
    record = {field.name: None for field in wide} | {"a": "x", "field_1": "y"}
    assert encode(known, record) == {"b": "x", "d": "y"}
    assert decode(known, encode(known, record)) == decode(known, {"a": "x", "d": "y"}) == record
    assert isinstance(legend(wide[:WIDEST]), list)


@pytest.mark.parametrize(
    "broken", [None, "text", 3, [], ["R-1"], ["R-1", [], 3], {"z": 1}, [None, [["ink"]]], [None, "ink"]]
)
def test_what_is_no_short_form_is_left_for_the_check(broken: Any) -> None:
    """A row of another length is never filled up or cut, nor is a record with names that lacks some: the check says what is wrong."""
    found = decode(["number", {"lines[]": ["what", "amount"]}], broken)
    as_named = (
        {"number": None, "lines": broken[1]} if isinstance(broken, list) and len(broken) == 2 else broken
    )
    assert found == as_named


@pytest.mark.parametrize("name", shipped())
@pytest.mark.parametrize("optional", [True, False])
def test_short_schemas_are_rows_of_the_same_types(name: str, *, optional: bool) -> None:
    """The row of a shipped schema has a place for every field, of the types that its fields have and null, and strict mode takes it."""
    question = compile_question(name)
    schema = encode_schema(legend(question.fields), question.json_schema, optional=optional)
    assert schema["minItems"] == schema["maxItems"] == len(question.fields)
    assert not list(
        complaints(
            {
                "type": "object",
                "properties": {"record": schema},
                "required": ["record"],
                "additionalProperties": False,
            }
        )
    )
    kinds = {kind for node in question.json_schema["properties"].values() for kind in TYPE.findall(str(node))}
    assert set(TYPE.findall(str(schema))) == kinds - {"object"} | {"null", "array"}


@pytest.mark.parametrize("optional", [True, False])
def test_short_keys_may_be_left_out(*, optional: bool) -> None:
    """With letters, what may be null need not be there and cannot be null, where the provider allows that."""
    names = [f"field_{n}" for n in range(WIDEST + 1)]
    nodes = {name: {"type": ["string", "null"]} for name in names} | {"field_0": {"type": "string"}}
    schema = encode_schema(
        legend([Field(name, "text") for name in names]),
        {"type": "object", "properties": nodes},
        optional=optional,
    )
    assert schema["required"] == (["a"] if optional else list(schema["properties"]))
    assert ("null" in str(schema["properties"])) is not optional
