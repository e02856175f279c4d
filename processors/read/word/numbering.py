"""The list definitions of a Word file in; out comes what is printed before each list paragraph, such as "- ", "3. " or "(b) ".

A file of its own because counting is a small machine beside the walk: levels, starts, restarts, overrides and
links.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from octavo.processors.read.word.counts import written
from octavo.processors.read.word.styles import Style, Styles
from octavo.processors.read.word.xml import Element, attribute, child, children, number, switched, value

_LEVELS = 9  # of a list, by the OOXML standard (ISO/IEC 29500-1, 17.9)
_PATTERN_CHARS = 200  # a longer pattern is no list mark but a way to fill memory


@dataclass(frozen=True, slots=True)
class _Level:
    kind: str  # numFmt, such as "decimal" or "bullet"
    pattern: str  # lvlText, such as "%1.%2"
    start: int
    restart: int | None  # begins anew below a level up to this one, from 1; 0 for never, None for any
    style: str  # paragraph style that stands for this level
    plain: bool  # its upper levels are printed in digits, whatever their own script
    close: bool  # nothing between mark and text


@dataclass(slots=True)
class _NumberedList:
    """One `num`: what it counts with, and the levels that it begins anew at its first item."""

    counter: str  # abstractNumId; lists that share it count on
    levels: dict[int, _Level] = field(default_factory=dict)
    starts: dict[int, int] = field(default_factory=dict)


class Numbering:
    """Counts the items of every list while the paragraphs of a document are asked for in order."""

    def __init__(self, definitions: Sequence[Element], styles: Styles) -> None:
        self._styles = styles
        abstract = {
            attribute(item, "abstractNumId"): item
            for root in definitions
            for item in children(root, "abstractNum")
        }
        numbers = {attribute(item, "numId"): item for root in definitions for item in children(root, "num")}
        self._lists = {name: self._list(item, abstract, numbers) for name, item in numbers.items()}
        self._counts: dict[str, list[int | None]] = {}

    def mark(self, own: Element | None, style: Style, *, empty: bool = False) -> str:
        """What is printed before a paragraph with that numPr (or None) and style, "" when it is no list item. Advances the counter."""
        if own is None and not style.list_id:
            return ""
        name, depth = self._place(own, style)
        found = self._lists.get(name)
        level = found.levels.get(depth) if found else None
        if found is None or level is None or level.kind == "none":
            return ""
        if level.kind == "bullet":
            return "" if empty else "  " * depth + "- "
        mark = self._counted(found, depth)
        return mark if level.close or not mark else mark + " "

    def _counted(self, found: _NumberedList, depth: int) -> str:
        """The mark of the next item: counts its level up, its upper levels in where they were skipped, and its lower ones back."""
        counts = self._counts.setdefault(found.counter, [None] * _LEVELS)
        level, last = found.levels[depth], counts[depth]
        counts[depth] = (
            found.starts.pop(depth) if depth in found.starts else level.start if last is None else last + 1
        )
        for upper in range(depth):
            if counts[upper] is None:
                counts[upper] = found.levels[upper].start if upper in found.levels else 1
        for lower in range(depth + 1, _LEVELS):
            bound = found.levels[lower].restart if lower in found.levels else None
            if bound is None or depth < bound:
                counts[lower] = None

        def number_of(match: re.Match[str]) -> str:
            index = int(match[1]) - 1
            count = counts[index]
            kind = "decimal" if level.plain else found.levels.get(index, level).kind
            return written(count if count is not None else found.levels.get(index, level).start, kind)

        return re.sub(r"%([1-9])", number_of, level.pattern) or written(counts[depth] or 0, level.kind)

    def _place(self, own: Element | None, style: Style) -> tuple[str, int]:
        """List and level of a paragraph: its own, or those of its style."""
        name = value(own, "numId") or style.list_id
        if child(own, "ilvl") is not None:
            return name, min(number(value(own, "ilvl"), 0), _LEVELS - 1)
        if style.level is not None and not value(own, "numId"):
            return name, min(style.level, _LEVELS - 1)
        levels = self._lists[name].levels if name in self._lists and style.name else {}
        return name, next((depth for depth, level in levels.items() if level.style == style.name), 0)

    def _list(
        self, item: Element, abstract: dict[str, Element], numbers: dict[str, Element]
    ) -> _NumberedList:
        """A list with its own words on single levels put over those of its definition."""
        counter = value(item, "abstractNumId")
        linked = value(abstract.get(counter), "numStyleLink")
        if linked:  # subtle: the definition only names a list style, and that names the list with the levels
            counter = value(numbers.get(self._styles.of(linked).list_id), "abstractNumId") or counter
        found = _NumberedList(counter, _levels(abstract.get(counter)))
        for override in children(item, "lvlOverride"):
            depth = number(attribute(override, "ilvl"), 0)
            found.levels |= _levels(override)
            if child(override, "startOverride") is not None:
                found.starts[depth] = number(value(override, "startOverride"), 1)
        return found


def _levels(definition: Element | None) -> dict[int, _Level]:
    return {number(attribute(level, "ilvl"), 0): _level(level) for level in children(definition, "lvl")}


def _level(level: Element) -> _Level:
    restart = value(level, "lvlRestart")
    return _Level(
        kind=value(level, "numFmt") or "decimal",
        pattern=value(level, "lvlText")[:_PATTERN_CHARS],
        start=number(value(level, "start"), 1),
        restart=number(restart, 0) if restart else None,
        style=value(level, "pStyle"),
        plain=switched(level, "isLgl"),
        close=value(level, "suff") == "nothing",
    )
