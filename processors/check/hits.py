"""A place of a value in the text of a window: what the search gives back, and which of several is the best proof."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from octavo.schemas.pipeline import Grade

Span = tuple[int, int]
Doubt = Literal["", "ambiguous", "contradicted"]
MAY_BE = "may be"  # in what is said of a place with two readings
MOST_PLACES = 500  # of one value that are tried, so that no document makes the check slow


@dataclass(frozen=True, slots=True)
class Hit:
    """Where a value was found: half-open, in characters of the source.

    `ambiguous` is a place that can be read as another value too; `contradicted` one that the document shows to be another value, so that
    nothing is proved by it. `why` says which other value, for a person.
    """

    start: int
    end: int
    grade: Grade
    noisy: bool = False  # with letters misread
    doubt: Doubt = ""
    why: str = ""

    @property
    def proves(self) -> bool:
        """Whether the value stands there."""
        return self.doubt != "contradicted"


def best(hits: Iterable[Hit]) -> Hit | None:
    """The first hit without a doubt; else the first with the least."""
    ranked: dict[Doubt, Hit] = {}
    for number, hit in enumerate(hits):
        if not hit.doubt:
            return hit
        ranked.setdefault(hit.doubt, hit)
        if number >= MOST_PLACES:
            break
    return ranked.get("ambiguous") or ranked.get("contradicted")
