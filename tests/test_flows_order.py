"""The order of a job, end to end against the emulator: exactly once, never paid twice, only what changed, proved or marked."""

from __future__ import annotations

import base64
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from octavo.flows import order, settings
from octavo.flows.consent import Estimate
from octavo.flows.hooks import Hooks
from octavo.flows.outcome.outcome import Outcome
from octavo.processors.ask import prompts
from octavo.processors.store.warehouse import Warehouse
from octavo.schemas.errors import SettingsError
from octavo.schemas.job import Job
from tests.emulator.fixture import Running
from tests.emulator.oracle import labelled_lines, record_schema, schema_filler
from tests.proofs import slow

ROOT = Path(__file__).resolve().parents[1]
SCHEMA = {
    "type": "object",
    "description": "A parcel that was sent.",
    "properties": {
        "sender": {"type": "string", "description": "Who sent it"},
        "sent on": {"type": "string", "format": "date"},
        "weight": {"type": "number", "multipleOf": 0.01},
    },
}


@pytest.fixture
def inbox(tmp_path: Path) -> Path:
    """A folder with five slips and the schema beside it."""
    schema = json.loads(json.dumps(SCHEMA).replace("sent on", "sent_on"))
    (tmp_path / "parcel.json").write_text(json.dumps(schema), encoding="utf-8")
    folder = tmp_path / "inbox"
    folder.mkdir()
    for number in range(5):
        write_slip(folder, number)
    return folder


def write_slip(folder: Path, number: int, weight: str = "") -> None:
    """One document."""
    text = f"Parcel slip {number}\nsender: Sender Number {number} Ltd\nsent_on: 2026-03-0{number + 1}\nweight: {weight or number + 0.25}\n"
    (folder / f"slip{number}.txt").write_text(text, encoding="utf-8")


def job_of(kimi: Running, inbox: Path, **changes: Any) -> Job:
    """The job that asks about parcels."""
    plain = {
        "inbox": str(inbox),
        "out": str(inbox.parent / "out"),
        "extract": [str(inbox.parent / "parcel.json")],
    }
    return Job.model_validate({**plain, "base_url": kimi.base_url, "tier": 5, "rpm": 10**6, **changes})


async def run(kimi: Running, job: Job) -> Outcome:
    """Do the job as `octavo run` does."""
    return await order.run(job, settings.account(job, {}, key=kimi.key))


def parcels(job: Job) -> list[dict[str, Any]]:
    """What a person asks for: values by path."""
    query = "SELECT documents.path, sender, sent_on, weight FROM parcel JOIN documents USING (document) ORDER BY documents.path"
    return list(Warehouse(Path(job.out)).query(query).to_pylist())


async def test_a_folder_becomes_tables(kimi: Running, inbox: Path) -> None:
    """Every document has its row with typed values, every value its evidence, and the call its bill."""
    job = job_of(kimi, inbox)
    ended = await run(kimi, job)
    assert (ended.exit_code, ended.asked, ended.rows) == (0, 1, {"parcel": 5})
    assert [(row["path"], str(row["sent_on"]), str(row["weight"])) for row in parcels(job)][3] == (
        "slip3.txt",
        "2026-03-04",
        "3.25",
    )
    evidence = Warehouse(Path(job.out)).rows("evidence")
    assert {(row["grade"], row["page"]) for row in evidence} == {("exact", 1)}
    assert len(evidence) == 15
    (bill,) = Warehouse(Path(job.out)).rows("requests")
    assert bill["cost_usd"] == pytest.approx(kimi.paid()[0].cost_usd)


async def test_a_rerun_asks_nothing_and_changes_nothing(kimi: Running, inbox: Path) -> None:
    """The same job again makes no call and leaves the warehouse as it is, byte for byte."""
    job = job_of(kimi, inbox)
    await run(kimi, job)
    before = (Path(job.out) / "warehouse.duckdb").read_bytes()
    ended = await run(kimi, job)
    assert (ended.changed, ended.asked, ended.exit_code) == (False, 0, 0)
    assert (Path(job.out) / "warehouse.duckdb").read_bytes() == before
    assert len(kimi.paid()) == 1


