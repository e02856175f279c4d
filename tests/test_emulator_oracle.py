"""The emulator's oracles: what is answered for marked documents, for a schema alone, and from known records."""

from __future__ import annotations

import hashlib
import json
from typing import Any, Literal

import pytest
from pydantic import BaseModel, ConfigDict

from tests.emulator.client import OFF, body, content, post
from tests.emulator.config import Config
from tests.emulator.fixture import running
from tests.emulator.generation import Scripted
from tests.emulator.oracle import documents, gold, labelled_lines, schema_filler
from tests.emulator.refusals import overloaded

RECORD: dict[str, Any] = {
    "type": "object",
    "properties": {
        "invoice_number": {"anyOf": [{"type": "string"}, {"type": "null"}]},
        "total_amount": {"anyOf": [{"type": "number"}, {"type": "null"}]},
        "pages": {"type": ["integer", "null"]},
        "paid": {"anyOf": [{"type": "boolean"}, {"type": "null"}]},
        "currency": {"anyOf": [{"type": "string", "enum": ["EUR", "USD"]}, {"type": "null"}]},
        "tags": {"type": "array", "items": {"type": "string"}},
        "seller": {"anyOf": [{"$ref": "#/$defs/party"}, {"type": "null"}]},
    },
    "required": ["invoice_number", "total_amount", "pages", "paid", "currency", "tags", "seller"],
    "additionalProperties": False,
}
PARTY = {
    "type": "object",
    "properties": {"city": {"anyOf": [{"type": "string"}, {"type": "null"}]}},
    "required": ["city"],
}
ENTRY = {
    "type": "object",
    "properties": {"id": {"type": "string"}, "record": RECORD},
    "required": ["id", "record"],
}
ENVELOPE = {
    "type": "object",
    "properties": {"documents": {"type": "array", "items": ENTRY}},
    "required": ["documents"],
    "$defs": {"party": PARTY},
}
WINDOW = """\
<<k3f1>>
Invoice Number: A-17
Total amount : 1,234.50 EUR
Currency: eur
Tags: new; urgent
City: Lund
<<k9aa page 1/2>>
PAID: yes
<<k9aa page 2/2>>
pages: 2
<<end>>
"""
FIRST = {
    "invoice_number": "A-17",
    "total_amount": 1234.5,
    "pages": None,
    "paid": None,
    "currency": "EUR",
    "tags": ["new", "urgent"],
    "seller": {"city": "Lund"},
}
SECOND: dict[str, Any] = {
    "invoice_number": None,
    "total_amount": None,
    "pages": 2,
    "paid": True,
    "currency": None,
    "tags": [],
    "seller": None,
}


class Party(BaseModel):
    """The nested record."""

    model_config = ConfigDict(extra="forbid", strict=True)
    city: str | None


class Record(BaseModel):
    """RECORD as a model, without defaults: every field has to be there."""

    model_config = ConfigDict(extra="forbid", strict=True)
    invoice_number: str | None
    total_amount: float | None
    pages: int | None
    paid: bool | None
    currency: Literal["EUR", "USD"] | None
    tags: list[str]
    seller: Party | None


class Entry(BaseModel):
    """One document's answer."""

    id: str
    record: Record


class Envelope(BaseModel):
    """A whole answer."""

    documents: list[Entry]


def asked(mode: str) -> dict[str, Any]:
    """A window with two documents, with the schema in the response format or only in the prompt."""
    prompt = f"JSON Schema of RECORD: {json.dumps({**RECORD, '$defs': {'party': PARTY}})}\nDocument ids, in order: k3f1 k9aa"
    schema = {"type": "json_schema", "json_schema": {"name": "invoice", "schema": ENVELOPE}}
    sent = body(response_format=schema if mode == "json_schema" else {"type": mode})
    sent["messages"] = [
        {"role": "system", "content": 'Read. Reply with {"documents": [...]}.'},
        {"role": "user", "content": WINDOW},
        {"role": "user", "content": prompt if mode != "json_schema" else "Go."},
    ]
    return sent


