"""The emulator speaks Moonshot's protocol: shapes of replies, errors and streams, rules for parameters, JSON modes, Partial Mode."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Iterator
from typing import Any

import httpx2
import openai
import pytest
from PIL import Image

from tests.emulator.client import K26, OFF, body, content, error, get, post, sdk
from tests.emulator.config import Config
from tests.emulator.fixture import Running, running

SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {"number": {"type": "string"}, "total": {"anyOf": [{"type": "number"}, {"type": "null"}]}},
    "required": ["number", "total"],
    "additionalProperties": False,
}
ILLEGAL = "Invalid request: the `response_format.json_schema.schema` field in the request"


@pytest.fixture
def kimi() -> Iterator[Running]:
    """An emulator that answers at once and has limits that nothing here reaches."""
    with running(Config(timing=False, tier=5)) as emulator:
        yield emulator


def strict(schema: Any = SCHEMA, **more: Any) -> dict[str, Any]:
    """A response format."""
    return {"type": "json_schema", "json_schema": {"name": "invoice", "schema": schema, **more}}


def seen(address: str) -> list[dict[str, Any]]:
    """Messages with one image."""
    return [{"role": "user", "content": [{"type": "image_url", "image_url": address}]}]


def frames(reply: httpx2.Response) -> list[Any]:
    """The frames of a stream, decoded; [DONE] stays text."""
    lines = [line.removeprefix("data: ") for line in reply.text.split("\n\n") if line]
    return [line if line == "[DONE]" else json.loads(line) for line in lines]


def test_sdk_reads_a_reply(kimi: Running) -> None:
    """A whole reply passes the SDK's own types; usage adds up, and cached tokens stand directly in it."""
    with sdk(kimi) as client:
        reply = client.chat.completions.create(
            model=K26, messages=[{"role": "user", "content": "Say it."}], extra_body=OFF
        )
    assert reply.id.startswith("cmpl-")
    assert len(reply.id) == 37
    assert (reply.object, reply.model, reply.choices[0].finish_reason) == ("chat.completion", K26, "stop")
    assert reply.usage is not None
    assert reply.usage.total_tokens == reply.usage.prompt_tokens + reply.usage.completion_tokens
    assert reply.usage.to_dict()["cached_tokens"] == 0


def test_same_words_same_answer(kimi: Running) -> None:
    """Content depends on seed, model and messages alone."""
    first, again, other = (content(post(kimi, body(text))) for text in ("one", "one", "two"))
    assert first == again != other


def test_every_reply_has_the_headers_of_the_gateway(kimi: Running) -> None:
    """Request id, trace id, user, tier and server stand on success and error alike."""
    for reply in (post(kimi, body()), post(kimi, body(n=2))):
        assert {"msh-request-id", "x-trace-id", "msh-uid", "server-timing"} <= set(reply.headers)
        assert reply.headers["msh-gid"] == "enterprise-tier-5"
        assert reply.headers["server"] == "nginx"
        assert reply.headers["content-type"] == "application/json; charset=utf-8"


def test_keys(kimi: Running) -> None:
    """No key and an unknown key are two different 401s."""
    bare = httpx2.post(kimi.base_url + "/chat/completions", json=body())
    assert error(bare) == (401, "incorrect_api_key_error", "Incorrect API key provided")
    assert error(post(kimi, body(), key="sk-other")) == (
        401,
        "invalid_authentication_error",
        "Invalid Authentication",
    )
    with sdk(kimi, "sk-other") as client, pytest.raises(openai.AuthenticationError):
        client.models.list()


def test_catalogue(kimi: Running) -> None:
    """Six models are live with their windows; retired and unknown ones answer 404; one can be retired while running."""
    listed = {model["id"]: model for model in get(kimi, "/models")["data"]}
    assert len(listed) == 6
    assert listed[K26]["context_length"] == 262_144
    assert listed["kimi-k3"]["supports_reasoning"] is True
    gone = (404, "resource_not_found_error", "Not found the model moonshot-v1-8k or Permission denied")
    assert error(post(kimi, body() | {"model": "moonshot-v1-8k"})) == gone
    kimi.config.retired = {K26}
    assert error(post(kimi, body()))[0] == 404
    assert K26 not in [model["id"] for model in get(kimi, "/models")["data"]]


