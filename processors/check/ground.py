"""A checked record and the text of its window come in; each of its values goes out, with the place where it stands in its document.

The fields of a list item are looked for in their own row first: from the line of its longest text to that of the next item.
What to look for stands here, and how a value is found in `window_text`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from itertools import pairwise
from typing import Any

from octavo.processors.check.window_text import Hit, Span, WindowText
from octavo.schemas.pipeline import Evidence, Field, Kind

_NUMBER = re.compile(r"\[\d+\]")


@dataclass(frozen=True, slots=True)
class FieldValue:
    """One scalar value of a record, its path, its kind, and where it stands."""

    path: str
    kind: Kind
    value: Any
    hit: Hit | None


def ground(
    fields: Sequence[Field], value: Mapping[str, Any], source: WindowText, document: str
) -> list[FieldValue]:
    """Every scalar value of a record that is not null, in the order of the schema, with the place where it stands in its document."""
    walk = _ValueWalk(source, source.spans[document])
    return list(walk.record("", fields, value, walk.everywhere))


def evidence(leaf: FieldValue, source: WindowText, document: str, notes: tuple[str, ...] = ()) -> Evidence:
    """The evidence of a leaf with its notes, in offsets of its page. A document that is one picture has its page, if nothing else."""
    if leaf.hit is None:
        own = source.parts[document]
        page = (
            own[0].page
            if len({part.page for part in own}) == 1 and not any(part.text.strip() for part in own)
            else None
        )
        return Evidence(leaf.path, written(leaf.value), "missing", page, notes=notes)
    part, start, end = source.place(leaf.hit)
    return Evidence(
        leaf.path,
        written(leaf.value),
        leaf.hit.grade,
        part.page,
        start,
        end,
        source.quote(leaf.hit),
        notes=notes,
    )


def written(value: Any) -> str:
    """A value as a cell of the table `evidence` shows it."""
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, bool):
        return str(value).lower()
    return format(value, "f") if isinstance(value, Decimal) else str(value)


class _ValueWalk:
    """One way through a record. Remembers where the last value of each repeated field was found, so that the next is sought behind it."""

    def __init__(self, source: WindowText, everywhere: Span) -> None:
        self.source = source
        self.everywhere = everywhere
        self.last: dict[str, int] = {}

    def record(
        self, path: str, fields: Sequence[Field], value: Mapping[str, Any], row: Span
    ) -> Iterator[FieldValue]:
        for field in fields:
            if (inner := value.get(field.name)) is not None:
                yield from self.field(f"{path}.{field.name}" if path else field.name, field, inner, row)

    def field(self, path: str, field: Field, value: Any, row: Span) -> Iterator[FieldValue]:
        if field.kind == "record":
            yield from self.record(path, field.fields, value, row)
        elif field.kind == "list" and field.item:
            rows = self.rows(field.item, value, row)
            for number, (item, own) in enumerate(zip(value, rows, strict=True)):
                if item is not None:
                    yield from self.field(f"{path}[{number}]", field.item, item, own)
        else:
            yield self.leaf(path, field.kind, value, row)

    def leaf(self, path: str, kind: Kind, value: Any, row: Span) -> FieldValue:
        repeated = _NUMBER.sub("[]", path)
        behind = self.last.get(repeated, row[0])
        hit = self.source.find(
            kind, value, (max(behind, row[0]), row[1]), (behind, self.everywhere[1]), row, self.everywhere
        )
        if hit:
            self.last[repeated] = hit.end
        return FieldValue(path, kind, value, hit)

    def rows(self, item: Field, values: Sequence[Any], within: Span) -> list[Span]:
        """The row of each item: from the line on which its longest text stands to the row of the next item."""
        starts: list[int] = []
        behind = within[0]
        for value in values:
            texts = sorted(_texts(item, value), key=len)
            anchor = (
                self.source.find("text", texts[-1], (behind, within[1]), within)
                if texts and item.kind == "record"
                else None
            )
            starts.append(self._line(anchor.start, behind) if anchor else behind)
            behind = anchor.end if anchor else behind
        return [
            (start, stop if stop > start else within[1]) for start, stop in pairwise([*starts, within[1]])
        ]

    def _line(self, start: int, behind: int) -> int:
        line = self.source.text.rfind("\n", 0, start) + 1
        return max(line, behind) if start >= behind else line


def _texts(field: Field, value: Any) -> Iterator[str]:
    """The texts in a value, lists left aside."""
    if field.kind == "text" and value:
        yield value
    elif field.kind == "record" and value:
        for inner in field.fields:
            yield from _texts(inner, value.get(inner.name))
