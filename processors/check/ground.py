"""A checked record and the text of its window come in; each of its values goes out, with the place where it stands in its document.

The fields of a list item are looked for in their own row first: from the line of its longest text to that of the next item.
What to look for stands here, and how a value is found in `window_text`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

from octavo.processors.check.derived import is_derived
from octavo.processors.check.hits import Hit, Span
from octavo.processors.check.label_lines import label_spans
from octavo.processors.check.window_text import WindowText
from octavo.schemas.columns import written
from octavo.schemas.pipeline import Evidence, Field, Kind, Part, ProvedBy

_NUMBER = re.compile(r"\[\d+\]")
_ANCHOR = Field("", "text")
CLEAR = 0.8  # how sure OCR is of a word that counts as read
LONE_ROW = 1  # characters of the row of an only item that is known: its line


@dataclass(frozen=True, slots=True)
class FieldValue:
    """One scalar value of a record, its path, its field, where it stands, and by what it is proved."""

    path: str
    field: Field
    value: Any
    hit: Hit | None
    by: ProvedBy = ""

    @property
    def kind(self) -> Kind:
        """The kind of the field."""
        return self.field.kind

    @property
    def is_proved(self) -> bool:
        """Whether it stands in its document."""
        return self.hit is not None and self.hit.proves


@dataclass(frozen=True, slots=True)
class Row:
    """Where the values of an item should stand: what is searched first, and what counts as its row; None where nobody knows."""

    span: Span
    own: Span | None = None


def ground(
    fields: Sequence[Field], value: Mapping[str, Any], source: WindowText, document: str
) -> list[FieldValue]:
    """Every scalar value of a record that is not null, in the order of the schema, with the place where it stands in its document."""
    walk = _ValueWalk(source, source.spans[document])
    leaves = list(walk.record("", fields, value, Row(walk.everywhere)))
    return [
        replace(leaf, by="meaning")
        if leaf.hit is None and is_derived(leaf.field, leaf.value, value)
        else leaf
        for leaf in leaves
    ]


def evidence(leaf: FieldValue, source: WindowText, document: str, notes: tuple[str, ...] = ()) -> Evidence:
    """The evidence of a leaf with its notes, in offsets of its page. A document that is one picture has its page, if nothing else."""
    bare = Evidence(leaf.path, written(leaf.value), "missing", notes=notes, by=leaf.by)
    if leaf.hit is None:
        own = source.parts[document]
        is_picture = len({part.page for part in own}) == 1 and not any(part.text.strip() for part in own)
        return replace(bare, page=own[0].page if is_picture else None)
    part, start, end = source.place(leaf.hit)
    sure = _ocr_confidence(part, start, end)
    unclear = sure is not None and sure < CLEAR
    doubt = (*((leaf.hit.doubt,) if leaf.hit.doubt else ()), *(("unclear",) if unclear else ()))
    return replace(
        bare,
        grade=leaf.hit.grade,
        page=part.page,
        start=start,
        end=end,
        quote=source.quote(leaf.hit),
        notes=(*notes, *doubt),
        detail=leaf.hit.why,
        ocr_confidence=sure,
    )


def _ocr_confidence(part: Part, start: int, end: int) -> float | None:
    """How sure OCR is of the doubtfullest word between two characters of a page; None for text of a file."""
    first, last = start - part.start, end - part.start
    return min((sure for at, to, sure in part.ocr_words if at < last and to > first), default=None)


class _ValueWalk:
    """One way through a record. Remembers where the last value of each repeated field was found, so that the next is sought behind it."""

    def __init__(self, source: WindowText, everywhere: Span) -> None:
        self.source = source
        self.everywhere = everywhere
        self.last: dict[str, int] = {}

    def record(
        self, path: str, fields: Sequence[Field], value: Mapping[str, Any], row: Row
    ) -> Iterator[FieldValue]:
        given = [field for field in fields if value.get(field.name) is not None]
        labels = {} if row.own else label_spans(given, self.source.text, row.span)
        for field in given:
            inner = f"{path}.{field.name}" if path else field.name
            yield from self.field(inner, field, value[field.name], row, labels.get(field.name, ()))

    def field(
        self, path: str, field: Field, value: Any, row: Row, labels: Sequence[Span] = ()
    ) -> Iterator[FieldValue]:
        if field.kind == "record":
            yield from self.record(path, field.fields, value, row)
        elif field.kind == "list" and field.item:
            rows = self.rows(field.item, value, row.span)
            for number, (item, own) in enumerate(zip(value, rows, strict=True)):
                if item is not None:
                    yield from self.field(f"{path}[{number}]", field.item, item, own, labels)
        else:
            yield self.leaf(path, field, value, row, labels)

    def leaf(self, path: str, field: Field, value: Any, row: Row, labels: Sequence[Span]) -> FieldValue:
        """One value: sought in its row or beside its label, then behind the last value of its field, then anywhere.

        Subtle: its row comes before all else, since 3 stands in "Page 3" more exactly than in the 3.00 of its row.
        """
        repeated = _NUMBER.sub("[]", path)
        span, is_item = row.span, repeated != path
        behind = self.last.get(repeated, span[0])
        near = (max(behind, span[0]), span[1]), (behind, self.everywhere[1]), span, self.everywhere
        first = () if is_item else tuple(labels)
        if row.own:
            first = ((max(behind, row.own[0]), row.own[1]),)
        hit = self.source.find(field, value, *first, *near)
        if hit:
            self.last[repeated] = hit.end
        by = self._by(hit, row, labels) if hit and hit.proves else ""
        if field.kind in ("choice", "boolean"):
            return FieldValue(
                path, field, value, hit if by == "row" else None, by if by == "row" else "meaning"
            )
        return FieldValue(path, field, value, hit, by)

    def _by(self, hit: Hit, row: Row, labels: Sequence[Span]) -> ProvedBy:
        """Whether a hit lies in the row of its item or the line of its label, on the page of one, or only somewhere."""
        own = [row.own] if row.own else labels
        if any(start <= hit.start and hit.end <= end for start, end in own):
            return "row"
        pages = {self.source.page(start) for start, _ in own}
        return "page" if self.source.page(hit.start) in pages else "document"

    def rows(self, item: Field, values: Sequence[Any], within: Span) -> list[Row]:
        """The row of each item: from the line on which its longest text stands to the row of the next item."""
        starts: list[int] = []
        anchored: list[bool] = []
        behind = within[0]
        for value in values:
            texts = sorted(_texts(item, value), key=len)
            anchor = (
                self.source.find(_ANCHOR, texts[-1], (behind, within[1]), within)
                if texts and item.kind == "record"
                else None
            )
            starts.append(self._line(anchor.start, behind) if anchor else behind)
            anchored.append(anchor is not None)
            behind = anchor.end if anchor else behind
        spans = [
            (start, stop if stop > start else within[1]) for start, stop in pairwise([*starts, within[1]])
        ]
        longest = max((end - start for start, end in spans[:-1]), default=LONE_ROW)
        last = len(spans) - 1
        return [
            Row(span, self._own(span, longest if number == last else None) if known else None)
            for number, (span, known) in enumerate(zip(spans, anchored, strict=True))
        ]

    def _own(self, span: Span, most: int | None) -> Span:
        """What counts as a row: up to the next; for the last one up to the line that the longest of the others would reach."""
        if most is None:
            return span
        end = self.source.text.find("\n", min(span[0] + most, span[1]))
        return span[0], span[1] if end < 0 else min(end, span[1])

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
