"""The provider table: reads `catalogue.toml` and turns names into providers, models, limits and the JSON of a call."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from difflib import get_close_matches
from functools import lru_cache
from importlib.resources import files
from typing import Any, Literal

from schemas.errors import ModelRetired, SettingsError

THINKING_RESERVE_TOKENS = 8_192  # room for reasoning, which counts as output; our choice, 2026-11-23


@dataclass(frozen=True, slots=True)
class Provider:
    """A host that speaks the chat-completions protocol."""

    name: str
    base_url: str
    about: str
    key_env: str  # "" when no key is needed
    default_model: str
    reply_limit_field: str
    balance_path: str  # "" when there is none
    currency: str
    batch: Mapping[str, Any] = field(default_factory=dict)  # how batches are ordered, see `batch.Rules`; empty when there are none


@dataclass(frozen=True, slots=True)
class Limits:
    """What an account allows; 0 means no limit."""

    concurrency: int
    rpm: int
    tpm: int
    tpd: int


@dataclass(frozen=True, slots=True)
class Model:
    """What a model takes and costs. Prices are USD per million tokens."""

    id: str
    providers: tuple[str, ...]
    context_tokens: int
    price_in: float
    price_cached: float
    price_out: float
    vision: bool
    thinking: Literal["none", "switchable", "always"]
    json_mode: Literal["json_schema", "json_object"]
    tokens_per_second: float
    price_cache_write: float = 0.0
    batch: bool = False  # whether the model answers batches
    batch_factor: float = 1.0  # share of the price that is paid in a batch
    extra: Mapping[str, Any] = field(default_factory=dict)  # goes into every call as it is

    @property
    def thinking_tokens(self) -> int:
        """Output tokens to keep free for reasoning."""
        return THINKING_RESERVE_TOKENS if self.thinking == "always" else 0

    def cost_usd(self, prompt_tokens: int, reply_tokens: int, cached_tokens: int = 0) -> float:
        """Price of one call. A worst case is asked for with nothing cached."""
        fresh = max(self.price_in, self.price_cache_write) * (prompt_tokens - cached_tokens)
        return (fresh + self.price_cached * cached_tokens + self.price_out * reply_tokens) / 1e6


@dataclass(frozen=True, slots=True)
class Retired:
    """A model id that no longer answers, and what to use instead."""

    id: str
    on: date
    successor: str


@dataclass(frozen=True, slots=True)
class Catalogue:
    """All that `catalogue.toml` says."""

    providers: Mapping[str, Provider]
    models: Mapping[str, Model]
    tiers: Mapping[int, Limits]
    retired: Mapping[str, Retired]

    def provider(self, name: str) -> Provider:
        """The provider of that name, or SettingsError that lists those there are."""
        if name not in self.providers:
            raise SettingsError(f"There is no provider {name!r}; known are {', '.join(self.providers)}.", about="provider")
        return self.providers[name]

    def model(self, model_id: str, provider: Provider, base_url: str) -> Model:
        """The model of that id on that provider.

        On an address that is not the provider's own (a proxy, self-hosted weights) a retired id may still be served: it is taken
        with the facts of its successor. Raises ModelRetired and SettingsError.
        """
        if model_id in self.retired:
            return self._retired(self.retired[model_id], own_address=base_url == provider.base_url)
        known = [name for name, model in self.models.items() if provider.name in model.providers]
        if model_id not in known:
            near = get_close_matches(model_id, known, n=1)
            hint = f"Did you mean {near[0]}?" if near else "`octavo models` lists them."
            raise SettingsError(f"There is no model {model_id!r} at {provider.name}.", about="model", next_step=hint)
        return self.models[model_id]

    def _retired(self, retired: Retired, *, own_address: bool) -> Model:
        if own_address:
            message = f"The model {retired.id} was retired on {retired.on:%Y-%m-%d} and no longer answers."
            raise ModelRetired(message, about="model", next_step=f"Use its successor: --model {retired.successor}")
        return replace(self.models[retired.successor], id=retired.id)


@lru_cache(maxsize=1)
def catalogue() -> Catalogue:
    """The catalogue that ships."""
    data = tomllib.loads(files("processors.ask").joinpath("catalogue.toml").read_text(encoding="utf-8"))
    return Catalogue(
        providers={name: Provider(name=name, **block) for name, block in data["providers"].items()},
        models={name: _model(name, block) for name, block in data["models"].items()},
        tiers={block.pop("tier"): Limits(**block) for block in data["tiers"]},
        retired={name: Retired(id=name, **block) for name, block in data["retired"].items()},
    )


def call_body(
    model: Model, provider: Provider, messages: Sequence[Mapping[str, Any]], schema: Mapping[str, Any], reply_tokens: int
) -> dict[str, Any]:
    """The JSON of one call: strict `json_schema` where the model has it, else `json_object`; sampling is left to the model."""
    return {
        "model": model.id,
        "messages": list(messages),
        provider.reply_limit_field: reply_tokens,
        "response_format": _response_format(model, schema),
        **model.extra,
    }


def _response_format(model: Model, schema: Mapping[str, Any]) -> dict[str, Any]:
    if model.json_mode == "json_object":
        return {"type": "json_object"}
    return {"type": "json_schema", "json_schema": {"name": "reply", "strict": True, "schema": dict(schema)}}


def _model(name: str, block: dict[str, Any]) -> Model:
    return Model(id=name, providers=tuple(block.pop("providers")), **block)
