"""What a sample is. In: nothing. Out: the `Sample` that every maker in this folder gives to the list."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Sample:
    """One document of data/samples: its file name, its line in the README, its gold values, and how it is made."""

    name: str  # of the file
    what: str
    special: str  # what makes it worth reading
    make: Callable[[], bytes]  # the same bytes at each call
    schema: str | None = None  # the shipped schema that fits; None when none does
    values: Mapping[str, Any] = field(
        default_factory=dict
    )  # gold; a field that is not here does not stand in the document
    lines: tuple[str, ...] = ()  # the words of a picture, which no text reader can give
