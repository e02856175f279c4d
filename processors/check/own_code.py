"""A record comes in; it goes out with what the code of the user's own model says of it, and with what its schema says in its place.

A check that does not hold, such as `net + tax == gross` in a `model_validator`, marks the values that it looked at (`unbalanced`), and
loses none. Declared defaults and computed fields come last, when the record is whole: no document proves them, and both say so.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from octavo.schemas.columns import written
from octavo.schemas.compile.own_answers import checks, computed, default_of
from octavo.schemas.compile.own_answers import filled as with_defaults
from octavo.schemas.compile.own_model import Check
from octavo.schemas.pipeline import Evidence, Field, Question, Record

DEFAULT = "the default of the schema, since the document does not say it"


def checked(question: Question, record: Record) -> Record:
    """The record with what the model's checks say of it as a whole."""
    found = checks(question.whole or question, record.value)
    return replace(record, evidence=doubted(record.evidence, found)) if found else record


def doubted(evidence: Sequence[Evidence], found: Iterable[Check]) -> tuple[Evidence, ...]:
    """The evidence, marked where a check looked; where it looked at nothing that has a value, in the record around, or everywhere."""
    marked = list(evidence)
    for paths, words in found:
        around = [path.rpartition(".")[0] for path in paths]
        for places in (paths, around, [""]):
            numbers = [
                at for at, item in enumerate(marked) if item.state == "given" and _lies_in(item.field, places)
            ]
            if numbers:
                for at in numbers:
                    marked[at] = _marked(marked[at], words)
                break
    return tuple(marked)


def filled(question: Question, record: Record) -> Record:
    """The record with the defaults of its schema and with its computed fields, each with a word on where it comes from."""
    asked = question.whole or question
    failed = {item.field for item in record.evidence if item.state in ("failed", "corrected")}
    given = dict(_defaults(asked.fields, record.value))
    value = with_defaults(asked.fields, record.value) if given else dict(record.value)
    for path in failed & given.keys():
        value = _without(value, path)
    results, troubles = computed(asked, value)
    results = {name: result for name, result in results.items() if not _is_said(name, record.evidence)}
    why = {paths[0]: words for paths, words in troubles}
    evidence = [_defaulted(item, given) for item in record.evidence if not _lies_in(item.field, results)]
    evidence += [
        _computed(name, result, why.get(name, ""))
        for name, result in results.items()
        if result is not None or name in why
    ]
    if not (given or results):
        return record
    return replace(record, value={**value, **results}, evidence=tuple(evidence))


def _is_said(name: str, evidence: Iterable[Evidence]) -> bool:
    """Whether a person said what stands in a computed field, which then is what they said."""
    return any(item.state == "corrected" and _lies_in(item.field, [name]) for item in evidence)


def _lies_in(path: str, places: Iterable[str]) -> bool:
    return any(not place or path == place or path.startswith((f"{place}.", f"{place}[")) for place in places)


def _marked(item: Evidence, words: str) -> Evidence:
    notes = item.notes if "unbalanced" in item.notes else (*item.notes, "unbalanced")
    return replace(item, notes=notes, detail="; ".join(filter(None, [item.detail, words])))


def _defaults(
    fields: Sequence[Field], value: Mapping[str, Any], place: str = ""
) -> Iterator[tuple[str, Any]]:
    """By path, the defaults that stand in for what a record does not have."""
    for field in fields:
        path, inner = f"{place}.{field.name}".lstrip("."), value.get(field.name)
        if inner is None and field.default is not None and (default := default_of(field)) is not None:
            yield path, default
        elif isinstance(inner, Mapping) and field.kind == "record":
            yield from _defaults(field.fields, inner, path)
        elif isinstance(inner, list) and field.item and field.item.kind == "record":
            for at, one in enumerate(inner):
                yield from _defaults(field.item.fields, one or {}, f"{path}[{at}]")


def _defaulted(item: Evidence, given: Mapping[str, Any]) -> Evidence:
    if item.state in ("null", "missing") and item.field in given:
        return replace(item, state="null", detail=f"{written(given[item.field])} is {DEFAULT}")
    return item


def _computed(name: str, result: Any, why: str) -> Evidence:
    if result is None:
        return Evidence(name, "", "missing", state="failed", detail=why)
    return Evidence(name, written(result), "missing", by="meaning", notes=("computed",))


def _without(value: Mapping[str, Any], path: str) -> dict[str, Any]:
    """The record with null at a path of names and numbers."""
    name, _, rest = path.partition(".")
    key, bracket, number = name.partition("[")
    if not rest:
        return {**value, key: None}
    inner = value[key]
    if not bracket:
        return {**value, key: _without(inner, rest)}
    at = int(number.rstrip("]"))
    return {**value, key: [_without(one, rest) if here == at else one for here, one in enumerate(inner)]}
