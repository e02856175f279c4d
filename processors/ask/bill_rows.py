"""A step of a request with its reply in; what it used and cost as a row of the table `requests` out."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from octavo.processors.ask.continuation import Link

_AS_STORED = ("request", "question", "engine", "provider", "model", "round", "attempts", "seconds")


def bill_row(link: Link) -> dict[str, Any]:
    """The row of one step; tokens are None where the provider did not tell."""
    row, done = link.row, link.completion
    return {
        **{name: row[name] for name in _AS_STORED},
        "documents": sorted(set(json.loads(row["ids"]).values())),
        "prompt_tokens": done.usage.prompt_tokens,
        "reply_tokens": done.usage.reply_tokens,
        "cached_tokens": done.usage.cached_tokens,
        "cache_write_tokens": done.usage.cache_write_tokens,
        "reasoning_tokens": done.usage.reasoning_tokens,
        "cost_usd": row["cost_usd"],
        "finish_reason": done.finish_reason,
        "sent_at": datetime.fromisoformat(row["sent_at"]),
    }
