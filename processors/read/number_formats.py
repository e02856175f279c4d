"""An xlsx in, beside the library that reads its values; out: how its cells look, and how far they reach.

A price is often money by its format alone: the cell holds 12.5 and shows "12.50 €"; a postal code holds 1067 and shows "01067". And two
cells at far corners make the library fill a billion between them, so the reach is measured first.
"""

from __future__ import annotations

import decimal
import posixpath
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from lxml import etree

from octavo.processors.read.archive import Archive
from octavo.processors.read.content import ReadLimits, over

Place = tuple[int, int]  # row and column, from 0
Looks = Mapping[Place, "Look"]

_CELL = re.compile(
    rb"<(?:\w+:)?c\b(?=[^>]*?\br=[\"']([A-Z]{1,3})([0-9]{1,7})[\"'])(?:[^>]*?\bs=[\"']([0-9]+)[\"'])?[^>]*?(/?)>"
)
_LONG = re.compile(  # a whole number of more digits than a binary fraction holds
    rb"<(?:\w+:)?c\b(?![^>]*\bt=[\"'][^n])[^>]*?\br=[\"']([A-Z]{1,3})([0-9]{1,7})[\"'][^>]*>\s*<(?:\w+:)?v>(-?[0-9]{16,40})</"
)
_UNVALUED = re.compile(  # a formula without the value that its program last gave it; a text may be empty
    rb"<(?:\w+:)?c\b(?![^>]*\bt=[\"']str)[^>]*>\s*<(?:\w+:)?f\b[^>]*?(?:/>|>[^<]*</(?:\w+:)?f>)"
    rb"\s*(?:<(?:\w+:)?v\s*/>|<(?:\w+:)?v>\s*</(?:\w+:)?v>)?\s*</(?:\w+:)?c>"
)
_TOKEN = re.compile(r"\[\$([^\]-]*)[^\]]*\]|\"([^\"]*)\"|\\(.)|([_*].|\[[^\]]*\]|,)|([#0?])|(\.)|(.)")
_BUILT_IN = {
    "1": "0",
    "2": "0.00",
    "3": "#,##0",
    "4": "#,##0.00",
    "9": "0%",
    "10": "0.00%",
}  # ECMA-376 part 1, 18.8.30, 2026-11
_UNKNOWN = re.compile(
    r"\[[<>=]|[#0?],+(?![#0?,])|[Ee][+-]|/|@|[A-Za-z]", re.ASCII
)  # conditions, thousands cut off, exponents, fractions, dates, General
_MOST_DIGITS = 400  # before and behind the point of any number that a cell holds


@dataclass(frozen=True, slots=True)
class _Section:
    """What a format shows: signs as they stand, and places for digits; those of the fraction stand behind the point."""

    tokens: tuple[tuple[str, str], ...]  # kind ("sign", "place" or "point") and text
    factor: int  # 100 for per cent

    @property
    def has_places(self) -> bool:
        return any(kind == "place" for kind, _ in self.tokens)

    def of(self, value: Decimal, minus: str) -> str:
        point = next((at for at, (kind, _) in enumerate(self.tokens) if kind == "point"), len(self.tokens))
        before, behind = self.tokens[:point], self.tokens[point + 1 :]
        digits = sum(kind == "place" for kind, _ in behind)
        with decimal.localcontext(prec=2 * _MOST_DIGITS, rounding=decimal.ROUND_HALF_UP):
            whole, _, fraction = format(
                (value * self.factor).quantize(Decimal(1).scaleb(-digits)), "f"
            ).partition(".")
        minus = minus if set(whole + fraction) - {"0"} else ""  # what rounds to nothing has no sign
        shown = _behind(behind, fraction)
        separate = "." if any(kind == "place" and text for kind, text in shown) else ""
        return _before(before, whole, minus) + separate + "".join(text for _, text in shown)


@dataclass(frozen=True, slots=True)
class Look:
    """How a cell shows its number: for positive ones, and for negative ones and 0 where the format has sections for them."""

    sections: tuple[_Section, ...] = ()
    struck: bool = False
    exact: str = ""  # the digits in the file, where the library loses some

    def of(self, value: float) -> str:
        """The number as its cell shows it, without separators of thousands.

        >>> format = look("#,##0.00 [$€-407]")
        >>> format.of(1234.5) if format else None
        '1234.50 €'
        """
        number = Decimal(self.exact or repr(value))
        at = 2 if number == 0 else int(number < 0)
        chosen = self.sections[at] if at < len(self.sections) else self.sections[0]
        minus = "-" if number < 0 and chosen is self.sections[0] else ""
        return chosen.of(abs(number), minus).strip() or format(number, "f")


@dataclass(frozen=True, slots=True)
class SheetLook:
    """How the cells of a sheet look, and how many of its formulas have no stored value."""

    cells: Looks
    unvalued: int = 0


