"""Files that break parsers, as bytes, made when a test asks for them: none is ever stored. A function a hazard, named by what it makes.

PDFs come first, then zip containers and Office files, pictures, mails, and text.
"""

from __future__ import annotations

import io
import re
import struct
import zipfile
import zlib
from collections.abc import Callable, Mapping

from PIL import Image
from xlsxwriter import Workbook

from tests.documents.make import OFFICE, PACKAGE, W, docx, opendocument, p, pdf, zipped

_CATALOG = "<< /Type /Catalog /Pages 2 0 R >>"
_ONE_PAGE = "<< /Type /Pages /Kids [3 0 R] /Count 1 >>"
_SHEET = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"


def raw_pdf(*objects: str | bytes) -> bytes:
    """A PDF of numbered objects (the first is the catalog) with a right cross-reference table."""
    out = io.BytesIO(b"%PDF-1.7\n")
    out.seek(0, io.SEEK_END)
    places = []
    for number, body in enumerate(objects, start=1):
        places.append(out.tell())
        out.write(
            b"%d 0 obj\n" % number
            + (body if isinstance(body, bytes) else body.encode("latin-1"))
            + b"\nendobj\n"
        )
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
        stream(
            b"/F Do " * times,
            f"/Type /XObject /Subtype /Form /BBox [0 0 9 9] /Resources << /XObject << /F {6 + level} 0 R >> >>",
        )
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


def self_drawing_form(times: int = 40) -> bytes:
    """A PDF of 1 KB whose page draws a form that draws itself."""
    return raw_pdf(
        _CATALOG,
        _ONE_PAGE,
        _page("/XObject << /F 5 0 R >>"),
        stream(b"/F Do"),
        stream(
            b"/F Do " * times,
            "/Type /XObject /Subtype /Form /BBox [0 0 9 9] /Resources << /XObject << /F 5 0 R >> >>",
        ),
    )


def ascii85_bomb(size_bytes: int = 20_000_000) -> bytes:
    """A PDF whose page content is 20 MB of ASCII85 that stand for 80 MB of zeros."""
    return raw_pdf(_CATALOG, _ONE_PAGE, _page(), stream(b"z" * size_bytes + b"~>", "/Filter /ASCII85Decode"))


def miscounted_pages(claimed: int = 2_000_000_000) -> bytes:
    """A PDF of one page that claims two billion."""
    return raw_pdf(
        _CATALOG, f"<< /Type /Pages /Kids [3 0 R] /Count {claimed} >>", _page(), stream(b"0 0 1 1 re f")
    )


def branching_pages(depth: int = 40) -> bytes:
    """A PDF whose page tree names each of its branches twice: one page, reached in 2 to the power of `depth` ways."""
    branches = (
        f"<< /Type /Pages /Kids [{at + 1} 0 R {at + 1} 0 R] /Count {1 << min(depth - at, 30)} >>"
        for at in range(2, depth)
    )
    return raw_pdf(_CATALOG, *branches, f"<< /Type /Page /Parent {depth - 1} 0 R /MediaBox [0 0 99 99] >>")


def deep_arrays(depth: int = 200_000) -> bytes:
    """A PDF whose page and whose content hold arrays in arrays."""
    page = (
        "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 99 99] /Contents 4 0 R /Deep "
        + "[" * depth
        + "]" * depth
        + " >>"
    )
    return raw_pdf(_CATALOG, _ONE_PAGE, page, stream(b"[" * depth))


def looping_outline() -> bytes:
    """A PDF whose outline has an entry that is its own child and its own follower."""
    return raw_pdf(
        "<< /Type /Catalog /Pages 2 0 R /Outlines 5 0 R >>",
        _ONE_PAGE,
        _page(),
        stream(b"0 0 1 1 re f"),
        "<< /Type /Outlines /First 6 0 R /Last 6 0 R /Count 1 >>",
        "<< /Title (again) /Parent 5 0 R /Next 6 0 R /First 6 0 R /Last 6 0 R >>",
    )


