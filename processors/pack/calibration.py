"""How far an estimate of tokens is off, learned from bills: pairs of estimated and billed tokens in, factors out.

An estimate times `factor` is seldom too few, for windows; times `mean` it is what will be billed, for prices.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt

FIRST_FACTOR = 1.25  # before anything is learned: no text of the corpus beyond 2,000 tokens has more than 1.24 times its estimate
LEAST = 5  # bills from which something is learned
RECENT = 100  # bills that are remembered; what a folder holds changes
DEVIATIONS = (
    3  # beyond the mean; on the corpus in 180 random orders no window of 11,000 was refused after 20 bills
)
MARGIN = 0.02


@dataclass(frozen=True, slots=True)
class Calibration:
    """What the last bills said: (estimated, billed) tokens of each, the oldest first. Large prompts count for more."""

    seen: tuple[tuple[int, int], ...] = ()

    def learn(self, estimated: int, billed: int) -> Calibration:
        """This, and one more bill. One without tokens says nothing."""
        return (
            Calibration((*self.seen, (estimated, billed))[-RECENT:]) if estimated > 0 and billed > 0 else self
        )

    @property
    def mean(self) -> float:
        """Billed tokens by estimated ones; 1 while too little is known."""
        return (
            sum(billed for _, billed in self.seen) / sum(one for one, _ in self.seen)
            if len(self.seen) >= LEAST
            else 1.0
        )

    @property
    def factor(self) -> float:
        """What an estimate is multiplied with to be on the safe side.

        >>> round(Calibration(((100, 90), (100, 94), (100, 88), (100, 92), (100, 86))).factor, 2)
        1.04
        """
        if len(self.seen) < LEAST:
            return FIRST_FACTOR
        mean = self.mean
        spread = sqrt(
            sum(one * (billed / one - mean) ** 2 for one, billed in self.seen)
            / sum(one for one, _ in self.seen)
        )
        return mean + DEVIATIONS * spread * sqrt(1 + LEAST / len(self.seen)) + MARGIN
