"""The proofs of a list's items and the lines of its document in; the rows of its table, and which of them no item is proved in, out.

    1  Bolt M8     10   0.20    2.00      <- proves an item
    2  Nut M8      10   0.10    1.00         proves none: left out
    3  Washer      20   0.05    1.00      <- proves an item
       zinc plated, pack of 20               part of an entry: it looks like no row

A row is a line that looks like the lines on which most items stand: it goes on with their numbers, begins with their mark, or has the
same pattern (`row_patterns`), which lines of prose do not have. What looks so in every third gap between items is a part of the entries,
and where other values of the record stand is no row. A list of which lines say nothing is judged page by page: one in the middle that
proves no item, while those around it prove many, is left out. It imports `row_patterns`, which says what a line looks like.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import accumulate, pairwise
from statistics import median

from octavo.processors.check.row_patterns import Pattern, enumerator, pattern
from octavo.schemas.pipeline import Evidence, Part, Record

LEAST_PROVED = 5  # items that are proved, from which on their lines say how a row looks
FURNITURE_LINES = 8  # between two rows of one table: the footer of one page and the header of the next
MOST_SHARE = 0.3  # of the gaps between items; lines that look like rows in more of them are parts of entries
FEW_SHARE = 0.1  # of the items; fewer of one pattern are an exception
MOST_ALIKE = 0.8  # of the items; what so many have in common is how items look
DENSE = 3  # items a page, from which on a page without one is missed
LONGEST_LINE = 400  # characters; a longer line is prose
_SUMS = re.compile(
    r"total|subtotal|\bsums?\b|\btax\b|\bvat\b|\bgst\b|balance|carried|brought|amount due|summe|gesamt|netto|brutto|mwst|\bust\b|übertrag|"
    r"saldo|montant|\btva\b|totaal|\bbtw\b|\biva\b|\bmva\b|合计|小计|总计|總計|税",
    re.IGNORECASE,
)
_LINE = re.compile(r"[^\n]*\S[^\n]*")


@dataclass(frozen=True, slots=True)
class Line:
    """A line that is not blank, at a half-open span of characters of its part."""

    part: Part
    first: int
    last: int
    number: int  # counted through all parts
    proves: bool = False  # an item of the list

    @property
    def start(self) -> int:
        """Its first character on the page."""
        return self.part.start + self.first

    @property
    def text(self) -> str:
        """Its characters."""
        return self.part.text[self.first : self.last]


@dataclass(slots=True)
class _Seen:
    """What the proofs of a record say of the lines."""

    mains: list[int]  # the first line of each item, in the order of the document
    covered: set[int]  # lines of items, also those between their first and their last proof
    other: set[int]  # lines on which other values of the record stand
    length: int = 1  # lines that nearly all items have, from the first to the last
    gaps: dict[int, int] = field(default_factory=dict)  # of lines that are free: behind how many items


def lines_of(parts: Iterable[Part]) -> list[Line]:
    """The lines of parts that are not blank, in order."""
    spans = ((part, match.span()) for part in parts for match in _LINE.finditer(part.text))
    return [Line(part, *span, number) for number, (part, span) in enumerate(spans)]


def rows_of(record: Record, name: str, lines: Sequence[Line]) -> tuple[list[Line], bool]:
    """The rows of a list, in order, of which those that no item is proved in were left out; whether it is sure that they are rows.

    `name` is the path of the list with [] behind each list that it lies in, such as `orders[].lines`. No rows: it cannot be judged.
    """
    seen = _seen(record, name, lines)
    if len(seen.mains) < LEAST_PROVED:
        return [], False
    for look in (_numbered, _marked, _patterned):
        free = look(lines, seen)
        if free is not None:
            return _in_blocks(lines, seen, free), True
    return _on_empty_pages(lines, seen), False


def _seen(record: Record, name: str, lines: Sequence[Line]) -> _Seen:
    """Where the items of a list and the other values of a record stand."""
    own = re.compile(re.escape(name).replace(r"\[\]", r"\[\d+\]") + r"\[\d+\]")
    find = _finder(lines)
    items: dict[str, list[tuple[int, Evidence]]] = defaultdict(list)
    other: Counter[int] = Counter()
    for proof in record.evidence:
        number = find(proof)
        if number is not None:
            match = own.match(proof.field)
            if match:
                items[match[0]].append((number, replace(proof, field=proof.field[match.end() :])))
            else:
                other[number] += len(proof.quote)
    spans = _spans(list(items.values()))
    mains = sorted({first for first, _ in spans})
    covered = {number for first, last in spans for number in range(first, last + 1)}
    taken = {number for number, size in other.items() if 3 * size >= len(lines[number].text.strip())}
    lengths = sorted(last - first + 1 for first, last in spans)
    length = lengths[int((1 - FEW_SHARE) * len(lengths))] if lengths else 1
    seen = _Seen(mains, covered, taken - covered, length)
    free = (line.number for line in lines if line.number not in covered and line.number not in seen.other)
    seen.gaps = {number: bisect_right(mains, number) for number in free if _may_be_row(lines[number])}
    return seen


def _finder(lines: Sequence[Line]) -> Callable[[Evidence], int | None]:
    """Tells the number of the line on which a value is proved."""
    pages: dict[int, list[Line]] = defaultdict(list)
    for line in lines:
        pages[line.part.page].append(line)

    def find(proof: Evidence) -> int | None:
        own = pages.get(proof.page or 0, [])
        at = (
            bisect_right(own, proof.start if proof.start is not None else -1, key=lambda line: line.start) - 1
        )
        inside = at >= 0 and (proof.start or 0) < own[at].start + len(own[at].text)
        return own[at].number if inside else None

    return find


def _spans(items: Sequence[Sequence[tuple[int, Evidence]]]) -> list[tuple[int, int]]:
    """First and last line of each item. One with more lines than nearly all others has a value that is proved in its neighbour's."""
    common = Counter(proof.quote for proofs in items for _, proof in proofs)
    lines = [_lines_of_item(proofs, common) for proofs in items]
    sizes = sorted(map(len, lines), reverse=True)
    usual = sizes[int(FEW_SHARE * len(sizes))] if sizes else 0
    kept = [own[:usual] for own in lines]
    return [(min(own), max(own)) for own in kept]


