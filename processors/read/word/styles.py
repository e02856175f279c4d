"""The style sheet of a Word file in; out comes what a style does to a paragraph: its list, its place in the outline, breaks, hiding.

Only what changes the text is looked at; looks are not.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from octavo.processors.read.word.xml import Element, attribute, bare, child, children, number, switched, value

_ANCESTORS = 12  # styles that are based on each other; Word itself allows about ten
_OUTLINE_LEVELS = 9  # the tenth means body text (ISO/IEC 29500-1, 17.3.1.20)
_HEADING = re.compile(r"heading ([1-9])", re.IGNORECASE)
_TINY_HALF_POINTS = 2  # one point is no size to read


@dataclass(frozen=True, slots=True)
class Style:
    """What a paragraph style, with those that it is based on, says about the text."""

    name: str = ""  # its id
    list_id: str = ""
    level: int | None = None  # in the list, from 0
    outline: int = 0  # 1 for the outermost heading, 0 for body text
    breaks: bool = False  # a page begins before it
    hidden: bool = False


class Styles:
    """The styles of one file by id; "" is the default paragraph style."""

    def __init__(self, roots: Sequence[Element]) -> None:
        self._elements = {
            attribute(item, "styleId"): item for root in roots for item in children(root, "style")
        }
        default = (key for key, item in self._elements.items() if attribute(item, "default") in {"1", "true"})
        self._default = next(
            (key for key in default if attribute(self._elements[key], "type") == "paragraph"), ""
        )
        self._known: dict[str, Style] = {}

    def of(self, name: str) -> Style:
        """The style of that id; an unknown one says nothing."""
        if name not in self._known:
            self._known[name] = self._resolved(name or self._default)
        return self._known[name]

    def hides(self, properties: Element) -> bool:
        """Whether a run with these properties is not to be seen: it says so itself, has no size, or its style hides it."""
        for item in properties:
            name = bare(item.tag)
            if name == "vanish":
                return switched(properties, "vanish")
            if name == "sz" and number(attribute(item, "val"), 99) <= _TINY_HALF_POINTS:
                return True
            if name == "rStyle" and self.of(attribute(item, "val")).hidden:
                return not _shown(properties)
        return False

    def _resolved(self, name: str) -> Style:
        """The nearest word of the chain on each point."""
        chain: list[Element] = []
        element = self._elements.get(name)
        while element is not None and len(chain) < _ANCESTORS:
            chain.append(element)
            element = self._elements.get(value(element, "basedOn"))
        found = [child(item, "pPr") for item in chain]
        lists = (child(item, "numPr") for item in found)
        numbered = [item for item in lists if item is not None]
        return Style(
            name=name,
            list_id=next((value(item, "numId") for item in numbered if value(item, "numId")), ""),
            level=next(
                (number(value(item, "ilvl"), 0) for item in numbered if child(item, "ilvl") is not None), None
            ),
            outline=next((level for item in chain if (level := _outline(item)) >= 0), 0),
            breaks=next(
                (
                    switched(item, "pageBreakBefore")
                    for item in found
                    if child(item, "pageBreakBefore") is not None
                ),
                False,
            ),
            hidden=next(
                (
                    switched(child(item, "rPr"), "vanish")
                    for item in chain
                    if child(item, "rPr", "vanish") is not None
                ),
                False,
            ),
        )


def outline(level: Element | None, otherwise: int) -> int:
    """The level of an outlineLvl, from 1; 0 for body text, `otherwise` when there is none."""
    if level is None:
        return otherwise
    found = number(attribute(level, "val"), _OUTLINE_LEVELS) + 1
    return found if found <= _OUTLINE_LEVELS else 0


def _outline(style: Element) -> int:
    """What the style itself says, by its level or by the name that Word gives to headings; -1 when it says nothing."""
    named = _HEADING.fullmatch(value(style, "name"))
    return outline(child(style, "pPr", "outlineLvl"), int(named[1]) if named else -1)


def _shown(properties: Element) -> bool:
    """Whether the run overrules a style that hides."""
    return child(properties, "vanish") is not None and not switched(properties, "vanish")
