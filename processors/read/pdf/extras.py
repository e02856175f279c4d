"""What a PDF holds beside its pages: values of forms, what it says of itself, its outline, and the files within it.

Each is asked of PDFium, which answers without another parse; only files within are taken out by pikepdf, so
that they can be counted while they are inflated.
"""

from __future__ import annotations

import io
import re
import zlib
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta, timezone
from functools import partial
from itertools import islice
from typing import Any

import pikepdf
import pypdfium2
import pypdfium2.raw as pdfium

from octavo.processors.read.content import Inner, ReadLimits, clean
from octavo.schemas.errors import DocumentError
from octavo.schemas.pipeline import Heading, Properties

MOST_HEADINGS = 5_000
_DATE = re.compile(r"(?:D:)?(\d{4})(\d\d)?(\d\d)?(\d\d)?(\d\d)?(\d\d)?\s*(?:(Z)|([+-])(\d\d)'?(\d\d)?)?")
_BUTTONS = (pdfium.FPDF_FORMFIELD_CHECKBOX, pdfium.FPDF_FORMFIELD_RADIOBUTTON)
_NO_VALUES = (
    pdfium.FPDF_FORMFIELD_UNKNOWN,
    pdfium.FPDF_FORMFIELD_PUSHBUTTON,
    pdfium.FPDF_FORMFIELD_SIGNATURE,
)
_BOUNDED_FILTERS = frozenset({"/ASCII85Decode", "/ASCIIHexDecode", "/RunLengthDecode", "/LZWDecode"})
_KEYS = ("/UF", "/F", "/Unix", "/DOS", "/Mac")  # of names and of streams, ISO 32000-1 tables 44 and 45
_DAMAGE = (pikepdf.PdfError, ValueError, KeyError, AttributeError, TypeError, StopIteration)
_MOST_GROWTH = 2_800  # bytes out of one byte in: a code of LZW has 12 bits at most 4,096 bytes long


def properties(document: pypdfium2.PdfDocument) -> Properties:
    """Title, author, dates and outline, as the file has them."""
    say = document.get_metadata_value
    title, author = (" ".join(clean(say(key)).split()) for key in ("Title", "Author"))
    return Properties(
        title, author, date(say("CreationDate")), date(say("ModDate")), tuple(_outline(document))
    )


def date(text: str) -> datetime | None:
    """A date of PDF with its zone, UTC where it names none; None when it is no date.

    >>> date("D:20240229093000+01'00'").isoformat()
    '2024-02-29T09:30:00+01:00'
    """
    found = _DATE.match(text.strip())
    if found is None:
        return None
    year, month, day, hour, minute, second = (int(part) if part else None for part in found.groups()[:6])
    offset = timedelta(hours=int(found[9] or 0), minutes=int(found[10] or 0)) * (-1 if found[8] == "-" else 1)
    try:
        zone = timezone(offset) if offset else UTC
        return datetime(year or 1, month or 1, day or 1, hour or 0, minute or 0, second or 0, tzinfo=zone)
    except ValueError:
        return None


def _outline(document: pypdfium2.PdfDocument) -> Iterator[Heading]:
    """Headings in order. A heading that points to a page that does not exist has none."""
    for bookmark in islice(document.get_toc(), MOST_HEADINGS):
        target = bookmark.get_dest()
        index = target.get_index() if target else None
        page = index + 1 if index is not None and 0 <= index < len(document) else None
        yield Heading(bookmark.level + 1, " ".join(clean(bookmark.get_title()).split()), page)


def cut(found: Properties) -> str:
    """The sentence that says that an outline was cut, "" for one that was not."""
    return (
        f"Of its outline the first {MOST_HEADINGS:,} headings were taken."
        if len(found.outline) >= MOST_HEADINGS
        else ""
    )


def fields(page: pypdfium2.PdfPage, seen: set[str]) -> list[str]:
    """Lines "name: value" of the filled fields on a page of a document whose form is ready. `seen` are names told before; it grows."""
    lines: list[str] = []
    for index in range(pdfium.FPDFPage_GetAnnotCount(page.raw)):
        note = pdfium.FPDFPage_GetAnnot(page.raw, index)
        if note:
            try:
                lines += _field(page, note, seen)
            finally:
                pdfium.FPDFPage_CloseAnnot(note)
    return lines


def _field(page: pypdfium2.PdfPage, note: Any, seen: set[str]) -> Iterator[str]:
    form = page.formenv.raw
    kind = pdfium.FPDFAnnot_GetFormFieldType(form, note)
    if kind in _NO_VALUES or kind < 0:
        return
    name = string_of(pdfium.FPDFAnnot_GetFormFieldName, form, note)
    value = string_of(pdfium.FPDFAnnot_GetFormFieldValue, form, note).strip()
    if kind in _BUTTONS:
        value = "" if value == "Off" else value
    if value and name not in seen:
        seen.add(name)
        yield clean(f"{string_of(pdfium.FPDFAnnot_GetFormFieldAlternateName, form, note) or name}: {value}")


