"""The documents of the developer corpus end as its manifest says, and tables of its PDFs have their rows."""

from __future__ import annotations

import asyncio
import csv
import os
from importlib.util import find_spec
from pathlib import Path

import pytest

from octavo.processors.read.pages import FoundFile, Reader, Reading, ReadLimits

CORPUS = Path(__file__).resolve().parents[1].parent / "shared" / "corpus"

# Where the manifest does not say how a file ends: path -> how it does, and why that is right.
ARGUED = {
    "pdf/pdfjs__textfields.pdf": "ocr",  # nine empty fields and nothing else: only a picture shows them
    "pdf/vrdu-adbuy__434240-collect-files-51568-political-file-2012-non.pdf": "ocr",  # two scanned pages without a letter of text
    "broken/own__zero_bytes.pdf": "empty",  # a file without bytes is a row `empty`, as everywhere here
    "image/kreuzberg__flower_no_text.jpg": "ocr",  # that a picture has no text is known when it was looked at, and not before
    "mail/unstructured__mime-multipart-digest.eml": "container",  # its text is that of the three mails in it, which have rows of their own
    "mail/unstructured__mime-no-body.eml": "container",  # as for the file attached
}
FINE = {
    "text": {"text"},
    "ocr": {"ocr"},
    "empty": {"empty"},
    "skipped": {"skipped"},
    "container": {"container"},
    "text or ocr": {"text", "ocr"},
    "ocr or text": {"text", "ocr"},
    "error:unsupported": {"skipped"},
}
OFFICE = (".doc", ".ppt", ".rtf", ".msg")  # need the extra `office`


@pytest.fixture(scope="module")
def readings() -> dict[str, tuple[str, Reading]]:
    """Path -> what the manifest expects and what became of it, for every document; files inside them are others."""
    if not CORPUS.exists():
        pytest.skip("the developer corpus is not beside this checkout")
    with (CORPUS / "manifest.csv").open(encoding="utf-8") as file:
        expected = {row["path"]: row["expected"] for row in csv.DictReader(file)}
    names = [name for name in expected if find_spec("kreuzberg") or not name.endswith(OFFICE)]
    found = [
        FoundFile(os.fsencode(CORPUS), os.fsencode(name), (CORPUS / name).stat().st_size) for name in names
    ]
    with Reader(ReadLimits(workers=2)) as reader:
        read = asyncio.run(reader.read(found))
    return {
        reading.document.path: (expected[reading.document.path], reading)
        for reading in read
        if not reading.document.container
    }


def ends(reading: Reading) -> set[str]:
    """What a reading offers: text, pictures to look at, nothing, or an error."""
    if reading.document.status != "ok":
        return {reading.document.status}
    if reading.document.reason == "container":
        return {"container"}
    text = {"text"} if any(page.text.strip() for page in reading.pages) else set()
    return text | ({"ocr"} if any(page.image_px for page in reading.pages) else set())


def test_every_document_ends_as_the_manifest_says(readings: dict[str, tuple[str, Reading]]) -> None:
    """Text where it can be read without OCR, pictures where not, a reason where neither; the exceptions are argued above."""
    wrong = {}
    for name, (expected, reading) in readings.items():
        wanted = ARGUED.get(name, expected)
        fine = FINE.get(wanted, {"text", "error"} if "text" in wanted else {"error"})
        if wanted != "any" and not ends(reading) & fine:
            wrong[name] = (expected, reading.document.status, reading.document.reason)
    assert not wrong
    assert {
        reading.document.reason
        for expected, reading in readings.values()
        if "password" in expected and "text" not in expected
    } == {"encrypted"}


def test_scans_decide_page_by_page(readings: dict[str, tuple[str, Reading]]) -> None:
    """Of the nine FARA scans the page without text and the one with poor OCR need a picture; good layers are told and kept."""
    scans = {name: reading for name, (_, reading) in readings.items() if name.startswith("scan/vrdu-fara")}
    assert len(scans) == 9
    for name, reading in scans.items():
        good = "Independent Diplomat" in name
        poor = "Podesta" in name
        for page in reading.pages:
            assert page.text_from == ("layer" if page.text else "file")
            assert (page.image_px is None) == (bool(page.text) and not poor), (name, page.number)
        assert good == all(page.image_px is None for page in reading.pages)
        assert "hidden_text" not in reading.document.flags


@pytest.mark.parametrize(
    ("name", "row"),
    [
        (
            "invoice/invoice2data__QualityHosting.pdf",
            "1 | 1 | Small Business StandardExchange 2010 |  | 3,89 | 3,89",
        ),
        (
            "invoice/invoice2data__saeco.pdf",
            "SCONL0303006280999 | SCONL000000444 | 8-9-2022 | VF1005193039 | 22-9-2022",
        ),
        ("invoice/invoice2data__SammyMaystoneLinesTest.pdf", "Date: | Jan 1, 2022"),
        (
            "invoice/invoice2data__coolblue1.pdf",
            "Nintendo 3DS XL Wit + Blauw | 1 | € 189,00 | 21% | € 189,00",
        ),
        (
            "invoice/corpus__zugferd_2p0_EN16931_Gutschrift.pdf",
            "| 5,5000 | 50 Stk | 7 % | 275,00",
        ),
    ],
)
def test_rows_of_invoices_are_whole(readings: dict[str, tuple[str, Reading]], name: str, row: str) -> None:
    """One row of a table in each of five invoices, which PDFium gives in pieces or run together."""
    lines = [line for page in readings[name][1].pages for line in page.text.split("\n")]
    assert any(row in line for line in lines)
