"""By hand or by library: how much of each format's reference texts our readers and kept libraries find, and the CPU they take.

    python -m tests.benchmarks.libraries read ours.json                           # here: ours, kreuzberg, python-docx, pypdf
    env-of-libraries/bin/python tests/benchmarks/libraries.py read others.json    # where markitdown, docx2python, mammoth are installed
    python -m tests.benchmarks.libraries show ours.json others.json

In: the files of the developer corpus that have a reference text in words (docx, xlsx, xlsm, pptx, odt, doc, html, digital pdf), plain or
Markdown. Reading writes the text and the least CPU seconds of three readings of each library that can be imported; showing prints for each
format and library: files read, recall, precision and order of words against the reference, the share of the reference's table rows whose
cells stand in one line in their order, and milliseconds of CPU a file. A file that a library fails on counts as nothing found.
"""

from __future__ import annotations

import argparse
import importlib
import io
import json
import re
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import fmean
from typing import NamedTuple

CORPUS = Path(__file__).resolve().parents[2].parent / "shared" / "corpus"
FOLDERS = {
    "docx": "docx",
    "xlsx": "office",
    "xlsm": "office",
    "pptx": "office",
    "odt": "office",
    "doc": "office",
    "html": "text",
    "pdf": "pdf contract long",
}
TIMES = 3  # readings of which the fastest counts; one is enough where it takes long
LONG_S = 2.0
# the address of a link or picture, which nobody sees, as Markdown and as we write it
LINK = re.compile(r"\]\((?:[^()]|\([^()]*\))*\)|<https?://[^>]*>")
OURS = {
    "docx": "word.document",
    "xlsx": "sheet",
    "xlsm": "sheet",
    "pptx": "slides",
    "odt": "opendocument",
    "doc": "office",
    "html": "html",
    "pdf": "pdf.pages",
}

Read = Callable[[Path], str]
Reading = tuple[str | None, float]  # text, CPU seconds


def references() -> Iterator[tuple[Path, Path]]:
    """Each file of the corpus with its reference text."""
    for reference in sorted((CORPUS / "groundtruth").glob("*.*")):
        kind = reference.with_suffix("").suffix.lstrip(".")
        for folder in FOLDERS.get(kind, "").split():
            if (path := CORPUS / folder / reference.stem).is_file():
                yield path, reference


def ours() -> Read:
    """Octavo, without the sandbox around it."""
    content = importlib.import_module("octavo.processors.read.content")

    def read(path: Path) -> str:
        reader = importlib.import_module(f"octavo.processors.read.{OURS[path.suffix.lstrip('.')]}")
        found = reader.read(content.Source(path.read_bytes(), content.ReadLimits()))
        return "\n".join(page.text for page in found.leaves)

    return read


def kreuzberg() -> Read:
    """Kreuzberg as its manual shows it."""
    library = importlib.import_module("kreuzberg")
    return lambda path: str(library.extract_file_sync(str(path)).content)


def python_docx() -> Read:
    """python-docx: paragraphs and tables in their order."""
    library = importlib.import_module("docx")

    def read(path: Path) -> str:
        if path.suffix != ".docx":
            raise NotImplementedError
        blocks = library.Document(str(path)).iter_inner_content()
        return "\n".join(
            block.text
            if hasattr(block, "text")
            else "\n".join(" | ".join(cell.text for cell in row.cells) for row in block.rows)
            for block in blocks
        )

    return read


def pypdf() -> Read:
    """Pypdf's own text of each page."""
    library = importlib.import_module("pypdf")

    def read(path: Path) -> str:
        if path.suffix != ".pdf":
            raise NotImplementedError
        return "\n".join(page.extract_text() for page in library.PdfReader(str(path)).pages)

    return read


def markitdown() -> Read:
    """Markitdown, which gives Markdown."""
    converter = importlib.import_module("markitdown").MarkItDown()
    return lambda path: str(converter.convert(str(path)).text_content)


def docx2python() -> Read:
    """docx2python, which gives one text."""
    library = importlib.import_module("docx2python")

    def read(path: Path) -> str:
        if path.suffix != ".docx":
            raise NotImplementedError
        with library.docx2python(str(path)) as document:
            return str(document.text)

    return read


def mammoth() -> Read:
    """Mammoth's Markdown."""
    library = importlib.import_module("mammoth")

    def read(path: Path) -> str:
        if path.suffix != ".docx":
            raise NotImplementedError
        return str(library.convert_to_markdown(io.BytesIO(path.read_bytes())).value)

    return read


