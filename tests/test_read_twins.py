"""The same bytes are parsed once a run, wherever they lie, and have a row each."""

from __future__ import annotations

import asyncio
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from octavo.processors.read import pages, text
from octavo.processors.read.pages import FoundFile, Reader, Reading, ReadLimits, discover
from octavo.processors.read.workers import worker
from octavo.processors.read.workers.duplicates import Duplicates
from octavo.schemas.pipeline import Document
from tests.documents import make

MAIL = b"From: a@b.example\r\nSubject: hello\r\nContent-Type: text/plain\r\n\r\nSee you.\r\n"


def fill(folder: Path) -> list[FoundFile]:
    """Two texts in several places: beside one another, in a zip and in the same zip again."""
    archive = make.zipped({"c.txt": b"same words", "deep/d.txt": b"same words", "e.txt": b"other words"})
    files = {
        "a.txt": b"same words",
        "b.txt": b"same words",
        "x.zip": archive,
        "y.zip": archive,
        "z.eml": MAIL,
    }
    for name, data in files.items():
        (folder / name).write_bytes(data)
    return [entry for entry in discover(folder, ReadLimits()) if isinstance(entry, FoundFile)]


async def streamed(found: list[FoundFile], workers: int) -> list[Reading]:
    """What a stream of readings gives."""
    with Reader(ReadLimits(workers=workers)) as reader:
        return [reading async for _, some in reader.stream(found) for reading in some]


def test_the_same_bytes_are_parsed_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of nine paths with two texts, each text goes through the parser once; every path has its row, as its twin ended."""
    (tmp_path / "in").mkdir()
    parsed: list[bytes] = []
    read = text.read

    def counted(source: Any) -> Any:
        parsed.append(source.data)
        return read(source)

    monkeypatch.setattr(text, "read", counted)
    terms = worker.ReaderTerms(ReadLimits(), (), pages.READERS, twins=str(tmp_path / "twins"))
    opened = worker.read_files(fill(tmp_path / "in"), terms)
    readings = {reading.document.path: reading for one in opened for reading in one.readings}
    assert sorted(parsed) == [b"other words", b"same words"]
    words = {path for path in readings if path.endswith(".txt")}
    assert words == {
        "a.txt",
        "b.txt",
        *(f"{zipped}/{name}" for zipped in ("x.zip", "y.zip") for name in ("c.txt", "deep/d.txt", "e.txt")),
    }
    assert {readings[path].document.status for path in words} == {"ok"}
    assert {readings[path].document.page_count for path in words} == {1}
    assert {path for path in words if readings[path].pages} == {"a.txt", "x.zip/e.txt"}


def test_a_container_over_a_limit_is_no_twin(tmp_path: Path) -> None:
    """A zip is refused where its container has room for no more, also when the same bytes were read elsewhere, and only there."""
    (tmp_path / "in").mkdir()
    inner = make.zipped({f"{n}.txt": b"words %d" % n for n in range(4)})
    outer = make.zipped({"p.txt": b"p", "q.txt": b"q", "in.zip": inner})
    for order in (("a", "b"), ("b", "a")):
        for name, data in zip(order, (inner, outer), strict=True):
            (tmp_path / "in" / f"{name}.zip").write_bytes(data)
        terms = worker.ReaderTerms(
            ReadLimits(max_entries=6), (), pages.READERS, twins=str(tmp_path / f"twins{order[0]}")
        )
        found = [entry for entry in discover(tmp_path / "in", ReadLimits()) if isinstance(entry, FoundFile)]
        readings = {
            reading.document.path: reading.document
            for one in worker.read_files(found, terms)
            for reading in one.readings
        }
        alone, held = order
        assert {readings[f"{alone}.zip/{n}.txt"].status for n in range(4)} == {"ok"}
        assert (readings[f"{held}.zip/in.zip"].status, readings[f"{held}.zip/in.zip"].reason) == (
            "error",
            "bomb",
        )


@pytest.mark.parametrize("workers", [1, 2])
def test_workers_tell_one_another(tmp_path: Path, workers: int) -> None:
    """Pages come once for each content, however many workers read; the readings of all paths are those of a reader without twins."""
    found = fill(tmp_path)
    with Reader(ReadLimits(workers=workers)) as reader:
        alone = asyncio.run(reader.read(found))
    readings = asyncio.run(streamed(found, workers))
    assert sorted(repr(reading.document) for reading in readings) == sorted(
        repr(reading.document) for reading in alone
    )
    given = [reading.document.sha256 for reading in readings if reading.pages]
    assert (
        len(given) == len(set(given)) == len({reading.document.sha256 for reading in alone if reading.pages})
    )


def test_what_is_read_once_more_is_no_twin_of_itself(tmp_path: Path) -> None:
    """A file whose worker died before its pages arrived is parsed again when it is tried again."""
    (tmp_path / "a.txt").write_bytes(b"words")
    found = FoundFile(os.fsencode(tmp_path), b"a.txt", 5)
    terms = worker.ReaderTerms(ReadLimits(), (), pages.READERS, twins=str(tmp_path / "twins"))
    for _ in range(2):
        (opened,) = worker.read_files([found], terms)
        assert [reading.twin for reading in opened.readings] == [False]
        assert opened.readings[0].pages


def test_without_a_place_to_write_every_file_is_parsed(tmp_path: Path) -> None:
    """A file of twins that is no database costs the twins, not the run."""
    (tmp_path / "twins").write_bytes(b"no database" * 1_000)
    known = Duplicates(str(tmp_path / "twins"))
    document = Document(path="a", path_bytes=b"a", sha256="00" * 32)
    with known.alone(document.sha256):
        known.put(document, holds=False)
    assert known.of(replace(document, path="b", path_bytes=b"b")) is None
