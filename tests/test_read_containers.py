"""Files inside files: each a document of its own, bounded, named harmlessly, and one bad one costs only itself."""

from __future__ import annotations

import asyncio
import io
import struct
import warnings
import zipfile
import zlib
from collections.abc import Iterator
from email.message import EmailMessage
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from octavo.processors.read.pages import FoundFile, Reader, Reading, ReadLimits, discover
from octavo.processors.read.workers.inner_paths import paths
from tests.documents import hostile, make

PDF = make.documents()["invoice.pdf"]
MIXED = make.documents()["mixed.pdf"]  # its second page is a picture


@pytest.fixture(scope="module")
def reader() -> Iterator[Reader]:
    """One reader for all tests that need no limit of their own."""
    with Reader(ReadLimits(workers=1), ["wrong", "sesame"]) as one:
        yield one


def read(reader: Reader, folder: Path, name: str, data: bytes) -> dict[str, Reading]:
    """Path -> reading of one file and all that lies in it."""
    (folder / name).write_bytes(data)
    found = [entry for entry in discover(folder, ReadLimits()) if isinstance(entry, FoundFile)]
    readings = asyncio.run(reader.read(found))
    by_path = {reading.document.path: reading for reading in readings}
    assert len(by_path) == len(readings)
    return by_path


def outcomes(readings: dict[str, Reading]) -> dict[str, str]:
    """Path -> status and reason."""
    return {path: f"{one.document.status} {one.document.reason}".strip() for path, one in readings.items()}


def mail(subject: str = "Order", body: str = "Please send chairs.", **files: bytes) -> EmailMessage:
    """A mail with attachments; a `_` in a name stands for its point."""
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = "ana@example.com", "bob@example.com", subject
    message.set_content(body)
    for name, data in files.items():
        message.add_attachment(
            data, maintype="application", subtype="octet-stream", filename=name.replace("_", ".")
        )
    return message


def entries(*files: tuple[str, bytes]) -> bytes:
    """A zip whose entries may share a name."""
    with io.BytesIO() as file:
        with zipfile.ZipFile(file, "w") as archive, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            for name, data in files:
                archive.writestr(name, data)
        return file.getvalue()


def test_a_zip_is_a_folder(reader: Reader, tmp_path: Path) -> None:
    """A zip is ok without a page; each file in it is a document with its path, its container and its own outcome."""
    data = make.zipped(
        {
            "a/invoice.pdf": PDF,
            "note.txt": b"hello",
            "bin": bytes(range(256)) * 4,
            "none.txt": b"",
            ".hid/x.txt": b"x",
        }
    )
    readings = read(reader, tmp_path, "box.zip", data)
    assert outcomes(readings) == {
        "box.zip": "ok container",
        "box.zip/a/invoice.pdf": "ok",
        "box.zip/note.txt": "ok",
        "box.zip/bin": "skipped unsupported",
        "box.zip/none.txt": "empty zero_bytes",
        "box.zip/.hid/x.txt": "skipped hidden",
    }
    assert {one.document.container for path, one in readings.items() if path != "box.zip"} == {"box.zip"}
    assert readings["box.zip"].pages == ()
    assert "5 file(s)" in readings["box.zip"].document.detail
    inner = readings["box.zip/a/invoice.pdf"]
    assert (inner.document.path_bytes, inner.document.media_type) == (
        b"box.zip/a/invoice.pdf",
        "application/pdf",
    )
    assert {page.document for page in inner.pages} == {inner.document.sha256}


def test_attachments_and_forwarded_mails_are_documents(reader: Reader, tmp_path: Path) -> None:
    """A mail has its own text; what is attached to it, and to the mail that it forwards, are documents beside it."""
    outer = mail("Fwd", "See below.", invoice_pdf=PDF)
    outer.add_attachment(mail("Old order", "Twelve chairs.", list_txt=b"chair x 12"))
    readings = read(reader, tmp_path, "m.eml", outer.as_bytes())
    assert outcomes(readings) == dict.fromkeys(
        ["m.eml", "m.eml/invoice.pdf", "m.eml/Old order.eml", "m.eml/Old order.eml/list.txt"], "ok"
    )
    assert "Twelve chairs" in readings["m.eml/Old order.eml"].pages[0].text
    assert "Twelve chairs" not in readings["m.eml"].pages[0].text
    assert readings["m.eml/Old order.eml/list.txt"].document.container == "m.eml/Old order.eml"


def test_a_mailbox_is_its_mails(reader: Reader, tmp_path: Path) -> None:
    """An mbox becomes one document a mail, numbered, with lines that were quoted for the box as they were sent."""
    first = mail("One", "Hello.\n\nFrom here it goes on.\n", a_txt=b"inner")
    box = b"".join(
        b"From ana@example.com Mon Mar  4 10:00:00 2024\n"
        + one.as_bytes().replace(b"\nFrom ", b"\n>From ")
        + b"\n"
        for one in (first, mail("Two"), mail("Three"))
    )
    readings = read(reader, tmp_path, "old.mbox", box)
    assert outcomes(readings) == {"old.mbox": "ok container"} | dict.fromkeys(
        ["old.mbox/1.eml", "old.mbox/1.eml/a.txt", "old.mbox/2.eml", "old.mbox/3.eml"], "ok"
    )
    assert "\nFrom here it goes on." in readings["old.mbox/1.eml"].pages[0].text
    assert "Subject: Three" in readings["old.mbox/3.eml"].pages[0].text


