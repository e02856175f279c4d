"""Two values of one field in; whether they say the same out. Rules go by the type of the field, and lists are matched in any order."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Sequence
from decimal import Decimal, InvalidOperation
from typing import Any

from rapidfuzz import fuzz

from schemas.columns import native
from schemas.errors import SchemaError, SettingsError
from schemas.pipeline import Field

LONG_TEXT = 30  # letters and digits from which a text is prose, where a word more or less is no mistake ...
ALIKE = 90.0  # ... when so much of it is the same: the indel ratio of rapidfuzz, 0 to 100
ANY_OF = "any_of"  # {"any_of": ["Acme", "Acme Inc."]} in the labels: one of these is right

Agreement = Callable[[Any, Any], int]


def same(field: Field, gold: Any, found: Any) -> bool:
    """Whether a found value is the labelled one, which is as JSON has it. Nothing is the same as null.

    Texts agree in their letters and digits, long ones nearly; numbers in their value; dates, choices and truth values exactly.
    Raises SchemaError when the label does not fit the field.
    """
    options = gold[ANY_OF] if isinstance(gold, dict) and ANY_OF in gold else [gold]
    return found is not None and any(_same(field, option, found) for option in options)


def _same(field: Field, gold: Any, found: Any) -> bool:
    if field.kind in ("decimal", "integer", "number"):
        return _number(gold, field.name) == Decimal(str(found))
    gold = native(field, gold, field.name)
    if field.kind != "text":
        return bool(gold == found)
    wanted, given = folded(gold), folded(found)
    return wanted == given or (len(wanted) >= LONG_TEXT and fuzz.ratio(wanted, given) >= ALIKE)


def _number(gold: Any, name: str) -> Decimal:
    """A labelled number, which may be written as text so that no digit is lost."""
    try:
        return Decimal(str(gold))
    except InvalidOperation:
        raise SchemaError(f"{name} should be a number, but is labelled {gold!r}.", about=name) from None


def folded(text: str) -> str:
    """Text without case, spaces and punctuation, as people compare it.

    >>> folded("Bei-Spiel GmbH")
    'beispielgmbh'
    """
    return "".join(character for character in unicodedata.normalize("NFKC", text).casefold() if character.isalnum())


def pairs(gold: Sequence[Any], found: Sequence[Any], agreement: Agreement) -> list[tuple[int, int]]:
    """Which item of one list is which of the other, so that they agree in as much as possible; items that agree in nothing stay alone.

    `agreement` counts the values in which two items agree. Raises SettingsError when scipy is not installed.
    """
    if not gold or not found:
        return []
    try:
        from scipy.optimize import linear_sum_assignment
    except ImportError:
        step = "Install it with: pip install 'octavo[eval]'"
        raise SettingsError("Lists are compared with scipy, which is not installed.", about="eval", next_step=step) from None
    matrix = [[agreement(wanted, given) for given in found] for wanted in gold]
    rows, columns = linear_sum_assignment(matrix, maximize=True)
    return [(row, column) for row, column in zip(rows.tolist(), columns.tolist(), strict=True) if matrix[row][column]]
