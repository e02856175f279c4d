"""Counting tokens: exact with the vocabulary, and never a panic."""

from __future__ import annotations

import hashlib
from pathlib import Path

from processors.pack import tokens


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
    texts = (path.read_text(encoding="utf-8", errors="replace") for path in sorted((corpus / "groundtruth").glob("*.[tm][xd]*")))
    ratios = [tokens.estimate(text) / count(text) for text in texts if len(text) > 200]
    assert min(ratios) >= 0.85
