"""What cutting costs and keeps: an invoice of 3,000 rows against the emulator, and books of the corpus as far as they are there.

Prints the share of rows that come once and in order; of books the pieces, the requests that reduced their summaries (1 is one level),
and the tokens that overlap and context add.
"""

from __future__ import annotations

import asyncio
import json
import re
import shutil
import tempfile
import time
from pathlib import Path

from octavo.flows import order, settings
from octavo.processors.pack import windows as pack
from octavo.processors.store.warehouse import Warehouse
from octavo.schemas.job import Job
from tests.emulator.config import Config
from tests.emulator.fixture import Running, running
from tests.emulator.oracle import Body
from tests.long_invoice import SCHEMA, article, invoice, reader

ROWS = 3_000
WINDOW_TOKENS = 20_000
SHARED = Path(__file__).resolve().parents[2].parent / "shared"
BOOKS = ("long/pdfjs__freeculture.pdf", "long/sample-files__GeoTopo-komprimiert.pdf")


def lazy(body: Body, name: str) -> bool:
    """A model that skips one row in 50 until it is told."""
    return int(re.sub(r"\D", "", name)) % 50 == 7 and "items left out" not in json.dumps(body)


async def list_of_rows(kimi: Running, folder: Path, vocabulary: bytes | None) -> str:
    """Ask for every row of the long invoice."""
    (folder / "inbox").mkdir(parents=True)
    (folder / "inbox" / "long.txt").write_text(invoice(ROWS), encoding="utf-8")
    (folder / "bill.json").write_text(json.dumps(SCHEMA), encoding="utf-8")
    job = Job(inbox=str(folder / "inbox"), out=str(folder / "out"), extract=[str(folder / "bill.json")], tier=5,
              base_url=kimi.base_url, max_window_tokens=WINDOW_TOKENS)  # fmt: skip
    began = time.process_time()
    ended = await order.run(job, settings.account(job, {}, key=kimi.key), vocabulary)
    seconds = time.process_time() - began
    items = [item["article"] for item in Warehouse(folder / "out").rows("bill")[0]["items"]]
    right = sum(one == article(n) for n, one in enumerate(items, 1))
    doubled = len(items) - len(set(items))
    return f"{right / ROWS:8.2%} of {ROWS} rows in order, {doubled} twice, {ended.asked} calls, {seconds:.1f} s CPU with the emulator"


async def books(kimi: Running, folder: Path, vocabulary: bytes | None) -> None:
    """Sum up books, and print what the cut adds to their tokens."""
    (folder / "inbox").mkdir(parents=True)
    for name in BOOKS:
        shutil.copy(SHARED / "corpus" / name, folder / "inbox")
    job = Job(inbox=str(folder / "inbox"), out=str(folder / "out"), summarize="bullets", tier=5, base_url=kimi.base_url,
              max_window_tokens=WINDOW_TOKENS)  # fmt: skip
    await order.run(job, settings.account(job, {}, key=kimi.key), vocabulary)
    warehouse, count = Warehouse(folder / "out"), pack.counter(vocabulary)
    requests = warehouse.rows("requests")
    for row in warehouse.rows("documents"):
        pages = list(warehouse.pages_of([row["document"]]))
        windows = list(pack.windows(pages, count, pack.Bounds(WINDOW_TOKENS + 4_500, 1, 4_500)))
        beside = sum(
            part.tokens for window in windows for part in window.parts if part.role not in ("whole", "piece")
        )
        tokens = sum(window.tokens for window in windows) - beside
        asked = sum(row["document"] in request["documents"] for request in requests)
        reduced = asked - len(windows)
        print(
            f"{row['path'][:34]:36}{row['page_count']:6} pages {len(windows):5} pieces {reduced:3} reduced {beside / tokens:8.2%} more"
        )


async def main() -> None:
    """Print all figures."""
    path = SHARED / "tokenizer" / "kimi_k2.tiktoken.model"
    vocabulary = path.read_bytes() if path.is_file() else None
    with (
        tempfile.TemporaryDirectory() as name,
        running(Config(tier=5, timing=False, oracle=reader())) as kimi,
    ):
        print("careful model", await list_of_rows(kimi, Path(name) / "careful", vocabulary))
        kimi.config.oracle = reader(lazy)
        print("lazy model   ", await list_of_rows(kimi, Path(name) / "lazy", vocabulary))
        kimi.config.oracle = None
        if (SHARED / "corpus").is_dir():
            await books(kimi, Path(name) / "books", vocabulary)


if __name__ == "__main__":
    asyncio.run(main())
