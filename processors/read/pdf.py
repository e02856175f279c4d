"""PDF in; a leaf a page out: its text, or the size of its picture when text alone would not do; on demand pages as JPEG.

PDFium reads, pypdf opens files with an odd password and reads form fields, pikepdf repairs. Imports `leaf`, the shared nouns.
"""

from __future__ import annotations

import io
import math
import re
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager

import pypdfium2
import pypdfium2.raw as pdfium

from processors.read.leaf import JPEG_QUALITY, RENDER_DPI, Content, Leaf, Source, bounded, clean, over
from schemas.errors import DocumentError

_ENOUGH_TEXT = 1_500  # characters: a page with as many is not looked at further
_LITTLE_TEXT = 200
_WHOLE_PAGE = 0.85  # share of the page under one picture: a scan, whose text layer may be a stamp or a poor OCR
_LARGE_PICTURE = 0.3
_JUNK = re.compile("[\ue000-\uf8ff\ufffd\x00-\x08\x0e-\x1f]")  # private use, unknown and control characters
_THUMBNAIL_PX = 64  # enough to tell an empty page from a drawn one
_SOFT_HYPHEN = re.compile("(?<=[^\\W\\d_])\ufffe(?=[^\\W\\d_])")  # PDFium's mark for a word broken at a line end


def read(source: Source) -> Content:
    """All pages. Raises DocumentError: encrypted, corrupt, too_many_pages."""
    with _opened(source) as (document, repaired):
        count = len(document)
        if count > source.limits.max_pages:
            over("max_pages", count, source.limits.max_pages, "too_many_pages")
        has_form = document.get_formtype() != pdfium.FORMTYPE_NONE
        if has_form:
            document.init_forms()  # before any page is loaded: the fields are drawn too
        leaves, lost = _leaves(document, count)
    leaves, unread = _with_fields(leaves, source) if has_form else (leaves, "")
    return Content(tuple(leaves), " ".join(filter(None, [repaired, lost, unread])))


def render(source: Source, numbers: Sequence[int]) -> dict[int, bytes]:
    """Pages (from 1) as JPEG at 150 dpi with form values, the longest side bounded."""
    with _opened(source) as (document, _):
        if document.get_formtype() != pdfium.FORMTYPE_NONE:
            document.init_forms()
        return {number: _jpeg(document, number - 1) for number in numbers if 0 < number <= len(document)}


@contextmanager
def _opened(source: Source) -> Iterator[tuple[pypdfium2.PdfDocument, str]]:
    """The document and a sentence on what it took to open it: as it is, by a password, or repaired."""
    try:
        document, repaired = _with_password(source), ""
    except pypdfium2.PdfiumError as error:
        document, repaired = pypdfium2.PdfDocument(_repaired(source.data, error)), "It was damaged and was repaired before reading."
    with closing(document):
        if len(document) == 0:
            raise DocumentError("corrupt", "The PDF opens but holds no page.", next_step="Export it again from its source.")
        yield document, repaired


def _with_password(source: Source) -> pypdfium2.PdfDocument:
    """Opened with no password or the first that fits. Raises PdfiumError when it is no password that is missing."""
    for password in (None, *source.passwords):
        try:
            return pypdfium2.PdfDocument(source.data, password=password)
        except pypdfium2.PdfiumError as error:
            if error.err_code != pdfium.FPDF_ERR_PASSWORD:
                raise
    return pypdfium2.PdfDocument(_decrypted(source.data))


def _locked() -> DocumentError:
    step = "Name its password with --password or --password-file, or save it without one."
    return DocumentError("encrypted", "The PDF asks for a password.", next_step=step)


def _decrypted(data: bytes) -> bytes:
    """The file without its encryption where the empty owner password opens it, which PDFium does not try."""
    from pypdf import PasswordType, PdfReader, PdfWriter

    reader = PdfReader(io.BytesIO(data))
    if reader.decrypt("") == PasswordType.NOT_DECRYPTED:
        raise _locked()
    with io.BytesIO() as file:
        PdfWriter(clone_from=reader).write(file)
        return file.getvalue()


def _repaired(data: bytes, why: pypdfium2.PdfiumError) -> bytes:
    import pikepdf

    try:
        with pikepdf.open(io.BytesIO(data)) as document, io.BytesIO() as file:
            document.save(file)
            return file.getvalue()
    except pikepdf.PasswordError:
        raise _locked() from why
    except (pikepdf.PdfError, ValueError) as error:
        message = "The PDF is damaged beyond what can be repaired."
        raise DocumentError("corrupt", message, next_step="Export it again from its source.") from error


def _leaves(document: pypdfium2.PdfDocument, count: int) -> tuple[list[Leaf], str]:
    """All leaves, and a note on pages that PDFium counts but cannot load. Raises DocumentError when it can load none."""
    leaves: list[Leaf] = []
    lost: list[int] = []
    for index in range(count):
        try:
            leaves.append(_leaf(document, index))
        except pypdfium2.PdfiumError:
            leaves.append(Leaf(""))
            lost.append(index + 1)
    if len(lost) == count:
        raise DocumentError("corrupt", "None of its pages can be loaded.", next_step="Export it again from its source.")
    return leaves, f"Damaged and not read: page(s) {', '.join(map(str, lost))}." if lost else ""


