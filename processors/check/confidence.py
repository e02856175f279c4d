"""How likely a value is right, from what is known about it: evidence comes in, a number from 0 to 1 goes out.

    grade of the proof           exact 0.95, loose 0.94, missing 0.30; missing but implied or to be seen in a picture 0.75
    then, each that applies      normalised x 0.97   the model wrote it in another form than it was asked for
                                 noisy      x 0.85   it stands there with other letters, as after OCR
                                 repaired   x 0.90   an answer about it was not accepted before
                                 conflict   x 0.50   parts of the document disagree
                                 disagreed  x 0.40   two passes disagree
                                 ambiguous  x 0.50   the place can be read as another value
                                 unbalanced x 0.50   a sum or order that the schema names does not hold
                                 agreed     half as far from 1, as two passes say the same

What is null or failed has no value and so no confidence. The first two are what `tests/benchmarks/grounding.py` measured for answers of
the offline rules (2026-11: exact 92 %, loose 94 % right of 317 labelled values; a model should do better). The others only rank values
for a person: nothing that is labelled says more.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from octavo.schemas.pipeline import INCOMPLETE, Evidence, Grade, Record

GRADES: dict[Grade, float] = {"exact": 0.95, "loose": 0.94, "missing": 0.30}
EXCUSED = 0.75  # of a value that need not stand in the text: it is implied, or the page is a picture
EXCUSES = frozenset({"implied", "seen"})
FACTORS = {
    "normalised": 0.97,
    "noisy": 0.85,
    "repaired": 0.90,
    "conflict": 0.50,
    "disagreed": 0.40,
    "ambiguous": 0.50,
    "unbalanced": 0.50,
}
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
    return replace(record, evidence=tuple(replace(item, confidence=confidence(item)) for item in noted))


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


def confidence(item: Evidence) -> float | None:
    """The confidence in a value, rounded to three digits; None where there is none."""
    if item.state != "given":
        return None
    likely = EXCUSED if item.grade == "missing" and not EXCUSES.isdisjoint(item.notes) else GRADES[item.grade]
    for note in item.notes:
        likely *= FACTORS.get(note, 1)
    return round(1 - (1 - likely) / 2 if "agreed" in item.notes else likely, 3)
