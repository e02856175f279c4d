"""Money as whole nano-dollars: US dollars in, integers out and back, so that no sum depends on the order of its terms.

A price of three decimals per million tokens is a whole number of nano-dollars a token, so bills are exact.
"""

from __future__ import annotations

import math

NANO = 1_000_000_000


def nano(usd: float) -> int:
    """Nano-dollars, rounded up, so that what is counted is never below what is billed. The noise of a float is no money."""
    return math.ceil(round(usd * NANO, 3))


def nano_cap(usd: float) -> int:
    """Nano-dollars of a cap, rounded down; 0 only for no cap."""
    return max(1, math.floor(round(usd * NANO, 3))) if usd else 0


def usd(nanos: int) -> float:
    """US dollars, for tables and for people."""
    return nanos / NANO


def shown(nanos: int) -> str:
    """Dollars and cents, with more digits where cents would say too little."""
    digits = 2 if nanos % (NANO // 100) == 0 or nanos >= 100 * NANO else 4 if nanos >= NANO // 1_000 else 9
    return f"${usd(nanos):.{digits}f}"
