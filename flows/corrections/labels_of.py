"""What people fixed comes in; labels for `octavo eval` go out, and how right the model was by confidence.

A plain field is a label when somebody judged it. A list is one as a whole, as it was left, when somebody touched any of it: `eval` compares
lists item by item, and half a list would make the other half wrong.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from octavo.flows.corrections.current import Current
from octavo.flows.corrections.entry import Desk, value_at
from octavo.processors.check import records as check
from octavo.schemas.corrections import Correction
from octavo.schemas.errors import SettingsError
from octavo.schemas.labels import Labels

BANDS = (0.0, 0.5, 0.7, 0.8, 0.9, 0.95)  # lower edges; the last one ends at 1


@dataclass(frozen=True, slots=True)
class Band:
    """Of the values in a band of confidence that somebody judged, how many were right."""

    low: float
    high: float
    right: int
    judged: int

    @property
    def share(self) -> float | None:
        """0 to 1; None where nothing was judged."""
        return self.right / self.judged if self.judged else None


def labels_of(desk: Desk) -> Iterator[Labels]:
    """The labels of every corrected answer that is in the tables, by path."""
    keys = sorted(desk.store.corrected())
    paths = desk.reader.paths_of([document for document, _ in keys])
    found = []
    for document, question in keys:
        try:
            stands = desk.current(document, question)
        except SettingsError:  # its document or its question is gone
            continue
        if document in paths:
            found.append(_labels(paths[document], _spec(desk, question), stands))
    yield from sorted(found, key=lambda one: (one.document, one.question or ""))


def bands(corrections: Iterable[Correction]) -> list[Band]:
    """How right each band of confidence was: the first verdict about each value that a model gave."""
    first: dict[tuple[str, str, str], Correction] = {}
    for one in corrections:
        if one.confidence is not None and one.verdict in ("right", "changed", "absent"):
            first.setdefault((one.document, one.question, one.field), one)
    found = []
    for low, high in zip(BANDS, (*BANDS[1:], 1.0), strict=True):
        inside = [
            one
            for one in first.values()
            if low <= (one.confidence or 0.0) and ((one.confidence or 0.0) < high or high == 1.0)
        ]
        found.append(Band(low, high, sum(is_right(one) for one in inside), len(inside)))
    return found


def is_right(one: Correction) -> bool:
    """Whether the value before was what the person says."""
    return one.verdict == "right" or (one.verdict == "changed" and one.before == one.after)


def _labels(path: str, spec: str, stands: Current) -> Labels:
    judged = [item for item in stands.record.evidence if item.state == "corrected"]
    touched = {str(check.steps(one.field)[0]) for one in stands.corrections}
    lists = {one.name for one in stands.fields if one.kind == "list" and one.name in touched}
    values: dict[str, Any] = {name: stands.record.value.get(name) for name in lists}
    pages: dict[str, int] = {}
    for item in judged:
        way = check.steps(item.field)
        if way[0] not in lists and not any(isinstance(step, int) for step in way):
            _put(values, [str(step) for step in way], value_at(stands.record.value, item.field))
        elif way[0] not in lists:
            _put_list(values, way, stands.record.value)
        if item.page:
            pages[item.field] = item.page
    return Labels(document=path, schema=spec, values=values, pages=pages)


def _put(values: dict[str, Any], way: list[str], value: Any) -> None:
    for name in way[:-1]:
        values = values.setdefault(name, {})
    values[way[-1]] = value


def _put_list(values: dict[str, Any], way: tuple[Any, ...], record: Any) -> None:
    """A list inside a record, as a whole."""
    names = []
    for step in way:
        if isinstance(step, int):
            break
        names.append(str(step))
    _put(values, names, value_at(record, ".".join(names)))


def _spec(desk: Desk, question: str) -> str:
    """How `--extract` names the schema of a table: as the runs did, so that a schema in a file is found again."""
    return desk.schemas.specs.get(question, question)