def looks(archive: Archive, limits: ReadLimits) -> dict[str, SheetLook]:
    """Sheet -> how its cells look. Raises DocumentError: too_large (more cells than `max_cells`)."""
    styles = _styles(archive)
    found: dict[str, SheetLook] = {}
    for name, part in sheets(archive):
        if part in archive:
            data = archive.read(part)
            found[name] = SheetLook(_placed(data, styles, limits), len(_UNVALUED.findall(data)))
    return found


def look(code: str) -> Look | None:
    """The look that a format code gives, None where it changes nothing or is beyond this reading.

    >>> [found.of(-7.5) for code in ("00.00;(0.0)", "00000", "0.0%") if (found := look(code))]
    ['(7.5)', '-00008', '-750.0%']
    """
    parts = re.split(r";(?=(?:[^\"]*\"[^\"]*\")*[^\"]*$)", code)[:3]
    if any(
        _UNKNOWN.search(re.sub(r"\"[^\"]*\"|\\.|\[\$[^\]]*\]|\[[A-Za-z]+[0-9]*\]|_.", "", part))
        for part in parts
    ):
        return None
    sections = tuple(map(_section, parts))
    return Look(sections) if sections[0].has_places else None


def _section(code: str) -> _Section:
    tokens: list[tuple[str, str]] = []
    factor, behind = 1, False
    for symbol, quoted, escaped, _dropped, place, point, other in _TOKEN.findall(code):
        if place:
            tokens.append(("place", place))
        elif point and not behind:
            behind = True
            tokens.append(("point", ""))
        else:
            factor *= 100 if other == "%" else 1
            tokens.append(("sign", symbol or quoted or escaped or point or other))
    while tokens and tokens[-1][0] == "sign" and not tokens[-1][1].strip():
        tokens.pop()
    return _Section(tuple(tokens), min(factor, 10_000))


def _before(tokens: tuple[tuple[str, str], ...], whole: str, minus: str) -> str:
    """The part before the point: digits fill their places from the right, the first place has all that are left, after the minus."""
    left = whole.lstrip("0")
    places = sum(kind == "place" for kind, _ in tokens)
    out: list[str] = []
    for kind, text in reversed(tokens):
        if kind != "place":
            out.append(text)
            continue
        places -= 1
        digits, left = (left, "") if not places else (left[-1:], left[:-1])
        out.append((minus if not places else "") + (digits or ("0" if text == "0" else "")))
    shown = "".join(reversed(out))
    return shown if any(kind == "place" for kind, _ in tokens) else minus + left + shown


def _behind(tokens: tuple[tuple[str, str], ...], fraction: str) -> list[tuple[str, str]]:
    """The part behind the point: digits fill their places from the left, and zeros at the end only those that ask for them."""
    places = [text for kind, text in tokens if kind == "place"]
    needed = max((at for at, text in enumerate(places, start=1) if text == "0"), default=0)
    digits = fraction.rstrip("0").ljust(needed, "0")
    left = iter(digits)
    return [(kind, next(left, "") if kind == "place" else text) for kind, text in tokens]


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
    for letters, number, digits in _LONG.findall(sheet):
        place = int(number) - 1, _column(letters)
        found[place] = replace(found.get(place, Look()), exact=digits.decode())
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
    root = xml(archive, "xl/styles.xml")
    codes = _BUILT_IN | {
        one.get("numFmtId", ""): one.get("formatCode", "") for one in root.iterfind("{*}numFmts/{*}numFmt")
    }
    struck = {str(at) for at, font in enumerate(root.iterfind("{*}fonts/{*}font")) if _is_struck(font)}
    found: dict[bytes, Look] = {}
    for at, style in enumerate(root.iterfind("{*}cellXfs/{*}xf")):
        seen = look(codes.get(style.get("numFmtId", ""), ""))
        if style.get("fontId") in struck:
            seen = replace(seen or Look(), struck=True)
        if seen is not None:
            found[str(at).encode()] = seen
    return found


def _is_struck(font: Any) -> bool:
    strike = font.find("{*}strike")
    return strike is not None and strike.get("val", "1") not in ("0", "false")


def sheets(archive: Archive) -> Iterator[tuple[str, str]]:
    """The name of each sheet, and its part."""
    if "xl/workbook.xml" not in archive or "xl/_rels/workbook.xml.rels" not in archive:
        return
    relations = {one.get("Id"): one.get("Target", "") for one in xml(archive, "xl/_rels/workbook.xml.rels")}
    for sheet in xml(archive, "xl/workbook.xml").iterfind("{*}sheets/{*}sheet"):
        number = next((value for key, value in sheet.attrib.items() if key.endswith("}id")), "")
        yield (
            sheet.get("name", ""),
            posixpath.normpath(posixpath.join("/xl", relations.get(number, ""))).lstrip("/"),
        )


def xml(archive: Archive, name: str) -> Any:
    """A part, parsed without entities and network."""
    return etree.fromstring(archive.read(name), etree.XMLParser(resolve_entities=False, no_network=True))
