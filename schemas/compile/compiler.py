"""The name of a schema comes in: shipped, in a user's Python file, or a JSON Schema file. A `Question` goes out.

    compile_question("invoice")            a model of schemas/extraction
    compile_question("my/order.py:Order")  a pydantic model in a file, which is run
    compile_question("my/order.json")      a JSON Schema file
    compile_summary("bullets")             a style of summary

A pydantic model is turned into JSON Schema first, so that both are read by the same rules. The docstring or description of the schema
and those of its fields become the instruction. Every field may be answered with null, also one that the schema calls required.
"""

from __future__ import annotations

import hashlib
import json
import logging
import pkgutil
import re
import sys
from collections.abc import Collection, Iterator
from dataclasses import asdict, replace
from difflib import get_close_matches
from functools import cache
from importlib import import_module
from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_file_location
from inspect import getdoc
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any

from pydantic import BaseModel, PydanticUserError
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core.core_schema import DatetimeSchema, DecimalSchema

from octavo.schemas import extraction
from octavo.schemas.arithmetic import refuse_rule
from octavo.schemas.compile.json_schema import Node, read
from octavo.schemas.compile.mfjs import INSTANT_FORM, MAX_BYTES, MOMENT_FORM, wire
from octavo.schemas.compile.validators import forgiving, model_of
from octavo.schemas.errors import SchemaError
from octavo.schemas.list_views import renamed
from octavo.schemas.pipeline import Question
from octavo.schemas.sql_names import quoted, reserved
from octavo.schemas.tables import OWN_NAMES
from octavo.schemas.text.printed_rows import LIST_ITEMS, VALUE_TOKENS

_log = logging.getLogger("octavo.schemas")

LIMIT_WORDS = {  # limits of one value, as the instruction has them
    "minimum": "at least {}",
    "maximum": "at most {}",
    "exclusiveMinimum": "above {}",
    "exclusiveMaximum": "below {}",
    "multipleOf": "in steps of {}",
    "pattern": "matching {}",
    "maxLength": "at most {} characters",
}


def compile_question(spec: str, *, base: Path = Path()) -> Question:
    """The question that `spec` names; files are looked for below `base`.

    Raises SchemaError when there is no such schema, its file cannot be read or run, or it has parts that cannot become columns.
    """
    if spec == "summary":
        return compile_summary("paragraph")
    if spec in _shipped_names():
        return _from_model(_shipped_model(spec), spec, spec)
    if match := re.fullmatch(r"(.+\.py)(?::(\w*))?", spec):
        model = _user_model(base / match[1], match[2] or "", spec)
        return _from_model(model, _table_name(model.__name__, spec), spec)
    if spec.lower().endswith(".json"):
        schema = _json_file(base / spec, spec)
        name = _table_name(Path(spec).name.split(".")[0], spec)
        node = read(schema, about=spec)
        return _question(node, name, model_of(node, name), spec)
    raise _unknown(spec)


def compile_summary(style: str) -> Question:
    """The question that asks for a summary in one of the styles of `octavo.schemas.extraction.summary`, or by another name of theirs.

    Raises SchemaError for any other style, with the styles there are.
    """
    from octavo.schemas.extraction.summary import STYLES, Summary

    wanted = style.strip().lower().replace("_", "-").replace(" ", "-")
    chosen = next((known for name, known in STYLES.items() if wanted in (name, *known.aliases)), None)
    if chosen is None:
        raise SchemaError(
            f"There is no style of summary called {style!r}.",
            about=style,
            next_step=f"Use one of {', '.join(STYLES)}.",
        )
    question = _from_model(Summary, "summary", style)
    return _signed(
        replace(
            question, instruction=f"{question.instruction}\n{chosen.words}", reply_tokens=chosen.reply_tokens
        )
    )


def shipped() -> dict[str, str]:
    """The schemas that ship, each with the first line of its model's docstring."""
    return {name: (getdoc(_shipped_model(name)) or "").partition("\n")[0] for name in _shipped_names()}


def reply_tokens(node: Node) -> int:
    """Tokens that an answer is expected to have, written as rows (`octavo.schemas.compile.row_codec`), when every field has a value.

    A value costs what one of its kind usually does (VALUE_TOKENS) or what the schema says of it (`expected_tokens`), a record and a list
    two brackets. A list is expected to have LIST_ITEMS items, or the nearest number it may have.
    """
    if node.field.kind == "record":
        return 2 + sum(map(reply_tokens, node.parts))
    if node.field.kind == "list":
        items: int = max(
            node.limits.get("minItems", 0), min(LIST_ITEMS, node.limits.get("maxItems", LIST_ITEMS))
        )
        return 2 + items * reply_tokens(node.parts[0])
    return node.expected_tokens or VALUE_TOKENS[node.field.kind]


