"""The output folder as a disk: who holds it, how a file is replaced, and what to say when the disk refuses.

In: paths. Out: an exclusive lock, files that are whole or not there, and StorageError or Locked with a sentence.
"""

from __future__ import annotations

import errno
import fcntl
import json
import os
import shutil
import socket
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from datetime import datetime
from pathlib import Path

from octavo.processors.state import folder_lock
from octavo.schemas.errors import Locked, StorageError

TEMPORARY = ".octavo-"  # how the names of unfinished files begin; the next holder of the folder removes them
_PROBE_BYTES = 65_536  # enough that a full disk shows

_WHY = {
    errno.ENOSPC: ("the disk is full", "Free some space and run again: what was committed stays."),
    errno.EDQUOT: ("the quota is used up", "Free some space and run again: what was committed stays."),
    errno.EROFS: ("the file system is read-only", "Give another folder with --out."),
    errno.EACCES: ("permission is denied", "Give another folder with --out, or change its owner."),
    errno.EPERM: ("permission is denied", "Give another folder with --out, or change its owner."),
    errno.ENOTDIR: ("a part of the path is a file", "Give another folder with --out."),
    errno.EEXIST: ("it is a file", "Give another folder with --out."),
    errno.ENOLCK: ("the file system has no locks", "Give a folder on a local disk with --out."),
    errno.ENOTSUP: ("the file system has no locks", "Give a folder on a local disk with --out."),
}


@contextmanager
def voiced(path: Path) -> Iterator[None]:
    """Turn an OSError within the block into a StorageError that says why `path` cannot be written and what to do."""
    try:
        yield
    except OSError as error:
        why, step = _WHY.get(
            error.errno or 0, (error.strerror or str(error), "Check the disk, then run again.")
        )
        raise StorageError(f"{path} cannot be written: {why}.", about=str(path), next_step=step) from error


@contextmanager
def locked(folder: Path, now: datetime) -> Iterator[Callable[[], AbstractContextManager[None]]]:
    """Hold `folder` alone until the block ends; makes the folder if need be, and writes and removes a probe.

    The kernel gives the lock back when the process dies, also by kill -9. `now` (UTC) is what others are told about the start. Where hosts
    share a state, the folder is held among all of them (`state/folder_lock`); what is given is to be held around what must not be done
    by who has lost it. Raises Locked when another holds it, StorageError when the folder cannot be written.
    """
    with voiced(folder):
        folder.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        with voiced(folder):
            _take(descriptor, folder)
            _sign(descriptor, now)
            _probe(folder)
        with folder_lock.locked(folder, now) as everywhere:
            yield everywhere.guard if everywhere else nullcontext
    finally:
        os.close(descriptor)


def _take(descriptor: int, folder: Path) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        message = f"{folder} is held by another run: {_holder(descriptor)}."
        raise Locked(
            message, about=str(folder), next_step="Wait for it, stop it, or give another folder with --out."
        ) from None


def _sign(descriptor: int, now: datetime) -> None:
    name = {"pid": os.getpid(), "host": socket.gethostname(), "started_at": now.isoformat(timespec="seconds")}
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, json.dumps(name).encode(), 0)


def _holder(descriptor: int) -> str:
    try:
        name = json.loads(os.pread(descriptor, 4096, 0))
        return f"process {name['pid']} on {name['host']}, since {name['started_at']}"
    except (ValueError, KeyError, TypeError):  # taken a moment ago and not signed yet
        return "a process that has only just started"


def _probe(folder: Path) -> None:
    probe = folder / f"{TEMPORARY}probe"
    try:
        probe.write_bytes(bytes(_PROBE_BYTES))
        sync(probe)
    finally:
        probe.unlink(missing_ok=True)


def replace(temporary: Path, target: Path) -> None:
    """Put a finished file in place of `target` in one step that outlives a power cut: sync, rename, sync the folder."""
    sync(temporary)
    temporary.replace(target)
    sync(target.parent)


def sync(path: Path) -> None:
    """Bring a file, or the names in a folder, to the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sweep(folder: Path) -> None:
    """Remove what a killed run left unfinished in `folder` itself."""
    for path in folder.glob(f"{TEMPORARY}*"):
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)
