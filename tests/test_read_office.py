"""Old Office files and rich text, by the extra `office`, by LibreOffice, or not at all and then with a sentence."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from importlib.util import find_spec
from pathlib import Path

import pytest

from octavo.processors.read import office
from octavo.processors.read.content import Content, Inner, ReadLimits, Source
from octavo.processors.read.pages import FoundFile, Reader, discover
from octavo.schemas.errors import DocumentError
from tests.documents import make

needs_extra = pytest.mark.skipif(find_spec("kreuzberg") is None, reason="the extra `office` is not installed")
RTF = (
    rb"{\rtf1\ansi\ansicpg1252 Rechnung f\'fcr M\u252?ller\par "
    rb"\trowd\cellx1000\cellx2000 Bolts\cell 12.00\cell\row \pard Total 12.00\par}"
)


def read(data: bytes) -> Content:
    """What the reader makes of it."""
    return office.read(Source(data, ReadLimits()))


def without_extra(patch: pytest.MonkeyPatch, programs: Path) -> None:
    """A machine without the extra, on which only the programs of a folder are installed."""
    patch.setattr(office, "find_spec", lambda _: None)
    patch.setenv("PATH", str(programs))


@needs_extra
def test_rich_text_keeps_accents_and_rows() -> None:
    """Escaped characters come out as they are meant, and the cells of a table row stand apart on one line."""
    assert [line for line in read(RTF).leaves[0].text.splitlines() if line] == [
        "Rechnung für Müller",
        "Bolts | 12.00",
        "Total 12.00",
    ]


@needs_extra
@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("office/unstructured__fake.doc", ["Lorem ipsum dolor sit amet."]),
        (
            "office/tika__testWORD.doc",
            ["Apache Tika:", "http://tika.apache.org/", "This links to The Main Heading Bookmark"],
        ),
        (
            "office/docling__legacy_sample.doc",
            ["Figure 1: This is a cute duckling", "\nLeaves | Ash, Elm, Maple | 50\n"],
        ),
        (
            "office/unstructured__fake-power-point.ppt",
            ["Adding a Bullet Slide", "Here is some text in a text box!"],
        ),
        (
            "mail/markitdown__test_outlook_msg.msg",
            ["Subject: Test Email Message", "This is the body of the test email message"],
        ),
        ("broken/own__doc_is_rtf.doc", ["Hello from RTF named doc."]),
    ],
)
def test_real_files_are_read(corpus: Path, name: str, words: list[str]) -> None:
    """Old Word, PowerPoint and Outlook files give their text, without the instructions of Word's fields."""
    text = read((corpus / name).read_bytes()).leaves[0].text
    assert not [word for word in words if word not in text]
    assert "HYPERLINK" not in text
    assert "SEQ Figure" not in text


@pytest.mark.parametrize(
    ("line", "table"),
    [
        ("Item\tPrice\t\tBolt\t2.00\t\t", "Item | Price\nBolt | 2.00"),
        ("\tFood\tEach\t\tLeaves\tAsh\t50\t\t", "| Food | Each\nLeaves | Ash | 50"),
        ("a\t\tc\t\td\te\tf\t\t", "a |  | c\nd | e | f"),
        ("Name:\tJane\tBorn:\t1980", "Name:\tJane\tBorn:\t1980"),
        ("a\tb\t\tand words", "a\tb\t\tand words"),
        ("\t\t\t", "\t\t\t"),
        ("plain", "plain"),
    ],
)
def test_tables_of_a_doc_have_a_line_a_row(line: str, table: str) -> None:
    """A line of cells and marks of row ends is a table, empty cells too; other tabs stay as they are."""
    assert office._with_bars(line) == table


@pytest.mark.parametrize(
    ("words", "kept"),
    [
        ('see HYPERLINK "http://a.example/" \\hhttp://a.example/ or', "see http://a.example/ or"),
        ("Figure SEQ Figure \\* ARABIC 1: ducks", "Figure 1: ducks"),
        ('on DATE \\@ "d.M.yyyy" 1.3.2024', "on 1.3.2024"),
        ("The DATE of the PAGE, and TIME to REF it", "The DATE of the PAGE, and TIME to REF it"),
    ],
)
def test_field_instructions_are_told_from_words(words: str, kept: str) -> None:
    """An instruction has arguments; the same word in a sentence stays."""
    assert " ".join(office._FIELD.sub(" ", words).split()) == kept


