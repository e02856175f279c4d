"""What `octavo plan` says by what the run then costs, for first runs, of which no reply is known yet, and with half a folder known.

    python -m tests.benchmarks.price

In: the Kimi vocabulary; slips, invoices of data/samples with their labels as answers, long invoices and a book, against the emulator.
Out: a line for each kind of work: calls, prompt tokens, reply tokens and dollars, planned by billed, and the most by what was billed.
"""

from __future__ import annotations

import asyncio
import json
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from octavo.flows import order, settings
from octavo.schemas.job import Job
from tests.benchmarks import documents, packing
from tests.benchmarks import tokens as counts
from tests.emulator.config import Config, Oracle
from tests.emulator.fixture import Running, running
from tests.emulator.oracle import gold, labelled_lines
from tests.long_invoice import SCHEMA, invoice, reader
from tests.test_flows_long import book, teller
from tests.test_flows_packing import SAMPLES, labelled

SLIPS = 300


@contextmanager
def work(
    oracle: Oracle, schema: dict[str, Any] | None, **changes: Any
) -> Iterator[tuple[Path, Callable[[str], None]]]:
    """An empty inbox, and a function that plans and does the job over what is in it by then, and prints the line of that name."""
    config = Config(tier=5, timing=False, oracle=oracle, vocabulary=str(counts.VOCABULARY))
    with running(config) as kimi, tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "asked.json").write_text(json.dumps(schema), encoding="utf-8")
        named = {
            "inbox": str(folder / "in"),
            "out": str(folder / "out"),
            "base_url": kimi.base_url,
            "tier": 5,
        }
        job = Job.model_validate(
            {**named, "extract": [str(folder / "asked.json")] if schema else [], **changes}
        )
        yield folder / "in", lambda label: measure(label, kimi, job)


def measure(label: str, kimi: Running, job: Job) -> None:
    """Plan, run, print."""
    before, vocabulary = len(kimi.paid()), counts.VOCABULARY.read_bytes()
    said = asyncio.run(order.plan(job, settings.account(job, {}, key=kimi.key), vocabulary)).cost
    ended = asyncio.run(order.run(job, settings.account(job, {}, key=kimi.key), vocabulary))
    paid = kimi.paid()[before:]
    prompt, reply = sum(entry.prompt_tokens for entry in paid), sum(entry.reply_tokens for entry in paid)
    shares = f"prompts {said.prompt_tokens / prompt - 1:+.1%}, replies {said.reply_tokens / reply - 1:+.1%}"
    dollars = (
        f"dollars {said.usd / ended.cost_usd - 1:+.1%}, at the most {said.worst_usd / ended.cost_usd:.1f} x"
    )
    print(f"{label:28} calls {said.requests} of {len(paid)}, {shares}, {dollars}", flush=True)


def main() -> None:
    """Print all lines."""
    with work(labelled_lines, documents.SCHEMA) as (inbox, measured):
        documents.make(inbox, SLIPS, packing.WORDS)
        measured("slips, first run")
        documents.make(inbox.parent / "more", 2 * SLIPS, packing.WORDS)
        shutil.copytree(inbox.parent / "more", inbox, dirs_exist_ok=True)
        measured("slips, replies known")
    known = {
        name: labelled(one["values"])
        for name, one in json.loads((SAMPLES / "gold.json").read_text(encoding="utf-8")).items()
        if one.get("schema") == "invoice"
    }
    with work(gold({one["invoice_number"]: one for one in known.values()}), None, extract=["invoice"]) as (
        inbox,
        measured,
    ):
        inbox.mkdir()
        for name in known:
            shutil.copy(SAMPLES / name, inbox)
        measured("invoices of data/samples")
    for rows in (60, 400, 3_000):
        with work(reader(), SCHEMA) as (inbox, measured):
            inbox.mkdir()
            (inbox / "long.txt").write_text(invoice(rows), encoding="utf-8")
            measured(f"an invoice of {rows:,} rows")
    with work(teller, None, summarize="one-paragraph", max_window_tokens=2_600) as (inbox, measured):
        inbox.mkdir()
        (inbox / "long.txt").write_text(book(), encoding="utf-8")
        measured("a book's summary")


if __name__ == "__main__":
    main()
