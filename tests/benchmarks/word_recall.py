"""Word: share of the words of reference texts that our reading, `Document.paragraphs` and a plain walk find, and the CPU they take.

    python -m tests.benchmarks.word_recall            # a line a file, means at the end
    python -m tests.benchmarks.word_recall --missing  # the words that we miss or add, too

In: the docx of the developer corpus that have a reference text, which is Markdown with LaTeX. Out: recall, precision (both of word tokens
as multisets) and order (longest common subsequence over the longer text). References are brought to plain text by general rules: marks of
Markdown and entities go, a LaTeX command is its sign or its name, and a cell that repeats its left or upper neighbour, as Markdown has to
write merged cells, counts once. Words are split where the script changes, so that "πr" is two. `raw` is recall without any of these rules.
References hold no headers, footers and comments; they lower our precision and nothing else.
"""

from __future__ import annotations

import argparse
import html
import io
import re
import time
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from statistics import fmean

import docx
from lxml import etree
from rapidfuzz.distance import LCSseq

from octavo.processors.read.content import ReadLimits, Source
from octavo.processors.read.word import document

CORPUS = Path(__file__).resolve().parents[2].parent / "shared" / "corpus"
TIMES = 5  # of which the fastest counts

WORD = re.compile(r"[A-Za-z\u00c0-\u024f]+|[0-9]+|[^\W\d_]")
SIGNS = {
    "pi": "π",
    "epsilon": "ϵ",
    "infty": "∞",
    "tau": "τ",
    "alpha": "α",
    "beta": "β",
    "phi": "ϕ",
}  # letters only: signs are no words
NAMES = frozenset(
    {"cos", "sin", "tan", "lim", "max", "min", "log", "ln", "exp"}
)  # commands that are printed as they are called


def ours(data: bytes) -> str:
    """What Octavo reads."""
    return "\n".join(leaf.text for leaf in document.read(Source(data, ReadLimits())).leaves)


def paragraphs(data: bytes) -> str:
    """The call that everyone writes first."""
    return "\n".join(paragraph.text for paragraph in docx.Document(io.BytesIO(data)).paragraphs)


def walk(data: bytes) -> str:
    """Every text element of the main part in order, a paragraph a line."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        root = etree.fromstring(archive.read("word/document.xml"))
    return "\n".join(
        "".join(text.text or "" for text in paragraph.iter("{*}t")) for paragraph in root.iter("{*}p")
    )


READERS: dict[str, Callable[[bytes], str]] = {"ours": ours, "paragraphs": paragraphs, "walk": walk}


def plain(markdown: str) -> str:
    """A reference text without its notation."""
    text = html.unescape(re.sub(r"<!--.*?-->", "", markdown, flags=re.DOTALL))
    text = re.sub(r"\${1,2}([^$]+)\${1,2}", lambda match: _formula(match[1]), text)
    return "\n".join(_rows(text.replace("\\", "")))


def _formula(latex: str) -> str:
    """LaTeX: commands become letters or names, or nothing where they are only notation."""
    latex = latex.replace("\\ ", " ").replace("{0pt}", "")
    return re.sub(
        r"\\([A-Za-z]+)",
        lambda match: f" {SIGNS.get(match[1], match[1] if match[1] in NAMES else '')} ",
        latex,
    )


def _rows(text: str) -> Iterator[str]:
    """Lines; in table rows a cell that says what the cell before it or above it says is left out."""
    above: list[str] = []
    for line in text.splitlines():
        cells = (
            [cell.strip() for cell in line.strip().strip("|").split("|")]
            if line.lstrip().startswith("|")
            else []
        )
        if not cells:
            yield re.sub(r"^(\s*)- \[( |x)\]", r"\1", line)
        else:
            beside = [*cells[:1], *(cell for left, cell in pairwise(cells) if cell != left)]
            yield " ".join(
                re.sub(r"\[( |x)\]", "", cell) for cell in beside if len(cell) < 12 or cell not in above
            )
        above = above if set(line) <= set("|- :") else cells


def tokens(text: str) -> list[str]:
    """Words of one script, numbers, and single letters of other scripts."""
    return WORD.findall(re.sub(r"\[x\]", "", text.lower()))


def cpu(read: Callable[[bytes], str], data: bytes) -> tuple[str, float]:
    """The text and the CPU seconds of the fastest of some readings; "" when the reader fails."""
    spent = []
    text = ""
    for _ in range(TIMES):
        start = time.process_time()
        try:
            text = read(data)
        except Exception as error:  # noqa: BLE001  # python-docx raises many kinds; the line says which
            text = ""
            print(f"  {read.__name__}: {type(error).__name__}: {error}"[:120])
            break
        spent.append(time.process_time() - start)
    return text, min(spent, default=0.0)


def scores(found: str, reference: str) -> tuple[float, float, float]:
    """Recall, precision and order."""
    have, want = tokens(found), tokens(reference)
    hits = sum((Counter(have) & Counter(want)).values())
    return hits / max(1, len(want)), hits / max(1, len(have)), LCSseq.normalized_similarity(have, want)


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--missing", action="store_true")
    missing = parser.parse_args().missing
    references = sorted((CORPUS / "groundtruth").glob("*.docx.md"))
    if not references:
        raise SystemExit(f"No reference texts below {CORPUS}.")
    sums: dict[str, list[tuple[float, float, float, float, float]]] = {name: [] for name in READERS}
    for path in references:
        data, markdown = (CORPUS / "docx" / path.stem).read_bytes(), path.read_text(encoding="utf-8")
        print(path.stem)
        for name, read in READERS.items():
            text, seconds = cpu(read, data)
            raw = Counter(re.findall(r"\w+", markdown.lower()))
            got = sum((Counter(re.findall(r"\w+", text.lower())) & raw).values()) / max(1, raw.total())
            sums[name].append((*scores(text, plain(markdown)), got, seconds * 1000))
            print(
                "  {:<11} recall {:.3f}  precision {:.3f}  order {:.3f}  raw {:.3f}  CPU {:6.1f} ms".format(
                    name, *sums[name][-1]
                )
            )
            if missing and name == "ours":
                want, have = Counter(tokens(plain(markdown))), Counter(tokens(text))
                print(
                    f"    missing {dict((want - have).most_common(12))}\n    added {dict((have - want).most_common(12))}"
                )
    print(f"mean of {len(references)}")
    for name, rows in sums.items():
        means = [fmean(column) for column in zip(*rows, strict=True)]
        print(
            "  {:<11} recall {:.3f}  precision {:.3f}  order {:.3f}  raw {:.3f}  CPU {:6.1f} ms".format(
                name, *means
            )
        )


if __name__ == "__main__":
    main()
