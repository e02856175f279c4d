"""Replies that cannot be put into the shared state are put beside the output folder's files, and into the state by the next run.

A reply that arrived is paid. When the server of the state is away for longer than anybody waits, it goes into `ledger.rescued.jsonl`,
a line each, synced; so does its bill. The attempt that they belong to is in the ledger already, as it was put there before the call left.
Without a state that hosts share there is no such file: what SQLite cannot write, the same disk would not take either.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from octavo.processors.state.database import Database, Statements, is_shared


class Rescue:
    """The file of one output folder, if there is one. What it holds is taken into the ledger at once."""

    def __init__(self, ledger: Path, store: Database, statements: Mapping[str, str]) -> None:
        """`statements` are those whose values are kept, by name. Raises OSError and trouble of the store, and then the file stays."""
        self._path = ledger.with_name(f"{ledger.stem}.rescued.jsonl")
        self._statements, self._names = statements, {sql: name for name, sql in statements.items()}
        if is_shared() and self._path.exists():
            whole = self._path.read_text(encoding="utf-8").split("\n")[:-1]  # a line that broke off is none
            store.write(lambda given: self._take_in(given, map(json.loads, whole)))
            self._path.unlink()

    def keep(self, writes: Iterable[tuple[str, Any]]) -> str:
        """Keep the replies and bills among these writes; gives a sentence that says so, "" when there was none."""
        lines = [json.dumps([self._names[sql], values]) for sql, values in writes if sql in self._names]
        if not lines or not is_shared():
            return ""
        try:
            with self._path.open("a", encoding="utf-8") as file:
                file.write("".join(f"{line}\n" for line in lines))
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            return f" A reply that was paid is lost, since {self._path} cannot be written either: {error.strerror}."
        return f" What arrived meanwhile is in {self._path}, and the next run puts it into the ledger."

    def _take_in(self, given: Statements, lines: Iterable[tuple[str, list[Any]]]) -> None:
        for name, values in lines:
            given.execute(f"{self._statements[name]} ON CONFLICT DO NOTHING", values)
