"""A picture of a page and a window of it in; the window as a picture out, for reports."""

from __future__ import annotations

import io

from octavo.processors.read.content import JPEG_QUALITY


def cropped(jpeg: bytes, window: tuple[float, float, float, float]) -> bytes:
    """The part of a JPEG between left, top, right and bottom, each a share of its size from the upper left, 0 to 1."""
    from PIL import Image  # here, since the parent that names this function decodes no picture

    with Image.open(io.BytesIO(jpeg), formats=("JPEG",)) as picture, io.BytesIO() as file:
        left, top, right, bottom = window
        sides = (left * picture.width, top * picture.height, right * picture.width, bottom * picture.height)
        picture.crop(tuple(map(round, sides))).save(file, "JPEG", quality=JPEG_QUALITY)  # type: ignore[arg-type] # four of them
        return file.getvalue()
