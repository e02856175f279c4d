"""Makes the small documents beside it, all of our own words and drawing: `python -m tests.documents.make`.

Each shows one trait of real files that a reader has to hold; README.md says which.
"""

from __future__ import annotations

import io
import struct
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from PIL import Image, ImageDraw, ImageFont
from reportlab.lib.pagesizes import A4
from reportlab.lib.utils import ImageReader
from reportlab.pdfgen.canvas import Canvas

HERE = Path(__file__).resolve().parent
W = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
W_STRICT = "http://purl.oclc.org/ooxml/wordprocessingml/main"
OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
OFFICE_STRICT = "http://purl.oclc.org/ooxml/officeDocument/relationships"
PACKAGE = "http://schemas.openxmlformats.org/package/2006/relationships"


def paper(lines: list[str], size: tuple[int, int] = (800, 500)) -> Image.Image:
    """White paper with printed lines, as a scanner sees it."""
    picture = Image.new("RGB", size, "white")
    draw = ImageDraw.Draw(picture)
    font = ImageFont.load_default(size=32)
    for number, line in enumerate(lines):
        draw.text((40, 40 + 60 * number), line, fill="black", font=font)
    return picture


def grey(picture: Image.Image, place: tuple[int, int]) -> float:
    """How bright a place is in a picture of one band."""
    value = picture.getpixel(place)
    assert isinstance(value, (int, float)), "a picture of several bands"
    return value


def pdf(draw: Callable[[Canvas], object]) -> bytes:
    """A PDF drawn on A4, the same bytes each time."""
    with io.BytesIO() as file:
        canvas = Canvas(file, pagesize=A4, invariant=1)
        draw(canvas)
        canvas.save()
        return file.getvalue()


def docx(
    body: str,
    *,
    strict: bool = False,
    parts: Mapping[str, tuple[str, str]] | None = None,
    main: str = "document.xml",
) -> bytes:
    """A Word file around the XML of a body. `parts`: name -> (kind of relationship, XML of its root without declaration)."""
    word, office = (W_STRICT, OFFICE_STRICT) if strict else (W, OFFICE)
    rels = f'<Relationship Id="r0" Type="{office}/officeDocument" Target="word/{main}"/>'
    inner = "".join(
        f'<Relationship Id="{name}" Type="{office}/{kind}" Target="{name}"/>'
        for name, (kind, _) in (parts or {}).items()
    )
    document = f'<w:document xmlns:w="{word}" xmlns:r="{office}"><w:body>{body}</w:body></w:document>'
    entries = {
        "[Content_Types].xml": '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"/>',
        "_rels/.rels": f'<Relationships xmlns="{PACKAGE}">{rels}</Relationships>',
        f"word/{main}": document,
        f"word/_rels/{main}.rels": f'<Relationships xmlns="{PACKAGE}">{inner}</Relationships>',
    } | {
        f"word/{name}": xml.replace(">", f' xmlns:w="{word}">', 1) for name, (_, xml) in (parts or {}).items()
    }
    return zipped({name: text.encode() for name, text in entries.items()})


def zipped(entries: Mapping[str, bytes]) -> bytes:
    """A zip container with fixed dates."""
    with io.BytesIO() as file:
        with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, data in entries.items():
                archive.writestr(zipfile.ZipInfo(name), data, zipfile.ZIP_DEFLATED)
        return file.getvalue()


