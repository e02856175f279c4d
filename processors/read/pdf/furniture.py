r"""Texts of pages in; the spans of running headers and footers out, so that they need not be paid for on every page.

    page 1  "Annual report 2024\nSales grew.\n1"    ()
    page 2  "Annual report 2024\nCosts fell.\n2"    ((0, 19), (31, 32))
    page 3  "Annual report 2024\nOutlook.\n3"       ((0, 19), (28, 29))

A line counts only when nothing is lost without it: its words are those of a line at the same edge of an earlier page, and a number in it
is the same there or counts pages. "Subtotal 120.00" over "Subtotal 95.00" is no footer. Pure; any reader with pages may use it.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain, product
from typing import NamedTuple

EDGE_LINES = 3  # at the top and at the bottom of a page that may be furniture
LARGEST_SHARE = 1 / 3  # of a page's characters that may be furniture
_LONGEST_LINE = 200  # characters; what is longer is a paragraph
_FEWEST_PAGES = 3  # on which a line stands, unless the document has fewer
_MOST_NUMBERS = 3  # in one line that may count pages
_NUMBER = re.compile(r"\d{1,9}")
_PARAGRAPH = "\n"  # the shape of a line that is too long
_DIGITS = dict.fromkeys(map(ord, "0123456789"))  # taken out

Span = tuple[int, int]
Key = tuple[bool, str]  # whether at the top, and the words


class _EdgeLine(NamedTuple):
    """A line at an edge: its span, which ends behind the line's end, and what it has in common with others."""

    start: int
    end: int
    shape: tuple[bool, str]  # whether at the top, and its words without digits


def repeated(texts: Sequence[str]) -> list[tuple[Span, ...]]:
    """For each page the spans of its furniture, in order, without the first page on which each line stands.

    Costs some ten microseconds a page.
    """
    if len(texts) < 2:
        return [()] * len(texts)
    pages = [[*_edge(text, top=True), *_edge(text, top=False)] for text in texts]
    fewest = min(_FEWEST_PAGES, max(2, len(texts)))
    counts = Counter(
        shape for lines in pages for shape in {line.shape for line in lines if line.shape[1] != _PARAGRAPH}
    )
    common = {shape for shape, count in counts.items() if count >= fewest}
    keys = [
        [list(_keys(text, line, number)) if line.shape in common else [] for line in lines]
        for number, (text, lines) in enumerate(zip(texts, pages, strict=True))
    ]
    places: dict[Key, set[int]] = defaultdict(set)
    for number, own in enumerate(keys):
        for key in chain.from_iterable(own):
            places[key].add(number)
    first = {key: min(numbers) for key, numbers in places.items() if len(numbers) >= fewest}
    return [
        tuple(_spans(text, number, lines, own, first))
        for number, (text, lines, own) in enumerate(zip(texts, pages, keys, strict=True))
    ]


def _edge(text: str, *, top: bool) -> Iterator[_EdgeLine]:
    """The outermost lines that are not empty, from the edge inwards."""
    left, place = EDGE_LINES, 0 if top else len(text)
    while left and (place < len(text) if top else place > 0):
        start = place if top else text.rfind("\n", 0, place - 1) + 1
        end = text.find("\n", place) + 1 or len(text) if top else place
        words = text[start:end].strip()
        if words:
            yield _EdgeLine(
                start, end, (top, words.translate(_DIGITS) if end - start <= _LONGEST_LINE else _PARAGRAPH)
            )
            left -= 1
        place = end if top else start


def _keys(text: str, line: _EdgeLine, page: int) -> Iterator[Key]:
    """What a line is known by: with each number as it stands, or as its distance from the page's number."""
    top, _ = line.shape
    words = " ".join(text[line.start : line.end].split()).casefold()
    numbers = _NUMBER.findall(words)
    says_something = any(
        map(str.isalpha, words)
    )  # a bare "2" that stays the same may be a piece of a formula
    if not numbers or len(numbers) > _MOST_NUMBERS:
        yield from [(top, words)] if says_something else []
        return
    between = _NUMBER.split(words)
    for choice in product(*((number, f"<{int(number) - page}>") for number in numbers)):
        if says_something or any(number.startswith("<") for number in choice):
            yield top, "".join(map("".join, zip(between, [*choice, ""], strict=True)))


def _spans(
    text: str,
    number: int,
    lines: Sequence[_EdgeLine],
    keys: Sequence[Sequence[Key]],
    first: Mapping[Key, int],
) -> list[Span]:
    """The furniture of one page: lines from the edges inwards up to the first that is none, within the bounded share."""
    found: list[Span] = []
    space = len(text) * LARGEST_SHARE
    ended: set[bool] = set()  # edges, top or not
    for line, own in zip(lines, keys, strict=True):
        seen = min((first[key] for key in own if key in first), default=None)
        if seen is None or line.end - line.start > space or (line.start, line.end) in found:
            ended.add(line.shape[0])
        if line.shape[0] not in ended and seen is not None and seen < number:
            found.append((line.start, line.end))
            space -= line.end - line.start
    return _joined(sorted(found))


def _joined(spans: list[Span]) -> list[Span]:
    joined: list[Span] = []
    for start, end in spans:
        if joined and joined[-1][1] == start:
            joined[-1] = (joined[-1][0], end)
        else:
            joined.append((start, end))
    return joined
