"""The reading room as a whole: real files through real workers."""

from __future__ import annotations

import asyncio
import csv
import io
import os
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import ClassVar

import pytest
from PIL import Image, ImageStat
from reportlab.pdfgen.canvas import Canvas

from octavo.processors.read.pages import READERS, FoundFile, Reader, Reading, ReadLimits, discover
from octavo.processors.read.workers import tasks
from octavo.processors.read.workers.sandbox import BUSY
from octavo.processors.read.workers.worker import document_of, failed
from octavo.schemas.errors import DocumentError
from octavo.schemas.pipeline import Document, Page
from tests.documents import hostile, make

DOCUMENTS = Path(__file__).parent / "documents"


@pytest.fixture(scope="module")
def reader() -> Iterator[Reader]:
    """One reader for all tests that need no limit of their own."""
    with Reader(ReadLimits(workers=1)) as one:
        yield one


def found(inbox: Path) -> list[FoundFile]:
    """The files of a folder."""
    return [entry for entry in discover(inbox, ReadLimits()) if isinstance(entry, FoundFile)]


def read(reader: Reader, inbox: Path) -> dict[str, Reading]:
    """Path -> reading of every file in a folder."""
    return {reading.document.path: reading for reading in asyncio.run(reader.read(found(inbox)))}


def filled(folder: Path, **files: bytes) -> Path:
    """A folder with these files; a `_` in a name stands for its point."""
    for name, data in files.items():
        (folder / name.replace("_", ".")).write_bytes(data)
    return folder


def test_own_documents_are_read(reader: Reader) -> None:
    """Every document of our own that has a reader comes out ok, its pages numbered from 1 and named by its hash."""
    readings = read(reader, DOCUMENTS)
    for name in make.documents():
        document, pages = readings[name].document, readings[name].pages
        assert (document.status, document.page_count) == ("ok", len(pages)), name
        assert [(page.document, page.number) for page in pages] == [
            (document.sha256, n) for n in range(1, len(pages) + 1)
        ]
        assert document.media_type in READERS
        assert document.size_bytes == (DOCUMENTS / name).stat().st_size
    assert readings["mixed.pdf"].pages[1].image_px == (1241, 1754)


def test_table_names_every_document() -> None:
    """The table in documents/README.md names every stored document."""
    table = (DOCUMENTS / "README.md").read_text(encoding="utf-8")
    assert {name for name in make.documents() if f"| {name} |" not in table} == set()


def test_same_bytes_read_the_same(reader: Reader) -> None:
    """Reading is a function of the bytes: twice gives equal values."""
    assert read(reader, DOCUMENTS) == read(reader, DOCUMENTS)


@pytest.mark.parametrize(
    ("data", "status", "reason", "words"),
    [
        (b"", "empty", "zero_bytes", "no bytes"),
        (b" \n\n", "empty", "no_text", "no text"),
        (make.pdf(lambda canvas: canvas.showPage()), "empty", "no_text", "1 page"),
        (make.zipped({"Index/Document.iwa": b"x"}), "skipped", "unsupported", "Pages, Numbers"),
        (make.zipped({"xl/workbook.xml": b"<w/>"}), "error", "corrupt", "damaged"),
        (b"\0\0\0\x18ftypheic" + bytes(20), "error", "corrupt", "damaged"),
        (bytes(range(256)) * 4, "skipped", "unsupported", "no type"),
        (hostile.ole_encrypted(), "error", "encrypted", "password"),
        (hostile.locked_pdf("x"), "error", "encrypted", "password"),
        (make.documents()["contract.docx"][:1500], "error", "corrupt", "damaged"),
        (b"%PDF-1.7\nnothing", "error", "corrupt", "damaged"),
        (hostile.page_loop(), "error", "corrupt", "page"),
        (hostile.many_pages(), "error", "too_many_pages", "max_pages"),
        (hostile.zip_bomb(), "error", "bomb", "max_unpacked_bytes"),
        (hostile.crowded_zip(), "error", "bomb", "max_entries"),
        (hostile.lying_zip(), "error", "bomb", "unpacks to more"),
        (hostile.entity_bomb(), "error", "corrupt", "document"),
        (hostile.outside_entity("/etc/passwd"), "error", "corrupt", "document type"),
        (hostile.large_png(), "error", "too_large", "max_pixels"),
        (
            make.documents()["fax.tiff"][:200],
            "error",
            "corrupt",
            "<_io.BytesIO object>",
        ),  # no address, so that rows stay as they are
    ],
)
def test_what_cannot_be_read_says_why(
    reader: Reader, tmp_path: Path, data: bytes, status: str, reason: str, words: str
) -> None:
    """A broken, locked, hostile, empty or unknown file has no text, a status, a reason and a sentence; never ok, never a crash."""
    (reading,) = read(reader, filled(tmp_path, file_bin=data)).values()
    document = reading.document
    assert (document.status, document.reason) == (status, reason)
    assert words in document.detail
    assert not any(page.text for page in reading.pages)


