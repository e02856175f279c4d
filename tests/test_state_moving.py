"""`octavo migrate`: what was in files is in the shared state, once, however often it is tried and wherever it was stopped."""

from __future__ import annotations

import asyncio
import os
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from octavo.flows.commands.migrate import migrate
from octavo.processors.ask.ledger import Ledger
from octavo.processors.ask.money.spending import Spending
from octavo.processors.ask.nano_usd import nano
from octavo.processors.ask.pace.shared import SharedLimits
from octavo.processors.ask.spend_report import statement
from octavo.processors.state import moving
from octavo.processors.store.warehouse import CorrectionStore
from octavo.schemas.corrections import Correction, ValuePlace
from octavo.schemas.errors import Locked, SettingsError, StorageError
from tests.postgres_server import Server
from tests.test_ask_ledger import pay, row

DAY = "2026-11-23"
NOW = datetime(2026, 11, 23, tzinfo=UTC)


@pytest.fixture
def out(tmp_path: Path) -> Path:
    """An output folder and a home with files from before there was a state to share."""
    folder, home = tmp_path / "out", Path(os.environ["OCTAVO_HOME"])
    folder.mkdir()
    fill(folder, home)
    return folder


def fill(folder: Path, home: Path) -> None:
    """Put something into every store."""
    ledger = Ledger(folder / "ledger.sqlite")
    for name in "abc":
        asyncio.run(pay(ledger, name))
    asyncio.run(ledger.sent(row("lost"), run="r", sent_at=f"{DAY}T00:00:00+00:00", reserved_usd=0.5))
    ledger.keep("calibration", "[[1, 2]]")
    ledger.close()
    purse = Spending(home / "spending.sqlite", project="p", run="r")
    for billed in (0.1, 0.2):
        call = purse.reserve(nano(0.5), DAY, {})
        assert isinstance(call, int)
        purse.settle(call, nano(billed))
    call = purse.reserve(nano(0.5), DAY, {})
    assert isinstance(call, int)
    purse.name(call, "a batch that waits")
    purse.close()
    limits = SharedLimits(home / "pace.sqlite", "account")
    limits.tell_limit("rpm", 100, 1.0)
    limits.close()
    with closing(CorrectionStore(folder)) as store:
        store.put([correction()], {"total": 1}, "batch")


def correction() -> Correction:
    """Something that a person said."""
    return Correction(
        document="d", question="invoice", field="total", verdict="changed", before="1", after="2", note="",
        question_fingerprint="f", confidence=0.5, place=ValuePlace(), anchors=(), who="ann", at=NOW, number=0,
    )  # fmt: skip


def known(folder: Path, home: Path) -> dict[str, Any]:
    """All that there is to know of it."""
    ledger, purse = Ledger(folder / "ledger.sqlite"), Spending(home / "spending.sqlite", project="p", run="r")
    limits = SharedLimits(home / "pace.sqlite", "account")
    with closing(CorrectionStore(folder)) as store, closing(ledger), closing(purse), closing(limits):
        return {
            "secret": ledger.secret,
            "statement": statement(ledger.path),
            "answered": [found["request"] for found in ledger.answered("f", "moonshot", "kimi-k2.6")],
            "note": ledger.note("calibration"),
            "maybe": ledger.maybe_paid(),
            "spent": [purse.total_usd(scope) for scope in (f"day {DAY}", "month 2026-11", "project p")],
            "batch": bool(purse.named("a batch that waits")),
            "limits": limits.found_limits(),
            "corrections": list(store.each()),
            "unsettled": store.unsettled(),
        }


def named(postgres: Server, monkeypatch: pytest.MonkeyPatch) -> str:
    """Name a new database in OCTAVO_STATE."""
    database = postgres.new_database()
    monkeypatch.setenv("OCTAVO_STATE", postgres.url(database))
    return database


