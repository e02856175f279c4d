"""A mail (.eml) in; one leaf out, From, To, Date and Subject, the body, and the names of what is attached; attachments as files inside.

A signed mail is opened, a winmail.dat unpacked, an appointment told in lines, and what quotes an earlier mail of its thread is marked as
said before. Imports `signed`, `tnef`, `appointment` and `quoted` for these, and the readers of its bodies.
"""

from __future__ import annotations

import email
import mimetypes
import re
from collections.abc import Iterator
from email.message import EmailMessage
from email.policy import default

from octavo.processors.read import appointment, html, quoted, signed, text, tnef
from octavo.processors.read.content import Content, Inner, PageContent, Source, clean, over
from octavo.schemas.errors import DocumentError
from octavo.schemas.pipeline import Properties

_HEADERS = ("From", "To", "Cc", "Date", "Subject")
_SIGNED = frozenset({"application/pkcs7-mime", "application/x-pkcs7-mime"})
_CALENDAR = "text/calendar"
_WORD = re.compile(r"\w+")
_TNEF = b"\x78\x9f\x3e\x22"  # the first bytes of a winmail.dat
_FORWARDED = re.compile(r"(?:fwd?|wg|tr|rv|i|enc|doorst|vs|vb|转发)\s*[:：]", re.IGNORECASE)
_ID = re.compile(r"<([^<>]+)>")
_LONGEST_ID = 2_000  # characters of a header in which its last id is looked for; RFC 5322 has lines of 998
_RICHER = 1.25  # times as many different words, and an HTML part says what the plain one keeps to itself
_LONGEST_HEADER = 100_000  # characters, some two thousand recipients; the parser of a longer one can take all time and memory
_LONGEST_SUBJECT = 80  # characters that name a forwarded mail


def read(source: Source) -> Content:
    """The mail as one page, and what is attached, forwarded mails too. Without a body it has no text.

    Raises DocumentError: bomb (more than `max_entries` files attached), encrypted, corrupt (a signed mail that cannot be opened).
    """
    outer = email.message_from_bytes(_narrow(source.data), policy=default)
    message = _opened(outer)
    bodies = [body for body in map(_words, _bodies(message)) if body.strip()]
    parts_attached = list(_attachments(message))
    if len(parts_attached) > source.limits.max_entries:
        over("max_entries", len(parts_attached), source.limits.max_entries, "bomb")
    attached: list[Inner] = []
    for file in map(_file, parts_attached):
        words, files = _unpacked(file)
        attached += files
        bodies += [] if bodies or not words.strip() else [words]
    if not bodies and not attached and any(part.defects for part in message.walk()):
        raise DocumentError(
            "corrupt",
            "The mail is cut off before it says anything.",
            next_step="Save it once more from its program.",
        )
    leaf, flags = _leaf(
        _headers(outer, message), bodies, [file.name for file in attached], is_reply=_is_reply(outer)
    )
    detail = f"{len(attached)} file(s) attached." if attached else ""
    thread = Properties(message_id=_id(outer, "Message-ID"), in_reply_to=_answered(outer))
    return Content((leaf,), detail, flags, thread, tuple(attached))


def _leaf(
    headers: str, bodies: list[str], attached: list[str], *, is_reply: bool
) -> tuple[PageContent, tuple[str, ...]]:
    """The page of a mail, and its flags. What an earlier mail said is marked, so that it is asked about with that one only."""
    if not bodies:
        return PageContent(""), ()
    head, body = clean(headers), clean("\n\n".join(bodies))
    start = len(head) + 2 if head else 0
    spans = tuple((start + first, start + last) for first, last in quoted.spans(body)) if is_reply else ()
    parts = [head, body, clean("Attachments: " + ", ".join(attached)) if attached else ""]
    words = "\n\n".join(part for part in parts if part)
    return PageContent(words, repeated=spans), ("quoted_history",) if spans else ()


def _is_reply(message: EmailMessage) -> bool:
    """Whether a mail answers another one, which its program says; a forwarded one has what it brings from there."""
    names = {key.lower() for key, _ in message.raw_items()}
    return bool(names & {"in-reply-to", "references"}) and not _FORWARDED.match(_header(message, "Subject"))


def _answered(message: EmailMessage) -> str:
    """The id of the mail that a mail answers: the last of its references where it says no more."""
    return _id(message, "In-Reply-To") or _id(message, "References")


