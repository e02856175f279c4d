"""The lead of this room: labels and answers in, a score for each field out.

    marks = compare(question.fields, {"total": "9.50"}, {"total": Decimal("9.50"), "paid": True})
    tally(marks).f1

A value that is labelled and was found is right or wrong; a wrong one counts against precision and against recall. Only fields that
the labels name are scored: `null` in the labels says that the document has no such value, a field that is left out says nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from octavo.processors.score.exchange import exchanged
from octavo.processors.score.match import ANY_OF, pairs, same
from octavo.processors.score.plot import draw
from octavo.schemas.errors import SchemaError
from octavo.schemas.pipeline import Field

__all__ = ["FieldCounts", "Mark", "compare", "draw", "exchanged", "tally"]


@dataclass(frozen=True, slots=True)
class Mark:
    """One value that is labelled, or was found where the labels have none."""

    field: str  # without numbers, such as line_items[].amount
    gold: Any  # None when the labels say that there is no value
    found: Any  # None when there is none
    right: bool = False
    gold_path: str = ""  # with numbers, as the labels count
    path: str = ""  # with numbers, as the answer counts; the same as in `evidence`


@dataclass(frozen=True, slots=True)
class FieldCounts:
    """How many values are labelled, were found, and are right."""

    gold: int
    found: int
    right: int

    @property
    def precision(self) -> float:
        """Share of the found values that are right; 1 when none was found."""
        return self.right / self.found if self.found else 1.0

    @property
    def recall(self) -> float:
        """Share of the labelled values that were found right; 1 when none is labelled."""
        return self.right / self.gold if self.gold else 1.0

    @property
    def f1(self) -> float:
        """Harmonic mean of precision and recall."""
        return 2 * self.right / (self.gold + self.found) if self.gold + self.found else 1.0


def tally(marks: Iterable[Mark]) -> FieldCounts:
    """The marks, counted."""
    marks = list(marks)
    gold, found = (
        sum(value is not None for value in values)
        for values in ((m.gold for m in marks), (m.found for m in marks))
    )
    return FieldCounts(gold, found, sum(mark.right for mark in marks))


def compare(
    fields: Sequence[Field], gold: Mapping[str, Any] | None, found: Mapping[str, Any] | None
) -> list[Mark]:
    """The marks of one document. `gold` None: the document is of another kind, so that whatever was found is wrong.

    Raises SchemaError when the labels name a field that the schema does not have, or hold a value that does not fit it.
    """
    labels = dict.fromkeys((field.name for field in fields), None) if gold is None else gold
    return list(_record(fields, labels, found or {}, _ScoredPlace()))


@dataclass(frozen=True, slots=True)
class _ScoredPlace:
    """Where we are: without numbers, in the labels, in the answer; None where one of them has no such item."""

    field: str = ""
    gold: str | None = ""
    found: str | None = ""

    def inside(self, name: str) -> _ScoredPlace:
        return _ScoredPlace(
            f"{self.field}.{name}".lstrip("."), *(_below(path, name) for path in (self.gold, self.found))
        )

    def item(self, gold: int | None, found: int | None) -> _ScoredPlace:
        return _ScoredPlace(
            f"{self.field}[]",
            *(None if n is None else f"{path}[{n}]" for path, n in ((self.gold, gold), (self.found, found))),
        )


def _below(path: str | None, name: str) -> str | None:
    return f"{path}.{name}" if path else name if path == "" else None


def _record(
    fields: Sequence[Field], gold: Mapping[str, Any], found: Mapping[str, Any], place: _ScoredPlace
) -> Iterator[Mark]:
    known = {field.name: field for field in fields}
    for name, label in gold.items():
        if name not in known:
            message = f"The labels name {place.inside(name).field}, which the schema does not have."
            raise SchemaError(message, about=name, next_step=f"It has {', '.join(known)}.")
        yield from _value(known[name], label, found.get(name), place.inside(name))


def _value(field: Field, gold: Any, found: Any, place: _ScoredPlace) -> Iterator[Mark]:
    if field.kind == "record":
        labels = dict.fromkeys((inner.name for inner in field.fields), None) if gold is None else gold
        yield from _record(field.fields, labels, found or {}, place)
    elif field.kind == "list" and field.item:
        yield from _list(field.item, gold or [], found or [], place)
    elif gold is not None or found is not None:
        yield Mark(
            place.field,
            gold,
            found,
            gold is not None and same(field, gold, found),
            place.gold or "",
            place.found or "",
        )


def _list(item: Field, gold: Sequence[Any], found: Sequence[Any], place: _ScoredPlace) -> Iterator[Mark]:
    """Marks of a list: those of its pairs, then what only one side has. An item is scored in the fields that some label names."""

    def marks(wanted: Any, given: Any, numbers: tuple[int | None, int | None] = (None, None)) -> list[Mark]:
        return list(_value(item, wanted, given, place.item(*numbers)))

    matched = dict(pairs(item, gold, found))
    for number, wanted in enumerate(gold):
        other = matched.get(number)
        yield from marks(wanted, None if other is None else found[other], (number, other))
    nothing, used = _nothing(item, gold), set(matched.values())
    for number, given in enumerate(found):
        if number not in used:
            yield from marks(nothing, given, (None, number))


def _nothing(item: Field, gold: Sequence[Any]) -> Any:
    """The label of an item that should not be there."""
    if item.kind != "record" or not gold:
        return None
    return dict.fromkeys(name for label in gold if ANY_OF not in label for name in label)
