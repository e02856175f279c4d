"""The prefix cache: the tokens of a prompt come in, how many of them were read from the cache and how many were written go out.

Blocks of 256 tokens [C: github.com/Leechael/pi-provider-kimi-code docs/caching.md]; a chain of digests names each prefix, so that a
lookup is one dictionary access a block. Reads renew a prefix's life; its length of life is fixed at the first write [D].
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from tests.emulator.clock import Clock
from tests.emulator.config import Config

_PRUNE_EVERY = 1_000


@dataclass(slots=True)
class _Block:
    expires: float
    ttl_s: float


class PrefixCache:
    """The cached prefixes of all organisations; `realm` keeps them and their models apart."""

    def __init__(self, config: Config, clock: Clock) -> None:
        self._config = config
        self._clock = clock
        self._blocks: dict[bytes, _Block] = {}
        self._writes = 0

    def chain(self, realm: str, tokens: bytes) -> list[bytes]:
        """The name of each whole block's prefix. Organisation, model, effort and lifetime belong in the realm."""
        size = 4 * self._config.cache_block
        names, last = [], hashlib.blake2b(realm.encode(), digest_size=16).digest()
        for at in range(0, len(tokens) - size + 1, size):
            last = hashlib.blake2b(last + tokens[at : at + size], digest_size=16).digest()
            names.append(last)
        return names

    def read(self, names: list[bytes]) -> int:
        """Tokens that are cached now; their lives are renewed."""
        now, found = self._clock.now(), 0
        for name in names if self._config.cache else []:
            block = self._blocks.get(name)
            if block is None or block.expires <= now:
                break
            block.expires = now + block.ttl_s
            found += 1
        return found * self._config.cache_block

    def write(self, names: list[bytes], prompt_tokens: int, ttl_s: float) -> None:
        """Keeps the prefixes of a prompt that is long enough [D: more than 256 tokens]."""
        if not self._config.cache or prompt_tokens <= self._config.cache_min:
            return
        now = self._clock.now()
        for name in names:
            block = self._blocks.get(name)
            if block is None or block.expires <= now:
                self._blocks[name] = _Block(now + ttl_s, ttl_s)
        self._writes += 1
        if self._writes % _PRUNE_EVERY == 0:
            self._blocks = {name: block for name, block in self._blocks.items() if block.expires > now}

    def clear(self) -> None:
        """Forgets everything."""
        self._blocks = {}
