"""Corrections stay: over later answers, other models, edited schemas and replays, through kills, and they come out as labels."""

from __future__ import annotations

import asyncio
import csv
import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from octavo.flows import cli, order, settings
from octavo.flows.answering.staging import StagedAnswers
from octavo.flows.corrections.current import schemas_of
from octavo.flows.corrections.entry import Desk, Saying, say, state_of
from octavo.flows.corrections.labels_of import bands
from octavo.flows.corrections.settle import settle
from octavo.processors.store.warehouse import CorrectionStore, Warehouse, corrections_of, hold
from octavo.schemas.errors import SettingsError
from octavo.schemas.job import Job
from tests.emulator.config import Config
from tests.emulator.fixture import Running, running
from tests.emulator.oracle import enveloped, labelled_lines

ROOT = Path(__file__).resolve().parents[1]
NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)
TEXT = {"type": "string", "maxLength": 60}
MONEY = {"type": "number", "multipleOf": 0.01}


@pytest.fixture(scope="module")
def kimi() -> Iterator[Running]:
    """A Kimi that answers from lines such as `sender: Acme`."""
    with running(Config(tier=5, timing=False, oracle=labelled_lines)) as emulator:
        yield emulator


def schema(folder: Path, **properties: Any) -> str:
    """A schema file named `parcel`."""
    path = folder / "parcel.json"
    path.write_text(json.dumps({"type": "object", "description": "A parcel.", "properties": properties}))
    return str(path)


@pytest.fixture(scope="module")
def done(kimi: Running, tmp_path_factory: pytest.TempPathFactory) -> Job:
    """A job that has asked about two parcels, a window each."""
    folder = tmp_path_factory.mktemp("done")
    (folder / "inbox").mkdir()
    for number in range(2):
        text = (
            f"Parcel slip {number}\nsender: Sender Number {number}\nweight: {number + 1}.50\ncolour: blue\n"
        )
        (folder / "inbox" / f"slip{number}.txt").write_text(text, encoding="utf-8")
    own = {"inbox": str(folder / "inbox"), "out": str(folder / "out"), "base_url": kimi.base_url, "tier": 5}
    extract = [schema(folder, sender=TEXT, weight=MONEY)]
    job = Job.model_validate({**own, "extract": extract, "max_documents_per_window": 1})
    asyncio.run(run(kimi, job))
    return job


@pytest.fixture
def job(done: Job, tmp_path: Path) -> Job:
    """That job with tables and a schema of its own."""
    shutil.copytree(done.out, tmp_path / "out")
    return done.model_copy(
        update={"out": str(tmp_path / "out"), "extract": [schema(tmp_path, sender=TEXT, weight=MONEY)]}
    )


async def run(kimi: Running, job: Job, **changed: Any) -> Any:
    """Do the job as `octavo run` does."""
    other = job.model_copy(update=changed)
    return await order.run(other, settings.account(other, {}, key=kimi.key))


def row(job: Job, path: str = "slip0.txt") -> dict[str, Any]:
    """The answer about a path."""
    (found,) = Warehouse(Path(job.out)).query("FROM parcel WHERE path = ?", [path]).to_pylist()
    return dict(found)


def evidence(job: Job, field: str) -> dict[str, Any]:
    """The evidence of a field of the first slip."""
    query = "SELECT e.* FROM evidence e JOIN parcel USING (document, question) WHERE path = 'slip0.txt' AND field = ?"
    (found,) = Warehouse(Path(job.out)).query(query, [field]).to_pylist()
    return dict(found)


def correct(job: Job, field: str, value: Any, verdict: str = "changed", path: str = "slip0.txt") -> None:
    """Ann says something of a slip, and nothing is committed."""
    with closing(CorrectionStore(Path(job.out))) as store:
        reader = Warehouse(Path(job.out))
        desk = Desk(reader, store, schemas_of(reader))
        (document,) = (one.sha256 for one in reader.documents() if one.path == path)
        say(desk, Saying(document, "parcel", field, verdict, value), "Ann", NOW)


def settled(job: Job) -> bool:
    """The tables are brought up to what was said."""
    with hold(Path(job.out)) as warehouse, closing(CorrectionStore(Path(job.out))) as store:
        return settle(warehouse, store)


