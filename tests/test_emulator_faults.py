"""The emulator's faults: each does what it says, strikes when and whom it should, and is told in the journal."""

from __future__ import annotations

import asyncio
import json
import socket
import time
from collections.abc import Iterator
from email.utils import parsedate_to_datetime
from typing import Any

import httpx2
import openai
import pytest

from tests.emulator import faults
from tests.emulator.client import K26, OFF, body, content, error, get, post, sdk
from tests.emulator.config import Config, Fault
from tests.emulator.fixture import Running, running

REFUSALS = {
    "overloaded": (429, "engine_overloaded_error"),
    "overloaded_529": (529, "engine_overloaded_error"),
    "concurrency": (429, "rate_limit_reached_error"),
    "rpm": (429, "rate_limit_reached_error"),
    "tpm": (429, "rate_limit_reached_error"),
    "tpd": (429, "rate_limit_reached_error"),
    "quota": (429, "exceeded_current_quota_error"),
    "token_quota": (429, "exceeded_current_quota_error"),
    "server_error": (500, "server_error"),
    "unexpected_output": (500, "unexpected_output"),
    "server_unavailable": (503, "server_unavailable"),
    "content_filter": (400, "content_filter"),
    "unauthorized": (401, "invalid_authentication_error"),
    "no_model": (404, "resource_not_found_error"),
    "too_long": (400, "invalid_request_error"),
}
REPLY = {"documents": [{"id": "a", "record": {"x": 1, "y": None}}, {"id": "b", "record": {"x": 2, "y": "z"}}]}
PLAIN = json.dumps(REPLY, separators=(",", ":"))


@pytest.fixture
def kimi() -> Iterator[Running]:
    """An emulator that answers at once."""
    with running(Config(timing=False, tier=5)) as emulator:
        yield emulator


def set_fault(kimi: Running, kind: str, **more: Any) -> Fault:
    """Makes this the only fault."""
    fault = Fault(kind, **more)
    kimi.config.faults = [fault]
    return fault


@pytest.mark.parametrize("kind", REFUSALS)
def test_refusals_on_command(kimi: Running, kind: str) -> None:
    """Each error reply comes on command with its status and type, costs nothing, and is no breach of a limit."""
    set_fault(kimi, kind)
    assert error(post(kimi, body()))[:2] == REFUSALS[kind]
    entry = kimi.journal[-1]
    assert (entry.fault, entry.cost_usd, entry.admitted) == (kind, 0.0, False)
    assert kimi.breaches() == []


@pytest.mark.parametrize(("kind", "status"), [("bad_gateway", 502), ("gateway_timeout", 504)])
def test_gateway_pages(kimi: Running, kind: str, status: int) -> None:
    """The gateway answers with an HTML page, not with JSON."""
    set_fault(kimi, kind)
    reply = post(kimi, body())
    assert reply.status_code == status
    assert reply.headers["content-type"] == "text/html"
    assert "<center>nginx</center>" in reply.text


def test_forms_of_retry_after(kimi: Running) -> None:
    """An overload carries Retry-After: seconds by default, a date or zero when so set."""
    set_fault(kimi, "overloaded", value=7)
    assert post(kimi, body()).headers["retry-after"] == "7"
    kimi.config.retry_after_form = "zero"
    assert post(kimi, body()).headers["retry-after"] == "0"
    kimi.config.retry_after_form = "date"
    ahead = parsedate_to_datetime(post(kimi, body()).headers["retry-after"]).timestamp() - time.time()
    assert 4.0 < ahead < 9.0


@pytest.mark.parametrize("kind", ["reset_before", "reset_mid", "truncated"])
@pytest.mark.parametrize("stream", [False, True])
def test_broken_connections(kimi: Running, kind: str, stream: bool) -> None:  # noqa: FBT001 - a column of the table
    """The client sees a transport error; the work is billed but counts as not delivered, so asking again is no double."""
    set_fault(kimi, kind, attempts=1)
    with pytest.raises(httpx2.TransportError):
        post(kimi, body(stream=stream))
    entry = kimi.journal[0]
    assert (entry.status, entry.delivered, entry.fault) == (0, False, kind)
    assert entry.cost_usd > 0
    assert post(kimi, body(stream=stream)).status_code == 200
    assert kimi.asked_twice() == []
    assert len(kimi.paid()) == 2