def acting_pdf() -> bytes:
    """A PDF that wants to start a program and run a script when it is opened."""
    script = "/Names << /JavaScript << /Names [(a) << /S /JavaScript /JS (app.alert(1)) >>] >> >>"
    actions = f"/OpenAction << /S /Launch /F (/bin/sh) >> {script}"
    font = "/Font << /F << /Type /Font /Subtype /Type1 /BaseFont /Helvetica >> >>"
    words = stream(b"BT /F 9 Tf 5 50 Td (calm words) Tj ET")
    return raw_pdf(f"<< /Type /Catalog /Pages 2 0 R {actions} >>", _ONE_PAGE, _page(font), words)


def jbig2_bomb(side: int = 0x7FFFFFFF) -> bytes:
    """A PDF of 1 KB with a JBIG2 picture whose page claims 2 billion pixels a side."""
    segment = struct.pack(">IBBBI", 0, 0x30, 0, 1, 19) + struct.pack(">IIIIBH", side, side, 0, 0, 0, 0)
    return pictured(segment, 100_000, "/JBIG2Decode")


def large_picture_pdf(side: int = 30_000) -> bytes:
    """A PDF with a picture of 900 million pixels, half of them black, in 100 KB."""
    row = b"\x0f" * (side // 8)
    return pictured(zlib.compress(row * side, 9), side, "/FlateDecode")


def _page(resources: str = "") -> str:
    """The third object of most PDFs here: a small page whose content is the fourth."""
    return (
        f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 99 99] /Contents 4 0 R /Resources << {resources} >> >>"
    )


def pictured(data: bytes, side: int, coding: str) -> bytes:
    """A PDF whose page is one picture of one bit a pixel."""
    entries = f"/Type /XObject /Subtype /Image /Width {side} /Height {side} /BitsPerComponent 1 /ColorSpace /DeviceGray /Filter {coding}"
    return raw_pdf(
        _CATALOG,
        _ONE_PAGE,
        _page("/XObject << /I 5 0 R >>"),
        stream(b"99 0 0 99 0 0 cm /I Do"),
        stream(data, entries),
    )


def locked_pdf(password: str) -> bytes:
    """A PDF of one page that asks for a password."""
    from pypdf import PdfReader, PdfWriter

    writer = PdfWriter(
        clone_from=PdfReader(io.BytesIO(pdf(lambda canvas: canvas.drawString(72, 700, "Secret terms"))))
    )
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


def overlapping_zip() -> bytes:
    """A zip whose directory lists one entry twice, as bombs do to unpack to more than they hold."""
    data = zipped({"a.txt": b"a" * 1000})
    start, end = data.index(b"PK\x01\x02"), data.index(b"PK\x05\x06")
    central = data[start:end] * 2
    return (
        data[:start] + central + b"PK\x05\x06" + struct.pack("<HHHHIIH", 0, 0, 2, 2, len(central), start, 0)
    )


def nested_zip_bomb(width: int = 16) -> bytes:
    """A zip of zips of zips, each small, whose innermost files are 200 GB together."""
    data = zipped({"zeros": bytes(50_000_000)})
    for _ in range(3):
        data = zipped({f"{number}.zip": data for number in range(width)})
    return data


def deep_paths(folders: int = 32_000, entries: int = 10) -> bytes:
    """A zip whose files lie below thousands of folders each."""
    return zipped({"a/" * folders + f"{number}.txt": b"words" for number in range(entries)})


def media_bomb(pictures: int = 5) -> bytes:
    """A docx of 250 KB with a word of text and pictures of 250 MB."""
    return with_parts(
        docx(p("hi")), {f"word/media/{number}.png": bytes(50_000_000) for number in range(pictures)}
    )


def outside_relations(address: str) -> bytes:
    """A docx that names a template, a picture and a part to take in at an address of the net."""
    kinds = ("attachedTemplate", "image", "aFChunk")
    links = "".join(
        f'<Relationship Id="{kind}" Type="{OFFICE}/{kind}" Target="{address}/{kind}" TargetMode="External"/>'
        for kind in kinds
    )
    body = p("inside") + '<w:altChunk r:id="aFChunk"/>'
    return with_parts(
        docx(body),
        {
            "word/_rels/document.xml.rels": f'<Relationships xmlns="{PACKAGE}">{links}</Relationships>'.encode()
        },
    )


def with_parts(container: bytes, parts: Mapping[str, bytes | Callable[[bytes], bytes]]) -> bytes:
    """A zip container with some parts put in or replaced, by bytes or by what a function makes of what stood there."""
    with zipfile.ZipFile(io.BytesIO(container)) as archive:
        entries = {entry.filename: archive.read(entry) for entry in archive.infolist()}
    return zipped(
        entries
        | {name: part if isinstance(part, bytes) else part(entries[name]) for name, part in parts.items()}
    )


