"""Discovery: every path once, in a fixed order, and nothing is opened or followed."""

from __future__ import annotations

import os
import socket
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from octavo.processors.read.discover import FoundFile, display, take, walk
from octavo.schemas.errors import DocumentError, SettingsError
from octavo.schemas.pipeline import Document


def listed(
    inbox: Path, skip: Path | None = None, max_file_bytes: int = 1_000_000, max_depth: int = 64
) -> dict[str, str]:
    """Path -> "file", or the reason why it is none."""
    entries = list(walk(inbox, max_file_bytes, max_depth, skip))
    assert len({entry.path_bytes for entry in entries}) == len(entries)
    return {entry.path: entry.reason if isinstance(entry, Document) else "file" for entry in entries}


def test_every_kind_of_path_gets_a_row(tmp_path: Path) -> None:
    """Files are found; links, pipes, sockets, devices' kin, giants and dot files are named with their reason; folders have no row."""
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub/a.txt").write_text("a")
    (tmp_path / "link").symlink_to(tmp_path / "sub/a.txt")
    (tmp_path / "loop").symlink_to(tmp_path)
    (tmp_path / "zero").symlink_to("/dev/zero")
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / ".DS_Store").write_text("x")
    with (tmp_path / "giant").open("wb") as file:
        file.truncate(64 << 30)
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "sock"))
    assert listed(tmp_path) == {
        ".DS_Store": "hidden",
        "giant": "too_large",
        "link": "symlink",
        "loop": "symlink",
        "pipe": "fifo",
        "sock": "socket",
        "sub/a.txt": "file",
        "zero": "symlink",
    }


