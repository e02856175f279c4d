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
