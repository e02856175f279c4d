"""A Word file that was written as one XML (flat OPC) in; read as the docx that its parts make. Imports `word`, which reads that."""

from __future__ import annotations

import base64
import binascii
import io
import zipfile

from lxml import etree

from octavo.processors.read.content import Content, Source
from octavo.processors.read.word import document
from octavo.schemas.errors import DocumentError


def read(source: Source) -> Content:
    """As a docx. Raises DocumentError: corrupt, unsupported (another program's package), and what a docx raises."""
    try:
        root = etree.fromstring(
            source.data, etree.XMLParser(resolve_entities=False, no_network=True, huge_tree=False)
        )
        parts = {
            one.get(f"{{{root.nsmap['pkg']}}}name", "").lstrip("/"): _bytes(one)
            for one in root.iterfind("{*}part")
        }
    except (etree.XMLSyntaxError, binascii.Error, KeyError) as error:
        message = f"It is an Office file in XML that is damaged ({error})."
        raise DocumentError("corrupt", message, next_step="Open it in Word and save it again.") from error
    if not any(name.startswith("word/") for name in parts):
        message = "It is an Office file in XML of another program than Word."
        raise DocumentError("unsupported", message, next_step="Save it as xlsx, pptx or PDF.")
    with io.BytesIO() as file:
        with zipfile.ZipFile(file, "w") as archive:
            for name, data in parts.items():
                archive.writestr(name, data)
            archive.writestr("[Content_Types].xml", _types(root))
        return document.read(Source(file.getvalue(), source.limits, source.passwords))


def _bytes(part: etree._Element) -> bytes:
    """The bytes of a part: XML as it is, others in Base64."""
    data = part.find("{*}xmlData")
    if data is not None and len(data):
        return bytes(etree.tostring(data[0], xml_declaration=True, encoding="UTF-8"))
    return base64.b64decode(part.findtext("{*}binaryData") or "")


def _types(root: etree._Element) -> bytes:
    """The list of types that a package has and this form leaves to its parts."""
    made = etree.Element("Types", xmlns="http://schemas.openxmlformats.org/package/2006/content-types")
    for part in root.iterfind("{*}part"):
        name, kind = (part.get(f"{{{root.nsmap['pkg']}}}{key}", "") for key in ("name", "contentType"))
        etree.SubElement(made, "Override", PartName=name, ContentType=kind)
    return bytes(etree.tostring(made))
