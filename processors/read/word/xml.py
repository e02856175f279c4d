"""Small questions to an element of Office XML: its name, a child, an attribute. Elements go in, strings and elements come out.

Names are compared without their namespaces, because the two dialects of OOXML (transitional, strict) differ in nothing else that matters.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import Any

Element = Any  # lxml ships no types

_OFF = frozenset({"0", "false", "off", "none"})
_WRAPPERS = frozenset({"sdt", "sdtContent", "customXml", "ins", "moveTo", "smartTag"})


@lru_cache(maxsize=4096)
def bare(name: object) -> str:
    """A name without its namespace; entities and comments have no name.

    >>> bare("{http://schemas.openxmlformats.org/wordprocessingml/2006/main}p")
    'p'
    """
    return name.rpartition("}")[2] if isinstance(name, str) else ""


def children(element: Element | None, name: str) -> Iterator[Element]:
    """The children of that name."""
    return (item for item in element if bare(item.tag) == name) if element is not None else iter(())


def child(element: Element | None, *path: str) -> Element | None:
    """The first child of that name, and of that its first child, and so on; None when one is missing."""
    for name in path:
        element = _first(element, name)
    return element


def by_name(element: Element | None) -> dict[str, Element]:
    """The children by their names, for elements in which each name stands once; asking this is faster than many times `child`."""
    return {bare(item.tag): item for item in element} if element is not None else {}


def through(parent: Element, name: str) -> Iterator[Element]:
    """Children of a name, also those inside content controls and revisions."""
    for item in parent:
        found = bare(item.tag)
        if found == name:
            yield item
        elif found in _WRAPPERS:
            yield from through(item, name)


def attribute(element: Element | None, name: str) -> str:
    """An attribute by its local name, "" when it is absent."""
    if element is not None:
        for key, found in element.items():
            if bare(key) == name:
                return str(found)
    return ""


def value(element: Element | None, name: str) -> str:
    """The `val` of a child, "" when there is none."""
    return attribute(child(element, name), "val")


def switched(element: Element | None, name: str) -> bool:
    """Whether a child that is a switch is there and on."""
    return on(child(element, name))


def on(switch: Element | None) -> bool:
    """Whether a switch is there and on; without a `val` it is on."""
    return switch is not None and attribute(switch, "val").lower() not in _OFF


def _first(element: Element | None, name: str) -> Element | None:
    if element is not None:
        for item in element:
            if bare(item.tag) == name:
                return item
    return None


def number(text: str, otherwise: int) -> int:
    """A count as the file writes it; `otherwise` where it is none, or has more than nine digits."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else otherwise
