r"""Names of the files inside a file in; paths below it out: harmless, one to one, the same each time.

mail.eml with invoice.pdf twice      -> mail.eml/invoice.pdf, mail.eml/invoice (2).pdf
a.zip with ../../etc/passwd          -> a.zip/etc/passwd
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import count

from octavo.processors.read.discover import above

_MOST_BYTES = 200  # of a name; file systems take 255, and a number may follow
_MOST_PARTS = 64  # of a path below its container: folders and the name; the time that names take grows with the square of it
_HARMLESS = frozenset({"", ".", ".."})
_DRIVE = re.compile("^[A-Za-z]:")


def paths(container: bytes, names: Iterable[str]) -> Iterator[bytes]:
    """A path for each name. No path is given twice, and none lies below another, so that files inside these have room of their own."""
    files: set[bytes] = set()
    folders: set[bytes] = set()
    numbers: dict[
        tuple[bytes, ...], Iterator[bytes]
    ] = {}  # tries go on where they stopped, however often a name comes

    for name in names:
        parts = tuple(_parts(name))
        tries = numbers.setdefault(parts, _tries(container, parts))
        path = next(
            path
            for path in tries
            if path not in files and path not in folders and files.isdisjoint(above(path))
        )
        files.add(path)
        folders.update(above(path))
        yield path


def _tries(container: bytes, parts: tuple[bytes, ...]) -> Iterator[bytes]:
    """A path, then the same with a number before its ending, or behind its first folder, where that folder is a file already."""
    yield b"/".join([container, *parts])
    *folders, last = parts
    for number in count(2):
        yield b"/".join([container, *folders, _numbered(last, number)])
        if folders:
            yield b"/".join([container, _numbered(folders[0], number), *folders[1:], last])


def _numbered(name: bytes, number: int) -> bytes:
    stem, point, ending = name.rpartition(b".")
    return b"%b (%d)%b" % (stem or name, number, point + ending if stem else b"")


def _parts(name: str) -> list[bytes]:
    """The folders and the name of a file, without those that lead up or nowhere, and without the innermost of too many."""
    parts = re.split(r"[/\\]", _DRIVE.sub("", name))
    kept = [_short(part) for part in parts if part.strip() not in _HARMLESS] or [b"unnamed"]
    return [*kept[: _MOST_PARTS - 1], *kept[_MOST_PARTS - 1 :][-1:]]


def _short(part: str) -> bytes:
    """A name as bytes; of one that is too long the middle is left out, and the ending stays."""
    data = part.encode(
        "utf-8", "surrogateescape" if not re.search("[\ud800-\udc7f\udd00-\udfff]", part) else "replace"
    )
    return data if len(data) <= _MOST_BYTES else data[: _MOST_BYTES - 20] + b"~" + data[-19:]