@pytest.mark.parametrize("mode", ["json_schema", "json_object", "text"])
def test_labelled_lines_echo(mode: str) -> None:
    """Each field gets the value of its line in its own document, typed; what is absent is null; all modes are read."""
    assert labelled_lines(asked(mode)) == {
        "documents": [{"id": "k3f1", "record": FIRST}, {"id": "k9aa", "record": SECOND}]
    }


def test_documents_lose_their_marks() -> None:
    """A document's text has no marks in it; content in parts is read as one text; without marks all the user said is one document."""
    shown = documents(asked("text"))
    assert [one.short for one in shown] == ["k3f1", "k9aa"]
    assert shown[1].text == "PAID: yes\npages: 2\n"
    split = asked("text")
    split["messages"][1]["content"] = [
        {"type": "text", "text": line} for line in WINDOW.splitlines(keepends=True)
    ]
    assert documents(split) == shown
    assert documents(body("Invoice number: 9"))[0].text == "Invoice number: 9"


def test_record_without_marks_has_no_envelope() -> None:
    """A prompt without marks is answered with the bare record."""
    schema = {"type": "object", "properties": {"total": {"type": "integer"}}, "required": ["total"]}
    sent = body(
        "Total: 12 pieces",
        response_format={"type": "json_schema", "json_schema": {"name": "x", "schema": schema}},
    )
    assert labelled_lines(sent) == {"total": 12}


@pytest.mark.parametrize("mode", ["json_schema", "json_object"])
def test_filler_fits_the_schema(mode: str) -> None:
    """The filler's answer is valid, names each document, is the same each time and another for other words."""
    sent = asked(mode)
    said = schema_filler(sent)
    Envelope.model_validate(said)
    assert [entry["id"] for entry in said["documents"]] == ["k3f1", "k9aa"]
    assert said == schema_filler(sent)
    sent["messages"][2]["content"] += " Please."
    assert said != schema_filler(sent)


def test_gold_answers_from_known_records() -> None:
    """A label is a text in the document or the hash of its text; fields that the record leaves out are null."""
    digest = hashlib.sha256(b"PAID: yes\npages: 2").hexdigest()
    known = gold({"A-17": {"total_amount": 1.5}, digest: {"invoice_number": "B"}})
    said = known(asked("json_schema"))
    assert isinstance(said, dict)
    first, second = (entry["record"] for entry in said["documents"])
    assert (first["total_amount"], first["invoice_number"]) == (1.5, None)
    assert second["invoice_number"] == "B"


def test_oracle_is_a_setting() -> None:
    """The configured oracle answers over HTTP; where it has no opinion the filler does."""
    with running(Config(timing=False, oracle=labelled_lines)) as kimi:
        assert json.loads(content(post(kimi, asked("json_schema"))))["documents"][0]["record"] == FIRST
        kimi.config.oracle = lambda _body: None
        Envelope.model_validate_json(content(post(kimi, asked("json_schema"))))
        kimi.config.oracle = lambda _body: "plain words"
        assert content(post(kimi, body())) == "plain words"


def test_scripts_come_first() -> None:
    """A script answers what it matches, as often as it was told; the latest wins; it may refuse, think, or be a function."""
    with running(Config(timing=False)) as kimi:
        kimi.script("weather", "sunny")
        kimi.script("weather", {"sky": "blue"}, times=1)
        assert [content(post(kimi, body("weather?"))) for _ in range(2)] == ['{"sky":"blue"}', "sunny"]
        kimi.script(
            lambda sent: sent.get("max_completion_tokens") == 77,
            lambda sent: f"budget {sent['max_completion_tokens']}",
        )
        assert content(post(kimi, body(max_completion_tokens=77))) == "budget 77"
        kimi.script("deep", Scripted("so", reasoning="because"))
        assert (
            post(kimi, {**body("deep"), **OFF}).json()["choices"][0]["message"]["reasoning_content"]
            == "because"
        )
        kimi.script("no", Scripted(error=overloaded(3)))
        assert post(kimi, body("no")).headers["retry-after"] == "3"
