"""Web pages: what a reader sees, where it says so, and what is hidden from them."""

from __future__ import annotations

import pytest

from octavo.processors.read import html
from octavo.processors.read.content import Content, ReadLimits, Source


def read(markup: str, encoding: str = "utf-8") -> Content:
    """What the reader makes of it."""
    return html.read(Source(markup.encode(encoding), ReadLimits()))


@pytest.mark.parametrize(
    "hidden",
    [
        '<p style="color: red; display:none">secret</p>',
        "<div hidden><p>sec<b>ret</b></div>",
        '<ul STYLE="Display : None"><li>secret</ul>',
    ],
)
def test_hidden_text_is_left_out_counted_and_flagged(hidden: str) -> None:
    """What an element hides by its own attributes is not in the text; how much it is stands in the row."""
    content = read(f"<p>seen</p>{hidden}<p>too</p>")
    assert [leaf.text for leaf in content.leaves] == ["seen\ntoo"]
    assert content.flags == ("hidden_text",)
    assert content.detail.startswith("6 characters")


def test_scripts_are_not_hidden_text() -> None:
    """What is never text, such as scripts and styles, is neither read nor counted."""
    content = read("<style>p {}</style><p>seen<script>track()</script><template>x</template>")
    assert ([leaf.text for leaf in content.leaves], content.flags, content.detail) == (["seen"], (), "")


@pytest.mark.parametrize(
    ("link", "words"),
    [
        ('<a href="mailto:ana@example.com?subject=Hi">Ana</a>', "Ana"),
        ('<a href="mailto:ana@example.com">Ana</a>', "Ana <ana@example.com>"),
        ('<a href="tel:+31301234567">Call us</a>', "Call us <+31301234567>"),
        ('<a href="mailto:ana@example.com">ana@example.com</a>', "ana@example.com"),
        ('<a href="https://www.example.com/">example.com</a>', "example.com"),
        ('<a href="https://example.com/terms">Terms</a>', "Terms <https://example.com/terms>"),
        ('<a href="https://example.com/?track=1">Shop</a>', "Shop"),
        (f'<a href="https://example.com/{"x" * 90}">Shop</a>', "Shop"),
        ('<a href="/terms">Terms</a> <a name="x">here</a> <a href="#top">top</a>', "Terms here top"),
    ],
)
def test_links_say_where_they_lead(link: str, words: str) -> None:
    """An address or number that the words of a link keep to themselves stands behind them; what only machines use does not."""
    assert html.plain(link) == words


def test_title_and_author_are_properties() -> None:
    """Title and author of the head are columns; they may have line breaks in the file."""
    found = read('<title>Price\n list</title><META NAME="Author" content="Ana  Muñoz"><p>x').properties
    assert (found.title, found.author) == ("Price list", "Ana Muñoz")


@pytest.mark.parametrize(
    ("head", "encoding"),
    [
        ('<meta charset="windows-1251">', "cp1251"),
        ("<meta http-equiv='Content-Type' content='text/html; charset=Shift_JIS'>", "cp932"),
        ('<?xml version="1.0" encoding="iso-8859-2"?>', "iso-8859-2"),
        ('<meta charset="utf-8">', "utf-8-sig"),
        ('<meta charset="utf-8">', "utf-16"),
        ('<meta charset="gb2312">', "gb18030"),
        ('<meta charset="no-such">', "utf-8"),
    ],
)
def test_every_way_to_name_an_encoding(head: str, encoding: str) -> None:
    """Meta elements of both kinds, an XML declaration and byte order marks are believed where they fit."""
    words = {"cp1251": "Счёт", "cp932": "請求書", "gb18030": "發票 合同", "iso-8859-2": "žluťoučký"}.get(
        encoding, "café"
    )
    assert (
        read(f"{head}<html><body><p>{words} 12</p></body></html>", encoding).leaves[0].text == f"{words} 12"
    )


def test_deep_hidden_nests_are_read() -> None:
    """Twenty thousand nested hidden elements, and as many in a link, are no reason to fail."""
    markup = "<div hidden>" * 20_000 + "deep" + "</div>" * 20_000 + '<a href="tel:1">' + "<b>" * 20_000 + "x"
    assert html.plain(markup) == "x <1>"


def test_long_pages_are_cut_like_text() -> None:
    """A web page of a hundred printed pages has as many, so that a value can be found in it."""
    content = read("".join(f"<p>{'word ' * 100}number {number}</p>" for number in range(300)))
    assert len(content.leaves) > 20
    assert sum(leaf.text.count("number") for leaf in content.leaves) == 300


def test_what_lies_too_deep_loses_its_tags_and_says_so() -> None:
    """Elements deeper than the parser can bear are read without their tags, which the row says; wide pages stay as they are."""
    deep = read("<div>" * 10_002 + "core<script>no()</script>" + "</div>" * 10_002 + "<ul><li>end</ul>")
    assert deep.leaves[0].text == "core\n- end"
    assert "more than 10,000 deep" in deep.detail
    assert read("<a name=x>" * 10_100 + "<table><tr><td>1<td>2</table>").leaves[0].text == "1 | 2"
    assert (
        html.flattened("<a" * 200_000) == "<a" * 200_000
    )  # seconds grow with the length, not with its square
    wide = "<div><span>a</span><p>b<br></div>" * 6_000 + "<table>" + "<tr><td>c<td>d" * 6_000 + "</table>"
    assert html.flattened(wide) == wide


@pytest.mark.parametrize(
    ("rows", "lines"),
    [
        ("<tr><td rowspan=2>Rent<td>40<td>900<tr><td>50<td>60", "Rent | 40 | 900\n| 50 | 60"),
        ("<tr><td colspan=2>Total<td>12<tr><td>a<td><td>3", "Total |  | 12\na |  | 3"),
        ("<tr><td rowspan=2 colspan=2>x<td>y<tr><td>z<tr><td>a<td>b<td>c", "x |  | y\n|  | z\na | b | c"),
        ("<tr><td>1<td rowspan=0>2<td>3<tr><td>4<td>5<tr><td>6<td>7", "1 | 2 | 3\n4 |  | 5\n6 |  | 7"),
        ("<tr><td rowspan=2>x<td><table><tr><td>i<td>j</table><tr><td>z", "x |\ni | j\n| z"),
        ("<tr><td>a<td hidden>b<td>c", "a | c"),
        ("<thead><tr><th rowspan=2>x<th>y<tbody><tr><td>z", "x | y\nz"),
    ],
)
def test_cells_stand_in_their_columns(rows: str, lines: str) -> None:
    """A cell that takes several columns or rows has its words once, and the cells beside and below it stand in their own columns."""
    assert html.plain(f"<table>{rows}</table>") == lines


@pytest.mark.parametrize(
    "markup",
    [
        "<s>20.00 EUR</s>",
        "<del>20.00 <b>EUR</b></del>",
        "<span style='color: red; text-decoration: line-through'> 20.00 EUR</span>",
        "<strike>20.00</strike><strike> EUR</strike>",
    ],
)
def test_struck_words_are_marked(markup: str) -> None:
    """A price that is struck out does not look like one that holds."""
    assert html.plain(f"<p>Price: {markup} 15.00 EUR") == "Price: ~~20.00 EUR~~ 15.00 EUR"


def test_a_page_that_names_no_charset_may_be_in_doubt() -> None:
    """A page whose letters fit two encodings says so, as a text does."""
    assert html.read(Source(b"<p>Dr. X\xc6Y 12", ReadLimits())).flags == ("uncertain_encoding",)
