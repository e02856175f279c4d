"""Pictures, HTML, mail and plain text, and how their types are told apart."""

from __future__ import annotations

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from octavo.processors.read import html, image, mail, text
from octavo.processors.read.content import PageContent, ReadLimits, Source, clean
from octavo.processors.read.kinds import DOCX, media_type
from octavo.schemas.errors import DocumentError
from tests.documents import hostile, make

DOCUMENTS = make.documents()


def source(data: bytes, **limits: int) -> Source:
    """A source with the usual limits but these."""
    return Source(data, ReadLimits(**limits))


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("invoice.pdf", "application/pdf"),
        ("contract.docx", DOCX),
        ("strict.docx", DOCX),
        ("palette.png", "image/png"),
        ("sideways.jpg", "image/jpeg"),
        ("fax.tiff", "image/tiff"),
        ("order.eml", "message/rfc822"),
        ("prices.html", "text/html"),
        ("hetong.txt", "text/plain"),
    ],
)
def test_type_is_told_by_content(name: str, kind: str) -> None:
    """The bytes alone tell the type, without the help of a name."""
    assert media_type(DOCUMENTS[name]) == kind


def test_only_plain_text_listens_to_its_name() -> None:
    """Markdown and CSV look like any text, so there the name decides; a PDF named .md stays a PDF."""
    assert media_type(b"# a", b"a.md") == "text/markdown"
    assert media_type(b"a;b", b"a.CSV") == "text/csv"
    assert media_type(DOCUMENTS["invoice.pdf"], b"a.md") == "application/pdf"


def test_damaged_office_file_keeps_its_type() -> None:
    """A docx whose directory is cut off is a damaged docx, not an unknown file."""
    assert media_type(hostile.without_directory(DOCUMENTS["contract.docx"])) == DOCX


@given(st.binary(max_size=300))
def test_any_bytes_have_a_type(data: bytes) -> None:
    """No sequence of bytes makes the choice of a type fail."""
    assert media_type(data)


@given(st.text(max_size=300))
def test_clean_text_holds_everywhere(words: str) -> None:
    """Cleaned text has no control, no lone surrogate and no other line end than a newline, and cleaning it again changes nothing."""
    cleaned = clean(words)
    assert not any(character in cleaned for character in "\x00\x1b\r\x0b\x0c\u2028")
    cleaned.encode("utf-8")
    assert clean(cleaned) == cleaned


@pytest.mark.parametrize(
    ("words", "encoding"),
    [
        ("合同编号：HT-2024-001\n甲方：北京示例科技有限公司", "gb18030"),
        ("發票號碼：AB-12345678\n日期：113年03月15日", "big5"),
        ("請求書番号：2024-001\n合計 12,345円です", "cp932"),
        ("請求書番号：2024-001\n合計は12,345円です", "euc_jp"),
        ("청구서 번호: 2024-001 합계 금액 만이천삼백사십오 원", "euc_kr"),
        ("Счёт номер 12 от 5 мая, сумма 1200 рублей", "cp1251"),
        ("Rechnung für fünf Türen, Größe 12, zahlbar in zehn Tagen ohne Abzug", "cp1252"),
        ("Invoice 7", "utf-16"),
        ("Invoice 7", "utf-16-le"),
        ("Invoice 7", "utf-32"),
        ("Naïve café", "utf-8-sig"),
    ],
)
def test_encodings_are_recognised(words: str, encoding: str) -> None:
    """Text comes out as it was written, whatever encoding its author's machine used."""
    assert text.decode(words.encode(encoding)) == words


@pytest.mark.parametrize(
    ("words", "encoding", "told"),
    [
        ("Naïve café", "utf-8", False),
        ("Naïve café", "utf-8-sig", False),
        ("Invoice 7", "utf-16", False),
        ("Invoice 7", "utf-16-le", True),
        ("合同编号：HT-2024-001 甲方：北京示例科技有限公司", "gb18030", True),
        ("Rechnung für fünf Türen, Größe 12, zahlbar in zehn Tagen ohne Abzug", "cp1252", True),
    ],
)
def test_a_guessed_encoding_is_told(words: str, encoding: str, *, told: bool) -> None:
    """An encoding that the bytes do not prove stands in the row; one with a mark, and UTF-8, need no word."""
    detail = text.read(source(words.encode(encoding))).detail
    assert ("was read as" in detail) is told
    assert told or not detail


@pytest.mark.parametrize(
    "damage", [b"\xff", b"\xed\xa0\x80", b"\xc3"], ids=["no byte of UTF-8", "half a pair", "half a character"]
)
def test_damage_in_a_place_costs_only_that_place(damage: bytes) -> None:
    """UTF-8 with a few wrong bytes is read as UTF-8, which is told; the other characters are right."""
    found = text.decoded("Größe für Äpfel".encode() + damage + " über Öl".encode())
    assert clean(found.text).replace("\ufffd", "") == "Größe für Äpfel über Öl"
    assert "damaged" in found.note


def test_short_text_is_one_page_and_long_text_is_cut_at_edges() -> None:
    """Up to 12,000 characters stay whole; longer text is cut behind a blank line, in pages of about 4,000 characters."""
    paragraph = "word " * 100 + "end.\n\n"
    assert len(text.read(source((paragraph * 20).encode())).leaves) == 1
    pages = text.read(source((paragraph * 100).encode())).leaves
    assert all(page.text.endswith("end.") and len(page.text) <= 6000 for page in pages)
    assert len(pages) >= 100 * len(paragraph) // 6000


