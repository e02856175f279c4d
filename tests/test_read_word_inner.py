"""Word: what lies beside the body: charts, diagrams, parts taken in, files inside the file, macros, properties."""

from __future__ import annotations

import io
from datetime import UTC, datetime

import docx as python_docx

from octavo.processors.read.content import Content, Inner, ReadLimits, Source
from octavo.processors.read.word.document import read
from tests.documents.make import documents, docx, p, zipped
from tests.documents.word import CORE, chart, diagram, paragraph, with_files


def content(data: bytes) -> Content:
    """What the reader says about a file."""
    return read(Source(data, ReadLimits()))


def text(data: bytes) -> str:
    """The text of its first page."""
    return content(data).leaves[0].text


def test_charts_are_tables_where_they_stand() -> None:
    """A chart gives its title, series and values at its place, each value as a sheet shows it; drawn twice it is told once."""
    drawing = '<w:r><w:drawing><c:chart xmlns:c="c" r:id="chart1.xml"/></w:drawing></w:r>'
    body = paragraph(drawing) + paragraph(drawing) + p("after")
    found = text(with_files(docx(body), {"chart1.xml": ("chart", chart())}))
    assert (
        found.splitlines()
        == ["", "Bolts sold", " | 2023 | 2024", "North | 4.4 | 5", "South | 7", "", "after"][1:]
    )


def test_diagrams_are_read() -> None:
    """The texts of SmartArt are read at their place, and at the end where no drawing refers to them."""
    drawing = '<w:r><w:drawing><d:relIds xmlns:d="d" r:dm="data1.xml"/></w:drawing></w:r>'
    parts = {"data1.xml": ("diagramData", diagram())}
    assert text(with_files(docx(paragraph(drawing) + p("after")), parts)).split() == [
        "Plan",
        "Build",
        "after",
    ]
    assert text(with_files(docx(p("before")), parts)).split() == ["before", "Plan", "Build"]


def test_parts_are_taken_in_at_their_place_and_once() -> None:
    """HTML, plain text and Word parts that the body takes in are read where they stand; again they are not."""
    chunk = '<w:altChunk r:id="{}"/>'
    files = {
        "a.html": ("aFChunk", "<p>caf\u00e9</p><table><tr><td>1<td>2</table>".encode()),
        "b.txt": ("aFChunk", b"plain"),
        "c.docx": ("aFChunk", docx(p("inner word"))),
    }
    body = p("one") + "".join(chunk.format(name) for name in (*files, "a.html")) + p("two")
    assert text(with_files(docx(body), files)).splitlines() == [
        "one",
        "café",
        "1 | 2",
        "plain",
        "inner word",
        "two",
    ]


def test_other_parts_and_objects_become_documents() -> None:
    """What the text cannot take in is handed over as a file: rich text, a sheet, and a PDF out of its OLE container."""
    pdf = documents()["invoice.pdf"]
    ole = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(504) + pdf + bytes(512)
    files = {
        "a.rtf": ("aFChunk", b"{\\rtf1 hello}"),
        "b.xlsx": ("package", b"PK sheet"),
        "c.bin": ("oleObject", ole),
    }
    item = '<w:r><w:object><o:OLEObject xmlns:o="o" ProgID="{}" r:id="{}"/></w:object></w:r>'
    objects = paragraph(item.format("Excel.Sheet.12", "b.xlsx"), item.format("AcroExch.Document", "c.bin"))
    body = '<w:altChunk r:id="a.rtf"/>' + objects + p("x")
    found = content(with_files(docx(body), files))
    assert found.inner[:2] == (Inner("a.rtf", b"{\\rtf1 hello}"), Inner("b.xlsx", b"PK sheet"))
    assert found.inner[2].data == pdf[: pdf.rindex(b"%%EOF") + 5]


