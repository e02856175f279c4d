"""Bytes in, media type out: the type is decided by content; the name is asked only which kind of plain text it is.

`%PDF-1.7` makes a PDF, a zip with parts below word/ a docx, header lines at the start a mail. Nothing is parsed for it but the
directory of a container; imports `ole`, because a doc, an xls, a ppt and a msg differ by the streams in theirs.
"""

from __future__ import annotations

import base64
import io
import re
import unicodedata
import zipfile

from octavo.processors.read import ole
from octavo.schemas.text import invoice_page

DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
XLSB = "application/vnd.ms-excel.sheet.binary.macroenabled.12"
PPTX = "application/vnd.openxmlformats-officedocument.presentationml.presentation"
ODT = "application/vnd.oasis.opendocument.text"
ODS = "application/vnd.oasis.opendocument.spreadsheet"
ODP = "application/vnd.oasis.opendocument.presentation"
DOC, XLS, PPT, MSG = (
    "application/msword",
    "application/vnd.ms-excel",
    "application/vnd.ms-powerpoint",
    "application/vnd.ms-outlook",
)
RTF = "application/rtf"
OLE_ENCRYPTED = "application/x-ole-encrypted"
TNEF, SIGNED = "application/ms-tnef", "application/pkcs7-mime"
UNKNOWN = "application/octet-stream"

# What a type is called in a sentence, for those that are recognised but not read here.
NAMES = {
    "application/vnd.oasis.opendocument.graphics": "an OpenDocument drawing (odg)",
    "application/vnd.apple.iwork": "a file of Pages, Numbers or Keynote",
    "application/vnd.ms-xpsdocument": "an XPS document",
    "application/vnd.ms-word.xml": "a Word file of 2003 in XML",
    "application/vnd.ms-excel.xml": "an Excel file of 2003 in XML",
    "application/vnd.oasis.opendocument.flat": "an OpenDocument file as plain XML (fodt, fods)",
    "application/zip": "a zip archive",
    "application/vnd.visio": "a Visio drawing",
    "application/x-mspublisher": "a Publisher file",
    "application/vnd.ms-works": "a Works file (wps)",
    "application/x-hwp": "a Hangul file (hwp)",
    "application/x-ole-storage": "an OLE container",
    "application/postscript": "a PostScript file",
    "application/gzip": "a gzip archive",
    "application/x-7z-compressed": "a 7z archive",
    "application/vnd.rar": "a rar archive",
    "application/x-bzip2": "a bzip2 archive",
    "application/x-xz": "an xz archive",
    "application/vnd.sqlite3": "a SQLite database",
    "application/vnd.apache.parquet": "a Parquet table",
    "application/x-executable": "a program",
    "image/vnd.djvu": "a DjVu scan",
    "audio/video": "a sound or video file",
    UNKNOWN: "no type that is known here",
}