@given(st.text(alphabet="ab \n。", min_size=1, max_size=40), st.integers(12_001, 30_000))
def test_cutting_loses_nothing(words: str, length: int) -> None:
    """The pages of a long text, put together, are the text, and none is much longer than the others."""
    long_text = (words * length)[:length]
    pages = list(text.split(long_text))
    assert "".join(pages) == long_text
    assert max(map(len, pages)) <= 6_000


def test_form_feeds_make_pages() -> None:
    """A text with form feeds has its own pages."""
    assert text.read(source(b"one\ftwo\f")).leaves == (PageContent("one"), PageContent("two"))


def test_html_reads_as_it_looks() -> None:
    """Title first, a table row on one line, lists marked; script, style and hidden paragraphs are not there."""
    (leaf,) = html.read(source(DOCUMENTS["prices.html"])).leaves
    assert (
        leaf.text
        == "Price list\nPrices of café chairs\nChair | Price\nOak | 120.00\n- Delivery free\nValid to\n31 May"
    )


def test_layout_tables_keep_their_lines() -> None:
    """A table that only holds another table does not press it into one line."""
    assert (
        html.plain("<table><tr><td><table><tr><td>a<td>b<tr><td>c<td>d</table></td></tr></table>")
        == "a | b\nc | d"
    )


def test_deep_html_is_read() -> None:
    """Twenty thousand nested elements are no reason to fail."""
    assert html.plain("<div>" * 20_000 + "deep") == "deep"


@given(st.text(alphabet="<>/divtablerp abc&;\"'=!-", max_size=200))
def test_any_markup_is_read(markup: str) -> None:
    """No markup makes the reader raise or run for ever."""
    assert isinstance(html.plain(markup), str)


ALTERNATIVES = (("html", b"<p>page <b>12</b></p>"), ("plain", b"plain 12"), ("plain", b" "))


def test_mail_reads_once() -> None:
    """Decoded headers, the body once although it comes in two forms, and the attachment by its name."""
    content = mail.read(source(DOCUMENTS["order.eml"]))
    assert content.leaves == (
        PageContent(
            "From: Ana Muñoz <ana@example.com>\nTo: Bob <bob@example.com>\nDate: Mon, 04 Mar 2024 10:00:00 +0100\nSubject: Order 5512\n\n"
            "Please send 12 chairs.\n\nAttachments: order.pdf",
        ),
    )
    assert [file.name for file in content.inner] == ["order.pdf"]


def test_of_alternatives_the_plain_one_is_read_wherever_it_stands() -> None:
    """The plain text of a mail is read though its HTML comes first; a plain text that says nothing gives way to it."""
    head = b"From: a@example.com\nSubject: Hi\nMIME-Version: 1.0\nContent-Type: multipart/alternative; boundary=x\n\n"
    page, words, silence = (
        f"--x\nContent-Type: text/{kind}\n\n".encode() + said for kind, said in ALTERNATIVES
    )
    for parts, said in (
        ([page, words], "plain 12"),
        ([words, page], "plain 12"),
        ([silence, page], "page 12"),
    ):
        assert (
            mail.read(source(head + b"\n".join([*parts, b"--x--"]))).leaves[0].text.rpartition("\n")[2]
            == said
        )


def test_html_mail_is_read_as_html() -> None:
    """A mail that has only an HTML body gives its visible text."""
    data = b"From: a@example.com\r\nSubject: Hi\r\nContent-Type: text/html\r\n\r\n<p>Total <b>12</b></p>"
    assert mail.read(source(data)).leaves[0].text.endswith("Total 12")


@given(st.binary(max_size=300))
def test_any_mail_is_read_or_said_to_be_cut_off(tail: bytes) -> None:
    """Malformed mails are read as far as they go; one that is cut off before it says anything is an error, and not empty."""
    head = b"From: a\nSubject: b\nMIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=x\n"
    try:
        assert mail.read(source(head + tail)).leaves
    except DocumentError as error:
        assert error.reason == "corrupt"  # noqa: PT017 - either is right


def test_every_frame_of_a_tiff_is_a_page() -> None:
    """A fax of two frames has two pages, each with the size of its picture."""
    assert image.read(source(DOCUMENTS["fax.tiff"])).leaves == (
        PageContent("", (800, 500)),
        PageContent("", (800, 500)),
    )


@pytest.mark.parametrize(
    ("limits", "reason"), [({"max_pixels": 1000}, "too_large"), ({"max_pages": 1}, "too_many_pages")]
)
def test_picture_limits_come_before_pixels(limits: dict[str, int], reason: str) -> None:
    """Size and frames are checked from the header."""
    with pytest.raises(DocumentError) as caught:
        image.read(source(DOCUMENTS["fax.tiff"], **limits))
    assert caught.value.reason == reason


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "I;16"])
def test_every_mode_becomes_rgb(mode: str) -> None:
    """White paper with black print stays that in every colour mode, also where it is see-through."""
    paper = Image.new("I;16", (80, 50), 65535) if mode == "I;16" else make.paper([], (80, 50)).convert(mode)
    paper.paste(
        0 if mode in {"1", "L", "P", "I;16"} else Image.new("RGB", (40, 50), "black").convert(mode),
        (0, 0, 40, 50),
    )
    with io.BytesIO() as file:
        paper.save(file, "TIFF")
        jpeg = image.render(source(file.getvalue()), [1])[1]
    picture = Image.open(io.BytesIO(jpeg)).convert("L")
    assert make.grey(picture, (5, 25)) < 60
    assert make.grey(picture, (75, 25)) > 200
