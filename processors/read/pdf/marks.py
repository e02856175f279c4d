"""The bytes of a PDF in; what may be in it out, found by a cheap look at its streams before anything is parsed.

A page without a mark is done quickly; one with a mark is looked at closely by those who know how. So a mark may be wrong, but costs only
time. What cannot be looked into (encrypted, in other filters than Flate, very large) counts as marked.
"""

from __future__ import annotations

import io
import re
import zlib
from collections.abc import Iterator
from itertools import islice, pairwise
from typing import Any

import pikepdf

_MAX_STREAM_BYTES = 32_000_000  # inflated; a larger stream is not looked into
_MAX_DEPTH = 3  # forms within forms that are followed
_NO_CONTENT = (
    b"/Image",
    b"/Length1",
    b"/FontFile",
    b"/Type1C",
    b"FontType0C",
    b"/OpenType",
    b"/XRef",
    b"/Metadata",
    b"/EmbeddedFile",
)
_OBJECTS = b"/ObjStm"  # a stream of objects
_ACTIONS = re.compile(rb"/(?:JavaScript|JS|Launch)[\s/(<\[]")
_OBJECT = re.compile(rb"(\d{1,9})\s+\d{1,5}\s+obj\b")
_GREY, _RGB, _CMYK = (
    (1, 1.0),
    (3, 1.0),
    (4, 0.0),
)  # how many numbers make a colour, and the value of each in white
_OPERATORS = (
    (b" rg", (_RGB,)),
    (b" g", (_GREY,)),
    (b" k", (_CMYK,)),
    (b" sc", (_GREY, _RGB)),
)  # that set the colour of text
_NEXT = re.compile(
    rb"\s(?:q|Q|rg|g|k|scn?|cs)(?=\s)|\(|(?<!<)<(?!<)"
)  # after a colour is set: another, or a string that is shown
_MAX_TOKENS = 10_000  # followed behind one colour
_WHITE_ENDS = (
    b" 1",
    b"\n1",
    b"\r1",
    b"0 0 0 0",
)  # without a point, so that most colours are told apart without reading numbers
_NO_INK = (b"3", b"7")  # render modes, ISO 32000-1 table 106
_NEARLY = 0.05  # so far from white is white


def has_javascript(data: bytes) -> bool:
    """Whether there may be JavaScript, or programs to be started."""
    streams = _streams(data) if _OBJECTS in data else ()
    objects = (_inflated(head, packed) for head, packed in streams if _OBJECTS in head)
    return _ACTIONS.search(data) is not None or any(
        content is None or _ACTIONS.search(content) for content in objects
    )


def may_hide_text(data: bytes, password: str, page_count: int) -> frozenset[int] | None:
    """Indices of the pages with text that nobody may see: without ink or opacity, or white; None for all. Looks through all streams."""
    if _transparent(data):
        return None
    hiding: set[int] = set()
    for head, packed in _streams(data):
        content = _inflated(head, packed)
        if _OBJECTS in head:
            if content is None or _transparent(content):
                return None
        elif content is None or _hides(content):
            number = _OBJECT.search(head)
            hiding.add(int(number[1]) if number else -1)
            if len(hiding) * 2 > page_count:
                return None
    return _pages(data, password, hiding)


def _pages(data: bytes, password: str, hiding: set[int]) -> frozenset[int] | None:
    """The pages that draw one of these streams; None when one belongs to no page, so that any may draw it."""
    if not hiding:
        return frozenset()
    try:
        with pikepdf.open(io.BytesIO(data), password=password) as document:
            drawn = [set(_contents(page.obj)) for page in document.pages]
            if hiding - set().union(*drawn):
                known: dict[int, set[int]] = {}
                drawn = [
                    own | _forms(page.obj, _MAX_DEPTH, known)
                    for own, page in zip(drawn, document.pages, strict=True)
                ]
    except (pikepdf.PdfError, ValueError, TypeError):  # PDFium is more patient than qpdf
        return None
    return (
        None
        if hiding - set().union(*drawn)
        else frozenset(index for index, own in enumerate(drawn) if own & hiding)
    )


