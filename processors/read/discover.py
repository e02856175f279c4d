"""A folder in; out come `FoundFile` files and, for every path that is no readable regular file, a `Document` with its reason.

Looks with lstat only: no link is followed and nothing is opened, so a pipe, a device or a sparse giant cannot hold a run up.
Streams one folder at a time in byte order of the names, so two walks over the same tree give the same sequence.
"""

from __future__ import annotations

import fnmatch
import os
import re
import stat
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from octavo.schemas.errors import DocumentError, SettingsError
from octavo.schemas.pipeline import Document, Status

IGNORE_FILE = ".octavoignore"  # in the inbox: a pattern a line, matched against the path and against the name; "#" begins a comment

_UNSAFE = re.compile("[\\\\\x00-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069]")

_KINDS = (
    (
        stat.S_ISLNK,
        "symlink",
        "It is a symbolic link; links are not followed. Put the file itself into the inbox.",
    ),
    (stat.S_ISFIFO, "fifo", "It is a named pipe and holds no file."),
    (stat.S_ISSOCK, "socket", "It is a socket and holds no file."),
    (stat.S_ISCHR, "device", "It is a device and holds no file."),
    (stat.S_ISBLK, "device", "It is a device and holds no file."),
)


@dataclass(frozen=True, slots=True)
class FoundFile:
    """A regular file below the inbox, not opened yet."""

    inbox: bytes
    path_bytes: bytes  # below the inbox, as the file system has it
    size_bytes: int
    known: str = (
        ""  # SHA-256 under which the caller has its pages already; the same bytes are not parsed again
    )
    copy: bytes = b""  # file on this machine that holds its bytes, where the inbox is on another

    @property
    def path(self) -> str:
        """The path for display, one to one with `path_bytes`."""
        return display(self.path_bytes)

    @property
    def is_remote(self) -> bool:
        """Whether the inbox is a URL, and the bytes have to be fetched."""
        return b"://" in self.inbox


Sight = (
    FoundFile | Document | list[bytes] | None
)  # a file, a refusal, the sorted paths in a folder, or None for what has no row


def walk(
    inbox: Path, max_file_bytes: int, max_depth: int, skip: Path | None = None
) -> Iterator[FoundFile | Document]:
    """Every path below `inbox` once, except the folder `skip` (our own output). Raises SettingsError when `inbox` is no folder."""
    root = os.fsencode(inbox)
    if not inbox.is_dir():
        step = "Name the folder that holds the documents; if it is on a share, check that it is mounted."
        raise SettingsError(f"There is no folder {display(root)}.", about="inbox", next_step=step)
    try:
        os.scandir(root).close()
    except OSError as error:  # trouble of a disk or a share; what lay there is not known to be gone
        message = f"The folder {display(root)} cannot be listed: {error.strerror}."
        raise SettingsError(
            message,
            about="inbox",
            next_step="Check its permissions and whether it is mounted, then run again.",
        ) from error
    own = os.path.realpath(os.fsencode(skip)) if skip else None
    return descend(lambda path: _look(root, path, max_file_bytes, own), _patterns(inbox), max_depth)


def descend(
    look: Callable[[bytes], Sight], patterns: Sequence[str], max_depth: int, skip: bytes | None = None
) -> Iterator[FoundFile | Document]:
    """Every path once, depth first, except `skip` and those that meet a pattern; `look` says what is there."""
    passed_over = _matcher(patterns)
    pending = [iter([b""])]
    while pending:
        path = next(pending[-1], None)
        if path is None:
            pending.pop()
            continue
        if path == skip:
            continue
        if pattern := passed_over(path):
            yield refused(path, "skipped", "ignored", f"A line of {IGNORE_FILE} passes it over: {pattern}")
            continue
        found = look(path)
        if isinstance(found, list) and len(pending) > max_depth:
            yield refused(
                path,
                "skipped",
                "too_deep",
                f"The folder lies deeper than max_depth = {max_depth}; raise it to read on.",
            )
        elif isinstance(found, list):
            pending.append(iter(found))
        elif found is not None:
            yield found


def _patterns(inbox: Path) -> list[str]:
    """The lines of the ignore file. Raises SettingsError when it is there and cannot be read."""
    try:
        return patterns_in((inbox / IGNORE_FILE).read_bytes())
    except FileNotFoundError:
        return []
    except OSError as error:
        raise SettingsError(
            f"{IGNORE_FILE} cannot be read: {error}.", about="inbox", next_step="Correct or remove it."
        ) from error


def patterns_in(data: bytes) -> list[str]:
    """The patterns in an ignore file. Raises SettingsError when it is no UTF-8."""
    try:
        lines = data.decode("utf-8").splitlines()
    except UnicodeDecodeError as error:
        raise SettingsError(
            f"{IGNORE_FILE} cannot be read: {error}.", about="inbox", next_step="Save it as UTF-8."
        ) from error
    return [line.strip() for line in lines if line.strip() and not line.startswith("#")]


def _matcher(patterns: Sequence[str]) -> Callable[[bytes], str]:
    """A function that gives the pattern that a path meets, "" for none."""

    def met(path: bytes) -> str:
        names = (display(path), display(path.rpartition(b"/")[2])) if patterns else ()
        return next(
            (pattern for pattern in patterns if any(fnmatch.fnmatchcase(name, pattern) for name in names)), ""
        )

    return met


