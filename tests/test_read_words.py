"""The boxes of a page's words lie on the ink of these words: upright, turned, cropped, in two columns, in Chinese."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from pathlib import Path

import pikepdf
import pytest
from PIL import Image
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.cidfonts import UnicodeCIDFont
from reportlab.pdfgen.canvas import Canvas

from octavo.processors.read.pages import FoundFile, Reader
from tests.documents import make

VALUE = "RE-2026-0417"
CHINESE = "苏州云帆渡教育科技"


def plain(canvas: Canvas) -> None:
    """The value in red among lines in black."""
    canvas.setFont("Helvetica", 12)
    for number in range(12):
        canvas.drawString(72, 760 - 24 * number, f"Line {number} says nothing of it")
    in_red(canvas, 300, 500, VALUE)


def in_red(canvas: Canvas, x: float, y: float, text: str) -> None:
    """Words in red, and black from then on."""
    canvas.setFillColorRGB(1, 0, 0)
    canvas.drawString(x, y, text)
    canvas.setFillColorRGB(0, 0, 0)


def two_columns(canvas: Canvas) -> None:
    """Prose in two columns, drawn one after the other, with the value in the right one."""
    canvas.setFont("Helvetica", 9)
    for x in (60, 320):
        for number in range(40):
            canvas.drawString(x, 760 - 12 * number, f"Column at {x}, line {number} of the running text")
    in_red(canvas, 320, 200, VALUE)


def chinese(canvas: Canvas) -> None:
    """The value in Chinese, on a red ground as large as its signs, since a machine may have no font to draw them."""
    pdfmetrics.registerFont(UnicodeCIDFont("STSong-Light"))
    canvas.setFont("STSong-Light", 12)
    canvas.drawString(72, 700, "购买方名称")
    canvas.setFillColorRGB(1, 0, 0)
    canvas.rect(160, 698.5, 12 * len(CHINESE), 11, stroke=0, fill=1)
    canvas.setFillColorRGB(0, 0, 0)
    canvas.drawString(160, 700, CHINESE)


def changed(data: bytes, **entries: object) -> bytes:
    """The document with other entries in its first page, such as Rotate."""
    with pikepdf.open(io.BytesIO(data)) as document, io.BytesIO() as file:
        for name, value in entries.items():
            document.pages[0][f"/{name}"] = pikepdf.Array(value) if isinstance(value, list) else value
        document.save(file)
        return file.getvalue()


@pytest.mark.parametrize(
    ("data", "value"),
    [
        (make.pdf(plain), VALUE),
        *((changed(make.pdf(plain), Rotate=turn), VALUE) for turn in (90, 180, 270)),
        (changed(make.pdf(plain), CropBox=[200, 300, 560, 800]), VALUE),
        (changed(make.pdf(plain), CropBox=[200, 300, 560, 800], Rotate=90), VALUE),
        (make.pdf(two_columns), VALUE),
        (make.pdf(chinese), CHINESE),
    ],
    ids=["upright", "90", "180", "270", "cropped", "cropped and turned", "two columns", "chinese"],
)
async def test_boxes_lie_on_the_ink(data: bytes, value: str, tmp_path: Path, reader: Reader) -> None:
    """All red pixels of the rendered page are in the boxes of the words that are drawn in red, and these boxes are not much larger."""
    (tmp_path / "page.pdf").write_bytes(data)
    (reading,) = await reader.read([FoundFile(os.fsencode(tmp_path), b"page.pdf", len(data))])
    text = reading.pages[0].text
    start = text.index(value)
    placed = await reader.words(tmp_path, reading.document, 1)
    assert placed
    jpeg = (await reader.images(tmp_path, reading.document, [1]))[1]
    picture = Image.open(io.BytesIO(jpeg))
    scale = picture.width / placed.width
    assert picture.height / placed.height == pytest.approx(scale, rel=0.01)
    boxes = [
        (
            left * scale - 2,
            (placed.height - top) * scale - 2,
            right * scale + 2,
            (placed.height - bottom) * scale + 2,
        )
        for first, last, left, bottom, right, top in placed.words
        if first < start + len(value) and last > start
    ]
    red = [
        (number % picture.width, number // picture.width)
        for number, pixel in enumerate(batched(picture.convert("RGB").tobytes()))
        if pixel[0] > 170 and pixel[1] < 110 and pixel[2] < 110
    ]
    assert len(red) > 100
    inside = sum(any(x1 <= x <= x2 and y1 <= y <= y2 for x1, y1, x2, y2 in boxes) for x, y in red)
    assert inside / len(red) > 0.99
    xs, ys = [x for x, _ in red], [y for _, y in red]
    around = (max(xs) - min(xs) + 12) * (max(ys) - min(ys) + 16)
    assert sum((x2 - x1) * (y2 - y1) for x1, y1, x2, y2 in boxes) < 2.5 * around


def batched(data: bytes) -> Iterator[tuple[int, int, int]]:
    """The bytes of a picture pixel by pixel."""
    yield from zip(data[0::3], data[1::3], data[2::3], strict=True)


@pytest.fixture(scope="module")
def reader() -> Iterator[Reader]:
    """The sandbox for all pages."""
    with Reader() as started:
        yield started
