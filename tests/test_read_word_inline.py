"""Word: what stands in a paragraph besides plain runs: fields, links, controls, symbols, hidden and changed text."""

from __future__ import annotations

import pytest

from octavo.processors.read.content import Content, ReadLimits, Source
from octavo.processors.read.word.document import read
from tests.documents.make import STAMP, docx, p, table
from tests.documents.word import complex_field, paragraph, run, style, styles, unclosed_fields, with_files


def content(data: bytes) -> Content:
    """What the reader says about a file."""
    return read(Source(data, ReadLimits()))


def text(*inner: str) -> str:
    """The text of a document with one paragraph of these runs."""
    return content(docx(paragraph(*inner))).leaves[0].text


def test_deletions_are_left_out_and_counted() -> None:
    """Deleted runs, rows and what was moved away are left out; insertions are taken; the document says how many, and that text remains."""
    body = paragraph(
        run("The price is "),
        f"<w:ins>{run('250')}</w:ins>",
        "<w:del><w:r><w:delText>1,900</w:delText></w:r></w:del>",
        f"<w:moveFrom>{run('old place')}</w:moveFrom><w:moveTo>{run(' net')}</w:moveTo>",
    )
    row = f"<w:tr><w:trPr><w:del/></w:trPr><w:tc>{p('gone')}</w:tc></w:tr>"
    found = content(docx(body + table(["a", "b"]).replace("</w:tbl>", row + "</w:tbl>")))
    assert found.leaves[0].text == "The price is 250 net\na | b"
    assert found.flags == ("tracked_changes", "deleted_text")
    assert "1 insertions (taken), 2 deletions (left out), 1 moves" in found.detail
    assert "9 deleted characters" in found.detail


def test_a_deleted_end_of_paragraph_joins_two() -> None:
    """A paragraph whose end was deleted runs on in the next, as it will be printed; one at the very end is not lost."""
    body = p("one ", "<w:rPr><w:del/></w:rPr>") + p("two") + p("three", "<w:rPr><w:del/></w:rPr>")
    assert content(docx(body)).leaves[0].text == "one two\nthree"


@pytest.mark.parametrize(
    "properties",
    ["<w:vanish/>", '<w:sz w:val="2"/>', '<w:rStyle w:val="ghost"/>'],
)
def test_hidden_text_is_kept_counted_and_flagged(properties: str) -> None:
    """Text that nobody sees on the page is read, since it is in the file, and its characters are counted and named."""
    sheet = styles(style("ghost", runs="<w:vanish/>"))
    body = paragraph(run("seen "), run("unseen", properties), run("!", '<w:vanish w:val="0"/>'))
    found = content(docx(body + p("more"), parts={"styles.xml": sheet}))
    assert (found.leaves[0].text, found.leaves[0].hidden_chars, found.flags) == (
        "seen unseen!\nmore",
        6,
        ("hidden_text",),
    )
    assert "6 characters" in found.detail


def test_a_hidden_style_hides_its_paragraphs() -> None:
    """A paragraph style that hides counts like hidden runs."""
    sheet = styles(style("ghost", runs="<w:vanish/>"))
    assert (
        content(docx(p("unseen", '<w:pStyle w:val="ghost"/>'), parts={"styles.xml": sheet}))
        .leaves[0]
        .hidden_chars
        == 6
    )


def test_fields_give_results_and_no_instructions() -> None:
    """Of a field its result is read, also when a field stands in the instruction of another."""
    inner = complex_field(" MERGEFIELD x ", run("inner"))
    assert text(run("Page "), complex_field(" PAGE ", run("7"))) == "Page 7"
    separator = '<w:r><w:fldChar w:fldCharType="separate">'
    nested = complex_field(" IF ", run("outer")).replace(separator, inner + separator, 1)
    assert text(nested) == "outer"
    assert text(f'<w:fldSimple w:instr="AUTHOR">{run("Jo")}</w:fldSimple>') == "Jo"
    assert text(complex_field(" MACROBUTTON None [type here]", None)) == "[type here]"


def test_broken_fields_lose_no_text() -> None:
    """Fields that never end mute nothing beyond their paragraph."""
    assert content(unclosed_fields(50)).leaves[0].text.splitlines()[-1] == "after all"


def test_links_say_where_they_lead() -> None:
    """The address of a link follows its words once, after the last piece, and only where it says more than they do."""
    link = '<w:hyperlink r:id="{}">{}</w:hyperlink>'
    body = paragraph(
        link.format("a", run("our ")), link.format("a", run("site")), run(", "), link.format("b", run("jo@example.com")), run(" "),
        link.format("c", run("x")),
    )  # fmt: skip
    outside = {"a": "https://example.com/x", "b": "mailto:jo@example.com", "c": "file:///etc/passwd"}
    found = (
        content(with_files(docx(body + paragraph(link.format("a", run("again")))), {}, outside=outside))
        .leaves[0]
        .text
    )
    assert found == "our site <https://example.com/x>, jo@example.com x\nagain"
    assert (
        text(complex_field(' HYPERLINK "https://example.com/y" ', run("there")))
        == "there <https://example.com/y>"
    )


