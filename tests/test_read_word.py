"""Word: the body in order with everything that a plain walk over paragraphs loses."""

from __future__ import annotations

import pytest

from octavo.processors.read.content import ReadLimits, Source
from octavo.processors.read.word.counts import written
from octavo.processors.read.word.document import read
from octavo.schemas.errors import DocumentError
from tests.documents import hostile
from tests.documents.make import contract, docx, listed, p, table, zipped


def pages(data: bytes, limits: ReadLimits | None = None) -> list[str]:
    """The text of each page."""
    return [leaf.text for leaf in read(Source(data, limits or ReadLimits())).leaves]


def test_a_contract_reads_whole() -> None:
    """List numbers, the inserted price without the deleted one, the table, the note, and once each text box, header and footer."""
    first, second = pages(contract())
    assert first.splitlines() == [
        *(
            "Acme BV",
            "Supply agreement",
            "1. Parties",
            "1a) The Seller",
            "1b) The Buyer",
            "2. Price",
            "The price is 250 euros[1].",
        ),
        *("Item | Amount", "Bolts | 200.00", " | 50.00", "- Steel", "", "[1] Excluding VAT"),
    ]
    assert second == "Signed in Utrecht\n\nDraft stamp\nConfidential"


def test_strict_files_read_alike() -> None:
    """Strict OOXML, with its other namespaces and another name of the main part, gives the same text."""
    body = p("Strict letter") + table(["A", "B"])
    assert pages(docx(body, strict=True, main="body.xml")) == pages(docx(body)) == ["Strict letter\nA | B"]


def test_without_breaks_it_is_one_page() -> None:
    """Without page breaks of its own the file is one page, however long."""
    assert len(pages(docx(p("word " * 2000) * 5))) == 1


@pytest.mark.parametrize(
    "mark",
    [
        '<w:p><w:r><w:br w:type="page"/></w:r></w:p>',
        "<w:p><w:r><w:lastRenderedPageBreak/></w:r></w:p>",
        p("", "<w:pageBreakBefore/>"),
    ],
)
def test_page_breaks_make_pages(mark: str) -> None:
    """A break set by hand, by a paragraph's format, or noted by Word when it last laid the file out begins a page."""
    assert pages(docx(p("one") + mark + mark + p("two"))) == ["one", "two"]


def test_nested_tables_keep_their_rows() -> None:
    """Rows of a table inside a cell stay rows, after the row that holds them."""
    inner = "<w:tcPr/>" + p("Lines:") + table(["Bolts", "200.00"], ["Nuts", "50.00"])
    assert pages(docx(table(["Order 7", inner]))) == ["Order 7 | Lines:\nBolts | 200.00\nNuts | 50.00"]


def test_lists_restart_below_a_new_item() -> None:
    """A sub-list counts from its start again below the next item."""
    definition = (
        '<w:numbering><w:abstractNum w:abstractNumId="1"><w:lvl w:ilvl="0"><w:start w:val="3"/><w:numFmt w:val="upperRoman"/>'
        '<w:lvlText w:val="%1."/></w:lvl><w:lvl w:ilvl="1"><w:start w:val="1"/><w:numFmt w:val="decimal"/><w:lvlText w:val="%2)"/></w:lvl>'
        '</w:abstractNum><w:num w:numId="1"><w:abstractNumId w:val="1"/></w:num></w:numbering>'
    )
    body = listed("a", 1) + listed("b", 1, 1) + listed("c", 1) + listed("d", 1, 1)
    assert pages(docx(body, parts={"numbering.xml": ("numbering", definition)})) == [
        "III. a\n1) b\nIV. c\n1) d"
    ]


@pytest.mark.parametrize(
    ("number", "kind", "text"),
    [(1, "decimal", "1"), (27, "lowerLetter", "aa"), (1994, "upperRoman", "MCMXCIV")],
)
def test_counts_are_written_in_their_script(number: int, kind: str, text: str) -> None:
    """Counts come out as Word prints them."""
    assert written(number, kind) == text


def test_hostile_tables_take_no_time() -> None:
    """A cell that claims a hundred million columns is one cell, and an honest large table is read whole."""
    assert pages(hostile.wide_table()) == ["wide"]
    assert pages(hostile.large_table(rows=300))[0].count("7") == 300 * 60


def test_no_entity_is_resolved() -> None:
    """A document that asks for a file of the machine is refused, and nothing of that file is read."""
    with pytest.raises(DocumentError) as caught:
        pages(hostile.outside_entity("/etc/hostname"))
    assert caught.value.reason == "corrupt"


def test_entries_are_counted_while_inflating() -> None:
    """A part larger than its limit is refused although the total is allowed."""
    data = zipped({"word/document.xml": b"<w>" + b"a" * 2_000_000})
    with pytest.raises(DocumentError, match="max_entry_bytes") as caught:
        pages(data, ReadLimits(max_entry_bytes=1_000_000))
    assert caught.value.reason == "bomb"


def test_pictures_are_never_inflated() -> None:
    """A media file that no text needs is left packed, so its lie about its content costs nothing."""
    data = docx(p("Text"))
    assert pages(_with_media(data)) == ["Text"]


def _with_media(data: bytes) -> bytes:
    import io
    import zipfile

    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        entries = {name: archive.read(name) for name in archive.namelist()}
    return zipped(entries | {"word/media/image1.png": bytes(70_000_000)})
