"""The provider table: reads `catalogue.toml` and a user's file over it; gives providers, models, limits and the JSON of a call."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import field, replace
from datetime import UTC, date, datetime
from difflib import get_close_matches
from functools import lru_cache
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal

from pydantic import ConfigDict, NonNegativeFloat, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass

from octavo.schemas.errors import ModelRetired, SettingsError, system_message

THINKING_RESERVE_TOKENS = 8_192  # room for reasoning, which counts as output; our choice, 2026-11-23
STRICT = ConfigDict(extra="forbid")

JsonMode = Literal["json_schema", "json_object", "structured_outputs", "guided_json"]
RefusalKind = Literal[
    "rate",
    "overload",
    "no_money",
    "key",
    "not_served",
    "too_long",
    "filtered",
    "schema",
    "malformed",
    "server",
    "gateway",
]

# How each mode asks for JSON. vLLM took guided_json until 0.12 and takes structured_outputs since (docs.vllm.ai, 2026-11).
JSON_MODES: Mapping[JsonMode, Callable[[Mapping[str, Any]], dict[str, Any]]] = {
    "json_schema": lambda schema: {
        "response_format": {
            "type": "json_schema",
            "json_schema": {"name": "reply", "strict": True, "schema": dict(schema)},
        }
    },
    "json_object": lambda _: {"response_format": {"type": "json_object"}},  # the prompt carries the schema
    "structured_outputs": lambda schema: {"structured_outputs": {"json": dict(schema)}},
    "guided_json": lambda schema: {"guided_json": dict(schema)},
}


@dataclass(frozen=True, slots=True, config=STRICT)
class AccountLimits:
    """What an account allows; 0 means no limit."""

    concurrency: int
    rpm: int
    tpm: int
    tpd: int
    source: str = field(default="", compare=False)  # where they were read, and when
    read_on: date | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True, config=STRICT)
class Provider:
    """A host that speaks the chat-completions protocol, and how its dialect differs."""

    name: str
    base_url: str
    about: str
    base_url_env: str = ""  # variable that may name another address
    key_env: str = ""  # variable that holds the key
    key_needed: bool = True
    default_model: str = ""  # "" when there is none to assume
    all_keys: bool = (
        False  # strict formats must list every key as required, so that what is null has to be written
    )
    any_model: bool = False  # serves ids that no catalogue knows, such as a proxy or a machine of one's own
    context_tokens: int = 32_768  # assumed for such ids
    prices_hold: bool = True  # whether the prices of a model that another provider lists hold here too
    limits: AccountLimits | None = None  # when it has no tiers, and they are known or of our making
    assumed: AccountLimits | None = (
        None  # when they are to be found: with what a plan reckons and asking begins
    )
    reply_limit_field: str = "max_tokens"
    json_mode: JsonMode = "json_schema"  # for models of other providers; its own say theirs
    thinking_off: Mapping[str, Any] = field(
        default_factory=dict
    )  # JSON that keeps a model from thinking; empty when nothing does
    effort_field: str = ""  # where a model's `effort` goes; "" when it is not taken
    drop: tuple[str, ...] = ()  # fields of a call that it refuses
    rename: Mapping[str, str] = field(default_factory=dict)  # fields of a call that it names otherwise
    codes: Mapping[str, RefusalKind] = field(default_factory=dict)  # its own error codes
    balance_path: str = ""  # "" when it does not tell
    partial: Mapping[str, Mapping[str, Any]] = field(
        default_factory=dict
    )  # JSON that has a cut reply continued, see `continuation`
    partial_mode: Literal["", "text"] = ""  # how, for models that do not say; "" for not
    currency: str = "USD"
    batch: Mapping[str, Any] = field(
        default_factory=dict
    )  # how batches are ordered, see `batch.calls.Rules`; empty when there are none


@dataclass(frozen=True, slots=True, kw_only=True, config=STRICT)
class Model:
    """What a model takes and costs. Prices are USD per million tokens."""

    id: str
    providers: tuple[str, ...]
    context_tokens: int
    max_output_tokens: int = 0  # 0: what the prompt leaves of the context
    price_in: NonNegativeFloat = 0.0
    price_cached: NonNegativeFloat = 0.0  # that of `price_in` where a block does not say it
    price_out: NonNegativeFloat = 0.0
    price_cache_write_5m: NonNegativeFloat = 0.0
    price_cache_write_1h: NonNegativeFloat = 0.0
    priced: bool = True  # False when no price is known
    batch_factor: NonNegativeFloat = (
        0.0  # price of a call in a batch, as a part of the list price; 0 when it takes no batches
    )
    vision: bool = False
    thinking: Literal["none", "switchable", "always"] = "none"  # we switch off what can be switched
    effort: str = ""  # how hard it is asked to think, where it can be told
    fixed: Mapping[str, float] = field(
        default_factory=dict
    )  # sampling fields, and the one value that its own providers take
    tools: Literal["none", "auto", "required"] = (
        "required"  # the strongest `tool_choice` that its own providers take; none: no tools
    )
    builtin_tools: bool = True  # whether they take tools of their own, such as $web_search
    json_mode: JsonMode = "json_schema"
    tokens_per_second: float = 40.0  # output speed that `octavo plan` assumes
    retired: date | None = (
        None  # from that day on its own providers do not answer; a day to come is an announcement
    )
    successor: str = ""
    partial: Literal["", "text", "json_schema"] = (
        ""  # how a cut reply is carried on: without a format, with a strict schema, or not
    )
    extra: Mapping[str, Any] = field(default_factory=dict)  # goes into every call as it is
    source: str = ""  # where prices and limits were read, and when
    read_on: date | None = None

    @property
    def thinking_tokens(self) -> int:
        """Output tokens to keep free for reasoning."""
        return THINKING_RESERVE_TOKENS if self.thinking == "always" else 0

    def is_gone(self, today: date | None = None) -> bool:
        """Whether its own providers no longer answer; `today` is that of UTC when none is given."""
        return self.retired is not None and self.retired <= (today or datetime.now(UTC).date())

    @property
    def instead(self) -> str:
        """What to do when it is gone, as a sentence."""
        return (
            f"Use its successor: --model {self.successor}"
            if self.successor
            else "Choose another with --model."
        )

    def cost_usd(
        self,
        prompt_tokens: int,
        reply_tokens: int,
        cached_tokens: int = 0,
        cache_write_tokens: int | None = None,
    ) -> float:
        """Price of one call; a worst case has nothing cached. Where nobody says what was written to it, the dearer price is taken."""
        write_price = (
            self.price_cache_write_5m or self.price_in
        )  # no call of ours asks for a cache of an hour
        fresh_price = max(self.price_in, write_price) if cache_write_tokens is None else self.price_in
        written = cache_write_tokens or 0
        prompt = (
            fresh_price * (prompt_tokens - cached_tokens - written)
            + write_price * written
            + self.price_cached * cached_tokens
        )
        return (prompt + self.price_out * reply_tokens) / 1e6


@dataclass(frozen=True, slots=True, config=STRICT)
class Catalogue:
    """All that `catalogue.toml` and a user's file over it say."""

    providers: Mapping[str, Provider]
    models: Mapping[str, Model]
    tiers: Mapping[int, AccountLimits]

    def provider(self, name: str) -> Provider:
        """The provider of that name, or SettingsError that lists those there are."""
        if name not in self.providers:
            raise SettingsError(
                f"There is no provider {name!r}; known are {', '.join(self.providers)}.", about="provider"
            )
        return self.providers[name]

    def models_of(self, provider: Provider, today: date | None = None) -> list[Model]:
        """The models that a provider serves on that day, as far as the catalogue knows."""
        return [
            model
            for model in self.models.values()
            if provider.name in model.providers and not model.is_gone(today)
        ]

    def model(self, model_id: str, provider: Provider, base_url: str, today: date | None = None) -> Model:
        """The model of that id on that provider.

        An address that is not the provider's own (a proxy, self-hosted weights) may serve anything: a retired id is taken there with its
        own facts, and an unknown one with those of the same weights, or with cautious ones. Raises ModelRetired and SettingsError.
        """
        own = base_url == provider.base_url and not provider.any_model
        model = self.models.get(model_id)
        if model is None or provider.name not in model.providers:
            if own:
                raise self._unknown(model_id, provider)
            model = self._elsewhere(model_id, provider)
        elif own and model.retired and model.is_gone(today):
            message = f"The model {model_id} was retired on {model.retired:%Y-%m-%d} and no longer answers."
            raise ModelRetired(message, about="model", next_step=model.instead)
        elif own:
            _keeps_fixed(model)
            _keeps_tools(model)
        if model.thinking == "switchable" and not provider.thinking_off:
            return replace(model, thinking="always")
        return model

    def _unknown(self, model_id: str, provider: Provider) -> SettingsError:
        near = get_close_matches(model_id, [model.id for model in self.models_of(provider)], n=1)
        hint = (
            f"Did you mean {near[0]}?"
            if near
            else "`octavo models` lists them; --catalogue FILE.toml adds one."
        )
        return SettingsError(
            f"There is no model {model_id!r} at {provider.name}.", about="model", next_step=hint
        )

    def _elsewhere(self, model_id: str, provider: Provider) -> Model:
        """A model where anything may be served: `moonshotai/Kimi-K2.6` has the weights of kimi-k2.6, but not always its price."""
        weights = self.models.get(model_id) or self.models.get(model_id.rsplit("/", 1)[-1].casefold())
        if weights is not None and provider.prices_hold:
            return replace(
                weights, id=model_id, providers=(provider.name,), json_mode=provider.json_mode, fixed={}
            )
        return Model(
            id=model_id,
            providers=(provider.name,),
            context_tokens=weights.context_tokens if weights else provider.context_tokens,
            priced=False,
            vision=weights is not None and weights.vision,
            thinking=weights.thinking if weights else "none",
            effort=weights.effort if weights else "",
            json_mode=provider.json_mode,
            retired=weights.retired if weights else None,
            successor=weights.successor if weights else "",
        )


