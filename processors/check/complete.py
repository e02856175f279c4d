"""A record and the parts it was answered from come in; what its lists left out goes out, with the windows to ask for just that.

    1  Bolt M8     10   0.20    2.00      <- proves an item
    2  Nut M8      10   0.10    1.00         proves none: left out
    3  Washer      20   0.05    1.00      <- proves an item

The rows of a list are the lines of its table: those that have as many numerals as most lines that prove its items, with a few other
lines between at the most, and no words of a sum. A list without such rows, or with only a few items, is not judged.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain

from octavo.schemas.compile.piecewise import miscounted
from octavo.schemas.pipeline import INCOMPLETE, Evidence, Part, Question, Record, Request, Role, Window
from octavo.schemas.text.printed_rows import PrintedRow, rows_in

LEAST_PROVED = 5  # rows of a table that prove items of a list, from which on it is the table of that list
FURNITURE_LINES = 8  # between two rows of one table: the footer of one page and the header of the next
MOST_WINDOWS = 8  # for one list; more gaps than that are asked about together
MOST_NAMED = 5  # rows named to the model
MARK_TOKENS = 32  # of a document in a window, and of a page; rounded up
_SUMS = re.compile(
    r"total|subtotal|\bsums?\b|\btax\b|\bvat\b|\bgst\b|balance|carried|brought|amount due|summe|gesamt|netto|brutto|mwst|\bust\b|übertrag|"
    r"saldo|montant|\btva\b|totaal|\bbtw\b|\biva\b|\bmva\b|合计|小计|总计|總計|税",
    re.IGNORECASE,
)
_LINE_ABOVE = re.compile(r"[^\n]*\S[^\n]*\n\s*$")


@dataclass(frozen=True, slots=True)
class _TextLine:
    """A row of a table on its page."""

    part: Part
    row: PrintedRow
    number: int  # of the line, counted through all parts
    proves: bool = False  # an item of the list

    @property
    def start(self) -> int:
        """Its first character on the page."""
        return self.part.start + self.row.start

    @property
    def text(self) -> str:
        return self.part.text[self.row.start : self.row.end]


@dataclass(frozen=True, slots=True)
class ShortList:
    """A list that has fewer items than its table has rows."""

    field: str
    rows: int
    left_out: tuple[_TextLine, ...]
    table: tuple[_TextLine, ...]

    @property
    def sentence(self) -> str:
        """The mark that stands in `conflicts` when the rows stay out."""
        pages = ", ".join(map(str, dict.fromkeys(line.part.page for line in self.left_out)))
        return f"{self.field}: {INCOMPLETE}, {self.rows - len(self.left_out)} of {self.rows} rows of its table; see p. {pages}"


def short_lists(question: Question, record: Record, parts: Iterable[Part]) -> list[ShortList]:
    """The lists of records that leave out rows of their table in the parts that were asked about."""
    own = [part for part in parts if part.document == record.document and part.role in ("whole", "piece")]
    fields = (question.whole or question).fields
    names = [
        field.name
        for field in fields
        if field.item and field.item.kind == "record" and record.value.get(field.name)
    ]
    lists = ((name, _tables(record, name, own)) for name in names)
    found = (
        ShortList(name, len(table), tuple(line for line in table if not line.proves), tuple(table))
        for name, table in lists
    )
    return [short for short in found if short.left_out]


def marked(record: Record, left: Iterable[ShortList]) -> Record:
    """The record with a mark for each of its lists that stays short: in its conflicts, and as evidence that some of it is missing."""
    return _with_marks(record, [short.sentence for short in left])


def _with_marks(record: Record, sentences: Sequence[str]) -> Record:
    missing = [
        Evidence(field, "", "missing", state="missing", detail=words)
        for field, _, words in (one.partition(": ") for one in sentences)
    ]
    return replace(record, conflicts=(*record.conflicts, *sentences), evidence=(*record.evidence, *missing))


def counted(question: Question, record: Record) -> Record:
    """The whole record of a document with a mark for each list that has fewer items than the schema wants, or more."""
    sentences = tuple(miscounted(question.json_schema, record.value))
    return _with_marks(record, sentences) if sentences else record


def gaps(request: Request, short: ShortList) -> list[tuple[Window, str]]:
    """The windows that show just the rows that were left out, each with the complaint about it."""
    clusters = list(_clusters(short))
    if len(clusters) > MOST_WINDOWS:
        clusters = [[line for cluster in clusters for line in cluster]]
    return [(_window(request, short, cluster), _complaint(short, cluster)) for cluster in clusters]


def _tables(record: Record, name: str, parts: Sequence[Part]) -> list[_TextLine]:
    """The rows of the tables of a list."""
    lines = _lines(parts)
    proving = {id(line) for proofs in _proofs(record, name) if (line := _own_line(proofs, lines))}
    shapes = Counter(line.row.numerals for line in _every(lines) if id(line) in proving)
    if not shapes:
        return []
    ((usual, _),) = shapes.most_common(1)
    alike = [
        replace(line, proves=id(line) in proving)
        for line in _every(lines)
        if line.row.numerals == usual and (id(line) in proving or not _SUMS.search(line.text))
    ]
    return [
        line for block in _blocks(alike) if sum(one.proves for one in block) >= LEAST_PROVED for line in block
    ]


def _proofs(record: Record, name: str) -> Iterable[list[Evidence]]:
    """For each item of a list the evidence that has a place."""
    found: dict[str, list[Evidence]] = {}
    for proof in record.evidence:
        if proof.start is not None and proof.field.startswith(f"{name}["):
            found.setdefault(proof.field[len(name) + 1 :].partition("]")[0], []).append(proof)
    return found.values()


def _own_line(proofs: Iterable[Evidence], lines: Mapping[int, Sequence[_TextLine]]) -> _TextLine | None:
    """The row on which most of an item is proved. A single value of it may be found in the row of another."""
    seen: dict[int, tuple[int, _TextLine]] = {}
    for proof in proofs:
        rows = lines.get(proof.page or 0, ())
        at = bisect_right(rows, proof.start or 0, key=lambda line: line.start) - 1
        if at >= 0 and (proof.start or 0) < rows[at].start + len(rows[at].text):
            weight, line = seen.get(id(rows[at]), (0, rows[at]))
            seen[id(line)] = (weight + len(proof.quote), line)
    return max(seen.values(), key=lambda found: found[0])[1] if seen else None


def _lines(parts: Sequence[Part]) -> dict[int, list[_TextLine]]:
    """The lines of the parts that look like rows, by page."""
    found: dict[int, list[_TextLine]] = {}
    before = 0
    for part in parts:
        number, reached = before, 0
        for row in rows_in(part.text):
            number += part.text.count("\n", reached, row.start)
            reached = row.start
            found.setdefault(part.page, []).append(_TextLine(part, row, number))
        before += part.text.count("\n") + 1
    return found


def _every(lines: Mapping[int, Sequence[_TextLine]]) -> Iterator[_TextLine]:
    return chain.from_iterable(lines.values())


def _blocks(lines: Iterable[_TextLine]) -> Iterator[list[_TextLine]]:
    """Rows that stand together."""
    block: list[_TextLine] = []
    for line in lines:
        if block and line.number - block[-1].number > FURNITURE_LINES:
            yield block
            block = []
        block.append(line)
    if block:
        yield block


def _clusters(short: ShortList) -> Iterator[list[_TextLine]]:
    """Rows that were left out one after the other."""
    cluster: list[_TextLine] = []
    for line in short.table:
        if not line.proves:
            cluster.append(line)
        elif cluster:
            yield cluster
            cluster = []
    if cluster:
        yield cluster


def _window(request: Request, short: ShortList, cluster: Sequence[_TextLine]) -> Window:
    """From the first row to the last, page by page, below the column headings."""
    document = cluster[0].part.document
    first, last = cluster[0], cluster[-1]
    beside = [
        part
        for part in request.window.parts
        if part.document == document and part.role in ("context", "columns")
    ]
    if not any(part.role == "columns" for part in beside):
        beside += _columns(short.table[0])
    pieces = []
    for part in request.window.parts:
        if (
            part.document == document
            and part.role in ("whole", "piece")
            and first.part.page <= part.page <= last.part.page
        ):
            start = first.row.start if part is first.part else 0
            pieces.append(
                _sliced(part, start, last.row.end if part is last.part else len(part.text), "piece")
            )
    parts = (*beside, *pieces)
    return Window(parts, MARK_TOKENS + sum(part.tokens for part in parts))


def _columns(line: _TextLine) -> list[Part]:
    """The line above the first row of a table."""
    above = _LINE_ABOVE.search(line.part.text, max(0, line.row.start - 400), line.row.start)
    return [_sliced(line.part, above.start(), above.end(), "columns")] if above else []


def _sliced(part: Part, start: int, end: int, role: Role) -> Part:
    tokens = -(-part.tokens * (end - start) // max(1, len(part.text))) + MARK_TOKENS
    return replace(part.cut(start, end), tokens=tokens, image=None, image_px=None, role=role)


def _complaint(short: ShortList, cluster: Sequence[_TextLine]) -> str:
    named = "; ".join(" ".join(line.text.split()) for line in cluster[:MOST_NAMED])
    more = f"; and {len(cluster) - MOST_NAMED} more" if len(cluster) > MOST_NAMED else ""
    return f"{short.field} left out {len(cluster)} rows that are shown here: {named}{more}. Give every one of them that is an item."
