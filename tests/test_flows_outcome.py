"""Red means something: a run fails for what failed in it, says which and how to look, and doubts answers in which nothing was found."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from octavo.flows import order, settings
from octavo.flows.outcome.outcome import Outcome
from octavo.flows.outcome.report import report
from octavo.processors.store.warehouse import Warehouse
from octavo.schemas.errors import SettingsError
from octavo.schemas.job import Job
from tests.emulator.fixture import Running
from tests.emulator.oracle import labelled_lines
from tests.proofs import slow


@pytest.fixture
def job(kimi: Running, tmp_path: Path) -> Job:
    """A job about ten slips, a window each."""
    fields = {
        "sender": {"type": "string"},
        "seller": {"type": "string"},
        "sent_on": {"type": "string", "format": "date"},
    }
    schema = {"type": "object", "description": "A parcel that was sent.", "properties": fields}
    (tmp_path / "parcel.json").write_text(json.dumps(schema), encoding="utf-8")
    (tmp_path / "inbox").mkdir()
    for number in range(10):
        write(tmp_path / "inbox", number)
    plain = {
        "inbox": str(tmp_path / "inbox"),
        "out": str(tmp_path / "out"),
        "extract": [str(tmp_path / "parcel.json")],
    }
    return Job.model_validate(
        {
            **plain,
            "base_url": kimi.base_url,
            "tier": 5,
            "rpm": 10**6,
            "max_documents_per_window": 1,
            "plain_json": True,
        }
    )


def write(inbox: Path, number: int, **lines: str) -> None:
    """One document."""
    told = {
        "sender": f"Sender Number {number} Ltd",
        "seller": f"Seller Number {number} Inc",
        "sent_on": f"2026-03-{number + 1:02}",
        **lines,
    }
    text = "".join(f"{name}: {value}\n" for name, value in told.items() if value)
    (inbox / f"slip{number:02}.txt").write_text(f"Parcel slip {number}\n{text}", encoding="utf-8")


async def run(kimi: Running, job: Job, **changes: Any) -> Outcome:
    """Do the job as `octavo run` does."""
    changed = Job.model_validate({**job.model_dump(), **changes})
    return await order.run(changed, settings.account(changed, {}, key=kimi.key))


def undated(body: dict[str, Any]) -> Any:
    """Answers, but the date of slips whose number ends in 7 is none."""
    answer = labelled_lines(body)
    assert isinstance(answer, dict)
    for entry in answer["documents"]:
        if str(entry["record"].get("sent_on")).endswith("8"):
            entry["record"]["sent_on"] = "some day"
    return answer


def silent(body: dict[str, Any]) -> Any:
    """Answers, but every field of a document that names no sender is null."""
    answer = labelled_lines(body)
    assert isinstance(answer, dict)
    for entry in answer["documents"]:
        if not str(entry["record"]["sender"]).startswith("Sender Number"):
            entry["record"] = dict.fromkeys(entry["record"])
    return answer


async def test_a_run_fails_for_what_failed_in_it(kimi: Running, job: Job) -> None:
    """What failed once is red once: later runs are green and say what still stands, until something new fails; `any` stays red."""
    kimi.config.oracle = undated
    first = await run(kimi, job)
    assert (first.exit_code, first.failed_values, first.standing) == (2, 1, 1)
    nothing = await run(kimi, job)
    assert (nothing.exit_code, nothing.failed, nothing.standing, nothing.changed) == (0, 0, 1, False)
    write(Path(job.inbox), 20)
    fresh = await run(kimi, job)
    assert (fresh.exit_code, fresh.failed, fresh.standing) == (0, 0, 1)
    assert (await run(kimi, job, fail_on="any")).exit_code == 2
    write(Path(job.inbox), 27)
    assert (await run(kimi, job)).exit_code == 2


@pytest.mark.parametrize(
    ("allowed", "code"),
    [
        slow({}, 2),
        slow({"max_failed_share": 0.09}, 2),
        ({"max_failed_share": 0.1}, 0),
        slow({"fail_on": "never"}, 0),
    ],
)
async def test_a_job_may_allow_some_failures(
    kimi: Running, job: Job, allowed: dict[str, Any], code: int
) -> None:
    """One of ten documents failed: that is a tenth, and the run is red where the job allows less. The failure is said either way."""
    kimi.config.oracle = undated
    ended = await run(kimi, job, **allowed)
    assert (ended.exit_code, ended.failed) == (code, 1)
    assert "slip07.txt (failed)" in ended.headline


async def test_a_broken_file_is_red_once(kimi: Running, job: Job) -> None:
    """A file that could not be read fails the run that met it, and not the next one, which reads it again in vain."""
    (Path(job.inbox) / "lost.pdf").write_bytes(b"%PDF-1.7 and nothing more")
    assert [(await run(kimi, job)).exit_code for _ in range(2)] == [2, 0]
    (Path(job.inbox) / "lost.pdf").write_bytes(b"%PDF-1.7 and nothing better")
    (Path(job.inbox) / "more.pdf").write_bytes(b"%PDF-1.7 neither")
    ended = await run(kimi, job)
    assert (ended.exit_code, ended.unread) == (2, 2)


async def test_answers_in_which_nothing_was_found_are_doubted(kimi: Running, job: Job) -> None:
    """A document of which every field is null is no success without a word: it is in the outcome and in `review`."""
    (Path(job.inbox) / "blank.txt").write_text(
        "Nothing to see here, and nobody to be named.\n", encoding="utf-8"
    )
    kimi.config.oracle = silent
    ended = await run(kimi, job)
    assert ended.empty == [("blank.txt", "parcel")]
    assert any("nothing was found: 1, such as blank.txt (parcel)" in sentence for sentence in ended.sentences)
    doubts = [row for row in Warehouse(Path(job.out)).rows("review") if row["reason"] == "nothing_found"]
    assert [(row["path"], row["question"]) for row in doubts] == [("blank.txt", "parcel")]


@pytest.mark.prove
async def test_a_field_that_is_filled_less_often_is_said(kimi: Running, job: Job) -> None:
    """When sellers are missing in this run that were there in earlier ones, the outcome and `review` say so; the job says from when on."""
    await run(kimi, job)
    for number in range(10, 14):
        write(Path(job.inbox), number, seller="")
    ended = await run(kimi, job)
    assert [(question, name) for question, name, _ in ended.falls] == [("parcel", "seller")]
    assert "Filled in 0 of 4 answers of this run (0%), before in 100%." in ended.falls[0][2]
    doubts = [row for row in Warehouse(Path(job.out)).rows("review") if row["reason"] == "less_filled"]
    assert [(row["question"], row["field"]) for row in doubts] == [("parcel", "seller")]
    for number in range(14, 18):
        write(Path(job.inbox), number, seller="")
    assert not (await run(kimi, job, max_fill_drop=1.0)).falls


async def test_the_report_says_it_all(kimi: Running, job: Job) -> None:
    """New, failed by name with reason, filled and proved by field beside the run before, dollars beside quote and budget, and where."""
    kimi.config.oracle = undated
    await run(kimi, job)
    (Path(job.inbox) / "slip00.txt").unlink()
    (Path(job.inbox) / "lost.pdf").write_bytes(b"%PDF-1.7 and nothing more")
    write(Path(job.inbox), 17, seller="")
    ended = await run(kimi, job, budget_usd=1.0)
    text = report(ended)
    assert "2 added, 0 changed, 1 removed, 9 unchanged" in text
    assert f"octavo sql --out {job.out}" in text
    for line in (
        r"| lost.pdf   |                | corrupt |",
        r"| slip17.txt | parcel.sent_on | failed  |",
        "| parcel.seller  | 1       | 0%     |        | 100%                     | 100% |",
        "| $1.00 |",
    ):
        assert line in text, text
    rows = sorted(Warehouse(Path(job.out)).rows("runs"), key=lambda row: row["started_at"])
    assert rows[-1]["report"] == text
    assert (rows[-1]["added"], rows[-1]["removed"], rows[-1]["exit_code"]) == (2, 1, 2)
    assert rows[-1]["quoted_usd"] > 0


@pytest.mark.parametrize("instead", ["an empty folder", slow("no folder")])
async def test_a_share_that_is_not_mounted_is_a_run_that_failed(
    kimi: Running, job: Job, instead: str
) -> None:
    """A run that finds its files gone, or no folder at all, has a row in `runs` that says so; none says that it was killed."""
    await run(kimi, job)
    Path(job.inbox).rename(away := Path(f"{job.inbox}_away"))
    if instead == "an empty folder":
        Path(job.inbox).mkdir()
        assert (await run(kimi, job)).exit_code == 2
        Path(job.inbox).rmdir()
    else:
        with pytest.raises(SettingsError, match="check that it is mounted"):
            await run(kimi, job)
    away.rename(job.inbox)
    assert not (await run(kimi, job)).changed
    _, failed = sorted(Warehouse(Path(job.out)).rows("runs"), key=lambda row: row["started_at"])
    code, words = (
        (2, "gone from the inbox")
        if instead == "an empty folder"
        else (1, "Stopped early: There is no folder")
    )
    assert words in failed["outcome"]
    assert (failed["exit_code"], failed["ended_at"] is None, failed["asked"]) == (code, False, 0)