def _lines_of_item(proofs: Sequence[tuple[int, Evidence]], common: Mapping[str, int]) -> list[int]:
    """The lines on which an item is proved, and not far from one another, the one with most of its own values first.

    What is in its lists comes behind its own values, and a value that many items have, as `common` counts them, says little.
    """
    weights: dict[int, float] = defaultdict(float)
    for number, proof in proofs:
        weights[number] += len(proof.quote) / common[proof.quote] * (1 if "[" in proof.field else 1_000)
    main, *others = sorted(weights, key=lambda number: (-weights[number], number))
    own = {number for number, proof in proofs if "[" not in proof.field}
    found = [main]
    for number in sorted(others, key=lambda number: abs(number - main)):
        if (number > main or number in own) and min(abs(number - one) for one in found) <= FURNITURE_LINES:
            found.append(number)
    return sorted(found, key=lambda number: (-weights[number], number))


def _may_be_row(line: Line) -> bool:
    return line.last - line.first <= LONGEST_LINE and not _SUMS.search(line.text)


def _numbered(lines: Sequence[Line], seen: _Seen) -> set[int] | None:
    """Free lines that bear numbers which are missing between those of the items; None when items are not numbered."""
    numbers = [enumerator(lines[main].text) or 0 for main in seen.mains]
    pairs = list(pairwise(numbers))
    if sum(one < other or other == 1 for one, other in pairs) < MOST_ALIKE * len(pairs):
        return None
    found: set[int] = set()
    reached = dict(enumerate([-1, *numbers]))  # by gap, the last number before it or in it
    for line, gap in seen.gaps.items():
        number = enumerator(lines[line].text)
        after = numbers[gap] if gap < len(numbers) else -1
        if number is None:
            continue
        begins = reached[gap] >= after and number == 1  # a count that begins anew
        between = reached[gap] < number < after
        if between or begins or (not after > reached[gap] and number == reached[gap] + 1):
            found.add(line)
            reached[gap] = number
    missing = sum(max(0, other - one - 1) for one, other in pairs)
    return found if missing <= (1 - MOST_ALIKE) * len(pairs) + 2 * len(found) else None


