"""From documents to windows, against the emulator: the price that was said, windows as planned, and what bills teach about tokens."""

from __future__ import annotations

import json
import random
import re
import shutil
from pathlib import Path
from typing import Any

import pytest

from octavo.flows import order, settings
from octavo.flows.answering import packing, staging
from octavo.flows.consent import Estimate
from octavo.flows.hooks import Hooks
from octavo.flows.outcome.outcome import Outcome
from octavo.processors.pack.calibration import FIRST_FACTOR
from octavo.processors.store.warehouse import Warehouse, hold
from octavo.schemas.job import Job
from tests.conftest import SHARED
from tests.emulator.fixture import Running
from tests.emulator.oracle import gold
from tests.emulator.tokens import KimiVocabulary
from tests.long_invoice import SCHEMA as LISTED
from tests.long_invoice import invoice
from tests.proofs import slow

SAMPLES = Path(__file__).resolve().parents[1] / "data" / "samples"

SCHEMA = {
    "type": "object",
    "description": "A parcel that was sent.",
    "properties": {
        "sender": {"type": "string"},
        "sent_on": {"type": "string", "format": "date"},
        "city": {"type": "string"},
    },
}
WORDS = [
    "the parcel",
    "was handed over",
    "at the counter",
    "and signed for",
    "by a person",
    "while rain fell",
    "on the roof",
]


@pytest.fixture
def inbox(tmp_path: Path) -> Path:
    """A folder with 120 slips of 100 to 1,000 words and the schema beside it."""
    (tmp_path / "parcel.json").write_text(json.dumps(SCHEMA), encoding="utf-8")
    (tmp_path / "inbox").mkdir()
    write(tmp_path / "inbox", range(120))
    return tmp_path / "inbox"


def write(inbox: Path, numbers: range) -> None:
    """Slips."""
    for number in numbers:
        draw = random.Random(number)
        words = " ".join(draw.choices(WORDS, k=draw.randrange(50, 500)))
        text = f"sender: Sender Number {number} Ltd\nsent_on: 2026-03-0{number % 9 + 1}\ncity: Town {number}\n{words}\n"
        (inbox / f"slip{number:03}.txt").write_text(text, encoding="utf-8")


def job_of(kimi: Running, inbox: Path, **changes: Any) -> Job:
    """The job that asks about parcels."""
    plain = {
        "inbox": str(inbox),
        "out": str(inbox.parent / "out"),
        "extract": [str(inbox.parent / "parcel.json")],
    }
    return Job.model_validate(
        {
            **plain,
            "base_url": kimi.base_url,
            "tier": 1,
            "rpm": 10**6,
            "max_documents_per_window": 10,
            **changes,
        }
    )


async def run(kimi: Running, job: Job, vocabulary: bytes | None = None) -> tuple[Estimate, Outcome]:
    """Do the job as `octavo run` does; gives the price that was said before, too."""
    said: list[Estimate] = []

    def approve(estimate: Estimate) -> bool:
        said.append(estimate)
        return True

    ended = await order.run(
        job, settings.account(job, {}, key=kimi.key), vocabulary, hooks=Hooks(approve=approve)
    )
    return said[0], ended


@pytest.mark.parametrize("counted", [slow("exactly"), "by estimate"])
async def test_a_run_costs_what_was_said(kimi: Running, inbox: Path, counted: str, tmp_path: Path) -> None:
    """Once some replies are known, a run ends within 10 % of the dollars of its plan, and in as many calls."""
    vocabulary = None
    if counted == "exactly":
        path = Path(__file__).resolve().parents[2] / "shared" / "tokenizer" / "kimi_k2.tiktoken.model"
        if not path.is_file():
            pytest.skip("the Kimi vocabulary is not on this machine")
        vocabulary = path.read_bytes()
        kimi.emulator.state.counter.vocabulary = KimiVocabulary(str(path))
    job = job_of(kimi, inbox)
    await run(kimi, job, vocabulary)
    write(inbox, range(120, 300))
    plan = await order.plan(job, settings.account(job, {}, key=kimi.key), vocabulary)
    said, ended = await run(kimi, job, vocabulary)
    assert plan.cost == said.cost
    assert ended.cost_usd == pytest.approx(said.cost.usd, rel=0.1)
    assert ended.asked == said.cost.requests == said.windows


@pytest.mark.prove
async def test_the_first_run_costs_about_what_was_said(kimi: Running, inbox: Path) -> None:
    """Before any reply, prompts are within 10 % of the plan; replies are as long as the schema lets expect, which is a guess."""
    said, ended = await run(kimi, job_of(kimi, inbox))
    assert sum(entry.prompt_tokens for entry in kimi.paid()) == pytest.approx(
        said.cost.prompt_tokens, rel=0.1
    )
    assert ended.cost_usd <= said.cost.worst_usd