async def test_only_what_changed_is_asked(kimi: Running, inbox: Path) -> None:
    """A changed file replaces its row, a new one adds one, one whose absence is accepted goes; the others are not asked again."""
    job = job_of(kimi, inbox, accept_vanished=True)
    await run(kimi, job)
    write_slip(inbox, 1, weight="77.5")
    (inbox / "slip4.txt").unlink()
    write_slip(inbox, 7)
    ended = await run(kimi, job)
    assert ended.asked == 1
    assert (ended.added, ended.changed_documents, ended.removed, ended.unchanged) == (1, 1, 1, 3)
    assert [row["path"] for row in parcels(job)] == [
        "slip0.txt",
        "slip1.txt",
        "slip2.txt",
        "slip3.txt",
        "slip7.txt",
    ]
    assert str(parcels(job)[1]["weight"]) == "77.50"
    shown = json.dumps(kimi.journal[-1].body)
    assert ("Sender Number 7" in shown, "Sender Number 0" in shown) == (True, False)
    documents = {row["document"] for row in Warehouse(Path(job.out)).rows("documents")}
    for table in ("pages", "evidence", "parcel"):
        assert {row["document"] for row in Warehouse(Path(job.out)).rows(table)} == documents


async def test_duplicates_are_asked_once(kimi: Running, inbox: Path) -> None:
    """Two paths with the same bytes are one document: asked once, found under both."""
    (inbox / "copy.txt").write_bytes((inbox / "slip0.txt").read_bytes())
    job = job_of(kimi, inbox)
    ended = await run(kimi, job)
    assert ended.rows == {"parcel": 5}
    assert len(parcels(job)) == 6
    assert json.dumps(kimi.log.chats()[0].body).count("Sender Number 0") == 1


async def test_a_lost_table_is_made_again_from_the_ledger(kimi: Running, inbox: Path) -> None:
    """Replies that are in the ledger are not bought again, also when the warehouse is gone."""
    job = job_of(kimi, inbox)
    await run(kimi, job)
    before = parcels(job)
    (Path(job.out) / "warehouse.duckdb").unlink()
    ended = await run(kimi, job)
    assert (parcels(job), ended.asked, ended.recalled) == (before, 0, 1)
    assert len(kimi.paid()) == 1


async def test_a_value_from_a_neighbour_is_rejected_and_asked_alone(kimi: Running, inbox: Path) -> None:
    """A model that carries a value over from another document is caught and asked again without its neighbours, and that is told."""

    def mixed(body: dict[str, Any]) -> Any:
        answer = labelled_lines(body)
        assert isinstance(answer, dict)
        if len(answer["documents"]) > 1:
            answer["documents"][0]["record"]["sender"] = answer["documents"][1]["record"]["sender"]
        return answer

    kimi.config.oracle = mixed
    job = job_of(kimi, inbox, plain_json=True)
    ended = await run(kimi, job)
    assert (ended.exit_code, ended.asked) == (0, 2)
    assert (
        "Answers repaired: 1, of which 1 asked alone, since values of a neighbour stood in it."
        in ended.sentences
    )
    assert sorted(row["sender"] for row in parcels(job)) == [f"Sender Number {n} Ltd" for n in range(5)]


async def test_a_wrong_field_is_asked_again_and_then_marked(kimi: Running, inbox: Path) -> None:
    """Only the field that fails is asked again, with what was wrong; failing still, it is null and marked, and the rest is kept."""

    def wrong(body: dict[str, Any]) -> Any:
        answer = labelled_lines(body)
        assert isinstance(answer, dict)
        for entry in answer["documents"]:
            if entry["record"]["sent_on"] == "2026-03-03":
                entry["record"]["sent_on"] = "some day"
        return answer

    kimi.config.oracle = wrong
    job = job_of(kimi, inbox, plain_json=True)
    ended = await run(kimi, job)
    assert (ended.exit_code, ended.rejects, ended.asked, ended.rows, ended.failed_values) == (
        2,
        0,
        3,
        {"parcel": 5},
        1,
    )
    assert [(row["sender"], row["sent_on"]) for row in parcels(job) if row["path"] == "slip2.txt"] == [
        ("Sender Number 2 Ltd", None)
    ]
    (failed,) = (row for row in Warehouse(Path(job.out)).rows("evidence") if row["state"] == "failed")
    assert (failed["field"], failed["value"], failed["grade"]) == ("sent_on", None, None)
    assert "no full date" in failed["detail"]
    again = kimi.log.chats()[1].body
    assert again is not None
    assert "some day" in json.dumps(again)
    assert "Sender Number 3" not in json.dumps(again)
    assert list(record_schema(again)["anyOf"][0]["properties"]) == ["sent_on"]
    (first, *_) = Warehouse(Path(job.out)).rows("review")
    assert (first["path"], first["field"], first["reason"], first["confidence"]) == (
        "slip2.txt",
        "sent_on",
        "failed",
        0.0,
    )
    once_more = await run(kimi, job)
    assert (once_more.exit_code, once_more.asked, once_more.changed, once_more.standing) == (0, 0, False, 1)
    assert any("Failed in earlier runs and still so: 1;" in sentence for sentence in once_more.sentences)
    assert (await run(kimi, job.model_copy(update={"fail_on": "any"}))).exit_code == 2


