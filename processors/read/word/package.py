"""A docx in; its parts out, found by their relationships and never by their names, as XML trees or as a stream of elements.

Nothing outside the file is ever fetched: relationships to the outside keep their address and have no part.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from lxml import etree

from octavo.processors.read.archive import Archive
from octavo.processors.read.content import Source
from octavo.processors.read.word.xml import Element
from octavo.schemas.errors import DocumentError

_CHUNK_BYTES = 1 << 18  # of a part, parsed before the elements in it are handed out


@dataclass(frozen=True, slots=True)
class Related:
    """One relationship of a part: the last word of its type, and an entry of the container or an address outside."""

    kind: str  # such as "header"; both dialects of OOXML share it
    target: str
    external: bool


class Package:
    """The parts of one Word file. Raises DocumentError: corrupt, encrypted, bomb."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.damage: dict[str, str] = {}  # part -> what was not well formed in it
        self._archive = Archive(source)
        self._known: dict[str, dict[str, Related]] = {}
        self.main = next(iter(self.targets("", "officeDocument")), "word/document.xml")

    def __contains__(self, name: str) -> bool:
        return name in self._archive

    def data(self, name: str) -> bytes:
        """The bytes of one part. Raises DocumentError: corrupt, bomb, encrypted."""
        return self._archive.read(name)

    def related(self, part: str) -> dict[str, Related]:
        """The relationships of a part by their ids; "" is the container itself."""
        if part not in self._known:
            self._known[part] = self._read_relations(part)
        return self._known[part]

    def targets(self, part: str, *kinds: str) -> list[str]:
        """The parts to which a part relates by one of these kinds, each once."""
        found = (
            item.target for item in self.related(part).values() if item.kind in kinds and not item.external
        )
        return [target for target in dict.fromkeys(found) if target in self._archive]

    def trees(self, *kinds: str) -> list[Element]:
        """The roots of the parts to which the main part relates by these kinds."""
        return [self.xml(target) for target in self.targets(self.main, *kinds)]

    def xml(self, name: str) -> Element:
        """One part parsed without entities and network; what is not well formed is read as far as it goes, and noted in `damage`."""
        parser = etree.XMLParser(recover=True, **_SAFE)
        root = etree.fromstring(self.data(name), parser)
        self._note(name, parser.error_log)
        if root is None:
            raise _no_xml(name, self.damage.get(name, "it is empty"))
        return _without_doctype(root)

    def body(self) -> Iterator[Element]:
        """The blocks of the main part's body, one by one: those that were handed out are dropped, so memory stays flat."""
        data = self.data(self.main)
        parser = etree.XMLPullParser(events=("start",), tag="{*}body", recover=True, **_SAFE)
        body = None
        for start in range(0, len(data), _CHUNK_BYTES):
            parser.feed(data[start : start + _CHUNK_BYTES])
            for _, found in parser.read_events():
                body = _without_doctype(found) if body is None else body
            if body is not None:
                whole = body[:-1]  # subtle: the last child may still be growing
                for item in whole:
                    yield item
                    item.clear()  # twice as fast as leaving it to the deletion of the slice
                del body[: len(whole)]
        root = _closed(parser)
        self._note(self.main, parser.feed_error_log)
        if root is None:
            raise _no_xml(self.main, self.damage.get(self.main, "it is empty"))
        _without_doctype(root)
        yield from body if body is not None else ()

    def _note(self, name: str, log: Any) -> None:
        first = next((entry.message for entry in log if entry.level_name in {"ERROR", "FATAL"}), "")
        if first:
            self.damage[name] = first

    def _read_relations(self, part: str) -> dict[str, Related]:
        folder, name = posixpath.split(part)
        rels = posixpath.join(folder, "_rels", f"{name}.rels")
        if rels not in self._archive:
            return {}
        return {
            element.get("Id", ""): self._relation(folder, element)
            for element in self.xml(rels)
            if element.get("Target")
        }

    def _relation(self, folder: str, element: Element) -> Related:
        """A target counts from the root of the container, or from the folder of the part; it may be escaped as in a link."""
        kind, target = str(element.get("Type", "")).rpartition("/")[2], element.get("Target")
        if element.get("TargetMode") == "External":
            return Related(kind, target, external=True)
        place = (
            target.lstrip("/")
            if target.startswith("/")
            else posixpath.normpath(posixpath.join(folder, target))
        )
        return Related(kind, place if place in self._archive else unquote(place), external=False)


_SAFE: dict[str, Any] = {
    "resolve_entities": False,
    "no_network": True,
    "load_dtd": False,
    "huge_tree": False,
    "remove_comments": True,
    "remove_pis": True,
}


def _closed(parser: Any) -> Element | None:
    """The root of what was fed, None when that was no XML at all."""
    try:
        return parser.close()
    except etree.XMLSyntaxError as error:
        if error.code == etree.ErrorTypes.ERR_NO_MEMORY:
            raise MemoryError from error  # subtle: what was read so far would look whole
        return None


def _without_doctype(element: Element) -> Element:
    """The element itself. Raises DocumentError when its part declares a document type, which is how entity bombs begin."""
    if element.getroottree().docinfo.doctype:
        message = "It declares a document type, which no Word file does."
        raise DocumentError("corrupt", message, next_step="Do not trust this file; save it again from Word.")
    return element


def _no_xml(name: str, why: str) -> DocumentError:
    return DocumentError(
        "corrupt", f"Its part {name} is no XML ({why}).", next_step="Save it again from Word."
    )
