"""Kill -9 at random moments of a real run: what had arrived is never asked again, and the tables end as if nothing had happened."""

from __future__ import annotations

import json
import os
import random
import re
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from octavo.processors.ask.ledger import Ledger
from octavo.processors.store.warehouse import Warehouse
from tests.emulator.config import Config
from tests.emulator.fixture import Running, running
from tests.emulator.journal import Entry
from tests.emulator.oracle import labelled_lines

ROOT = Path(__file__).resolve().parents[1]
SLIPS, AT_ONCE = 60, 6
KILLS_A_FOLDER = 5
TIMELESS = {
    "documents": "path",
    "pages": "document",
    "parcel": "document",
    "evidence": "document, field",
    "rejects": "document",
}


@pytest.fixture
def kimi() -> Iterator[Running]:
    """A Kimi whose replies take a few tenths of a second."""
    with running(
        Config(tier=5, keep_bodies=True, oracle=labelled_lines, ttft_s=0.15, tokens_per_s=400)
    ) as emulator:
        yield emulator


@pytest.fixture
def inbox(tmp_path: Path) -> Path:
    """Many small documents, each of which is a window."""
    schema = {
        "type": "object",
        "description": "A parcel.",
        "properties": {"sender": {"type": "string"}, "weight": {"type": "number"}},
    }
    (tmp_path / "parcel.json").write_text(json.dumps(schema), encoding="utf-8")
    (tmp_path / "inbox").mkdir()
    for number in range(SLIPS):
        text = f"Parcel slip {number}\nsender: Sender Number {number} Ltd\nweight: {number}.25\n"
        (tmp_path / "inbox" / f"slip{number:03}.txt").write_text(text, encoding="utf-8")
    return tmp_path / "inbox"


def start(kimi: Running, inbox: Path, out: Path) -> subprocess.Popen[bytes]:
    """`octavo run`, a window a document."""
    command = [
        sys.executable,
        "-m",
        "octavo.flows.cli",
        "run",
        str(inbox),
        "--out",
        str(out),
        "--extract",
        str(inbox.parent / "parcel.json"),
    ]
    command += [
        "--base-url",
        kimi.base_url,
        "--tier",
        "5",
        "--concurrency",
        str(AT_ONCE),
        "--max-documents-per-window",
        "1",
        "--yes",
    ]
    environ = {**os.environ, "MOONSHOT_API_KEY": kimi.key}
    return subprocess.Popen(command, cwd=ROOT, env=environ, start_new_session=True, stderr=subprocess.DEVNULL)


def slip_of(entry: Entry) -> int:
    """The one document that a request shows."""
    (number,) = set(re.findall(r"Parcel slip (\d+)", json.dumps(entry.body)))
    return int(number)


def ledger_of(out: Path, query: str) -> list[Any]:
    """Rows of a ledger, read beside whoever writes it."""
    if not (out / "ledger.sqlite").exists():
        return []
    connection = sqlite3.connect(out / "ledger.sqlite")
    try:
        return connection.execute(query).fetchall()
    finally:
        connection.close()


def folder(out: Path, secret: bytes) -> Path:
    """An empty output folder with a given secret, so that requests are the same in both."""
    out.mkdir()
    ledger = Ledger(out / "ledger.sqlite")
    ledger.close()
    with sqlite3.connect(ledger.path) as connection:
        connection.execute("UPDATE meta SET value = ? WHERE key = 'secret'", (secret,))
    connection.close()
    return out


def tables(out: Path) -> dict[str, list[dict[str, Any]]]:
    """All tables that say nothing of times, attempts and the provider's cache, without the name of the run that put a row there."""
    found = {
        name: Warehouse(out).query(f"FROM {name} ORDER BY {order}").to_pylist()
        for name, order in TIMELESS.items()
    }
    return {
        name: [{key: value for key, value in row.items() if key != "run"} for row in rows]
        for name, rows in found.items()
    }


def kill_once(kimi: Running, inbox: Path, out: Path, dice: random.Random) -> tuple[int, set[int], int]:
    """Start, kill at some moment: how many were in flight, which documents had their reply on disk, how long the journal was then."""
    waits = dice.random() < 0.7  # most kills come while it asks, the others while it starts, reads or commits
    began, asked = time.monotonic(), len(kimi.log.chats())
    running_job = start(kimi, inbox, out)
    while (
        waits
        and len(kimi.log.chats()) == asked
        and running_job.poll() is None
        and time.monotonic() - began < 60
    ):
        time.sleep(0.01)
    time.sleep(dice.uniform(0, 1.2 if waits else 4))
    if running_job.poll() is None:  # once all is answered, a run may end before its kill
        os.killpg(running_job.pid, signal.SIGKILL)
    running_job.wait()
    time.sleep(0.5)  # what it had sent is still answered and billed
    lost = ledger_of(out, "SELECT attempt FROM attempts a WHERE attempt NOT IN (SELECT attempt FROM replies)")
    arrived = {
        int(re.findall(r"Sender Number (\d+)", raw)[0])
        for (raw,) in ledger_of(out, "SELECT raw FROM replies")
    }
    return len(lost), arrived, len(kimi.log.entries)


@pytest.mark.prove
@pytest.mark.parametrize("kills", [200])
def test_kill_9_at_random_moments(kimi: Running, inbox: Path, tmp_path: Path, kills: int) -> None:
    """Paid again is at most what was in flight at each kill, nothing that had arrived is asked again, and the tables are the same."""
    seed = int(os.environ.get("OCTAVO_SEED", random.SystemRandom().randrange(10**6)))
    print(f"seed {seed}")  # shown when the test fails; OCTAVO_SEED repeats it
    dice, secret = random.Random(seed), bytes(range(32))
    undisturbed = folder(tmp_path / "undisturbed", secret)
    assert start(kimi, inbox, undisturbed).wait() == 0
    assert len(kimi.paid()) == SLIPS
    for number in range(0, kills, KILLS_A_FOLDER):
        kimi.reset()
        kill_and_finish(kimi, inbox, folder(tmp_path / f"killed{number}", secret), dice)
        assert tables(tmp_path / f"killed{number}") == tables(undisturbed)


def kill_and_finish(kimi: Running, inbox: Path, out: Path, dice: random.Random) -> None:
    """Kill the runs of one folder, let the last one end, and hold the provider's journal against the ledger."""
    marks = [kill_once(kimi, inbox, out, dice) for _ in range(KILLS_A_FOLDER)]
    assert start(kimi, inbox, out).wait() == 0
    lost = [0, *(lost for lost, _, _ in marks)]
    in_flight = [after - before for before, after in pairwise(lost)]
    paid_again = len(kimi.paid()) - SLIPS
    print(
        f"in flight at the kills {in_flight}, paid again {paid_again}, kills after {[len(arrived) for _, arrived, _ in marks]} replies"
    )
    assert max(in_flight) <= AT_ONCE
    assert 0 <= paid_again <= sum(in_flight)
    for _, arrived, entries in marks:
        assert not arrived & {slip_of(entry) for entry in kimi.log.entries[entries:] if entry.kind == "chat"}
