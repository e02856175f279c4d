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
from itertools import product
from typing import NamedTuple

EDGE_LINES = 4  # at the top and at the bottom of a page that may be furniture
LARGEST_SHARE = 1 / 3  # of a page's characters that may be furniture
_LONGEST_LINE = 200  # characters; what is longer is a paragraph
_FEWEST_PAGES = 3  # on which a line stands, unless the document has fewer
_MOST_NUMBERS = 3  # in one line that may count pages
_NUMBER = re.compile(r"\d{1,9}")
_DIGITS = str.maketrans("0123456789", "0" * 10)

Span = tuple[int, int]


class _Line(NamedTuple):
    """A line at an edge: its span, which ends behind the line's end, and what it has in common with others."""

    start: int
    end: int
    shape: tuple[bool, str]  # whether at the top, and its words without the value of numbers


def repeated(texts: Sequence[str]) -> list[tuple[Span, ...]]:
    """For each page the spans of its furniture, in order, without the first page on which each line stands.

    Costs some ten microseconds a page.
    """
    pages = [(list(_edge(text, top=True)), list(_edge(text, top=False))) for text in texts]
    shapes = Counter(shape for page in pages for shape in {line.shape for edge in page for line in edge if line.shape[1]})
    fewest = min(_FEWEST_PAGES, max(2, len(texts)))
    common = {shape for shape, count in shapes.items() if count >= fewest}
    places: dict[tuple[bool, str], list[int]] = defaultdict(list)
    for number, page in enumerate(pages):
        for key in {key for edge in page for line in edge if line.shape in common for key in _keys(texts[number], line, number)}:
            places[key].append(number)
    first = {key: numbers[0] for key, numbers in places.items() if len(numbers) >= fewest}
    return [tuple(_spans(text, number, pages[number], first)) for number, text in enumerate(texts)]


def _edge(text: str, *, top: bool) -> Iterator[_Line]:
    """The outermost lines that are not empty, from the edge inwards."""
    left, place = EDGE_LINES, 0 if top else len(text)
    while left and (place < len(text) if top else place > 0):
        start = place if top else text.rfind("\n", 0, place - 1) + 1
        end = text.find("\n", place) + 1 or len(text) if top else place
        words = " ".join(text[start:end].split()) if end - start <= _LONGEST_LINE else "paragraph"
        if words:
            yield _Line(start, end, (top, "" if end - start > _LONGEST_LINE else re.sub("0+", "0", words.translate(_DIGITS)).casefold()))
            left -= 1
        place = end if top else start


def _keys(text: str, line: _Line, page: int) -> Iterator[tuple[bool, str]]:
    """What a line is known by: with each number as it stands, or as its distance from the page's number."""
    words = " ".join(text[line.start : line.end].split()).casefold()
    numbers = _NUMBER.findall(words)
    if len(numbers) > _MOST_NUMBERS:
        yield line.shape[0], words
        return
    between = _NUMBER.split(words)
    says_something = any(map(str.isalpha, words))  # a bare "2" that stays the same may be a piece of a formula
    for choice in product(*((number, f"<{int(number) - page}>") for number in numbers)):
        if says_something or any(number.startswith("<") for number in choice):
            yield line.shape[0], "".join(map("".join, zip(between, [*choice, ""], strict=True)))


def _spans(text: str, number: int, edges: tuple[list[_Line], list[_Line]], first: Mapping[tuple[bool, str], int]) -> list[Span]:
    """The furniture of one page: lines from the edges inwards up to the first that is none, within the bounded share."""
    found: list[Span] = []
    space = len(text) * LARGEST_SHARE
    for edge in edges:
        for line in edge:
            seen = min((first[key] for key in _keys(text, line, number) if key in first), default=None) if line.shape[1] else None
            if seen is None or line.end - line.start > space or (line.start, line.end) in found:
                break
            if seen < number:
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
