"""Bytes in, media type out: the type is decided by content; the name is asked only which kind of plain text it is.

`%PDF-1.7` makes a PDF, a zip with parts below word/ a docx, header lines at the start a mail. Nothing is parsed for it.
"""

from __future__ import annotations

import io
import re
import zipfile

DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
OLE_ENCRYPTED = "application/x-ole-encrypted"
UNKNOWN = "application/octet-stream"

# What a type is called in a sentence, for those that are recognised but not read.
NAMES = {
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": "an Excel workbook (xlsx)",
    "application/vnd.openxmlformats-officedocument.presentationml.presentation": "a PowerPoint presentation (pptx)",
    "application/vnd.oasis.opendocument.text": "an OpenDocument text (odt)",
    "application/vnd.oasis.opendocument.spreadsheet": "an OpenDocument spreadsheet (ods)",
    "application/vnd.oasis.opendocument.presentation": "an OpenDocument presentation (odp)",
    "application/epub+zip": "an e-book (epub)",
    "application/zip": "a zip archive",
    "application/msword": "an old Word file (doc)",
    "application/vnd.ms-excel": "an old Excel file (xls)",
    "application/vnd.ms-powerpoint": "an old PowerPoint file (ppt)",
    "application/vnd.ms-outlook": "an Outlook mail (msg)",
    "application/x-ole-storage": "an OLE container",
    "application/rtf": "a rich text file (rtf)",
    "application/postscript": "a PostScript file",
    "application/gzip": "a gzip archive",
    "application/x-7z-compressed": "a 7z archive",
    "application/vnd.rar": "a rar archive",
    "application/x-bzip2": "a bzip2 archive",
    "application/x-xz": "an xz archive",
    "application/vnd.sqlite3": "a SQLite database",
    "application/vnd.apache.parquet": "a Parquet table",
    "application/x-executable": "a program",
    "image/heic": "a HEIC picture",
    "image/avif": "an AVIF picture",
    "image/jp2": "a JPEG 2000 picture",
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
    (b"{\\rtf", "application/rtf"),
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
    (b"ID3", "audio/video"),
    (b"OggS", "audio/video"),
    (b"\x1aE\xdf\xa3", "audio/video"),
    (b"fLaC", "audio/video"),
)
_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_OLE_STREAMS = (  # directory names are UTF-16
    ("EncryptedPackage", OLE_ENCRYPTED),
    ("WordDocument", "application/msword"),
    ("Workbook", "application/vnd.ms-excel"),
    ("PowerPoint Document", "application/vnd.ms-powerpoint"),
    ("__properties_version1.0", "application/vnd.ms-outlook"),
)
_ZIP_PARTS = (
    ("word/", DOCX),
    ("xl/", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
    ("ppt/", "application/vnd.openxmlformats-officedocument.presentationml.presentation"),
)
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
MAIL_BEGINS = re.compile(rb"(?:\A|(?<=\n\n)|(?<=\r\n\r\n))From \S[^\n]*\d\d:\d\d[^\n]*\n(?=[!-9;-~]+:)")  # in an mbox, and a header
_HTML = re.compile(
    r"\s*(?:<\?xml[^>]*>\s*)?(?:<!--.*?-->\s*)*<(?:!doctype\s+html|html|head|body|meta|title|table|div|p|h1|script|style|span|ul|form)\b",
    re.IGNORECASE | re.DOTALL,
)
_BRANDS = {b"avif": "image/avif", b"avis": "image/avif", b"heic": "image/heic", b"heix": "image/heic", b"mif1": "image/heic"}
_TEXT_NAMES = {b".md": "text/markdown", b".markdown": "text/markdown", b".csv": "text/csv", b".tsv": "text/csv"}
_PEEK = 4096  # bytes looked at to tell text from binary


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
    if head.startswith(_OLE):
        return _ole_type(data)
    if MAIL_BEGINS.match(head) and (name.lower().endswith(b".mbox") or MAIL_BEGINS.search(data, 1)):
        return "application/mbox"
    return _media_type(head) or _text_type(head, name)


def _media_type(head: bytes) -> str:
    """Containers whose mark does not stand at the start."""
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
    if _HTML.match(text):
        return "text/html"
    if sum(1 for line in text.lstrip().splitlines()[:12] if _HEADER.match(line)) >= 2 or name.lower().endswith(b".eml"):
        return "message/rfc822"
    suffix = name.lower()[name.rfind(b".") :] if b"." in name else b""
    return _TEXT_NAMES.get(suffix, "text/plain")


def _decoded(head: bytes) -> str | None:
    """The head as text, or None when it is binary. Only the shape matters here; `text` decodes with care."""
    for mark, encoding in _BOMS:
        if head.startswith(mark):
            return head.decode(encoding, "replace")
    if b"\0" in head:
        return _wide(head)
    controls = sum(1 for byte in head if byte < 32 and byte not in b"\t\n\r\x0c\x1b")
    return head.decode("latin-1") if controls * 100 <= len(head) else None


def _wide(head: bytes) -> str | None:
    """UTF-16 without a mark has its NULs in every other place; a stray NUL in a text is no binary either."""
    zeros = head.count(0)
    for encoding, places in (("utf-16-le", head[1::2]), ("utf-16-be", head[0::2])):
        if places.count(0) * 10 >= zeros * 9 and zeros * 4 >= len(head):
            return head.decode(encoding, "replace")
    return head.decode("latin-1") if zeros * 100 <= len(head) and not any(byte < 9 for byte in head if byte) else None


def _zip_type(data: bytes) -> str:
    """OpenDocument and e-books declare their type in an entry; Office files are known by the folders of their parts."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            names = archive.namelist()
            declared = archive.open("mimetype").read(80).decode("latin-1") if "mimetype" in names else ""
    except Exception:  # noqa: BLE001  # a broken directory raises whatever it likes; the reader will say what is wrong
        names, declared = _local_names(data), ""
    if declared in NAMES:
        return declared
    return next((kind for prefix, kind in _ZIP_PARTS if any(name.startswith(prefix) for name in names)), "application/zip")


def _local_names(data: bytes) -> list[str]:
    """Names as they stand before the entries, for a zip whose directory is lost. Office files that are cut short count as Word."""
    names = re.findall(rb"word/|xl/|ppt/", data)
    return [name.decode() for name in names] or (["word/"] if b"[Content_Types].xml" in data else [])


def _ole_type(data: bytes) -> str:
    for name, kind in _OLE_STREAMS:
        if name.encode("utf-16-le") in data:
            return kind
    return "application/x-ole-storage"
