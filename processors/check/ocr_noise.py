"""A levelled value and a levelled text come in; places where the text has the value with letters misread go out, as after OCR.

A misread letter may be any; a misread figure only the letter that looks like it, and no figure may be lost, so that `INV-1002` never proves
`INV-1001`. The work is bounded: an occurrence with k errors has one of k + 1 pieces of the value unharmed, and only there is compared.
"""

from __future__ import annotations

from collections.abc import Iterator
from statistics import mode

from rapidfuzz.distance import Levenshtein, ScoreAlignment
from rapidfuzz.fuzz import partial_ratio_alignment

SHORTEST, LONGEST = 6, 2_000  # characters of a value that may be misread
LETTERS_AN_ERROR = 6  # of a value for each error that it may have ...
LETTERS_MORE = 20  # ... and of a long one for each beyond two
LOOKALIKES_AN_ERROR = 4  # letters that look alike count a quarter
MOST_PLACES, MOST_PLACES_LONG = 200, 10  # that are compared for one value: of few characters, of many ...
MOST_COMPARED = 20_000  # ... and characters between the two
MOST_OTHER = 0.4  # of the characters, for a place to be looked at more closely
EDGE = 32  # characters by which the beginning and the end of a long value are found
LEAST_PIECE = 3  # characters; pieces so small are taken at every place of the value
CLOSE = 3  # characters by which they may be off, and spans that are compared letter by letter
_ALIKE = frozenset(
    {"0o", "0d", "0q", "1l", "1i", "il", "1t", "5s", "8b", "2z", "6b", "6g", "9g", "ce", "uv"}
)  # levelled letters, in order
_PARTS = frozenset("rnm")  # rn is read as m, and m as rn


def places(wanted: str, text: str, low: int, high: int) -> Iterator[tuple[int, int]]:
    """Half-open spans of `text` between `low` and `high` that are `wanted` but for misread letters."""
    if not SHORTEST <= len(wanted) <= LONGEST:
        return
    most = min(len(wanted) // LETTERS_AN_ERROR, 2 + len(wanted) // LETTERS_MORE)
    farthest = 2 * most + min(LOOKALIKES_AN_ERROR * most, int(MOST_OTHER * len(wanted)))
    for begin in _likeliest(wanted, text, low, high, most):
        start, stop = max(low, begin - most), min(high, begin + len(wanted) + most)
        if Levenshtein.distance(wanted, text[start:stop], score_cutoff=farthest) <= farthest:
            cost, span = _best(wanted, text, start, stop, most)
            if cost <= most:
                yield span


def _likeliest(wanted: str, text: str, low: int, high: int, most: int) -> list[int]:
    """Where the value may begin: first where most pieces of it stand unharmed, and of a long value only there."""
    near = max(4, most)
    pieces: dict[int, list[int]] = {}
    for begin in _begins(wanted, text, low, high, most + 1):
        pieces.setdefault(begin // near, []).append(begin)
    places = max(MOST_PLACES_LONG, min(MOST_PLACES, MOST_COMPARED // len(wanted)))
    likeliest = sorted(pieces.values(), key=lambda begins: (-len(begins), begins[0]))
    return [mode(begins) for begins in likeliest[:places]]


def _best(wanted: str, text: str, start: int, stop: int, most: int) -> tuple[float, tuple[int, int]]:
    """The span that takes the least to be read as the value, and how much that is."""
    edge = min(len(wanted), EDGE)
    head = start + _most_alike(wanted[:edge], text[start : start + 2 * most + edge]).dest_start
    tail_from = max(start, stop - 2 * most - edge)
    tail = tail_from + _most_alike(wanted[-edge:], text[tail_from:stop]).dest_end
    starts, stops = (
        range(max(start, head - CLOSE), head + CLOSE + 1),
        range(tail - CLOSE, min(stop, tail + CLOSE) + 1),
    )
    spans = [(first, last) for first in starts for last in stops if first < last]
    near = sorted(spans, key=lambda span: Levenshtein.distance(wanted, text[slice(*span)]))
    return min(
        ((errors(wanted, text[slice(*span)]), span) for span in near[:CLOSE]), default=(len(wanted), (0, 0))
    )


def _most_alike(wanted: str, text: str) -> ScoreAlignment:
    """The stretch of a short text that is most like a short value."""
    return partial_ratio_alignment(wanted, text) or ScoreAlignment(0, 0, 0, 0, 0)


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
    size = max(LEAST_PIECE, len(wanted) // (2 * errors_and_one))
    for offset in range(0, len(wanted) - size + 1, size if size > LEAST_PIECE else 1):
        at = low - 1
        for _ in range(MOST_PLACES):
            if (at := text.find(wanted[offset : offset + size], at + 1, high)) < 0:
                break
            yield at - offset
