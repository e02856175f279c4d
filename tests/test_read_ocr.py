"""OCR: boxes become reading lines, a scan becomes text, once for the same bytes, and what goes wrong is said."""

from __future__ import annotations

import asyncio
import io
import random
from pathlib import Path

import pytest
from PIL import Image

from octavo.processors.read import ocr
from octavo.processors.read.ocr import available
from octavo.processors.read.ocr_lines import Box, in_rows
from octavo.processors.read.ocr_script import SeenPage
from octavo.processors.read.pages import FoundFile, Reader, Reading, ReadLimits, discover
from tests.documents import make


def lines(boxes: list[Box]) -> str:
    """Boxes as the text of a page."""
    return "\n".join(" ".join(box.text for box in row) for row in in_rows(boxes))


needs_engine = pytest.mark.skipif(not available(), reason="the extra `ocr` is not installed")


def test_a_label_and_its_amount_are_one_line() -> None:
    """Boxes at one height are one line from left to right, though their tops differ; the order they came in does not matter."""
    boxes = [
        Box("Total", 10, 100, 130),
        Box("12.00", 300, 104, 134),
        Box("VAT", 10, 140, 170),
        Box("2.10", 300, 138, 168),
    ]
    for seed in range(5):
        shuffled = random.Random(seed).sample(boxes, len(boxes))
        assert lines(shuffled) == "Total 12.00\nVAT 2.10"


def test_small_print_beside_a_headline_keeps_its_lines() -> None:
    """Two small lines beside one tall word are not pressed into one."""
    assert (
        lines([Box("INVOICE", 10, 0, 80), Box("Acme", 300, 0, 20), Box("Utrecht", 300, 60, 80)]).count("\n")
        >= 1
    )


@needs_engine
def test_scans_become_text(tmp_path: Path) -> None:
    """With OCR the pages of pictures and scans have text and keep the size of their picture; a photo without words is empty."""
    documents = make.documents()
    for name in ("palette.png", "mixed.pdf"):
        (tmp_path / name).write_bytes(documents[name])
    make.paper([]).save(tmp_path / "white.png")
    with Reader(ReadLimits(workers=1), ocr=True) as reader:
        files = [entry for entry in discover(tmp_path, ReadLimits()) if isinstance(entry, FoundFile)]
        mixed, palette, white = asyncio.run(reader.read(files))
    assert palette.pages[0].text.splitlines() == ["Receipt 78", "Total 13.00"]
    assert palette.pages[0].image_px == (800, 500)
    assert "Amount 99.90" in mixed.pages[1].text
    assert mixed.pages[0].text == "Cover letter of the year 2024"
    assert (white.document.status, white.document.reason) == ("empty", "no_text")


def recognised(pixels: bytes) -> SeenPage:
    """In place of the engine: the size of the picture as its words. Small ones end as a fault in a library would."""
    with Image.open(io.BytesIO(pixels)) as picture:
        if picture.height < 100:
            raise BaseException("the engine fell over")  # noqa: TRY002 - as a panic of a library in Rust, which is no Exception
        return SeenPage(f"seen at {picture.size}")


async def streamed(folder: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Reading]:
    """Path -> reading of a folder with OCR, where the words come from `recognised`."""
    monkeypatch.setattr(ocr, "available", lambda: True)
    monkeypatch.setattr(ocr, "recognise", recognised)
    found = [entry for entry in discover(folder, ReadLimits()) if isinstance(entry, FoundFile)]
    with Reader(ReadLimits(workers=2, ocr_workers=2), ocr=True) as reader:
        return {one.document.path: one async for _, some in reader.stream(found) for one in some}


async def test_the_same_scan_is_seen_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same picture under four paths, in an archive too, goes through OCR once; all four rows end as that did."""
    seen: list[int] = []
    recognise = Reader._recognise

    async def counted(self: Reader, picture: bytes) -> SeenPage:
        seen.append(len(picture))
        return await recognise(self, picture)

    monkeypatch.setattr(Reader, "_recognise", counted)
    scan = make.documents()["palette.png"]
    for name, data in {
        "a.png": scan,
        "b.png": scan,
        "c.zip": make.zipped({"d.png": scan}),
        "e.png": scan,
    }.items():
        (tmp_path / name).write_bytes(data)
    readings = await streamed(tmp_path, monkeypatch)
    scans = [one for path, one in readings.items() if path.endswith(".png")]
    assert len(seen) == 1
    assert [one.document.status for one in scans] == ["ok"] * 4
    assert sorted(one.twin for one in scans) == [False, True, True, True]
    assert [page.text for one in scans for page in one.pages] == ["seen at (800, 500)"]


async def test_ocr_that_falls_over_costs_one_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A page on which the engine ends is named in the row, the other pages have their text; a document of such pages is no success."""
    frames = [make.paper([], size) for size in ((200, 200), (200, 50), (200, 300))]
    frames[0].save(tmp_path / "a.tiff", save_all=True, append_images=frames[1:])
    frames[1].save(tmp_path / "b.png")
    readings = await streamed(tmp_path, monkeypatch)
    assert [bool(page.text) for page in readings["a.tiff"].pages] == [True, False, True]
    assert "OCR stopped at page 2: " in readings["a.tiff"].document.detail
    assert "the engine fell over" in readings["a.tiff"].document.detail
    lost = readings["b.png"]
    assert (lost.document.status, lost.document.reason, lost.pages) == ("error", "crashed", ())
    assert "OCR stopped at page 1" in lost.document.detail
