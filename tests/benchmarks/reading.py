"""Pages a CPU second: our reading over raw PDFium, over pypdf as users know it, and two workers over one.

    python -m tests.benchmarks.reading [--rounds 3] [--no-pypdf]

In: the digital PDFs of the developer corpus that are readable. Ours is the whole `Reader` (other processes, hashing, paging, children
counted, start of the workers included); raw is `get_text_range` page by page in a fresh process, which writes nothing. Every figure is the
median of the rounds, and each round runs all ways one after the other, so that a noisy machine meets all alike. Out: a table of ratios.
"""

from __future__ import annotations

import argparse
import asyncio
import csv
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from multiprocessing import forkserver
from pathlib import Path

from octavo.processors.read.pages import FoundFile, Reader, ReadLimits
from tests.benchmarks.usage import cpu_s

CORPUS = Path(__file__).resolve().parents[2].parent / "shared" / "corpus"
START = str(
    CORPUS / "pdf" / "sample-files__minimal-document.pdf"
)  # one page: what a program costs before there is work
LONG = 10  # pages: from here on a file counts as long

RAW = """
import sys, pypdfium2
for path in sys.stdin.read().split("\\n"):
    with pypdfium2.PdfDocument(path) as document:
        for page in document:
            layer = page.get_textpage()
            layer.get_text_range()
            layer.close()
            page.close()
"""
PYPDF = """
import sys, pypdf
for path in sys.stdin.read().split("\\n"):
    for page in pypdf.PdfReader(path).pages:
        page.extract_text()
"""
OURS = "from tests.benchmarks.reading import read; read()"


def main() -> None:
    """Run all and print."""
    parser = argparse.ArgumentParser(description="Pages a CPU second, ours over raw PDFium.")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument(
        "--no-pypdf", action="store_true", help="leave pypdf out, which takes most of the time"
    )
    flags = parser.parse_args()
    for name, files in kinds().items():
        pages = sum(count for _, count in files)
        paths = [path for path, _ in files]
        raw, ours = together([RAW, OURS], paths, flags.rounds)
        print(
            f"{name}: {len(paths)} files, {pages} pages; pages a CPU second: raw PDFium {pages / raw:.0f}, ours {pages / ours:.0f}; ",
            end="",
        )
        print(f"ratio {raw / ours:.2f}")
    paths = [path for files in kinds().values() for path, _ in files]
    one, two = (
        statistics.median(walls)
        for walls in zip(*(workers_s(paths) for _ in range(flags.rounds)), strict=True)
    )
    print(f"two workers over one: {one / two:.2f} x (wall)")
    if not flags.no_pypdf:
        pypdf, ours = together([PYPDF, OURS], paths, 1)
        print(f"pypdf extract_text takes {pypdf / ours:.1f} x our CPU on all of them")


def kinds() -> dict[str, list[tuple[str, int]]]:
    """Long and small readable digital PDFs of the corpus, with their number of pages."""
    with (CORPUS / "manifest.csv").open(encoding="utf-8") as file:
        rows = [
            row for row in csv.DictReader(file) if row["kind"] == "pdf-digital" and row["expected"] == "text"
        ]
    files = [(str(CORPUS / row["path"]), int(row["pages"])) for row in rows]
    return {
        f"files of {LONG}+ pages": [file for file in files if file[1] >= LONG],
        "small files": [file for file in files if file[1] < LONG],
    }


def together(programs: Sequence[str], paths: Sequence[str], rounds: int) -> list[float]:
    """CPU seconds of each program over the files beyond what it takes for one page: the median of so many rounds."""
    taken = [
        [program_s(program, paths) - program_s(program, [START]) for program in programs]
        for _ in range(rounds)
    ]
    return [statistics.median(column) for column in zip(*taken, strict=True)]


def program_s(program: str, paths: Sequence[str], workers: int = 1) -> float:
    """CPU seconds of one program over the files, its children counted."""
    environ = {**os.environ, "WORKERS": str(workers)}
    return cpu_s(
        lambda: subprocess.run(
            [sys.executable, "-c", program],
            input="\n".join(paths),
            text=True,
            check=True,
            env=environ,
            stderr=-3,
        )
    )


def workers_s(paths: Sequence[str]) -> tuple[float, float]:
    """Wall seconds of our reading with one worker and with two, in this process, workers started before."""
    return _wall_s(paths, 1), _wall_s(paths, 2)


def _wall_s(paths: Sequence[str], workers: int) -> float:
    with Reader(ReadLimits(workers=workers)) as reader:
        asyncio.run(reader.read(found(paths[:workers])))
        started = time.perf_counter()
        asyncio.run(reader.read(found(paths)))
        return time.perf_counter() - started


def found(paths: Sequence[str]) -> list[FoundFile]:
    """Paths as discovery would hand them over."""
    return [
        FoundFile(os.fsencode(CORPUS), os.fsencode(os.path.relpath(path, CORPUS)), Path(path).stat().st_size)
        for path in paths
    ]


def read() -> None:
    """The program that reads with our reader: paths on standard input."""
    paths = sys.stdin.read().split("\n")
    with Reader(ReadLimits(workers=int(os.environ["WORKERS"]))) as reader:
        for reading in asyncio.run(reader.read(found(paths))):
            assert reading.document.status == "ok", reading.document
    forkserver._forkserver._stop()  # type: ignore[attr-defined]  # ended here, its CPU and the workers' count as ours


if __name__ == "__main__":
    main()
