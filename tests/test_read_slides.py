"""Presentations: a page a slide, as an audience reads it, and what the audience does not see."""

from __future__ import annotations

import io
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from pptx import Presentation
from pptx.chart.data import CategoryChartData
from pptx.enum.chart import XL_CHART_TYPE
from pptx.util import Cm

from octavo.processors.read import slides
from octavo.processors.read.content import Content, ReadLimits, Source
from octavo.processors.read.kinds import PPTX, media_type
from octavo.schemas.errors import DocumentError
from tests.documents import hostile, make


def pptx(fill: Callable[[Any], None]) -> bytes:
    """A presentation that `fill` has filled."""
    show = Presentation()
    fill(show)
    with io.BytesIO() as file:
        show.save(file)
        return file.getvalue()


def read(fill: Callable[[Any], None]) -> Content:
    """What the reader makes of it."""
    data = pptx(fill)
    assert media_type(data) == PPTX
    return slides.read(Source(data, ReadLimits()))


def slide(show: Any, title: str = "", layout: int = 5) -> Any:
    """A new slide with a title, or without."""
    new = show.slides.add_slide(show.slide_layouts[layout if title else 6])
    if title:
        new.shapes.title.text = title
    return new


def box(shapes: Any, words: str, left: float, top: float) -> None:
    """A text box at a place in centimetres."""
    shapes.add_textbox(Cm(left), Cm(top), Cm(5), Cm(1)).text_frame.text = words


def _offer(show: Any) -> None:
    page = slide(show, "Offer 12")
    box(page.shapes, "right", 14, 5.2)
    box(page.shapes, "bottom", 1, 15)
    box(page.shapes, "left", 1, 5.3)
    group = page.shapes.add_group_shape()
    box(group.shapes, "second in the group", 8, 9)
    inner = group.shapes.add_group_shape()
    box(inner.shapes, "first in the group", 2, 9)
    table = page.shapes.add_table(2, 3, Cm(1), Cm(11), Cm(10), Cm(2)).table
    for number, words in enumerate(["Item", "", "Price", "Bolts", "M8", "12.00"]):
        table.cell(number // 3, number % 3).text = words
    table.cell(0, 0).merge(table.cell(0, 1))
    page.notes_slide.notes_text_frame.text = "Say it slowly."


def test_a_slide_is_read_as_it_looks() -> None:
    """Title first, then line by line from the top, each from the left; groups together, table rows on a line, notes last."""
    (leaf,) = read(_offer).leaves
    assert leaf.text.splitlines() == [
        "Offer 12",
        "left",
        "right",
        "first in the group",
        "second in the group",
        "Item |  | Price",
        "Bolts | M8 | 12.00",
        "bottom",
        "Notes: Say it slowly.",
    ]


def _charts(show: Any) -> None:
    page = slide(show, "Sales")
    data: Any = CategoryChartData()  # type: ignore[no-untyped-call]  # python-pptx types the rest of itself
    data.categories = ["North", "South"]
    data.add_series("2024", (12.5, None))
    data.add_series("2025", (14, 9))
    chart = page.shapes.add_chart(XL_CHART_TYPE.COLUMN_CLUSTERED, Cm(1), Cm(4), Cm(9), Cm(4), data).chart
    chart.has_title = True
    chart.chart_title.text_frame.text = "Tonnes"


@pytest.mark.parametrize("kind", [b"barChart", b"bar3DChart"])
def test_charts_give_their_numbers(kind: bytes) -> None:
    """A chart is its title and a table of its values, also where python-pptx does not know the kind of chart."""
    (leaf,) = slides.read(Source(_renamed(pptx(_charts), b"barChart", kind), ReadLimits())).leaves
    assert leaf.text == "Sales\nTonnes\n| 2024 | 2025\nNorth | 12.5 | 14\nSouth |  | 9"


def _levels(show: Any) -> None:
    frame = slide(show, "Points", layout=1).placeholders[1].text_frame
    frame.text = "Top"
    for level, words in enumerate(["one", "two"], start=1):
        paragraph = frame.add_paragraph()
        paragraph.text, paragraph.level = words, level


def test_bullets_keep_their_levels() -> None:
    """Lower levels are indented list items."""
    assert read(_levels).leaves[0].text == "Points\nTop\n- one\n  - two"


def _hidden(show: Any) -> None:
    slide(show, "Public")
    slide(show, "Our margin is 40 %")._element.set("show", "0")


def test_hidden_slides_are_read_and_flagged() -> None:
    """A hidden slide has its number and its text, which is counted as hidden from the eye."""
    content = read(_hidden)
    assert [(leaf.text, leaf.hidden_chars) for leaf in content.leaves] == [
        ("Public", 0),
        ("Our margin is 40 %", 18),
    ]
    assert content.flags == ("hidden_slides",)
    assert "2" in content.detail


def _properties(show: Any) -> None:
    slide(show, "A")
    show.core_properties.title, show.core_properties.author = "Plan", "Ana"
    show.core_properties.created = datetime(2024, 3, 1, 9, tzinfo=UTC)


def test_properties_are_those_of_the_file() -> None:
    """Title, author and dates come from the file; a file without them has none, whatever the clock says."""
    found = read(_properties).properties
    assert (found.title, found.author, found.created_at) == (
        "Plan",
        "Ana",
        datetime(2024, 3, 1, 9, tzinfo=UTC),
    )
    assert (
        slides.read(Source(_without(pptx(_levels), "docProps/core.xml"), ReadLimits())).properties.modified_at
        is None
    )


def _without(data: bytes, name: str) -> bytes:
    import zipfile

    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        entries = {entry: archive.read(entry) for entry in archive.namelist() if entry != name}
    entries["_rels/.rels"] = entries["_rels/.rels"].replace(b"metadata/core-properties", b"metadata/none")
    return make.zipped(entries)


def _embedded(show: Any) -> None:
    page = slide(show, "See the sheet")
    page.shapes.add_ole_object(
        io.BytesIO(make.zipped({"xl/workbook.xml": b"<w/>"})), "Excel.Sheet.12", Cm(1), Cm(1), Cm(3), Cm(3)
    )


def test_embedded_files_are_handed_on() -> None:
    """A workbook behind an icon comes out whole, to be read as a document of its own."""
    (inner,) = read(_embedded).inner
    assert media_type(inner.data) == "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


def test_slide_shows_and_templates_are_read() -> None:
    """A ppsx differs from a pptx by one word and is read too."""
    data = _renamed(pptx(_hidden), b"presentation.main+xml", b"slideshow.main+xml")
    assert slides.read(Source(data, ReadLimits())).leaves[0].text == "Public"


def _renamed(data: bytes, old: bytes, new: bytes) -> bytes:
    import zipfile

    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return make.zipped({name: archive.read(name).replace(old, new) for name in archive.namelist()})


@pytest.mark.parametrize(
    ("data", "limits", "reason"),
    [
        (pptx(_hidden), {"max_pages": 1}, "too_many_pages"),
        (make.zipped({"ppt/media/a.png": bytes(3_000_000)}), {"max_unpacked_bytes": 2_000_000}, "bomb"),
        (hostile.without_directory(pptx(_hidden)), {}, "corrupt"),
    ],
)
def test_limits_speak(data: bytes, limits: dict[str, int], reason: str) -> None:
    """A presentation over a limit, or without its directory, is refused before its pictures are loaded."""
    with pytest.raises(DocumentError) as caught:
        slides.read(Source(data, ReadLimits(**limits)))
    assert caught.value.reason == reason