def catalogue(path: str = "") -> Catalogue:
    """The catalogue that ships, with a user's file laid over it, field by field. Raises SettingsError."""
    own = Path(path)
    return _catalogue(path, own.stat().st_mtime_ns if path and own.is_file() else 0)


@lru_cache(maxsize=4)
def _catalogue(path: str, _changed_ns: int) -> Catalogue:
    """Read once for each state of the file, since a worker lives longer than that."""
    data = _cached_paid(
        tomllib.loads(files("octavo.processors.ask").joinpath("catalogue.toml").read_text(encoding="utf-8"))
    )
    if path:
        data = _laid_over(data, _cached_paid(_read(Path(path))))
    data["providers"] = {
        name: {**_like(block, data["providers"]), "name": name} for name, block in data["providers"].items()
    }
    data["models"] = {
        name: {**_like(block, data["models"]), "id": name} for name, block in data["models"].items()
    }
    for block in data["models"].values():
        if not block.keys() >= {"price_in", "price_out"}:
            block["priced"] = False
    try:
        return TypeAdapter(Catalogue).validate_python(data)
    except ValidationError as error:
        wrong = " ".join(
            f"{'.'.join(map(str, trouble['loc']))}: {trouble['msg']}." for trouble in error.errors()
        )
        raise SettingsError(
            f"The catalogue {path} is wrong. {wrong}", about="catalogue", next_step="Compare catalogue.toml."
        ) from None


