"""octavo metrics and octavo ledger backup: what a monitor reads of a folder, and that a restored ledger pays nothing twice."""

from __future__ import annotations

import json
import shutil
import sqlite3
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from octavo.flows import cli, order, settings
from octavo.flows.commands import metrics
from octavo.flows.consent import Estimate
from octavo.flows.hooks import Hooks
from octavo.flows.outcome.outcome import Outcome
from octavo.processors.ask.ledger import Ledger
from octavo.processors.store.warehouse import Warehouse
from octavo.schemas.job import Job
from tests.emulator.config import Fault
from tests.emulator.fixture import Running

INVOICES = [
    f"Invoice {number}\nseller: Acme {number}\ngrand total: {number}.00 EUR\n" for number in range(1, 4)
]


def job_in(folder: Path, kimi: Running, **more: Any) -> Job:
    """A job over three letters, with limits that nobody waits for."""
    inbox = folder / "inbox"
    inbox.mkdir(exist_ok=True)
    for number, text in enumerate(INVOICES):
        (inbox / f"{number}.txt").write_text(text)
    limits: dict[str, Any] = {
        "concurrency": 4,
        "rpm": 10**6,
        "tpm": 10**9,
        "isolation": "document",
        "budget_day_usd": 5,
    }
    return Job(
        inbox=str(inbox),
        out=str(folder / "out"),
        base_url=kimi.base_url,
        **{"extract": ["receipt"], **limits, **more},
    )


async def run(job: Job, kimi: Running) -> Outcome:
    """The job, its price agreed to."""

    def agree(_: Estimate) -> bool:
        return True

    return await order.run(job, settings.account(job, key=kimi.key), hooks=Hooks(approve=agree))


def series(folder: Path, name: str = "out") -> dict[str, dict[tuple[str, ...], float]]:
    """Name of a series -> its labels but `out` -> value, as Prometheus' own parser reads what is printed."""
    found: dict[str, dict[tuple[str, ...], float]] = {}
    for family in text_string_to_metric_families(metrics.text(folder, name)):
        assert family.documentation
        for sample in family.samples:
            assert sample.labels["out"] == name
            labels = tuple(value for label, value in sorted(sample.labels.items()) if label != "out")
            found.setdefault(sample.name, {})[labels] = sample.value
    return found


async def test_a_folder_is_watched_by_its_numbers(kimi: Running, tmp_path: Path) -> None:
    """Documents, answers, calls, refusals, dollars, budgets and the last run are there, and agree with tables and provider."""
    kimi.config.faults = [Fault("overloaded", times=1)]
    job = job_in(tmp_path, kimi)
    ended = await run(job, kimi)
    found = series(tmp_path / "out")
    assert found["octavo_documents"] == {("ok",): 3}
    assert found["octavo_calls_total"][("kimi-k2.6", "answered")] == len(kimi.paid())
    assert sum(found["octavo_refused_calls_total"].values()) == 1
    spent = found["octavo_spent_usd_total"][("kimi-k2.6",)]
    assert spent == pytest.approx(ended.cost_usd)
    assert found["octavo_spent_today_usd"][()] == pytest.approx(spent)
    assert found["octavo_budget_used_usd"][("day",)] == pytest.approx(spent)
    assert found["octavo_budget_limit_usd"] == {("day",): 5}
    assert found["octavo_last_run_exit_code"] == {(): ended.exit_code}
    assert found["octavo_unfinished_runs"] == {(): 0}
    assert found["octavo_unknown_calls"] == {(): 0}
    assert found["octavo_tokens_total"][("prompt", "kimi-k2.6")] > 0
    assert sum(found["octavo_answers"].values()) + sum(found.get("octavo_rejects", {}).values()) >= 3


async def test_a_run_that_changed_nothing_counts_as_the_last(kimi: Running, tmp_path: Path) -> None:
    """The time of the last run goes on also where no row says so, and a failed run does not move the last success."""
    job = job_in(tmp_path, kimi, extract=[], offline=True)
    await run(job, kimi)
    first = series(tmp_path / "out")
    again = await run(job, kimi)
    assert not again.changed
    second = series(tmp_path / "out")
    name = "octavo_last_run_end_timestamp_seconds"
    assert second[name][()] > first[name][()]
    for path in (tmp_path / "inbox").iterdir():
        path.unlink()
    gone = await run(job, kimi)
    third = series(tmp_path / "out")
    assert third["octavo_last_run_exit_code"] == {(): gone.exit_code} == {(): 2}
    success = "octavo_last_success_timestamp_seconds"
    assert third[success] == second[success]


