"""What an answer of earlier days gives way to, end to end: what is in the ledger comes into the tables, and rows of now say so."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import pytest

from octavo.flows import order, settings
from octavo.flows.outcome.outcome import Outcome
from octavo.processors.store.warehouse import Warehouse
from octavo.schemas.job import Job
from tests.emulator.fixture import Running

WORDINGS = ("A parcel.", "Another parcel.")


@pytest.fixture
def inbox(tmp_path: Path) -> Path:
    """A folder with three slips."""
    folder = tmp_path / "inbox"
    folder.mkdir()
    for number in range(3):
        write_slip(folder, number)
    return folder


def write_slip(folder: Path, number: int) -> None:
    """One document."""
    text = f"Parcel slip {number}\nsender: Sender Number {number} Ltd\n"
    (folder / f"slip{number}.txt").write_text(text, encoding="utf-8")


def job_of(kimi: Running, inbox: Path, wording: str = WORDINGS[0], **changes: Any) -> Job:
    """The job that asks about parcels in these words."""
    schema = {"type": "object", "description": wording, "properties": {"sender": {"type": "string"}}}
    (inbox.parent / "parcel.json").write_text(json.dumps(schema), encoding="utf-8")
    plain = {
        "inbox": str(inbox),
        "out": str(inbox.parent / "out"),
        "extract": [str(inbox.parent / "parcel.json")],
    }
    return Job.model_validate({**plain, "base_url": kimi.base_url, "tier": 5, "rpm": 10**6, **changes})


async def run(kimi: Running, job: Job) -> Outcome:
    """Do the job as `octavo run` does."""
    return await order.run(job, settings.account(job, {}, key=kimi.key))


def former(job: Job) -> dict[str, bool]:
    """Of each answer, by path, whether it is of earlier days."""
    return {row["path"]: row["former"] for row in Warehouse(Path(job.out)).rows("parcel")}


@pytest.mark.prove
async def test_a_stored_reply_counts_when_a_neighbour_of_its_window_is_gone(
    kimi: Running, inbox: Path
) -> None:
    """A reply is used for each of its documents that is still there, also when its window showed another one that has left since."""
    await run(kimi, job_of(kimi, inbox))
    (inbox / "slip0.txt").unlink()
    await run(kimi, job_of(kimi, inbox, accept_vanished=True))
    (inbox.parent / "out" / "warehouse.duckdb").unlink()
    ended = await run(kimi, job := job_of(kimi, inbox))
    assert (ended.exit_code, ended.asked, ended.rows) == (0, 0, {"parcel": 2})
    assert former(job) == {"slip1.txt": False, "slip2.txt": False}


@pytest.mark.prove
async def test_answers_of_now_are_not_former_because_of_one_that_left(kimi: Running, inbox: Path) -> None:
    """Rows that answer the question of the job are of today, also when another wording was asked in between and has no row any more."""
    await run(kimi, job_of(kimi, inbox))
    write_slip(inbox, 3)
    ended = await run(
        kimi, job_of(kimi, inbox, WORDINGS[1], max_documents_per_window=1, concurrency=1, budget_usd=0.0015)
    )
    assert (ended.exit_code, set(former(job_of(kimi, inbox)).values())) == (3, {True, False})
    for path in (path for path, old in former(job_of(kimi, inbox)).items() if not old):
        (inbox / path).unlink()
    (inbox / "slip3.txt").unlink(missing_ok=True)
    await run(kimi, job := job_of(kimi, inbox, accept_vanished=True))
    assert set(former(job).values()) == {False}
    ended = await run(kimi, job)
    assert (ended.changed, ended.former) == (False, {})


@pytest.mark.prove
async def test_answers_of_two_passes_are_of_now_for_a_job_of_one(kimi: Running, inbox: Path) -> None:
    """What was asked twice is no earlier question for a job that asks once."""
    await run(kimi, job_of(kimi, inbox, passes=2))
    write_slip(inbox, 3)
    ended = await run(kimi, job := job_of(kimi, inbox))
    assert (ended.exit_code, ended.asked, ended.former) == (0, 1, {})
    assert former(job) == {f"slip{number}.txt": False for number in range(4)}


@pytest.mark.prove
async def test_what_another_model_left_open_is_of_no_concern_for_this_one(kimi: Running, inbox: Path) -> None:
    """A run of another model that was stopped by its budget leaves no reject and no exit code 2 to the runs of the first one."""
    await run(kimi, job := job_of(kimi, inbox))
    stopped = await run(kimi, job.model_copy(update={"model": "kimi-k3", "budget_usd": 0.000001}))
    assert (stopped.exit_code, stopped.not_asked, stopped.former) == (3, 3, {})
    ended = await run(kimi, job)
    assert (ended.exit_code, ended.not_asked, ended.asked) == (0, 0, 0)
    assert Warehouse(Path(job.out)).rows("rejects") == []


@pytest.mark.prove
async def test_a_moved_inbox_takes_no_answer_before_its_successor(kimi: Running, inbox: Path) -> None:
    """A folder that moved with a changed file in it keeps the old answer, `former`, until the new one is there."""
    await run(kimi, job_of(kimi, inbox))
    moved = inbox.rename(inbox.parent / "moved")
    text = "Parcel slip 9\nsender: Sender Number 9 Ltd\n"
    (moved / "slip0.txt").write_text(text, encoding="utf-8")
    job = job_of(kimi, moved, replace_inbox=True)
    stopped = await run(kimi, job.model_copy(update={"budget_usd": 0.000001}))
    assert (stopped.exit_code, stopped.rows, stopped.removed) == (3, {"parcel": 3}, 0)
    assert former(job) == {"slip0.txt": True, "slip1.txt": False, "slip2.txt": False}
    ended = await run(kimi, job)
    assert (ended.exit_code, ended.asked, ended.rows, ended.former) == (0, 1, {"parcel": 3}, {})


async def test_a_moved_file_leaves_its_old_path_also_when_others_are_gone(kimi: Running, inbox: Path) -> None:
    """That many files are gone keeps those, and not the old names of files that were renamed; each answer has the name of now."""
    await run(kimi, job := job_of(kimi, inbox))
    (inbox / "slip0.txt").rename(inbox / "parcel0.txt")
    (inbox / "slip1.txt").unlink()
    ended = await run(kimi, job)
    assert (ended.exit_code, ended.vanished, ended.added, ended.removed) == (2, 1, 1, 1)
    assert sorted(row["path"] for row in Warehouse(Path(job.out)).rows("documents")) == [
        "parcel0.txt",
        "slip1.txt",
        "slip2.txt",
    ]
    assert former(job) == {"parcel0.txt": False, "slip1.txt": False, "slip2.txt": False}


async def test_what_left_a_zip_is_gone_also_when_others_are(kimi: Running, inbox: Path) -> None:
    """A zip that is there and was read says what is in it; that the absence of other files waits for a word makes no difference."""
    pack(inbox, 7, 8)
    await run(kimi, job := job_of(kimi, inbox))
    pack(inbox, 8)
    (inbox / "slip0.txt").unlink()
    assert (await run(kimi, job)).vanished == 1
    assert former(job) == dict.fromkeys(("pack.zip/8.txt", "slip0.txt", "slip1.txt", "slip2.txt"), False)
    await run(kimi, job_of(kimi, inbox, accept_vanished=True))
    assert former(job) == dict.fromkeys(("pack.zip/8.txt", "slip1.txt", "slip2.txt"), False)


def pack(folder: Path, *numbers: int) -> None:
    """A zip of slips."""
    with zipfile.ZipFile(folder / "pack.zip", "w") as archive:
        for number in numbers:
            archive.writestr(f"{number}.txt", f"Parcel slip {number}\nsender: Sender Number {number} Ltd\n")


async def test_paths_that_were_passed_over_are_no_files_that_are_missed(kimi: Running, inbox: Path) -> None:
    """A row that only says that a path was ignored goes without a word as soon as the path is ignored no more."""
    (inbox / "notes.tmp").write_text("nothing", encoding="utf-8")
    (inbox / ".octavoignore").write_text("*.tmp\n", encoding="utf-8")
    await run(kimi, job := job_of(kimi, inbox))
    (inbox / "notes.tmp").unlink()
    ended = await run(kimi, job)
    assert (ended.exit_code, ended.vanished) == (0, 0)
    assert not [
        row["path"] for row in Warehouse(Path(job.out)).rows("documents") if row["path"] == "notes.tmp"
    ]
