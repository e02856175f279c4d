"""Every number and switch of the emulator in one place; nothing comes in, a Config goes out.

All fields may be changed while the server runs. Seconds are emulated seconds, which pass `time_scale` times faster than real ones.
Marks: [D] documented, [C] seen in clients or probes, [I] inferred. Sources are Moonshot's documentation pages, copies of 2026-08-13
where no other day is given.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

Oracle = Callable[[dict[str, Any]], "dict[str, Any] | str | None"]


WIDE: dict[str, int] = {
    "rpm": 10**6,
    "tpm": 10**9,
}  # limits that no test waits for, of an emulator and of a job alike


@dataclass
class Fault:
    """One thing that goes wrong, how often, when, and to whom. Kinds are listed in faults.py; the meaning of `value` is by kind.

    A request draws its lot from (seed, fault, body, attempt), so the same bodies meet the same faults in any order of arrival.
    """

    kind: str
    probability: float = 1.0
    match: str = ""  # only bodies that contain this text
    model: str = ""  # only this model
    attempts: int = 0  # only the first so many attempts of a body; 0 all
    times: int = 0  # at most so many in all; 0 no cap
    from_s: float = 0.0  # from this time on
    until_s: float = math.inf  # before this time
    every_s: float = 0.0  # period of bursts; 0 always on
    for_s: float = 0.0  # length of each burst
    value: float = 0.0  # seconds of Retry-After or of a stall, or the part of a body that is sent
    path: str = "/chat/completions"
    fired: int = 0


Dialect = Literal["kimi", "zai", "openai", "vllm", "sglang", "litellm"]


@dataclass
class Config:
    """How the emulator behaves. Money in USD, sizes in tokens or bytes, times in emulated seconds."""

    dialect: Dialect = "kimi"  # whose API this is, see dialects.py

    # A. transport and auth
    host: str = "127.0.0.1"
    port: int = 0  # 0: any free one
    keys: dict[str, str] = field(
        default_factory=lambda: {"sk-emulator": "org-emulator"}
    )  # key -> organisation [D]
    require_v1: bool = True  # [I] paths without /v1 answer 404
    body_bytes_max: int = 100 * 2**20  # [C] "request entity too large" beyond about 100 MB

    # B. catalogue
    legacy: bool = False  # bring the models of 2025 back, with their rules
    retired: set[str] = field(default_factory=set)  # further ids that answer 404
    retire_at: dict[str, float] = field(default_factory=dict)  # id -> second from which it answers 404

    # C. parameter rules
    k3_thinking: Literal["refuse", "ignore"] = "refuse"  # [I] the docs only say to remove the field
    k2_effort: Literal["refuse", "ignore"] = "refuse"  # [I]
    mfjs: Literal["refuse", "ignore"] = (
        "refuse"  # [D] "errors or warnings"; [C] real servers are often silent
    )
    stop_max: int = 5  # [D]
    stop_bytes_max: int = 32  # [D]
    tools_max: int = 128  # [D]
    tool_name: str = r"^[a-zA-Z_][a-zA-Z0-9-_]{2,63}$"  # [D] August spec; up to 128 characters in September's

    # D. rate limits
    tier: int = 1
    tier_at: dict[float, int] = field(default_factory=dict)  # second -> tier from then on
    org_tiers: dict[str, int] = field(default_factory=dict)
    limits_of_august: bool = False  # the table before the cut of September 2026
    concurrency: int = 0  # 0: the tier's; custom values exist [C]
    rpm: int = 0
    tpm: int = 0
    tpd: int = -1  # -1: the tier's; 0 none
    window_s: float = 60.0  # [I] a minute
    window: Literal["sliding", "fixed", "bucket"] = "sliding"  # [I] the shape is not documented
    burst_s: float = 2.0  # what a bucket holds: the limit's worth of so many seconds, and never less than the request at hand
    scale_windows: bool = True  # False: rate windows pass in real seconds whatever time_scale says
    day_offset_s: float = 8 * 3600.0  # [I] the day of the token limit is UTC+8's
    count_refused: bool = True  # [D] failed attempts count towards requests a minute
    refund: Literal["none", "actual"] = "none"  # [D] "regardless of the actual number of tokens generated"
    after_s: int = 1  # [C] 0 and 1 were seen in "try again after N seconds"
    overload_after_s: int = 1  # [D] Retry-After stands on engine_overloaded_error; its size [I]
    retry_after_on_limits: bool = False  # [I] not seen on rate_limit_reached_error
    retry_after_form: Literal["seconds", "date", "zero"] = "seconds"  # [I]
    ratelimit_headers: bool = False  # [D] weak: help centre only
    estimate_counts: bool = True  # [I] estimate-token-count uses requests a minute
    balance_usd: float = 100.0  # before what the organisation spends; <= 0 blocks [D]
    quota_text: Literal["suspended", "quota"] = "suspended"  # [D] two wordings

    # E. generation
    seed: int = 0
    oracle: Oracle | None = None  # answers first; None, or an answer of None, leaves it to the schema filler
    text_tokens: int = 120  # [I] planned length of a free text
    thinking_tokens: dict[str, int] = field(
        default_factory=lambda: {"low": 64, "high": 256, "max": 1024}
    )  # [I] by effort
    cached_place: Literal["top", "nested", "both", "absent"] = (
        "top"  # [D] directly in usage until September, nested in October
    )
    vocabulary: str = ""  # path of kimi_k2.tiktoken.model; "" for the ratio model
    latin_characters_a_token: float = 4.6  # measured on English Markdown with the K2 vocabulary
    han_characters_a_token: float = 1.5  # [D] 400,000 characters in 256K
    frame_tokens_message: int = 4  # [C] roles and marks of one message
    frame_tokens_prompt: int = 8  # [I]
    frame_tokens_schema: int = 40  # [C] a two-line schema added 83 in all, 36 to 119
    image_patch_px: int = 28  # [C] forum thread 450
    image_tokens_max: int = 4_400  # [I] from 4,394 and 4,396 measured there

    # F. streaming
    stream_usage: Literal["choice", "top", "both", "none"] = (
        "choice"  # [D] the official example; [C] both places seen
    )
    stream_chunk_tokens: int = 8  # [I]
    bill_hangup: bool = True  # [D] a client that hangs up may be charged for finished work
    bill_undelivered: bool = True  # [I] work that a broken connection lost

    # G. timing
    time_scale: float = 1.0
    virtual: bool = False  # time stands still until advance() is called
    timing: bool = True  # False: replies come at once
    ttft_s: float = 0.3  # [I]
    prefill_tokens_per_s: float = 8_000.0  # [I]
    cached_prefill_factor: float = 10.0  # [I]
    tokens_per_s: float = 40.0  # [I] standard models; highspeed stands in the catalogue
    jitter: float = 0.15  # [I] sigma of the log-normal factor on speed
    gateway_silence_s: float = 900.0  # [D]
    total_s: float = 7_200.0  # [D]
    cold_slots: int = 0  # [I] beyond so many calls in flight the first token waits; 0 off
    cold_wait_s: float = 2.0  # [I] by each call beyond
    overload_beyond: int = 0  # [I] calls in flight beyond which the engine is overloaded; 0 off

    # H. cache
    cache: bool = True
    cache_block: int = 256  # [C] probe of 2026
    cache_min: int = 256  # [D] the earlier prompt must be longer
    cache_exact_reads_all: bool = (
        False  # [C] a warm prompt of 12,035 tokens read 12,032, so floors by default
    )
    cache_ttl_s: float = 300.0  # [D] K3 line; K2 unstated, probes bracket 5 to 30 minutes
    cache_ttl_long_s: float = 3_600.0  # [D] prompt_cache_options.ttl = "1h", K3 line

    # I. files and batches
    files_max: int = 1_000  # [D]
    file_bytes_max: int = 100 * 2**20  # [D]
    batch_factor: float = 0.6  # [D] of the list price
    batch_lines_per_s: float = 10.0  # [I]
    batch_step_s: float = 1.0  # [I] validating and finalizing take so long each

    # J. faults
    faults: list[Fault] = field(default_factory=list)
    filter_word: str = ""  # [I] a prompt that contains it answers 400 content_filter

    # K. introspection
    keep_bodies: bool = False  # journal entries carry the request body

    def limit(self, name: str) -> int | None:
        """The custom limit of that name (concurrency, rpm, tpm, tpd), or None for the tier's."""
        value: int = getattr(self, name)
        return None if value == (-1 if name == "tpd" else 0) else value
