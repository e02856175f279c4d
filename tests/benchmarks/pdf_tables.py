"""Cells of made PDF tables that stand in their row and column in the text of the page, by style.

    python -m tests.benchmarks.pdf_tables [--seeds 3] [--no-browser] [--show STYLE]

In: tables of `tests/documents/made_tables.py`, drawn with reportlab and printed from HTML by Chromium where it is there. Out: for each
style the share of the filled cells that are found in the right row and column, the same for rows that have an empty cell, and the share of
rows that are wholly right. A row is right where a line of the page, split at its bars, has the same cells; the best line counts.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import tempfile
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path

from octavo.processors.read.content import ReadLimits, Source
from octavo.processors.read.pdf.pages import read
from tests.documents import made_tables
from tests.documents.made_tables import Grid, Made

BROWSER = shutil.which("chromium") or shutil.which("google-chrome")


def pages_of(data: bytes) -> list[str]:
    """The text of each page."""
    return [leaf.text for leaf in read(Source(data, ReadLimits())).leaves]


def cells_of(line: str) -> list[str]:
    """A line at its bars."""
    return [" ".join(cell.split()) for cell in line.split("|")]


def hits(row: Sequence[str], line: Sequence[str], span: tuple[int, int] | None) -> int:
    """Filled cells of a row that a line has in the same column; a merged head may stand in any of its columns."""
    padded = [*line, *[""] * len(row)]
    found = 0
    for number, cell in enumerate(row):
        places = range(*span) if span and number == span[0] else (number,)
        found += bool(cell) and any(padded[place] == cell for place in places)
    return found


def score(text: str, grid: Grid, spans: Sequence[tuple[int, int]]) -> Counter[str]:
    """Counts of one page: cells, right, and the same in rows with an empty cell; rows that are wholly right."""
    lines = [cells_of(line) for line in text.split("\n")]
    out: Counter[str] = Counter()
    for number, row in enumerate(grid):
        span = spans[0] if spans and not number else None
        best = max(range(len(lines)), key=lambda at: hits(row, lines[at], span), default=0) if lines else 0
        right = hits(row, lines[best], span) if lines else 0
        filled = sum(map(bool, row))
        out.update(cells=filled, right=right, rows=1, whole=right == filled)
        if filled < len(row):
            out.update(gapped=filled, gapped_right=right)
        if right and lines:
            del lines[best]
    return out


def printed(seeds: int) -> Iterator[Made]:
    """Tables printed by Chromium, all in one run of it."""
    made = [
        made_tables.as_html(seed * 5 + number, look, empty)
        for seed in range(seeds)
        for number, look in enumerate(made_tables.STYLES)
        for empty in (0.0, 0.2, 0.4)
    ]
    with tempfile.TemporaryDirectory() as folder:
        page, out = Path(folder, "t.html"), Path(folder, "t.pdf")
        page.write_text(made_tables.sheet_of([section for section, _, _ in made]), encoding="utf-8")
        command = [str(BROWSER), "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={folder}/p"]
        command += ["--no-pdf-header-footer", f"--print-to-pdf={out}", page.as_uri()]
        subprocess.run(command, check=True, capture_output=True, timeout=120)
        data = out.read_bytes()
    for (_, cells, style), number in zip(made, range(len(made)), strict=True):
        yield Made(data, tuple([[]] * number + [cells]), style)


def main() -> None:
    """Run all and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--no-browser", action="store_true")
    parser.add_argument("--show", default="", help="print text and grid of the wrong ones of a style")
    flags = parser.parse_args()
    sums: dict[str, Counter[str]] = defaultdict(Counter)
    known: dict[bytes, list[str]] = {}
    made = [*made_tables.all_drawn(flags.seeds)]
    made += [] if flags.no_browser or not BROWSER else printed(flags.seeds)
    for one in made:
        texts = known.setdefault(one.data, pages_of(one.data)) if one.data not in known else known[one.data]
        counted: Counter[str] = Counter()
        for text, grid in zip(texts, one.pages, strict=False):
            if grid:
                counted += score(text, grid, one.spans)
                if flags.show and one.style.startswith(flags.show) and counted["right"] < counted["cells"]:
                    print(one.style, *(" | ".join(row) for row in grid), "---", text, "", sep="\n")
        sums[one.style] += counted
        sums["all"] += counted
    for style, count in sums.items():
        print(
            f"{style:42} {count['cells']:6} cells {100 * count['right'] / count['cells']:6.1f} %"
            f"   beside an empty one {100 * count['gapped_right'] / max(1, count['gapped']):6.1f} %"
            f"   rows whole {100 * count['whole'] / count['rows']:6.1f} %"
        )


if __name__ == "__main__":
    main()
