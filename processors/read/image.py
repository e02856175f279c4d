"""Pictures in (PNG, JPEG, TIFF with all frames, WebP, GIF, BMP, HEIC, AVIF, JPEG 2000); a leaf a frame out, on demand the frame as JPEG.

Size is checked from the header before a pixel is decoded.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterator, Sequence

import pillow_heif
from PIL import Image, ImageOps

from octavo.processors.read.content import JPEG_QUALITY, Content, PageContent, Source, bounded, over

pillow_heif.register_heif_opener()
_FORMATS = (
    "PNG",
    "JPEG",
    "TIFF",
    "WEBP",
    "GIF",
    "BMP",
    "HEIF",
    "AVIF",
    "JPEG2000",
)  # no EPS: Pillow would start Ghostscript for it
Image.MAX_IMAGE_PIXELS = (
    None  # the library's own limit would refuse what the setting allows; `max_pixels` counts
)
_ORIENTATION = 0x0112  # EXIF tag; 5 to 8 lie on their side
_MOVING = frozenset({"GIF", "WEBP", "PNG", "AVIF"})
_ONE_FRAME = frozenset(
    {*_MOVING, "MPO", "HEIF"}
)  # of moving pictures, and phones' JPEGs with a second view, the first is the document


def read(source: Source) -> Content:
    """One leaf a frame with the size at which it would be sent. Raises DocumentError: too_large, too_many_pages."""
    leaves, moving = [], False
    for frame in _frames(source):
        leaves.append(PageContent("", sent_px(*_upright_px(frame))))
        moving = frame.format in _MOVING and getattr(frame, "is_animated", False)
    return Content(
        tuple(leaves), "It is a moving picture, of which the first frame is read." if moving else ""
    )


def render(source: Source, numbers: Sequence[int]) -> dict[int, bytes]:
    """Frames (from 1) as JPEG: upright, RGB, the longest side bounded."""
    return {
        number: _jpeg(frame) for number, frame in enumerate(_frames(source), start=1) if number in numbers
    }


def sent_px(width: int, height: int) -> tuple[int, int]:
    """Width and height at which a picture of this size is sent."""
    factor = bounded(width, height)
    return max(1, round(width * factor)), max(1, round(height * factor))


def _frames(source: Source) -> Iterator[Image.Image]:
    """The frames, each in turn the same object: use one before asking for the next."""
    with warnings.catch_warnings():
        warnings.simplefilter(
            "ignore", Image.DecompressionBombWarning
        )  # max_pixels below is the limit that counts
        with Image.open(io.BytesIO(source.data), formats=_FORMATS) as picture:
            count = 1 if picture.format in _ONE_FRAME else getattr(picture, "n_frames", 1)
            if count > source.limits.max_pages:
                over("max_pages", count, source.limits.max_pages, "too_many_pages")
            for number in range(count):
                picture.seek(number)
                if picture.width * picture.height > source.limits.max_pixels:
                    over("max_pixels", picture.width * picture.height, source.limits.max_pixels)
                yield picture


def _upright_px(picture: Image.Image) -> tuple[int, int]:
    turned = picture.getexif().get(_ORIENTATION, 1) in (5, 6, 7, 8)
    return (picture.height, picture.width) if turned else picture.size


def _jpeg(picture: Image.Image) -> bytes:
    size = sent_px(*_upright_px(picture))
    upright = ImageOps.exif_transpose(picture)
    with io.BytesIO() as file:
        _rgb(upright).resize(size, Image.Resampling.LANCZOS).save(file, "JPEG", quality=JPEG_QUALITY)
        return file.getvalue()


def _rgb(picture: Image.Image) -> Image.Image:
    """RGB on white: palettes are resolved, see-through paper becomes white, 16-bit greys are scaled instead of clipped."""
    if picture.mode.startswith("I;16") or picture.mode in {"I", "F"}:
        low, high = picture.getextrema()
        span = float(high) - float(low) or 1.0  # type: ignore[arg-type]  # one band: two numbers
        return picture.convert("F").point(lambda value: (value - float(low)) * 255 / span).convert("RGB")  # type: ignore[arg-type]
    if "A" in picture.getbands() or "transparency" in picture.info:
        paper = Image.new("RGBA", picture.size, "white")
        return Image.alpha_composite(paper, picture.convert("RGBA")).convert("RGB")
    return picture.convert("RGB")