def call_body(
    model: Model,
    provider: Provider,
    messages: Sequence[Mapping[str, Any]],
    schema: Mapping[str, Any],
    reply_tokens: int,
    how: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """The JSON of one call in the provider's dialect: the strongest JSON mode there is, no more thinking than needed, no sampling.

    `how` stands in the place of the JSON mode, such as the tools that may be called.
    """
    body = {
        "model": model.id,
        "messages": list(messages),
        provider.reply_limit_field: reply_tokens,
        **(JSON_MODES[model.json_mode](schema) if how is None else how),
        **_thinking(model, provider),
        **model.extra,
    }
    return {
        provider.rename.get(name, name): value for name, value in body.items() if name not in provider.drop
    }


def _thinking(model: Model, provider: Provider) -> dict[str, Any]:
    if model.thinking == "switchable":
        return dict(provider.thinking_off)
    return {provider.effort_field: model.effort} if model.effort and provider.effort_field else {}


def _keeps_fixed(model: Model) -> None:
    """A call with another value would be refused, each time."""
    for name, value in model.fixed.items():
        if model.extra.get(name, value) != value:
            message = f"{model.id} takes {name} = {value:g} only, and the catalogue's `extra` has {model.extra[name]}."
            raise SettingsError(message, about="catalogue", next_step="Leave it out.")


def _keeps_tools(model: Model) -> None:
    """Tools that a model lost, or never had, would be refused as well. A choice of one function is an object."""
    tools, choice = model.extra.get("tools"), model.extra.get("tool_choice")
    if (tools or choice) and model.tools == "none":
        lost, next_step = "tools", "Leave `tools` and `tool_choice` out."
    elif not model.builtin_tools and "builtin_function" in str(tools):
        lost, next_step = "tools of the provider such as $web_search", "Leave them out of `tools`."
    elif choice == "required" and model.tools != "required":
        lost, next_step = "tool_choice = required", 'Say "auto", or choose a model that takes it.'
    elif isinstance(choice, dict) and model.thinking == "always":
        lost, next_step = "a tool_choice of one function, since it always thinks", 'Say "auto".'
    else:
        return
    raise SettingsError(
        f"{model.id} does not take {lost}, and the catalogue's `extra` has it.",
        about="catalogue",
        next_step=next_step,
    )


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        message = f"The catalogue {path} cannot be read: {system_message(error)}."
        raise SettingsError(message, about="catalogue", next_step="Check its path and TOML.") from None


def _cached_paid(data: dict[str, Any]) -> dict[str, Any]:
    """Who says what fresh tokens cost, and not what cached ones do, pays both alike: not nothing, nor what another block or list says."""
    for block in data.get("models", {}).values():
        if "price_in" in block:
            block.setdefault("price_cached", block["price_in"])
    return data


def _like(block: Mapping[str, Any], blocks: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """A block with what it does not say itself from the one that it is like."""
    own = dict(block)
    if (name := own.pop("like", None)) is None:
        return own
    if name not in blocks:
        raise SettingsError(
            f"The catalogue says `like = {name!r}`, and has no such block.",
            about="catalogue",
            next_step="Correct it.",
        )
    other = {
        key: value for key, value in _like(blocks[name], blocks).items() if key not in ("source", "read_on")
    }
    return _laid_over(other, own)


def _laid_over(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """Tables merged to their leaves; whatever is no table replaces what was there."""
    merged = dict(below)
    for name, value in above.items():
        under = merged.get(name)
        merged[name] = (
            _laid_over(under, value) if isinstance(value, dict) and isinstance(under, dict) else value
        )
    return merged
