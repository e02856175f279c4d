"""A paper in two columns: title, authors, abstract, sections, a table, a figure, references. Out: `SAMPLE`."""

from __future__ import annotations

import random
from xml.sax.saxutils import escape

from reportlab.graphics.shapes import Circle, Drawing, Line, String
from reportlab.lib.colors import HexColor
from reportlab.lib.units import mm
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import (
    Flowable,
    FrameBreak,
    HRFlowable,
    KeepTogether,
    NextPageTemplate,
    Paragraph,
    Spacer,
    Table,
    TableStyle,
)

from .flow import Layout, style, typeset
from .sample import Sample
from .texts import prose

TITLE = "Shade Before Noon: Canopy Cover and Surface Temperature on Twenty-Four School Playgrounds"
AUTHORS = ("Marisol Quintanar-Bloom", "Henrik Aaltovirta", "Precious Oyelaran-Webb")
PLACES = ("Institute for Local Climate, Laskerry College", "School of Landscape, University of Vantaa Fells")
KEYWORDS = ("school playgrounds", "tree canopy", "surface temperature", "urban heat", "morning shade")
DATE, DOI = "14 May 2026", "10.5555/jsuc.2026.0417"
ABSTRACT = prose("abstract.txt")[0]
BODY = style("Times-Roman", 9.6, leading=1.22, side="justify", firstLineIndent=9, spaceAfter=3)
HEADING = style("Times-Bold", 10.6, spaceBefore=7, spaceAfter=4, keepWithNext=1)
REFERENCE = style("Times-Roman", 8.4, leading=1.2, leftIndent=12, firstLineIndent=-12, spaceAfter=2.4)
CAPTION = style("Times-Italic", 8.4, leading=1.2, spaceAfter=8)
GREY, GREEN, SAND = "#555555", "#2f7d4f", "#c98a2b"
COLUMN_MM = 82
GROUPS = (
    ("Canopy", "Yards", "10:15", "12:45", "Air 12:45"),
    ("0 to 4 %", "7", "36.2", "48.3", "25.1"),
    ("5 to 9 %", "6", "34.4", "45.7", "25.0"),
    ("10 to 19 %", "6", "33.0", "43.4", "24.9"),
    ("20 % and more", "5", "30.7", "39.6", "24.8"),
)


def make() -> bytes:
    """The PDF."""
    columns = ((20, 20, COLUMN_MM, 250), (108, 20, COLUMN_MM, 250))
    opening = ((20, 182, 170, 88), (20, 20, COLUMN_MM, 157), (108, 20, COLUMN_MM, 157))
    layouts = (Layout("opening", opening, _first), Layout("later", columns, _later))
    return typeset(TITLE, ", ".join(AUTHORS), layouts, [*_front(), *_body()])[0]


def _first(canvas: Canvas, page: int) -> None:
    _line(canvas, "Journal of Small Urban Climates 7 (2026) 41-42", f"doi: {DOI}", 40 + page)


def _later(canvas: Canvas, page: int) -> None:
    _line(canvas, "M. Quintanar-Bloom et al.", "Shade Before Noon", 40 + page)


def _line(canvas: Canvas, left: str, right: str, folio: int) -> None:
    canvas.setFont("Times-Italic", 8.4)
    canvas.setFillColor(HexColor(GREY))
    canvas.drawString(20 * mm, 279 * mm, left)
    canvas.drawRightString(190 * mm, 279 * mm, right)
    canvas.setLineWidth(0.4)
    canvas.line(20 * mm, 277 * mm, 190 * mm, 277 * mm)
    canvas.drawCentredString(105 * mm, 11 * mm, str(folio))


def _front() -> list[Flowable]:
    centre = style("Times-Roman", 9.2, side="centre", spaceAfter=2)
    wide = style(
        "Times-Roman", 9.4, leading=1.24, side="justify", leftIndent=22, rightIndent=22, spaceAfter=5
    )
    return [
        Spacer(0, 3 * mm),
        Paragraph(TITLE, style("Times-Bold", 16.5, side="centre", leading=1.15, spaceAfter=9)),
        Paragraph(", ".join(AUTHORS), style("Times-Roman", 11.5, side="centre", spaceAfter=4)),
        *(Paragraph(place, centre) for place in PLACES),
        Paragraph(f"Correspondence: m.quintanar@laskerry.example &nbsp;&nbsp; Published: {DATE}", centre),
        Spacer(0, 2 * mm),
        Paragraph("<b>Abstract</b>", style("Times-Bold", 9.6, side="centre", spaceAfter=3)),
        Paragraph(escape(ABSTRACT), wide),
        Paragraph(f"<b>Keywords:</b> {', '.join(KEYWORDS)}", wide),
        HRFlowable(width="100%", thickness=0.4, color=HexColor(GREY)),
        FrameBreak(),
        NextPageTemplate("later"),
    ]


