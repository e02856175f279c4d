"""Sets running text. In: reportlab flowables and frames. Out: the bytes of a PDF, the same at each run."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from reportlab.lib.colors import HexColor
from reportlab.lib.enums import TA_CENTER, TA_JUSTIFY, TA_LEFT
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import BaseDocTemplate, Flowable, Frame, PageTemplate

Decorate = Callable[[Canvas, int], None]  # draws what stands on every page; gets the page number
SIDES = {"left": TA_LEFT, "centre": TA_CENTER, "justify": TA_JUSTIFY}


@dataclass(frozen=True, slots=True)
class Layout:
    """A kind of page: its name, its frames (x, y from below, width, height, in mm), and what is drawn on each."""

    name: str
    frames: tuple[tuple[float, float, float, float], ...]
    decorate: Decorate


def style(
    font: str, size: float, *, leading: float = 1.3, side: str = "left", colour: str = "#1c1c1c", **more: Any
) -> ParagraphStyle:
    """A paragraph style; `leading` is a multiple of the size, lengths in `more` are points."""
    return ParagraphStyle(
        f"{font}{size}",
        fontName=font,
        fontSize=size,
        leading=size * leading,
        alignment=SIDES[side],
        textColor=HexColor(colour),
        **more,
    )


def typeset(
    title: str, author: str, layouts: Sequence[Layout], story: Sequence[Flowable]
) -> tuple[bytes, int]:
    """The PDF on A4 and its number of pages."""
    out = io.BytesIO()
    book = BaseDocTemplate(out, pagesize=A4, title=title, author=author, invariant=1)
    book.addPageTemplates([_template(layout) for layout in layouts])
    book.build(list(story))
    return out.getvalue(), book.page


def _template(layout: Layout) -> PageTemplate:
    frames = [
        Frame(
            x * mm,
            y * mm,
            width * mm,
            height * mm,
            leftPadding=0,
            rightPadding=0,
            topPadding=0,
            bottomPadding=0,
        )
        for x, y, width, height in layout.frames
    ]
    return PageTemplate(layout.name, frames, onPage=lambda canvas, book: layout.decorate(canvas, book.page))
