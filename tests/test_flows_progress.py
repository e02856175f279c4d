"""How a run tells how far it is: to a person in lines, to a program in events, to who wants quiet not at all."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from octavo.flows import cli
from octavo.flows.commands import progress
from octavo.flows.commands.meter import Meter
from octavo.flows.hooks import StopSignal
from octavo.processors.ask.replies import Traffic
from tests.emulator.config import Config
from tests.emulator.fixture import Running, running
from tests.emulator.oracle import labelled_lines

SLIPS = 20


@pytest.fixture
def kimi(monkeypatch: pytest.MonkeyPatch) -> Iterator[Running]:
    """A Kimi that the environment points to."""
    with running(Config(timing=False, oracle=labelled_lines)) as emulator:
        monkeypatch.setenv("MOONSHOT_API_KEY", emulator.key)
        monkeypatch.setenv("MOONSHOT_BASE_URL", emulator.base_url)
        yield emulator


@pytest.fixture
def flags(tmp_path: Path) -> list[str]:
    """`octavo run` on a folder of slips, each in a window of its own."""
    (tmp_path / "inbox").mkdir()
    for number in range(SLIPS):
        (tmp_path / "inbox" / f"{number:02}.txt").write_text(f"subject: parcel {number}\n", encoding="utf-8")
    where = ["--out", str(tmp_path / "out"), "--tier", "5"]
    return [
        "run",
        str(tmp_path / "inbox"),
        *where,
        "--extract",
        "letter",
        "--max-documents-per-window",
        "1",
        "--budget-usd",
        "5",
    ]


def events(text: str) -> list[dict[str, Any]]:
    """Events, a line each."""
    return [json.loads(line) for line in text.splitlines()]


@pytest.mark.prove
def test_a_log_has_a_line_each_tenth(
    kimi: Running, flags: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """Where there is no terminal a stage has a line at the start and each tenth with dollars of the price's most; nothing is drawn over."""
    assert cli.main(flags) == 0
    out, err = capsys.readouterr()
    asked = [line for line in err.splitlines() if line.startswith("Asking questions: ")]
    assert [int(line.split("(")[1].split(" ")[0]) for line in asked] == list(range(0, 101, 10))
    (most,) = {re.search(r"of \$(\d+\.\d\d) spent", line)[1] for line in asked}  # type: ignore[index]
    assert 0 < float(most) < 5  # of the budget, which is more than it can cost
    assert any("answers a minute" in line and " left" in line for line in asked[1:-1])
    assert (out, "\r" in err, "\x1b" in err) == ("", False, False)
    assert len(kimi.paid()) == SLIPS


def test_events_are_for_programs(kimi: Running, flags: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """--json gives nothing but JSON on standard output, an event a line, from the price to the outcome with all figures."""
    assert cli.main([*flags, "--json"]) == 0
    told = events(capsys.readouterr().out)
    assert [event["event"] for event in told if event["event"] != "progress"] == ["price", "outcome"]
    stages = [event for event in told if event["event"] == "progress"]
    assert {"per_minute", "left_s", "in_flight", "allowed", "refused"} <= set(stages[0])
    last, (price,) = stages[-1], [event for event in told if event["event"] == "price"]
    assert (last["stage"], last["done"], last["total"], last["answered"]) == ("ask", SLIPS, SLIPS, SLIPS)
    assert last["budget_usd"] == pytest.approx(price["cost"]["most_usd"])
    assert last["spent_usd"] == pytest.approx(sum(entry.cost_usd for entry in kimi.paid()))
    assert (told[-1]["exit_code"], told[-1]["asked"]) == (0, SLIPS)


def test_trouble_is_an_event_too(flags: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """A run that ends before it has an outcome ends its events with the sentence and the exit code, and says it on standard error."""
    assert cli.main([*flags, "--offline", "--json", "--extract", "invoise"]) == 1
    out, err = capsys.readouterr()
    assert (events(out)[-1]["event"], events(out)[-1]["exit_code"]) == ("trouble", 1)
    assert "Did you mean invoice?" in err


def test_a_plan_has_events_too(kimi: Running, flags: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """`octavo plan --json` ends with the price and makes no call."""
    assert cli.main(["plan", *flags[1:], "--json"]) == 0
    told = events(capsys.readouterr().out)
    assert (told[-1]["event"], told[-1]["windows"], told[-1]["cost"]["requests"]) == ("price", SLIPS, SLIPS)
    assert kimi.journal == []


def test_quiet_says_nothing_when_all_went_well(
    kimi: Running, flags: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """--quiet is silent on both streams, and still says what went wrong."""
    assert cli.main([*flags, "--quiet"]) == 0
    assert capsys.readouterr() == ("", "")
    broken = Path(flags[1]) / "broken.pdf"
    broken.write_bytes(b"%PDF-1.7 broken")
    assert cli.main([*flags, "--quiet"]) == 2
    assert "broken.pdf" in capsys.readouterr().err
    assert len(kimi.paid()) == SLIPS


def test_a_run_without_a_question_says_so(flags: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """`octavo run INBOX` alone reads, `octavo plan INBOX` has nothing to price, and both say how to ask."""
    for command in ("plan", "run"):
        assert cli.main([command, *flags[1:4]]) == 0
        assert "No question is asked" in capsys.readouterr().err


@pytest.mark.parametrize("stream", ["err", "out"])
def test_what_is_said_deep_inside_is_told(stream: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Sentences about waits reach who watches, in the form that was asked for; after the run nobody listens."""
    with progress.reporter(StopSignal(), as_json=stream == "out"):
        logging.getLogger("octavo.ask").warning("Nothing is sent for 61 s or more.")
    said = getattr(capsys.readouterr(), stream)
    assert "Nothing is sent for 61 s or more." in said
    assert not logging.getLogger("octavo").handlers


def test_the_rate_is_that_of_late() -> None:
    """A thousand answers from the ledger at once do not make the rest look fast: the rate is that of the last two minutes."""
    now = 0.0
    meter = Meter(
        "ask",
        lambda: Traffic(answered=60, in_flight=3, allowed=5, refused=2, spent_usd=0.5, budget_usd=2.0),
        lambda: now,
    )
    meter.note(0, 2_000)
    meter.note(1_000, 2_000)
    for minute in range(1, 11):
        now = 60.0 * minute
        meter.note(1_000 + 10 * minute, 2_000)
    assert meter.figures()["per_minute"] == 10.0
    assert meter.figures()["left_s"] == 5_400.0
    line = "Asking questions: 1,100 of 2,000 (55 %), 10 answers a minute, 90 min left, $0.5000 of $2.00 spent, 3 of 5 calls in flight"
    assert str(meter) == f"{line}, 2 told to come later"
