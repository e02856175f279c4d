"""What goes to a worker and what comes back: terms of a run and a batch there, results here. Nothing in it is a secret.

Texts, which are nearly all of it, travel as one Arrow column, and the rest as plain values of `schemas.pipeline`. The repr of all of it
is a few words, since schedulers log and show what they carry.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pyarrow as pa

from octavo.flows.stored_replies import WindowTask
from octavo.processors.read.pages import Reading
from octavo.schemas.errors import OctavoError
from octavo.schemas.pipeline import Part

TEXTS = pa.schema([("text", pa.large_binary())])
AS_IT_IS = "surrogatepass"  # a text may hold what is no character; it is refused where it is stored, and not on the way


@dataclass(frozen=True, slots=True)
class RunTerms:
    """What a worker has to know of a run, and what it has to have in common with who started it."""

    version: str  # of Octavo and its readers
    run: str
    job: str = field(repr=False)  # JSON, with paths that hold from anywhere
    questions: tuple[str, ...] = field(repr=False)  # their fingerprints
    account: str = field(repr=False)  # names that say whether two things are the same one, and nothing else
    ledger: str = field(repr=False)
    home: str = field(repr=False)
    machine: str = field(repr=False)
    processes: int  # that read in each worker
    budget_usd: float = 0.0
    quoted: bool = False


@dataclass(frozen=True, slots=True)
class Parcel:
    """A batch for a worker."""

    terms: RunTerms
    kind: str
    number: int
    content: Packed = field(repr=False)

    def __str__(self) -> str:
        return repr(self)


@dataclass(frozen=True, slots=True)
class Packed:
    """Values without their texts, and these as an Arrow stream, in order."""

    values: Any = field(repr=False)
    texts: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Delivery:
    """What came of a batch: its results, what ends the run, or a mistake of ours; and the sentences that a person should read."""

    results: Packed | None = field(default=None, repr=False)
    error: OctavoError | None = None  # why nothing came
    stopped: OctavoError | None = None  # what keeps the worker from sending more
    defect: str = ""
    notices: tuple[str, ...] = ()


def pack_tasks(tasks: Sequence[WindowTask]) -> Packed:
    """Windows with what is wanted of them."""
    texts = [part.text for task in tasks for part in task.window.parts]
    return Packed([_with_texts(task, iter(_blank(len(task.window.parts)))) for task in tasks], _arrow(texts))


def tasks_of(packed: Packed) -> list[WindowTask]:
    """The same windows again."""
    texts = _texts(packed.texts)
    return [_with_texts(task, texts) for task in packed.values]


def pack_readings(found: Sequence[tuple[int, list[Reading]]]) -> Packed:
    """Readings in groups, each with the number of files that it is from."""
    texts = [page.text for _, readings in found for reading in readings for page in reading.pages]
    blank = iter(_blank(len(texts)))
    return Packed([(files, [_read(one, blank) for one in some]) for files, some in found], _arrow(texts))


def readings_of(packed: Packed) -> list[tuple[int, list[Reading]]]:
    """The same readings again."""
    texts = _texts(packed.texts)
    return [(files, [_read(one, texts) for one in some]) for files, some in packed.values]


def pack_plain(values: Sequence[Any]) -> Packed:
    """Values without long texts."""
    return Packed(list(values), b"")


def _with_texts(task: WindowTask, texts: Iterator[str]) -> WindowTask:
    parts: tuple[Part, ...] = tuple(replace(part, text=next(texts)) for part in task.window.parts)
    return replace(task, window=replace(task.window, parts=parts))


def _read(reading: Reading, texts: Iterator[str]) -> Reading:
    return replace(reading, pages=tuple(replace(page, text=next(texts)) for page in reading.pages))


def _blank(number: int) -> list[str]:
    return [""] * number


def _arrow(texts: Iterable[str]) -> bytes:
    sink = pa.BufferOutputStream()
    column = pa.array([text.encode("utf-8", AS_IT_IS) for text in texts], TEXTS.field("text").type)
    with pa.ipc.new_stream(sink, TEXTS) as stream:
        stream.write_batch(pa.record_batch([column], schema=TEXTS))
    return bytes(sink.getvalue())


def _texts(stream: bytes) -> Iterator[str]:
    with pa.ipc.open_stream(stream) as reader:
        for batch in reader:
            for text in batch.column(0):
                yield text.as_py().decode("utf-8", AS_IT_IS)
