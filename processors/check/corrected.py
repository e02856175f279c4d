"""An answer and what people said about it come in; the answer as they left it goes out, whatever model or schema it is of by now.

    corrected(fields, record {total: 8.00}, [total: changed to 9.00 by Ann])
    record {total: 9.00}, its evidence `corrected`, and in `conflicts`: "total: '9.00' by Ann, the answer says '8.00'"

Corrections are laid over the answer one after the other. One that goes through a list looks for the item that it was about by what the item
said then, since another answer may have its items in another order, more of them or fewer; an item that is not there any more is put back.
What the schema has no field for is left out, and holds again when the field is back. `corrected_rows` tells items apart.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any

from octavo.processors.check.corrected_rows import alike, common, located
from octavo.processors.check.normalise import join, normalise, shown
from octavo.processors.check.validate import steps
from octavo.schemas.corrections import Correction, ValuePlace, as_json
from octavo.schemas.pipeline import Evidence, Field, Record

SURE = 1.0  # confidence in what a person said
PUT_BACK = "It was in the answer that was corrected, and is not in this one."
_Step = str | int


def corrected(fields: Sequence[Field], record: Record, corrections: Sequence[Correction]) -> Record:
    """The record with the corrections laid over it, its value as JSON has it; the record itself where there are none."""
    if not corrections:
        return record
    draft = _Draft(fields, deepcopy(as_json(record.value)), list(record.evidence))
    for correction in corrections:
        draft.lay(correction)
    conflicts = [
        one
        for one in record.conflicts
        if one.partition(": ")[0] not in {item.field for item in draft.corrected()}
    ]
    return replace(
        record,
        value=draft.value,
        evidence=tuple(draft.evidence),
        conflicts=(*conflicts, *draft.conflicts()),
    )


def field_at(fields: Sequence[Field], way: Sequence[_Step]) -> Field | None:
    """The field that a path leads to; None when the schema has none there."""
    around: Field | None = Field("", "record", fields=tuple(fields))
    for step in way:
        if around is None:
            return None
        if isinstance(step, int):
            around = around.item if around.kind == "list" else None
        else:
            around = next((one for one in around.fields if one.name == step), None)
    return around


def fitted(one: Field, value: Any) -> tuple[Any, str]:
    """A value in the form that a field has it, as JSON, and what is wrong with it; "" when nothing is."""
    problems: list[str] = []
    kept = normalise((replace(one, nullable=True),), {one.name: _exact(value)}, problems)
    problem = problems[0].partition(": ")[2] if problems else ""
    return as_json(_scaled(one, kept.get(one.name))), problem


def _scaled(one: Field, value: Any) -> Any:
    """A value whose decimals have the digits of their columns: 9.5 is 9.50."""
    if isinstance(value, Decimal) and one.kind == "decimal":
        return value.quantize(Decimal(1).scaleb(-one.scale))
    if isinstance(value, dict):
        inner = {field.name: field for field in one.fields}
        return {name: _scaled(inner[name], own) for name, own in value.items()}
    if isinstance(value, list) and one.item:
        return [_scaled(one.item, own) for own in value]
    return value


def _exact(value: Any) -> Any:
    """JSON whose numbers have all their digits."""
    if isinstance(value, Mapping):
        return {name: _exact(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_exact(inner) for inner in value]
    return Decimal(str(value)) if isinstance(value, float) else value


@dataclass
class _Draft:
    """An answer while corrections are laid over it."""

    fields: Sequence[Field]
    value: dict[str, Any]
    evidence: list[Evidence]
    said: dict[str, Any] = field(
        default_factory=dict
    )  # by path, what the answer says where a person says something else
    remarks: list[str] = field(default_factory=list)
    stash: list[tuple[Any, list[Evidence]]] = field(
        default_factory=list
    )  # rows that were taken out, for who puts them elsewhere

    def corrected(self) -> Iterator[Evidence]:
        """The evidence of what people said."""
        return (item for item in self.evidence if item.state == "corrected")

    def conflicts(self) -> Iterator[str]:
        """A sentence for each place at which the answer says something else than a person."""
        known = {item.field: item for item in self.corrected()}
        for path, said in self.said.items():
            if (item := known.get(path)) and common(said, self._at(path)) < 1:
                yield f"{path}: {shown(item.value or None)} by {item.who}, the answer says {shown(said)}"
        yield from self.remarks

    def lay(self, correction: Correction) -> None:
        """Lay one correction over what is there."""
        way = steps(correction.field)
        if field_at(self.fields, way) is None:
            return
        if correction.verdict == "row_added":
            self._add(correction, self._placed(way[:-1], correction.anchors), way[-1])
        elif correction.verdict == "row_removed":
            self._remove(correction, way)
        else:
            self._set(correction, self._placed(way, correction.anchors, correction.after))

    def _placed(self, way: Sequence[_Step], anchors: Sequence[Any], after: Any = None) -> tuple[_Step, ...]:
        """The way as it is in this answer: each item where it is now, put back where it is not there.

        `after` is what a person wants at its end, where another answer may have it already.
        """
        found: list[_Step] = []
        left = list(anchors)
        for number, step in enumerate(way):
            if isinstance(step, int) and left:
                anchor = left.pop(0)
                found.append(self._item(found, step, [anchor, _with(anchor, way[number + 1 :], after)]))
            else:
                found.append(step)
        return tuple(found)

    def _item(self, way: Sequence[_Step], number: int, anchors: Sequence[Any]) -> int:
        items = self._list(way)
        places = (located(items, number, anchor) for anchor in anchors)
        place = next((one for one in places if one is not None), None)
        if place is None:
            place = min(number, len(items))
            one = field_at(self.fields, [*way, 0])
            self._insert(way, place, fitted(one, anchors[0])[0] if one else anchors[0])
        return place

    def _list(self, way: Sequence[_Step]) -> list[Any]:
        """The list at the end of a way, made where there is none."""
        around: Any = self.value
        for step in way[:-1]:
            around = self._inside(around, step, {})
        found: list[Any] = self._inside(around, way[-1], [])
        return found

    def _inside(self, around: Any, step: _Step, empty: Any) -> Any:
        """What lies at a step, which is `empty` by now where nothing did."""
        if isinstance(around, dict) and around.get(str(step)) is None:
            around[step] = empty
        return around[step]

    def _at(self, path: str) -> Any:
        value: Any = self.value
        for step in steps(path):
            try:
                value = value[step]
            except (KeyError, IndexError, TypeError):
                return None
        return value

    def _set(self, correction: Correction, way: Sequence[_Step]) -> None:
        one, path = field_at(self.fields, way), _path(way)
        if one is None:
            return
        value, problem = fitted(one, correction.after)
        if problem:
            self.remarks.append(
                f"{path}: {shown(correction.after)} by {correction.who} does not fit any more, it {problem}"
            )
            return
        around: Any = self.value
        for step in way[:-1]:
            around = self._inside(around, step, {})
        last = way[-1]
        before = around.get(last) if isinstance(around, dict) else around[last]
        self.said.setdefault(path, before)
        around[last] = value
        request = next((item.request for item in self.evidence if item.field == path), "")
        self._forget(path)
        self.evidence.append(_proof(path, value, correction, correction.place, request))

    def _forget(self, path: str) -> None:
        """Take away the evidence of a path, of what is in it, and that nothing is known of what it lies in."""
        around = {path[:end] for end, sign in enumerate(path) if sign in ".["}
        self.evidence = [
            item
            for item in self.evidence
            if not (
                _lies_in(item.field, path)
                or (item.field in around and item.state in ("null", "missing") and not item.detail)
            )
        ]

    def _add(self, correction: Correction, way: Sequence[_Step], number: _Step) -> None:
        items, one = self._list(way), field_at(self.fields, [*way, 0])
        if one is None or not isinstance(number, int):
            return
        row, problem = fitted(one, correction.after)
        if problem and row is None:
            self.remarks.append(
                f"{_path([*way, number])}: a row by {correction.who} does not fit any more, it {problem}"
            )
            return
        twins = [place for place, item in enumerate(items) if alike(item, row)]
        if len(twins) > (int(correction.anchors[-1] or 0) if correction.anchors else 0):
            self._take_over(correction, way, twins[-1], row)
        else:
            self._insert(way, min(number, len(items)), row, correction)

    def _take_over(self, correction: Correction, way: Sequence[_Step], place: int, row: Any) -> None:
        """A row that a person added stands in the answer by now: it is the person's, and not there twice."""
        items, path = self._list(way), _path([*way, place])
        if items[place] != row:
            self.remarks.append(
                f"{path}: {shown(row)} by {correction.who}, the answer says {shown(items[place])}"
            )
        items[place] = row
        self._forget(path)
        self.evidence += self._proofs(path, row, correction)

    def _insert(
        self, way: Sequence[_Step], place: int, row: Any, correction: Correction | None = None
    ) -> None:
        """Put a row in; without a correction it is one of the answer that was corrected, and doubted."""
        path = _path(way)
        self._shift(path, place, 1)
        self._forget_empty(path)
        self._list(way).insert(place, row)
        own = f"{path}[{place}]"
        moved = next((proofs for before, proofs in self.stash if before == row), None)
        if moved is not None:
            self.stash = [pair for pair in self.stash if pair[1] is not moved]
            self.evidence += [replace(item, field=own + item.field) for item in moved]
        elif correction:
            self.evidence += self._proofs(own, row, correction)
        else:
            self.evidence += [
                Evidence(
                    leaf, _written(value), "missing", notes=("conflict",), detail=PUT_BACK, confidence=0.5
                )
                for leaf, value in _leaves(own, row)
            ]

    def _forget_empty(self, path: str) -> None:
        self.evidence = [
            item
            for item in self.evidence
            if not (item.field == path and item.state in ("null", "missing") and not item.detail)
        ]

    def _proofs(self, path: str, row: Any, correction: Correction) -> list[Evidence]:
        return [_proof(leaf, value, correction, correction.place, "") for leaf, value in _leaves(path, row)]

    def _remove(self, correction: Correction, way: Sequence[_Step]) -> None:
        around = self._placed(way[:-1], correction.anchors[:-1])
        items, last = self._list(around), way[-1]
        anchor = correction.anchors[-1] if correction.anchors else correction.before
        place = located(items, int(last), anchor)
        if place is None:
            return
        path = _path([*around, place])
        own = [
            replace(item, field=item.field[len(path) :])
            for item in self.evidence
            if _lies_in(item.field, path)
        ]
        row = items.pop(place)
        self.stash.append((row, own))
        self.remarks.append(f"{path}: removed by {correction.who}, the answer says {shown(row)}")
        self.evidence = [item for item in self.evidence if not _lies_in(item.field, path)]
        self._shift(_path(around), place + 1, -1)

    def _shift(self, path: str, start: int, by: int) -> None:
        """Give the items of a list from `start` on other numbers, in all that speaks of them."""
        self.evidence = [replace(item, field=_shifted(item.field, path, start, by)) for item in self.evidence]
        self.said = {_shifted(place, path, start, by): said for place, said in self.said.items()}