def test_one_bad_file_costs_only_itself(tmp_path: Path) -> None:
    """A file that kills the parser and one that takes too long share a task with good ones: all good ones are read."""
    good = {f"good{number}_txt": b"hello %d" % number for number in range(5)}
    filled(
        tmp_path,
        bomb_pdf=hostile.flate_bomb(1_000_000_000),
        slow_docx=hostile.many_paragraphs(1_250_000),
        **good,
    )
    with Reader(ReadLimits(workers=2, timeout_s=2, memory_bytes=600 << 20)) as reader:
        readings = read(reader, tmp_path)
    assert {
        path: reading.document.status for path, reading in readings.items() if path.startswith("good")
    } == dict.fromkeys((name.replace("_", ".") for name in good), "ok")
    assert readings["bomb.pdf"].document.reason in {"crashed", "memory", "timeout"}
    assert readings["slow.docx"].document.reason in {"timeout", "memory"}


CELL = '<row r="{0}"><c r="A{0}"><v>1</v></c></row>'
BOX = make.zipped({"in.txt": b"words " * 500})
LIMITED = [  # the limit, a bound that the file passes, the path of the row that says so, what it says of the file, the files
    ("max_file_bytes", 100, "a.txt", "120 bytes", {"a_txt": b"word" * 30}),
    ("max_depth", 1, "b", "", {"b/in_txt": b"words"}),
    ("max_pages", 1, "a.pdf", "2", {"a_pdf": make.documents()["invoice.pdf"]}),
    ("max_pages", 1, "a.tiff", "2", {"a_tiff": make.documents()["fax.tiff"]}),
    ("max_pages", 1, "a.docx", "2", {"a_docx": make.documents()["contract.docx"]}),
    ("max_pages", 2, "a.txt", "3", {"a_txt": b"one\ftwo\fthree"}),
    (
        "max_cells",
        20,
        "a.xlsx",
        "400",
        {"a_xlsx": hostile.xlsx(f"<sheetData>{CELL.format(1)}{CELL.format(400)}</sheetData>")},
    ),
    ("max_pixels", 1_000, "a.png", "400,000", {"a_png": make.documents()["palette.png"]}),
    ("max_unpacked_bytes", 2_000, "a.zip", "3,000", {"a_zip": BOX}),
    ("max_entry_bytes", 2_000, "a.zip/in.txt", "3,000", {"a_zip": BOX}),
    ("max_entry_bytes", 100, "a.docx", "", {"a_docx": make.documents()["contract.docx"]}),
    ("max_entries", 1, "a.zip", "2", {"a_zip": make.zipped({"a.txt": b"1", "b.txt": b"2"})}),
    ("max_nesting", 1, "a.zip/b.zip/in.txt", "2 files deep", {"a_zip": make.zipped({"b.zip": BOX})}),
]