def display(path: bytes) -> str:
    r"""A name that is safe to print: bytes that are no UTF-8, controls, direction marks and the backslash are escaped.

    >>> display(b"caf\xe9\n.pdf")
    'caf\\xe9\\x0a.pdf'
    """
    text = path.decode("utf-8", "surrogateescape")
    return text if text.isascii() and text.isprintable() and "\\" not in text else "".join(map(_escape, text))


def open_below(inbox: bytes, path: bytes) -> int:
    """Descriptor of a file, following no link on the way down from `inbox`, without waiting for a pipe to be written."""
    folder = os.open(inbox, os.O_RDONLY | os.O_DIRECTORY)
    *folders, name = path.split(b"/")
    try:
        for part in folders:
            upper, folder = folder, os.open(part, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=folder)
            os.close(upper)
        return os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=folder)
    finally:
        os.close(folder)


def outermost(inbox: bytes, document: Document) -> FoundFile:
    """The file in which a document lies, or which it is. Raises DocumentError: vanished."""
    path = document.path_bytes
    for place in above(path) if document.container else ():
        with suppress(OSError):
            if stat.S_ISREG(os.lstat(inbox + b"/" + place).st_mode):
                path = place
                break
    return FoundFile(inbox, path, 0)


def above(path: bytes) -> Iterator[bytes]:
    """The folders in which a path lies, the outermost first."""
    place = path.find(b"/")
    while place >= 0:
        yield path[:place]
        place = path.find(b"/", place + 1)


def take(found: FoundFile, max_bytes: int) -> bytes:
    """The bytes of a file, read once. Raises DocumentError: vanished, unreadable, changed, or not_regular."""
    try:
        descriptor = (
            os.open(found.copy, os.O_RDONLY | os.O_CLOEXEC)
            if found.copy
            else open_below(found.inbox, found.path_bytes)
        )
    except FileNotFoundError as error:
        raise DocumentError("vanished", "It was there when the folder was listed and is gone now.") from error
    except OSError as error:
        raise DocumentError(
            "unreadable", f"It cannot be opened: {error.strerror}.", next_step="Check its permissions."
        ) from error
    with os.fdopen(descriptor, "rb") as file:
        before = os.fstat(descriptor)
        if not stat.S_ISREG(before.st_mode):
            raise DocumentError("not_regular", "It was a file when the folder was listed and is none now.")
        try:
            data = file.read(
                min(before.st_size, max_bytes) + 1
            )  # a longer read would ask for all that memory at once
        except OSError as error:
            raise DocumentError("unreadable", f"It cannot be read to its end: {error.strerror}.") from error
        if _version(os.fstat(descriptor)) != _version(before):
            raise DocumentError(
                "changed", "It was written to while it was read.", next_step="Run again when it is complete."
            )
    return data


def _version(status: os.stat_result) -> tuple[int, int, int]:
    return status.st_size, status.st_mtime_ns, status.st_ino


def _look(root: bytes, path: bytes, max_file_bytes: int, own: bytes | None) -> Sight:
    """What `path` is: a file, a refusal, the sorted content of a folder, or None for our own output."""
    place = (
        root + b"/" + path
    )  # for the inbox itself this ends in a slash, which follows a link: its name was given by a person
    try:
        status = os.lstat(place)
        if is_hidden(path):
            return dotfile(path)
        if stat.S_ISDIR(status.st_mode):
            if own is not None and os.path.realpath(place) == own:
                return None
            with os.scandir(place) as entries:
                return sorted(path + b"/" + entry.name if path else entry.name for entry in entries)
    except FileNotFoundError:
        return refused(path, "error", "vanished", "It was there when its folder was listed and is gone now.")
    except OSError as error:
        return refused(
            path, "error", "unreadable", f"It cannot be looked at: {error.strerror}. Check its permissions."
        )
    return _file(root, path, status, max_file_bytes)


def _file(root: bytes, path: bytes, status: os.stat_result, max_file_bytes: int) -> FoundFile | Document:
    for is_kind, reason, sentence in _KINDS:
        if is_kind(status.st_mode):
            return refused(path, "skipped", reason, sentence)
    return sized(root, path, status.st_size, max_file_bytes)


def sized(inbox: bytes, path: bytes, size_bytes: int, max_file_bytes: int) -> FoundFile | Document:
    """A file to read, or its refusal when it is larger than may be."""
    if size_bytes > max_file_bytes:
        sentence = f"It has {size_bytes:,} bytes; the limit max_file_bytes is {max_file_bytes:,}. Raise it to read the file."
        return refused(path, "error", "too_large", sentence, size_bytes)
    return FoundFile(inbox=inbox, path_bytes=path, size_bytes=size_bytes)


def is_hidden(path: bytes) -> bool:
    """Whether the name of a path begins with a dot."""
    return path.rpartition(b"/")[2].startswith(b".")


def dotfile(path: bytes) -> Document:
    """The row of a path whose name begins with a dot."""
    return refused(path, "skipped", "hidden", "Its name begins with a dot; rename it to have it read.")


def refused(path: bytes, status: Status, reason: str, detail: str, size_bytes: int = 0) -> Document:
    """The row of a path that is not read."""
    return Document(
        path=display(path),
        path_bytes=path,
        size_bytes=size_bytes,
        status=status,
        reason=reason,
        detail=detail,
    )


def _escape(character: str) -> str:
    code = ord(character)
    if 0xDC80 <= code <= 0xDCFF:
        return f"\\x{code - 0xDC00:02x}"
    if not _UNSAFE.match(character):
        return character
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"
