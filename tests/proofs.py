"""Members of a rule that are tried by `make prove` only: whole runs are slow, and one member shows in each suite that the rule holds."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import hypothesis
import pytest

PROFILES = {
    "octavo": 0.25,
    "full": 1.0,
}  # of Hypothesis, with the share of its examples; `make prove` takes the second


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


def examples(most: int) -> int:
    """How many examples of a property are tried, of which `make prove` tries `most`."""
    return max(1, round(most * PROFILES[hypothesis.settings.get_current_profile_name()]))