def with_document_type(xml: bytes, word: bytes, entity: str = "lol") -> bytes:
    """XML whose `word` is an entity of its own document type; an `entity` such as file:///etc/passwd is one outside."""
    declared = f'SYSTEM "{entity}"' if "://" in entity else f'"{entity}"'
    found = re.match(rb"(\s*(?:<\?xml.*?\?>)?\s*)(.*)", xml, re.DOTALL)
    assert found, "it always matches"
    head, root = found.groups()
    return bytes(head + f"<!DOCTYPE d [<!ENTITY x {declared}>]>".encode() + root.replace(word, b"&x;"))


def nested_tables(depth: int = 60) -> bytes:
    """An odt with tables in the cells of tables."""
    start, end = (
        "<table:table><table:table-row><table:table-cell>",
        "</table:table-cell></table:table-row></table:table>",
    )
    return opendocument(start * depth + "<text:p>core</text:p>" + end * depth)


def repeated_rows(rows: int = 1_048_576, columns: int = 16_384) -> bytes:
    """An ods of 1 KB with one value that is repeated to the edges of the sheet."""
    cell = f'<table:table-cell table:number-columns-repeated="{columns}" office:value-type="string"><text:p>a</text:p></table:table-cell>'
    row = f'<table:table-row table:number-rows-repeated="{rows}">{cell}</table:table-row>'
    return opendocument(f'<table:table table:name="Sheet">{row}</table:table>', "spreadsheet")


def far_cells(quote: str = '"') -> bytes:
    """An xlsx of 1 KB with two cells, in the first and the last corner of the sheet."""
    rows = '<row r="1"><c r="A1"><v>1</v></c></row><row r="1048576"><c r="XFD1048576"><v>1</v></c></row>'
    return xlsx(f"<sheetData>{rows}</sheetData>".replace('"', quote))


def wide_dimension() -> bytes:
    """An xlsx with one cell, which says that it uses all of the sheet."""
    return xlsx(
        '<dimension ref="A1:XFD1048576"/><sheetData><row r="1"><c r="A1"><v>7</v></c></row></sheetData>'
    )


def lying_xlsx() -> bytes:
    """An xlsx whose directory declares a hundred bytes for a sheet of 300 MB."""
    name = "xl/worksheets/sheet1.xml"
    data = bytearray(xlsx("<sheetData/>" + " " * 300_000_000))
    place = data.rindex(b"PK\x01\x02", 0, data.rindex(name.encode()))
    data[place + 24 : place + 28] = struct.pack("<I", 100)
    return bytes(data)


def xlsx(sheet: str) -> bytes:
    """A workbook of one sheet around the XML in it."""
    with io.BytesIO() as file:
        with Workbook(file, {"in_memory": True}) as book:
            book.add_worksheet()
        return with_parts(
            file.getvalue(),
            {"xl/worksheets/sheet1.xml": f'<worksheet xmlns="{_SHEET}">{sheet}</worksheet>'.encode()},
        )


def ole_encrypted() -> bytes:
    """The head of an Office file that is encrypted with a password: an OLE container, no zip."""
    return (
        b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
        + bytes(1016)
        + "EncryptedPackage".encode("utf-16-le")
        + bytes(512)
    )


def large_png(side: int = 13_000) -> bytes:
    """A PNG of half a MB with 169 million pixels."""
    return _png(side)


def bomb_beside_pixels(kind: bytes = b"zTXt") -> bytes:
    """A PNG of a few pixels and 300 KB, whose comment or colour profile inflates to 300 MB."""
    return _png(8, _chunk(kind, b"a\0\0" + zlib.compress(bytes(300_000_000), 9)))


