"""A drawing in SVG in; a leaf out: its title and its words, in the order in which they are drawn. Its lines and shapes are not seen."""

from __future__ import annotations

from lxml import etree

from octavo.processors.read.content import Content, PageContent, Source, clean
from octavo.schemas.errors import DocumentError

_WORDS = ("title", "desc", "text", "p")


def read(source: Source) -> Content:
    """The words. Raises DocumentError: corrupt."""
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False)
    try:
        root = etree.fromstring(source.data, parser)
    except etree.XMLSyntaxError as error:
        message = f"It is a drawing whose XML is damaged ({error.msg})."
        raise DocumentError("corrupt", message, next_step="Save it once more, or as PDF.") from error
    lines = (
        " ".join("".join(one.itertext()).split()) for one in root.iter(*("{*}" + name for name in _WORDS))
    )
    words = clean("\n".join(line for line in lines if line))
    return Content(
        (PageContent(words),),
        "Of the drawing only its words were read."
        if words
        else "It is a drawing without words; save it as PNG.",
    )