def test_models_of_2025_come_back_on_request(kimi: Running) -> None:
    """With `legacy` the old ids answer by their own rules: free temperature, several choices, a short default reply."""
    kimi.config.legacy = True
    old = {
        "model": "moonshot-v1-8k",
        "messages": [{"role": "user", "content": "hi"}],
        "temperature": 0.6,
        "n": 3,
    }
    assert len(post(kimi, old).json()["choices"]) == 3
    assert error(post(kimi, old | {"temperature": 0.0}))[0] == 400
    assert error(post(kimi, old | {"temperature": 1.5}))[0] == 400
    kimi.config.text_tokens = 5_000
    assert post(kimi, old | {"n": 1}).json()["usage"]["completion_tokens"] == 1_024


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"temperature": 0.3}, "invalid temperature: only 0.6 is allowed for this model"),
        (
            {"temperature": 0.6, "thinking": {"type": "enabled"}},
            "invalid temperature: only 1 is allowed for this model",
        ),
        ({"top_p": 1.0}, "invalid top_p: only 0.95 is allowed for this model"),
        ({"n": 2}, "invalid n: only 1 is allowed for this model"),
        ({"presence_penalty": 0.5}, "invalid presence_penalty: only 0 is allowed for this model"),
        ({"thinking": {"type": "disabled", "budget": 1}}, "Invalid request: "),
        ({"model": "kimi-k2.7-code"}, "invalid thinking: only enabled is allowed for this model"),
        ({"model": "kimi-k3"}, "Invalid request: thinking is not allowed"),
        ({"reasoning_effort": "low"}, "Invalid request: reasoning_effort is not allowed"),
        (
            {"model": "kimi-k3", "thinking": None, "reasoning_effort": "medium"},
            "Invalid request: reasoning_effort must be",
        ),
        ({"tool_choice": "required"}, "invalid tool_choice: required"),
        ({"stop": list("abcdef")}, "Invalid request: stop"),
        ({"stop": "x" * 33}, "Invalid request: stop"),
        ({"max_completion_tokens": 0}, "Invalid request: max_completion_tokens"),
        ({"messages": []}, "Invalid request: messages"),
        ({"model": ""}, "Invalid request: model"),
        ({"messages": [{"role": "user", "content": ""}]}, "Invalid request: message at position 0"),
        (
            {"messages": [{"role": "user", "content": [{"type": "text", "text": ""}]}]},
            "text content is empty",
        ),
        ({"messages": [{"role": "critic", "content": "x"}]}, "Invalid request: role critic"),
        ({"messages": [{"role": "user", "content": "x", "partial": True}]}, "Invalid request: partial"),
        ({"messages": seen("https://x/y.png")}, "Invalid request: unsupported image"),
        ({"messages": seen("data:image/svg+xml;base64,AAAA")}, "Invalid request: unsupported image"),
        ({"messages": seen("ms://gone")}, "Invalid request: file"),
        ({"tools": [{"type": "function", "function": {"name": "a b"}}]}, "Invalid request: function name"),
        ({"response_format": {"type": "xml"}}, "Invalid request: response_format.type"),
        ({"response_format": {"type": "json_schema", "json_schema": {"name": "x"}}}, ILLEGAL),
        ({"response_format": strict(strict="yes")}, ILLEGAL),
        ({"response_format": strict({"type": "thing"}, strict=False)}, ILLEGAL),
        (
            {"max_completion_tokens": 262_144},
            "Invalid request: Your request exceeded model token limit: 262144 (requested: 2621",
        ),
    ],
)
def test_what_is_refused(kimi: Running, more: dict[str, Any], said: str) -> None:
    """Each broken rule is a 400 of type invalid_request_error with the wording that clients match on."""
    status, kind, message = error(post(kimi, body() | more))
    assert (status, kind) == (400, "invalid_request_error")
    assert message.startswith(said), message


def test_what_is_taken(kimi: Running) -> None:
    """The fixed values themselves, the deprecated name of the reply limit and unknown fields are no errors; the new name wins."""
    fixed: dict[str, Any] = {
        "temperature": 0.6,
        "top_p": 0.95,
        "n": 1,
        "presence_penalty": 0,
        "seed": 7,
        "user": "x",
    }
    assert post(kimi, body(**fixed)).status_code == 200
    assert post(kimi, body(max_tokens=5)).json()["usage"]["completion_tokens"] == 5
    assert post(kimi, body(max_tokens=5, max_completion_tokens=7)).json()["usage"]["completion_tokens"] == 7


def test_malformed_json_and_path(kimi: Running) -> None:
    """What is not JSON is a 400 that says so; a path that is not there is a 404."""
    reply = httpx2.post(
        kimi.base_url + "/chat/completions", content=b"{", headers={"Authorization": f"Bearer {kimi.key}"}
    )
    assert error(reply)[2].startswith("Invalid request: ")
    assert error(post(kimi, body(), "/embeddings"))[0] == 404
    assert httpx2.get(kimi.base_url.removesuffix("/v1") + "/models").status_code == 404


def test_large_body_is_the_gateways_413(kimi: Running) -> None:
    """A body beyond the gateway's limit is refused with nginx's page."""
    kimi.config.body_bytes_max = 1_000
    reply = post(kimi, body("x" * 2_000))
    assert reply.status_code == 413
    assert "413 Request Entity Too Large" in reply.text


