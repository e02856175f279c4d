"""The items that several pieces of a document gave for one list come in; the items of the whole list go out, in the order of the document.

    piece 1    Bolt 1.00 (page 3, at 80)   Nut 2.00 (page 3, at 120)
    piece 2    Nut 2.00 (page 3, at 120)   Bolt 1.00 (page 4, at 10)        ->    Bolt, Nut, Bolt

Two items are one when they are proved at the same place; when they follow one another at the seam and one of them is proved nowhere; and,
wherever they stand, when they are equal and made of words alone: a party is the same on every page, an amount is not.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from octavo.schemas.pipeline import Evidence

Place = tuple[int, int]  # page, first character

NOWHERE: Place = (0, -1)
_NUMBERED = re.compile(r"\[(?P<number>\d+)\](?P<rest>.*)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Item:
    """One item as one piece gave it, with its evidence. Paths in the evidence begin below the item."""

    value: Any
    evidence: tuple[Evidence, ...]

    @property
    def anchor(self) -> tuple[str, Place] | None:
        """Path and place of its longest proof, which says most about where the item stands; None when nothing of it is proved."""
        proved = [proof for proof in self.evidence if proof.page is not None and proof.start is not None]
        best = max(proved, key=lambda proof: len(proof.quote), default=None)
        return (best.field, (best.page or 0, best.start or 0)) if best else None


def as_one(pieces: Sequence[Sequence[Item]]) -> list[list[Item]]:
    """The items of the whole list, each with all that the pieces said of it, in the order of the document."""
    found: list[list[Item]] = []
    places: list[Place] = []
    known: dict[Any, list[int]] = {}
    before: list[int] = []  # the items of the last piece, as numbers in `found`
    place = NOWHERE
    for items in pieces:
        here: list[int] = []
        seam = _seam([found[at][-1] for at in before], items)
        for n, item in enumerate(items):
            place = item.anchor[1] if item.anchor else place
            same = [at for name in _names(item) for at in known.get(name, ()) if at not in here]
            same += before[len(before) - seam + n :][:1] if n < seam else []
            number = next((at for at in same if at not in here), len(found))
            if number == len(found):
                found.append([])
                places.append(place)
            found[number].append(item)
            here.append(number)
            for name in _names(item):
                known.setdefault(name, []).append(number)
        before = here
    return [found[at] for at in sorted(range(len(found)), key=places.__getitem__)]


def items_of(values: Sequence[Any], evidence: Sequence[Evidence]) -> list[Item]:
    """The items of a list, each with its evidence; paths in `evidence` begin below the list."""
    own: dict[int, list[Evidence]] = {}
    for proof in evidence:
        if match := _NUMBERED.fullmatch(proof.field):
            own.setdefault(int(match["number"]), []).append(replace(proof, field=match["rest"]))
    return [Item(value, tuple(own.get(number, ()))) for number, value in enumerate(values)]


def plain(value: Any) -> Any:
    """A value as it is compared: texts that differ in case and white space only are equal."""
    if isinstance(value, Mapping):
        return tuple((name, plain(inner)) for name, inner in value.items())
    if isinstance(value, list):
        return tuple(map(plain, value))
    return " ".join(value.casefold().split()) if isinstance(value, str) else value


def _names(item: Item) -> Iterator[Any]:
    """What tells an item from others: where it is proved, and what it says if it says words alone."""
    if item.anchor:
        yield item.anchor
    if _is_words(item.value):
        yield plain(item.value)


def _is_words(value: Any) -> bool:
    """Whether a value is a text without digits, or a record of such texts."""
    inner = [one for one in value.values() if one is not None] if isinstance(value, Mapping) else [value]
    return bool(inner) and all(isinstance(one, str) and not any(map(str.isdigit, one)) for one in inner)


def _seam(before: Sequence[Item], items: Sequence[Item]) -> int:
    """How many items at the end of one piece are those at the beginning of the next, as far as their proofs allow."""
    for count in range(min(len(before), len(items)), 0, -1):
        pairs = list(zip(before[-count:], items, strict=False))
        if all(plain(one.value) == plain(other.value) for one, other in pairs) and all(
            _may_be_one(*pair) for pair in pairs
        ):
            return count
    return 0


def _may_be_one(one: Item, other: Item) -> bool:
    return not one.anchor or not other.anchor or one.anchor == other.anchor
