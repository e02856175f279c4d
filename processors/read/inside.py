r"""Names of the files inside a file in; paths below it out: harmless, one to one, the same each time.

    mail.eml with invoice.pdf twice      -> mail.eml/invoice.pdf, mail.eml/invoice (2).pdf
    a.zip with ../../etc/passwd          -> a.zip/etc/passwd

Imports `discover` for what a path below the inbox is.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import count

from processors.read.discover import above

_MOST_BYTES = 200  # of a name; file systems take 255, and a number may follow
_HARMLESS = frozenset({"", ".", ".."})
_DRIVE = re.compile("^[A-Za-z]:")


def paths(container: bytes, names: Iterable[str]) -> Iterator[bytes]:
    """A path for each name. No path is given twice, and none lies below another, so that files inside these have room of their own."""
    files: set[bytes] = set()
    folders: set[bytes] = set()
    for name in names:
        path = next(path for path in _tries(container, name) if path not in files | folders and files.isdisjoint(above(path)))
        files.add(path)
        folders.update(above(path))
        yield path


def _tries(container: bytes, name: str) -> Iterator[bytes]:
    """The path of a name, then the same with a number before its ending."""
    parts = [part for part in re.split(r"[/\\]", _DRIVE.sub("", name)) if part.strip() not in _HARMLESS] or ["unnamed"]
    *folders, last = [_short(part) for part in parts]
    stem, point, ending = last.rpartition(b".")
    stem, ending = (stem, point + ending) if stem else (last, b"")
    yield b"/".join([container, *folders, last])
    for number in count(2):
        yield b"/".join([container, *folders, b"%b (%d)%b" % (stem, number, ending)])


def _short(part: str) -> bytes:
    """A name as bytes; of one that is too long the middle is left out, and the ending stays."""
    data = part.encode("utf-8", "surrogateescape" if not re.search("[\ud800-\udc7f\udd00-\udfff]", part) else "replace")
    return data if len(data) <= _MOST_BYTES else data[: _MOST_BYTES - 20] + b"~" + data[-19:]