def test_all_is_there_once(out: Path, postgres: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """Everything is as it was, also after the second time, and what comes next goes on from there."""
    home = Path(os.environ["OCTAVO_HOME"])
    before = known(out, home)
    named(postgres, monkeypatch)
    with pytest.raises(SettingsError, match="octavo migrate"):
        Ledger(out / "ledger.sqlite")
    said = list(migrate(out))
    assert [sentence.endswith("nothing reads any more.") for sentence in said] == [True] * 4
    assert known(out, home) == before
    assert [sentence.endswith("nothing to move.") for sentence in migrate(out)] == [True] * 4
    assert known(out, home) == before
    ledger = Ledger(out / "ledger.sqlite")
    asyncio.run(pay(ledger, "next"))
    assert [found["request"] for found in ledger.answered("f", "moonshot", "kimi-k2.6")] == [
        "a",
        "b",
        "c",
        "next",
    ]
    ledger.close()


def test_a_move_that_was_stopped_is_taken_up(
    out: Path, postgres: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stopped while rows are copied, nothing of them is there; stopped behind the commit, they are not copied twice."""
    home = Path(os.environ["OCTAVO_HOME"])
    before = known(out, home)
    named(postgres, monkeypatch)
    copy_table = moving.copy_table

    def stops(source: Any, store: Any, table: str, **more: Any) -> int:
        if table == "replies":
            raise KeyboardInterrupt
        return copy_table(source, store, table, **more)

    with monkeypatch.context() as stopped:
        stopped.setattr("octavo.processors.ask.moving_in.copy_table", stops)
        with pytest.raises(KeyboardInterrupt):
            list(migrate(out))
    assert (out / "ledger.sqlite").exists()

    def no_rename(_: Path, target: Path) -> Path:
        raise OSError(5, "Input/output error", str(target))

    with monkeypatch.context() as stopped:
        stopped.setattr("pathlib.Path.replace", no_rename)
        with pytest.raises(StorageError, match="nothing is copied twice"):
            list(migrate(out))
    assert (out / "ledger.sqlite").exists()
    list(migrate(out))
    assert known(out, home) == before


def test_what_several_machines_spent_adds_up(
    out: Path, tmp_path: Path, postgres: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each machine moves its own file of what it spent, and a cap counts them all."""
    homes, outs = [Path(os.environ["OCTAVO_HOME"]), tmp_path / "home2"], [out, tmp_path / "out2"]
    homes[1].mkdir()
    outs[1].mkdir()
    fill(outs[1], homes[1])
    named(postgres, monkeypatch)
    for home, folder in zip(homes, outs, strict=True):
        monkeypatch.setenv("OCTAVO_HOME", str(home))
        list(migrate(folder))
    with closing(Spending(homes[0] / "spending.sqlite", project="", run="")) as purse:
        assert purse.total_usd(f"day {DAY}") == (0.6, 1.0)


def test_a_run_that_goes_on_is_waited_for(
    out: Path, postgres: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While a run of this machine has calls in flight, what it spends stays in its file."""
    path = Path(os.environ["OCTAVO_HOME"]) / "spending.sqlite"
    with closing(Spending(path, project="", run="")) as purse:
        purse.reserve(nano(0.5), DAY, {})
        named(postgres, monkeypatch)
        with pytest.raises(Locked, match="calls in flight"):
            list(migrate(out))
    assert path.exists()


def test_who_has_the_file_open_still_is_refused(
    out: Path, postgres: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run that began before the move, and has no call in flight meanwhile, reserves nothing in a file that nobody reads any more."""
    home = Path(os.environ["OCTAVO_HOME"])
    purse = Spending(home / "spending.sqlite", project="p", run="other")
    with closing(purse):
        named(postgres, monkeypatch)
        list(migrate(out))
        with pytest.raises(StorageError, match="was moved into the database that OCTAVO_STATE names"):
            purse.reserve(nano(0.5), DAY, {})


def test_without_a_state_there_is_nowhere_to_move(out: Path) -> None:
    """The sentence says which variable to set, and nothing is changed."""
    with pytest.raises(SettingsError, match="OCTAVO_STATE names no database"):
        list(migrate(out))
    assert (out / "ledger.sqlite").exists()
