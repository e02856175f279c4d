"""A record and the parts it was answered from come in; what its lists left out goes out, with the windows to ask for just that.

    1  Bolt M8     10   0.20    2.00      <- proves an item
    2  Nut M8      10   0.10    1.00         proves none: left out
    3  Washer      20   0.05    1.00      <- proves an item

Lists of records are judged wherever they lie, also those inside records and items: all rows of one kind together. What rows are is told
by `left_out`, which this imports. A list with only a few items, or in lines that say nothing, is not judged.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby, pairwise

from octavo.processors.check.left_out import FURNITURE_LINES, Line, lines_of, rows_of
from octavo.schemas.compile.piecewise import miscounted
from octavo.schemas.pipeline import INCOMPLETE, Evidence, Field, Part, Question, Record, Request, Role, Window

MOST_WINDOWS = 8  # for one list; more gaps than that share windows
MOST_NAMED = 5  # rows named to the model
MARK_TOKENS = 32  # of a document in a window, and of a page; rounded up
COLUMNS_ABOVE = (
    400  # characters before the first row in which the line with its column headings is looked for
)


@dataclass(frozen=True, slots=True)
class ShortList:
    """A list that has fewer items than its table has rows."""

    field: str
    rows: int
    left_out: tuple[Line, ...]
    table: tuple[Line, ...]
    sure: bool = True  # whether what was left out are rows; else it is a page that may have some

    @property
    def reach(self) -> int:
        """How many lines nearly all items have, from one to the next."""
        steps = sorted(after.number - row.number for row, after in pairwise(self.table) if row.proves)
        return steps[len(steps) * 9 // 10] if steps else 1

    @property
    def sentence(self) -> str:
        """The mark that stands in `conflicts` when the rows stay out."""
        pages = ", ".join(map(str, dict.fromkeys(line.part.page for line in self.left_out)))
        return f"{self.field}: {INCOMPLETE}, {self.rows - len(self.left_out)} of {self.rows} rows of its table; see p. {pages}"


def short_lists(question: Question, record: Record, parts: Iterable[Part]) -> list[ShortList]:
    """The lists of records that leave out rows of their table in the parts that were asked about, but for those that are marked already."""
    own = [part for part in parts if part.document == record.document and part.role in ("whole", "piece")]
    lines = lines_of(own)
    told = {sentence.partition(": ")[0] for sentence in record.conflicts if INCOMPLETE in sentence}
    found = []
    for name in _lists((question.whole or question).fields):
        if name in told:
            continue
        rows, sure = rows_of(record, name, lines)
        missing = tuple(row for row in rows if not row.proves)
        if missing:
            found.append(ShortList(name, len(rows), missing, tuple(rows), sure))
    return found


def has_lists(question: Question) -> bool:
    """Whether a question asks for lists of records."""
    return any(True for _ in _lists(question.fields))


def _lists(fields: Iterable[Field], place: str = "") -> Iterator[str]:
    """The paths of lists of records, outer ones first, with [] behind each list that they lie in."""
    for field in fields:
        path = f"{place}.{field.name}" if place else field.name
        if field.kind == "record":
            yield from _lists(field.fields, path)
        elif field.item and field.item.kind == "record":
            yield path
            yield from _lists(field.item.fields, f"{path}[]")


def marked(record: Record, left: Iterable[ShortList]) -> Record:
    """The record with a mark for each of its lists that stays short: in its conflicts, and as evidence that some of it is missing."""
    return _with_marks(record, [short.sentence for short in left if short.sure])


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
    """The windows that show just what was left out, each below the row before it, and with the complaint about it."""
    clusters = list(_clusters(short.table))
    size = -(-len(clusters) // MOST_WINDOWS)
    groups = [clusters[at : at + size] for at in range(0, len(clusters), size)]
    return [(_window(request, short, group), _complaint(short, group)) for group in groups]


def _clusters(table: Sequence[Line]) -> Iterator[list[Line]]:
    """Rows that were left out one after the other, with the row before them, if there is one, and the row behind them."""
    before: list[Line] = []
    for proves, rows in groupby(table, key=lambda line: line.proves):
        run = list(rows)
        if not proves:
            yield [*before, *run]
        before = run[-1:]


def _window(request: Request, short: ShortList, clusters: Sequence[Sequence[Line]]) -> Window:
    """What was left out, page by page, each behind the row before it, which is shown again; above it the column headings."""
    parts = [part for part in request.window.parts if part.document == short.table[0].part.document]
    beside = [part for part in parts if part.role in ("context", "columns")]
    if not any(part.role == "columns" for part in beside):
        beside += _columns(short.table[0])
    shown = [*beside, *(part for cluster in clusters for part in _shown(parts, short, cluster))]
    return Window(tuple(shown), MARK_TOKENS + sum(part.tokens for part in shown))


def _shown(parts: Sequence[Part], short: ShortList, cluster: Sequence[Line]) -> Iterator[Part]:
    """The row before a cluster, again, and the text from there to the row behind it, or to its last row."""
    first, last = next(line for line in cluster if not line.proves), cluster[-1]
    behind = next((line for line in short.table if line.number > last.number), None)
    start = (first.part, first.first)
    if cluster[0].proves:
        again = cluster[0]
        start = (again.part, min(again.last + 1, len(again.part.text)))
        yield _sliced(again.part, again.first, again.last, "again")
    if behind and behind.number - last.number <= short.reach + FURNITURE_LINES:
        end = (behind.part, max(behind.first - 1, 0))
    else:
        end = (last.part, _lines_on(last, short.reach))
    at, to = (next(n for n, part in enumerate(parts) if part is one) for one in (start[0], end[0]))
    for number in range(at, to + 1):
        part = parts[number]
        piece = _sliced(
            part, start[1] if number == at else 0, end[1] if number == to else len(part.text), "piece"
        )
        if part.role in ("whole", "piece") and piece.text.strip():
            yield piece


def _lines_on(line: Line, count: int) -> int:
    """The end of the text that reaches from a line over so many lines of its part, less one."""
    end = line.last
    for _ in range(count - 1):
        end = line.part.text.find("\n", end + 1) if end >= 0 else end
    return end if end >= 0 else len(line.part.text)


def _columns(line: Line) -> list[Part]:
    """The line above the first row of a table."""
    begin = max(0, line.first - COLUMNS_ABOVE)
    lines = line.part.text[begin : line.first].rstrip().rpartition("\n")
    start = begin + len(lines[0]) + len(lines[1])
    above = _sliced(line.part, start, line.first, "columns")
    return [above] if above.text.strip() else []


def _sliced(part: Part, start: int, end: int, role: Role) -> Part:
    tokens = -(-part.tokens * (end - start) // max(1, len(part.text))) + MARK_TOKENS
    return replace(part.cut(start, end), tokens=tokens, image=None, image_px=None, role=role)


def _complaint(short: ShortList, clusters: Sequence[Sequence[Line]]) -> str:
    rows = [line for cluster in clusters for line in cluster if not line.proves]
    named = "; ".join(" ".join(line.text.split()) for line in rows[:MOST_NAMED])
    more = f"; and {len(rows) - MOST_NAMED} more" if len(rows) > MOST_NAMED else ""
    return f"{short.field} left out {len(rows)} rows that are shown here: {named}{more}. Give every one of them that is an item."