def string_of(function: Callable[..., int], form: Any, note: Any) -> str:
    """A string that PDFium writes into a buffer."""
    size = function(form, note, None, 0)
    buffer = (pdfium.FPDF_WCHAR * (size // 2 + 1))()
    function(form, note, buffer, size)
    return bytes(buffer)[: max(0, size - 2)].decode("utf-16-le", "replace")


def attachments(
    data: bytes, password: str, limits: ReadLimits, pages: Sequence[int] = ()
) -> tuple[tuple[Inner, ...], str]:
    """The files within the PDF and those pinned to `pages` (from 0), those that are over a limit or damaged with the reason.

    And a sentence on what has no name to go by.
    """
    taken: list[Inner] = []
    left_out: list[str] = []
    space = limits.max_unpacked_bytes
    try:
        with pikepdf.open(io.BytesIO(data), password=password) as document:
            specs = _specs(document, pages)
            for name, spec in specs[: limits.max_entries]:
                taken.append(_attachment(name, spec, limits, space))
                space -= len(taken[-1].data)
            if more := len(specs) - len(taken):
                over_by = f"the limit max_entries is {limits.max_entries:,}, raise it to read them"
                left_out.append(f"{more:,} of its {len(specs):,} attachments are not read: {over_by}.")
    except _DAMAGE as error:
        left_out.append(
            f"The list of its attachments is damaged ({type(error).__name__}), so that some may be missing."
        )
    return tuple(taken), " ".join(left_out)


def _specs(document: pikepdf.Pdf, pages: Sequence[int]) -> list[tuple[str, Callable[[], Any]]]:
    """Name and file specification of each file, what is pinned to a page and in the list too once."""
    listed = [(name, partial(_listed, document, name)) for name in document.attachments]
    known = {_number(spec) for _, spec in listed} if pages else set()
    pinned: list[tuple[str, Callable[[], Any]]] = []
    for index in pages:
        for note in document.pages[index].obj.get("/Annots", ()):
            spec = note.get("/FS") if note.get("/Subtype") == "/FileAttachment" else None
            if not isinstance(spec, pikepdf.Dictionary) or "/EF" not in spec:  # it names a file elsewhere
                continue
            if (number := _number(partial(_itself, spec))) not in known or number is None:
                known.add(number)
                pinned.append((f"attachment {len(pinned) + 1}", partial(_itself, spec)))
    return [*listed, *pinned]


def _listed(document: pikepdf.Pdf, name: str) -> Any:
    return document.attachments[name].obj


def _itself(spec: Any) -> Any:
    return spec


def _number(take: Callable[[], Any]) -> tuple[int, int] | None:
    """The number of the object that holds a file; None when that cannot be told."""
    try:
        one, two = _stream(take()).objgen
    except _DAMAGE:
        return None
    return one, two


def _stream(spec: Any) -> Any:
    """The stream of a file. Raises KeyError where there is none."""
    return next(spec.EF[key] for key in _KEYS if key in spec.EF)


def _attachment(name: str, take: Callable[[], Any], limits: ReadLimits, space: int) -> Inner:
    again = "Save the attachment from your PDF program."
    try:
        spec = take()
        name = next((text for key in _KEYS if (text := str(spec.get(key, "")))), name)
        return Inner(name, _content(_stream(spec), limits, space))
    except DocumentError as error:
        return Inner(name, b"", error)
    except (*_DAMAGE, zlib.error) as error:
        return Inner(
            name,
            b"",
            DocumentError("corrupt", f"The attachment is damaged ({type(error).__name__}).", next_step=again),
        )


def _content(stream: Any, limits: ReadLimits, space: int) -> bytes:
    """The bytes of an attachment, counted while they are inflated. Raises DocumentError when there are, or could be, more than may be.

    `space` is what all before it left of `max_unpacked_bytes`.
    """
    limit, most_bytes = min(
        ("max_entry_bytes", limits.max_entry_bytes), ("max_unpacked_bytes", space), key=lambda pair: pair[1]
    )
    filters = stream.get("/Filter", ())
    names = [str(filters)] if isinstance(filters, pikepdf.Name) else [str(one) for one in filters]
    raw = bytes(stream.read_raw_bytes())
    if names == ["/FlateDecode"] and "/DecodeParms" not in stream:
        raw = zlib.decompressobj().decompress(raw, most_bytes + 1)
    elif names:
        if strange := sorted(set(names) - _BOUNDED_FILTERS):
            message = f"The attachment is coded in a way that is not unpacked here ({', '.join(strange)})."
            raise DocumentError(
                "unsupported", message, next_step="Save it from your PDF program into the inbox."
            )
        _refuse_over(limit, most_bytes, limits, len(raw) * _MOST_GROWTH ** len(names), "may unpack to")
        raw = bytes(stream.read_bytes())
    _refuse_over(limit, most_bytes, limits, len(raw), "unpacks to at least")
    return raw


def _refuse_over(limit: str, most_bytes: int, limits: ReadLimits, size_bytes: int, how: str) -> None:
    """Raises DocumentError, naming the limit, when it is passed."""
    if size_bytes > most_bytes:
        left = f", of which {most_bytes:,} are left" if limit == "max_unpacked_bytes" else ""
        message = f"The attachment {how} {size_bytes:,} bytes; the limit {limit} is {getattr(limits, limit):,}{left}."
        raise DocumentError("bomb", message, next_step=f"Raise the limit {limit} to read it.")