def test_check_boxes_show_their_state() -> None:
    """Check boxes of content controls and of old forms are written alike, whatever sign the file draws."""
    state = '<w:sdtPr><w:checkbox><w:checked w:val="{}"/></w:checkbox></w:sdtPr>'
    box = f"<w:sdt>{state}<w:sdtContent>{run('*')}</w:sdtContent></w:sdt>"
    assert text(box.format(1), run(" yes "), box.format(0), run(" no")) == "[x] yes [ ] no"
    old = "<w:ffData><w:checkBox>{}</w:checkBox></w:ffData>"
    assert text(complex_field(" FORMCHECKBOX ", None, old.format('<w:default w:val="1"/>'))) == "[x]"
    assert (
        text(
            complex_field(" FORMCHECKBOX ", None, old.format('<w:default w:val="1"/><w:checked w:val="0"/>'))
        )
        == "[ ]"
    )


def test_lists_to_choose_from_show_the_choice() -> None:
    """A drop-down list is read as what was chosen, in content controls and old forms, and never as its entries."""
    entries = "".join(
        f'<w:listItem w:displayText="{word}" w:value="{value}"/>'
        for word, value in (("Red", "r"), ("Blue", "b"))
    )
    choices = f'<w:sdtPr><w:dropDownList w:lastValue="b">{entries}</w:dropDownList></w:sdtPr>'
    control = f"<w:sdt>{choices}<w:sdtContent>{{}}</w:sdtContent></w:sdt>"
    assert text(control.format(run("Red"))) == "Red"
    assert text(control.format("")) == "Blue"
    old = '<w:ffData><w:ddList><w:result w:val="1"/><w:listEntry w:val="Red"/><w:listEntry w:val="Blue"/></w:ddList></w:ffData>'
    assert text(complex_field(" FORMDROPDOWN ", None, old)) == "Blue"


def test_symbols_are_translated() -> None:
    """Characters of symbol fonts become the letters that they look like; unknown ones stay."""
    symbol = '<w:r><w:sym w:font="{}" w:char="{}"/></w:r>'
    assert (
        text(
            symbol.format("Symbol", "F061"),
            symbol.format("Wingdings", "F0FE"),
            symbol.format("Wingdings 2", "F052"),
        )
        == "α☑☑"
    )
    assert text(symbol.format("Mine", "0041"), symbol.format("Mine", "zz")) == "A"


def test_hyphens_and_readings() -> None:
    """A hyphen that may not break is a hyphen, one that may appear at a line's end is nothing; a reading follows its characters."""
    ruby = f"<w:r><w:ruby><w:rt>{run('kanji')}</w:rt><w:rubyBase>{run('漢字')}</w:rubyBase></w:ruby></w:r>"
    assert (
        text(run("a"), "<w:r><w:noBreakHyphen/><w:t>b</w:t><w:softHyphen/><w:t>c</w:t></w:r>", ruby)
        == "a-bc漢字(kanji)"
    )


def test_what_is_written_twice_is_read_once() -> None:
    """The older form of a text box is skipped; a file that has only the older form loses nothing."""
    assert content(docx(STAMP)).leaves[0].text == "Draft stamp"
    older = f"<Fallback><w:txbxContent>{p('Old stamp')}</w:txbxContent></Fallback>"
    only = f"<w:p><w:r><AlternateContent>{older}</AlternateContent></w:r></w:p>"
    assert content(docx(only)).leaves[0].text == "Old stamp"


@pytest.mark.parametrize("way", ["strike", "dstrike"])
def test_struck_words_are_marked(way: str) -> None:
    """A price that is struck out does not look like one that holds, however many runs it is in."""
    old = f'<w:r><w:rPr><w:{way}/></w:rPr><w:t xml:space="preserve">20.00 </w:t></w:r><w:r><w:rPr><w:{way}/></w:rPr><w:t>EUR</w:t></w:r>'
    plain = f'<w:r><w:rPr><w:{way} w:val="false"/></w:rPr><w:t xml:space="preserve"> 15.00 EUR</w:t></w:r>'
    assert text(old, plain) == "~~20.00 EUR~~ 15.00 EUR"


def test_placeholders_are_no_text() -> None:
    """A control that nobody has filled says what to write there, which is not what the document says; a filled one is read."""
    control = "<w:sdt><w:sdtPr>{}</w:sdtPr><w:sdtContent>{}</w:sdtContent></w:sdt>"
    empty = control.format("<w:showingPlcHdr/>", run("Click to enter a name"))
    filled = control.format("", run("Ana"))
    assert text(run("By: "), empty, filled) == "By: Ana"
    block = control.format("<w:showingPlcHdr/>", p("Choose a date"))
    assert content(docx(p("Order") + block)).leaves[0].text == "Order"
