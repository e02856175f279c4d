"""Streams, over HTTP through the real SDK: whole only when they say so, and nothing of what arrived is lost."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from itertools import pairwise
from typing import Any

import httpx2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from octavo.processors.ask.api import stream
from octavo.processors.ask.api.chat import Chat, Retryable, read_completion
from octavo.processors.ask.providers import catalogue
from octavo.schemas.errors import AccessRefused
from tests.emulator.config import Config, Fault
from tests.emulator.fixture import Running, running
from tests.emulator.generation import Scripted
from tests.emulator.refusals import server
from tests.false_time import emulated, now, run

WORDS = " ".join(f"word{number}" for number in range(400))


@pytest.fixture
def kimi() -> Iterator[Running]:
    """A Kimi that answers everything with the same four hundred words."""
    with running(Config(tier=5, timing=False, oracle=lambda _: WORDS)) as emulator:
        yield emulator


def body(**more: Any) -> dict[str, Any]:
    """A request that asks for a stream."""
    plain = {
        "model": "kimi-k2.6",
        "messages": [{"role": "user", "content": "Tell me."}],
        "thinking": {"type": "disabled"},
    }
    return {**plain, "max_completion_tokens": 10_000, **stream.SWITCHES, **more}


async def send(kimi: Running, request: dict[str, Any] | None = None) -> str:
    """One call."""
    async with Chat(
        kimi.base_url, kimi.key, provider=catalogue().provider("moonshot"), concurrency=1
    ) as chat:
        return (await chat.send(request or body())).raw


async def test_a_stream_is_a_reply_like_another(kimi: Running) -> None:
    """A streamed reply has the text, the finish reason and the usage of the same reply in one piece."""
    streamed = read_completion(await send(kimi))
    whole = read_completion(
        await send(kimi, {name: value for name, value in body().items() if name not in stream.SWITCHES})
    )
    assert streamed == whole
    assert (streamed.text, streamed.finish_reason, streamed.usage.reply_tokens > 400) == (WORDS, "stop", True)
    assert [entry.streamed for entry in kimi.journal] == [True, False]


@pytest.mark.parametrize("asked", [True, False])
@pytest.mark.parametrize("place", ["choice", "top", "both"])
@pytest.mark.parametrize("cached", ["top", "nested"])
async def test_usage_is_read_wherever_it_sits(kimi: Running, place: Any, cached: Any, *, asked: bool) -> None:
    """Usage counts in the last choice, at the top of the last chunk, or in a chunk of its own, with cached tokens in either place."""
    kimi.config.stream_usage, kimi.config.cached_place = place, cached
    usage = read_completion(await send(kimi, body(stream_options={"include_usage": asked}))).usage
    assert (usage.prompt_tokens, usage.reply_tokens) == (
        kimi.journal[0].prompt_tokens,
        kimi.journal[0].reply_tokens,
    )
    assert usage.cached_tokens == 0


async def test_a_whole_stream_without_usage_is_whole(kimi: Running) -> None:
    """`[DONE]` makes a reply whole, also when the usage never came; what it used is then not known."""
    kimi.config.faults.append(Fault("no_usage"))
    done = read_completion(await send(kimi))
    assert (done.text, done.finish_reason, done.usage.prompt_tokens) == (WORDS, "stop", 0)


@pytest.mark.parametrize("kind", ["stream_cut", "stream_error", "reset_mid", "truncated"])
async def test_what_arrived_of_a_cut_stream_is_kept(kimi: Running, kind: str) -> None:
    """A stream that ends in the middle gives the words that came, marked as cut, whatever ended it."""
    kimi.config.faults.append(Fault(kind, value=0.5))
    raw = await send(kimi)
    done = read_completion(raw)
    assert done.finish_reason == "cut"
    assert WORDS.startswith(done.text)
    assert 0.3 < len(done.text) / len(WORDS) < 0.7
    assert json.loads(raw)["cut"]
    assert ("error" in json.loads(raw)) == (kind == "stream_error")


async def test_words_without_an_end_are_not_whole(kimi: Running) -> None:
    """A stream with all its words but neither `[DONE]` nor finish reason and usage is cut: nobody said that it was over."""
    kimi.config.faults.append(Fault("stream_cut", value=1.0))
    done = read_completion(await send(kimi))
    assert (done.text, done.finish_reason) == (WORDS, "cut")


async def test_silence_ends_a_stream(kimi: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    """A stream that falls silent after its first words is left, and what came is kept."""
    monkeypatch.setattr(stream, "STALL_S", 0.2)
    kimi.config.faults.append(Fault("stall", value=30.0))
    done = read_completion(await send(kimi))
    assert done.finish_reason == "cut"
    assert 0.3 < len(done.text) / len(WORDS) < 0.7


async def test_a_slow_stream_is_no_silence(kimi: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    """Silence is measured between bytes: a reply may take far longer than the silence that ends it, and its first word too."""
    monkeypatch.setattr(stream, "STALL_S", 0.4)
    kimi.config.timing, kimi.config.ttft_s, kimi.config.tokens_per_s, kimi.config.jitter = (
        True,
        0.6,
        1_000.0,
        0.0,
    )
    done = read_completion(await send(kimi))
    assert (done.text, done.finish_reason) == (WORDS, "stop")
    assert kimi.journal[0].ended_s - kimi.journal[0].time_s > 2 * 0.4


async def test_thoughts_are_kept_apart(kimi: Running) -> None:
    """The thoughts of a model that thinks are no part of its answer."""
    done = read_completion(await send(kimi, body(model="kimi-k2.7-code", thinking={"type": "enabled"})))
    assert done.text == WORDS
    assert "look at this" in done.reasoning


async def test_an_error_before_the_first_word_is_an_error(kimi: Running) -> None:
    """An error frame means what the same error means as an answer of its own; since the call had begun, it may be paid."""
    kimi.config.faults.append(Fault("stream_error", value=0.001))
    with pytest.raises(Retryable, match="engine_overloaded_error") as caught:
        await send(kimi)
    assert (caught.value.shared, caught.value.maybe_paid) == (True, True)


async def test_a_stream_that_ends_before_its_first_word_is_tried_again(kimi: Running) -> None:
    """There is nothing to keep of a stream without a word: the call is made again, and may have been paid."""
    kimi.config.faults.append(Fault("stream_cut", value=0.001))
    with pytest.raises(Retryable, match="not whole") as caught:
        await send(kimi)
    assert caught.value.maybe_paid


@pytest.mark.parametrize(
    ("characters", "ttft_s", "prefill", "ended_s"),
    [
        (100, 1_000.0, 8_000.0, 180.0),  # a short prompt, and silence
        (400_000, 1_000.0, 8_000.0, 267.0),  # a long one: 87,000 tokens
        (400_000, 40.0, 1_000.0, 127.0),  # one that is read slowly, and answered
    ],
)
def test_silence_before_the_first_word_is_measured_by_the_prompt(
    characters: int, ttft_s: float, prefill: float, ended_s: float
) -> None:
    """A stream may be silent at first for as long as reading its prompt takes a slow model, and no longer; then it is tried again."""

    async def ended() -> float:
        config = Config(
            tier=5, ttft_s=ttft_s, prefill_tokens_per_s=prefill, jitter=0.0, cache=False, tokens_per_s=1e6
        )
        asked = body(messages=[{"role": "user", "content": "x" * characters}])
        async with (
            emulated(config) as kimi,
            Chat(
                kimi.base_url, "sk-emulator", provider=catalogue().provider("moonshot"), concurrency=1
            ) as chat,
        ):
            silent_s = stream.first_word_s(round(characters / 4.6), 0)
            if ended_s < ttft_s:
                with pytest.raises(Retryable, match="said nothing for too long") as caught:
                    await chat.send(asked, silent_s=silent_s)
                assert caught.value.maybe_paid
            else:
                assert (
                    read_completion((await chat.send(asked, silent_s=silent_s)).raw).finish_reason == "stop"
                )
            return now()

    assert run(ended()) == pytest.approx(ended_s, abs=1.0)


def test_thoughts_that_are_not_shown_take_their_time() -> None:
    """Room to think is waited for before the first word, and never longer than a gateway waits."""
    assert stream.first_word_s(1_000, 0) == 181.0
    assert stream.first_word_s(1_000, 8_000) == 581.0
    assert stream.first_word_s(1_000_000, 100_000) == stream.LONGEST_SILENCE_S > 900.0


async def test_a_filter_that_ends_a_stream_is_no_cut(kimi: Running) -> None:
    """What a content filter stopped is kept, since it may be paid, and is not to be carried on."""
    kimi.config.faults.append(Fault("content_filter_output", value=0.5))
    done = read_completion(await send(kimi))
    assert done.finish_reason == "content_filter"
    assert WORDS.startswith(done.text)


async def test_a_flood_of_white_space_is_left(kimi: Running) -> None:
    """A model that goes on with white space is stopped long before its limit."""
    kimi.config.faults.append(Fault("whitespace"))
    kimi.config.timing, kimi.config.tokens_per_s, kimi.config.ttft_s = True, 50_000.0, 0.0
    done = read_completion(await send(kimi, body(max_completion_tokens=100_000)))
    assert (done.finish_reason, done.text.rstrip()) == ("cut", WORDS[: len(WORDS) // 2].rstrip())
    assert len(done.text) < 20_000


@pytest.mark.parametrize("switches", [{}, dict(stream.SWITCHES)])
async def test_refusals_mean_the_same_with_a_stream(kimi: Running, switches: dict[str, Any]) -> None:
    """What is refused before a stream begins is told apart like any other refusal."""
    plain = {name: value for name, value in body().items() if name not in stream.SWITCHES}
    kimi.config.balance_usd = 0.0
    with pytest.raises(AccessRefused):
        await send(kimi, {**plain, **switches})
    kimi.config.balance_usd = 100.0
    kimi.script(
        "Tell",
        Scripted(error=server(503, "server_unavailable", "The service is scaling, please try again later")),
    )
    with pytest.raises(Retryable):
        await send(kimi, {**plain, **switches})


class Bytes(httpx2.AsyncByteStream):
    """A body that comes in these pieces, and then ends, or goes on for ever."""

    def __init__(self, *pieces: bytes, endless: bool = False) -> None:
        self.pieces, self.endless, self.closed = pieces, endless, False

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for piece in self.pieces:
            yield piece
        while self.endless and not self.closed:
            await asyncio.sleep(0)
            yield self.pieces[-1]

    async def aclose(self) -> None:
        """The client has left."""
        self.closed = True


async def through(body: Bytes, kind: str = "text/event-stream", limit: int = 100) -> str:
    """What `Chat` makes of such a body."""
    transport = httpx2.MockTransport(
        lambda _: httpx2.Response(200, headers={"content-type": kind}, stream=body)
    )
    async with Chat(
        "http://provider.invalid/v1",
        "",
        provider=catalogue().provider("moonshot"),
        concurrency=1,
        transport=transport,
    ) as chat:
        return (await chat.send({**stream.SWITCHES, "model": "m", "messages": [], "max_tokens": limit})).raw


def frame(content: str, finish_reason: str | None = None, **more: Any) -> bytes:
    """One frame of a stream."""
    choice = {"index": 0, "delta": {"content": content}, "finish_reason": finish_reason}
    return b"data: " + json.dumps({"choices": [choice], **more}, ensure_ascii=False).encode() + b"\n\n"


async def test_endless_output_is_left() -> None:
    """Output beyond what the limit could be is not read on, is kept, and is not to be carried on."""
    flood = Bytes(frame("and "), endless=True)
    done = read_completion(await through(flood))
    assert flood.closed
    assert done.finish_reason == "endless"
    assert len(done.text) < 100 * stream.FRAME_BYTES + stream.SPARE_BYTES


class Lingering(Bytes):
    """A body that stays open when all is said."""

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for piece in self.pieces:
            yield piece
        await asyncio.sleep(3_600)


def test_a_stream_that_stays_open_behind_its_end_is_left() -> None:
    """A body that does not end behind `[DONE]` holds its slot for a moment only, and the reply is whole."""

    async def done() -> tuple[str, float]:
        raw = await through(Lingering(frame("all"), frame("", "stop"), b"data: [DONE]\n\n"))
        return read_completion(raw).finish_reason, now()

    assert run(done()) == ("stop", stream.END_S)


async def test_a_gateways_page_is_no_reply() -> None:
    """A page of HTML where a stream was expected is a gateway's trouble: tried again, and maybe paid."""
    with pytest.raises(Retryable, match="Bad Gateway") as caught:
        await through(Bytes(b"<html><title>502 Bad Gateway</title></html>"), kind="text/html")
    assert caught.value.maybe_paid


