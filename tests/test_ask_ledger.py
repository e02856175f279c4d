"""The ledger: on disk before anything looks at it, and still there after kill -9."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from octavo.processors.ask.batch.orders import Orders
from octavo.processors.ask.ledger import SCHEMA, Ledger
from octavo.processors.ask.spend_report import statement
from octavo.processors.state import database, sqlite
from octavo.processors.state.dialect import steps_for_sqlite
from octavo.schemas.errors import StorageError
from octavo.schemas.pipeline import Usage

STEPS = steps_for_sqlite(SCHEMA.steps)
pytestmark = pytest.mark.usefixtures("either_state")
of_a_file = pytest.mark.of_a_file
FULL = 2  # of PRAGMA synchronous


def row(name: str) -> dict[str, Any]:
    """A request as the ledger takes it."""
    plain = {
        "question": "invoice",
        "question_fingerprint": "f",
        "engine": "moonshot",
        "provider": "moonshot",
        "model": "kimi-k2.6",
    }
    shown = {"window": "[]", "ids": "{}", "legend": "{}"}
    return {
        "request": name,
        **plain,
        **shown,
        "effort": "",
        "round": 0,
        "prompt_tokens": 10,
        "reply_limit": 5,
    }


async def pay(ledger: Ledger, name: str) -> None:
    """One call with a reply, in the ledger's order."""
    attempt = await ledger.sent(row(name), run="r", sent_at="2026-11-23T00:00:00+00:00", reserved_usd=0.5)
    await ledger.arrived(attempt, name, '{"raw": 1}', seconds=1.5, arrived_at="2026-11-23T00:00:01+00:00")
    await ledger.billed(attempt, 0.25, Usage(100, 20, 30, 40, 5))


async def test_a_reply_is_found_again(tmp_path: Path) -> None:
    """What arrived is there under the request's fingerprint, with its bill, also after closing and opening."""
    ledger = Ledger(tmp_path / "ledger.sqlite")
    await pay(ledger, "a")
    ledger.close()
    ledger = Ledger(tmp_path / "ledger.sqlite")
    stored = ledger.reply("a")
    assert stored is not None
    assert (stored["raw"], stored["cost_usd"], stored["attempts"]) == ('{"raw": 1}', 0.25, 1)
    assert ledger.reply("b") is None
    assert [found["request"] for found in ledger.answered("f", "moonshot", "kimi-k2.6")] == ["a"]
    ledger.close()


async def test_sent_without_reply_is_maybe_paid(tmp_path: Path) -> None:
    """A call that left and was never heard of again is counted with its worst case; a refused one is not."""
    ledger = Ledger(tmp_path / "ledger.sqlite")
    await ledger.sent(row("lost"), run="r", sent_at="2026-11-23T00:00:00+00:00", reserved_usd=0.5)
    refused = await ledger.sent(
        row("refused"), run="r", sent_at="2026-11-23T00:00:00+00:00", reserved_usd=0.5
    )
    await ledger.failed(refused, "429", billed_usd=0.0)
    await pay(ledger, "paid")
    assert ledger.maybe_paid() == (1, 0.5)
    ledger.close()


@of_a_file
def test_a_commit_of_the_ledger_survives_a_power_cut(tmp_path: Path) -> None:
    """SQLite syncs each commit of a file of ours to the disk, whatever its build does by itself."""
    with closing(sqlite.connect(tmp_path / "ledger.sqlite")) as connection:
        assert connection.execute("PRAGMA synchronous").fetchone()[0] == FULL
        assert connection.execute("PRAGMA journal_mode").fetchone()[0] == "wal"


async def test_the_secret_stays(tmp_path: Path) -> None:
    """The secret of an output folder is made once, so that a rerun sends the same marks."""
    first = Ledger(tmp_path / "ledger.sqlite")
    first.close()
    second = Ledger(tmp_path / "ledger.sqlite")
    second.close()
    other = Ledger(tmp_path / "other.sqlite")
    other.close()
    assert first.secret == second.secret != other.secret


async def test_a_folder_that_cannot_be_written_is_a_sentence(tmp_path: Path) -> None:
    """A ledger that cannot be opened is a StorageError, exit code 74, that names the file."""
    with pytest.raises(StorageError, match=r"ledger\.sqlite") as caught:
        Ledger(tmp_path / "nowhere" / "ledger.sqlite")
    assert caught.value.exit_code == 74


