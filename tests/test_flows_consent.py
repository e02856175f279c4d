"""Who agrees to a price: a person at a terminal, or else a budget or a yes of the job; what is free needs nobody."""

from __future__ import annotations

import json
import os
import pty
import select
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from octavo.flows import cli
from octavo.flows.consent import agreed
from octavo.processors.store.warehouse import Warehouse
from octavo.schemas.job import Job
from tests.emulator.config import Config
from tests.emulator.fixture import Running, running
from tests.emulator.oracle import labelled_lines
from tests.proofs import slow

ROOT = Path(__file__).resolve().parents[1]
PATIENCE_S = 120.0


@pytest.fixture
def kimi(monkeypatch: pytest.MonkeyPatch) -> Iterator[Running]:
    """A Kimi that the environment points to."""
    with running(Config(timing=False, oracle=labelled_lines)) as emulator:
        monkeypatch.setenv("MOONSHOT_API_KEY", emulator.key)
        monkeypatch.setenv("MOONSHOT_BASE_URL", emulator.base_url)
        yield emulator


@pytest.fixture
def flags(tmp_path: Path) -> list[str]:
    """`octavo run` on a folder with a letter."""
    (tmp_path / "inbox").mkdir()
    (tmp_path / "inbox" / "a.txt").write_text("subject: balance\n", encoding="utf-8")
    return ["run", str(tmp_path / "inbox"), "--out", str(tmp_path / "out"), "--extract", "letter"]


def test_nothing_is_spent_where_nobody_agrees(
    kimi: Running, flags: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """No terminal, no yes, no budget: the price is said, nothing is asked, what was read is kept, and the exit code is 4."""
    assert cli.main(flags) == 4
    said = capsys.readouterr().err
    for word in (
        "1 call,",
        "expected for first answers",
        "at the most",
        "--budget-usd",
        "--yes",
    ):
        assert word in said
    assert not kimi.log.chats()
    assert [row["path"] for row in Warehouse(tmp_path / "out").rows("documents")] == ["a.txt"]


@pytest.mark.prove
def test_the_price_says_what_is_asked_again(
    kimi: Running, flags: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """Who changes the model reads that answers which were paid are asked for again; of a first run and of the same one nothing is said."""
    assert cli.main([*flags, "--yes"]) == cli.main([*flags, "--yes"]) == 0
    assert "of another question" not in capsys.readouterr().err.lower()
    assert cli.main([*flags, "--yes", "--model", "kimi-k2.7-code"]) == 0
    assert (
        "Answers of another question or model than now, which are asked for again: 1."
        in capsys.readouterr().err
    )


@pytest.mark.parametrize(
    "more",
    [
        ["--yes"],
        ["--budget-usd", "1"],
        slow(["--budget-day-usd", "1"]),
        ["--budget-project-usd", "1", "--project", "a"],
    ],
)
def test_a_yes_or_any_budget_is_enough(kimi: Running, flags: list[str], more: list[str]) -> None:
    """Without a terminal the job agrees by --yes or by a budget, whichever kind."""
    assert cli.main([*flags, *more]) == 0
    assert len(kimi.paid()) == 1


def test_what_is_free_needs_nobody(
    kimi: Running, flags: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """Rules on this machine, and a run whose answers are known, ask for no consent; a model without a known price does."""
    assert cli.main([*flags, "--yes"]) == 0
    assert cli.main(flags) == 0
    assert cli.main([*flags, "--offline"]) == 0
    assert cli.main([*flags, "--model", "kimi-of-tomorrow", "--base-url", kimi.base_url]) == 4
    assert "at a price that is not known" in capsys.readouterr().err
    assert len(kimi.paid()) == 1


def test_a_job_file_may_agree(kimi: Running, tmp_path: Path) -> None:
    """`approved` in a job file is --yes, and both are the same field."""
    (tmp_path / "in").mkdir()
    shutil.copy(ROOT / "data" / "samples" / "letter.docx", tmp_path / "in")
    job = {
        "inbox": str(tmp_path / "in"),
        "out": str(tmp_path / "out"),
        "extract": ["letter"],
        "approved": True,
    }
    (tmp_path / "job.yaml").write_text(json.dumps(job), encoding="utf-8")
    cli.main(["run", "--job", str(tmp_path / "job.yaml")])
    assert kimi.paid()
    assert cli.parser().parse_args(["run", "in", "--yes"]).approved is True


def test_a_job_agrees_by_saying_so_or_how_much() -> None:
    """Every budget is consent, and so is `approved`; a job that names none of them has agreed to nothing."""
    assert not agreed(Job(inbox="in"))
    for name in (name for name in Job.model_fields if name.startswith("budget_")):
        assert agreed(Job.model_validate({"inbox": "in", name: 0.01}))


def at_a_terminal(words: list[str], answer: str) -> tuple[int, str]:
    """A command at a real terminal, at which somebody types an answer once asked; gives the exit code and all that was shown."""
    terminal, theirs = pty.openpty()
    command = [sys.executable, "-m", "octavo.flows.cli", *words]
    process = subprocess.Popen(
        command, cwd=ROOT, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True
    )
    os.close(theirs)
    shown, asked = b"", False
    while select.select([terminal], [], [], PATIENCE_S)[0]:
        try:
            more = os.read(terminal, 65_536)
        except OSError:  # how Linux says that the other side is closed
            break
        shown += more
        if b"[y/N]" in shown and not asked:
            asked = True
            os.write(terminal, answer.encode() + b"\n")
    os.close(terminal)
    return process.wait(PATIENCE_S), shown.decode()


@pytest.mark.parametrize(("answer", "code", "paid"), [slow("y", 0, 1), ("", 4, 0)])
def test_a_person_is_asked(kimi: Running, flags: list[str], answer: str, code: int, paid: int) -> None:
    """At a terminal the price is said and a yes awaited, also where there is a budget; anything else is a no, and exit code 4."""
    ended, shown = at_a_terminal([*flags, "--budget-usd", "1"], answer)
    assert (ended, len(kimi.paid())) == (code, paid), shown
    assert "expected for first answers" in shown.replace("\r\n", " ")


@pytest.mark.prove
def test_a_yes_beforehand_is_not_asked_again(kimi: Running, flags: list[str]) -> None:
    """--yes at a terminal asks nothing."""
    ended, shown = at_a_terminal([*flags, "--yes"], "n")
    assert (ended, len(kimi.paid()), "[y/N]" in shown) == (0, 1, False), shown
