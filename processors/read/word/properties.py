"""The core properties of an Office file (the root of docProps/core.xml) in; Properties out. Raises nothing: what is no date is None.

The same part lies in docx, xlsx and pptx.
"""

from __future__ import annotations

from datetime import UTC, datetime

from octavo.processors.read.content import clean
from octavo.processors.read.word.xml import Element, child
from octavo.schemas.pipeline import Heading, Properties

_CHARS = 1_000  # of a title or an author; nobody reads more


def properties(core: Element | None, outline: tuple[Heading, ...] = ()) -> Properties:
    """What the file says about itself."""
    return Properties(
        _text(core, "title"),
        _text(core, "creator"),
        _moment(core, "created"),
        _moment(core, "modified"),
        outline,
    )


def _text(core: Element | None, name: str) -> str:
    found = child(core, name)
    return " ".join(clean("".join(found.itertext())[:_CHARS]).split()) if found is not None else ""


def _moment(core: Element | None, name: str) -> datetime | None:
    """A date and time as W3C writes it (2024-05-31T09:30:00Z, or less of it); in UTC where it names no zone."""
    text = _text(core, name)
    try:
        moment = datetime.fromisoformat(f"{text}-01"[:10] if 4 < len(text) < 10 else text)
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
