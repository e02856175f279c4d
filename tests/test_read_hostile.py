"""Every hazard of files that we know, through the real reader: a row with its reason and a sentence each, and no neighbour harmed."""

from __future__ import annotations

import asyncio
import io
import socket
import zlib
from collections.abc import Callable, Iterator
from inspect import isfunction
from pathlib import Path
from typing import Any

import pikepdf
import pytest
from pptx import Presentation

from octavo.processors.read.pages import READERS, FoundFile, Reader, Reading, ReadLimits, discover
from octavo.processors.read.workers.worker import ReaderTerms, SlotRange, read_file
from octavo.schemas.pipeline import Document
from tests.documents import hostile, make

KILLED = frozenset({"error crashed", "error memory", "error timeout"})  # which of them depends on the machine
LIMITS = ReadLimits(
    workers=2, timeout_s=120, memory_bytes=600 << 20, max_entries=2_000
)  # time enough for a busy machine


@pytest.fixture(scope="module")
def reader() -> Iterator[Reader]:
    """One reader for all: what kills a worker leaves the next file unharmed."""
    with Reader(LIMITS) as one:
        yield one


def read(reader: Reader, folder: Path, name: str, data: bytes) -> list[Reading]:
    """The reading of a file, and those of what lies in it."""
    (folder / name).write_bytes(data)
    return asyncio.run(
        reader.read([entry for entry in discover(folder, LIMITS) if isinstance(entry, FoundFile)])
    )


def outcome(document: Document) -> str:
    """Status and reason."""
    return f"{document.status} {document.reason}".strip()


def presentation() -> bytes:
    """A presentation whose title is an entity of its own."""
    show: Any = Presentation()
    show.slides.add_slide(show.slide_layouts[5]).shapes.title.text = "Offer"
    with io.BytesIO() as file:
        show.save(file)
        return hostile.with_parts(
            file.getvalue(), {"ppt/slides/slide1.xml": lambda xml: hostile.with_document_type(xml, b"Offer")}
        )


def letter(entity: str) -> bytes:
    """An OpenDocument text one of whose words is an entity."""
    data = make.opendocument("<text:p>Dear Offer</text:p>")
    return hostile.with_parts(
        data, {"content.xml": lambda xml: hostile.with_document_type(xml, b"Offer", entity)}
    )


def workbook() -> bytes:
    """A workbook whose only word is an entity."""
    data = hostile.xlsx(
        '<sheetData><row r="1"><c r="A1" t="inlineStr"><is><t>Offer</t></is></c></row></sheetData>'
    )
    return hostile.with_parts(
        data, {"xl/worksheets/sheet1.xml": lambda xml: hostile.with_document_type(xml, b"Offer")}
    )


