"""What a commit costs in a warehouse of so many documents with text: seconds, CPU, bytes written, memory.

    python -m tests.benchmarks.commits [1000 10000 100000] [--rounds 3] [--json FILE]

In: documents of one page of 1,400 characters, each answered, with three rows of evidence; made here, nothing is read or asked. Out, for
each size, the median of some commits of each kind, and then what it costs to bring the Parquet files up to them:

    read       100 new documents and their pages
    answers    the answers of 100 documents that had none
    run        one row in `runs`
    nothing    a batch that the tables have already
    parquet    the files after one commit of `read` and one of `answers`

Bytes written are those that the process sent to the disk (`/proc/self/io`); memory is the most that was resident, above what was before.
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa

from octavo.processors.store.warehouse import Change, Warehouse, hold
from octavo.schemas import tables
from tests import rows

CHARS = 1_400
AT_ONCE = 20_000  # documents that are put in with one commit while the warehouse is filled
EACH = 100  # documents of a commit that is measured
NEVER_S = 1e9
ASKED = {"invoice": (["f1"], "rules", "offline")}


@dataclass(frozen=True, slots=True)
class Cost:
    """What one piece of work took."""

    seconds: float
    cpu_s: float
    written_mb: float
    memory_mb: float


def main() -> None:
    """Fill and measure, a size after another."""
    parser = argparse.ArgumentParser(description="What a commit costs by the size of the warehouse.")
    parser.add_argument("sizes", type=int, nargs="*", default=[1_000, 10_000, 100_000])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", type=Path, help="Where they go too, in place of those of the same size.")
    flags = parser.parse_args()
    print("documents | kind    | seconds | CPU s | MB written | MB memory")
    for size in flags.sizes:
        with tempfile.TemporaryDirectory() as name:
            found = measured(Path(name), size, flags.rounds)
        if flags.json:
            keep(flags.json, size, found)


def keep(path: Path, size: int, commits: list[dict[str, Any]]) -> None:
    """Put the figures of a size into the file that `size` fills too."""
    found = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    others = [one for one in found.get("commits", ()) if one["documents"] != size]
    found["commits"] = sorted([*others, *commits], key=lambda one: int(one["documents"]))
    path.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


def measured(folder: Path, size: int, rounds: int) -> list[dict[str, Any]]:
    """Fill a warehouse in the folder, and give what its commits cost."""
    with hold(folder, publish_every_s=NEVER_S) as warehouse:
        for start in range(0, size, AT_ONCE):
            ids = range(start, min(size, start + AT_ONCE))
            warehouse.commit([*read(ids), *answers(ids[: None if ids[-1] < size - 1 else -rounds * EACH])])
        filled = cost(warehouse.publish)
        measures: dict[str, list[Cost]] = {}
        for number in range(rounds):
            for kind, work in kinds(warehouse, size, number).items():
                measures.setdefault(kind, []).append(cost(work))
        bytes_mb = warehouse.path.stat().st_size / 1e6
        parquet_mb = sum(path.stat().st_size for path in warehouse.tables_folder.glob("*/*")) / 1e6
    print(
        f"{size:9,} | filled: warehouse {bytes_mb:.1f} MB, Parquet {parquet_mb:.1f} MB in {filled.seconds:.1f} s"
    )
    medians = [(kind, median(costs)) for kind, costs in measures.items()]
    for kind, one in medians:
        print(
            f"{size:9,} | {kind:7} | {one.seconds:7.2f} | {one.cpu_s:5.2f} | {one.written_mb:10.2f} | {one.memory_mb:9.1f}"
        )
    return [
        {"documents": size, "kind": kind, "warehouse_mb": bytes_mb, **asdict(one)} for kind, one in medians
    ]


def kinds(warehouse: Warehouse, size: int, number: int) -> dict[str, Callable[[], Any]]:
    """Each kind of commit, made ready, of round `number`."""
    fresh = range(size + number * EACH, size + (number + 1) * EACH)
    unanswered = range(size - (number + 1) * EACH, size - number * EACH)
    asked = answers(unanswered)
    return {
        "read": partial(warehouse.commit, read(fresh)),
        "answers": partial(warehouse.commit, asked, ASKED),
        "run": partial(warehouse.commit, [Change(tables.RUNS, arrow(tables.RUNS, 1, run=[f"run {number}"]))]),
        "nothing": partial(warehouse.commit, asked, ASKED),
        "parquet": warehouse.publish,
    }


def read(ids: Sequence[int]) -> list[Change]:
    """Documents and pages."""
    names, paths = [rows.sha(str(one)) for one in ids], [f"{one // 1_000:04}/{one:07}.txt" for one in ids]
    count, texts = len(ids), [text(one) for one in ids]
    documents: dict[str, list[Any]] = {
        "path": paths,
        "inbox": ["in"] * count,
        "document": names,
        "status": ["ok"] * count,
    }
    documents |= {"media_type": ["text/plain"] * count, "page_count": [1] * count, "reason": [""] * count}
    pages: dict[str, list[Any]] = {
        "document": names,
        "page": [1] * count,
        "text": texts,
        "tokens": [300] * count,
    }
    return [
        Change(tables.DOCUMENTS, arrow(tables.DOCUMENTS, count, **documents)),
        Change(tables.PAGES, arrow(tables.PAGES, count, **pages)),
    ]


def answers(ids: Sequence[int]) -> list[Change]:
    """Answers, evidence, no rejects, and a request for each seven."""
    table = tables.question_table(rows.question())
    names, count = [rows.sha(str(one)) for one in ids], len(ids)
    requests = [rows.sha(f"request {one // 7}") for one in ids]
    record: dict[str, list[Any]] = {
        "document": names,
        "path": [f"{one // 1_000:04}/{one:07}.txt" for one in ids],
    }
    record |= {"number": [f"R-{one}" for one in ids], "request": requests, "former": [False] * count}
    same = {"inbox": "in", "question_fingerprint": "f1", "model": "rules", "engine": "offline", "run": "run"}
    record |= {name: [value] * count for name, value in same.items()}
    proofs: dict[str, list[Any]] = {
        "document": names * 3,
        "request": requests * 3,
        "quote": record["number"] * 3,
    }
    proofs |= {
        "question": ["invoice"] * 3 * count,
        "value": record["number"] * 3,
        "state": ["given"] * 3 * count,
    }
    proofs |= {"field": [name for name in ("number", "issued", "total") for _ in ids]}
    calls = sorted(set(requests))
    return [
        Change(table, arrow(table, count, **record)),
        Change(tables.EVIDENCE, arrow(tables.EVIDENCE, 3 * count, **proofs)),
        Change(tables.REJECTS, (), {(name, "invoice") for name in names}),
        Change(tables.REQUESTS, arrow(tables.REQUESTS, len(calls), request=calls)),
    ]


def text(number: int) -> str:
    """The page of a document."""
    words = random.Random(number).choices(WORDS, k=CHARS // 7)
    return f"Invoice R-{number}\nTotal {number}.50\n{' '.join(words)}"


def vocabulary(count: int) -> list[str]:
    """So many words of 2 to 12 letters, so that pages compress about as prose does."""
    draw = random.Random(0)
    return ["".join(draw.choices("etaoinshrdlucmfwyp", k=draw.randint(2, 12))) for _ in range(count)]


WORDS = vocabulary(5_000)


def arrow(table: tables.Table, count: int, **columns: list[Any]) -> pa.Table:
    """Rows with these columns, and null in the others."""
    return pa.table(
        {
            one.name: pa.array(columns[one.name], one.type)
            if one.name in columns
            else pa.nulls(count, one.type)
            for one in table.columns
        },
        schema=table.schema,
    )


def cost(work: Callable[[], Any]) -> Cost:
    """Do the work, and say what it took."""
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")  # the peak starts anew
    before_mb, written, cpu_s, started = (
        resident_mb("VmRSS"),
        written_bytes(),
        time.process_time(),
        time.monotonic(),
    )
    work()
    seconds, spent_s = time.monotonic() - started, time.process_time() - cpu_s
    return Cost(seconds, spent_s, (written_bytes() - written) / 1e6, resident_mb("VmHWM") - before_mb)


def written_bytes() -> int:
    """Bytes that this process has sent to the disk."""
    return int(Path("/proc/self/io").read_text(encoding="ascii").split("write_bytes: ")[1].split()[0])


def resident_mb(what: str) -> float:
    """Memory of this process, as Linux counts it: `VmRSS` now, `VmHWM` at its peak."""
    return int(Path("/proc/self/status").read_text(encoding="ascii").split(f"{what}:")[1].split()[0]) / 1024


def median(costs: Sequence[Cost]) -> Cost:
    """The median of each figure."""
    return Cost(
        *(statistics.median(column) for column in zip(*(asdict(one).values() for one in costs), strict=True))
    )


if __name__ == "__main__":
    main()
