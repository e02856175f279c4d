"""Word: order, lists, sections, headings, tables and notes: what stands where."""

from __future__ import annotations

import pytest

from octavo.processors.read.content import Content, ReadLimits, Source
from octavo.processors.read.word.document import read
from octavo.schemas.pipeline import Heading
from tests.documents.make import docx, listed, p, table
from tests.documents.word import level, levels, looping_notes, paragraph, run, style, styles


def content(data: bytes) -> Content:
    """What the reader says about a file."""
    return read(Source(data, ReadLimits()))


def pages(data: bytes) -> list[str]:
    """The text of each page."""
    return [leaf.text for leaf in content(data).leaves]


def numbered(definition: tuple[str, str], *body: str) -> list[str]:
    """The lines of a document with list 1 so defined."""
    return pages(docx("".join(body), parts={"numbering.xml": definition}))[0].splitlines()


def test_a_list_of_its_own_start_begins_there_once() -> None:
    """A second list over the same definition begins where it says, and both count on in one counter."""
    other = '<w:num w:numId="2"><w:abstractNumId w:val="1"/><w:lvlOverride w:ilvl="0"><w:startOverride w:val="7"/></w:lvlOverride></w:num>'
    definition = levels(level("decimal", "%1."), rest=other)
    assert numbered(definition, *(listed("x", number) for number in (1, 2, 2, 1))) == [
        "1. x",
        "7. x",
        "8. x",
        "9. x",
    ]


def test_skipped_levels_are_counted_in() -> None:
    """An item below a level that was skipped shows that level's start, and the level goes on from there."""
    definition = levels(level("decimal", "%1."), level("decimal", "%1.%2"), level("decimal", "%1.%2.%3"))
    lines = numbered(definition, listed("a", 1, 0), listed("b", 1, 2), listed("c", 1, 1))
    assert lines == ["1. a", "1.1.1 b", "1.2 c"]


@pytest.mark.parametrize(
    ("restart", "mark"),
    [("", "(1) d"), ('<w:lvlRestart w:val="0"/>', "(2) d")],
)
def test_a_level_restarts_only_where_it_may(restart: str, mark: str) -> None:
    """A level counts anew below the next upper item, unless its definition says never."""
    definition = levels(level("decimal", "%1."), level("decimal", "(%2)", restart))
    assert (
        numbered(definition, listed("a", 1), listed("b", 1, 1), listed("c", 1), listed("d", 1, 1))[-1] == mark
    )


def test_legal_lists_are_printed_in_digits() -> None:
    """A level marked as legal prints its upper levels in digits, whatever their own script."""
    definition = levels(level("upperRoman", "%1."), level("decimal", "%1.%2", "<w:isLgl/>"))
    assert numbered(definition, listed("a", 1), listed("b", 1, 1)) == ["I. a", "1.1 b"]


def test_chinese_articles_are_numbered_as_printed() -> None:
    """Chinese contracts number their articles in characters, with nothing between number and text."""
    definition = levels(level("chineseCountingThousand", "第%1条", '<w:suff w:val="nothing"/>'))
    assert numbered(definition, *(listed("价格", 1) for _ in range(12)))[-1] == "第十二条价格"


def test_empty_items_count() -> None:
    """A numbered paragraph without words is printed with its number, as in the first column of many forms; an empty bullet is not."""
    bullet = '<w:abstractNum w:abstractNumId="2"><w:lvl w:ilvl="0"><w:numFmt w:val="bullet"/></w:lvl></w:abstractNum>'
    definition = levels(
        level("decimal", "%1."), rest=f'{bullet}<w:num w:numId="2"><w:abstractNumId w:val="2"/></w:num>'
    )
    assert numbered(definition, listed("a", 1), listed("", 1), listed("", 2), listed("b", 1)) == [
        "1. a",
        "2.",
        "",
        "3. b",
    ]


def test_styles_carry_lists_and_levels() -> None:
    """A heading is numbered through its style: the list from the style it is based on, the level from the list that names the style."""
    sheet = styles(style("A", '<w:numPr><w:numId w:val="1"/></w:numPr>'), style("B", based_on="A"))
    named = '<w:pStyle w:val="{}"/>'
    definition = levels(
        level("decimal", "%1.", named.format("A")), level("decimal", "%1.%2", named.format("B"))
    )
    body = p("one", named.format("A")) + p("two", named.format("B"))
    assert pages(docx(body, parts={"styles.xml": sheet, "numbering.xml": definition})) == ["1. one\n1.1 two"]


def test_a_list_style_lends_its_levels() -> None:
    """A definition that only names a list style takes the levels of the list that the style names."""
    link = (
        '<w:abstractNum w:abstractNumId="5"><w:numStyleLink w:val="L"/></w:abstractNum>'
        '<w:num w:numId="9"><w:abstractNumId w:val="5"/></w:num>'
    )
    sheet = styles(style("L", '<w:numPr><w:numId w:val="1"/></w:numPr>'))
    definition = levels(level("decimal", "%1)"), rest=link)
    assert pages(docx(listed("a", 9), parts={"styles.xml": sheet, "numbering.xml": definition})) == ["1) a"]


