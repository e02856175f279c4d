"""A page's text and the places of its letters in; out: vertical lines of Chinese and Japanese in reading order, from right to left.

PDFium gives what is drawn in its order, and programs draw columns as they like. Imports `chars` for the places of letters.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from octavo.processors.read.pdf import chars
from octavo.processors.read.pdf.chars import Box, PageChars

_IDEOGRAPH = re.compile("[\u3001-\u3011\u3040-\u30ff\u3400-\u9fff\uff01-\uff5e]")
_LEAST = 8  # such letters on a page
_MOSTLY = 0.7  # share of the steps from a letter to the next that go down
_BESIDE = 0.5  # of the usual step: as far as letters of one line stand beside one another ...
_NEAR = 1.6  # ... and below one another
_NOWHERE: Box = (0.0, 0.0, 0.0, 0.0)  # of a line without such letters, as the number of a page: it comes last


@dataclass(slots=True)
class _Line:
    """A line of the page: spans of the text, which may be drawn letter by letter, and the box around its letters; y grows upward."""

    spans: list[tuple[int, int]]
    box: Box
    last: Box  # of its last letter


def pieces(sheet: PageChars) -> list[tuple[int, int] | str]:
    """The text of a page of vertical lines in pieces, the rightmost line first; none for any other page."""
    text = sheet.text
    places = [found.start() for found in _IDEOGRAPH.finditer(text)]
    if len(places) < _LEAST or len(places) * 2 < sum(map(len, text.split())):
        return []
    boxes = dict(zip(places, zip(*chars.shown(sheet, places), strict=True), strict=True))
    steps = [(boxes[one], boxes[other]) for one, other in pairwise(places)]
    down = sorted(one[1] - other[1] for one, other in steps if _goes_down(one, other))
    if len(down) < _MOSTLY * len(steps):
        return []
    lines = _lines(text, boxes, down[len(down) // 2])
    found: list[tuple[int, int] | str] = []
    for line in _in_order(lines):
        found += [*line.spans, "\n"]
    return found


def _goes_down(one: Box, other: Box) -> bool:
    """Whether the step from a letter to the next leads down, and hardly aside."""
    return one[1] - other[1] > 2 * abs(one[0] - other[0])


def _lines(text: str, boxes: Mapping[int, Box], pitch: float) -> list[_Line]:
    """The lines as they are drawn, whatever stands between two letters: a line's end between all, or nothing between two lines."""
    lines: list[_Line] = []
    for start, end in _stretches(text, boxes, pitch):
        own = [boxes[at] for at in range(start, end) if at in boxes]
        if lines and own and _goes_on(lines[-1].last, own[0], pitch):
            before = lines.pop()
            lines.append(_Line([*before.spans, (start, end)], _around([before.box, *own]), own[-1]))
        else:
            lines.append(_Line([(start, end)], _around(own or [_NOWHERE]), own[-1] if own else _NOWHERE))
    return lines


def _stretches(text: str, boxes: Mapping[int, Box], pitch: float) -> Iterator[tuple[int, int]]:
    """Spans without the end of a line, and without a letter that does not go on from the one before."""
    for found in re.finditer(r"[^\r\n]+", text):
        start = found.start()
        for one, other in pairwise(at for at in range(*found.span()) if at in boxes):
            if not _goes_on(boxes[one], boxes[other], pitch * (other - one)):
                yield start, other
                start = other
        yield start, found.end()


def _goes_on(one: Box, other: Box, pitch: float) -> bool:
    """Whether a letter stands below another one in the same line."""
    return abs(one[0] - other[0]) < _BESIDE * pitch and 0 < one[1] - other[1] < _NEAR * pitch


def _around(boxes: Sequence[Box]) -> Box:
    lefts, bottoms, rights, tops = zip(*boxes, strict=True)
    return min(lefts), min(bottoms), max(rights), max(tops)


def _in_order(lines: Sequence[_Line]) -> Iterator[_Line]:
    """From right to left; where lines stand in tiers, the upper tier first."""
    tiers: list[list[_Line]] = []
    lowest = float("inf")
    for line in sorted(lines, key=lambda line: -line.box[3]):
        if tiers and line.box[3] > lowest:
            tiers[-1].append(line)
        else:
            tiers.append([line])
            lowest = float("inf")
        lowest = min(lowest, line.box[1])
    for tier in tiers:
        yield from sorted(tier, key=lambda line: -line.box[2])