_MAGIC: tuple[tuple[bytes, str], ...] = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"II*\0", "image/tiff"),
    (b"MM\0*", "image/tiff"),
    (b"II+\0", "image/tiff"),
    (b"MM\0+", "image/tiff"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
    (b"{\\rtf", RTF),
    (b"%!PS", "application/postscript"),
    (b"\xc5\xd0\xd3\xc6", "application/postscript"),
    (b"\x1f\x8b", "application/gzip"),
    (b"7z\xbc\xaf'\x1c", "application/x-7z-compressed"),
    (b"Rar!\x1a\x07", "application/vnd.rar"),
    (b"BZh", "application/x-bzip2"),
    (b"\xfd7zXZ\0", "application/x-xz"),
    (b"SQLite format 3\0", "application/vnd.sqlite3"),
    (b"PAR1", "application/vnd.apache.parquet"),
    (b"\x7fELF", "application/x-executable"),
    (b"MZ\x90", "application/x-executable"),
    (b"\0\0\0\x0cjP  ", "image/jp2"),
    (b"AT&TFORM", "image/vnd.djvu"),
    (b"\x78\x9f\x3e\x22", TNEF),
    (b"-----BEGIN PKCS7-----", SIGNED),
    (b"-----BEGIN CMS-----", SIGNED),
    (b"ID3", "audio/video"),
    (b"OggS", "audio/video"),
    (b"\x1aE\xdf\xa3", "audio/video"),
    (b"fLaC", "audio/video"),
)
_OLE_STREAMS = (  # a stream in the root of the directory; the first that fits decides
    ("EncryptedPackage", OLE_ENCRYPTED),
    ("WordDocument", DOC),
    ("PowerPoint Document", PPT),
    ("Workbook", XLS),
    ("Book", XLS),  # Excel 5 and 95
    ("__properties_version1.0", MSG),
    ("VisioDocument", "application/vnd.visio"),
    ("Quill/QuillSub/CONTENTS", "application/x-mspublisher"),
    ("MatOST", "application/vnd.ms-works"),
    ("HwpSummaryInformation", "application/x-hwp"),
)
_ZIP_PARTS = (
    ("word/", DOCX),
    ("xl/workbook.bin", XLSB),
    ("xl/", XLSX),
    ("ppt/", PPTX),
    ("visio/", "application/vnd.visio"),
    ("Index/", "application/vnd.apple.iwork"),
    ("Index.zip", "application/vnd.apple.iwork"),
    ("index.apxl", "application/vnd.apple.iwork"),
    ("FixedDocSeq", "application/vnd.ms-xpsdocument"),
    ("FixedDocumentSequence", "application/vnd.ms-xpsdocument"),
)
EPUB, SVG, FLAT_OPC = "application/epub+zip", "image/svg+xml", "application/vnd.ms-opc.flat"
_ROOTS = (  # of packages that were written as one XML file
    ("<pkg:package", FLAT_OPC),
    ("<w:wordDocument", "application/vnd.ms-word.xml"),
    ("urn:schemas-microsoft-com:office:spreadsheet", "application/vnd.ms-excel.xml"),
    ("<office:document ", "application/vnd.oasis.opendocument.flat"),
)
_SVG = re.compile(
    r"\s*+(?:<\?[^>]*+>\s*+|<!--(?:(?!-->).)*+-->\s*+|<!DOCTYPE[^>]*+>\s*+)*+<(?:svg:)?svg[\s>]",
    re.DOTALL | re.IGNORECASE,
)
_OPEN_DOCUMENT = {  # templates are read as what they are templates of
    kind + template: kind for kind in (ODT, ODS, ODP) for template in ("", "-template")
}
_BOMS = (
    (b"\xef\xbb\xbf", "utf-8"),
    (b"\xff\xfe\0\0", "utf-32"),
    (b"\0\0\xfe\xff", "utf-32"),
    (b"\xff\xfe", "utf-16"),
    (b"\xfe\xff", "utf-16"),
)
_HEADER = re.compile(
    "(?:from|to|cc|subject|date|received|return-path|reply-to|message-id|mime-version|delivered-to|content-type|x-[a-z-]+):",
    re.IGNORECASE,
)
# In an mbox, and a header. Here and below what can match in one way only is atomic, so that no file makes the search long.
MAIL_BEGINS = re.compile(
    rb"(?:\A|(?<=\n\n)|(?<=\r\n\r\n))From \S(?>[^\n]*?\d\d:\d\d)[^\n]*+\n(?=[!-9;-~]++:)"
)
_HTML = re.compile(
    r"\s*+(?:<\?xml[^>]*+>\s*+)?(?><!--.*?-->\s*+)*+<(?:!doctype\s+html|html|head|body|meta|title|table|div|p|h1|script|style|span|ul|form)\b",
    re.IGNORECASE | re.DOTALL,
)
_EINVOICE = re.compile(  # CII of all versions, UBL, FatturaPA: by the name of the root, and of UBL's its namespace
    r"\s*+(?:<\?[^>]*+>\s*+|<!--(?:(?!-->).)*+-->\s*+)*+<(?:[\w.-]+:)?"
    r"(?:CrossIndustry(?:Invoice|Document)|FatturaElettronica(?:Semplificata)?|(?:Invoice|CreditNote)(?=[^>]*oasis:names:specification:ubl))[\s>]",
    re.DOTALL,
)
_BRANDS = {
    b"avif": "image/avif",
    b"avis": "image/avif",
    b"heic": "image/heic",
    b"heix": "image/heic",
    b"hevc": "image/heic",
    b"msf1": "image/heic",
    b"mif1": "image/heic",
}
_TEXT_NAMES = {
    b".md": "text/markdown",
    b".markdown": "text/markdown",
    b".csv": "text/csv",
    b".tsv": "text/csv",
}
# The object identifiers of signed and of encrypted data near the start of a file in DER (RFC 5652); and letters that may be its Base64.
_SIGNED = re.compile(rb"\x30.{1,8}?\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07[\x02\x03]", re.DOTALL)
_LETTERS = re.compile(rb"M[A-Za-z0-9+/]{39}")
_PEEK = 4096  # bytes looked at to tell text from binary
_WIDE = (
    ("utf-32-le", 4),
    ("utf-32-be", 4),
    ("utf-16-le", 2),
    ("utf-16-be", 2),
)  # encoding -> bytes of a character, at least
_CONTROLS = bytes(byte for byte in range(32) if byte not in b"\t\n\r\x0c\x1b")
_COMMON_ASCII = frozenset("\t\n\r\x0c" + "".join(map(chr, range(32, 127))))


def media_type(data: bytes, name: bytes = b"") -> str:
    """The media type of a file's bytes; `UNKNOWN` when it is neither a known container nor text."""
    head = data[:_PEEK]
    for magic, kind in _MAGIC:
        if head.startswith(magic):
            return kind
    if b"%PDF-" in head[:1024] and not head.lstrip().startswith((b"<", b"From:")):
        return "application/pdf"
    if head.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return _zip_type(data)
    if head.startswith(ole.MAGIC):
        return _ole_type(data)
    if MAIL_BEGINS.match(head) and (name.lower().endswith(b".mbox") or MAIL_BEGINS.search(data, 1)):
        return "application/mbox"
    return _media_type(head) or _text_type(head, name)


