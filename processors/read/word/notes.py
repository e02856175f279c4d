"""The footnotes, endnotes and comments of a Word file in; their texts out, each once, as they are called."""

from __future__ import annotations

from collections.abc import Callable

from octavo.processors.read.word.counts import written
from octavo.processors.read.word.package import Package
from octavo.processors.read.word.page_breaks import Note, called
from octavo.processors.read.word.xml import Element, attribute

_KINDS = {"footnoteReference": "footnotes", "endnoteReference": "endnotes", "commentReference": "comments"}
_SCRIPTS = {"footnotes": "decimal", "endnotes": "lowerRoman", "comments": "decimal"}
_DEPTH = 3  # notes called in notes


class Notes:
    """All notes by reference. `render` turns an element of a part into lines."""

    def __init__(self, package: Package, render: Callable[[str, Element], list[str]]) -> None:
        self._render = render
        self._elements: dict[tuple[str, str], tuple[str, Element]] = {}
        for kind in _KINDS.values():
            for part in package.targets(package.main, kind):
                self._elements |= {
                    (kind, attribute(item, "id")): (part, item)
                    for item in package.xml(part)
                    if _is_note(item)
                }
        self._places: dict[tuple[str, str], int] = {}
        self._counts = dict.fromkeys(_KINDS.values(), 0)
        self._depth = 0
        self.told: list[Note] = []

    def call(self, reference: str, identity: str) -> str:
        """The mark of a note where it is called, "" when the file has no such note. Its text is read at the first call only."""
        key = (_KINDS[reference], identity)
        if key not in self._elements or self._depth >= _DEPTH:
            return ""
        if key not in self._places:
            self._counts[key[0]] += 1
            label = ("c" if key[0] == "comments" else "") + written(self._counts[key[0]], _SCRIPTS[key[0]])
            self._places[key] = len(self.told)
            self.told.append(
                Note(label, "")
            )  # subtle: its place is taken before its text is read, so a note that calls itself ends
            self.told[self._places[key]] = Note(label, self._text(*self._elements[key]))
        return called(self._places[key])

    def _text(self, part: str, element: Element) -> str:
        self._depth += 1
        lines = (line.replace("\f", " ").strip() for line in self._render(part, element))
        text = "\n".join(line for line in lines if line)
        self._depth -= 1
        author = attribute(element, "author")
        return f"Comment by {author}: {text}" if author else text


def _is_note(item: Element) -> bool:
    """Word keeps the lines that separate notes from the text among them."""
    return "eparator" not in attribute(item, "type")