def test_strict_mode_takes_the_subset_only(kimi: Running) -> None:
    """A schema outside Moonshot's subset is refused in strict mode, passes when the setting is silent or strict is off."""
    dated = {**SCHEMA, "properties": {**SCHEMA["properties"], "day": {"type": "string", "format": "date"}}}
    assert "keyword format is not supported" in error(post(kimi, body(response_format=strict(dated))))[2]
    assert post(kimi, body(response_format=strict(dated, strict=False))).status_code == 200
    kimi.config.mfjs = "ignore"
    assert post(kimi, body(response_format=strict(dated))).status_code == 200


def test_json_modes_give_objects(kimi: Running) -> None:
    """json_schema gives a compact instance of the schema; json_object gives the fields that the prompt's schema names."""
    said = content(post(kimi, body(response_format=strict())))
    assert list(json.loads(said)) == ["number", "total"]
    assert "\n" not in said
    asked = body(f"Answer by this schema: {json.dumps(SCHEMA)}", response_format={"type": "json_object"})
    assert list(json.loads(content(post(kimi, asked)))) == ["number", "total"]
    assert isinstance(json.loads(content(post(kimi, body(response_format={"type": "json_object"})))), dict)


def test_schema_costs_prompt_tokens(kimi: Running) -> None:
    """The schema is counted in the prompt, outside what the estimate endpoint counts."""
    plain = post(kimi, body()).json()["usage"]["prompt_tokens"]
    assert post(kimi, body(response_format=strict())).json()["usage"]["prompt_tokens"] > plain + 40
    assert post(kimi, body(), "/tokenizers/estimate-token-count").json() == {"data": {"total_tokens": plain}}


def test_thinking_is_spent_first(kimi: Running) -> None:
    """Reasoning counts as output and comes before content; a small budget ends in it, with empty content and `length`."""
    asked = {"model": K26, "messages": [{"role": "user", "content": "hi"}]}
    whole = post(kimi, asked).json()
    assert whole["choices"][0]["message"]["reasoning_content"]
    assert whole["usage"]["completion_tokens"] > 256
    short = post(kimi, asked | {"max_completion_tokens": 50}).json()
    assert short["choices"][0]["finish_reason"] == "length"
    assert short["choices"][0]["message"]["content"] == ""
    assert short["usage"]["completion_tokens"] == 50
    low, high = (
        post(kimi, asked | {"model": "kimi-k3", "reasoning_effort": effort}).json()
        for effort in ("low", "max")
    )
    assert low["usage"]["completion_tokens"] < high["usage"]["completion_tokens"]


def test_cut_reply_is_continued_by_partial_mode(kimi: Running) -> None:
    """A reply cut by its budget says `length`; with its text as prefix the rest follows, and the prefix is not repeated."""
    whole = content(post(kimi, body(response_format=strict())))
    cut = post(kimi, body(response_format=strict(), max_completion_tokens=4)).json()["choices"][0]
    assert cut["finish_reason"] == "length"
    begun = cut["message"]["content"]
    assert whole.startswith(begun)
    asked = body(response_format=strict())
    asked["messages"] = [*asked["messages"], {"role": "assistant", "content": begun, "partial": True}]
    assert begun + content(post(kimi, asked)) == whole


def test_partial_mode_with_json_object_begins_anew(kimi: Running) -> None:
    """On K2.6 the two do not go together: the reply repeats itself from the start."""
    asked = body(response_format={"type": "json_object"})
    asked["messages"] = [*asked["messages"], {"role": "assistant", "content": '{"ans', "partial": True}]
    assert content(post(kimi, asked)).startswith('{"answer"')


def test_stop_is_not_echoed(kimi: Running) -> None:
    """Text ends before the stop sequence."""
    kimi.script("count", "one two three")
    assert content(post(kimi, body("count", stop=[" three", "nothing"]))) == "one two"


def test_stream_as_the_gateway_sends_it(kimi: Running) -> None:
    """Role first, reasoning before content, finish reason with usage inside the choice, then [DONE]."""
    reply = post(kimi, {"model": K26, "messages": [{"role": "user", "content": "hi"}], "stream": True})
    assert reply.headers["content-type"].startswith("text/event-stream")
    *chunks, end = frames(reply)
    assert end == "[DONE]"
    deltas = [chunk["choices"][0]["delta"] for chunk in chunks]
    assert deltas[0] == {"role": "assistant", "content": ""}
    kinds = [next(iter(delta)) for delta in deltas[1:-1]]
    assert kinds == sorted(kinds, reverse=True)
    assert set(kinds) == {"reasoning_content", "content"}
    last = chunks[-1]["choices"][0]
    assert (last["delta"], last["finish_reason"]) == ({}, "stop")
    assert last["usage"]["total_tokens"] > 0
    assert len({chunk["id"] for chunk in chunks}) == 1


