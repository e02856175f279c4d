"""One document as lines with the labels found in it: text and extra labels in, hits and the values beside them out.

A helper of helpers: every rule asks a sheet where a label stands. It imports `labels`, because what the longest known
label says decides which concept a word belongs to ("Total" inside "Total VAT" is no total).
All offsets are half-open, in characters of the text. Everything takes linear time.
"""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import cached_property, lru_cache
from itertools import pairwise
from typing import TypeVar

from octavo.processors.ask.offline.field_labels import LABELS, PARTICLES
from octavo.schemas.text.values import FoundValue, amounts_in, dates_in

T = TypeVar("T")

LONGEST_VALUE = 200  # characters of a value that stands behind a label
LONGEST_ROW = 1000  # characters of a line that can be a row of cells; looking at longer ones label by label would take quadratic time
LEAD = re.compile(r"[\s:：;=#*|>.,)\-–—_]*(?:\([^()\n]{0,24}\)[\s:：;=#*|.\-–—]*)?")
CELLS = re.compile(r"\t+|[ \u00a0]{2,}| ?\| ?")
_APART = re.compile(  # spaces that set a Chinese label wide, and the line breaks of one set downward: `名　　称`, `购\n买\n方`
    r"(?<=[\u4e00-\u9fff])\u3000+(?=[\u4e00-\u9fff])|(?<=^[\u4e00-\u9fff]) ?\n(?=[\u4e00-\u9fff] ?\n)",
    re.MULTILINE,
)
_WORD = re.compile(r"[^\W\d_]+")
_ONLY_CURRENCY = re.compile(r"[A-Z]{2,3}|[$€£¥]")  # a line of its own between a label and its amount
_RATE_AHEAD = re.compile(
    r"(?:^|[^\d\s])\s?%\s?$"
)  # no number stands before the sign, so it belongs to the number behind it
_SLASHED = re.compile(r"(?<![\d./-])(\d{1,2})/(\d{1,2})/(?:\d{4}|\d{2})(?!\d)")
_AMERICAN = re.compile(
    r"\b(?:A[KLRZ]|C[AOT]|D[CE]|FL|GA|HI|I[ADLN]|K[SY]|LA|M[ADEINOST]|N[CDEHJMVY]|O[HKR]|PA|RI|"
    r"S[CD]|T[NX]|UT|V[AT]|W[AIVY]),? \d{5}(?:-\d{4})?\b"
    r"|\bUS Dollars?\b|\bUSD\b|\bState of [A-Z]|\ba Delaware corporation\b"
)  # a state with its ZIP code (USPS Publication 28, appendix B), or words of American law


@dataclass(frozen=True, slots=True)
class SheetHit:
    """One label in the text. `end` is where it ends, `stop` where the next label or the end of the line is."""

    label: str
    line: int
    start: int
    end: int
    stop: int