async def test_two_passes_are_compared_and_priced(kimi: Running, inbox: Path) -> None:
    """With two passes each window is asked twice, as the plan says; a value on which they differ is kept, named and to be reviewed."""

    def moody(body: dict[str, Any]) -> Any:
        answer = labelled_lines(body)
        assert isinstance(answer, dict)
        if "on your own account" in json.dumps(body):
            answer["documents"][2]["record"]["weight"] = 9.75
        return answer

    kimi.config.oracle = moody
    job = job_of(kimi, inbox, plain_json=True)
    account = settings.account(job, {}, key=kimi.key)
    once = await order.plan(job, account)
    twice = await order.plan(job.model_copy(update={"passes": 2}), account)
    assert (once.cost.requests, twice.cost.requests) == (1, 2)
    summed = await order.plan(job.model_copy(update={"passes": 2, "summarize": "paragraph"}), account)
    assert summed.cost.requests == 3  # summaries are no values that could agree, so they are asked for once
    ended = await run(kimi, job.model_copy(update={"passes": 2}))
    assert (ended.exit_code, ended.asked, ended.rows) == (0, 2, {"parcel": 5})
    assert len({call.body["messages"][2]["content"] for call in kimi.log.chats() if call.body}) == 2
    (review,) = Warehouse(Path(job.out)).rows("review")
    assert (review["field"], review["reason"]) == ("weight", "disagreed")
    rows = Warehouse(Path(job.out)).rows("parcel")
    assert sorted(len(row["conflicts"]) for row in rows) == [0, 0, 0, 0, 1]
    assert sorted(str(row["weight"]) for row in rows) == ["0.25", "1.25", "2.25", "3.25", "4.25"]
    again = await run(kimi, job.model_copy(update={"passes": 2}))
    assert (again.asked, again.changed) == (0, False)


@pytest.mark.prove
async def test_a_second_pass_over_what_is_answered_asks_only_that(kimi: Running, inbox: Path) -> None:
    """The first pass is in the ledger, so only the second is priced, asked and paid; one pass then asks nothing and keeps what two said."""
    job = job_of(kimi, inbox)
    twice = job.model_copy(update={"passes": 2})
    account = settings.account(job, {}, key=kimi.key)
    before = await order.plan(twice, account)
    await run(kimi, job)
    first = Warehouse(Path(job.out)).rows("parcel")
    said = await order.plan(twice, account)
    assert (said.cost.requests, said.windows, said.stored) == (1, 1, 1)
    ended = await run(kimi, twice)
    assert (ended.exit_code, ended.asked, ended.recalled, ended.rows) == (0, 1, 1, {"parcel": 5})
    assert said.cost.prompt_tokens == pytest.approx(before.cost.prompt_tokens / 2, rel=0.1)
    proofs = Warehouse(Path(job.out)).rows("evidence")
    assert {tuple(row["notes"]) for row in proofs if row["state"] == "given"} == {("agreed",)}
    assert [row["sender"] for row in Warehouse(Path(job.out)).rows("parcel")] == [
        row["sender"] for row in first
    ]
    for again in (twice, job):
        assert (await order.plan(again, account)).windows == 0
        ended = await run(kimi, again)
        assert (ended.asked, ended.recalled, ended.changed) == (0, 0, False)
    assert Warehouse(Path(job.out)).rows("evidence") == proofs


