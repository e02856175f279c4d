"""The name and description of a field come in; how its values are meant to be read, and the words of its label, go out.

"Weight in million tonnes"       numbers are in millions
"VAT rate in per cent"           19 for 19 %, not 0.19
"Day of purchase, DD/MM/YYYY"    day first
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache

from octavo.schemas.pipeline import Field

_FRACTION = re.compile(r"\b(?:fraction|between 0 and 1|0 to 1|0\.\d+ for)\b", re.IGNORECASE)
_PERCENT = re.compile(r"%|\bper ?cent|\bpercent|(?:^|_)(?:pct|percent|percentage)(?:_|$)", re.IGNORECASE)
_DAY_FIRST = re.compile(
    r"\bDD\W?MM\W?YY|\bday (?:before|first|then) ?(?:the )?month|\bday first", re.IGNORECASE
)
_MONTH_FIRST = re.compile(r"\bMM\W?DD\W?YY|\bmonth (?:before|first|then)", re.IGNORECASE)
_UNITS = (  # of tables and amounts
    (Decimal(10) ** 3, re.compile(r"\bin (?:\w+ )?thousands?\b|\bT(?:EUR|€|USD)\b|(?:^|_)(?:thousands?|k|teur|tsd)$", re.IGNORECASE)),
    (Decimal(10) ** 6, re.compile(r"\bin (?:\w+ )?(?:millions?|mio)\b|\bM(?:EUR|€)|(?:^|_)(?:millions?|mio|mn|meur)$", re.IGNORECASE)),
    (Decimal(10) ** 9, re.compile(r"\bin (?:\w+ )?(?:billions?|mrd)\b|(?:^|_)(?:billions?|bn|mrd)$", re.IGNORECASE)),
)  # fmt: skip
_OUTGOING = re.compile(  # printed in brackets because it is taken off, and given without a sign
    r"cost|expense|loss|tax|deduct|discount|payment|paid|repay|purchase|outflow|depreciation|amorti[sz]ation|charge|fee|dividend|rebate"
    r"|credit|withh|impairment|provision|spent|spending",
    re.IGNORECASE,
)
_EXAMPLES = re.compile(r"\(([^()]*)\)")
_WORD = re.compile(r"[^\W\d_]+")
_NAME_PART = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])")
_NO_LABEL = frozenset(
    {"name", "of", "the", "is", "value", "and", "or", "not", "such", "as", "etc", "a", "an", "to", "in"}
)


@dataclass(frozen=True, slots=True)
class Hints:
    """How the values of a field are meant to be read; None where nothing is said."""

    day_first: bool | None = None
    is_percent: bool | None = None  # False: a fraction
    unit: Decimal = Decimal(1)  # of the numbers
    is_outgoing: bool = False  # printed in brackets where it is taken off, and meant without a sign
    whole: bool = False  # a number that cannot have three digits after the point


def hints(field: Field) -> Hints:
    """What a field says of its values."""
    return _hints(field.name, field.description, field.kind, field.scale)


@lru_cache(maxsize=4096)
def _hints(name: str, description: str, kind: str, scale: int) -> Hints:
    words = f"{name} {description}"
    day_first = True if _DAY_FIRST.search(words) else False if _MONTH_FIRST.search(words) else None
    is_percent = False if _FRACTION.search(words) else True if _PERCENT.search(words) else None
    unit = next((unit for unit, form in _UNITS if form.search(name) or form.search(description)), Decimal(1))
    whole = kind == "integer" or (kind == "decimal" and scale <= 2)
    return Hints(day_first, is_percent, unit, bool(_OUTGOING.search(name)), whole)


@lru_cache(maxsize=4096)
def phrases(name: str, description: str) -> tuple[frozenset[str], ...]:
    """The label of a field in sets of words: those of its name, and of each example that its description has in brackets."""
    examples = [
        example for group in _EXAMPLES.findall(description) for example in re.split(r"[,;]|\bor\b", group)
    ]
    made = [frozenset(word.casefold() for word in _NAME_PART.findall(name)) - _NO_LABEL]
    made += [
        frozenset(word.casefold() for word in _WORD.findall(example)) - _NO_LABEL for example in examples
    ]
    return tuple(dict.fromkeys(phrase for phrase in made if phrase and len(phrase) < 4))
