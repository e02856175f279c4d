"""Mails: which part is read, what is unpacked, and what of a thread was said before."""

from __future__ import annotations

import base64
import struct
from collections.abc import Callable
from email.message import EmailMessage

import pytest
from asn1crypto import cms

from octavo.processors.read import mail, quoted, signed, tnef
from octavo.processors.read.content import Content, ReadLimits, Source
from octavo.processors.read.kinds import SIGNED, TNEF, media_type
from octavo.schemas.errors import DocumentError

ROWS = "<table><tr><td>Invoice</td><td>R-77</td></tr><tr><td>Total</td><td>88.00 EUR</td></tr></table>"


def message(body: str = "Please send chairs.", **headers: str) -> EmailMessage:
    """A mail of one part."""
    found = EmailMessage()
    found["From"], found["To"], found["Subject"] = "ana@example.com", "bob@example.com", "Order"
    for name, value in headers.items():
        del found[name.replace("_", "-")]
        found[name.replace("_", "-")] = value
    found.set_content(body)
    return found


def read(data: EmailMessage | bytes) -> Content:
    """What the reader makes of it."""
    return mail.read(Source(data if isinstance(data, bytes) else data.as_bytes(), ReadLimits()))


@pytest.mark.parametrize(
    ("plain", "rich", "told"),
    [
        ("Please view this mail in an HTML client.", ROWS, "Total | 88.00 EUR"),
        ("", ROWS, "Total | 88.00 EUR"),
        (
            "Invoice R-77\nTotal 88.00 EUR\nPay in ten days",
            f"<p>Pay in ten days</p>{ROWS}",
            "Total 88.00 EUR",
        ),
        ("See https://example.com/r77", f"<p>Dear Bob</p>{ROWS}", "Invoice | R-77"),
    ],
)
def test_the_part_that_says_more_is_read(plain: str, rich: str, told: str) -> None:
    """A plain part that only points to the other one does not hide it; one that says the same is preferred."""
    both = message(plain)
    both.add_alternative(rich, subtype="html")
    assert told in read(both).leaves[0].text


def test_an_appointment_is_told_in_lines() -> None:
    """The calendar part of an invitation stands in the text as what, when and where, beside the words of the mail."""
    both = message("You are invited to a long talk about many chairs.")
    calendar = "BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nSUMMARY:Talk\\, chairs\r\nDTSTART:20260314T093000Z\r\nBEGIN:VALARM\r\n"
    calendar += "DESCRIPTION:ring\r\nEND:VALARM\r\nATTENDEE;CN=Bob:mailto:bob@example.com\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"
    both.add_alternative(calendar, subtype="calendar")
    content = read(both)
    assert content.leaves[0].text.endswith(
        "many chairs.\n\nAppointment: Talk, chairs\nFrom: 2026-03-14 09:30 UTC\nAttendee: Bob <bob@example.com>"
    )
    assert not content.inner


def _signed(content: bytes) -> bytes:
    """The bytes in an envelope for a signature, without any signer."""
    data = {
        "version": "v1",
        "digest_algorithms": [],
        "encap_content_info": {"content_type": "data", "content": content},
    }
    return bytes(
        cms.ContentInfo({"content_type": "signed_data", "content": {**data, "signer_infos": []}}).dump()
    )


def test_a_signed_mail_is_opened() -> None:
    """A mail that is one signed package says what is inside it, under the headers of the outside."""
    outer = message(Subject="Signed order")
    outer.clear_content()
    outer.set_content(
        _signed(b"Content-Type: text/plain\r\n\r\nPlease send 12 chairs."),
        maintype="application",
        subtype="pkcs7-mime",
        filename="smime.p7m",
        params={"smime-type": "signed-data"},
    )
    assert read(outer).leaves[0].text.endswith("Subject: Signed order\n\nPlease send 12 chairs.")


@pytest.mark.parametrize("wrapped", [bytes, base64.encodebytes], ids=["bytes", "letters"])
def test_a_signed_file_holds_what_was_signed(wrapped: Callable[[bytes], bytes]) -> None:
    """A .p7m is known by its content, in bytes or in letters, and the file in it is a document of its own."""
    data = wrapped(_signed(b'<?xml version="1.0"?><a/>'))
    assert media_type(data) == SIGNED
    (inner,) = signed.read(Source(data, ReadLimits())).inner
    assert (inner.name, inner.data) == ("content.xml", b'<?xml version="1.0"?><a/>')


def test_what_cannot_be_opened_says_why() -> None:
    """A damaged package is an error, and never a mail without text; a signature alone holds no document."""
    with pytest.raises(DocumentError, match="cannot be opened"):
        signed.opened(_signed(b"x")[:20])
    data = cms.ContentInfo(
        {
            "content_type": "signed_data",
            "content": {
                "version": "v1",
                "digest_algorithms": [],
                "encap_content_info": {"content_type": "data"},
                "signer_infos": [],
            },
        }
    )
    with pytest.raises(DocumentError, match="holds no document"):
        signed.opened(data.dump())


