"""Replies that were cut short: carried on where they broke off, paid once, and put together in the same way ever after."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from octavo.flows import order, settings
from octavo.processors.ask import continuation
from octavo.processors.ask.api import stream
from octavo.processors.ask.replies import Account, Asker, Caps
from octavo.processors.check import records as check
from octavo.processors.pack import windows as pack
from octavo.processors.store.warehouse import Warehouse
from octavo.schemas.compile.compiler import compile_question
from octavo.schemas.errors import BudgetReached
from octavo.schemas.job import Job
from octavo.schemas.pipeline import Page, Question, Reply, Request, Window
from tests.emulator.config import Config, Fault
from tests.emulator.fixture import Running, running
from tests.emulator.generation import Scripted
from tests.emulator.journal import Entry
from tests.emulator.oracle import labelled_lines

DOCUMENTS = 12


@pytest.fixture
def kimi() -> Iterator[Running]:
    """A Kimi that answers at once from lines such as `invoice number: 7`."""
    with running(Config(tier=5, timing=False, keep_bodies=True, oracle=labelled_lines)) as emulator:
        yield emulator


@pytest.fixture
def question() -> Question:
    """The question about invoices."""
    return compile_question("invoice")


@pytest.fixture
def streams(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every reply is streamed."""
    monkeypatch.setattr(stream, "STREAM_FROM_TOKENS", 0)


def account_of(kimi: Running, **changes: object) -> Account:
    """An account at the emulator, with replies in the plain form, which are the longer ones."""
    job = Job.model_validate(
        {"inbox": ".", "base_url": kimi.base_url, "tier": 5, "plain_json": True, **changes}
    )
    return settings.account(job, {}, key=kimi.key)


def without_partial(account: Account) -> Account:
    """The same account with a model that has no Partial Mode."""
    return replace(account, model=replace(account.model, partial=""))


def asker(account: Account, folder: Path) -> Asker:
    """An asker with a ledger in that folder."""
    return Asker(account, folder / "ledger.sqlite", run="test", count=pack.counter(None))


def window(documents: int = DOCUMENTS) -> Window:
    """A window with invoices."""
    texts = [
        f"invoice number: {number}\nseller name: Acme {number} Ltd\ngrand total: {number}.50"
        for number in range(documents)
    ]
    pages = [Page(f"{number:064x}", 1, text) for number, text in enumerate(texts)]
    (packed,) = pack.windows(pages, pack.counter(None), pack.Bounds(100_000, 50))
    return packed


def limited(request: Request, tokens: int) -> Request:
    """The same request with a smaller reply limit, hence with the same name."""
    return replace(request, body={**request.body, "max_completion_tokens": tokens}, reply_tokens=tokens)


def numbers(reply: Reply) -> list[str]:
    """The invoices that a whole reply speaks of."""
    return [entry["record"]["invoice_number"] for entry in json.loads(reply.text)["documents"]]


def prefixes(kimi: Running) -> list[str]:
    """What each request gave the model to go on with; "" for a first one."""
    return [
        last["content"] if (last := (entry.body or {})["messages"][-1]).get("partial") else ""
        for entry in kimi.journal
    ]


async def whole_tokens(kimi: Running, question: Question, folder: Path) -> int:
    """The tokens of an undisturbed reply about the window; the journal is empty afterwards."""
    folder.mkdir()
    async with asker(account_of(kimi), folder) as asking:
        reply = await asking.ask(asking.request(window(), question))
    kimi.reset()
    return reply.usage.reply_tokens