def test_nobody_judges_what_they_have_not_seen(job: Job) -> None:
    """Who says `right` of an answer that has changed since it was shown is refused, and nothing is put down."""
    reader = Warehouse(Path(job.out))
    with closing(CorrectionStore(Path(job.out))) as store:
        desk = Desk(reader, store, schemas_of(reader))
        (document,) = (one.sha256 for one in reader.documents() if one.path == "slip0.txt")
        seen = state_of(desk.current(document, "parcel").record)
        say(desk, Saying(document, "parcel", "weight", "changed", "9.90", seen=seen), "Ann", NOW)
        with pytest.raises(SettingsError, match="has changed since"):
            say(desk, Saying(document, "parcel", "weight", "right", seen=seen), "Bea", NOW)
        now = state_of(desk.current(document, "parcel").record)
        say(desk, Saying(document, "parcel", "weight", "right", seen=now), "Bea", NOW)
        assert [(one.who, one.after) for one in store.each()] == [("Ann", "9.90"), ("Bea", "9.90")]


def test_undoing_begins_with_what_one_hand_said(job: Job) -> None:
    """Of two who speak under one name, each takes back their own words, and never those of the other."""
    reader = Warehouse(Path(job.out))
    with closing(CorrectionStore(Path(job.out))) as store:
        desk = Desk(reader, store, schemas_of(reader))
        (document,) = (one.sha256 for one in reader.documents() if one.path == "slip0.txt")
        say(desk, Saying(document, "parcel", "sender", "absent"), "ann", NOW, "earlier")
        say(desk, Saying(document, "parcel", "weight", "changed", "9.90"), "ann", NOW, "mine")
        say(desk, Saying(document, "parcel", "weight", "changed", "8.80"), "ann", NOW, "theirs")
        assert [one.after for one in store.undo("ann", NOW, ["mine"], {"theirs"})] == ["9.90"]
        assert [one.field for one in store.undo("ann", NOW, ["mine"], {"theirs"})] == ["sender"]
        assert store.undo("ann", NOW, ["mine"], {"theirs"}) == []
        assert [one.after for one in store.each()] == ["8.80"]


async def test_a_correction_is_in_every_table(kimi: Running, job: Job) -> None:
    """The answer has the value in its type, `evidence` who and when and where it stands, `corrections` the whole story."""
    correct(job, "weight", "2,50")  # stands in the other slip only
    correct(job, "sender", "Parcel slip 0")
    assert settled(job)
    assert (str(row(job)["weight"]), row(job)["sender"]) == ("2.50", "Parcel slip 0")
    weight, sender = evidence(job, "weight"), evidence(job, "sender")
    assert (weight["state"], weight["corrected_by"], weight["corrected_at"], weight["grade"]) == (
        "corrected",
        "Ann",
        NOW,
        "missing",
    )
    assert (sender["grade"], sender["page"], sender["quote"]) == ("exact", 1, "Parcel slip 0")
    told = Warehouse(Path(job.out)).rows("corrections")
    assert [(one["field"], one["verdict"], one["before"], one["after"], one["who"]) for one in told] == [
        ("weight", "changed", "1.50", "2.50", "Ann"),
        ("sender", "changed", "Sender Number 0", "Parcel slip 0", "Ann"),
    ]
    assert not settled(job)


async def test_a_correction_outlives_another_model_an_edited_schema_and_a_replay(
    kimi: Running, job: Job, tmp_path: Path
) -> None:
    """Whatever answers anew, the person's value stays, what is new comes in beside it, and `conflicts` has what the answer says."""
    correct(job, "weight", "9.90")
    await run(kimi, job, model="kimi-k3")
    assert (row(job)["model"], str(row(job)["weight"])) == ("kimi-k3", "9.90")
    schema(tmp_path, sender=TEXT, weight=MONEY, colour=TEXT)
    await run(kimi, job, model="kimi-k3")
    assert (str(row(job)["weight"]), row(job)["colour"]) == ("9.90", "blue")
    assert row(job)["conflicts"] == ["weight: '9.90' by Ann, the answer says '1.5'"]
    schema(tmp_path, weight={**MONEY, "multipleOf": 0.001}, colour=TEXT)
    await run(kimi, job, model="kimi-k3", replay=True)
    assert str(row(job)["weight"]) == "9.900"
    assert evidence(job, "weight")["state"] == "corrected"
    assert str(row(job, "slip1.txt")["weight"]) == "2.500"


