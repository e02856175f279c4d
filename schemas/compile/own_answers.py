"""A record and its question come in; the record as the user's model gives it back goes out, with what the model's code says of it.

A question of a JSON Schema has no code: there the limits of its columns are all. It imports `own_form` and `own_model`, of which it is
made.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from pydantic import BaseModel, ValidationError

from octavo.schemas.columns import native
from octavo.schemas.compile.own_form import from_own, held, plain, steps_of, to_own
from octavo.schemas.compile.own_model import Check, Listening, listening
from octavo.schemas.compile.validators import without_counts
from octavo.schemas.errors import SchemaError, describe
from octavo.schemas.pipeline import Field, Question

KIND_WEIGHT = 10  # of a model of another kind, which is hardly the one that is meant
LONGEST_SHOWN = 60  # characters
Step = str | int
Trouble = tuple[tuple[Step, ...], str]  # the steps to a value that is refused, and why


def accepted(
    question: Question, value: Mapping[str, Any]
) -> tuple[dict[str, Any] | None, list[Check], list[Trouble]]:
    """The record as the model gives it back, what its code says, and the values that are refused; None for the record where some are."""
    if question.own is None:
        try:
            return question.model.model_validate(value).model_dump(), [], []
        except ValidationError as error:
            return None, [], [(tuple(one["loc"]), _words(one)) for one in error.errors(include_url=False)]
    places: dict[int, str] = {}
    own = to_own(question.fields, value, places)
    with listening(places) as heard:
        try:
            made = question.model.model_validate(own)
        except ValidationError as error:
            return None, heard.checks, _troubles(question, value, error)
        return (
            from_own(question.fields, _given(made, heard), value, heard.hear),
            _named(question, heard.checks),
            [],
        )


def without_code(question: Question, value: Mapping[str, Any]) -> dict[str, Any] | None:
    """The record by the limits of its columns alone; None where it has no own model, or does not fit them."""
    if question.own is None:
        return None
    try:
        return question.own.plain.model_validate(value).model_dump()
    except ValidationError:
        return None


def checks(question: Question, value: Mapping[str, Any]) -> list[Check]:
    """What the checks of records say of a whole record, each with the paths that it looked at."""
    if question.own is None:
        return []
    _, heard = _whole(question, filled(question.fields, value))
    return _named(question, heard.checks)


def computed(question: Question, value: Mapping[str, Any]) -> tuple[dict[str, Any], list[Check]]:
    """The computed fields of a whole record, null where the model's code fails, and why."""
    if question.own is None or not question.computed:
        return {}, []
    made, heard = _whole(question, value)
    results = {field.name: _computed(field, made, heard) for field in question.computed}
    return results, [(paths, words) for paths, words in heard.checks if paths[0] in results]


def filled(fields: Sequence[Field], value: Mapping[str, Any]) -> dict[str, Any]:
    """The record with the defaults that its schema declares where it has no value."""
    made = dict(value)
    for field in fields:
        inner = value.get(field.name)
        if inner is None and field.default is not None:
            made[field.name] = default_of(field)
        elif isinstance(inner, Mapping) and field.kind == "record":
            made[field.name] = filled(field.fields, inner)
        elif isinstance(inner, list) and field.item and field.item.kind == "record":
            made[field.name] = [one if one is None else filled(field.item.fields, one) for one in inner]
    return made


def default_of(field: Field) -> Any:
    """What a schema says where a document does not, as the column holds it; None where the column cannot."""
    try:
        return native(field, plain(field.default), field.name)
    except SchemaError:
        return None


def _whole(question: Question, value: Mapping[str, Any]) -> tuple[BaseModel | None, Listening]:
    places: dict[int, str] = {}
    own = to_own(question.fields, value, places)
    model = without_counts(question.own.checked) if question.own else question.model
    with listening(places) as heard:
        try:
            return model.model_validate(own), heard
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            heard.hear("", f"the model's own code refuses the whole record: {first['msg']}")
            return None, heard


def _computed(field: Field, made: BaseModel | None, heard: Listening) -> Any:
    if made is None:
        return None
    try:
        value = held(getattr(made, field.origin or field.name))
    except Exception as error:  # noqa: BLE001 - it is recorded as a doubt about the document
        heard.hear(field.name, f"cannot be computed: {describe(error)}")
        return None
    if field.kind == "decimal" and isinstance(
        value, Decimal
    ):  # a quotient has more digits than anybody reads
        value = round(value, field.scale)
    return from_own([field], [{field.origin or field.name: value}], {}, heard.hear)[field.name]


def _given(made: BaseModel, heard: Listening) -> list[Any]:
    """What a model gives, the best first: as it writes itself, and as it is."""
    bare = held(made)
    try:
        return [made.model_dump(warnings=False), bare]
    except Exception as error:  # noqa: BLE001 - it is recorded as a doubt about the document
        heard.hear("", f"a serializer fails with {describe(error)}")
        return [bare]


def _troubles(question: Question, value: Mapping[str, Any], error: ValidationError) -> list[Trouble]:
    """The refused values. Of a choice of models each was tried: the one with the fewest troubles is meant, and least its kind in doubt."""
    found: dict[tuple[Step, ...], dict[str, list[Trouble]]] = {}
    weights: Counter[tuple[tuple[Step, ...], str]] = Counter()
    for one in error.errors(include_url=False):
        steps, at = steps_of(question.fields, value, one["loc"])
        choice, branch = (steps[:at], str(one["loc"][at])) if at < len(one["loc"]) else ((), "")
        found.setdefault(choice, {}).setdefault(branch, []).append((steps, _words(one)))
        weights[choice, branch] += KIND_WEIGHT if one["type"] == "literal_error" else 1
    chosen = list(found.pop((), {}).get("", []))
    for choice, branches in found.items():
        chosen += branches[min(branches, key=lambda branch: weights[choice, branch])]
    return list({steps: (steps, words) for steps, words in reversed(chosen)}.values())[::-1]


def _words(trouble: Any) -> str:
    if trouble["type"] == "extra_forbidden":
        return "belongs to another kind of record; give null"
    given = repr(trouble["input"])
    shown = given if len(given) <= LONGEST_SHOWN else f"{given[:LONGEST_SHOWN]}..."
    return str(trouble["msg"]) + ("" if trouble["type"] == "missing" else f", not {shown}")


def _named(question: Question, found: Sequence[Check]) -> list[Check]:
    """What was said, under the names of the columns, each thing once."""
    renamed = dict(_renamed(question.fields))
    if not renamed:
        return list(dict.fromkeys(found))
    named = [
        (tuple(".".join(_column(step, renamed) for step in path.split(".")) for path in paths), words)
        for paths, words in found
    ]
    return list(dict.fromkeys(named))


def _column(step: str, renamed: Mapping[str, str]) -> str:
    name, bracket, rest = step.partition("[")
    return renamed.get(name, name) + bracket + rest


def _renamed(fields: Sequence[Field]) -> list[tuple[str, str]]:
    pairs = []
    for field in fields:
        pairs += [(field.origin, field.name)] if field.origin else []
        pairs += _renamed(field.item.fields if field.item else field.fields)
    return pairs
