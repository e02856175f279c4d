"""The compiler: what it takes, what it makes of it, and how it says no."""

from __future__ import annotations

import json
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from octavo.schemas.compile.compiler import compile_question, compile_summary, proving, shipped
from octavo.schemas.compile.own_answers import accepted, checks
from octavo.schemas.errors import SchemaError
from octavo.schemas.pipeline import Field, Question
from octavo.schemas.tables import FIXED, question_table
from octavo.schemas.text.printed_rows import VALUE_TOKENS
from tests.mfjs import faults

ORDER = '''
"""A user's file."""
from __future__ import annotations
from datetime import date
from decimal import Decimal
from enum import Enum
from typing import Annotated, Literal, Optional
from uuid import UUID
from pydantic import BaseModel, ConfigDict, Field, PastDate, field_validator, model_validator

class Unit(Enum):
    PIECE = "piece"
    KILO = "kg"

class Line(BaseModel):
    """One thing ordered."""
    article: str = Field(pattern="^[A-Z]{2}-[0-9]+$", description="Article number.")
    unit: Unit
    price: Annotated[Decimal, Field(gt=0, decimal_places=2)]

class Address(BaseModel):
    """Where it goes."""
    model_config = ConfigDict(alias_generator=str.upper)
    city: str
    country: Optional[str] = "DE"

class PurchaseOrder(BaseModel):
    """An order of goods.

    Skip offers.
    """
    model_config = ConfigDict(strict=True, validate_default=True)
    number: str = Field(alias="orderNo", description="Number of\\n   the order.")
    day: PastDate
    key: UUID | None = None
    urgent: bool
    kind: Literal["new", "repeat"]
    deliver: Address = Field(description="Ship-to address.")
    lines: list[Line] = Field(min_length=1, description="What is ordered.")
    note: Annotated[str, Field(max_length=200)] | None = Field(None, json_schema_extra={"grounded": False, "expected_tokens": 50})

    @field_validator("number")
    @classmethod
    def _shout(cls, value: str) -> str:
        return value.upper()

    @model_validator(mode="after")
    def _not_too_old(self) -> PurchaseOrder:
        if self.day is not None and self.day < date(2000, 1, 1):
            raise ValueError("too old")
        return self

class Careless(BaseModel):
    """Adds up what may be null."""
    net: int
    tax: int

    @model_validator(mode="after")
    def _adds_up(self) -> Careless:
        if self.net + self.tax > 1000:
            raise ValueError("too much")
        return self
'''


@pytest.fixture
def order(tmp_path: Path) -> Question:
    """The question of a user's pydantic model."""
    (tmp_path / "my order.py").write_text(ORDER)
    return compile_question("my order.py:PurchaseOrder", base=tmp_path)


def compiled(tmp_path: Path, properties: dict[str, Any], **root: Any) -> Question:
    """The question of a JSON Schema file with these properties."""
    path = tmp_path / "thing.json"
    path.write_text(json.dumps({"type": "object", "properties": properties, **root}))
    return compile_question("thing.json", base=tmp_path)


def shape(fields: tuple[Field, ...]) -> dict[str, Any]:
    """Names and kinds of fields, nested."""
    return {
        field.name: shape(field.fields)
        if field.fields
        else shape_of(field.item)
        if field.item
        else field.kind
        for field in fields
    }


def shape_of(item: Field) -> list[Any]:
    """The kind of a list's item."""
    return [shape(item.fields) if item.fields else item.kind]


# --- a pydantic model in a user's file ---------------------------------------------------------------------------------


def test_a_users_model_becomes_a_tree(order: Question) -> None:
    """Names are Python's, types become kinds, nested models records, and the model's name in snake case the table."""
    assert order.name == "purchase_order"
    assert shape(order.fields) == {
        "number": "text",
        "day": "date",
        "key": "text",
        "urgent": "boolean",
        "kind": "choice",
        "deliver": {"city": "text", "country": "text"},
        "lines": [{"article": "text", "unit": "choice", "price": "decimal"}],
        "note": "text",
    }
    lines = order.fields[6].item
    assert lines is not None
    assert [field.choices for field in lines.fields] == [(), ("piece", "kg"), ()]
    assert lines.fields[2].scale == 2
    assert order.evidence == ("number", "day", "key", "urgent", "kind", "deliver", "lines")
    assert question_table(order).name == "purchase_order"


