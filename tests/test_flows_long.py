"""Documents that are longer than a window, end to end against the emulator: lists complete, summaries of summaries, nothing paid twice."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from octavo.flows import order, settings
from octavo.flows.answering import staging
from octavo.flows.consent import Estimate
from octavo.flows.outcome.outcome import Outcome
from octavo.processors.store.warehouse import Warehouse
from octavo.schemas.job import Job
from octavo.schemas.pipeline import Reject
from tests.conftest import SHARED
from tests.emulator.config import Config
from tests.emulator.fixture import Running, running
from tests.emulator.generation import Scripted
from tests.emulator.oracle import enveloped, record_schema
from tests.emulator.refusals import filtered
from tests.emulator.tokens import KimiVocabulary
from tests.long_invoice import SCHEMA, amount, article, invoice, reader, shown
from tests.proofs import slow

ROOT = Path(__file__).resolve().parents[1]
ROWS = 400


@pytest.fixture
def kimi() -> Iterator[Running]:
    """A Kimi that reads long invoices."""
    with running(Config(tier=5, rpm=10**6, timing=False, keep_bodies=True, oracle=reader())) as emulator:
        yield emulator


@pytest.fixture
def job(kimi: Running, tmp_path: Path) -> Job:
    """The job that asks about an invoice of 400 rows, in windows of 4,000 tokens."""
    (tmp_path / "inbox").mkdir()
    (tmp_path / "inbox" / "long.txt").write_text(invoice(ROWS), encoding="utf-8")
    (tmp_path / "bill.json").write_text(json.dumps(SCHEMA), encoding="utf-8")
    plain = {
        "inbox": str(tmp_path / "inbox"),
        "out": str(tmp_path / "out"),
        "extract": [str(tmp_path / "bill.json")],
    }
    return Job.model_validate(
        {**plain, "base_url": kimi.base_url, "tier": 5, "rpm": 10**6, "max_window_tokens": 4_000}
    )


async def run(kimi: Running, job: Job) -> Outcome:
    """Do the job as `octavo run` does."""
    return await order.run(job, settings.account(job, {}, key=kimi.key))


def bills(job: Job) -> list[dict[str, Any]]:
    """The rows of the table."""
    return without_run(Warehouse(Path(job.out)).rows("bill"))


def without_run(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The rows without the name of the run that put them there."""
    return [{name: value for name, value in row.items() if name != "run"} for row in rows]


def is_whole(bill: dict[str, Any]) -> bool:
    """Whether every row of the invoice is in the list once, in order."""
    return [(item["article"], str(item["amount"])) for item in bill["items"]] == [
        (article(n), amount(n)) for n in range(1, ROWS + 1)
    ]


async def test_every_row_once_and_in_order(kimi: Running, job: Job) -> None:
    """A list over many windows is complete and in order, each value with its page; scalars come from where they stand."""
    ended = await run(kimi, job)
    (bill,) = bills(job)
    assert (ended.exit_code, ended.rows) == (0, {"bill": 1})
    assert ended.asked >= 4
    assert is_whole(bill)
    total = sum(float(amount(n)) for n in range(1, ROWS + 1))
    assert (bill["number"], float(bill["total"]), bill["conflicts"]) == ("R-2026-77", total, [])
    pages = {row["field"]: (row["grade"], row["page"]) for row in Warehouse(Path(job.out)).rows("evidence")}
    assert pages["items[399].article"] == ("exact", 10)
    assert "missing" not in {grade for grade, _ in pages.values()}


async def test_each_piece_knows_its_place(kimi: Running, job: Job) -> None:
    """A later piece says which pages it shows; first lines, column headings and the last rows before it are marked as such."""
    await run(kimi, job)
    later = [
        entry.body for entry in kimi.paid() if entry.body and "page 1/10>>" not in json.dumps(entry.body)
    ]
    assert later
    for body in later:
        assert re.search(r"this is pages? [\d-]+ of 10\.", json.dumps(body))
        (context,), (columns,), (again,) = (
            shown(body, role).values() for role in ("context", "columns", "again")
        )
        assert "Invoice number: R-2026-77" in context
        assert columns.strip() == "No  Article  Quantity  Price  Amount"
        assert "Article A" in again


