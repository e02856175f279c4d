"""The lines of a page in; the parts of it out that a table may fill: where lines meet, or stand over or beside each other at one length.

Pure. Imports the nouns of `ruled_lines`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from octavo.processors.read.pdf.chars import Box
from octavo.processors.read.pdf.ruled_lines import NEAR, Rule, RuledLines

FEWEST_BANDS = 3  # of a table whose rows are ruled; with fewer it is a box, whose lines are rows
_LEAST_WIDTH, _LEAST_HEIGHT = 60.0, 26.0  # points; what printers mark is smaller
_SAME_ENDS = 4.0  # points by which the ends of lines of a table may differ


class Region(NamedTuple):
    """A part of the page: heights of its lines across from the top down, places of its upright ones from left to right, and all of them."""

    ys: tuple[float, ...]
    xs: tuple[float, ...]
    rules: RuledLines


def is_promising(region: Region) -> bool:
    """Whether lines are so many and so long that a table may be between them, before anything is known of the words."""
    wide, high = region.xs[-1] - region.xs[0], region.ys[0] - region.ys[-1]
    if wide < _LEAST_WIDTH or high < _LEAST_HEIGHT:
        return False
    return len(region.ys) > FEWEST_BANDS or (len(region.xs) > 2 and len(region.rules.upright) > 2)


def boxes(regions: Sequence[Region]) -> list[Box]:
    """What lines bound without parting it in rows and columns: a box, perhaps with a line below the heads."""
    return [
        (region.xs[0], region.ys[-1], region.xs[-1], region.ys[0])
        for region in regions
        if len(region.xs) == 2 and len(region.ys) < FEWEST_BANDS + 1
    ]


def regions(rules: RuledLines) -> list[Region]:
    """Lines that meet, and stacks of those that meet no other."""
    return list(_regions(rules)) if rules.across or rules.upright else []


def _regions(rules: RuledLines) -> Iterator[Region]:
    across: list[Rule] = []
    upright: list[Rule] = []
    for one, two in _components(rules):
        if one and two:
            yield _region(one, two)
            if len({rule.at for rule in two}) <= 2:
                across += one  # a box of one column may be a row of a table
        else:
            across += one
            upright += two
    for group in _of_one_extent(across):
        if len(group) > 1:
            yield _region(group, [])
    for group in _of_one_extent(upright):
        if len(group) > 2:
            yield _region([], _between(group, upright))


def _between(group: Sequence[Rule], upright: Sequence[Rule]) -> list[Rule]:
    """The lines of a group and shorter ones between them, as below a head that covers several columns."""
    low, high = group[0].start - NEAR, group[0].end + NEAR
    left, right = group[0].at, group[-1].at
    return [rule for rule in upright if left <= rule.at <= right and low <= rule.start and rule.end <= high]


def _components(rules: RuledLines) -> list[tuple[list[Rule], list[Rule]]]:
    """Lines that are linked by meeting each other."""
    count = len(rules.across)
    parent = list(range(count + len(rules.upright)))

    def root(item: int) -> int:
        while parent[item] != item:
            parent[item] = parent[parent[item]]
            item = parent[item]
        return item

    for one, flat in enumerate(rules.across):
        for two, tall in enumerate(rules.upright, start=count):
            if (
                flat.start - NEAR <= tall.at <= flat.end + NEAR
                and tall.start - NEAR <= flat.at <= tall.end + NEAR
            ):
                parent[root(one)] = root(two)
    out: dict[int, tuple[list[Rule], list[Rule]]] = defaultdict(lambda: ([], []))
    for item in range(len(parent)):
        kind, rule = (0, rules.across[item]) if item < count else (1, rules.upright[item - count])
        out[root(item)][kind].append(rule)
    return list(out.values())


def _of_one_extent(rules: Sequence[Rule]) -> list[list[Rule]]:
    """Lines that begin and end at the same places."""
    groups: list[list[Rule]] = []
    for rule in rules:
        for group in groups:
            if abs(group[0].start - rule.start) < _SAME_ENDS and abs(group[0].end - rule.end) < _SAME_ENDS:
                group.append(rule)
                break
        else:
            groups.append([rule])
    return groups


def _region(across: Sequence[Rule], upright: Sequence[Rule]) -> Region:
    """The lines and where they reach to, which bounds the outer cells that are open."""
    ys = [rule.at for rule in across] + [end for rule in upright for end in (rule.start, rule.end)]
    xs = [rule.at for rule in upright] + [end for rule in across for end in (rule.start, rule.end)]
    own_ys = {rule.at for rule in across} | {min(ys), max(ys)}
    own_xs = {rule.at for rule in upright} | {min(xs), max(xs)}
    rules = RuledLines(tuple(across), tuple(upright))
    return Region(tuple(reversed(_apart(own_ys))), tuple(_apart(own_xs)), rules)


def _apart(places: set[float]) -> list[float]:
    """Places in order without those near the one before."""
    out: list[float] = []
    for place in sorted(places):
        if not out or place - out[-1] > NEAR:
            out.append(place)
    return out
