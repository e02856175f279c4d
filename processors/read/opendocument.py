"""An OpenDocument text or presentation in (odt, odp and their templates); leaves out: a page, or a slide, each.

Elements go by their local names. What a tracked change deleted is left out; so is what a style hides.

    paragraph, heading   -> a line, "- " before a list item
    table                -> a row on one line, " | " between its cells
    page break           -> a new leaf; so is a slide
    footnote, comment    -> "[1]" where it is called, its text at the end of that page
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from lxml import etree

from octavo.processors.read import table_rows
from octavo.processors.read.archive import Archive
from octavo.processors.read.content import Content, PageContent, Source, clean, over
from octavo.schemas.errors import DocumentError
from octavo.schemas.pipeline import Properties

Element = Any  # lxml ships no types

_SKIPPED = frozenset(
    (
        "tracked-changes",
        "note-citation",
        "hidden-text",
        "forms",
        "sequence-decls",
        "variable-decls",
        "user-field-decls",
        "placeholder",
    )
)
_NUMBERS = frozenset(
    ("page-number", "page-count")
)  # fields that say where one is, which the page says itself
_ROW_GROUPS = frozenset(("table-header-rows", "table-rows", "table-row-group"))
_LINES = frozenset(("p", "h"))
_MOST_BLANKS = 100  # of one run; a file may ask for a billion
_MOST_COLUMNS = 1_000  # up to which a cell is repeated; an empty one may be to the edge of the sheet


def read(source: Source) -> Content:
    """All pages or slides. Raises DocumentError: corrupt, encrypted, bomb, too_many_pages."""
    archive = Archive(source)
    if "META-INF/manifest.xml" in archive and b"encryption-data" in archive.read("META-INF/manifest.xml"):
        raise DocumentError(
            "encrypted", "The document asks for a password.", next_step="Save it without one."
        )
    root = _xml(archive, "content.xml")
    walk = _OpenDocumentWalk(root)
    slides = root.findall(".//{*}presentation/{*}page")
    pages = (
        [walk.page(slide) for slide in slides]
        if slides
        else walk.page(_body(root), *_margins(archive)).split("\f")
    )
    if len(pages) > source.limits.max_pages:
        over("max_pages", len(pages), source.limits.max_pages, "too_many_pages")
    hidden = [
        number for number, slide in enumerate(slides, start=1) if _of(slide, "style-name") in walk.hidden
    ]
    detail = f"Slide(s) {', '.join(map(str, hidden))} are hidden in it and were read." if hidden else ""
    leaves = (
        PageContent(clean(page), hidden_chars=len(clean(page)) if at in hidden else 0)
        for at, page in enumerate(pages, start=1)
    )
    return Content(tuple(leaves), detail, ("hidden_slides",) if hidden else (), _properties(archive))


class _OpenDocumentWalk:
    """One content.xml on its way to text: what its styles mean, and the notes that wait for the end of their page."""

    def __init__(self, root: Element) -> None:
        styles = {_of(style, "name"): style for style in root.iterfind(".//{*}automatic-styles/{*}style")}
        properties = {
            name: {key: value for child in style for key, value in _attributes(child)}
            for name, style in styles.items()
        }
        self.breaks = {name for name, found in properties.items() if found.get("break-before") == "page"}
        self.hidden = {
            name
            for name, found in properties.items()
            if "hidden" in (found.get("visibility"), found.get("display"))
        }
        self.hidden |= {name for name, found in properties.items() if found.get("display") == "none"}
        self.struck = {
            name
            for name, found in properties.items()
            if found.get("text-line-through-style", "none") != "none"
            or found.get("text-line-through-type", "none") != "none"
        }
        self._notes: list[str] = []
        self._calls = 0

    def page(self, root: Element, head: str = "", foot: str = "") -> str:
        r"""The text below an element, "\f" at its page breaks, notes at the end of their pages."""
        self._notes = []
        text = "\n".join([head, *self.blocks(root)])
        pages = text.split("\f")
        for note in self._notes:
            call = note.partition(" ")[0]
            at = next((number for number, page in enumerate(pages) if call in page), -1)
            pages[at] = f"{pages[at].rstrip()}\n{note}"
        return "\f".join(pages) + f"\n{foot}"

    def blocks(self, root: Element, mark: str = "") -> Iterator[str]:
        """The lines of an element in order; `mark` stands before the first of a list item."""
        for element in root:
            name = _local(element)
            if name in _LINES:
                yield self._line(element, mark)
                mark = "  " if mark else ""
            elif name == "list":
                yield from (line for item in element for line in self.blocks(item, "- "))
            elif name == "table":
                yield table_rows.lines(self._row(row) for row in _rows(element))
            elif name == "notes":
                yield "Notes: " + " ".join(self.blocks(element)).strip()
            elif name == "soft-page-break":
                yield "\f"
            elif name and name not in _SKIPPED:
                yield from self.blocks(element, mark)

    def _line(self, element: Element, mark: str) -> str:
        start = "\f" if _of(element, "style-name") in self.breaks else ""
        words = "".join(self._inline(element))
        return f"{start}{mark}{words}" if words.strip() else start

    def _inline(self, element: Element) -> Iterator[str]:
        """The words of a paragraph with what lies in it: boxes, notes, blanks that XML would lose."""
        yield element.text or ""
        for child in element:
            name = _local(child)
            if name == "s":
                yield " " * min(_count(child, "c"), _MOST_BLANKS)
            elif name in ("tab", "line-break", "soft-page-break"):
                yield {"tab": "\t", "line-break": "\n", "soft-page-break": "\f"}[name]
            elif name in ("note", "annotation"):
                yield self._note(child)
            elif name == "frame":
                yield "\n" + "\n".join(self.blocks(child)).strip()
            elif name and name not in _SKIPPED | _NUMBERS and _of(child, "style-name") not in self.hidden:
                words = "".join(self._inline(child))
                yield f"~~{words}~~" if words.strip() and _of(child, "style-name") in self.struck else words
            yield child.tail or ""

    def _note(self, element: Element) -> str:
        """The call of a note; its text waits for the end of the page."""
        self._calls += 1
        body = element.find("{*}note-body")
        words = " ".join(" ".join(self.blocks(element if body is None else body)).split())
        kind = "Comment: " if body is None else ""
        self._notes.append(f"[{self._calls}] {kind}{words}")
        return f"[{self._calls}]"

    def _row(self, row: Element) -> list[str]:
        cells: list[str] = []
        for cell in row:
            if _local(cell) in ("table-cell", "covered-table-cell"):
                words = " ".join(line.strip() for line in self.blocks(cell))
                cells += [words] * max(
                    1, min(_count(cell, "number-columns-repeated"), _MOST_COLUMNS - len(cells))
                )
        return cells


def _rows(element: Element) -> Iterator[Element]:
    """The rows of a table in order, also those in groups; not those of a table in one of its cells."""
    for child in element:
        if _local(child) == "table-row":
            yield child
        elif _local(child) in _ROW_GROUPS:
            yield from _rows(child)


def _body(root: Element) -> Element:
    body = root.find("{*}body/{*}text")
    if body is None:
        body = root.find("{*}body")
    if body is None:
        raise DocumentError(
            "corrupt", "Its content has no body.", next_step="Open it in LibreOffice and save it again."
        )
    return body


def _margins(archive: Archive) -> tuple[str, str]:
    """The header and the footer of its pages, each sentence once."""
    if "styles.xml" not in archive:
        return "", ""
    root = _xml(archive, "styles.xml")
    walk = _OpenDocumentWalk(root)
    found = (
        dict.fromkeys(line for part in root.iter("{*}" + name) for line in walk.blocks(part))
        for name in ("header", "footer")
    )
    head, foot = ("\n".join(lines).replace("\f", "") for lines in found)
    return head, foot


def _properties(archive: Archive) -> Properties:
    if "meta.xml" not in archive:
        return Properties()
    meta = {
        _local(element): (element.text or "").strip()
        for element in _xml(archive, "meta.xml").iterfind("{*}meta/*")
    }
    author = meta.get("initial-creator") or meta.get("creator", "")
    return Properties(
        meta.get("title", ""), author, _moment(meta.get("creation-date", "")), _moment(meta.get("date", ""))
    )


def _moment(words: str) -> datetime | None:
    """A moment as OpenDocument writes it, which may have nine digits after the second; UTC where it names no zone."""
    try:
        found = datetime.fromisoformat(re.sub(r"(\.\d{6})\d+", r"\1", words))
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _xml(archive: Archive, name: str) -> Element:
    """One part parsed without entities and network."""
    try:
        root = etree.fromstring(
            archive.read(name), etree.XMLParser(resolve_entities=False, no_network=True, remove_comments=True)
        )
    except etree.XMLSyntaxError as error:
        message = f"Its part {name} is not well formed ({error.msg})."
        raise DocumentError(
            "corrupt", message, next_step="Open it in LibreOffice and save it again."
        ) from error
    if root.getroottree().docinfo.doctype:  # its entities are not resolved, so words would be missing
        message = f"Its part {name} declares a document type, which no OpenDocument file does."
        raise DocumentError(
            "corrupt", message, next_step="Do not trust this file; save it again from LibreOffice."
        )
    return root


def _local(element: Element) -> str:
    """The name without its namespace; "" for what is no element, such as an entity."""
    return element.tag.rpartition("}")[2] if isinstance(element.tag, str) else ""


def _attributes(element: Element) -> Iterator[tuple[str, str]]:
    return ((key.rpartition("}")[2], value) for key, value in element.attrib.items())


def _of(element: Element, name: str) -> str:
    """An attribute by its local name, "" without it."""
    return next((value for key, value in _attributes(element) if key == name), "")


def _count(element: Element, name: str) -> int:
    """An attribute that counts; 1 where it is not there or no number."""
    words = _of(element, name)
    return int(words) if words.isdecimal() else 1
