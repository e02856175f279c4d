"""Counting tokens: exact with the vocabulary, and never a panic."""

from __future__ import annotations

import hashlib
import random
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from octavo.processors.pack import tokens
from octavo.processors.pack.calibration import FIRST_FACTOR, LEAST, RECENT, Calibration


def test_exact_count_is_the_models(vocabulary: bytes) -> None:
    """With the vocabulary, known texts have the counts that the model's own encoder gives."""
    count = tokens.counter(vocabulary)
    assert hashlib.sha256(vocabulary).hexdigest() == tokens.VOCABULARY_SHA256
    assert [count(text) for text in ("hello world", "", "发票号码", "1234567")] == [2, 0, 2, 3]


def test_a_million_spaces_do_not_panic(vocabulary: bytes) -> None:
    """A run that makes the tokenizer panic is cut before it gets there."""
    assert tokens.counter(vocabulary)(" " * 1_000_000) > 0


def test_special_tokens_count_as_plain_text(vocabulary: bytes) -> None:
    """A document that holds `<|im_end|>` is text, never a special token."""
    assert tokens.counter(vocabulary)("<|im_end|>") > 1


def test_estimate_is_seldom_too_small(vocabulary: bytes, corpus: Path) -> None:
    """Without the vocabulary, the estimate is at least 0.85 of the exact count on every real text of the corpus."""
    count = tokens.counter(vocabulary)
    texts = (
        path.read_text(encoding="utf-8", errors="replace")
        for path in sorted((corpus / "groundtruth").glob("*.[tm][xd]*"))
    )
    ratios = [tokens.estimate(text) / count(text) for text in texts if len(text) > 200]
    assert min(ratios) >= 0.85


@pytest.mark.parametrize("seed", range(4))
def test_what_is_learned_fills_windows_and_refuses_none(vocabulary: bytes, corpus: Path, seed: int) -> None:
    """After 20 bills no window of real texts is longer than it may be, and windows hold 0.85 of what the exact count packs."""
    count, draw = tokens.counter(vocabulary), random.Random(seed)
    texts = [
        path.read_text(encoding="utf-8", errors="replace")
        for path in sorted((corpus / "groundtruth").glob("*.[tm][xd]*"))
    ]
    sizes = [(tokens.rough(text), exact) for text in texts if 200 < (exact := count(text)) < 6_000]
    stream = [size for _ in range(8) for size in draw.sample(sizes, len(sizes))]
    room = 16_000
    learned, ideal = (
        packed(stream, room, Calibration()),
        packed([(exact, exact) for _, exact in stream], room, None),
    )
    assert max(learned[20:]) <= room
    assert sum(learned[20:-1]) / len(learned[20:-1]) >= 0.85 * sum(ideal[:-1]) / len(ideal[:-1])


def packed(stream: list[tuple[int, int]], room: int, calibration: Calibration | None) -> list[int]:
    """What windows hold by the exact count when texts, each (estimated, exact), are packed in order and every window is billed."""
    windows, estimated, held = [], 0, 0
    for guess, exact in stream:
        if (estimated + guess) * (calibration.factor if calibration else 1.0) > room:
            windows.append(held)
            calibration = calibration.learn(estimated, held) if calibration else None
            estimated = held = 0
        estimated, held = estimated + guess, held + exact
    return [*windows, held]


@given(st.lists(st.tuples(st.integers(1, 100_000), st.floats(0.5, 1.6)), max_size=RECENT + 20))
def test_a_factor_is_above_the_mean(bills: list[tuple[int, float]]) -> None:
    """Whatever the bills say, the factor for windows is above the one for prices, and only the latest bills count."""
    calibration = Calibration()
    for estimated, ratio in bills:
        calibration = calibration.learn(estimated, max(1, round(estimated * ratio)))
    assert calibration.factor > calibration.mean > 0
    assert len(calibration.seen) == min(len(bills), RECENT)
    if len(bills) < LEAST:
        assert (calibration.factor, calibration.mean) == (FIRST_FACTOR, 1.0)


def test_a_bill_without_tokens_says_nothing() -> None:
    """A provider that bills nothing, or nothing that was said, changes nothing."""
    assert Calibration().learn(0, 10).learn(10, 0) == Calibration()


@pytest.mark.parametrize(
    ("text", "least", "most"),
    [
        ("Total amount due", 3, 6),
        ("EBITDA", 2, 3),
        ("1234567 89", 4, 6),
        ("(a, b) = c.d", 6, 10),
        ("\u53d1\u7968\u53f7\u7801" * 10, 28, 34),
        ("\u0440\u0443\u0441\u0441\u043a\u0438\u0439", 4, 6),
        ("\u0e44\u0e17\u0e22", 5, 8),
        ("\u00e4\u00f6\u00fc", 4, 6),
        ("\U0001f600", 2, 4),
    ],
)
def test_an_estimate_knows_scripts(text: str, least: int, most: int) -> None:
    """Words, figures, marks and each script have rates of their own."""
    assert least <= tokens.rough(text) <= most


@given(st.text(max_size=300))
def test_an_estimate_is_never_negative(text: str) -> None:
    """Some pieces count less than nothing, since they are in others; the sum never does."""
    assert tokens.rough(text) >= bool(text)
    assert tokens.estimate(text) >= tokens.rough(text)