def _from_model(model: type[BaseModel], name: str, spec: str) -> Question:
    try:
        schema = model.model_json_schema(by_alias=False, schema_generator=_Generator)
    except PydanticUserError as error:
        message = f"The schema {spec} cannot be compiled: {error.message}."
        raise SchemaError(message, about=spec, next_step="Change the field and try again.") from error
    node = read(schema, about=spec)
    return _question(node, name, forgiving(model), spec)


class _Generator(GenerateJsonSchema):
    """Writes a Decimal with its digits, and a moment that has to have a zone as `instant`: pydantic's own schema loses both."""

    def datetime_schema(self, schema: DatetimeSchema) -> JsonSchemaValue:
        """A moment; `instant` for an AwareDatetime."""
        return {
            "type": "string",
            "format": "instant" if schema.get("tz_constraint") == "aware" else "date-time",
        }

    def decimal_schema(self, schema: DecimalSchema) -> JsonSchemaValue:
        """A number whose `multipleOf` says how many digits follow the point."""
        bounds = {
            "ge": "minimum",
            "le": "maximum",
            "gt": "exclusiveMinimum",
            "lt": "exclusiveMaximum",
            "multiple_of": "multipleOf",
        }
        written: JsonSchemaValue = {"type": "number", "format": "decimal"}
        written |= {word: float(schema[key]) for key, word in bounds.items() if key in schema}  # type: ignore[literal-required]
        if places := schema.get("decimal_places"):
            written["multipleOf"] = float(f"1e-{places}")
        return written


def _question(node: Node, name: str, model: type[BaseModel], spec: str) -> Question:
    """The question of a tree, unless it is too long to send."""
    schema = wire(node)
    if len(json.dumps(schema)) > MAX_BYTES:
        raise SchemaError(
            f"The schema {spec} is longer than {MAX_BYTES} bytes.", about=spec, next_step="Ask two questions."
        )
    instruction = "\n".join([*filter(None, [node.field.description]), *_lines(node)])
    for rule in node.rules:
        refuse_rule(rule, node.field.fields, spec)
    question = Question(
        name,
        instruction,
        node.field.fields,
        schema,
        reply_tokens(node),
        "",
        model,
        _evidence(node, spec),
        rules=tuple(node.rules),
    )
    _tell_names(question)
    return proving(question, {part.field.name for part in node.parts if part.required_evidence})


def _tell_names(question: Question) -> None:
    """Say, once in a program, which names of tables and columns an analyst would not guess."""
    if words := reserved(question.name, question.fields):
        _say_once(
            f"Names of {question.name} that are words of SQL need quotes in a query: {', '.join(map(quoted, words))}."
        )
    for sentence in renamed(question.name, question.fields, OWN_NAMES):
        _say_once(sentence)


@cache
def _say_once(sentence: str) -> None:
    _log.warning(sentence)


def proving(question: Question, names: Collection[str]) -> Question:
    """The question with these of its fields required to stand in the document, beside those that are already; `all` means every field."""
    wanted = {*names, *question.required_evidence}
    every = question.evidence or [field.name for field in question.fields]
    required = (
        field.name
        for field in question.fields
        if field.name in wanted or ("all" in wanted and field.name in every)
    )
    return _signed(replace(question, required_evidence=tuple(required)))


