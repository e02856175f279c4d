"""What becomes of each type, in docs/schemas.md; and that a value of each survives the way from an answer to a row and back."""

from __future__ import annotations

import re
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from octavo.processors.check.own_code import checked, filled
from octavo.processors.check.validate import fit
from octavo.schemas.compile.compiler import compile_question
from octavo.schemas.compile.own_answers import checks
from octavo.schemas.errors import SchemaError
from octavo.schemas.pipeline import Evidence, Question, Record
from octavo.schemas.rows import record_row
from tests.types_table import table

DOCS = Path(__file__).parents[1] / "docs" / "schemas.md"
HEAD = """
import re
import pydantic.dataclasses
from collections import deque
from dataclasses import dataclass
from datetime import *
from decimal import Decimal
from enum import Enum, IntEnum
from ipaddress import IPv4Address
from typing import *
from pydantic import *
from typing_extensions import TypedDict
"""


def test_the_table_of_types_is_what_the_compiler_makes() -> None:
    """The page on schemas has the table as `python -m tests.types_table` prints it."""
    assert table() in DOCS.read_text()


def compiled(tmp_path: Path, source: str) -> Question:
    """The question of the model Thing in a file."""
    (tmp_path / "thing.py").write_text(HEAD + source)
    return compile_question("thing.py:Thing", base=tmp_path)


def row(question: Question, answer: dict[str, Any]) -> dict[str, Any]:
    """The row that an answer becomes, which nothing is wrong with."""
    fitted = fit(question, answer)
    assert fitted.problems == []
    assert fitted.value is not None
    record = filled(question, Record("d", question.name, fitted.value, (), "r"))
    return record_row(record, question, "", "")


KINDS = """
class Level(IntEnum):
    LOW = 1
    HIGH = 2
class Cat(BaseModel):
    kind: Literal["cat"]
    lives: int
class Dog(BaseModel):
    kind: Literal["dog"]
    breed: str
class Spot(NamedTuple):
    lat: float
    long_name: str
class Tags(RootModel[list[str]]):
    pass
@dataclass
class Line:
    what: str
    amount: Decimal = Decimal(0)
class Leg(TypedDict, total=False):
    goal: Required[str]
    miles: int
"""
WAYS: tuple[tuple[str, Any, Any], ...] = (
    ("Decimal", "1.08543", Decimal("1.08543")),
    ("Decimal", "123456789012345678901234567890", Decimal(123456789012345678901234567890)),
    ("Annotated[Decimal, Field(max_digits=30, decimal_places=2)]", "9" * 28 + ".90", Decimal("9" * 28 + ".90")),
    ("Level", 2, 2),
    ("Literal[1, 'a']", "1", "1"),
    ("set[str]", ["b", "a", "b"], ["b", "a"]),
    ("tuple[float, str]", {"item_1": 1, "item_2": "x"}, {"item_1": 1.0, "item_2": "x"}),
    ("tuple[float, str]", {"item_1": 1, "item_2": None}, {"item_1": 1.0, "item_2": None}),
    ("Spot", {"lat": 1, "long_name": None}, {"lat": 1.0, "long_name": None}),
    ("Cat | list[Cat]", [{"kind": "cat", "lives": 9}], [{"kind": "cat", "lives": 9}]),
    ("dict[str, Decimal]", [{"key": "EUR", "value": "0.5"}], [{"key": "EUR", "value": Decimal("0.5")}]),
    ("dict[Level, str]", [{"key": "1", "value": "x"}], [{"key": "1", "value": "x"}]),
    ("Annotated[Cat | Dog, Field(discriminator='kind')]", {"kind": "dog", "breed": "b"}, {"kind": "dog", "lives": None, "breed": "b"}),
    ("list[Cat | Dog]", [{"kind": "cat", "lives": 9}], [{"kind": "cat", "lives": 9, "breed": None}]),
    ("timedelta", "PT1H30M", "PT1H30M"),
    ("int | str", "2 to 3", "2 to 3"),
    ("date | str", "2026-03-14", "2026-03-14"),
    ("HttpUrl | None", "http://a.b/c", "http://a.b/c"),
    ("Tags", ["x"], ["x"]),
    ("Any", "x", "x"),
    ("Line", {"what": "x", "amount": None}, {"what": "x", "amount": Decimal(0)}),
    ("list[Line]", [{"what": "x", "amount": "2.5"}], [{"what": "x", "amount": Decimal("2.5")}]),
    ("list[Leg]", [{"goal": "Kiel", "miles": None}], [{"goal": "Kiel", "miles": None}]),
    ("deque[str]", ["b", "a"], ["b", "a"]),
    ("Iterable[int]", [2, 1], [2, 1]),
    ("Json[list[int]]", "[1, 2]", "[1, 2]"),
    ("complex", "1+2j", "1+2j"),
    ("re.Pattern", "a+b", "a+b"),
    ("IPv4Address", "10.0.0.1", "10.0.0.1"),
    ("dict[str, dict[str, int]]", [{"key": "a", "value": [{"key": "b", "value": 1}]}], [{"key": "a", "value": [{"key": "b", "value": 1}]}]),
)  # fmt: skip