def test_undelivered_work_may_be_free(kimi: Running) -> None:
    """With the setting off a broken reply costs nothing."""
    kimi.config.bill_undelivered = False
    set_fault(kimi, "reset_before")
    with pytest.raises(httpx2.TransportError):
        post(kimi, body())
    assert kimi.paid() == []


def test_same_body_answered_twice_is_told(kimi: Running) -> None:
    """asked_twice names a body that was answered to the last byte more than once, streamed or not, also with spoiled content."""
    set_fault(kimi, "not_json", attempts=1)
    post(kimi, body("one"))
    post(kimi, body("two"))
    assert kimi.asked_twice() == []
    post(kimi, body("one", stream=True))
    assert kimi.asked_twice() == [kimi.journal[0].fingerprint]


def answers(kimi: Running) -> bool:
    """True when a connection is taken and answered."""
    try:
        return post(kimi, body()).status_code == 200
    except httpx2.ConnectError:
        return False


def test_nobody_listens() -> None:
    """While the door is shut a connection is refused; after that the same port answers again."""
    with running(Config(timing=False, faults=[Fault("refused", until_s=0.4)])) as kimi:
        time.sleep(0.15)
        with pytest.raises(httpx2.ConnectError):
            post(kimi, body())
        deadline = time.monotonic() + 10
        while not answers(kimi):
            assert time.monotonic() < deadline, "the door stayed shut"
            time.sleep(0.05)


def test_stall(kimi: Running) -> None:
    """A stalled reply sends nothing until the client's patience ends; the call is noted as left by the client."""
    set_fault(kimi, "stall", value=30)
    with pytest.raises(httpx2.ReadTimeout):
        httpx2.post(
            kimi.base_url + "/chat/completions",
            json=body(),
            headers={"Authorization": f"Bearer {kimi.key}"},
            timeout=0.3,
        )
    deadline = time.monotonic() + 10
    while kimi.journal[0].status != 499 and time.monotonic() < deadline:
        time.sleep(0.02)
    assert kimi.journal[0].status == 499


@pytest.mark.parametrize("kind", ["stream_cut", "stream_error", "content_filter_output"])
def test_streams_that_end_early(kimi: Running, kind: str) -> None:
    """A cut stream ends in good order but without [DONE]; one that fails ends with an error frame; what was made is billed."""
    set_fault(kimi, kind)
    lines = [line for line in post(kimi, body(stream=True)).text.split("\n\n") if line]
    assert "data: [DONE]" not in lines
    assert ('"error"' in lines[-1]) == (kind != "stream_cut")
    entry = kimi.journal[0]
    assert not entry.delivered
    assert 0 < entry.reply_tokens < 120


def test_sdk_raises_on_an_error_frame(kimi: Running) -> None:
    """The error frame reaches the caller of the SDK as an API error."""
    set_fault(kimi, "stream_error")
    with sdk(kimi) as client, pytest.raises(openai.APIError):
        list(
            client.chat.completions.create(
                model=K26, messages=[{"role": "user", "content": "x"}], stream=True, extra_body=OFF
            )
        )


def test_stream_faults_leave_whole_replies_alone(kimi: Running) -> None:
    """A fault of streams does not strike, and is not noted, when the reply is not streamed; no_usage drops the usage chunk."""
    set_fault(kimi, "no_usage")
    assert post(kimi, body()).status_code == 200
    assert kimi.journal[0].fault == ""
    text = post(kimi, body(stream=True, stream_options={"include_usage": True})).text
    assert text.endswith("data: [DONE]\n\n")
    assert "prompt_tokens" not in text


def test_content_filter(kimi: Running) -> None:
    """A marker word in the prompt is refused at once, a filtered output after the wait; neither is billed."""
    kimi.config.filter_word = "FORBIDDEN"
    wanted = (400, "content_filter", "The request was rejected because it was considered high risk")
    assert error(post(kimi, body("this is FORBIDDEN"))) == wanted
    set_fault(kimi, "content_filter_output", match="secret")
    assert error(post(kimi, body("a secret"))) == wanted
    assert post(kimi, body("a word")).status_code == 200
    assert len(kimi.paid()) == 1


