"""Word (.docx, transitional and strict) in; leaves out: the body in order with tables, insertions, text boxes, lists and notes.

Imports `leaf` (the nouns the readers share), `archive` (the bounded zip container), `numbering` (what stands before a list item) and
`html`, because a Word file may take in HTML whole.
Elements go by their local names, so that both dialects of OOXML, whose namespaces differ, read alike.

    paragraph            -> a line, "- " or its number before a list item
    table row            -> cells on one line, " | " between them; a merged cell once
    page break           -> a new leaf; a file without page breaks is one leaf
    footnote, comment    -> "[1]" where it is called, its text at the end of that page
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

from lxml import etree

from processors.read import html
from processors.read.archive import Archive
from processors.read.leaf import Content, Leaf, Source, clean, over
from processors.read.numbering import Numbering
from schemas.errors import DocumentError

Element = Any  # lxml ships no types

_SKIPPED = frozenset(
    ("del", "moveFrom", "delText", "instrText", "Fallback", "rPr", "tblPr", "trPr", "tcPr", "sectPr", "tblGrid", "posOffset"),
)
_NOTES = {"footnotes": "footnoteReference", "endnotes": "endnoteReference", "comments": "commentReference"}
_PRINTED = {"tab": "\t", "cr": "\n", "noBreakHyphen": "-", "ptab": "\t", "lastRenderedPageBreak": "\f"}
_TICKED = {"F052": "☑", "F0FE": "☒", "F0A8": "☐", "F06F": "☐"}  # check boxes of the Wingdings fonts, private use in the file
_CALL = re.compile("\0([0-9]+)\0")
_DRAWINGS = ("diagramData", "chart")  # parts whose words are drawn into the page


def read(source: Source) -> Content:
    """All pages of the body. Raises DocumentError: corrupt, bomb, encrypted, too_many_pages."""
    package = _Package(source)
    walk = _Walk(package)
    pages = walk.pages()
    if len(pages) > source.limits.max_pages:
        over("max_pages", len(pages), source.limits.max_pages, "too_many_pages")
    return Content(tuple(Leaf(clean(page)) for page in pages), package.detail)


class _Package:
    """The parts of a docx, found by their relationships and never by their names."""

    def __init__(self, source: Source) -> None:
        self._archive = Archive(source)
        self.detail = ""
        self.main = next((target for kind, target, _ in self._related("") if kind == "officeDocument"), "word/document.xml")
        self._relations = self._related(self.main)

    def parts(self, kind: str) -> list[Element]:
        """The roots of the parts that the body relates to by `kind`, such as "header"."""
        targets = dict.fromkeys(target for found, target, _ in self._relations if found == kind)
        return [self.xml(target) for target in targets if target in self._archive]

    def markup(self, relation: str) -> str:
        """The text of an HTML file that the body takes in, "" when it is something else."""
        target = next((target for _, target, number in self._relations if number == relation), "")
        return html.plain(html.decode(self._archive.read(target))) if target.lower().endswith((".html", ".htm", ".xhtml")) else ""

    def xml(self, name: str) -> Element:
        """One part parsed without entities and network; what is not well formed is read as far as it goes, and that is noted."""
        data = self._archive.read(name)
        try:
            root = etree.fromstring(data, _parser(recover=False))
        except etree.XMLSyntaxError as error:
            if error.code == etree.ErrorTypes.ERR_NO_MEMORY:
                raise MemoryError from error  # subtle: what could be recovered would be a part of it, and look whole
            root = _recovered(data, name, error)
            self.detail = f"Its part {name} is not well formed ({error.msg}); it was read as far as it goes."
        if root.getroottree().docinfo.doctype:
            message = "It declares a document type, which no Word file does."
            raise DocumentError("corrupt", message, next_step="Do not trust this file; save it again from Word.")
        return root

    def _related(self, part: str) -> list[tuple[str, str, str]]:
        """Kind, target and id of each relationship of a part; targets outside the container are left alone."""
        folder, name = posixpath.split(part)
        rels = posixpath.join(folder, "_rels", f"{name}.rels")
        if rels not in self._archive:
            return []
        relations = [element for element in self.xml(rels) if element.get("TargetMode") != "External" and element.get("Target")]
        return [(_kind(element), _place(folder, element.get("Target")), element.get("Id", "")) for element in relations]


class _Walk:
    """One way through the body: it counts list items and collects the notes that the page at hand calls."""

    def __init__(self, package: _Package) -> None:
        self._package = package
        self._numbering = Numbering(package.parts("numbering"), package.parts("styles"))
        self._notes = {reference: _by_id(package.parts(kind)) for kind, reference in _NOTES.items()}
        self._called: list[str] = []  # texts of the notes, in the order in which they are called

    def pages(self) -> list[str]:
        """The text of each page: headers before the first, footers and the words of drawings after the last."""
        body = next((child for child in self._package.xml(self._package.main) if _local(child) == "body"), None)
        lines = "\n".join(self._blocks(body)) if body is not None else ""
        pages = [page for page in self._with_notes(lines.split("\f")) if page.strip()] or [""]
        pages[0] = "\n".join([*self._once("header"), pages[0]])
        drawn = [line for kind in _DRAWINGS for part in self._package.parts(kind) for line in _drawn(part)]
        pages[-1] = "\n".join([pages[-1], *drawn, *self._once("footer")])
        return pages

    def _with_notes(self, pages: list[str]) -> Iterator[str]:
        """Each page with its calls as "[1]", followed by the notes that it calls."""
        for page in pages:
            notes = (f"[{int(call) + 1}] {self._called[int(call)]}" for call in _CALL.findall(page))
            yield _CALL.sub(lambda match: f"[{int(match[1]) + 1}]", "\n".join([page, *notes]))

    def _once(self, kind: str) -> list[str]:
        """Headers or footers, equal ones once."""
        texts = ("\n".join(self._blocks(part)).replace("\f", "") for part in self._package.parts(kind))
        return list(dict.fromkeys(text for text in texts if text.strip()))

    def _blocks(self, parent: Element) -> Iterator[str]:
        """Lines of paragraphs and tables, through content controls and revisions."""
        for child in parent:
            name = _local(child)
            if name == "p":
                yield from self._paragraph(child)
            elif name == "tbl":
                yield from self._table(child)
            elif name == "altChunk":
                yield self._package.markup(_attribute(child, "id"))
            elif name not in _SKIPPED:
                yield from self._blocks(child)

    def _paragraph(self, element: Element) -> Iterator[str]:
        inner: list[str] = []  # text boxes and tables anchored in the paragraph follow it
        text = "".join(self._inline(element, inner))
        properties = _child(element, "pPr")
        if properties is not None:
            text = self._marked(properties, text)
        yield text
        yield from inner

    def _marked(self, properties: Element, text: str) -> str:
        """The text of a paragraph after the page break and the list mark that its properties give it."""
        mark = self._numbering.mark(properties) if text.strip() else ""
        breaks = "\f" if text.startswith("\f") or _child(properties, "pageBreakBefore") is not None else ""
        return breaks + mark + text.removeprefix("\f") if breaks else mark + text

    def _inline(self, parent: Element, inner: list[str]) -> Iterator[str]:
        """The text of runs in order; blocks that hang inside go to `inner`."""
        for child in parent:
            name = _local(child)
            if name == "t":
                yield child.text or ""
            elif name in _PRINTED:
                yield _PRINTED[name]
            elif name == "br":
                yield "\f" if _attribute(child, "type") == "page" else "\n"
            elif name == "sym":
                yield _symbol(_attribute(child, "char"))
            elif name in self._notes:
                yield self._call(name, _attribute(child, "id"))
            elif name in {"txbxContent", "tbl", "txBody"}:
                inner.extend(self._table(child) if name == "tbl" else self._blocks(child))
            elif name not in _SKIPPED and name != "pPr":
                yield from self._inline(child, inner)

    def _call(self, reference: str, number: str) -> str:
        """The call of a note, numbered for the time being between two NULs, which no XML can hold."""
        note = self._notes[reference].get(number)
        if note is None:
            return ""
        text = " ".join(" ".join(self._blocks(note)).replace("\f", " ").split())
        author = _attribute(note, "author")
        self._called.append(f"Comment by {author}: {text}" if author else text)
        return f"\0{len(self._called) - 1}\0"

    def _table(self, table: Element) -> Iterator[str]:
        for row in _through(table, "tr"):
            nested: list[str] = []
            cells = ["" if _continues(cell) else " ".join(self._cell(cell, nested)) for cell in _through(row, "tc")]
            line = " | ".join(" ".join(text.replace("\f", " ").split()) for text in cells)
            broken = "\f" if any("\f" in text for text in cells) else ""
            yield broken + (line if line.strip(" |") else "")
            yield from nested

    def _cell(self, cell: Element, nested: list[str]) -> Iterator[str]:
        """The lines of a cell; rows of a table inside it stay rows and go to `nested`."""
        for child in cell:
            name = _local(child)
            if name == "p":
                yield from self._paragraph(child)
            elif name == "tbl":
                nested.extend(self._table(child))
            elif name not in _SKIPPED:
                yield from self._cell(child, nested)


def _parser(*, recover: bool) -> etree.XMLParser:
    return etree.XMLParser(
        resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False, recover=recover, remove_comments=True, remove_pis=True
    )


def _recovered(data: bytes, name: str, why: etree.XMLSyntaxError) -> Element:
    root = etree.fromstring(data, _parser(recover=True)) if b"<!DOCTYPE" not in data[:1024] else None
    if root is None:
        raise DocumentError("corrupt", f"Its part {name} is no XML ({why.msg}).", next_step="Save it again from Word.") from why
    return root


def _kind(relation: Element) -> str:
    """The last word of a relationship's type, which both dialects share."""
    return str(relation.get("Type", "")).rpartition("/")[2]


