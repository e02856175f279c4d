"""How well local OCR reads the labelled receipts of the corpus: `python -m tests.benchmarks.ocr [receipts]` (5 by default).

Character error rate = edits that turn what was read into the ground truth, over the characters of the truth; letters and digits only,
without case, since the truth has neither the blanks nor the lines of the paper. Token recall = share of the truth's words that were
read exactly. The order is that of the text as it goes to the rules.
"""

from __future__ import annotations

import asyncio
import statistics
import sys
import time
from collections import Counter
from pathlib import Path

from rapidfuzz.distance import Levenshtein

from octavo.processors.read.pages import FoundFile, Reader, ReadLimits, discover

CORPUS = Path(__file__).resolve().parents[3] / "shared" / "corpus"


def error_rate(read: str, truth: str) -> float:
    """Edits a character of the truth."""
    kept = [
        "".join(character for character in words.lower() if character.isalnum()) for words in (read, truth)
    ]
    return Levenshtein.distance(*kept) / max(1, len(kept[1]))


def recall(read: str, truth: str) -> float:
    """Share of the truth's words that are in what was read, as often as there."""
    wanted, found = Counter(truth.lower().split()), Counter(read.lower().split())
    return (wanted & found).total() / max(1, wanted.total())


async def main(count: int) -> None:
    """Read the first receipts and print a line for each, then means and medians."""
    limits = ReadLimits(ocr_workers=1)
    receipts = [
        found
        for found in discover(CORPUS / "receipt", limits)
        if isinstance(found, FoundFile) and found.path.endswith(".jpg")
    ][:count]
    errors, recalls = [], []
    with Reader(limits, ocr=True) as reader:
        for receipt in receipts:
            started = time.perf_counter()
            (reading,) = await reader.read([receipt])
            text = "\n".join(page.text for page in reading.pages)
            truth = (CORPUS / "groundtruth" / f"{receipt.path}.txt").read_text(encoding="utf-8")
            errors.append(error_rate(text, truth))
            recalls.append(recall(text, truth))
            print(
                f"{receipt.path}: CER {errors[-1]:.3f}, token recall {recalls[-1]:.2f}, {time.perf_counter() - started:.1f} s wall"
            )
    for name, values in (("CER", errors), ("token recall", recalls)):
        print(
            f"{name}: mean {statistics.fmean(values):.3f}, median {statistics.median(values):.3f} of {len(values)} receipts"
        )


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 5))