@pytest.mark.parametrize(
    ("kind", "wanted"),
    [
        ("fenced", f"```json\n{PLAIN}\n```"),
        ("trailing_comma", PLAIN[:-1] + ",}"),
        ("cut", PLAIN[: len(PLAIN) * 2 // 3]),
        ("empty", ""),
        ("array", json.dumps(REPLY["documents"], separators=(",", ":"))),
        ("missing_field", PLAIN.replace('"x":1,', "")),
        ("extra_field", PLAIN.replace('"y":null', '"y":null,"confidence":"high"')),
        ("empty_for_null", PLAIN.replace('"y":null', '"y":""')),
        ("wrong_type", PLAIN.replace('"x":1', '"x":{"value":1}')),
        ("missing_document", '{"documents":[{"id":"a","record":{"x":1,"y":null}}]}'),
        ("duplicate_document", PLAIN[:-2] + ',{"id":"a","record":{"x":1,"y":null}}]}'),
        ("unknown_document", PLAIN[:-2] + ',{"id":"kffff","record":{"x":1,"y":null}}]}'),
        (
            "mixed_up",
            '{"documents":[{"id":"a","record":{"x":2,"y":"z"}},{"id":"b","record":{"x":1,"y":null}}]}',
        ),
    ],
)
def test_spoiled_content(kimi: Running, kind: str, wanted: str) -> None:
    """Each content fault comes as a 200 whose content is spoiled in its own way; it is billed and finishes as if nothing were."""
    kimi.script("", REPLY)
    set_fault(kimi, kind)
    reply = post(kimi, body())
    assert content(reply) == wanted
    assert reply.json()["choices"][0]["finish_reason"] == "stop"
    assert kimi.journal[0].cost_usd > 0


def test_prose_and_whitespace(kimi: Running) -> None:
    """Prose stands around the JSON; a flood of white space runs into the budget."""
    kimi.script("", REPLY)
    set_fault(kimi, "prose")
    assert PLAIN in content(post(kimi, body()))
    set_fault(kimi, "not_json")
    assert "{" not in content(post(kimi, body()))
    set_fault(kimi, "whitespace")
    reply = post(kimi, body(max_completion_tokens=200))
    assert content(reply).endswith(" \n \n")
    assert (reply.json()["choices"][0]["finish_reason"], reply.json()["usage"]["completion_tokens"]) == (
        "length",
        200,
    )


def test_no_content_and_odd_finish(kimi: Running) -> None:
    """The content may be null, or empty with everything in the reasoning; the finish reason may be a word that nobody told of."""
    set_fault(kimi, "null_content")
    assert content(post(kimi, body())) is None
    set_fault(kimi, "only_reasoning")
    message = post(kimi, body()).json()["choices"][0]["message"]
    assert message["content"] == ""
    assert message["reasoning_content"]
    set_fault(kimi, "odd_finish")
    assert post(kimi, body()).json()["choices"][0]["finish_reason"] == "network_error"


def test_when_and_whom_a_fault_strikes() -> None:
    """Times, bursts, first attempts, a cap, a model and a marker word narrow a fault down."""
    with running(Config(timing=False, virtual=True, tier=5)) as kimi:

        def struck(text: str = "x") -> bool:
            return post(kimi, body(text)).status_code == 503

        set_fault(kimi, "server_unavailable", from_s=10.0, until_s=40.0, every_s=10.0, for_s=2.0)
        found = []
        for _ in range(50):
            found.append(struck())
            kimi.advance(1.0)
        assert [at for at, hit in enumerate(found) if hit] == [10, 11, 20, 21, 30, 31]
        set_fault(kimi, "server_unavailable", attempts=1)
        assert [struck("new"), struck("new"), struck("newer")] == [True, False, True]
        set_fault(kimi, "server_unavailable", times=2)
        assert [struck() for _ in range(3)] == [True, True, False]
        set_fault(kimi, "server_unavailable", match="marker")
        assert [struck(), struck("a marker here")] == [False, True]
        set_fault(kimi, "server_unavailable", model="kimi-k3")
        assert not struck()


def test_lots_are_drawn_by_seed_and_body() -> None:
    """Which bodies a probability strikes does not depend on their order, only on the seed; the share is as told."""

    def struck(seed: int, order: list[int]) -> set[int]:
        with running(
            Config(
                timing=False, tier=5, rpm=10_000, seed=seed, faults=[Fault("server_error", probability=0.3)]
            )
        ) as kimi:
            return {at for at in order if post(kimi, body(f"number {at}")).status_code == 500}

    forward = struck(1, list(range(60)))
    assert forward == struck(1, list(reversed(range(60)))) != struck(2, list(range(60)))
    assert 8 <= len(forward) <= 30


def test_other_paths_can_fail(kimi: Running) -> None:
    """A fault may name another path."""
    set_fault(kimi, "server_unavailable", path="/models")
    assert "error" in get(kimi, "/models")
    assert post(kimi, body()).status_code == 200


def test_gateway_loses_patience() -> None:
    """A reply that is silent for 900 s ends as 504 with a page; the same reply streamed arrives."""
    with running(Config(time_scale=5_000.0, tokens_per_s=0.1, tier=5)) as kimi:
        assert post(kimi, body()).status_code == 504
        assert kimi.journal[0].ended_s - kimi.journal[0].time_s >= 900
        assert kimi.journal[0].cost_usd > 0
        assert "[DONE]" in post(kimi, body(stream=True)).text


def test_client_that_hangs_up_frees_its_place() -> None:
    """Who leaves in mid-stream is noted as 499, pays for what was made, and its place is free."""
    with running(Config(tier=0, rpm=100, tokens_per_s=50, ttft_s=0.05)) as kimi:
        headers = {"Authorization": f"Bearer {kimi.key}"}
        with httpx2.stream(
            "POST", kimi.base_url + "/chat/completions", json=body(stream=True), headers=headers, timeout=10
        ) as reply:
            next(reply.iter_bytes())
        deadline = time.monotonic() + 10
        while kimi.journal[0].status != 499 and time.monotonic() < deadline:
            time.sleep(0.02)
        entry = kimi.journal[0]
        assert (entry.status, entry.delivered) == (499, False)
        assert 0 <= entry.reply_tokens < 120
        kimi.config.timing = False
        assert post(kimi, body()).status_code == 200


def test_a_model_retires_while_running() -> None:
    """From its hour on a model answers 404."""
    with running(Config(timing=False, virtual=True, retire_at={K26: 60.0})) as kimi:
        assert post(kimi, body()).status_code == 200
        kimi.advance(60.0)
        assert post(kimi, body()).status_code == 404


def test_kinds_are_known() -> None:
    """A kind that does not exist is refused when it is set, and each kind that is drawn exists."""
    for kind in [*REFUSALS, *faults.SENDING, *faults.ANSWER, *faults.DOOR]:
        faults.check_kind(kind)
    with pytest.raises(ValueError, match="no fault of kind gremlin"):
        faults.check_kind("gremlin")


def test_garbage_on_the_wire_harms_nobody(kimi: Running) -> None:
    """Bytes that are no HTTP, or stop in the middle, end their own connection only."""
    host, port = "127.0.0.1", int(kimi.base_url.rsplit(":", 1)[1].removesuffix("/v1"))
    for garbage in (
        b"\x16\x03\x01 hello\r\n\r\n",
        b"POST /v1/chat/completions HTTP/1.1\r\nContent-Length: many\r\n\r\n",
        b"GET",
    ):
        with socket.create_connection((host, port)) as line:
            line.sendall(garbage)
    assert post(kimi, body()).status_code == 200


def test_slow_readers_do_not_block_others() -> None:
    """A client that does not read its stream holds back its own reply only."""
    with running(Config(timing=False, tier=5, text_tokens=200_000, stream_chunk_tokens=64)) as kimi:
        headers = {"Authorization": f"Bearer {kimi.key}"}

        async def main() -> list[int]:
            async with httpx2.AsyncClient(headers=headers, timeout=20.0) as client:
                slow = client.stream(
                    "POST",
                    kimi.base_url + "/chat/completions",
                    json=body(stream=True, max_completion_tokens=200_000),
                )
                async with slow:
                    short = [
                        client.post(kimi.base_url + "/chat/completions", json=body(max_completion_tokens=9))
                        for _ in range(3)
                    ]
                    return [reply.status_code for reply in await asyncio.gather(*short)]

        assert asyncio.run(main()) == [200, 200, 200]