async def test_a_host_that_does_not_stream_is_understood() -> None:
    """A host that answers in one piece although a stream was asked for is read as it is."""
    whole = {
        "choices": [{"message": {"content": "all"}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 1, "completion_tokens": 2},
    }
    done = read_completion(await through(Bytes(json.dumps(whole).encode()), kind="application/json"))
    assert (done.text, done.usage.reply_tokens) == ("all", 2)


async def test_a_finish_reason_and_usage_are_an_end() -> None:
    """A host that leaves out `[DONE]` has said that it is over when it gave a finish reason and the usage."""
    usage = {"prompt_tokens": 1, "completion_tokens": 2}
    ended = read_completion(await through(Bytes(frame("a"), frame("b", "stop", usage=usage))))
    open_ = read_completion(await through(Bytes(frame("a"), frame("b", "stop"))))
    assert (ended.text, ended.finish_reason, open_.text, open_.finish_reason) == ("ab", "stop", "ab", "cut")


@pytest.mark.parametrize(
    "junk",
    [b"data: <html>\n\n", b"data: [1]\n\n", b'data: {"choices":[7]}\n\n', b'data: {"choices":[{"delta":{"co'],
)
async def test_junk_in_a_stream_is_a_cut(junk: bytes) -> None:
    """A frame that is none ends a stream; what came before is kept."""
    done = read_completion(
        await through(Bytes(frame("kept"), junk, frame(" lost") if junk.endswith(b"\n") else b""))
    )
    assert (done.text, done.finish_reason) == ("kept", "cut")


@given(
    text=st.text(min_size=1),
    cuts=st.lists(st.integers(0, 4_000), max_size=6),
    ending=st.sampled_from([b"\n", b"\r\n", b"\r"]),
)
def test_any_text_survives_any_pieces(text: str, cuts: list[int], ending: bytes) -> None:
    """However the bytes are cut on their way, and with whatever line ends and comments between, the text comes out as it went in."""
    data = (
        b": hello\n\n" + b"".join(frame(letter) for letter in text) + frame("", "stop") + b"data: [DONE]\n\n"
    )
    data = data.replace(b"\n", ending)
    edges = [0, *sorted(cut % len(data) for cut in cuts), len(data)]
    pieces = [data[start:end] for start, end in pairwise(edges)]
    done = read_completion(asyncio.run(through(Bytes(*pieces))))
    assert (done.text, done.finish_reason) == (text, "stop")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("plain", "plain"),
        ([{"type": "text", "text": "in "}, {"type": "text", "text": "parts"}], "in parts"),
        (["bare ", "words"], "bare words"),
        ([{"type": "thinking"}, None, {"type": "text", "text": "only"}], "only"),
        (None, ""),
        ({"text": "no list"}, ""),
    ],
)
def test_words_are_read_in_any_shape_of_content(content: Any, words: str) -> None:
    """Content that comes as a list of parts is their words; what has none is no words, and never a traceback."""
    raw = json.dumps({"choices": [{"message": {"content": content}, "finish_reason": "stop"}]})
    assert stream.words_of(content) == read_completion(raw).text == words
