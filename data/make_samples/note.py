"""The minutes of a meeting in Markdown. Out: `SAMPLE`."""

from __future__ import annotations

from .sample import Sample
from .texts import FOLDER


def make() -> bytes:
    """The file as it lies in `prose/`."""
    return (FOLDER / "note.md").read_bytes()


SAMPLE = Sample(
    name="meeting_notes.md",
    what="Minutes of a weekly meeting",
    special="Markdown with a table and a task list; no schema fits, so it is one for the summary",
    make=make,
)
