"""A reply that comes as a stream of server-sent events: an HTTP response in, the raw JSON of one completion out.

The raw JSON has the shape of a reply that came in one piece, so that whoever reads it need not know. Only `[DONE]`, or a finish reason
together with the usage, makes a stream whole; what arrived of any other is kept with the finish reason `cut`, since it may have been paid:

    data: {"choices":[{"delta":{"content":"The sum"}}]}      ->  {"choices":[{"message":{"role":"assistant","content":"The sum"},
    (the connection ends)                                          "finish_reason":"cut"}],"cut":"it ended without [DONE]", ...}

Silence is measured between bytes, not over the whole reply, because a long reply takes many minutes. How long it may last before the
first word depends on how much is to be read, and thought.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import aclosing
from typing import Any

import httpx2

from octavo.processors.ask.api.tool_calls import Fragments

STREAM_FROM_TOKENS = 8_192  # 200 s at 40 tokens a second; shorter replies come in one piece, which takes less work; our choice, 2026-11-23
# Before the first word a prompt is read and, where thoughts are not shown, thought over. No page says how fast (2026-11): these are slow.
# Moonshot's gateway itself ends a silence of 900 s (documentation of 2026-08-13).
FIRST_WORD_S = 180.0  # to be let in and begin, in seconds: to wait is free, and a call that is given up may be paid; our choice, 2026-11-23
READ_TOKENS_PER_S, THOUGHT_TOKENS_PER_S = (
    1_000.0,
    20.0,
)  # an eighth of what plans reckon with, and half; our choice, 2026-11-23
LONGEST_SILENCE_S = 930.0
STALL_S = 60.0  # silence after the first words, in seconds; a slow model says a word in far less; our choice, 2026-11-23
END_S = 1.0  # what follows [DONE] is the end of the body, which comes at once
FRAME_BYTES = 1_024  # most that one token may take; frames of one token have 200 to 400 (examples of Moonshot's api/chat, 2026-08-13)
SPARE_BYTES = 1 << 20  # for frames that carry no token
BLANK_CHARACTERS = (
    4_000  # white space in a row that no JSON has; models are known to go on with it for ever (2026-08-13)
)
CUT, ENDLESS, FILTERED = (
    "cut",
    "endless",
    "content_filter",
)  # finish reasons of ours; the last one is OpenAI's
SWITCHES: Mapping[str, Any] = {"stream": True, "stream_options": {"include_usage": True}}
LIMITS = ("max_completion_tokens", "max_tokens")  # names of the reply limit, the newer one first
LIMIT_TOKENS = (
    131_072  # the largest default of a model (K3 quick start, 2026-08-13), for a request that names no limit
)

# Statuses of error types (Moonshot's error page, 2026-08-13): an error inside a stream comes without one.
_STATUS = {
    "content_filter": 400,
    "invalid_request_error": 400,
    "invalid_authentication_error": 401,
    "incorrect_api_key_error": 401,
    "permission_denied_error": 403,
    "resource_not_found_error": 404,
    "rate_limit_reached_error": 429,
    "exceeded_current_quota_error": 429,
    "engine_overloaded_error": 429,
    "server_unavailable": 503,
}


class Assembly:
    """The frames of one reply, put together as they come. `trouble` says why a stream ended before its end."""

    def __init__(self, say: Callable[[str], None] = lambda _: None) -> None:
        """Start empty; `say` gets the words as they come."""
        self._say = say
        self._calls = Fragments()
        self.trouble = ""
        self.done = False
        self.error: dict[str, Any] | None = None  # the body of an error frame
        self._head: dict[str, Any] = {}
        self._text: list[str] = []
        self._reasoning: list[str] = []
        self._finish_reason = ""
        self._usage: dict[str, Any] | None = None
        self._blank = 0  # characters of white space since the last word

    @property
    def begun(self) -> bool:
        """Whether the model has said or thought anything yet."""
        return bool(self._text or self._reasoning or self._calls.whole())

    @property
    def has_text(self) -> bool:
        """Whether there are words to keep."""
        return any(self._text)

    @property
    def whole(self) -> bool:
        """Whether this is the reply to its last word."""
        return self.done or bool(self._finish_reason and self._usage)

    @property
    def status(self) -> int:
        """The HTTP status that the error frame would have had: by its type, else by its code, else 500."""
        error = (self.error or {}).get("error")
        error = error if isinstance(error, dict) else {}
        code = error.get("status", error.get("code"))
        by_code = code if isinstance(code, int) and 400 <= code < 600 else 500
        return _STATUS.get(str(error.get("type") or error.get("code")), by_code)

    def add(self, data: str) -> None:
        """Take the data of one frame. Raises ValueError when it is no frame of a completion."""
        if data.startswith("[DONE]"):
            self.done = True
            return
        frame = json.loads(data)
        if not isinstance(frame, dict):
            raise ValueError("a frame is no JSON object")  # noqa: TRY004 - the data is wrong, not the caller
        if frame.get("error"):
            self.error = frame
            return
        self._head = self._head or {name: frame.get(name) for name in ("id", "created", "model")}
        self._usage = frame.get("usage") or self._usage
        for choice in frame.get("choices") or ():
            self._take(choice)

    def raw(self) -> str:
        """The JSON of the completion that the frames make."""
        message: dict[str, Any] = {"role": "assistant", "content": "".join(self._text)}
        if self._reasoning:
            message["reasoning_content"] = "".join(self._reasoning)
        if calls := self._calls.whole():
            message["tool_calls"] = calls
        choice = {"index": 0, "message": message, "finish_reason": self._ended()}
        made = {
            **self._head,
            "object": "chat.completion",
            "choices": [choice],
            "usage": self._usage,
            **(self.error or {}),
        }
        if not self.whole:
            made["cut"] = self.trouble or "it ended without [DONE]"
        return json.dumps(made, ensure_ascii=False)

    def is_flooding(self) -> bool:
        """Whether nothing but white space has come for long."""
        return self._blank > BLANK_CHARACTERS

    def _take(self, choice: Mapping[str, Any]) -> None:
        """One choice of a frame; usage may sit here too, as Moonshot's own example has it."""
        delta = choice.get("delta") or {}
        self._usage = choice.get("usage") or self._usage
        self._finish_reason = choice.get("finish_reason") or self._finish_reason
        if thought := delta.get("reasoning_content"):
            self._reasoning.append(thought)
        if pieces := delta.get("tool_calls"):
            self._calls.add(pieces)
            self._blank = 0
        if said := words_of(delta.get("content")):
            self._text.append(said)
            self._say(said)
            words = said.rstrip()
            self._blank = len(said) - len(words) + (0 if words else self._blank)

    def _ended(self) -> str:
        if self.whole:
            return self._finish_reason or "stop"
        if self.error and self.status == 400:
            return FILTERED
        return ENDLESS if self.trouble == ENDLESS else CUT


