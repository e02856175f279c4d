"""Files that break parsers, as bytes, made when a test asks for them: none is ever stored."""

from __future__ import annotations

import io
import struct
import zipfile
import zlib

from tests.documents.make import W, docx, p, pdf, zipped


def raw_pdf(*objects: str | bytes) -> bytes:
    """A PDF of numbered objects (the first is the catalog) with a right cross-reference table."""
    out = io.BytesIO(b"%PDF-1.7\n")
    out.seek(0, io.SEEK_END)
    places = []
    for number, body in enumerate(objects, start=1):
        places.append(out.tell())
        out.write(b"%d 0 obj\n" % number + (body if isinstance(body, bytes) else body.encode("latin-1")) + b"\nendobj\n")
    start = out.tell()
    out.write(b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1))
    out.writelines(b"%010d 00000 n \n" % place for place in places)
    out.write(b"trailer << /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (len(objects) + 1, start))
    return out.getvalue()


def stream(data: bytes, entries: str = "") -> bytes:
    """A stream object."""
    return f"<< /Length {len(data)} {entries} >>\nstream\n".encode() + data + b"\nendstream"


def nested_forms(depth: int = 12, times: int = 12) -> bytes:
    """A PDF of a few KB whose page draws a form that draws a form ...: `times` to the power of `depth` drawings."""
    inner = [
        stream(b"/F Do " * times, f"/Type /XObject /Subtype /Form /BBox [0 0 9 9] /Resources << /XObject << /F {6 + level} 0 R >> >>")
        for level in range(depth)
    ]
    return raw_pdf(
        "<< /Type /Catalog /Pages 2 0 R >>",
        "<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 99 99] /Contents 4 0 R /Resources << /XObject << /F 5 0 R >> >> >>",
        stream(b"/F Do"),
        *inner,
        stream(b"0 0 1 1 re f", "/Type /XObject /Subtype /Form /BBox [0 0 9 9]"),
    )


def flate_bomb(unpacked_bytes: int = 3_000_000_000) -> bytes:
    """A PDF of a few KB whose page content inflates to gigabytes."""
    packer = zlib.compressobj(9)
    block = b" " * 10_000_000
    once = b"".join([*(packer.compress(block) for _ in range(unpacked_bytes // len(block))), packer.flush()])
    twice = zlib.compress(once, 9)
    return raw_pdf(
        "<< /Type /Catalog /Pages 2 0 R >>",
        "<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 99 99] /Contents 4 0 R >>",
        stream(twice, "/Filter [/FlateDecode /FlateDecode]"),
    )


def many_pages(count: int = 60_000) -> bytes:
    """A PDF that lists one page object many times."""
    return raw_pdf(
        "<< /Type /Catalog /Pages 2 0 R >>",
        f"<< /Type /Pages /Kids [{'3 0 R ' * count}] /Count {count} >>",
        "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 99 99] /Contents 4 0 R >>",
        stream(b"0 0 1 1 re f"),
    )


def giant_page() -> bytes:
    """A PDF whose page measures ten million points a side and carries a black field."""
    return raw_pdf(
        "<< /Type /Catalog /Pages 2 0 R >>",
        "<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 10000000 10000000] /Contents 4 0 R >>",
        stream(b"0 0 5000000 5000000 re f"),
    )


def page_loop() -> bytes:
    """A PDF whose page tree holds itself."""
    return raw_pdf("<< /Type /Catalog /Pages 2 0 R >>", "<< /Type /Pages /Kids [2 0 R 2 0 R] /Count 9 >>")


def locked_pdf(password: str) -> bytes:
    """A PDF of one page that asks for a password."""
    from pypdf import PdfReader, PdfWriter

    writer = PdfWriter(clone_from=PdfReader(io.BytesIO(pdf(lambda canvas: canvas.drawString(72, 700, "Secret terms")))))
    writer.encrypt(password, algorithm="AES-256")
    with io.BytesIO() as file:
        writer.write(file)
        return file.getvalue()


def zip_bomb(unpacked_bytes: int = 210_000_000) -> bytes:
    """A docx of 200 KB whose document inflates to hundreds of MB of text."""
    return zipped({"word/document.xml": b"<w>" + b"a" * unpacked_bytes})


def lying_zip() -> bytes:
    """A docx whose directory declares ten bytes for an entry of 70 MB."""
    data = bytearray(zipped({"word/document.xml": b"<w>" + b"a" * 70_000_000}))
    place = data.rindex(b"PK\x01\x02")
    data[place + 24 : place + 28] = struct.pack("<I", 10)
    return bytes(data)


def crowded_zip(entries: int = 20_000) -> bytes:
    """A docx with thousands of empty entries."""
    return zipped({f"word/{number}": b"" for number in range(entries)})


def entity_bomb() -> bytes:
    """A docx whose document multiplies an entity to billions."""
    entities = "".join(f'<!ENTITY a{n} "{f"&a{n - 1};" * 10}">' for n in range(1, 10))
    xml = f'<!DOCTYPE d [<!ENTITY a0 "lol">{entities}]><w:document xmlns:w="{W}"><w:body>{p("&a9;")}</w:body></w:document>'
    return zipped({"word/document.xml": xml.encode()})


def outside_entity(path: str) -> bytes:
    """A docx whose document asks for a file of the machine."""
    xml = f'<!DOCTYPE d [<!ENTITY x SYSTEM "file://{path}">]><w:document xmlns:w="{W}"><w:body>{p("&x;")}</w:body></w:document>'
    return zipped({"word/document.xml": xml.encode()})


def wide_table() -> bytes:
    """A docx of 1 KB with a cell that spans a hundred million columns."""
    cell = f'<w:tcPr><w:gridSpan w:val="100000000"/></w:tcPr>{p("wide")}'
    return docx(f"<w:tbl><w:tr><w:tc>{cell}</w:tc></w:tr></w:tbl>")


def large_table(rows: int = 3_000, columns: int = 60) -> bytes:
    """A docx with a table of 180,000 honest cells."""
    cell = "<w:tc><w:p><w:r><w:t>7</w:t></w:r></w:p></w:tc>"
    return docx("<w:tbl>" + f"<w:tr>{cell * columns}</w:tr>" * rows + "</w:tbl>")


def many_paragraphs(count: int = 1_000_000) -> bytes:
    """A docx with a million paragraphs."""
    return docx("<w:p><w:r><w:t>x</w:t></w:r></w:p>" * count)


def ole_encrypted() -> bytes:
    """The head of an Office file that is encrypted with a password: an OLE container, no zip."""
    return b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(1016) + "EncryptedPackage".encode("utf-16-le") + bytes(512)


def large_png(side: int = 13_000) -> bytes:
    """A PNG of half a MB with 169 million pixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    rows = zlib.compress(bytes((side // 8 + 2) * side), 9)
    header = struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def without_directory(data: bytes) -> bytes:
    """A zip container cut before its directory."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return data[: archive.start_dir]
