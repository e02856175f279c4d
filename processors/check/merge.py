"""The records that the pieces of one long document gave come in; one record of the whole document goes out.

    piece 1   total null    lines a, b, c (cut off at the end of the page)
    piece 2   total 9.10    lines c, d                                         ->   total 9.10, lines a, b, c, d

What one piece has and another does not is taken. Where two disagree, the evidence decides: exact before loose before missing, then the
value that more pieces have, then the one that stands first; `conflicts` says what was kept and what was not. A text of which two pieces
saw each a part is put together. Items of lists stand in the order of the document, each once. The order in which the pieces came back
does not matter, and merging what is merged changes nothing. It imports `merge_lists`, which tells which items of lists are one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from octavo.processors.check.merge_lists import Item, Place, as_one, each_once, items_of, overlap, plain
from octavo.schemas.pipeline import SUMMARY, Evidence, Record

GRADES = {"exact": 2, "loose": 1, "missing": 0}
LONGEST_SHOWN = 80  # characters of a value in a sentence about a conflict


@dataclass(frozen=True, slots=True)
class Said:
    """One value as one piece gave it, with the evidence of what is in it. Paths in the evidence begin below the value."""

    value: Any
    evidence: tuple[Evidence, ...]
    start: Place = (0, 0)  # where the piece begins
    cut: bool = False  # whether it is of an item that the seam cuts, so that a text of it may be a part


@dataclass(slots=True)
class _Whole:
    """What the merged record is made of, beside its value."""

    evidence: list[Evidence] = field(default_factory=list)
    conflicts: list[str] = field(default_factory=list)
    joins: bool = False  # whether texts that differ are put one behind the other, as in a summary


def merge(parts: Sequence[tuple[int, Record]]) -> Record:
    """One record of the pieces of one document, each with its position: page and character at which it begins, as one number.

    The page has the upper bits, the character the lower 32; any count in reading order does as well, if less well where a proof is astray.
    """
    if len(parts) == 1:
        return parts[0][1]
    records = _each_once(sorted(parts, key=_reading_order))
    first = records[0][1]
    if len(records) == 1:
        return first
    whole = _Whole(
        [],
        list(dict.fromkeys(conflict for _, record in records for conflict in record.conflicts)),
        first.question == SUMMARY,
    )
    said = [Said(record.value, _signed(record, first.request), _start(at)) for at, record in records]
    value = _record(whole, "", said)
    return replace(
        first, value=value, evidence=tuple(whole.evidence), conflicts=tuple(dict.fromkeys(whole.conflicts))
    )


def _signed(record: Record, first: str) -> tuple[Evidence, ...]:
    """The evidence of a record with the request that gave it, where that is another than the merged record's."""
    if record.request == first:
        return record.evidence
    return tuple(replace(proof, request=proof.request or record.request) for proof in record.evidence)


def _each_once(parts: Iterable[tuple[int, Record]]) -> list[tuple[int, Record]]:
    """Records without those that are the same as an earlier one."""
    found: dict[str, tuple[int, Record]] = {}
    for position, record in parts:
        found.setdefault(repr(record), (position, record))
    return list(found.values())


def _start(position: int) -> Place:
    return position >> 32, position & 0xFFFFFFFF


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
    given = {
        name: [replace(one, value=one.value.get(name), evidence=_inside(one.evidence, name)) for one in said]
        for name in names
    }
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
    pieces = [(one.start, items_of(one.value or [], one.evidence)) for one in every]
    piece_of = {id(item): number for number, (_, items) in enumerate(pieces) for item in items}
    found = as_one(pieces)
    starts = {id(item): start for start, items in pieces for item in items}
    keys = [_key(_said(same, starts)) for same in found]
    items = [
        _item(whole, f"{path}[{number}]", _said(same, starts))
        for number, same in enumerate(each_once(found, keys, piece_of))
    ]
    own = [Said(None, tuple(proof for proof in one.evidence if not proof.field)) for one in every]
    lost = [proof for one in own for proof in one.evidence if proof.detail]
    whole.evidence += [replace(proof, field=path) for proof in lost or ([] if items else _why_not(own))]
    return items


def _said(same: Sequence[Item], starts: Mapping[int, Place]) -> list[Said]:
    return [Said(item.value, item.evidence, starts[id(item)], cut=True) for item in same]


