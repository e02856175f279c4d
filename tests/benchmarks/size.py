"""A folder from files to tables by its size: documents a minute, CPU by stage, memory over time, database, recall.

    python -m tests.benchmarks.size [1000 10000] [--long 50] [--json docs/size.json]
    python -m tests.benchmarks.size 100000 --long 50 --json docs/size.json        (half an hour)

In: slips of 300 tokens with five labelled fields, and for each `--long` of them a document of 10 to 50 pages; the Kimi emulator in a
process of its own, answering at once, with limits that bind nothing. Out, for each size, one line for each run:

    read       files to pages, no question
    ask        pages to answers
    nothing    the same run again, when nothing is new
    recall     the same when the tables have lost the answers, and the ledger has them

CPU is that of the parent and of the workers that read, per document. Memory is that of the parent, sampled each half second: the most, and
the median of the last quarter of the run by that of its second, which says whether it grows. Figures of a size replace those in the JSON.
"""

from __future__ import annotations

import argparse
import json
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from tests.benchmarks.documents import KIMI, SCHEMA, WORDS, environ
from tests.benchmarks.kimi import emulator
from tests.benchmarks.usage import cpu_s

SAMPLED_EVERY_S = 0.5
PAGE_WORDS = 300
KEPT = ("warehouse.duckdb", "tables")


@dataclass(frozen=True, slots=True)
class Figures:
    """One run."""

    documents: int
    run: str
    seconds: float
    parent_cpu_ms: float  # per document
    workers_cpu_ms: float  # per document
    peak_mb: float
    growth: float  # of memory, last quarter by second
    commits: int  # times that the warehouse was replaced, as far as sampling saw
    warehouse_mb: float
    parquet_mb: float
    ledger_mb: float
    memory_mb: list[float]  # 40 samples over the run, for the plot


def main() -> None:
    """All sizes, a line for each run."""
    parser = argparse.ArgumentParser(description="From files to tables, by the size of the folder.")
    parser.add_argument("sizes", type=int, nargs="*", default=[1_000, 10_000])
    parser.add_argument("--long", type=int, default=50, help="One long document for so many slips.")
    parser.add_argument("--json", type=Path)
    flags = parser.parse_args()
    print(
        "documents | run     | documents a minute | ms CPU parent, workers | MB peak, growth | MB warehouse, Parquet, ledger"
    )
    for size in flags.sizes:
        with tempfile.TemporaryDirectory() as name, emulator(*KIMI) as base_url:
            for runs in measured(Path(name), size, flags.long, base_url):
                if flags.json:
                    keep(flags.json, size, runs)


