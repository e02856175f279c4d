"""The command line: a job from flags and files, one sentence for every trouble, and exit codes that programs can rely on."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from functools import partialmethod
from pathlib import Path

import pytest

from octavo.flows import cli, order, settings
from octavo.flows.commands import jobs
from octavo.schemas.errors import ModelRetired, SettingsError
from octavo.schemas.job import Job
from octavo.schemas.job_groups import GROUPS
from tests.emulator.config import Config
from tests.emulator.fixture import Running, running

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture
def kimi(monkeypatch: pytest.MonkeyPatch) -> Iterator[Running]:
    """A Kimi that the environment points to."""
    with running(Config(timing=False)) as emulator:
        monkeypatch.setenv("MOONSHOT_API_KEY", emulator.key)
        monkeypatch.setenv("MOONSHOT_BASE_URL", emulator.base_url)
        yield emulator


@pytest.fixture
def inbox(tmp_path: Path) -> Path:
    """A folder with a letter."""
    (tmp_path / "inbox").mkdir()
    shutil.copy(ROOT / "data" / "samples" / "letter.docx", tmp_path / "inbox")
    return tmp_path / "inbox"


def job_of(*flags: str) -> Job:
    """The job that flags describe."""
    return jobs.from_flags(cli.parser().parse_args(["run", *flags]))


def test_flags_make_a_job() -> None:
    """Every flag lands in its field, and what is not given keeps its default."""
    job = job_of(
        "in",
        "--out",
        "o",
        "--extract",
        "invoice",
        "receipt",
        "--summarize",
        "--budget-usd",
        "2.5",
        "--offline",
        "--rpm",
        "7",
    )
    assert job == Job(
        inbox="in",
        out="o",
        extract=["invoice", "receipt"],
        summarize="one-paragraph",
        budget_usd=2.5,
        offline=True,
        rpm=7,
    )


@pytest.mark.parametrize(
    "name", [name for name, field in Job.model_fields.items() if field.annotation == list[str]]
)
def test_lists_take_words(name: str) -> None:
    """A flag of a field that is a list makes a value of each word, not of each letter, and may be given again."""
    flag = f"--{name.replace('_', '-')}"
    assert getattr(job_of("in", flag, "one", flag, "two"), name) == ["one", "two"]


def test_the_inbox_may_come_last(tmp_path: Path) -> None:
    """A folder behind a flag that takes several values is the inbox, not one more schema or a style."""
    assert job_of("--extract", "invoice", str(tmp_path)).inbox == str(tmp_path)
    assert job_of("--extract", "invoice", "--required-evidence", "all", str(tmp_path)).inbox == str(tmp_path)
    assert job_of("--summarize", str(tmp_path)).summarize == "one-paragraph"


def test_flags_win_over_the_file(tmp_path: Path) -> None:
    """A job file gives what flags do not."""
    (tmp_path / "job.yaml").write_text("inbox: a\nextract: [invoice]\nbudget_usd: 1\n", encoding="utf-8")
    job = job_of("--job", str(tmp_path / "job.yaml"), "--budget-usd", "3")
    assert (job.inbox, job.extract, job.budget_usd) == ("a", ["invoice"], 3.0)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("inbox: [", "cannot be read"),
        ("- a", "has no fields"),
        ("inbox: a\ncolour: red", "colour"),
        ("inbox: a\ntier: 9", "tier"),
        ("out: b", "No inbox"),
        ("extract:", "No inbox"),
    ],
)
def test_a_wrong_job_is_a_sentence(tmp_path: Path, text: str, said: str) -> None:
    """What is wrong with a job file is named by its field."""
    (tmp_path / "job.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(SettingsError, match=said):
        job_of("--job", str(tmp_path / "job.yaml"))


@pytest.mark.parametrize(
    "words",
    [
        ["eval", "gone.json"],
        ["run", "--job", "gone.yaml"],
        ["models", "--catalogue", "gone.toml"],
        ["run", ".", "--extract", "letter", "--offline", "--password-file", "gone.txt"],
        ["run", ".", "--extract", "gone.json", "--offline"],
    ],
)
def test_a_file_that_is_not_there_is_said_with_what_to_do(
    words: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whatever file is named and missing: a setting error with the system's words, without its number, and a next step."""
    assert cli.main([*words, *(["--out", str(tmp_path / "out")] if words[0] == "run" else [])]) == 1
    assert re.search(
        r"gone\.\w+ cannot be read.*: No such file or directory\. [A-Z]", capsys.readouterr().err
    )