@pytest.mark.parametrize(
    ("limit", "bound", "path", "amount", "files"), LIMITED, ids=[f"{one[0]} {one[2]}" for one in LIMITED]
)
def test_limits_have_a_voice(
    tmp_path: Path, limit: str, bound: int, path: str, amount: str, files: dict[str, bytes]
) -> None:
    """Over a limit, the row says which, how much it is, what the file takes, and that raising it helps; raised, the file is read."""
    for name, data in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        filled(tmp_path, **{name: data})
    outcomes = []
    for limits in (ReadLimits(workers=1, **{limit: bound}), ReadLimits(workers=1)):
        entries = list(discover(tmp_path, limits))
        with Reader(limits) as reader:
            readings = asyncio.run(reader.read([entry for entry in entries if isinstance(entry, FoundFile)]))
        rows = [entry for entry in entries if isinstance(entry, Document)] + [
            reading.document for reading in readings
        ]
        outcomes.append({row.path: row for row in rows})
    refused, lifted = outcomes
    assert refused[path].status in ("error", "skipped")
    assert [word for word in (limit, f"{bound:,}", amount, "aise") if word not in refused[path].detail] == []
    assert {row.status for row in lifted.values()} == {"ok"}


def test_passwords_open(tmp_path: Path) -> None:
    """A PDF opens with one of the passwords that were given."""
    filled(tmp_path, a_pdf=hostile.locked_pdf("open sesame"))
    with Reader(ReadLimits(workers=1), passwords=["wrong", "open sesame"]) as reader:
        assert read(reader, tmp_path)["a.pdf"].pages[0].text == "Secret terms"


def test_content_decides_and_not_the_name(reader: Reader, tmp_path: Path) -> None:
    """A PDF named .docx is a PDF, an HTML page named .pdf is HTML."""
    documents = make.documents()
    filled(tmp_path, a_docx=documents["invoice.pdf"], b_pdf=documents["prices.html"])
    readings = read(reader, tmp_path)
    assert [readings[name].document.media_type for name in ("a.docx", "b.pdf")] == [
        "application/pdf",
        "text/html",
    ]


def images(reader: Reader, inbox: Path, name: str, numbers: Sequence[int]) -> dict[int, Image.Image]:
    """Pages of a document as pictures."""
    document = read(reader, inbox)[name].document
    pictures = asyncio.run(reader.images(inbox, document, numbers))
    return {number: Image.open(io.BytesIO(data)) for number, data in pictures.items()}


@pytest.mark.parametrize("name", ["mixed.pdf", "sideways.jpg", "palette.png", "fax.tiff"])
def test_pictures_have_the_size_that_was_said(reader: Reader, name: str) -> None:
    """A page's picture is an RGB JPEG of exactly the pixels that its page told the planner, and within 2048."""
    for page in read(reader, DOCUMENTS)[name].pages:
        if page.image_px:
            picture = images(reader, DOCUMENTS, name, [page.number])[page.number]
            assert (picture.format, picture.mode, picture.size) == ("JPEG", "RGB", page.image_px)
            assert max(picture.size) <= 2048


def test_every_picture_is_of_its_own_page(reader: Reader, tmp_path: Path) -> None:
    """Of a scan of many pages each number gets the picture of that page, and none is left out: page n has a bar of n tenths."""

    def draw(canvas: Canvas) -> None:
        for number in range(1, 11):
            canvas.setPageSize((100, 20))
            canvas.rect(0, 0, 10 * number, 20, fill=1)
            canvas.showPage()

    pictures = images(reader, filled(tmp_path, a_pdf=make.pdf(draw)), "a.pdf", range(1, 11))
    shares = {
        number: 1 - ImageStat.Stat(picture.convert("L")).mean[0] / 255 for number, picture in pictures.items()
    }
    assert {number: round(10 * share) for number, share in shares.items()} == {
        number: number for number in range(1, 11)
    }


