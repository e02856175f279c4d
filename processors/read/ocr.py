"""A page as JPEG in, its text, and how sure each word is, out, by the optional engine rapidocr (models in its wheel, nothing is fetched).

Runs in a sandbox of its own with one worker: the engine holds up to 0.8 GB, which is too much beside a parser. First the page is
turned upright (`ocr_turn`), then read, and its lines are put in order (`ocr_lines`); what it cannot read is told (`ocr_script`).
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from typing import Any

from octavo.processors.read import ocr_lines, ocr_script, ocr_turn
from octavo.processors.read.ocr_lines import Box
from octavo.processors.read.ocr_script import SeenLine, SeenPage

LONGEST_SIDE_PX = (
    1600  # 0.8 GB resident at 1200 x 1600 with one line a batch; 2000 passes 1 GB, measured 2026-11
)
_ASKED_WAY_UP = 15  # lines, the longest, of which the classifier says which way up they are: 3 ms each
_PALE = 128  # of 255: a picture with less between ink and paper is stretched
_LEAST_SURE = 0.5  # a line below it is none: as the engine's own default
_UPRIGHT_TRIED = (
    2  # vertical lines that are read letter by letter, to tell them from a page that lies on its side
)


@dataclass(frozen=True, slots=True)
class _Turned:
    """A picture upright, and the lines found on it: their corners and their cutouts."""

    pixels: Any
    corners: list[Any]
    cutouts: list[Any]
    quarters: int = 0  # that it was turned to the left
    is_vertical: bool = False  # its lines run down the page, from right to left


def available() -> bool:
    """Whether the extra is installed. Imports nothing heavy."""
    return all(find_spec(name) is not None for name in ("rapidocr", "onnxruntime"))


def recognise(jpeg: bytes) -> SeenPage:
    """The text of a page in reading lines, with what could not be read."""
    pixels, _ = _pixels(jpeg)
    turned = _upright(pixels)
    lines = list(_read(turned))
    rows = _in_order(turned, lines)
    return ocr_script.page(rows, lines, turned.quarters)


def boxes_in(jpeg: bytes) -> list[Box]:
    """Each piece of text and where it stands, in reading order, in pixels of the picture as it is given."""
    pixels, factor = _pixels(jpeg)
    size = pixels.shape[1], pixels.shape[0]
    turned = _upright(pixels)
    lines = [line for line in _read(turned) if line.text]
    order = {id(box): box for row in _in_order(turned, lines) for box in row}
    by_box = {id(line.box): line for line in lines}
    return [
        _as_given(by_box[key], turned.quarters, size, factor) for key in order if key in by_box
    ]  # the same objects, so that each finds its corners


def _as_given(line: SeenLine, quarters: int, size: tuple[int, int], factor: float) -> Box:
    corners = ocr_turn.turned_back(line.corners, quarters, size)
    xs, ys = [x * factor for x, _ in corners], [y * factor for _, y in corners]
    return Box(line.text, min(xs), min(ys), max(ys), max(xs), line.box.words)


def _in_order(turned: _Turned, lines: Sequence[SeenLine]) -> list[list[Box]]:
    boxes = [line.box for line in lines if line.text]
    return list(ocr_lines.in_columns(boxes) if turned.is_vertical else ocr_lines.in_rows(boxes))


def _pixels(jpeg: bytes) -> tuple[Any, float]:
    """The picture as the engine takes it, OpenCV's order, blue first; and the factor by which the given one is larger."""
    import numpy as np
    from PIL import Image, ImageOps

    with Image.open(io.BytesIO(jpeg), formats=("JPEG",)) as picture:
        width = picture.width
        picture.thumbnail((LONGEST_SIDE_PX, LONGEST_SIDE_PX))
        shown = picture.convert("RGB")
    darkest, lightest = shown.convert("L").getextrema()
    if lightest - darkest < _PALE:  # type: ignore[operator]  # one band: two numbers
        shown = ImageOps.autocontrast(shown, preserve_tone=True)
    return np.asarray(shown)[:, :, ::-1], width / shown.width


