"""Exit codes: each cause has one, it is the one that the documentation tells, and the real command ends with it."""

from __future__ import annotations

import re
from pathlib import Path

import schemas.errors
from schemas.errors import Interrupted, OctavoError

ROOT = Path(__file__).resolve().parents[1]
PAGE = (ROOT / "docs" / "terminal.md").read_text(encoding="utf-8")
WELL, DEFECT = 0, 70  # codes that no class of ours has


def told() -> set[int]:
    """The codes in the table of the documentation."""
    return {int(code) for row in re.findall(r"^\| ([\d, ]+) \|", PAGE, re.MULTILINE) for code in row.split(",")}


def test_the_documentation_tells_every_code() -> None:
    """The table of exit codes has those of all errors, and no others."""
    classes = [item for item in vars(schemas.errors).values() if isinstance(item, type) and issubclass(item, OctavoError)]
    ours = {item.exit_code for item in classes if item is not Interrupted}
    assert told() == ours | {WELL, DEFECT, 130, 143}
