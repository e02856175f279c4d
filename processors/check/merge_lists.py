"""The items that several pieces of a document gave for one list come in; the items of the whole list go out, in the order of the document.

    piece 1    Bolt 1.00 (page 3, at 80)   Nut 2.00 (page 3, at 120)
    piece 2    Nut 2.00 (page 3, at 120)   Nut 3.00 (page 4, at 10)         ->    Bolt 1.00, Nut 2.00, Nut 3.00

The order of a reply is kept; where items of two replies meet, their places in the document decide. Equal items of different pieces are
one, and so are what two pieces saw of an item that the seam between them cuts. Items of one piece are never one, nor are items with a
field that differs. A list in which one piece gives equal items at different places has things that are printed alike, such as rows of
a statement: in such a list items are one only where they stand at the same place.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from octavo.schemas.pipeline import Evidence

Place = tuple[int, int]  # page, first character

_NUMBERED = re.compile(r"\[(?P<number>\d+)\](?P<rest>.*)", re.DOTALL)
_NUMBER = re.compile(r"\[\d+\]")


@dataclass(frozen=True)
class Item:
    """One item as one piece gave it, with its evidence. Paths in the evidence begin below the item."""

    value: Any
    evidence: tuple[Evidence, ...]

    @cached_property
    def key(self) -> Any:
        """What is equal for equal items."""
        return plain(self.value)

    @cached_property
    def scalars(self) -> dict[str, Any]:
        """Its values by path, those in lists left aside."""
        return dict(_scalars(self.value))

    @cached_property
    def proofs(self) -> dict[str, Evidence]:
        """The evidence of the values that are proved at a place."""
        return {proof.field: proof for proof in self.evidence if proof.page and proof.start is not None}

    @cached_property
    def places(self) -> set[tuple[str, Place]]:
        """Where its values stand, by their paths without the numbers of lists."""
        return {
            (_NUMBER.sub("[]", path), (proof.page or 0, proof.start or 0))
            for path, proof in self.proofs.items()
        }

    @cached_property
    def place(self) -> Place | None:
        """Where its longest proof stands, which says most about where the item does; None when nothing of it is proved."""
        best = max(
            self.proofs.values(), key=lambda proof: ("[" not in proof.field, len(proof.quote)), default=None
        )
        return (best.page or 0, best.start or 0) if best else None


@dataclass(eq=False, slots=True)
class _JoinedItem:
    """One item of the whole list: all that pieces said of it, and where it belongs in the order of the document."""

    items: list[Item]
    place: Place


def as_one(pieces: Sequence[tuple[Place, Sequence[Item]]]) -> list[list[Item]]:
    """The items of the whole list, each with all that the pieces said of it, in the order of the document.

    Each piece comes with the place where it begins, and pieces come in the order of the document. Equal items at different places are
    not one yet, see `each_once`.
    """
    joined = _Joined()
    for start, items in pieces:
        if items:
            joined.take(start, items)
    return [entry.items for entry in joined.entries]


def each_once(
    whole: Sequence[list[Item]], keys: Sequence[Any], piece_of: Mapping[int, int]
) -> list[list[Item]]:
    """The items without those that are equal to an earlier one, unless one piece gave two that are equal: then all of them count.

    `keys` are equal for equal items; `piece_of` has the number of the piece by the id of each item as that piece gave it.
    """
    found: dict[Any, list[Item]] = {}
    seen: set[tuple[Any, int]] = set()
    for same, key in zip(whole, keys, strict=True):
        given_by = {(key, piece_of[id(item)]) for item in same}
        if given_by & seen:
            return list(whole)
        seen |= given_by
        found[key] = [*found.get(key, ()), *same]
    return list(found.values())


def items_of(values: Sequence[Any], evidence: Sequence[Evidence]) -> list[Item]:
    """The items of a list, each with its evidence; paths in `evidence` begin below the list."""
    own: dict[int, list[Evidence]] = {}
    for proof in evidence:
        if match := _NUMBERED.fullmatch(proof.field):
            own.setdefault(int(match["number"]), []).append(
                replace(proof, field=match["rest"].removeprefix("."))
            )
    return [Item(value, tuple(own.get(number, ()))) for number, value in enumerate(values)]


def plain(value: Any) -> Any:
    """A value as it is compared: texts that differ in case and white space only are equal."""
    if isinstance(value, Mapping):
        return tuple((name, plain(inner)) for name, inner in value.items())
    if isinstance(value, list):
        return tuple(map(plain, value))
    return " ".join(value.casefold().split()) if isinstance(value, str) else value


def stands_together(one: Item, other: Item) -> bool | None:
    """Whether two items are proved at the same place, by most of what both have; None when they have nothing proved in common.

    Items without a common value of their own are together when a list in both has a value at the same place.
    """
    common = [path for path in one.proofs if path in other.proofs and "[" not in path]
    if not common:
        return True if one.places & other.places else None
    weights = {path: len(one.proofs[path].quote) for path in common}
    same = sum(weights[path] for path in common if overlap(one.proofs[path], other.proofs[path]))
    return same > 0 and 2 * same >= sum(weights.values())


def overlap(one: Evidence, other: Evidence) -> bool:
    """Whether two proofs have a character of the document in common."""
    return (
        one.page == other.page and (one.start or 0) < (other.end or 0) and (other.start or 0) < (one.end or 0)
    )


class _Joined:
    """The list as it grows, piece by piece."""

    def __init__(self) -> None:
        """Begin an empty list."""
        self.entries: list[_JoinedItem] = []
        self._equal: dict[Any, list[_JoinedItem]] = {}
        self._at: dict[tuple[str, Place], list[_JoinedItem]] = {}
        self._before: list[_JoinedItem] = []  # of the last piece that had items

    def take(self, start: Place, items: Sequence[Item]) -> None:
        """Take the items of the next piece: what is known already is added to its entry, the rest goes where it stands."""
        known = self._known(items)
        places = _in_order(items, start if any(item.place for item in items) else max(start, self._end()))
        here: list[_JoinedItem] = []
        at = 0
        for item, place, entry in zip(items, places, known, strict=True):
            if entry is None:
                at = max(at, bisect_right(self.entries, place, key=_place_of))
                here.append(self._insert(at, place))
                at += 1
            else:
                here.append(entry)
                if any(stands_together(own, item) for own in entry.items):
                    at = max(at, self.entries.index(entry) + 1)
        for item, entry in zip(items, here, strict=True):
            entry.items.append(item)
            self._equal.setdefault(item.key, []).append(entry)
            for where in item.places:
                self._at.setdefault(where, []).append(entry)
        self._before = here

    def _insert(self, at: int, place: Place) -> _JoinedItem:
        """A new entry at a number of the list. Places never go back along the list."""
        entry = _JoinedItem([], max(place, self.entries[at - 1].place) if at else place)
        self.entries.insert(at, entry)
        return entry

    def _end(self) -> Place:
        return self.entries[-1].place if self.entries else (0, 0)

    def _known(self, items: Sequence[Item]) -> list[_JoinedItem | None]:
        """For each item the entry that it is, the surest first, and no entry twice; None for items that are new."""
        found: list[_JoinedItem | None] = [None] * len(items)
        taken = {id(None)}
        for rule in (self._equal_here, self._cut_here, self._equal_somewhere, self._cut_without_place):
            for number in range(len(items)):
                if found[number] is None:
                    found[number] = next((one for one in rule(items, number) if id(one) not in taken), None)
                    taken.add(id(found[number]))
        return found

    def _equal_here(self, items: Sequence[Item], number: int) -> Iterator[_JoinedItem]:
        """Entries that are equal and stand at the same place."""
        item = items[number]
        for entry in self._equal.get(item.key, ()):
            if any(stands_together(own, item) for own in entry.items):
                yield entry

    def _cut_here(self, items: Sequence[Item], number: int) -> Iterator[_JoinedItem]:
        """Entries that stand at the same place, and of which one piece saw less than the other."""
        item = items[number]
        near = (entry for place in item.places for entry in self._at.get(place, ()))
        for entry in (*near, *(self._before if number == 0 else self._before[-1:])):
            together = any(stands_together(own, item) for own in entry.items)
            if together and all(_differ_by_cut(own, item) for own in entry.items):
                yield entry

    def _equal_somewhere(self, items: Sequence[Item], number: int) -> Iterator[_JoinedItem]:
        """Entries that are equal where one of both stands nobody knows where."""
        item = items[number]
        for entry in self._equal.get(item.key, ()):
            if item.place is None or all(own.place is None for own in entry.items):
                yield entry

    def _cut_without_place(self, items: Sequence[Item], number: int) -> Iterator[_JoinedItem]:
        """The last entry before the seam, when the first item behind it has what that one lacks, and all others have it."""
        if number or not self._before:
            return
        item, entry = items[0], self._before[-1]
        others = [*(own for one in self._before[:-1] for own in one.items), *items[1:]]
        apart = any(stands_together(own, item) is False for own in entry.items)
        if not apart and _complete_each_other(entry.items[-1], item, others):
            yield entry


def _place_of(entry: _JoinedItem) -> Place:
    return entry.place


def _in_order(items: Sequence[Item], start: Place) -> list[Place]:
    """A place for each item such that none goes back: its own where it fits in with most of the others, else that of the one before.

    subtle: a value may be proved where it is mentioned, before or behind its own row; the order of the reply is right about that.
    """
    places = [max(item.place, start) if item.place else None for item in items]
    fitting = _longest_rise(places)
    found: list[Place] = []
    for number, place in enumerate(places):
        found.append(
            place if place and number in fitting else found[-1] if found else _first(places, fitting, start)
        )
    return found


def _first(places: Sequence[Place | None], fitting: set[int], start: Place) -> Place:
    """The place of items before the first that has one."""
    return next((place for number, place in enumerate(places) if place and number in fitting), start)


def _longest_rise(places: Sequence[Place | None]) -> set[int]:
    """The numbers of the most places of which none is before the one that it follows."""
    tails: list[Place] = []
    ends: list[int] = []
    before: dict[int, int] = {}
    for number, place in enumerate(places):
        if place is not None:
            length = bisect_right(tails, place)
            tails[length : length + 1] = [place]
            ends[length : length + 1] = [number]
            before[number] = ends[length - 1] if length else -1
    found: set[int] = set()
    number = ends[-1] if ends else -1
    while number >= 0:
        found.add(number)
        number = before[number]
    return found


def _scalars(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(value, Mapping):
        for name, inner in value.items():
            yield from _scalars(inner, f"{path}.{name}" if path else name)
    elif not isinstance(value, list):
        yield path, value


def _differ_by_cut(one: Item, other: Item) -> bool:
    """Whether two items differ only in what one of them does not have, or has less of a text."""
    for path, value in one.scalars.items():
        theirs = other.scalars.get(path)
        if value is None or theirs is None or plain(value) == plain(theirs):
            continue
        if not (isinstance(value, str) and isinstance(theirs, str)):
            return False
        proofs = one.proofs.get(path), other.proofs.get(path)
        meet = proofs[0] is not None and proofs[1] is not None and overlap(proofs[0], proofs[1])
        if not (meet or plain(value) in plain(theirs) or plain(theirs) in plain(value)):
            return False
    return True


def _complete_each_other(one: Item, other: Item, others: Iterable[Item]) -> bool:
    """Whether two items have no value that differs, and what either lacks of the other all others have."""
    paths = {**one.scalars, **other.scalars}
    lacking = [path for path in paths if (one.scalars.get(path) is None) != (other.scalars.get(path) is None)]
    agree = all(
        path in lacking or plain(one.scalars.get(path)) == plain(other.scalars.get(path)) for path in paths
    )
    return (
        bool(lacking)
        and agree
        and all(item.scalars.get(path) is not None for item in others for path in lacking)
    )
