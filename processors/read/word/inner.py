"""What lies inside a Word file besides its text: parts that are taken into the text (altChunk), and files that are carried along.

A part that the text cannot take in becomes an `Inner`, so that it is read as a document of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from octavo.processors.read import html, text
from octavo.processors.read.content import Inner
from octavo.processors.read.kinds import DOCX, media_type
from octavo.processors.read.word.package import Package

_MARKUP = (".html", ".htm", ".xhtml")
_PLAIN = frozenset({"text/plain", "text/markdown", "text/csv"})


def taken_in(package: Package, part: str, nested: Callable[[bytes], list[str] | None]) -> list[str] | None:
    """The lines of a part that the body takes in; None when it is of a kind that has to be read on its own.

    `nested` reads a Word file into lines, None when it lies too deep in others.
    """
    data = package.data(part)
    kind = media_type(data, part.encode())
    if kind == "text/html" or part.lower().endswith(_MARKUP):
        return html.plain(html.decode(data).text).split("\n")
    if kind in _PLAIN:
        return text.decode(data).split("\n")
    return nested(data) if kind == DOCX else None


def carried(package: Package, parts: Iterable[str]) -> tuple[Inner, ...]:
    """Parts as files of their own, named by their place in the container. Raises DocumentError as `Package.data` does."""
    return tuple(Inner(part.removeprefix("word/"), _unwrapped(package.data(part))) for part in parts)


def _unwrapped(data: bytes) -> bytes:
    """A PDF out of the OLE container that Word puts around it; other bytes as they are."""
    start, end = data.find(b"%PDF-"), data.rfind(b"%%EOF")
    return data[start : end + 5] if data.startswith(b"\xd0\xcf\x11\xe0") and 0 <= start < end else data
