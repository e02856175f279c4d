"""One request for a completion on its way: what is known of it comes in step by step; its JSON, usage and price go out."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from typing import Any

from tests.emulator import dialects
from tests.emulator.catalogue import Model
from tests.emulator.config import Fault
from tests.emulator.generation import Answer, Scripted
from tests.emulator.journal import Entry
from tests.emulator.limits import Org
from tests.emulator.state import State


@dataclass
class Turn:
    """A request that was understood, filled in step by step. Moments are emulated seconds since the start."""

    state: State
    org: Org
    ak: str
    entry: Entry
    body: dict[str, Any]
    model: Model
    fault: Fault | None = None
    script: Scripted | None = None
    budget: int = 0  # tokens the reply may have
    blocks: list[bytes] = field(default_factory=list)  # names of the prompt's cached prefixes
    ttl_s: float = 0.0
    made: Answer = field(default_factory=lambda: Answer(None, "", [], "", 0))
    began: float = 0.0
    first: float = 0.0  # moment of the first token
    done: float = 0.0  # moment of the last
    share: float = -1.0  # of the reply that is billed with the prompt; negative for nothing
    settled: bool = False
    ident: str = field(default_factory=lambda: f"cmpl-{uuid.uuid4().hex}")

    @property
    def kind(self) -> str:
        """The kind of the fault that strikes, or ""."""
        return self.fault.kind if self.fault else ""

    @property
    def long_ttl(self) -> bool:
        """True when the cache is asked to live an hour (K3 line only) [D]."""
        return self.model.k3 and (self.body.get("prompt_cache_options") or {}).get("ttl") == "1h"

    def stamp(self, kind: str) -> dict[str, Any]:
        """The fields that every body of this reply begins with."""
        stamp = {
            "id": self.ident,
            "object": kind,
            "created": int(self.state.clock.wall()),
            "model": self.model.name,
        }
        return dialects.stamp(self.state.config.dialect, stamp)

    def completion(self) -> dict[str, Any]:
        """The whole reply."""
        message: dict[str, Any] = {"role": "assistant", "content": self.made.content}
        if self.made.reasoning:
            message["reasoning_content"] = self.made.reasoning
        if self.made.tool_calls:
            message["tool_calls"] = self.made.tool_calls
        choices = [
            {"index": at, "message": message, "finish_reason": self.made.finish_reason}
            for at in range(self.made.choices)
        ]
        return {**self.stamp("chat.completion"), "choices": choices, "usage": self.usage()}

    def usage(self) -> dict[str, Any]:
        """Token counts as the API reports them; where the cached ones stand is a setting [D: top until September, nested in October]."""
        entry, place = self.entry, self.state.config.cached_place
        usage: dict[str, Any] = {
            "prompt_tokens": entry.prompt_tokens,
            "completion_tokens": entry.reply_tokens,
        }
        usage["total_tokens"] = entry.prompt_tokens + entry.reply_tokens
        if place in ("top", "both"):
            usage["cached_tokens"] = entry.cached_tokens
        if place in ("nested", "both"):
            usage["prompt_tokens_details"] = {"cached_tokens": entry.cached_tokens}
            if self.model.k3:
                usage["prompt_tokens_details"]["cache_write_tokens"] = entry.cache_write_tokens
        if self.state.config.dialect == "kimi":
            return usage
        return dialects.usage(
            self.state.config.dialect,
            usage,
            entry.cached_tokens,
            self.state.counter.count(self.made.reasoning),
        )

    def headers(self) -> dict[str, str]:
        """The common headers, and on the K3 line what was written to the cache [D through clients]."""
        headers = self.state.headers(self.entry.time_s) | self.state.limits(self.org, self.entry)
        if self.model.k3:
            written = str(self.entry.cache_write_tokens)
            headers["Msh-Usage-Cache-Write-Tokens-5m"] = "0" if self.long_ttl else written
            headers["Msh-Usage-Cache-Write-Tokens-1h"] = written if self.long_ttl else "0"
        return headers

    def price(self) -> float:
        """USD for what was read, written and made; reads and writes are parts of the prompt [D]."""
        entry, model = self.entry, self.model
        write_price = model.price_write_1h if self.long_ttl else model.price_write_5m
        fresh = entry.prompt_tokens - entry.cached_tokens - entry.cache_write_tokens
        dollars = (
            fresh * model.price_in
            + entry.cached_tokens * model.price_cached
            + entry.cache_write_tokens * write_price
        )
        return (dollars + entry.reply_tokens * model.price_out) / 1e6