@pytest.mark.parametrize("mode", [slow("live"), "batch"])
@pytest.mark.prove
async def test_both_passes_are_recalled_under_other_words(
    kimi: Running, inbox: Path, monkeypatch: pytest.MonkeyPatch, mode: str
) -> None:
    """Replies of both passes are found by what they showed, also when the words around a question have changed since, so none is paid."""
    job = job_of(kimi, inbox, passes=2)
    await run(kimi, job)
    (Path(job.out) / "warehouse.duckdb").unlink()
    monkeypatch.setattr(prompts, "INSTRUCTION", f"{prompts.INSTRUCTION} Take your time.")
    job = job.model_copy(update={"mode": mode})
    assert (await order.plan(job, settings.account(job, {}, key=kimi.key))).cost.requests == 0
    ended = await run(kimi, job)
    assert (ended.exit_code, ended.asked, ended.recalled, ended.rows) == (0, 0, 2, {"parcel": 5})


@pytest.mark.prove
async def test_a_replay_of_two_passes_leaves_nothing_to_ask(kimi: Running, inbox: Path) -> None:
    """Rows of a replay count for a job of two passes too, so that the next run does not pay for both again."""
    job = job_of(kimi, inbox, passes=2)
    await run(kimi, job)
    schema = Path(job.extract[0])
    schema.write_text(
        schema.read_text(encoding="utf-8").replace('"A parcel', '"One parcel'), encoding="utf-8"
    )
    replayed = await run(kimi, job.model_copy(update={"replay": True}))
    assert (replayed.exit_code, replayed.asked, replayed.rows) == (0, 0, {"parcel": 5})
    ended = await run(kimi, job)
    assert (ended.exit_code, ended.asked, ended.changed) == (0, 0, False)


@pytest.mark.prove
async def test_a_second_pass_that_cannot_be_asked_leaves_the_first(kimi: Running, inbox: Path) -> None:
    """Rows of one pass stay when the budget forbids the second, the run says so, and a later one compares them."""
    job = job_of(kimi, inbox)
    await run(kimi, job)
    ended = await run(kimi, job.model_copy(update={"passes": 2, "budget_usd": 0.000001}))
    assert (ended.exit_code != 0, ended.asked, ended.single_pass, ended.rows, ended.rejects) == (
        True,
        0,
        5,
        {"parcel": 5},
        0,
    )
    assert "Answers of one pass, since the second could not be asked: 5; run again for it." in ended.sentences
    ended = await run(kimi, job.model_copy(update={"passes": 2}))
    assert (ended.exit_code, ended.asked, ended.single_pass, ended.rows) == (0, 1, 0, {"parcel": 5})


async def test_required_evidence_is_asked_again_and_then_a_reason(kimi: Running, inbox: Path) -> None:
    """A value that stands nowhere is refused where the job requires evidence; a name that no schema has is a wrong setting."""

    def inventive(body: dict[str, Any]) -> Any:
        answer = labelled_lines(body)
        assert isinstance(answer, dict)
        answer["documents"][0]["record"]["sender"] = "Nobody at all"
        return answer

    kimi.config.oracle = inventive
    job = job_of(kimi, inbox, required_evidence=["sender"], max_documents_per_window=1, plain_json=True)
    ended = await run(kimi, job)
    assert (ended.exit_code, ended.asked, ended.failed_values) == (2, 15, 5)
    failed = [row for row in Warehouse(Path(job.out)).rows("evidence") if row["state"] == "failed"]
    assert {row["field"] for row in failed} == {"sender"}
    assert all("does not stand in the document" in row["detail"] for row in failed)
    with pytest.raises(SettingsError, match="colour"):
        await run(kimi, job.model_copy(update={"required_evidence": ["colour"]}))


async def test_repaired_documents_are_counted(kimi: Running, inbox: Path) -> None:
    """A field that is right when it is asked again is in the row, and the outcome says how many answers were repaired and how."""

    def hasty(body: dict[str, Any]) -> Any:
        answer = labelled_lines(body)
        assert isinstance(answer, dict)
        if "was not accepted" not in json.dumps(body):
            for entry in answer["documents"][:3]:
                entry["record"]["weight"] = "heavy"
        return answer

    kimi.config.oracle = hasty
    job = job_of(kimi, inbox, plain_json=True)
    ended = await run(kimi, job)
    assert (ended.exit_code, ended.asked, ended.failed_values) == (0, 2, 0)
    assert ended.repaired == {"by their failing fields": 3}
    assert "Answers repaired: 3, of which 3 by their failing fields." in ended.sentences
    assert [str(row["weight"]) for row in parcels(job)] == [f"{n}.25" for n in range(5)]
    bills = {row["request"]: row["question"] for row in Warehouse(Path(job.out)).rows("requests")}
    assert sorted(bills.values()) == ["parcel", "parcel.again"]
    mended = [row for row in Warehouse(Path(job.out)).rows("evidence") if "repaired" in row["notes"]]
    assert {(row["field"], bills[row["request"]]) for row in mended} == {("weight", "parcel.again")}