def test_one_mail_with_an_envelope_line_is_a_mail(reader: Reader, tmp_path: Path) -> None:
    """A single mail that was saved with the line of a mailbox before it is no mailbox."""
    data = b"From ana@example.com Mon Mar  4 10:00:00 2024\n" + mail("One").as_bytes()
    assert outcomes(read(reader, tmp_path, "one.eml", data)) == {"one.eml": "ok"}


def test_names_do_not_collide_and_lead_nowhere(reader: Reader, tmp_path: Path) -> None:
    """Two entries of one name, a name that climbs, an absolute one and one below a file each have a path of their own, inside."""
    names = ("a.txt", "a.txt", "../../etc/passwd", "C:\\x\\b.txt", "a.txt/c.txt", "\x1b[2J")
    data = entries(*((name, b"%d" % number) for number, name in enumerate(names, start=1)))
    readings = read(reader, tmp_path, "e.zip", data)
    texts = {path: one.pages[0].text for path, one in readings.items() if one.pages}
    assert texts == {
        "e.zip/a.txt": "1",
        "e.zip/a (2).txt": "2",
        "e.zip/etc/passwd": "3",
        "e.zip/x/b.txt": "4",
        "e.zip/a (3).txt/c.txt": "5",
        "e.zip/\\x1b[2J": "6",
    }


@given(st.lists(st.text(alphabet="a./\\ \udce9é(2)", max_size=8), max_size=8))
def test_paths_inside_are_one_to_one(names: list[str]) -> None:
    """Whatever the names, paths are different, none lies below another, and each lies below the container without a way up."""
    found = list(paths(b"box", names))
    assert len(set(found)) == len(names)
    for path in found:
        assert path.startswith(b"box/")
        assert not {b"", b".", b".."} & set(path.split(b"/"))
        assert not any(other.startswith(path + b"/") for other in found)


def nested(depth: int) -> bytes:
    """A text in a zip in a zip ..."""
    data = b"deep"
    for _ in range(depth):
        data = make.zipped({"z": data})
    return data


def test_nesting_is_bounded(reader: Reader, tmp_path: Path) -> None:
    """Files four deep are read; a fifth has a row that names the limit."""
    readings = read(reader, tmp_path, "z", nested(5))
    assert list(outcomes(readings).values()) == ["ok container"] * 5 + ["skipped too_deep"]
    assert "max_nesting" in readings["z/z/z/z/z/z"].document.detail
    (tmp_path / "sub").mkdir()
    assert outcomes(read(reader, tmp_path / "sub", "z", nested(4)))["z/z/z/z/z"] == "ok"


def encrypted(password: bytes, data: bytes = b"secret words") -> bytes:
    """A zip with one entry encrypted the old way (ZipCrypto), which Python reads but does not write."""
    keys = [0x12345678, 0x23456789, 0x34567890]
    table = [_crc_entry(n) for n in range(256)]

    def update(byte: int) -> None:
        keys[0] = (keys[0] >> 8) ^ table[(keys[0] ^ byte) & 0xFF]
        keys[1] = ((keys[1] + (keys[0] & 0xFF)) * 134775813 + 1) & 0xFFFFFFFF
        keys[2] = (keys[2] >> 8) ^ table[(keys[2] ^ (keys[1] >> 24)) & 0xFF]

    for byte in password:
        update(byte)
    crc = zlib.crc32(data)
    out = bytearray()
    for byte in bytes(11) + bytes([crc >> 24]) + data:
        key = keys[2] | 2
        out.append(byte ^ (((key * (key ^ 1)) >> 8) & 0xFF))
        update(byte)
    name = b"s.txt"
    head = struct.pack("<HHHHHIIIHH", 20, 1, 0, 0, 0x21, crc, len(out), len(data), len(name), 0)
    local = b"PK\x03\x04" + head + name + bytes(out)
    central = b"PK\x01\x02" + struct.pack("<H", 20) + head + struct.pack("<HHHII", 0, 0, 0, 0, 0) + name
    end = b"PK\x05\x06" + struct.pack("<HHHHIIH", 0, 0, 1, 1, len(central), len(local), 0)
    return local + central + end


def _crc_entry(value: int) -> int:
    for _ in range(8):
        value = (value >> 1) ^ 0xEDB88320 if value & 1 else value >> 1
    return value


def test_an_encrypted_zip_opens_with_its_password(reader: Reader, tmp_path: Path) -> None:
    """Of the passwords given the one that fits opens the files; without it the zip is one row that names the flag."""
    assert (
        read(reader, tmp_path, "s.zip", encrypted(b"sesame"))["s.zip/s.txt"].pages[0].text == "secret words"
    )
    (tmp_path / "sub").mkdir()
    (closed,) = read(reader, tmp_path / "sub", "s.zip", encrypted(b"other")).values()
    assert (closed.document.status, closed.document.reason) == ("error", "encrypted")
    assert "--password" in closed.document.detail