def test_scans_in_a_word_file_are_handed_over() -> None:
    """A file whose pages are pasted pictures hands these over to be read; one with text of its own does not."""
    picture = '<w:r><w:drawing><a:blip xmlns:a="a" r:embed="scan.png"/></w:drawing></w:r>'
    files = {"scan.png": ("image", documents()["palette.png"])}
    assert [inner.name for inner in content(with_files(docx(paragraph(picture)), files)).inner] == [
        "scan.png"
    ]
    assert content(with_files(docx(paragraph(picture) + p("Report")), files)).inner == ()


def test_what_lies_outside_is_named_and_not_fetched() -> None:
    """Parts at an address outside the file are counted in a sentence; equations of old editors are, too."""
    old = '<w:r><w:object><o:OLEObject xmlns:o="o" ProgID="Equation.3" r:id="y"/></w:object></w:r>'
    body = '<w:altChunk r:id="x"/>' + paragraph('<w:subDoc r:id="x"/>', old)
    found = content(with_files(docx(p("x") + body), {}, outside={"x": "http://127.0.0.1:9/x"}))
    assert found.flags == ("outside_parts", "unread_equations")
    assert "1 equations of an old editor" in found.detail


def test_macros_are_named() -> None:
    """A file with macros says so, and is read like any other."""
    found = content(with_files(docx(p("x")), {"vbaProject.bin": ("vbaProject", b"code")}))
    assert (found.leaves[0].text, found.flags) == ("x", ("macros",))


def test_properties_are_what_the_file_says() -> None:
    """Title, author and dates come from the core properties, in UTC; a month alone is its first day; nonsense is None."""
    data = with_files(docx(p("x")), {"core.xml": ("core-properties", CORE.encode())}, part="")
    found = content(data).properties
    assert (found.title, found.author) == ("Lease of a shed", "Jo Roe")
    assert (found.created_at, found.modified_at) == (
        datetime(2024, 5, 31, 9, 30, tzinfo=UTC),
        datetime(2024, 6, 1, tzinfo=UTC),
    )
    odd = CORE.replace("2024-06<", "last week<").encode()
    assert (
        content(
            with_files(docx(p("x")), {"core.xml": ("core-properties", odd)}, part="")
        ).properties.modified_at
        is None
    )


def test_files_of_python_docx_read_alike() -> None:
    """What another library writes is read as it was meant: headings, lists, a table with merged cells, a header, properties."""
    file = python_docx.Document()
    file.core_properties.author = "Jo Roe"
    file.sections[0].header.paragraphs[0].text = "Acme BV"
    file.add_heading("Offer", level=1)
    file.add_paragraph("Bolts", style="List Bullet")
    file.add_paragraph("first", style="List Number")
    file.add_paragraph("second", style="List Number")
    cells = file.add_table(rows=2, cols=3)
    cells.cell(0, 0).merge(cells.cell(1, 0)).text = "both"
    cells.cell(0, 1).merge(cells.cell(0, 2)).text = "wide"
    cells.cell(1, 2).text = "9"
    with io.BytesIO() as out:
        file.save(out)
        found = content(out.getvalue())
    lines = [line for line in found.leaves[0].text.splitlines() if line]
    assert lines == ["Acme BV", "Offer", "- Bolts", "1. first", "2. second", "both | wide", " |  | 9"]
    assert (found.properties.author, [heading.title for heading in found.properties.outline]) == (
        "Jo Roe",
        ["Offer"],
    )


def test_damaged_parts_are_read_as_far_as_they_go() -> None:
    """A body that breaks off gives its whole paragraphs and says that it was repaired; one that is no XML is an error."""
    whole = docx(p("one") + p("two"))
    import zipfile

    with zipfile.ZipFile(io.BytesIO(whole)) as archive:
        entries = {name: archive.read(name) for name in archive.namelist()}
    cut = entries["word/document.xml"][: entries["word/document.xml"].index(b"two") + 3]
    found = content(zipped(entries | {"word/document.xml": cut}))
    assert (found.leaves[0].text, found.flags) == ("one\ntwo", ("repaired",))
