"""What belongs to a sheet of an xlsx beside its cells in: text boxes, comments, files behind icons; lines of text and files out.

They stand in parts of their own, which the relations of the sheet name.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterator
from typing import Any

from octavo.processors.read.archive import Archive
from octavo.processors.read.content import Inner
from octavo.processors.read.number_formats import xml

_FILES = ("/package", "/oleObject")


def lines(archive: Archive, sheet: str) -> Iterator[str]:
    """The words of text boxes as they stand, then comments, each with the cell that it is about; those of a thread in order."""
    parts = list(_related(archive, sheet))
    for part in (part for kind, part in parts if kind.endswith("/drawing")):
        for body in xml(archive, part).iter("{*}txBody"):
            text = "\n".join("".join(line.itertext()) for line in body.iterfind("{*}p")).strip()
            if text:
                yield text
    threads = [
        _comment(one)
        for kind, part in parts
        if kind.endswith("/threadedComment")
        for one in xml(archive, part)
    ]
    told = {cell for cell, _ in threads}  # which older programs see as one comment with a notice before it
    old = [
        _comment(one)
        for kind, part in parts
        if kind.endswith("/comments")
        for one in xml(archive, part).iter("{*}comment")
    ]
    for cell, words in [*(one for one in old if one[0] not in told), *threads]:
        if words:
            yield f"Comment ({cell}): {words}"


def files(archive: Archive, sheet: str) -> Iterator[Inner]:
    """Whole files that lie in a sheet, such as a document behind an icon."""
    for kind, part in _related(archive, sheet):
        if kind.endswith(_FILES):
            yield Inner(posixpath.basename(part), archive.read(part))


def _comment(element: Any) -> tuple[str, str]:
    body = element.find("{*}text")
    return element.get("ref", ""), " ".join("".join(body.itertext()).split()) if body is not None else ""


def _related(archive: Archive, sheet: str) -> Iterator[tuple[str, str]]:
    """The parts that a sheet names, with the kinds of their relations; nothing that lies outside."""
    folder, name = posixpath.split(sheet)
    relations = f"{folder}/_rels/{name}.rels"
    if relations not in archive:
        return
    for one in xml(archive, relations):
        part = posixpath.normpath(posixpath.join("/", folder, one.get("Target", ""))).lstrip("/")
        if one.get("TargetMode") != "External" and part in archive:
            yield one.get("Type", ""), part