async def test_a_reached_budget_keeps_what_is_done(kimi: Running, inbox: Path) -> None:
    """A cap ends the run cleanly: what is answered is committed, the rest is listed, and a run with more money goes on."""
    job = job_of(kimi, inbox, max_documents_per_window=1, concurrency=1, budget_usd=0.0022)
    ended = await run(kimi, job)
    assert ended.exit_code == 3
    assert 0 < ended.rows["parcel"] < 5
    assert (ended.rows["parcel"] + ended.not_asked, ended.rejects) == (5, 0)
    assert {row["reason"] for row in Warehouse(Path(job.out)).rows("rejects")} == {"not_asked"}
    assert "budget" in ended.stopped
    assert ended.cost_usd <= 0.003
    more = await run(kimi, job.model_copy(update={"budget_usd": 1.0}))
    assert (more.exit_code, more.rows, more.rejects) == (0, {"parcel": 5}, 0)
    assert len(kimi.paid()) == 5
    assert kimi.asked_twice() == []


async def test_a_refused_key_is_77(kimi: Running, inbox: Path) -> None:
    """A key that the provider refuses ends the run with exit code 77; the documents are read all the same."""
    job = job_of(kimi, inbox)
    ended = await order.run(job, settings.account(job, {}, key="sk-wrong-key-canary"))
    assert ended.exit_code == 77
    assert ended.statuses == {"ok": 5}
    assert "canary" not in " ".join(ended.sentences)


async def test_the_key_is_nowhere(kimi: Running, inbox: Path) -> None:
    """The key is in no file that a run leaves behind."""
    job = job_of(kimi, inbox)
    await run(kimi, job)
    for path in Path(job.out).rglob("*"):
        assert not path.is_file() or kimi.key.encode() not in path.read_bytes(), path