def _attribute(level: int, name: int, kind: int, data: bytes) -> bytes:
    return struct.pack("<BHHI", level, name, kind, len(data)) + data + struct.pack("<H", sum(data) & 0xFFFF)


def winmail() -> bytes:
    """A winmail.dat with a text and a file, after [MS-OXTNEF]."""
    parts = [
        _attribute(1, 0x9006, 8, struct.pack("<I", 0x10000)),
        _attribute(1, 0x9007, 6, struct.pack("<II", 1252, 0)),
        _attribute(1, 0x800C, 2, b"Please send 12 chairs.\0"),
        _attribute(2, 0x9002, 6, bytes(14)),
        _attribute(2, 0x8010, 1, b"order.csv\0"),
        _attribute(2, 0x800F, 6, b"Item;Price\nChair;15.00\n"),
    ]
    return struct.pack("<IH", 0x223E9F78, 1) + b"".join(parts)


def test_a_winmail_is_unpacked() -> None:
    """The files in a winmail.dat are attached to its mail, and its text is read where the mail has none."""
    assert media_type(winmail()) == TNEF
    words, (file,) = tnef.unpacked(winmail())
    assert (words, file.name, file.data) == (
        "Please send 12 chairs.",
        "order.csv",
        b"Item;Price\nChair;15.00\n",
    )
    whole = message("")
    whole.add_attachment(winmail(), maintype="application", subtype="ms-tnef", filename="winmail.dat")
    content = read(whole)
    assert [one.name for one in content.inner] == ["order.csv"]
    assert content.leaves[0].text.endswith("Please send 12 chairs.\n\nAttachments: order.csv")


def test_a_damaged_winmail_costs_only_itself() -> None:
    """Bytes that begin like one and are none are a row with a sentence; the mail around it is read."""
    whole = message()
    whole.add_attachment(winmail()[:70], maintype="application", subtype="ms-tnef", filename="winmail.dat")
    content = read(whole)
    assert "Please send chairs." in content.leaves[0].text
    with pytest.raises(DocumentError, match="nothing is whole"):
        tnef.unpacked(b"\x78\x9f\x3e\x22" + bytes(2) + b"\x01" * 40)


REPLY = "We accept 20 chairs at 14.50 EUR."
QUOTES = [
    "On Thu, 12 March 2026 at 10:00, Ana Muñoz <ana@example.com> wrote:\n> We offer 20 chairs at 15.00 EUR.\n> Ana",
    "On Thu, 12 March 2026 at 10:00,\nAna Muñoz <ana@example.com>\nwrote:\n\n> We offer 20 chairs at 15.00 EUR.",
    "Am 12.03.2026 um 10:00 schrieb Ana <ana@example.com>:\n> Wir bieten 20 Stühle zu 15,00 EUR an.",
    "-----Original Message-----\nFrom: Ana\nSent: Thursday\n\nWe offer 20 chairs at 15.00 EUR.",
    "From: Ana <ana@example.com>\nSent: Thursday, 12 March 2026\nTo: Bob\nSubject: Offer\n\nWe offer 20 chairs at 15.00 EUR.",
    "> We offer 20 chairs at 15.00 EUR each, as agreed.\n> Ana",
]


@pytest.mark.parametrize("quote", QUOTES)
def test_what_a_thread_said_before_is_marked(quote: str) -> None:
    """A reply shows its own words; those it quotes stay in its text and are not asked about again."""
    content = read(message(f"{REPLY}\n\n{quote}\n", In_Reply_To="<1@example.com>"))
    (leaf,) = content.leaves
    assert content.flags == ("quoted_history",)
    ((start, end),) = leaf.repeated
    assert leaf.text[start:end].strip() == quote.strip()


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        (f"{REPLY}\n\n{QUOTES[0]}\n", {}),
        (f"FYI\n\n{QUOTES[3]}\n", {"In_Reply_To": "<1@example.com>"}),
        (
            f"Please book what follows.\n\n{QUOTES[3]}\n",
            {"References": "<1@example.com>", "Subject": "Fwd: Offer"},
        ),
        (f"{REPLY}\n> 5 % off\n", {"In_Reply_To": "<1@example.com>"}),
    ],
    ids=["no reply", "nothing of its own", "forwarded", "a short quotation"],
)
def test_a_mail_that_is_no_reply_keeps_all_its_words(body: str, headers: dict[str, str]) -> None:
    """What is forwarded, or has no other words, is asked about whole."""
    assert read(message(body, **headers)).leaves[0].repeated == ()


def test_answers_between_the_lines_are_the_writers_own() -> None:
    """Only the marked lines are quotations where an answer stands between them."""
    body = "> How many chairs do you want to have, when?\n20 of them, on Monday.\n> And what is the price that you'd pay?\n15.00 EUR\n"
    assert [body[start:end][:9] for start, end in quoted.spans(body)] == ["> How man", "> And wha"]
