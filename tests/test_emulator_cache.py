"""The emulator's prefix cache, its counting and its prices."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.emulator.client import K26, OFF, body, get, post
from tests.emulator.config import Config
from tests.emulator.fixture import Running, running
from tests.emulator.tokens import Counter, KimiVocabulary, RatioVocabulary

VOCABULARY = Path(__file__).resolve().parents[1].parent / "shared" / "tokenizer" / "kimi_k2.tiktoken.model"
LONG = " ".join(f"Line {at} of a long document says {at * 7}." for at in range(400))


@pytest.fixture
def kimi() -> Iterator[Running]:
    """An emulator on virtual time."""
    with running(Config(timing=False, virtual=True, tier=5)) as emulator:
        yield emulator


def two(first: str, then: str, **more: Any) -> dict[str, Any]:
    """A document in one message and a question in the next."""
    return {
        "model": K26,
        **OFF,
        "messages": [{"role": "user", "content": first}, {"role": "user", "content": then}],
        **more,
    }


def cached(kimi: Running, sent: dict[str, Any]) -> int:
    """Cached tokens of one request, as the usage tells."""
    tokens: int = post(kimi, sent).json()["usage"]["cached_tokens"]
    return tokens


def test_second_question_reads_the_document(kimi: Running) -> None:
    """A prefix is read in whole blocks of 256 tokens; an exact repeat reads all its blocks; other documents read nothing."""
    assert cached(kimi, two(LONG, "one?")) == 0
    prompt = kimi.journal[-1].prompt_tokens
    read = cached(kimi, two(LONG, "two?"))
    assert read == prompt // 256 * 256
    assert cached(kimi, two(LONG, "one?")) == read
    assert cached(kimi, two("Other. " + LONG, "one?")) == 0
    grown = cached(kimi, two(LONG + LONG, "one?"))
    assert 0 < grown <= read
    assert grown % 256 == 0


def test_exact_repeat_may_read_everything(kimi: Running) -> None:
    """The other reading of the documents: an exact repeat reads the whole prompt, not only whole blocks."""
    kimi.config.cache_exact_reads_all = True
    cached(kimi, two(LONG, "one?"))
    assert cached(kimi, two(LONG, "one?")) == kimi.journal[-1].prompt_tokens


def test_short_prompts_are_not_kept(kimi: Running) -> None:
    """A prompt of 256 tokens or fewer is not cached."""
    words = LONG[: 256 * 4]
    assert [cached(kimi, body(words)) for _ in range(2)] == [0, 0]
    assert kimi.journal[0].prompt_tokens <= 256


def test_hits_renew_and_time_ends_it(kimi: Running) -> None:
    """Five minutes after the last hit the prefix is gone; a hit in between renews it."""
    cached(kimi, two(LONG, "?"))
    for _ in range(3):
        kimi.advance(200.0)
        assert cached(kimi, two(LONG, "?")) > 0
    kimi.advance(301.0)
    assert cached(kimi, two(LONG, "?")) == 0


def test_what_breaks_a_hit_and_what_does_not(kimi: Running) -> None:
    """Reply format and budget do not matter; another model does; on K3 another effort does, and another lifetime."""
    cached(kimi, two(LONG, "?"))
    assert cached(kimi, two(LONG, "?", max_completion_tokens=9, response_format={"type": "json_object"})) > 0
    deep = {"model": "kimi-k3", "messages": two(LONG, "?")["messages"]}
    assert cached(kimi, deep | {"reasoning_effort": "low"}) == 0
    assert cached(kimi, deep | {"reasoning_effort": "low"}) > 0
    assert cached(kimi, deep | {"reasoning_effort": "high"}) == 0
    assert cached(kimi, deep | {"reasoning_effort": "low", "prompt_cache_options": {"ttl": "1h"}}) == 0


def test_k3_pays_for_writes(kimi: Running) -> None:
    """On the K3 line written tokens are told in the usage and in a header, and billed at their own price; an hour lives longer."""
    kimi.config.cached_place = "nested"
    deep = {
        "model": "kimi-k3",
        "messages": two(LONG, "?")["messages"],
        "prompt_cache_options": {"mode": "implicit", "ttl": "1h"},
    }
    reply = post(kimi, deep)
    written = reply.json()["usage"]["prompt_tokens_details"]["cache_write_tokens"]
    assert reply.headers["msh-usage-cache-write-tokens-1h"] == str(written)
    assert reply.headers["msh-usage-cache-write-tokens-5m"] == "0"
    entry = kimi.journal[-1]
    fresh = entry.prompt_tokens - written
    assert entry.cost_usd == pytest.approx((fresh * 3.00 + written * 6.00 + entry.reply_tokens * 15.00) / 1e6)
    kimi.advance(3_000.0)
    assert post(kimi, deep).json()["usage"]["prompt_tokens_details"]["cached_tokens"] == written


def test_cached_tokens_are_billed_at_their_price(kimi: Running) -> None:
    """The second of two equal questions costs less by the difference of the two prices."""
    for _ in range(2):
        post(kimi, two(LONG, "?"))
    first, second = kimi.journal
    assert first.cost_usd - second.cost_usd == pytest.approx(second.cached_tokens * (0.95 - 0.16) / 1e6)


def test_organisations_and_switch(kimi: Running) -> None:
    """The cache is an organisation's own, and can be switched off."""
    kimi.config.keys["sk-b"] = "org-b"
    cached(kimi, two(LONG, "?"))
    assert post(kimi, two(LONG, "?"), key="sk-b").json()["usage"]["cached_tokens"] == 0
    kimi.config.cache = False
    assert cached(kimi, two(LONG, "?")) == 0