@pytest.mark.parametrize(("annotation", "answer", "value"), WAYS)
def test_a_value_of_each_type_is_kept(tmp_path: Path, annotation: str, answer: Any, value: Any) -> None:
    """What a model answers for a field of any type goes through the user's own model and comes out as its column holds it."""
    question = compiled(tmp_path, f"{KINDS}class Thing(BaseModel):\n    a: {annotation}\n")
    assert row(question, {"a": answer})["a"] == value
    assert row(question, {"a": None})["a"] in (None, [])


LIKE_MODELS = {
    "a dataclass": "@dataclass\nclass Thing:\n    {doc}\n    name: {name}\n    n: int = 7\n",
    "a typed dict": "class Thing(TypedDict, total=False):\n    {doc}\n    name: Required[{name}]\n    n: int\n",
    "a named tuple": "class Thing(NamedTuple):\n    {doc}\n    name: {name}\n    n: int = 7\n",
}


@pytest.mark.parametrize("case", LIKE_MODELS)
def test_what_has_typed_fields_is_a_model(tmp_path: Path, case: str) -> None:
    """A dataclass, a TypedDict and a NamedTuple are asked about as a model with the same fields, words and defaults."""
    name = "Annotated[str, Field(description='Its name.', max_length=3)]"
    question = compiled(tmp_path, LIKE_MODELS[case].format(doc="'''A thing.'''", name=name))
    assert question.instruction.splitlines()[:2] == [
        "A thing.",
        "name (text, at most 3 characters): Its name.",
    ]
    found = row(question, {"name": "abc", "n": None})
    assert (found["name"], found["n"]) == ("abc", None if "typed" in case else 7)
    assert fit(question, {"name": "abcd", "n": 1}).problems


def test_what_a_dataclass_says_of_itself_is_a_doubt(tmp_path: Path) -> None:
    """`__post_init__` that raises marks the values of its record, and loses none."""
    source = "@dataclass\nclass Thing:\n    a: int\n    b: int\n    def __post_init__(self):\n        assert self.a < self.b, 'a below b'\n"
    question = compiled(tmp_path, source)
    value = fit(question, {"a": 2, "b": 1}).value
    assert value == {"a": 2, "b": 1}
    (((_, words)),) = checks(question, value)
    assert "__post_init__ says: a below b" in words


NO_COLUMN = {
    "SecretStr": "The field a of Thing cannot be a column: A SecretStr hides its value",
    "list[SecretBytes]": "A SecretBytes hides its value",
    "Callable[[int], int]": "no objects of a class",
    "type[int]": "no objects of a class",
    "Strange": "no objects of a class",
    "Counted": "The dataclass Counted has validators",
}


