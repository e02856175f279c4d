"""Planning: nothing lost, nothing twice, bounds kept, the fewest windows and no idle calls, and a price that says how long it takes."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from processors.pack import plan
from processors.pack import windows as pack

FRAMES = st.builds(pack.Frame, st.integers(200, 2_000), st.integers(150, 2_000), st.integers(1, 9))
FOLDERS = st.lists(st.tuples(st.integers(1, 150), st.integers(0, 50)), max_size=60)
TERMS = pack.Terms(prices_usd=(0.95, 0.16, 4.0), tokens_per_second=40, limits=(15, 100, 2_000_000, 0))
FREE = pack.Terms(prices_usd=(0, 0, 0), tokens_per_second=40, limits=(15, 0, 0, 0))


def sizes_of(folder: list[tuple[int, int]]) -> list[pack.Size]:
    """Documents d0, d1, ... with tokens and tokens of the reply."""
    return [pack.Size(f"d{at}", tokens, reply) for at, (tokens, reply) in enumerate(folder)]


def holds(group: pack.Group, frame: pack.Frame) -> bool:
    """Whether a group is within its bounds, counted anew."""
    tokens, replies = (sum(getattr(size, name) for size in group.sizes) for name in ("tokens", "reply_tokens"))
    assert (group.tokens, group.reply_tokens) == (tokens, replies)
    return tokens <= frame.max_documents_tokens and tokens + replies <= frame.max_tokens and len(group.sizes) <= frame.max_documents


@given(FOLDERS, FRAMES, st.integers(1, 30), st.randoms())
def test_every_document_is_in_one_group_within_bounds(
    folder: list[tuple[int, int]], frame: pack.Frame, number: int, chance: random.Random
) -> None:
    """Full or even, whatever the bounds: nothing lost, nothing twice, no bound passed, and the order of the documents means nothing."""
    sizes = sizes_of(folder)
    shuffled = chance.sample(sizes, len(sizes))
    for made, again in (
        (pack.fewest(sizes, frame), pack.fewest(shuffled, frame)),
        (pack.even(sizes, frame, number), pack.even(shuffled, frame, number)),
    ):
        assert sorted(document for group in made for document in group.documents) == sorted(size.document for size in sizes)
        assert all(holds(group, frame) for group in made)
        assert [group.documents for group in made] == [group.documents for group in again]


@given(st.lists(st.integers(1, 300), min_size=200, max_size=400))
def test_windows_are_full(tokens: list[int]) -> None:
    """When tokens bind, windows but the last are full to 97 %, and one more than could be by arithmetic at the most."""
    frame = pack.Frame(100_000, 3_000, 1_000)
    groups = pack.fewest(sizes_of([(size, 10) for size in tokens]), frame)
    assert len(groups) <= -(-sum(tokens) // 3_000) + 1
    assert sum(group.tokens for group in groups[:-1]) >= 0.97 * 3_000 * (len(groups) - 1)


@given(st.lists(st.integers(1, 300), min_size=1, max_size=200), st.integers(1, 50))
def test_even_groups_have_the_same_work(tokens: list[int], number: int) -> None:
    """When nothing binds, there are as many groups as wanted, and none has two documents more than another."""
    groups = pack.even(sizes_of([(size, 0) for size in tokens]), pack.Frame(1_000_000, 1_000_000, 1_000), number)
    assert len(groups) == min(number, len(tokens))
    counts = [len(group.sizes) for group in groups]
    assert max(counts) - min(counts) <= 1
    assert max(group.tokens for group in groups) - min(group.tokens for group in groups) <= 2 * 300


def work(documents: int, overhead: int = 100) -> pack.Work:
    """Documents of 1,000 tokens, and one question whose reply has 200 a document."""
    return pack.Work(documents, 1_000 * documents, 1_000, ((overhead, 200, 400),))


def test_calls_are_not_left_idle() -> None:
    """A folder that fits into one window is spread over all 15 calls when that costs next to nothing, and the reason says so."""
    choice = pack.choose(work(100), 1, TERMS)
    assert choice.windows == 15
    assert "1 would do" in choice.reason


def test_tokens_come_first() -> None:
    """Where instruction and question are dear beside the documents, the fewest windows are made, however long they take."""
    assert pack.choose(work(10, overhead=100_000), 2, TERMS) == pack.Choice(2, "the fewest; one more would cost over 5% more")


def test_a_batch_has_no_hurry() -> None:
    """In a batch nobody waits for a call, so nothing is paid for speed."""
    terms = pack.Terms(prices_usd=(0.95, 0.16, 4.0), tokens_per_second=40, limits=(15, 100, 2_000_000, 0), live=False)
    assert pack.choose(work(100), 1, terms).windows == 1


@given(st.integers(1, 3_000), st.integers(0, 5_000), st.integers(1, 200), st.sampled_from([TERMS, FREE]))
def test_a_choice_is_neither_too_dear_nor_slower(documents: int, overhead: int, share: int, terms: pack.Terms) -> None:
    """Between the fewest windows and one a document, at most 5 % dearer than the fewest, in dollars or tokens, and never slower."""
    asked, fewest = work(documents, overhead), -(-documents // share)
    windows = pack.choose(asked, fewest, terms).windows
    assert fewest <= windows <= documents
    assert plan._weight(asked, windows, terms) <= (1 + plan.DEARER + 1e-9) * plan._weight(asked, fewest, terms)
    assert plan._time_s(asked, windows, terms) <= (1 + plan.SLOWER) * plan._time_s(asked, fewest, terms)


def test_minutes_are_those_of_the_limit_that_binds() -> None:
    """Calls in flight, requests a minute, tokens a minute, tokens a day: whichever is used up first says how long it takes."""
    calls = [[pack.Call(8_000, 0, 400, 800)]] * 30  # 0.5 s + 1 s + 10 s each

    def minutes(*limits: int) -> float:
        return pack.cost(calls, pack.Terms(prices_usd=(1, 1, 1), tokens_per_second=40, limits=(*limits,))).minutes  # type: ignore[arg-type]

    assert minutes(0, 0, 0, 0) == pytest.approx(11.5 / 60)
    assert minutes(15, 0, 0, 0) == pytest.approx(2 * 11.5 / 60)
    assert minutes(1, 0, 0, 0) == pytest.approx(30 * 11.5 / 60)
    assert minutes(0, 10, 0, 0) == pytest.approx(2 + 11.5 / 60)
    assert minutes(0, 0, 100_000, 0) == pytest.approx(2 + 11.5 / 60)
    assert minutes(0, 0, 0, 200_000) == pytest.approx(1_440 + 11.5 / 60)


def test_price_and_worst_case() -> None:
    """The price takes what is cached at its price and the reply as expected; the worst case nothing cached and the longest reply."""
    terms = pack.Terms(prices_usd=(1.0, 0.1, 4.0), tokens_per_second=40, limits=(0, 0, 0, 0))
    cost = pack.cost([[pack.Call(1_000_000, 0, 100_000, 200_000), pack.Call(1_000_000, 900_000, 100_000, 200_000)]], terms)
    assert (cost.usd, cost.worst_usd) == pytest.approx((1 + 0.1 + 0.09 + 0.8, 2 + 1.6))
    assert pack.cost([[pack.Call(1_000_000, 0, 0, 0)]], terms, scale=0.8).usd == pytest.approx(0.8)
    assert pack.cost([], terms) == pack.Cost()
