"""What goes between a run and its provider at one moment: calls and dollars, as a person may want to see them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Traffic:
    """Calls and dollars of one run so far."""

    answered: int = 0  # calls that were paid, each step of a reply that was carried on
    in_flight: int = 0
    allowed: int = 0  # calls that may be in flight now; while the limit is sought, those that are tried
    refused: int = 0  # calls that were told to come later: too fast (429), overloaded
    spent_usd: float = 0.0
    budget_usd: float = 0.0  # the lowest cap of the run; 0 for none
