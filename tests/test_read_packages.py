"""Formats that are many parts in one file: read where that makes sense, else one row that says what to do, and never part by part."""

from __future__ import annotations

import base64
import io
import zipfile

import pytest
from PIL import Image

from octavo.processors.read import epub, flat_opc, image, svg, text
from octavo.processors.read.content import ReadLimits, Source
from octavo.processors.read.kinds import EPUB, FLAT_OPC, NAMES, SVG, media_type
from octavo.processors.read.pages import READERS
from octavo.schemas.errors import DocumentError
from tests.documents import make

_XML = '<?xml version="1.0"?>'


def source(data: bytes) -> Source:
    """A source with the usual limits."""
    return Source(data, ReadLimits())


def book(chapter: str) -> bytes:
    """An e-book of two chapters, the second listed first."""
    kind = 'media-type="application/xhtml+xml"'
    items = f'<item id="a" href="a%20b.xhtml" {kind}/><item id="b" href="b.xhtml" {kind}/>'
    package = f"<package xmlns:dc='d'><dc:title>Chairs</dc:title>{items}<itemref idref='b'/><itemref idref='a'/></package>"
    return make.zipped(
        {
            "mimetype": b"application/epub+zip",
            "META-INF/container.xml": b"<container><rootfile full-path='OPS/book.opf'/></container>",
            "OPS/book.opf": package.encode(),
            "OPS/a b.xhtml": b"<html><body><p>End</p></body></html>",
            "OPS/b.xhtml": f"<html><body>{chapter}</body></html>".encode(),
        }
    )


def test_an_e_book_is_its_chapters_in_reading_order() -> None:
    """Chapters come as the book lists them, with its title; a damaged list is an error."""
    data = book("<h1>Oak</h1>")
    assert media_type(data) == EPUB
    content = epub.read(source(data))
    assert [leaf.text for leaf in content.leaves] == ["Oak", "End"]
    assert content.properties.title == "Chairs"
    with pytest.raises(DocumentError, match="missing"):
        epub.read(source(make.zipped({"mimetype": b"application/epub+zip"})))


def test_a_drawing_has_its_words() -> None:
    """The words of a drawing are read; one without words says what to do; an entity is not resolved."""
    data = f'{_XML}<svg xmlns="http://www.w3.org/2000/svg"><title>Plan</title><text>Room <tspan>12</tspan></text><path d="M0"/></svg>'
    assert media_type(data.encode()) == SVG
    assert svg.read(source(data.encode())).leaves[0].text == "Plan\nRoom 12"
    assert "PNG" in svg.read(source(b"<svg/>")).detail


def test_a_word_file_in_one_xml_is_a_word_file() -> None:
    """A package written as one XML is read as the docx that it is."""
    with zipfile.ZipFile(io.BytesIO(make.documents()["contract.docx"])) as archive:
        parts = {name: archive.read(name) for name in archive.namelist() if not name.startswith("[")}
    flat = "".join(
        f'<pkg:part pkg:name="/{name}" pkg:contentType="application/xml"><pkg:binaryData>'
        f"{base64.b64encode(data).decode()}</pkg:binaryData></pkg:part>"
        for name, data in parts.items()
    )
    data = f'{_XML}<pkg:package xmlns:pkg="http://schemas.microsoft.com/office/2006/xmlPackage">{flat}</pkg:package>'.encode()
    assert media_type(data) == FLAT_OPC
    from octavo.processors.read.word import document  # the same by its other form

    assert (
        flat_opc.read(source(data)).leaves == document.read(source(make.documents()["contract.docx"])).leaves
    )


@pytest.mark.parametrize(
    "data",
    [
        make.zipped({"Index/Document.iwa": b"x", "Data/a.png": b"y"}),
        make.zipped({"visio/document.xml": b"<x/>"}),
        make.zipped({"FixedDocSeq.fdseq": b"<x/>", "Documents/1/Pages/1.fpage": b"<x/>"}),
        f'{_XML}<?mso-application progid="Word.Document"?><w:wordDocument xmlns:w="w"/>'.encode(),
        f'{_XML}<Workbook xmlns="urn:schemas-microsoft-com:office:spreadsheet"/>'.encode(),
        f'{_XML}<office:document xmlns:office="o"/>'.encode(),
    ],
    ids=["iWork", "Visio", "XPS", "Word 2003", "Excel 2003", "flat OpenDocument"],
)
def test_packages_of_parts_are_one_row(data: bytes) -> None:
    """A package that cannot be read is known by a name for a sentence, and is no archive whose parts are documents."""
    kind = media_type(data)
    assert kind in NAMES
    assert kind not in READERS


@pytest.mark.parametrize(
    ("kind", "media"), [("AVIF", "image/avif"), ("HEIF", "image/heic"), ("JPEG2000", "image/jp2")]
)
def test_pictures_of_phones_are_pages(kind: str, media: str) -> None:
    """Pictures as phones and archives make them are a page with its size, and can be shown."""
    with io.BytesIO() as file:
        Image.new("RGB", (320, 200), "white").save(file, kind)
        data = file.getvalue()
    assert media_type(data) == media
    assert READERS[media] == "image"
    assert image.read(source(data)).leaves[0].image_px == (320, 200)
    assert image.render(source(data), [1])[1][:2] == b"\xff\xd8"


@pytest.mark.parametrize("line", [0, 76])
def test_base64_is_left_out_of_a_text(line: int) -> None:
    """A file that lies in XML or JSON in Base64 is no text, which is told; a long word or number stays."""
    whole = base64.b64encode(bytes(range(256)) * 8).decode()
    run = "\n".join(whole[at : at + line] for at in range(0, len(whole), line)) if line else whole
    content = text.read(source(f"{_XML}<a><b>{run}</b><c>{'7' * 900}</c></a>".encode()))
    assert content.leaves[0].text == f"{_XML}<a><b>[Base64]</b><c>{'7' * 900}</c></a>"
    assert "Base64" in content.detail