def _png(side: int, more: bytes = b"") -> bytes:
    """A white square of one bit a pixel."""
    rows = zlib.compress(bytes((side // 8 + 2) * side), 9)
    header = _chunk(b"IHDR", struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + more + _chunk(b"IDAT", rows) + _chunk(b"IEND", b"")


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def many_frames(count: int = 2_500) -> bytes:
    """A TIFF of thousands of small frames."""
    frames = [Image.new("1", (4, 4)) for _ in range(count)]
    with io.BytesIO() as file:
        frames[0].save(file, "TIFF", save_all=True, append_images=frames[1:])
        return file.getvalue()


def looping_frames() -> bytes:
    """A TIFF whose only frame says that it is followed by itself."""
    data = bytearray(many_frames(1))
    (place,) = struct.unpack_from("<I", data, 4)
    (entries,) = struct.unpack_from("<H", data, place)
    struct.pack_into("<I", data, place + 2 + 12 * entries, place)
    return bytes(data)


def postscript() -> bytes:
    """An EPS, for which some libraries start Ghostscript."""
    return b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\nshowpage\n"


def without_directory(data: bytes) -> bytes:
    """A zip container cut before its directory."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return data[: archive.start_dir]


def long_headers() -> bytes:
    """A mail of half a MB whose addresses are comments in comments."""
    return (
        b"From: a@example.com\nTo: "
        + b"(((((a@example.com," * 25_000
        + b"\nSubject: Order\n\nTwelve chairs.\n"
    )


def deep_multiparts(depth: int = 3_000) -> bytes:
    """A mail whose only text lies in thousands of multiparts, one in the other."""
    layers = b"".join(
        b"Content-Type: multipart/mixed; boundary=b%d\n\n--b%d\n" % (level, level) for level in range(depth)
    )
    return (
        b"From: a@example.com\nTo: b@example.com\nMIME-Version: 1.0\n"
        + layers
        + b"Content-Type: text/plain\n\ncore\n"
    )


def many_attachments(count: int = 12_000) -> bytes:
    """A mail with thousands of files of one name."""
    head = b"From: a@example.com\nTo: b@example.com\nMIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=b\n\n"
    part = (
        b"--b\nContent-Type: application/octet-stream\nContent-Disposition: attachment; filename=a.txt\n\nx\n"
    )
    return head + part * count + b"--b--\n"


def endless_envelope(times: int = 300_000) -> bytes:
    """A mailbox of one mail, and a line in it that looks like the start of the next at each of its words."""
    return b"From ana Mon Mar  4 10:00:00 2024\nSubject: One\n\nHello.\n\nFrom " + b"00:00 " * times


def many_comments(count: int = 300) -> bytes:
    """An XML file that begins with hundreds of comments, which can be taken for one in as many ways as they can be grouped."""
    return b"<!-- licence -->\n" * count + b"<order>twelve chairs</order>"


def million_blanks() -> bytes:
    """A text of two letters with a million blanks between them."""
    return b"x" + b" " * 1_000_000 + b"y"


def odd_characters() -> bytes:
    """A text with controls, a way to clear the terminal, half a pair, a turn of direction and the marks of a chat."""
    return (
        b"Total 12\x1b[2J\x07 \xed\xa0\x80 "
        + "\u202e<|im_end|>\ufffe\n".encode()
        + b"=1+1\r\n"
        + b"plain words " * 9
    )


def deep_html(depth: int = 20_000) -> bytes:
    """A page of tables in tables."""
    return b"<html><body>" + b"<table><tr><td>" * depth + b"core"


def deep_blocks(depth: int = 200_000) -> bytes:
    """A page of 2 MB of blocks in blocks, each of them closed, with words at the bottom and behind it all."""
    return (
        b"<html><body>"
        + b"<div>" * depth
        + b"core"
        + b"</div>" * depth
        + b"<table><tr><td>after<td>all</table>"
    )


def outside_html(address: str) -> bytes:
    """A page that wants pictures, frames, scripts and styles of an address of the net."""
    tags = (
        f'<img src="{address}/i">',
        f'<iframe src="{address}/f"></iframe>',
        f'<script src="{address}/s"></script>',
    )
    return f'<html><head><link rel="stylesheet" href="{address}/c"></head><body>{"".join(tags)}<p>inside</p>'.encode()


def deep_rtf(depth: int = 1_000_000) -> bytes:
    """A rich text of groups in groups."""
    return b"{\\rtf1 " + b"{" * depth + b"core" + b"}" * depth + b"}"


def wide_csv(columns: int = 20_000, rows: int = 100_000) -> bytes:
    """A CSV with one row of thousands of cells, and a hundred thousand rows of two."""
    return b"a,b\n" * 50 + b",".join([b"wide"] * columns) + b"\n" + b"c,d\n" * rows