def test_sideways_photo_is_upright(reader: Reader) -> None:
    """The picture is turned as its EXIF data says: the print stands at the upper left, and the file says so no more."""
    picture = images(reader, DOCUMENTS, "sideways.jpg", [1])[1]
    assert picture.size == (800, 500)
    darkest = [
        min(picture.convert("L").crop(corner).tobytes())
        for corner in ((0, 0, 400, 200), (400, 300, 800, 500))
    ]
    assert darkest[0] < 100
    assert darkest[1] > 200
    assert picture.getexif().get(0x0112, 1) == 1


def test_a_huge_page_makes_a_bounded_picture(reader: Reader, tmp_path: Path) -> None:
    """A page of ten million points is scaled before it is drawn."""
    picture = images(reader, filled(tmp_path, a_pdf=hostile.giant_page()), "a.pdf", [1])[1]
    assert max(picture.size) <= 2048


def test_pictures_of_a_changed_file_are_refused(reader: Reader, tmp_path: Path) -> None:
    """A file that changed after it was read yields no picture, since its text was another."""
    filled(tmp_path, a_pdf=make.documents()["mixed.pdf"])
    document = read(reader, tmp_path)["a.pdf"].document
    filled(tmp_path, a_pdf=make.documents()["invoice.pdf"])
    with pytest.raises(DocumentError) as caught:
        asyncio.run(reader.images(tmp_path, document, [2]))
    assert caught.value.reason == "changed"


def test_memory_that_xml_wants_is_called_memory(tmp_path: Path) -> None:
    """A Word file that needs more memory than there is says so and names the limit, whichever library meets it."""
    filled(tmp_path, a_docx=hostile.many_paragraphs(1_250_000))
    with Reader(ReadLimits(workers=1, memory_bytes=150 << 20)) as reader:
        document = read(reader, tmp_path)["a.docx"].document
    assert (document.status, document.reason) == ("error", "memory")
    assert "memory_bytes of 157,286,400" in document.detail


def test_vanished_file_is_a_row(reader: Reader, tmp_path: Path) -> None:
    """A file that is gone between the listing and the reading is an error row, not an exception."""
    (reading,) = asyncio.run(reader.read([FoundFile(os.fsencode(tmp_path), b"gone.pdf", 5)]))
    assert (reading.document.status, reading.document.reason) == ("error", "vanished")


