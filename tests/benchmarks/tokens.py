"""How far counts of tokens are off over the corpus, and what an estimate that learns from bills makes of windows.

    python -m tests.benchmarks.tokens [--orders 20]

In: the corpus and the Kimi vocabulary. Out: the exact count beside another encoder of the same vocabulary; the estimate beside the exact
count, by kind of text, for the corpus (to which its rates were fitted) and for the texts of this checkout (which they have not seen); and
windows of three sizes packed in random orders: refused as too long, and filled beside those that the exact count packs.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import re
import statistics
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from octavo.processors.pack import tokens
from octavo.processors.pack.calibration import Calibration
from octavo.processors.read import pages as read
from octavo.schemas.pipeline import Document
from tests.emulator.tokens import KimiVocabulary

ROOT = Path(__file__).resolve().parents[2]
SHARED = ROOT.parent / "shared"
VOCABULARY = SHARED / "tokenizer" / "kimi_k2.tiktoken.model"
OVERHEAD = 1_500  # tokens of a prompt beside its documents
MARGIN, MARGIN_TOKENS = 0.02, 512  # as `ask.replies` keeps free of a window
BILLS = 20
KINDS = {  # by path; the first that fits
    "Chinese, Japanese, Korean": r"_zh|chinese|gb18030|hetong|XiaoBiao|korean|japan|cjk",
    "German, French and others": r"GeoTopo|UDHR|invoice|zugferd|_de|_fr|_nl|french|lorem|endnote",
    "tables": r"csv|xlsx|table|nics|precinct|expenditures|stock",
    "code and markup": r"\.py$|\.toml|\.json|html|code",
    "contracts and prose": "",
}


class Text(NamedTuple):
    """A document: its name, and its tokens as estimated and as they are."""

    name: str
    rough: int
    exact: int


def main() -> None:
    """Count, and print."""
    parser = argparse.ArgumentParser(description="Errors of token counts.")
    parser.add_argument("--orders", type=int, default=20)
    orders = parser.parse_args().orders
    count, other = tokens.counter(VOCABULARY.read_bytes()), KimiVocabulary(str(VOCABULARY))
    corpus = dict(asyncio.run(read_texts(SHARED / "corpus")))
    off = sum(abs(count(page) - other.count(page)) for pages in corpus.values() for page in pages)
    print(f"exact: {sum(map(len, corpus.values())):,} pages, off by {off} tokens in all")
    seen = [
        Text(name, sum(map(tokens.rough, pages)), sum(map(count, pages))) for name, pages in corpus.items()
    ]
    unseen = [Text(name, tokens.rough(text), count(text)) for name, text in _checkout()]
    for label, texts in (("corpus", seen), ("this checkout", unseen)):
        print(f"estimate by exact count, {label}, texts beyond 200 tokens, before anything is learned:")
        for kind, ratios in _by_kind(texts).items():
            print(
                f"  {kind:<26} {len(ratios):>4} texts: {min(ratios):.2f} to {max(ratios):.2f}, median {statistics.median(ratios):.2f}"
            )
    for context in (32_768, 131_072, 262_144):
        print(_windows([text for text in seen if 50 < text.exact < 0.3 * context], context, orders))


async def read_texts(folder: Path) -> list[tuple[str, list[str]]]:
    """The pages of every file of a folder that can be read."""
    limits = read.ReadLimits()
    found = [path for path in read.discover(folder, limits) if not isinstance(path, Document)]
    with read.Reader(limits, ocr=False) as reader:
        readings = await reader.read(found, lambda _: None)
    return [
        (reading.document.path, [page.text for page in reading.pages])
        for reading in readings
        if reading.document.status == "ok"
    ]


def _checkout() -> Iterator[tuple[str, str]]:
    """Prose, code and tables of this project, and its samples as text."""
    for path in sorted(
        [
            *ROOT.glob("*.md"),
            *ROOT.glob("*.toml"),
            *(ROOT / "data").rglob("*"),
            *(ROOT / "processors").rglob("*.py"),
        ]
    ):
        if path.suffix in {".md", ".toml", ".txt", ".py", ".html", ".eml", ".json"}:
            yield str(path.relative_to(ROOT)), path.read_text(encoding="utf-8")


def _by_kind(texts: list[Text]) -> dict[str, list[float]]:
    ratios: dict[str, list[float]] = {}
    for text in texts:
        if text.exact > 200:
            kind = next(kind for kind, pattern in KINDS.items() if re.search(pattern, text.name))
            ratios.setdefault(kind, []).append(text.rough / text.exact)
    return ratios


def _windows(texts: list[Text], context: int, orders: int) -> str:
    """Windows of one size in random orders, drawn until there are some sixty of them."""
    refused, before, after = 0, [], []
    for seed in range(orders):
        draw, stream = random.Random(seed), list[Text]()
        while sum(text.exact for text in stream) < 60 * context:
            stream += draw.sample(texts, len(texts))
        ideal = statistics.mean(_packed(stream, context, None)[:-1])
        held = _packed(stream, context, Calibration())
        refused += sum(tokens_held + OVERHEAD > context - MARGIN_TOKENS for tokens_held in held[BILLS:])
        before.append(statistics.mean(held[:BILLS]) / ideal)
        after.append(statistics.mean(held[BILLS:-1]) / ideal)
    return (
        f"windows of {context:,} tokens in {orders} orders: after {BILLS} bills {refused} refused, "
        f"filled {statistics.mean(after):.2f} of the exact ones (at the least {min(after):.2f}); before {statistics.mean(before):.2f}"
    )


def _packed(stream: list[Text], context: int, calibration: Calibration | None) -> list[int]:
    """What windows hold when texts go in one after the other; without a calibration by the exact count."""
    room = context * (1 - MARGIN) - MARGIN_TOKENS - OVERHEAD
    windows, guessed, held = [], 0, 0
    for text in stream:
        guess = text.rough if calibration else text.exact
        if (guessed + guess) * (calibration.factor if calibration else 1.0) > room:
            windows.append(held)
            calibration = calibration.learn(guessed + OVERHEAD, held + OVERHEAD) if calibration else None
            guessed = held = 0
        guessed, held = guessed + guess, held + text.exact
    return [*windows, held]


if __name__ == "__main__":
    main()
