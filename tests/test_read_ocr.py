"""OCR: boxes become reading lines, and a scan becomes text."""

from __future__ import annotations

import asyncio
import random
from pathlib import Path

import pytest

from processors.read.ocr import Box, available, lines
from processors.read.pages import Found, Limits, Reader, discover
from tests.documents import make

needs_engine = pytest.mark.skipif(not available(), reason="the extra `ocr` is not installed")


def test_a_label_and_its_amount_are_one_line() -> None:
    """Boxes at one height are one line from left to right, though their tops differ; the order they came in does not matter."""
    boxes = [Box("Total", 10, 100, 130), Box("12.00", 300, 104, 134), Box("VAT", 10, 140, 170), Box("2.10", 300, 138, 168)]
    for seed in range(5):
        shuffled = random.Random(seed).sample(boxes, len(boxes))
        assert lines(shuffled) == "Total 12.00\nVAT 2.10"


def test_small_print_beside_a_headline_keeps_its_lines() -> None:
    """Two small lines beside one tall word are not pressed into one."""
    assert lines([Box("INVOICE", 10, 0, 80), Box("Acme", 300, 0, 20), Box("Utrecht", 300, 60, 80)]).count("\n") >= 1


@needs_engine
def test_scans_become_text(tmp_path: Path) -> None:
    """With OCR the pages of pictures and scans have text and keep the size of their picture; a photo without words is empty."""
    documents = make.documents()
    for name in ("palette.png", "mixed.pdf"):
        (tmp_path / name).write_bytes(documents[name])
    make.paper([]).save(tmp_path / "white.png")
    with Reader(Limits(workers=1), ocr=True) as reader:
        files = [entry for entry in discover(tmp_path, Limits()) if isinstance(entry, Found)]
        mixed, palette, white = asyncio.run(reader.read(files))
    assert palette.pages[0].text.splitlines() == ["Receipt 78", "Total 13.00"]
    assert palette.pages[0].image_px == (800, 500)
    assert "Amount 99.90" in mixed.pages[1].text
    assert mixed.pages[0].text == "Cover letter of the year 2024"
    assert (white.document.status, white.document.reason) == ("empty", "no_text")
