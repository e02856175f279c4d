"""Who may write a prefix of a bucket: an object that one run at a time holds and renews, on whichever host it runs.

In: an open store. Out: Locked for whoever comes second, naming the holder. The holder renews its object every minute; one that is not
renewed for five, by the store's clock, is of a run that died, and who comes then takes it. A holder that was asleep so long finds
its next commit refused (`manifest.json` is replaced only by who read the last one), so the lease spares work and money, and the manifest
keeps rows from mixing.
Imports the helper `object_store`, since a lease is an object written on a condition.
"""

from __future__ import annotations

import json
import logging
import os
import secrets
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime

from octavo.processors.store.object_store import READ_S, ObjectStore, Overtaken
from octavo.schemas.errors import Locked, StorageError

KEY = "octavo-lock.json"
RENEW_S, DEAD_S = 60.0, 300.0

_log = logging.getLogger("octavo.store")


@contextmanager
def leased(store: ObjectStore, folder_id: str, now: datetime) -> Iterator[None]:
    """Hold the prefix until the block ends. `folder_id` is that of our work folder, which we hold: its own older lease is a dead run's.

    Raises Locked when a run elsewhere holds it, and StorageError.
    """
    body = {
        "pid": os.getpid(),
        "host": socket.gethostname(),
        "started_at": now.isoformat(timespec="seconds"),
        "folder": folder_id,
        "holder": secrets.token_hex(8),
    }
    held = _Held(store, body, _taken(store, body))
    try:
        yield
    finally:
        held.release()


def _taken(store: ObjectStore, body: dict[str, object]) -> str:
    """The ETag of the lease, once it is ours."""
    there = store.get(KEY)
    if there and not _is_free(there.data, there.age_s, str(body["folder"])):
        raise _locked(store, there.data, there.age_s)
    try:
        return store.put_if(KEY, _signed(body), there.etag if there else "")
    except Overtaken:
        winner = store.get(KEY)
        raise _locked(store, winner.data if winner else b"", winner.age_s if winner else 0.0) from None


def _is_free(data: bytes, age_s: float, folder_id: str) -> bool:
    name = _read(data)
    return bool(name.get("released")) or name.get("folder") == folder_id or age_s > DEAD_S


def _locked(store: ObjectStore, data: bytes, age_s: float) -> Locked:
    name = _read(data)
    who = (
        f"process {name.get('pid')} on {name.get('host')}, since {name.get('started_at')}"
        if name
        else "a run that has only just started"
    )
    step = f"Wait for it or stop it. If it died, the prefix is free {max(0, DEAD_S - age_s):.0f} s from now."
    return Locked(f"{store.url} is held by another run: {who}.", about=store.url, next_step=step)


def _signed(body: dict[str, object]) -> bytes:
    """The lease, with something that no other writer has."""
    return json.dumps({**body, "sign": secrets.token_hex(8)}).encode()


def _read(data: bytes) -> dict[str, object]:
    try:
        found = json.loads(data)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


class _Held:
    """A lease that is ours, renewed by a thread until it is released."""

    def __init__(self, store: ObjectStore, body: dict[str, object], etag: str) -> None:
        self._store, self._body, self._etag = store, body, etag
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._renew, name="lease", daemon=True)
        self._thread.start()

    def release(self) -> None:
        """Give it back at once, unless it is another's by now; where the store does not answer it runs out by itself."""
        self._ended.set()
        self._thread.join(READ_S)
        with suppress(Overtaken, StorageError):
            self._write({**self._body, "released": True})

    def _renew(self) -> None:
        while not self._ended.wait(RENEW_S):
            try:
                self._write(self._body)
            except Overtaken:
                _log.warning(
                    "%s was taken over by another run, since this one was silent for too long.",
                    self._store.url,
                )
                return
            except StorageError as error:
                _log.warning("The lease of %s could not be renewed: %s", self._store.url, error.message)

    def _write(self, body: dict[str, object]) -> None:
        """Write the lease anew. One that is ours under another ETag is from a write of which no reply came."""
        try:
            self._etag = self._store.put_if(KEY, _signed(body), self._etag)
        except Overtaken:
            there = self._store.get(KEY)
            if there is None or _read(there.data).get("holder") != self._body["holder"]:
                raise
            self._etag = self._store.put_if(KEY, _signed(body), there.etag)