def start(kimi: Running, job: Job) -> subprocess.Popen[str]:
    """`octavo run` as a process of its own."""
    flags = [
        job.inbox,
        "--out",
        job.out,
        "--extract",
        *job.extract,
        "--base-url",
        kimi.base_url,
        "--max-documents-per-window",
        "1",
    ]
    flags += ["--concurrency", str(job.concurrency), "--yes"]
    environ = {**os.environ, "MOONSHOT_API_KEY": kimi.key}
    command = [sys.executable, "-m", "octavo.flows.cli", "run", *flags]
    return subprocess.Popen(
        command,
        cwd=ROOT,
        env=environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def until(happened: Any, timeout_s: float = 60) -> None:
    """Wait for something."""
    ends = time.monotonic() + timeout_s
    while not happened():
        assert time.monotonic() < ends, "it did not happen"
        time.sleep(0.02)


async def test_kill_9_in_the_middle_then_the_same_tables(kimi: Running, inbox: Path) -> None:
    """A run that is killed and run again ends in the tables of an undisturbed one, and pays again only for what was in flight."""
    for number in range(5, 9):
        write_slip(inbox, number)
    kimi.config.timing, kimi.config.tokens_per_s = True, 100.0
    job = job_of(kimi, inbox, max_documents_per_window=1, concurrency=2)
    killed = start(kimi, job)
    until(lambda: len(kimi.paid()) >= 3)
    os.killpg(killed.pid, signal.SIGKILL)
    killed.wait()
    kimi.config.timing = False
    arrived = len(kimi.paid())
    assert arrived < 9
    ended = await run(kimi, job)
    assert ended.exit_code == 0
    assert [str(row["weight"]) for row in parcels(job)] == [f"{n}.25" for n in range(9)]
    assert len(kimi.asked_twice()) <= 2  # in flight at the kill


async def test_two_runs_on_one_folder(kimi: Running, inbox: Path) -> None:
    """The second run on an output folder ends at once with exit code 75 and says who holds it."""
    kimi.config.timing, kimi.config.tokens_per_s = True, 2.0
    job = job_of(kimi, inbox, concurrency=1)
    first = start(kimi, job)
    until(lambda: kimi.journal)
    second = start(kimi, job)
    _, said = second.communicate(timeout=60)
    assert second.returncode == 75
    assert str(first.pid) in said
    first.terminate()
    _, said = first.communicate(timeout=60)
    assert first.returncode == 143
    assert "goes on where it stopped" in said


@pytest.mark.prove
async def test_who_is_asked_again_sees_the_picture_again(kimi: Running, tmp_path: Path) -> None:
    """Questions about fields that failed show the pictures too, as they do when both are taken from the ledger later, for nothing."""
    (tmp_path / "inbox").mkdir()
    shutil.copy(ROOT / "data" / "samples" / "receipt_scan.jpg", tmp_path / "inbox")
    job = job_of(kimi, tmp_path / "inbox", extract=["receipt"])
    kimi.config.oracle = schema_filler  # dates that are none, so that it is asked again
    ended = await run(kimi, job)
    assert ended.asked > 1
    assert all("image_url" in json.dumps(call.body["messages"]) for call in kimi.log.chats() if call.body)
    (Path(job.out) / "warehouse.duckdb").unlink()
    assert (await run(kimi, job)).asked == 0


async def test_a_scan_goes_to_the_model_as_a_picture(kimi: Running, tmp_path: Path) -> None:
    """A page without text is sent as a JPEG in base64 to a model with vision, between the marks of its document, and gets its row."""
    kimi.config.oracle = None
    (tmp_path / "inbox").mkdir()
    shutil.copy(ROOT / "data" / "samples" / "receipt_scan.jpg", tmp_path / "inbox")
    job = Job(
        inbox=str(tmp_path / "inbox"), out=str(tmp_path / "out"), summarize="bullets", base_url=kimi.base_url
    )
    ended = await run(kimi, job)
    assert (ended.exit_code, ended.rows) == (0, {"summary": 1})
    body = kimi.log.chats()[0].body
    assert body is not None
    parts = body["messages"][1]["content"]
    assert [part["type"] for part in parts] == ["text", "image_url", "text"]
    picture = base64.b64decode(parts[1]["image_url"]["url"].removeprefix("data:image/jpeg;base64,"))
    assert picture.startswith(b"\xff\xd8")


async def test_a_scan_that_is_gone_when_it_is_to_be_shown_is_not_asked_about(
    kimi: Running, tmp_path: Path
) -> None:
    """A file that vanishes between reading and asking is a reject with its reason, and no call is paid for a window without its picture."""
    (tmp_path / "inbox").mkdir()
    scan = tmp_path / "inbox" / "receipt_scan.jpg"
    shutil.copy(ROOT / "data" / "samples" / "receipt_scan.jpg", scan)
    job = job_of(kimi, tmp_path / "inbox", extract=["receipt"])

    def approve(_: Estimate) -> bool:
        scan.unlink()
        return True

    await order.run(job, settings.account(job, {}, key=kimi.key), hooks=Hooks(approve=approve))
    assert [row["reason"] for row in Warehouse(Path(job.out)).rows("rejects")] == ["vanished"]
    assert not kimi.log.chats()


async def test_a_scan_is_a_reason_where_nothing_can_see(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Offline and without local OCR a scan is read as a picture, gets no answer, and its row says what to install; exit code 2."""
    monkeypatch.setattr("octavo.flows.order.read.ocr_available", lambda: False)
    (tmp_path / "inbox").mkdir()
    shutil.copy(ROOT / "data" / "samples" / "receipt_scan.jpg", tmp_path / "inbox")
    job = Job(inbox=str(tmp_path / "inbox"), out=str(tmp_path / "out"), extract=["receipt"], offline=True)
    ended = await order.run(job, settings.account(job, {}))
    (reject,) = Warehouse(tmp_path / "out").rows("rejects")
    assert (ended.exit_code, ended.statuses, reject["reason"]) == (2, {"ok": 1}, "needs_ocr")
    assert "octavo[ocr]" in reject["detail"]
    again = await order.run(job, settings.account(job, {}))
    assert (again.changed, again.exit_code) == (False, 2)