@pytest.mark.parametrize("annotation", NO_COLUMN)
def test_what_no_document_says_is_refused(tmp_path: Path, annotation: str) -> None:
    """A type that no text can be, or whose value would be hidden, is refused before anything is asked, in the words of Python."""
    source = (
        "class Strange:\n    pass\n@pydantic.dataclasses.dataclass\nclass Counted:\n    x: int\n    @field_validator('x')\n"
        "    def up(cls, x): return x + 1\n"
        f"class Thing(BaseModel):\n    model_config = {{'arbitrary_types_allowed': True}}\n    a: {annotation}\n"
    )
    with pytest.raises(SchemaError, match=re.escape(NO_COLUMN[annotation])):
        compiled(tmp_path, source)


def test_names_of_a_model_come_back(tmp_path: Path) -> None:
    """Fields whose names no column can have are validated under their own names and stored under those that fit."""
    source = "class Thing(BaseModel):\n    model: str\n    größe: int = Field(gt=2)\n"
    question = compiled(tmp_path, source)
    assert {
        name: value
        for name, value in row(question, {"model_": "A4", "grosse": 3}).items()
        if name in ("model_", "grosse")
    } == {"model_": "A4", "grosse": 3}
    assert fit(question, {"grosse": 1}).problems == ["grosse: Input should be greater than 2, not 1"]


def test_a_root_that_is_a_list(tmp_path: Path) -> None:
    """A model whose root is a list has the list as its only column."""
    question = compiled(
        tmp_path, "class Line(BaseModel):\n    x: int\nclass Thing(RootModel[list[Line]]):\n    'Lines.'\n"
    )
    assert row(question, {"items": [{"x": 1}]})["items"] == [{"x": 1}]


def test_defaults_stand_in_and_say_so(tmp_path: Path) -> None:
    """A declared default is in the row where the document says nothing, and not where an answer failed; evidence says what it is."""
    source = (
        "class Line(BaseModel):\n    unit: str = 'pc'\n"
        "class Thing(BaseModel):\n    cur: str = 'EUR'\n    lines: list[Line]\n    n: int = 7\n"
    )
    question = compiled(tmp_path, source)
    value = {"cur": None, "lines": [{"unit": None}], "n": None}
    evidence = (
        Evidence("cur", "", "missing", state="null"),
        Evidence("n", "", "missing", state="failed", detail="no number"),
    )
    record = filled(question, Record("d", "thing", value, evidence, "r"))
    assert record.value == {"cur": "EUR", "lines": [{"unit": "pc"}], "n": None}
    assert record.evidence[0].state == "null"
    assert "EUR is the default" in record.evidence[0].detail
    assert record.evidence[1] == evidence[1]


# --- a model's own code ----------------------------------------------------------------------------------------------------

CODE = {
    "field before": "@field_validator('a', mode='before')\n    @classmethod\n    def f(cls, v):\n        raise RuntimeError('boom')",
    "field after": "@field_validator('a')\n    @classmethod\n    def f(cls, v):\n        return {}['boom']",
    "field wrap": "@field_validator('a', mode='wrap')\n    @classmethod\n    def f(cls, v, h):\n        h(v)\n        1 / 0",
    "every field": "@field_validator('*')\n    @classmethod\n    def f(cls, v, info):\n        raise RuntimeError('boom')",
    "exit": "@field_validator('a')\n    @classmethod\n    def f(cls, v):\n        raise SystemExit(3)",
    "serializer": "@field_serializer('a')\n    def f(self, v):\n        raise RuntimeError('boom')",
    "model serializer": "@model_serializer\n    def f(self):\n        raise RuntimeError('boom')",
    "other type": "@field_validator('a')\n    @classmethod\n    def f(cls, v):\n        return object()",
}


@pytest.mark.parametrize("code", CODE)
def test_code_that_fails_is_a_doubt(tmp_path: Path, code: str) -> None:
    """Whatever a model's code raises on one document beside a refusal, the value stays as it was answered, and the document is doubted."""
    fitted = fit(
        compiled(tmp_path, f"class Thing(BaseModel):\n    a: date\n    {CODE[code]}\n"), {"a": "2026-03-14"}
    )
    assert fitted.problems == []
    assert fitted.value == {"a": date(2026, 3, 14)}
    assert len(fitted.checks) == 1


