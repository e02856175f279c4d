"""The list definitions of a Word file in; out comes what is printed before each list paragraph, such as "- ", "3. " or "(b) ".

A file of its own because counting is a small machine beside the walk: levels, starts, restarts, and styles that carry a list.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

Element = Any  # lxml ships no types

_ROMAN = {1000: "m", 900: "cm", 500: "d", 400: "cd", 100: "c", 90: "xc", 50: "l", 40: "xl", 10: "x", 9: "ix", 5: "v", 4: "iv", 1: "i"}
_LEVELS = 9  # of a list, by the OOXML standard (ISO/IEC 29500-1, 17.9)


@dataclass(frozen=True, slots=True)
class _Level:
    kind: str  # numFmt, such as "decimal" or "bullet"
    pattern: str  # lvlText, such as "%1.%2"
    start: int


class Numbering:
    """Counts the items of every list while the paragraphs of a document are asked for in order."""

    def __init__(self, definitions: Sequence[Element], styles: Sequence[Element]) -> None:
        abstract = {_get(item, "abstractNumId"): _levels(item) for root in definitions for item in _named(root, "abstractNum")}
        self._lists = {
            _get(item, "numId"): (_value(item, "abstractNumId"), abstract.get(_value(item, "abstractNumId"), {}))
            for root in definitions
            for item in _named(root, "num")
        }
        self._styles = {_get(style, "styleId"): style for root in styles for style in _named(root, "style")}
        self._counts: dict[str, list[int | None]] = {}

    def mark(self, properties: Element) -> str:
        """What is printed before the paragraph with these properties, "" when it is no list item. Advances the list's counter."""
        number, depth = self._place(properties)
        key, levels = self._lists.get(number, ("", {}))
        level = levels.get(depth)
        if level is None or level.kind == "none":
            return ""
        if level.kind == "bullet":
            return "  " * depth + "- "
        return self._counted(key, levels, depth) + " "

    def _counted(self, key: str, levels: dict[int, _Level], depth: int) -> str:
        counts = self._counts.setdefault(key, [None] * _LEVELS)
        last = counts[depth]
        counts[depth] = levels[depth].start if last is None else last + 1
        counts[depth + 1 :] = [None] * (_LEVELS - depth - 1)

        def number(match: re.Match[str]) -> str:
            index = int(match[1]) - 1
            level = levels.get(index, levels[depth])
            count = counts[index]
            return _written(level.start if count is None else count, level.kind)

        return re.sub(r"%([1-9])", number, levels[depth].pattern) or _written(counts[depth] or 0, levels[depth].kind)

    def _place(self, properties: Element) -> tuple[str, int]:
        """List id and level of a paragraph: its own, or those of its style or of a style that one is based on."""
        own = _first(properties, "numPr")
        if own is not None and _value(own, "numId"):
            return _value(own, "numId"), _depth(own)
        style, level = self._styles.get(_value(properties, "pStyle")), own
        for _ in range(_LEVELS):
            inherited = _first(_first(style, "pPr"), "numPr")
            level = level if level is not None else inherited
            if inherited is not None and _value(inherited, "numId"):
                return _value(inherited, "numId"), _depth(level)
            style = self._styles.get(_value(style, "basedOn"))
        return "", 0


def _levels(definition: Element) -> dict[int, _Level]:
    return {_number(_get(level, "ilvl"), 0): _level(level) for level in _named(definition, "lvl")}


def _level(level: Element) -> _Level:
    return _Level(_value(level, "numFmt") or "decimal", _value(level, "lvlText"), _number(_value(level, "start"), 1))


def _depth(properties: Element | None) -> int:
    return min(_number(_value(properties, "ilvl"), 0), _LEVELS - 1)


def _number(text: str, otherwise: int) -> int:
    return int(text) if text.isascii() and text.isdigit() else otherwise


def _written(number: int, kind: str) -> str:
    """A count in the script of its list: 4 -> "4", "d", "iv".

    >>> _written(4, "lowerRoman"), _written(28, "upperLetter")
    ('iv', 'BB')
    """
    if kind.endswith("Letter") and number > 0:
        letters = chr(ord("a") + (number - 1) % 26) * ((number - 1) // 26 + 1)
        return letters.upper() if kind == "upperLetter" else letters
    if kind.endswith("Roman") and 0 < number < 4000:
        letters = _roman(number)
        return letters.upper() if kind == "upperRoman" else letters
    return f"{number:02d}" if kind == "decimalZero" else str(number)


def _roman(number: int) -> str:
    letters = ""
    for value, sign in _ROMAN.items():
        letters += sign * (number // value)
        number %= value
    return letters


def _named(parent: Element, name: str) -> Iterator[Element]:
    return (child for child in parent if isinstance(child.tag, str) and child.tag.rpartition("}")[2] == name)


def _first(parent: Element | None, name: str) -> Element | None:
    return next(_named(parent, name), None) if parent is not None else None


def _value(parent: Element | None, name: str) -> str:
    """The `val` of a child, "" when there is none."""
    child = _first(parent, name)
    return _get(child, "val") if child is not None else ""


def _get(element: Element, name: str) -> str:
    return next((value for key, value in element.attrib.items() if key.rpartition("}")[2] == name), "")