def test_trouble_beside_the_files_is_a_row(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """When the parent has no space for a temporary file, the file in work has a row that says where to look; the run goes on."""
    filled(tmp_path, a_txt=b"words", b_bin=bytes(300_000) + b"x")

    def full(**_: object) -> None:
        raise OSError(28, "No space left on device")

    with Reader(ReadLimits(workers=1)) as reader:
        monkeypatch.setattr(tempfile, "NamedTemporaryFile", full)
        readings = read(reader, tmp_path)
        monkeypatch.undo()
        again = read(reader, tmp_path)
    documents = [readings[name].document for name in ("a.txt", "b.bin")]
    assert [(document.status, document.reason) for document in documents] == [("error", "crashed")] * 2
    assert all(
        "No space left on device" in document.detail and "run again" in document.detail
        for document in documents
    )
    assert again["a.txt"].document.status == "ok"


def test_parent_imports_no_document_library() -> None:
    """Importing the room is light: the heavy libraries come in the workers only."""
    script = (
        "import sys, octavo.processors.read.pages\n"
        "heavy = {'pypdfium2', 'pypdf', 'pikepdf', 'docx', 'pptx', 'python_calamine', 'kreuzberg', 'lxml', 'PIL', 'selectolax'}\n"
        "heavy |= {'rapidocr', 'onnxruntime', 'cv2', 'numpy'}\n"
        "print(sorted(heavy & set(sys.modules)))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=DOCUMENTS.parents[1], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


NOT_READ = (
    "markitdown__random.bin",
    "unstructured__DA-1p.heic",
)  # no document, and a picture whose format is not read


def as_expected(expected: str, reading: Reading, pages: Sequence[Page]) -> bool:
    """Whether a reading, and the pages of what lies in its file, is what the corpus says; "empty" of a photo takes OCR to see."""
    document = reading.document
    text, picture = any(page.text.strip() for page in pages), any(page.image_px for page in pages)
    if document.reason == "unsupported":
        return document.path.endswith(NOT_READ)
    outcomes = {
        "text": document.status == "ok" and (text or picture),
        "ocr": document.status == "ok" and picture,
        "empty": document.status == "empty" or (document.status == "ok" and not text),
        "error:password": document.reason == "encrypted",
        "error:corrupt": document.reason == "corrupt",
        "error:empty": document.reason == "zero_bytes",
        "error:too-large": document.reason == "bomb",
        "any": True,
    }
    words = expected.replace("(by content) ", "").split(" or ")
    return any(outcomes.get(word, False) for word in words)


def test_corpus_ends_as_its_manifest_says(corpus: Path) -> None:
    """Every file of the corpus, broken ones too, has one reading that agrees with the manifest; two are of no format that is read."""
    with (corpus / "manifest.csv").open(encoding="utf-8", newline="") as file:
        expected = {row["path"]: row["expected"] for row in csv.DictReader(file)}
    limits = ReadLimits(workers=2)
    entries = [entry for entry in discover(corpus, limits) if entry.path in expected]
    assert not [entry for entry in entries if isinstance(entry, Document)]
    with Reader(limits) as reader:
        every = asyncio.run(reader.read([entry for entry in entries if isinstance(entry, FoundFile)]))
    readings = [reading for reading in every if not reading.document.container]
    assert {reading.document.path for reading in readings} == set(expected)
    pages: dict[str, list[Page]] = {}
    for reading in every:
        pages.setdefault(reading.document.container or reading.document.path, []).extend(reading.pages)
    assert not [
        r.document for r in readings if not as_expected(expected[r.document.path], r, pages[r.document.path])
    ]


class _BusyOnce(tasks.WorkerPool):
    """Workers that are stopped by the clock the first time that they read a group with a file in `slow`."""

    slow = frozenset({"b.txt", "c.txt"})
    tries: ClassVar[Counter[str]] = Counter()

    async def read_group(self, group: Sequence[FoundFile]) -> list[list[Reading]]:
        names = [found.path for found in group]
        self.tries.update(names)
        busy = DocumentError(BUSY, "It took too long by the clock.")
        if any(self.tries[name] < (2 if name == "b.txt" else 9) for name in self.slow & set(names)):
            return [[Reading(failed(document_of(found), busy))] for found in group]
        return await super().read_group(group)


def test_what_the_clock_stopped_is_tried_once_more_at_the_end(tmp_path: Path) -> None:
    """On a busy machine a good file is read in the end, after all others; one that is stopped again is out of time."""
    for name in ("a.txt", "b.txt", "c.txt", "d.txt"):
        (tmp_path / name).write_text(name * 100_000)  # large ones have a task each
    found = [entry for entry in discover(tmp_path, ReadLimits()) if isinstance(entry, FoundFile)]

    async def all_of(reader: Reader) -> list[tuple[str, str]]:
        crew = _BusyOnce(reader._sandbox, reader._terms)
        groups = list(tasks.groups(found))
        return [
            (one.document.path, one.document.status + one.document.reason)
            async for _, readings in reader._stream(groups, crew)
            for one in readings
        ]

    with Reader(ReadLimits(workers=1)) as reader:
        ended = asyncio.run(all_of(reader))
    assert sorted(ended) == [("a.txt", "ok"), ("b.txt", "ok"), ("c.txt", "errortimeout"), ("d.txt", "ok")]
    assert {path for path, _ in ended[2:]} == {"b.txt", "c.txt"}
