"""A date or an amount as it was found comes in; each value that it may be goes out, with how it is read for that.

`03/04/2026` is 3 April with its day first, or 4 March with its month first; `1.234` is 1234, or 1.234; `(12.50)` is -12.50, or 12.50.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from typing import Literal

from octavo.schemas.text.dates import FoundValue, converted_date, other_century, other_date
from octavo.schemas.text.values import other_amount

Reading = Literal[
    "", "day_first", "month_first", "century", "calendar", "grouped", "decimal", "negative", "positive"
]


@dataclass(frozen=True, slots=True)
class Place:
    """Where a value stands: half-open, in characters of the source; how it is read there, and the value of the other reading."""

    start: int
    end: int
    reading: Reading = ""
    other: str = ""


def readings_of_date(found: FoundValue[date]) -> Iterator[tuple[date, Place]]:
    """A date under each of its readings."""
    sure = Place(found.start, found.end)
    other, century, common = other_date(found), other_century(found), converted_date(found)
    if other is None or other == found.value:
        yield found.value, sure
    else:
        yield found.value, replace(sure, reading="day_first", other=other.isoformat())
        yield other, replace(sure, reading="month_first", other=found.value.isoformat())
    if century:
        yield century, replace(sure, reading="century", other=found.value.isoformat())
    if common:
        yield common, sure


def readings_of_amount(found: FoundValue[Decimal]) -> Iterator[tuple[Decimal, Place]]:
    """An amount under each of its readings."""
    sure, other = Place(found.start, found.end), other_amount(found)
    if "(" in found.text and found.value:
        is_mark = found.value > 0  # a plain number in brackets, such as that of a footnote
        yield found.value, sure
        yield (
            -found.value,
            replace(sure, reading="negative" if is_mark else "positive", other=str(found.value)),
        )
    elif other is None or other == found.value:
        yield found.value, sure
    else:
        is_grouped = found.value == found.value.to_integral_value()
        yield found.value, replace(sure, reading="grouped" if is_grouped else "decimal", other=str(other))
        yield other, replace(sure, reading="decimal" if is_grouped else "grouped", other=str(found.value))
