"""The parts of a Word file in; the lines of its body in order out, and those of headers, footers and notes when they are asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from octavo.processors.read.word.drawings import drawn
from octavo.processors.read.word.equations import linear
from octavo.processors.read.word.inline import SKIPPED, Inline
from octavo.processors.read.word.inner import taken_in
from octavo.processors.read.word.notes import Notes
from octavo.processors.read.word.numbering import Numbering
from octavo.processors.read.word.package import Package
from octavo.processors.read.word.page_breaks import heading, without_headings
from octavo.processors.read.word.styles import Style, Styles, outline
from octavo.processors.read.word.xml import (
    Element,
    attribute,
    bare,
    by_name,
    child,
    children,
    number,
    on,
    switched,
    through,
    value,
)

_DRAWINGS = ("chart", "chartEx", "diagramData")
_FLOWING = frozenset({"continuous", "nextColumn"})  # sections that begin on the page at hand
_MOST_COLUMNS = 63  # of a table, in Word (2026-11); a span that claims more is a lie
_LAYOUT_BLOCKS = 8  # paragraphs in a cell from which a row is a page layout and not a row of values


class Walk:
    """One way through a file: lists count on, notes are collected, and what a careful reader should know is in `inline.findings`."""

    def __init__(self, package: Package, nested: Callable[[bytes], list[str] | None]) -> None:
        self._package, self._nested = package, nested
        styles = Styles(package.trees("styles"))
        self._styles = styles
        self._numbering = Numbering(package.trees("numbering"), styles)
        self.notes = Notes(package, self.story)
        self.inline = Inline(package, styles, self.notes, self.blocks)
        self._joined = ""  # text of a paragraph whose end was deleted: it runs on in the next
        self._section_end: tuple[list[str], int] | None = (
            None  # where the page break stands that the next section may take back
        )
        self._running: dict[str, dict[str, None]] = {
            "header": {},
            "footer": {},
        }  # ids of those that a section shows
        self._title_page = False
        self._taken: set[str] = set()

    def body(self) -> list[str]:
        """The lines of the body."""
        lines: list[str] = []
        for item in self._package.body():
            self._block(item, lines, None)
        self._flush(lines)
        return lines

    def story(self, part: str, element: Element) -> list[str]:
        """The lines of a header, a footer or a note in a part of its own."""
        before, self.inline.part = self.inline.part, part
        lines: list[str] = []
        self.blocks(element, lines)
        self.inline.part = before
        return lines

    def running(self, kind: str) -> list[str]:
        """Headers or footers that some page shows, equal ones once. After the body only: its sections say which."""
        related = self._package.related(self._package.main)
        used = [related[identity].target for identity in self._running[kind] if identity in related]
        every = self._package.targets(self._package.main, kind)
        parts = [part for part in dict.fromkeys(used) if part in self._package] or every
        texts = ("\n".join(self.story(part, self._package.xml(part))).replace("\f", "") for part in parts)
        return list(dict.fromkeys(text for text in texts if text.strip()))

    def undrawn(self) -> list[str]:
        """The words of charts and diagrams to which no drawing refers."""
        parts = (
            part
            for part in self._package.targets(self._package.main, *_DRAWINGS)
            if part not in self.inline.findings.drawn
        )
        return [line for part in parts for line in drawn(self._package.xml(part))]

    def blocks(self, parent: Iterable[Element], lines: list[str], aside: list[str] | None = None) -> None:
        """Add the lines of paragraphs and tables, through content controls and revisions; tables go to `aside` where it is given."""
        for item in parent:
            self._block(item, lines, aside)
        self._flush(lines)

    def _block(self, item: Element, lines: list[str], aside: list[str] | None) -> None:
        name = bare(item.tag)
        if name == "p":
            self._paragraph(item, lines)
        elif name == "tbl":
            self._table(item, lines if aside is None else aside)
        elif name == "sectPr":
            self._section(item)
        elif name == "altChunk":
            lines.extend(self._chunk(attribute(item, "id")))
        elif name in {"oMath", "oMathPara"}:
            lines.append(linear(item))
        elif name in {"del", "moveFrom"}:
            self.inline.deleted(item)
        elif name not in SKIPPED and not switched(child(item, "sdtPr"), "showingPlcHdr"):
            if name in {"ins", "moveTo"}:
                self.inline.inserted(item)
            self.blocks(item, lines, aside)

    def _flush(self, lines: list[str]) -> None:
        if self._joined:
            lines.append(self._joined)
            self._joined = ""

    def _paragraph(self, element: Element, lines: list[str]) -> None:
        """A line, and after it the text boxes and tables that hang in the paragraph."""
        properties = by_name(child(element, "pPr"))
        style = self._styles.of(attribute(properties.get("pStyle"), "val"))
        before, self._joined = self._joined, ""
        after: list[str] = []
        text = before + self.inline.text(element, after, unseen=style.hidden)
        if "rPr" in properties and self._ends_deleted(properties["rPr"]):
            self._joined = text
            lines.extend(after)
            return
        lines.append(self._formatted(text, properties, style))
        lines.extend(after)
        if "sectPr" in properties:
            self._section(properties["sectPr"])
            lines.append("\f")
            self._section_end = (lines, len(lines) - 1)

    def _formatted(self, text: str, properties: dict[str, Element], style: Style) -> str:
        """The text after the page break, the heading mark and the number that properties and style give it."""
        own = properties.get("pageBreakBefore")
        breaks = text.startswith("\f") or (style.breaks if own is None else on(own))
        text = text.removeprefix("\f")
        empty = not text.strip()
        mark = self._numbering.mark(properties.get("numPr"), style, empty=empty)
        level = outline(properties.get("outlineLvl"), style.outline)
        if level and not empty:
            mark, text = heading(level) + mark, text.replace("\n", " ")
        return ("\f" if breaks else "") + mark + text

    def _ends_deleted(self, properties: Element) -> bool:
        """Whether the end of a paragraph was deleted under track changes; an inserted one is counted."""
        marks = by_name(properties)
        self.inline.findings.insertions += "ins" in marks
        return "del" in marks or "moveFrom" in marks

    def _section(self, section: Element) -> None:
        """The end of a section says how it began: a new page before it, or none; and what runs above and below its pages."""
        if self._section_end is not None and value(section, "type") in _FLOWING:
            lines, place = self._section_end
            lines[place] = ""
        self._title_page = self._title_page or switched(section, "titlePg")
        for kind, found in self._running.items():
            for reference in children(section, f"{kind}Reference"):
                if self._shows(attribute(reference, "type")):
                    found[attribute(reference, "id")] = None

    def _shows(self, which: str) -> bool:
        """Whether headers of this kind are printed: those of a first page, and of even pages, only where the file asks for them."""
        if which == "even":
            return any(
                switched(settings, "evenAndOddHeaders") for settings in self._package.trees("settings")
            )
        return which != "first" or self._title_page

    def _chunk(self, identity: str) -> list[str]:
        """A part that the body takes in, once; one that lies outside is not fetched, one of another kind becomes a document of its own."""
        related = self._package.related(self.inline.part).get(identity)
        if related is None or related.target in self._taken:
            return []
        self._taken.add(related.target)
        if related.external:
            self.inline.findings.outside += 1
            return []
        lines = taken_in(self._package, related.target, self._nested)
        if lines is None:
            self.inline.findings.carried[related.target] = None
        return lines or []

    def _table(self, table: Element, lines: list[str]) -> None:
        for row in through(table, "tr"):
            properties = child(row, "trPr")
            if child(properties, "del") is not None:
                self.inline.findings.delete(row)
                continue
            if child(properties, "ins") is not None:
                self.inline.findings.insertions += 1
            cells = [cell for cell in through(row, "tc") if child(cell, "tcPr", "cellDel") is None]
            if len(cells) == 1 or any(len(cell) > _LAYOUT_BLOCKS for cell in cells):
                self._layout(cells, lines)
            else:
                self._row(cells, _columns(properties, "gridBefore", 0), lines)

    def _layout(self, cells: list[Element], lines: list[str]) -> None:
        """Cells that hold whole passages, one below the other: on one line they could not be read."""
        for cell in cells:
            if not _continues(child(cell, "tcPr")):
                self.blocks(cell, lines)

    def _row(self, cells: list[Element], skipped: int, lines: list[str]) -> None:
        """A row as one line; a merged cell has its text once and takes its place in the columns. Rows of tables inside follow."""
        nested: list[str] = []
        texts = [""] * skipped
        for cell in cells:
            properties = child(cell, "tcPr")
            found: list[str] = []
            if not _continues(properties):
                self.blocks(cell, found, nested)
            texts.append(" ".join(found))
            texts.extend([""] * (_columns(properties, "gridSpan", 1) - 1))
        broken = "\f" if any("\f" in text for text in texts) else ""
        line = " | ".join(" ".join(without_headings(text).replace("\f", " ").split()) for text in texts)
        lines.append(broken + line.rstrip(" |"))
        lines.extend(nested)


def _columns(properties: Element | None, name: str, otherwise: int) -> int:
    return min(number(value(properties, name), otherwise), _MOST_COLUMNS)


def _continues(properties: Element | None) -> bool:
    """Whether the cell only continues the one above it (or the one before it, in very old files)."""
    merged = (child(properties, kind) for kind in ("vMerge", "hMerge"))
    return any(element is not None and attribute(element, "val") != "restart" for element in merged)
