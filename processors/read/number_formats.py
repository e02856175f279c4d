"""An xlsx in, beside the library that reads its values; out: how its numbers look, and how far its cells reach.

A price is often money by its format alone: the cell holds 12.5 and shows "12.50 €". And two cells at far
corners make the library fill a billion between them, so the reach is measured first.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from lxml import etree

from octavo.processors.read.archive import Archive
from octavo.processors.read.content import ReadLimits, over

Place = tuple[int, int]  # row and column, from 0
Looks = Mapping[Place, "Look"]

_CELL = re.compile(
    rb"<(?:\w+:)?c\b(?=[^>]*?\br=[\"']([A-Z]{1,3})([0-9]{1,7})[\"'])(?:[^>]*?\bs=[\"']([0-9]+)[\"'])?[^>]*?(/?)>"
)
_FORMAT = re.compile(r"\[\$([^\]-]*)[^\]]*\]|\"([^\"]*)\"|\\(.)|[_*].|\[[^\]]*\]|([#0?.,]+)|(.)")
_BUILT_IN = {"9": "0%", "10": "0.00%"}  # ECMA-376 part 1, 18.8.30, 2026-11; others have no words of their own
_UNKNOWN = re.compile(
    r"\[[<>=]|[#0?],+(?![#0?,])|[Ee][+-]|/|@|General", re.ASCII
)  # conditions, thousands cut off, exponents, fractions


@dataclass(frozen=True, slots=True)
class Look:
    """What stands around the digits of a number, and how many follow the point."""

    before: str
    after: str
    digits: int
    factor: int = 1  # 100 for per cent

    def of(self, value: float) -> str:
        """The number as its cell shows it, without separators of thousands.

        >>> Look("", " €", 2).of(1234.5)
        '1234.50 €'
        """
        return f"{self.before}{value * self.factor:.{self.digits}f}{self.after}"


def looks(archive: Archive, limits: ReadLimits) -> dict[str, Looks]:
    """Sheet -> where its numbers have words or signs around them. Raises DocumentError: too_large (more cells than `max_cells`)."""
    if "xl/workbook.xml" not in archive or "xl/_rels/workbook.xml.rels" not in archive:
        return {}
    styles = _styles(archive)
    return {
        name: _placed(archive.read(part), styles, limits)
        for name, part in _sheets(archive)
        if part in archive
    }


def look(code: str) -> Look | None:
    """The look that a format code gives, None where it adds nothing to the number or is beyond this reading.

    >>> look('#,##0.00 [$€-407]'), look("0.0%"), look("0.00")
    (Look(before='', after=' €', digits=2, factor=1), Look(before='', after='%', digits=1, factor=100), None)
    """
    code = code.partition(";")[0]
    if _UNKNOWN.search(re.sub(r"\"[^\"]*\"|\\.", "", code)):
        return None
    around, pattern = ["", ""], ""
    for symbol, quoted, escaped, digits, other in _FORMAT.findall(code):
        pattern += digits
        around[bool(pattern)] += symbol or quoted or escaped or other
    if not pattern or not "".join(around).strip():
        return None
    return Look(
        around[0],
        around[1].rstrip(),
        len(re.findall("[0#?]", pattern.partition(".")[2])),
        100 if "%" in around[1] else 1,
    )


def _placed(sheet: bytes, styles: Mapping[bytes, Look], limits: ReadLimits) -> Looks:
    """The cells of a sheet that have a look; those without a value do not count for its reach."""
    found: dict[Place, Look] = {}
    rows, columns = _Reach(), _Reach()
    for letters, number, style, empty in _CELL.findall(sheet):
        if empty:
            continue
        place = int(number) - 1, _column(letters)
        rows.take(place[0])
        columns.take(place[1])
        if style in styles:
            found[place] = styles[style]
    if rows.size * columns.size > limits.max_cells:
        over("max_cells", rows.size * columns.size, limits.max_cells)
    return found


class _Reach:
    """The distance between the smallest and the largest number seen."""

    def __init__(self) -> None:
        self._low, self._high = 1 << 30, -1

    def take(self, number: int) -> None:
        self._low, self._high = min(self._low, number), max(self._high, number)

    @property
    def size(self) -> int:
        return max(0, self._high - self._low + 1)


def _column(letters: bytes) -> int:
    number = 0
    for letter in letters:
        number = number * 26 + letter - 64
    return number - 1


def _styles(archive: Archive) -> dict[bytes, Look]:
    """Number of a style, as cells name it -> its look."""
    if "xl/styles.xml" not in archive:
        return {}
    root = _xml(archive, "xl/styles.xml")
    codes = _BUILT_IN | {
        one.get("numFmtId", ""): one.get("formatCode", "") for one in root.iterfind("{*}numFmts/{*}numFmt")
    }
    numbers = (style.get("numFmtId", "") for style in root.iterfind("{*}cellXfs/{*}xf"))
    found = ((at, look(codes.get(number, ""))) for at, number in enumerate(numbers))
    return {str(at).encode(): seen for at, seen in found if seen is not None}


def _sheets(archive: Archive) -> Iterator[tuple[str, str]]:
    """The name of each sheet, and its part."""
    relations = {one.get("Id"): one.get("Target", "") for one in _xml(archive, "xl/_rels/workbook.xml.rels")}
    for sheet in _xml(archive, "xl/workbook.xml").iterfind("{*}sheets/{*}sheet"):
        number = next((value for key, value in sheet.attrib.items() if key.endswith("}id")), "")
        yield (
            sheet.get("name", ""),
            posixpath.normpath(posixpath.join("/xl", relations.get(number, ""))).lstrip("/"),
        )


def _xml(archive: Archive, name: str) -> Any:
    return etree.fromstring(archive.read(name), etree.XMLParser(resolve_entities=False, no_network=True))
