"""Draws on paper. In: millimetres from the top left corner, words and styles. Out: the bytes of a PDF, the same at each run."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import reportlab
from reportlab.lib.colors import HexColor
from reportlab.lib.pagesizes import A4
from reportlab.lib.units import mm
from reportlab.lib.utils import simpleSplit
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.pdfgen.canvas import Canvas

Align = Literal["left", "right", "centre"]
Point = tuple[float, float]
INK = "#1c1c1c"

VERA = {"Vera": "Vera.ttf", "Vera-Bold": "VeraBd.ttf", "Vera-Italic": "VeraIt.ttf"}


def use_vera() -> None:
    """Make the Vera fonts, which come with reportlab and are embedded in the file, known by the names in `VERA`."""
    folder = Path(reportlab.__file__).parent / "fonts"
    for name, file in VERA.items():
        pdfmetrics.registerFont(TTFont(name, str(folder / file)))


@dataclass(frozen=True, slots=True)
class Style:
    """How words look: font, size in points, colour, and to which side of x they stand."""

    font: str = "Helvetica"
    size: float = 9
    colour: str = INK
    align: Align = "left"
    leading: float = 1.32  # line height as a multiple of the size

    def but(self, **changes: Any) -> Style:
        """The same style with some things changed, such as `but(align="right")`."""
        return replace(self, **changes)

    @property
    def step_mm(self) -> float:
        """From one base line to the next."""
        return float(self.size * self.leading / mm)


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table: x is its left edge, its right edge or its middle, as `align` says; words wrap at `width_mm`."""

    title: str
    x: float
    width_mm: float
    align: Align = "left"


class Sheet:
    """A PDF that is being drawn. Owns the canvas; y grows downwards."""

    def __init__(self, title: str, author: str, size: tuple[float, float] = A4) -> None:
        self._bytes = io.BytesIO()
        self._height = size[1]
        self.canvas = Canvas(self._bytes, pagesize=size, invariant=1, pageCompression=1)
        self.canvas.setTitle(title)
        self.canvas.setAuthor(author)

    def text(self, x: float, y: float, words: str, style: Style) -> None:
        """One line of words on the base line y."""
        self.canvas.setFont(style.font, style.size)
        self.canvas.setFillColor(HexColor(style.colour))
        draw = {
            "left": self.canvas.drawString,
            "right": self.canvas.drawRightString,
            "centre": self.canvas.drawCentredString,
        }
        draw[style.align](x * mm, self._up(y), words)

    def lines(self, x: float, y: float, words: Sequence[str], style: Style) -> float:
        """Lines below each other; gives the y of the line after them."""
        for line in words:
            self.text(x, y, line, style)
            y += style.step_mm
        return y

    def paragraph(self, x: float, y: float, width_mm: float, words: str, style: Style) -> float:
        """Words wrapped at the width; gives the y of the line after them."""
        return self.lines(x, y, simpleSplit(words, style.font, style.size, width_mm * mm), style)

    def row(self, y: float, columns: Sequence[Column], cells: Sequence[str], style: Style) -> float:
        """One row of a table, cells wrapped in their columns; gives the y of the line after the tallest cell."""
        ends = [
            self.paragraph(column.x, y, column.width_mm, cell, style.but(align=column.align))
            for column, cell in zip(columns, cells, strict=True)
        ]
        return max(ends)

    def pairs(
        self, x: float, y: float, gap_mm: float, rows: Sequence[tuple[str, str]], style: Style
    ) -> float:
        """Labels at x and their values to the right of them, line by line."""
        for label, value in rows:
            self.text(x, y, label, style)
            self.text(x + gap_mm, y, value, style)
            y += style.step_mm
        return y

    def sums(self, x: float, right: float, y: float, rows: Sequence[tuple[str, str]], style: Style) -> float:
        """Labels at x and amounts that end at `right`, line by line."""
        for label, value in rows:
            self.text(x, y, label, style)
            self.text(right, y, value, style.but(align="right"))
            y += style.step_mm * 1.15
        return y

    def rule(
        self,
        x: float,
        y: float,
        to_x: float,
        *,
        points: float = 0.5,
        colour: str = INK,
        dash: Sequence[float] = (),
    ) -> None:
        """A horizontal line."""
        self.path([(x, y), (to_x, y)], points=points, stroke=colour, dash=dash)

    def box(
        self,
        x: float,
        y: float,
        width_mm: float,
        height_mm: float,
        *,
        fill: str = "",
        stroke: str = "",
        points: float = 0.5,
    ) -> None:
        """A rectangle whose top left corner is at x, y."""
        corners = [(x, y), (x + width_mm, y), (x + width_mm, y + height_mm), (x, y + height_mm), (x, y)]
        self.path(corners, fill=fill, stroke=stroke, points=points)

    def path(
        self,
        corners: Sequence[Point],
        *,
        fill: str = "",
        stroke: str = "",
        points: float = 0.5,
        dash: Sequence[float] = (),
    ) -> None:
        """A line through the corners, or the shape they enclose when `fill` names a colour."""
        path = self.canvas.beginPath()
        path.moveTo(corners[0][0] * mm, self._up(corners[0][1]))
        for x, y in corners[1:]:
            path.lineTo(x * mm, self._up(y))
        self._paint(fill, stroke, points)
        self.canvas.setDash(list(dash))
        self.canvas.drawPath(path, fill=bool(fill), stroke=bool(stroke))

    def circle(
        self, x: float, y: float, radius_mm: float, *, fill: str = "", stroke: str = "", points: float = 0.5
    ) -> None:
        """A circle around x, y."""
        self._paint(fill, stroke, points)
        self.canvas.setDash([])
        self.canvas.circle(x * mm, self._up(y), radius_mm * mm, fill=bool(fill), stroke=bool(stroke))

    def next_page(self) -> None:
        """End this page and begin another."""
        self.canvas.showPage()

    def pdf(self) -> bytes:
        """End the last page; the whole file."""
        self.canvas.save()
        return self._bytes.getvalue()

    def _up(self, y: float) -> float:
        return float(self._height - y * mm)

    def _paint(self, fill: str, stroke: str, points: float) -> None:
        self.canvas.setLineWidth(points)
        if fill:
            self.canvas.setFillColor(HexColor(fill))
        if stroke:
            self.canvas.setStrokeColor(HexColor(stroke))