HTML_MAIL = b"From: a@example.com\nTo: b@example.com\nMIME-Version: 1.0\nContent-Type: text/html\n\n"
REFUSED = {  # name: (maker, what the row says, a word of its sentence)
    "media_bomb.docx": (hostile.media_bomb, "error bomb", "max_unpacked_bytes"),
    "overlapping.zip": (hostile.overlapping_zip, "error bomb", "share bytes"),
    "crowded.zip": (
        lambda: make.zipped({f"{n}.txt": b"" for n in range(40_000)}),
        "error bomb",
        "max_entries",
    ),
    "many_attachments.eml": (lambda: hostile.many_attachments(2_500), "error bomb", "max_entries"),
    "lying.xlsx": (hostile.lying_xlsx, "error bomb", "unpacks to more"),
    "far_cells.xlsx": (hostile.far_cells, "error too_large", "max_cells"),
    "far_cells_in_single_quotes.xlsx": (lambda: hostile.far_cells("'"), "error too_large", "max_cells"),
    "repeated_to_the_edges.ods": (hostile.repeated_rows, "error corrupt", "reach further"),
    "many_frames.tiff": (hostile.many_frames, "error too_many_pages", "max_pages"),
    "comment_bomb.png": (hostile.bomb_beside_pixels, "error corrupt", "too large"),
    "profile_bomb.png": (lambda: hostile.bomb_beside_pixels(b"iCCP"), "error corrupt", "too large"),
    "postscript.jpg": (hostile.postscript, "skipped unsupported", "PostScript"),
    "branching.pdf": (hostile.branching_pages, "error corrupt", "damaged"),
    "entity.odt": (lambda: letter("lol"), "error corrupt", "document type"),
    "outside_entity.odt": (lambda: letter("file:///etc/passwd"), "error corrupt", "document type"),
    "entity.pptx": (presentation, "error corrupt", "document type"),
    "entity.xlsx": (workbook, "error corrupt", "entity"),
    "jbig2.pdf": (hostile.jbig2_bomb, "error corrupt", "pictures on page(s) 1"),
    "deep.eml": (hostile.deep_multiparts, "error corrupt", "recursion"),
}
READ = {  # name: (maker, words of its text)
    "miscounted.pdf": (hostile.miscounted_pages, ""),
    "outline.pdf": (hostile.looping_outline, ""),
    "acting.pdf": (hostile.acting_pdf, "calm words"),
    "giant.pdf": (hostile.giant_page, ""),
    "large_picture.pdf": (hostile.large_picture_pdf, ""),
    "looping.tiff": (hostile.looping_frames, ""),
    "wide_dimension.xlsx": (hostile.wide_dimension, "7"),
    "wide_table.docx": (hostile.wide_table, "wide"),
    "large_table.docx": (hostile.large_table, " | ".join("7" * 60)),
    "nested_tables.odt": (hostile.nested_tables, "core"),
    "deep.html": (hostile.deep_html, "core"),
    "deep_blocks.html": (hostile.deep_blocks, "core\nafter | all"),
    "deep_blocks.eml": (lambda: HTML_MAIL + hostile.deep_blocks(), "core\nafter | all"),
    "deep.rtf": (hostile.deep_rtf, "core"),
    "wide.csv": (hostile.wide_csv, "a | b"),
    "comments.xml": (hostile.many_comments, "twelve chairs"),
    "blanks.txt": (hostile.million_blanks, "x"),
    "blanks.docx": (lambda: make.docx(make.p(hostile.million_blanks().decode())), "x"),
    "long_headers.eml": (hostile.long_headers, "Twelve chairs"),
    "envelope.mbox": (hostile.endless_envelope, "Hello."),
}
EMPTY = {
    "ascii85.pdf": hostile.ascii85_bomb,
    "deep_arrays.pdf": hostile.deep_arrays,
}
DEADLY: dict[str, Callable[[], bytes]] = {
    "self_drawing.pdf": hostile.self_drawing_form,
    "nested_forms.pdf": hostile.nested_forms,
    "flate_bomb.pdf": hostile.flate_bomb,
    "repeated.ods": lambda: hostile.repeated_rows(5_000, 16_000),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_hazard_is_refused_with_its_reason(reader: Reader, tmp_path: Path, name: str) -> None:
    """What cannot be read has a row with the status, the reason and a sentence that helps; never ok, never a death of the worker."""
    make_it, expected, word = REFUSED[name]
    (reading,) = read(reader, tmp_path, name, make_it())
    assert outcome(reading.document) == expected, reading.document.detail
    assert word in reading.document.detail
    assert reading.pages == ()


@pytest.mark.parametrize(
    ("data", "coding"),
    [(b"\xff\xd8 no more", "/DCTDecode"), (b"no picture", "/JPXDecode"), (b"no flate", "/FlateDecode")],
    ids=["jpeg", "jpeg 2000", "flate"],
)
def test_a_picture_that_cannot_be_decoded_is_no_empty_page(
    reader: Reader, tmp_path: Path, data: bytes, coding: str
) -> None:
    """A scan whose picture is broken is trouble, and beside a good page it is named and flagged; white paper is just empty."""
    broken = hostile.pictured(data, 200, coding)
    (reading,) = read(reader, tmp_path, "a.pdf", broken)
    assert outcome(reading.document) == "error corrupt"
    assert "the pictures on page(s) 1" in reading.document.detail
    with (
        pikepdf.open(io.BytesIO(make.documents()["invoice.pdf"])) as book,
        pikepdf.open(io.BytesIO(broken)) as scan,
        io.BytesIO() as file,
    ):
        book.pages.insert(1, scan.pages[0])
        book.save(file)
        (reading,) = read(reader, tmp_path, "a.pdf", file.getvalue())
    assert (outcome(reading.document), reading.document.flags) == ("ok", ("damaged_pages",))
    assert "the pictures on page(s) 2" in reading.document.detail
    white = hostile.pictured(zlib.compress(b"\xff" * 25 * 200), 200, "/FlateDecode")
    (reading,) = read(reader, tmp_path, "a.pdf", white)
    assert (outcome(reading.document), reading.document.flags) == ("empty no_text", ())


@pytest.mark.parametrize("name", READ)
def test_a_hazard_that_is_harmless_is_read(reader: Reader, tmp_path: Path, name: str) -> None:
    """What only looks like much is read, with its words, within the limits."""
    make_it, words = READ[name]
    readings = read(reader, tmp_path, name, make_it())
    assert [reading.document.status for reading in readings] == ["ok"] * len(readings), readings[
        0
    ].document.detail
    pages = [page for reading in readings for page in reading.pages]
    assert words in "\n".join(page.text for page in pages)
    assert words or any(page.image_px for page in pages)


@pytest.mark.parametrize("name", EMPTY)
def test_a_hazard_that_shows_nothing_is_empty(reader: Reader, tmp_path: Path, name: str) -> None:
    """What costs much elsewhere and puts nothing on its page ends within the limits as empty, with the sentence that says so."""
    (reading,) = read(reader, tmp_path, name, EMPTY[name]())
    assert outcome(reading.document) == "empty no_text", reading.document.detail
    assert reading.document.detail == "1 page(s), and no text on them."


def test_every_hazard_has_a_case() -> None:
    """No maker of hostile files is left without a test that reads what it makes."""
    makers = {
        name
        for name, made in vars(hostile).items()
        if isfunction(made) and made.__module__ == hostile.__name__ and name[0] != "_"
    }
    tests = "".join(path.read_text(encoding="utf-8") for path in Path(__file__).parent.glob("test_*.py"))
    assert {name for name in makers if f"hostile.{name}" not in tests} - {"raw_pdf", "stream"} == set()


@pytest.mark.parametrize("name", DEADLY)
def test_a_hazard_that_kills_costs_only_itself(reader: Reader, tmp_path: Path, name: str) -> None:
    """A file that takes its worker's memory, time or life is a row that names the limit; the file beside it is read."""
    (tmp_path / "good.txt").write_text("good words")
    by_path = {
        reading.document.path: reading.document for reading in read(reader, tmp_path, name, DEADLY[name]())
    }
    assert outcome(by_path[name]) in KILLED
    assert "memory_bytes" in by_path[name].detail or "timeout_s" in by_path[name].detail
    assert outcome(by_path["good.txt"]) == "ok"


@pytest.mark.parametrize(
    ("name", "make_it"),
    [("template.docx", hostile.outside_relations), ("frames.html", hostile.outside_html)],
    ids=["docx", "html"],
)
def test_nothing_outside_is_fetched(
    reader: Reader, tmp_path: Path, name: str, make_it: Callable[[str], bytes]
) -> None:
    """A template, a picture, a frame or a script at an address is not asked for: nobody knocks at the door it names."""
    with socket.create_server(("127.0.0.1", 0)) as door:
        door.setblocking(False)
        (reading,) = read(reader, tmp_path, name, make_it(f"http://127.0.0.1:{door.getsockname()[1]}"))
        with pytest.raises(BlockingIOError):
            door.accept()
    assert "inside" in reading.pages[0].text


def test_a_folder_of_zips_of_zips_ends(tmp_path: Path) -> None:
    """Zips in zips that unpack to 200 GB are read to the limits that all of them share, and each refusal names its limit."""
    with Reader(ReadLimits(workers=1, max_entries=200)) as reader:
        readings = read(reader, tmp_path, "zips.zip", hostile.nested_zip_bomb())
    documents = [reading.document for reading in readings]
    assert {outcome(document) for document in documents} == {
        "ok container",
        "skipped unsupported",
        "error bomb",
    }
    assert all("limit max_" in document.detail for document in documents if document.reason == "bomb")


def test_limits_are_shared_by_all_stretches(tmp_path: Path) -> None:
    """An archive that is read in many tasks has the limits of one: what the tasks before found is counted."""
    box = make.zipped({f"{n}.zip": make.zipped({"x": b"1", "y": b"2", "z": b"3"}) for n in range(15)})
    (tmp_path / "box.zip").write_bytes(box)
    terms = ReaderTerms(ReadLimits(max_entries=20), (), READERS)
    (found,) = discover(tmp_path, terms.limits)
    assert isinstance(found, FoundFile)
    opened = read_file(found, terms, SlotRange(soft_s=0))
    readings = [*opened.readings]
    while opened.more_from is not None:
        opened = read_file(found, terms, SlotRange(opened.more_from, soft_s=0, spent=opened.spent))
        readings += opened.readings
    assert [outcome(reading.document) for reading in readings] == ["ok container"] * 2 + ["ok"] * 3 + [
        "error bomb"
    ] * 14


def test_files_below_thousands_of_folders_are_read(reader: Reader, tmp_path: Path) -> None:
    """Files of a zip that lie absurdly deep keep paths of their own, of bounded length, and are read."""
    box, *files = read(reader, tmp_path, "deep.zip", hostile.deep_paths())
    assert outcome(box.document) == "ok container"
    assert [file.pages[0].text for file in files] == ["words"] * 10
    assert len({file.document.path_bytes for file in files}) == 10
    assert max(len(file.document.path_bytes) for file in files) < 4_096
