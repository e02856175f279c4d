"""A mail (.eml) in; one leaf out, From, To, Date and Subject, the body, and the names of what is attached; attachments as files inside."""

from __future__ import annotations

import email
import mimetypes
from collections.abc import Iterator
from email.message import EmailMessage
from email.policy import default

from octavo.processors.read import html, text
from octavo.processors.read.content import Content, Inner, PageContent, Source, clean, over
from octavo.schemas.errors import DocumentError

_HEADERS = ("From", "To", "Cc", "Date", "Subject")
_LONGEST_HEADER = 100_000  # characters, some two thousand recipients; the parser of a longer one can take all time and memory
_LONGEST_SUBJECT = 80  # characters that name a forwarded mail


def read(source: Source) -> Content:
    """The mail as one page, and what is attached, forwarded mails too. Without a body it has no text.

    Raises DocumentError: bomb (more than `max_entries` files attached).
    """
    message = email.message_from_bytes(_narrow(source.data), policy=default)
    bodies = [body for body in map(_words, _bodies(message)) if body.strip()]
    parts_attached = list(_attachments(message))
    if len(parts_attached) > source.limits.max_entries:
        over("max_entries", len(parts_attached), source.limits.max_entries, "bomb")
    attached = tuple(map(_file, parts_attached))
    parts = [_headers(message), *bodies]
    if attached:
        parts.append("Attachments: " + ", ".join(file.name for file in attached))
    words = clean("\n\n".join(parts)) if bodies else ""
    return Content(
        (PageContent(words),), f"{len(attached)} file(s) attached." if attached else "", inner=attached
    )


def _narrow(data: bytes) -> bytes:
    """Mails are ASCII on the wire, but some are saved as UTF-16; white space before the headers would hide them."""
    if b"\0" in data[:64] or data.startswith((b"\xff\xfe", b"\xfe\xff", b"\xef\xbb\xbf")):
        data = text.decode(data).encode("utf-8", "surrogateescape")
    return data.lstrip()


def _headers(message: EmailMessage) -> str:
    return "\n".join(f"{name}: {value}" for name in _HEADERS if (value := _header(message, name)))


def _header(message: EmailMessage, name: str) -> str:
    """One header decoded, or as it stands when it is too long for the parser or the parser trips over it."""
    raw = str(next((value for key, value in message.raw_items() if key.lower() == name.lower()), ""))
    try:
        return " ".join(str(message.get(name, "") if len(raw) <= _LONGEST_HEADER else raw).split())
    except Exception:  # noqa: BLE001  # email.headerregistry raises IndexError, AttributeError and more on malformed headers
        return " ".join(raw.split())


def _bodies(message: EmailMessage) -> Iterator[EmailMessage]:
    """The parts to read: of alternatives one, the plain one if it says anything."""
    kind = message.get_content_type()
    if kind == "multipart/alternative":
        options = [list(_bodies(part)) for part in _parts(message) if not part.is_attachment()]
        yield from min(options, key=_preference, default=[])
    elif message.get_content_maintype() == "multipart":
        for part in _parts(message):
            if not part.is_attachment():
                yield from _bodies(part)
    elif _is_body(message):
        yield message


def _is_body(part: EmailMessage) -> bool:
    return part.get_content_type() in {"text/plain", "text/html"} and not part.is_attachment()


def _preference(bodies: list[EmailMessage]) -> tuple[bool, bool]:
    """Sorts the alternatives of a mail: what says something comes first, and of that the plain text."""
    silent = not any(_words(body).strip() for body in bodies)
    return silent, any(body.get_content_type() != "text/plain" for body in bodies)


def _attachments(message: EmailMessage) -> Iterator[EmailMessage]:
    """Every part that is no body: files, pictures in the text, forwarded mails, appointments."""
    for part in _parts(message) if message.get_content_maintype() == "multipart" else ():
        if part.get_content_maintype() == "multipart" and not part.is_attachment():
            yield from _attachments(part)
        elif not _is_body(part):
            yield part


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
        words = text.decode(data)
    return html.plain(words) if part.get_content_type() == "text/html" else words


def _file(part: EmailMessage) -> Inner:
    """An attachment as it was before it was sent; one that cannot be decoded has the reason instead."""
    name = _name(part)
    try:
        if part.get_content_maintype() in {"message", "multipart"}:
            mails = _parts(part) or [part]
            return Inner(name, b"\n".join(mail.as_bytes() for mail in mails))
        payload = part.get_payload(decode=True)
    except Exception as error:  # noqa: BLE001  # the email package raises KeyError, LookupError, UnicodeError and more on malformed parts
        message = f"It cannot be taken out of its mail ({type(error).__name__})."
        return Inner(
            name, b"", DocumentError("corrupt", message, next_step="Save it from your mail program.")
        )
    return Inner(name, payload if isinstance(payload, bytes) else b"")


def _name(part: EmailMessage) -> str:
    """The name under which a part was sent; a mail without one goes by its subject, anything else by its type."""
    if name := part.get_filename():
        return str(name)
    kind = part.get_content_type()
    if kind == "message/rfc822" and (mails := _parts(part)):
        return f"{_header(mails[0], 'Subject').replace('/', ' ')[:_LONGEST_SUBJECT] or 'mail'}.eml"
    return f"{part.get_content_maintype()}{mimetypes.guess_extension(kind) or ''}"
