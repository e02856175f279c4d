"""OpenDocument texts and presentations: the body in order, with what hides in it."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from octavo.processors.read import opendocument
from octavo.processors.read.content import Content, PageContent, ReadLimits, Source
from octavo.schemas.errors import DocumentError
from tests.documents.make import opendocument as made
from tests.documents.make import zipped


def read(data: bytes) -> Content:
    """What the reader makes of it."""
    return opendocument.read(Source(data, ReadLimits()))


def lines(body: str, styles: str = "") -> list[str]:
    """The lines of a text of one page."""
    (leaf,) = read(made(body, styles=styles)).leaves
    return leaf.text.splitlines()


def p(words: str, style: str = "") -> str:
    """The XML of a paragraph."""
    return f'<text:p text:style-name="{style}">{words}</text:p>'


def cell(words: str, attributes: str = "") -> str:
    """The XML of a table cell."""
    return f"<table:table-cell {attributes}>{p(words)}</table:table-cell>"


def row(cells: str) -> str:
    """The XML of a table row."""
    return f"<table:table-row>{cells}</table:table-row>"


def test_body_in_order() -> None:
    """Headings, lists within lists, a table with a merged cell, a text box and blanks come as they stand."""
    head = f"<table:table-header-rows>{row(cell('Item') + cell('Price'))}</table:table-header-rows>"
    table = head + row(cell("Both") + "<table:covered-table-cell/>")
    inner = f"<text:list><text:list-item>{p('inner')}</text:list-item></text:list>"
    body = (
        '<text:h text:outline-level="1">Offer</text:h>'
        f"<text:list><text:list-item>{p('outer')}{inner}</text:list-item></text:list>"
        f"<table:table>{table}</table:table>"
        f"<text:p>Box:<draw:frame><draw:text-box>{p('inside')}</draw:text-box></draw:frame></text:p>"
        + p('Total<text:tab/>12<text:s text:c="2"/><text:span>EUR</text:span><text:line-break/>net')
    )
    assert lines(body) == [
        "Offer",
        "- outer",
        "- inner",
        "Item | Price",
        "Both",
        "Box:",
        "inside",
        "Total\t12  EUR",
        "net",
    ]


def test_tables_in_tables_are_read_once() -> None:
    """A table in a cell is part of its cell; rows that stand in groups are rows of their table."""
    inner = "<table:table><table:table-row><table:table-cell><text:p>inner</text:p></table:table-cell></table:table-row></table:table>"
    cells = f"<table:table-cell><text:p>left</text:p>{inner}</table:table-cell><table:table-cell><text:p>right</text:p></table:table-cell>"
    row = f"<table:table-row>{cells}</table:table-row>"
    table = f"<table:table><table:table-header-rows>{row}</table:table-header-rows><table:table-rows>{row}</table:table-rows></table:table>"
    (leaf,) = opendocument.read(Source(made(table), ReadLimits())).leaves
    assert leaf.text == "left inner | right\nleft inner | right"


def test_a_file_cannot_ask_for_a_billion_blanks() -> None:
    """Counts in a file are bounded: blanks of a run and repeated cells."""
    cells = cell("x", 'table:number-columns-repeated="900000000"')
    assert (
        sum(map(len, lines(p('a<text:s text:c="900000000"/>b') + f"<table:table>{row(cells)}</table:table>")))
        < 10_000
    )


def test_cells_of_a_wide_row_are_kept() -> None:
    """Only what is repeated is bounded: every cell that stands in the file is read, however many there are."""
    (line,) = lines(
        f"<table:table>{row(''.join(cell(f'c{number}') for number in range(1_200)))}</table:table>"
    )
    assert line.split(" | ") == [f"c{number}" for number in range(1_200)]


def test_deleted_and_hidden_text_is_left_out() -> None:
    """What a tracked change deleted, and what a style hides, is not there; insertions are."""
    change = f"<text:changed-region><text:deletion>{p('100')}</text:deletion></text:changed-region>"
    hide = '<style:style style:name="T1"><style:text-properties text:display="none"/></style:style>'
    price = p(
        'Price <text:change text:change-id="1"/>250<text:span text:style-name="T1"> secret</text:span> euros'
    )
    assert lines(f"<text:tracked-changes>{change}</text:tracked-changes>{price}", hide) == ["Price 250 euros"]


def test_notes_stand_at_the_end_of_their_page() -> None:
    """A footnote and a comment are called by number and told below; page breaks make pages."""
    note = "<text:note><text:note-citation>1</text:note-citation><text:note-body><text:p>net of tax</text:p></text:note-body></text:note>"
    comment = "<office:annotation><text:p>check</text:p></office:annotation>"
    style = '<style:style style:name="B"><style:paragraph-properties fo:break-before="page"/></style:style>'
    data = made(
        p(f"Price{note} 12") + p(f"Terms{comment}", "B") + p("Three<text:soft-page-break/>four"), styles=style
    )
    assert [leaf.text for leaf in read(data).leaves] == [
        "Price[1] 12\n[1] net of tax",
        "Terms[2]\nThree\n[2] Comment: check",
        "four",
    ]


def test_header_footer_and_properties() -> None:
    """The header stands first, the footer last, each once; title, author and dates are the file's."""
    master = f"<style:header>{p('Acme BV')}</style:header><style:header>{p('Acme BV')}</style:header>"
    styles = f"{master}<style:footer>{p('Page <text:page-number>1</text:page-number>')}{p('Confidential')}</style:footer>"
    meta = "<office:meta><dc:title>Offer</dc:title><meta:initial-creator>Ana</meta:initial-creator>"
    meta += "<meta:creation-date>2024-03-01T09:00:00.123456789</meta:creation-date></office:meta>"
    content = read(made(p("Body"), meta=meta, masters=styles))
    assert content.leaves[0].text.splitlines() == ["Acme BV", "Body", "Page", "Confidential"]
    assert (content.properties.title, content.properties.author) == ("Offer", "Ana")
    assert content.properties.created_at == datetime(2024, 3, 1, 9, 0, 0, 123456, tzinfo=UTC)