def test_unknown_calls_and_unfinished_runs_are_told(tmp_path: Path) -> None:
    """A call that was sent and never heard of, and a run that never ended, have numbers."""
    ledger = Ledger(tmp_path / "ledger.sqlite")
    ledger.keep("run x", json.dumps({"run": "x", "started_at": "2026-11-30T12:00:00+00:00"}))
    ledger.close()
    with sqlite3.connect(tmp_path / "ledger.sqlite") as file:
        values = ("r", "q", "f", "moonshot", "moonshot", "kimi-k2.6", 0, "[]", "{}", 10, 10, "{}", "")
        file.execute(f"INSERT INTO requests VALUES ({', '.join('?' * len(values))})", values)
        file.execute("INSERT INTO attempts VALUES (1, 'r', 'x', '2026-11-30T12:00:00', 2500000000)")
    found = series(tmp_path)
    assert found["octavo_unknown_calls"] == {(): 1}
    assert found["octavo_maybe_paid_usd"] == {(): 2.5}
    assert found["octavo_unfinished_runs"] == {(): 1}
    assert found["octavo_unfinished_run_start_timestamp_seconds"] == {(): 1796040000}


def test_a_name_with_quotes_is_still_text(tmp_path: Path) -> None:
    """Whatever a folder is called, Prometheus can read the lines."""
    assert series(tmp_path, 'a "b" \\ c\nd')["octavo_info"]


def test_metrics_are_written_in_one_step(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """--to replaces the file whole, for all to read; a folder that is not there leaves it as it was and is exit code 1."""
    target = tmp_path / "octavo.prom"
    assert cli.main(["metrics", "--out", str(tmp_path), "--to", str(target)]) == 0
    assert target.stat().st_mode & 0o777 == 0o644
    assert [path.name for path in tmp_path.iterdir()] == [target.name]
    before = target.read_text()
    assert cli.main(["metrics", "--out", str(tmp_path / "nowhere"), "--to", str(target)]) == 1
    assert "There is no folder" in capsys.readouterr().err
    assert target.read_text() == before
    assert cli.main(["metrics", "--out", str(tmp_path), "--to", str(tmp_path / "no" / "x.prom")]) == 74


async def test_a_restored_ledger_pays_nothing_twice(
    kimi: Running, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Output folder and home are lost; with the backup a run on a new machine makes the same tables and sends nothing."""
    job = job_in(tmp_path, kimi)
    await run(job, kimi)
    paid, rows = len(kimi.paid()), Warehouse(tmp_path / "out").rows("receipt")
    assert paid
    kept = tmp_path / "kept"
    assert cli.main(["ledger", "backup", "--out", job.out, "--to", str(kept)]) == 0
    assert {path.name for path in kept.iterdir()} == {"ledger.sqlite", "spending.sqlite"}
    shutil.rmtree(job.out)
    monkeypatch.setenv("OCTAVO_HOME", str(tmp_path / "home"))
    assert cli.main(["ledger", "restore", "--out", job.out, "--from", str(kept)]) == 0
    assert (tmp_path / "home" / "spending.sqlite").is_file()
    again = await run(job, kimi)
    assert (len(kimi.paid()), again.asked) == (paid, 0)
    own = {"run"}
    assert [{**row, "run": ""} for row in Warehouse(tmp_path / "out").rows("receipt")] == [
        {name: "" if name in own else value for name, value in row.items()} for row in rows
    ]


def test_a_backup_beside_a_writer_is_whole(tmp_path: Path) -> None:
    """A backup while the ledger is open, with its last writes in the log beside it, has them."""
    (tmp_path / "out").mkdir()
    ledger = Ledger(tmp_path / "out" / "ledger.sqlite")
    ledger.keep("last", "word")
    while not ledger.note("last"):
        pass
    assert cli.main(["ledger", "backup", "--out", str(tmp_path / "out"), "--to", str(tmp_path / "kept")]) == 0
    ledger.close()
    copy = Ledger(tmp_path / "kept" / "ledger.sqlite")
    assert copy.note("last") == "word"
    copy.close()


def test_a_restore_loses_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A ledger that is there is never written over; a folder without a backup, a flag that is missing and no ledger are sentences."""
    for name in ("out", "kept"):
        (tmp_path / name).mkdir()
        Ledger(tmp_path / name / "ledger.sqlite").close()
    out, kept = str(tmp_path / "out"), str(tmp_path / "kept")
    assert cli.main(["ledger", "restore", "--out", out, "--from", kept]) == 1
    assert "is there already" in capsys.readouterr().err
    assert cli.main(["ledger", "restore", "--out", out, "--from", str(tmp_path)]) == 1
    assert "There is no backup" in capsys.readouterr().err
    assert cli.main(["ledger", "backup", "--out", out]) == 64
    assert cli.main(["ledger", "backup", "--out", str(tmp_path), "--to", kept]) == 1
    (tmp_path / "file").write_text("x")
    assert cli.main(["ledger", "backup", "--out", out, "--to", str(tmp_path / "file" / "x")]) == 74
