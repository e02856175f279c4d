"""The table of types in docs/schemas.md: what a pydantic model and a JSON Schema say, which column it becomes and what the model is asked.

python -m tests.types_table        prints it, from the compiler and from DuckDB
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import duckdb

from octavo.schemas.compile.compiler import compile_question
from octavo.schemas.errors import SchemaError
from octavo.schemas.pipeline import Question
from octavo.schemas.tables import question_table

HEAD = "| pydantic | JSON Schema | column | the model is asked |\n| --- | --- | --- | --- |"
OBJECT = '{"type": "object", "properties": {...}}'
TYPES: tuple[
    tuple[str, str], ...
] = (  # as each says it; empty where it has no word for it, "..." stands for one field `a`
    ("str", '{"type": "string"}'),
    ("int", '{"type": "integer"}'),
    ("float", '{"type": "number"}'),
    ("bool", '{"type": "boolean"}'),
    ("Decimal", '{"type": "number", "format": "decimal"}'),
    ("Annotated[Decimal, Field(decimal_places=2)]", '{"type": "number", "multipleOf": 0.01}'),
    ("Annotated[Decimal, Field(max_digits=30, decimal_places=2)]", ""),
    ("Annotated[Decimal, Field(decimal_places=10)]", '{"type": "number", "multipleOf": 1e-10}'),
    ("date", '{"type": "string", "format": "date"}'),
    ("datetime", '{"type": "string", "format": "date-time"}'),
    ("AwareDatetime", '{"type": "string", "format": "instant"}'),
    ("time", '{"type": "string", "format": "time"}'),
    ("timedelta", '{"type": "string", "format": "duration"}'),
    ("UUID", '{"type": "string", "format": "uuid"}'),
    ('Literal["open", "shut"]', '{"enum": ["open", "shut"]}'),
    ("Color", '{"const": "red"}'),
    ("Literal[1, 2]", '{"enum": [1, 2]}'),
    ('Literal[1, "a"]', '{"enum": [1, "a"]}'),
    ("int | None", '{"type": "integer", "nullable": true}'),
    ("int | str", '{"type": ["integer", "string"]}'),
    ("int | float", '{"anyOf": [{"type": "integer"}, {"type": "number"}]}'),
    ("date | str", '{"oneOf": [{"type": "string", "format": "date"}, {"type": "string"}]}'),
    ("list[str]", '{"type": "array", "items": {"type": "string"}}'),
    ("set[str]", '{"type": "array", "items": {"type": "string"}, "uniqueItems": true}'),
    ("str | list[str]", '{"type": ["string", "array"], "items": {"type": "string"}}'),
    ("tuple[str, ...]", ""),
    ("tuple[float, float]", '{"prefixItems": [{"type": "number"}, {"type": "number"}]}'),
    ("dict[str, int]", '{"type": "object", "additionalProperties": {"type": "integer"}}'),
    ("dict[str, Any]", '{"type": "object"}'),
    ("Any", "{}"),
    ("Part", '{"type": "object", "properties": {"x": {"type": "string"}}}'),
    ("list[Part]", '{"type": "array", "items": {"type": "object", "properties": {"x": {"type": "string"}}}}'),
    (
        'Annotated[Cat | Dog, Field(discriminator="kind")]',
        '{"oneOf": [{"$ref": "#/$defs/Cat"}, {"$ref": "#/$defs/Dog"}]}',
    ),
    ("Part | Cat", '{"anyOf": [{"$ref": "#/$defs/Part"}, {"$ref": "#/$defs/Cat"}]}'),
    ("Part | str", '{"anyOf": [{"$ref": "#/$defs/Part"}, {"type": "string"}]}'),
    ("ADataclass", '{"$ref": "#/$defs/Part"}'),
    ("ATypedDict", '{"$ref": "#/$defs/Part"}'),
    ("deque[str]", ""),
    ("Json[list[int]]", ""),
    ("IPv4Address", '{"type": "string", "format": "ipv4"}'),
    ("Tree", '{"$ref": "#/$defs/Tree"}'),
    ("bytes", '{"type": "bytes"}'),
    ("Callable[[int], int]", ""),
)
_MODELS = """
from collections import deque
from dataclasses import dataclass
from datetime import *
from ipaddress import IPv4Address
from decimal import Decimal
from enum import Enum
from typing import *
from uuid import UUID
from pydantic import *
from typing_extensions import TypedDict
class Color(Enum):
    RED = "red"
class Part(BaseModel):
    x: str
class Cat(BaseModel):
    kind: Literal["cat"]
    lives: int
class Dog(BaseModel):
    kind: Literal["dog"]
    breed: str
@dataclass
class ADataclass:
    x: str
class ATypedDict(TypedDict):
    x: str
class Tree(BaseModel):
    inner: "Tree | None"
class Thing(BaseModel):
    a: {}
"""
_DEFS = {
    "Part": {"type": "object", "properties": {"x": {"type": "string"}}},
    "Cat": {"type": "object", "properties": {"kind": {"const": "cat"}, "lives": {"type": "integer"}}},
    "Dog": {"type": "object", "properties": {"kind": {"const": "dog"}, "breed": {"type": "string"}}},
    "Tree": {"type": "object", "properties": {"inner": {"$ref": "#/$defs/Tree"}}},
}


def table() -> str:
    """The table as Markdown."""
    return "\n".join([HEAD, *(f"| {' | '.join(cells)} |" for cells in rows())])


def rows() -> Iterator[tuple[str, str, str, str]]:
    """The cells of each row: as pydantic and JSON Schema say it, the column and the question; or why there is no column."""
    with TemporaryDirectory() as scratch:
        for python, schema in TYPES:
            made = of_model(Path(scratch), python)
            if schema and (other := of_json(Path(scratch), schema))[0] != made[0]:
                raise AssertionError(f"{python} becomes {made[0]}, {schema} {other[0]}")
            yield _code(python), _code(schema) if schema else "", *made


def of_model(folder: Path, annotation: str) -> tuple[str, str]:
    """The column of a field of a pydantic model, and what is asked for it."""
    (folder / "thing.py").write_text(_MODELS.replace("{}", annotation))
    return _described(folder, "thing.py:Thing")


def of_json(folder: Path, schema: str) -> tuple[str, str]:
    """The column of a property of a JSON Schema, and what is asked for it."""
    whole = {"type": "object", "properties": {"a": json.loads(schema)}, "$defs": _DEFS}
    (folder / "thing.json").write_text(json.dumps(whole))
    return _described(folder, "thing.json")


def _described(folder: Path, spec: str) -> tuple[str, str]:
    try:
        question = compile_question(spec, base=folder)
    except SchemaError as error:
        why = error.message.splitlines()[1].split(": ", 1)[1].split("; ")[0]
        return f"none: {why}", ""
    return _column(question), _asked(question)


def _column(question: Question) -> str:
    """The type of the column as DuckDB calls it."""
    empty = question_table(question).schema.empty_table()
    with duckdb.connect() as connection:
        kinds = connection.from_arrow(empty).types
    return _code(str(kinds[empty.schema.get_field_index("a")]))


def _asked(question: Question) -> str:
    """The words of the prompt on the type of the field and of what is in it."""
    found = [re.match(r"\s*(\w+) \((.*?)\)(?::|$)", line) for line in question.instruction.splitlines()]
    (_, words), *inner = [(one[1], one[2]) for one in found if one]
    return words + (f": {', '.join(f'{name} ({asked})' for name, asked in inner)}" if inner else "")


def _code(text: str) -> str:
    return f"`{text}`".replace("|", "\\|")


if __name__ == "__main__":
    print(table())
