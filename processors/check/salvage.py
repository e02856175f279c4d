"""The text of a reply comes in; the whole entries that stand in it go out, with the place where it broke off.

Prose and code fences around the JSON are passed over. What is cut is never completed: an entry counts when its last brace is there.

    salvage('Here: {"documents":[{"id":"285612","record":{}},{"id":"7429').entries[0].value    {"id": "285612", "record": {}}
    salvage('{"documents":[["285612",["R-1",null]],["742977",["R').entries[0].value           {"id": "285612", "record": ["R-1", None]}
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

# Where a list of entries may begin: after the key that was asked for, else a bare list or a bare entry. Older ids had a k; models may
# write one as a number.
_ENTRY = r'(?:\{\s*"id"\s*:|\[\s*(?:"(?:k\w+|\d{6,})"|\d{6,})\s*,)'
_BEGINNING = re.compile(rf'"documents"\s*:\s*\[|\[(?=\s*{_ENTRY})|(?={_ENTRY})')
_OPENING = ("{", "[")  # of an entry
_SPACE = re.compile(r"\s*")
# Subtle: not strict, because models put raw line breaks into strings; NaN becomes a word, which no field of numbers takes.
_DECODER = json.JSONDecoder(strict=False, parse_float=Decimal, parse_constant=str)


@dataclass(frozen=True, slots=True)
class Entry:
    """One JSON object, or pair of id and record, that stands whole in a reply, at a half-open span in characters; its numbers are exact."""

    start: int
    end: int
    value: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Salvaged:
    """What a reply holds. `whole` says that the list of entries is closed; `found`, that there is one; `end`, where reading ended."""

    entries: tuple[Entry, ...]
    whole: bool
    found: bool
    end: int


def salvage(text: str) -> Salvaged:
    """The entries of the last closed list in the reply, else of the longest one that was cut.

    Subtle: behind an entry that is cut nothing is searched, because what follows lies inside of it.
    """
    lists: list[Salvaged] = []
    begin = 0
    while match := _BEGINNING.search(text, begin):
        lists.append(_entries(text, match.end()))
        begin = max(lists[-1].end, match.start() + 1)
        if not lists[-1].whole and text.startswith(_OPENING, lists[-1].end):
            break
    closed = [one for one in lists if one.whole]
    return (
        closed[-1]
        if closed
        else max(
            lists, key=lambda one: len(one.entries), default=Salvaged((), whole=False, found=False, end=0)
        )
    )


def _entries(text: str, begin: int) -> Salvaged:
    """Entries from `begin` to the bracket that closes their list, or to the first that does not end."""
    entries: list[Entry] = []
    here = _skip(text, begin)
    while text.startswith(_OPENING, here):
        try:
            value, end = _DECODER.raw_decode(text, here)
        except (ValueError, RecursionError):
            break
        entries.append(Entry(here, end, _named(value)))
        here = _skip(text, end)
        if text.startswith(",", here):
            here = _skip(text, here + 1)
    return Salvaged(tuple(entries), whole=text.startswith("]", here), found=True, end=here)


def _named(value: Any) -> dict[str, Any]:
    """An entry with its names. A record that stands beside its id without brackets of its own is one all the same."""
    if isinstance(value, dict):
        return value
    short, *record = value or [""]
    return {"id": short, "record": record[0] if len(record) == 1 else record} if record else {"id": short}


def _skip(text: str, begin: int) -> int:
    space = _SPACE.match(text, begin)
    return space.end() if space else begin