async def test_a_correction_outlives_an_answer_that_there_is_nothing(kimi: Running, job: Job) -> None:
    """A model that finds nothing takes away no row of which a person said something."""
    correct(job, "weight", "9.90")

    def nothing(body: dict[str, Any]) -> Any:
        return json.loads(re.sub(r'"Sender Number 0"|1\.5', "null", json.dumps(labelled_lines(body))))

    kimi.config.oracle = nothing
    try:
        await run(kimi, job, model="kimi-k3")
    finally:
        kimi.config.oracle = labelled_lines
    assert (str(row(job)["weight"]), row(job)["sender"], row(job)["model"]) == ("9.90", None, "kimi-k3")


async def test_taking_back_gives_the_answer_as_it_was(kimi: Running, job: Job) -> None:
    """After undoing, row and evidence are those of the model, to the last column."""
    before = row(job), evidence(job, "weight")
    correct(job, "weight", "9.90")
    settled(job)
    with closing(CorrectionStore(Path(job.out))) as store:
        assert [one.field for one in store.undo("Ann", NOW)] == ["weight"]
        assert store.undo("Ann", NOW) == []
    assert settled(job)
    assert (row(job), evidence(job, "weight")) == before
    assert Warehouse(Path(job.out)).rows("corrections") == []


async def test_a_run_that_holds_the_folder_takes_in_what_is_said_meanwhile(kimi: Running, job: Job) -> None:
    """What is said while a run holds the folder is on disk at once, and in the tables when the run ends."""
    with hold(Path(job.out)):
        assert cli.main(["correct", str(_file(job)), "--out", job.out]) == 0
        assert str(row(job)["weight"]) == "1.50"
    ended = await run(kimi, job)
    assert (ended.changed, str(row(job)["weight"])) == (True, "7.00")
    assert not (await run(kimi, job)).changed


def _file(job: Job) -> Path:
    file = Path(job.out).parent / "said.csv"
    file.write_text("document,schema,field,value\nslip0.txt,parcel,weight,7\n")
    return file


async def correct_and_die(job: Job, said: str) -> None:
    """Correct in a process that is killed by -9 the moment the correction was acknowledged; `said` are arguments of `correct`."""
    code = (
        "import os, signal, sys\nfrom tests.test_flows_corrections import correct\nfrom octavo.schemas.job import Job\n"
        f"correct(Job.model_validate_json(sys.argv[1]), {said})\nos.kill(os.getpid(), signal.SIGKILL)\n"
    )
    child = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-c", code, job.model_dump_json()],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        check=False,
    )
    assert child.returncode == -signal.SIGKILL


async def test_a_kill_between_word_and_commit_loses_nothing(kimi: Running, job: Job) -> None:
    """Killed by -9 the moment a correction was acknowledged, and then everything deleted but the file, it is in the next tables."""
    await correct_and_die(job, "'weight', '9.90'")
    assert str(row(job)["weight"]) == "1.50"
    await run(kimi, job)
    assert str(row(job)["weight"]) == "9.90"
    (Path(job.out) / "warehouse.duckdb").unlink()
    await run(kimi, job)
    assert (str(row(job)["weight"]), evidence(job, "weight")["corrected_by"]) == ("9.90", "Ann")
    assert len(Warehouse(Path(job.out)).rows("corrections")) == 1


@contextmanager
def silent(kimi: Running, text: str) -> Iterator[list[str]]:
    """Kimi has no answer about documents with this text; gives what it was asked meanwhile."""
    asked: list[str] = []

    def answered(body: dict[str, Any]) -> Any:
        asked.append(json.dumps(body))
        found = labelled_lines(body)
        return enveloped(body, {}) if text in asked[-1] else found

    kimi.config.oracle = answered
    try:
        yield asked
    finally:
        kimi.config.oracle = labelled_lines


