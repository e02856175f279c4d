"""How many tokens a text is: exact with the Kimi vocabulary, else an estimate by script that errs on the large side.

Imports the helper `calibration` for the factor that holds before there is a bill.
"""

from __future__ import annotations

import base64
import math
import re
from collections.abc import Callable, Iterable, Iterator

from processors.pack.calibration import FIRST_FACTOR
from schemas.errors import SettingsError

VOCABULARY_SHA256 = "b6c497a7469b33ced9c38afb1ad6e47f03f5e5dc05f15930799210ec050c5103"  # tiktoken.model of K2, K2.6 and K3, 2026-11
SPLIT = "|".join(  # noqa: FLY002 - published with the model as these branches, read 2026-11
    [
        r"[\p{Han}]+",
        r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}&&[^\p{Han}]]*[\p{Ll}\p{Lm}\p{Lo}\p{M}&&[^\p{Han}]]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?",
        r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}&&[^\p{Han}]]+[\p{Ll}\p{Lm}\p{Lo}\p{M}&&[^\p{Han}]]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?",
        r"\p{N}{1,3}",
        r" ?[^\s\p{L}\p{N}]+[\r\n]*",
        r"\s*[\r\n]+",
        r"\s+(?!\S)",
        r"\s+",
    ]
)
LONGEST_RUN = 25_000  # characters of one class in a row; a million spaces make tiktoken panic, the model's own code cuts here
PIECE = 400_000  # characters encoded at once, as the model's own code does
RUNS = re.compile(rf"\s{{{LONGEST_RUN}}}|\S{{{LONGEST_RUN}}}")
PATCH_PX = 28  # an image costs a token a patch of 28 x 28 pixels (a user's measurement, forum thread 450) ...
IMAGE_MAX_TOKENS = 4_400  # ... and no more than this, since larger ones are scaled down

# How many tokens each kind of piece has, as the split above would leave it. Least squares over 190 texts of the corpus in some twenty
# languages and kinds, 2026-11-23: of texts beyond 2,000 tokens the sum is 0.8 to 1.2 times the exact count, 0.98 at the median.
# tests/benchmarks/tokens.py prints how far off it is, also for texts that the rates have not seen.
MARKS = r"!-/:-@\[-`{-~\u2010-\u2027"
WORD = re.compile(r"[A-Z]*[a-z]+|[A-Z]+")
WORD_RATES = (
    (WORD, 1.42),  # a Latin word, ...
    (re.compile(r"[a-z]{5}"), 0.4),  # ... more when it is long, ...
    (re.compile(r"[A-Z]{3}"), 0.33),  # ... or in capitals, ...
)
ENGLISH = tuple(
    f" {word} " for word in ("the", "of", "and", "to", "in", "for", "is", "that", "with", "on", "by", "be", "or", "this", "a", "as")
)
ENGLISH_RATE = -2.3  # ... less where the text has these: English words are mostly whole in the vocabulary, those of other languages are not
RATES = (
    (re.compile(r"[0-9]{1,3}"), 0.95),
    (re.compile(r"[ \t][0-9]"), 0.94),  # a blank before a number is a token, one before a word is not
    (re.compile(rf"[{MARKS}]+"), 1.13),
    (re.compile(rf"(?<![\s{MARKS}])[{MARKS}][A-Za-z]"), -1.13),  # a single mark before a letter goes with the word
    (re.compile(r"[A-Za-z0-9] *\n"), 0.44),
    (re.compile(r"[ \t]{2}[ \t]*"), 0.43),
    (re.compile(r"[\u3400-\u9fff\uf900-\ufaff]"), 0.75),  # Han
    (re.compile(r"[\u00c0-\u024f]"), 1.5),  # Latin letters with marks
    (re.compile(r"[\u3040-\u30ff\uac00-\ud7a3]"), 1.19),  # Kana, Hangul
    (re.compile(r"[\u0250-\u06ff]"), 0.62),  # Greek, Cyrillic, Hebrew, Arabic
    (re.compile(r"[\u0700-\u1fff\ua000-\uabff]"), 2.13),  # Indic scripts, Thai, Georgian, ...
    (re.compile(r"[\u0080-\u00bf\u2000-\u200f\u2028-\u303f\uff00-\uffef\U00010000-\U0010ffff]"), 2.41),  # signs
)

Count = Callable[[str], int]


def counter(vocabulary: bytes | None) -> Count:
    """A function that counts the tokens of a text: exact with the bytes of `tiktoken.model`, else estimated.

    Raises SettingsError for bytes that are no vocabulary.
    """
    return estimate if vocabulary is None else _exact(vocabulary)


def estimate(text: str) -> int:
    """Tokens of a text, guessed, and `FIRST_FACTOR` on top, so that it is rather too many than too few.

    >>> estimate("Invoice 2024-117")
    9
    """
    return math.ceil(FIRST_FACTOR * rough(text))


def rough(text: str) -> int:
    """Tokens of a text, as likely too many as too few, see `RATES`. Wants bills to correct it: `calibration`.

    >>> rough("Invoice 2024-117")
    7
    """
    words = _pieces_of(text, WORD_RATES) + ENGLISH_RATE * sum(map(text.count, ENGLISH))
    return max(math.ceil(max(words, len(WORD.findall(text))) + _pieces_of(text, RATES)), bool(text))


def _pieces_of(text: str, rates: Iterable[tuple[re.Pattern[str], float]]) -> float:
    return sum(rate * len(kind.findall(text)) for kind, rate in rates)


def image_tokens(width_px: int, height_px: int) -> int:
    """Tokens of a picture.

    >>> image_tokens(1240, 1754)
    2835
    """
    return min(IMAGE_MAX_TOKENS, math.ceil(width_px / PATCH_PX) * math.ceil(height_px / PATCH_PX))


def _exact(vocabulary: bytes) -> Count:
    import tiktoken

    encoding = tiktoken.Encoding("kimi", pat_str=SPLIT, mergeable_ranks=_ranks(vocabulary), special_tokens={})
    return lambda text: sum(len(encoding.encode_ordinary(piece)) for piece in _pieces(text))


def _ranks(vocabulary: bytes) -> dict[bytes, int]:
    try:
        ranks = {base64.b64decode(token): int(rank) for token, rank in (line.split() for line in vocabulary.splitlines() if line)}
    except ValueError:
        ranks = {}
    if any(bytes([byte]) not in ranks for byte in range(256)):
        message = "The file that should be the Kimi vocabulary is not one."
        raise SettingsError(message, about="tokenizer", next_step="Remove it and run `octavo doctor --fetch-tokenizer`.")
    return ranks


def _pieces(text: str) -> Iterator[str]:
    """The text in pieces that tiktoken can take: none too long, none with a run of one class that is too long."""
    start = 0
    for run in RUNS.finditer(text):
        yield from _chunks(text[start : run.end()])
        start = run.end()
    yield from _chunks(text[start:])


def _chunks(text: str) -> Iterator[str]:
    yield from (text[i : i + PIECE] for i in range(0, len(text), PIECE))
