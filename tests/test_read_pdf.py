"""PDF: text, pictures and fields, page by page."""

from __future__ import annotations

import io

import pikepdf
import pytest
from PIL import Image

from octavo.processors.read.content import PageContent, ReadLimits, Source
from octavo.processors.read.pdf.pages import read, render
from octavo.schemas.errors import DocumentError
from tests.documents import hostile, make

DOCUMENTS = make.documents()


def leaves(data: bytes) -> tuple[PageContent, ...]:
    """The leaves of a PDF."""
    return read(Source(data, ReadLimits())).leaves


def test_text_comes_page_by_page_in_lines() -> None:
    """Each page has its own text with its lines, and needs no picture."""
    assert leaves(DOCUMENTS["invoice.pdf"]) == (
        PageContent("Invoice 2024-117\nAcme BV, Utrecht\nTotal 1,234.50 EUR"),
        PageContent("Terms: 30 days net"),
    )


def test_form_values_stand_under_a_heading_on_their_page() -> None:
    """What was typed into fields is no part of the page's text and is appended where the fields are."""
    (leaf,) = leaves(DOCUMENTS["form.pdf"])
    assert leaf.text == "Application\nForm fields:\napplicant: Jane Roe\nagreed: Yes"


def test_each_page_decides_for_itself() -> None:
    """A text page needs no picture, a scan does, a scan with a mere stamp as text does too, a blank page has neither."""
    text, scan, stamped, blank = leaves(DOCUMENTS["mixed.pdf"])
    assert (text.text, text.image_px) == ("Cover letter of the year 2024", None)
    assert (scan.text, scan.image_px) == ("", (1241, 1754))
    assert (stamped.text, stamped.image_px) == ("Received 11/30/2011", (1241, 1754))
    assert blank == PageContent("")


@pytest.mark.parametrize("paper", [Image.new("RGB", (800, 1000), "white"), Image.new("L", (800, 1000), 240)])
def test_blank_sheets_are_no_scans(paper: Image.Image) -> None:
    """A page under a JPEG of nothing is blank, however it is packed; the same page with something on it is to be looked at."""
    written = Image.merge(paper.mode, [Image.effect_noise(paper.size, 90)] * len(paper.mode))
    files = [io.BytesIO(), io.BytesIO()]
    for picture, file in zip((paper, written), files, strict=True):
        picture.save(file, "PDF")
    blank, scan = (leaves(file.getvalue())[0] for file in files)
    assert (blank.image_px is None, scan.image_px is None) == (True, False)


def test_drawn_letters_need_a_picture() -> None:
    """A page whose words are drawn as curves has no text, and is not taken for blank."""
    (leaf,) = leaves(make.pdf(lambda canvas: canvas.rect(100, 100, 200, 50, fill=1)))
    assert (leaf.text, leaf.image_px) == ("", (1241, 1754))


def test_text_of_private_characters_needs_a_picture() -> None:
    """A font without a way back to Unicode yields private characters: the page has to be seen."""
    mapping = b"begincmap\n1 begincodespacerange <00> <FF> endcodespacerange\n1 beginbfrange <20> <7E> <E020> endbfrange\nendcmap"
    data = hostile.raw_pdf(
        "<< /Type /Catalog /Pages 2 0 R >>",
        "<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 300 300] /Contents 4 0 R /Resources << /Font << /F 5 0 R >> >> >>",
        hostile.stream(b"BT /F 20 Tf 20 150 Td (Total 1200) Tj ET"),
        "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /ToUnicode 6 0 R >>",
        hostile.stream(mapping),
    )
    (leaf,) = leaves(data)
    assert leaf.image_px is not None


@pytest.mark.parametrize("damage", ["tail", "xref"])
def test_damage_is_repaired_and_told(damage: str) -> None:
    """A PDF without its tail or with a wrong cross-reference is read whole; what was repaired stands in the detail."""
    data = DOCUMENTS["invoice.pdf"]
    broken = (
        data[:-200]
        if damage == "tail"
        else data.replace(b"startxref", b"startxxxx").replace(b"xref\n", b"xxxx\n")
    )
    content = read(Source(broken, ReadLimits()))
    assert [leaf.text for leaf in content.leaves] == [leaf.text for leaf in leaves(data)]


def test_empty_user_password_opens() -> None:
    """A PDF that only its owner's password protects is read without one."""
    with pikepdf.open(io.BytesIO(DOCUMENTS["invoice.pdf"])) as document, io.BytesIO() as file:
        document.save(file, encryption=pikepdf.Encryption(owner="owner", user=""))
        assert leaves(file.getvalue())[1].text == "Terms: 30 days net"


def test_password_is_asked_for() -> None:
    """A locked PDF is `encrypted`, and the sentence says what to do."""
    with pytest.raises(DocumentError, match="password") as caught:
        leaves(hostile.locked_pdf("x"))
    assert caught.value.reason == "encrypted"


def test_render_leaves_out_what_is_no_page() -> None:
    """Pages that do not exist have no picture and raise nothing."""
    assert set(render(Source(DOCUMENTS["mixed.pdf"], ReadLimits()), [0, 2, 9])) == {2}


def test_words_broken_at_a_line_end_are_whole() -> None:
    """PDFium's mark for a hyphen at a line end never reaches the text."""
    data = make.pdf(
        lambda canvas: [
            canvas.drawString(72, 760 - 20 * n, line)
            for n, line in enumerate(["the com-", "pile time", "X-", "12"])
        ]
    )
    assert "\ufffe" not in leaves(data)[0].text
