"""The catalogue: what is in it, what a user lays over it, what is gone, and the JSON of a call in each dialect."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from octavo.flows import settings
from octavo.flows.commands import show
from octavo.processors.ask.providers import AccountLimits, Model, call_body, catalogue
from octavo.schemas.errors import ModelRetired, SettingsError
from octavo.schemas.job import Job

SCHEMA = {"type": "object", "properties": {}}
ELSEWHERE = "http://10.0.0.7:8000/v1"
GONE_2025 = (
    "kimi-k2-0905-preview",
    "kimi-k2-0711-preview",
    "kimi-k2-turbo-preview",
    "moonshot-v1-8k",
    "moonshot-v1-32k",
    "moonshot-v1-128k",
    "moonshot-v1-8k-vision-preview",
    "moonshot-v1-32k-vision-preview",
    "moonshot-v1-128k-vision-preview",
    "kimi-latest",
    "kimi-thinking-preview",
)


def model_of(model_id: str, provider: str, base_url: str = "", path: str = "") -> Model:
    """A model as an account would have it."""
    named = catalogue(path).provider(provider)
    return catalogue(path).model(model_id, named, base_url or named.base_url)


def body_of(model_id: str, provider: str, **changes: Any) -> dict[str, Any]:
    """The JSON of a call with a reply of at most 100 tokens."""
    model = replace(model_of(model_id, provider), **changes)
    return call_body(model, catalogue().provider(provider), [{"role": "user", "content": "x"}], SCHEMA, 100)


def laid_over(folder: Path, text: str, name: str = "mine.toml") -> str:
    """A catalogue of the user's own."""
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return str(path)


@pytest.mark.parametrize("gone", GONE_2025)
def test_a_retired_model_names_its_successor(gone: str) -> None:
    """On Moonshot's own addresses a retired id is an error that names a live model; elsewhere it has its own facts."""
    for provider in ("moonshot", "moonshot-cn"):
        with pytest.raises(ModelRetired, match="--model ") as caught:
            model_of(gone, provider)
        successor = caught.value.next_step.rsplit(" ", 1)[1]
        assert model_of(successor, provider).retired is None
    assert model_of(gone, "moonshot", ELSEWHERE) == catalogue().models[gone]


def test_a_retired_model_keeps_its_window() -> None:
    """An old model elsewhere has the window of its own weights, not that of its successor."""
    assert model_of("moonshot-v1-8k", "moonshot", ELSEWHERE).context_tokens == 8_192


def test_an_unknown_model_is_a_sentence() -> None:
    """A mistyped id on the provider's own address is an error with the nearest id."""
    with pytest.raises(SettingsError, match=r"Did you mean kimi-k2\.6"):
        model_of("kimi-k26", "moonshot")


@pytest.mark.parametrize(
    ("model_id", "provider", "context", "priced"),
    [
        ("moonshotai/Kimi-K2.6", "vllm", 262_144, False),
        ("moonshot/kimi-k2.6", "litellm", 262_144, True),
        ("qwen/qwen9", "vllm", 32_768, False),
        ("our-own", "openai-compatible", 32_768, False),
    ],
)
def test_any_model_elsewhere(model_id: str, provider: str, context: int, *, priced: bool) -> None:
    """Where anything may be served an unknown id works: with the facts of the same weights, and a price only where it is known."""
    model = model_of(model_id, provider)
    assert (model.id, model.context_tokens, model.priced) == (model_id, context, priced)
    assert model.cost_usd(1_000, 1_000) == (pytest.approx(0.00495) if priced else 0)


def test_an_unknown_model_behind_another_address_of_moonshot() -> None:
    """A foreign address may serve any id, whatever the provider is called."""
    assert not model_of("kimi-k2.6-of-our-own", "moonshot", ELSEWHERE).priced