def test_no_key_says_what_to_set_and_that_offline_exists(
    inbox: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without a key and without --offline, one sentence names the variable and the other way; exit code 1."""
    assert cli.main(["run", str(inbox), "--out", str(inbox.parent / "out"), "--extract", "letter"]) == 1
    said = capsys.readouterr().err
    assert "MOONSHOT_API_KEY" in said
    assert "--offline" in said
    assert not (inbox.parent / "out").exists()


def test_a_key_in_a_secret_block_needs_prefect(
    inbox: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """--key-secret without a server says that the key is in Prefect, and no other key is taken in its place; a plan needs none."""
    monkeypatch.setenv("MOONSHOT_API_KEY", "sk-of-somebody-else")
    flags = [str(inbox), "--out", str(inbox.parent / "out"), "--extract", "letter", "--key-secret", "kimi"]
    assert cli.main(["run", *flags, "--yes"]) == 1
    said = capsys.readouterr().err
    assert "Secret block kimi of a Prefect server" in said
    assert "PREFECT_API_URL" in said
    assert cli.main(["plan", *flags]) == 0


def test_a_hint_names_the_output_folder() -> None:
    """What is to be typed carries --out when it is not the default, quoted for the shell."""
    assert settings.typed("batch", "out") == "`octavo batch`"
    assert settings.typed("batch --cancel ID", "my tables") == "`octavo batch --cancel ID --out 'my tables'`"


def test_a_retired_model_names_its_successor() -> None:
    """An id of 2025 is refused with the model to use instead, and still works on an address of one's own."""
    with pytest.raises(ModelRetired, match=r"kimi-k2-0905-preview.*--model kimi-k2\.6"):
        settings.account(Job(inbox=".", model="kimi-k2-0905-preview"), {"MOONSHOT_API_KEY": "k"})
    own = settings.account(
        Job(inbox=".", model="kimi-k2-0905-preview", base_url="http://127.0.0.1:8000/v1"),
        {"MOONSHOT_API_KEY": "k"},
    )
    assert own.model.id == "kimi-k2-0905-preview"


@pytest.mark.parametrize("command", ["plan", "run"])
def test_an_announced_retirement_is_said_once(
    inbox: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture, command: str
) -> None:
    """A plan and a run say until when their model answers, and go on."""
    mine = tmp_path / "mine.toml"
    mine.write_text('[models."offline-rules-1"]\nretired = 9000-02-01\nsuccessor = "x"\n', encoding="utf-8")
    flags = ["--out", str(tmp_path / "out"), "--extract", "letter", "--offline", "--catalogue", str(mine)]
    assert cli.main([command, str(inbox), *flags]) == 0
    said = [record.getMessage() for record in caplog.records if "9000" in record.getMessage()]
    assert said == [
        "offline-rules-1 answers until 9000-02-01, when it is retired. Use its successor: --model x"
    ]


def test_an_unknown_model_names_the_nearest() -> None:
    """An id that the provider's own address does not know is refused with the nearest one."""
    with pytest.raises(SettingsError, match=r"kimi-k9.*kimi-k3"):
        settings.account(Job(inbox=".", model="kimi-k9"), {"MOONSHOT_API_KEY": "k"})


def test_the_key_is_in_no_repr() -> None:
    """An account that is printed does not show its key."""
    assert "canary" not in repr(settings.account(Job(inbox="."), {"MOONSHOT_API_KEY": "sk-canary"}))


@pytest.mark.parametrize(
    "flags", [["--extract", "invoise"], ["--provider", "moonshoot"], ["--extract", "letter", "letter"]]
)
def test_wrong_settings_end_with_1(
    inbox: Path, kimi: Running, flags: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """A wrong name is a sentence on standard error and exit code 1, before anything is asked."""
    assert cli.main(["run", str(inbox), "--out", str(inbox.parent / "out"), *flags]) == 1
    assert capsys.readouterr().err.startswith("octavo: ")
    assert kimi.journal == []


def test_plan_says_the_price_and_asks_nothing(
    inbox: Path, kimi: Running, capsys: pytest.CaptureFixture[str]
) -> None:
    """`octavo plan` shows files, pages, tokens, windows, dollars and minutes, and makes no call; it needs no key."""
    os.environ.pop("MOONSHOT_API_KEY")
    assert (
        cli.main(["plan", str(inbox), "--out", str(inbox.parent / "out"), "--extract", "letter", "invoice"])
        == 0
    )
    said = capsys.readouterr().out
    for word in (
        "1 with 1 pages",
        "tokens in 1 windows",
        "Calls",
        "$0.0",
        "about",
        "with tier 1's limits, since yours are not told",
    ):
        assert word in said
    assert kimi.journal == []
    assert (
        cli.main(
            ["plan", str(inbox), "--out", str(inbox.parent / "out"), "--extract", "letter", "--tier", "3"]
        )
        == 0
    )
    assert "limits, since" not in capsys.readouterr().out


def test_plan_says_that_another_inbox_would_be_refused(
    inbox: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A plan for another inbox over the same tables says the price, then that a run would be refused and the ways out; exit code 1."""
    flags = ["--out", str(tmp_path / "out"), "--extract", "letter", "--offline"]
    shutil.copytree(inbox, tmp_path / "other")
    assert cli.main(["run", str(inbox), *flags]) == 0
    capsys.readouterr()
    assert (
        cli.main(["plan", str(tmp_path / "other"), *flags])
        == cli.main(["run", str(tmp_path / "other"), *flags])
        == 1
    )
    said = capsys.readouterr()
    assert "Price" in said.out
    assert said.err.count("octavo: A run of this job would be refused: ") == 1
    assert said.err.count("--replace-inbox says that") == 2
    for way in ("--add-inbox", "--replace-inbox"):
        assert cli.main(["plan", str(tmp_path / "other"), *flags, way]) == 0


@pytest.mark.prove
def test_plan_says_that_files_have_vanished(inbox: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A plan over an inbox that is empty all at once says so, as the run would; before that it says nothing of it."""
    flags = [str(inbox), "--out", str(inbox.parent / "out"), "--extract", "letter", "--offline"]
    assert cli.main(["run", *flags]) == cli.main(["plan", *flags]) == 0
    assert "Vanished" not in capsys.readouterr().out
    for path in inbox.iterdir():
        path.unlink()
    assert cli.main(["plan", *flags]) == 0
    assert re.search(
        r"Vanished\s+\d+ known files, so many that a run removes nothing", capsys.readouterr().out
    )


def test_ctrl_c_while_octavo_starts_is_no_traceback() -> None:
    """A signal in the seconds in which Python imports ends with 130 and without a word."""
    code = "import sys; sys.modules['octavo.flows.cli'] = None; import octavo.__main__ as octavo\n"
    code += "class Interrupted:\n    def find_spec(self, name, *_):\n        if name == 'octavo.flows.cli': raise KeyboardInterrupt\n"
    code += (
        "del sys.modules['octavo.flows.cli']; sys.meta_path.insert(0, Interrupted()); sys.exit(octavo.main())"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (130, "")


@pytest.mark.usefixtures("corpus")
async def test_plan_is_near_the_bill(inbox: Path, vocabulary: bytes) -> None:
    """The prompt tokens that `octavo plan` counts are within 2 % of what the provider bills."""
    for path in (ROOT / "data" / "samples").glob("*.pdf"):
        shutil.copy(path, inbox)
    with running(
        Config(timing=False, vocabulary=str(ROOT.parent / "shared" / "tokenizer" / "kimi_k2.tiktoken.model"))
    ) as kimi:
        job = Job(inbox=str(inbox), out=str(inbox.parent / "out"), extract=["letter"], base_url=kimi.base_url)
        account = settings.account(job, {}, key=kimi.key)
        planned = await order.plan(job, account, vocabulary)
        await order.run(job, account, vocabulary)
        billed = sum(entry.prompt_tokens for entry in kimi.paid()[: planned.cost.requests])
    assert planned.cost.prompt_tokens == pytest.approx(billed, rel=0.02)


@pytest.mark.prove
def test_nothing_is_said_after_the_run(inbox: Path, tmp_path: Path) -> None:
    """The last words of a run are where its tables lie: no library reports leaks as the process ends."""
    flags = ["run", str(inbox), "--out", str(tmp_path / "out"), "--extract", "letter", "--offline"]
    done = subprocess.run(
        [sys.executable, "-m", "octavo.flows.cli", *flags],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert "leak" not in done.stderr
    assert done.stderr.splitlines()[-1].startswith("Tables: ")


def test_sql_answers_in_every_format(
    inbox: Path, tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    """`octavo sql` writes JSON and CSV that other programs read, and Parquet that Arrow reads."""
    out = str(tmp_path / "out")
    assert cli.main(["run", str(inbox), "--out", out, "--extract", "letter", "--offline"]) == 0
    capfdbinary.readouterr()
    said = {}
    for form in ("json", "csv", "parquet", "table"):
        assert cli.main(["sql", "SELECT path, status FROM documents", "--out", out, "--format", form]) == 0
        said[form] = capfdbinary.readouterr().out
    assert json.loads(said["json"]) == [{"path": "letter.docx", "status": "ok"}]
    assert said["csv"].decode().splitlines() == ["path,status", "letter.docx,ok"]
    assert said["parquet"].startswith(b"PAR1")
    assert b"letter.docx" in said["table"]


def test_a_result_that_is_cut_is_told_by_the_exit_code(
    inbox: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rows beyond the limit are left out with exit 5, so that no script takes a part for the whole; --max-rows N moves the limit."""
    from octavo.processors.query import sql as query

    out = str(tmp_path / "out")
    cli.main(["run", str(inbox), "--offline", "--out", out])
    monkeypatch.setattr(
        query.QueryLimits, "__init__", partialmethod(query.QueryLimits.__init__, bytes=100_000)
    )
    ask = ["sql", "--out", out, "--format", "csv"]
    assert cli.main([*ask, "FROM range(1000001)"]) == 5
    assert "--max-rows" in capsys.readouterr().err
    assert cli.main([*ask, "FROM range(5)", "--max-rows", "3"]) == 0
    written = capsys.readouterr()
    assert written.out.splitlines() == ["range", "0", "1", "2"]
    assert "first 3 rows" in written.err
    assert cli.main([*ask, "FROM range(5)", "--max-rows", "5"]) == 0
    assert capsys.readouterr().err == ""
    assert cli.main([*ask, "FROM range(1000001)", "--max-rows", "2000000"]) == 5, (
        "cut by its bytes, short of what was asked for"
    )


def test_sql_refuses_to_write(inbox: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A statement that is no SELECT is a sentence and exit code 1."""
    cli.main(["run", str(inbox), "--out", str(tmp_path / "out"), "--extract", "letter", "--offline"])
    assert cli.main(["sql", "DROP TABLE documents", "--out", str(tmp_path / "out")]) == 1
    assert "SELECT" in capsys.readouterr().err


def test_tables_and_models_show_what_there_is(
    inbox: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """`octavo tables` gives names, meanings and rows; `octavo models` prices and what became of retired ids."""
    cli.main(["run", str(inbox), "--out", str(tmp_path / "out"), "--extract", "letter", "--offline"])
    capsys.readouterr()
    assert cli.main(["tables", "--out", str(tmp_path / "out")]) == 0
    assert "letter" in (said := capsys.readouterr().out)
    assert "letter_date" in said
    assert cli.main(["models"]) == 0
    assert "kimi-k2.6" in (said := capsys.readouterr().out)
    assert "kimi-latest" in said


def test_the_doctor_says_what_to_do(
    kimi: Running, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Everything found is exit code 0; without a key the line says which variable to set, and the exit code is 1."""
    assert cli.main(["doctor", "--out", str(tmp_path / "out")]) == 0
    said = capsys.readouterr().out
    assert "kimi-k2.6 is served" in said
    assert "100.00 USD" in said
    assert kimi.key not in said
    monkeypatch.delenv("MOONSHOT_API_KEY")
    assert cli.main(["doctor", "--out", str(tmp_path / "out")]) == 1
    assert "MOONSHOT_API_KEY is not set" in capsys.readouterr().out


def test_a_folder_that_is_not_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """An inbox that does not exist is a sentence and exit code 1."""
    assert cli.main(["run", str(tmp_path / "nowhere"), "--out", str(tmp_path / "out"), "--offline"]) == 1
    assert "nowhere" in capsys.readouterr().err


def test_files_that_failed_are_named(inbox: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The first files that failed are named with their reason, and how to see the others; the exit code is 2."""
    for name in "abcd":
        (inbox / f"{name}.docx").write_bytes((inbox / "letter.docx").read_bytes()[:-2000] + name.encode())
    assert cli.main(["run", str(inbox), "--out", str(tmp_path / "out"), "--offline"]) == 2
    said = capsys.readouterr().err.splitlines()
    named = [line for line in said if " failed: Its zip container is damaged" in line]
    assert [line[:6] for line in named] == ["a.docx", "b.docx", "c.docx"]
    assert any("status = 'error'" in line for line in said)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_cannot_be_written(inbox: Path, tmp_path: Path) -> None:
    """An output folder without write permission is exit code 74."""
    (tmp_path / "out").mkdir(mode=0o500)
    assert cli.main(["run", str(inbox), "--out", str(tmp_path / "out"), "--offline"]) == 74


def test_a_reader_of_the_output_who_left_is_no_trouble() -> None:
    """Output that nobody reads any more, as under `head`, ends the command with exit code 0 and no words."""
    command = f"{{ sleep 1; exec {sys.executable} -m octavo.flows.cli models; }} 2>&3 | true; exit ${{PIPESTATUS[0]}}"
    done = subprocess.run(
        ["bash", "-c", f"exec 3>&2; {command}"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_any_other_broken_pipe_is_no_success(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """A pipe that breaks elsewhere, such as that to a worker, is never taken for an end that went well: it is a defect, said in full."""

    def broken(*_: object) -> int:
        raise BrokenPipeError

    monkeypatch.setitem(cli.COMMANDS, "tables", broken)
    assert cli.main(["tables"]) == 70
    assert "BrokenPipeError" in capfd.readouterr().err


def test_help_lists_flags_by_groups(capsys: pytest.CaptureFixture[str]) -> None:
    """`octavo run --help` shows each flag of the job below the title of its group, in the words of the form in the UI."""
    with pytest.raises(SystemExit):
        cli.parser().parse_args(["run", "--help"])
    said = " ".join(capsys.readouterr().out.split())
    places = [said.index(f"{group.title}:") for group in GROUPS]
    assert places == sorted(places)
    for group, start, end in zip(GROUPS, places, [*places[1:], len(said)], strict=True):
        assert all(
            f"--{name.replace('_', '-')} " in said[start:end] for name in group.fields if name != "inbox"
        )


def test_a_file_may_have_groups_and_flags_win(tmp_path: Path) -> None:
    """A job file may be written in groups, and a flag wins over what stands in one."""
    (tmp_path / "job.yaml").write_text("inbox: scans\nlimits: {tier: 1, rpm: 7}\n")
    job = job_of("--job", str(tmp_path / "job.yaml"), "--tier", "2")
    assert (job.inbox, job.tier, job.rpm) == ("scans", 2, 7)
    (tmp_path / "twice.yaml").write_text("inbox: scans\ntier: 1\nlimits: {tier: 2}\n")
    with pytest.raises(SettingsError, match=r"tier is given twice"):
        job_of("--job", str(tmp_path / "twice.yaml"))