@pytest.fixture
async def rejected(kimi: Running, job: Job) -> Job:
    """That job with a third parcel to which there is no answer."""
    inbox = shutil.copytree(job.inbox, Path(job.out).parent / "inbox")
    (inbox / "slip2.txt").write_text(
        "Parcel slip 2\nnobody knows its sender, it weighs 4.50\n", encoding="utf-8"
    )
    shutil.rmtree(job.out)
    own = job.model_copy(update={"inbox": str(inbox)})
    with silent(kimi, "Parcel slip 2"):
        await run(kimi, own)
    assert [one["reason"] for one in Warehouse(Path(own.out)).rows("rejects")] == ["missing_in_reply"]
    return own


def fill(job: Job, capsys: pytest.CaptureFixture[str], *lines: str) -> str:
    """`octavo correct` takes lines about the third parcel; gives what it says."""
    file = Path(job.out).parent / "filled.csv"
    file.write_text("\n".join(["document,schema,field,value,verdict", *lines]))
    cli.main(["correct", str(file), "--out", job.out, "--who", "Ann"])
    return capsys.readouterr().err


def third(job: Job) -> tuple[Any, ...]:
    """What the tables say of the third parcel: who answered, weight, sender, whether it is of earlier days, and reasons of rejects."""
    tables = Warehouse(Path(job.out))
    query = "SELECT engine, weight, sender, former FROM parcel WHERE path = 'slip2.txt'"
    rows = [
        (one["engine"], str(one["weight"]), one["sender"], one["former"])
        for one in tables.query(query).to_pylist()
    ]
    return (*rows, *(one["reason"] for one in tables.rows("rejects")))


FILLED = ("person", "4.50", None, False)


