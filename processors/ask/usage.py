"""What a reply says it used: the JSON of a reply in, a Usage out. Pure, and never an error: the reply is paid whatever stands there."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from schemas.pipeline import Usage

NOT_TOLD = Usage(prompt_tokens=0, reply_tokens=0)  # the usage of a reply that does not say it, which is billed as the worst case


def used(data: Mapping[str, Any], choice: Mapping[str, Any]) -> Usage:
    """What a reply says it used; nothing where it does not say, or says it in no way that can be read."""
    try:
        usage = data.get("usage") or choice.get("usage") or {}
        prompt_tokens, reply_tokens = int(usage["prompt_tokens"]), int(usage["completion_tokens"])
    except (ValueError, LookupError, TypeError, AttributeError, OverflowError):
        return NOT_TOLD
    if prompt_tokens < 0 or reply_tokens < 0:
        return NOT_TOLD
    return Usage(prompt_tokens, reply_tokens, _cached(usage, prompt_tokens))


def _cached(usage: Mapping[str, Any], prompt_tokens: int) -> int | None:
    """Prompt tokens that came from the cache, from the first place that tells; None, so that none is cheaper, when no place does."""
    details = usage.get("prompt_tokens_details")
    for place in (usage, details if isinstance(details, dict) else {}):
        cached = place.get("cached_tokens")
        if isinstance(cached, int) and 0 <= cached <= prompt_tokens:
            return cached
    return None