@needs_extra
def test_attachments_of_a_msg_are_handed_on(corpus: Path) -> None:
    """What is attached to an Outlook mail comes out as it was, under its long name."""
    content = read((corpus / "mail/unstructured__fake-email-attachment.msg").read_bytes())
    assert content.inner == (Inner("fake-attachment.txt", b"Hey this is a fake attachment!"),)


def test_an_attached_mail_is_named() -> None:
    """A mail within a msg is a storage and no file: it is named as not read."""
    folder = "__attach_version1.0_#00000000"
    streams = {
        f"{folder}/__substg1.0_3001001F": "Re: bolts".encode("utf-16-le"),
        "__properties_version1.0": b"",
    }
    inner, left = office._attachments(make.compound(streams))
    assert (inner, left) == ((), ("Re: bolts",))


@pytest.mark.parametrize(
    "streams",
    [
        {"WordDocument": b"\xec\xa5" + bytes(9) + b"\x01"},
        {"PowerPoint Document": b"", "EncryptedSummary": b""},
    ],
)
def test_a_password_is_asked_for_by_name(streams: dict[str, bytes]) -> None:
    """Old files that are encrypted say so, whether or not anything is installed that could read them."""
    with pytest.raises(DocumentError) as caught:
        read(make.compound(streams))
    assert caught.value.reason == "encrypted"


@pytest.mark.parametrize(
    ("data", "other"), [(RTF, True), (make.compound({"__properties_version1.0": b""}), False)]
)
def test_without_the_extra_it_is_said_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    data: bytes,
    other: bool,  # noqa: FBT001
) -> None:
    """Nothing is installed that reads it: unsupported, with the command to type; LibreOffice is named where it would do."""
    without_extra(monkeypatch, tmp_path)
    with pytest.raises(DocumentError) as caught:
        read(data)
    assert caught.value.reason == "unsupported"
    assert "pip install 'octavo[office]'" in str(caught.value)
    assert ("LibreOffice" in str(caught.value)) is other


def program(folder: Path, body: str) -> None:
    """A program named soffice, in the language of the tests; it sees its arguments and has the modules of the standard library."""
    path = folder / "soffice"
    path.write_text(f"#!{sys.executable}\nimport os, pathlib, sys, time\n{body}", encoding="utf-8")
    path.chmod(0o755)


def test_libreoffice_is_asked_where_it_is_installed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """It gets a profile folder of its own and the file under its right ending, and what it makes is read; nothing is left behind."""
    (tmp_path / "made.odt").write_bytes(make.opendocument("<text:p>Hello from LibreOffice</text:p>"))
    program(
        tmp_path,
        "given, out = pathlib.Path(sys.argv[-1]), pathlib.Path(sys.argv[sys.argv.index('--outdir') + 1])\n"
        "assert '--headless' in sys.argv and given.read_bytes()[:5] == b'{\\\\rtf' and given.suffix == '.rtf'\n"
        "profile = next(word for word in sys.argv if word.startswith('-env:UserInstallation=file:///'))\n"
        "assert profile.endswith('/profile') and str(out) in profile\n"
        "kind = sys.argv[sys.argv.index('--convert-to') + 1]\n"
        f"out.joinpath('in.' + kind).write_bytes(pathlib.Path({str(tmp_path)!r}, 'made.' + kind).read_bytes())\n"
        f"pathlib.Path({str(tmp_path)!r}, 'folder').write_text(str(out))\n",
    )
    without_extra(monkeypatch, tmp_path)
    assert read(RTF).leaves[0].text == "Hello from LibreOffice"
    assert not Path((tmp_path / "folder").read_text()).exists()