def _key(said: Sequence[Said]) -> Any:
    """What is equal for items that are equal once merged."""
    keys = [plain(one.value) for one in said]
    return keys[0] if all(key == keys[0] for key in keys) else plain(_value(_Whole(), "", said))


def _item(whole: _Whole, path: str, said: Sequence[Said]) -> Any:
    """What pieces said of one item: of equal ones the one that is proved best, else field by field."""
    if any(plain(one.value) != plain(said[0].value) for one in said):
        return _value(whole, path, said)
    best = max(said, key=lambda one: sum(GRADES[proof.grade] for proof in one.evidence))
    whole.evidence += [replace(proof, field=_below(path, proof.field)) for proof in best.evidence]
    return best.value


def _below(path: str, rest: str) -> str:
    return path + rest if rest[:1] in ("", "[", ".") else f"{path}.{rest}"


def _scalar(whole: _Whole, path: str, said: Sequence[Said]) -> Any:
    """The value that is proved best, then the one that is given most, then the first."""
    groups: dict[Any, list[Said]] = {}
    for one in said if whole.joins else _put_together(said):
        groups.setdefault(plain(one.value), []).append(one)
    if whole.joins and all(isinstance(one.value, str) for one in said):
        whole.evidence += [replace(proof, field=path + proof.field) for one in said for proof in one.evidence]
        return "\n\n".join(group[0].value for group in groups.values())
    ranked = sorted(groups.values(), key=lambda group: (-max(map(_grade, group)), -len(group)))
    kept, *others = [max(group, key=_grade) for group in ranked]
    conflict = f"{_shown(kept)} was kept, not {', '.join(map(_shown, others))}" if others else ""
    whole.evidence += [
        replace(proof, field=path + proof.field, detail=conflict or proof.detail) for proof in kept.evidence
    ]
    whole.conflicts += [f"{path}: {conflict}"] if others else []
    return kept.value


def _put_together(said: Sequence[Said]) -> list[Said]:
    """Texts of which pieces saw parts as one: the longer of two that share characters of the document, or both put together."""
    found: list[Said] = []
    for one in said:
        texts = ((n, _as_one_text(other, one)) for n, other in enumerate(found))
        number, text = next(((n, text) for n, text in texts if text), (len(found), one))
        found[number : number + 1] = [text]
    return found


def _as_one_text(one: Said, other: Said) -> Said | None:
    """The whole of two different texts: one that holds the other, or the end of one and the beginning of the other; else None."""
    if not (isinstance(one.value, str) and isinstance(other.value, str)):
        return None
    shorter, longer = sorted((one, other), key=lambda said: len(plain(said.value)))
    if plain(shorter.value) == plain(longer.value) or not (one.cut or _meet(one, other)):
        return None
    if plain(shorter.value) in plain(longer.value):
        return longer
    return _joined(one, other) if _meet(one, other) and _is_copy(one) and _is_copy(other) else None


def _meet(one: Said, other: Said) -> bool:
    return any(
        mine.start is not None and theirs.start is not None and overlap(mine, theirs)
        for mine in one.evidence
        for theirs in other.evidence
    )


def _joined(one: Said, other: Said) -> Said:
    """Two texts that are copied from the document as it is, of which the end of one is the beginning of the other, as one."""
    first, second = sorted((one, other), key=lambda said: said.evidence[0].start or 0)
    (mine,), (theirs,) = first.evidence, second.evidence
    text = first.value + second.value[(mine.end or 0) - (theirs.start or 0) :]
    return replace(first, value=text, evidence=(replace(mine, value=text, quote=text, end=theirs.end),))


def _is_copy(said: Said) -> bool:
    return len(said.evidence) == 1 and isinstance(said.value, str) and said.evidence[0].quote == said.value


def _grade(said: Said) -> int:
    return max((GRADES[proof.grade] for proof in said.evidence), default=0)


def _shown(said: Said) -> str:
    """A value in a sentence: `'9.10' (exact, p. 3)`."""
    text = next((proof.value for proof in said.evidence), str(said.value))
    text = text if len(text) <= LONGEST_SHOWN else text[:LONGEST_SHOWN] + "..."
    proof = next(iter(said.evidence), None)
    return f"{text!r} ({proof.grade if proof else 'missing'}{f', p. {proof.page}' if proof and proof.page else ''})"
