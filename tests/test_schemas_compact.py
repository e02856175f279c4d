"""The short form of records: it says the same, costs less, and is understood beside the plain one."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.compact import expanded, legend, shortened, written
from schemas.compiler import compile_question, shipped
from schemas.pipeline import Field

NAMES = st.sampled_from(["a", "b", "c", "number", "total", "due"])
SCALARS = st.one_of(st.none(), st.integers(), st.text(max_size=3))


def fields(depth: int) -> st.SearchStrategy[tuple[Field, ...]]:
    """Fields of a record, with records and lists inside."""
    plain = st.builds(Field, NAMES, st.sampled_from(["text", "integer"]))
    if depth:
        inner = fields(depth - 1)
        record = st.builds(lambda name, parts: Field(name, "record", fields=parts), NAMES, inner)
        listed = st.builds(lambda name, item: Field(name, "list", item=item), NAMES, st.one_of(plain, record))
        plain = st.one_of(plain, record, listed)
    return st.lists(plain, min_size=1, max_size=4, unique_by=lambda field: field.name).map(tuple)


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
    assert expanded(known, written(known, record)) == record
    assert expanded(known, record) == record


def test_short_names_are_no_names_of_fields() -> None:
    """A field that is called `a` keeps its name for itself; nothing is ambiguous."""
    assert legend((Field("a", "text"), Field("c", "text"), Field("x", "text"))) == {"b": "a", "d": "c", "e": "x"}


def test_lists_of_plain_records_are_rows() -> None:
    """The items of a list of flat records lose their names, those of deeper records keep short ones."""
    flat = Field("lines", "list", item=Field("", "record", fields=(Field("what", "text"), Field("amount", "decimal"))))
    deep = Field("jobs", "list", item=Field("", "record", fields=(Field("who", "text"), flat)))
    assert legend((flat, deep)) == {"a": ["lines", ["what", "amount"]], "b": ["jobs", {"a": "who", "b": ["lines", ["what", "amount"]]}]}
    short = {"a": [["ink", 3], ["pens", None]], "b": [{"a": "Ann", "b": [["ink", 1]]}]}
    plain = {
        "lines": [{"what": "ink", "amount": 3}, {"what": "pens", "amount": None}],
        "jobs": [{"who": "Ann", "lines": [{"what": "ink", "amount": 1}]}],
    }
    assert expanded(legend((flat, deep)), short) == plain


@pytest.mark.parametrize("broken", [None, "text", 3, [1], {"a": [["ink"]]}, {"a": "ink"}, {"z": 1}])
def test_what_is_no_short_form_is_left_for_the_check(broken: Any) -> None:
    """A reply of another shape comes through unchanged where it is wrong, so that the check says what is wrong with it."""
    known = {"a": ["lines", ["what", "amount"]]}
    found = expanded(known, broken)
    assert found == ({"lines": None, **broken} if broken == {"z": 1} else {"lines": broken["a"]} if isinstance(broken, dict) else broken)


@pytest.mark.parametrize("name", shipped())
@pytest.mark.parametrize("optional", [True, False])
def test_short_schemas_have_the_same_parts(name: str, *, optional: bool) -> None:
    """Every field of a shipped schema has its letter; with `optional` what may be null need not be there and cannot be null."""
    question = compile_question(name)
    known = legend(question.fields)
    schema = shortened(known, question.json_schema, optional=optional)
    assert list(schema["properties"]) == list(known)
    nullable = [letter for letter, field in zip(known, question.fields, strict=True) if field.nullable]
    assert schema["required"] == [letter for letter in known if not (optional and letter in nullable)]
    assert ("null" in str([schema["properties"][letter] for letter in nullable if isinstance(known[letter], str)])) is not optional
