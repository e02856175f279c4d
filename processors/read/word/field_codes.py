"""The fields of a Word text (fldChar and what stands between) in; out comes what a reader sees of them besides their results.

Instructions such as INCLUDETEXT or DDE are never followed: only what Word printed counts.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from octavo.processors.read.word.xml import Element, attribute, child, children, number, switched, value

_HYPERLINK = re.compile(r'\s*HYPERLINK\s+(?:"([^"]*)"|(?!\\)(\S+))', re.IGNORECASE)
_BUTTON = re.compile(r"\s*(?:MACROBUTTON|GOTOBUTTON)\s+\S+\s+(.*)", re.IGNORECASE | re.DOTALL)
_USEFUL = re.compile(r"(?:https?|ftp|mailto|tel):", re.IGNORECASE)
_SAID = re.compile(r"^(?:\w+:)?/*(?:www\.)?|/$", re.IGNORECASE)
_NEARBY = 40  # pieces of text before the end of a link, in which its address may stand already
_LONG_CHARS = 200  # of an address; beyond it only the part before "?" and "#" is said


@dataclass(slots=True)
class _Field:
    out: list[str]  # where its result goes
    start: int = 0  # of the result in `out`
    form: Element | None = None
    instruction: list[str] = field(default_factory=list)
    in_result: bool = False


class Fields:
    """Open fields, the innermost last. While `muted`, text belongs to an instruction and is not printed."""

    def __init__(self) -> None:
        self._open: list[_Field] = []
        self.muted = 0  # open fields whose result has not begun

    def mark(self, element: Element, out: list[str]) -> str:
        """Take a fldChar; at the end of a field comes what is printed beside its result: an address, a tick, a choice."""
        kind = attribute(element, "fldCharType")
        if kind == "begin":
            self._open.append(_Field(out, form=child(element, "ffData")))
            self.muted += 1
        elif kind == "separate" and self._open:
            self._begin_result(self._open[-1], out)
        elif kind == "end" and self._open:
            ended = self._open.pop()
            empty = not ended.in_result
            self._begin_result(ended, out)
            return _beside("".join(ended.instruction), ended, empty=empty)
        return ""

    def instruct(self, text: str) -> None:
        """Take a piece of an instruction."""
        if self._open:
            self._open[-1].instruction.append(text)

    def settle(self) -> None:
        """A paragraph ends: a field that never began its result mutes nothing further, so a broken file loses no text."""
        for item in reversed(
            self._open
        ):  # subtle: those below were settled with their own paragraph, so a million stay linear
            if not self.muted:
                return
            self._begin_result(item, item.out)

    def _begin_result(self, item: _Field, out: list[str]) -> None:
        if not item.in_result:
            item.in_result, item.out, item.start = True, out, len(out)
            self.muted -= 1


def link(target: str, shown: str) -> str:
    """The address of a link where it says more than the words that carry it.

    >>> link("https://example.com/", "our site"), link("mailto:a@example.com", "a@example.com")
    (' <https://example.com/>', '')
    """
    if not _USEFUL.match(target):
        return ""
    if len(target) > _LONG_CHARS:
        target = re.split(r"[?#]", target, maxsplit=1)[0][:_LONG_CHARS]
    said = _SAID.sub("", target.strip()).lower()
    return "" if not said or said in shown.lower() else f" <{target.strip()}>"


def ticked(*, checked: bool) -> str:
    """A check box, as it is written in plain text."""
    return "[x]" if checked else "[ ]"


def _beside(instruction: str, ended: _Field, *, empty: bool) -> str:
    found = _HYPERLINK.match(instruction)
    if found:
        return link(
            found[1] or found[2] or "", "".join(ended.out[max(ended.start, len(ended.out) - _NEARBY) :])
        )
    button = _BUTTON.match(instruction)
    if button and empty:
        return button[1].strip()
    return _form(ended.form) if ended.form is not None else ""


def _form(form: Element) -> str:
    """The state of a check box or the choice of a list, in the forms of older Word versions."""
    box, choices = child(form, "checkBox"), child(form, "ddList")
    if box is not None:
        return ticked(checked=switched(box, "checked" if child(box, "checked") is not None else "default"))
    if choices is None:
        return ""
    entries = [attribute(entry, "val") for entry in children(choices, "listEntry")]
    chosen = number(value(choices, "result") or value(choices, "default"), 0)
    return entries[chosen] if chosen < len(entries) else ""