async def test_what_a_list_left_out_is_asked_for_once(kimi: Running, job: Job) -> None:
    """Rows that the model skips are asked for alone, once, and stand in their place; the rest is not asked again."""
    skipped = (article(30), article(31), article(200))
    kimi.config.oracle = reader(
        lambda body, name: name in skipped and "items left out" not in json.dumps(body)
    )
    ended = await run(kimi, job)
    (bill,) = bills(job)
    assert is_whole(bill)
    assert (bill["conflicts"], ended.exit_code) == ([], 0)
    again = [entry.body for entry in kimi.paid() if entry.body and "items left out" in json.dumps(entry.body)]
    assert [sorted(re.findall(r"Article A\w+", "".join(shown(body, "").values()))) for body in again] in (
        [[article(30), article(31)], [article(200)]],
        [[article(200)], [article(30), article(31)]],
    )


async def test_what_stays_out_is_said(kimi: Running, job: Job) -> None:
    """A list that stays short says so, with numbers and pages, and is not asked about a third time."""
    kimi.config.oracle = reader(lambda _, name: name == article(200))
    first = await run(kimi, job)
    (bill,) = bills(job)
    assert len(bill["items"]) == ROWS - 1
    (mark,) = bill["conflicts"]
    assert re.fullmatch(r"items: incomplete_list, \d+ of \d+ rows of its table; see p\. 5", mark)
    assert sum("items left out" in json.dumps(entry.body) for entry in kimi.paid()) == 1
    (review,) = Warehouse(Path(job.out)).rows("review")
    assert (review["field"], review["reason"], f"items: {review['detail']}") == ("items", "incomplete", mark)
    (Path(job.out) / "warehouse.duckdb").unlink()
    again = await run(kimi, job)
    assert (again.asked, again.recalled, bills(job)) == (0, first.asked, [bill])


@pytest.mark.prove
async def test_a_piece_that_failed_names_its_pages(kimi: Running, job: Job) -> None:
    """One piece without an answer is a reject that says which pages; when it can be asked, the others are not paid again."""
    kimi.script(lambda body: article(200) in "".join(shown(body, "").values()), Scripted(error=filtered()))
    ended = await run(kimi, job)
    (reject,) = Warehouse(Path(job.out)).rows("rejects")
    assert (ended.exit_code, bills(job) if ended.rows["bill"] else []) == (2, [])
    assert re.match(r"Page 5 of 10: ", reject["detail"])
    kimi.emulator.state.scripts.clear()
    paid = len(kimi.paid())
    Warehouse(Path(job.out))
    (Path(job.out) / "warehouse.duckdb").unlink()
    again = await run(kimi, job)
    assert (again.exit_code, len(kimi.paid()) - paid) == (0, 1)
    assert is_whole(bills(job)[0])
    assert kimi.asked_twice() == []


@pytest.mark.prove
async def test_kill_9_between_the_pieces_then_the_same_table(kimi: Running, job: Job) -> None:
    """A run that is killed while pieces are answered is taken up from the ledger, and ends in the table of an undisturbed one."""
    kimi.config.timing, kimi.config.tokens_per_s = True, 4_000.0
    killed = start(kimi, job)
    async with asyncio.timeout(60):
        while len(kimi.paid()) < 2:  # noqa: ASYNC110 - the process is another one
            await asyncio.sleep(0.02)
    os.killpg(killed.pid, signal.SIGKILL)
    killed.wait()
    kimi.config.timing = False
    ended = await run(kimi, job)
    assert ended.exit_code == 0
    assert is_whole(bills(job)[0])
    assert len(kimi.asked_twice()) <= 1  # in flight at the kill


