"""What browsers send: JSON that somebody wrote comes in, checked values and answers to small questions go out."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from starlette.requests import Request

from octavo.flows.corrections.entry import Saying
from octavo.flows.review.workspace import Workspace
from octavo.schemas.corrections import ValuePlace
from octavo.schemas.errors import SettingsError

LONGEST_NAME = 80  # characters
LONGEST_VALUE = 100_000
FOUND = 100  # places of a text that are shown
AROUND = 30  # characters on each side of a place


async def body(request: Request) -> dict[str, Any]:
    """What was posted, an object. Raises SettingsError."""
    try:
        told = json.loads(await request.body())
    except (ValueError, RecursionError):
        told = None
    if not isinstance(told, dict):
        raise SettingsError("What was sent is no JSON object.")
    return told


def saying(told: Mapping[str, Any]) -> Saying:
    """What a person says. Raises SettingsError."""
    words = {name: told.get(name) for name in ("document", "question", "field", "verdict")}
    if not all(isinstance(value, str) and value for value in words.values()):
        raise SettingsError("It is not said of which value.")
    value = told.get("value")
    if len(json.dumps(value)) > LONGEST_VALUE:
        raise SettingsError("The value is too long.")
    if told.get("kind") == "json" and isinstance(value, str):
        try:
            value = json.loads(value)
        except ValueError as error:
            raise SettingsError(f"This is no JSON: {error}.") from None
    return Saying(
        **{name: str(word) for name, word in words.items()},
        value=value,
        place=_place(told),
        note=str(told.get("note") or ""),
        seen=str(told.get("seen") or ""),
    )


def _place(told: Mapping[str, Any]) -> ValuePlace | None:
    """Where it was marked on a page."""
    place = told.get("place")
    if not isinstance(place, dict):
        return None
    page, start, end, quote = (place.get(name) for name in ("page", "start", "end", "quote"))
    if not isinstance(page, int) or page < 1:
        return None
    if not (isinstance(start, int) and isinstance(end, int) and 0 <= start < end):
        return ValuePlace("loose", page, None, None, str(quote or ""))
    return ValuePlace("exact" if quote == told.get("value") else "loose", page, start, end, str(quote or ""))


def found_in(workspace: Workspace, document: str, text: str) -> list[dict[str, Any]]:
    """Where a text stands in a document: page, span, and some characters around it; without regard to case."""
    wanted = text.casefold()
    if not wanted.strip():
        return []
    rows = workspace.rows(
        "SELECT page, text FROM pages WHERE document = ? AND contains(lower(text), lower(?)) ORDER BY page LIMIT 500",
        [document, text],
    )
    found: list[dict[str, Any]] = []
    for row in rows:
        folded, at = row["text"].lower(), -1
        while len(found) < FOUND and (at := folded.find(text.lower(), at + 1)) >= 0:
            around = row["text"][max(0, at - AROUND) : at + len(text) + AROUND]
            found.append(
                {"page": row["page"], "start": at, "end": at + len(text), "around": " ".join(around.split())}
            )
    return found