async def test_a_large_folder_is_planned_and_committed_in_parts(
    kimi: Running, inbox: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """More documents than are planned at once, or wait at once, are asked about as was said, once, and each has its row and evidence."""
    monkeypatch.setattr(packing, "PLANNED_AT_ONCE", 50)
    monkeypatch.setattr(staging, "COMMIT_EVERY_ANSWERS", 30)
    commits: list[int] = []
    commit = Warehouse.commit

    def counted(self: Warehouse, batch: Any, asked: Any = None) -> bool:
        commits.append(sum(len(change.rows) for change in batch if change.table.name == "parcel"))
        return commit(self, batch, asked)

    monkeypatch.setattr(Warehouse, "commit", counted)
    said, ended = await run(kimi, job_of(kimi, inbox))
    assert (ended.exit_code, ended.asked) == (0, said.windows)
    assert said.windows >= 120 // 10
    assert len([rows for rows in commits if rows]) > 2
    assert max(commits) < 120
    warehouse = Warehouse(inbox.parent / "out")
    assert (
        warehouse.size("parcel"),
        warehouse.size("evidence"),
        warehouse.page_count(said_inbox(warehouse)),
    ) == (
        120,
        360,
        120,
    )


def said_inbox(warehouse: Warehouse) -> str:
    """The inbox of its documents."""
    return warehouse.inboxes()[0]


def labelled(value: Any) -> Any:
    """A label as a model would write it: what looks like a number is one."""
    if isinstance(value, dict):
        return {name: labelled(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [labelled(item) for item in value]
    return float(value) if isinstance(value, str) and re.fullmatch(r"-?\d+\.\d+", value) else value


@pytest.mark.prove
async def test_lists_are_foreseen_by_the_rows_of_tables(
    kimi: Running, tmp_path: Path, vocabulary: bytes
) -> None:
    """Before any reply, invoices of 4 to 36 lines cost what was said within 25 %, when their labels are the answers."""
    (tmp_path / "inbox").mkdir()
    known = {}
    for name, one in json.loads((SAMPLES / "gold.json").read_text(encoding="utf-8")).items():
        if one.get("schema") == "invoice":
            shutil.copy(SAMPLES / name, tmp_path / "inbox")
            known[one["values"]["invoice_number"]] = labelled(one["values"])
    kimi.emulator.state.counter.vocabulary = KimiVocabulary(
        str(SHARED / "tokenizer" / "kimi_k2.tiktoken.model")
    )
    kimi.config.oracle = gold(known)
    said, ended = await run(kimi, job_of(kimi, tmp_path / "inbox", extract=["invoice"]), vocabulary)
    assert (len(known), ended.rows) == (7, {"invoice": 7})
    assert not said.learned
    assert said.cost.usd == pytest.approx(ended.cost_usd, rel=0.25)
    assert ended.cost_usd <= said.cost.worst_usd


async def test_the_rows_of_some_documents_tell_those_of_the_others(
    kimi: Running, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a large folder only some short documents are looked at for their rows; the price is about the same as with a look at all."""
    (tmp_path / "inbox").mkdir()
    for number in range(60):
        (tmp_path / "inbox" / f"{number}.txt").write_text(
            invoice(10 + number % 20).replace("R-2026-77", f"R-{number}"), encoding="utf-8"
        )
    (tmp_path / "bill.json").write_text(json.dumps(LISTED), encoding="utf-8")
    job = job_of(kimi, tmp_path / "inbox", extract=[str(tmp_path / "bill.json")])
    account = settings.account(job, {}, key=kimi.key)
    every = await order.plan(job, account)
    monkeypatch.setattr(packing, "LOOKED_AT", 20)
    some = await order.plan(job, account)
    monkeypatch.setattr(packing, "LOOKED_AT", 0)
    none = await order.plan(job, account)
    assert (
        every.cost.reply_tokens != some.cost.reply_tokens == pytest.approx(every.cost.reply_tokens, rel=0.1)
    )
    assert none.cost.reply_tokens < 0.7 * every.cost.reply_tokens


@pytest.mark.prove
async def test_one_call_teaches_how_long_replies_are(kimi: Running, inbox: Path) -> None:
    """A run over a few documents is enough for a plan to say the reply tokens of the rest within 10 %, and that it has learned them."""
    few = inbox.parent / "few"
    few.mkdir()
    write(few, range(500, 506))
    job = job_of(kimi, few, concurrency=1)
    first, ended = await run(kimi, job)
    assert (first.learned, ended.asked) == (False, 1)
    said, _ = await run(kimi, job_of(kimi, inbox, add_inbox=True))
    replied = sum(entry.reply_tokens for entry in kimi.paid()[1:])
    assert said.learned
    assert said.cost.reply_tokens == pytest.approx(replied, rel=0.1)
    assert abs(first.cost.reply_tokens / 6 - replied / 120) > abs(said.cost.reply_tokens - replied) / 120
    job = job_of(kimi, few, reply_form="rows")
    write(few, range(506, 512))
    assert not (await order.plan(job, settings.account(job, {}, key=kimi.key))).learned


@pytest.mark.prove
async def test_windows_keep_to_the_tokens_of_the_job(kimi: Running, inbox: Path) -> None:
    """`max_window_tokens` binds what documents have in one call; each document is asked about once all the same."""
    said, ended = await run(kimi, job_of(kimi, inbox, max_window_tokens=3_000, max_documents_per_window=100))
    free, _ = await run(
        kimi, job_of(kimi, inbox, out=str(inbox.parent / "free"), max_documents_per_window=100, mode="live")
    )
    assert ended.rows == {"parcel": 120}
    assert said.windows > free.windows
    assert (
        max(entry.prompt_tokens for entry in kimi.paid()[: said.windows]) <= 3_000 + 800
    )  # instruction, question and schema
    assert kimi.asked_twice() == []


async def test_short_documents_cost_little_beside_their_text(kimi: Running, inbox: Path) -> None:
    """Unless a number is named, short documents share windows by the dozen, and prompts have at most 1.05 times the tokens of the texts."""
    for number in range(120):
        path = inbox / f"slip{number:03}.txt"
        path.write_text(path.read_text(encoding="utf-8")[:1_500], encoding="utf-8")
    said, _ = await run(kimi, job_of(kimi, inbox, max_documents_per_window=0, concurrency=1))
    texts = sum(
        kimi.emulator.state.counter.count(path.read_text(encoding="utf-8")) for path in inbox.iterdir()
    )
    assert said.windows == 2
    assert sum(entry.prompt_tokens for entry in kimi.paid()) <= 1.05 * texts


@pytest.mark.prove
async def test_all_calls_of_the_account_are_used(kimi: Running, inbox: Path) -> None:
    """Tier 1 has 15 calls in flight: 120 documents that fit into 12 windows make 15 when that costs little, and the plan says why."""
    for path in inbox.iterdir():
        path.write_text(2 * path.read_text(encoding="utf-8"), encoding="utf-8")
    said, _ = await run(kimi, job_of(kimi, inbox))
    assert said.windows == 15
    assert "12 would do" in said.reason


async def test_another_packing_asks_nothing_again(kimi: Running, inbox: Path) -> None:
    """What is answered is remembered by document, so other bounds on a rerun make no call, also when the tables are lost."""
    job = job_of(kimi, inbox)
    await run(kimi, job)
    asked = len(kimi.paid())
    (Path(job.out) / "warehouse.duckdb").unlink()
    _, ended = await run(kimi, job_of(kimi, inbox, max_documents_per_window=3))
    assert (ended.asked, len(kimi.paid()), ended.rows) == (0, asked, {"parcel": 120})


async def test_bills_correct_the_estimate_and_are_remembered(kimi: Running, inbox: Path) -> None:
    """Without the vocabulary, the first run learns from its bills, and the next begins with what was learned."""
    job = job_of(kimi, inbox, max_documents_per_window=4)
    account = settings.account(job, {}, key=kimi.key)
    factors = []
    for step in ("before", "after"):
        with hold(Path(job.out)) as warehouse:
            async with order.opened(
                job, account, None, order.questions(job), warehouse, name=step, hooks=Hooks()
            ) as context:
                factors.append(context.count.factor)
        if step == "before":
            await run(kimi, job)
    assert factors[0] == FIRST_FACTOR
    assert factors[1] < 1.15


@pytest.mark.prove
async def test_a_page_is_counted_anew_when_the_vocabulary_comes(
    kimi: Running, inbox: Path, vocabulary: bytes
) -> None:
    """Sizes that were estimated give way to exact ones, since windows are planned with them."""
    job = job_of(kimi, inbox)
    account = settings.account(job, {}, key=kimi.key)
    counts = []
    for words in (None, vocabulary, vocabulary):
        await order.run(job, account, words, steps=[order.ingest])
        counts.append([row["tokens"] for row in Warehouse(Path(job.out)).rows("pages")])
    assert counts[0] != counts[1] == counts[2]
