"""What each kind of trouble costs: a tenth of the requests goes wrong, and the tables have to end as if nothing had.

    python -m tests.benchmarks.faults                        # every kind, whole replies and streams, then all mixed; some minutes
    python -m tests.benchmarks.faults --kinds cut mixed_up --documents 100

In: generated slips, read once; then a run for each kind against the emulator, in time that passes only when nobody has anything to do.
A run that the provider ended (no money, wrong key, no tokens left today) is done again, as a person would. Out: a line for each kind,
from the emulator's journal. Right: rows that say what the document says. Refused: documents that the provider's filter refuses also
alone. Lost: all others. Least: the paid calls of an undisturbed run, and one more for each paid reply that lacks a usable answer about
some document (after a filter or a mix-up one more for each such document, since those are asked alone). Twice: usable answers that were
bought again.
"""

from __future__ import annotations

import argparse
import asyncio
import functools
import json
import os
import shutil
import sqlite3
import tempfile
from collections import Counter
from collections.abc import Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from unittest import mock

from octavo.flows import order, settings
from octavo.processors.ask import replies
from octavo.processors.ask.api import stream
from octavo.processors.ask.pace.clock import Clock
from octavo.processors.ask.pace.limits import DAY_S
from octavo.processors.ask.pace.pace import RateLimiter
from octavo.processors.ask.pace.shared import SharedLimits
from octavo.processors.store.warehouse import Warehouse
from octavo.schemas.errors import AccessRefused, ModelNotServed
from octavo.schemas.job import Job
from tests.emulator.config import Config, Fault
from tests.emulator.faults import KINDS, STREAM_ONLY
from tests.emulator.journal import Entry
from tests.emulator.oracle import documents, labelled_lines
from tests.false_time import emulated, now, run, wall

Said = dict[str, dict[str, str]]  # path -> what the document says

WINDOW = 5  # documents in a request
SHARE = 0.1  # of requests that go wrong
RUNS = 60  # most runs until all is done
FILTERED = (
    "strictly forbidden words"  # what the filter refuses; a document in fifty has it, so a window in ten
)
FIELDS = ("sender", "sent_on", "weight", "city", "note")
SCHEMA = {
    "type": "object",
    "description": "A parcel that was sent.",
    "properties": {
        **{name: {"type": "string"} for name in FIELDS},
        "sent_on": {"type": "string", "format": "date"},
        "weight": {"type": "number", "multipleOf": 0.01},
    },
    "required": ["sender", "sent_on", "weight", "city"],
}
ALL_SPOILED = {
    *(
        "reset_before",
        "reset_mid",
        "truncated",
        "stream_cut",
        "stream_error",
        "not_json",
        "cut",
        "empty",
        "whitespace",
    ),
    *("null_content", "only_reasoning", "mixed_up"),
}
FIRST_SPOILED, LAST_SPOILED = {"missing_field", "extra_field", "wrong_type"}, {"missing_document"}
KEYED = {
    "missing_field",
    "empty_for_null",
}  # strike where every key is asked for: in the short form, to leave one out says null
ASKED_ALONE = {"mixed_up", "content_filter_output"}
HALVED = {
    "content_filter",
    "content_filter_output",
    "too_long",
}  # refusals after which a window is asked in halves


@dataclass(frozen=True, slots=True)
class Result:
    """What became of the documents of a run, and what was paid."""

    documents: int
    right: int
    refused: int
    runs: int
    requests: int
    struck: int
    paid: int
    least: int
    twice: int

    @property
    def lost(self) -> int:
        """Documents without a right row that no filter refused."""
        return self.documents - self.right - self.refused

    def __str__(self) -> str:
        """The columns of the table."""
        numbers = (
            self.right,
            self.refused,
            self.lost,
            self.runs,
            self.requests,
            self.struck,
            self.paid,
            self.least,
            self.twice,
        )
        return " | ".join(f"{number:7,}" for number in numbers)


