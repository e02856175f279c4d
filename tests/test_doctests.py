"""The examples in docstrings: each gives what stands below it."""

from __future__ import annotations

import doctest
from importlib import import_module
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
WITH_EXAMPLES = sorted(
    ".".join(("octavo", *path.relative_to(ROOT).with_suffix("").parts))
    for room in ("flows", "processors", "schemas")
    for path in (ROOT / room).rglob("*.py")
    if ">>> " in path.read_text(encoding="utf-8")
)


@pytest.mark.parametrize("module", WITH_EXAMPLES)
def test_examples_in_docstrings_are_true(module: str) -> None:
    """What a docstring shows as typed gives what it shows as answered."""
    done = doctest.testmod(import_module(module))
    assert done.attempted, "`>>> ` stands in this module, and in no docstring of it"
    assert not done.failed, (
        f"{done.failed} of {done.attempted} examples give something else; what they give is printed below"
    )
