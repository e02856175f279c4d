"""What cutting leaves of lists: ten long documents of our own making, a perfect reader, and windows of four sizes.

    python -m tests.benchmarks.long_lists [--share 1.0]

In: `tests/long_lists.py`. Out: by document and window the share of values that come back at their place, items too many, windows that
were asked once more though nothing was left out (alarms), and records marked as incomplete; then, of items that the reader leaves out the
first time (1 of 50, 1 of 10, a whole page), the share that comes back. No emulator and no network: what a flow does is done here.
"""

from __future__ import annotations

import argparse
import json
import random
import tempfile
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from decimal import Decimal
from pathlib import Path as File
from typing import Any

from octavo.processors.check import records as check
from octavo.processors.pack import windows as pack
from octavo.schemas.compile.compiler import compile_question
from octavo.schemas.compile.piecewise import shown_in
from octavo.schemas.pipeline import Question, Record, Reply, Request, Usage, Window
from octavo.schemas.text.printed_rows import item_tokens
from tests.long_lists import Path, Sheet, items, leaves, made, seen

SIZES_TOKENS = (262_144, 16_000, 8_000, 3_000)


def count(text: str) -> int:
    """Tokens, roughly."""
    return -(-len(text) // 4)


def question_of(sheet: Sheet) -> Question:
    """The question that its schema asks."""
    with tempfile.TemporaryDirectory() as name:
        (File(name) / f"{sheet.name}.json").write_text(json.dumps(sheet.schema), encoding="utf-8")
        return compile_question(f"{sheet.name}.json", base=File(name))


def answered(
    sheet: Sheet, question: Question, window: Window, left_out: Collection[Path], name: str
) -> tuple[Request, list[Record]]:
    """What came of asking about a window."""
    request = Request(name, shown_in(question, window), window, {"k1": sheet.name}, {}, 0, 0)
    text = json.dumps({"documents": [{"id": "k1", "record": seen(sheet, window.parts, left_out)}]})
    records, _ = check.check(request, Reply(name, text, "stop", Usage(0, 0), "model", "engine", 0.0))
    return request, records


def whole_of(
    sheet: Sheet, question: Question, size: int, left_out: Collection[Path] = ()
) -> tuple[Record, int]:
    """The record of a document by windows of a size, and how many windows were asked once more."""
    bounds = pack.Bounds(size, 1, min(question.reply_tokens, size // 4), item_tokens(question.fields))
    windows = list(pack.windows(sheet.read(), count, bounds))
    pieces: list[tuple[int, Record]] = []
    again = 0
    for n, window in enumerate(windows):
        request, records = answered(sheet, question, window, left_out, f"r{n}")
        found = [(pack.position(window.parts, sheet.name), record) for record in records]
        if found:
            record, asked = completed(sheet, request, found)
            pieces.append((found[0][0], record))
            again += asked
    parts = tuple(part for window in windows for part in window.parts if part.role in ("whole", "piece"))
    record, asked = completed(sheet, replace(request, window=Window(parts, 0)), pieces)
    return check.counted(question, record), again + asked


def completed(sheet: Sheet, request: Request, found: Sequence[tuple[int, Record]]) -> tuple[Record, int]:
    """The record with what its lists left out, as `flows/answering/missing_rows.py` does it, and how many windows were asked."""
    record, more, asked = check.merge(found), list[tuple[int, Record]](), 0
    for short in check.short_lists(request.question, record, request.window.parts):
        for gap, _ in check.gaps(request, short):
            asked += 1
            _, records = answered(sheet, request.question, gap, (), f"{request.fingerprint}.{asked}")
            more += [(pack.position(gap.parts, sheet.name), one) for one in records]
    whole = check.merge([(found[0][0], record), *more])
    return check.marked(whole, check.short_lists(request.question, whole, request.window.parts)), asked


def compared(sheet: Sheet, record: Record) -> tuple[float, int]:
    """The share of values that are at their place, and the items too many."""
    wanted, got = (
        dict(leaves(sheet.record())),
        dict(leaves(_plain(record.value))),
    )
    right = sum(got.get(path) == value for path, value in wanted.items())
    lists = [
        Counter(path[: at + 1] for path in side for at, step in enumerate(path) if isinstance(step, int))
        for side in (got, wanted)
    ]
    return right / len(wanted), len(lists[0].keys() - lists[1].keys())


def planted(sheet: Sheet, kind: str) -> list[Path]:
    """Items to leave out: those of the innermost lists, 1 of 50 or of 10, or all of a page in the middle."""
    every = items(sheet)
    depth = max(map(len, every))
    inner = [path for path in every if len(path) == depth]
    if kind == "page":
        page = (len(sheet.pages) + 1) // 2
        pages = {leaf.path[:depth]: leaf.page for leaf in reversed(sheet.leaves)}
        return [path for path in inner if pages[path] == page]
    step = int(kind)
    return [path for n, path in enumerate(inner) if n % step == random.Random(n // step).randrange(step)]


def returned(record: Record, sheet: Sheet, gone: Collection[Path]) -> float:
    """The share of items that were left out and are in the record after all, with all their values."""
    got = Counter(json.dumps(one, default=str) for one in _all_items(_plain(record.value)))
    back = 0
    for path in gone:
        item: Any = sheet.record()
        for step in path:
            item = item[step]
        back += got[json.dumps(_plain(item))] > 0
    return back / max(1, len(gone))


def _plain(value: object) -> Any:
    return json.loads(
        json.dumps(value, default=lambda one: float(one) if isinstance(one, Decimal) else str(one))
    )


def _all_items(value: object) -> Iterator[object]:
    if isinstance(value, dict):
        for inner in value.values():
            yield from _all_items(inner)
    elif isinstance(value, list):
        for item in value:
            yield item
            yield from _all_items(item)


def main() -> None:
    """Print all figures."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--share", type=float, default=1.0)
    parser.add_argument("--only", default="")
    options = parser.parse_args()
    for sheet in made(options.share):
        if options.only in sheet.name:
            question = question_of(sheet)
            for size in SIZES_TOKENS:
                record, alarms = whole_of(sheet, question, size)
                share, more = compared(sheet, record)
                figures = [
                    f"{share:9.3%} {more:3} more {alarms:3} alarms {len(record.conflicts):2} conflicts"
                ]
                for kind in ("50", "10", "page"):
                    gone = planted(sheet, kind)
                    figures.append(
                        f"{kind:>5}: {returned(whole_of(sheet, question, size, gone)[0], sheet, gone):4.0%} of {len(gone)}"
                    )
                print(f"{sheet.name:12} {size:7} {'  '.join(figures)}", flush=True)


if __name__ == "__main__":
    main()