def fault(kind: str, share: float, times: int) -> Fault:
    """A fault that strikes that share of the requests, at most so often (0: always), where it makes sense.

    A filter means a document, and too long is a full window.
    """
    if kind == "refused":
        return Fault(kind, every_s=20.0, for_s=20.0 * share)
    match = {
        "content_filter": FILTERED,
        "content_filter_output": FILTERED,
        "too_long": f"Documents: {WINDOW}",
    }.get(kind, "")
    long = 600.0 if kind == "stall" else 0.0
    if match == FILTERED:
        return Fault(kind, match=match)
    return Fault(kind, share, match=match, times=times, value=long)


def make(folder: Path, count: int) -> Said:
    """An inbox with so many slips, read into `base`; gives what they say. Marks are drawn alike each time, so faults strike alike too."""
    (folder / "inbox").mkdir()
    (folder / "parcel.json").write_text(json.dumps(SCHEMA), encoding="utf-8")
    said: Said = {}
    for n in range(count):
        record = {
            "sender": f"Sender Number {n} Ltd",
            "sent_on": f"2026-03-{n % 28 + 1:02}",
            "weight": f"{n}.25",
            "city": f"Town of {n:05}",
        }
        record |= {"note": f"careful with number {n}"} if n % 2 else {}
        words = FILTERED if n % 50 == 7 else "perfectly ordinary words"
        text = (
            f"Parcel slip {n} with {words}\n"
            + "\n".join(f"{name}: {value}" for name, value in record.items())
            + "\n"
        )
        (folder / "inbox" / f"{n:05}.txt").write_text(text, encoding="utf-8")
        said[f"{n:05}.txt"] = {"note": "None", **record}
    job = _job(folder, folder / "base", "http://127.0.0.1:9/v1")
    asyncio.run(order.run(job, settings.account(job, {}, key="none"), steps=[order.ingest]))
    with closing(sqlite3.connect(folder / "base" / "ledger.sqlite")) as ledger, ledger:
        ledger.execute("UPDATE meta SET value = ? WHERE key = 'secret'", (bytes(32),))
    return said


def measure(
    folder: Path,
    said: Said,
    kinds: Iterable[str],
    *,
    streamed: bool = False,
    plain: bool = False,
    share: float = SHARE,
    times: int = 0,
) -> Result:
    """Ask about all documents of the folder while these kinds strike that share of the requests together. Runs in virtual time."""
    several = sorted(kinds)
    faults = [fault(kind, share / len(several), times) for kind in several]
    with tempfile.TemporaryDirectory(dir=folder) as out:
        shutil.copytree(folder / "base", out, dirs_exist_ok=True)
        threshold = 0 if streamed else stream.LIMIT_TOKENS
        with (
            mock.patch.object(stream, "STREAM_FROM_TOKENS", threshold),
            mock.patch.object(replies, "RateLimiter", functools.partial(RateLimiter, clock=Clock(now, wall))),
            mock.patch.object(replies, "SharedLimits", functools.partial(SharedLimits, clock=now)),
            mock.patch.dict(os.environ, OCTAVO_HOME=out),
        ):
            journal, runs = run(_asked(folder, Path(out), faults, plain=plain))
        return _result(said, Path(out), journal, runs)


async def _asked(folder: Path, out: Path, faults: list[Fault], *, plain: bool) -> tuple[list[Entry], int]:
    """The journal of all runs that it takes, and their number."""
    config = Config(
        tier=5, faults=faults, oracle=labelled_lines, keep_bodies=True, cache=False, stream_chunk_tokens=2
    )
    async with emulated(config) as kimi:
        job = _job(folder, out, kimi.base_url).model_copy(update={"plain_json": plain})
        runs = 0
        while True:
            runs += 1
            ended = await order.run(
                job,
                settings.account(job, {}, key="sk-emulator"),
                steps=order.PROCESS_FOLDER[1:],
                asks=["extract"],
            )
            if "tokens a day" in ended.stopped:
                await asyncio.sleep(DAY_S)
            elif ended.exit_code not in (AccessRefused.exit_code, ModelNotServed.exit_code) or runs == RUNS:
                return kimi.state.journal.chats(), runs


def _job(folder: Path, out: Path, base_url: str) -> Job:
    named = {
        "inbox": str(folder / "inbox"),
        "out": str(out),
        "extract": [str(folder / "parcel.json")],
        "base_url": base_url,
    }
    return Job.model_validate({**named, "tier": 5, "concurrency": 10, "max_documents_per_window": WINDOW})