def overlapping() -> bytes:
    """A zip whose directory lists one entry twice, as bombs do to unpack to more than they hold."""
    data = make.zipped({"a.txt": b"a" * 1000})
    start = data.index(b"PK\x01\x02")
    end = data.index(b"PK\x05\x06")
    central = data[start:end]
    size = len(central) * 2
    return data[:start] + central * 2 + b"PK\x05\x06" + struct.pack("<HHHHIIH", 0, 0, 2, 2, size, start, 0)


@pytest.mark.parametrize(
    ("data", "limits", "words"),
    [
        (make.zipped({"a.txt": b"a" * 3_000_000}), {"max_unpacked_bytes": 2_000_000}, "max_unpacked_bytes"),
        (make.zipped({str(n): b"" for n in range(30)}), {"max_entries": 20}, "max_entries"),
        (
            make.zipped({str(n): make.zipped({"x": b""}) for n in range(15)}),
            {"max_entries": 20},
            "max_entries",
        ),
        (
            make.zipped({str(n): make.zipped({"x": b"a" * 900_000}) for n in range(9)}),
            {"max_unpacked_bytes": 2_000_000},
            "unpacked_bytes",
        ),
        (make.zipped({"a.txt": b"a" * 3_000_000}), {"max_entry_bytes": 2_000_000}, "max_entry_bytes"),
        (overlapping(), {}, "share bytes"),
    ],
    ids=["unpacked", "entries", "entries of all", "unpacked by all", "entry", "overlap"],
)
def test_bombs_are_refused(tmp_path: Path, data: bytes, limits: dict[str, int], words: str) -> None:
    """A zip that unpacks to too much, by itself or with all that lies in it, that has too many files or lies, is a bomb, and says why."""
    with Reader(ReadLimits(workers=1, **limits)) as reader:
        readings = read(reader, tmp_path, "b.zip", data)
    bombs = [one.document for one in readings.values() if one.document.reason == "bomb"]
    assert bombs
    assert all(words in bomb.detail for bomb in bombs)


def test_a_lying_entry_costs_only_itself(reader: Reader, tmp_path: Path) -> None:
    """An entry that unpacks to more than it says is a bomb; its neighbours are read."""
    data = bytearray(make.zipped({"a.txt": b"good", "b.txt": b"b" * 5_000, "c.txt": b"good"}))
    place = data.index(b"PK\x01\x02", data.index(b"PK\x01\x02") + 4)
    data[place + 24 : place + 28] = struct.pack("<I", 10)
    assert outcomes(read(reader, tmp_path, "l.zip", bytes(data))) == {
        "l.zip": "ok container",
        "l.zip/a.txt": "ok",
        "l.zip/b.txt": "error bomb",
        "l.zip/c.txt": "ok",
    }


def test_a_file_that_kills_the_reader_costs_only_itself(tmp_path: Path) -> None:
    """A file inside an archive that crashes the parser, and one that hangs it, have their rows; all others are read, once."""
    files = {f"{n}.txt": b"good" for n in range(6)}
    files["2.txt"], files["4.txt"] = hostile.flate_bomb(1_000_000_000), hostile.nested_forms()
    with Reader(ReadLimits(workers=1, timeout_s=20, memory_bytes=600 << 20)) as reader:
        found = outcomes(read(reader, tmp_path, "k.zip", make.zipped(files)))
    assert {path for path, outcome in found.items() if outcome == "ok"} == {
        f"k.zip/{n}.txt" for n in (0, 1, 3, 5)
    }
    assert found["k.zip"] == "ok container"
    assert found["k.zip/2.txt"].startswith("error")
    assert found["k.zip/4.txt"] in {"error timeout", "error memory", "error crashed"}


def test_a_large_archive_is_read_in_several_tasks(tmp_path: Path) -> None:
    """An archive that takes longer than the limit of one file is read to its end, as long as no file in it does."""
    data = make.zipped({f"{n:03}.docx": hostile.large_table(200, 60) for n in range(60)})
    with Reader(ReadLimits(workers=1, timeout_s=3)) as reader:
        found = outcomes(read(reader, tmp_path, "large.zip", data))
    assert list(found.values()) == ["ok container"] + ["ok"] * 60


def test_pictures_of_inner_pages_are_found_again(reader: Reader, tmp_path: Path) -> None:
    """The page of a PDF in a mail in a zip is shown, by opening the zip and the mail again."""
    data = make.zipped({"x/m.eml": mail("Scan", mixed_pdf=MIXED).as_bytes()})
    document = read(reader, tmp_path, "p.zip", data)["p.zip/x/m.eml/mixed.pdf"].document
    pictures = asyncio.run(reader.images(tmp_path, document, [2]))
    assert Image.open(io.BytesIO(pictures[2])).size == (1241, 1754)
