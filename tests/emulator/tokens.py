"""Counting as the gateway does: a request body comes in, its prompt as a sequence of tokens goes out.

With the real vocabulary the count is that of Kimi K2; without it a ratio of characters per token. Each token is four bytes, so that the
cache can compare prefixes in both ways alike.
"""

from __future__ import annotations

import base64
import binascii
import io
import json
import math
import re
import threading
import zlib
from array import array
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any, Protocol

from tests.emulator.config import Config
from tests.emulator.refusals import malformed

# Published with the model; Han runs stand alone, numbers in groups of three.
_PATTERNS = (
    r"[\p{Han}]+",
    r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}&&[^\p{Han}]]*[\p{Ll}\p{Lm}\p{Lo}\p{M}&&[^\p{Han}]]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?",
    r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}&&[^\p{Han}]]+[\p{Ll}\p{Lm}\p{Lo}\p{M}&&[^\p{Han}]]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?",
    r"\p{N}{1,3}",
    r" ?[^\s\p{L}\p{N}]+[\r\n]*",
    r"\s*[\r\n]+",
    r"\s+(?!\S)",
    r"\s+",
)
SPLIT = "|".join(_PATTERNS)
# The reference encoder breaks runs of one class at 25,000 characters to spare tiktoken [C]; possessive: long runs cost no backtracking.
_PIECE = re.compile(r"(?:\S{1,24999}+(?!\S)|\s{1,24999}+(?!\s))++|\S{25000}|\s{25000}")
_HAN = re.compile("([\u3400-\u9fff\uf900-\ufaff]+)")
_MEMORY_BYTES = 64 * 2**20


class Vocabulary(Protocol):
    """Turns text into tokens of four bytes each, and cuts a text after so many tokens."""

    def encode(self, text: str) -> bytes:
        """The tokens of a text."""

    def count(self, text: str) -> int:
        """How many tokens a text has."""

    def cut(self, text: str, tokens: int) -> str:
        """The first so many tokens of a text, as text."""


class KimiVocabulary:
    """The real one, from the path of its tiktoken file."""

    def __init__(self, path: str) -> None:
        import tiktoken

        lines = Path(path).read_bytes().split(b"\n")
        ranks = {
            base64.b64decode(token): int(rank) for token, rank in (line.split() for line in lines if line)
        }
        self._encoding = tiktoken.Encoding("kimi", pat_str=SPLIT, mergeable_ranks=ranks, special_tokens={})

    def encode(self, text: str) -> bytes:
        """The tokens of a text; special tokens in it count as plain text."""
        return array("I", self._numbers(text)).tobytes()

    def count(self, text: str) -> int:
        """How many tokens a text has."""
        return len(self._numbers(text))

    def cut(self, text: str, tokens: int) -> str:
        """The first so many tokens, without a torn character at the end."""
        return self._encoding.decode(self._numbers(text)[:tokens], errors="ignore")

    def _numbers(self, text: str) -> list[int]:
        if len(text) < 25_000:
            return self._encoding.encode_ordinary(text)
        return [
            number for piece in _PIECE.finditer(text) for number in self._encoding.encode_ordinary(piece[0])
        ]