WHOLE = {
    "before": "@model_validator(mode='before')\n    @classmethod\n    def f(cls, v):\n        raise RuntimeError('boom')",
    "wrap": "@model_validator(mode='wrap')\n    @classmethod\n    def f(cls, v, h):\n        h(v)\n        raise ValueError('no')",
    "after": "@model_validator(mode='after')\n    def f(self):\n        raise RuntimeError('boom')",
    "post init": "def model_post_init(self, context):\n        raise RuntimeError('boom')",
    "root validator": "@root_validator(skip_on_failure=True)\n    def f(cls, v):\n        raise ValueError('no')",
    "computed": "@computed_field\n    @property\n    def b(self) -> int:\n        return 1 // 0",
}


@pytest.mark.filterwarnings("ignore::pydantic.PydanticDeprecatedSince20")
@pytest.mark.parametrize("code", WHOLE)
def test_code_of_a_whole_record_loses_nothing(tmp_path: Path, code: str) -> None:
    """A check of a record, in whatever way it is written, never loses the record, and is heard when the record is whole."""
    question = compiled(tmp_path, f"class Thing(BaseModel):\n    a: date\n    {WHOLE[code]}\n")
    fitted = fit(question, {"a": "2026-03-14"})
    assert fitted.problems == []
    assert fitted.value == {"a": date(2026, 3, 14)}
    record = Record("d", "thing", fitted.value, (Evidence("a", "2026-03-14", "exact"),), "r")
    done = filled(question, checked(question, record))
    doubted = [item for item in done.evidence if "unbalanced" in item.notes or item.state == "failed"]
    assert len(doubted) + len(fitted.checks) >= 1


def test_a_serializer_counts_where_its_column_can_hold_it(tmp_path: Path) -> None:
    """What a serializer writes is the value where it is of the column's type; a date in print is not."""
    source = (
        "class Thing(BaseModel):\n    day: date\n    net: Decimal\n    iban: str\n"
        "    @field_serializer('day')\n    def d(self, v): return v.strftime('%d.%m.%Y')\n"
        "    @field_serializer('net')\n    def n(self, v): return float(v)\n"
        "    @field_serializer('iban')\n    def i(self, v): return '*' * 4 + v[-2:]\n"
    )
    made = row(compiled(tmp_path, source), {"day": "2026-03-14", "net": "9.50", "iban": "DE12"})
    assert (made["day"], made["net"], made["iban"]) == (date(2026, 3, 14), Decimal("9.50"), "****12")


def test_a_computed_field_is_a_column(tmp_path: Path) -> None:
    """What a model computes of a whole record is a column of its own, and evidence says that it is computed."""
    source = (
        "class Thing(BaseModel):\n    net: Decimal\n    tax: Decimal\n"
        "    @computed_field\n    @property\n    def rate(self) -> Decimal:\n        return self.tax / self.net\n"
    )
    question = compiled(tmp_path, source)
    assert [field.name for field in question.fields] == ["net", "tax"]
    record = filled(question, Record("d", "thing", {"net": Decimal(3), "tax": Decimal(1)}, (), "r"))
    assert record.value["rate"] == Decimal("0.33333333")
    assert record.evidence[-1].notes == ("computed",)


def test_a_choice_of_models_is_refused_where_it_is_wrong(tmp_path: Path) -> None:
    """Of a choice of models the one that is meant says what is wrong, and only the wrong value is lost."""
    question = compiled(
        tmp_path, f"{KINDS}class Thing(BaseModel):\n    a: Cat | Dog = Field(discriminator='kind')\n"
    )
    fitted = fit(question, {"a": {"kind": "cat", "lives": 9, "breed": "x"}})
    assert fitted.problems == ["a.breed: belongs to another kind of record; give null"]
    assert fitted.value == {"a": {"kind": "cat", "lives": 9, "breed": None}}
