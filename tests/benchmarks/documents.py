"""CPU milliseconds a further document, all in: files, sandbox, asking over HTTP, checking, tables; and a plain client beside it.

    python -m tests.benchmarks.documents [--small 200] [--large 2000] [--runs 3]

In: generated text files of about 300 tokens with five labelled fields; the Kimi emulator in a process of its own, answering at once.
Out: CPU of `octavo run` over few and over many files (the least of some runs), the difference by file, the memory of the largest process;
and the same texts asked one by one by `AsyncOpenAI` behind a semaphore, without reading, checking or tables.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.benchmarks.kimi import emulator
from tests.benchmarks.usage import cpu_s, largest_child_mb

FIELDS = ("sender", "sent_on", "weight", "city", "reference")
SCHEMA = {
    "type": "object",
    "description": "A parcel that was sent.",
    "properties": {
        **{name: {"type": "string"} for name in FIELDS},
        "sent_on": {"type": "string", "format": "date"},
        "weight": {"type": "number", "multipleOf": 0.01},
    },
}
KIMI = (
    "--no-timing",
    "--oracle",
    "labelled_lines",
    "--rpm",
    "1000000",
    "--tpm",
    "1000000000",
    "--concurrency",
    "1000",
)
WORDS = (
    *[
        "the",
        "parcel",
        "was",
        "handed",
        "over",
        "at",
        "the",
        "counter",
        "and",
        "signed",
        "for",
        "by",
        "a",
        "person",
    ],
    *["whose", "name", "is", "written", "below", "while", "rain", "fell"],
)


def main() -> None:
    """Run all three and print."""
    parser = argparse.ArgumentParser(description="CPU a further document.")
    parser.add_argument("--small", type=int, default=200)
    parser.add_argument("--large", type=int, default=2_000)
    parser.add_argument(
        "--runs", type=int, default=3, help="Others on the machine make a run dearer, so the least counts."
    )
    flags = parser.parse_args()
    with tempfile.TemporaryDirectory() as name, emulator(*KIMI) as base_url:
        folder = Path(name)
        (folder / "parcel.json").write_text(json.dumps(SCHEMA), encoding="utf-8")
        spent = {}
        for count in (flags.small, flags.large):
            make(folder / f"in{count}", count)
            spent[count] = min(once(folder, count, base_url) for _ in range(flags.runs))
            print(
                f"octavo run, {count:,} files: {spent[count]:.2f} s CPU, largest process {largest_child_mb():.0f} MB"
            )
        further = 1_000 * (spent[flags.large] - spent[flags.small]) / (flags.large - flags.small)
        print(f"octavo, a further document: {further:.2f} ms CPU")
        command = [
            sys.executable,
            "-m",
            "tests.benchmarks.documents_plain",
            str(folder / f"in{flags.large}"),
            base_url,
        ]
        plain = cpu_s(lambda: subprocess.run(command, check=True, env=environ()))
        print(
            f"AsyncOpenAI and a semaphore, one document a request: {1_000 * plain / flags.large:.2f} ms CPU a document, start included"
        )


def once(folder: Path, count: int, base_url: str) -> float:
    """CPU seconds of one run, into a new output folder."""
    shutil.rmtree(folder / f"out{count}", ignore_errors=True)
    return cpu_s(
        lambda: subprocess.run(
            octavo(folder, count, base_url), check=True, capture_output=True, env=environ()
        )
    )


def octavo(folder: Path, count: int, base_url: str) -> list[str]:
    """The command over so many files."""
    flags = [
        "--extract",
        str(folder / "parcel.json"),
        "--base-url",
        base_url,
        "--tier",
        "5",
        "--rpm",
        "1000000",
        "--tpm",
        "1000000000",
        "--yes",
    ]
    return [
        sys.executable,
        "-m",
        "octavo.flows.cli",
        "run",
        str(folder / f"in{count}"),
        "--out",
        str(folder / f"out{count}"),
        *flags,
    ]


def environ() -> dict[str, str]:
    """The environment with the emulator's key."""
    return {**os.environ, "MOONSHOT_API_KEY": "sk-emulator"}


def make(folder: Path, count: int, words: int = 210) -> None:
    """So many slips of so many words below five labelled lines."""
    folder.mkdir()
    draw = random.Random(count)
    for n in range(count):
        labels = f"sender: Sender Number {n} Ltd\nsent_on: 2026-03-{n % 28 + 1:02}\nweight: {n}.25\ncity: Town {n}\nreference: REF-{n:06}\n"
        (folder / f"{n:06}.txt").write_text(labels + " ".join(draw.choices(WORDS, k=words)), encoding="utf-8")


if __name__ == "__main__":
    main()