def test_headings_make_the_outline() -> None:
    """Headings by style name, by a level of their own or by inheritance stand in the outline with number and page, and read as lines."""
    sheet = styles(
        style("H", label="heading 2"),
        style("I", based_on="H"),
        style("N", '<w:outlineLvl w:val="9"/>', based_on="H"),
    )
    of = '<w:pStyle w:val="{}"/>'
    body = (
        p("Scope", of.format("H"))
        + p("plain", of.format("N"))
        + p("Terms", of.format("I") + "<w:pageBreakBefore/>")
    )
    found = content(docx(body + p("Annex", '<w:outlineLvl w:val="0"/>'), parts={"styles.xml": sheet}))
    assert found.properties.outline == (
        Heading(2, "Scope", 1),
        Heading(2, "Terms", 2),
        Heading(1, "Annex", 2),
    )
    assert [leaf.text for leaf in found.leaves] == ["Scope\nplain", "Terms\nAnnex"]


@pytest.mark.parametrize(
    ("kind", "count"), [("", 2), ('<w:type w:val="oddPage"/>', 2), ('<w:type w:val="continuous"/>', 1)]
)
def test_sections_make_pages(kind: str, count: int) -> None:
    """A section begins a new page, unless it says that it flows on; its own end says so."""
    body = p("one", "<w:sectPr/>") + p("two") + f"<w:sectPr>{kind}</w:sectPr>"
    assert len(pages(docx(body))) == count


def test_a_style_can_break_the_page() -> None:
    """A style that begins a page does so for each of its paragraphs, unless one says that it does not."""
    sheet = styles(style("C", "<w:pageBreakBefore/>"))
    use = '<w:pStyle w:val="C"/>'
    body = p("one") + p("two", use) + p("three", use + '<w:pageBreakBefore w:val="0"/>')
    assert pages(docx(body, parts={"styles.xml": sheet})) == ["one", "two\nthree"]


def test_only_headers_that_are_printed_are_read() -> None:
    """Of all headers in the file those come that a section shows; one for the first page only where the section has such a page."""
    parts = {
        f"{name}.xml": ("header", f"<w:hdr>{p(name)}</w:hdr>") for name in ("usual", "first", "even", "stale")
    }
    shown = {"default": "usual", "first": "first", "even": "even"}
    links = "".join(f'<w:headerReference w:type="{kind}" r:id="{name}.xml"/>' for kind, name in shown.items())
    assert pages(docx(p("x") + f"<w:sectPr>{links}</w:sectPr>", parts=parts)) == ["usual\nx"]
    both = parts | {"settings.xml": ("settings", "<w:settings><w:evenAndOddHeaders/></w:settings>")}
    assert pages(docx(p("x") + f"<w:sectPr><w:titlePg/>{links}</w:sectPr>", parts=both)) == [
        "usual\nfirst\neven\nx"
    ]


def test_merged_cells_keep_their_columns() -> None:
    """A cell over several columns has its text once and leaves the others empty; so do columns that a row leaves out at its start."""
    span = '<w:tcPr><w:gridSpan w:val="2"/></w:tcPr>' + p("wide")
    late = (
        '<w:tr><w:trPr><w:gridBefore w:val="2"/></w:trPr><w:tc>'
        + p("late")
        + "</w:tc><w:tc>"
        + p("x")
        + "</w:tc></w:tr>"
    )
    body = table([span, "c"], ["a", "b", "c"]).replace("</w:tbl>", late + "</w:tbl>")
    assert pages(docx(body)) == ["wide |  | c\na | b | c\n |  | late | x"]


def test_layout_tables_keep_their_lines() -> None:
    """A table that only lays out a page (one cell a row, or cells full of paragraphs) keeps the lines of its cells."""
    full = "<w:tcPr/>" + "".join(p(f"line {number}") for number in range(9))
    assert pages(docx(table(["<w:tcPr/>" + p("a") + table(["1", "2"]) + p("b")])))[0].splitlines() == [
        "a",
        "1 | 2",
        "b",
    ]
    assert pages(docx(table([full, "right"])))[0].splitlines() == [
        *(f"line {number}" for number in range(9)),
        "right",
    ]


def test_notes_have_numbers_of_their_own() -> None:
    """Footnotes, endnotes and comments are counted apart; each text stands below the page that calls it first, with its lines."""

    def call(kind: str, number: int) -> str:
        return f'<w:r><w:{kind}Reference w:id="{number}"/></w:r>'

    parts = {
        "f.xml": (
            "footnotes",
            f'<w:footnotes><w:footnote w:id="2">{p("foot")}{table(["a", "b"])}</w:footnote></w:footnotes>',
        ),
        "e.xml": ("endnotes", f'<w:endnotes><w:endnote w:id="2">{p("end")}</w:endnote></w:endnotes>'),
        "c.xml": (
            "comments",
            f'<w:comments><w:comment w:id="2" w:author="Jo">{p("why?")}</w:comment></w:comments>',
        ),
    }
    body = paragraph(run("x"), call("comment", 2), call("endnote", 2), call("footnote", 2)) + p(
        "next", "<w:pageBreakBefore/>"
    )
    assert pages(docx(body, parts=parts)) == [
        "x[c1][i][1]\n\n[c1] Comment by Jo: why?\n[i] end\n[1] foot\na | b",
        "next",
    ]


def test_a_note_that_calls_itself_ends() -> None:
    """A note is read once, however often it is called and by whom."""
    assert pages(looping_notes()) == ["a[1]b[1]\n[1] around[1]"]