def _marked(lines: Sequence[Line], seen: _Seen) -> set[int] | None:
    """Free lines that begin with the mark or word with which nearly all items begin, and no other line of theirs."""
    begins = Counter(_begin(lines[main]) for main in seen.mains)
    ((mark, count),) = begins.most_common(1)
    if count < MOST_ALIKE * len(seen.mains):
        return None
    inside = seen.covered.difference(seen.mains)
    if sum(_begin(lines[number]) == mark for number in inside) > FEW_SHARE * len(seen.mains):
        return None
    return {number for number in seen.gaps if _begin(lines[number]) == mark}


def _begin(line: Line) -> str:
    return line.text.split(maxsplit=1)[0]


def _patterned(lines: Sequence[Line], seen: _Seen) -> set[int] | None:
    """Free lines with a pattern that items have and other lines have not; None when most items have no telling pattern."""
    usual = Counter(pattern(lines[main].text) for main in seen.mains)
    least = max(2.0, FEW_SHARE * len(seen.mains))
    known = {one for one, count in usual.items() if count >= least and one.is_telling}
    if 2 * sum(usual[one] for one in known) < len(seen.mains):
        return None
    inside = Counter(pattern(lines[number].text) for number in seen.covered.difference(seen.mains))
    free: dict[Pattern, list[int]] = defaultdict(list)
    for number in seen.gaps:
        free[pattern(lines[number].text)].append(number)
    most = max(1.0, MOST_SHARE * len(seen.mains))
    kept = (
        one
        for one in known
        if inside[one] <= FEW_SHARE * len(seen.mains)
        and len({seen.gaps[number] for number in free[one]}) <= most
    )
    return {number for one in kept for number in free[one]}


def _in_blocks(lines: Sequence[Line], seen: _Seen, free: set[int]) -> list[Line]:
    """The rows that stand together with many items; of those before the first item of a block or behind its last, not more than items."""
    idle = list(accumulate((number not in seen.covered for number in range(len(lines))), initial=0))
    rows = [replace(lines[number], proves=number not in free) for number in sorted({*seen.mains, *free})]
    found: list[Line] = []
    for block in _blocks(rows, idle, FURNITURE_LINES + seen.length):
        proved = [at for at, line in enumerate(block) if line.proves]
        if len(proved) >= LEAST_PROVED:
            first = 0 if proved[0] <= len(proved) else proved[0]
            last = len(block) if len(block) - 1 - proved[-1] <= len(proved) else proved[-1] + 1
            found += block[first:last]
    return found


def _blocks(rows: Iterable[Line], idle: Sequence[int], most: int) -> Iterator[list[Line]]:
    """Rows with at most so many other lines between; `idle` counts the lines before each that belong to no item."""
    block: list[Line] = []
    for line in rows:
        if block and idle[line.number] - idle[block[-1].number] > most:
            yield block
            block = []
        block.append(line)
    if block:
        yield block


def _on_empty_pages(lines: Sequence[Line], seen: _Seen) -> list[Line]:
    """The lines of items, and those of pages between them that prove none though they are as full as the others."""
    items = Counter(lines[main].part.page for main in seen.mains)
    sizes: Mapping[int, int] = Counter(line.part.page for line in lines)
    if median(items.values()) < DENSE:
        return []
    usual = median(sizes[page] for page in items)
    proved = {lines[number].part.page for number in seen.covered | seen.other}
    empty = {
        page
        for page, size in sizes.items()
        if min(items) < page < max(items) and page not in proved and 2 * size >= usual
    }
    mains = set(seen.mains)
    return [
        replace(line, proves=line.number in mains)
        for line in lines
        if line.number in mains or line.part.page in empty
    ]
