"""A winmail.dat in, as Outlook sends mails to others; out: its text and the files attached to it."""

from __future__ import annotations

import logging
from contextlib import suppress
from typing import Any

from tnefparse import TNEF

from octavo.processors.read import html, text
from octavo.processors.read.content import Content, Inner, PageContent, Source, clean
from octavo.schemas.errors import DocumentError

_HEAD_BYTES = 6
_ASK = "Ask its sender for the files as plain attachments."
logging.getLogger("tnef-decode").setLevel(logging.CRITICAL)


def read(source: Source) -> Content:
    """The mail as one page, and what is attached. Raises DocumentError: corrupt."""
    words, files = unpacked(source.data)
    return Content((PageContent(clean(words)),), f"{len(files)} file(s) in it." if files else "", inner=files)


def unpacked(data: bytes) -> tuple[str, tuple[Inner, ...]]:
    """The text and the files. Raises DocumentError: corrupt."""
    try:
        package = TNEF(data, do_checksum=False)
        if sum(one.length for one in package.objects) + _HEAD_BYTES > len(data):
            raise EOFError  # noqa: TRY301 - the library takes what there is
        files = tuple(_file(one, number) for number, one in enumerate(package.attachments, start=1))
    except (
        Exception
    ) as error:  # the library raises KeyError, IndexError, struct.error and more on damaged ones
        message = f"It is a winmail.dat that cannot be unpacked ({type(error).__name__}), it may be cut off."
        raise DocumentError("corrupt", message, next_step=_ASK) from error
    body = _body(package)
    if not body and not files:
        raise DocumentError("corrupt", "It is a winmail.dat in which nothing is whole.", next_step=_ASK)
    return body, files


def _file(attached: Any, number: int) -> Inner:
    name = ""
    with suppress(Exception):  # a name in a code page of its own
        name = str(attached.long_filename() or "")
    return Inner(name.strip("\0 ") or f"attachment-{number}", bytes(attached.data or b""))


def _body(package: Any) -> str:
    """HTML where there is some, for it has the tables; else the plain text."""
    if package.htmlbody:
        return html.plain(_words(package.htmlbody))
    return _words(package.body or "")


def _words(body: Any) -> str:
    if isinstance(body, list):
        body = body[0] if body else ""
    return (text.decode(body) if isinstance(body, bytes) else str(body)).strip("\0")
