"""The bytes of a file in; out comes how the same bytes ended before, in this worker or in another one of the same run.

A file that lies in a folder twice is parsed once: the second document takes over what was found in the first. The workers share one
small SQLite file. While one parses, others that meet the same bytes wait for it, and go on by themselves when it dies. Where the file
cannot be written there are no twins, and each file is parsed.
"""

from __future__ import annotations

import fcntl
import os
import pickle
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from functools import lru_cache

from octavo.schemas.pipeline import Document

_WAIT_S = 10.0  # for another worker that writes a row, which takes microseconds
_LOCKS = 1 << 48  # places in the file of locks, one for each beginning of a SHA-256


class Duplicates:
    """What ended how, by SHA-256, in the files `place` and `place`.locks."""

    def __init__(self, place: str) -> None:
        self._locks = os.open(f"{place}.locks", os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
        self._rows = sqlite3.connect(place, timeout=_WAIT_S, isolation_level=None)
        with suppress(sqlite3.Error):
            self._rows.execute("PRAGMA journal_mode = WAL")
            self._rows.execute("PRAGMA synchronous = OFF")  # it lives no longer than the run
            self._rows.execute(
                "CREATE TABLE IF NOT EXISTS ended (sha256 BLOB PRIMARY KEY, path BLOB, value BLOB) WITHOUT ROWID"
            )

    def close(self) -> None:
        """Let go of both files."""
        self._rows.close()
        os.close(self._locks)

    @contextmanager
    def alone(self, sha256: str) -> Iterator[None]:
        """Nobody else reads these bytes meanwhile. A process that dies lets go."""
        place = int(sha256, 16) % _LOCKS
        fcntl.lockf(self._locks, fcntl.LOCK_EX, 1, place)
        try:
            yield
        finally:
            fcntl.lockf(self._locks, fcntl.LOCK_UN, 1, place)

    def put(self, document: Document, *, holds: bool) -> None:
        """Keep how a document ended; `holds` says that files lie in it."""
        value = pickle.dumps((document, holds))
        row = [bytes.fromhex(document.sha256), document.path_bytes, value]
        with suppress(sqlite3.Error):
            self._rows.execute("INSERT OR REPLACE INTO ended VALUES (?, ?, ?)", row)

    def of(self, document: Document) -> tuple[Document, bool] | None:
        """The document as its twin ended, and whether files lie in it; None when there is no twin yet.

        No file is its own twin: one that is read once more, since its worker died before its pages arrived, is parsed once more.
        """
        query = "SELECT value FROM ended WHERE sha256 = ? AND path <> ?"
        row = None
        with suppress(sqlite3.Error):
            row = self._rows.execute(query, [bytes.fromhex(document.sha256), document.path_bytes]).fetchone()
        if row is None:
            return None
        twin, holds = pickle.loads(row[0])  # noqa: S301 - written by a worker like this one
        own = {name: getattr(document, name) for name in ("path", "path_bytes", "container", "media_type")}
        return replace(twin, **own), holds


@lru_cache(maxsize=1)
def twins(place: str) -> Duplicates:
    """Those at a place, opened once a worker."""
    return Duplicates(place)
