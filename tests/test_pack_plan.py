"""Planning: nothing lost, nothing twice, bounds kept, the fewest windows and no idle calls, and a price that says how long it takes."""

from __future__ import annotations

import random
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from octavo.processors.pack import plan
from octavo.processors.pack import windows as pack

FRAMES = st.builds(pack.Frame, st.integers(200, 2_000), st.integers(150, 2_000), st.integers(5, 20))
FOLDERS = st.lists(st.tuples(st.integers(1, 150), st.integers(0, 50), st.integers(1, 5)), max_size=60)
TERMS = pack.Terms(prices_usd=(0.95, 0.16, 4.0), tokens_per_second=40, limits=(15, 100, 2_000_000, 0))
FREE = pack.Terms(prices_usd=(0, 0, 0), tokens_per_second=40, limits=(15, 0, 0, 0))


def sizes_of(folder: Sequence[tuple[int, ...]]) -> list[pack.Size]:
    """Documents d0, d1, ... with tokens, tokens of the reply, and places."""
    return [
        pack.Size(f"d{at}", tokens, reply, places=(places or [1])[0])
        for at, (tokens, reply, *places) in enumerate(folder)
    ]


def holds(group: pack.Group, frame: pack.Frame) -> bool:
    """Whether a group is within its bounds, counted anew."""
    tokens, replies = sum(size.tokens for size in group.sizes), sum(size.reply_tokens for size in group.sizes)
    places = sum(size.places for size in group.sizes)
    assert (group.tokens, group.reply_tokens, group.places) == (tokens, replies, places)
    fits = tokens <= frame.max_documents_tokens and tokens + replies <= frame.max_tokens
    return fits and places <= frame.max_places


@given(FOLDERS, FRAMES, st.integers(1, 30), st.randoms())
def test_every_document_is_in_one_group_within_bounds(
    folder: list[tuple[int, int, int]], frame: pack.Frame, number: int, chance: random.Random
) -> None:
    """Full or even, whatever the bounds: nothing lost, nothing twice, no bound passed, and the order of the documents means nothing."""
    sizes = sizes_of(folder)
    shuffled = chance.sample(sizes, len(sizes))
    for made, again in (
        (pack.fewest(sizes, frame), pack.fewest(shuffled, frame)),
        (pack.even(sizes, frame, number), pack.even(shuffled, frame, number)),
    ):
        assert sorted(document for group in made for document in group.documents) == sorted(
            size.document for size in sizes
        )
        assert all(holds(group, frame) for group in made)
        assert [group.documents for group in made] == [group.documents for group in again]