def test_a_file_of_the_users_own(tmp_path: Path) -> None:
    """A file changes single fields, adds models and providers like others, and sets limits; what it does not name stays."""
    path = laid_over(
        tmp_path,
        """
        [models."kimi-k2.6"]
        price_out = 3.5
        [models."our-kimi"]
        like = "kimi-k2.6"
        providers = ["cluster"]
        price_in = 0.2
        [providers.cluster]
        like = "vllm"
        base_url = "http://10.0.0.7:8000/v1"
        about = "Ours."
        [tiers.1]
        rpm = 77
        """,
    )
    mine = catalogue(path)
    assert (mine.models["kimi-k2.6"].price_out, mine.models["kimi-k2.6"].price_in) == (3.5, 0.95)
    ours = model_of("our-kimi", "cluster", path=path)
    assert (ours.price_in, ours.price_out, ours.priced, ours.context_tokens) == (0.2, 3.5, True, 262_144)
    assert mine.provider("cluster").drop == catalogue().provider("vllm").drop
    assert mine.tiers[1] == AccountLimits(15, 77, 2_000_000, 0)
    assert catalogue().models["kimi-k2.6"].price_out == 4.0


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('[models."kimi-k2.6"]\nprice_outt = 1', "price_outt"),
        ('[models."kimi-k2.6"]\nprice_out = "dear"', "price_out"),
        ('[models."kimi-k2.6"]\nprice_in = -1', r"price_in: .*greater than or equal to 0"),
        ('[models.x]\nlike = "nothing"', "nothing"),
        ('[models.x]\nproviders = ["vllm"]', "context_tokens"),
        ("[models", "cannot be read"),
    ],
)
def test_a_wrong_file_is_a_sentence(tmp_path: Path, text: str, said: str) -> None:
    """What is wrong in a user's catalogue is named, place by place."""
    with pytest.raises(SettingsError, match=said):
        catalogue(laid_over(tmp_path, text))


def test_locked_sampling_is_told_before_the_call(tmp_path: Path) -> None:
    """A sampling value that the model's own provider would refuse is an error at the start; on one's own machine it is free."""
    path = laid_over(tmp_path, '[models."kimi-k3"]\nextra = { temperature = 0.2 }')
    with pytest.raises(SettingsError, match="temperature = 1 only"):
        model_of("kimi-k3", "moonshot", path=path)
    assert model_of("kimi-k3", "moonshot", ELSEWHERE, path).extra == {"temperature": 0.2}


def test_an_announced_retirement_is_told_and_kept(tmp_path: Path) -> None:
    """Before the day a model works and is listed; from that day on it is refused with its successor."""
    path = laid_over(tmp_path, '[models."kimi-k2.6"]\nretired = 2030-02-01\nsuccessor = "kimi-k3"')
    mine, provider = catalogue(path), catalogue().provider("moonshot")
    before, then = date(2030, 1, 31), date(2030, 2, 1)
    model = mine.model("kimi-k2.6", provider, provider.base_url, before)
    assert (model in mine.models_of(provider, before), model in mine.models_of(provider, then)) == (
        True,
        False,
    )
    with pytest.raises(ModelRetired, match=r"was retired on 2030-02-01.*--model kimi-k3"):
        mine.model("kimi-k2.6", provider, provider.base_url, then)


def test_until_when_a_model_answers_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """An account says until when its model answers and what comes after; a list of models too; on one's own address nothing ends."""
    path = laid_over(tmp_path, '[models."kimi-k2.6"]\nretired = 9000-02-01\nsuccessor = "kimi-k3"')
    account = settings.account(job_of(catalogue=path), {}, key_needed=False)
    assert (
        account.leaving
        == "kimi-k2.6 answers until 9000-02-01, when it is retired. Use its successor: --model kimi-k3"
    )
    assert settings.account(job_of(catalogue=path, base_url=ELSEWHERE), {}, key_needed=False).leaving == ""
    assert settings.account(job_of(), {}, key_needed=False).leaving == ""
    show.models(catalogue(path))
    assert "kimi-k2.6 is retired on 9000-02-01. Use its successor: --model kimi-k3" in capsys.readouterr().out