def test_slides_are_pages() -> None:
    """Each slide of a presentation is a page with its notes; a hidden one is flagged."""
    hide = '<style:style style:name="dp2"><style:drawing-page-properties presentation:visibility="hidden"/></style:style>'
    frame = f"<draw:frame><draw:text-box>{p('Sales')}</draw:text-box></draw:frame>"
    notes = f"<presentation:notes><draw:frame><draw:text-box>{p('slowly')}</draw:text-box></draw:frame></presentation:notes>"
    body = f'<draw:page draw:style-name="dp1">{frame}{notes}</draw:page><draw:page draw:style-name="dp2">{frame}</draw:page>'
    content = read(made(body, "presentation", styles=hide))
    assert content.leaves == (PageContent("Sales\nNotes: slowly"), PageContent("Sales", hidden_chars=5))
    assert content.flags == ("hidden_slides",)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (
            zipped({"content.xml": b"<a/>", "META-INF/manifest.xml": b"<m><encryption-data/></m>"}),
            "encrypted",
        ),
        (zipped({"content.xml": b"<a><b></a>"}), "corrupt"),
        (zipped({"content.xml": b"<a/>"}), "corrupt"),
        (zipped({"other.xml": b"<a/>"}), "corrupt"),
    ],
)
def test_what_cannot_be_read_says_why(data: bytes, reason: str) -> None:
    """An encrypted, malformed, bodiless or incomplete file is an error with its reason."""
    with pytest.raises(DocumentError) as caught:
        read(data)
    assert caught.value.reason == reason


def test_struck_words_are_marked() -> None:
    """Words that a style strikes out stand between marks."""
    struck = '<style:style style:name="S"><style:text-properties style:text-line-through-style="solid"/></style:style>'
    body = '<text:p>Price: <text:span text:style-name="S">20.00</text:span> 15.00</text:p>'
    content = opendocument.read(Source(made(body, styles=struck), ReadLimits()))
    assert content.leaves[0].text == "Price: ~~20.00~~ 15.00"
