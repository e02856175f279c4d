"""What a person types for one field comes in; the value as it will be, its place in the document, and what is wrong with it go out.

It is normalised, validated and looked for as an answer of a model is, so `1.234,56` becomes 1234.56 and `soon` is no date for anybody.
"""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

from octavo.processors.check.corrected import field_at, fitted
from octavo.processors.check.normalise import normalise
from octavo.processors.check.validate import fit, steps
from octavo.processors.check.window_text import WindowText
from octavo.schemas.corrections import NOWHERE, ValuePlace
from octavo.schemas.pipeline import Field, Part, Question


@dataclass(frozen=True, slots=True)
class Entered:
    """A value as JSON, where it stands, and a sentence for what is wrong with it; "" when nothing is."""

    value: Any = None
    place: ValuePlace = NOWHERE
    problem: str = ""


def entered(
    fields: Sequence[Field],
    question: Question | None,
    record: dict[str, Any],
    path: str,
    typed: Any,
    parts: Sequence[Part] = (),
) -> Entered:
    """Check what was typed at a path of a record (JSON). `question` validates too, where it is known; `parts` are searched."""
    one = field_at(fields, steps(path))
    if one is None:
        return Entered(problem=f"There is no field {path}.")
    own = field_at(question.fields, steps(path)) if question else None
    value, problem = fitted(own or one, typed)
    if problem:
        return Entered(problem=f"{problem}.")
    if question and own and value is not None and (refused := _refused(question, record, path, value)):
        return Entered(problem=f"{refused}.")
    return Entered(value, _place(own or one, value, parts))


def _refused(question: Question, record: dict[str, Any], path: str, value: Any) -> str:
    """What the question's own model says against a value at its place; "" when nothing."""
    whole = deepcopy(record)
    around: Any = whole
    way = steps(path)
    for number, step in enumerate(way[:-1]):
        if isinstance(around, dict) and around.get(str(step)) is None:
            around[str(step)] = [] if isinstance(way[number + 1], int) else {}
        if isinstance(around, list) and isinstance(step, int) and step >= len(around):
            return ""
        around = around[step]
    if isinstance(around, list) and isinstance(way[-1], int) and way[-1] >= len(around):
        around.append(value)
    else:
        around[way[-1]] = value
    told = [one.partition(": ") for one in fit(question, whole).problems]
    return next((words for place, _, words in told if place == path), "")


def places(one: Field, value: Any, parts: Sequence[Part]) -> list[tuple[int, int]]:
    """Every place of a value (JSON) in the parts of one page: half-open spans of characters of the page."""
    native = normalise((one,), {one.name: value}, []).get(one.name)
    if native is None or not parts:
        return []
    source = WindowText(parts)
    span = source.spans[parts[0].document]
    hits = [hit for hit in source.places(one, native, span) if hit.proves] or [
        hit for hit in [source.find(one, native, span)] if hit and hit.proves
    ]
    return [source.place(hit)[1:] for hit in hits]


def _place(one: Field, value: Any, parts: Sequence[Part]) -> ValuePlace:
    """Where a value stands in the document; nowhere for what is no plain value."""
    if value is None or not parts or one.kind in ("record", "list", "boolean"):
        return NOWHERE
    native = normalise((one,), {one.name: value}, []).get(one.name)
    source = WindowText(parts)
    document = parts[0].document
    hit = source.find(one, native, source.spans[document])
    if hit is None or not hit.proves:
        return NOWHERE
    part, start, end = source.place(hit)
    return ValuePlace(hit.grade, part.page, start, end, source.quote(hit))
