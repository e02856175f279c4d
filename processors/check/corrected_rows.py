"""Items of a list and one item of earlier days come in; which of them it is goes out.

Of two records it counts what they have in common: the characters of the fields that are equal, of all that both speak of. So a long
description tells more than a quantity of 1, and a row whose amount was misread is still that row.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

SAME_ROW = 0.5  # share of the characters that a row has in common with what it was
_AMOUNT = re.compile(r"-?\d+\.\d+")  # 9.5 and 9.50 are one
SAME_CONTENT = 0.75  # with so much in common, a row that somebody added is there already


def located(items: Sequence[Any], number: int, anchor: Any) -> int | None:
    """The place of the item that stood at `number` and was like `anchor`; None when it is not there any more.

    >>> located([{"what": "nails", "n": 2}, {"what": "bolts", "n": 1}], 0, {"what": "bolts", "n": 7})
    1
    >>> located(["a", "b"], 0, "b"), located(["a", "b"], 0, "c"), located([], 0, "c")
    (1, None, None)
    """
    shares = [(common(item, anchor), -abs(place - number), place) for place, item in enumerate(items)]
    share, _, place = max(shares, default=(0.0, 0, 0))
    return place if share >= SAME_ROW else None


def alike(one: Any, other: Any) -> bool:
    """Whether two items are so much alike that both are the same row of a document."""
    return common(one, other) >= SAME_CONTENT


def common(one: Any, other: Any) -> float:
    """The share of the characters that two items have in common, 0 to 1; of lists and plain values all or nothing."""
    mine, theirs = dict(_leaves(one)), dict(_leaves(other))
    if not mine or not theirs:
        return float(mine == theirs)
    equal = sum(len(mine[name]) for name in mine if mine[name] == theirs.get(name))
    longest = sum(max(len(mine.get(name, "")), len(theirs.get(name, ""))) for name in {*mine, *theirs})
    return equal / longest if longest else float(mine == theirs)


def _leaves(value: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """The values in an item as folded texts, by their paths."""
    if isinstance(value, Mapping):
        for name, inner in value.items():
            yield from _leaves(inner, f"{path}.{name}")
    elif isinstance(value, list | tuple):
        for number, inner in enumerate(value):
            yield from _leaves(inner, f"{path}[{number}]")
    elif value is not None:
        text = " ".join(str(value).split()).casefold()
        yield path, text.rstrip("0").rstrip(".") if _AMOUNT.fullmatch(text) else text
