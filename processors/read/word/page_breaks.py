r"""The lines of a walk through a Word file in; pages out, with their notes below them and the outline.

The walk leaves marks in its lines, all of them characters that no XML can hold:

    \f           a page ends
    \0 n \0      the n-th note is called
    \1 ... \2    text that is not to be seen
    \3 n         a heading of level n begins, and ends with its line
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from octavo.processors.read.content import PageContent, clean
from octavo.schemas.pipeline import Heading

_CALL = re.compile("\0([0-9]+)\0")
_HIDDEN = re.compile("\1([^\1\2]*)\2")
_HEADING = re.compile("\3([1-9])(.*)")
_HEADING_MARK = re.compile("\3[1-9]")
_MARKS = re.compile("[\0-\3]")


@dataclass(frozen=True, slots=True)
class Note:
    """A footnote, endnote or comment: what stands where it is called, and its text below the page."""

    label: str
    text: str


def called(number: int) -> str:
    """The mark of the n-th note (from 0)."""
    return f"\0{number}\0"


def hidden(text: str) -> str:
    """Text that is not to be seen, marked."""
    return f"\1{text}\2" if text else ""


def heading(level: int) -> str:
    """The mark before a heading."""
    return f"\3{level}"


def without_headings(text: str) -> str:
    """A text that no longer counts as a heading."""
    return _HEADING_MARK.sub("", text)


class Pages:
    """Lays out pages and notes. `leaves` and `outline` are whole once all lines are in."""

    def __init__(
        self, lines: Sequence[str], notes: Sequence[Note], above: Sequence[str], below: Sequence[str]
    ) -> None:
        """Headers go above the first page, footers below the last."""
        self._notes = notes
        self._told: set[int] = set()
        self.outline: list[Heading] = []
        self.leaves: list[PageContent] = []
        pages = [page for page in "\n".join(lines).split("\f") if page.strip()] or [""]
        for number, page in enumerate(pages, start=1):
            self._headings(page, number)
            first, last = number == 1, number == len(pages)
            self._add(
                "\n".join([*(above if first else ()), page, *self._below(page), *(below if last else ())])
            )

    def _add(self, page: str) -> None:
        """A page without its marks; hidden text stays, and is counted."""
        unseen = sum(len(text) for text in _HIDDEN.findall(page))
        plain = _MARKS.sub("", _CALL.sub(lambda call: self._label(int(call[1])), without_headings(page)))
        self.leaves.append(PageContent(clean(plain), hidden_chars=unseen))

    def _below(self, page: str) -> list[str]:
        """The notes that a page calls, and those that these call, each where it is called first."""
        lines: list[str] = []
        waiting = [int(call) for call in _CALL.findall(page)]
        for number in waiting:
            if number not in self._told:
                self._told.add(number)
                note = self._notes[number]
                lines.append(f"[{note.label}] {note.text}")
                waiting.extend(int(call) for call in _CALL.findall(note.text))
        return lines

    def _label(self, number: int) -> str:
        return f"[{self._notes[number].label}]"

    def _headings(self, page: str, number: int) -> None:
        for level, title in _HEADING.findall(page):
            text = " ".join(_MARKS.sub("", _CALL.sub("", title)).split())
            if text:
                self.outline.append(Heading(int(level), text, number))