@pytest.mark.prove
async def test_what_was_rejected_is_filled_in_by_hand_and_not_asked_again(
    kimi: Running, rejected: Job, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """An answer that a person gives where no model did stands instead of the reject, costs nothing more, and is a label.

    Taking it back gives the reject again.
    """
    assert third(rejected) == ("missing_in_reply",)
    assert "that could be right" in fill(rejected, capsys, "slip2.txt,parcel,sender,,right")
    assert "taken: 1 (1 changed)" in fill(rejected, capsys, 'slip2.txt,parcel,weight,"4,50",')
    assert third(rejected) == (FILLED,)
    proofs = Warehouse(Path(rejected.out)).query(
        "SELECT field, state, corrected_by, page, quote FROM evidence e JOIN parcel USING (document, question) "
        "WHERE path = 'slip2.txt' ORDER BY field DESC"
    )
    assert [tuple(one.values()) for one in proofs.to_pylist()] == [
        ("weight", "corrected", "Ann", 1, "4.50"),
        ("sender", "missing", None, None, ""),
    ]
    with silent(kimi, "Parcel slip 2") as asked:
        assert not (await run(kimi, rejected)).changed
        await run(kimi, rejected, replay=True)
    assert (asked, third(rejected)) == ([], (FILLED,))
    gold = tmp_path / "gold.json"
    assert cli.main(["correct", "--export", str(gold), "--out", rejected.out]) == 0
    assert [one["values"] for one in json.loads(gold.read_text())] == [{"weight": "4.50"}]
    with closing(CorrectionStore(Path(rejected.out))) as store:
        store.undo("Ann", NOW)
    assert settled(rejected)
    assert third(rejected) == ("missing_in_reply",)


async def test_what_was_filled_in_by_hand_outlives_models_and_the_tables(
    kimi: Running, rejected: Job, capsys: pytest.CaptureFixture[str]
) -> None:
    """Another model that has no answer either takes nothing away, and tables that are made anew have it without asking.

    Where a model has an answer at last, its values stand in all fields but those that the person filled.
    """
    fill(rejected, capsys, "slip2.txt,parcel,weight,4.50,")
    with silent(kimi, "Parcel slip 2"):
        await run(kimi, rejected, model="kimi-k3")
    assert third(rejected) == (FILLED,)
    (Path(rejected.out) / "warehouse.duckdb").unlink()
    with silent(kimi, "Parcel slip 2") as asked:
        await run(kimi, rejected, model="kimi-k3")
    assert (asked, third(rejected)) == ([], (FILLED,))
    schema(Path(rejected.out).parent, sender=TEXT, weight=MONEY, colour=TEXT)
    kimi.config.oracle = lambda body: json.loads(
        json.dumps(labelled_lines(body)).replace('"sender": null', '"sender": "nobody"')
    )
    try:
        await run(kimi, rejected, model="kimi-k3")
    finally:
        kimi.config.oracle = labelled_lines
    ((engine, weight, sender, former),) = third(rejected)
    assert (engine != "person", weight, sender, former) == (True, "4.50", "nobody", False)


@pytest.mark.prove
async def test_a_kill_while_somebody_fills_in_loses_nothing(kimi: Running, rejected: Job) -> None:
    """Killed by -9 the moment a filled field was acknowledged: the row comes with the next run, which asks nothing."""
    await correct_and_die(rejected, "'weight', '4.50', path='slip2.txt'")
    assert third(rejected) == ("missing_in_reply",)
    with silent(kimi, "Parcel slip 2") as asked:
        await run(kimi, rejected)
    assert (asked, third(rejected)) == ([], (FILLED,))


async def test_an_answer_that_came_while_somebody_corrected_the_one_before_is_not_lost(
    kimi: Running, job: Job
) -> None:
    """A word about the old answer, said while the new one waits for its commit, is laid over the new one, whose other values stand."""
    kept: list[str] = []

    def meanwhile(body: dict[str, Any]) -> Any:
        found = labelled_lines(body)
        if not kept:  # after the run has looked at what was said before, and before its answers are committed
            kept.append("said")
        return json.loads(json.dumps(found).replace("Sender Number 0", "Other Sender"))

    kimi.config.oracle = meanwhile
    taken = StagedAnswers._taken

    def said_first(self: StagedAnswers) -> Any:
        if kept:
            kept.clear()
            correct(job, "weight", "9.90")
        return taken(self)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(StagedAnswers, "_taken", said_first)
        try:
            await run(kimi, job, model="kimi-k3")
        finally:
            kimi.config.oracle = labelled_lines
    assert (row(job)["model"], str(row(job)["weight"]), row(job)["sender"]) == (
        "kimi-k3",
        "9.90",
        "Other Sender",
    )


async def test_what_is_wrong_is_said_and_put_nowhere(kimi: Running, job: Job) -> None:
    """What a model's answer would be refused for is refused here: a date that is none, a limit of the schema, an unknown field."""
    for field, value, words in (
        ("weight", "heavy", "is no number"),
        ("weight", "1.2345", "more than 2 digits"),
        ("sender", "x" * 61, "at most 60 characters"),
        ("size", "L", "has no field"),
        ("weight", "", "Nothing was typed"),
    ):
        with pytest.raises(SettingsError, match=words):
            correct(job, field, value)
    with pytest.raises(SettingsError, match="no verdict"):
        correct(job, "weight", "1", verdict="maybe")
    found = corrections_of(Path(job.out))
    assert found
    assert found.count() == 0
    found.close()


async def test_files_in_and_labels_out(
    done: Job, job: Job, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A CSV or JSON file is taken line by line, wrong lines are named, and the labels that come out score a folder nobody corrected."""
    file = tmp_path / "said.csv"
    with file.open("w", newline="") as target:
        csv.writer(target).writerows(
            [
                ["document", "schema", "field", "value", "verdict", "who", "note"],
                ["slip0.txt", "parcel", "weight", "9.90", "", "Bea", "scales"],
                ["slip0.txt", "parcel", "sender", "", "right", "", ""],
                ["slip1.txt", "parcel", "weight", "heavy", "", "", ""],
                ["gone.txt", "parcel", "weight", "1", "", "", ""],
                ["slip1.txt", "parcel", "sender", "", "", "", ""],
            ]
        )
    assert cli.main(["correct", str(file), "--out", job.out, "--who", "Ann"]) == 2
    said = capsys.readouterr().err
    assert "Corrections taken: 2 (1 changed, 1 right)" in said
    assert "Line 3 (slip1.txt, weight): 'heavy' is no number" in said
    assert "There is no document 'gone.txt'" in said
    gold = tmp_path / "gold.json"
    assert cli.main(["correct", "--export", str(gold), "--out", job.out]) == 0
    (label,) = json.loads(gold.read_text())
    assert (label["document"], label["values"]) == (
        "slip0.txt",
        {"sender": "Sender Number 0", "weight": "9.90"},
    )
    other = job.model_copy(update={"out": str(tmp_path / "other")})
    shutil.copytree(done.out, other.out)
    capsys.readouterr()
    for out in (other.out, job.out):  # corrected values are not the model's merit
        assert await asyncio.to_thread(cli.main, ["eval", str(gold), "--out", out, "--format", "json"]) == 0
        scores = json.loads(capsys.readouterr().out)["scores"]
        assert (scores["parcel.sender"]["f1"], scores["parcel.weight"]["f1"]) == (1.0, 0.0)
    assert cli.main(["correct", str(gold), "--out", other.out]) == 0
    assert str(Warehouse(Path(other.out)).rows("parcel", ["weight"])[0]["weight"]) in {"9.90", "2.50"}


async def test_bands_tell_how_right_confidence_was(kimi: Running, job: Job) -> None:
    """Each first verdict about a model's value counts in the band of its confidence; a second one about the same does not."""
    correct(job, "sender", None, verdict="right")
    correct(job, "weight", "9.90")
    correct(job, "weight", None, verdict="right")
    with closing(CorrectionStore(Path(job.out))) as store:
        found = [one for one in bands(store.each()) if one.judged]
    assert [(one.right, one.judged) for one in found] == [(1, 2)]


async def test_a_former_answer_is_filled_in_where_the_next_model_has_none(
    kimi: Running, job: Job, capsys: pytest.CaptureFixture[str]
) -> None:
    """An answer of before whose successor was rejected is filled in by hand: it stands for both, and costs nothing more.

    Taking it back gives the reject again, and leaves the answer of before as it was.
    """

    def first() -> tuple[Any, ...]:
        rejects = [one["reason"] for one in Warehouse(Path(job.out)).rows("rejects")]
        return str(row(job)["weight"]), row(job)["sender"], row(job)["former"], *rejects

    with silent(kimi, "Parcel slip 0"):
        await run(kimi, job, model="kimi-k3")
    assert first() == ("1.50", "Sender Number 0", True, "missing_in_reply")
    assert "taken: 1 (1 changed)" in fill(job, capsys, "slip0.txt,parcel,weight,9.90,")
    assert first() == ("9.90", "Sender Number 0", True)
    with silent(kimi, "Parcel slip 0") as asked:
        await run(kimi, job, model="kimi-k3")
    assert (asked, first()) == ([], ("9.90", "Sender Number 0", True))
    with closing(CorrectionStore(Path(job.out))) as store:
        store.undo("Ann", NOW)
    assert settled(job)
    assert first() == ("1.50", "Sender Number 0", True, "missing_in_reply")


async def test_a_former_answer_whose_successor_is_asked_yet_waits_for_it(
    kimi: Running, job: Job, capsys: pytest.CaptureFixture[str]
) -> None:
    """Who corrects an answer of before while the budget keeps the next model from being asked stands in no model's way."""

    def waiting() -> list[str]:
        query = "SELECT r.reason FROM rejects r JOIN documents USING (document) WHERE path = 'slip0.txt'"
        return [str(one["reason"]) for one in Warehouse(Path(job.out)).query(query).to_pylist()]

    with silent(kimi, "Parcel slip 0"):
        await run(kimi, job, model="kimi-k3")
    await run(kimi, job, model="kimi-k2.7-code", budget_usd=0.000001)
    assert (row(job)["former"], waiting()) == (True, ["not_asked"])
    assert "taken: 1 (1 changed)" in fill(job, capsys, "slip0.txt,parcel,weight,9.90,")
    assert waiting() == ["not_asked"]
    await run(kimi, job, model="kimi-k2.7-code")
    assert (row(job)["model"], row(job)["former"], waiting()) == ("kimi-k2.7-code", False, [])
