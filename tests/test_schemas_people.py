"""JSON Schemas in the style of those that people have, from extraction tools, chat APIs and the web: taken, or refused helpfully."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

import pytest

from octavo.schemas.compile.compiler import compile_question
from octavo.schemas.errors import SchemaError
from octavo.schemas.pipeline import Field, Question
from octavo.schemas.tables import question_table
from tests.mfjs import faults


def compiled(tmp_path: Path, schema: Any, name: str = "thing.json", pointer: str = "") -> Question:
    """The question of a file that holds this."""
    (tmp_path / name).write_text(json.dumps(schema))
    return compile_question(name + pointer, base=tmp_path)


def shape(field: Field) -> Any:
    """The kind of a field with what is in it."""
    if field.kind == "record":
        return {inner.name: shape(inner) for inner in field.fields}
    return [shape(field.item)] if field.item else field.kind


TEXT = {"type": "string"}
MONEY = {"type": "object", "properties": {"amount": {"type": "number"}, "iso_4217_currency_code": TEXT}}
LINE = {
    "type": "object",
    "properties": {"sku": TEXT, "qty": {"type": ["number", "null"]}},
    "additionalProperties": False,
}

AMOUNT = {"type": "object", "properties": {"Amount": {"type": "number", "method": "extract"}}}
DECIMAL = {"anyOf": [{"type": "number"}, {"type": "string", "pattern": r"^(?!^[-+.]*$)[+-]?0*\d*\.?\d*$"}]}
TREE = {"type": "object", "properties": {"t": {"$ref": "#/$defs/T"}}}
BILL = {"type": "object", "properties": {"a": {"$ref": "#/components/schemas/A"}}}

PEOPLE: dict[str, tuple[Any, dict[str, Any]]] = {
    "what zod writes for values that may not be there": (
        {"type": "object", "properties": {"note": {"anyOf": [{"not": {}}, TEXT]}, "sum": {"anyOf": [{"type": "number"}, False]}}},
        {"note": "text", "sum": "number"},
    ),
    "rules of texts beside a format that makes another type": (
        {
            "type": "object",
            "properties": {
                "day": {"type": "string", "format": "date", "pattern": "^[0-9-]+$", "minLength": 10},
                "sum": {"type": "string", "format": "decimal", "pattern": "^[0-9.]+$"},
            },
        },
        {"day": "date", "sum": "decimal"},
    ),
    "a job of an extraction service": (
        {"name": "parcel", "data_schema": {"type": "object", "properties": {"to": TEXT}}, "config": {"mode": "fast"}},
        {"to": "text"},
    ),
    "name and schema_definition": (
        {"name": "parcel", "schema_definition": {"type": "object", "properties": {"to": TEXT}}},
        {"to": "text"},
    ),
    "a strict format of a chat API": (
        {
            "type": "json_schema",
            "json_schema": {
                "name": "bill",
                "strict": True,
                "schema": {
                    "type": "object",
                    "properties": {"lines": {"type": "array", "items": {"$ref": "#/$defs/Line"}}},
                    "required": ["lines"],
                    "additionalProperties": False,
                    "$defs": {"Line": LINE},
                },
            },
        },
        {"lines": [{"sku": "text", "qty": "number"}]},
    ),
    "a function of a chat API": (
        {"type": "function", "function": {"name": "f", "parameters": {"type": "object", "properties": {"to": TEXT}}}},
        {"to": "text"},
    ),
    "a tool with an input_schema": (
        {"name": "f", "description": "Reads.", "input_schema": {"type": "object", "properties": {"to": TEXT}}},
        {"to": "text"},
    ),
    "money as objects, words of a document tool": (
        {
            "type": "object",
            "properties": {
                "total": {**MONEY, "extend:type": "currency", "extend:name": "Total"},
                "due": {"type": ["string", "null"], "extend:type": "date", "description": "Due."},
            },
        },
        {"total": {"amount": "number", "iso_4217_currency_code": "text"}, "due": "text"},
    ),
    "a list of fields": (
        {
            "fields": [
                {"id": "1", "name": "Vendor Name", "type": "string", "description": "Who sells."},
                {"id": "2", "name": "Issued", "type": "date"},
                {"id": "3", "name": "Rows", "type": "array", "fields": [{"name": "Net", "type": "currency"}]},
            ]
        },
        {"Vendor_Name": "text", "Issued": "date", "Rows": [{"Net": "decimal"}]},
    ),
    "a field schema of a cloud": (
        {
            "fieldSchema": {
                "name": "Bill",
                "fields": {
                    "VendorName": {"type": "string", "method": "extract", "description": "Vendor."},
                    "Items": {"type": "array", "items": AMOUNT},
                },
            },
            "baseAnalyzerId": "prebuilt",
        },
        {"VendorName": "text", "Items": [{"Amount": "number"}]},
    ),
    "prompts by field": (
        {"vendor": {"prompt": "Who sells?", "type": "text"}, "total": {"prompt": "How much?", "type": "number"}},
        {"vendor": "text", "total": "number"},
    ),
    "loose properties in a wrapper, one a list of records": (
        {"schema": {"vendor": TEXT, "lines": {"type": "array", "items": LINE}}, "config": {"type": "fast"}},
        {"vendor": "text", "lines": [{"sku": "text", "qty": "number"}]},
    ),
    "loose properties": ({"vendor": TEXT, "total": {"type": "number"}}, {"vendor": "text", "total": "number"}),
    "a resume as the web has it": (
        {
            "$schema": "http://json-schema.org/draft-07/schema#",
            "additionalProperties": False,
            "definitions": {"iso8601": {"type": "string", "description": "A date.", "pattern": "^([1-2][0-9]{3}-[0-1][0-9])$"}},
            "properties": {
                "$schema": {"type": "string", "format": "uri"},
                "basics": {
                    "type": "object",
                    "additionalProperties": True,
                    "properties": {
                        "name": TEXT,
                        "email": {"type": "string", "format": "email"},
                        "profiles": {"type": "array", "additionalItems": False, "items": {"type": "object", "properties": {"url": TEXT}}},
                    },
                },
                "work": {"type": "array", "items": {"type": "object", "properties": {"startDate": {"$ref": "#/definitions/iso8601"}}}},
            },
            "title": "Resume Schema",
            "type": "object",
        },
        {
            "schema_": "text",
            "basics": {"name": "text", "email": "text", "profiles": [{"url": "text"}]},
            "work": [{"startDate": "text"}],
        },
    ),
    "a bill in words of the web of data": (
        {
            "@context": "https://schema.org",
            "type": "object",
            "properties": {
                "@type": {"const": "Invoice"},
                "customer": {"oneOf": [{"$ref": "#/definitions/Person"}, {"$ref": "#/definitions/Organization"}]},
                "totalPaymentDue": {"anyOf": [{"type": "number"}, {"type": "string"}, {"type": "null"}]},
                "identifier": {"oneOf": [TEXT, {"type": "array", "items": TEXT}]},
            },
            "definitions": {
                "Person": {"type": "object", "properties": {"@type": {"const": "Person"}, "givenName": TEXT}},
                "Organization": {"type": "object", "properties": {"@type": {"const": "Organization"}, "legalName": TEXT}},
            },
        },
        {
            "type": "choice",
            "customer": {"type": "choice", "givenName": "text", "legalName": "text"},
            "totalPaymentDue": "text",
            "identifier": ["text"],
        },
    ),
    "an API with nullable, allOf and a map": (
        {
            "type": "object",
            "required": ["id"],
            "properties": {
                "id": {"type": "string", "readOnly": True, "example": "x"},
                "price": {"type": "number", "format": "double", "nullable": True, "minimum": 0, "exclusiveMinimum": True},
                "owner": {"allOf": [{"$ref": "#/definitions/Base"}, {"properties": {"mail": TEXT}}], "nullable": True},
                "labels": {"type": "object", "additionalProperties": TEXT},
                "status": {"type": "integer", "enum": [1, 2], "x-enum-varnames": ["A", "B"]},
            },
            "definitions": {"Base": {"type": "object", "properties": {"name": TEXT}}},
        },
        {
            "id": "text",
            "price": "number",
            "owner": {"name": "text", "mail": "text"},
            "labels": [{"key": "text", "value": "text"}],
            "status": "integer",
        },
    ),
    "a Decimal as pydantic writes it": (
        {"type": "object", "properties": {"a": DECIMAL}},
        {"a": "decimal"},
    ),
    "a list at the root": ({"type": "array", "items": LINE}, {"items": [{"sku": "text", "qty": "number"}]}),
    "either one or the other required": (
        {"type": "object", "properties": {"a": TEXT, "b": TEXT}, "anyOf": [{"required": ["a"]}, {"required": ["b"]}]},
        {"a": "text", "b": "text"},
    ),
    "conditions": (
        {"type": "object", "properties": {"a": TEXT}, "if": {}, "then": {}, "dependentRequired": {}, "not": {}},
        {"a": "text"},
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", PEOPLE)
def test_schemas_as_people_have_them(tmp_path: Path, case: str) -> None:
    """Each is compiled as it is, to the columns that one expects, and sent within the provider's subset."""
    schema, wanted = PEOPLE[case]
    question = compiled(tmp_path, schema)
    assert {field.name: shape(field) for field in question.fields} == wanted
    assert faults(dict(question.json_schema)) == []
    assert question_table(question)