class Sheet:
    """A document (or the part of one that a window shows) and where its labels stand. Pure; built once a document."""

    def __init__(self, text: str, *, opens: bool = True, extra: Iterable[str] = ()) -> None:
        """`opens` is true when the text begins with the document's first page. `extra` are labels of the question's own fields."""
        self.text = _APART.sub("", text)
        self.opens = opens
        self.folded = folded(self.text)
        self.starts = [0, *(match.end() for match in re.finditer("\n", self.text))]
        self.lines = [line.replace("\u00a0", " ").strip() for line in self.text.split("\n")]
        self._extra = frozenset(filter(None, extra))

    @cached_property
    def day_first(self) -> bool | None:
        """Whether 03/05/2026 is the third of May here: told by other dates, else by an American address; None when nothing tells."""
        pairs = [(int(match[1]), int(match[2])) for match in _SLASHED.finditer(self.text)]
        if any(first > 12 for first, _ in pairs):
            return True
        if any(second > 12 for _, second in pairs) or _AMERICAN.search(self.text):
            return False
        return None

    @cached_property
    def dates(self) -> list[FoundValue[date]]:
        """Every date, in order."""
        return list(dates_in(self.text, day_first=self.day_first))

    @cached_property
    def pieces(self) -> list[FoundValue[Decimal]]:
        """Every number that may be an amount, in order, without rates in per cent. `2 100,00` is there whole and in its pieces."""
        return sorted(
            (found for found in amounts_in(self.text) if not self._is_rate(found)),
            key=lambda found: (found.start, -found.end),
        )

    @cached_property
    def amounts(self) -> list[FoundValue[Decimal]]:
        """The same with the spaced numbers whole only."""
        kept: list[FoundValue[Decimal]] = []
        for found in self.pieces:
            if not kept or found.start >= kept[-1].end:
                kept.append(found)
        return kept

    @cached_property
    def hits(self) -> Mapping[str, Sequence[SheetHit]]:
        """Where each label stands, by label; of overlapping labels the first and longest counts."""
        found = sorted(
            _occurrences(self.folded, [*LABELS, *self._extra]), key=lambda spot: (spot[0], -spot[1])
        )
        kept: list[tuple[int, int, str]] = []
        for spot in found:
            if not kept or spot[0] >= kept[-1][1]:
                kept.append(spot)
        hits: dict[str, list[SheetHit]] = {}
        for spot, after in pairwise([*kept, (len(self.text), 0, "")]):
            line = self.line_at(spot[0])
            stop = min(after[0], self.ends(line))
            hits.setdefault(spot[2], []).append(SheetHit(spot[2], line, spot[0], spot[1], max(stop, spot[1])))
        return hits

    @cached_property
    def labelled(self) -> frozenset[int]:
        """Numbers of the lines that begin with a label."""
        return frozenset(hit.line for hits in self.hits.values() for hit in hits if self.begins(hit))

    def of(self, concept: str) -> Iterator[tuple[int, SheetHit]]:
        """The hits of a concept with their tier, the surest tier first, in reading order within a tier."""
        ranked = ((rank, hit) for label, rank in _labels_of(concept) for hit in self.hits.get(label, ()))
        return iter(sorted(ranked, key=lambda pair: (pair[0], pair[1].start)))

    def line_at(self, offset: int) -> int:
        """Number of the line, from 0, in which an offset lies."""
        return bisect_right(self.starts, offset) - 1

    def ends(self, line: int) -> int:
        """Offset of the end of a line, before its line break."""
        return self.starts[line + 1] - 1 if line + 1 < len(self.starts) else len(self.text)

    def begins(self, hit: SheetHit) -> bool:
        """Whether nothing but signs stands before the label in its line or cell."""
        before = self.text[max(self.starts[hit.line], hit.start - 40) : hit.start]
        return not re.search(r"\w", CELLS.split(before)[-1])

    def announces(self, hit: SheetHit) -> bool:
        """Whether a colon follows, or the label stands alone at the start of its line or cell: what prose seldom does."""
        return bool(re.match(r"[\s)]{0,3}[:：]", self.text[hit.end : hit.end + 4])) or (
            self.begins(hit) and not self.rest(hit)
        )

    def rest(self, hit: SheetHit) -> str:
        """What stands behind a label up to the next label or the end of the line, without the signs between."""
        start = self.value_start(hit)
        return (
            self.text[start : min(hit.stop, start + LONGEST_VALUE)].replace("\u00a0", " ").strip()
            if start < hit.stop
            else ""
        )

    def value_start(self, hit: SheetHit) -> int:
        """Offset at which the value behind a label begins."""
        lead = LEAD.match(self.text, hit.end, hit.stop)
        return lead.end() if lead else hit.end

    def places(self, hit: SheetHit) -> Iterator[tuple[int, int]]:
        """Where the value of a label may stand, the likeliest first: behind it, in its column below, in the next line."""
        yield hit.end, hit.stop
        if re.search(r"\w", self.rest(hit)) and not self._in_header(hit):
            return
        if (below := self.below(hit)) is not None:
            yield below
        for following in range(hit.line + 1, min(hit.line + 4, len(self.lines))):
            if self.lines[following] and not _ONLY_CURRENCY.fullmatch(self.lines[following]):
                if following not in self.labelled:
                    yield self.starts[following], self.ends(following)
                return

    def within(self, found: Sequence[FoundValue[T]], start: int, end: int) -> Sequence[FoundValue[T]]:
        """Those that begin between two offsets, of a list in order."""
        return found[
            bisect_left(found, start, key=lambda one: one.start) : bisect_left(
                found, end, key=lambda one: one.start
            )
        ]

    def cells(self, line: int) -> list[str]:
        """The cells of a line."""
        return [self.text[start:end].strip() for start, end in self._cells(line)]

    def _is_rate(self, found: FoundValue[Decimal]) -> bool:
        """Whether a per cent sign stands behind a number, or before it as in "VAT % 19,0"."""
        behind = self.text[found.end : found.end + 2].lstrip()
        return behind.startswith(("%", "％")) or bool(
            _RATE_AHEAD.search(self.text[max(0, found.start - 4) : found.start])
        )

    def _in_header(self, hit: SheetHit) -> bool:
        return len(self._cells(hit.line)) > 1 and self.begins(hit)

    def below(self, hit: SheetHit) -> tuple[int, int] | None:
        """The cell below a label in a row of cells, if the next line has as many."""
        here = self._cells(hit.line)
        if len(here) < 2 or hit.line + 1 >= len(self.lines):
            return None
        there = self._cells(hit.line + 1)
        index = next((n for n, (start, end) in enumerate(here) if start <= hit.start < end), None)
        return there[index] if index is not None and len(there) == len(here) else None

    def _cells(self, line: int) -> list[tuple[int, int]]:
        """Spans of the cells of a line: between tabs, bars, or two spaces. A line too long for a row of a table has none."""
        start, end = self.starts[line], self.ends(line)
        if end - start > LONGEST_ROW:
            return []
        marks = [start, *(edge for gap in CELLS.finditer(self.text, start, end) for edge in gap.span()), end]
        return [
            (left, right)
            for left, right in zip(marks[::2], marks[1::2], strict=True)
            if self.text[left:right].strip()
        ]


