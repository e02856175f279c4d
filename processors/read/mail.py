"""A mail (.eml) in; one leaf out: From, To, Date and Subject, the body, and the names of what is attached.

Imports `leaf`, the nouns the readers share, and `html` with `text`, because a body is often HTML in an encoding of its own.
"""

from __future__ import annotations

import email
from collections.abc import Iterator
from email.message import EmailMessage
from email.policy import default

from processors.read import html, text
from processors.read.leaf import Content, Leaf, Source, clean

_HEADERS = ("From", "To", "Cc", "Date", "Subject")


def read(source: Source) -> Content:
    """The mail as one page; attachments are named in it and noted as not read. A mail without a body is empty."""
    message = email.message_from_bytes(_narrow(source.data), policy=default)
    bodies = [body for body in map(_words, _bodies(message)) if body.strip()]
    names = [_name(part) for part in _attachments(message)]
    parts = [_headers(message), *bodies]
    if names:
        parts.append("Attachments: " + ", ".join(names))
    detail = f"{len(names)} attachment(s) not read: {', '.join(names)}." if names else ""
    return Content((Leaf(clean("\n\n".join(parts)) if bodies else ""),), detail)


def _narrow(data: bytes) -> bytes:
    """Mails are ASCII on the wire, but some are saved as UTF-16; white space before the headers would hide them."""
    if b"\0" in data[:64] or data.startswith((b"\xff\xfe", b"\xfe\xff", b"\xef\xbb\xbf")):
        data = text.decode(data)[0].encode("utf-8", "surrogateescape")
    return data.lstrip()


def _headers(message: EmailMessage) -> str:
    return "\n".join(f"{name}: {value}" for name in _HEADERS if (value := _header(message, name)))


def _header(message: EmailMessage, name: str) -> str:
    """One header decoded, or as it stands when the parser trips over it."""
    try:
        return " ".join(str(message.get(name, "")).split())
    except Exception:  # noqa: BLE001  # email.headerregistry raises IndexError, AttributeError and more on malformed headers
        raw = next((value for key, value in message.raw_items() if key.lower() == name.lower()), "")
        return " ".join(str(raw).split())


def _bodies(message: EmailMessage) -> Iterator[EmailMessage]:
    """The parts to read: of alternatives one, the plain one if it says anything; mails within the mail too."""
    kind = message.get_content_type()
    if kind == "multipart/alternative":
        options = [list(_bodies(part)) for part in _parts(message) if not part.is_attachment()]
        yield from min(options, key=_preference, default=[])
    elif message.is_multipart():
        for part in _parts(message):
            if not part.is_attachment():
                yield from _bodies(part)
    elif kind in {"text/plain", "text/html"} and not message.is_attachment():
        yield message


def _preference(bodies: list[EmailMessage]) -> tuple[bool, bool]:
    """Sorts the alternatives of a mail: what says something comes first, and of that the plain text."""
    silent = not any(_words(body).strip() for body in bodies)
    return silent, any(body.get_content_type() != "text/plain" for body in bodies)


def _attachments(message: EmailMessage) -> Iterator[EmailMessage]:
    for part in _parts(message) if message.is_multipart() else ():
        if part.is_attachment() or (not part.is_multipart() and part.get_content_maintype() != "text"):
            yield part
        else:
            yield from _attachments(part)


def _parts(message: EmailMessage) -> list[EmailMessage]:
    payload = message.get_payload()
    return [part for part in payload if isinstance(part, EmailMessage)] if isinstance(payload, list) else []


def _words(part: EmailMessage) -> str:
    """The text of one part: its own charset where that fits, else judged by its bytes; HTML as its visible text."""
    payload = part.get_payload(decode=True)
    data = payload if isinstance(payload, bytes) else b""
    try:
        words = data.decode(part.get_content_charset("utf-8"))
    except (UnicodeDecodeError, LookupError):
        words = text.decode(data)[0]
    return html.plain(words) if part.get_content_type() == "text/html" else words


def _name(part: EmailMessage) -> str:
    return part.get_filename() or part.get_content_type()
