"""Models, prices and tiers as the emulator knows them: data only, no input; tables for the other files go out.

Sources: Moonshot's /docs/models, /docs/pricing/chat, /docs/pricing/limits and /docs/platform-changelog, copies of 2026-08-13 to 2026-10-10.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Thinking = Literal["always", "switchable", "none"]


@dataclass(frozen=True, slots=True)
class Model:
    """One model. Prices in USD per million tokens; sizes and speeds in tokens."""

    name: str
    context: int
    price_in: float
    price_cached: float
    price_out: float
    thinking: Thinking
    created: int  # seconds since 1970
    default_reply: int = 32_768
    price_write_5m: float = 0.0
    price_write_1h: float = 0.0
    tokens_per_s: float = 0.0  # 0: the standard speed of the Config
    k3: bool = False
    batch: bool = False
    legacy: bool = False
    images: bool = True


# Windows [D]; K3 default reply [D] 2026-08-13; K2.6 default reply [D], K2.7 [I]; prices [D] 2026-10-03; K3.1 [C] third parties 2026-10-26;
# speed of highspeed models 180 to 260 tokens a second [D].
_LIVE = (
    Model(
        "kimi-k3.1-pro", 1_048_576, 2.00, 0.20, 10.00, "always", 1_792_713_600, 131_072, 2.00, 4.00, k3=True
    ),
    Model(
        "kimi-k3.1-pro-highspeed",
        1_048_576,
        4.00,
        0.20,
        20.00,
        "always",
        1_792_713_600,
        131_072,
        4.00,
        8.00,
        200,
        k3=True,
    ),
    Model("kimi-k3", 1_048_576, 3.00, 0.30, 15.00, "always", 1_784_160_000, 131_072, 3.00, 6.00, k3=True),
    Model("kimi-k2.7-code", 262_144, 0.95, 0.19, 4.00, "always", 1_781_000_000, batch=True),
    Model("kimi-k2.7-code-highspeed", 262_144, 1.90, 0.38, 8.00, "always", 1_781_000_000, tokens_per_s=200),
    Model("kimi-k2.6", 262_144, 0.95, 0.16, 4.00, "switchable", 1_776_700_000, batch=True),
)


def _old(
    name: str,
    context: int,
    price_in: float,
    price_cached: float,
    price_out: float,
    thinking: Thinking = "none",
) -> Model:
    images = "vision" in name or "latest" in name or "k2.5" in name
    return Model(
        name,
        context,
        price_in,
        price_cached,
        price_out,
        thinking,
        1_752_000_000,
        1_024,
        legacy=True,
        images=images,
    )


# The set of 2025 [D]; prices of moonshot-v1 and kimi-latest [I].
_OLD = (
    _old("kimi-k2.5", 262_144, 0.60, 0.10, 3.00, "switchable"),
    _old("kimi-k2-0905-preview", 262_144, 0.60, 0.15, 2.50),
    _old("kimi-k2-0711-preview", 131_072, 0.60, 0.15, 2.50),
    _old("kimi-k2-turbo-preview", 262_144, 2.40, 0.60, 10.00),
    _old("kimi-k2-thinking", 262_144, 0.60, 0.15, 2.50, "always"),
    _old("kimi-k2-thinking-turbo", 262_144, 1.15, 0.15, 8.00, "always"),
    _old("moonshot-v1-8k", 8_192, 0.20, 0.20, 2.00),
    _old("moonshot-v1-32k", 32_768, 1.00, 1.00, 3.00),
    _old("moonshot-v1-128k", 131_072, 2.00, 2.00, 5.00),
    _old("moonshot-v1-auto", 131_072, 2.00, 2.00, 5.00),
    _old("moonshot-v1-8k-vision-preview", 8_192, 0.20, 0.20, 2.00),
    _old("moonshot-v1-32k-vision-preview", 32_768, 1.00, 1.00, 3.00),
    _old("moonshot-v1-128k-vision-preview", 131_072, 2.00, 2.00, 5.00),
    _old("kimi-latest", 131_072, 2.00, 0.15, 5.00),
    _old("kimi-thinking-preview", 131_072, 30.00, 30.00, 30.00, "always"),
)

LIVE: dict[str, Model] = {model.name: model for model in _LIVE}
OLD: dict[str, Model] = {model.name: model for model in _OLD}


@dataclass(frozen=True, slots=True)
class Tier:
    """Limits of an organisation: calls in flight, requests a minute, tokens a minute, tokens a day (0: none)."""

    concurrency: int
    rpm: int
    tpm: int
    tpd: int = 0


# [D] through five readers of /docs/pricing/limits, 2026-09-12.
TIERS = (
    Tier(1, 3, 500_000, 1_500_000),
    Tier(15, 100, 2_000_000),
    Tier(40, 100, 3_000_000),
    Tier(50, 200, 3_000_000),
    Tier(60, 200, 4_000_000),
    Tier(100, 300, 5_000_000),
)

# [D] copy of 2026-08-13, before the cut.
TIERS_UNTIL_AUGUST = (
    Tier(1, 3, 500_000, 1_500_000),
    Tier(50, 200, 2_000_000),
    Tier(100, 500, 3_000_000),
    Tier(200, 5_000, 3_000_000),
    Tier(400, 5_000, 4_000_000),
    Tier(1_000, 10_000, 5_000_000),
)
