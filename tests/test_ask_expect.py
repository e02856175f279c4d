"""The reply limit: learned from what replies had, the same for a rerun, and no part of what is asked."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from octavo.flows import settings
from octavo.processors.ask import expect
from octavo.processors.ask.expect import LEAST, LEAST_THOUGHTS, MOST_THOUGHT, ReplyLength, Seen
from octavo.processors.ask.fingerprint import fingerprint
from octavo.processors.ask.replies import Asker
from octavo.processors.pack import windows as pack
from octavo.schemas.compile.compiler import compile_question
from octavo.schemas.job import Job
from octavo.schemas.pipeline import Page, Purpose, Question, Reply, Request, Usage, Window
from octavo.schemas.text.printed_lists import PrintedList, printed
from octavo.schemas.text.printed_rows import item_tokens, name_tokens
from tests.emulator.config import WIDE, Config
from tests.emulator.fixture import Running, running
from tests.emulator.oracle import labelled_lines


@pytest.fixture
def kimi() -> Iterator[Running]:
    """A Kimi that answers at once from lines such as `invoice number: 7`."""
    with running(
        Config(tier=5, rpm=WIDE["rpm"], tpm=WIDE["tpm"], timing=False, oracle=labelled_lines)
    ) as emulator:
        yield emulator


@pytest.fixture
def question() -> Question:
    """The question about invoices."""
    return compile_question("invoice")


def window(*texts: str) -> Window:
    """A window with one document a text."""
    pages = [Page(f"{number:064x}", 1, text) for number, text in enumerate(texts)]
    (packed,) = pack.windows(pages, pack.counter(None), pack.Bounds(100_000, 200))
    return packed


def invoice(number: int, characters: int = 0) -> str:
    """The text of an invoice, filled up to a length."""
    return f"invoice number: {number}\nseller name: Acme {number} Ltd\n".ljust(characters, ".")


def asker(kimi: Running, folder: Path, **changes: object) -> Asker:
    """An asker with a ledger in that folder."""
    job = Job.model_validate({"inbox": ".", "base_url": kimi.base_url, "tier": 5, **WIDE, **changes})
    return Asker(
        settings.account(job, {}, key=kimi.key),
        folder / "ledger.sqlite",
        run="test",
        count=pack.counter(None),
    )


def replied(
    request: Request, tokens: int, finish_reason: str = "stop", *, from_ledger: bool = False
) -> Reply:
    """A reply of so many tokens."""
    return Reply(
        request.fingerprint, "", finish_reason, Usage(1_000, tokens), "m", "e", 1.0, from_ledger=from_ledger
    )


def request_of(question: Question, shown: Window, purpose: Purpose = "first") -> Request:
    """A request as `ReplyLength` sees it."""
    return Request("f", question, shown, {}, {}, 0, 0, purpose)


def test_a_question_begins_with_the_estimate_of_its_schema(question: Question) -> None:
    """Until enough replies are known, the schema and the length of the documents say how long a reply may be."""
    expected = ReplyLength(lambda _: ())
    shown = window(invoice(1), invoice(2))
    for _ in range(LEAST):
        assert expected.tokens(question, shown) == expect.estimate(question, shown)
        expected.note(request_of(question, shown), replied(request_of(question, shown), 300))
    assert 300 < expected.tokens(question, shown) < expect.estimate(question, shown)


def test_longer_documents_are_learned_apart(question: Question) -> None:
    """What short documents need says nothing about long ones."""
    expected = ReplyLength(lambda _: ())
    short, long = window(invoice(1)), window(invoice(1, characters=20_000))
    expected.tokens(question, short)
    for _ in range(LEAST):
        expected.note(request_of(question, short), replied(request_of(question, short), 60))
    assert expected.tokens(question, short) < 200
    assert expected.tokens(question, long) == expect.estimate(question, long)


def test_a_mean_is_known_before_a_limit_is(question: Question) -> None:
    """One window of several documents says how long replies are, also for documents of other lengths until those are known themselves."""
    expected = ReplyLength(lambda _: ())
    shown = window(*(invoice(number) for number in range(LEAST)))
    before = expected.tokens(question, shown)
    assert expected.likely(question, 2, 60) < 2 * question.reply_tokens  # not every field has a value
    assert not expected.knows(question)
    expected.note(request_of(question, shown), replied(request_of(question, shown), 60 * LEAST))
    assert expected.knows(question)
    assert expected.likely(question, 2, 60) == expected.likely(question, 2, 60_000) == 120
    assert expected.tokens(question, shown) == before
    long = window(*(invoice(number, characters=30_000) for number in range(LEAST)))
    expected.note(request_of(question, long), replied(request_of(question, long), 500 * LEAST))
    assert (expected.likely(question, 2, 60), expected.likely(question, 2, 60_000)) == (120, 1_000)


def test_items_of_lists_are_counted_by_what_is_printed(question: Question) -> None:
    """Each entry of a list makes a reply longer; once replies are known these say how long, but for lists out of proportion to them."""
    expected, item = ReplyLength(lambda _: ()), item_tokens(question.fields)
    rows = "".join(f"{n}  Bolts  {n}  1.50\n" for n in range(300))
    table = printed([rows])
    assert table.entries == 300
    few, many = expected.likely(question, 2, 60), expected.likely(question, 2, 60, [table])
    assert expected.likely(question, 2, 60, [PrintedList(rows=9)]) == few  # sums, dates and addresses
    assert 0.5 * 300 * item < many - few < 1.1 * 300 * item
    bare, listed = window(invoice(1, characters=len(rows))), window(rows)
    assert expected.tokens(question, listed) >= 290 * item > expected.tokens(question, bare)
    assert expected.tokens(question, bare, [table]) >= 290 * item
    shown = window(*(invoice(number) for number in range(LEAST)))
    expected.note(request_of(question, shown), replied(request_of(question, shown), 60 * LEAST))
    assert expected.likely(question, 2, 100, [PrintedList(rows=12)]) == 120
    assert 0.5 * 300 * item < expected.likely(question, 2, 100, [table]) < 120 + 300 * item
    assert expected.likely(question, 1, 60_000, [table]) > 0.5 * 300 * item


def test_what_explains_the_length_of_replies_counts(question: Question) -> None:
    """Replies that grow with the characters of documents are expected to grow on, and those that do not are not."""
    growing, level = ReplyLength(lambda _: ()), ReplyLength(lambda _: ())
    for characters in (20_000, 24_000, 30_000):
        shown = window(invoice(1, characters=characters))
        for expected, tokens in ((growing, characters // 10), (level, 300)):
            expected.tokens(question, shown)
            expected.note(request_of(question, shown), replied(request_of(question, shown), tokens))
    assert growing.likely(question, 1, 40_000) == pytest.approx(4_000, rel=0.01)
    assert level.likely(question, 1, 40_000) == pytest.approx(300, rel=0.01)


def test_a_summary_is_no_longer_than_its_document() -> None:
    """Of a note of a line no summary is expected that is as long as those of the letters that were summed up before."""
    summary, expected = compile_question("summary"), ReplyLength(lambda _: ())
    for number in range(LEAST):
        shown = window(invoice(number, characters=6_000))
        expected.tokens(summary, shown)
        expected.note(request_of(summary, shown), replied(request_of(summary, shown), 300))
    assert expected.likely(summary, 1, 6_000) == 300
    assert expected.likely(summary, 1, 200) < 150


def test_names_are_a_part_of_what_is_expected(question: Question) -> None:
    """What a schema lets expect is for rows; where records have names these come on top, in the plan and as a limit."""
    rows, plain = ReplyLength(lambda _: ()), ReplyLength(lambda _: (), plain=True)
    shown = window(invoice(1))
    names = name_tokens(question.fields)
    assert names >= sum(len(field.name) // 10 + 2 for field in question.fields)
    assert plain.likely(question, 10, 600) > rows.likely(question, 10, 600) + 5 * names
    assert plain.tokens(question, shown) == rows.tokens(question, shown) + names


@pytest.mark.parametrize("in_one", [1, 5, 20])
def test_what_is_learned_is_enough_for_nearly_all(question: Question, in_one: int) -> None:
    """Of replies with a long tail fewer than 1 in 50 would be cut, and little more is reserved than they have."""
    lot = random.Random(7)
    expected = ReplyLength(lambda _: ())
    shown = window(*(invoice(number) for number in range(in_one)))
    request = request_of(question, shown)
    drawn = [sum(int(100 * lot.lognormvariate(0, 0.25)) for _ in range(in_one)) for _ in range(1_000)]
    cut = asked = 0
    for tokens in drawn:
        limit = expected.tokens(question, shown)
        cut += tokens > limit
        asked += limit
        expected.note(request, replied(request, tokens))
    assert cut < 20
    assert asked < (2.2 if in_one == 1 else 1.6) * sum(drawn)


def test_a_reply_that_was_cut_counts_for_more_than_it_had(question: Question) -> None:
    """Replies that end at a limit that is too low make it rise, instead of teaching that they are so short."""
    expected = ReplyLength(lambda _: ())
    request = request_of(question, window(invoice(1)))
    limits = []
    for _ in range(12):
        limits.append(expected.tokens(question, request.window))
        expected.note(request, replied(request, limits[-1], "length"))
    assert limits[-1] > 4 * limits[0]


@pytest.mark.parametrize(
    ("finish_reason", "tokens"), [("cut", 50), ("unreadable", 50), ("endless", 90_000), ("stop", 0)]
)
def test_replies_that_tell_nothing_are_left_out(question: Question, finish_reason: str, tokens: int) -> None:
    """A broken stream, a page of HTML, endless output or a reply without usage say nothing about the length of replies."""
    expected = ReplyLength(lambda _: ())
    request = request_of(question, window(invoice(1)))
    before = expected.tokens(question, request.window)
    for _ in range(2 * LEAST):
        expected.note(request, replied(request, tokens, finish_reason))
    assert expected.tokens(question, request.window) == before


def test_what_was_asked_again_or_is_known_is_not_learned_twice(question: Question) -> None:
    """A reply from the ledger was counted when the ledger was read, and one to a second asking is about a document in trouble."""
    expected = ReplyLength(lambda _: ())
    first, second = (
        request_of(question, window(invoice(1)), purpose) for purpose in ("first", "failed_fields")
    )
    before = expected.tokens(question, first.window)
    for _ in range(LEAST):
        expected.note(first, replied(first, 60, from_ledger=True))
        expected.note(second, replied(second, 60))
    assert expected.tokens(question, first.window) == before


@given(
    windows=st.lists(
        st.builds(Seen, st.integers(1, 50), st.just(1_000), st.integers(1, 20_000)),
        min_size=LEAST,
        max_size=60,
    ),
    documents=st.integers(1, 200),
)
def test_a_limit_is_more_than_the_mean_and_grows_with_the_window(windows: list[Seen], documents: int) -> None:
    """Whatever was seen, the limit is above what the mean lets expect, and more documents never get less."""
    mean = sum(one.tokens for one in windows) / sum(one.documents for one in windows)
    assert expect._learned(windows, documents) > documents * mean
    assert expect._learned(windows, documents + 1) >= expect._learned(windows, documents)


async def test_a_rerun_knows_what_was_learned(kimi: Running, question: Question, tmp_path: Path) -> None:
    """The limit is a function of the replies in the ledger: another process has the same one without asking."""
    shown = window(invoice(99))
    async with asker(kimi, tmp_path) as first:
        before = first.reply_tokens(shown, question)
        for number in range(10):
            await first.ask(first.request(window(invoice(number)), question))
        learned = first.reply_tokens(shown, question)
    async with asker(kimi, tmp_path) as second:
        assert second.reply_tokens(shown, question) == learned
    assert learned < before / 2


async def test_a_limit_that_changed_asks_nothing_again(
    kimi: Running, question: Question, tmp_path: Path
) -> None:
    """A request keeps its name when more is known about the length of replies, or when it is streamed, so its reply is found."""
    async with asker(kimi, tmp_path) as asking:
        room = asking.room([question], 20)
        request = asking.request(window(invoice(0)), question)
        again = asking.request(
            window(invoice(0)), question, purpose="failed_fields", complaint="It was wrong."
        )
        for number in range(10):
            await asking.ask(asking.request(window(invoice(number)), question))
        await asking.ask(again)
        later = asking.request(window(invoice(0)), question)
        later_again = asking.request(
            window(invoice(0)), question, purpose="failed_fields", complaint="It was wrong."
        )
        replies = [await asking.ask(one) for one in (later, later_again)]
        assert (
            asking.room([question], 20) == room
        )  # else windows would be packed otherwise, and be other requests
    assert later.reply_tokens < request.reply_tokens
    assert (later.fingerprint, later_again.fingerprint) == (request.fingerprint, again.fingerprint)
    assert [reply.from_ledger for reply in replies] == [True, True]
    assert len(kimi.journal) == 11


def test_a_name_is_of_what_is_asked() -> None:
    """Model, messages, reply format and switches that change an answer change the name; how much it may cost and how it is sent do not."""
    body: dict[str, Any] = {
        "model": "m",
        "messages": [{"role": "user", "content": "a"}],
        "response_format": {"type": "json_object"},
    }
    name = fingerprint(body, "limit")
    same: tuple[dict[str, Any], ...] = (
        *({"max_tokens": 5}, {"max_completion_tokens": 6}, {"limit": 7}),
        *({"stream": True}, {"stream_options": {}}),
    )
    for more in same:
        assert fingerprint({**body, **more}, "limit") == name
    others: tuple[dict[str, Any], ...] = (
        {"model": "n"},
        {"messages": []},
        {"response_format": None},
        {"thinking": {"type": "disabled"}},
    )
    for other in others:
        assert fingerprint({**body, **other}, "limit") != name


async def test_the_room_to_think_is_learned(kimi: Running, question: Question, tmp_path: Path) -> None:
    """It stays until enough thoughts are known, is then near what was thought, and another process has the same without asking."""
    kimi.config.thinking_tokens["high"] = 700
    async with asker(kimi, tmp_path, model="kimi-k2.7-code") as asking:
        reserve = asking.account.model.thinking_tokens
        limits = []
        for number in range(LEAST_THOUGHTS + 1):
            limits.append(asking.reply_tokens(window(invoice(99)), question))
            await asking.ask(asking.request(window(invoice(number)), question))
        assert asking.expected.thoughts(question) == pytest.approx(700, rel=0.1)
        learned = asking.reply_tokens(window(invoice(99)), question)
    assert reserve < limits[LEAST] < limits[0]
    assert 700 < limits[LEAST_THOUGHTS] < 1_500 < reserve
    async with asker(kimi, tmp_path, model="kimi-k2.7-code") as later:
        assert later.reply_tokens(window(invoice(99)), question) == learned


async def test_another_effort_is_another_room_to_think(
    kimi: Running, question: Question, tmp_path: Path
) -> None:
    """What was thought at low effort says nothing about the highest."""
    more = tmp_path / "more.toml"
    more.write_text('models."kimi-k3".effort = "max"', encoding="utf-8")
    async with asker(kimi, tmp_path, model="kimi-k3") as low:
        for number in range(LEAST_THOUGHTS):
            await low.ask(low.request(window(invoice(number)), question))
        learned = low.reply_tokens(window(invoice(99)), question)
    async with asker(kimi, tmp_path, model="kimi-k3", catalogue=str(more)) as highest:
        limit = highest.reply_tokens(window(invoice(99)), question)
    assert learned < 1_000 < highest.account.model.thinking_tokens < limit


@pytest.mark.parametrize("model", ["kimi-k2.7-code", "kimi-k3"])
async def test_a_reply_is_cut_for_its_thoughts_only_once(
    kimi: Running, question: Question, tmp_path: Path, model: str
) -> None:
    """When thoughts are ten times as long at once, a request is cut once, then has room enough, as a stream; the next begin with more."""
    kimi.config.thinking_tokens = {"low": 500, "high": 500, "max": 500}
    async with asker(kimi, tmp_path, model=model) as asking:
        for number in range(2 * LEAST_THOUGHTS):
            await asking.ask(asking.request(window(invoice(number)), question))
        kimi.config.thinking_tokens = {"low": 5_000, "high": 5_000, "max": 5_000}
        ended = []
        for number in range(100, 103):
            before = len(kimi.journal)
            reply = await asking.ask(asking.request(window(invoice(number)), question))
            assert f'"{number}"' in reply.text
            ended.append([(entry.finish_reason, entry.streamed) for entry in kimi.journal[before:]])
    assert ended == [[("length", False), ("stop", True)], [("stop", True)], [("stop", True)]]


def test_a_larger_window_is_thought_over_longer(question: Question) -> None:
    """A window of more documents than were seen has room to think in proportion, one of fewer has no less."""
    expected = ReplyLength(lambda _: (), lambda _: 100, thinking_tokens=8_000)
    rooms = []
    for number in (10, 1, 40):
        shown = window(*(invoice(at) for at in range(number)))
        expected.tokens(question, shown)
        for _ in range(LEAST_THOUGHTS if number == 10 else 0):
            expected.note(request_of(question, shown), replied(request_of(question, shown), 1_100))
        (seen,) = expected._known[question.fingerprint].values()
        rooms.append(expected.tokens(question, shown) - expect._learned(seen, number))
    assert rooms[1] == rooms[0] > 1_000
    assert rooms[2] > 4_000


def test_the_room_to_think_has_an_end(question: Question) -> None:
    """However often thoughts are cut, the room for them grows to a bound: all of it counts against the tokens of the minute."""
    expected = ReplyLength(lambda _: (), lambda _: 0, thinking_tokens=8_000)
    shown = window(invoice(1))
    first = expected.tokens(question, shown)
    for _ in range(30):
        request = request_of(question, shown)
        expected.note(request, replied(request, expected.tokens(question, shown), "length"))
    assert first < expected.tokens(question, shown) <= first + MOST_THOUGHT * 8_000


async def test_less_is_reserved_once_replies_are_known(
    kimi: Running, question: Question, tmp_path: Path
) -> None:
    """Over two hundred small documents at most a fifth of what the estimate would reserve in vain is, and no reply is cut."""
    texts = [f"{invoice(number)}grand total: {number}.25\ncurrency: EUR\n" for number in range(200)]
    async with asker(kimi, tmp_path) as asking:
        vain = [expect.estimate(question, window(text)) for text in texts]
        for text in texts:
            await asking.ask(asking.request(window(text), question))
    reserved = [entry.reserved_tokens - entry.prompt_tokens for entry in kimi.journal]
    used = [entry.reply_tokens for entry in kimi.journal]
    assert sum(reserved) - sum(used) < (sum(vain) - sum(used)) / 5
    assert {entry.finish_reason for entry in kimi.journal} == {"stop"}