def start(kimi: Running, job: Job) -> subprocess.Popen[bytes]:
    """`octavo run` as a process of its own, one call at a time."""
    flags = [
        job.inbox,
        "--out",
        job.out,
        "--extract",
        *job.extract,
        "--base-url",
        kimi.base_url,
        "--max-window-tokens",
        "5000",
    ]
    command = [sys.executable, "-m", "octavo.flows.cli", "run", *flags, "--concurrency", "1", "--yes"]
    environ = {**os.environ, "MOONSHOT_API_KEY": kimi.key}
    return subprocess.Popen(
        command,
        cwd=ROOT,
        env=environ,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


@pytest.mark.prove
async def test_pieces_of_another_cut_are_used(kimi: Running, job: Job) -> None:
    """When windows are cut otherwise after a run that was ended, what is answered stays answered, and only the rest is cut anew."""
    refused = Scripted(error=filtered())
    kimi.script(lambda body: article(200) in "".join(shown(body, "").values()), refused)
    await run(kimi, job)
    kimi.emulator.state.scripts.clear()
    (Path(job.out) / "warehouse.duckdb").unlink()
    first = len(kimi.paid())
    ended = await run(kimi, job.model_copy(update={"max_window_tokens": 4_000}))
    assert ended.exit_code == 0
    assert is_whole(bills(job)[0])
    asked = [entry.body for entry in kimi.paid()[first:] if entry.body]
    assert 1 <= len(asked) <= 2
    assert not any(article(1) in "".join(shown(body, "").values()) for body in asked)


@pytest.mark.prove
async def test_a_cut_document_is_replayed(kimi: Running, job: Job, tmp_path: Path) -> None:
    """Replies about the pieces are checked again under another schema, without a call, and merged as before."""
    kimi.config.oracle = reader(
        lambda body, name: name == article(200) and "items left out" not in json.dumps(body)
    )
    await run(kimi, job)
    calls, before = len(kimi.journal), bills(job)
    changed = json.loads(json.dumps(SCHEMA))
    changed["properties"]["remark"] = {"type": "string"}
    (tmp_path / "bill.json").write_text(json.dumps(changed), encoding="utf-8")
    replaying = job.model_copy(update={"replay": True, "max_window_tokens": 0})
    ended = await order.run(replaying, settings.account(replaying, {}))
    (bill,) = bills(job)
    assert (ended.exit_code, ended.asked, len(kimi.journal)) == (0, 0, calls)
    assert (bill["remark"], bill["number"]) == (None, before[0]["number"])
    assert len(bill["items"]) >= ROWS - 1
    (tmp_path / "bill.json").write_text(json.dumps(SCHEMA), encoding="utf-8")
    await order.run(replaying, settings.account(replaying, {}))
    assert [row["items"] for row in bills(job)] == [before[0]["items"]]


@pytest.mark.prove
async def test_a_field_of_a_piece_is_asked_again(kimi: Running, job: Job, tmp_path: Path) -> None:
    """What one piece says wrongly is asked again of that piece, that field alone; a replay under another schema finds both replies."""

    def hasty(body: dict[str, Any]) -> Any:
        answer: Any = reader()(body)
        record = answer["record"]
        if record["total"] is not None and "not accepted" not in json.dumps(body):
            record["total"] = "soon"
        return answer

    kimi.config.oracle = hasty
    ended = await run(kimi, job)
    (bill,) = bills(job)
    assert (ended.exit_code, ended.repaired, bill["conflicts"]) == (0, {"by their failing fields": 1}, [])
    assert is_whole(bill)
    (again,) = [
        entry.body for entry in kimi.paid() if entry.body and "not accepted" in json.dumps(entry.body)
    ]
    (seen,) = shown(again, "").values()
    assert (
        article(ROWS) in seen,
        article(1) in seen,
        list(record_schema(again)["anyOf"][0]["properties"]),
    ) == (True, False, ["total"])
    (tmp_path / "bill.json").write_text(
        json.dumps({**SCHEMA, "description": "A bill of many rows."}), encoding="utf-8"
    )
    replaying = job.model_copy(update={"replay": True})
    replayed = await order.run(replaying, settings.account(replaying, {}))
    (row,) = bills(job)
    assert (replayed.exit_code, replayed.asked, row["total"], row["items"]) == (
        0,
        0,
        bill["total"],
        bill["items"],
    )


async def test_an_answer_that_is_repaired_in_every_piece_counts_once(kimi: Running, job: Job) -> None:
    """What is counted as repaired are answers about documents, however many pieces of them were asked again."""

    def hasty(body: dict[str, Any]) -> Any:
        answer: Any = reader()(body)
        if "not accepted" not in json.dumps(body):
            answer["record"]["total"] = "soon"
        return answer

    kimi.config.oracle = hasty
    ended = await run(kimi, job)
    again = [entry for entry in kimi.paid() if entry.body and "not accepted" in json.dumps(entry.body)]
    assert (len(again) > 1, ended.exit_code, ended.repaired) == (True, 0, {"by their failing fields": 1})
    assert is_whole(bills(job)[0])


async def test_pieces_that_disagree_are_to_be_reviewed(kimi: Running, job: Job) -> None:
    """Of two values the proved one is kept; the other stands in `conflicts` and, with its page, in `review`."""

    def moody(body: dict[str, Any]) -> Any:
        answer: Any = reader()(body)
        answer["record"]["number"] = answer["record"]["number"] or "Q-1"
        return answer

    kimi.config.oracle = moody
    await run(kimi, job)
    (bill,) = bills(job)
    assert (bill["number"], len(bill["conflicts"])) == ("R-2026-77", 1)
    (review,) = Warehouse(Path(job.out)).rows("review")
    assert (review["field"], review["reason"], review["page"]) == ("number", "conflict", 1)
    assert review["detail"] == "'R-2026-77' (exact, p. 1) was kept, not 'Q-1' (missing)"


@pytest.mark.prove
async def test_a_page_that_is_refused_is_found_in_halves(kimi: Running, job: Job) -> None:
    """A document whose pages are asked in halves has one row; what the halves left out is asked for once for the whole of it."""
    kimi.script(
        lambda body: all(article(n) in "".join(shown(body, "").values()) for n in (100, 200)),
        Scripted(error=filtered()),
    )
    ended = await run(kimi, job.model_copy(update={"max_window_tokens": 0}))
    (bill,) = bills(job)
    assert (ended.exit_code, bill["conflicts"]) == (0, [])
    assert is_whole(bill)
    assert not any("items left out" in json.dumps(entry.body) for entry in kimi.paid())


CHAPTERS = 12


def book() -> str:
    """A book of a page a chapter."""
    filler = "Nobody knew what would come of it and so they went on as they had done before. " * 25
    return "\f".join(
        f"Chapter {n}\n\nThis chapter tells of heroine{n} and her ways.\n{filler}\n"
        for n in range(1, CHAPTERS + 1)
    )


def teller(body: dict[str, Any]) -> Any:
    """An oracle that names the heroines of what is asked about, each with her page, and one who is in no book."""
    records = {}
    for short, text in shown(body, "", "summary").items():
        found = dict.fromkeys(re.findall(r"tells of (heroine\d+)", text))
        said = [f"The chapter tells of {name} [p. {name.removeprefix('heroine')}]." for name in found]
        records[short] = {
            "text": " ".join([*said, "Dragons burn down Zanzibar [p. 2]."]),
            "points": [],
            "quotes": [],
        }
    return enveloped(body, records)


@pytest.mark.parametrize("tokens", [slow(6_000), 2_600])
async def test_a_book_is_summed_up_in_one_row(kimi: Running, job: Job, tokens: int) -> None:
    """Summaries of the pieces become one by a last request over them; each passage has its page, and what is nowhere is marked."""
    (Path(job.inbox) / "long.txt").write_text(book(), encoding="utf-8")
    kimi.config.oracle = teller
    job = job.model_copy(update={"extract": [], "summarize": "one-paragraph", "max_window_tokens": tokens})
    ended = await run(kimi, job)
    (summary,) = without_run(Warehouse(Path(job.out)).rows("summary"))
    assert (ended.exit_code, ended.rows) == (0, {"summary": 1})
    over = [
        entry.body
        for entry in kimi.paid()
        if entry.body and "summaries of its pieces" in json.dumps(entry.body)
    ]
    assert len(over) >= 1
    assert ended.asked > len(over)
    assert [int(n) for n in re.findall(r"heroine(\d+)", summary["text"])] == list(range(1, CHAPTERS + 1))
    proofs = Warehouse(Path(job.out)).rows("evidence")
    grades = {row["value"]: (row["grade"], row["page"]) for row in proofs}
    assert grades["The chapter tells of heroine7"] == ("loose", 7)
    assert grades["Dragons burn down Zanzibar"][0] == "missing"
    paid = len(kimi.paid())
    (Path(job.out) / "warehouse.duckdb").unlink()
    again = await run(kimi, job)
    assert (again.asked, len(kimi.paid())) == (0, paid)
    assert without_run(Warehouse(Path(job.out)).rows("summary")) == [summary]


async def priced(kimi: Running, job: Job, vocabulary: bytes | None = None) -> tuple[Estimate, Outcome, int]:
    """Plan the job, and do it; gives the price that was said, what it cost, and the prompt tokens on the bill of this run."""
    before = len(kimi.paid())
    said = await order.plan(job, settings.account(job, {}, key=kimi.key), vocabulary)
    ended = await order.run(job, settings.account(job, {}, key=kimi.key), vocabulary)
    return said, ended, sum(entry.prompt_tokens for entry in kimi.paid()[before:])


@pytest.mark.prove
async def test_the_pieces_of_a_document_are_asked_a_second_time(
    kimi: Running, job: Job, vocabulary: bytes
) -> None:
    """The second pass over a document that was cut and answered before asks about the same pieces, as the plan says."""
    kimi.emulator.state.counter.vocabulary = KimiVocabulary(
        str(SHARED / "tokenizer" / "kimi_k2.tiktoken.model")
    )
    first = await order.run(job, settings.account(job, {}, key=kimi.key), vocabulary)
    twice = job.model_copy(update={"passes": 2})
    said, ended, prompts = await priced(kimi, twice, vocabulary)
    assert (ended.exit_code, ended.asked, said.cost.requests) == (0, first.asked, first.asked)
    assert said.cost.prompt_tokens == pytest.approx(prompts, rel=0.15)
    (bill,) = bills(job)
    assert is_whole(bill)
    assert {
        tuple(row["notes"]) for row in Warehouse(Path(job.out)).rows("evidence") if row["field"] == "number"
    } == {("agreed",)}
    assert (await order.run(twice, settings.account(job, {}, key=kimi.key), vocabulary)).asked == 0


@pytest.mark.prove
async def test_the_price_of_a_long_list_is_foreseen(kimi: Running, job: Job, vocabulary: bytes) -> None:
    """A plan knows into how many pieces an invoice of 3,000 rows is cut, and what their replies cost, before any reply is known."""
    kimi.emulator.state.counter.vocabulary = KimiVocabulary(
        str(SHARED / "tokenizer" / "kimi_k2.tiktoken.model")
    )
    (Path(job.inbox) / "long.txt").write_text(invoice(3_000), encoding="utf-8")
    said, ended, prompts = await priced(kimi, job.model_copy(update={"max_window_tokens": 0}), vocabulary)
    assert (ended.exit_code, ended.asked > 5) == (0, True)
    assert said.cost.requests == pytest.approx(ended.asked, rel=0.1)
    assert said.cost.prompt_tokens == pytest.approx(prompts, rel=0.15)
    assert said.cost.usd == pytest.approx(ended.cost_usd, rel=0.25)
    assert ended.cost_usd <= said.cost.worst_usd


@pytest.mark.prove
async def test_the_price_of_a_summed_up_book_is_foreseen(kimi: Running, job: Job, vocabulary: bytes) -> None:
    """A plan counts the pieces of a book, and the calls that make one summary of theirs, on as many levels as there are."""
    kimi.emulator.state.counter.vocabulary = KimiVocabulary(
        str(SHARED / "tokenizer" / "kimi_k2.tiktoken.model")
    )
    kimi.config.oracle = teller
    (Path(job.inbox) / "long.txt").write_text(book(), encoding="utf-8")
    job = job.model_copy(update={"extract": [], "summarize": "one-paragraph", "max_window_tokens": 2_600})
    said, ended, prompts = await priced(kimi, job, vocabulary)
    assert (ended.exit_code, said.cost.requests) == (0, ended.asked)
    assert said.cost.requests > said.windows > 1
    assert said.cost.prompt_tokens == pytest.approx(prompts, rel=0.15)
    assert ended.cost_usd <= said.cost.worst_usd


async def test_a_book_is_summed_up_offline(job: Job) -> None:
    """The rules sum up pieces and their summaries too; every sentence stands on the page that it names."""
    (Path(job.inbox) / "long.txt").write_text(book(), encoding="utf-8")
    job = job.model_copy(
        update={
            "extract": [],
            "summarize": "bullets",
            "offline": True,
            "base_url": "",
            "max_window_tokens": 8_000,
        }
    )
    ended = await order.run(job, settings.account(job, {}))
    (summary,) = without_run(Warehouse(Path(job.out)).rows("summary"))
    assert (ended.exit_code, ended.rows) == (0, {"summary": 1})
    assert summary["points"]
    assert all(re.search(r"\[p\. \d+\]", point) for point in [summary["text"], *summary["points"]])
    proofs = Warehouse(Path(job.out)).rows("evidence")
    assert {row["grade"] for row in proofs} <= {"exact", "loose"}
    assert all(row["quote"] for row in proofs)


def test_all_pieces_that_failed_are_named() -> None:
    """Two pieces that failed are one reject with both sentences; a failure for good outweighs one that a later run may not meet."""
    passing = Reject("d", "bill", "r1", "not_asked", "Pages 1-2 of 9: The budget is reached.")
    final = Reject("d", "bill", "r2", "invalid", "Pages 3-4 of 9: total is no number.")
    for joined in (staging._joined(passing, final), staging._joined(final, passing)):
        assert (joined.reason, joined.request) == ("invalid", "r2")
        assert joined.detail == f"{final.detail} {passing.detail}"
