"""The calendar part of a mail in (iCalendar, RFC 5545); lines for a reader out: what, when, where, who.

Imports nothing of this room.
"""

from __future__ import annotations

import re

_NAMES = {
    "SUMMARY": "Appointment",
    "DTSTART": "From",
    "DTEND": "To",
    "DUE": "Due",
    "RRULE": "Repeats",
    "LOCATION": "Place",
    "ORGANIZER": "Organizer",
    "ATTENDEE": "Attendee",
    "STATUS": "Status",
    "DESCRIPTION": "Description",
}
_LINE = re.compile(r"([A-Z-]+)((?:;[A-Z-]+=(?:\"[^\"]*\"|[^;:\"]*))*):(.*)", re.IGNORECASE)
_MOMENT = re.compile(r"(\d{4})(\d\d)(\d\d)(?:T(\d\d)(\d\d)\d\d(Z?))?")
_ZONE = re.compile(r";TZID=\"?([^;:\"]+)", re.IGNORECASE)
_CALLED = re.compile(r";CN=(?:\"([^\"]*)\"|([^;:]*))", re.IGNORECASE)


def lines(calendar: str) -> str:
    r"""The lines of its events and tasks; alarms and what only programs use are left out.

    >>> lines("BEGIN:VEVENT\r\nSUMMARY:Visit\r\nDTSTART;TZID=Europe/Rome:20260314T093000\r\nEND:VEVENT")
    'Appointment: Visit\nFrom: 2026-03-14 09:30 Europe/Rome'
    """
    found: list[str] = []
    inside: list[str] = []
    for line in re.sub(r"\r?\n[ \t]", "", calendar).splitlines():
        if not (match := _LINE.fullmatch(line.strip())):
            continue
        name, parameters, value = match[1].upper(), match[2], match[3]
        if name == "BEGIN":
            inside.append(value.upper())
        elif name == "END" and inside:
            inside.pop()
        elif inside[-1:] in (["VEVENT"], ["VTODO"]) and name in _NAMES and value.strip():
            found.append(f"{_NAMES[name]}: {_value(name, parameters, value)}")
    return "\n".join(found)


def _value(name: str, parameters: str, value: str) -> str:
    if name.startswith("D") and (moment := _MOMENT.fullmatch(value)):
        day = "-".join(moment.group(1, 2, 3))
        zone = "UTC" if moment[6] else "".join(_ZONE.findall(parameters)[:1])
        return " ".join(filter(None, [day, f"{moment[4]}:{moment[5]}" if moment[4] else "", zone]))
    if name in ("ORGANIZER", "ATTENDEE"):
        address = re.sub("^mailto:", "", value, flags=re.IGNORECASE)
        called = next((one or other for one, other in _CALLED.findall(parameters)), "")
        return f"{called} <{address}>" if called else address
    return re.sub(r"\\([,;\\])", r"\1", value.replace("\\n", " ").replace("\\N", " "))
