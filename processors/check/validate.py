"""A record as the reply has it comes in; as much of it as fits the question goes out, and what is wrong with the rest.

fit(question, {"total": "9.50", "day": "soon"})
{"total": Decimal("9.50"), "day": None}    ["day: 'soon' is no full date; write YYYY-MM-DD, or null"]
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from octavo.processors.check.normalise import join, normalise, only_known, shown
from octavo.schemas.compile.own_answers import accepted, without_code
from octavo.schemas.compile.own_model import Check
from octavo.schemas.pipeline import Evidence, Field, Kind, Question

__all__ = ["blanked", "fit", "notes", "only_known", "shown", "silences", "steps", "top"]

TRIES = 4  # a value that is blanked may make a record around it unfit, which is blanked too

_END_OF_NAME = re.compile(r"[.:\[]")
_STEPS = re.compile(r"\[(\d+)\]|([^.\[\]]+)")
_NUMBERS: frozenset[Kind] = frozenset({"integer", "number", "decimal"})
Step = str | int


@dataclass(frozen=True, slots=True)
class Fitted:
    """A record with what does not fit set to null, or None, and the problems, each named by its path.

    `answered` is the same before the user's own code changed it, `checks` what that code says beside.
    """

    value: dict[str, Any] | None
    problems: list[str]
    answered: dict[str, Any]
    checks: list[Check]


def fit(question: Question, answer: Any) -> Fitted:
    """As much of an answer as fits its question."""
    problems: list[str] = []
    checks: list[Check] = []
    value = normalise(question.fields, answer, problems)
    made = _validated(question, value, problems, checks)
    return Fitted(made, problems, value, checks)


def blanked(question: Question, value: dict[str, Any], paths: Sequence[str]) -> dict[str, Any] | None:
    """A record that fits without the values at these paths; None when it does not fit without them."""
    kept = only_known(question.fields, value)  # a copy
    if not all(_blank(kept, steps(path)) for path in paths):
        return None
    return (
        kept if question.own else _validated(question, kept, [], [])
    )  # the user's own code has seen it, and sees it once


def top(problem: str) -> str:
    """The column that a path or a problem is about; empty for the whole record."""
    name = _END_OF_NAME.split(problem, maxsplit=1)[0]
    return "" if name == "record" else name


def silences(
    fields: Sequence[Field], value: Mapping[str, Any], answer: Any, place: str = ""
) -> Iterator[Evidence]:
    """One evidence for each field without a value: null when the answer says so, missing when it does not speak of it."""
    said = answer if isinstance(answer, Mapping) else {}
    for field in fields:
        path, inner = join(place, field.name), value.get(field.name)
        if inner is None or inner == []:
            yield Evidence(path, "", "missing", state="null" if field.name in said else "missing")
        elif field.kind == "record":
            yield from silences(field.fields, inner, said.get(field.name), path)
        elif field.kind == "list" and field.item and field.item.kind == "record":
            items = [item for item in said.get(field.name, ()) if isinstance(item, Mapping)]
            for number, (item, own) in enumerate(zip(inner, items, strict=False)):
                yield from silences(field.item.fields, item, own, f"{path}[{number}]")


def notes(kind: Kind, value: Any, answer: Any, path: str) -> tuple[str, ...]:
    """`normalised` when the answer has another form at this path than was asked for."""
    for step in steps(path):
        try:
            answer = answer[step]
        except (KeyError, IndexError, TypeError):
            return ()
    plain = value.isoformat() if isinstance(value, date) else value
    same = not isinstance(answer, str) if kind in _NUMBERS or kind == "boolean" else answer == plain
    return () if same else ("normalised",)


def _validated(
    question: Question, value: dict[str, Any], problems: list[str], checks: list[Check]
) -> dict[str, Any] | None:
    """The value as the question's model gives it back; what the model refuses becomes null and a problem, each field once."""
    named = {problem.partition(": ")[0] for problem in problems}
    for _ in range(TRIES):
        made, said, troubles = accepted(question, value)
        if made is not None:
            checks += said
            return made
        for steps, words in troubles:
            place = _path(steps)
            if not steps and (kept := without_code(question, value)) is not None:
                checks.append((("",), words))  # a refusal of the whole is a doubt about it
                return kept
            if place not in named:
                problems.append(f"{place or 'record'}: {words}")
                named.add(place)
            if not _blank(value, steps):
                return None
    return None


def _blank(value: Any, steps: Sequence[Step]) -> bool:
    """Set the innermost thing on the way to null that is not null yet; False when that is the record itself."""
    way: list[tuple[Any, Step]] = []
    for step in steps:
        way.append((value, step))
        if isinstance(value, dict) and isinstance(step, str):
            value = value.get(step)
        elif isinstance(value, list) and isinstance(step, int):
            value = value[step]
        else:
            way.pop()
            break
    for holder, step in reversed(way):
        if not isinstance(holder, dict) or holder.get(step) is not None:
            holder[step] = None
            return True
    return False


def _path(loc: tuple[Step, ...]) -> str:
    """Pydantic's place of an error as a path: `("line_items", 0, "amount")` is `line_items[0].amount`."""
    path = ""
    for step in loc:
        path = f"{path}[{step}]" if isinstance(step, int) else join(path, step)
    return path


def steps(path: str) -> tuple[Step, ...]:
    """The way that a path names: `line_items[0].amount` is `("line_items", 0, "amount")`."""
    return tuple(int(number) if number else name for number, name in _STEPS.findall(path))