def _leaf(document: pypdfium2.PdfDocument, index: int) -> Leaf:
    with closing(document[index]) as page:
        with closing(page.get_textpage()) as layer:
            text = layer.get_text_range()
        text = _SOFT_HYPHEN.sub("", text).replace("\ufffe", "-")
        return Leaf(clean(text), _sent_px(page) if _needs_sight(page, text) else None)


def _needs_sight(page: pypdfium2.PdfPage, text: str) -> bool:
    """Whether the text alone would not do: none on a drawn page, junk, or little of it beside a large picture."""
    characters = len(text) - text.count(" ")
    if not text.strip():
        return _is_drawn(page)
    if len(_JUNK.findall(text)) * 10 > characters:
        return True
    if characters >= _ENOUGH_TEXT:
        return False
    covered = _picture_share(page)
    return covered >= _WHOLE_PAGE or (covered >= _LARGE_PICTURE and characters < _LITTLE_TEXT)


def _picture_share(page: pypdfium2.PdfPage) -> float:
    """Share of the page under its largest picture."""
    width, height = _size(page)
    largest = 0.0
    for item in page.get_objects(filter=[pdfium.FPDF_PAGEOBJ_IMAGE], max_depth=3):
        left, bottom, right, top = item.get_bounds()
        largest = max(largest, (right - left) * (top - bottom))
    return largest / max(1.0, width * height)


def _is_drawn(page: pypdfium2.PdfPage) -> bool:
    """Whether anything but blank paper comes out when the page is drawn small."""
    bitmap = page.render(scale=_THUMBNAIL_PX / max(1.0, *_size(page)), grayscale=True)
    with closing(bitmap):
        low, high = bitmap.to_pil().getextrema()
    return bool(low != high)


def _size(page: pypdfium2.PdfPage) -> tuple[float, float]:
    """Width and height in points, as the page is turned."""
    return page.get_width(), page.get_height()


def _scale(page: pypdfium2.PdfPage) -> float:
    scale = RENDER_DPI / 72
    width, height = _size(page)
    return scale * bounded(width * scale, height * scale)


def _sent_px(page: pypdfium2.PdfPage) -> tuple[int, int]:
    """Width and height of the picture, rounded up as PDFium does."""
    width, height = _size(page)
    return max(1, math.ceil(width * _scale(page))), max(1, math.ceil(height * _scale(page)))


def _jpeg(document: pypdfium2.PdfDocument, index: int) -> bytes:
    with closing(document[index]) as page, closing(page.render(scale=_scale(page))) as bitmap, io.BytesIO() as file:
        bitmap.to_pil().convert("RGB").save(file, "JPEG", quality=JPEG_QUALITY)
        return file.getvalue()


def _with_fields(leaves: list[Leaf], source: Source) -> tuple[list[Leaf], str]:
    """Leaves with the values of the form under a heading on the page where each field stands, and a note when it failed."""
    try:
        fields = _fields(source)
    except Exception as error:  # noqa: BLE001  # pypdf raises many kinds on malformed forms; the text is good without them
        return leaves, f"Its form values could not be read ({type(error).__name__})."
    filled = list(leaves)
    for index, lines in fields.items():
        text = "\n".join([filled[index].text, "Form fields:", *map(clean, lines)]).lstrip("\n")
        filled[index] = Leaf(text, filled[index].image_px)
    return filled, ""


def _fields(source: Source) -> dict[int, list[str]]:
    """Page index -> lines "name: value" of the filled fields; what belongs to no page stands on the first."""
    from pypdf import PdfReader

    reader = PdfReader(io.BytesIO(source.data))
    if reader.is_encrypted:
        any(reader.decrypt(password) for password in ("", *source.passwords))
    places = _places(reader)
    lines: dict[int, list[str]] = {}
    for name, field in (reader.get_fields() or {}).items():
        value = _value(field.get("/V"))
        if value:
            lines.setdefault(places.get(name, 0), []).append(f"{field.get('/TU') or name}: {value}")
    return lines


def _places(reader: object) -> dict[str, int]:
    """Full field name -> index of the page that shows it."""
    places: dict[str, int] = {}
    for index, page in enumerate(reader.pages):  # type: ignore[attr-defined]
        for annotation in page.get("/Annots") or ():
            name = _full_name(annotation.get_object())
            if name:
                places.setdefault(name, index)
    return places


def _full_name(field: object) -> str:
    """Names from the root of the form to this field, joined by points."""
    names: list[str] = []
    for _ in range(32):  # fields nest a few levels; a loop of parents ends here
        if "/T" in field:  # type: ignore[operator]
            names.append(str(field["/T"]))  # type: ignore[index]
        parent = field.get("/Parent")  # type: ignore[attr-defined]
        if parent is None:
            break
        field = parent.get_object()
    return ".".join(reversed(names))


def _value(value: object) -> str:
    """A field's value as text: "/Yes" of a ticked box is Yes, "/Off" is nothing."""
    text = ", ".join(map(str, value)) if isinstance(value, list) else str(value or "")
    return "" if text == "/Off" else text.removeprefix("/").strip()
