"""What a reply says it used: the JSON of a reply in, a Usage out. Pure, and never an error: the reply is paid whatever stands there."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from octavo.schemas.pipeline import Usage

NOT_TOLD = Usage(
    prompt_tokens=0, reply_tokens=0
)  # the usage of a reply that does not say it, which is billed as the worst case


def used(data: Mapping[str, Any], choice: Mapping[str, Any]) -> Usage:
    """What a reply says it used; nothing where it does not say, or says it in no way that can be read."""
    try:
        usage = data.get("usage") or choice.get("usage") or {}
        prompt_tokens, reply_tokens = int(usage["prompt_tokens"]), int(usage["completion_tokens"])
    except (ValueError, LookupError, TypeError, AttributeError, OverflowError):
        return NOT_TOLD
    if prompt_tokens < 0 or reply_tokens < 0:
        return NOT_TOLD
    cached = _part(usage, "prompt_tokens_details", "cached_tokens", prompt_tokens)
    written = _part(usage, "prompt_tokens_details", "cache_write_tokens", prompt_tokens - (cached or 0))
    return Usage(
        prompt_tokens,
        reply_tokens,
        cached,
        written,
        _part(usage, "completion_tokens_details", "reasoning_tokens", reply_tokens),
    )


def billable(usage: Usage) -> tuple[int, int, int, int | None]:
    """The tokens that have a price: prompt, reply, read from the cache, written to it."""
    return usage.prompt_tokens, usage.reply_tokens, usage.cached_tokens or 0, usage.cache_write_tokens


def _part(usage: Mapping[str, Any], details: str, name: str, most: int) -> int | None:
    """A part of the tokens, from the first place that tells; None, so that none is cheaper, when no place does."""
    inner = usage.get(details)
    for place in (usage, inner if isinstance(inner, dict) else {}):
        tokens = place.get(name)
        if isinstance(tokens, int) and 0 <= tokens <= most:
            return tokens
    return None
