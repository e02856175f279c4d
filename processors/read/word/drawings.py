"""The part of a chart or of SmartArt in; its words out, line by line: a chart as title and table, SmartArt as its texts.

Every point is visited once, whatever counts the part claims.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from octavo.processors.read.word.xml import Element, attribute, bare, child, children, number

_FLOAT = re.compile(r"-?\d+\.\d{15,}")
_TITLES = frozenset({"title"})


def drawn(part: Element) -> list[str]:
    """The lines of a drawing part. Raises nothing."""
    return [
        line
        for line in (_chart(part) if bare(part.tag) == "chartSpace" else _texts(part))
        if line.strip(" |")
    ]


def _texts(part: Element) -> Iterator[str]:
    """The paragraphs of a diagram, and the values of the newer charts, each once."""
    lines = (
        "".join(item.itertext()).strip()
        for item in part.iter()
        if bare(item.tag) in {"p", "v", "pt"} and not _holds_paragraphs(item)
    )
    return iter(dict.fromkeys(line for line in lines if line))


def _holds_paragraphs(item: Element) -> bool:
    """A point of a diagram holds paragraphs, which speak for themselves; a point of a chart is its value."""
    return bare(item.tag) == "pt" and len(item) > 0


def _chart(part: Element) -> Iterator[str]:
    """Titles of chart and axes, then a table: a row a category, a column a series."""
    yield from (text for item in part.iter() if bare(item.tag) in _TITLES and (text := _title(item)))
    every = [item for item in part.iter() if bare(item.tag) == "ser"]
    columns = [
        _points(child(item, "val") if child(item, "val") is not None else child(item, "yVal"))
        for item in every
    ]
    names = [_title(child(item, "tx")) for item in every]
    first = next((found for item in every if (found := _points(_categories(item)))), {})
    if columns:
        yield _row(["", *names])
    for place in dict.fromkeys([*first, *(place for column in columns for place in column)]):
        yield _row([first.get(place, ""), *(column.get(place, "") for column in columns)])


def _categories(series: Element) -> Element | None:
    found = child(series, "cat")
    return found if found is not None else child(series, "xVal")


def _row(cells: list[str]) -> str:
    return " | ".join(cells).rstrip(" |")


def _title(item: Element | None) -> str:
    """The words of a title or a series' name, written or taken from a sheet."""
    if item is None:
        return ""
    return " ".join(
        "".join(found.text or "" for found in item.iter() if bare(found.tag) in {"t", "v"}).split()
    )


def _points(data: Element | None) -> dict[int, str]:
    """Index -> value of each point; several levels of categories are joined."""
    points: dict[int, str] = {}
    for point in (item for item in data.iter() if bare(item.tag) == "pt") if data is not None else ():
        place = number(attribute(point, "idx"), len(points))
        text = " ".join("".join(item.text or "" for item in children(point, "v")).split())
        points[place] = f"{_rounded(text)} {points[place]}" if place in points else _rounded(text)
    return points


def _rounded(text: str) -> str:
    """A value as a sheet shows it, with 15 digits: 4.4000000000000004 is 4.4."""
    return f"{float(text):.15g}" if _FLOAT.fullmatch(text) else text
