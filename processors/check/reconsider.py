"""An answer before and after people corrected it comes in; the corrected one goes out with what its schema says of it by now.

    net 100, tax 19, total 191 (unbalanced, as are the others)  -- total: 119 by Ann -->  nobody is unbalanced, computed fields follow

What adds up by now is doubted for that no more, what does not is, and nothing that a person said is. Computed fields are computed from
what people said, but for those that a person corrected. What else was found out about a value (its place, its passes) stays as it was.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from octavo.processors.check.confidence import confidence, summed
from octavo.processors.check.own_code import checked, filled
from octavo.processors.check.rules_held import balanced
from octavo.schemas.arithmetic import broken_rules
from octavo.schemas.columns import native_record
from octavo.schemas.compile.own_answers import checks
from octavo.schemas.corrections import as_json
from octavo.schemas.errors import SchemaError
from octavo.schemas.pipeline import Evidence, Question, Record

NOTE = "unbalanced"
OUTDATED = (
    "It was computed before a person corrected this answer, and the schema is not at hand to compute it anew."
)


def reconsidered(question: Question, before: Record, after: Record) -> Record:
    """The corrected answer, judged by its question as a whole; values as JSON. `after` is `before` where nobody has corrected anything.

    An answer that does not fit the question, as of an earlier schema, stays as it is.
    """
    asked = question.whole or question
    try:
        value = native_record(asked.fields, _of_fields(asked, after), "")
        answered = native_record(asked.fields, _of_fields(asked, before), "")
    except SchemaError:
        return outdated(after) if after is not before else after
    record = replace(after, value={**after.value, **value})
    if after is not before:
        record = _balanced(asked, replace(before, value=answered), record)
    elif any("computed" in item.notes for item in after.evidence):
        return after
    record = filled(asked, record)
    return replace(record, value=as_json(record.value))


def outdated(record: Record) -> Record:
    """The corrected answer of a question that is not at hand: what was computed from it is marked."""
    return replace(
        record,
        evidence=tuple(
            replace(item, notes=(*item.notes, NOTE), detail=OUTDATED)
            if "computed" in item.notes and item.state == "given" and NOTE not in item.notes
            else item
            for item in record.evidence
        ),
    )


def _of_fields(question: Question, record: Record) -> dict[str, Any]:
    """What was answered: without computed fields, and without what a schema says where the document does not."""
    defaults = [item.field for item in record.evidence if item.state == "null" and item.detail]
    bare = {one.name: record.value.get(one.name) for one in question.fields}
    return {name: _without(value, name, defaults) for name, value in bare.items()}


def _without(value: Any, path: str, places: Iterable[str]) -> Any:
    """A value without what stands at some paths in it."""
    if path in places:
        return None
    if isinstance(value, Mapping):
        return {name: _without(inner, f"{path}.{name}", places) for name, inner in value.items()}
    if isinstance(value, list):
        return [_without(inner, f"{path}[{number}]", places) for number, inner in enumerate(value)]
    return value


def _balanced(question: Question, before: Record, after: Record) -> Record:
    """What the rules and checks of the question say now, instead of what they said before."""
    told = {_plain(part) for sentence in _told(question, before) for part in sentence.split("; ")}
    cleared = replace(after, evidence=tuple(_cleared(item, told) for item in after.evidence))
    judged = checked(question, balanced(question, cleared)).evidence
    sums = summed(before.value), summed(after.value)
    return replace(
        after,
        evidence=tuple(
            _rated(old, new, *(new.field in some for some in sums))
            for old, new in zip(after.evidence, judged, strict=True)
        ),
    )


def _told(question: Question, record: Record) -> Iterator[str]:
    """The sentences of all that does not hold in a record."""
    yield from (broken.why for broken in broken_rules(question.rules, record.value))
    yield from (words for _, words in checks(question, record.value))


def _cleared(item: Evidence, told: set[str]) -> Evidence:
    """A value without the doubt that it does not add up, where one of those sentences is why."""
    if NOTE not in item.notes or item.state != "given":
        return item
    parts = item.detail.split("; ")
    kept = [part for part in parts if _plain(part) not in told]
    if len(kept) == len(parts):
        return item
    return replace(item, notes=tuple(note for note in item.notes if note != NOTE), detail="; ".join(kept))


def _plain(sentence: str) -> str:
    """A sentence in which 1.50 and 1.5 are one: the column gives a number more digits than the answer had."""
    return " ".join(word.rstrip("0").rstrip(".") if "." in word else word for word in sentence.split())


def _rated(old: Evidence, new: Evidence, was_summed: bool, is_summed: bool) -> Evidence:  # noqa: FBT001 - a pair
    """How likely the value is by now; as it was where nothing has changed for it."""
    new = replace(new, notes=tuple(dict.fromkeys(new.notes)))
    if new.state != "given" or (old.notes == new.notes and was_summed == is_summed):
        return new
    return replace(new, confidence=confidence(new, summed=is_summed))
