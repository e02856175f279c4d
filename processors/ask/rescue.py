"""Replies that cannot be put into the shared state are put beside the output folder's files, and into the state by the next run.

A reply that arrived is paid. When the server of the state is away for longer than anybody waits, it goes into a file of its own,
`ledger.ID.rescued.jsonl`, a line each, synced and then named; so does its bill. Whoever takes a file in removes just that one. The
attempt that they belong to is in the ledger already, as it was put there before the call left.
Without a state that hosts share there is no such file: what SQLite cannot write, the same disk would not take either.
"""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from octavo.processors.state.database import Database, Statements, is_shared


class Rescue:
    """The files of one output folder, if there are any. What they hold is taken into the ledger at once."""

    def __init__(self, ledger: Path, store: Database, statements: Mapping[str, str]) -> None:
        """`statements` are those whose values are kept, by name. Raises OSError and trouble of the store, and then the file stays."""
        self._ledger = ledger
        self._statements, self._names = statements, {sql: name for name, sql in statements.items()}
        if not is_shared():
            return
        first = ledger.with_name(
            f"{ledger.stem}.rescued.jsonl"
        )  # the one file of an earlier version, which grew by lines
        for path in [first, *sorted(ledger.parent.glob(f"{ledger.stem}.*.rescued.jsonl"))]:
            try:
                lines = path.read_text(encoding="utf-8").split("\n")[:-1]  # a line that broke off is none
            except FileNotFoundError:  # another process has taken it in
                continue
            store.write(partial(self._take_in, lines=[json.loads(line) for line in lines]))
            path.unlink(missing_ok=True)

    def keep(self, writes: Iterable[tuple[str, Any]]) -> str:
        """Keep the replies and bills among these writes; gives a sentence that says so, "" when there was none."""
        lines = [json.dumps([self._names[sql], values]) for sql, values in writes if sql in self._names]
        if not lines or not is_shared():
            return ""
        path = self._ledger.with_name(f"{self._ledger.stem}.{secrets.token_hex(8)}.rescued.jsonl")
        try:
            self._write(path, "".join(f"{line}\n" for line in lines))
        except OSError as error:
            return f" A reply that was paid is lost, since {path} cannot be written either: {error.strerror}."
        return f" What arrived meanwhile is in {path}, and the next run puts it into the ledger."

    def _write(self, path: Path, text: str) -> None:
        """Whole and on disk before it has its name."""
        part = path.with_suffix(".part")
        with part.open("w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    def _take_in(self, given: Statements, lines: Iterable[tuple[str, list[Any]]]) -> None:
        for name, values in lines:
            given.execute(f"{self._statements[name]} ON CONFLICT DO NOTHING", values)
