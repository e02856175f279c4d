"""A signed file in (.p7m: invoices of Italy, signed mails); out: what was signed, as a document of its own. Signatures are not proved."""

from __future__ import annotations

import base64
import binascii
import mimetypes
import re

from asn1crypto import cms

from octavo.processors.read.content import Content, Inner, Source
from octavo.processors.read.kinds import UNKNOWN, media_type
from octavo.schemas.errors import DocumentError

_ARMOUR = re.compile(rb"-----(?:BEGIN|END) [A-Z0-9 #]+-----")
_SUFFIXES = {"message/rfc822": ".eml", "text/plain": ".txt", UNKNOWN: ".bin"}


def read(source: Source) -> Content:
    """The signed file, which names its type only by its content. Raises DocumentError: corrupt, encrypted, unsupported."""
    data = opened(source.data)
    kind = media_type(data)
    xml = data.lstrip(b"\xef\xbb\xbf \r\n\t").startswith(b"<?xml")
    suffix = ".xml" if xml else _SUFFIXES.get(kind) or mimetypes.guess_extension(kind) or ".bin"
    return Content(
        (), "It is signed; the signature was not checked.", inner=(Inner(f"content{suffix}", data),)
    )


def opened(data: bytes) -> bytes:
    """The bytes that were signed. Raises DocumentError: encrypted, unsupported (a signature alone), corrupt."""
    try:
        info = cms.ContentInfo.load(_bare(data))
        kind = info["content_type"].native
        content = info["content"]["encap_content_info"]["content"] if kind == "signed_data" else None
        found = content.native if content is not None else None
    except Exception as error:  # asn1crypto raises ValueError, TypeError and KeyError
        message = f"It is a signed file that cannot be opened ({type(error).__name__}); it may be cut off."
        raise DocumentError("corrupt", message, next_step="Get it once more from its sender.") from error
    if kind == "enveloped_data":
        message = "It is encrypted for one receiver."
        raise DocumentError(
            "encrypted",
            message,
            next_step="Open it in the mail program that has the key, and save it without.",
        )
    if not isinstance(found, bytes):
        message = "It is a signature and holds no document."
        raise DocumentError(
            "unsupported", message, next_step="Nothing is to be done: what it signs lies beside it."
        )
    return found


def _bare(data: bytes) -> bytes:
    """DER as it is, without the letters in which mails and web pages carry it."""
    if data[:1] == b"0" and not data[:60].isascii():
        return data
    try:
        return base64.b64decode(_ARMOUR.sub(b"", data), validate=False)
    except binascii.Error:
        return data