def test_order_does_not_depend_on_the_folder(tmp_path: Path) -> None:
    """The walk goes in byte order of the names, whatever order the file system lists them in."""
    for name in ("b.txt", "a.txt", "c/z.txt", "c/a.txt", "B.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("x")
    assert list(listed(tmp_path)) == ["B.txt", "a.txt", "b.txt", "c/a.txt", "c/z.txt"]


def test_output_folder_is_left_out(tmp_path: Path) -> None:
    """An output folder inside the inbox has no row, so that a second run sees the same inbox as the first."""
    (tmp_path / "in.txt").write_text("x")
    (tmp_path / "out").mkdir()
    (tmp_path / "out/warehouse.duckdb").write_text("x")
    assert listed(tmp_path, skip=tmp_path / "out") == {"in.txt": "file"}


def test_depth_is_bounded(tmp_path: Path) -> None:
    """Folders below the depth limit are named once and not entered."""
    (tmp_path / "a/b/c").mkdir(parents=True)
    (tmp_path / "a/b/c/deep.txt").write_text("x")
    assert listed(tmp_path, max_depth=2) == {"a/b": "too_deep"}


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that everybody may enter, which pytest's own is not."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        yield Path(name)


@contextmanager
def without_rights() -> Iterator[None]:
    """As nobody, when the tests run as the superuser, who may read everything."""
    user = os.geteuid()
    if user == 0:
        os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(user)


def test_what_may_not_be_read_is_a_row(open_folder: Path) -> None:
    """A folder that may not be listed is one row, and so is a file that may not be opened; their neighbours go on."""
    (open_folder / "closed").mkdir(mode=0)
    (open_folder / "open.txt").write_text("x")
    (open_folder / "shut.txt").write_text("x")
    (open_folder / "shut.txt").chmod(0)
    with without_rights():
        assert listed(open_folder) == {"closed": "unreadable", "open.txt": "file", "shut.txt": "file"}
        with pytest.raises(DocumentError) as caught:
            take(FoundFile(os.fsencode(open_folder), b"shut.txt", 1), 1000)
    assert caught.value.reason == "unreadable"


@pytest.mark.skipif(os.geteuid() != 0, reason="only the superuser makes devices")
def test_a_device_is_a_row(tmp_path: Path) -> None:
    """A device is named and never opened."""
    os.mknod(tmp_path / "zero", stat.S_IFCHR | 0o666, os.makedev(1, 5))
    assert listed(tmp_path) == {"zero": "device"}


def test_names_that_look_alike_are_two_files(tmp_path: Path) -> None:
    """A composed and a decomposed name, one that reads from right to left, and one with a new line each have their own path."""
    names = [
        "caf\u00e9.txt",
        "cafe\u0301.txt",
        "\u202etxt.exe",
        "\u05e9\u05dc\u05d5\u05dd.txt",
        "a\nb.txt",
        "a\\x0ab.txt",
    ]
    for name in names:
        (tmp_path / name).write_text(name)
    found = [entry for entry in walk(tmp_path, 1000, 9) if isinstance(entry, FoundFile)]
    assert len({entry.path for entry in found}) == len(names)
    assert {take(entry, 1000).decode() for entry in found} == set(names)


def test_a_file_that_is_written_to_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that grows while its bytes are read is an error, not half a file."""
    (tmp_path / "a.txt").write_text("one")
    real, seen = os.fstat, 0

    def grown(descriptor: int) -> os.stat_result:
        nonlocal seen
        seen += 1
        if seen > 1:
            with (tmp_path / "a.txt").open("a") as file:
                file.write("more")
        return real(descriptor)

    monkeypatch.setattr("octavo.processors.read.discover.os.fstat", grown)
    with pytest.raises(DocumentError) as caught:
        take(FoundFile(os.fsencode(tmp_path), b"a.txt", 3), 1000)
    assert caught.value.reason == "changed"


def test_inbox_must_be_a_folder(tmp_path: Path) -> None:
    """An inbox that is not there is an error in the settings, not an empty run."""
    with pytest.raises(SettingsError, match="no folder"):
        listed(tmp_path / "nowhere")


def test_names_that_are_no_text_are_kept(tmp_path: Path) -> None:
    """A name that is no UTF-8 is shown with escapes and kept as its bytes."""
    with open(os.fsencode(tmp_path) + b"/caf\xe9\n.txt", "wb") as file:  # noqa: PTH123  # Path cannot hold these bytes
        file.write(b"hello")
    (entry,) = walk(tmp_path, 1000, 9)
    assert isinstance(entry, FoundFile)
    assert (entry.path, entry.path_bytes) == ("caf\\xe9\\x0a.txt", b"caf\xe9\n.txt")
    assert take(entry, 1000) == b"hello"


@given(st.binary(max_size=12), st.binary(max_size=12))
def test_display_is_one_to_one_and_printable(one: bytes, other: bytes) -> None:
    """Two names never look the same, and no name breaks a line, a terminal or an encoder."""
    assert (display(one) == display(other)) == (one == other)
    assert not any(character in display(one) for character in "\n\r\x1b\x00\u202e")
    display(one).encode("utf-8")


def test_a_link_on_the_way_is_not_followed(tmp_path: Path) -> None:
    """A folder that becomes a link after it was listed does not lead outside the inbox."""
    (tmp_path / "out").mkdir()
    (tmp_path / "out/secret.txt").write_text("secret")
    (tmp_path / "inbox").mkdir()
    (tmp_path / "inbox/sub").symlink_to(tmp_path / "out")
    with pytest.raises(DocumentError) as caught:
        take(FoundFile(os.fsencode(tmp_path / "inbox"), b"sub/secret.txt", 6), 1000)
    assert caught.value.reason == "unreadable"


def test_a_file_that_becomes_a_link_is_not_followed(tmp_path: Path) -> None:
    """A file that was swapped for a link after it was listed does not lead outside the inbox, and cannot be opened."""
    (tmp_path / "secret.txt").write_text("secret")
    (tmp_path / "inbox").mkdir()
    (tmp_path / "inbox/a.txt").symlink_to(tmp_path / "secret.txt")
    with pytest.raises(DocumentError) as caught:
        take(FoundFile(os.fsencode(tmp_path / "inbox"), b"a.txt", 6), 1000)
    assert caught.value.reason == "unreadable"


@pytest.mark.parametrize(("kind", "reason"), [("gone", "vanished"), ("pipe", "not_regular")])
def test_a_file_that_is_another_now(tmp_path: Path, kind: str, reason: str) -> None:
    """A file that vanished or became a pipe since it was listed is an error at once, without waiting."""
    if kind == "pipe":
        os.mkfifo(tmp_path / "pipe")
    with pytest.raises(DocumentError) as caught:
        take(FoundFile(os.fsencode(tmp_path), kind.encode(), 1), 1000)
    assert caught.value.reason == reason