def _media_type(head: bytes) -> str:
    """Containers whose mark does not stand at the start."""
    letters = _LETTERS.match(head)
    if _SIGNED.match(base64.b64decode(letters[0]) if letters else head):
        return SIGNED
    if head.startswith(b"RIFF"):
        return "image/webp" if head[8:12] == b"WEBP" else "audio/video"
    if head.startswith(b"BM") and len(head) > 18 and head[6:10] == b"\0\0\0\0":
        return "image/bmp"
    if head[4:8] == b"ftyp":
        return _BRANDS.get(head[8:12], "audio/video")
    return ""


def _text_type(head: bytes, name: bytes) -> str:
    text = _decoded(head)
    if text is None:
        return UNKNOWN
    if known := _xml_type(text):
        return known
    if _HTML.match(text):
        return "text/html"
    if sum(
        1 for line in text.lstrip().splitlines()[:12] if _HEADER.match(line)
    ) >= 2 or name.lower().endswith(b".eml"):
        return "message/rfc822"
    suffix = name.lower()[name.rfind(b".") :] if b"." in name else b""
    return _TEXT_NAMES.get(suffix, "text/plain")


def _xml_type(text: str) -> str:
    """The type of XML that is more than text, by its root; "" for any other."""
    if not text.lstrip("\ufeff \t\r\n").startswith("<"):
        return ""
    if _EINVOICE.match(text):
        return invoice_page.MEDIA_TYPE
    if _SVG.match(text):
        return SVG
    return next((kind for mark, kind in _ROOTS if text.startswith("<?xml") and mark in text[:2000]), "")


def _decoded(head: bytes) -> str | None:
    """The head as text, or None when it is binary. Only the shape matters here; `text` decodes with care."""
    for mark, encoding in _BOMS:
        if head.startswith(mark):
            return head.decode(encoding, "replace")
    if b"\0" in head:
        return next((head.decode(encoding, "replace") for encoding in wide(head)), None) or _stray(head)
    controls = len(head) - len(head.translate(None, _CONTROLS))
    return head.decode("latin-1") if controls * 100 <= len(head) else None


def wide(data: bytes) -> list[str]:
    """UTF-16 and UTF-32 without a mark, as far as the bytes are that: nearly all characters are common, and blanks or digits are there.

    >>> wide("Invoice 7".encode("utf-16-le")), wide(b"Invoice 7")
    (['utf-16-le'], [])
    """
    head = data[:_PEEK]
    return [
        encoding
        for encoding, width in _WIDE
        if b"\0" in head and _fits(head[: len(head) // width * width], encoding)
    ]


def _fits(head: bytes, encoding: str) -> bool:
    """Whether the bytes are text in a wide encoding. Read in the wrong order, blanks and line ends become rare characters."""
    text = head.decode(encoding, "ignore")
    if (
        not text or len(text.encode(encoding)) < len(head) - 4
    ):  # subtle: a pair may be cut at the end of the head
        return False
    plain = sum(character in _COMMON_ASCII for character in text)
    known = sum(
        character in _COMMON_ASCII or unicodedata.category(character)[0] in "LMNPSZ" for character in text
    )
    return (
        plain > 0
        and known >= 0.98 * len(text)
        and plain >= sum(ord(character) & 0xFF == 0 for character in text)
    )


def _stray(head: bytes) -> str | None:
    """A stray NUL in a text makes no binary."""
    zeros = head.count(0)
    return (
        head.decode("latin-1")
        if zeros * 100 <= len(head) and not any(byte < 9 for byte in head if byte)
        else None
    )


def _zip_type(data: bytes) -> str:
    """OpenDocument and e-books declare their type in an entry; Office files are known by the folders of their parts."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            names = archive.namelist()
            declared = archive.open("mimetype").read(80).decode("latin-1") if "mimetype" in names else ""
    except Exception:  # noqa: BLE001  # a broken directory raises whatever it likes; the reader will say what is wrong
        names, declared = _local_names(data), ""
    if declared in _OPEN_DOCUMENT or declared in NAMES or declared == EPUB:
        return _OPEN_DOCUMENT.get(declared, declared)
    return next(
        (kind for prefix, kind in _ZIP_PARTS if any(name.startswith(prefix) for name in names)),
        "application/zip",
    )


def _local_names(data: bytes) -> list[str]:
    """Names as they stand before the entries, for a zip whose directory is lost. Office files that are cut short count as Word."""
    names = re.findall(rb"word/|xl/|ppt/", data)
    return [name.decode() for name in names] or (["word/"] if b"[Content_Types].xml" in data else [])


def _ole_type(data: bytes) -> str:
    """By the streams in the root of the directory: a workbook inside a letter makes no workbook."""
    try:
        names = {name.lstrip("\x05") for name in ole.Compound(data).names}
    except ValueError:  # damaged: names as they stand in the bytes, where they are UTF-16
        names = {name for name, _ in _OLE_STREAMS if name.encode("utf-16-le") in data}
    return next((kind for name, kind in _OLE_STREAMS if name in names), "application/x-ole-storage")
