"""A presentation (pptx and its kin) in; one leaf a slide out: title, shapes as they are read, tables with rows, charts, notes, comments.

title            -> the first line
other shapes     -> from top to bottom, from left to right; a group's shapes together
bullet           -> "- " before it below the first level
chart            -> its title, then its categories and values as a table
notes, comments  -> behind the shapes, each under its word
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

from octavo.processors.read import table_rows
from octavo.processors.read.archive import Archive
from octavo.processors.read.content import Content, Inner, PageContent, Source, clean, over
from octavo.schemas.errors import DocumentError
from octavo.schemas.pipeline import Properties

Shape = Any  # a shape of python-pptx; groups, frames and pictures share no useful class
_SAME_LINE_EMU = 180_000  # half a centimetre; shapes whose tops differ by less are beside each other
_MAX_POINTS = 1_000  # cells of a chart that are written out; larger ones say how many there are
_DEPTH = 50  # groups within groups that are followed


def read(source: Source) -> Content:
    """All slides, hidden ones too, which is noted. Raises DocumentError: corrupt, encrypted, bomb, too_many_pages."""
    from pptx.package import Package

    Archive(source)  # refuses a bomb before the library loads its pictures
    part: Any = Package.open(
        io.BytesIO(source.data)
    ).main_document_part  # not pptx.Presentation: it refuses slide shows and templates
    _refuse_document_types(part.package)
    slides = list(part.presentation.slides)
    if len(slides) > source.limits.max_pages:
        over("max_pages", len(slides), source.limits.max_pages, "too_many_pages")
    hidden = [
        number for number, slide in enumerate(slides, start=1) if slide.element.get("show") in ("0", "false")
    ]
    leaves = tuple(_leaf(slide, hidden=number in hidden) for number, slide in enumerate(slides, start=1))
    detail = f"Slide(s) {', '.join(map(str, hidden))} are hidden in it and were read." if hidden else ""
    inner = tuple(inner for slide in slides for inner in _embedded(slide))
    return Content(leaves, detail, ("hidden_slides",) if hidden else (), _properties(part.package), inner)


def _refuse_document_types(package: Any) -> None:
    """Raises DocumentError: entities are not resolved, so words would be missing."""
    for part in package.iter_parts():
        root = getattr(part, "_element", None)
        if root is not None and root.getroottree().docinfo.doctype:
            message = f"Its part {part.partname} declares a document type, which no presentation does."
            raise DocumentError(
                "corrupt", message, next_step="Do not trust this file; save it again from PowerPoint."
            )


def _leaf(slide: Any, *, hidden: bool) -> PageContent:
    text = clean("\n".join(_lines(slide)))
    return PageContent(text, hidden_chars=len(text) if hidden else 0)


def _lines(slide: Any) -> Iterator[str]:
    """The slide as it is read, then what the audience does not see."""
    title = slide.shapes.title
    if title is not None:
        yield " ".join(title.text_frame.text.split())
    for shape in _in_order(slide.shapes):
        if title is None or shape.shape_id != title.shape_id:
            yield from _shape(shape)
    if (
        slide.has_notes_slide
        and (frame := slide.notes_slide.notes_text_frame) is not None
        and frame.text.strip()
    ):
        yield f"Notes: {frame.text.strip()}"
    yield from _comments(slide)


def _in_order(shapes: Any, depth: int = 0) -> list[Shape]:
    """Shapes without their groups: line by line from the top, each line from the left. A group stands where its corner is."""
    placed = sorted(shapes, key=lambda shape: (shape.top or 0, shape.left or 0))
    lines: list[list[Shape]] = []
    for shape in placed:
        if lines and (shape.top or 0) - (lines[-1][0].top or 0) < _SAME_LINE_EMU:
            lines[-1].append(shape)
        else:
            lines.append([shape])
    found: list[Shape] = []
    for shape in (shape for line in lines for shape in sorted(line, key=lambda shape: shape.left or 0)):
        grouped = hasattr(shape, "shapes") and depth < _DEPTH
        found += _in_order(shape.shapes, depth + 1) if grouped else [shape]
    return found


def _shape(shape: Shape) -> Iterator[str]:
    """The lines of one shape: text, table, chart or diagram; a picture has none but the words that describe it."""
    if getattr(shape, "has_text_frame", False):
        yield from (_paragraph(paragraph) for paragraph in shape.text_frame.paragraphs)
    elif getattr(shape, "has_table", False):
        yield table_rows.lines([cell.text for cell in row.cells] for row in shape.table.rows)
    elif getattr(shape, "has_chart", False):
        yield from _chart(shape.chart)
    else:
        yield from _diagram(shape)
        described = shape._element.xpath("./*/p:cNvPr/@descr")  # noqa: SLF001  # python-pptx has no name for the alternative text
        yield from (f"Picture: {words}" for words in described if words.strip())


def _paragraph(paragraph: Any) -> str:
    struck = paragraph._p.xpath("./a:r[a:rPr[@strike and @strike != 'noStrike']]/a:t")  # noqa: SLF001  # no public name for it
    for run in struck:
        run.text = f"~~{run.text}~~" if (run.text or "").strip() else run.text
    words = paragraph.text.replace("\v", "\n").replace("~~~~", "").strip()
    return f"{'  ' * (paragraph.level - 1)}- {words}" if paragraph.level and words else words


def _chart(chart: Any) -> Iterator[str]:
    """The title of a chart, and its numbers as a table: a row a category, a column a series.

    Read from its XML, since python-pptx knows flat charts only.
    """
    space = chart._chartSpace  # noqa: SLF001  # the root of the part
    yield "".join(space.xpath("./c:chart/c:title//a:t/text()"))
    series = space.xpath(".//c:ser")
    labels = _points(series, "./c:cat//c:pt | ./c:xVal//c:pt")
    if len(labels) * (len(series) + 1) > _MAX_POINTS:
        yield f"(a chart of {len(labels)} categories and {len(series)} series, not written out)"
        return
    names = ["".join(one.xpath("./c:tx//c:v/text()")) for one in series]
    columns = [_points([one], "./c:val//c:pt | ./c:yVal//c:pt") for one in series]
    places = sorted(labels.keys() | {at for column in columns for at in column})
    yield table_rows.lines(
        [["", *names], *([labels.get(at, ""), *(column.get(at, "") for column in columns)] for at in places)]
    )


def _points(series: Sequence[Any], path: str) -> dict[int, str]:
    """Number of a point -> what a chart keeps there; the levels of a category are joined."""
    found: dict[int, str] = {}
    for point in series[0].xpath(path) if series else ():
        at, words = int(point.get("idx", 0)), "".join(point.xpath("./c:v/text()"))
        found[at] = f"{words} / {found[at]}" if at in found else words
    return found


def _diagram(shape: Shape) -> Iterator[str]:
    """The words of a SmartArt diagram, which stand in a part of their own."""
    for relation in shape._element.xpath(".//*[local-name()='relIds']/@r:dm"):  # noqa: SLF001  # no name for diagrams either
        yield from _words(shape.part.related_part(relation).blob)


def _comments(slide: Any) -> Iterator[str]:
    """Comments of both kinds, the old ones and the threaded ones."""
    for relation in slide.part.rels.values():
        if not relation.is_external and relation.reltype.endswith("/comments"):
            yield from (f"Comment: {words}" for words in _words(relation.target_part.blob))


def _words(xml: bytes) -> list[str]:
    """The paragraphs of a part that python-pptx does not model; entities are not resolved."""
    from lxml import etree

    root = etree.fromstring(xml, etree.XMLParser(resolve_entities=False, no_network=True))
    found = root.xpath(
        "//*[local-name()='txBody' or local-name()='t'][.//*[local-name()='p']] | //*[local-name()='text']"
    )
    texts = (
        "\n".join("".join(p.itertext()) for p in node.xpath("./*[local-name()='p']"))
        or "".join(node.itertext())
        for node in found
    )
    return [text.strip() for text in texts if text.strip()]


def _embedded(slide: Any) -> Iterator[Inner]:
    """Whole files that lie in a slide, such as a workbook behind an icon; the data of charts is on the slide already."""
    for relation in slide.part.rels.values():
        if not relation.is_external and relation.reltype.endswith(("/package", "/oleObject")):
            yield Inner(str(relation.target_part.partname).rsplit("/", 1)[-1], relation.target_part.blob)


def _properties(package: Any) -> Properties:
    """What the file says of itself; nothing when it says nothing, where python-pptx would invent a date of today."""
    if not any(relation.reltype.endswith("/core-properties") for relation in package._rels.values()):  # noqa: SLF001  # no public way
        return Properties()
    core = package.core_properties
    return Properties(core.title or "", core.author or "", _utc(core.created), _utc(core.modified))


def _utc(moment: datetime | None) -> datetime | None:
    """The core properties of Office are in UTC, which python-pptx leaves unsaid."""
    return moment.replace(tzinfo=UTC) if moment is not None and moment.tzinfo is None else moment
