"""Who holds an output folder among all hosts: a folder in, a hold out that is looked at again at each commit.

The holder is a row in the shared state, and holds for as long as the server has the holder's own connection (see `postgres`): a process
that is killed lets go in that moment, a host without power within a minute. A lease with a heartbeat would need clocks that agree, would
hold for its whole length after a kill, and would be lost by a process that is stopped for longer and does not know it.

A connection may also break while its holder lives. The holder connects again within a second or two, and who wants the folder looks twice
before it believes that a holder on another host is gone. Should it be taken all the same, the former holder is told so at its next commit,
which it then does not make: `guard` keeps the row locked while a commit is put in place.
"""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from octavo.processors.state.database import folder_state, is_shared, refused
from octavo.processors.state.dialect import DatabaseRow, Statements, StateTrouble
from octavo.processors.state.process_identity import is_gone
from octavo.schemas.errors import Locked

if TYPE_CHECKING:
    from octavo.processors.state.postgres import PostgresDatabase

PING_S = 1.0  # how often a holder looks whether its connection is there
SECOND_LOOK_S = 3.0  # after which a holder on another host is believed to be gone
STEP = "Wait for it, stop it, or give another folder with --out."


class FolderLock:
    """An output folder that is held among all hosts."""

    def __init__(self, folder: Path, state: PostgresDatabase, folder_id: str) -> None:
        """`state` is a database of its own, open for as long as the folder is held."""
        self._folder, self._state, self._id = folder, state, folder_id
        self._over = threading.Event()

    def take(self, now: datetime) -> None:
        """Take the folder. Raises Locked, which names the holder, and StateTrouble."""
        me = (self._id, self._state.me, os.getpid(), socket.gethostname(), now.isoformat(timespec="seconds"))
        first = self._state.write(lambda state: self._taken(state, me, ""))
        if first:
            time.sleep(SECOND_LOOK_S)
            self._state.write(lambda state: self._taken(state, me, first))

    def keep(self) -> None:
        """Connect again whenever the connection breaks, until `let_go`."""
        while not self._over.wait(PING_S):
            with suppress(StateTrouble):  # the next commit says what is the matter
                self._state.read("SELECT 1")

    @contextmanager
    def guard(self) -> Iterator[None]:
        """Nobody takes the folder during the block. Raises Locked when somebody has, and StorageError."""
        with (
            self._sentence(),
            self._state.held("SELECT * FROM octavo.holders WHERE folder = ?", (self._id,)) as row,
        ):
            if row is None or row["name"] != self._state.me:
                who = _who(row) if row else "another run, which is over"
                message = (
                    f"{self._folder} was taken by {who}, while this run had lost its connection to the state."
                )
                raise Locked(
                    message, about=str(self._folder), next_step="Run again after it: what was paid is kept."
                )
            yield

    def let_go(self) -> None:
        """Hold it no more."""
        self._over.set()
        with suppress(StateTrouble):
            values = (self._id, self._state.me)
            self._state.write(
                lambda state: state.execute(
                    "DELETE FROM octavo.holders WHERE folder = ? AND name = ?", values
                )
            )
        self._state.close()

    def _taken(self, state: Statements, me: tuple[object, ...], doubted: str) -> str:
        """Take the folder if nobody has it; gives the name of a holder on another host that is to be looked for once more."""
        row = state.execute(
            "SELECT * FROM octavo.holders WHERE folder = ? FOR UPDATE", (self._id,)
        ).fetchone()
        if row and not self._state.is_gone(state, row["name"]):
            message = f"{self._folder} is held by another run: {_who(row)}."
            raise Locked(message, about=str(self._folder), next_step=STEP)
        if (
            row
            and row["name"] not in {doubted, self._state.me}
            and not is_gone(" ".join(row["name"].split()[:3]))
        ):
            return str(row["name"])
        state.execute(
            "INSERT INTO octavo.holders VALUES (?, ?, ?, ?, ?) ON CONFLICT (folder) DO UPDATE SET name = excluded.name,"
            " pid = excluded.pid, host = excluded.host, started_at = excluded.started_at",
            me,
        )
        return ""

    @contextmanager
    def _sentence(self) -> Iterator[None]:
        try:
            yield
        except StateTrouble as error:
            raise refused("The lock of", self._folder, error, "") from None


@contextmanager
def locked(folder: Path, now: datetime) -> Iterator[FolderLock | None]:
    """Hold a folder among all hosts until the block ends; None where there is no state that hosts share.

    Raises Locked when another holds it, StorageError and SettingsError.
    """
    if not is_shared():
        yield None
        return
    try:
        lock = FolderLock(folder, *folder_state(folder))
        try:
            lock.take(now)
        except BaseException:
            lock.let_go()
            raise
    except StateTrouble as error:
        raise refused("The lock of", folder, error, "") from None
    threading.Thread(target=lock.keep, name="lock", daemon=True).start()
    try:
        yield lock
    finally:
        lock.let_go()


def _who(row: DatabaseRow) -> str:
    return f"process {row['pid']} on {row['host']}, since {row['started_at']}"
