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
_HOT = 0.001  # share of the lightest pixels that may be faults
_SEEN, _LIGHT = 96, 200  # of 255: what of a see-through picture is seen, and what would not be on white
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
    """RGB on paper: palettes are resolved, what is see-through becomes paper, greys of 16 bits are scaled instead of clipped."""
    if picture.mode.startswith("I;16") or picture.mode in {"I", "F"}:
        return _scaled(picture.convert("F")).convert("RGB")
    if "A" in picture.getbands() or "transparency" in picture.info:
        ink = picture.convert("RGBA")
        paper = Image.new("RGBA", picture.size, "black" if _is_light(ink) else "white")
        return Image.alpha_composite(paper, ink).convert("RGB")
    return picture.convert("RGB")


def _scaled(greys: Image.Image) -> Image.Image:
    """Greys of any depth as 8 bits, from the darkest to the white of the paper: a hot pixel of a sensor is no paper."""
    low, high = map(float, greys.getextrema())  # type: ignore[arg-type]  # one band: two numbers
    rough = _spread(greys, low, high).histogram()
    left = sum(rough) * _HOT
    lightest = 255
    while lightest and (left := left - rough[lightest]) >= 0:
        lightest -= 1
    return _spread(greys, low, low + (high - low) * (lightest + 1) / 256)


def _spread(greys: Image.Image, low: float, high: float) -> Image.Image:
    scale = 255 / (high - low or 1.0)
    return greys.point(lambda value: value * scale - low * scale).convert("L")  # clips


def _is_light(ink: Image.Image) -> bool:
    """Whether all that can be seen of a picture with see-through parts is nearly white, as if made for a dark page."""
    seen = ink.getchannel("A").point(lambda alpha: 255 * (alpha > _SEEN))
    greys = ink.convert("L").histogram(seen)
    return sum(greys) > 0 and sum(greys[:_LIGHT]) == 0 and seen.histogram()[0] > 0