def _place(folder: str, target: str) -> str:
    """The entry a relationship points to: from the root of the container, or from the folder of the part."""
    return target.lstrip("/") if target.startswith("/") else posixpath.normpath(posixpath.join(folder, target))


def _by_id(parts: list[Element]) -> dict[str, Element]:
    """Notes by their id, without the separators that Word keeps among them."""
    return {_attribute(note, "id"): note for part in parts for note in part if "eparator" not in _attribute(note, "type")}


def _through(parent: Element, name: str) -> Iterator[Element]:
    """Children of a name, also those inside content controls and revisions."""
    for child in parent:
        if _local(child) == name:
            yield child
        elif _local(child) in {"sdt", "sdtContent", "customXml", "ins", "moveTo", "smartTag"}:
            yield from _through(child, name)


def _continues(cell: Element) -> bool:
    """Whether the cell only continues the one above it (or the one before it, in very old files)."""
    merged = [_child(_child(cell, "tcPr"), kind) for kind in ("vMerge", "hMerge")]
    return any(element is not None and _attribute(element, "val") != "restart" for element in merged)


def _drawn(part: Element) -> Iterator[str]:
    """The words of a chart or diagram: its paragraphs, categories and values, each once."""
    lines = ("".join(element.itertext()).strip() for element in part.iter() if _local(element) in {"p", "v"})
    yield from dict.fromkeys(line for line in lines if line)


def _symbol(code: str) -> str:
    """A character of a symbol font: check boxes are translated, the rest is kept as the code the file gives."""
    if re.fullmatch(r"[0-9A-Fa-f]{4}", code):
        return _TICKED.get(code.upper(), chr(int(code, 16)))
    return ""


def _local(element: Element) -> str:
    return _bare(element.tag)


@lru_cache(maxsize=1024)
def _bare(tag: object) -> str:
    """A name without its namespace; entities and comments have no name."""
    return tag.rpartition("}")[2] if isinstance(tag, str) else ""


def _child(element: Element | None, name: str) -> Element | None:
    return next((child for child in element if _local(child) == name), None) if element is not None else None


def _attribute(element: Element, name: str) -> str:
    """An attribute by its local name, "" when it is absent."""
    return next((value for key, value in element.attrib.items() if key.rpartition("}")[2] == name), "")