async def test_a_reply_at_its_limit_is_carried_on(kimi: Running, question: Question, tmp_path: Path) -> None:
    """A reply that is cut at its limit is gone on with from its last word, as often as it takes, and no word is bought twice."""
    needed = await whole_tokens(kimi, question, tmp_path / "undisturbed")
    async with asker(account_of(kimi), tmp_path) as asking:
        reply = await asking.ask(limited(asking.request(window(), question), needed * 2 // 5))
    assert numbers(reply) == [str(number) for number in range(DOCUMENTS)]
    assert [entry.finish_reason for entry in kimi.journal] == ["length", "length", "stop"]
    assert sum(entry.reply_tokens for entry in kimi.paid()) <= 1.05 * needed
    assert all(reply.text.startswith(prefix) for prefix in prefixes(kimi))
    assert kimi.asked_twice() == []


async def test_an_answer_among_the_thoughts_is_used(
    kimi: Running, question: Question, tmp_path: Path
) -> None:
    """A reply that ended well without a word has its answer in the thoughts: one call, and what they say is the reply."""
    answer = '{"record": {"invoice_number": "0"}}'
    kimi.script("invoice number: 0", Scripted("", reasoning=f"It is plain. {answer}", finish_reason="stop"))
    async with asker(account_of(kimi), tmp_path) as asking:
        reply = await asking.ask(asking.request(window(1), question))
    assert answer in reply.text
    assert len(kimi.paid()) == 1


BEGUN = '{"record":{"seller_name":"North Supply 8'


@pytest.mark.parametrize(
    ("more", "whole"),
    [
        ('7 Ltd"}}', '{"record":{"seller_name":"North Supply 87 Ltd"}}'),
        (
            '{"record":{"seller_name":"North Supply 87 Ltd"}}',
            '{"record":{"seller_name":"North Supply 87 Ltd"}}',
        ),
        (
            'Here is the JSON you asked for:\n{ "record": {"seller_name": "North Supply 87 Ltd"}}',
            '{ "record": {"seller_name": "North Supply 87 Ltd"}}',
        ),
        (
            '```json\n{"record":{"seller_name":"North Supply 87 Ltd"}}\n```',
            '{"record":{"seller_name":"North Supply 87 Ltd"}}\n```',
        ),
        ('```json\n7 Ltd"}}\n```', '{"record":{"seller_name":"North Supply 87 Ltd"}}'),
        ('Going on:\n```\n7 Ltd"}}```', '{"record":{"seller_name":"North Supply 87 Ltd"}}'),
        ('Here you are: {"record":{"seller', BEGUN),
    ],
)
def test_words_around_what_goes_on_are_no_part_of_a_value(more: str, whole: str) -> None:
    """A model that begins anew, in a fence or behind words, is taken at its word; a fence around the rest is left out."""
    assert continuation._joined(BEGUN, more) == whole


@pytest.mark.usefixtures("streams")
@pytest.mark.parametrize("kind", ["stream_cut", "stream_error", "reset_mid", "truncated", "stall"])
async def test_a_cut_stream_costs_its_missing_part_only(
    kimi: Running, question: Question, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    """A stream that ends in the middle is carried on: the reply is whole, and the words that came are not bought again."""
    monkeypatch.setattr(stream, "STALL_S", 0.2)
    needed = await whole_tokens(kimi, question, tmp_path / "undisturbed")
    kimi.config.faults.append(Fault(kind, times=1, value=30.0 if kind == "stall" else 0.6))
    async with asker(account_of(kimi), tmp_path) as asking:
        reply = await asking.ask(asking.request(window(), question))
        lost, _ = asking.ledger.maybe_paid()
    assert numbers(reply) == [str(number) for number in range(DOCUMENTS)]
    assert (reply.finish_reason, len(kimi.journal), lost) == ("stop", 2, 0)
    missing = 1 - len(prefixes(kimi)[1]) / len(reply.text)
    assert 0.2 < missing < 0.7
    assert kimi.journal[1].reply_tokens <= 1.1 * missing * needed


@pytest.mark.parametrize("threshold", [0, 1_000_000])
async def test_a_flood_of_white_space_is_cut_off(
    kimi: Running, question: Question, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, threshold: int
) -> None:
    """A reply that ends in white space without end is gone on with from its last word, streamed or not."""
    monkeypatch.setattr(stream, "STREAM_FROM_TOKENS", threshold)
    kimi.config.faults.append(Fault("whitespace", times=1))
    async with asker(account_of(kimi), tmp_path) as asking:
        reply = await asking.ask(asking.request(window(), question))
    assert numbers(reply) == [str(number) for number in range(DOCUMENTS)]
    assert len(kimi.journal) == 2


async def test_steps_are_recalled_without_asking(kimi: Running, question: Question, tmp_path: Path) -> None:
    """A rerun puts the steps of a reply together from the ledger, as they were, and asks nothing; each step has its bill."""
    async with asker(account_of(kimi), tmp_path) as first:
        reply = await first.ask(limited(first.request(window(), question), 400))
        bills = list(first.bills([reply.request]))
    calls = len(kimi.journal)
    assert calls > 1
    async with asker(account_of(kimi), tmp_path) as second:
        known = await second.ask(second.request(window(), question))
        recalled = second.recall(reply.request)
        remembered = [fingerprint for fingerprint, *_ in second.remembered(question)]
    assert (known.text, recalled.text, known.from_ledger) == (reply.text, reply.text, True)
    assert (known.usage, known.attempts) == (reply.usage, calls)
    assert remembered == [reply.request]
    assert len(kimi.journal) == calls
    assert sum(bill["cost_usd"] for bill in bills) == pytest.approx(
        sum(entry.cost_usd for entry in kimi.paid())
    )
    assert [bill["round"] for bill in bills] == [0] + [1] * (calls - 1)


@pytest.mark.usefixtures("streams")
async def test_a_crash_between_steps_loses_nothing(kimi: Running, question: Question, tmp_path: Path) -> None:
    """When a run ends after the first piece has come, the next one goes on from there."""
    kimi.config.faults += [
        Fault("stream_cut", attempts=1, times=1, value=0.6),
        Fault("unauthorized", match='{"documents"'),
    ]
    async with asker(account_of(kimi), tmp_path) as first:
        half = await first.ask(first.request(window(), question))
    assert half.finish_reason == "cut"
    kimi.config.faults.clear()
    async with asker(account_of(kimi), tmp_path) as second:
        reply = await second.ask(second.request(window(), question))
    assert numbers(reply) == [str(number) for number in range(DOCUMENTS)]
    assert reply.text.startswith(half.text.rstrip())
    assert len(kimi.paid()) == 2


async def test_what_is_whole_is_used_when_no_step_can_be_paid(
    kimi: Running, question: Question, tmp_path: Path
) -> None:
    """A budget that is reached between steps does not take away what has come."""
    async with asker(account_of(kimi), tmp_path) as asking:
        request = limited(asking.request(window(), question), 400)
        asking.budget.caps = Caps(run_usd=asking.account.model.cost_usd(request.prompt_tokens, 400))
        reply = await asking.ask(request)
        records, rejects = check.check(request, reply)
        with pytest.raises(BudgetReached):
            await asking.ask(asking.request(window(1), question))
    assert reply.finish_reason == "length"
    assert len(records) > 0
    assert {reject.reason for reject in rejects} == {"truncated"}
    assert len(kimi.journal) == 1


async def test_only_missing_documents_are_asked_again_without_partial_mode(
    kimi: Running, question: Question, tmp_path: Path
) -> None:
    """Where a model cannot go on, what is whole in a cut reply is kept, and only the documents still missing are asked again."""
    async with asker(without_partial(account_of(kimi)), tmp_path) as asking:
        request = limited(asking.request(window(), question), 400)
        reply = await asking.ask(request)
        records, rejects = check.check(request, reply)
        (again,) = check.ask_again(request, rejects)
        rest = asking.request(
            again.window, again.question, purpose="failed_fields", complaint=again.complaint
        )
        more, none = check.check(rest, await asking.ask(rest))
    assert len(kimi.journal) == 2
    assert 0 < len(records) < DOCUMENTS
    assert {record.document for record in records} | {record.document for record in more} == set(
        request.window.documents
    )
    assert len(records) + len(more) == DOCUMENTS
    assert none == []
    assert set(again.window.documents) == {reject.document for reject in rejects}


@pytest.mark.parametrize("model", ["kimi-k2.6", "kimi-k2.7-code", "kimi-k3"])
async def test_the_models_rules_of_partial_mode_are_kept(
    kimi: Running, question: Question, tmp_path: Path, model: str
) -> None:
    """K2.6 goes on without a format, K2.7-code with its schema, and a model that thinks gets its thoughts back; none is refused."""
    kimi.config.thinking_tokens = {"low": 300, "high": 300, "max": 300}
    thought = 0 if model == "kimi-k2.6" else 300
    async with asker(account_of(kimi, model=model), tmp_path) as asking:
        reply = await asking.ask(limited(asking.request(window(), question), 400 + thought))
    assert [entry.status for entry in kimi.journal] == [200] * len(kimi.journal)
    assert len(kimi.journal) > 1
    assert numbers(reply) == [str(number) for number in range(DOCUMENTS)]
    body = kimi.journal[1].body or {}
    assert ("response_format" in body) == (model == "kimi-k2.7-code")
    assert ("reasoning_content" in body["messages"][-1]) == (model != "kimi-k2.6")


async def test_a_reply_that_was_all_thought_is_asked_once_more(
    kimi: Running, question: Question, tmp_path: Path
) -> None:
    """When thinking used up the limit and nothing was said, the same is asked once more with a larger limit, and found again later."""
    kimi.config.thinking_tokens = {"low": 500, "high": 500, "max": 500}
    async with asker(account_of(kimi, model="kimi-k2.7-code"), tmp_path) as asking:
        reply = await asking.ask(limited(asking.request(window(1), question), 400))
        known = await asking.ask(asking.request(window(1), question))
    assert numbers(reply) == ["0"]
    assert (known.text, known.from_ledger) == (reply.text, True)
    assert [entry.finish_reason for entry in kimi.journal] == ["length", "stop"]
    limits = [(entry.body or {})["max_completion_tokens"] for entry in kimi.journal]
    assert limits == [400, 400 + asking.account.model.thinking_tokens]


async def test_thinking_without_end_is_no_loop(kimi: Running, question: Question, tmp_path: Path) -> None:
    """A model that thinks through the larger limit too is left at that: two calls, no words."""
    kimi.config.thinking_tokens = {"low": 90_000, "high": 90_000, "max": 90_000}
    async with asker(account_of(kimi, model="kimi-k2.7-code"), tmp_path) as asking:
        reply = await asking.ask(asking.request(window(1), question))
    assert (reply.text, reply.finish_reason, len(kimi.journal)) == ("", "length", 2)


async def test_a_reply_that_never_ends_is_carried_on_so_often_only(
    kimi: Running, question: Question, tmp_path: Path
) -> None:
    """The number of steps is bounded, also on a rerun."""
    kimi.script(
        lambda _: True,
        lambda body: "".join(str(len(body["messages"][-1]["content"])) + " and " for _ in range(4_000)),
    )
    for _ in range(2):
        async with asker(account_of(kimi), tmp_path) as asking:
            reply = await asking.ask(limited(asking.request(window(1), question), 300))
    assert reply.finish_reason == "length"
    assert len(kimi.journal) == 1 + continuation.MOST


async def test_a_model_that_begins_anew_is_not_put_together(
    kimi: Running, question: Question, tmp_path: Path
) -> None:
    """A host that knows nothing of Partial Mode answers from the beginning; its answer counts as it is."""

    def anew(body: dict[str, Any]) -> Any:
        return labelled_lines(
            {**body, "messages": [message for message in body["messages"] if not message.get("partial")]}
        )

    async with asker(account_of(kimi), tmp_path) as asking:
        request = asking.request(window(), question)
        kimi.script(
            lambda body: bool(body["messages"][-1].get("partial")),
            lambda body: " \n" + json.dumps(anew(body), indent=1)[1:],
        )
        begun = await asking.ask(limited(request, 400))
    assert len(kimi.journal) > 1
    assert begun.text.count('{"documents"') == 1
    said = '{"documents":[{"id":"k1","record":{"total":1}},{"id":"k2","re'
    fresh = '{"documents":[{"id":"k1","record":{"total":1}},{"id":"k2","record":null}]}'
    assert continuation._joined(said, fresh) == fresh
    assert continuation._joined(said, fresh[:40]) == said
    assert continuation._joined(said, 'cord":null}]}') == fresh
    assert continuation._joined(continuation._joined("", said + " \n \n"), 'cord":null}]} \n \n') == fresh


@pytest.mark.usefixtures("streams")
@pytest.mark.prove
async def test_a_folder_through_a_bad_line(kimi: Running, tmp_path: Path) -> None:
    """With half of the streams broken in every way a job ends in the rows of an undisturbed one, and no piece is bought twice."""
    folder = tmp_path / "inbox"
    folder.mkdir()
    for number in range(40):
        (folder / f"{number:02}.txt").write_text(
            f"invoice number: INV-{number:04}\nseller name: Acme {number} Ltd\ngrand total: {number}.50"
        )
    kimi.config.stream_chunk_tokens = 1
    kimi.config.faults += [
        Fault(kind, probability=0.1, value=0.5) for kind in ("stream_cut", "stream_error", "reset_mid")
    ]
    kimi.config.faults.append(Fault("truncated", probability=0.3, value=0.5))  # so that some surely is
    job = Job.model_validate(
        {
            "inbox": str(folder),
            "out": str(tmp_path / "out"),
            "extract": ["invoice"],
            "base_url": kimi.base_url,
            "tier": 5,
        }
    ).model_copy(update={"max_documents_per_window": 2})
    ended = await order.run(job, settings.account(job, {}, key=kimi.key))
    assert (ended.exit_code, ended.rows) == (0, {"invoice": 40})
    assert (
        ended.asked == Warehouse(Path(job.out)).size("requests") > 20
    )  # what carried a reply on was paid as well
    found = Warehouse(Path(job.out)).query("SELECT invoice_number FROM invoice ORDER BY 1").to_pylist()
    assert [row["invoice_number"] for row in found] == [f"INV-{number:04}" for number in range(40)]
    assert kimi.asked_twice() == []
    _nothing_twice(kimi.log.chats())
    again = await order.run(job, settings.account(job, {}, key=kimi.key))
    assert (again.asked, again.changed) == (0, False)


def _nothing_twice(journal: list[Entry]) -> None:
    """Each window's calls begin with all that came before, and with more than the one before, unless of that one nothing had come."""
    by_window: dict[str, list[tuple[str, Entry]]] = {}
    for entry in journal:
        messages = (entry.body or {})["messages"]
        said = messages[-1]["content"] if messages[-1].get("partial") else ""
        by_window.setdefault(json.dumps(messages[:3]), []).append((said, entry))
    assert any(len(steps) > 1 for steps in by_window.values())
    for (earlier, entry), (later, _) in (pair for steps in by_window.values() for pair in pairwise(steps)):
        nothing_came = entry.fault and entry.reply_tokens <= 1
        assert later.startswith(earlier)
        assert len(later) > len(earlier) or nothing_came, (entry.fault, entry.reply_tokens, earlier)