REFUSED: dict[str, tuple[Any, str]] = {
    "an example": ({"vendor": "ACME", "total": 3.5}, "looks like an example of an answer"),
    "nothing": ({}, "is empty"),
    "several": (
        {"components": {"schemas": {"A": LINE, "B": LINE}}},
        "Name one: thing.json#/components/schemas/A, thing.json#/components/schemas/B",
    ),
    "recursion": (
        {"type": "object", "properties": {"tree": {"$ref": "#/$defs/T"}}, "$defs": {"T": TREE}},
        "a record that holds itself has no fixed columns; write out the levels you need",
    ),
    "text or object": (
        {"type": "object", "properties": {"a": {"oneOf": [TEXT, LINE]}}},
        "a column has one type; keep one of the types, or write a property for each",
    ),
    "elsewhere": ({"type": "object", "properties": {"a": {"$ref": "https://x.y/z.json"}}}, "nothing outside the schema is fetched"),
    "records side by side": ({"A": LINE, "B": LINE}, "Name one: thing.json#/A, thing.json#/B"),
    "a text": ({"type": "string"}, "make the root an object with properties"),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_refused_says_the_way_out(tmp_path: Path, case: str) -> None:
    """What no table can be made of is refused in one sentence with what to write instead."""
    schema, said = REFUSED[case]
    with pytest.raises(SchemaError) as caught:
        compiled(tmp_path, schema)
    assert said in str(caught.value)


def test_one_of_several_schemas_is_named_by_its_place(tmp_path: Path) -> None:
    """A pointer behind the name of the file chooses a schema, which names the table; its references lead through the whole file."""
    whole = {"components": {"schemas": {"A": LINE, "SalesBill": BILL}}}  # fmt: skip
    question = compiled(tmp_path, whole, pointer="#/components/schemas/SalesBill")
    assert question.name == "sales_bill"
    assert shape(question.fields[0]) == {"sku": "text", "qty": "number"}
    with pytest.raises(SchemaError, match="There is no schema at #/components/schemas/C"):
        compiled(tmp_path, whole, pointer="#/components/schemas/C")


def test_what_is_done_to_a_schema_is_said_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Words that only annotate are named once in all, rules that are not held to apart from them, and what becomes of a place."""
    properties = {
        "a": {**TEXT, "x-order": 1, "not": {}},
        "b": {**TEXT, "x-order": 2},
        "c": {"type": ["integer", "string"]},
        "d e": TEXT,
    }
    with caplog.at_level(logging.WARNING):
        compiled(tmp_path, {"type": "object", "properties": properties}, "said_once.json")
    said = [one for one in caplog.messages if one.startswith("said_once")]
    assert said == [
        "said_once: c may be integer or string: it is kept as text, as printed.",
        "said_once: names made to fit columns: 'd e' is d_e.",
        "said_once: answers are not held to not; check that with SQL.",
        "said_once: words that only annotate change nothing: x-order.",
    ]


def test_a_step_of_draft_3_is_held_to(tmp_path: Path) -> None:
    """`divisibleBy` is a limit, as `multipleOf` is, and no mere annotation."""
    question = compiled(
        tmp_path, {"type": "object", "properties": {"price": {"type": "number", "divisibleBy": 0.01}}}
    )
    assert shape(question.fields[0]) == "decimal"