def words_of(content: Any) -> str:
    """The words of a message's content, which some hosts write as a list of parts; "" for what has none."""
    if isinstance(content, list):
        parts = (part if isinstance(part, str) else part.get("text") for part in content if part)
        return "".join(part for part in parts if isinstance(part, str))
    return content if isinstance(content, str) else ""


class _Watched(httpx2.AsyncByteStream):
    """The bytes of a response: no longer silent than `wait_s` (None leaves it to the client), and no more than `most`."""

    def __init__(self, source: httpx2.AsyncByteStream, most: int) -> None:
        self.wait_s: float | None = None
        self._source, self._left = source, most

    async def __aiter__(self) -> AsyncIterator[bytes]:
        chunks = aiter(self._source)
        while True:
            async with asyncio.timeout(self.wait_s):
                chunk = await anext(chunks, None)
            if chunk is None:
                return
            self._left -= len(chunk)
            if self._left < 0:
                raise OverflowError
            yield chunk

    async def aclose(self) -> None:
        await self._source.aclose()


def first_word_s(prompt_tokens: int, thought_tokens: int) -> float:
    """How long a stream may be silent before its first word, in seconds."""
    return min(
        LONGEST_SILENCE_S,
        FIRST_WORD_S + prompt_tokens / READ_TOKENS_PER_S + thought_tokens / THOUGHT_TOKENS_PER_S,
    )


async def collect(
    response: httpx2.Response, *, limit_tokens: int, say: Callable[[str], None] = lambda _: None
) -> Assembly:
    """Read a stream to its end, wherever that is, and close it. Nothing is raised: what went wrong stands in the assembly."""
    assert isinstance(response.stream, httpx2.AsyncByteStream)
    watched = _Watched(response.stream, limit_tokens * FRAME_BYTES + SPARE_BYTES)
    response.stream = watched
    made = Assembly(say)
    try:
        async with aclosing(aiter(httpx2.EventSource(response))) as events:  # type: ignore[type-var] # it is a generator
            async for event in events:
                made.add(event.data)
                watched.wait_s = END_S if made.done else STALL_S if made.begun else None
                if made.error or made.is_flooding():
                    made.trouble = "an error came in it" if made.error else "it was flooded with white space"
                    break
    except TimeoutError:
        made.trouble = f"it was silent for {watched.wait_s:g} s"
    except OverflowError:
        made.trouble = ENDLESS
    except (httpx2.HTTPError, ValueError, TypeError, AttributeError) as error:
        made.trouble = f"it broke with {type(error).__name__}"
    finally:
        await response.aclose()
    return made


def limit_of(body: Mapping[str, Any]) -> int:
    """The reply limit that a request's body names, in tokens."""
    return next((int(body[name]) for name in LIMITS if body.get(name)), LIMIT_TOKENS)
