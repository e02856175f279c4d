"""A page as JPEG in, its lines of text out, by the optional engine rapidocr (models in its wheel, nothing is fetched).

Runs in a sandbox of its own with one worker: the engine holds up to 0.8 GB, which is too much beside a parser.
"""

from __future__ import annotations

import io
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from typing import Any

LONGEST_SIDE_PX = (
    1600  # 0.8 GB resident at 1200 x 1600 with one line a batch; 2000 passes 1 GB, measured 2026-11
)


@dataclass(frozen=True, slots=True)
class Box:
    """A piece of text and where it stands, in pixels from the upper left corner."""

    text: str
    left: float
    top: float
    bottom: float
    right: float = 0.0

    @property
    def middle(self) -> float:
        """Half way between top and bottom."""
        return (self.top + self.bottom) / 2


def available() -> bool:
    """Whether the extra is installed. Imports nothing heavy."""
    return all(find_spec(name) is not None for name in ("rapidocr", "onnxruntime"))


def recognise(jpeg: bytes) -> str:
    """The text of a page in reading lines; "" when there is none."""
    return lines(boxes_in(jpeg))


def boxes_in(jpeg: bytes) -> list[Box]:
    """Each piece of text and where it stands, in pixels of the picture as it is given."""
    import numpy as np
    from PIL import Image

    with Image.open(io.BytesIO(jpeg), formats=("JPEG",)) as picture:
        width = picture.width
        picture.thumbnail((LONGEST_SIDE_PX, LONGEST_SIDE_PX))
        factor = width / picture.width
        pixels = np.asarray(picture.convert("RGB"))[
            :, :, ::-1
        ]  # the engine expects OpenCV's order, blue first
    found = _engine()(pixels)
    return [
        _box(text, corners, factor)
        for text, corners in zip(found.txts or (), found.boxes if found.txts else (), strict=True)
    ]


def lines(boxes: Sequence[Box]) -> str:
    r"""Boxes as lines from top to bottom: what stands at the same height is one line, from left to right.

    >>> lines([Box("12.00", 300, 11, 29), Box("Total", 10, 10, 30), Box("Thanks", 10, 50, 70)])
    'Total 12.00\nThanks'
    """
    rows: list[list[Box]] = []
    for box in sorted(boxes, key=lambda box: box.middle):
        if rows and _same_row(rows[-1], box):
            rows[-1].append(box)
        else:
            rows.append([box])
    return "\n".join(" ".join(box.text for box in sorted(row, key=lambda box: box.left)) for row in rows)


def _same_row(row: Sequence[Box], box: Box) -> bool:
    """Whether a box stands at the height of a row: its middle is off by less than half a line of the smaller print."""
    height = min(box.bottom - box.top, statistics.median(other.bottom - other.top for other in row))
    return abs(box.middle - statistics.fmean(other.middle for other in row)) < height / 2


def _box(text: str, corners: Any, factor: float) -> Box:
    """A box from the four corners of the engine. Middle heights of the left and right edge forgive a slight slant."""
    tops, bottoms = (corners[0][1] + corners[1][1]) / 2, (corners[2][1] + corners[3][1]) / 2
    left, right = min(corner[0] for corner in corners), max(corner[0] for corner in corners)
    return Box(text, *(float(side * factor) for side in (left, tops, bottoms, right)))


@cache
def _engine() -> Any:
    """The engine, loaded once a worker (0.8 s of CPU): one thread, one line a batch to hold memory down."""
    import cv2
    from rapidocr import RapidOCR

    cv2.setNumThreads(1)
    return RapidOCR(
        params={
            "Global.log_level": "critical",
            "Global.max_side_len": LONGEST_SIDE_PX,
            "EngineConfig.onnxruntime.intra_op_num_threads": 1,
            "EngineConfig.onnxruntime.inter_op_num_threads": 1,
            "Rec.rec_batch_num": 1,
            "Cls.cls_batch_num": 1,
        },
    )
