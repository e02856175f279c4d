"""An e-book (epub) in; leaves out: its chapters in reading order, as web pages are read."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator
from typing import Any
from urllib.parse import unquote

from lxml import etree

from octavo.processors.read import html, text
from octavo.processors.read.archive import Archive
from octavo.processors.read.content import Content, Source, over
from octavo.schemas.errors import DocumentError
from octavo.schemas.pipeline import Properties

_CONTAINER = "META-INF/container.xml"
_RIGHTS = "META-INF/encryption.xml"
_MARKUP = ("application/xhtml+xml", "text/html")


def read(source: Source) -> Content:
    """All chapters. Raises DocumentError: corrupt, bomb, encrypted, too_many_pages."""
    archive = Archive(source)
    chapters, properties = _book(archive)
    if not any(name in archive for name in chapters) and _RIGHTS in archive:
        raise DocumentError("encrypted", "The e-book is locked.", next_step="Get it without copy protection.")
    leaves = [
        leaf
        for name in chapters
        for leaf in text.paged(html.plain(html.decode(archive.read(name)).text), source.limits).leaves
    ]
    if len(leaves) > source.limits.max_pages:
        over("max_pages", len(leaves), source.limits.max_pages, "too_many_pages")
    return Content(tuple(leaves), properties=properties)


def _book(archive: Archive) -> tuple[list[str], Properties]:
    """The parts of the book in reading order, and what it says of itself."""
    root = next(iter(_xml(archive, _CONTAINER).iter("{*}rootfile")), None)
    package = root.get("full-path", "") if root is not None else ""
    book = _xml(archive, package)
    items = {one.get("id"): one for one in book.iter("{*}item")}
    listed = (items.get(one.get("idref")) for one in book.iter("{*}itemref"))
    named = (_named(package, one) for one in listed if one is not None and one.get("media-type") in _MARKUP)
    return list(named), Properties(_first(book, "title"), _first(book, "creator"))


def _named(package: str, item: Any) -> str:
    return posixpath.normpath(posixpath.join(posixpath.dirname(package), unquote(item.get("href", ""))))


def _first(book: Any, name: str) -> str:
    words: Iterator[str] = ("".join(one.itertext()).strip() for one in book.iter("{*}" + name))
    return next(words, "")


def _xml(archive: Archive, name: str) -> Any:
    try:
        return etree.fromstring(archive.read(name), etree.XMLParser(resolve_entities=False, no_network=True))
    except etree.XMLSyntaxError as error:
        message = f"Its part {name} is not well formed ({error.msg})."
        raise DocumentError("corrupt", message, next_step="Get the e-book once more.") from error