def _signed(question: Question) -> Question:
    """The question with its fingerprint: SHA-256 over what is asked, in canonical JSON."""
    asked = [
        question.name,
        question.instruction,
        [asdict(field) for field in question.fields],
        question.json_schema,
        question.reply_tokens,
    ]
    asked += (
        [question.required_evidence] if question.required_evidence else []
    )  # what was answered without is asked again
    text = json.dumps(asked, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return replace(question, fingerprint=hashlib.sha256(text.encode()).hexdigest())


def _evidence(node: Node, spec: str) -> tuple[str, ...]:
    """The columns whose values must stand in the document; () when all must."""
    proved = tuple(part.field.name for part in node.parts if part.grounded)
    if not proved:
        raise SchemaError(
            f"No field of {spec} has to be proved.",
            about=spec,
            next_step="Leave `grounded` out of one field at least.",
        )
    return () if len(proved) == len(node.parts) else proved


def _lines(node: Node, indent: str = "", told: dict[str, str] | None = None) -> Iterator[str]:
    """One line a field: `due_date (date): Last day to pay.`; the fields of a record stand below it, indented.

    `told` has the fields of records that were said before, and under which name: a record that comes again is not said again.
    """
    told = {} if told is None else told
    for part in node.parts:
        inner = part.parts[0] if part.field.kind == "list" else part
        words = [part.field.description, inner.field.description if inner is not part else ""]
        text = " ".join(filter(None, words))
        while inner.field.kind == "list":
            inner = inner.parts[0]
        fields = repr(inner.parts)
        before = told.get(fields) if inner.parts else None
        kind = _type_words(part) + (f", with the fields of {before}" if before else "")
        yield f"{indent}{part.field.name} ({kind})" + (f": {text}" if text else "")
        if not before:
            told[fields] = part.field.name
            yield from _lines(inner, indent + "  ", told)


def _type_words(node: Node) -> str:
    """The type of a field in words, with what the JSON Schema of a row cannot say, and the limits that none can."""
    if node.field.kind == "list":
        return f"list of {_type_words(node.parts[0])}"
    extra = [words.format(node.limits[word]) for word, words in LIMIT_WORDS.items() if word in node.limits]
    choices = f"one of: {'; '.join(node.field.choices)}"
    names = {
        "text": node.limits.get("format", "text"),
        "decimal": "number",
        "datetime": MOMENT_FORM,
        "instant": INSTANT_FORM,
        "choice": choices,
    }
    return ", ".join([names.get(node.field.kind, node.field.kind), *extra])


def _shipped_names() -> list[str]:
    return sorted(module.name for module in pkgutil.iter_modules(extraction.__path__))


def _shipped_model(name: str) -> type[BaseModel]:
    """The model of a shipped schema is called as its file: `Invoice` in invoice.py."""
    wanted = name.title().replace("_", "")
    model = getattr(import_module(f"{extraction.__name__}.{name}"), wanted, None)
    if not (isinstance(model, type) and issubclass(model, BaseModel)):
        raise SchemaError(
            f"The shipped schema {name} has no model {wanted}.",
            about=name,
            next_step=f"Call its model {wanted}.",
        )
    return model


class _FreshLoader(SourceFileLoader):
    """Runs a file as it is now, and leaves no compiled copy beside it."""

    def get_code(self, fullname: str) -> CodeType:
        """The code of the file, compiled anew."""
        path = self.get_filename(fullname)
        return self.source_to_code(self.get_data(path), path)


def _user_model(path: Path, name: str, spec: str) -> type[BaseModel]:
    module = _run(path, spec)
    found = {
        key: value
        for key, value in vars(module).items()
        if isinstance(value, type) and issubclass(value, BaseModel) and value.__module__ == module.__name__
    }
    if name in found:
        return found[name]
    known = ", ".join(f"{path.name}:{key}" for key in found) or "no pydantic model"
    why = (
        f"has no pydantic model called {name!r}"
        if name
        else "may hold several models, so one has to be named"
    )
    raise SchemaError(
        f"The file {path} {why}.", about=spec, next_step=f"It has {known}; write FILE.py:Model."
    )


def _run(path: Path, spec: str) -> ModuleType:
    """The module of a user's file. Whatever it raises becomes a SchemaError that says so."""
    name = "octavo_schema_" + hashlib.sha256(str(path.absolute()).encode()).hexdigest()[:12]
    description = spec_from_file_location(name, path, loader=_FreshLoader(name, str(path)))
    if description is None or description.loader is None or not path.is_file():
        raise SchemaError(
            f"There is no file {path}.", about=spec, next_step="Give the path of a Python file, then :Model."
        )
    module = module_from_spec(description)
    sys.modules[name] = module  # pydantic looks up the names in annotations there
    try:
        description.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        message = f"The file {path} cannot be run: {type(error).__name__}: {error}."
        raise SchemaError(message, about=spec, next_step="Run it with Python to see where.") from error
    return module


def _json_file(path: Path, spec: str) -> Any:
    try:
        return json.loads(path.read_text("utf-8-sig"), object_pairs_hook=_unique)
    except OSError as error:
        raise SchemaError(
            f"The file {path} cannot be read: {error.strerror}.", about=spec, next_step="Check the path."
        ) from error
    except (ValueError, RecursionError) as error:
        raise SchemaError(
            f"The file {path} is no JSON: {error}.", about=spec, next_step="Correct it and try again."
        ) from error


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) < len(pairs):
        keys = [key for key, _ in pairs]
        raise ValueError(
            f"the key {next(key for key in keys if keys.count(key) > 1)!r} stands twice in one object"
        )
    return made


def _table_name(name: str, spec: str) -> str:
    """A name in snake case: `PurchaseOrder` becomes purchase_order. Refused when it cannot be a table or is one of Octavo's own."""
    spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name)
    made = re.sub(r"[\s.\-]+", "_", spaced).lower()
    if not re.fullmatch(r"[a-z_][a-z0-9_]{0,62}", made):
        step = "Name the model or file with a letter first, then letters without accents, digits and _, 63 at most."
        raise SchemaError(f"{name!r} cannot be the name of a table.", about=spec, next_step=step)
    if made in OWN_NAMES:
        raise SchemaError(
            f"The table or view {made!r} is Octavo's own.",
            about=spec,
            next_step="Name the model or file otherwise.",
        )
    return made


def _unknown(spec: str) -> SchemaError:
    names = _shipped_names()
    close = get_close_matches(spec.lower(), names, n=1, cutoff=0.5)
    guess = f"Did you mean {close[0]}? " if close else ""
    step = f"{guess}Use one of {', '.join(names)}, FILE.py:Model, or the path of a JSON Schema file that ends in .json."
    return SchemaError(f"There is no schema called {spec!r}.", about=spec, next_step=step)
