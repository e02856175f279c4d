"""How likely a value is right, from what is known about it: evidence comes in, a number from 0 to 1 goes out.

    how it is proved             amounts       days          words, names and numbers of documents
    it adds up with others       0.98
    row, or line of its label    0.97          0.97          0.97
    elsewhere on that page       0.60          0.90          0.92
    somewhere in the document    0.94          0.94          0.94; a name that stands there once 0.88
    nowhere                      0.05          0.05          0.05; but implied 0.90, to be seen in a picture 0.75
    then, each that applies      normalised x 0.97   the model wrote it in another form than it was asked for
                                 noisy      x 0.85   it stands there with other letters, as after OCR
                                 unclear    x 0.85   OCR is unsure of a word of it
                                 repaired   x 0.90   an answer about it was not accepted before
                                 conflict   x 0.50   parts of the document disagree
                                 disagreed  x 0.40   two passes disagree
                                 ambiguous  x 0.50   the place can be read as another value
                                 unbalanced x 0.50   a sum or order that the schema names does not hold
                                 agreed     half as far from 1, as two passes say the same

What is null or failed has no value and so no confidence. The table is what `tests/benchmarks/confidence.py --learn` printed on 2026-11-30
for one half of the makers of labelled documents (corpus and made bills, offline rules and a simulated reader together, 1,302 values),
rounded; `docs/confidence.md` has how it holds for the other half. Nothing that is labelled says more of implied values, which booleans and
choices are, of pictures, and of the factors: these rank values for a person. Below `SURE` a value is one of the view `review`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from itertools import combinations
from typing import Any, Literal

from octavo.schemas.pipeline import INCOMPLETE, Evidence, Record

SURE = 0.9
Form = Literal["amount", "day", "words"]
SUMMED = 0.98
PROVED: dict[str, dict[Form, float]] = {
    "row": {"amount": 0.97, "day": 0.97, "words": 0.97},
    "page": {"amount": 0.60, "day": 0.90, "words": 0.92},
    "document": {"amount": 0.94, "day": 0.94, "words": 0.94},
}
NAMED = 0.88  # names stand in a document for many reasons
LONGEST_NAME = 80  # characters
MISSING = 0.05
EXCUSES = {"implied": 0.90, "seen": 0.75}  # of a value that need not stand in the text
FACTORS = {
    "normalised": 0.97,
    "noisy": 0.85,
    "unclear": 0.85,
    "repaired": 0.90,
    "conflict": 0.50,
    "disagreed": 0.40,
    "ambiguous": 0.50,
    "unbalanced": 0.50,
}
_DAY = re.compile(r"\d{4}-\d\d-\d\d")
_AMOUNT = re.compile(r"-?\d+(?:\.\d+)?")
_EDGE = re.compile(r"[.\[]|$")  # behind which a path goes on, or ends


def rated(record: Record) -> Record:
    """The record, its parts merged, with the confidence in each value, and one evidence a field."""
    known = _known(record.evidence)
    conflicts = (conflict.partition(": ") for conflict in record.conflicts)
    doubtful = [place for place, _, words in conflicts if not words.startswith(INCOMPLETE)]
    noted = [
        replace(item, notes=(*item.notes, "conflict")) if within(item.field, doubtful) else item
        for item in known
    ]
    sums = summed(record.value)
    return replace(
        record,
        evidence=tuple(
            replace(item, confidence=confidence(item, summed=item.field in sums)) for item in noted
        ),
    )


def _known(evidence: Sequence[Evidence]) -> Sequence[Evidence]:
    """What one part does not say and another does is no silence; where one part gives a list and another's failed, both are told."""
    given = {item.field for item in evidence if item.state == "given"}
    silent = [item for item in evidence if item.state != "given"]
    told = {item.field: item for item in silent if item.field not in given and _is_told(item)}
    said = (
        {path[: edge.start()] for path in [*given, *told] for edge in _EDGE.finditer(path)}
        if silent
        else given
    )
    return [
        item
        for item in evidence
        if item.state == "given" or told.get(item.field) is item or item.field not in said
    ]


def _is_told(item: Evidence) -> bool:
    """Whether there is something to say of a field that has no value: it failed, or a part of it is missing."""
    return item.state == "failed" or (item.state == "missing" and bool(item.detail))


def within(path: str, places: Sequence[str]) -> bool:
    """Whether a path is one of these places, or lies in one."""
    return any(path == place or path.startswith((f"{place}.", f"{place}[")) for place in places)


def confidence(item: Evidence, *, summed: bool = False) -> float | None:
    """The confidence in a value, rounded to three digits; None where there is none. `summed` says that it adds up with others."""
    if item.state != "given":
        return None
    likely = SUMMED if summed and item.grade != "missing" else _proved(item)
    for note in item.notes:
        likely *= FACTORS.get(note, 1)
    return round(1 - (1 - likely) / 2 if "agreed" in item.notes else likely, 3)


def _proved(item: Evidence) -> float:
    """How likely a value is by where it stands."""
    if item.grade == "missing":
        return next((likely for excuse, likely in EXCUSES.items() if excuse in item.notes), MISSING)
    if (
        item.by == "document"
        and item.grade == "exact"
        and "repeated" not in item.notes
        and _is_name(item.value)
    ):
        return NAMED
    return PROVED.get(item.by, PROVED["document"])[_form(item.value)]


def _is_name(value: str) -> bool:
    """Whether a value is a few words, and neither the number of something nor a passage."""
    return len(value) <= LONGEST_NAME and (" " in value or not any(map(str.isdigit, value)))


def _form(value: str) -> Form:
    """What a value is, as it is told in evidence."""
    return "day" if _DAY.fullmatch(value) else "amount" if _AMOUNT.fullmatch(value) else "words"


def summed(value: Mapping[str, Any]) -> set[str]:
    """The fields of a record whose amounts add up: two to a third, or a column of a list to one of them.

    The items of such a column get nothing by it, since it adds up in another order, too.

    >>> sorted(summed({"net": Decimal(100), "tax": Decimal(19), "total": Decimal(119)}))
    ['net', 'tax', 'total']
    """
    top = {name: one for name, one in value.items() if isinstance(one, Decimal) and one}
    found = {name for rows in value.values() for total in _totals(rows) for name in top if top[name] == total}
    for one, other in combinations(top, 2):
        totals = {name for name in top if name not in (one, other) and top[name] == top[one] + top[other]}
        found |= {one, other, *totals} if totals else set()
    return found


def _totals(rows: Any) -> Iterator[Decimal]:
    """The sums of the columns of a list of two records or more in which every item has an amount."""
    if isinstance(rows, list) and len(rows) > 1 and all(isinstance(row, Mapping) for row in rows):
        for column in rows[0]:
            amounts = [row.get(column) for row in rows]
            if all(isinstance(one, Decimal) for one in amounts):
                yield sum(amounts, Decimal())
