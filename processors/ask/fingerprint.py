"""The names of requests, under which they are paid once: the JSON of a call in, a SHA-256 out.

The reply limit is no part of a name, nor is whether the reply is streamed: they are a cap on the price and a way to send, not what is
asked. The limit is learned as replies come in, and a rerun has to find a request under the name that it had when less was known.
It imports `stream` for the names of those fields.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from octavo.processors.ask.api.stream import LIMITS, SWITCHES


def fingerprint(body: Mapping[str, Any], limit_field: str) -> str:
    """The name of a request: model, messages, reply format and what else changes an answer."""
    how = {limit_field, *LIMITS, *SWITCHES}
    asked = {name: value for name, value in body.items() if name not in how}
    return _sha256(json.dumps(asked, sort_keys=True, ensure_ascii=False, separators=(",", ":")))


def next_fingerprint(before: str, said: str) -> str:
    """The name of the request that carries on after the one named `before`, when so much of the reply has come."""
    return _sha256(f"{before}\n{said}")


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
