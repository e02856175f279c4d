"""Other providers' dialects: what a body must have, how it reads in Kimi's words, and how models, usage, chunks and errors are shaped.

kimi     Moonshot's own, to which every function here changes nothing
zai      docs.z.ai and docs.bigmodel.cn, 2026-08-31 [C of D]: json_object only, codes as text, chunks without `object`
openai   developers.openai.com, 2026-11 [C]: unknown fields refused, insufficient_quota
vllm     docs.vllm.ai, 2026-11 [C]: chat_template_kwargs, structured_outputs, `thinking` ignored, max_model_len, continue_final_message
sglang   docs.sglang.ai and its server's sources, 2026-11 [C]: as vllm, but json_schema alone and bare errors
litellm  docs.litellm.ai, error reference of 2026-10-06 [C]: extra_body forwarded, throttling_error, budget_exceeded
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any

from tests.emulator.catalogue import Model, Tier
from tests.emulator.refusals import Refusal, invalid

Body = dict[str, Any]

ENGINES = ("vllm", "sglang")  # open weights on a machine of one's own
PREFIXES = {"zai": "/api/paas/v4"}  # the path below which an API stands; /v1 elsewhere

MODELS: Mapping[str, tuple[Model, ...]] = {
    "zai": (
        Model("glm-5.3", 1_048_576, 1.40, 0.26, 4.40, "always", 1_786_000_000, 131_072, images=False),
        Model("glm-4.7", 200_000, 0.60, 0.11, 2.20, "switchable", 1_766_000_000, 131_072, images=False),
    ),
    "openai": (Model("gpt-5.4-mini", 400_000, 0.75, 0.075, 4.50, "switchable", 1_773_700_000, 128_000),),
    "vllm": (Model("moonshotai/Kimi-K2.6", 262_144, 0.0, 0.0, 0.0, "switchable", 1_776_700_000),),
    "sglang": (Model("moonshotai/Kimi-K2.6", 262_144, 0.0, 0.0, 0.0, "switchable", 1_776_700_000),),
    "litellm": (Model("moonshot/kimi-k2.6", 262_144, 0.95, 0.16, 4.00, "switchable", 1_776_700_000),),
}

# Fields of a call that are taken. vLLM takes any and ignores what it does not know.
_COMMON = {
    "model",
    "messages",
    "max_tokens",
    "temperature",
    "top_p",
    "n",
    "stop",
    "stream",
    "stream_options",
    "response_format",
    "tools",
}
_TAKEN: Mapping[str, set[str]] = {
    "openai": (_COMMON - {"max_tokens"}) | {"max_completion_tokens", "reasoning_effort", "seed", "user"},
    "litellm": _COMMON | {"max_completion_tokens", "reasoning_effort", "extra_body", "user"},
}

_ZAI: Mapping[str, tuple[int, str, str]] = {  # reason -> status, code, message
    "concurrency": (
        429,
        "1302",
        "High concurrency usage of this API, please reduce concurrency or contact customer service",
    ),
    "rpm": (
        429,
        "1302",
        "High concurrency usage of this API, please reduce concurrency or contact customer service",
    ),
    "tpm": (
        429,
        "1303",
        "High frequency usage of this API, please reduce frequency or contact customer service",
    ),
    "overloaded": (429, "1305", "The API has triggered a rate limit."),
    "quota": (429, "1113", "Insufficient balance or no resource package. Please recharge."),
    "no_key": (401, "1001", "Authentication parameter not received in Header, unable to authenticate"),
    "wrong_key": (401, "1000", "Authentication Failed"),
    "no_model": (400, "1211", "Unknown Model, please check the model code."),
    "too_long": (400, "1261", "Prompt exceeds max length"),
    "content_filter": (
        400,
        "1301",
        "System detected potentially unsafe or sensitive content in input or generation.",
    ),
    "server_error": (500, "1234", "Network error, error id: 20261123, please contact customer service"),
}
_OPENAI_LIMIT = "Rate limit reached for {{model}} in organization o on {0}: Limit {{limit}}, Used {{limit}}. Please try again in 20ms."
_OPENAI_MONEY = "You exceeded your current quota, please check your plan and billing details."
_OPENAI: Mapping[str, tuple[int, str, str, str]] = {  # reason -> status, type, code, message
    "rpm": (429, "requests", "rate_limit_exceeded", _OPENAI_LIMIT.format("requests per min (RPM)")),
    "tpm": (429, "tokens", "rate_limit_exceeded", _OPENAI_LIMIT.format("tokens per min (TPM)")),
    "quota": (429, "insufficient_quota", "insufficient_quota", _OPENAI_MONEY),
    "overloaded": (
        503,
        "server_error",
        "",
        "The server is currently overloaded with other requests. Sorry about that!",
    ),
    "no_key": (401, "invalid_request_error", "", "You didn't provide an API key."),
    "wrong_key": (
        401,
        "invalid_request_error",
        "invalid_api_key",
        "Incorrect API key provided: sk-an*****her.",
    ),
    "no_model": (
        404,
        "invalid_request_error",
        "model_not_found",
        "The model does not exist or you do not have access to it.",
    ),
    "too_long": (
        400,
        "invalid_request_error",
        "context_length_exceeded",
        "This model's maximum context length is {limit} tokens.",
    ),
    "content_filter": (
        400,
        "invalid_request_error",
        "content_policy_violation",
        "Your request was rejected by our safety system.",
    ),
}
_VLLM: Mapping[str, tuple[int, str, str]] = {  # reason -> status, type, message
    "overloaded": (503, "ServiceUnavailableError", "The server is overloaded, please retry later."),
    "no_model": (404, "NotFoundError", "The model `{model}` does not exist."),
    "too_long": (
        400,
        "BadRequestError",
        "This model's maximum context length is {limit} tokens. However, you requested more.",
    ),
}
_LITELLM: Mapping[str, tuple[int, str, str]] = {  # reason -> status, type, message
    "concurrency": (
        429,
        "throttling_error",
        "Rate limit exceeded for api_key: 8f0b. Limit type: max_parallel_requests. {current}",
    ),
    "rpm": (
        429,
        "throttling_error",
        "Rate limit exceeded for api_key: 8f0b. Limit type: requests. {current}",
    ),
    "tpm": (429, "throttling_error", "Rate limit exceeded for api_key: 8f0b. Limit type: tokens. {current}"),
    "overloaded": (
        503,
        "internal_server_error",
        "litellm.ServiceUnavailableError: MoonshotException - The engine is currently overloaded",
    ),
    "quota": (429, "budget_exceeded", "Budget has been exceeded! Current cost: 1.2, Max budget: 1.0"),
    "wrong_key": (401, "auth_error", "Authentication Error, Invalid proxy server token passed."),
    "no_model": (
        400,
        "invalid_request_error",
        "/chat/completions: Invalid model name passed in model={model}.",
    ),
}


def prefix(dialect: str) -> str:
    """The path below which the API stands."""
    return PREFIXES.get(dialect, "/v1")


def check(dialect: str, body: Mapping[str, Any]) -> None:
    """Raises the Refusal of the first rule of the dialect that the body breaks, before Kimi's own rules look at it."""
    if dialect in _TAKEN and (unknown := sorted(body.keys() - _TAKEN[dialect])):
        if dialect == "litellm":
            raise invalid(
                f"litellm.UnsupportedParamsError: moonshot does not support parameters: {unknown}, for this model"
            )
        raise invalid(f"Unrecognized request argument supplied: {unknown[0]}")
    wanted = (body.get("response_format") or {}).get("type", "text")
    if dialect == "zai" and wanted not in ("text", "json_object"):
        raise invalid("Invalid API parameter, please check the documentation. response_format.type")
    if dialect == "openai" and wanted == "json_object" and "json" not in json.dumps(body["messages"]).lower():
        raise invalid(
            "'messages' must contain the word 'json' in some form, to use 'response_format' of type 'json_object'."
        )
    if dialect == "vllm" and "guided_json" in body:
        raise invalid("guided_json was removed, use structured_outputs")
    if dialect == "vllm" and body.get("continue_final_message") and body.get("add_generation_prompt", True):
        raise invalid("Cannot set both `continue_final_message` and `add_generation_prompt` to True.")
    if (
        dialect in ENGINES
        and body.get("continue_final_message")
        and body["messages"][-1]["role"] != "assistant"
    ):
        raise invalid("continue_final_message is set but the last message is not from the assistant.")


