"""The text of a reply comes in; the whole entries that stand in it go out, with the place where it broke off.

An entry is an answer about one document, in whatever form it was asked for or came in. With the id 285612 in the window these are entries:

    {"documents": [{"id": "285612", "record": {...}}, ...]}     one or several such objects, or their lists or entries alone
    {"documents": [["285612", [...]], ...]}                     pairs of id and record
    {"285612": {...}, ...}                                      records by id
    {"number": "R-1", ...} or {"record": {...}}                 the record itself, where one document was asked about alone

Prose and code fences around the JSON are passed over. What is cut is never completed: an entry counts when its last brace is there. One
that is no JSON, for a stray comma or quote, is left out, and reading goes on at the next one, which its id tells from words of a document.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

# Where entries may begin: after the key that was asked for, else a bare list or a bare entry. Older ids had a k; models may write one as
# a number.
_ENTRY = r'(?:\{\s*"id"\s*:|\[\s*(?:"(?:k\w+|\d{6,})"|\d{6,})\s*,)'
_LIST = rf'"documents"\s*:\s*\[|\[(?=\s*{_ENTRY})|(?={_ENTRY})'
_OPENING = ("{", "[")  # of an entry
_BETWEEN = re.compile(r"[\s,]*")  # entries; more than one comma is no reason to lose what follows
_KEY = re.compile(r'"([^"\\]*)"\s*:\s*')
_ALONE = "record"  # the key around the record of a document that was asked about alone
# Subtle: not strict, because models put raw line breaks into strings; NaN becomes a word, which no field of numbers takes.
_DECODER = json.JSONDecoder(strict=False, parse_float=Decimal, parse_constant=str)


@dataclass(frozen=True, slots=True)
class Entry:
    """An answer that stands whole in a reply, at a half-open span in characters; its numbers are exact.

    `value` has the keys `id` and `record` where the reply has them; in a record that came without an id, "" is its id.
    """

    start: int
    end: int
    value: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Salvaged:
    """What a reply holds. `whole` says that what holds the entries is closed; `found`, that there is such; `end`, where reading ended.

    `flaw` is what makes a part of it no JSON, in words, and "" where it is only cut, or all well.
    """

    entries: tuple[Entry, ...]
    whole: bool
    found: bool
    end: int
    flaw: str = ""


_NOTHING = Salvaged((), whole=False, found=False, end=0)


def salvage(text: str, ids: Collection[str] = (), names: Collection[str] = ()) -> Salvaged:
    """The entries of a reply. `ids` are those of the window; `names`, the fields of the record where a document was asked about alone.

    Of several lists the last that is closed counts, and of the others what it does not have. Subtle: behind an entry that is cut nothing
    is searched but for ids of the window, because what follows lies inside of it.
    """
    lists = list(_lists(text, _Anchors.of(ids, names)))
    if not lists:
        return _NOTHING
    main = next((one for one in reversed(lists) if one.whole), max(lists, key=lambda one: len(one.entries)))
    known = {_id(entry) for entry in main.entries}
    others: dict[str, Entry] = {}
    for entry in (entry for one in lists if one is not main for entry in one.entries):
        if _id(entry) in ids and _id(entry) not in known:
            others[_id(entry)] = entry  # the last draft of it
    flaw = next((one.flaw for one in reversed(lists) if one.flaw), "")
    entries = sorted((*main.entries, *others.values()), key=lambda entry: entry.start)
    return Salvaged(tuple(entries), main.whole, found=True, end=lists[-1].end, flaw=flaw)


@dataclass(frozen=True, slots=True)
class _Anchors:
    """Patterns of where answers begin in a reply, and where the next one does behind one that is no JSON."""

    beginning: re.Pattern[str]
    member: re.Pattern[str]  # of an object of records by id
    entry: re.Pattern[str]  # of a list

    @classmethod
    def of(cls, ids: Collection[str], names: Collection[str]) -> _Anchors:
        """The patterns for the ids of a window, and for the fields of a record that may stand alone."""
        known = "|".join(map(re.escape, ids))
        keys = "|".join(map(re.escape, (_ALONE, *names))) if names else ""
        ways = [rf'(?P<alone>(?=\{{\s*"(?:{keys})"\s*:))'] if keys else []
        ways += [rf'(?P<keyed>\{{(?=\s*"(?:{known})"\s*:))'] if known else []
        ways += [f"(?P<list>{_LIST})"]
        return cls(
            re.compile("|".join(ways)),
            re.compile(rf'"(?:{known})"\s*:' if known else "(?!)"),
            re.compile(rf'\{{\s*"id"\s*:\s*"?(?:{known})\b|\[\s*"?(?:{known})"?\s*,' if known else "(?!)"),
        )


def _lists(text: str, anchors: _Anchors) -> Iterator[Salvaged]:
    """What stands in a reply, one after the other, until something is cut."""
    begin = 0
    while match := anchors.beginning.search(text, begin):
        read = {"keyed": _members, "alone": _alone, "list": _entries}[match.lastgroup or "list"]
        found = read(text, match.end(), anchors)
        yield found
        begin = max(found.end, match.start() + 1)
        if not found.whole and text.startswith(_OPENING, found.end):
            return


def _entries(text: str, begin: int, anchors: _Anchors) -> Salvaged:
    """Entries from `begin` to the bracket that closes their list, or to the last that ends."""
    entries: list[Entry] = []
    flaw = ""
    here = _skip(text, begin)
    while text.startswith(_OPENING, here):
        try:
            value, end = _DECODER.raw_decode(text, here)
        except (ValueError, RecursionError) as error:
            flaw = flaw or _flaw(error)
            if (following := anchors.entry.search(text, here + 1)) is None:
                break
            here = following.start()
            continue
        entries.append(Entry(here, end, _named(value)))
        here = _skip(text, end)
    return Salvaged(tuple(entries), whole=text.startswith("]", here), found=True, end=here, flaw=flaw)


def _members(text: str, begin: int, anchors: _Anchors) -> Salvaged:
    """Records by id from `begin` to the brace that closes their object, or to the last that ends."""
    entries: list[Entry] = []
    flaw = ""
    here = _skip(text, begin)
    while key := _KEY.match(text, here):
        try:
            record, end = _DECODER.raw_decode(text, key.end())
        except (ValueError, RecursionError) as error:
            flaw = flaw or _flaw(error)
            if (following := anchors.member.search(text, key.end())) is None:
                here = key.end()
                break
            here = following.start()
            continue
        entries.append(Entry(key.end(), end, {"id": key[1], "record": record}))
        here = _skip(text, end)
    whole = text.startswith("}", here)
    return Salvaged(tuple(entries), whole, found=True, end=here + whole, flaw=flaw)


def _alone(text: str, begin: int, anchors: _Anchors) -> Salvaged:
    """The record of the one document that was asked about."""
    del anchors
    try:
        value, end = _DECODER.raw_decode(text, begin)
    except (ValueError, RecursionError) as error:
        return Salvaged((), whole=False, found=True, end=begin, flaw=_flaw(error))
    if value.keys() != {"id", _ALONE}:
        value = {"id": "", _ALONE: value[_ALONE] if list(value) == [_ALONE] else value}
    return Salvaged((Entry(begin, end, value),), whole=True, found=True, end=end)


def _flaw(error: ValueError | RecursionError) -> str:
    """What is no JSON, in words; "" for what is only cut."""
    if not isinstance(error, json.JSONDecodeError):
        return "It is nested too deep."
    is_cut = error.pos >= len(error.doc.rstrip()) or error.msg.startswith("Unterminated string")
    return "" if is_cut else f"{error.msg}, at character {error.pos}."


def _named(value: Any) -> dict[str, Any]:
    """An entry with its names. A record that stands beside its id without brackets of its own is one all the same."""
    if isinstance(value, dict):
        return value
    short, *record = value or [""]
    return {"id": short, "record": record[0] if len(record) == 1 else record} if record else {"id": short}


def _id(entry: Entry) -> str:
    return str(entry.value.get("id", "")).strip()


def _skip(text: str, begin: int) -> int:
    space = _BETWEEN.match(text, begin)
    return space.end() if space else begin
