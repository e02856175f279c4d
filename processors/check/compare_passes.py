"""Two records of one document, from two passes over the same window, come in; one goes out, with what they agree on noted.

Where they differ, the value of the first stays, unless it is proved nowhere and the second one's is proved. Where the second has no valid
answer it has no say. Lists are compared as a whole, since their items may stand in another order.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from octavo.schemas.pipeline import Evidence, Record

PROVED = ("exact", "loose")


def agree(first: Iterable[Record], second: Iterable[Record]) -> list[Record]:
    """The records of two passes as one: a document that only the first could answer has that answer, without a note.

    One that the first pass gave up, or found to be of another kind, is not among them: a second opinion is no repair.
    """
    others = {record.document: record for record in second}
    return [_one(record, others.get(record.document)) for record in first]


def _one(first: Record, second: Record | None) -> Record:
    if second is None:
        return first
    value, proofs, conflicts = dict(first.value), list[Evidence](), list(first.conflicts)
    for name in first.value:
        mine, theirs = _of(first, name), _of(second, name)
        if _plain(first.value[name]) == _plain(second.value.get(name)):
            proofs += [_noted(item, "agreed") for item in mine]
            continue
        if any(item.state == "failed" for item in theirs):
            proofs += mine
            continue
        conflicts.append(name)
        if _is_proved(theirs) and not _is_proved(mine):
            value[name], mine = (
                second.value.get(name),
                [replace(item, request=item.request or second.request) for item in theirs],
            )
        proofs += [_noted(item, "disagreed") for item in mine]
    return replace(first, value=value, evidence=tuple(proofs), conflicts=tuple(dict.fromkeys(conflicts)))


def _of(record: Record, name: str) -> list[Evidence]:
    """The evidence of one column, its items and fields included."""
    return [
        item
        for item in record.evidence
        if item.field == name or item.field.startswith((f"{name}.", f"{name}["))
    ]


def _is_proved(evidence: Iterable[Evidence]) -> bool:
    grades = [item.grade for item in evidence if item.state == "given"]
    return bool(grades) and all(grade in PROVED for grade in grades)


def _noted(item: Evidence, note: str) -> Evidence:
    return replace(item, notes=(*item.notes, note)) if item.state == "given" else item


def _plain(value: Any) -> Any:
    """A value as it is compared: texts that differ in case and white space only agree."""
    if isinstance(value, Mapping):
        return {name: _plain(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return " ".join(value.casefold().split()) if isinstance(value, str) else value