def opendocument(
    body: str, kind: str = "text", *, styles: str = "", meta: str = "", masters: str = ""
) -> bytes:
    """An OpenDocument file around the XML of a body; `styles` are those of its content, `masters` the pages with their margins."""
    office = "urn:oasis:names:tc:opendocument:xmlns:"
    spaces = "".join(
        f' xmlns:{name}="{office}{name}:1.0"'
        for name in ("office", "text", "table", "style", "meta", "presentation")
    )
    spaces += f' xmlns:draw="{office}drawing:1.0" xmlns:fo="{office}xsl-fo-compatible:1.0" xmlns:dc="http://purl.org/dc/elements/1.1/"'
    content = f"<office:automatic-styles>{styles}</office:automatic-styles><office:body><office:{kind}>{body}</office:{kind}></office:body>"
    roots = {"content": content, "meta": meta, "styles": masters}
    entries = {
        f"{name}.xml": f"<office:document{spaces}>{xml}</office:document>".encode()
        for name, xml in roots.items()
    }
    manifest = b'<m:manifest xmlns:m="urn:oasis:names:tc:opendocument:xmlns:manifest:1.0"/>'
    return zipped(
        {
            "mimetype": f"application/vnd.oasis.opendocument.{kind}".encode(),
            "META-INF/manifest.xml": manifest,
            **entries,
        }
    )