READERS: dict[str, Callable[[], Read]] = {
    "ours": ours,
    "kreuzberg": kreuzberg,
    "markitdown": markitdown,
    "python-docx": python_docx,
    "docx2python": docx2python,
    "mammoth": mammoth,
    "pypdf": pypdf,
}


def read_all(out: Path) -> None:
    """Write what each library that is installed here reads: {library: {file: [text or null, CPU seconds]}}."""
    found: dict[str, dict[str, Reading]] = {}
    for name, make in READERS.items():
        try:
            read = make()
        except ImportError as error:
            print(f"{name} is left out: {error}", file=sys.stderr)
            continue
        readings = ((path.name, timed(read, path)) for path, _ in references())
        found[name] = {path: reading for path, reading in readings if reading}
    out.write_text(json.dumps(found), encoding="utf-8")


def timed(read: Read, path: Path) -> Reading | None:
    """The text, null where the library fails, and the CPU seconds of the fastest of some readings; None where it has no such format."""
    spent, text = [], ""
    for _ in range(TIMES):
        start = time.process_time()
        try:
            text = read(path)
        except NotImplementedError:
            return None
        except Exception as error:  # noqa: BLE001  # libraries raise what they like; the table counts it
            print(f"{path.name}: {type(error).__name__}: {error}"[:200], file=sys.stderr)
            return (None, 0.0)
        spent.append(time.process_time() - start)
        if spent[-1] > LONG_S:
            break
    return (text, min(spent))


def rows_kept(text: str, markdown: str) -> tuple[int, int]:
    """How many table rows of the reference stand in one line with their cells in order, of how many with two filled cells or more."""
    lines = [" ".join(re.findall(r"\w+", line.lower())) for line in text.splitlines()]
    rows = [row for row in markdown.splitlines() if row.startswith("|") and set(row) - set("|-: ")]
    wanted = [[" ".join(re.findall(r"\w+", cell.lower())) for cell in row.split("|")] for row in rows]
    wanted = [kept for row in wanted if len(kept := [cell for cell in row if cell]) > 1]
    return sum(any(_in_order(row, line) for line in lines) for row in wanted), len(wanted)


def _in_order(cells: list[str], line: str) -> bool:
    place = 0
    for cell in cells:
        if (place := line.find(cell, place)) < 0:
            return False
        place += len(cell)
    return True


def show(files: list[Path]) -> None:
    """Print the table of all that was read."""
    found: dict[str, dict[str, Reading]] = {}
    for file in files:
        found |= json.loads(file.read_text(encoding="utf-8"))
    cells: dict[tuple[str, str], list[Score]] = defaultdict(list)
    for path, reference in references():
        markdown = reference.read_text(encoding="utf-8")
        for name in (name for name in found if path.name in found[name]):
            cells[path.suffix.lstrip("."), name].append(score(found[name][path.name], markdown))
    print("| format | library | read | recall | precision | order | rows of tables | CPU ms a file |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- |")
    for (kind, name), scores in sorted(cells.items(), key=lambda item: item[0][0]):
        print(f"| {kind} | {name} | {_line(scores)} |")


class Score(NamedTuple):
    """How one library did on one file; times in seconds of CPU."""

    read: bool
    recall: float
    precision: float
    order: float
    rows: int
    of_rows: int
    spent_s: float


def score(reading: Reading, markdown: str) -> Score:
    """One reading against its reference."""
    from tests.benchmarks.word_recall import plain, scores

    found, spent = reading
    text, wanted = LINK.sub("]", found or ""), LINK.sub("]", markdown)
    return Score(found is not None, *scores(text, plain(wanted)), *rows_kept(text, wanted), spent)


def _line(scores: list[Score]) -> str:
    read, rows = sum(one.read for one in scores), sum(one.of_rows for one in scores)
    means = (fmean(one[place] for one in scores) for place in (1, 2, 3))
    kept = f"{sum(one.rows for one in scores)}/{rows}" if rows else ""
    spent_ms = 1000 * sum(one.spent_s for one in scores) / max(1, read)
    return " | ".join([f"{read}/{len(scores)}", *(f"{mean:.3f}" for mean in means), kept, f"{spent_ms:.1f}"])


def main() -> None:
    """Read, or show what was read."""
    parser = argparse.ArgumentParser()
    parser.add_argument("what", choices=("read", "show"))
    parser.add_argument("files", nargs="+", type=Path)
    flags = parser.parse_args()
    if not (CORPUS / "groundtruth").is_dir():
        raise SystemExit(f"No reference texts below {CORPUS}.")
    show(flags.files) if flags.what == "show" else read_all(flags.files[0])


if __name__ == "__main__":
    main()
