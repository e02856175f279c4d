"""One answer comes in; a form in the order of its schema goes out, as plain values for a template: each field with why it is doubted."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from octavo.flows.corrections.current import Current
from octavo.flows.corrections.entry import value_at
from octavo.processors.check import records as check
from octavo.schemas.corrections import as_text
from octavo.schemas.pipeline import Evidence, Field

ROWS = 200  # of a list that are shown at once, around the one in focus
SURE = 0.9  # as in the view `review`
CENTS = 2  # digits after the point that are shown also when they are zeros
_INDEX = re.compile(r"\[(\d*)\]")
_NUMBERS = re.compile(r"(\d+)")
LONG_CHARACTERS = 70  # a value that is longer has a box of several lines
_QUOTED = re.compile(r"'((?:[^'\\]|\\.)*)'")
_WHY = {
    "conflict": "Parts of the document say different things.",
    "disagreed": "Two passes gave different answers.",
    "contradicted": "The document shows that this place means something else.",
    "unbalanced": "It does not add up with the other fields.",
    "ambiguous": "What is printed can be read in two ways.",
}
_PROVED = {
    "page": "It stands on the page, but not in the line of its label.",
    "document": "It stands in the document, but nothing near it says that it is this field.",
    "row": "It stands in the line of its label.",
    "meaning": "It need not be printed word for word.",
}


@dataclass(frozen=True, slots=True)
class FormCell:
    """One field of the form."""

    path: str
    label: str
    kind: str
    meaning: str
    value: str
    state: str  # of its evidence; "" for none
    choices: tuple[str, ...] = ()
    doubt: str = ""  # why it is doubted, in sentences; "" when it is not
    others: tuple[str, ...] = ()  # what else may be meant
    proof: Evidence | None = None

    @property
    def is_long(self) -> bool:
        """Whether it needs several lines."""
        return len(self.value) > LONG_CHARACTERS or "\n" in self.value

    @property
    def tone(self) -> str:
        """How it is marked: doubted, corrected, plain or empty."""
        return (
            "corrected"
            if self.state == "corrected"
            else "doubted"
            if self.doubt
            else "plain"
            if self.value
            else "empty"
        )


@dataclass(frozen=True, slots=True)
class Section:
    """Fields under one heading: plain ones, those of a record, or the rows of a list."""

    label: str
    path: str = ""
    meaning: str = ""
    cells: tuple[FormCell, ...] = ()
    columns: tuple[str, ...] = ()  # of a list of records
    rows: tuple[tuple[str, tuple[FormCell, ...]], ...] = ()  # path and cells of each row
    is_list: bool = False
    total: int = 0  # rows there are
    inner: tuple[Section, ...] = field(default_factory=tuple)


def sections(stands: Current, focus: str = "") -> list[Section]:
    """The form: runs of plain fields, and records and lists where they stand in the schema."""
    maker = _Maker(stands.proofs(), stands.record.conflicts, focus)
    return list(maker.sections(stands.form_fields, stands.record.value, ""))


def form_paths(stands: Current) -> list[str]:
    """The paths of all fields in the order of the form, also of rows that are not shown; a list comes before its items."""
    return list(_form_paths(stands.form_fields, stands.record.value, ""))


def _form_paths(fields: Sequence[Field], value: Mapping[str, Any], path: str) -> Iterator[str]:
    for one in fields:
        own, inner = f"{path}.{one.name}".lstrip("."), value.get(one.name)
        if one.kind == "record":
            yield from _form_paths(one.fields, inner or {}, own)
            continue
        yield own
        if one.kind == "list" and one.item is not None:
            names = [f".{field.name}" for field in one.item.fields] if one.item.kind == "record" else [""]
            yield from (f"{own}[{number}]{name}" for number in range(len(inner or [])) for name in names)


def lone_cell(stands: Current, path: str) -> FormCell | None:
    """A field that is no cell of the form, such as one deep in a row; None when the schema has none there."""
    one = check.field_at(stands.form_fields, check.steps(path))
    if one is None:
        return None
    cell = _Maker(stands.proofs(), stands.record.conflicts, path).cell(
        path, one, value_at(stands.record.value, path)
    )
    return replace(cell, label=readable(path))


def cell_at(parts: Sequence[Section], path: str) -> FormCell | None:
    """The field with this path, if it is shown."""
    for part in parts:
        for cell in (*part.cells, *(cell for _, cells in part.rows for cell in cells)):
            if cell.path == path:
                return cell
        if found := cell_at(part.inner, path):
            return found
    return None


@dataclass(frozen=True, slots=True)
class _Maker:
    proofs: Mapping[str, Evidence]
    conflicts: Sequence[str]
    focus: str

    def sections(self, fields: Sequence[Field], value: Mapping[str, Any], path: str) -> Iterator[Section]:
        plain: list[FormCell] = []
        for one in fields:
            own, inner = f"{path}.{one.name}".lstrip("."), value.get(one.name)
            if one.kind not in ("record", "list"):
                plain.append(self.cell(own, one, inner))
                continue
            if plain:
                yield Section("", cells=tuple(plain))
                plain = []
            if one.kind == "record":
                yield Section(
                    words(one.name),
                    own,
                    one.description,
                    inner=tuple(self.sections(one.fields, inner or {}, own)),
                )
            elif one.item is not None:
                yield self.list_of(own, one, one.item, inner or [])
        if plain:
            yield Section("", cells=tuple(plain))

    def list_of(self, path: str, one: Field, item: Field, items: Sequence[Any]) -> Section:
        first = self._first(path, len(items))
        shown = list(enumerate(items))[first : first + ROWS]
        if item.kind == "record":
            rows = tuple(
                (
                    f"{path}[{n}]",
                    tuple(
                        self.cell(f"{path}[{n}].{f.name}", f, (row or {}).get(f.name)) for f in item.fields
                    ),
                )
                for n, row in shown
            )
            columns = tuple(words(f.name) for f in item.fields)
        else:
            rows = tuple((f"{path}[{n}]", (self.cell(f"{path}[{n}]", item, row),)) for n, row in shown)
            columns = (words(one.name),)
        cells = (
            (self.cell(path, one, None),)
            if path in self.proofs and self._doubt(self.proofs[path], path)
            else ()
        )
        return Section(
            words(one.name), path, one.description, cells, columns, rows, is_list=True, total=len(items)
        )

    def _first(self, path: str, total: int) -> int:
        """The first row that is shown, so that the one in focus is."""
        number = (
            self.focus.removeprefix(f"{path}[").partition("]")[0] if self.focus.startswith(f"{path}[") else ""
        )
        at = int(number) if number.isdigit() else 0
        return max(0, min(at - ROWS // 2, total - ROWS))

    def cell(self, path: str, one: Field, value: Any) -> FormCell:
        proof = self.proofs.get(path)
        kind = "json" if one.kind in ("record", "list") else one.kind
        text = _plain(as_text(value) or "", one)
        return FormCell(
            path,
            words(one.name) if not path.endswith("]") else path.rpartition("[")[2].rstrip("]"),
            kind,
            one.description,
            text,
            proof.state if proof else "",
            one.choices,
            self._doubt(proof, path) if proof else "",
            self._others(proof, path, text) if proof else (),
            proof,
        )

    def _conflict(self, path: str) -> str:
        return next(
            (told.partition(": ")[2] for told in self.conflicts if told.partition(": ")[0] == path), ""
        )

    def _doubt(self, proof: Evidence, path: str) -> str:
        """Why a value is doubted, for a person; "" when it is not."""
        if proof.state == "failed":
            return f"The answer was not accepted: {proof.detail}"
        if proof.state == "missing" and proof.detail:
            return proof.detail
        if proof.state != "given":
            return ""
        told = [_WHY[note] for note in proof.notes if note in _WHY]
        if proof.grade == "missing" and proof.by != "meaning":
            told.append("It stands nowhere in the document.")
        sure = proof.confidence is None or proof.confidence >= SURE or proof.by == "meaning"
        if sure and not told:
            return ""
        if not told:
            told.append(_PROVED.get(proof.by, "It is not proved well."))
        words_of_conflict = self._conflict(path) if "conflict" in proof.notes else ""
        return " ".join(
            filter(
                None, [*told, words_of_conflict, proof.detail if proof.detail != words_of_conflict else ""]
            )
        )

    def _others(self, proof: Evidence, path: str, value: str) -> tuple[str, ...]:
        """What else may be meant, as other passes, parts and the document itself have it."""
        told = " ".join(
            filter(None, [self._conflict(path), proof.detail if proof.state != "corrected" else ""])
        )
        found = [match.replace("\\'", "'") for match in _QUOTED.findall(told)]
        printed = [proof.quote] if proof.quote and " ".join(proof.quote.split()) != value else []
        return tuple(dict.fromkeys(one for one in [*found, *printed] if one and one != value))[:6]


def _plain(text: str, one: Field) -> str:
    """A decimal without the zeros that only its column has: 6.0000 is 6, and 9.50 stays."""
    if one.kind != "decimal" or "." not in text:
        return text
    whole, _, digits = text.partition(".")
    kept = digits.rstrip("0")
    return text if one.scale <= CENTS else f"{whole}.{kept.ljust(CENTS, '0')}" if kept else whole


def natural(path: str) -> list[tuple[int, str]]:
    """What sorts paths as a person counts: lines[9] comes before lines[10]."""
    return [(int(part), "") if part.isdigit() else (-1, part) for part in _NUMBERS.split(path)]


def readable(path: str) -> str:
    """A path as a person reads it: `line_items[0].amount` is Line items 1, Amount."""
    parts = [
        _INDEX.sub(lambda match: f" {int(match[1]) + 1}" if match[1] else "", words(one))
        for one in path.split(".")
    ]
    return ", ".join(parts)


def words(name: str) -> str:
    """A field's name as a person reads it: `grand_total` is Grand total."""
    return name.replace("_", " ").strip().capitalize() or name
