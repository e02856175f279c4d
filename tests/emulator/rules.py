"""Which requests are taken: a body and its model come in, nothing goes out, or a Refusal with status 400 is raised.

Everything here is checked before any limit [I]. Sources: Moonshot's api/chat and guide/response_format pages, 2026-08-13.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from tests.emulator.catalogue import Model
from tests.emulator.config import Config
from tests.emulator.mfjs import complaints, unknown_types
from tests.emulator.refusals import invalid, malformed
from tests.emulator.tokens import image_address

Body = Mapping[str, Any]
ROLES = frozenset({"system", "user", "assistant", "tool"})
EFFORTS = ("low", "high", "max")


def check(body: Body, model: Model, config: Config, known_files: Mapping[str, Any]) -> None:
    """Raises the Refusal of the first rule that the request breaks."""
    _messages(body, known_files, model)
    _thinking(body, model, config)
    _sampling(body, model)
    _budget(body)
    _tools(body, model, config)
    _response_format(body, config)
    _stop(body, config)


def structure(body: Any) -> str:
    """The model's name, once the body has the shape of a request at all."""
    if not isinstance(body, dict):
        raise malformed("the body is not a JSON object")
    name, messages = body.get("model"), body.get("messages")
    if not isinstance(name, str) or not name:
        raise malformed("model is required")
    if (
        not isinstance(messages, list)
        or not messages
        or not all(isinstance(message, dict) for message in messages)
    ):
        raise malformed("messages is required and must not be empty")
    return name


def thinks(body: Body, model: Model) -> bool:
    """True when the model will think before it answers."""
    if model.thinking == "switchable":
        return (body.get("thinking") or {}).get("type") != "disabled"
    return model.thinking == "always"


def effort(body: Body) -> str:
    """low, high or max. The default is max on the K3 line [D]; K2.x, which has no such field, counts as high [I]."""
    return body.get("reasoning_effort") or ("max" if str(body["model"]).startswith("kimi-k3") else "high")


def reply_limit(body: Body) -> int | None:
    """The explicit output limit; the new name wins over the deprecated one [D]."""
    value = body.get("max_completion_tokens")
    return value if value is not None else body.get("max_tokens")


def partial(body: Body) -> str | None:
    """The prefix of Partial Mode, or None."""
    last = body["messages"][-1]
    return str(last.get("name") or "") + str(last.get("content") or "") if last.get("partial") else None


def _messages(body: Body, known_files: Mapping[str, Any], model: Model) -> None:
    messages = body["messages"]
    for at, message in enumerate(messages):
        if message.get("role") not in ROLES:
            raise malformed(f"role {message.get('role')} of message at position {at} is not known")
        _content(message, at, known_files, model)
        if message.get("partial") and (at < len(messages) - 1 or message["role"] != "assistant"):
            raise malformed("partial is only allowed on the last message, of role assistant")
        if (
            message.get("tool_calls")
            and thinks(body, model)
            and not model.legacy
            and "reasoning_content" not in message
        ):
            raise invalid(
                f"thinking is enabled but reasoning_content is missing in assistant tool call message at index {at}"
            )


def _content(message: Body, at: int, known_files: Mapping[str, Any], model: Model) -> None:
    content = message.get("content")
    if isinstance(content, list) and content:
        for part in content:
            _part(part, known_files, model)
    elif not isinstance(content, str) and content is not None:
        raise malformed(f"content of message at position {at} must be a string or an array of parts")
    elif not content and not message.get("tool_calls") and not message.get("partial"):
        raise malformed(f"message at position {at} with role '{message['role']}' must not be empty")


def _part(part: Any, known_files: Mapping[str, Any], model: Model) -> None:
    kind = part.get("type") if isinstance(part, Mapping) else None
    if kind == "text":
        if not part.get("text"):
            raise invalid("text content is empty")  # [C: kimi-cli kimi.py]
    elif kind == "image_url":
        if not model.images:
            raise malformed("image input is not supported by this model")
        _image(image_address(part), known_files)
    elif kind != "video_url":
        raise malformed(f"part of type {kind} is not known")


def _image(address: str, known_files: Mapping[str, Any]) -> None:
    if address.startswith("ms://"):
        if address.removeprefix("ms://") not in known_files:
            raise malformed(f"file {address} not found")
    elif not address.startswith("data:image/") or address.startswith("data:image/svg"):
        raise malformed("unsupported image url: give base64 data of a raster image, or ms:// and a file id")