def test_a_users_model_is_sent_in_the_subset(order: Question) -> None:
    """Strict mode takes the schema: limits that it knows are kept, others left out, and whatever has more than a type is an anyOf."""
    assert faults(dict(order.json_schema)) == []
    properties = order.json_schema["properties"]
    assert properties["day"] == {"type": ["string", "null"], "description": "YYYY-MM-DD"}
    assert properties["kind"] == {"anyOf": [{"type": "string", "enum": ["new", "repeat"]}, {"type": "null"}]}
    assert properties["note"] == {"anyOf": [{"type": "string", "maxLength": 200}, {"type": "null"}]}
    assert properties["lines"]["anyOf"][0]["minItems"] == 1
    assert "pattern" not in json.dumps(order.json_schema)


def test_the_instruction_is_the_docstring_and_a_line_a_field(order: Question) -> None:
    """A field's line holds its type, its choices and limits, which the schema of a row cannot say, and its description on one line."""
    lines = order.instruction.splitlines()
    assert lines[:3] == ["An order of goods.", "", "Skip offers."]
    assert "number (text): Number of the order." in lines
    assert "deliver (record): Ship-to address." in lines
    assert "lines (list of record): What is ordered. One thing ordered." in lines
    assert "  article (text, matching ^[A-Z]{2}-[0-9]+$): Article number." in lines
    assert "  price (number, above 0.0, in steps of 0.01)" in lines
    assert "  unit (one of: piece; kg)" in lines
    assert "note (text, at most 200 characters)" in lines


def test_a_users_model_validates(order: Question) -> None:
    """JSON values become typed ones, the user's validators run, and what comes out is what columns hold."""
    line = {"article": "AB-1", "unit": "kg", "price": "2.50"}
    answer = {"number": "x1", "day": "2024-02-29", "key": "12345678123456781234567812345678", "lines": [line]}
    record, said, refused = accepted(order, answer)
    assert record is not None
    assert [said, refused] == [[], []]
    assert record["number"] == "X1"
    assert record["day"] == date(2024, 2, 29)
    assert record["key"] == "12345678-1234-5678-1234-567812345678"
    assert record["lines"] == [{"article": "AB-1", "unit": "kg", "price": Decimal("2.50")}]


def test_null_stays_null(order: Question) -> None:
    """Null is taken for every field at every level, and shown to no validator."""
    record, said, refused = accepted(
        order, {"number": None, "deliver": {"city": "Kiel", "country": None}, "lines": [{"unit": None}]}
    )
    assert record is not None
    assert [said, refused] == [[], []]
    assert record["deliver"] == {"city": "Kiel", "country": None}
    assert record["lines"] == [{"article": None, "unit": None, "price": None}]
    assert record["number"] is None


@pytest.mark.parametrize(
    "answer",
    [
        {"kind": "old"},
        {"note": "x" * 201},
        {"lines": []},
        {"lines": [{"article": "ab-1"}]},
        {"lines": [{"price": 0}]},
        {"lines": [{"price": "1.005"}]},
        {"orderNo": "x1"},
        {"deliver": {"street": "Hauptstraße"}},
    ],
)
def test_all_limits_hold_for_values(order: Question, answer: dict[str, Any]) -> None:
    """Limits that strict mode cannot hold, the user's own rules, and keys nobody asked for are errors."""
    with pytest.raises(ValidationError):
        order.model.model_validate(answer)


def test_a_check_of_a_record_doubts_what_it_looked_at(order: Question, tmp_path: Path) -> None:
    """A check that does not hold names the values that it read and loses none; one of a required value that is not there is not held."""
    assert checks(order, {"day": date(1999, 12, 31)}) == [(("day",), "the check _not_too_old says: too old")]
    (tmp_path / "a.py").write_text(ORDER)
    careless = compile_question("a.py:Careless", base=tmp_path)
    assert checks(careless, {"net": 1, "tax": 2}) == []
    assert checks(careless, {"net": 1000, "tax": 2}) == [
        (("net", "tax"), "the check _adds_up says: too much")
    ]
    assert checks(careless, {"net": 1000, "tax": None}) == []