async def test_the_days_tokens_are_those_that_left(tmp_path: Path) -> None:
    """What an account used since a moment is the prompt and reply limit of each attempt, but not of those that were refused for free."""
    ledger = Ledger(tmp_path / "ledger.sqlite")
    await pay(ledger, "a")
    await ledger.sent(row("a"), run="r", sent_at="2026-11-23T01:00:00+00:00", reserved_usd=0.5)
    refused = await ledger.sent(row("b"), run="r", sent_at="2026-11-23T01:00:00+00:00", reserved_usd=0.5)
    await ledger.failed(refused, "429", billed_usd=0.0)
    assert ledger.tokens_since("moonshot", "2026-11-23T00:00:00+00:00") == 30
    assert ledger.tokens_since("moonshot", "2026-11-23T00:30:00+00:00") == 15
    assert ledger.tokens_since("openai", "2026-11-23T00:00:00+00:00") == 0
    ledger.close()


async def test_batches_take_nothing_of_the_day(tmp_path: Path) -> None:
    """What went in a batch is not among the tokens that an account used, though its calls are in the ledger, sent and not heard of."""
    ledger = Ledger(tmp_path / "ledger.sqlite")
    await pay(ledger, "a")
    orders = Orders(
        ledger.path, provider="moonshot", model="kimi-k2.6", base_url="http://127.0.0.1:9/v1", run="r"
    )
    orders.intend([row("b"), row("c")], [0.5, 0.5], sha256="", size_bytes=1)
    assert ledger.tokens_since("moonshot", "2026-11-23T00:00:00+00:00") == 15
    ledger.close()


OLD = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value BLOB NOT NULL);
CREATE TABLE requests (
    request TEXT PRIMARY KEY, question TEXT NOT NULL, question_fingerprint TEXT NOT NULL, engine TEXT NOT NULL, provider TEXT NOT NULL,
    model TEXT NOT NULL, round INTEGER NOT NULL, window TEXT NOT NULL, ids TEXT NOT NULL, prompt_tokens INTEGER NOT NULL,
    reply_limit INTEGER NOT NULL);
CREATE TABLE attempts (
    attempt INTEGER PRIMARY KEY, request TEXT NOT NULL, run TEXT NOT NULL, sent_at TEXT NOT NULL, reserved_usd REAL NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('sent', 'arrived', 'failed')), billed_usd REAL, error TEXT);
CREATE TABLE replies (
    request TEXT PRIMARY KEY, raw TEXT NOT NULL, seconds REAL NOT NULL, arrived_at TEXT NOT NULL, cost_usd REAL NOT NULL);
CREATE INDEX attempts_of_request ON attempts (request);
INSERT INTO meta VALUES ('secret', x'00ff');
INSERT INTO requests VALUES ('a', 'invoice', 'f', 'moonshot', 'moonshot', 'kimi-k2.6', 0, '[]', '{}', 10, 5),
    ('b', 'invoice', 'f', 'moonshot', 'moonshot', 'kimi-k2.6', 0, '[]', '{}', 10, 5);
INSERT INTO attempts VALUES (1, 'a', 'r', '2026-11-22T10:00:00+00:00', 0.5, 'failed', NULL, 'broke'),
    (2, 'a', 'r', '2026-11-22T10:00:01+00:00', 0.5, 'failed', 0, '429'),
    (3, 'a', 'r', '2026-11-22T10:00:02+00:00', 0.5, 'arrived', 0.1, NULL),
    (4, 'b', 'r', '2026-11-23T10:00:00+00:00', 0.25, 'sent', NULL, NULL);
