"""The records that the windows of one long document gave come in; one record of the whole document goes out.

Scalars are taken from the first part that has them, lists are joined in order, and the texts of a summary are put together.
The order in which the parts came back does not matter, and merging what is merged changes nothing.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import reduce
from typing import Any

from schemas.pipeline import Evidence, Record

SUMMARY = "summary"  # the question whose texts continue one another instead of competing

_IN_LIST = re.compile(r"(?P<list>[^\[]+)\[(?P<number>\d+)\](?P<rest>.*)", re.DOTALL)


Place = tuple[int | None, int | None]  # page, first character


@dataclass(slots=True)
class _Seam:
    """One part on its way into the whole: what changes on the way is noted for its evidence."""

    whole: Record
    part: Record
    shifts: dict[str, tuple[int, int]] = field(default_factory=dict)  # path of a list -> added to its numbers, items left out
    taken: set[str] = field(default_factory=set)  # paths of the scalars that stand in the whole
    conflicts: list[str] = field(default_factory=list)


def merge(parts: Sequence[tuple[int, Record]]) -> Record:
    """One record of the parts of one document, each with its position: the number of its first page, or any count in reading order.

    Where parts disagree the first one with a value wins, and `conflicts` names the field. Where one list ends with the items with which
    the next begins, they are taken once, unless they are proved at different places. Evidence goes along, with new numbers in its paths.
    """
    first, *others = (record for _, record in sorted(parts, key=_reading_order))
    return reduce(_joined, others, first)


def _reading_order(part: tuple[int, Record]) -> tuple[int, tuple[int, int], str, str]:
    """Position, then the first place that is proved; the rest only makes the order certain."""
    position, record = part
    places = [(item.page, item.start) for item in record.evidence if item.page is not None and item.start is not None]
    return position, min(places, default=(0, 0)), record.request, repr(record)


def _joined(whole: Record, part: Record) -> Record:
    """The whole so far with one more part behind it."""
    seam = _Seam(whole, part)
    value = _record(seam, "", whole.value, part.value)
    moved = [item for evidence in part.evidence if (item := _moved(seam, evidence))]
    conflicts = dict.fromkeys([*whole.conflicts, *part.conflicts, *seam.conflicts])
    return replace(whole, value=value, evidence=(*whole.evidence, *moved), conflicts=tuple(conflicts))


def _record(seam: _Seam, place: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, Any]:
    names = dict.fromkeys([*old, *new])
    return {name: _value(seam, f"{place}.{name}" if place else name, old.get(name), new.get(name)) for name in names}


def _value(seam: _Seam, path: str, old: Any, new: Any) -> Any:
    if isinstance(new, Mapping) and isinstance(old, Mapping | None):
        return _record(seam, path, old or {}, new)
    if isinstance(new, list) and isinstance(old, list | None):
        doubled = _doubled(seam, path, old or [], new)
        seam.shifts[path] = (len(old or []) - doubled, doubled)
        return [*(old or []), *new[doubled:]]
    return _scalar(seam, path, old, new)


def _scalar(seam: _Seam, path: str, old: Any, new: Any) -> Any:
    joins = seam.whole.question == SUMMARY and isinstance(old, str) and isinstance(new, str)
    if new is not None and (old is None or joins):
        seam.taken.add(path)
        return f"{old}\n\n{new}" if joins else new
    if new is not None and _plain(old) != _plain(new):
        seam.conflicts.append(path)
    return old


def _plain(value: Any) -> Any:
    """A value as it is compared: texts that differ in case and white space only do not disagree."""
    return " ".join(value.casefold().split()) if isinstance(value, str) else value


def _moved(seam: _Seam, item: Evidence) -> Evidence | None:
    """Evidence under its new path; None when its value did not come into the whole. That a value failed is said in any case."""
    match = _IN_LIST.fullmatch(item.field)
    if match is None:
        return item if item.field in seam.taken or item.state == "failed" else None
    shift, doubled = seam.shifts[match["list"]]
    number = int(match["number"])
    return replace(item, field=f"{match['list']}[{number + shift}]{match['rest']}") if number >= doubled else None


def _doubled(seam: _Seam, path: str, old: list[Any], new: list[Any]) -> int:
    """How many items at the end of one list are the items at the beginning of the next."""
    old_places, new_places = _places(path, seam.whole.evidence), _places(path, seam.part.evidence)
    for count in range(min(len(old), len(new)), 0, -1):
        first = len(old) - count
        if old[first:] == new[:count] and all(_may_be_one(old_places[first + n], new_places[n]) for n in range(count)):
            return count
    return 0


def _places(path: str, evidence: Sequence[Evidence]) -> defaultdict[int, set[Place]]:
    """For each item of a list the places that prove its values."""
    places: defaultdict[int, set[Place]] = defaultdict(set)
    for item in evidence:
        match = _IN_LIST.fullmatch(item.field)
        if match and match["list"] == path and item.start is not None:
            places[int(match["number"])].add((item.page, item.start))
    return places


def _may_be_one(one: set[Place], other: set[Place]) -> bool:
    """Whether two equal items may be the same: they share a place, or one of them is proved nowhere."""
    return not one or not other or not one.isdisjoint(other)
