"""The name of a schema comes in: shipped, in a user's Python file, or a JSON Schema file. A `Question` goes out.

    compile_question("invoice")            a model of schemas/extraction
    compile_question("my/order.py:Order")  a pydantic model in a file, which is run
    compile_question("my/order.json")      a JSON Schema file; order.json#/components/schemas/Order names one of several in it
    compile_summary("bullets")             a style of summary

A pydantic model is turned into JSON Schema first, so that both are read by the same rules. The docstring or description of the schema
and those of its fields become the instruction. Every field may be answered with null, also one that the schema calls required.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import logging
import pkgutil
import re
from collections.abc import Collection, Iterable, Iterator
from dataclasses import asdict, replace
from difflib import get_close_matches
from functools import cache
from importlib import import_module
from inspect import getdoc
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from octavo.schemas import extraction
from octavo.schemas.arithmetic import refuse_rule
from octavo.schemas.compile.files import json_file, user_model
from octavo.schemas.compile.fit_names import table_name
from octavo.schemas.compile.found import FoundSchema, found_schema
from octavo.schemas.compile.json_schema import Node, read
from octavo.schemas.compile.mfjs import INSTANT_FORM, MAX_BYTES, MOMENT_FORM, wire
from octavo.schemas.compile.model_schema import schema_of, unused_code
from octavo.schemas.compile.own_model import as_record, checked, forgiving
from octavo.schemas.compile.validators import model_of
from octavo.schemas.errors import SchemaError
from octavo.schemas.list_views import renamed
from octavo.schemas.pipeline import Field, Question, UserModel
from octavo.schemas.sql_names import quoted, reserved
from octavo.schemas.tables import OWN_NAMES
from octavo.schemas.text.printed_rows import LIST_ITEMS, VALUE_TOKENS

DURATION_FORM = "duration as ISO 8601 writes it, such as P14D or PT1H30M"
_log = logging.getLogger("octavo.schemas")

_LATER = {
    one.name: one.default for one in dataclasses.fields(Field) if one.name in ("precision", "form", "origin")
}
LIMIT_WORDS = {  # limits of one value, as the instruction has them
    "minimum": "at least {}",
    "maximum": "at most {}",
    "exclusiveMinimum": "above {}",
    "exclusiveMaximum": "below {}",
    "multipleOf": "in steps of {}",
    "pattern": "matching {}",
    "maxLength": "at most {} characters",
}


_PYTHON = re.compile(r"(.+\.py)(?::(\w*))?")
_JSON = re.compile(r"(.+\.json)(#.*)?", re.IGNORECASE)


def table_of(spec: str) -> str:
    """The name of the table that a schema's answers go to, without a look at its file."""
    if match := _PYTHON.fullmatch(spec):
        return table_name(match[2] or "")
    if match := _JSON.fullmatch(spec):
        return table_name((match[2] or Path(match[1]).name.split(".")[0]).rpartition("/")[2])
    return spec


def compile_question(spec: str, *, base: Path = Path()) -> Question:
    """The question that `spec` names; files are looked for below `base`.

    Raises SchemaError when there is no such schema, its file cannot be read or run, or it has parts that cannot become columns.
    """
    if spec == "summary":
        return compile_summary("paragraph")
    if spec in _shipped_names():
        return _from_model(_shipped_model(spec), spec, spec)
    if match := _PYTHON.fullmatch(spec):
        model = user_model(base / match[1], match[2] or "", spec)
        return _from_model(model, _table_name(model.__name__, spec), spec)
    if match := _JSON.fullmatch(spec):
        found = found_schema(json_file(base / match[1], spec), spec, match[2] or "")
        name = _table_name((match[2] or Path(match[1]).name.split(".")[0]).rpartition("/")[2], spec)
        node, told = read(found, about=spec)
        _tell(told.sentences(name))
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


def _from_model(given: type[BaseModel], name: str, spec: str) -> Question:
    model = as_record(given)
    schema = schema_of(model, "validation", spec)
    node, told = read(FoundSchema(schema, schema), about=spec, is_model=True)
    _tell([*told.sentences(name), *(f"{name}: {sentence}" for sentence in unused_code(model))])
    own = UserModel(checked(model), model_of(node, name))
    question = _question(node, name, forgiving(model), spec)
    return _signed(replace(question, own=own, computed=_computed(model, node, spec)))


def _computed(model: type[BaseModel], node: Node, spec: str) -> tuple[Field, ...]:
    """The columns of the fields that the model computes."""
    if not model.model_computed_fields:
        return ()
    schema = schema_of(model, "serialization", spec)
    properties = {name: schema["properties"][name] for name in model.model_computed_fields}
    kept = {**schema, "properties": {**{part.field.name: True for part in node.parts}, **properties}}
    whole, _ = read(FoundSchema(kept, kept), about=spec, is_model=True)
    return tuple(part.field for part in whole.parts[len(node.parts) :])


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


def _tell(sentences: Iterable[str]) -> None:
    for sentence in sentences:
        _say_once(sentence)


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
        [_asked(asdict(field)) for field in question.fields],
        question.json_schema,
        question.reply_tokens,
    ]
    asked += [[_asked(asdict(field)) for field in question.computed]] if question.computed else []
    asked += (
        [question.required_evidence] if question.required_evidence else []
    )  # what was answered without is asked again
    text = json.dumps(asked, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return replace(question, fingerprint=hashlib.sha256(text.encode()).hexdigest())


def _asked(field: dict[str, Any]) -> dict[str, Any]:
    """A field as it is signed: without its default, which asks nothing, and what fields came to have later, where that says nothing."""
    kept = {
        word: value
        for word, value in field.items()
        if word != "default" and (word not in _LATER or value != _LATER[word])
    }
    inner = kept["item"]
    return kept | {"fields": [_asked(one) for one in kept["fields"]], "item": inner and _asked(inner)}


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
        words = [
            part.field.origin,
            part.field.description,
            inner.field.description if inner is not part else "",
        ]
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
    if node.field.choices and node.field.kind != "choice":
        extra.append(choices)
    form = node.limits.get("format", "text")
    names = {
        "text": DURATION_FORM if form == "duration" else form,
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


def _table_name(name: str, spec: str) -> str:
    """A name in snake case: `PurchaseOrder` becomes purchase_order. Refused when it is one of Octavo's own."""
    made = table_name(name)
    if made != name and not re.fullmatch(r"[A-Za-z][A-Za-z0-9_ .-]*", name):
        _say_once(f"The table of {spec} is called {made}.")
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
