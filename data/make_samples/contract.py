"""A services agreement of more than ten pages: cover, contents, numbered clauses, schedules, signatures. Out: `SAMPLE`."""

from __future__ import annotations

import math
import re
from xml.sax.saxutils import escape

from reportlab.graphics.shapes import Drawing, PolyLine
from reportlab.lib.colors import HexColor
from reportlab.lib.pagesizes import A4
from reportlab.lib.units import mm
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import Flowable, NextPageTemplate, PageBreak, Paragraph, Spacer, Table, TableStyle

from .flow import Layout, style, typeset
from .sample import Sample
from .texts import prose

TITLE = "Managed Archive Services Agreement"
SUPPLIER = "Halden & Frey Records Management Limited"
CLIENT = "Northmoor Water Trust"
NAVY, GREY = "#1d2f4f", "#666666"
CLAUSE = style(
    "Times-Roman",
    11,
    leading=1.34,
    side="justify",
    leftIndent=32,
    bulletFontName="Times-Roman",
    bulletFontSize=11,
    spaceAfter=7,
)
PLAIN = style("Times-Roman", 11, leading=1.34, side="justify", spaceAfter=8)
HEADING = style("Times-Bold", 12, colour=NAVY, spaceBefore=10, spaceAfter=6, keepWithNext=1)
CELL = style("Times-Roman", 9.6, leading=1.2)
HEAD_CELL = style("Times-Bold", 9.6, leading=1.2)
NUMBERED = re.compile(r"(S?\d+\.\d+|\([A-C]\)) (.+)")

LEVELS = (
    ("Service level", "Target", "Minimum", "Measured"),
    ("Retrievals answered on time", "98.0 %", "95.0 %", "each calendar month, all requests"),
    ("Urgent scans within three hours", "95.0 %", "90.0 %", "each calendar month, urgent requests"),
    ("Location index correct", "99.9 %", "99.5 %", "quarterly, sample of one box in fifty"),
    ("Climate within the permitted band", "99.0 %", "97.0 %", "share of readings in all aisles"),
    ("Batches accepted at first submission", "96.0 %", "90.0 %", "rolling three months"),
    ("Portal available", "99.5 %", "98.5 %", "06:00 to 22:00 on every day"),
)
CHARGES = (
    ("Item", "Year 1", "Year 2", "Year 3", "Total"),
    ("Removal and shelving", "38,400.00", "-", "-", "38,400.00"),
    ("Storage of 2,300 metres", "67,200.00", "67,200.00", "67,200.00", "201,600.00"),
    ("Description and finding aid", "41,000.00", "31,500.00", "-", "72,500.00"),
    ("Digitisation, 412,000 images", "42,600.00", "53,800.00", "47,100.00", "143,500.00"),
    ("Retrievals and reading table", "10,000.00", "10,000.00", "10,000.00", "30,000.00"),
    ("Total", "199,200.00", "162,500.00", "124,300.00", "486,000.00"),
)
TABLES = {"@levels": (LEVELS, (70, 22, 22, 46)), "@charges": (CHARGES, (64, 24, 24, 24, 24))}
GOLD = {
    "title": TITLE,
    "contract_type": "Services Agreement",
    "parties": [SUPPLIER, CLIENT],
    "effective_date": "2026-04-01",
    "expiration_date": "2029-03-31",
    "term": "three (3) years",
    "governing_law": "England and Wales",
    "termination_notice": "ninety (90) days written notice",
    "contract_value": "486000.00",
    "currency": "GBP",
}


def make() -> bytes:
    """The PDF. It is set twice, since the footer tells how many pages there are."""
    _, pages = _set(0)
    return _set(pages)[0]


def _set(pages: int) -> tuple[bytes, int]:
    layouts = (
        Layout("cover", ((25, 25, 160, 247),), _cover_art),
        Layout("inner", ((25, 26, 160, 240),), lambda canvas, page: _running(canvas, page, pages)),
    )
    return typeset(TITLE, SUPPLIER, layouts, [*_cover(), *_parties(), *_clauses(), *_signatures()])


def _cover_art(canvas: Canvas, page: int) -> None:
    del page
    canvas.setFillColor(HexColor(NAVY))
    canvas.rect(0, 0, 12 * mm, A4[1], fill=1, stroke=0)
    canvas.setStrokeColor(HexColor(NAVY))
    canvas.setLineWidth(3)
    for shift in (0, 6, 12):
        wave = canvas.beginPath()
        wave.moveTo(25 * mm, (258 - shift) * mm)
        for step in range(4):
            x = 25 + 12 * step
            wave.curveTo(
                (x + 4) * mm,
                (264 - shift) * mm,
                (x + 8) * mm,
                (252 - shift) * mm,
                (x + 12) * mm,
                (258 - shift) * mm,
            )
        canvas.drawPath(wave)


def _running(canvas: Canvas, page: int, pages: int) -> None:
    canvas.setFont("Times-Italic", 9)
    canvas.setFillColor(HexColor(GREY))
    canvas.setStrokeColor(HexColor(GREY))
    canvas.setLineWidth(0.4)
    canvas.drawString(25 * mm, 280 * mm, TITLE)
    canvas.drawRightString(185 * mm, 280 * mm, "Contract NWT-4420 - Execution version")
    canvas.line(25 * mm, 277.5 * mm, 185 * mm, 277.5 * mm)
    canvas.line(25 * mm, 18 * mm, 185 * mm, 18 * mm)
    canvas.drawString(25 * mm, 13 * mm, "Initials:  Supplier ______   Client ______")
    canvas.drawRightString(185 * mm, 13 * mm, f"Page {page} of {pages}")


