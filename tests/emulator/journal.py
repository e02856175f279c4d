"""What happened to each request: entries come in as requests are served, lists and sums that a test can judge go out."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

LIMITS = ("concurrency", "rpm", "tpm", "tpd")
_HOW_SENT = ("stream", "stream_options", "max_completion_tokens", "max_tokens")


@dataclass(slots=True)
class Entry:
    """One request. Times in emulated seconds since the start, sizes in tokens, money in USD.

    `status` is what the client was to see: 0 for a broken connection, 499 when it left. `delivered` says that the last byte was written.
    `in_flight`, `rpm_used` and `tpm_used` are the organisation's counts just after this request was admitted or refused.
    """

    number: int
    time_s: float
    kind: str
    org: str = ""
    ak: str = ""  # last characters of the key
    model: str = ""
    fingerprint: str = ""
    attempt: int = 0  # from 1, among the requests with this fingerprint
    prompt_tokens: int = 0
    reserved_tokens: int = 0
    admitted: bool = False
    reason: str = ""  # of a refusal
    fault: str = ""
    streamed: bool = False
    in_flight: int = 0
    rpm_used: int = 0
    tpm_used: int = 0
    reply_tokens: int = 0
    cached_tokens: int = 0
    cache_write_tokens: int = 0
    finish_reason: str = ""
    cost_usd: float = 0.0
    status: int = 0
    delivered: bool = False
    ended_s: float = 0.0
    body: Mapping[str, Any] | None = None


def fingerprint(body: Mapping[str, Any]) -> str:
    """SHA-256 of the canonical JSON of a body; streamed or not, and with which limit, makes no difference."""
    kept = {name: value for name, value in body.items() if name not in _HOW_SENT}
    text = json.dumps(kept, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


class Journal:
    """All entries in order of arrival; reading it from another thread is fine."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []
        self._attempts: Counter[str] = Counter()

    def open(self, time_s: float, kind: str) -> Entry:
        """A new entry."""
        entry = Entry(len(self.entries) + 1, time_s, kind)
        self.entries.append(entry)
        return entry

    def attempt(self, entry: Entry, body: Mapping[str, Any]) -> None:
        """Notes the body's fingerprint, and which attempt at it this is."""
        entry.fingerprint = fingerprint(body)
        self._attempts[entry.fingerprint] += 1
        entry.attempt = self._attempts[entry.fingerprint]

    def clear(self) -> None:
        """Forgets everything."""
        self.entries = []
        self._attempts.clear()

    def chats(self) -> list[Entry]:
        """Requests for a completion, whatever became of them."""
        return [entry for entry in self.entries if entry.kind == "chat"]

    def paid(self) -> list[Entry]:
        """Entries that were billed, batch lines too."""
        return [entry for entry in self.entries if entry.cost_usd > 0]

    def asked_twice(self) -> list[str]:
        """Fingerprints of bodies that were answered 200, to the last byte, more than once."""
        answered = Counter(entry.fingerprint for entry in self.entries if _answered(entry))
        return [name for name, times in answered.items() if times > 1]

    def breaches(self) -> list[Entry]:
        """Requests that ran into a limit of the account; faults that only play such a refusal are left out."""
        return [entry for entry in self.entries if entry.reason in LIMITS and not entry.fault]

    def stats(self) -> dict[str, Any]:
        """Sums over the completions: counts, shares, peaks, rates a minute, money."""
        chats = self.chats()
        begun = [entry for entry in chats if entry.admitted]
        span = max((entry.ended_s for entry in chats), default=0.0) - min(
            (entry.time_s for entry in chats), default=0.0
        )
        return {
            "requests": len(chats),
            "admitted": len(begun),
            "by_status": dict(Counter(entry.status for entry in chats)),
            "refused": dict(Counter(entry.reason for entry in chats if entry.reason)),
            "faults": dict(Counter(entry.fault for entry in chats if entry.fault)),
            "share_429": sum(entry.status == 429 for entry in chats) / max(1, len(chats)),
            "peak_in_flight": max((entry.in_flight for entry in begun), default=0),
            "mean_in_flight": sum(entry.ended_s - entry.time_s for entry in begun) / span if span else 0.0,
            "span_s": span,
            "rpm": 60 * len(begun) / span if span else 0.0,
            "tpm": 60 * sum(entry.reserved_tokens for entry in begun) / span if span else 0.0,
            "prompt_tokens": sum(entry.prompt_tokens for entry in begun),
            "cached_tokens": sum(entry.cached_tokens for entry in begun),
            "reply_tokens": sum(entry.reply_tokens for entry in begun),
            "cost_usd": sum(entry.cost_usd for entry in self.entries),
            "asked_twice": len(self.asked_twice()),
        }

    def rows(self) -> list[dict[str, Any]]:
        """The entries as plain dictionaries."""
        return [asdict(entry) for entry in self.entries]


def _answered(entry: Entry) -> bool:
    return entry.kind in ("chat", "batch") and entry.status == 200 and entry.delivered
