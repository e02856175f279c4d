"""The picture in README: what the queries of `make demo` print, as an SVG of a terminal.

Run it as `python -m data.picture out/demo docs/tables.svg` after `make demo`.
"""

from __future__ import annotations

import io
import re
import subprocess
import sys
from pathlib import Path

from rich.console import Console
from rich.text import Text

QUERIES = (
    (
        "SELECT path, seller_name, issue_date, grand_total, currency FROM invoice "
        "WHERE currency IN ('EUR', 'GBP', 'CHF') ORDER BY issue_date"
    ),
    (
        "SELECT field, value, grade, page, quote FROM evidence JOIN invoice USING (document, question) "
        "WHERE path = 'invoice_de.pdf' AND field IN ('invoice_number', 'due_date', 'grand_total')"
    ),
)
COLUMNS = 112
_FONT_FACE = re.compile(r"@font-face \{.*?\}\s*", re.DOTALL)  # it would be fetched from elsewhere


def main(folder: Path, target: Path) -> None:
    """Run the queries as typed, and draw what they print."""
    console = Console(record=True, width=COLUMNS, file=io.StringIO(), force_terminal=True)
    for query in QUERIES:
        console.print(Text(f'$ octavo sql "{query}"', style="bold"))
        command = [sys.executable, "-m", "octavo", "sql", query, "--out", str(folder)]
        done = subprocess.run(command, check=True, capture_output=True, text=True)  # noqa: S603 - our own words
        console.print(Text.from_ansi(done.stdout))
    svg = console.export_svg(title="octavo")
    target.write_text(_FONT_FACE.sub("", svg), encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
