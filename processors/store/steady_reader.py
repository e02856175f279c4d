"""The tables of a folder for who asks often: the file stays open until another one takes its place.

In: statements, as for any reader. Out: rows of the latest commit. To open a file takes 10 ms of CPU and a page of the review app asks
twenty times, measured 2026-11. A file that was replaced is let go of when somebody asks next, or `refresh` says so.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from octavo.processors.store import catalog
from octavo.processors.store.reader import WarehouseReader
from octavo.schemas.errors import SettingsError, StorageError, system_message
from octavo.schemas.tables import Table

KEPT = 500  # results of statements that are kept as long as the file is
KEPT_BYTES = 50_000  # of one result; a larger one is not kept

FileVersion = tuple[int, int, int]  # inode, size and time of change: a file is replaced whole


class SteadyReader(WarehouseReader):
    """The tables of one output folder, held open for reading. Any thread may ask; one is answered at a time."""

    def __init__(self, folder: Path) -> None:
        """Nothing is opened before somebody asks."""
        super().__init__(folder)
        self._asking = threading.RLock()
        self._open_file = ExitStack()
        self._connection: duckdb.DuckDBPyConnection | None = None
        self._version: FileVersion | None = None
        self._answer_tables: dict[str, Table | None] = {}
        self._results: dict[tuple[Any, ...], pa.Table] = {}

    def query(
        self, statement: str, parameters: Sequence[Any] = (), beside: Mapping[str, pa.Table] | None = None
    ) -> pa.Table:
        """The result of one of our own statements; the same one as before, when it was small and the file is still that one."""
        asked = (statement, *(tuple(one) if isinstance(one, list) else one for one in parameters))
        with self._asking:
            self.refresh()
            if not beside and asked in self._results:
                return self._results[asked]
            found = super().query(statement, parameters, beside)
            if not beside and found.nbytes <= KEPT_BYTES:
                if len(self._results) >= KEPT:
                    self._results.clear()
                self._results[asked] = found
            return found

    def version(self) -> FileVersion:
        """What tells the file from the one before and the next. Raises SettingsError where it is gone."""
        try:
            found = self.path.stat()
        except OSError as error:
            raise SettingsError(
                f"The tables in {self.folder} are gone: {system_message(error)}.",
                about="out",
                next_step="End this, and start it with a folder that has some.",
            ) from None
        return found.st_ino, found.st_size, found.st_mtime_ns

    def answer_table(self, question: str) -> Table | None:
        """The table of the answers to a question, looked up once for each file; None when there is none."""
        with self._asking:
            self.refresh()
            if question not in self._answer_tables:
                self._answer_tables[question] = super().answer_table(question)
            return self._answer_tables[question]

    def refresh(self) -> None:
        """Let go of a file that was replaced, so that the disk has its room back. Raises SettingsError where there is none any more."""
        with self._asking:
            version = self.version()
            if version != self._version:
                self.close()
                self._version = version

    def close(self) -> None:
        """Let go of the file; who asks later opens it again."""
        with self._asking:
            self._connection, self._version, self._answer_tables, self._results = None, None, {}, {}
            self._open_file.close()

    @contextmanager
    def _open(self) -> Iterator[duckdb.DuckDBPyConnection]:
        with self._asking:
            self.refresh()
            if self._connection is None:
                self._connection = self._open_file.enter_context(catalog.attached(self.path, read_only=True))
            try:
                with catalog.voiced(self.path), catalog.beside(self._connection) as connection:
                    yield connection
            except StorageError:
                self.close()
                raise