def test_ratio_model_counts_by_script() -> None:
    """Without the vocabulary Latin counts 4.6 characters a token and Han 1.5; cutting keeps to the count."""
    ratio = RatioVocabulary(Config())
    assert ratio.count("x" * 460) == 100 == len(ratio.encode("x" * 460)) // 4
    assert ratio.count("文" * 150) == 100 == len(ratio.encode("文" * 150)) // 4
    assert ratio.count("") == 0
    assert ratio.count(ratio.cut(LONG, 100)) == 100


@pytest.mark.skipif(not VOCABULARY.is_file(), reason="the Kimi vocabulary is not on this machine")
def test_real_vocabulary_counts_as_kimi_does() -> None:
    """With the vocabulary counts are exact, specials are plain text, and a million spaces do no harm."""
    kimi = KimiVocabulary(str(VOCABULARY))
    assert 4.0 < len(LONG) / kimi.count(LONG) * 1.6 < 7.0
    assert kimi.count("<|im_end|>") > 1
    assert kimi.count(" " * 1_000_000) > 0
    assert kimi.count(kimi.cut(LONG, 100)) == 100
    text = (LONG + "\n") * 40
    assert len(kimi.encode(text)) // 4 == kimi.count(text)


@pytest.mark.skipif(not VOCABULARY.is_file(), reason="the Kimi vocabulary is not on this machine")
def test_usage_is_exact_with_the_vocabulary() -> None:
    """The prompt is its tokens and the frames: 8 for the prompt, 4 for each message."""
    with running(Config(timing=False, vocabulary=str(VOCABULARY))) as kimi:
        usage = post(kimi, two(LONG, "What is it?")).json()["usage"]
    vocabulary = KimiVocabulary(str(VOCABULARY))
    assert usage["prompt_tokens"] == vocabulary.count(LONG) + vocabulary.count("What is it?") + 8 + 2 * 4


def test_long_texts_are_remembered() -> None:
    """The tokens of a text that comes again are not counted anew."""
    counter = Counter(Config())
    assert counter.prompt(two(LONG, "a"))[: 4 * 500] == counter.prompt(two(LONG, "b"))[: 4 * 500]
    assert list(counter._memory) == [LONG]


def test_models_know_their_windows(kimi: Running) -> None:
    """A prompt that is too long for the window is refused even without an explicit budget."""
    small = {model["id"]: model["context_length"] for model in get(kimi, "/models")["data"]}[K26]
    reply = post(kimi, body("x" * int(4.7 * small)))
    assert "exceeded model token limit: 262144" in reply.json()["error"]["message"]
    fits = post(kimi, body("x" * int(4.5 * small)))
    assert fits.status_code == 200
    assert kimi.journal[-1].reserved_tokens == small
