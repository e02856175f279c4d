"""A merged record and the rules of its question come in; the record with what they say of its values goes out.

What does not add up is `unbalanced`. A value with two readings is no more `ambiguous` where the rules hold for it and not for the other
reading: `03/05/2026` is 5 March where the invoice is due on `04/04/2026`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

from octavo.processors.check.hits import MAY_BE
from octavo.schemas.arithmetic import broken_rules
from octavo.schemas.pipeline import Evidence, Question, Record


def balanced(question: Question, record: Record) -> Record:
    """The record, its evidence marked."""
    rules = (question.whole or question).rules
    if not rules:
        return record
    settled = _settled(rules, record)
    why: dict[str, list[str]] = {}
    for broken in broken_rules(rules, record.value):
        for path in broken.paths:
            why.setdefault(path, []).append(broken.why)
    marked = (
        _sure(item) if item.field in settled else _marked(item, why.get(item.field))
        for item in record.evidence
    )
    return replace(record, evidence=tuple(marked))


def _marked(item: Evidence, why: Sequence[str] | None) -> Evidence:
    if not why or item.state != "given":
        return item
    detail = "; ".join(filter(None, [item.detail, *why]))
    return replace(item, notes=(*item.notes, "unbalanced"), detail=detail)


def _sure(item: Evidence) -> Evidence:
    return replace(item, notes=tuple(note for note in item.notes if note != "ambiguous"), detail="")


def _settled(rules: Sequence[str], record: Record) -> set[str]:
    """The fields whose other reading breaks a rule where theirs breaks none. All dates of a document are read in one order."""
    doubted = {item.field: item.detail for item in record.evidence if "ambiguous" in item.notes}
    if not doubted or any(True for _ in broken_rules(rules, record.value)):
        return set()
    given = {name: record.value[name] for name in doubted if name in record.value}
    dates = {name: _turned(day) for name, day in given.items() if type(day) is date}
    dates = {name: day for name, day in dates.items() if day.isoformat() in doubted[name]}
    numbers = {
        name: one for name, one in given.items() if isinstance(one, Decimal) and MAY_BE in doubted[name]
    }
    return {
        *(dates if _breaks(rules, record, dates) else ()),
        *(
            name
            for name, number in numbers.items()
            if all(_breaks(rules, record, {name: number.scaleb(by)}) for by in (3, -3))
        ),
    }


def _breaks(rules: Iterable[str], record: Record, other: Mapping[str, Any]) -> bool:
    """Whether a rule does not hold with these values instead."""
    return bool(other) and any(True for _ in broken_rules(list(rules), {**record.value, **other}))


def _turned(day: date) -> date:
    """The date with day and month exchanged; itself where that is none."""
    return day.replace(month=day.day, day=day.month) if day.day <= 12 else day