def in_kimis_words(dialect: str, body: Body) -> Body:
    """The same request as Kimi's API would be asked."""
    if dialect == "kimi":
        return body
    said = dict(body)
    if dialect == "openai" and said.pop("reasoning_effort", None) == "none":
        said["thinking"] = {"type": "disabled"}
    if dialect == "litellm":
        said |= said.pop("extra_body", {})
    if dialect in ENGINES:
        said.pop("thinking", None)  # ignored
        said.pop("reasoning_effort", None)
        if (said.pop("chat_template_kwargs", None) or {}).get("thinking") is False:
            said["thinking"] = {"type": "disabled"}
        if said.pop("continue_final_message", False):
            said["messages"] = [*said["messages"][:-1], {**said["messages"][-1], "partial": True}]
        said.pop("add_generation_prompt", None)
        said = (
            said
            if dialect == "vllm"
            else {name: value for name, value in said.items() if name != "structured_outputs"}
        )  # ignored
        if schema := (said.pop("structured_outputs", None) or {}).get("json"):
            said["response_format"] = {
                "type": "json_schema",
                "json_schema": {"name": "structured", "schema": schema},
            }
    return said


def shown_model(dialect: str, shown: dict[str, Any]) -> dict[str, Any]:
    """An entry of the list of models."""
    if dialect == "kimi":
        return shown
    bare = {name: shown[name] for name in ("id", "object", "created")}
    engine = (
        {"root": shown["id"], "parent": None, "max_model_len": shown["context_length"]}
        if dialect in ENGINES
        else {}
    )
    return {**bare, "owned_by": dialect, **engine}


