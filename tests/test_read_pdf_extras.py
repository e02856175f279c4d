"""What a PDF holds beside its pages: outline, dates, attachments, actions, and what it takes to open it."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any, Literal

import pikepdf
import pytest
from hypothesis import given
from hypothesis import strategies as st
from reportlab.pdfgen.canvas import Canvas

from octavo.processors.read.content import Inner, ReadLimits, Source
from octavo.processors.read.pages import FoundFile, Reader, discover
from octavo.processors.read.pdf.extras import date
from octavo.processors.read.pdf.pages import read
from octavo.schemas.errors import DocumentError
from octavo.schemas.pipeline import Document, Heading
from tests.documents import make

PLAIN = make.documents()["invoice.pdf"]


def changed(change: Callable[[pikepdf.Pdf], None], **options: Any) -> bytes:
    """The plain invoice after a change, saved anew."""
    with pikepdf.open(io.BytesIO(PLAIN)) as document, io.BytesIO() as file:
        change(document)
        document.save(file, **options)
        return file.getvalue()


def test_title_author_dates_and_outline_are_told() -> None:
    """What the file says of itself comes as it stands, dates with their zone, headings with level and page."""

    def draw(canvas: Canvas) -> None:
        canvas.setTitle("Annual report")
        canvas.setAuthor("Acme BV")
        for number, (title, level) in enumerate([("Sales", 0), ("North", 1), ("Costs", 0)]):
            canvas.drawString(72, 700, title)
            canvas.bookmarkPage(str(number))
            canvas.addOutlineEntry(title, str(number), level)
            canvas.showPage()

    told = read(Source(make.pdf(draw), ReadLimits())).properties
    assert (told.title, told.author) == ("Annual report", "Acme BV")
    assert told.outline == (Heading(1, "Sales", 1), Heading(2, "North", 2), Heading(1, "Costs", 3))
    assert told.created_at is not None
    assert told.created_at.tzinfo is not None


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("D:20240229093000+01'00'", datetime(2024, 2, 29, 9, 30, tzinfo=timezone(timedelta(hours=1)))),
        (
            "D:20240229093000-0530",
            datetime(2024, 2, 29, 9, 30, tzinfo=timezone(-timedelta(hours=5, minutes=30))),
        ),
        ("D:20240229093000Z", datetime(2024, 2, 29, 9, 30, tzinfo=UTC)),
        ("D:202402", datetime(2024, 2, 1, tzinfo=UTC)),
        ("20240230", None),
        ("yesterday", None),
        ("", None),
    ],
)
def test_dates(text: str, wanted: datetime | None) -> None:
    """Dates of PDF in their usual forms; what is none is None."""
    assert date(text) == wanted


@given(st.text("D:0123456789+-Z' ", max_size=30))
def test_any_date_is_a_date_or_none(text: str) -> None:
    """Whatever stands there, nothing is raised, and a date has its zone."""
    found = date(text)
    assert found is None or found.tzinfo is not None


def through_the_door(folder: Path, data: bytes, limits: ReadLimits) -> dict[str, Document]:
    """Path -> row of a PDF and of all that is attached to it, by a worker."""
    (folder / "a.pdf").write_bytes(data)
    with Reader(limits) as reader:
        found = [entry for entry in discover(folder, limits) if isinstance(entry, FoundFile)]
        return {reading.document.path: reading.document for reading in asyncio.run(reader.read(found))}


def attached(*files: tuple[str, bytes]) -> bytes:
    """The invoice with files in it."""

    def attach(document: pikepdf.Pdf) -> None:
        for name, data in files:
            document.attachments[name] = pikepdf.AttachedFileSpec(document, data, filename=name)

    return changed(attach)


def test_attachments_come_out() -> None:
    """Files within the PDF are handed over with their names and bytes."""
    content = read(Source(attached(("order.xml", b"<order/>"), ("note.txt", b"Hello")), ReadLimits()))
    assert set(content.inner) == {Inner("order.xml", b"<order/>"), Inner("note.txt", b"Hello")}
    assert content.detail == ""


def test_attachment_over_a_limit_is_a_row_that_says_so(tmp_path: Path) -> None:
    """An attachment is counted while it is inflated; one over a limit has a row with the size, the limit and its bound; the others come."""
    data = attached(
        ("bomb.bin", bytes(50_000_000)),
        ("note.txt", b"Hello"),
        ("two.txt", bytes(900_000)),
        ("zoo.txt", bytes(900_000)),
    )
    assert len(data) < 1_000_000
    rows = through_the_door(
        tmp_path, data, ReadLimits(workers=1, max_entry_bytes=1_000_000, max_unpacked_bytes=1_000_000)
    )
    assert {path: row.reason for path, row in rows.items()} == {
        "a.pdf": "",
        "a.pdf/bomb.bin": "bomb",
        "a.pdf/note.txt": "",
        "a.pdf/two.txt": "unsupported",
        "a.pdf/zoo.txt": "bomb",
    }
    assert (
        "unpacks to at least 1,000,001 bytes; the limit max_entry_bytes is 1,000,000."
        in rows["a.pdf/bomb.bin"].detail
    )
    assert (
        "the limit max_unpacked_bytes is 1,000,000, of which 99,995 are left." in rows["a.pdf/zoo.txt"].detail
    )


def test_attachment_that_cannot_be_taken_out_costs_only_itself(tmp_path: Path) -> None:
    """One coded as a picture, one that is damaged and one that lies elsewhere have rows with the reason; their neighbour is read."""

    def spoil(document: pikepdf.Pdf) -> None:
        for name in ("away", "coded", "hurt", "good"):
            document.attachments[name] = pikepdf.AttachedFileSpec(document, b"Hello", filename=f"{name}.txt")
        del document.attachments["away"].obj.EF
        document.attachments["coded"].get_file().obj.write(b"Hello", filter=pikepdf.Name.DCTDecode)
        document.attachments["hurt"].get_file().obj.write(b"Hello", filter=pikepdf.Name.FlateDecode)

    rows = through_the_door(tmp_path, changed(spoil), ReadLimits(workers=1))
    assert {path: row.reason for path, row in rows.items()} == {
        "a.pdf": "",
        "a.pdf/away.txt": "corrupt",
        "a.pdf/coded.txt": "unsupported",
        "a.pdf/good.txt": "",
        "a.pdf/hurt.txt": "corrupt",
    }
    assert "DCTDecode" in rows["a.pdf/coded.txt"].detail


def test_more_attachments_than_allowed_are_counted() -> None:
    """Beyond max_entries the number of those left out is told, with the limit and what lifts it."""
    content = read(Source(attached(*((f"{n}.txt", b"x") for n in range(5))), ReadLimits(max_entries=2)))
    assert len(content.inner) == 2
    assert (
        content.detail
        == "3 of its 5 attachments are not read: the limit max_entries is 2, raise it to read them."
    )


def test_an_outline_that_is_cut_says_so() -> None:
    """Of an outline with more headings than are kept, the row says how many were taken."""

    def outlined(canvas: Canvas) -> None:
        canvas.bookmarkPage("top")
        for number in range(5_010):
            canvas.addOutlineEntry(f"Heading {number}", "top")
        canvas.drawString(72, 700, "Index")
        canvas.showPage()

    content = read(Source(make.pdf(outlined), ReadLimits()))
    assert len(content.properties.outline) == 5_000
    assert content.detail == "Of its outline the first 5,000 headings were taken."


@pytest.mark.parametrize(
    "action",
    [{"/S": pikepdf.Name.JavaScript, "/JS": "app.alert(1)"}, {"/S": pikepdf.Name.Launch, "/F": "calc.exe"}],
    ids=["javascript", "launch"],
)
@pytest.mark.parametrize("mode", [pikepdf.ObjectStreamMode.disable, pikepdf.ObjectStreamMode.generate])
def test_actions_are_flagged(action: dict[str, object], mode: pikepdf.ObjectStreamMode) -> None:
    """A document that would run something says so, wherever the action is kept; the text is read all the same."""

    def act(document: pikepdf.Pdf) -> None:
        document.Root.OpenAction = document.make_indirect(pikepdf.Dictionary(action))

    content = read(Source(changed(act, object_stream_mode=mode), ReadLimits()))
    assert content.flags == ("javascript",)
    assert content.leaves[0].text.startswith("Invoice")


def test_plain_file_has_no_flag() -> None:
    """Nothing is flagged where there is nothing."""
    content = read(Source(PLAIN, ReadLimits()))
    assert (content.flags, content.inner, content.detail) == ((), (), "")


@pytest.mark.parametrize("revision", [4, 6])
def test_given_password_opens(revision: Literal[4, 6]) -> None:
    """The first password that fits opens the file, also what lies in it; a wrong one does not."""
    data = changed(lambda _: None, encryption=pikepdf.Encryption(owner="o", user="secret", R=revision))
    assert read(Source(data, ReadLimits(), ("wrong", "secret"))).leaves[1].text == "Terms: 30 days net"
    with pytest.raises(DocumentError, match="password"):
        read(Source(data, ReadLimits(), ("wrong",)))


def test_repair_is_flagged() -> None:
    """A file that had to be repaired says so."""
    content = read(Source(PLAIN[:-200], ReadLimits()))
    assert content.flags == ("repaired",)
    assert "repaired" in content.detail


@pytest.mark.parametrize("turned", [90, 180, 270])
def test_turned_pages_are_read(turned: int) -> None:
    """A page that lies in the file on its side, or on its head, and is shown upright is read as it is shown, tables too."""

    def draw(canvas: Canvas) -> None:
        canvas.translate(300, 400)
        canvas.rotate(turned)
        canvas.drawString(-100, 100, "Invoice 2024-117")
        for column, words in enumerate(
            [["Chair", "Table", "Lamp"], ["120.00", "300.00", "55.00"], ["120.00", "900.00", "55.00"]]
        ):
            for number, word in enumerate(words):
                canvas.drawString(-100 + 90 * column, 40 - 20 * number, word)

    with pikepdf.open(io.BytesIO(make.pdf(draw))) as document, io.BytesIO() as file:
        document.pages[0].rotate(turned, relative=False)
        document.save(file)
        (leaf,) = read(Source(file.getvalue(), ReadLimits())).leaves
    assert (
        leaf.text
        == "Invoice 2024-117\nChair | 120.00 | 120.00\nTable | 300.00 | 900.00\nLamp | 55.00 | 55.00"
    )
    assert leaf.hidden_chars == 0


def test_text_that_is_shown_sideways_is_no_table() -> None:
    """Lines that run up the page stand beside each other and are still lines."""

    def turn(document: pikepdf.Pdf) -> None:
        document.pages[0].rotate(270, relative=False)

    (leaf, _) = read(Source(changed(turn), ReadLimits())).leaves
    assert leaf.text == "Invoice 2024-117\nAcme BV, Utrecht\nTotal 1,234.50 EUR"


def test_running_lines_are_marked() -> None:
    """A header is marked from the second page on, and the text keeps it."""

    def draw(canvas: Canvas) -> None:
        for number in range(3):
            canvas.drawString(72, 800, "Annual report of Acme")
            canvas.drawString(
                72,
                700,
                f"Chapter {('one', 'two', 'three')[number]} with enough words to make a page of its own",
            )
            canvas.showPage()

    leaves = read(Source(make.pdf(draw), ReadLimits())).leaves
    assert [[leaf.text[start:end] for start, end in leaf.repeated] for leaf in leaves] == [
        [],
        *[["Annual report of Acme\n"]] * 2,
    ]
