"""An OLE container in (doc, xls, ppt, msg, and what Office encrypts); the names of its streams and their bytes out.

Imports nothing of this room. The format is [MS-CFB] 2026-11: sectors chained by a table, small streams packed into a larger one.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

MAGIC = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_HEADER_BYTES = 512
_ENTRY_BYTES = 128
_LAST_SECTOR = 0xFFFFFFFA  # larger numbers are marks: free, end of chain, part of a table
_STORAGE, _STREAM, _ROOT = 1, 2, 5
_NONE = 0xFFFFFFFF


@dataclass(frozen=True, slots=True)
class _Entry:
    """One line of the directory; `left`, `right` and `child` are numbers of others."""

    name: str
    kind: int
    left: int
    right: int
    child: int
    start: int
    size: int


class Compound:
    """The streams of a container by path, "/" between storages. Raises ValueError when the bytes are no container."""

    def __init__(self, data: bytes) -> None:
        if not data.startswith(MAGIC) or len(data) < _HEADER_BYTES:
            raise ValueError("The header of an OLE container is missing.")
        self._data = data
        bits, mini_bits = struct.unpack_from("<HH", data, 30)
        if bits not in (9, 12) or mini_bits != 6:
            raise ValueError("The OLE container names sector sizes that do not exist.")
        self._sector_bytes, self._mini_bytes = 1 << bits, 1 << mini_bits
        directory, self._mini_below, mini_table = struct.unpack_from("<I4xII", data, 48)
        self._table = self._numbers(self._table_sectors())
        self._mini_table = self._numbers(_chain(self._table, mini_table))
        self._entries = list(self._directory(directory))
        if not self._entries:
            raise ValueError("The OLE container has no directory; it may be cut off.")
        root = self._entries[0]
        self._mini = self._joined(root.start, root.size)
        self._streams = dict(self._paths())
        if not self._streams:
            raise ValueError("The directory of the OLE container names no stream; it may be cut off.")

    @property
    def names(self) -> frozenset[str]:
        """The paths of all streams, such as "WordDocument" or "ObjectPool/_1/Workbook"."""
        return frozenset(self._streams)

    def read(self, name: str) -> bytes:
        """The bytes of one stream, as many as the file holds. Raises KeyError."""
        entry = self._streams[name]
        if entry.size >= self._mini_below:
            return self._joined(entry.start, entry.size)
        size = self._mini_bytes
        return b"".join(
            self._mini[at * size : (at + 1) * size] for at in _chain(self._mini_table, entry.start)
        )[: entry.size]

    def _sector(self, number: int) -> bytes:
        start = (number + 1) * self._sector_bytes
        return self._data[start : start + self._sector_bytes]

    def _joined(self, start: int, size: int) -> bytes:
        return b"".join(map(self._sector, _chain(self._table, start)))[:size]

    def _numbers(self, sectors: Iterator[int]) -> list[int]:
        """The numbers that stand in some sectors, one after the other."""
        data = b"".join(map(self._sector, sectors))
        return list(struct.unpack(f"<{len(data) // 4}I", data[: len(data) // 4 * 4]))

    def _table_sectors(self) -> Iterator[int]:
        """Where the table of chains lies: 109 numbers in the header, more in sectors of their own, each naming the next."""
        yield from filter(_is_sector, struct.unpack_from("<109I", self._data, 76))
        (at,) = struct.unpack_from("<I", self._data, 68)
        seen: set[int] = set()
        while _is_sector(at) and at not in seen:
            seen.add(at)
            *numbers, at = self._numbers(iter([at])) or [_NONE]
            yield from filter(_is_sector, numbers)

    def _directory(self, start: int) -> Iterator[_Entry]:
        data = b"".join(map(self._sector, _chain(self._table, start)))
        for at in range(0, len(data) - _ENTRY_BYTES + 1, _ENTRY_BYTES):
            raw, length, kind, left, right, child, first, size = struct.unpack_from(
                "<64sHBxIII36xII4x", data, at
            )
            yield _Entry(
                raw[: max(0, min(length, 64) - 2)].decode("utf-16-le", "replace"),
                kind,
                left,
                right,
                child,
                first,
                size,
            )

    def _paths(self) -> Iterator[tuple[str, _Entry]]:
        """Every stream with its path. Siblings are a tree of their own; an entry is visited once, so a loop ends."""
        todo, seen = [(self._entries[0].child, "")], set[int]()
        while todo:
            number, folder = todo.pop()
            if number >= len(self._entries) or number in seen:
                continue
            seen.add(number)
            entry = self._entries[number]
            todo += [(entry.left, folder), (entry.right, folder)]
            if entry.kind in (_STORAGE, _ROOT):
                todo.append((entry.child, f"{folder}{entry.name}/"))
            elif entry.kind == _STREAM:
                yield f"{folder}{entry.name}", entry


def _is_sector(number: int) -> bool:
    return number < _LAST_SECTOR


def _chain(table: list[int], start: int) -> Iterator[int]:
    """Sector after sector as the table links them; a loop ends after as many as there are."""
    at, left = start, len(table)
    while at < len(table) and left:
        yield at
        at, left = table[at], left - 1
