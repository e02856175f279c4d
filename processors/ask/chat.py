"""One call of a chat model through the OpenAI SDK: JSON in, raw JSON out, and every trouble told apart by its meaning.

The SDK's own retries are off: a retry it made would be a request that nobody paced, paid or wrote down.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Self

import httpx2
import openai

from schemas.errors import AccessRefused, OctavoError, ProviderUnavailable, RequestRefused
from schemas.pipeline import Usage

CONNECT_TIMEOUT_S = 20.0
READ_TIMEOUT_S = 930.0  # the gateway cuts a silent call after 900 s (documentation of 2026-08-13)
AGAIN_STATUS = frozenset({408, 409, 429, 500, 502, 503, 504, 529})  # what Moonshot's own client tries again (2026-09)
NO_MONEY = re.compile(
    r"exceeded_current_quota|current (token )?quota|account balance|insufficient balance|recharge|in arrears|suspended", re.IGNORECASE
)
AFTER_SECONDS = re.compile(r"after (\d+(?:\.\d+)?) seconds?", re.IGNORECASE)
SECRET = re.compile(r"(sk-|Bearer\s+)[A-Za-z0-9_\-.]{6,}")


class TryLater(OctavoError):
    """A call that may succeed later; it never leaves this room, which either succeeds or says ProviderUnavailable.

    `wait_s` is what the provider asked for, None when it said nothing.

    `maybe_paid` is true when the connection broke after the request had left, so that nobody knows whether it was billed.
    """

    exit_code = 2

    def __init__(self, message: str, *, wait_s: float | None = None, shared: bool = False, maybe_paid: bool = False) -> None:
        """`shared` is true when all calls should wait, not only this one."""
        super().__init__(message)
        self.wait_s = wait_s
        self.shared = shared
        self.maybe_paid = maybe_paid


@dataclass(frozen=True, slots=True)
class Completion:
    """What a raw reply says. `finish_reason` is `unreadable` when it is no chat completion at all."""

    text: str
    finish_reason: str
    usage: Usage


class Chat:
    """A connection to one provider. Owns its sockets: use it in an `async with` block."""

    def __init__(
        self,
        base_url: str,
        key: str,
        *,
        concurrency: int,
        transport: httpx2.AsyncBaseTransport | None = None,
        heard: Callable[[Mapping[str, str]], None] = lambda _: None,
    ) -> None:
        """`transport` replaces the network, for the provider that answers in this process; `heard` is given the headers of each reply."""

        async def hear(response: httpx2.Response) -> None:
            heard(response.headers)

        limits = httpx2.Limits(max_connections=max(concurrency, 1) + 2, max_keepalive_connections=max(concurrency, 1) + 2)
        timeout = httpx2.Timeout(READ_TIMEOUT_S, connect=CONNECT_TIMEOUT_S)
        hooks = {"response": [hear]}
        http = httpx2.AsyncClient(transport=transport, limits=limits, timeout=timeout, trust_env=transport is None, event_hooks=hooks)
        self._client = openai.AsyncOpenAI(base_url=base_url, api_key=key or "none", max_retries=0, http_client=http)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._client.close()

    async def send(self, body: Mapping[str, Any]) -> str:
        """Make one call and give the raw JSON of the reply. Raises TryLater, RequestRefused and AccessRefused."""
        try:
            reply = await self._client.post("/chat/completions", cast_to=httpx2.Response, body=dict(body))
        except openai.APIStatusError as error:
            raise trouble(error.status_code, error.response.text, error.response.headers) from None
        except openai.APIConnectionError as error:
            raise TryLater(_connection_sentence(error), maybe_paid=_had_left(error)) from None
        return reply.text

    async def get(self, path: str) -> Any:
        """The JSON of a GET, such as `/models` or the balance. Raises like `send`."""
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT_S):
                return (await self._client.get(path, cast_to=httpx2.Response)).json()
        except openai.APIStatusError as error:
            raise trouble(error.status_code, error.response.text, error.response.headers) from None
        except (openai.APIConnectionError, TimeoutError) as error:
            raise ProviderUnavailable(f"{self._client.base_url} does not answer ({type(error).__name__}).") from None
        except json.JSONDecodeError:
            raise ProviderUnavailable(f"{self._client.base_url} answers {path} with something that is no JSON.") from None


def trouble(status: int, body: str, headers: Mapping[str, str]) -> OctavoError:
    """The error of an HTTP answer that is not 2xx, by its meaning (Moonshot's error page, 2026-08-13)."""
    kind, message = _error_of(body)
    said = SECRET.sub("[key]", f"{status} {kind}: {message}".strip(": "))
    if status == 401:
        return AccessRefused(f"The provider refused the key ({said}).", next_step="Check the key and that it belongs to this base URL.")
    if status in {402, 403} or (status == 429 and NO_MONEY.search(f"{kind} {message}")):
        return AccessRefused(f"The provider refuses this account ({said}).", next_step="Check balance and permissions in its console.")
    if status == 404:
        return AccessRefused(f"The provider does not serve this model or address ({said}).", next_step="`octavo models` lists models.")
    if status in AGAIN_STATUS:
        return TryLater(f"The provider asks to try later ({said}).", wait_s=_wait_s(message, headers), shared=status in {429, 503, 529})
    return RequestRefused(f"The provider refused the request ({said}).")


def read_completion(raw: str) -> Completion:
    """Text, finish reason and usage of a raw reply. Never raises: a reply that cannot be read is paid all the same."""
    try:
        data = json.loads(raw)
        choice = data["choices"][0]
        return Completion(choice["message"].get("content") or "", str(choice.get("finish_reason")), _usage(data, choice))
    except (ValueError, LookupError, TypeError, AttributeError):
        return Completion("", "unreadable", Usage(prompt_tokens=0, reply_tokens=0))


def _usage(data: Mapping[str, Any], choice: Mapping[str, Any]) -> Usage:
    usage = data.get("usage") or choice.get("usage") or {}
    cached = usage.get("cached_tokens", (usage.get("prompt_tokens_details") or {}).get("cached_tokens"))
    return Usage(int(usage.get("prompt_tokens", 0)), int(usage.get("completion_tokens", 0)), None if cached is None else int(cached))


def _error_of(body: str) -> tuple[str, str]:
    """Type and message of an error body; gateways answer with HTML, of which the title is enough."""
    try:
        error = json.loads(body).get("error") or {}
        return str(error.get("type") or error.get("code") or ""), str(error.get("message") or "")
    except (ValueError, AttributeError):
        title = re.search(r"<title>(.*?)</title>", body, re.IGNORECASE | re.DOTALL)
        return "gateway", (title.group(1) if title else body[:200]).strip()


def _wait_s(message: str, headers: Mapping[str, str]) -> float | None:
    """What the provider asks to wait: the header `Retry-After` in seconds, else "after N seconds" in the message."""
    header = headers.get("retry-after", "")
    if header.replace(".", "", 1).isdigit():
        return float(header)
    found = AFTER_SECONDS.search(message)
    return float(found.group(1)) if found else None


def _connection_sentence(error: openai.APIConnectionError) -> str:
    cause = error.__cause__
    return f"The connection to the provider broke ({type(cause).__name__ if cause else type(error).__name__})."


def _had_left(error: openai.APIConnectionError) -> bool:
    return not isinstance(error.__cause__, httpx2.ConnectError | httpx2.ConnectTimeout | httpx2.PoolTimeout)