def folded(text: str) -> str:
    """Lower case without accents, character by character, so that offsets stay: `Fälligkeit：` becomes `falligkeit:`."""
    if text.isascii():
        return text.lower()
    plain = text.translate(_FOLDS)
    small = plain.lower()
    return small if len(small) == len(text) else "".join(char.lower()[:1] for char in plain)


def _folds() -> dict[int, str]:
    """Letters with accents to their base letter, and typographic signs to plain ones."""
    folds = {ord(char): char.lower() for char in "ABCDEFGHIJKLMNOPQRSTUVWXYZ"}
    for code in range(0xC0, 0x250):
        base = unicodedata.normalize("NFKD", chr(code))[0]
        folds[code] = base.lower() if len(base.lower()) == 1 else base
    return folds | {
        ord(sign): plain for sign, plain in zip("：（）’‘‐‑−\u00a0\u202f\t", ":()''---   ", strict=True)
    }


_FOLDS = _folds()


@lru_cache(maxsize=256)
def _labels_of(concept: str) -> list[tuple[str, int]]:
    """The labels of a concept with their tier; an unknown concept is its own label."""
    known = [
        (label, rank) for label, meanings in LABELS.items() for name, rank in meanings if name == concept
    ]
    return known or [(concept, 0)]


def _occurrences(text: str, labels: Iterable[str]) -> Iterator[tuple[int, int, str]]:
    """Start, end and name of each label that stands as a word of its own. A label whose first word is not in the text is passed over."""
    known = set(_WORD.findall(text))
    for label in labels:
        plain = label.removeprefix("*")
        if label == plain and (first := _first_word(label)) and first not in known:
            continue
        start = text.find(plain)
        while start >= 0:
            end = start + len(plain)
            if _stands_alone(text, start, end, ends_word=label != plain):
                yield start, end, label
            start = text.find(plain, end)


@lru_cache(maxsize=4096)
def _first_word(label: str) -> str:
    """The letters that a label begins with; "" where that says nothing, as in Chinese."""
    match = _WORD.match(label)
    return match.group() if match and match.group() < "\u2e80" else ""


def _stands_alone(text: str, start: int, end: int, *, ends_word: bool) -> bool:
    """Whether no letter touches a label, and a colon follows one that is a common word. Chinese is written without spaces."""
    if text[start] >= "\u2e80":
        return True
    if text[start:end] in PARTICLES and not text[end : end + 2].lstrip().startswith(":"):
        return False
    before = not start or ends_word or not (text[start - 1].isalnum() or text[start - 1] == "_")
    return before and (
        end == len(text)
        or not (text[end].isalpha() or text[end] == "_")
        or text[end] >= "\u2e80"
        or not text[end - 1].isalpha()
    )
