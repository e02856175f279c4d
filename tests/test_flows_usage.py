"""A command line that is not understood: one line with what is wrong and the nearest thing that was meant, and exit code 64."""

from __future__ import annotations

import argparse
from importlib import metadata
from pathlib import Path

import pytest

from octavo.flows import cli
from octavo.flows.commands import flags, parsing
from octavo.schemas.job import Job

ZERO_IS_NONE = [name for name, field in Job.model_fields.items() if "; 0 for " in (field.description or "")]


def said(words: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    """The one line that a command says that ends with 64."""
    assert cli.main(words) == 64
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1), err
    return err


@pytest.mark.parametrize(
    ("words", "line"),
    [
        ([], "Name one of run, plan,"),
        (["rnu", "in"], "There is no command 'rnu'. Did you mean run?"),
        (["--vresion"], "`octavo` has no flag --vresion. Did you mean --version?"),
        (["run"], "No inbox: name the folder to read."),
        (
            ["run", "in", "--budget-uds", "5"],
            "`octavo run` has no flag --budget-uds. Did you mean --budget-usd?",
        ),
        (
            ["run", "in", "--budget-uds=5"],
            "`octavo run` has no flag --budget-uds. Did you mean --budget-usd?",
        ),
        (["run", "--budget-uds", "5", "--passes", "9"], "Did you mean --budget-usd?"),
        (["run", "in", "-o", "out"], "`octavo run` has no flag -o."),
        (["run", "in", "--rpm"], "--rpm needs a value"),
        (["run", "in", "--extract"], "--extract needs a value"),
        (["run", "in", "--rpm", "many"], "--rpm: 'many' is no whole number."),
        (["run", "in", "--rpm", "1.5"], "--rpm: '1.5' is no whole number."),
        (["run", "in", "--budget-usd", "inf"], "--budget-usd: 'inf' is no amount."),
        (["run", "in", "--budget-usd", "-1"], "--budget-usd: Input should be greater than or equal to 0."),
        (
            ["run", "in", "--mode", "btach"],
            "--mode: 'btach' is none of live, batch, batch-only. Did you mean batch?",
        ),
        (
            ["run", "in", "--summarize", "bulets"],
            "--summarize: 'bulets' is none of one-paragraph, bullets, executive. Did you mean bullets?",
        ),
        (["run", "in", "--passes", "3"], "--passes: "),
        (["run", "in", "out"], "`octavo run` has no use for 'out'."),
        (["sql"], "`octavo sql` needs a statement."),
        (["sql", "--fromat=json"], "`octavo sql` has no flag --fromat. Did you mean --format?"),
        (["sql", "FROM invoice", "--format", "jsn"], "Did you mean json?"),
        (["ledger", "reply"], "Did you mean replay?"),
        (["serve", "--port", "http"], "--port: 'http' is no whole number."),
    ],
)
def test_what_is_not_understood_is_one_line(
    words: list[str], line: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """A mistyped command, flag or choice, a missing or wrong value: one line that names it and the nearest."""
    assert line in said(words, capsys)


def test_the_beginning_of_a_flag_is_no_flag(capsys: pytest.CaptureFixture[str]) -> None:
    """No abbreviation is taken silently, on no command: --budget names the flags that begin so."""
    assert "Did you mean --budget-usd or --budget-day-usd or --budget-month-usd?" in said(
        ["run", "in", "--budget", "5"], capsys
    )
    top, commands = flags.parsers(cli.COMMANDS)
    parsers: list[argparse.ArgumentParser] = [top, *commands.choices.values()]
    assert not any(parser.allow_abbrev for parser in parsers)


@pytest.mark.parametrize("name", ZERO_IS_NONE)
def test_a_zero_is_not_taken_for_no_limit(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    """`--budget-usd 0` is not a run without a budget, nor `--workers 0` one with some: what a flag cannot mean is refused."""
    flag = f"--{name.replace('_', '-')}"
    assert f"{flag}: 0 is none. Leave it out for " in said(["run", "in", flag, "0"], capsys)


def test_there_are_flags_of_which_zero_is_none() -> None:
    """The rule above is held for the budgets, the limits of the account and the numbers of workers."""
    assert {"budget_usd", "rpm", "workers", "max_window_tokens"} <= set(ZERO_IS_NONE)


def test_what_looks_like_a_flag_and_is_none() -> None:
    """A statement that begins with a comment, a negative number and what follows -- are values."""
    top, commands = flags.parsers(cli.COMMANDS)
    assert parsing.parse(top, commands, ["sql", "-- all\nFROM invoice"]).statement == "-- all\nFROM invoice"
    assert parsing.parse(top, commands, ["run", "--tier", "-1", "in"]).tier == -1
    assert parsing.parse(top, commands, ["run", "--", "--in"]).inbox == "--in"


def test_a_wrong_field_of_a_job_file_is_no_wrong_flag(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What is wrong in a job file is a setting (1), named with the nearest field; what is wrong in a flag beside it is usage (64)."""
    file = tmp_path / "job.yaml"
    file.write_text("inbox: in\nbudget_uds: 5\n", encoding="utf-8")
    assert cli.main(["run", "--job", str(file)]) == 1
    assert "budget_uds: a job has no such field. Did you mean budget_usd?" in capsys.readouterr().err
    file.write_text("inbox: in\n", encoding="utf-8")
    assert "--tier" in said(["run", "--job", str(file), "--tier", "9"], capsys)


def test_the_version_is_that_of_the_distribution(capsys: pytest.CaptureFixture[str]) -> None:
    """`octavo --version` says what is installed, which pyproject.toml alone names."""
    with pytest.raises(SystemExit) as ended:
        cli.main(["--version"])
    assert (ended.value.code, capsys.readouterr().out) == (0, f"octavo {metadata.version('octavo')}\n")