def _with(anchor: Any, way: Sequence[_Step], after: Any) -> Any:
    """An item as a person wants it."""
    if not way:
        return after
    wanted = deepcopy(anchor)
    around: Any = wanted
    for step in way[:-1]:
        if not isinstance(around, dict | list):
            return wanted
        around = around.get(step) if isinstance(around, dict) else around[int(step)]
    if isinstance(around, dict):
        around[str(way[-1])] = after
    return wanted


def _shifted(place: str, path: str, start: int, by: int) -> str:
    if not place.startswith(f"{path}["):
        return place
    number, _, rest = place[len(path) + 1 :].partition("]")
    return f"{path}[{int(number) + by}]{rest}" if number.isdigit() and int(number) >= start else place


def _lies_in(place: str, path: str) -> bool:
    return place == path or place.startswith((f"{path}.", f"{path}["))


def _path(way: Sequence[_Step]) -> str:
    path = ""
    for step in way:
        path = f"{path}[{step}]" if isinstance(step, int) else join(path, step)
    return path


def _leaves(path: str, value: Any) -> Iterator[tuple[str, Any]]:
    """Every value in a row, with its path."""
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from _leaves(join(path, name), inner)
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            yield from _leaves(f"{path}[{number}]", inner)
    elif value is not None:
        yield path, value


def _written(value: Any) -> str:
    return "" if value is None else str(value).lower() if isinstance(value, bool) else str(value)


def _proof(path: str, value: Any, correction: Correction, place: ValuePlace, request: str) -> Evidence:
    """The evidence of what a person says."""
    return Evidence(
        path,
        _written(value),
        place.grade,
        place.page,
        place.start,
        place.end,
        place.quote,
        state="corrected",
        detail=correction.note,
        confidence=SURE if value is not None else None,
        request=request,
        who=correction.who,
        corrected_at=correction.at,
    )
