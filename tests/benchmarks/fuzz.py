"""What becomes of damaged files: copies of the corpus' files, cut off, with holes, with changed bytes or parts exchanged.

    python -m tests.benchmarks.fuzz [--copies 300] [--seed 1] [--kind docx]        # --kind: endings of names

Out: how the copies ended by kind of damage; each ending that nobody foresaw (a raw exception of a library as the reason), each one over the
limit of memory or time, and each copy that is called empty although its whole file has text.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import tempfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from octavo.processors.read.pages import FoundFile, Reader, Reading, ReadLimits, discover
from tests.benchmarks.reading import CORPUS

LARGEST_BYTES = 400_000  # of a file that is damaged, so that a round is minutes
_RAW = ("The file is damaged", "nobody foresaw")


def _cut(data: bytes, draw: random.Random) -> bytes:
    return data[: draw.randrange(len(data))]


def _hole(data: bytes, draw: random.Random) -> bytes:
    start, size = draw.randrange(len(data)), draw.randint(1, max(1, len(data) // 4))
    return data[:start] + bytes(len(data[start : start + size])) + data[start + size :]


def _missing(data: bytes, draw: random.Random) -> bytes:
    start, size = draw.randrange(len(data)), draw.randint(1, max(1, len(data) // 4))
    return data[:start] + data[start + size :]


def _changed(data: bytes, draw: random.Random) -> bytes:
    found = bytearray(data)
    for _ in range(draw.choice([1, 5, 50, 500])):
        found[draw.randrange(len(found))] = draw.randrange(256)
    return bytes(found)


def _exchanged(data: bytes, draw: random.Random) -> bytes:
    one, other = sorted(draw.randrange(len(data)) for _ in range(2))
    return data[other:] + data[one:other] + data[:one]


DAMAGES: tuple[Callable[[bytes, random.Random], bytes], ...] = (_cut, _hole, _missing, _changed, _exchanged)


def main() -> None:
    """Damage, read and print."""
    parser = argparse.ArgumentParser(description="Endings of damaged files.")
    parser.add_argument("--copies", type=int, default=300)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--kind", default="")
    flags = parser.parse_args()
    draw = random.Random(flags.seed)
    with tempfile.TemporaryDirectory() as folder:
        whole = _damaged(Path(folder), draw, flags.copies, flags.kind)
        with Reader(ReadLimits(workers=1)) as reader:
            found = [one for one in discover(folder, ReadLimits()) if isinstance(one, FoundFile)]
            readings = asyncio.run(reader.read(found))
            good = _good(reader, sorted(set(whole.values())))
    _print(readings, whole, good)


def _damaged(folder: Path, draw: random.Random, copies: int, kind: str) -> dict[str, str]:
    """Name of a copy -> path of what it is a copy of; as many of each ending as there are, by turns."""
    by_kind: dict[str, list[Path]] = {}
    for path in sorted(CORPUS.glob("*/*")):
        wanted = path.suffix.endswith(kind) and path.parent.name not in ("broken", "labels", "groundtruth")
        if wanted and path.is_file() and 0 < path.stat().st_size <= LARGEST_BYTES:
            by_kind.setdefault(path.suffix.lower(), []).append(path)
    whole: dict[str, str] = {}
    for number in range(copies):
        path = draw.choice(by_kind[sorted(by_kind)[number % len(by_kind)]])
        damage = DAMAGES[number % len(DAMAGES)]
        name = f"{number:04}{damage.__name__}{path.suffix}"
        (folder / name).write_bytes(damage(path.read_bytes(), draw))
        whole[name] = str(path)
    return whole


def _good(reader: Reader, paths: list[str]) -> set[str]:
    """Which of the whole files have text."""
    found = [
        FoundFile(os.fsencode(Path(path).parent), os.fsencode(Path(path).name), Path(path).stat().st_size)
        for path in paths
    ]
    good: set[str] = set()
    for path, one in zip(paths, found, strict=True):
        first, *_ = asyncio.run(reader.read([one]))
        if first.document.status == "ok":
            good.add(path)
    return good


def _print(readings: list[Reading], whole: dict[str, str], good: set[str]) -> None:
    endings: Counter[str] = Counter()
    for document in (reading.document for reading in readings):
        if document.container:
            continue
        endings[f"{document.status} {document.reason}"] += 1
        raw = any(words in document.detail for words in _RAW)
        killed = document.reason in ("memory", "timeout", "crashed")
        hollow = (
            document.status == "empty" and document.reason != "zero_bytes" and whole[document.path] in good
        )
        if raw or killed or hollow:
            print(
                f"{document.path} of {Path(whole[document.path]).name}: {document.status} {document.reason}: {document.detail[:150]}"
            )
    for ending, number in endings.most_common():
        print(f"{number:5} {ending}")


if __name__ == "__main__":
    main()
