"""What a set of windows will cost: dollars and minutes, computed before anything is sent."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Cost:
    """The price of asking. `prompt_tokens` and `reply_tokens` are expected ones; `worst_usd` is the most that can be billed."""

    requests: int = 0
    prompt_tokens: int = 0
    cached_tokens: int = 0
    reply_tokens: int = 0
    usd: float = 0.0
    worst_usd: float = 0.0
    minutes: float = 0.0


def cost(
    *,
    requests: list[tuple[int, int, int, int]],
    prices_usd: tuple[float, float, float],
    tokens_per_second: float,
    limits: tuple[int, int, int],
) -> Cost:
    """The cost of requests, each (prompt tokens, of which cached, expected reply tokens, reply limit).

    `prices_usd` are per million tokens: fresh, cached, out. `limits` are concurrency, requests and tokens a minute; 0 for none.
    Minutes are those of the limit that binds: calls in flight at the speed of the model, requests, or tokens charged (prompt + limit).
    """
    fresh_usd, cached_usd, out_usd = (price / 1e6 for price in prices_usd)
    prompt, cached, reply, limit = (sum(column) for column in zip(*requests, strict=True)) if requests else (0, 0, 0, 0)
    concurrency, rpm, tpm = limits
    in_flight = min(concurrency or len(requests), len(requests)) or 1
    by_speed = reply / tokens_per_second / in_flight / 60
    by_requests = len(requests) / rpm if rpm and len(requests) > rpm else 0.0
    by_tokens = (prompt + limit) / tpm if tpm and prompt + limit > tpm else 0.0
    return Cost(
        requests=len(requests),
        prompt_tokens=prompt,
        cached_tokens=cached,
        reply_tokens=reply,
        usd=(prompt - cached) * fresh_usd + cached * cached_usd + reply * out_usd,
        worst_usd=prompt * fresh_usd + limit * out_usd,
        minutes=max(by_speed, by_requests, by_tokens),
    )