def measured(top: Path, slips: int, long: int, base_url: str) -> Iterator[list[Figures]]:
    """All runs over one folder, after each what there is by then."""
    (top / "parcel.json").write_text(json.dumps(SCHEMA), encoding="utf-8")
    documents = make(top / "in", slips, slips // long)
    runs = [once(top, documents, "read", base_url)]
    yield runs
    for name in KEPT:
        copy(top / "out" / name, top / "kept" / name)
    for name in ("ask", "nothing"):
        runs.append(once(top, documents, name, base_url))
        yield runs
    for name in KEPT:
        copy(top / "kept" / name, top / "out" / name)
    runs.append(once(top, documents, "recall", base_url))
    yield runs


def make(folder: Path, slips: int, long: int) -> int:
    """The files, a thousand a folder; gives how many there are."""
    draw = random.Random(slips)
    for number in range(slips + long):
        pages = 1 if number < slips else draw.randint(10, 50)
        place = folder / f"{number // 1_000:04}"
        place.mkdir(parents=True, exist_ok=True)
        labels = (
            f"sender: Sender Number {number} Ltd\nsent_on: 2026-03-{number % 28 + 1:02}\nweight: {number}.25\n"
            f"city: Town {number}\nreference: REF-{number:06}\n"
        )
        words = 210 if pages == 1 else PAGE_WORDS
        text = "\f".join(" ".join(draw.choices(WORDS, k=words)) for _ in range(pages))
        (place / f"{number:07}.txt").write_text(labels + text, encoding="utf-8")
    return slips + long


def copy(source: Path, target: Path) -> None:
    """Put a file or folder where another may be."""
    target.parent.mkdir(exist_ok=True)
    if source.is_dir():
        shutil.rmtree(target, ignore_errors=True)
        shutil.copytree(source, target)
    else:
        shutil.copyfile(source, target)


def once(top: Path, documents: int, name: str, base_url: str) -> Figures:
    """One run of `octavo run` in a process of its own, watched."""
    memory: list[float] = []
    seen: set[int] = set()
    spent: dict[str, float] = {}

    def watched() -> None:
        with subprocess.Popen(
            command(top, name, base_url), env=environ(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        ) as process:
            while process.poll() is None:
                watch(process.pid, top / "out" / "warehouse.duckdb", memory, seen, spent)
                time.sleep(SAMPLED_EVERY_S)
        if process.returncode:
            raise SystemExit(f"octavo run ended with exit code {process.returncode}")

    started = time.monotonic()
    all_s = cpu_s(watched)
    seconds = time.monotonic() - started
    sizes = {kind: megabytes(top / "out", pattern) for kind, pattern in PLACES.items()}
    parent_s = spent.get("parent", 0.0)
    figures = Figures(
        documents,
        name,
        seconds,
        1_000 * parent_s / documents,
        1_000 * (all_s - parent_s) / documents,
        max(memory),
        growth(memory),
        len(seen),
        sizes["warehouse"],
        sizes["tables"],
        sizes["ledger"],
        memory[:: max(1, len(memory) // 40)],
    )
    show(figures)
    return figures


PLACES = {"warehouse": "warehouse.duckdb", "tables": "tables/*/*", "ledger": "ledger.sqlite*"}


def command(top: Path, name: str, base_url: str, *, out: str = "out", runner: str = "here") -> list[str]:
    """The command of a run."""
    flags = ["--base-url", base_url, "--tier", "5", "--rpm", "1000000", "--tpm", "1000000000", "--yes"]
    asked = [] if name == "read" else ["--extract", str(top / "parcel.json")]
    run = [sys.executable, "-m", "octavo.flows.cli", "run", str(top / "in"), "--out", str(top / out)]
    return [*run, *asked, *flags, "--runner", runner]


def watch(pid: int, warehouse: Path, memory: list[float], seen: set[int], spent: dict[str, float]) -> None:
    """One look at a process: its memory, its CPU so far, and which file is the warehouse."""
    try:
        status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
        ticks = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()[11:13]
        memory.append(int(status.split("VmRSS:")[1].split()[0]) / 1024)
        spent["parent"] = sum(map(int, ticks)) / 100
        seen.add(warehouse.stat().st_mtime_ns)
    except (OSError, IndexError):  # it has just ended, or there is no warehouse yet
        return


def growth(memory: list[float]) -> float:
    """The median of the last quarter by that of the second."""
    quarter = max(1, len(memory) // 4)
    return statistics.median(memory[-quarter:]) / statistics.median(memory[quarter : 2 * quarter] or memory)


def megabytes(out: Path, pattern: str) -> float:
    """Size of files together."""
    return sum(path.stat().st_size for path in out.glob(pattern)) / 1e6


def show(one: Figures) -> None:
    """Print the line of a run."""
    print(
        f"{one.documents:9,} | {one.run:7} | {60 * one.documents / one.seconds:18,.0f} | "
        f"{one.parent_cpu_ms:13.2f}, {one.workers_cpu_ms:7.2f} | {one.peak_mb:7.0f}, {one.growth:6.2f} | "
        f"{one.warehouse_mb:12.1f}, {one.parquet_mb:7.1f}, {one.ledger_mb:6.1f}",
        flush=True,
    )


def keep(path: Path, size: int, runs: list[Figures]) -> None:
    """Put the figures of a size into the file."""
    found = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    found.setdefault("runs", {})[str(size)] = [asdict(one) for one in runs]
    path.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