class RatioVocabulary:
    """So many characters a token, by script. A token's bytes are a checksum of its characters."""

    def __init__(self, config: Config) -> None:
        self._latin = config.latin_characters_a_token
        self._han = config.han_characters_a_token

    def encode(self, text: str) -> bytes:
        """One checksum for each token's worth of characters."""
        return b"".join(
            self._pieces(run, self._han if at % 2 else self._latin)
            for at, run in enumerate(_HAN.split(text))
            if run
        )

    def count(self, text: str) -> int:
        """Characters by script over characters a token, each run rounded up."""
        return sum(
            _tokens(run, self._han if at % 2 else self._latin) for at, run in enumerate(_HAN.split(text))
        )

    def cut(self, text: str, tokens: int) -> str:
        """As many characters as so many tokens hold."""
        total = self.count(text)
        return text if total <= tokens else text[: len(text) * tokens // total]

    @staticmethod
    def _pieces(run: str, size: float) -> bytes:
        raw, step = run.encode("utf-32-le", "surrogatepass"), size
        cuts = [4 * int(step * at) for at in range(_tokens(run, step))] + [len(raw)]
        return array("I", [zlib.crc32(raw[start:end]) for start, end in pairwise(cuts)]).tobytes()


def _tokens(run: str, size: float) -> int:
    """Tokens of a run of one script, rounded up; subtle: 460 / 4.6 is a little more than 100 in binary."""
    return math.ceil(len(run) / size - 1e-9)


class Counter:
    """Counts prompts; remembers the tokens of long texts, since documents come again under other questions."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self.vocabulary: Vocabulary = (
            KimiVocabulary(config.vocabulary) if config.vocabulary else RatioVocabulary(config)
        )
        self._memory: OrderedDict[str, bytes] = OrderedDict()
        self._memory_bytes = 0
        self._lock = threading.Lock()  # long prompts are counted on a thread, beside short ones on the loop

    def count(self, text: str) -> int:
        """Tokens of a plain text."""
        return self.vocabulary.count(text)

    def prompt(self, body: Mapping[str, Any]) -> bytes:
        """The tokens of tools, messages and their frames, as the model would read them."""
        return b"".join(self._segments(body))

    def schema_tokens(self, body: Mapping[str, Any]) -> int:
        """Tokens that a response schema adds; they stand outside the cached prefix [D]."""
        wanted = body.get("response_format") or {}
        if wanted.get("type") != "json_schema":
            return 0
        return self._config.frame_tokens_schema + self.count(
            json.dumps(wanted.get("json_schema"), ensure_ascii=False)
        )

    def _segments(self, body: Mapping[str, Any]) -> Iterator[bytes]:
        yield _frame("prompt", self._config.frame_tokens_prompt)
        if body.get("tools"):
            yield self._encode(json.dumps(body["tools"], ensure_ascii=False))
        for message in body["messages"]:
            yield _frame(str(message.get("role")), self._config.frame_tokens_message)
            yield from self._content(message)

    def _content(self, message: Mapping[str, Any]) -> Iterator[bytes]:
        content = message.get("content")
        for part in content if isinstance(content, list) else [{"type": "text", "text": content or ""}]:
            yield (
                self._image(part)
                if part.get("type") == "image_url"
                else self._encode(str(part.get("text", "")))
            )
        if message.get("tool_calls"):
            yield self._encode(json.dumps(message["tool_calls"], ensure_ascii=False))

    def _encode(self, text: str) -> bytes:
        if len(text) < 256:
            return self.vocabulary.encode(text)
        with self._lock:
            if text in self._memory:
                self._memory.move_to_end(text)
                return self._memory[text]
        tokens = self.vocabulary.encode(text)
        with self._lock:
            self._keep(text, tokens)
        return tokens

    def _keep(self, text: str, tokens: bytes) -> None:
        if text not in self._memory:
            self._memory[text] = tokens
            self._memory_bytes += len(tokens)
        while self._memory_bytes > _MEMORY_BYTES:
            self._memory_bytes -= len(self._memory.popitem(last=False)[1])

    def _image(self, part: Mapping[str, Any]) -> bytes:
        address = image_address(part)
        width, height = _pixels(address) if address.startswith("data:") else (1024, 1024)
        patch = self._config.image_patch_px
        tokens = min(self._config.image_tokens_max, math.ceil(width / patch) * math.ceil(height / patch))
        return _frame(address, tokens)


def image_address(part: Mapping[str, Any]) -> str:
    """The address of an image part, which may be an object or a bare string [D]."""
    image = part.get("image_url")
    return str(image.get("url", "")) if isinstance(image, Mapping) else str(image or "")


def _frame(name: str, tokens: int) -> bytes:
    """So many tokens that stand for something that is not text."""
    return zlib.crc32(name.encode("utf-8", "surrogatepass")).to_bytes(4, "little") * tokens


def _pixels(address: str) -> tuple[int, int]:
    from PIL import Image

    try:
        with Image.open(io.BytesIO(base64.b64decode(address.partition(",")[2], validate=True))) as image:
            return image.size
    except (OSError, binascii.Error) as error:
        raise malformed("an image could not be decoded") from error