def test_a_file_is_run_as_it_is_now(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A changed file is a changed question, and nothing is left beside it."""
    monkeypatch.setattr("sys.dont_write_bytecode", False)
    path = tmp_path / "a.py"
    source = "from pydantic import BaseModel\nclass Order(BaseModel):\n    {}: str\n"
    path.write_text(source.format("one"))
    first = compile_question("a.py:Order", base=tmp_path)
    path.write_text(source.format("two"))
    assert (
        [field.name for field in compile_question("a.py:Order", base=tmp_path).fields]
        == ["two"]
        != [first.fields[0].name]
    )
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.py"]


@pytest.mark.parametrize(
    ("source", "spec", "said"),
    [
        ("1 / 0", "a.py:Order", "ZeroDivisionError"),
        ("class Order(:", "a.py:Order", "SyntaxError"),
        ("raise SystemExit(3)", "a.py:Order", "SystemExit"),
        (ORDER, "a.py:Offer", "a.py:PurchaseOrder"),
        (ORDER, "a.py", "write FILE.py:Model"),
        ("from pydantic import BaseModel", "a.py:BaseModel", "no pydantic model"),
        (ORDER, "b.py:Order", "There is no file"),
        (
            "from pydantic import *\nfrom typing import *\nclass O(BaseModel):\n    a: Callable[[], int]",
            "a.py:O",
            "cannot be compiled",
        ),
        (
            "from pydantic import *\nclass O(BaseModel):\n    a: bytes",
            "a.py:O",
            "  a: a document's text has no bytes; use text (str).",
        ),
        (
            "from pydantic import *\nclass P(BaseModel):\n    b: str\nclass O(BaseModel):\n    a: list[P | str]",
            "a.py:O",
            "  a[]: a column has one type; keep one of the types, or write a field for each.",
        ),
        ("from pydantic import *\nclass O(BaseModel):\n    a: 'list[O]'", "a.py:O", "holds itself"),
        (
            "from pydantic import *\nclass P:\n    b: int\nclass O(BaseModel, arbitrary_types_allowed=True):\n    a: P",
            "a.py:O",
            "  a: a document's text has no objects of a class; use text (str) or a model with fields.",
        ),
    ],
)
def test_trouble_in_a_users_file_is_said(tmp_path: Path, source: str, spec: str, said: str) -> None:
    """Whatever is wrong with a user's file ends as a SchemaError that says what and where."""
    (tmp_path / "a.py").write_text(source)
    with pytest.raises(SchemaError) as caught:
        compile_question(spec, base=tmp_path)
    assert said in str(caught.value)
    assert caught.value.next_step


# --- names, styles, fingerprints, sizes of replies -----------------------------------------------------------------------


@pytest.mark.parametrize("name", [*FIXED, "summary", "review", "cost_by_document"])
def test_names_that_are_taken(tmp_path: Path, name: str) -> None:
    """A schema of a user's own that is named as a table or view of ours is refused with a sentence, as a file and as a model."""
    (tmp_path / f"{name}.json").write_text('{"type": "object", "properties": {"a": {"type": "string"}}}')
    model = name.title().replace("_", "")
    (tmp_path / "own.py").write_text(
        f"from pydantic import BaseModel\nclass {model}(BaseModel):\n    a: str\n"
    )
    for spec in (f"{name}.json", f"own.py:{model}"):
        with pytest.raises(SchemaError, match=f"'{name}' is Octavo's own"):
            compile_question(spec, base=tmp_path)


@pytest.mark.parametrize(
    ("file", "table"),
    [
        ("order.json", "order"),
        ("purchaseOrder.schema.json", "purchase_order"),
        ("VATReturn-2024.json", "vat_return_2024"),
        ("Größe.json", "grosse"),
        ("2024 invoices.json", "t_2024_invoices"),
        ("发票.json", "answers"),
        ("x" * 64 + ".json", "x" * 63),
    ],
)
def test_the_table_is_called_as_the_file(tmp_path: Path, file: str, table: str) -> None:
    """File names become snake case, up to their first dot."""
    (tmp_path / file).write_text('{"type": "object", "properties": {"a": {"type": "string"}}}')
    assert compile_question(str(tmp_path / file)).name == table


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "is no JSON"),
        ('{"type": "object", "type": "object"}', "'type' stands twice"),
        ("[" * 100_000, "is no JSON"),
        ("[]", "a schema is an object"),
        ('{"type": "string"}', "# type"),
        (
            '{"type": "object", "properties": {"a": {"type": "string", "grounded": false}}}',
            "has to be proved",
        ),
    ],
)
def test_a_file_that_is_no_schema(tmp_path: Path, text: str, said: str) -> None:
    """What is no JSON, or no schema of a record, is said as such."""
    (tmp_path / "a.json").write_text(text)
    with pytest.raises(SchemaError) as caught:
        compile_question("a.json", base=tmp_path)
    assert said in str(caught.value)


