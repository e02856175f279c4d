"""Pictures: which formats, which frames, how large; nothing is decoded before it is known to be small enough."""

from __future__ import annotations

import io

import pytest
from PIL import Image

from octavo.processors.read import image
from octavo.processors.read.content import PageContent, ReadLimits, Source
from octavo.processors.read.kinds import media_type
from octavo.schemas.errors import DocumentError
from tests.documents import make


def saved(picture: Image.Image, kind: str, **options: object) -> bytes:
    """A picture as a file."""
    with io.BytesIO() as file:
        picture.save(file, kind, **options)
        return file.getvalue()


PAPER = make.paper(["Receipt 9"], (300, 200))


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "TIFF", "WEBP", "GIF", "BMP"])
def test_every_format_is_a_page_with_its_size(kind: str) -> None:
    """All six formats are known by content and have one page, which can be shown."""
    data = saved(PAPER, kind)
    assert media_type(data, b"scan.txt") == f"image/{kind.lower()}"
    source = Source(data, ReadLimits())
    assert image.read(source).leaves == (PageContent("", (300, 200)),)
    assert Image.open(io.BytesIO(image.render(source, [1])[1])).size == (300, 200)


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG", "MPO"])
def test_moving_pictures_and_second_views_are_one_page(kind: str) -> None:
    """Of an animation, and of a phone's photo with a second view behind it, the first frame is the document; an animation says so."""
    data = saved(PAPER, kind, save_all=True, append_images=[make.paper(["x"], (300, 200))])
    content = image.read(Source(data, ReadLimits()))
    assert len(content.leaves) == 1
    assert ("the first frame is read" in content.detail) == (kind != "MPO")


def test_postscript_never_reaches_ghostscript() -> None:
    """An EPS is no picture here, whatever it is called; asked to read it all the same, the reader refuses."""
    data = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\nshowpage\n"
    assert media_type(data, b"scan.jpg") == "application/postscript"
    with pytest.raises(OSError, match="cannot identify"):
        image.read(Source(data, ReadLimits()))


@pytest.mark.parametrize("orientation", range(1, 9))
def test_photos_stand_upright(orientation: int) -> None:
    """However a camera lay, the page has the size and the picture of the scene upright."""
    turned = {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }
    scene = Image.new("RGB", (80, 40), "white")
    scene.paste("black", (0, 0, 20, 20))  # the upper left corner
    exif = Image.Exif()
    exif[0x0112] = orientation
    shot = scene.transpose(turned[orientation]) if orientation in turned else scene
    source = Source(saved(shot, "JPEG", quality=95, exif=exif), ReadLimits())
    assert image.read(source).leaves == (PageContent("", (80, 40)),)
    upright = Image.open(io.BytesIO(image.render(source, [1])[1])).convert("L")
    assert [make.grey(upright, place) > 128 for place in ((5, 5), (75, 5), (5, 35), (75, 35))] == [
        False,
        True,
        True,
        True,
    ]


def test_giant_frame_behind_a_small_one_is_refused() -> None:
    """Every frame is measured, not the first alone."""
    data = saved(
        Image.new("1", (10, 10)), "TIFF", save_all=True, append_images=[Image.new("1", (4000, 4000))]
    )
    with pytest.raises(DocumentError, match="max_pixels"):
        image.read(Source(data, ReadLimits(max_pixels=1_000_000)))


def test_the_limit_on_pixels_means_what_it_says() -> None:
    """A picture above the library's own bound is read where the setting allows it, and refused with the setting's name where not."""
    data = saved(Image.new("1", (16_000, 12_000)), "PNG")
    assert image.read(Source(data, ReadLimits(max_pixels=200_000_000))).leaves[0].image_px
    with pytest.raises(DocumentError, match="max_pixels"):
        image.read(Source(data, ReadLimits(max_pixels=100_000_000)))


def greys(data: bytes) -> tuple[float, float]:
    """How bright the first stroke of the black square is, and the paper beside it, in the picture of a page."""
    shown = Image.open(io.BytesIO(image.render(Source(data, ReadLimits()), [1])[1])).convert("L")
    return make.grey(shown, (10, 10)), make.grey(shown, (60, 10))


SQUARE = Image.new("L", (80, 40), 255)
SQUARE.paste(0, (0, 0, 20, 20))
NEGATIVE = SQUARE.point(lambda value: 255 - value)


def deep(kind: str, scale: int, base: int = 0, hot: int = 0) -> bytes:
    """The square in 16 bits, of which the picture uses a part; one pixel may be a fault of the sensor."""
    picture = SQUARE.convert("I").point(lambda value: value * scale + base).convert("I;16")
    if hot:
        picture.putpixel((70, 30), hot)
    return saved(picture, kind)


def see_through(mode: str, ink: int) -> bytes:
    """The square as ink on nothing."""
    bands = len(mode) - 1
    return saved(Image.merge(mode, [*[Image.new("L", SQUARE.size, ink)] * bands, NEGATIVE]), "PNG")


MODES = {
    "1 bit": saved(SQUARE.convert("1"), "PNG"),
    "1 bit by Group 4": saved(SQUARE.convert("1"), "TIFF", compression="group4"),
    "16 bits": deep("PNG", 257),
    "16 bits, of which 12 are used": deep("TIFF", 16),
    "16 bits on a dark level": deep("PNG", 100, base=3000),
    "16 bits with a hot pixel": deep("PNG", 16, hot=65_535),
    "palette": saved(SQUARE.convert("RGB").quantize(4), "PNG"),
    "ink on nothing": see_through("LA", 0),
    "ink on nothing in colour": see_through("RGBA", 0),
    "CMYK by Adobe, which inverts": saved(SQUARE.convert("RGB").convert("CMYK"), "JPEG", quality=95),
    "CMYK": saved(SQUARE.convert("RGB").convert("CMYK"), "TIFF"),
}


@pytest.mark.parametrize("name", MODES)
def test_ink_is_dark_and_paper_is_white_in_every_mode(name: str) -> None:
    """However a file stores its pixels, black is black and the paper is white."""
    ink, paper = greys(MODES[name])
    assert ink < 30
    assert paper > 225


@pytest.mark.parametrize("mode", ["LA", "RGBA"])
def test_white_ink_on_nothing_is_seen(mode: str) -> None:
    """Light letters that are made for a dark page do not vanish on white."""
    ink, paper = greys(see_through(mode, 255))
    assert ink > 225
    assert paper < 30
