"""The records that the pieces of one long document gave come in; one record of the whole document goes out.

    piece 1   total null    lines a, b, c (cut off at the end of the page)
    piece 2   total 9.10    lines c, d                                         ->   total 9.10, lines a, b, c, d

What one piece has and another does not is taken. Where two disagree, the evidence decides: exact before loose before missing, then the
value that more pieces have, then the one that stands first; `conflicts` says what was kept and what was not. Items of lists stand in the
order of the document; what is proved at the same place is one item, and so is a name that two pieces give. The order in which the pieces
came back does not matter, and merging what is merged changes nothing. It imports `items`, which tells which items of lists are one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from octavo.processors.check.merge_lists import as_one, items_of, plain
from octavo.schemas.pipeline import SUMMARY, Evidence, Record

GRADES = {"exact": 2, "loose": 1, "missing": 0}
LONGEST_SHOWN = 80  # characters of a value in a sentence about a conflict


@dataclass(frozen=True, slots=True)
class Said:
    """One value as one piece gave it, with the evidence of what is in it. Paths in the evidence begin below the value."""

    value: Any
    evidence: tuple[Evidence, ...]


@dataclass(slots=True)
class _Whole:
    """What the merged record is made of, beside its value."""

    evidence: list[Evidence] = field(default_factory=list)
    conflicts: list[str] = field(default_factory=list)
    joins: bool = False  # whether texts that differ are put one behind the other, as in a summary


def merge(parts: Sequence[tuple[int, Record]]) -> Record:
    """One record of the pieces of one document, each with its position: the number of its first page, or any count in reading order."""
    if len(parts) == 1:
        return parts[0][1]
    records = list(dict.fromkeys(_Same(record) for _, record in sorted(parts, key=_reading_order)))
    first = records[0].record
    if len(records) == 1:
        return first
    whole = _Whole(
        [],
        list(dict.fromkeys(conflict for one in records for conflict in one.record.conflicts)),
        first.question == SUMMARY,
    )
    value = _record(
        whole, "", [Said(one.record.value, _signed(one.record, first.request)) for one in records]
    )
    return replace(
        first, value=value, evidence=tuple(whole.evidence), conflicts=tuple(dict.fromkeys(whole.conflicts))
    )


def _signed(record: Record, first: str) -> tuple[Evidence, ...]:
    """The evidence of a record with the request that gave it, where that is another than the merged record's."""
    if record.request == first:
        return record.evidence
    return tuple(replace(proof, request=proof.request or record.request) for proof in record.evidence)


class _Same:
    """A record that is equal to another of the same content, though it has lists in it."""

    def __init__(self, record: Record) -> None:
        self.record = record
        self._content = repr(record)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same) and self._content == other._content

    def __hash__(self) -> int:
        return hash(self._content)


def _reading_order(part: tuple[int, Record]) -> tuple[int, tuple[int, int], str, str]:
    """Position, then the first place that is proved; the rest only makes the order certain."""
    position, record = part
    places = [
        (item.page, item.start)
        for item in record.evidence
        if item.page is not None and item.start is not None
    ]
    return position, min(places, default=(0, 0)), record.request, repr(record)


def _record(whole: _Whole, path: str, said: Sequence[Said]) -> dict[str, Any]:
    """Records as one, field by field."""
    names = dict.fromkeys(name for one in said for name in one.value)
    given = {name: [Said(one.value.get(name), _inside(one.evidence, name)) for one in said] for name in names}
    return {name: _value(whole, f"{path}.{name}" if path else name, given[name]) for name in names}


def _inside(evidence: Sequence[Evidence], name: str) -> tuple[Evidence, ...]:
    """The evidence of one field of a record, with paths that begin below the field."""
    paths = ((proof, proof.field.removeprefix(".")) for proof in evidence)
    rests = ((proof, path.removeprefix(name)) for proof, path in paths if path.startswith(name))
    return tuple(replace(proof, field=rest) for proof, rest in rests if rest[:1] in ("", ".", "["))


def _value(whole: _Whole, path: str, every: Sequence[Said]) -> Any:
    """Values of one field as one; None when no piece has any."""
    said = [one for one in every if one.value is not None]
    if not said:
        whole.evidence += [replace(proof, field=path + proof.field) for proof in _why_not(every)]
        return None
    if all(isinstance(one.value, Mapping) for one in said):
        return _record(whole, path, said)
    if all(isinstance(one.value, list) for one in said):
        return _list(whole, path, every)
    return _scalar(whole, path, said)


def _why_not(every: Sequence[Said]) -> list[Evidence]:
    """Why no piece has a value: what was said was not accepted, or the document says none, or nobody spoke of it."""
    proofs = [proof for one in every for proof in one.evidence]
    failed = [proof for proof in proofs if proof.state == "failed"]
    return list(dict.fromkeys(failed)) or sorted(proofs, key=lambda proof: proof.state != "null")[:1]


def _list(whole: _Whole, path: str, every: Sequence[Said]) -> list[Any]:
    """Lists as one, in the order of the document. What a piece could not give of it stays a mark beside what the others gave."""
    found = as_one([items_of(one.value or [], one.evidence) for one in every])
    items = [
        _value(whole, f"{path}[{n}]", [Said(one.value, one.evidence) for one in same])
        for n, same in enumerate(found)
    ]
    own = [Said(None, tuple(proof for proof in one.evidence if not proof.field)) for one in every]
    lost = [proof for one in own for proof in one.evidence if proof.detail]
    whole.evidence += [replace(proof, field=path) for proof in lost or ([] if items else _why_not(own))]
    return items


def _scalar(whole: _Whole, path: str, said: Sequence[Said]) -> Any:
    """The value that is proved best, then the one that is given most, then the first."""
    groups: dict[Any, list[Said]] = {}
    for one in said:
        groups.setdefault(plain(one.value), []).append(one)
    ranked = sorted(groups.values(), key=lambda group: (-max(map(_grade, group)), -len(group)))
    if whole.joins and all(isinstance(one.value, str) for one in said):
        whole.evidence += [replace(proof, field=path + proof.field) for one in said for proof in one.evidence]
        return "\n\n".join(group[0].value for group in groups.values())
    kept, *others = [max(group, key=_grade) for group in ranked]
    conflict = f"{_shown(kept)} was kept, not {', '.join(map(_shown, others))}" if others else ""
    whole.evidence += [
        replace(proof, field=path + proof.field, detail=conflict or proof.detail) for proof in kept.evidence
    ]
    whole.conflicts += [f"{path}: {conflict}"] if others else []
    return kept.value


def _grade(said: Said) -> int:
    return max((GRADES[proof.grade] for proof in said.evidence), default=0)


def _shown(said: Said) -> str:
    """A value in a sentence: `'9.10' (exact, p. 3)`."""
    text = next((proof.value for proof in said.evidence), str(said.value))
    text = text if len(text) <= LONGEST_SHOWN else text[:LONGEST_SHOWN] + "..."
    proof = next(iter(said.evidence), None)
    return f"{text!r} ({proof.grade if proof else 'missing'}{f', p. {proof.page}' if proof and proof.page else ''})"
