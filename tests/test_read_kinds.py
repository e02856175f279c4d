"""Types by content: containers are told apart by what is in them, and text by its shape."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from octavo.processors.read import kinds
from octavo.processors.read.kinds import media_type, wide
from octavo.processors.read.ole import MAGIC, Compound
from tests.documents import make

OPEN = "application/vnd.oasis.opendocument."


@pytest.mark.parametrize(
    ("streams", "kind"),
    [
        (["WordDocument", "1Table", "ObjectPool/Workbook"], kinds.DOC),
        (["Workbook", "MBD01/WordDocument"], kinds.XLS),
        (["Book"], kinds.XLS),
        (["PowerPoint Document", "Current User", "MBD01/Workbook"], kinds.PPT),
        (["__properties_version1.0", "__attach_version1.0_#00000000/WordDocument"], kinds.MSG),
        (["EncryptionInfo", "EncryptedPackage"], kinds.OLE_ENCRYPTED),
        (["VisioDocument"], "application/vnd.visio"),
        (["Unheard"], "application/x-ole-storage"),
    ],
)
def test_ole_containers_are_told_apart_by_the_streams_in_their_root(streams: list[str], kind: str) -> None:
    """A letter with a workbook in it is a letter, a workbook with a letter in it a workbook."""
    assert media_type(make.compound(dict.fromkeys(streams, b"x"))) == kind


def test_damaged_ole_container_keeps_its_type() -> None:
    """A container whose tables are gone is known by the names that stand in its bytes."""
    data = make.compound({"WordDocument": b"x"})
    assert media_type(data[:30] + bytes(46) + data[76:]) == kinds.DOC
    whole = make.compound({"a": b"1", "Workbook": b"x"})
    assert media_type(whole[:1024] + whole[1536:] + "Workbook".encode("utf-16-le")) == kinds.XLS


@pytest.mark.parametrize(
    ("entries", "kind"),
    [
        ({"xl/workbook.xml": b""}, kinds.XLSX),
        ({"xl/workbook.bin": b"", "xl/styles.bin": b""}, kinds.XLSB),
        ({"ppt/presentation.xml": b""}, kinds.PPTX),
        ({"mimetype": f"{OPEN}text".encode()}, kinds.ODT),
        ({"mimetype": f"{OPEN}spreadsheet-template".encode()}, kinds.ODS),
        ({"mimetype": b"application/epub+zip"}, "application/epub+zip"),
        ({"letters/word.txt": b""}, "application/zip"),
    ],
)
def test_zip_containers_are_told_apart_by_their_parts(entries: dict[str, bytes], kind: str) -> None:
    """Office files are known by the folders of their parts, OpenDocument by what it declares; anything else is a zip."""
    assert media_type(make.zipped(entries), b"a.docx") == kind


def test_streams_come_out_whole() -> None:
    """The bytes of a stream are those that were put in, also when it has many sectors and lies in a storage."""
    data = bytes(range(256)) * 40
    container = Compound(make.compound({"a": b"1" * 4096, "folder/b": data}))
    assert container.names == {"a", "folder/b"}
    assert container.read("folder/b") == data


def test_loop_of_sectors_ends() -> None:
    """A chain that leads back to itself is read once around."""
    data = bytearray(make.compound({"a": b"1" * 4096}))
    data[512 + 4 * 3 : 512 + 4 * 4] = (2).to_bytes(
        4, "little"
    )  # the second sector of the stream names the first
    assert Compound(bytes(data)).read("a") == b"1" * 4096


@given(st.binary(max_size=700), st.integers(0, 511))
def test_any_ole_bytes_are_a_container_or_none(noise: bytes, at: int) -> None:
    """Whatever stands in a header, the container opens or says that it is none."""
    data = bytearray(make.compound({"a": b"1"}))
    data[8 + at : 8 + at + len(noise)] = noise
    assert media_type(bytes(data)).startswith("application/")
    assert media_type(MAGIC + noise).startswith("application/")


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"])
@pytest.mark.parametrize(
    "words", ["Invoice 7, due 31 May", "合同编号 HT-2024-001\n甲方 北京示例科技有限公司\n", "Счёт № 12"]
)
def test_wide_text_without_a_mark_is_text(words: str, encoding: str) -> None:
    """Text of two or four bytes a character is known without a mark, in any script, and in the right byte order."""
    data = (words * 20).encode(encoding)
    assert wide(data) == [encoding]
    assert media_type(data) == "text/plain"


@given(st.text(min_size=1, max_size=200))
def test_narrow_text_is_not_taken_for_wide(words: str) -> None:
    """No UTF-8 text without a NUL is read as wide characters."""
    assert wide(words.replace("\0", " ").encode("utf-8", "replace")) == []


@pytest.mark.parametrize(
    "text",
    [b'{"total": 12.5}', b"<?xml version='1.0'?><order/>", b"total: 12\n- a", b"\\documentclass{article}"],
)
def test_other_text_is_text(text: bytes) -> None:
    """JSON, XML, YAML and TeX are plain text, whatever they are called."""
    assert media_type(text, b"a.bin") == "text/plain"


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        (b"Date: 5 May 2026\n\nMinutes of the meeting.\n", "text/plain"),
        (b"Minutes of the meeting.\n" * 12 + b"From: Ann\nTo: Bob\nDate: 5 May 2026\n", "text/plain"),
        (b"From here on the path is steep\nto the top: an hour\n", "text/plain"),
        (b"From: Ann\nTo: Bob\n\nMinutes.\n", "message/rfc822"),
    ],
)
def test_a_text_is_no_mail_for_a_line_or_two_like_a_header(text: bytes, kind: str) -> None:
    """A mail has two headers or more at its beginning; one of them, or a mail quoted further down, leaves a text what it is."""
    assert media_type(text, b"minutes.txt") == kind