def _cover() -> list[Flowable]:
    centre = style("Times-Roman", 13, side="left", spaceAfter=8)
    big = style("Times-Bold", 27, colour=NAVY, leading=1.2, spaceAfter=16)
    return [
        Spacer(0, 62 * mm),
        Paragraph(TITLE, big),
        Paragraph("for the removal, storage, description and digitisation of the Northmoor archive", centre),
        Spacer(0, 26 * mm),
        Paragraph("between", centre),
        Paragraph(f"<b>{escape(SUPPLIER)}</b>", centre),
        Paragraph("and", centre),
        Paragraph(f"<b>{CLIENT}</b>", centre),
        Spacer(0, 40 * mm),
        Paragraph("Dated 24 March 2026", centre),
        Paragraph("Contract NWT-4420", centre),
        NextPageTemplate("inner"),
        PageBreak(),
    ]


def _parties() -> list[Flowable]:
    headings = [line[2:] for line in prose("contract.txt") if line.startswith("# ")]
    first = f"""This Services Agreement (the "Agreement") is made on 24 March 2026 between <b>{escape(SUPPLIER)}</b>, a company registered
        in England under number 00417392, whose registered office is at 5 Culvert Wharf, Port Ashling PA5 2XX (the "Supplier"), and"""
    second = f"""<b>{CLIENT}</b>, a charitable trust with its office at Weir House, 3 Sluice Road, Aldermarsh AM1 1ZZ (the "Client")."""
    return [
        Paragraph("Contents", HEADING),
        *(
            Paragraph(_curled(escape(heading)), style("Times-Roman", 10.5, spaceAfter=1.5))
            for heading in headings
        ),
        PageBreak(),
        Paragraph("Parties", HEADING),
        Paragraph(_curled(first), PLAIN),
        Paragraph(_curled(second), PLAIN),
        Paragraph("It is agreed as follows.", PLAIN),
    ]


def _clauses() -> list[Flowable]:
    return [part for line in prose("contract.txt") for part in _clause(line)]


def _clause(line: str) -> list[Flowable]:
    if line in TABLES:
        return [_table(*TABLES[line]), Spacer(0, 5 * mm)]
    if line.startswith("# "):
        start = [PageBreak()] if line.startswith("# Schedule") else []
        return [*start, Paragraph(_curled(escape(line[2:])), HEADING)]
    found = NUMBERED.fullmatch(line)
    if not found:
        raise ValueError(f"This line of prose/contract.txt has no number: {line[:60]}")
    return [Paragraph(_curled(escape(found[2])), CLAUSE, bulletText=found[1])]


def _curled(words: str) -> str:
    """Typographic quotation marks and apostrophes."""
    return re.sub(r'"([^"]+)"', "\u201c\\1\u201d", words).replace("'", "\u2019")


def _table(rows: tuple[tuple[str, ...], ...], widths_mm: tuple[int, ...]) -> Table:
    cells = [
        [Paragraph(cell, CELL if number else HEAD_CELL) for cell in row] for number, row in enumerate(rows)
    ]
    look = TableStyle(
        [
            ("GRID", (0, 0), (-1, -1), 0.4, HexColor(GREY)),
            ("BACKGROUND", (0, 0), (-1, 0), HexColor("#e4e8ef")),
            ("VALIGN", (0, 0), (-1, -1), "MIDDLE"),
        ]
    )
    return Table(cells, [width * mm for width in widths_mm], style=look)


def _signatures() -> list[Flowable]:
    blocks = (
        (SUPPLIER, "Wilhelmina Frey", "Managing Director"),
        (CLIENT, "Desmond Okonjo-Hale", "Clerk to the Trustees"),
    )
    story: list[Flowable] = [PageBreak(), Paragraph("Signatures", HEADING)]
    for party, name, office in blocks:
        story += [
            Paragraph(f"Signed for and on behalf of <b>{escape(party)}</b>", PLAIN),
            _scrawl(len(party)),
            Paragraph("_______________________________", PLAIN),
            Paragraph(f"{name}<br/>{office}<br/>24 March 2026", PLAIN),
            Spacer(0, 10 * mm),
        ]
    return story


def _scrawl(seed: int) -> Drawing:
    """What a pen leaves above the line: loops that grow flatter to the right."""
    drawing = Drawing(60 * mm, 15 * mm)
    points = [
        value
        for step in range(90)
        for value in (
            8 + step * 1.35 + 9 * math.sin(step / 2.3),
            16 + (13 - step / 9) * math.sin(step / (1.7 + seed / 90)),
        )
    ]
    drawing.add(PolyLine(points, strokeColor=HexColor("#1b2a6b"), strokeWidth=1.1))
    return drawing


SAMPLE = Sample(
    name="contract_services.pdf",
    what="Services agreement between a records company and a water trust",
    special="more than ten pages, running header and footer, values far apart, dates that are not the one sought (signing, extension)",
    make=make,
    schema="contract",
    values=GOLD,
)
