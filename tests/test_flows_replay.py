"""`octavo ledger`: what was spent, and stored replies checked again under other schemas, for nothing."""

from __future__ import annotations

import asyncio
import csv
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from octavo.flows import cli, order, settings
from octavo.processors.store.warehouse import Warehouse
from octavo.schemas.job import Job
from tests.emulator.config import Config
from tests.emulator.fixture import Running, running
from tests.emulator.oracle import labelled_lines


@pytest.fixture
def kimi() -> Iterator[Running]:
    """A Kimi that answers from lines such as `sender: Acme`."""
    with running(Config(tier=5, rpm=10**6, timing=False, oracle=labelled_lines)) as emulator:
        yield emulator


def schema(folder: Path, **properties: Any) -> str:
    """A schema file named `parcel`."""
    path = folder / "parcel.json"
    path.write_text(
        json.dumps({"type": "object", "description": "A parcel.", "properties": properties}), encoding="utf-8"
    )
    return str(path)


@pytest.fixture
def job(kimi: Running, tmp_path: Path) -> Job:
    """The job that asks about three parcels, a window each."""
    (tmp_path / "inbox").mkdir()
    for number in range(3):
        text = f"Parcel slip {number}\nsender: Sender Number {number}\nweight: {number}.5\ncolour: blue\n"
        (tmp_path / "inbox" / f"slip{number}.txt").write_text(text, encoding="utf-8")
    extract = [schema(tmp_path, sender={"type": "string"}, weight={"type": "string"})]
    plain = {
        "inbox": str(tmp_path / "inbox"),
        "out": str(tmp_path / "out"),
        "base_url": kimi.base_url,
        "tier": 5,
        "rpm": 10**6,
    }
    return Job.model_validate({**plain, "extract": extract, "max_documents_per_window": 1})


async def run(kimi: Running, job: Job) -> Any:
    """Do the job as `octavo run` does."""
    return await order.run(job, settings.account(job, {}, key=kimi.key))


def parcels(job: Job) -> list[dict[str, Any]]:
    """The rows, by path."""
    query = "FROM parcel ORDER BY path"
    return list(Warehouse(Path(job.out)).query(query).to_pylist())


async def test_a_replay_under_another_schema_costs_nothing(kimi: Running, job: Job, tmp_path: Path) -> None:
    """Rows under the new schema come from the stored replies: changed types are checked, gone fields left out, new ones null."""
    await run(kimi, job)
    calls = len(kimi.journal)
    schema(tmp_path, weight={"type": "number", "multipleOf": 0.1}, colour={"type": "string"})
    ended = await order.run(
        replaying := job.model_copy(update={"replay": True}), settings.account(replaying, {})
    )
    assert (ended.exit_code, ended.asked, ended.recalled, ended.rows) == (0, 0, 3, {"parcel": 3})
    assert [(str(row["weight"]), row["colour"], "sender" in row) for row in parcels(job)] == [
        (f"{n}.5", None, False) for n in range(3)
    ]
    assert any("fields that are new are null" in sentence for sentence in ended.sentences)
    assert len(kimi.journal) == calls
    again = await order.run(replaying, settings.account(replaying, {}))
    assert (again.changed, again.recalled) == (False, 0)


@pytest.mark.prove
async def test_what_does_not_fit_waits_for_a_real_run(kimi: Running, job: Job, tmp_path: Path) -> None:
    """A stored reply that the new schema refuses, and a document without one, are `not_asked`; a run without replay asks about both."""
    await run(kimi, job)
    (tmp_path / "inbox" / "slip9.txt").write_text("Parcel slip 9\nsender: New\nweight: 9\n", encoding="utf-8")
    schema(tmp_path, sender={"type": "string", "enum": ["Sender Number 1", "New"]})
    ended = await run(kimi, job.model_copy(update={"replay": True}))
    assert (ended.exit_code, ended.rows, ended.former, ended.not_asked) == (
        2,
        {"parcel": 3},
        {"parcel": 2},
        3,
    )
    rejects = Warehouse(Path(job.out)).rows("rejects")
    assert {row["reason"] for row in rejects} == {"not_asked"}
    assert sum("does not fit (invalid)" in row["detail"] for row in rejects) == 2
    calls = len(kimi.log.chats())
    ended = await run(kimi, job)
    assert (ended.asked, len(kimi.log.chats()) - calls) == (3, 3)
    assert {row["path"] for row in parcels(job)} >= {"slip1.txt", "slip9.txt"}


@pytest.mark.prove
async def test_the_last_answer_counts_in_a_replay(kimi: Running, job: Job, tmp_path: Path) -> None:
    """A document that was asked again is replayed from the answer that was accepted, not from the one that was not."""

    def hasty(body: dict[str, Any]) -> Any:
        answer = labelled_lines(body)
        if "was not accepted" not in json.dumps(body) and isinstance(answer, dict):
            answer["documents"][0]["record"]["weight"] = ["much"]
        return answer

    kimi.config.oracle = hasty
    job = job.model_copy(update={"plain_json": True})
    first = await run(kimi, job)
    assert (first.asked, first.rows) == (6, {"parcel": 3})
    schema(tmp_path, weight={"type": "number"})
    ended = await run(kimi, job.model_copy(update={"replay": True}))
    assert (ended.exit_code, ended.asked, ended.rows) == (0, 0, {"parcel": 3})
    assert [float(row["weight"]) for row in parcels(job)] == [0.5, 1.5, 2.5]


def test_the_commands(kimi: Running, job: Job, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """`octavo ledger` says what was paid in every format, and `octavo ledger replay` works without inbox and key."""
    asyncio.run(run(kimi, job))
    billed = sum(entry.cost_usd for entry in kimi.paid())
    said = {}
    for form in ("table", "json", "csv"):
        assert cli.main(["ledger", "--out", job.out, "--format", form]) == 0
        said[form] = capfd.readouterr().out
    rows = json.loads(said["json"])
    nothing = {"free": 0, "in_vain": 0, "maybe_paid": 0, "unheard": 0, "spent_usd": 0, "maybe_usd": 0}
    tokens = {
        name: sum(getattr(entry, name) for entry in kimi.paid())
        for name in ("prompt_tokens", "cached_tokens", "reply_tokens")
    }
    told = {**tokens, "cache_write_tokens": None, "reasoning_tokens": None}
    assert rows[0] | {"spent_usd": 0} == {
        "heading": "total",
        "name": "all",
        "attempts": 3,
        "answered": 3,
        **nothing,
        **told,
    }
    assert rows[0]["spent_usd"] == pytest.approx(billed)
    assert [(row["heading"], row["name"]) for row in rows] == [
        (row["heading"], row["name"]) for row in csv.DictReader(io.StringIO(said["csv"]))
    ]
    assert "kimi-k2.6" in said["table"]
    for path in (tmp_path / "inbox").iterdir():
        path.unlink()
    changed = tmp_path / "other" / "parcel.json"
    changed.parent.mkdir()
    changed.write_text((tmp_path / "parcel.json").read_text().replace("weight", "sent_by"), encoding="utf-8")
    assert cli.main(["ledger", "replay", "--out", job.out, "--extract", str(changed)]) == 0
    assert [row["sender"] for row in parcels(job)] == [f"Sender Number {n}" for n in range(3)]
    assert len(kimi.log.chats()) == 3


def test_a_folder_without_a_ledger_is_a_sentence(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Where nothing was asked yet, both commands end with exit code 1 and say how to begin."""
    for words in (["ledger"], ["ledger", "replay"]):
        assert cli.main([*words, "--out", str(tmp_path)]) == 1
        assert "octavo run" in capfd.readouterr().err
