"""A document of PDFium with an XFA form in; the names and values of its data out, as lines.

A dynamic form is drawn by Adobe's programs alone: its one page asks to wait, and what was filled in lies in the packet `datasets` as XML.
"""

from __future__ import annotations

import ctypes
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

import pypdfium2
import pypdfium2.raw as pdfium

from octavo.processors.read.content import clean

_MOST_PACKETS = 50
_MOST_BYTES = 20_000_000  # of a packet
_MOST_VALUES, _LONGEST = 10_000, 4_000  # of a form; characters
_XHTML = "{http://www.w3.org/1999/xhtml}"
_CONTENT_TYPE = "{http://www.xfa.org/schema/xfa-data/1.0/}contentType"


@dataclass(frozen=True, slots=True)
class XfaForm:
    """The values of a form as lines "name: value", and a sentence for whoever reads them; "" where there is no such form."""

    lines: tuple[str, ...] = ()
    detail: str = ""


def form(document: pypdfium2.PdfDocument, *, is_told: bool) -> XfaForm:
    """The values of a dynamic form, and of another whose values no field of the pages told (`is_told`)."""
    kind = document.get_formtype()
    is_dynamic = kind == pdfium.FORMTYPE_XFA_FULL
    if not is_dynamic and (is_told or kind != pdfium.FORMTYPE_XFA_FOREGROUND):
        return XfaForm()
    lines, why = _lines(document)
    if not is_dynamic and not lines:
        return XfaForm()
    first = f"the first {_MOST_VALUES:,}" if len(lines) >= _MOST_VALUES else "the"
    values = f"{first} values of its fields were read, its layout was not" if lines else why
    return XfaForm(lines, f"It is an XFA form, which only Adobe's programs draw: {values}.")


def _lines(document: pypdfium2.PdfDocument) -> tuple[tuple[str, ...], str]:
    """Lines, and why there are none."""
    from lxml import etree

    parser = etree.XMLParser(
        resolve_entities=False, no_network=True, load_dtd=False, remove_comments=True, remove_pis=True
    )
    try:
        packets = [etree.fromstring(packet, parser) for packet in _packets(document)]
    except (etree.XMLSyntaxError, ValueError):
        return (), "its data are damaged and were not read"
    data = next((found for packet in packets for found in packet.iter("{*}data")), None)
    if data is None:
        return (), "no data were found in it"
    forms = list(data.iterchildren("{*}*"))
    lines = (line for one in forms for line in _values(one, "" if len(forms) == 1 else _name(one)))
    taken = tuple(islice(lines, _MOST_VALUES))
    return taken, "no field of it is filled in"


def _packets(document: pypdfium2.PdfDocument) -> Iterator[bytes]:
    """The packet with the data; of a form in one piece all of it. Raises ValueError for one that is too large."""
    for number in range(min(pdfium.FPDF_GetXFAPacketCount(document.raw), _MOST_PACKETS)):
        size = pdfium.FPDF_GetXFAPacketName(document.raw, number, None, 0)
        name = ctypes.create_string_buffer(size + 1)
        pdfium.FPDF_GetXFAPacketName(document.raw, number, name, size)
        if name.value not in (b"datasets", b""):
            continue
        length = ctypes.c_ulong()
        pdfium.FPDF_GetXFAPacketContent(document.raw, number, None, 0, length)
        if length.value > _MOST_BYTES:
            raise ValueError(name.value)
        content = ctypes.create_string_buffer(length.value or 1)
        pdfium.FPDF_GetXFAPacketContent(document.raw, number, content, length.value, length)
        yield content.raw[: length.value]


def _values(element: Any, path: str) -> Iterator[str]:
    """A line for each value below an element; names that repeat are counted from 1."""
    for attribute, value in element.attrib.items():
        if not attribute.startswith("{"):
            yield from _line(f"{path}.{attribute}".lstrip("."), value)
    children = list(element.iterchildren("{*}*"))
    if not children or children[0].tag.startswith(_XHTML):
        if not element.get(_CONTENT_TYPE, "").startswith("image/"):
            yield from _line(path or _name(element), _words(element))
        return
    counts, seen = Counter(map(_name, children)), Counter[str]()
    for child in children:
        name = _name(child)
        seen[name] += 1
        own = f"{name}[{seen[name]}]" if counts[name] > 1 else name
        yield from _values(child, f"{path}.{own}" if path else own)


def _words(element: Any) -> str:
    """The text of a value; the paragraphs of rich text and its line ends are parted, other tags are not."""
    for part in element.iter(f"{_XHTML}p", f"{_XHTML}li", f"{_XHTML}br"):
        part.tail = f" {part.tail or ''}"
    return "".join(element.itertext())


def _line(name: str, value: str) -> Iterator[str]:
    words = " ".join(clean(value).split())
    if words:
        yield f"{name}: {words if len(words) <= _LONGEST else words[:_LONGEST] + ' [...]'}"


def _name(element: Any) -> str:
    return str(element.tag).rpartition("}")[2]
