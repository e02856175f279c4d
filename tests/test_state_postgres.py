"""The state that hosts share: nothing is done twice or lost when the server or a connection goes, and no password is shown."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from octavo.processors.ask.ledger import SCHEMA, Ledger
from octavo.processors.ask.money.spending import Spending
from octavo.processors.ask.nano_usd import nano
from octavo.processors.ask.pace.shared import SharedLimits
from octavo.processors.ask.spend_report import statement
from octavo.processors.state import database, folder_id
from octavo.processors.state.dialect import Schema
from octavo.processors.state.postgres import PostgresDatabase
from octavo.processors.store import disk
from octavo.processors.store.warehouse import Change, hold
from octavo.schemas.errors import Locked, SettingsError, StorageError
from octavo.schemas.tables import RUNS
from tests.command import octavo
from tests.postgres_proxy import Wire, wire
from tests.postgres_server import PASSWORD, QUOTED, Server
from tests.test_ask_ledger import pay, row

ROOT = Path(__file__).resolve().parents[1]
NOW = datetime(2026, 11, 30, tzinfo=UTC)
DAY = "2026-11-30"
AT = "2026-11-30T00:00:00+00:00"


@pytest.fixture
def cable(postgres: Server, shared_state: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Wire]:
    """OCTAVO_STATE is reached by a wire that a test can cut."""
    with wire(postgres.port) as one:
        monkeypatch.setenv("OCTAVO_STATE", postgres.url(shared_state, one.port))
        yield one


def end_connections(postgres: Server, state: str) -> None:
    """End all connections of a database, as an administrator does."""
    sql = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s AND pid <> pg_backend_pid()"
    postgres.execute(sql, (state,))


def counts(path: Path) -> tuple[int, int]:
    """Attempts and replies in a ledger."""
    total = statement(path)[0]
    return total["attempts"], total["answered"]


async def test_a_server_that_is_killed_and_started_again_costs_nothing(
    tmp_path: Path, postgres: Server, shared_state: str
) -> None:
    """Calls go on when the server is back: each is there once, with its bill."""
    ledger = Ledger(tmp_path / "ledger.sqlite")
    await pay(ledger, "before")
    postgres.kill()
    paying = asyncio.gather(*(pay(ledger, f"during {number}") for number in range(5)))
    await asyncio.sleep(0.3)
    assert not paying.done()
    await asyncio.to_thread(postgres.start)
    await paying
    await pay(ledger, "after")
    ledger.close()
    assert counts(ledger.path) == (7, 7)


async def test_a_connection_that_is_ended_is_made_anew(
    tmp_path: Path, postgres: Server, shared_state: str
) -> None:
    """Whatever an administrator or a router ends in the middle, each call is in the ledger once."""
    ledger = Ledger(tmp_path / "ledger.sqlite")
    over = threading.Event()

    def cut() -> None:
        while not over.wait(0.4):
            end_connections(postgres, shared_state)

    cutting = threading.Thread(target=cut)
    cutting.start()
    try:
        for number in range(25):
            await pay(ledger, str(number))
    finally:
        over.set()
        cutting.join()
    ledger.close()
    assert counts(ledger.path) == (25, 25)


async def test_a_wire_that_breaks_at_any_moment_does_nothing_twice(tmp_path: Path, cable: Wire) -> None:
    """Also where the answer to a COMMIT is what is lost, an attempt is one attempt and a dollar one dollar."""
    ledger, purse = (
        Ledger(tmp_path / "ledger.sqlite"),
        Spending(tmp_path / "spending.sqlite", project="", run="r"),
    )
    over = threading.Event()
    cable.delay_s = 0.002  # so that each moment is met

    def cut() -> None:
        while not over.wait(0.3 + random.random() / 2):
            cable.drop()

    cutting = threading.Thread(target=cut)
    cutting.start()
    try:
        for number in range(25):
            await pay(ledger, str(number))
            call = await asyncio.to_thread(purse.reserve, nano(0.02), DAY, {f"day {DAY}": nano(1)})
            assert isinstance(call, int)
            purse.settle(call, nano(0.01))
    finally:
        over.set()
        cutting.join()
    ledger.close()
    assert counts(ledger.path) == (25, 25)
    assert purse.total_usd(f"day {DAY}") == (0.25, 0.0)
    purse.close()


async def test_a_slow_wire_is_only_slow(tmp_path: Path, cable: Wire) -> None:
    """A server far away is used as one nearby."""
    cable.delay_s = 0.02
    ledger = Ledger(tmp_path / "ledger.sqlite")
    await asyncio.gather(*(pay(ledger, str(number)) for number in range(10)))
    ledger.close()
    assert counts(ledger.path) == (10, 10)


@pytest.mark.parametrize("earlier", [False, True])
async def test_a_reply_outlives_a_state_that_stays_away(
    tmp_path: Path, cable: Wire, monkeypatch: pytest.MonkeyPatch, *, earlier: bool
) -> None:
    """A paid reply that cannot be put down is kept beside the tables, said, and in the ledger next time, also of a version before."""
    ledger = Ledger(tmp_path / "ledger.sqlite")
    attempt = await ledger.sent(row("a"), run="r", sent_at=AT, reserved_usd=0.5)
    monkeypatch.setattr(ledger._store, "_schema", Schema(SCHEMA.steps, patience_s=0.2))
    cable.is_cut = True
    cable.drop()
    with pytest.raises(StorageError, match=r"OCTAVO_STATE runs.*ledger\.\w+\.rescued\.jsonl") as caught:
        await ledger.arrived(attempt, "a", "{}", seconds=1.0, arrived_at=AT)
    assert caught.value.exit_code == 74
    with pytest.raises(StorageError):
        await ledger.sent(row("b"), run="r", sent_at=AT, reserved_usd=0.5)  # so that no call leaves
    cable.is_cut = False
    ledger.close()
    if earlier:  # which had one file, and might be killed in the middle of a line
        (kept,) = tmp_path.glob("*.jsonl")
        text = kept.read_text()
        kept.unlink()
        (tmp_path / "ledger.rescued.jsonl").write_text(text + '["arr')
    for _ in range(2):
        later = Ledger(tmp_path / "ledger.sqlite")
        found = later.reply("a")
        assert found is not None
        assert found["raw"] == "{}"
        later.close()
    assert not list(tmp_path.glob("*.jsonl"))


async def test_a_reply_with_any_character_is_kept(tmp_path: Path, shared_state: str) -> None:
    """PostgreSQL has no character 0 and no half characters; a reply that has them is paid all the same."""
    ledger = Ledger(tmp_path / "ledger.sqlite")
    attempt = await ledger.sent(row("a"), run="r", sent_at=AT, reserved_usd=0.5)
    await ledger.arrived(attempt, "a", '{"a": "\0 \ud800"}', seconds=1.0, arrived_at=AT)
    found = ledger.reply("a")
    assert found is not None
    assert found["raw"] == '{"a": "\\u0000 \\ud800"}'
    ledger.close()


def test_a_state_that_is_away_lets_nobody_leave(tmp_path: Path, cable: Wire) -> None:
    """While nobody knows what other hosts use of the account, no request leaves; when it is back, they do, and are counted."""
    sharing = SharedLimits(tmp_path / "pace.sqlite", "a")
    limits = {"concurrency": 3, "rpm": 0, "tpm": 0, "tpd": 0}
    assert sharing.enter(1, limits, 1).room
    cable.is_cut = True
    cable.drop()
    time.sleep(0.1)
    refused = sharing.enter(1, limits, 1)
    assert (refused.room, refused.again_s) == (False, 1.0)
    cable.is_cut = False
    assert [sharing.enter(1, limits, 1).room for _ in range(3)] == [True, True, False]
    sharing.close()


def test_hosts_with_other_mounts_meet_the_same_lock(tmp_path: Path, shared_state: str) -> None:
    """A folder that two hosts see under two paths is one folder: the refusal names host, process and time of the holder."""
    out, elsewhere = tmp_path / "out", tmp_path / "mnt"
    with disk.locked(out, NOW):
        elsewhere.mkdir()
        (elsewhere / folder_id.FILE).write_bytes((out / folder_id.FILE).read_bytes())
        with (
            pytest.raises(
                Locked, match=rf"{os.getpid()} on {os.uname().nodename}, since 2026-11-30T00:00:00"
            ),
            disk.locked(elsewhere, NOW),
        ):
            pass
    with disk.locked(elsewhere, NOW):
        pass


HOLD_AND_WAIT = """
import sys
from datetime import UTC, datetime
from pathlib import Path
from octavo.processors.store import disk
with disk.locked(Path(sys.argv[1]), datetime.now(UTC)):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_a_killed_holder_holds_nothing(tmp_path: Path, shared_state: str) -> None:
    """The lock is free in the moment in which its holder is killed, and not a moment earlier."""
    words = [sys.executable, "-c", HOLD_AND_WAIT, str(tmp_path)]
    with subprocess.Popen(words, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        (tmp_path / "lock").unlink()  # another host's kernel knows nothing of it
        with pytest.raises(Locked, match=str(holder.pid)), disk.locked(tmp_path, NOW):
            pass
        holder.send_signal(signal.SIGKILL)
        holder.wait()
        with disk.locked(tmp_path, NOW):
            pass


def test_a_holder_that_lost_its_lock_commits_nothing(
    tmp_path: Path, postgres: Server, shared_state: str
) -> None:
    """Where another host took the folder meanwhile, a commit is refused and the tables stay as they are."""
    with hold(tmp_path) as warehouse:
        postgres.execute(
            "UPDATE octavo.holders SET name = 'b 1 1 x', host = 'b', pid = 1", database=shared_state
        )
        with pytest.raises(Locked, match="was taken by process 1 on b"):
            warehouse.commit([Change(RUNS, [])])
    assert not (tmp_path / "warehouse.duckdb").exists()


def test_a_lock_outlives_its_connection(tmp_path: Path, postgres: Server, shared_state: str) -> None:
    """A holder whose connection was cut holds the folder again a moment later, and commits."""
    with hold(tmp_path) as warehouse:
        end_connections(postgres, shared_state)
        warehouse.commit([Change(RUNS, [])])
        (tmp_path / "lock").unlink()
        with pytest.raises(Locked), disk.locked(tmp_path, NOW):
            pass


@pytest.mark.parametrize("kind", ["ledger", "spending"])
def test_nothing_is_begun_anew_in_the_wrong_place(
    tmp_path: Path, postgres: Server, shared_state: str, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    """A folder whose ledger is elsewhere is refused with what to do, in either direction, since all would be paid again."""
    path = tmp_path / f"{kind}.sqlite"
    open_it = Ledger if kind == "ledger" else (lambda path: Spending(path, project="", run=""))
    open_it(path).close()
    monkeypatch.delenv("OCTAVO_STATE")
    with pytest.raises(SettingsError, match="OCTAVO_STATE names none"):
        open_it(path)
    (tmp_path / folder_id.FILE).rename(tmp_path / "aside")
    open_it(path).close()
    (tmp_path / "aside").rename(tmp_path / folder_id.FILE)
    monkeypatch.setenv("OCTAVO_STATE", postgres.url(shared_state))
    with pytest.raises(SettingsError, match="octavo migrate"):
        open_it(path)
    path.unlink()
    other = postgres.new_database()
    monkeypatch.setenv("OCTAVO_STATE", postgres.url(other))
    with pytest.raises(SettingsError, match="another database"):
        open_it(path)
    postgres.drop(other)


def test_tables_of_today_are_brought_up_to_tomorrow(tmp_path: Path, shared_state: str) -> None:
    """A step that a later version adds is taken once, with nothing lost, and this version then leaves the tables alone."""
    path = tmp_path / "ledger.sqlite"
    ledger = Ledger(path)
    asyncio.run(pay(ledger, "a"))
    ledger.close()
    tomorrow = Schema((*SCHEMA.steps, "ALTER TABLE ends ADD COLUMN moons INTEGER;"))
    for _ in range(2):
        with closing(database.opened(path, tomorrow)) as store:
            assert "moons" in store.columns("ends")
            assert [tuple(found) for found in store.read("SELECT attempt, raw FROM replies")] == [
                (1, '{"raw": 1}')
            ]
    with pytest.raises(StorageError, match=f"newer Octavo \\(schema {len(tomorrow.steps)}"):
        Ledger(path)


@pytest.mark.parametrize(
    ("address", "says"),
    [
        ("mysql://u:canary@h/d", "is no address"),
        ("postgresql://u:canary@h:port/d", "is no address"),
        ("postgresql://u:canary%zz@h/d", "is no address"),
        ("postgresql://u:canary@127.0.0.1:1/d", "refused"),
        ("host=h password=canary", "is no address"),
    ],
)
def test_an_address_that_cannot_be_used_is_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, address: str, says: str
) -> None:
    """What is wrong is said in a sentence in which nothing of the password is."""
    monkeypatch.setattr("octavo.processors.state.postgres.FIRST_PATIENCE_S", 0.2)
    monkeypatch.setenv("OCTAVO_STATE", address)
    with pytest.raises((SettingsError, StorageError), match=says) as caught:
        Ledger(tmp_path / "ledger.sqlite")
    assert "canary" not in f"{caught.value!r} {caught.value} {caught.value.__cause__!r}"


def test_the_password_is_nowhere(tmp_path: Path, postgres: Server, shared_state: str) -> None:
    """The password of the state is in no output, table, log or traceback of a run, nor of one that the server does not let in."""
    (tmp_path / "inbox").mkdir()
    (tmp_path / "inbox" / "a.txt").write_text("subject: one\n")
    url = postgres.url(shared_state)
    words = ["run", str(tmp_path / "inbox"), "--offline", "--extract", "letter", "--json"]
    said = b""
    for address, code in ((url, 0), (postgres.url("nowhere"), 74), (url.replace("tester:", "x:"), 74)):
        out = ("--out", str(tmp_path / "out"))
        done = octavo(*words, *out, OCTAVO_STATE=address, OCTAVO_HOME=str(tmp_path))
        assert done.returncode == code, done.stderr
        said += (done.stdout + done.stderr).encode()
        words = ["ledger"]  # which is quick
    said += b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    assert b"PostgreSQL at 127.0.0.1" in said
    assert PASSWORD.encode() not in said
    assert QUOTED.encode() not in said


def test_a_missing_library_is_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the extra the sentence says what to install."""
    monkeypatch.setenv("OCTAVO_STATE", "postgresql://127.0.0.1/d")
    monkeypatch.setitem(sys.modules, "octavo.processors.state.postgres", None)
    with pytest.raises(SettingsError, match=r"pip install 'octavo\[postgres\]'"):
        Ledger(tmp_path / "ledger.sqlite")


def test_what_others_wrote_is_trouble_and_no_traceback(tmp_path: Path, shared_state: str) -> None:
    """A statement that the server refuses is trouble in one line, and the store goes on being used."""
    with closing(
        database.opened(tmp_path / "x.sqlite", Schema(("CREATE TABLE t (a INTEGER PRIMARY KEY);",)))
    ) as store:
        assert isinstance(store, PostgresDatabase)
        with pytest.raises(database.TROUBLE, match="nowhere"):
            store.write(lambda given: given.execute("INSERT INTO nowhere VALUES (1)"))
        store.write(lambda given: given.execute("INSERT INTO t VALUES (1)"))
        assert len(store.read("SELECT * FROM t")) == 1