def _result(said: Said, out: Path, journal: Sequence[Entry], runs: int) -> Result:
    query = f"SELECT documents.path, {', '.join(FIELDS)} FROM parcel JOIN documents USING (document)"
    rows = {
        row.pop("path"): {name: str(value) for name, value in row.items()}
        for row in Warehouse(out).query(query).to_pylist()
    }
    paid = [entry for entry in journal if entry.cost_usd > 0]
    filtered = [
        _shown(entry) for entry in journal if entry.fault in {"content_filter", "content_filter_output"}
    ]
    usable = Counter(text for entry in paid for text in set(_shown(entry)) - set(spoiled(entry)))
    return Result(
        documents=len(said),
        right=sum(rows.get(path) == record for path, record in said.items()),
        refused=len({shown[0] for shown in filtered if len(shown) == 1}),
        runs=runs,
        requests=len(journal),
        struck=sum(bool(entry.fault) for entry in journal),
        paid=len(paid),
        least=-(-len(said) // WINDOW) + sum(map(repairs, journal)),
        twice=sum(times - 1 for times in usable.values()),
    )


def spoiled(entry: Entry) -> list[str]:
    """The documents of a request about which its reply, as it was spoiled, has no usable answer."""
    shown = _shown(entry)
    if entry.fault == "mixed_up" and len(shown) == 1:
        return []
    if (
        entry.fault == "content_filter_output"
    ):  # a stream stops half-way; a document that was refused alone is not asked again
        return shown[len(shown) // 2 :]
    in_the_middle = (
        entry.fault == "prose" and (entry.body or {})["messages"][-1]["role"] == "assistant"
    )  # of a record that is carried on
    if entry.fault in ALL_SPOILED or in_the_middle or not entry.delivered:
        return shown
    return shown[:1] if entry.fault in FIRST_SPOILED else shown[-1:] if entry.fault in LAST_SPOILED else []


def repairs(entry: Entry) -> int:
    """How many more calls have to be paid because of what happened to this one."""
    if entry.cost_usd == 0:
        halves = entry.fault in HALVED and entry.status == 400
        return (1 if len(_shown(entry)) > 1 else -1) if halves else 0
    lacking = spoiled(entry)
    if entry.fault in ASKED_ALONE:
        return len(lacking) if len(_shown(entry)) > 1 else 0
    return bool(lacking)


def _shown(entry: Entry) -> list[str]:
    """The texts of the documents in a request."""
    return [shown.text for shown in documents(dict(entry.body or {}))]


def main() -> None:
    """Measure each kind that the flags name, then all of them together, and print a table."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.benchmarks.faults", description="What trouble costs."
    )
    parser.add_argument("--kinds", nargs="+", default=sorted(KINDS))
    parser.add_argument("--documents", type=int, default=400)
    parser.add_argument(
        "--mixed", type=int, default=2_000, help="documents of the runs in which all kinds are mixed"
    )
    flags = parser.parse_args()
    print(
        "replies | kind                  |   right | refused |    lost |    runs |   calls |  struck |    paid |   least |   twice"
    )
    with tempfile.TemporaryDirectory() as name:
        said = make(Path(name), flags.documents)
        for kind in flags.kinds:
            for streamed in (False, True) if kind not in STREAM_ONLY else (True,):
                show(
                    kind,
                    measure(Path(name), said, [kind], streamed=streamed, plain=kind in KEYED),
                    streamed=streamed,
                )
    with tempfile.TemporaryDirectory() as name:
        said = make(Path(name), flags.mixed)
        for streamed, plain in ((False, False), (True, False), (False, True), (True, True)):
            kinds = set(flags.kinds) - (set() if streamed else STREAM_ONLY) - (set() if plain else KEYED)
            title = "all mixed, plain JSON" if plain else "all mixed"
            show(title, measure(Path(name), said, kinds, streamed=streamed, plain=plain), streamed=streamed)


def show(title: str, result: Result, *, streamed: bool) -> None:
    """Print one line of the table."""
    print(f"{'streams' if streamed else 'whole':7} | {title:21} | {result}", flush=True)


if __name__ == "__main__":
    main()