INSERT INTO replies VALUES ('a', '{"raw": 1}', 1.5, '2026-11-22T10:00:03+00:00', 0.1);
"""


@of_a_file
async def test_a_folder_of_yesterday_opens_today(tmp_path: Path) -> None:
    """A ledger from before steps were numbered is brought up to date with nothing lost, once, and goes on being written."""
    path = tmp_path / "ledger.sqlite"
    with sqlite3.connect(path) as connection:
        connection.executescript(OLD)
    connection.close()
    for _ in range(2):
        ledger = Ledger(path)
        stored = ledger.bill("a")
        assert stored is not None
        assert (stored["raw"], stored["cost_usd"], stored["attempts"]) == ('{"raw": 1}', 0.1, 3)
        assert (ledger.secret, ledger.maybe_paid()) == (b"\x00\xff", (2, 0.75))
        ledger.close()
    assert statement(path)[0]["prompt_tokens"] is None
    ledger = Ledger(path)
    await pay(ledger, "c")
    ledger.close()
    total, *_, question = statement(path)
    assert total == question | {"heading": "total", "name": "all"}
    assert [total[name] for name in ("attempts", "answered", "free", "maybe_paid", "unheard", "in_vain")] == [
        5,
        2,
        1,
        1,
        1,
        0,
    ]
    assert (total["spent_usd"], total["maybe_usd"]) == (0.35, 0.75)
    assert tokens(total) == [100, 30, 40, 20, 5]


@of_a_file
def test_a_statement_leaves_an_older_ledger_as_it_is(tmp_path: Path) -> None:
    """A ledger whose bills say nothing of tokens is summed up, and not changed, since a run of an older Octavo may write it."""
    path = tmp_path / "ledger.sqlite"
    with closing(sqlite.connect(path)) as connection:
        sqlite.migrate(connection, STEPS[:-1], path)
        connection.execute("INSERT INTO meta VALUES ('secret', x'00')")
        connection.commit()
        assert statement(path) == []
        assert connection.execute("PRAGMA user_version").fetchone()[0] == len(STEPS) - 1
        assert "prompt_tokens" not in {row["name"] for row in connection.execute("PRAGMA table_info(ends)")}


def tokens(line: dict[str, Any]) -> list[int | None]:
    """The tokens of a line of the statement: prompt, of which read from the cache and written to it, and reply, of which reasoning."""
    return [line[f"{name}_tokens"] for name in ("prompt", "cached", "cache_write", "reply", "reasoning")]


def test_a_ledger_of_tomorrow_is_a_sentence(tmp_path: Path) -> None:
    """A ledger that a newer Octavo wrote is left alone, with a sentence."""
    path = tmp_path / "ledger.sqlite"
    Ledger(path).close()
    version = "UPDATE octavo_version SET version = 99" if database.is_shared() else "PRAGMA user_version = 99"
    with closing(database.opened(path, SCHEMA)) as store:
        if database.is_shared():
            store.write(lambda given: given.execute(version))
        else:
            store.read(version)
    with pytest.raises(StorageError, match=r"newer Octavo \(schema 99"):
        Ledger(path)


@pytest.mark.parametrize("table", ["attempts", "replies", "ends"])
@pytest.mark.parametrize("change", ["UPDATE {} SET attempt = 7", "DELETE FROM {}"])
async def test_what_is_put_down_stays(tmp_path: Path, table: str, change: str) -> None:
    """Attempts, replies and ends are only ever added to: the file itself refuses anything else."""
    ledger = Ledger(tmp_path / "ledger.sqlite")
    await pay(ledger, "a")
    ledger.close()
    with (
        closing(database.opened(ledger.path, SCHEMA)) as store,
        pytest.raises(database.TROUBLE, match="only added to"),
    ):
        store.write(lambda given: given.execute(change.format(table)))


async def test_every_attempt_stands_in_the_statement_once(tmp_path: Path) -> None:
    """Under each heading the attempts add up to all there are, with dollars that are the bills and the tokens that these are for."""
    ledger = Ledger(tmp_path / "ledger.sqlite")
    for name in "ab":
        await pay(ledger, name)
    lost = await ledger.sent(row("c"), run="s", sent_at="2026-11-24T00:00:00+00:00", reserved_usd=0.5)
    await ledger.failed(lost, "broke", billed_usd=None)
    await ledger.sent(row("d"), run="s", sent_at="2026-11-24T00:00:00+00:00", reserved_usd=0.5)
    ledger.close()
    rows = statement(ledger.path)
    for heading in ("total", "day", "model", "run", "question"):
        sums = [
            (line["attempts"], line["spent_usd"], line["maybe_usd"])
            for line in rows
            if line["heading"] == heading
        ]
        assert [sum(column) for column in zip(*sums, strict=True)] == [4, 0.5, 1.0]
    assert tokens(rows[0]) == [200, 60, 80, 40, 10]
    by_day = {
        line["name"]: (line["answered"], line["maybe_paid"], line["unheard"])
        for line in rows
        if line["heading"] == "day"
    }
    assert by_day == {"2026-11-23": (2, 0, 0), "2026-11-24": (0, 1, 1)}


KILLED = """
import asyncio, os, signal, sys
sys.path.insert(0, {root!r})
from pathlib import Path
from octavo.processors.ask.ledger import Ledger
from tests.test_ask_ledger import pay
async def main():
    ledger = Ledger(Path({path!r}))
    for n in range(20):
        await pay(ledger, str(n))
        print(n, flush=True)
    os.kill(os.getpid(), signal.SIGKILL)
asyncio.run(main())
"""


def test_what_was_acknowledged_survives_kill_9(tmp_path: Path) -> None:
    """Every reply that the ledger said it had is on disk after the process is killed at once."""
    root, path = Path(__file__).resolve().parents[1], tmp_path / "ledger.sqlite"
    done = subprocess.run(
        [sys.executable, "-c", KILLED.format(root=str(root), path=str(path))],
        check=False,
        capture_output=True,
        text=True,
        env=os.environ,
    )
    assert done.returncode == -signal.SIGKILL, done.stderr
    with closing(database.opened(path, SCHEMA)) as store:
        stored = {name for (name,) in store.read("SELECT request FROM replies")}
    assert stored == set(done.stdout.split())