def test_a_hanging_libreoffice_is_ended_with_its_children(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """It is stopped before the worker's own limit, and so is what it started."""
    program(
        tmp_path,
        f"child = os.fork()\nif child: pathlib.Path({str(tmp_path)!r}, 'child').write_text(str(child))\ntime.sleep(60)\n",
    )
    without_extra(monkeypatch, tmp_path)
    with pytest.raises(DocumentError) as caught:
        office.read(Source(RTF, ReadLimits(timeout_s=2)))
    assert caught.value.reason == "timeout"
    child = Path("/proc", (tmp_path / "child").read_text(), "status")
    until = time.monotonic() + 10  # the kernel ends it when it is its turn
    while not ended(child) and time.monotonic() < until:
        time.sleep(0.01)
    assert ended(child)


def ended(status: Path) -> bool:
    """Whether a process is gone, or waits to be taken note of."""
    try:
        return "zombie" in status.read_text()
    except (FileNotFoundError, ProcessLookupError):
        return True


def test_libreoffice_that_makes_nothing_is_an_error(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """It ends without a file when it cannot read one; that is corrupt, never empty and never ok."""
    program(tmp_path, "")
    without_extra(monkeypatch, tmp_path)
    with pytest.raises(DocumentError) as caught:
        read(RTF)
    assert caught.value.reason == "corrupt"


@needs_extra
def test_nothing_found_is_never_ok(tmp_path: Path) -> None:
    """A file in which the extra finds nothing is an empty row that says so."""
    (tmp_path / "a.rtf").write_bytes(rb"{\rtf1\ansi }")
    with Reader(ReadLimits(workers=1)) as reader:
        (reading,) = asyncio.run(
            reader.read([entry for entry in discover(tmp_path, ReadLimits()) if isinstance(entry, FoundFile)])
        )
    assert (reading.document.status, reading.document.reason) == ("empty", "no_text")
    assert "office" in reading.document.detail


def test_what_needs_an_extra_is_skipped_and_not_an_error(tmp_path: Path) -> None:
    """In a worker without the extra the row is skipped as unsupported, and keeps its type."""
    (tmp_path / "a.rtf").write_bytes(RTF)
    script = (
        "import asyncio, pathlib, sys\nfrom octavo.processors.read import office, pages\n"
        "from octavo.processors.read.workers import worker\noffice.find_spec = lambda _: None\n"
        f"found = pages.FoundFile({os.fsencode(tmp_path)!r}, b'a.rtf', {len(RTF)})\n"
        "(opened,) = worker.read_files([found], worker.ReaderTerms(pages.ReadLimits(), (), pages.READERS))\n"
        "document = opened.readings[0].document\nprint(document.status, document.reason, document.media_type)\n"
    )
    environ = {**os.environ, "PATH": str(tmp_path)}
    root = Path(__file__).resolve().parents[1]
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=root, env=environ, capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["skipped", "unsupported", "application/rtf"]


_FONTS = (
    rb"{\rtf1\ansi\ansicpg1252\deff0{\fonttbl{\f0\fcharset0 A;}{\f1\fcharset204 B;}{\f2\fcharset238 C;}"
    rb"{\f3\fcharset128 D;}{\f4\cpg1253 E;}}"
)


@needs_extra
@pytest.mark.parametrize(
    ("body", "words"),
    [
        (
            rb"M\'fcller \f1 \'d1\'f7\'b8\'f2 {\f2 \'a3\'f3d\'9f} \f4 \'d0\'ef\'f3\'fc}",
            "Müller Счёт Łódź Ποσό",
        ),
        (rb"\f3 \'90\'bf\'8b\'81\'8f\'91 \'83\\ }", "請求書 ソ"),
        (rb"\uc1\u8364? 12 \u-10179?\u-8704? {\uc2\u1057ab} x}", "€ 12 😀 С x"),
        (rb"kept {\deleted gone }\deleted no\deleted0  too \{x\}}", "kept too {x}"),
    ],
    ids=["fonts", "two bytes", "numbers", "deleted"],
)
def test_rtf_has_the_letters_of_its_fonts(body: bytes, words: str) -> None:
    r"""A byte is read in the charset of its font, \u by its number and in pairs; what was deleted is left out."""
    assert office.read(Source(_FONTS + body, ReadLimits())).leaves[0].text == words