def test_an_unknown_name_is_answered_with_a_guess() -> None:
    """The error lists the schemas that ship, and the one that was probably meant."""
    with pytest.raises(SchemaError) as caught:
        compile_question("Recepit")
    assert "Did you mean receipt?" in str(caught.value)
    assert all(name in str(caught.value) for name in shipped())


@pytest.mark.parametrize(
    ("style", "same"),
    [("one-paragraph", "paragraph"), ("Bullet Points", "bullets"), ("executive_summary", "executive")],
)
def test_styles_have_other_names(style: str, same: str) -> None:
    """A style is found by its aliases, in any spelling; an unknown one is answered with the styles there are."""
    assert compile_summary(style) == compile_summary(same)
    with pytest.raises(SchemaError, match="paragraph, bullets, executive"):
        compile_summary("haiku")


def test_fingerprints(tmp_path: Path) -> None:
    """The same schema has the same fingerprint; a word more in a description, another limit or order is another question."""
    base: dict[str, Any] = {"a": {"type": "string"}, "b": {"type": "string"}}
    variants = [
        base,
        {"b": base["b"], "a": base["a"]},
        {**base, "b": {"type": "string", "description": "B."}},
        {**base, "b": {"type": "string", "maxLength": 5}},
        {**base, "b": {"type": "string", "pattern": "x"}},
    ]
    prints = [compiled(tmp_path, variant).fingerprint for variant in variants]
    assert len(set(prints)) == len(prints)
    assert compiled(tmp_path, dict(base)).fingerprint == prints[0]
    assert (
        compiled(tmp_path, {**base, "a": {"type": "string", "title": "A", "default": "x"}}).fingerprint
        == prints[0]
    )


def test_required_evidence_makes_another_question(tmp_path: Path) -> None:
    """A folder that was answered without proof is asked again where proof is required, for each set of fields anew."""
    plain = compiled(tmp_path, {"a": {"type": "string"}, "b": {"type": "string"}})
    asked = [proving(plain, names) for names in ((), ("a",), ("b",), ("a", "b"))]
    assert asked[0].fingerprint == plain.fingerprint
    assert len({question.fingerprint for question in asked}) == len(asked)
    assert proving(plain, ["all"]).fingerprint == asked[-1].fingerprint
    marked = compiled(tmp_path, {"a": {"type": "string", "required_evidence": True}, "b": {"type": "string"}})
    assert marked.required_evidence == ("a",)
    assert marked.fingerprint != plain.fingerprint


def test_reply_tokens(tmp_path: Path) -> None:
    """The worked rule: brackets 2, a value what its kind costs, five items a list unless limited."""
    text, day = VALUE_TOKENS["text"], VALUE_TOKENS["date"]
    assert compiled(tmp_path, {"issue_date": {"type": "string", "format": "date"}}).reply_tokens == 2 + day
    tags: dict[str, Any] = {"type": "array", "items": {"type": "string"}}
    assert compiled(tmp_path, {"tags": tags}).reply_tokens == 2 + (2 + 5 * text)
    assert compiled(tmp_path, {"tags": {**tags, "maxItems": 3}}).reply_tokens == 2 + (2 + 3 * text)
    assert compiled(tmp_path, {"essay": {"type": "string", "expected_tokens": 400}}).reply_tokens == 2 + 400
