"""Word files for tests, put together from XML by hand: what lies beside the body, and files inside the file."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping

from tests.documents.make import OFFICE, PACKAGE, docx, p, zipped

M = 'xmlns:m="http://schemas.openxmlformats.org/officeDocument/2006/math"'
R = f'xmlns:r="{OFFICE}"'
CORE = (
    '<cp:coreProperties xmlns:cp="http://schemas.openxmlformats.org/package/2006/metadata/core-properties" '
    'xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:dcterms="http://purl.org/dc/terms/"><dc:title>Lease  of a shed</dc:title>'
    "<dc:creator>Jo Roe</dc:creator><dcterms:created>2024-05-31T09:30:00Z</dcterms:created>"
    "<dcterms:modified>2024-06</dcterms:modified></cp:coreProperties>"
)


def with_files(
    data: bytes,
    files: Mapping[str, tuple[str, bytes]],
    *,
    part: str = "word/document.xml",
    outside: Mapping[str, str] | None = None,
) -> bytes:
    """A Word file with more parts: id -> (kind of relationship, bytes); the part is named as the id. `outside`: id -> address.

    `part` is the one that relates to them; "" is the container itself.
    """
    folder, _, name = part.rpartition("/")
    rels = f"{folder}/_rels/{name}.rels".removeprefix("/")
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        entries = {entry: archive.read(entry) for entry in archive.namelist()}
    added = "".join(
        f'<Relationship Id="{key}" Type="{OFFICE}/{kind}" Target="{key}"/>'
        for key, (kind, _) in files.items()
    )
    away = f'<Relationship Id="{{}}" Type="{OFFICE}/hyperlink" Target="{{}}" TargetMode="External"/>'
    added += "".join(away.format(key, address) for key, address in (outside or {}).items())
    before = entries.get(rels, f'<Relationships xmlns="{PACKAGE}"></Relationships>'.encode())
    entries[rels] = before.replace(b"</Relationships>", added.encode() + b"</Relationships>")
    return zipped(
        entries | {f"{folder}/{key}".removeprefix("/"): content for key, (_, content) in files.items()}
    )


def run(text: str, properties: str = "") -> str:
    """The XML of a run."""
    return f'<w:r><w:rPr>{properties}</w:rPr><w:t xml:space="preserve">{text}</w:t></w:r>'


def paragraph(*inner: str, properties: str = "") -> str:
    """The XML of a paragraph around runs."""
    return f"<w:p><w:pPr>{properties}</w:pPr>{''.join(inner)}</w:p>"


def complex_field(instruction: str, result: str | None, form: str = "") -> str:
    """The XML of a field; without a result it has no separator either."""
    char = '<w:r><w:fldChar w:fldCharType="{}">{}</w:fldChar></w:r>'
    shown = char.format("separate", "") + result if result is not None else ""
    return (
        char.format("begin", form)
        + f"<w:r><w:instrText>{instruction}</w:instrText></w:r>"
        + shown
        + char.format("end", "")
    )


def styles(*inner: str) -> tuple[str, str]:
    """A style sheet as `docx` takes it."""
    return "styles", f"<w:styles>{''.join(inner)}</w:styles>"


def style(name: str, properties: str = "", *, based_on: str = "", label: str = "", runs: str = "") -> str:
    """The XML of a paragraph style."""
    return (
        f'<w:style w:type="paragraph" w:styleId="{name}"><w:name w:val="{label or name}"/><w:basedOn w:val="{based_on}"/>'
        f"<w:pPr>{properties}</w:pPr><w:rPr>{runs}</w:rPr></w:style>"
    )


def levels(*inner: str, rest: str = "") -> tuple[str, str]:
    """List definition 1 with these levels, and list 1 that uses it. A level: numFmt, lvlText and more, without its frame."""
    found = "".join(f'<w:lvl w:ilvl="{depth}">{level}</w:lvl>' for depth, level in enumerate(inner))
    return "numbering", (
        f'<w:numbering><w:abstractNum w:abstractNumId="1">{found}</w:abstractNum>'
        f'<w:num w:numId="1"><w:abstractNumId w:val="1"/></w:num>{rest}</w:numbering>'
    )


def level(kind: str, pattern: str, more: str = "") -> str:
    """One level of a list."""
    return f'<w:start w:val="1"/><w:numFmt w:val="{kind}"/><w:lvlText w:val="{pattern}"/>{more}'


def math(inner: str) -> bytes:
    """A Word file whose only text is an equation."""
    return docx(f"<w:p><m:oMath {M}>{inner}</m:oMath></w:p>")


def chart() -> bytes:
    """The part of a chart with a title and two series."""
    c = 'xmlns:c="http://schemas.openxmlformats.org/drawingml/2006/chart" xmlns:a="http://schemas.openxmlformats.org/drawingml/2006/main"'

    def points(*values: str) -> str:
        return "".join(f'<c:pt idx="{place}"><c:v>{value}</c:v></c:pt>' for place, value in enumerate(values))

    def series(name: str, *values: str) -> str:
        cat = f"<c:cat><c:strRef><c:strCache>{points('North', 'South')}</c:strCache></c:strRef></c:cat>"
        val = f'<c:val><c:numRef><c:numCache><c:ptCount val="900000000"/>{points(*values)}</c:numCache></c:numRef></c:val>'
        return f"<c:ser><c:tx><c:strRef><c:strCache>{points(name)}</c:strCache></c:strRef></c:tx>{cat}{val}</c:ser>"

    title = "<c:title><c:tx><c:rich><a:p><a:r><a:t>Bolts sold</a:t></a:r></a:p></c:rich></c:tx></c:title>"
    both = series("2023", "4.4000000000000004", "7") + series("2024", "5")
    return f"<c:chartSpace {c}><c:chart>{title}{both}</c:chart></c:chartSpace>".encode()


def diagram() -> bytes:
    """The data part of a diagram with two texts."""
    d = 'xmlns:d="http://schemas.openxmlformats.org/drawingml/2006/diagram" xmlns:a="http://schemas.openxmlformats.org/drawingml/2006/main"'
    texts = "".join(
        f"<d:pt><d:t><a:p><a:r><a:t>{text}</a:t></a:r></a:p></d:t></d:pt>" for text in ("Plan", "Build")
    )
    return f"<d:dataModel {d}><d:ptLst>{texts}</d:ptLst></d:dataModel>".encode()


def looping_notes() -> bytes:
    """A footnote that calls itself, and is called twice."""
    call = '<w:r><w:footnoteReference w:id="2"/></w:r>'
    note = f'<w:footnotes><w:footnote w:id="2">{paragraph(run("around"), call)}</w:footnote></w:footnotes>'
    return docx(paragraph(run("a"), call, run("b"), call), parts={"footnotes.xml": ("footnotes", note)})


def deep_fractions(depth: int = 120) -> bytes:
    """An equation of fractions in fractions."""
    one = "<m:r><m:t>1</m:t></m:r>"
    return math("<m:f><m:num>" * depth + one + f"</m:num><m:den>{one}</m:den></m:f>" * depth)


def deep_controls(depth: int = 100) -> bytes:
    """Content controls in content controls, and a table in the innermost."""
    cell = f"<w:tbl><w:tr><w:tc>{p('core')}</w:tc></w:tr></w:tbl>"
    return docx("<w:sdt><w:sdtContent>" * depth + cell + "</w:sdtContent></w:sdt>" * depth)


def unclosed_fields(count: int = 20_000) -> bytes:
    """A paragraph of fields that begin and never end, with text between, and a paragraph after it."""
    begin = '<w:r><w:fldChar w:fldCharType="begin"/></w:r><w:r><w:t>x</w:t></w:r>'
    return docx(f"<w:p>{begin * count}</w:p>" + p("after all"))