def test_where_numbers_were_read_is_shown(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The list of models says where and when models and tiers were read; a block that is like another was not read there."""
    show.models(
        catalogue(
            laid_over(
                tmp_path, '[models.ours]\nlike = "kimi-k3"\nsource = "our contract"\nread_on = 2026-11-01'
            )
        )
    )
    said = capsys.readouterr().out
    assert "Read on 2026-11-01 in our contract: ours." in said
    assert all(
        f"tier {tier}" in said and limits.source and limits.read_on
        for tier, limits in catalogue().tiers.items()
    )
    assert catalogue(laid_over(tmp_path, '[models.ours]\nlike = "kimi-k3"')).models["ours"].source == ""


@pytest.mark.parametrize(
    ("model_id", "provider", "extra", "said"),
    [
        (
            "kimi-k2.6",
            "moonshot",
            'tools = [{ type = "builtin_function", function = { name = "$web_search" } }]',
            r"\$web_search",
        ),
        (
            "kimi-k3",
            "moonshot-cn",
            'tools = [{ type = "builtin_function", function = { name = "$web_search" } }]',
            r"\$web_search",
        ),
        ("kimi-k2.7-code", "moonshot", 'tool_choice = "required"', "tool_choice = required"),
        ("glm-4.7", "zai", 'tool_choice = "required"', "tool_choice = required"),
        (
            "kimi-k3",
            "moonshot",
            'tool_choice = { type = "function", function = { name = "f" } }',
            "one function",
        ),
    ],
)
def test_tools_that_a_model_lost_are_told_before_the_call(
    tmp_path: Path, model_id: str, provider: str, extra: str, said: str
) -> None:
    """Tools that the model's own provider would refuse are an error at the start, of a plan too; on one's own machine they are free."""
    path = laid_over(tmp_path, f'[models."{model_id}"]\nextra = {{ {extra} }}')
    job = {"provider": provider, "model": model_id, "catalogue": path}
    with pytest.raises(SettingsError, match=f"{model_id} does not take .*{said}.*(Leave|Say)"):
        settings.account(job_of(**job), {}, key_needed=False)
    assert settings.account(job_of(**job, base_url=ELSEWHERE), {}, key_needed=False).model.extra


@pytest.mark.parametrize(
    ("model_id", "said"),
    [
        ("kimi-k3", 'tool_choice = "required"'),
        ("kimi-k2.6", 'tool_choice = "auto"'),
        ("kimi-k2.6", 'tools = [{ type = "function" }]'),
    ],
)
def test_tools_that_a_model_has_are_taken(tmp_path: Path, model_id: str, said: str) -> None:
    """What the model's own provider takes goes into the call; a catalogue may say that a model takes no tools at all."""
    block = f'[models."{model_id}"]\nextra = {{ {said} }}\n'
    assert model_of(model_id, "moonshot", path=laid_over(tmp_path, block)).extra
    with pytest.raises(SettingsError, match="does not take tools"):
        model_of(model_id, "moonshot", path=laid_over(tmp_path, f'{block}tools = "none"\n# other'))


@pytest.mark.parametrize(
    ("model_id", "provider", "has", "lacks"),
    [
        (
            "kimi-k2.6",
            "moonshot",
            {"thinking": {"type": "disabled"}, "max_completion_tokens": 100},
            {"reasoning_effort", "max_tokens"},
        ),
        ("kimi-k2.7-code", "moonshot", {"max_completion_tokens": 100}, {"thinking", "reasoning_effort"}),
        ("kimi-k3", "moonshot-cn", {"reasoning_effort": "low"}, {"thinking"}),
        (
            "glm-4.7",
            "zai",
            {"thinking": {"type": "disabled"}, "max_tokens": 100, "response_format": {"type": "json_object"}},
            set(),
        ),
        (
            "glm-5.3",
            "bigmodel",
            {"response_format": {"type": "json_object"}},
            {"thinking", "reasoning_effort"},
        ),
        (
            "gpt-5.4-mini",
            "openai",
            {"reasoning_effort": "none", "max_completion_tokens": 100},
            {"thinking", "max_tokens"},
        ),
        (
            "moonshot/kimi-k2.6",
            "litellm",
            {"extra_body": {"thinking": {"type": "disabled"}}, "max_tokens": 100},
            {"thinking"},
        ),
        (
            "moonshotai/Kimi-K2.6",
            "vllm",
            {"chat_template_kwargs": {"thinking": False}, "structured_outputs": {"json": SCHEMA}},
            {"thinking", "response_format"},
        ),
        (
            "moonshotai/Kimi-K2.6",
            "sglang",
            {"chat_template_kwargs": {"thinking": False}, "max_tokens": 100},
            {"thinking", "guided_json"},
        ),
        (
            "our-own",
            "openai-compatible",
            {"response_format": {"type": "json_object"}},
            {"thinking", "chat_template_kwargs"},
        ),
    ],
)
def test_the_call_in_each_dialect(model_id: str, provider: str, has: dict[str, Any], lacks: set[str]) -> None:
    """A call has the fields that the provider takes, under its names, and none that it refuses; sampling is left to the model."""
    body = body_of(model_id, provider)
    assert {name: body.get(name) for name in has} == has
    assert not (lacks | {"temperature", "top_p", "n"}) & set(body)


def test_fields_are_dropped_and_renamed() -> None:
    """What a model's block adds to a call goes through the provider's filter."""
    provider = replace(catalogue().provider("vllm"), rename={"safety_identifier": "user"})
    model = replace(model_of("m", "vllm"), extra={"thinking": {"type": "enabled"}, "safety_identifier": "x"})
    body = call_body(model, provider, [], SCHEMA, 1)
    assert (body["user"], "thinking" in body, "safety_identifier" in body) == ("x", False, False)


def test_what_cannot_be_switched_off_thinks() -> None:
    """A model whose thinking nothing switches off at a provider gets room for its thoughts."""
    model = model_of("moonshotai/Kimi-K2.6", "openai-compatible")
    assert (model.thinking, model.thinking_tokens > 0) == ("always", True)


@pytest.mark.parametrize("model", catalogue().models.values(), ids=lambda model: model.id)
def test_every_model_is_whole(model: Model) -> None:
    """Every model has a price, a window, providers that exist, and, when it is gone, a day and a living successor."""
    assert model.priced
    assert model.context_tokens >= 8_192
    assert set(model.providers) <= set(catalogue().providers)
    assert model.price_cached <= model.price_in <= model.price_out
    assert (model.source and model.read_on) or model.providers == ("offline",)
    if model.retired:
        assert model.retired < date(2026, 11, 23)
        assert catalogue().models[model.successor].retired is None


def test_a_cache_write_is_paid() -> None:
    """What is written to the cache has its own price; who does not say how much it is pays the dearer one for all."""
    model = replace(model_of("kimi-k3", "moonshot"), price_in=1.0, price_cache_write_5m=2.0, price_out=0.0)
    assert model.cost_usd(1_000_000, 0) == 2.0
    assert model.cost_usd(1_000_000, 0, 0, 500_000) == 1.5
    assert replace(model, price_cache_write_5m=0.5).cost_usd(1_000_000, 0) == 1.0
    assert replace(model, price_cache_write_5m=0.5).cost_usd(1_000_000, 0, 0, 500_000) == 0.75


def job_of(**fields: Any) -> Job:
    """A job with these fields."""
    return Job.model_validate({"inbox": ".", **fields})


def test_a_budget_needs_a_price() -> None:
    """A model without a price and a budget do not go together, unless told so."""
    asked = {"provider": "vllm", "model": "m"}
    with pytest.raises(SettingsError, match="--unpriced"):
        settings.account(job_of(**asked, budget_usd=1), {})
    with pytest.raises(SettingsError, match="--unpriced"):
        settings.account(job_of(**asked, budget_day_usd=1), {})
    assert settings.account(job_of(**asked), {}).caps.run_usd == 0
    assert settings.account(job_of(**asked, budget_usd=1, unpriced=True), {}).caps.run_usd == 1


def test_a_price_of_ones_own_is_that_of_cached_tokens_too(tmp_path: Path) -> None:
    """A block that is like another, or lies over one, keeps no price of cached tokens of a list whose other price it replaces."""
    ours = '[models.ours]\nlike = "kimi-k2.6"\nproviders = ["vllm"]\nprice_out = 3.0\n'
    texts = (ours + "price_in = 2.0", '[models."kimi-k2.6"]\nprice_in = 0.1', ours)
    dear, cheap, kept = (laid_over(tmp_path, text, f"{number}.toml") for number, text in enumerate(texts))
    assert model_of("ours", "vllm", path=dear).price_cached == 2.0
    assert model_of("kimi-k2.6", "moonshot", path=cheap).price_cached == 0.1
    assert model_of("ours", "vllm", path=kept).price_cached == 0.16


def test_a_price_counts_when_it_is_whole(tmp_path: Path) -> None:
    """A block without a price of cached tokens pays them as fresh ones; without both prices, in and out, it has no price."""
    block = '[models.{0}]\nproviders = ["vllm"]\ncontext_tokens = 9000\n{1}\n'
    path = laid_over(
        tmp_path,
        block.format("whole", "price_in = 2.0\nprice_out = 3.0") + block.format("half", "price_out = 3.0"),
    )
    whole, half = (model_of(name, "vllm", path=path) for name in ("whole", "half"))
    assert whole.cost_usd(1_000_000, 0, cached_tokens=1_000_000) == 2.0
    assert (whole.priced, half.priced) == (True, False)
    with pytest.raises(SettingsError, match="--unpriced"):
        settings.account(job_of(provider="vllm", model="half", catalogue=path, budget_usd=1), {})


@pytest.mark.parametrize(
    ("fields", "environ", "base_url", "key"),
    [
        ({}, {"MOONSHOT_API_KEY": "a"}, "https://api.moonshot.ai/v1", "a"),
        ({"provider": "moonshot-cn"}, {"MOONSHOT_API_KEY": "a"}, "https://api.moonshot.cn/v1", "a"),
        (
            {"provider": "zai"},
            {"MOONSHOT_API_KEY": "a", "ZAI_API_KEY": "b"},
            "https://api.z.ai/api/paas/v4",
            "b",
        ),
        (
            {"provider": "zai", "key_env": "MINE"},
            {"MINE": "c", "ZAI_API_KEY": "b"},
            "https://api.z.ai/api/paas/v4",
            "c",
        ),
        (
            {"provider": "vllm", "model": "m"},
            {"VLLM_BASE_URL": "http://h:1/v1/", "MOONSHOT_BASE_URL": "http://wrong/v1"},
            "http://h:1/v1",
            "",
        ),
        (
            {"offline": True},
            {"MOONSHOT_BASE_URL": "http://wrong/v1", "MOONSHOT_API_KEY": "a"},
            "http://offline.invalid/v1",
            "",
        ),
    ],
)
def test_address_and_key_are_the_providers(
    fields: dict[str, Any], environ: dict[str, str], base_url: str, key: str
) -> None:
    """Each provider has its own variables for address and key; a key goes to no other provider."""
    account = settings.account(job_of(**fields), environ)
    assert (account.base_url, account.key) == (base_url, key)


@pytest.mark.parametrize(
    "wrong",
    [
        "localhost:8000/v1",
        "api.moonshot.ai/v1",
        "ftp://host/v1",
        "http://",
        "http://host:many/v1",
        "http://[::1/v1",
    ],
)
def test_an_address_without_a_scheme_is_a_wrong_setting(wrong: str) -> None:
    """What nothing can be sent to is refused before anything is read, with exit code 1 and what to write."""
    with pytest.raises(SettingsError, match="is no address of an API") as caught:
        settings.account(job_of(base_url=wrong), {}, key="sk-canary")
    assert (caught.value.exit_code, "https://" in caught.value.next_step) == (1, True)
    assert wrong not in caught.value.message  # it may be a key in the wrong place
    with pytest.raises(SettingsError):
        settings.account(job_of(), {"MOONSHOT_BASE_URL": wrong}, key="sk-canary")


def test_limits_are_the_providers() -> None:
    """Tiers are Moonshot's; another account's limits are to be found, those of one's own machine are said; a hand wins over all."""
    assert settings.limits(job_of(tier=5)).concurrency == 100
    for name in ("zai", "bigmodel", "openai", "litellm"):
        assert settings.limits(job_of(provider=name, tier=5)) == AccountLimits(0, 0, 0, 0)
        assert (
            settings.assumed(job_of(provider=name))
            == catalogue().provider(name).assumed
            != AccountLimits(0, 0, 0, 0)
        )
    assert (
        settings.limits(job_of(provider="vllm"))
        == settings.assumed(job_of(provider="vllm"))
        == AccountLimits(32, 0, 0, 0)
    )
    assert settings.limits(job_of(provider="zai", concurrency=9)).concurrency == 9


def test_limits_that_nobody_tells_are_to_be_found() -> None:
    """Without a tier limits are 0, "to be found", but for those by hand; a plan assumes tier 1, and windows fit the smallest tier."""
    assert settings.limits(job_of()) == AccountLimits(0, 0, 0, 0)
    assert settings.limits(job_of(rpm=7)) == AccountLimits(0, 7, 0, 0)
    assert settings.assumed(job_of(rpm=7)) == AccountLimits(15, 7, 2_000_000, 0)
    assert settings.assumed(job_of(tier=5)) == settings.limits(job_of(tier=5))
    found, told, hosted = job_of(), job_of(tier=5), job_of(provider="zai")
    sizes = [settings.account(job, {}, key="sk-canary").minute_tokens for job in (found, told, hosted)]
    assert sizes == [500_000, 5_000_000, 0]


def test_a_model_must_be_named_where_none_is_assumed() -> None:
    """A provider that serves anything has no default model."""
    with pytest.raises(SettingsError, match="--model"):
        settings.account(job_of(provider="vllm"), {})
