"""Two values of one field in; whether they say the same out. Rules go by the type of the field, and lists are matched in any order.

Two lists of thousands of items are matched in seconds: items that are equal in all that is labelled are paired first, since no pair can
agree in more, and what is left is compared column by column, each value once.
"""

from __future__ import annotations

import unicodedata
from collections import defaultdict
from collections.abc import Hashable, Mapping, Sequence
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any

from rapidfuzz import fuzz, process

from octavo.schemas.columns import native
from octavo.schemas.errors import SchemaError, SettingsError
from octavo.schemas.pipeline import Field

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

LONG_TEXT = 30  # letters and digits from which a text is prose, where a word more or less is no mistake ...
ALIKE = 90.0  # ... when so much of it is the same: the indel ratio of rapidfuzz, 0 to 100
ANY_OF = "any_of"  # {"any_of": ["Acme", "Acme Inc."]} in the labels: one of these is right

Pair = tuple[int, int]


def same(field: Field, gold: Any, found: Any) -> bool:
    """Whether a found value is the labelled one, which is as JSON has it. Nothing is the same as null.

    Texts agree in their letters and digits, long ones nearly; numbers in their value; dates, choices and truth values exactly.
    Raises SchemaError when the label does not fit the field.
    """
    if found is None or not (options := _options(field, gold)):
        return False
    return _found(field, found) in options or (
        field.kind == "text" and any(_alike(option, folded(found)) for option in options)
    )


def _options(field: Field, gold: Any) -> tuple[Hashable, ...]:
    """What a label allows, each in a form in which equal values are equal; nothing for null."""
    options = gold[ANY_OF] if isinstance(gold, dict) and ANY_OF in gold else [gold]
    return tuple(_wanted(field, option) for option in options if option is not None)


def _wanted(field: Field, gold: Any) -> Hashable:
    if field.kind in ("decimal", "integer", "number"):
        return _number(gold, field.name)
    value: Hashable = native(field, gold, field.name)
    return folded(str(value)) if field.kind == "text" else value


def _found(field: Field, found: Any) -> Hashable:
    if field.kind in ("decimal", "integer", "number"):
        return Decimal(str(found))
    return folded(found) if field.kind == "text" else found


def _alike(wanted: Hashable, given: str) -> bool:
    return isinstance(wanted, str) and len(wanted) >= LONG_TEXT and fuzz.ratio(wanted, given) >= ALIKE


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
    return "".join(
        character for character in unicodedata.normalize("NFKC", text).casefold() if character.isalnum()
    )


def pairs(item: Field, gold: Sequence[Any], found: Sequence[Any]) -> list[Pair]:
    """Which item of one list is which of the other, so that they agree in as many values as possible; what agrees in nothing stays alone.

    Raises SettingsError when scipy is not installed, SchemaError when a label does not fit its field.
    """
    made = _equal(item, gold, found)
    rows, columns = (
        [n for n in range(len(many)) if n not in paired]
        for many, paired in zip((gold, found), _sides(made), strict=True)
    )
    rest, _ = _assigned(item, [gold[row] for row in rows], [found[column] for column in columns])
    return sorted(made + [(rows[row], columns[column]) for row, column in rest])


def _sides(made: Sequence[Pair]) -> tuple[set[int], set[int]]:
    return {row for row, _ in made}, {column for _, column in made}


def _equal(item: Field, gold: Sequence[Any], found: Sequence[Any]) -> list[Pair]:
    """Pairs of plain items that are equal in every field that is labelled anywhere in the list.

    subtle: an item in which fewer fields are labelled must wait, since it could take the equal of one that says more.
    """
    fields = item.fields if item.kind == "record" else (item,)
    if any(field.kind in ("record", "list") for field in fields):
        return []
    named = [
        field
        for field in fields
        if item.kind != "record" or any(label and field.name in label for label in gold)
    ]
    waiting: dict[tuple[Hashable, ...], list[int]] = defaultdict(list)
    for column in reversed(range(len(found))):
        values = [_part(item, found[column], field) for field in named]
        waiting[
            tuple(
                None if value is None else _found(field, value)
                for field, value in zip(named, values, strict=True)
            )
        ].append(column)
    made = []
    for row, label in enumerate(gold):
        options = [_options(field, _part(item, label, field)) for field in named]
        says_all = item.kind != "record" or (label and len(label) == len(named))
        key = tuple(one[0] if one else None for one in options)
        if says_all and any(options) and all(len(one) <= 1 for one in options) and waiting[key]:
            made.append((row, waiting[key].pop()))
    return made


def _part(item: Field, value: Any, field: Field) -> Any:
    return (value or {}).get(field.name) if item.kind == "record" else value


def _assigned(item: Field, gold: Sequence[Any], found: Sequence[Any]) -> tuple[list[Pair], int]:
    """Pairs of all items that agree in most values, and in how many they agree together."""
    if not gold or not found:
        return [], 0
    try:
        from scipy.optimize import linear_sum_assignment
    except ImportError:
        step = "Install it with: pip install 'octavo[eval]'"
        raise SettingsError(
            "Lists are compared with scipy, which is not installed.", about="eval", next_step=step
        ) from None
    agreed = _agreement(item, gold, found)
    rows, columns = linear_sum_assignment(agreed, maximize=True)
    made = [
        (row, column)
        for row, column in zip(rows.tolist(), columns.tolist(), strict=True)
        if agreed[row, column]
    ]
    return made, int(agreed[rows, columns].sum())


def _agreement(field: Field, gold: Sequence[Any], found: Sequence[Any]) -> NDArray[np.int32]:
    """In how many values each label agrees with each answer: a row for each label. Every different value is looked at once."""
    import numpy as np

    if field.kind == "record":
        agreed = np.zeros((len(gold), len(found)), np.int32)
        for inner in field.fields:
            agreed += _agreement(
                inner, *([_part(field, value, inner) for value in values] for values in (gold, found))
            )
        return agreed
    if field.kind == "list" and field.item:
        item = field.item
        return np.array(
            [[_assigned(item, wanted or [], given or [])[1] for given in found] for wanted in gold], np.int32
        )
    wanted, rows = _numbered([_options(field, value) for value in gold])
    given, columns = _numbered([None if value is None else _found(field, value) for value in found])
    table = np.zeros((len(wanted), len(given)), np.int32)
    for options, row in wanted.items():
        table[row, [given[option] for option in options if option in given]] = 1
    if field.kind == "text":
        _add_alike(table, wanted, given)
    return table[np.ix_(rows, columns)]


def _numbered(values: Sequence[Any]) -> tuple[dict[Any, int], list[int]]:
    """Different values with a number each, and the numbers in the place of the values."""
    known: dict[Any, int] = {}
    return known, [known.setdefault(value, len(known)) for value in values]


def _add_alike(table: NDArray[np.int32], wanted: Mapping[Any, int], given: Mapping[Any, int]) -> None:
    """Prose that is nearly the same counts as the same; texts of other lengths need no look."""
    long = [
        (option, row) for options, row in wanted.items() for option in options if len(option) >= LONG_TEXT
    ]
    texts = [
        (text, column)
        for text, column in given.items()
        if text is not None and len(text) >= LONG_TEXT * ALIKE / (200 - ALIKE)
    ]
    if long and texts:
        ratios = process.cdist(
            [option for option, _ in long], [text for text, _ in texts], scorer=fuzz.ratio, score_cutoff=ALIKE
        )
        for at, other in zip(*ratios.nonzero(), strict=True):
            table[long[at][1], texts[other][1]] = 1
