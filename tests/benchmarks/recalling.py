"""CPU milliseconds a further document when its reply is stored: recalled, nothing new, planned; and asking beside it.

    python -m tests.benchmarks.recalling [--small 200] [--large 2000] [--runs 3] [--isolation document]

In: the slips of `documents`; the Kimi emulator in a process of its own, answering at once. Out: CPU of each kind of run over few and over
many files (the median of some runs), and the difference by file of each run, the workers that read counted:

    whole     files to answers, in a folder that is new
    restore   the same when the warehouse is gone and the ledger is there
    read      files to pages, no question
    ask       pages to answers
    recall    the same again, with the warehouse of before the question, so that every reply comes from the ledger
    nothing   a run that finds nothing new
    plan      the price of nothing
"""

from __future__ import annotations

import argparse
import json
import shutil
import statistics
import subprocess
import tempfile
from pathlib import Path

from tests.benchmarks.documents import KIMI, SCHEMA, environ, make, octavo
from tests.benchmarks.kimi import emulator
from tests.benchmarks.usage import cpu_s

KINDS = ("whole", "restore", "read", "ask", "recall", "nothing", "plan")


class Folder:
    """An inbox of so many slips and the output folder beside it."""

    def __init__(self, top: Path, count: int, base_url: str, flags: list[str]) -> None:
        """Make the slips."""
        self.count = count
        self.out = top / f"out{count}"
        self.kept = top / f"kept{count}"
        self._command = [*octavo(top, count, base_url), *flags]
        make(top / f"in{count}", count)

    def round(self) -> dict[str, float]:
        """CPU seconds of each kind of run, one after the other."""
        self._empty()
        spent = {"whole": self._run()}
        self._lose_tables()
        spent["restore"] = self._run()
        self._empty()
        spent["read"] = self._run(without="--extract")
        shutil.copytree(self.out, self.kept)
        spent["ask"] = self._run()
        self._lose_tables()
        shutil.copyfile(self.kept / "warehouse.duckdb", self.out / "warehouse.duckdb")
        shutil.copytree(self.kept / "tables", self.out / "tables")
        spent["recall"] = self._run()
        spent["nothing"] = self._run()
        spent["plan"] = self._run(verb="plan", without="--yes")
        return spent

    def _run(self, *, verb: str = "run", without: str = "") -> float:
        command = [verb if word == "run" else word for word in self._command]
        if without:
            place = command.index(without)
            del command[place : place + (2 if without == "--extract" else 1)]
        return cpu_s(lambda: subprocess.run(command, check=True, capture_output=True, env=environ()))

    def _empty(self) -> None:
        for folder in (self.out, self.kept):
            shutil.rmtree(folder, ignore_errors=True)

    def _lose_tables(self) -> None:
        """Remove what is committed; the ledger stays."""
        (self.out / "warehouse.duckdb").unlink()
        shutil.rmtree(self.out / "tables")


def main() -> None:
    """Run all kinds over few and many files, and print."""
    parser = argparse.ArgumentParser(description="CPU a further document whose reply is stored.")
    parser.add_argument("--small", type=int, default=200)
    parser.add_argument("--large", type=int, default=2_000)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument(
        "--isolation",
        default="window",
        choices=("window", "document"),
        help="Documents that share a call, or not.",
    )
    flags = parser.parse_args()
    with tempfile.TemporaryDirectory() as name, emulator(*KIMI) as base_url:
        top = Path(name)
        (top / "parcel.json").write_text(json.dumps(SCHEMA), encoding="utf-8")
        few, many = (
            Folder(top, count, base_url, ["--isolation", flags.isolation])
            for count in (flags.small, flags.large)
        )
        rounds = [(few.round(), many.round()) for _ in range(flags.runs)]
    report(rounds, few.count, many.count)


def report(rounds: list[tuple[dict[str, float], dict[str, float]]], few: int, many: int) -> None:
    """Print a line for each kind."""
    print(f"kind    | CPU s, {few:6,} files | CPU s, {many:6,} files | ms a further document | each run")
    further: dict[str, float] = {}
    for kind in KINDS:
        small_s, large_s = (
            statistics.median(one[kind] for one in side) for side in zip(*rounds, strict=True)
        )
        each = [1_000 * (large[kind] - small[kind]) / (many - few) for small, large in rounds]
        further[kind] = statistics.median(each)
        said = ", ".join(f"{one:.2f}" for one in each)
        print(f"{kind:7} | {small_s:19.2f} | {large_s:19.2f} | {further[kind]:21.2f} | {said}")
    print(
        f"recall by ask {further['recall'] / further['ask']:.2f}, restore by whole {further['restore'] / further['whole']:.2f}"
    )


if __name__ == "__main__":
    main()
