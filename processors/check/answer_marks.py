"""An answer comes in; the marks go out by which it cites pages, whatever the files are called.

    [may/brandt.txt p. 1]   [invoice [final].pdf pp. 2-3]   [a, b (copy).pdf, page 4]   [one.pdf p. 1; two.pdf p. 2]   【发票.pdf 第1页】

Where a name begins cannot be told from the answer alone, since names have brackets too. So every name that a mark may have is looked up
(`cited_names`), and the longest that there is counts; of names that there are not, the one whose brackets fit.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

Place = tuple[str, int]  # path of a document, page from 1

MOST_PAGES = 20  # of one mark that are looked at
LONGEST_NAME = 1_000  # characters of a path and what stands around it
_OPENINGS = 12  # before the end of a mark that may be its beginning
_ENDS = 3  # of marks in one line up to which a name with the end of a mark in it is looked for
_PAGES = r"[,:]?[ \u00a0]*\(?(?:(?:pp?|S)\.|pages?\b|Seiten?\b|第)[ \u00a0]?(?P<pages>\d{1,7}(?:[ ,;\u2013-]+\d{1,7})*)[ \u00a0]?[页頁]?\)?"
_END = re.compile(_PAGES + r"[`*\"]*[\]】]", re.IGNORECASE)
_ONE_OF_MANY = re.compile(r"\s*(?P<name>.+?)" + _PAGES, re.IGNORECASE)
_MANY = re.compile(r"(?<=\d)\s*;\s+(?=\D)|(?<=\d)\s*,\s+(?=\D)(?!(?:pp?\.|pages?\b))")


@dataclass(frozen=True, slots=True)
class CitationMark:
    """A mark of an answer, from its opening to behind its closing bracket, and the places that it names."""

    start: int
    end: int
    places: tuple[Place, ...]


@dataclass(frozen=True, slots=True)
class _MarkReading:
    """One way to read a mark: where it stands, the names in it and their pages."""

    start: int
    end: int
    named: tuple[tuple[str, str], ...]


def cited_names(answer: str) -> list[str]:
    """Every name that a mark may have, each once. Most of them are none."""
    found = (name for readings in _by_end(answer) for one in readings for name, _ in one.named)
    return list(dict.fromkeys(found))


def marks(answer: str, known: Mapping[str, str]) -> list[CitationMark]:
    """The marks in order. `known` gives the path of a document for each name of `cited_names` that means one."""
    found: list[CitationMark] = []
    at = 0
    for readings in _by_end(answer):
        left = [one for one in readings if one.start >= at]
        if left and readings[0].end > at:
            one = next(
                (one for one in left if all(name in known for name, _ in one.named)), None
            ) or _plainest(left)
            places = (
                (known.get(name, name), page) for name, written in one.named for page in _pages(written)
            )
            found.append(CitationMark(one.start, one.end, tuple(dict.fromkeys(places))))
            at = one.end
    return found


def _by_end(answer: str) -> Iterator[list[_MarkReading]]:
    """For each end of a mark how it may be read: as far to the left as may be first, then over the ends that follow in its line."""
    ends = list(_END.finditer(answer))
    for number, end in enumerate(ends):
        line = max(answer.rfind("\n", 0, end.start()) + 1, end.start() - LONGEST_NAME)
        openings = [at for at in range(line, end.start()) if answer[at] in "[【"][-_OPENINGS:]
        rest = [one for one in ends[number : number + _ENDS] if "\n" not in answer[end.start() : one.end()]]
        found = [reading for last in rest for at in openings for reading in _read(answer, at, last)]
        if found:
            yield found


def _read(answer: str, at: int, end: re.Match[str]) -> Iterator[_MarkReading]:
    """A mark as one name, and as several with pages each."""
    if not (name := _bare(answer[at + 1 : end.start()])):
        return
    yield _MarkReading(at, end.end(), ((name, end["pages"]),))
    pieces = [_ONE_OF_MANY.fullmatch(one) for one in _MANY.split(answer[at + 1 : end.end() - 1])]
    if len(pieces) > 1 and all(pieces):
        yield _MarkReading(at, end.end(), tuple((_bare(one["name"]), one["pages"]) for one in pieces if one))


def _plainest(readings: list[_MarkReading]) -> _MarkReading:
    """How a mark is read that names nothing: up to its first end, from the last opening that leaves no bracket open."""
    first = [one for one in readings if one.end == readings[0].end and len(one.named) == 1]
    fitting = [one for one in first if _balanced(one.named[0][0])]
    return (fitting or first or readings)[-1]


def _balanced(name: str) -> bool:
    depth = 0
    for one in name:
        depth += (one in "[【") - (one in "]】")
        if depth < 0:
            return False
    return depth == 0


def _bare(name: str) -> str:
    """A name without what Markdown puts around and into it."""
    return re.sub(r"\\([\[\]()_*`~<>#|\\])", r"\1", name).strip().strip('`*"').strip()


def _pages(written: str) -> list[int]:
    """The pages of a mark: `3, 5-7` is 3, 5, 6, 7."""
    found: list[int] = []
    for piece in re.split(r"[,; ]+", re.sub(r" *[\u2013-] *", "-", written.strip())):
        first, _, last = piece.partition("-")
        if first.isdigit():
            end = int(last) if last.isdigit() else int(first)
            found += range(int(first), min(end, int(first) + MOST_PAGES) + 1)
    return list(dict.fromkeys(found))[:MOST_PAGES]
