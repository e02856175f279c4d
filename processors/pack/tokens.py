"""How many tokens a text is: exact with the Kimi vocabulary, else an estimate by script that errs on the large side.

Imports the helper `calibration` for the factor that holds before there is a bill.
"""

from __future__ import annotations

import base64
import math
import re
from bisect import bisect_right
from collections.abc import Callable, Iterator, Mapping

from octavo.processors.pack.calibration import FIRST_FACTOR
from octavo.schemas.errors import SettingsError

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

# A text is counted by the kinds of its characters: each is first written as the letter of its kind, so that `Total: 9.50` is
# `Aaaaa! 0!00`. By first code point; the kind holds up to the next.
_KINDS = sorted([
    *((0x00, "?"), (0x09, " "), (0x0A, "\n"), (0x0B, "?"), (0x20, " "), (0x7F, "?")),
    *((0x21, "!"), (0x3A, "!"), (0x5B, "!"), (0x7B, "!"), (0x2010, "!")),  # marks
    *((0x30, "0"), (0x41, "A"), (0x61, "a")),
    *((0xC0, "L"), (0x250, "G")),  # Latin letters with marks; Greek, Cyrillic, Hebrew, Arabic
    *((0x700, "I"), (0xA000, "I")),  # Indic scripts, Thai, Georgian, ...
    *((0x3040, "K"), (0xAC00, "K"), (0x3400, "H"), (0xF900, "H")),  # Kana and Hangul; Han
    *((0x80, "S"), (0x2000, "S"), (0x2028, "S"), (0xFF00, "S"), (0x10000, "S")),  # signs
    *((0x3100, "?"), (0xD7A4, "?"), (0xFB00, "?"), (0xFFF0, "?")),
])  # fmt: skip

# How many tokens each kind of piece has, as the split above would leave it. Least squares over 190 texts of the corpus in some twenty
# languages and kinds, 2026-11-23: of texts beyond 2,000 tokens the sum is 0.8 to 1.2 times the exact count, 0.98 at the median.
# tests/benchmarks/tokens.py prints how far off it is, also for texts that the rates have not seen.
WORD_RATE = 1.42  # a Latin word, ...
LONG_RATES = {"aaaaa": 0.4, "AAA": 0.33}  # ... more when it is long, or in capitals, ...
ENGLISH = tuple(
    f" {word} "
    for word in (
        "the",
        "of",
        "and",
        "to",
        "in",
        "for",
        "is",
        "that",
        "with",
        "on",
        "by",
        "be",
        "or",
        "this",
        "a",
        "as",
    )
)
ENGLISH_RATE = -2.3  # ... less where the text has these: English words are mostly whole in the vocabulary, those of other languages are not
SCRIPT_RATES = {"H": 0.75, "L": 1.5, "K": 1.19, "G": 0.62, "I": 2.13, "S": 2.41}
RATES = tuple(  # subtle: each begins with a plain character, which is found ten times faster than a class
    (re.compile(pattern), rate)
    for pattern, rate in {
        "00?0?": 0.95,
        " 0": 0.94,  # a blank before a number is a token, one before a word is not
        "!!*": 1.13,
        r"!(?<![ \n!].)[aA]": -1.13,  # a single mark before a letter goes with the word
        r"\n(?<=[aA0]\n)": 0.44,
        "   *": 0.43,
    }.items()
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
    kinds = text.translate(_KIND_OF)
    words = len(kinds.translate(_APART).split()) + kinds.count("aA")
    latin = WORD_RATE * words + _counted(kinds, LONG_RATES) + ENGLISH_RATE * sum(map(text.count, ENGLISH))
    others = _counted(kinds, SCRIPT_RATES) + sum(
        rate * len(pattern.findall(kinds)) for pattern, rate in RATES
    )
    return max(math.ceil(max(latin, words) + others), 1 if text else 0)


class _Kinds(dict[int, str]):
    """The kind of each character, looked up when it is first met."""

    def __missing__(self, code: int) -> str:
        _, self[code] = _KINDS[bisect_right(_KINDS, (code, "~")) - 1]
        return self[code]


_KIND_OF = _Kinds()
_APART = {ord(kind): " " for _, kind in _KINDS if kind not in "aA"}


def _counted(kinds: str, rates: Mapping[str, float]) -> float:
    return sum(rate * kinds.count(piece) for piece, rate in rates.items())


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
        ranks = {
            base64.b64decode(token): int(rank)
            for token, rank in (line.split() for line in vocabulary.splitlines() if line)
        }
    except ValueError:
        ranks = {}
    if any(bytes([byte]) not in ranks for byte in range(256)):
        message = "The file that should be the Kimi vocabulary is not one."
        raise SettingsError(
            message, about="tokenizer", next_step="Remove it and run `octavo doctor --fetch-tokenizer`."
        )
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
