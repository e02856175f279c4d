"""Members of a rule that are tried by `make prove` only: whole runs are slow, and one member shows in each suite that the rule holds."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest


def slow(*values: Any) -> Any:
    """One member, for `pytest.mark.parametrize`."""
    return pytest.param(*values, marks=pytest.mark.prove)


def slow_but(quick: Iterable[int], members: Iterable[Any]) -> list[Any]:
    """All members, of which only those at the places `quick` are tried in each suite."""
    kept = set(quick)
    return [
        member if place in kept else slow(*(member if isinstance(member, tuple) else (member,)))
        for place, member in enumerate(members)
    ]
