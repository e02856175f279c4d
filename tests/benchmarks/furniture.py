"""Share of a document's tokens that running headers and footers take on every page but their first, by kind of document.

    python -m tests.benchmarks.furniture [--lines]        # --lines prints what is marked, to be looked at

In: the PDFs of the developer corpus and its Kimi vocabulary. Out: a line a folder of the corpus, for documents of two pages and more: how
many have furniture, and the share of their tokens, and of all tokens, that packing may leave out.
"""

from __future__ import annotations

import argparse
import asyncio
from collections import Counter, defaultdict
from pathlib import Path

from octavo.processors.pack.tokens import counter
from octavo.processors.read.pages import Reader, Reading, ReadLimits
from tests.benchmarks.reading import CORPUS, found

VOCABULARY = CORPUS.parent / "tokenizer" / "kimi_k2.tiktoken.model"


def main() -> None:
    """Read, count and print."""
    parser = argparse.ArgumentParser(description="Tokens that running headers and footers cost.")
    parser.add_argument("--lines", action="store_true", help="print the marked lines too")
    flags = parser.parse_args()
    count = counter(VOCABULARY.read_bytes())
    by_kind: dict[str, list[tuple[int, int]]] = defaultdict(list)
    with Reader(ReadLimits()) as reader:
        paths = sorted(CORPUS.glob("*/*.pdf"))
        for path, reading in zip(
            paths, asyncio.run(reader.read(found([str(path) for path in paths]))), strict=True
        ):
            if len(reading.pages) > 1:
                marked = furniture(reading)
                saved = sum(count(text) * times for text, times in marked.items())
                by_kind[path.parent.name].append((sum(count(page.text) for page in reading.pages), saved))
                if flags.lines:
                    _print_lines(path, marked)
    for kind, documents in by_kind.items():
        total, saved = sum(tokens for tokens, _ in documents), sum(saved for _, saved in documents)
        those = sum(tokens for tokens, own in documents if own)
        print(
            f"{kind:10} {len(documents):3} documents of 2+ pages, {sum(own > 0 for _, own in documents):3} with furniture: ",
            end="",
        )
        print(
            f"{saved:,} of {total:,} tokens, {saved / max(1, total):.1%}; {saved / max(1, those):.1%} of those that have it"
        )


def furniture(reading: Reading) -> Counter[str]:
    """The marked texts of a document and how often each is marked."""
    return Counter(page.text[start:end] for page in reading.pages for start, end in page.repeated)


def _print_lines(path: Path, marked: Counter[str]) -> None:
    for text, times in marked.most_common(6):
        print(f"  {path.name[:50]} {times} x {text!r}")


if __name__ == "__main__":
    main()
