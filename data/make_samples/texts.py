"""The longer texts. In: the name of a file in `prose/`. Out: its lines, a paragraph each."""

from __future__ import annotations

from pathlib import Path

FOLDER = Path(__file__).parent / "prose"


def prose(name: str) -> list[str]:
    """The lines of a text that are not empty."""
    return [line for line in (FOLDER / name).read_text(encoding="utf-8").splitlines() if line]