@given(st.lists(st.integers(1, 300), min_size=200, max_size=400))
def test_windows_are_full(tokens: list[int]) -> None:
    """When tokens bind, windows but the last are full to 97 %, and one more than could be by arithmetic at the most."""
    frame = pack.Frame(100_000, 3_000, 1_000)
    groups = pack.fewest(sizes_of([(size, 10) for size in tokens]), frame)
    assert len(groups) <= -(-sum(tokens) // 3_000) + 1
    assert sum(group.tokens for group in groups[:-1]) >= 0.97 * 3_000 * (len(groups) - 1)


@pytest.mark.parametrize(
    ("tokens", "reply_tokens", "documents"),
    [(300, 58, 100), (600, 58, 50), (300, 200, 25), (2_500, 58, 20), (90_000, 9_000, 20)],
)
def test_more_short_documents_share_a_window(tokens: int, reply_tokens: int, documents: int) -> None:
    """A window holds 20 documents of any length, and up to 100 of which little is read and written."""
    sizes = [
        pack.Size(f"d{at}", tokens, reply_tokens, 0, pack.places(tokens, reply_tokens)) for at in range(200)
    ]
    groups = pack.fewest(sizes, pack.Frame(10**9, 10**9, pack.PLACES))
    assert {len(group.sizes) for group in groups} == {documents}


@given(st.lists(st.integers(1, 300), min_size=1, max_size=200), st.integers(1, 50))
def test_even_groups_have_the_same_work(tokens: list[int], number: int) -> None:
    """When nothing binds, there are as many groups as wanted, and none has two documents more than another."""
    groups = pack.even(
        sizes_of([(size, 0) for size in tokens]), pack.Frame(1_000_000, 1_000_000, 1_000), number
    )
    assert len(groups) == min(number, len(tokens))
    counts = [len(group.sizes) for group in groups]
    assert max(counts) - min(counts) <= 1
    assert max(group.tokens for group in groups) - min(group.tokens for group in groups) <= 2 * 300


def work(documents: int, overhead: int = 100, questions: int = 1) -> pack.Work:
    """Documents of 1,000 tokens with their marks of 4, and questions whose replies have 200 a document."""
    return pack.Work(documents, 1_000 * documents, 4 * documents, 1_000, ((overhead, 200, 400),) * questions)


def test_calls_are_not_left_idle() -> None:
    """A folder that fits into one window is spread over all 15 calls when that costs next to nothing, and the reason says so."""
    choice = pack.choose(work(100), 1, TERMS)
    assert choice.windows == 15
    assert "1 would do" in choice.reason


def test_the_price_of_speed_is_of_all_that_is_billed() -> None:
    """How much dearer more windows are is said of the whole bill: prompts, documents at their cached price, replies to every question."""
    fewer, more = (
        sum(TERMS.usd(windows * 100 + 100_000, cached, 100 * 200) for cached in (0, 100_000, 100_000))
        for windows in (1, 15)
    )
    choice = pack.choose(work(100, questions=3), 1, TERMS)
    assert choice.windows == 15
    assert choice.reason.endswith(f"for {more / fewer - 1:.1%} more")


def test_tokens_come_first() -> None:
    """Where instruction and question are dear beside the documents, the fewest windows are made, however long they take."""
    said = "the fewest; with more, over 5% of the prompts would be no documents"
    assert pack.choose(work(10, overhead=100_000), 2, TERMS) == pack.Choice(2, said)


def test_a_cent_is_spent_where_one_would_wait_long() -> None:
    """Where 5 % of the documents do not pay for a second window, 10,000 tokens do, if it takes over a minute otherwise."""
    assert pack.choose(work(14, overhead=1_000), 1, TERMS).windows == 11
    assert pack.choose(work(14, overhead=1_000, questions=2), 1, TERMS).windows == 6
    assert pack.choose(work(9, overhead=1_000), 1, TERMS).windows == 1


def test_a_batch_has_no_hurry() -> None:
    """In a batch nobody waits for a call, so nothing is paid for speed."""
    terms = pack.Terms(
        prices_usd=(0.95, 0.16, 4.0), tokens_per_second=40, limits=(15, 100, 2_000_000, 0), live=False
    )
    assert pack.choose(work(100), 1, terms).windows == 1


@given(
    st.integers(1, 3_000),
    st.integers(0, 5_000),
    st.integers(1, 3),
    st.integers(1, 200),
    st.sampled_from([TERMS, FREE]),
)
def test_a_choice_is_neither_too_dear_nor_slower(
    documents: int, overhead: int, questions: int, share: int, terms: pack.Terms
) -> None:
    """Between the fewest windows and one a document, and never slower than the fewest.

    More than the fewest are 5 % of what is read at the most, marks and all, in dollars or tokens, or 10,000 tokens more.
    """
    asked, fewest = work(documents, overhead, questions), -(-documents // share)
    windows = pack.choose(asked, fewest, terms).windows
    assert fewest <= windows <= documents
    texts, every = asked.tokens - asked.marks, asked.tokens
    bare, billed = (
        terms.weight(questions * tokens + aside, (questions - 1) * tokens, 0)
        for tokens, aside in ((texts, 0), (every, windows * questions * overhead))
    )
    few = (windows - fewest) * questions * overhead <= plan.SPARE_TOKENS
    assert windows == fewest or few or billed <= (1 + plan.ASIDE + 1e-9) * bare
    assert plan._time_s(asked, windows, terms) <= (1 + plan.SLOWER) * plan._time_s(asked, fewest, terms)


def test_minutes_are_those_of_the_limit_that_binds() -> None:
    """Calls in flight, requests a minute, tokens a minute, tokens a day: whichever is used up first says how long it takes."""
    calls = [[pack.Call(8_000, 0, 400, 800)]] * 30  # 0.5 s + 1 s + 10 s each

    def minutes(*limits: *tuple[int, int, int, int]) -> float:
        return pack.cost(calls, pack.Terms(prices_usd=(1, 1, 1), tokens_per_second=40, limits=limits)).minutes

    assert minutes(0, 0, 0, 0) == pytest.approx(11.5 / 60)
    assert minutes(15, 0, 0, 0) == pytest.approx(2 * 11.5 / 60)
    assert minutes(1, 0, 0, 0) == pytest.approx(30 * 11.5 / 60)
    assert minutes(0, 10, 0, 0) == pytest.approx(29 / 10 + 11.5 / 60)  # evenly, one after the other
    assert minutes(0, 0, 100_000, 0) == pytest.approx(29 * 8_800 / 100_000 + 11.5 / 60)
    assert minutes(0, 0, 0, 200_000) == pytest.approx(1_440 + 11.5 / 60)


def test_price_and_worst_case() -> None:
    """The price takes what is cached at its price and the reply as expected; the worst case nothing cached and the longest reply."""
    terms = pack.Terms(prices_usd=(1.0, 0.1, 4.0), tokens_per_second=40, limits=(0, 0, 0, 0))
    cost = pack.cost(
        [[pack.Call(1_000_000, 0, 100_000, 200_000), pack.Call(1_000_000, 900_000, 100_000, 200_000)]], terms
    )
    assert (cost.usd, cost.worst_usd) == pytest.approx((1 + 0.1 + 0.09 + 0.8, 2 + 1.6))
    assert pack.cost([[pack.Call(1_000_000, 0, 0, 0)]], terms, scale=0.8).usd == pytest.approx(0.8)
    assert pack.cost([], terms) == pack.Cost()
