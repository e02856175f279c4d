"""Where lines of text stand on a picture, and which way their letters face, in; how the picture has to be turned out.

Pure: corners and votes. A page is turned as a whole: line by line the classifier is wrong about one line in forty, and that line is lost.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from typing import Any

from octavo.processors.read.ocr_lines import Box

_TALL = 1.5  # times as high as wide: a line that runs up or down
_LONG = 3.0  # times as long as high: a line whose slant can be measured
_LEAST_SKEW = 0.3  # degrees; less changes no order
_MOST_SKEW = 20.0  # degrees; more is no skew but decoration

Point = tuple[float, float]
Corners = Sequence[Any]  # four points, clockwise from the upper left


def length(corners: Corners) -> float:
    """Of the longer side, in pixels."""
    return max(_sides(corners))


def thickness(corners: Corners) -> float:
    """Of the shorter side, in pixels: about the height of the letters and half as much."""
    return min(_sides(corners))


def _sides(corners: Corners) -> tuple[float, float]:
    across = max(math.dist(corners[0], corners[1]), math.dist(corners[3], corners[2]))
    down = max(math.dist(corners[0], corners[3]), math.dist(corners[1], corners[2]))
    return across, down


def runs_down(lines: Sequence[Corners]) -> bool:
    """Whether most of the text stands in lines that run up or down the picture."""
    down = sum(high for wide, high in map(_sides, lines) if high > _TALL * wide)
    across = sum(wide for wide, high in map(_sides, lines) if wide > _TALL * high)
    return down > across


def is_upside_down(votes: Sequence[tuple[str, float, float]]) -> bool:
    """What the classifier says of lines, each "0" or "180", how sure, and how long the line is: most of the length decides."""
    return sum(sure * long * (1 if label == "180" else -1) for label, sure, long in votes) > 0


def quarter_turns(*, down: bool, upside_down: bool) -> int:
    """Quarter turns to the left that bring a picture upright. Lines that run down were looked at after one of them.

    >>> quarter_turns(down=True, upside_down=True)
    3
    """
    return int(down) + 2 * int(upside_down)


def skew(lines: Sequence[Corners]) -> float:
    """Degrees, clockwise, by which the lines of an upright page slant; 0 where too few can say."""
    angles = [
        (math.degrees(math.atan2(one[1][1] - one[0][1], one[1][0] - one[0][0])), wide)
        for one in lines
        for wide, high in [_sides(one)]
        if wide > _LONG * high
    ]
    near = [(angle, wide) for angle, wide in angles if abs(angle) <= _MOST_SKEW]
    if len(near) < 2:
        return 0.0
    middle = _weighted_median(near)
    return middle if abs(middle) >= _LEAST_SKEW else 0.0


def _weighted_median(pairs: list[tuple[float, float]]) -> float:
    rest = sum(weight for _, weight in pairs) / 2
    for value, weight in sorted(pairs):
        rest -= weight
        if rest <= 0:
            return value
    return statistics.median(value for value, _ in pairs)


def straightened(corners: Corners, degrees: float) -> list[Point]:
    """Corners after a turn by so many degrees against the clock, about the upper left corner of the picture."""
    cosine, sine = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    return [(float(x * cosine + y * sine), float(y * cosine - x * sine)) for x, y in corners]


def box_of(text: str, corners: Corners, words: tuple[tuple[int, int, float], ...] = ()) -> Box:
    """A box around corners. Middle heights of its left and right edge forgive a slight slant."""
    tops, bottoms = (corners[0][1] + corners[1][1]) / 2, (corners[2][1] + corners[3][1]) / 2
    left, right = min(corner[0] for corner in corners), max(corner[0] for corner in corners)
    return Box(text, float(left), float(tops), float(bottoms), float(right), words)


def turned_back(corners: Corners, quarters: int, size: tuple[int, int]) -> list[Point]:
    """Corners on the picture as it was, of `size`, before it was turned to the left by so many quarters."""
    width, height = size
    places = {
        0: lambda x, y: (x, y),
        1: lambda x, y: (width - y, x),
        2: lambda x, y: (width - x, height - y),
        3: lambda x, y: (y, height - x),
    }
    return [(float(a), float(b)) for a, b in (places[quarters % 4](x, y) for x, y in corners)]
