"""Writes Word files. In: a python-docx document. Out: its bytes, the same at each run."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Sequence
from datetime import UTC, datetime

from docx import Document
from docx.document import Document as Word
from docx.enum.text import WD_ALIGN_PARAGRAPH
from docx.oxml.ns import qn
from docx.shared import Mm, Pt, RGBColor
from docx.text.paragraph import Paragraph
from PIL import Image, ImageDraw

STAMP = datetime(2026, 3, 1, 9, 0, tzinfo=UTC)
SIDES = {
    "left": WD_ALIGN_PARAGRAPH.LEFT,
    "right": WD_ALIGN_PARAGRAPH.RIGHT,
    "centre": WD_ALIGN_PARAGRAPH.CENTER,
}


def blank(title: str, author: str, font: str, size_pt: float) -> Word:
    """An empty A4 document with margins of 25 mm and a base font."""
    word = Document()
    section = word.sections[0]
    section.page_width, section.page_height = Mm(210), Mm(297)
    section.left_margin = section.right_margin = section.top_margin = section.bottom_margin = Mm(25)
    base = word.styles["Normal"]
    base.font.name, base.font.size = font, Pt(size_pt)
    base.element.rPr.rFonts.set(qn("w:eastAsia"), font)
    base.paragraph_format.space_after = Pt(6)
    properties = word.core_properties
    properties.title, properties.author, properties.last_modified_by = title, author, author
    properties.created = properties.modified = STAMP
    return word


def say(
    paragraph: Paragraph,
    words: str,
    *,
    bold: bool = False,
    size_pt: float = 0,
    colour: str = "",
    side: str = "left",
) -> Paragraph:
    """Put words into a paragraph in one look; gives the paragraph back."""
    run = paragraph.add_run(words)
    run.bold = bold
    if size_pt:
        run.font.size = Pt(size_pt)
    if colour:
        run.font.color.rgb = RGBColor.from_string(colour.lstrip("#"))
    paragraph.alignment = SIDES[side]
    return paragraph


def close_lines(word: Word, lines: Sequence[str]) -> None:
    """Paragraphs without space between them, such as an address."""
    for line in lines:
        word.add_paragraph(line).paragraph_format.space_after = Pt(0)


def picture(size: tuple[int, int], shapes: Sequence[tuple[Sequence[tuple[float, float]], str]]) -> io.BytesIO:
    """A PNG of filled polygons, drawn four times as large and shrunk so that edges are smooth."""
    image = Image.new("RGB", (size[0] * 4, size[1] * 4), "white")
    draw = ImageDraw.Draw(image)
    for corners, colour in shapes:
        draw.polygon([(x * 4, y * 4) for x, y in corners], fill=colour)
    out = io.BytesIO()
    image.resize(size, Image.Resampling.LANCZOS).save(out, "PNG")
    out.seek(0)
    return out


def docx(word: Word) -> bytes:
    """The file. The zip is written again with one fixed time, since python-docx stamps the clock into it."""
    raw, out = io.BytesIO(), io.BytesIO()
    word.save(raw)
    with zipfile.ZipFile(raw) as old, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            entry = zipfile.ZipInfo(name, STAMP.timetuple()[:6])
            entry.compress_type = zipfile.ZIP_DEFLATED
            new.writestr(entry, old.read(name))
    return out.getvalue()