def _id(message: EmailMessage, name: str) -> str:
    """The last message id in a header, without its angle brackets."""
    raw = "".join(str(value) for key, value in message.raw_items() if key.lower() == name.lower())
    return next(reversed(_ID.findall(raw[-_LONGEST_ID:])), "").strip()


def _opened(message: EmailMessage) -> EmailMessage:
    """The mail inside a signed one, or the mail itself. Raises DocumentError: encrypted, corrupt, unsupported."""
    if message.get_content_type() not in _SIGNED:
        return message
    data = message.get_payload(decode=True)
    inner: EmailMessage = email.message_from_bytes(
        signed.opened(data if isinstance(data, bytes) else b""), policy=default
    )
    return inner


def _unpacked(file: Inner) -> tuple[str, tuple[Inner, ...]]:
    """The words and the files of an attached winmail.dat; any other file, and one that is damaged, as it is."""
    if not file.data.startswith(_TNEF):
        return "", (file,)
    try:
        return tnef.unpacked(file.data)
    except DocumentError as error:
        return "", (Inner(file.name, b"", error),)


def _narrow(data: bytes) -> bytes:
    """Mails are ASCII on the wire, but some are saved as UTF-16; white space before the headers would hide them."""
    if b"\0" in data[:64] or data.startswith((b"\xff\xfe", b"\xfe\xff", b"\xef\xbb\xbf")):
        data = text.decode(data).encode("utf-8", "surrogateescape")
    return data.lstrip()


def _headers(*messages: EmailMessage) -> str:
    """The headers that readers look at; of a signed mail those outside, and those inside that the outside lacks."""
    found = {name: next(filter(None, (_header(one, name) for one in messages)), "") for name in _HEADERS}
    return "\n".join(f"{name}: {value}" for name, value in found.items() if value)


def _header(message: EmailMessage, name: str) -> str:
    """One header decoded, or as it stands when it is too long for the parser or the parser trips over it."""
    raw = str(next((value for key, value in message.raw_items() if key.lower() == name.lower()), ""))
    try:
        return " ".join(str(message.get(name, "") if len(raw) <= _LONGEST_HEADER else raw).split())
    except Exception:  # noqa: BLE001  # email.headerregistry raises IndexError, AttributeError and more on malformed headers
        return " ".join(raw.split())


def _bodies(message: EmailMessage) -> Iterator[EmailMessage]:
    """The parts to read: of alternatives one, the plain one unless the other says more; and appointments."""
    kind = message.get_content_type()
    if kind == "multipart/alternative":
        parts = [part for part in _parts(message) if not part.is_attachment()]
        yield from _best([list(_bodies(part)) for part in parts if part.get_content_type() != _CALENDAR])
        yield from (part for part in parts if part.get_content_type() == _CALENDAR)
    elif message.get_content_maintype() == "multipart":
        for part in _parts(message):
            if not part.is_attachment():
                yield from _bodies(part)
    elif _is_body(message):
        yield message


def _is_body(part: EmailMessage) -> bool:
    return part.get_content_type() in {"text/plain", "text/html", _CALENDAR} and not part.is_attachment()


def _best(options: list[list[EmailMessage]]) -> list[EmailMessage]:
    """Of the alternatives of a mail the plain text, unless it is a stub and another one has what it says and more."""
    said = [({word for body in option for word in _WORD.findall(_words(body))}, option) for option in options]
    plain = [(words, option) for words, option in said if all(_is_plain(body) for body in option)]
    words, chosen = max(plain or said, key=lambda one: len(one[0]), default=(set[str](), []))
    richest, rich = max(said, key=lambda one: (_figures(one[0]), len(one[0])), default=(set[str](), []))
    is_richer = len(richest) > _RICHER * len(words) or _figures(richest - words) > _figures(words - richest)
    return rich if is_richer else chosen


def _figures(words: set[str]) -> int:
    """How many words have a digit, such as amounts and dates."""
    return sum(any(map(str.isdigit, word)) for word in words)


def _is_plain(part: EmailMessage) -> bool:
    return part.get_content_type() == "text/plain"


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
    shown = {"text/html": html.plain, _CALENDAR: appointment.lines}.get(part.get_content_type())
    return shown(words) if shown else words


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