def _thinking(body: Body, model: Model, config: Config) -> None:
    wanted, level = body.get("thinking"), body.get("reasoning_effort")
    if wanted is not None and not (model.k3 and config.k3_thinking == "ignore"):
        if model.k3 or model.thinking == "none":
            raise malformed("thinking is not allowed for this model")
        _thinking_object(wanted, model)
    if level is not None:
        if model.k3 and level not in EFFORTS:
            raise malformed(f"reasoning_effort must be one of {', '.join(EFFORTS)}")
        if not model.k3 and config.k2_effort == "refuse":
            raise malformed("reasoning_effort is not allowed for this model")


def _thinking_object(wanted: Any, model: Model) -> None:
    if (
        not isinstance(wanted, Mapping)
        or wanted.keys() - {"type", "keep"}
        or wanted.get("type") not in ("enabled", "disabled")
    ):
        raise malformed("thinking must be {type: enabled | disabled, keep: null | all}")
    if wanted.get("keep") not in (None, "all"):
        raise malformed("thinking.keep must be null or all")
    if wanted["type"] == "disabled" and model.thinking == "always":
        raise invalid("invalid thinking: only enabled is allowed for this model")


def _sampling(body: Body, model: Model) -> None:
    if model.legacy:
        _sampling_of_old(body)
        return
    fixed = {
        "temperature": 1.0 if thinks(body, model) else 0.6,
        "top_p": 0.95,
        "n": 1,
        "presence_penalty": 0,
        "frequency_penalty": 0,
    }
    for name, value in fixed.items():
        if body.get(name) is not None and body[name] != value:
            raise invalid(f"invalid {name}: only {value:g} is allowed for this model", "locked_parameter")


def _sampling_of_old(body: Body) -> None:
    """The models of 2025: temperature 0 to 1, n up to 5 unless the temperature is near 0 [D, C: LiteLLM draws the line at 0.3]."""
    bounds = {
        "temperature": (0, 1),
        "top_p": (0, 1),
        "n": (1, 5),
        "presence_penalty": (-2, 2),
        "frequency_penalty": (-2, 2),
    }
    for name, (low, high) in bounds.items():
        value = body.get(name)
        if value is not None and not (isinstance(value, int | float) and low <= value <= high):
            raise malformed(f"{name} must be between {low} and {high}")
    if (body.get("n") or 1) > 1 and (body.get("temperature") or 0.0) < 0.3:
        raise malformed("n must be 1 when temperature is near 0")


def _budget(body: Body) -> None:
    limit = reply_limit(body)
    if limit is not None and (not isinstance(limit, int) or isinstance(limit, bool) or limit < 1):
        raise malformed("max_completion_tokens must be a positive integer")


def _tools(body: Body, model: Model, config: Config) -> None:
    tools, choice = body.get("tools") or [], body.get("tool_choice")
    if len(tools) > config.tools_max:
        raise malformed(f"at most {config.tools_max} tools are allowed")
    for tool in tools:
        name = str((tool.get("function") or {}).get("name", ""))
        if tool.get("type") == "function" and not re.fullmatch(config.tool_name, name):
            raise malformed(f"function name {name} is invalid")
    if choice == "required" and not model.k3:
        raise invalid("invalid tool_choice: required is not allowed for this model")
    if isinstance(choice, Mapping) and thinks(body, model):
        raise invalid("invalid tool_choice: a named function is not allowed while thinking")


def _response_format(body: Body, config: Config) -> None:
    wanted = body.get("response_format")
    if wanted is None:
        return
    if not isinstance(wanted, Mapping) or wanted.get("type") not in ("text", "json_object", "json_schema"):
        raise malformed("response_format.type must be text, json_object or json_schema")
    if wanted["type"] == "json_schema":
        for text in _json_schema(wanted.get("json_schema"), config):
            raise malformed(
                f"the `response_format.json_schema.schema` field in the request is illegal: {text}"
            )


def _json_schema(wanted: Any, config: Config) -> Iterator[str]:
    if not isinstance(wanted, Mapping) or not wanted.get("name"):
        yield "name is required"
        return
    schema, strict = wanted.get("schema"), wanted.get("strict", True)
    if not isinstance(schema, Mapping):
        yield "expected type dict[string,interface]"
        return
    if not isinstance(strict, bool):
        yield "strict must be a boolean"
    yield from unknown_types(schema)
    if strict and config.mfjs == "refuse":
        yield from complaints(schema)


def _stop(body: Body, config: Config) -> None:
    given = body.get("stop")
    stops = [given] if isinstance(given, str) else given or []
    if len(stops) > config.stop_max or any(len(str(stop).encode()) > config.stop_bytes_max for stop in stops):
        raise malformed(
            f"stop takes at most {config.stop_max} entries of at most {config.stop_bytes_max} bytes"
        )
