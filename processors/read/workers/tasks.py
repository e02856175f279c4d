"""Files in, readings out: how files are cut into tasks for the workers, and what is tried again when a worker dies."""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from octavo.processors.read.discover import FoundFile, display
from octavo.processors.read.workers.sandbox import BUSY, Sandbox
from octavo.processors.read.workers.worker import (
    OpenedFile,
    ReaderTerms,
    Reading,
    SlotRange,
    document_of,
    failed,
    read_file,
    read_files,
)
from octavo.schemas.errors import DocumentError
from octavo.schemas.pipeline import Document

_SMALL_BYTES = 256_000  # several files up to this size share a task; a larger one has its own
_TOGETHER = 16  # small files a task: 1.8 x on two workers against 1.1 x for one each with 8, and 0.03 ms less a file, measured 2026-11
_FIRST_TRY = 1 / 3  # share of the time limit for a task of several; the rest is for trying one of them alone
_SOFT = (
    1 / 3
)  # share of the time limit after which a task begins no further file of an archive: the next task does
_LEAST_S = 1.0  # for a task, however much time was lost before


def groups(batch: Sequence[FoundFile]) -> Iterator[list[FoundFile]]:
    """Neighbours that are small go together, so that order is kept."""
    group: list[FoundFile] = []
    for found in batch:
        if group and (found.size_bytes > _SMALL_BYTES or len(group) == _TOGETHER):
            yield group
            group = []
        group.append(found)
        if found.size_bytes > _SMALL_BYTES:
            yield group
            group = []
    if group:
        yield group


@dataclass(frozen=True, slots=True)
class WorkerPool:
    """The workers, and the terms on which they read."""

    sandbox: Sandbox
    terms: ReaderTerms

    async def read_group(self, group: Sequence[FoundFile]) -> list[list[Reading]]:
        """One task; when several files share it and it fails, each is tried again alone, so that one costs only itself."""
        if len(group) == 1:
            return [await self.read_alone(group[0])]
        limit_s = self.terms.limits.timeout_s
        try:
            opened = await self.sandbox.run(
                read_files, tuple(group), self.terms, timeout_s=limit_s * _FIRST_TRY, forgiven=0
            )
        except DocumentError:
            left_s = limit_s * (1 - _FIRST_TRY)
            return list(await asyncio.gather(*(self._from(0, found, left_s) for found in group)))
        return [await self._rest(found, one) for found, one in zip(group, opened, strict=True)]

    async def read_alone(self, found: FoundFile) -> list[Reading]:
        """A task of its own, or as many as it takes."""
        return await self._from(0, found, self.terms.limits.timeout_s)

    async def _rest(self, found: FoundFile, opened: OpenedFile) -> list[Reading]:
        """The readings, and those of the files inside it for which the first task had no time."""
        if opened.more_from is None:
            return opened.readings
        return opened.readings + await self._from(
            opened.more_from, found, self.terms.limits.timeout_s, opened.spent
        )

    async def _from(
        self, start: int, found: FoundFile, timeout_s: float, spent: tuple[int, int] = (0, 0)
    ) -> list[Reading]:
        """One file and what lies in it, from a slot on. Where a task dies, what came before is read again, then the file it died on, alone.

        Only the time of tasks that die is counted, so that a large archive is read to its end and a hostile one is not.
        """
        readings: list[Reading] = []
        stop: int | None = None
        lost: DocumentError | None = None
        left_s = 2 * timeout_s
        with tempfile.NamedTemporaryFile(prefix="octavo-") as mark:
            while True:
                begun = time.monotonic()
                stretch = SlotRange(start, stop, timeout_s * _SOFT, spent, lost)
                try:
                    opened = await self.sandbox.run(
                        read_file, found, self.terms, stretch, mark.name, timeout_s=timeout_s
                    )
                except DocumentError as error:
                    slot, path = _put_down(Path(mark.name))
                    if slot > start:
                        stop = slot
                    else:
                        readings.append(Reading(_dead(found, path, error)))
                        start, stop = slot + 1, None
                    if slot == 0 or lost:
                        return readings
                    out_of_time = error.reason in ("timeout", BUSY)
                    left_s -= timeout_s if out_of_time else min(timeout_s, time.monotonic() - begun)
                    timeout_s = max(timeout_s / 2, _LEAST_S) if out_of_time else timeout_s
                    lost = self._no_time() if left_s <= 0 else None
                else:
                    readings += opened.readings
                    if opened.more_from is None:
                        return readings
                    start, stop, spent = opened.more_from, None, opened.spent

    def _no_time(self) -> DocumentError:
        limit_s = self.terms.limits.timeout_s
        message = f"It was not read, since other files in its container used up the limit timeout_s of {limit_s:g} s."
        return DocumentError(
            "timeout", message, next_step="Raise the limit timeout_s, or take the container apart."
        )


def _put_down(mark: Path) -> tuple[int, bytes]:
    """The slot and the path at which a worker died; 0 when it died before it began."""
    slot, _, path = mark.read_bytes().partition(b" ")
    return int(slot or 0), path


def _dead(found: FoundFile, path: bytes, error: DocumentError) -> Document:
    """The row of a file that killed its worker: of the one that was found, or of one inside it."""
    whole = document_of(found)
    if path in (b"", found.path_bytes):
        return failed(whole, error)
    return failed(Document(path=display(path), path_bytes=path, container=whole.path), error)
