"""Times of day as documents write them, with the zone where they name one: text in; `time` and half-open spans out.

times_in("14.03.2026 at 10:15 pm")          22:15
times_in("Sat, 14 Mar 2026 23:30 -0800")    23:30, eight hours behind UTC
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, time, timedelta, timezone

from octavo.schemas.text.dates import FoundValue

_ZONES = {  # hours ahead of UTC; abbreviations that mean two zones (CST, IST, BST) are left out
    "UTC": 0, "GMT": 0, "Z": 0, "WET": 0, "WEST": 1, "CET": 1, "MEZ": 1, "CEST": 2, "MESZ": 2, "EET": 2, "EEST": 3, "MSK": 3,
    "EST": -5, "EDT": -4, "CDT": -5, "MST": -7, "MDT": -6, "PST": -8, "PDT": -7, "JST": 9, "KST": 9, "HKT": 8, "SGT": 8,
    "AEST": 10, "AEDT": 11, "NZST": 12, "NZDT": 13,
}  # fmt: skip
_AFTERNOON, _FORENOON = (
    frozenset({"p", "下午", "午後", "오후", "晚上"}),
    frozenset({"a", "上午", "午前", "오전"}),
)
_HALF = "|".join(sorted({*_AFTERNOON, *_FORENOON} - {"a", "p"}))
_MERIDIEM = r"(?P<half>[AaPp])(?:\.\s?|\s)?[Mm](?![A-Za-z])\.?"
_NAMED = rf"(?:UTC|GMT)\s?[+\-−]\d{{1,2}}(?::?\d\d)?|(?P<zone>{'|'.join(sorted(_ZONES, key=len, reverse=True))})(?![A-Za-z])"
_OFFSET = rf"\s?\(?(?P<offset>{_NAMED}|\+\d\d:?\d\d|[\-−]\d\d\d\d)(?![\d:.])"
_ISO_OFFSET = (
    r"[\-−]\d\d:\d\d(?![\d:])"  # behind seconds; behind minutes it is the end of a span of time: 10:15-11:30
)
_TIME_FORMS = tuple(
    re.compile(form)
    for form in (
        rf"(?:(?P<before>{_HALF})\s?)?(?<![\d:.,])(?P<h>\d{{1,2}}):(?P<m>\d\d)(?::(?P<s>\d\d)(?:[.,]\d{{1,9}})?)?(?![\d:])(?:\s?{_MERIDIEM})?(?(s)(?P<iso>{_ISO_OFFSET})?)(?:{_OFFSET})?",
        rf"(?<![\d:.,])(?P<h>\d{{1,2}})(?:\.(?P<m>\d\d))?\s?(?:{_MERIDIEM}|(?:Uhr|uur|klo|kl\.)(?![A-Za-z]))(?:{_OFFSET})?",
        rf"(?:klo|kl\.|ore|um|om)\s(?P<h>\d{{1,2}})\.(?P<m>\d\d)(?![\d.])(?:{_OFFSET})?",
        rf"(?<![\d:.,])(?P<h>\d{{1,2}})\s?[hH]\s?(?P<m>\d\d)(?![\d:])(?:{_OFFSET})?",
        rf"(?:(?P<before>{_HALF})\s?)?(?<!\d)(?P<h>\d{{1,2}})\s?[時时點点시]\s?(?:(?P<m>\d{{1,2}})\s?[分분])?",
    )
)


def times_in(text: str) -> Iterator[FoundValue[time]]:
    """Every time of day in `text` in order, without overlaps, with its offset from UTC where one is printed beside it."""
    hits = [
        FoundValue(match.start(), match.end(), match.group(), moment)
        for form in _TIME_FORMS
        for match in form.finditer(text)
        if (moment := _time_of(match))
    ]
    end = 0
    for hit in sorted(hits, key=lambda hit: (hit.start, -hit.end)):
        if hit.start >= end:
            end = hit.end
            yield hit


def has_meridiem(found: FoundValue[time]) -> bool:
    """Whether a time says in which half of the day it is: `10:15 pm`, or an hour that only 24 have."""
    return found.value.hour > 12 or found.value.hour == 0 or bool(_HALVES.search(found.text))


def _time_of(match: re.Match[str]) -> time | None:
    parts = match.groupdict()
    hour, half = int(parts["h"]), (parts.get("half") or parts.get("before") or "").lower()
    if half and 1 <= hour <= 12:
        hour = hour % 12 + (12 if half in _AFTERNOON else 0)
    try:
        return time(hour, int(parts["m"] or 0), int(parts.get("s") or 0), tzinfo=_offset(parts))
    except ValueError:
        return None


def _offset(parts: dict[str, str | None]) -> timezone | None:
    """The zone of a match, or None where it names none."""
    if zone := parts.get("zone"):
        return timezone(timedelta(hours=_ZONES[zone])) if _ZONES[zone] else UTC
    offset = parts.get("iso") or parts.get("offset") or ""
    digits = re.sub(r"\D", "", offset)
    hours, minutes = (digits, "0") if len(digits) < 3 else (digits[:-2], digits[-2:])
    ahead = timedelta(hours=int(hours or 0), minutes=int(minutes))
    return timezone(ahead if "+" in offset else -ahead) if offset and ahead < timedelta(days=1) else None


_HALVES = re.compile(rf"{_HALF}|{_MERIDIEM}")