def _body() -> list[Flowable]:
    story: list[Flowable] = []
    for line in prose("paper.txt"):
        if line.startswith("# "):
            story.append(Paragraph(escape(line[2:]), HEADING))
        elif line == "@table":
            story.append(_table())
        elif line == "@figure":
            story.append(_figure())
        else:
            story.append(Paragraph(escape(line), REFERENCE if line.startswith("[") else BODY))
    return story


def _table() -> Flowable:
    look = TableStyle(
        [
            ("FONT", (0, 0), (-1, -1), "Times-Roman", 8.8),
            ("FONT", (0, 0), (-1, 0), "Times-Bold", 8.8),
            ("ALIGN", (1, 0), (-1, -1), "RIGHT"),
            ("LINEABOVE", (0, 0), (-1, 0), 0.8, HexColor("#1c1c1c")),
            ("LINEBELOW", (0, 0), (-1, 0), 0.4, HexColor("#1c1c1c")),
            ("LINEBELOW", (0, -1), (-1, -1), 0.8, HexColor("#1c1c1c")),
            ("TOPPADDING", (0, 0), (-1, -1), 1.5),
            ("BOTTOMPADDING", (0, 0), (-1, -1), 2.5),
        ]
    )
    caption = Paragraph(
        "Table 1. Mean temperature in °C of surface and air, by share of the yard below canopy.", CAPTION
    )
    return KeepTogether(
        [
            Spacer(0, 4),
            caption,
            Table(GROUPS, [width * mm for width in (24, 12, 14, 14, 18)], style=look),
            Spacer(0, 8),
        ]
    )


def _figure() -> Flowable:
    width, height = COLUMN_MM * mm, 54 * mm
    drawing = Drawing(width, height)
    left, low = 26, 24
    for share in range(0, 50, 10):
        x = left + share * 4.6
        drawing.add(Line(x, low, x, low - 3, strokeWidth=0.5))
        drawing.add(String(x, low - 12, str(share), fontName="Times-Roman", fontSize=8, textAnchor="middle"))
    for degrees in range(36, 54, 4):
        y = low + (degrees - 36) * 7.4
        drawing.add(Line(left, y, left + 198, y, strokeWidth=0.2, strokeColor=HexColor("#bbbbbb")))
        drawing.add(
            String(left - 4, y - 3, str(degrees), fontName="Times-Roman", fontSize=8, textAnchor="end")
        )
    drawing.add(Line(left, low, left + 198, low, strokeWidth=0.6))
    for x, y, east in _yards():
        drawing.add(
            Circle(
                left + x * 4.6,
                low + (y - 36) * 7.4,
                2.5,
                fillColor=HexColor(GREEN if east else SAND),
                strokeWidth=0.3,
            )
        )
    drawing.add(
        String(
            left + 99,
            1,
            "canopy cover, per cent of paved area",
            fontName="Times-Roman",
            fontSize=8,
            textAnchor="middle",
        )
    )
    words = "Figure 1. Mean surface temperature in °C at 12:45 against canopy cover. Dark: more than half of the canopy in the east."
    return KeepTogether([drawing, Paragraph(words, CAPTION)])


def _yards() -> list[tuple[float, float, bool]]:
    """24 points that fall as the text says: a cooler surface with more canopy, and more so in the east."""
    chance = random.Random(24)
    shares = (0, 0, 1, 2, 3, 4, 4, 5, 6, 7, 8, 9, 9, 10, 12, 13, 15, 17, 19, 21, 25, 30, 36, 41)
    sides = [chance.random() < 0.5 for _ in shares]
    return [
        (share, 48.6 - share * (0.29 if east else 0.2) + chance.gauss(0, 0.9), east)
        for share, east in zip(shares, sides, strict=True)
    ]


SAMPLE = Sample(
    name="paper.pdf",
    what="Paper on shade and surface temperature in schoolyards",
    special="two columns below a full-width abstract, running heads, a table, a drawn figure, references; the study is invented",
    make=make,
    schema="paper",
    values={
        "title": TITLE,
        "authors": list(AUTHORS),
        "abstract": ABSTRACT,
        "keywords": list(KEYWORDS),
        "publication_date": DATE,
        "doi": DOI,
    },
)