def _contents(page: Any) -> Iterator[int]:
    """Numbers of the streams that are a page's content."""
    content = page.get("/Contents")
    if isinstance(content, pikepdf.Array):
        yield from (stream.objgen[0] for stream in content)
    elif content is not None:
        yield content.objgen[0]


def _forms(owner: Any, depth: int, known: dict[int, set[int]]) -> set[int]:
    """Numbers of the forms that a page or a form may draw, and of those that these may draw. `known` by object; it grows."""
    resources = owner.get("/Resources") or {}
    found: set[int] = set()
    for item in (resources.get("/XObject") or {}).values() if depth else ():
        number = item.objgen[0]
        if number not in known:
            known[number] = set()  # a form that draws itself ends here
            if item.get("/Subtype") == "/Form":
                known[number] = {number, *_forms(item, depth - 1, known)}
        found |= known[number]
    return found


def _streams(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Dictionary, with the object's number before it, and bytes of each stream that may hold page content or objects."""
    end = 0
    while (place := data.find(b"stream", end)) >= 0:
        head = data[max(end, data.rfind(b" obj", end, place) - 16) : place]
        start = place + (8 if data[place + 6 : place + 8] == b"\r\n" else 7)
        end = data.find(b"endstream", start) + 9
        if end < 9:
            return
        if not any(word in head for word in _NO_CONTENT):
            yield head, data[start : end - 9]


def _inflated(head: bytes, packed: bytes) -> bytes | None:
    """The content of a stream, or None when that cannot be told cheaply."""
    if b"/Filter" not in head:
        return packed
    try:
        engine = zlib.decompressobj()
        content = engine.decompress(packed, _MAX_STREAM_BYTES)
    except zlib.error:
        return None
    return None if engine.unconsumed_tail else content


def _hides(content: bytes) -> bool:
    """Whether page content may write what is not seen."""
    if b"Tf" not in content:
        return False
    modes = content.split(b" Tr")[:-1]
    return any(mode.endswith(_NO_INK) for mode in modes) or any(
        _white_text(content, *operator) for operator in _OPERATORS
    )


def _white_text(content: bytes, operator: bytes, colors: tuple[tuple[int, float], ...]) -> bool:
    """Whether a colour like white is set and a string is shown in it."""
    pieces = content.split(operator)
    tails = {piece[-32:] for piece in pieces[:-1] if piece.endswith(_WHITE_ENDS) or b"." in piece[-8:]}
    whites = {
        tail
        for tail in tails
        if any(_is_white(tail.split()[-parts:], parts, white) for parts, white in colors)
    }
    place = 0
    for before, behind in pairwise(pieces) if whites else ():
        place += len(before) + len(operator)
        is_operator = behind.removeprefix(b"n")[:1].isspace()  # else it is the start of a longer one
        if is_operator and before[-32:] in whites and _shown_in(content, place):
            return True
    return False


def _shown_in(content: bytes, place: int) -> bool:
    """Whether a string is shown in the colour that is set before a place in the content."""
    holds = [True]  # whether the colour still holds, at each level of what was saved
    for token in islice(_NEXT.finditer(content, place), _MAX_TOKENS):
        match token[0].strip():
            case b"q":
                holds.append(holds[-1])
            case b"Q":
                holds.pop()
            case b"(" | b"<":
                if holds[-1]:
                    return True
            case _:
                holds[-1] = False
        if not any(holds):
            return False
    return any(holds)


def _is_white(numbers: list[bytes], parts: int, white: float) -> bool:
    try:
        return len(numbers) == parts and all(abs(float(number) - white) <= _NEARLY for number in numbers)
    except ValueError:
        return False


def _transparent(content: bytes) -> bool:
    """Whether a graphics state without opacity is defined."""
    return re.search(rb"/ca 0(?:\.0\d*)?[\s/>]", content) is not None