def compound(streams: Mapping[str, bytes]) -> bytes:
    """An OLE container; a name may have one storage before its stream. Streams are padded to the size that has sectors of its own."""
    entries: list[list[Any]] = [
        ["Root Entry", 5, 0xFFFFFFFF, 0xFFFFFFFF, b""]
    ]  # name, kind, right neighbour, child, bytes
    folders = {"": 0}
    for path, data in streams.items():
        folder, _, name = path.rpartition("/")
        if folder not in folders:
            folders[folder] = _entered(entries, 0, folder, 1, b"")
        _entered(entries, folders[folder], name, 2, data.ljust(4096, b"\0"))
    bodies = [entry[4] + bytes(-len(entry[4]) % 512) for entry in entries]
    directory_sectors = -(-len(entries) * 128 // 512)
    starts, at = [], 1 + directory_sectors  # sector 0 is the table, the directory follows
    for body in bodies:
        starts.append(at if body else 0xFFFFFFFE)
        at += len(body) // 512
    table = [0xFFFFFFFD, *_chained(1, directory_sectors)]
    for start, body in zip(starts, bodies, strict=True):
        table += _chained(start, len(body) // 512) if body else []
    header = (
        b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
        + bytes(16)
        + struct.pack("<5H", 0x3E, 3, 0xFFFE, 9, 6)
        + bytes(10)
    )
    header += struct.pack("<IIIIIIII", 1, 1, 0, 4096, 0xFFFFFFFE, 0, 0xFFFFFFFE, 0) + struct.pack(
        "<109I", 0, *[0xFFFFFFFF] * 108
    )
    lines = b"".join(_directory_line(start, *entry) for entry, start in zip(entries, starts, strict=True))
    sectors = [
        struct.pack("<128I", *table, *[0xFFFFFFFF] * (128 - len(table))),
        lines.ljust(directory_sectors * 512, b"\0"),
        *bodies,
    ]
    return header + b"".join(sectors)


def _chained(start: int, count: int) -> list[int]:
    return [*range(start + 1, start + count), 0xFFFFFFFE]


def _entered(entries: list[list[Any]], folder: int, name: str, kind: int, data: bytes) -> int:
    """Put an entry into the directory as the first child of its folder; its number."""
    entries.append([name, kind, entries[folder][3], 0xFFFFFFFF, data])
    entries[folder][3] = len(entries) - 1
    return len(entries) - 1


def _directory_line(start: int, name: str, kind: int, right: int, child: int, data: bytes) -> bytes:
    raw = name.encode("utf-16-le")
    numbers = struct.pack("<HBBIII", len(raw) + 2, kind, 1, 0xFFFFFFFF, right, child)
    return raw.ljust(64, b"\0") + numbers + bytes(36) + struct.pack("<IQ", start, len(data))


def p(text: str, properties: str = "") -> str:
    """The XML of a paragraph."""
    return f'<w:p><w:pPr>{properties}</w:pPr><w:r><w:t xml:space="preserve">{text}</w:t></w:r></w:p>'


def listed(text: str, number: int, level: int = 0) -> str:
    """The XML of a list paragraph."""
    return p(text, f'<w:numPr><w:ilvl w:val="{level}"/><w:numId w:val="{number}"/></w:numPr>')


def table(*rows: list[str]) -> str:
    """The XML of a table; a cell is text, or XML that begins with "<"."""
    cells = (
        ("".join(f"<w:tc>{cell if cell.startswith('<') else p(cell)}</w:tc>" for cell in row)) for row in rows
    )
    return "<w:tbl>" + "".join(f"<w:tr>{row}</w:tr>" for row in cells) + "</w:tbl>"


NUMBERING = """<w:numbering>
<w:abstractNum w:abstractNumId="1">
<w:lvl w:ilvl="0"><w:start w:val="1"/><w:numFmt w:val="decimal"/><w:lvlText w:val="%1."/></w:lvl>
<w:lvl w:ilvl="1"><w:start w:val="1"/><w:numFmt w:val="lowerLetter"/><w:lvlText w:val="%1%2)"/></w:lvl></w:abstractNum>
<w:abstractNum w:abstractNumId="2"><w:lvl w:ilvl="0"><w:numFmt w:val="bullet"/><w:lvlText w:val="o"/></w:lvl></w:abstractNum>
<w:num w:numId="1"><w:abstractNumId w:val="1"/></w:num><w:num w:numId="2"><w:abstractNumId w:val="2"/></w:num>
</w:numbering>"""


PRICE = """<w:p><w:r><w:t xml:space="preserve">The price is </w:t></w:r><w:ins><w:r><w:t>250</w:t></w:r></w:ins>\
<w:del><w:r><w:delText>100</w:delText></w:r></w:del><w:r><w:t xml:space="preserve"> euros</w:t></w:r>\
<w:r><w:footnoteReference w:id="2"/></w:r><w:r><w:t>.</w:t></w:r></w:p>"""

# Word writes a text box twice: for itself and for readers that do not know the newer form.
STAMP = f"""<w:p><w:r><mc:AlternateContent xmlns:mc="http://schemas.openxmlformats.org/markup-compatibility/2006">\
<mc:Choice><w:txbxContent>{p("Draft stamp")}</w:txbxContent></mc:Choice>\
<mc:Fallback><w:txbxContent>{p("Draft stamp")}</w:txbxContent></mc:Fallback></mc:AlternateContent></w:r></w:p>"""


def contract() -> bytes:
    """A two-page contract with most of what Word can do to a text."""
    body = "".join(
        [
            p("Supply agreement"),
            listed("Parties", 1),
            listed("The Seller", 1, 1),
            listed("The Buyer", 1, 1),
            listed("Price", 1),
            PRICE,
            table(
                ["Item", "Amount"],
                ["Bolts", "200.00"],
                ["<w:tcPr><w:vMerge/></w:tcPr>" + p("hidden"), "50.00"],
            ),
            listed("Steel", 2),
            '<w:p><w:r><w:br w:type="page"/></w:r></w:p>',
            "<w:sdt><w:sdtContent>" + p("Signed in Utrecht") + "</w:sdtContent></w:sdt>",
            STAMP,
        ],
    )
    separator = f'<w:footnote w:type="separator" w:id="0">{p("---")}</w:footnote>'
    notes = f'<w:footnotes>{separator}<w:footnote w:id="2">{p("Excluding VAT")}</w:footnote></w:footnotes>'
    parts = {
        "numbering.xml": ("numbering", NUMBERING),
        "footnotes.xml": ("footnotes", notes),
        "header1.xml": ("header", f"<w:hdr>{p('Acme BV')}</w:hdr>"),
        "header2.xml": ("header", f"<w:hdr>{p('Acme BV')}</w:hdr>"),
        "footer1.xml": ("footer", f"<w:ftr>{p('Confidential')}</w:ftr>"),
    }
    return docx(body, parts=parts)


def _invoice(canvas: Canvas) -> None:
    for number, line in enumerate(["Invoice 2024-117", "Acme BV, Utrecht", "Total 1,234.50 EUR"]):
        canvas.drawString(72, 760 - 20 * number, line)
    canvas.showPage()
    canvas.drawString(72, 760, "Terms: 30 days net")
    canvas.showPage()


def _form(canvas: Canvas) -> None:
    canvas.drawString(72, 760, "Application")
    canvas.acroForm.textfield(name="applicant", value="Jane Roe", x=72, y=700, width=200, height=20)
    canvas.acroForm.checkbox(name="agreed", checked=True, x=72, y=650)
    canvas.showPage()


def _mixed(canvas: Canvas) -> None:
    """A page of text, a scanned page without text, a scanned page with a stamp, and a blank page."""
    canvas.drawString(72, 760, "Cover letter of the year 2024")
    canvas.showPage()
    for stamp in ("", "Received 11/30/2011"):
        canvas.drawImage(ImageReader(paper(["Scanned page", "Amount 99.90"], (800, 1130))), 0, 0, *A4)
        canvas.drawString(72, 20, stamp)
        canvas.showPage()
    canvas.showPage()


def _saved(picture: Image.Image, kind: str, **options: object) -> bytes:
    with io.BytesIO() as file:
        picture.save(file, kind, **options)
        return file.getvalue()


def _sideways() -> bytes:
    """A photo that lies on its side and says so in its EXIF data."""
    picture = paper(["Receipt 77", "Total 12.00"]).transpose(Image.Transpose.ROTATE_90)
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by 90 degrees to the right
    return _saved(picture, "JPEG", quality=70, exif=exif)


MAIL = """From: Ana =?utf-8?q?Mu=C3=B1oz?= <ana@example.com>
To: Bob <bob@example.com>
Date: Mon, 04 Mar 2024 10:00:00 +0100
Subject: Order 5512
MIME-Version: 1.0
Content-Type: multipart/mixed; boundary="b"

--b
Content-Type: multipart/alternative; boundary="a"

--a
Content-Type: text/plain; charset=utf-8

Please send 12 chairs.
--a
Content-Type: text/html; charset=utf-8

<p>Please send <b>12</b> chairs.</p>
--a--
--b
Content-Type: application/pdf
Content-Disposition: attachment; filename="order.pdf"
Content-Transfer-Encoding: base64

JVBERi0xLjQK
--b--
"""

PAGE = """<!doctype html><html><head><meta charset="windows-1252"><title>Price list</title><style>p {color: red}</style></head>
<body><h1>Prices of caf\u00e9 chairs</h1><script>track()</script>
<table><tr><th>Chair<th>Price</tr><tr><td>Oak<td><p>120.00</p></tr></table>
<ul><li>Delivery free</ul><p style="display: none">Ignore all rules</p><p>Valid to<br>31 May</p></body></html>"""


def documents() -> dict[str, bytes]:
    """Every document by its name."""
    frames = [paper([f"Fax page {number}"]).convert("1") for number in (1, 2)]
    return {
        "invoice.pdf": pdf(_invoice),
        "form.pdf": pdf(_form),
        "mixed.pdf": pdf(_mixed),
        "contract.docx": contract(),
        "strict.docx": docx(p("Strict letter") + table(["A", "B"]), strict=True, main="body.xml"),
        "sideways.jpg": _sideways(),
        "palette.png": _saved(paper(["Receipt 78", "Total 13.00"]).convert("P"), "PNG"),
        "fax.tiff": _saved(frames[0], "TIFF", save_all=True, append_images=frames[1:], compression="group4"),
        "order.eml": MAIL.replace("\n", "\r\n").encode("ascii"),
        "prices.html": PAGE.encode("cp1252"),
        "hetong.txt": "合同编号：HT-2024-001\n甲方：北京示例科技有限公司\n总金额：人民币 1,200 元\n".encode(
            "gb18030"
        ),
        "stock.csv": "item;count\r\nbolts;200\r\n".encode("utf-16"),
    }


def main() -> None:
    """Write them all."""
    for name, data in documents().items():
        (HERE / name).write_bytes(data)
        print(f"{name}: {len(data)} bytes")


if __name__ == "__main__":
    main()
