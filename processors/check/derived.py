"""A number and the record it stands in come in; whether it follows from the others goes out: a count, a sum or a difference.

Such a number need not be printed, so that it is no value of a neighbour only because a neighbour prints it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from itertools import accumulate, combinations, groupby
from typing import Any

from octavo.schemas.pipeline import Field, Kind

NUMBERS: frozenset[Kind] = frozenset({"integer", "number", "decimal"})
COUNT = re.compile(r"count|number[ _]of|how many|(?:^|_)(?:num|n)_|_n$", re.IGNORECASE)
MOST_NUMBERS = 40  # of a record that are added up in pairs


def is_derived(field: Field, value: Any, record: Mapping[str, Any]) -> bool:
    """Whether a number is the sum of one field of a list, or of two numbers beside it, or how many items a list has where that is asked."""
    if field.kind not in NUMBERS:
        return False
    number = Decimal(str(value))
    if COUNT.search(f"{field.name} {field.description}") and number in _lengths(record):
        return True
    others = [other for _, other in _numbers(record) if other != number][:MOST_NUMBERS]
    pairs = combinations(others, 2)
    return number != 0 and (
        number in _sums(record) or any(number in (one + two, abs(one - two)) for one, two in pairs)
    )


def is_sum_of(number: Decimal, printed: Sequence[Decimal]) -> bool:
    """Whether a number is the sum of two or more amounts of equally many decimals that are printed one below the other."""
    columns = groupby(printed, key=lambda amount: amount.as_tuple().exponent)
    return any(_has_sum(number, list(column)) for _, column in columns)


def _has_sum(number: Decimal, column: Sequence[Decimal]) -> bool:
    begun: dict[Decimal, int] = {}  # sum so far -> after how many amounts
    for place, total in enumerate(accumulate(column, initial=Decimal(0))):
        if place - begun.get(total - number, place) > 1:
            return True
        begun.setdefault(total, place)
    return False


def _lists(value: Any) -> Iterator[list[Any]]:
    """The lists of a record, at every depth."""
    inside = value.values() if isinstance(value, Mapping) else value if isinstance(value, list) else ()
    for inner in inside:
        if isinstance(inner, list):
            yield inner
        yield from _lists(inner)


def _lengths(record: Mapping[str, Any]) -> Iterator[Decimal]:
    return (Decimal(len(items)) for items in _lists(record))


def _sums(record: Mapping[str, Any]) -> Iterator[Decimal]:
    """The sum of each number of the items of each list."""
    for items in _lists(record):
        columns: dict[str, list[Decimal]] = {}
        for name, number in (pair for item in items if isinstance(item, Mapping) for pair in _numbers(item)):
            columns.setdefault(name, []).append(number)
        yield from (sum(column, Decimal(0)) for column in columns.values() if len(column) > 1)


def _numbers(record: Mapping[str, Any]) -> list[tuple[str, Decimal]]:
    """The numbers of a record with their names, those of its lists left aside."""
    return [
        (name, Decimal(str(value)))
        for name, value in record.items()
        if isinstance(value, int | float | Decimal) and not isinstance(value, bool)
    ]
