"""A levelled value and a levelled text come in; places where the text has the value with letters misread go out, as after OCR.

A misread letter may be any; a misread figure only the letter that looks like it, and no figure may be lost, so that `INV-1002` never proves
`INV-1001`. The work is bounded: an occurrence with k errors has one of k + 1 pieces of the value unharmed, and only there is compared.
"""

from __future__ import annotations

from collections.abc import Iterator

from rapidfuzz.distance import Levenshtein
from rapidfuzz.fuzz import partial_ratio

SHORTEST = 6  # characters of a value that may be misread
LETTERS_AN_ERROR = 6  # of a value for each error that it may have ...
LETTERS_MORE = 20  # ... and of a long one for each beyond two
MOST_PLACES = 200  # that are compared for one value
LEAST_ALIKE = 60  # of 100, for a place to be looked at more closely
CLOSE = 3  # beginnings and ends that are compared letter by letter
_ALIKE = frozenset({"0o", "0d", "0q", "1l", "1i", "il", "1t", "5s", "8b", "2z", "6b", "6g", "9g", "ce", "uv"})  # levelled letters, in order
_PARTS = frozenset("rnm")  # rn is read as m, and m as rn


def places(wanted: str, text: str, low: int, high: int) -> Iterator[tuple[int, int]]:
    """Half-open spans of `text` between `low` and `high` that are `wanted` but for misread letters."""
    most = min(len(wanted) // LETTERS_AN_ERROR, 2 + len(wanted) // LETTERS_MORE)
    if len(wanted) < SHORTEST:
        return
    tried: set[int] = set()
    for begin in _begins(wanted, text, low, high, most + 1):
        if begin // 4 in tried or len(tried) >= MOST_PLACES:
            continue
        tried.add(begin // 4)
        start, stop = max(low, begin - most), min(high, begin + len(wanted) + most)
        if partial_ratio(wanted, text[start:stop], score_cutoff=LEAST_ALIKE):
            cost, span = _best(wanted, text, range(start, begin + most + 1), range(begin + len(wanted) - most, stop + 1))
            if cost <= most:
                yield span


def _best(wanted: str, text: str, starts: range, stops: range) -> tuple[float, tuple[int, int]]:
    """The span that takes the least to be read as the value, and how much that is."""
    spans = [(start, stop) for start in starts for stop in stops if start < stop]
    near = sorted(spans, key=lambda span: Levenshtein.distance(wanted, text[slice(*span)]))
    return min(((errors(wanted, text[slice(*span)]), span) for span in near[:CLOSE]), default=(len(wanted), (0, 0)))


def errors(wanted: str, found: str) -> float:
    """What it takes to read one as the other: 1 for a letter, 0.25 for one that looks alike, 0.5 for half of rn and m; no figure goes."""
    cost = 0.0
    for edit in Levenshtein.editops(wanted, found):
        before = "" if edit.tag == "insert" else wanted[edit.src_pos]
        after = "" if edit.tag == "delete" else found[edit.dest_pos]
        if "".join(sorted(before + after)) in _ALIKE and before:
            cost += 0.25
        elif (before + after).isalpha():
            cost += 0.5 if _PARTS.issuperset(before + after) else 1.0
        else:
            cost += len(wanted) if any(map(str.isdigit, before + after)) else 1.0
    return cost


def _begins(wanted: str, text: str, low: int, high: int, errors_and_one: int) -> Iterator[int]:
    """Where the value may begin, if one of its pieces stands unharmed."""
    size = max(3, len(wanted) // (2 * errors_and_one))
    for offset in range(0, len(wanted) - size + 1, max(1, size // 2)):
        at = low - 1
        for _ in range(MOST_PLACES):
            if (at := text.find(wanted[offset : offset + size], at + 1, high)) < 0:
                break
            yield at - offset