def _upright(pixels: Any) -> _Turned:
    """The picture turned so that its letters stand, with its lines."""
    corners, cutouts = _lines_on(pixels)
    down = ocr_turn.runs_down(corners)
    longest = sorted(range(len(corners)), key=lambda at: -ocr_turn.length(corners[at]))[:_ASKED_WAY_UP]
    turned_over = ocr_turn.is_upside_down(_votes(corners, cutouts, longest))
    if down and not turned_over and _is_vertical([cutouts[at] for at in longest]):
        return _Turned(pixels, corners, cutouts, is_vertical=True)
    quarters = ocr_turn.quarter_turns(down=down, upside_down=turned_over)
    if not quarters:
        return _Turned(pixels, corners, cutouts)
    import numpy as np

    pixels = np.ascontiguousarray(np.rot90(pixels, quarters))
    return _Turned(pixels, *_lines_on(pixels), quarters)


def _lines_on(pixels: Any) -> tuple[list[Any], list[Any]]:
    """Corners of the lines that are seen, in pixels of the picture, and a cutout of each, one that runs down turned to the left."""
    from rapidocr.main import RapidOCRError
    from rapidocr.utils.process_img import map_boxes_to_original

    engine = _engine()
    sized, record = engine.preprocess_img(pixels)
    try:
        cutouts, found = engine.detect_and_crop(sized, record)
    except RapidOCRError:  # which says that it sees no text
        return [], []
    return list(map_boxes_to_original(found.boxes, record, *pixels.shape[:2])), cutouts


def _votes(
    corners: Sequence[Any], cutouts: Sequence[Any], asked: Sequence[int]
) -> list[tuple[str, float, float]]:
    if not asked:
        return []
    said = _engine().cls_and_rotate([cutouts[at] for at in asked])[1].cls_res
    return [
        (label, float(sure), ocr_turn.length(corners[at]))
        for at, (label, sure) in zip(asked, said, strict=True)
    ]


def _is_vertical(cutouts: Sequence[Any]) -> bool:
    """Whether lines that run down are vertical Chinese or Japanese: letter by letter they say the same as the line that was turned."""
    tried = [_same_letter_by_letter(cutout) for cutout in cutouts[:_UPRIGHT_TRIED]]
    return any(tried)


def _same_letter_by_letter(cutout: Any) -> bool:
    """Whether the letters of a line stand upright once each is turned back by itself."""
    import numpy as np
    from rapidfuzz.fuzz import ratio

    text = _texts([cutout])[0][0].replace(" ", "")
    if not ocr_script.is_ideographic(text):
        return False
    letters = [np.rot90(one, -1) for one in np.array_split(cutout, len(text), axis=1)]
    height = min(one.shape[0] for one in letters)
    side_by_side = np.concatenate([one[:height] for one in letters], axis=1)
    return bool(ratio(text, _texts([np.ascontiguousarray(side_by_side)])[0][0]) > 60)


def _read(turned: _Turned) -> Iterator[SeenLine]:
    """What each line says, and what of it could not be read."""
    slant = 0.0 if turned.is_vertical else ocr_turn.skew(turned.corners)
    for corners, cutout, (said, sure, words, columns) in zip(
        turned.corners, turned.cutouts, _texts(turned.cutouts), strict=True
    ):
        unread = ocr_script.unread_share(cutout, columns)
        is_line = sure >= _LEAST_SURE and not (ocr_script.is_lost(unread) and sure < ocr_script.SURE)
        text = said.strip() if is_line else ""
        box = ocr_turn.box_of(text, ocr_turn.straightened(corners, slant), words if text else ())
        yield SeenLine(text, box, corners, sure, unread)


def _texts(
    cutouts: Sequence[Any],
) -> list[tuple[str, float, tuple[tuple[int, int, float], ...], list[float]]]:
    """For each cutout: its text, how sure the engine is, its words with how sure each is, and where across it letters were seen, 0 to 1."""
    from rapidocr.main import RapidOCRError

    try:
        found = _engine().recognize_txt(list(cutouts)) if cutouts else None
    except RapidOCRError:
        found = None
    if found is None:
        return [("", 0.0, (), []) for _ in cutouts]
    return [
        (text, float(sure), ocr_script.words(text, float(sure), seen.confs), _columns(seen))
        for text, sure, seen in zip(found.txts, found.scores, found.word_results, strict=True)
    ]


def _columns(seen: Any) -> list[float]:
    return [
        (column + 0.5) / max(1.0, seen.line_txt_len) for word in seen.word_cols for column in word
    ]  # steps of the model along the line


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
            "Global.return_word_box": True,
            "EngineConfig.onnxruntime.intra_op_num_threads": 1,
            "EngineConfig.onnxruntime.inter_op_num_threads": 1,
            "Rec.rec_batch_num": 1,
            "Cls.cls_batch_num": 1,
        },
    )