def usage(dialect: str, usage: dict[str, Any], cached: int, reasoning: int) -> dict[str, Any]:
    """The token counts, with the cached ones where the dialect has them. vLLM tells them only when it is started so."""
    plain = {name: usage[name] for name in ("prompt_tokens", "completion_tokens", "total_tokens")}
    if dialect in ENGINES:
        return {**plain, "prompt_tokens_details": None}
    details = {"prompt_tokens_details": {"cached_tokens": cached}}
    return {
        **plain,
        **details,
        **({"completion_tokens_details": {"reasoning_tokens": reasoning}} if dialect != "zai" else {}),
    }


def stream_usage(dialect: str, kimis: str) -> str:
    """Where a stream carries its usage when nobody asked: Z.ai in its last chunk, the others nowhere."""
    return kimis if dialect == "kimi" else "top" if dialect == "zai" else "none"


def limits(dialect: str, tier: Tier, requests: int, tokens: int, window_s: float) -> dict[str, str]:
    """The headers that tell the limits of a minute and what is left of them, on every answer of OpenAI and of the proxy [C]."""
    if dialect not in ("openai", "litellm"):
        return {}
    told: dict[str, str] = {}
    for what, most, used in (("requests", tier.rpm, requests), ("tokens", tier.tpm, tokens)):
        values = {
            "limit": most,
            "remaining": max(0, most - used),
            "reset": f"{min(1.0, used / most) * window_s:.3f}s",
        }
        told |= {f"x-ratelimit-{name}-{what}": str(value) for name, value in values.items()}
    return told


def stamp(dialect: str, stamp: dict[str, Any]) -> dict[str, Any]:
    """The fields that a body begins with. Z.ai's chunks do not say what they are, and its replies name the request."""
    if dialect != "zai":
        return stamp
    bare = {
        name: value for name, value in stamp.items() if name != "object" or value != "chat.completion.chunk"
    }
    return {**bare, "request_id": stamp["id"].removeprefix("cmpl-")}


def refused(dialect: str, refusal: Refusal, model: str) -> tuple[int, bytes]:
    """Status and body of a refusal. A gateway's page is the same everywhere."""
    if dialect == "kimi" or refusal.html:
        return refusal.status, refusal.body()
    status, body = _ERRORS[dialect](refusal, model)
    return status, json.dumps(body, ensure_ascii=False).encode()


def _zai(refusal: Refusal, _model: str) -> tuple[int, dict[str, Any]]:
    status, code, message = _ZAI.get(refusal.reason, (refusal.status, "1210", refusal.message))
    return status, {"error": {"code": code, "message": message}}


def _openai(refusal: Refusal, model: str) -> tuple[int, dict[str, Any]]:
    usual = (refusal.status, refusal.kind, "", refusal.message)
    status, kind, code, message = _OPENAI.get(refusal.reason, usual)
    said = (
        message.format(model=model, limit=_number(refusal.message)) if refusal.reason in _OPENAI else message
    )
    return status, {"error": {"message": said, "type": kind, "param": None, "code": code or None}}


def _vllm(refusal: Refusal, model: str) -> tuple[int, dict[str, Any]]:
    if refusal.status == 401:
        return 401, {"error": "Unauthorized"}
    status, kind, message = _VLLM.get(refusal.reason, (refusal.status, "BadRequestError", "{said}"))
    said = message.format(model=model, limit=_number(refusal.message), said=refusal.message)
    return status, {"error": {"message": said, "type": kind, "param": None, "code": status}}


def _sglang(refusal: Refusal, model: str) -> tuple[int, dict[str, Any]]:
    """As vLLM's, without a box around it."""
    status, body = _vllm(refusal, model)
    return status, {"object": "error", **body["error"]} if isinstance(body["error"], dict) else body


def _litellm(refusal: Refusal, model: str) -> tuple[int, dict[str, Any]]:
    status, kind, message = _LITELLM.get(refusal.reason, (refusal.status, "invalid_request_error", "{said}"))
    current = f"Current limit: {_number(refusal.message)}, Remaining: 0."
    said = message.format(model=model, current=current, said=refusal.message)
    return status, {"error": {"message": said, "type": kind, "param": None, "code": str(status)}}


def _number(message: str) -> str:
    """The limit that one of Kimi's texts names."""
    found = re.search(r"(?:concurrency:|RPM:|limit:) ?(\d+)", message)
    return found[1] if found else "0"


_ERRORS: Mapping[str, Callable[[Refusal, str], tuple[int, dict[str, Any]]]] = {
    "zai": _zai,
    "openai": _openai,
    "vllm": _vllm,
    "sglang": _sglang,
    "litellm": _litellm,
}
