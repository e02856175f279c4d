"""Stored replies are recalled: the tables of then come again, in few look-ups, and nothing is paid twice."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from octavo.flows import order, settings
from octavo.flows.outcome.outcome import Outcome
from octavo.processors.ask.ledger import Ledger
from octavo.processors.ask.replies import Asker
from octavo.processors.store.warehouse import Warehouse
from octavo.schemas.job import Job
from tests.emulator.config import Config
from tests.emulator.fixture import Running, running
from tests.emulator.oracle import labelled_lines
from tests.proofs import slow

TABLES = ("documents", "pages", "parcel", "evidence", "rejects", "requests")
FIELDS = {
    "sender": {"type": "string"},
    "sent_on": {"type": "string", "format": "date"},
    "weight": {"type": "number", "multipleOf": 0.01},
}


@pytest.fixture
def kimi() -> Iterator[Running]:
    """A Kimi that answers from lines such as `sender: Acme`."""
    with running(Config(tier=5, rpm=10**6, timing=False, oracle=labelled_lines)) as emulator:
        yield emulator


@pytest.fixture
def inbox(tmp_path: Path) -> Path:
    """Twelve slips, two of them longer than a small window, and the schema beside them."""
    (tmp_path / "parcel.json").write_text(
        json.dumps({"type": "object", "description": "A parcel.", "properties": FIELDS}), encoding="utf-8"
    )
    folder = tmp_path / "inbox"
    folder.mkdir()
    for number in range(12):
        labels = (
            f"sender: Sender Number {number} Ltd\nsent_on: 2026-03-{number + 1:02}\nweight: {number}.25\n"
        )
        paragraphs = "\n\n".join(
            f"Paragraph {n} says that parcel {number} was on its way for a while."
            for n in range(150 * (number < 2))
        )
        (folder / f"slip{number:02}.txt").write_text(
            f"Parcel slip {number}\n{labels}\n{paragraphs}", encoding="utf-8"
        )
    return folder


def job_of(kimi: Running, inbox: Path, **changes: Any) -> Job:
    """The job that asks about parcels."""
    plain = {
        "inbox": str(inbox),
        "out": str(inbox.parent / "out"),
        "extract": [str(inbox.parent / "parcel.json")],
    }
    return Job.model_validate(
        {**plain, "base_url": kimi.base_url, "tier": 5, "rpm": 10**6, "plain_json": True, **changes}
    )


async def run(kimi: Running, job: Job) -> Outcome:
    """Do the job as `octavo run` does."""
    return await order.run(job, settings.account(job, {}, key=kimi.key))


def tables(job: Job) -> dict[str, Sequence[dict[str, Any]]]:
    """All rows but those of runs, without the name of the run that put a row there."""
    found = {name: Warehouse(Path(job.out)).rows(name) for name in TABLES}
    return {
        name: [{key: value for key, value in row.items() if key != "run"} for row in rows]
        for name, rows in found.items()
    }


def lose_tables(job: Job) -> None:
    """Remove all that was committed; the ledger stays."""
    (Path(job.out) / "warehouse.duckdb").unlink()
    shutil.rmtree(Path(job.out) / "tables")


def flawed(body: dict[str, Any]) -> Any:
    """An answer with a wrong date in it, a value of a neighbour, a document left out, and one that stays wrong."""
    answer = labelled_lines(body)
    assert isinstance(answer, dict)
    first = "was not accepted" not in json.dumps(body)
    for entry in list(answer["documents"]):
        record = entry["record"] or {}
        if record.get("sent_on") == "2026-03-05" or (first and record.get("sent_on") == "2026-03-04"):
            record["sent_on"] = "some day"
        if first and record.get("sender") == "Sender Number 6 Ltd" and len(answer["documents"]) > 1:
            record["sender"] = "Sender Number 8 Ltd"
        if first and record.get("sender") == "Sender Number 9 Ltd" and len(answer["documents"]) > 1:
            answer["documents"].remove(entry)
    return answer


@pytest.mark.parametrize("oracle", [slow(labelled_lines), flawed])
@pytest.mark.parametrize(
    "changes",
    [
        {},
        slow({"isolation": "document"}),
        slow({"max_window_tokens": 1_500}),
        slow({"passes": 2}),
        slow({"passes": 2, "max_window_tokens": 1_500, "max_documents_per_window": 3}),
    ],
    ids=["packed", "alone", "cut", "twice", "cut-twice"],
)
async def test_tables_after_recalling_are_those_after_asking(
    kimi: Running, inbox: Path, changes: dict[str, Any], oracle: Callable[[dict[str, Any]], Any]
) -> None:
    """Whatever shared a window, was cut, repaired or asked twice: without tables a rerun makes the same ones, and no call."""
    kimi.config.oracle = oracle
    job = job_of(kimi, inbox, **changes)
    first = await run(kimi, job)
    before, calls = tables(job), len(kimi.log.chats())
    assert len(before["parcel"]) == 12
    lose_tables(job)
    ended = await run(kimi, job)
    assert tables(job) == before
    assert (ended.asked, ended.exit_code, len(kimi.log.chats())) == (0, first.exit_code, calls)


@pytest.mark.prove
async def test_pages_are_looked_up_for_many_documents_at_once(
    kimi: Running, inbox: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Recalling looks pages up once for all windows of a batch, not once for each document."""
    job = job_of(kimi, inbox, isolation="document")
    await run(kimi, job)
    lose_tables(job)
    looked_up = noted(monkeypatch, Warehouse, "pages_of", len)
    await run(kimi, job)
    assert [number for number in looked_up if number] == [12]


async def test_calls_leave_while_replies_are_recalled(
    kimi: Running, inbox: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A new document is asked about before the stored replies to the others are all looked at; each is paid once."""
    job = job_of(kimi, inbox, isolation="document")
    await run(kimi, job)
    lose_tables(job)
    (inbox / "slip99.txt").write_text(
        "Parcel slip 99\nsender: New Ltd\nsent_on: 2026-03-30\nweight: 99.25\n", encoding="utf-8"
    )
    events: list[str] = []
    noted(monkeypatch, Asker, "ask", lambda _: "asked", events)
    noted(monkeypatch, Asker, "recall", lambda _: "recalled", events)
    ended = await run(kimi, job)
    assert (ended.asked, ended.recalled, ended.rows) == (1, 12, {"parcel": 13})
    assert events.count("recalled") > 12  # the planner looks at some of them too, before
    assert "recalled" in events[events.index("asked") :]
    assert len(kimi.log.chats()) == 13


async def test_nothing_stored_is_read_when_nothing_is_pending(
    kimi: Running, inbox: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run that finds nothing new does not go through the requests of the ledger."""
    job = job_of(kimi, inbox)
    await run(kimi, job)
    looked_at = noted(monkeypatch, Ledger, "answered", lambda *_: "looked")
    ended = await run(kimi, job)
    assert (ended.changed, looked_at) == (False, [])


def noted(
    monkeypatch: pytest.MonkeyPatch,
    owner: type,
    name: str,
    note: Callable[..., Any],
    notes: list[Any] | None = None,
) -> list[Any]:
    """The notes of the calls of a method, which works as ever."""
    made: list[Any] = [] if notes is None else notes
    method = getattr(owner, name)

    def noting(self: Any, *args: Any, **others: Any) -> Any:
        made.append(note(*args))
        return method(self, *args, **others)

    monkeypatch.setattr(owner, name, noting)
    return made