def test_stream_with_usage_asked_for(kimi: Running) -> None:
    """include_usage puts usage:null on each chunk and sends one more, without choices, that has it; text equals the whole reply's."""
    with sdk(kimi) as client:
        stream = client.chat.completions.create(
            model=K26,
            messages=[{"role": "user", "content": "hi"}],
            stream=True,
            stream_options={"include_usage": True},
            extra_body=OFF,
        )
        chunks = list(stream)
    assert chunks[-1].choices == []
    assert chunks[-1].usage is not None
    assert all(chunk.usage is None for chunk in chunks[:-1])
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks[:-1])
    assert text == content(post(kimi, body("hi")))


PLACES = {"choice": (True, False), "top": (False, True), "both": (True, True), "none": (False, False)}


@pytest.mark.parametrize(("place", "found"), PLACES.items())
def test_place_of_usage_in_a_stream(kimi: Running, place: Any, found: tuple[bool, bool]) -> None:
    """Both places that clients have seen can be played, and none."""
    kimi.config.stream_usage = place
    last = frames(post(kimi, body(stream=True)))[-2]
    assert ("usage" in last["choices"][0], "usage" in last) == found


def test_place_of_cached_tokens(kimi: Running) -> None:
    """The dialects of usage: directly in it, nested, both, or absent."""
    found = {}
    for place in ("top", "nested", "both", "absent"):
        kimi.config.cached_place = place
        usage = post(kimi, body()).json()["usage"]
        found[place] = ("cached_tokens" in usage, "cached_tokens" in usage.get("prompt_tokens_details", {}))
    assert found == {
        "top": (True, False),
        "nested": (False, True),
        "both": (True, True),
        "absent": (False, False),
    }


def test_tool_calls_scripted_and_streamed(kimi: Running) -> None:
    """A scripted tool call passes the SDK; in a stream the name comes once and the arguments in pieces."""
    call = {
        "id": "sql:0",
        "type": "function",
        "function": {"name": "run_sql", "arguments": '{"query": "SELECT 1"}'},
    }
    kimi.script("sql", lambda _body: scripted_call(call))
    assert post(kimi, body("sql")).json()["choices"][0]["message"]["tool_calls"] == [call]
    chunks = frames(post(kimi, body("sql", stream=True)))[:-1]
    calls = [part for chunk in chunks for part in chunk["choices"][0]["delta"].get("tool_calls", [])]
    assert calls[0]["function"]["name"] == "run_sql"
    assert "".join(part["function"].get("arguments", "") for part in calls) == '{"query": "SELECT 1"}'
    assert chunks[-1]["choices"][0]["finish_reason"] == "tool_calls"


def scripted_call(call: dict[str, Any]) -> Any:
    """A scripted reply with one tool call."""
    from tests.emulator.generation import Scripted

    return Scripted("", tool_calls=[call])


def test_images_cost_patches(kimi: Running) -> None:
    """An image counts by patches of 28 pixels; one that cannot be decoded is refused."""
    buffer = io.BytesIO()
    Image.new("RGB", (280, 140)).save(buffer, "PNG")
    address = "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()
    plain = post(kimi, body("look")).json()["usage"]["prompt_tokens"]
    parts = [{"type": "text", "text": "look"}, {"type": "image_url", "image_url": {"url": address}}]
    shown = body() | {"messages": [{"role": "user", "content": parts}]}
    assert post(kimi, shown).json()["usage"]["prompt_tokens"] == plain + 50
    assert error(post(kimi, body() | {"messages": seen("data:image/png;base64,AAAA")}))[0] == 400


def test_balance(kimi: Running) -> None:
    """The balance falls by what replies cost, at list prices."""
    usage = post(kimi, body()).json()["usage"]
    cost = (usage["prompt_tokens"] * 0.95 + usage["completion_tokens"] * 4.00) / 1e6
    told = get(kimi, "/users/me/balance")
    assert (told["code"], told["status"], told["scode"]) == (0, True, "0x0")
    assert told["data"]["available_balance"] == pytest.approx(100 - cost, abs=1e-5)
    assert kimi.paid()[0].cost_usd == pytest.approx(cost)


def test_keep_alive_and_chunked_requests(kimi: Running) -> None:
    """Many requests pass over one connection, bodies sent in chunks too."""

    def pieces() -> Iterator[bytes]:
        raw = json.dumps(body()).encode()
        yield raw[:10]
        yield raw[10:]

    with httpx2.Client(headers={"Authorization": f"Bearer {kimi.key}"}) as client:
        for _ in range(3):
            assert client.post(kimi.base_url + "/chat/completions", content=pieces()).status_code == 200
            assert client.get(kimi.base_url + "/models").status_code == 200
