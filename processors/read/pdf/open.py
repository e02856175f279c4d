"""The bytes of a PDF in; PDFium's document out, opened as it is, by a password, or after repair.

PDFium opens nearly all; pypdf opens files with an empty owner password, which PDFium does not try; pikepdf
repairs.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass

import pikepdf
import pypdfium2
import pypdfium2.raw as pdfium

from octavo.processors.read.content import Source
from octavo.schemas.errors import DocumentError


@dataclass(frozen=True, slots=True)
class OpenedPdf:
    """A document, the bytes and password with which it opened, and whether they had to be repaired."""

    document: pypdfium2.PdfDocument
    data: bytes
    password: str = ""
    repaired: bool = False


@contextmanager
def opened(source: Source) -> Iterator[OpenedPdf]:
    """The document, closed in the end. Raises DocumentError: encrypted, corrupt."""
    try:
        file = _with_password(source)
    except pypdfium2.PdfiumError as error:
        data = _repaired(source.data, error)
        file = OpenedPdf(pypdfium2.PdfDocument(data), data, repaired=True)
    with closing(file.document):
        if len(file.document) == 0:
            raise DocumentError(
                "corrupt", "The PDF opens but holds no page.", next_step="Export it again from its source."
            )
        yield file


def _with_password(source: Source) -> OpenedPdf:
    """Opened with no password or the first that fits. Raises PdfiumError when it is no password that is missing."""
    for password in ("", *source.passwords):
        try:
            return OpenedPdf(
                pypdfium2.PdfDocument(source.data, password=password or None), source.data, password
            )
        except pypdfium2.PdfiumError as error:
            if error.err_code != pdfium.FPDF_ERR_PASSWORD:
                raise
    data = _decrypted(source)
    return OpenedPdf(pypdfium2.PdfDocument(data), data)


def _decrypted(source: Source) -> bytes:
    """The file without its encryption, where pypdf finds a password that fits; an empty one opens some that PDFium refuses."""
    from pypdf import PdfReader, PdfWriter

    reader = PdfReader(io.BytesIO(source.data))
    if not any(reader.decrypt(password) for password in ("", *source.passwords)):
        raise _locked()
    with io.BytesIO() as file:
        PdfWriter(clone_from=reader).write(file)
        return file.getvalue()


def _locked() -> DocumentError:
    step = "Name its password with --password or --password-file, or save it without one."
    return DocumentError("encrypted", "The PDF asks for a password.", next_step=step)


def _repaired(data: bytes, why: pypdfium2.PdfiumError) -> bytes:
    try:
        with pikepdf.open(io.BytesIO(data)) as document, io.BytesIO() as file:
            document.save(file)
            return file.getvalue()
    except pikepdf.PasswordError:
        raise _locked() from why
    except (pikepdf.PdfError, ValueError) as error:
        message = "The PDF is damaged beyond what can be repaired."
        raise DocumentError("corrupt", message, next_step="Export it again from its source.") from error
