"""One call of a chat model through the OpenAI SDK: JSON in, raw JSON out, and every trouble told apart by its meaning.

The SDK's own retries are off: a retry it made would be a request that nobody paced, paid or wrote down. What an answer means is
read by `refusals`, with the codes of the provider in `providers`; here it becomes an error. It also imports `stream`,
which puts the frames of a streamed reply together, `tool_calls`, which reads the calls in it, and `usage`, which reads what a
reply says it used.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Any, Self, cast

import httpx2

from octavo.processors.ask.api import stream
from octavo.processors.ask.api.refusals import Refusal, refusal, refusal_in_body, without_key
from octavo.processors.ask.api.tool_calls import ToolCall, calls_of
from octavo.processors.ask.api.usage import NOT_TOLD, used
from octavo.processors.ask.providers import Provider
from octavo.schemas.errors import (
    AccessRefused,
    ModelNotServed,
    OctavoError,
    ProviderUnavailable,
    RequestRefused,
)
from octavo.schemas.pipeline import Usage

if TYPE_CHECKING:
    import openai

CONNECT_TIMEOUT_S = 20.0
READ_TIMEOUT_S = stream.LONGEST_SILENCE_S  # of a reply in one piece
FINISH_REASONS = {
    "sensitive": "content_filter",
    "model_context_window_exceeded": "length",
}  # Z.ai's words for what others say (2026-08-31)
ENDS_ALL: Mapping[str, tuple[str, str]] = {  # kind of refusal -> what happened, what to do
    "key": ("The provider refused the key", "Check the key and that it belongs to this base URL."),
    "no_money": ("The provider refuses this account", "Check balance and permissions in its console."),
    "not_served": (
        "The provider does not serve this model or address",
        "`octavo models --check` lists what is served.",
    ),
}
ENDS_REQUEST: Mapping[
    str, tuple[str, str, str]
] = {  # kind of refusal -> what happened, reason in `rejects`, what to do
    "too_long": ("The request is too long for the provider", "too_long", ""),
    "filtered": ("The provider's content filter refused the request", "content_filter", ""),
    "schema": (
        "The provider refused the format of the reply",
        "refused",
        "Try another form (--reply-form entries), another model, or a smaller schema.",
    ),
    "malformed": ("The provider refused the request", "refused", ""),
}


class Retryable(OctavoError):
    """A call that may succeed later; it never leaves this room, which either succeeds or says ProviderUnavailable.

    `wait_s` is what the provider asked for, None when it said nothing.

    `maybe_paid` is true when the connection broke after the request had left, so that nobody knows whether it was billed.
    `unreached` is true when there was no connection at all. `away` is set by who tries again: true when no other call got through either.
    """

    exit_code = 2

    def __init__(
        self,
        message: str,
        *,
        wait_s: float | None = None,
        shared: bool = False,
        maybe_paid: bool = False,
        unreached: bool = False,
        refusal: Refusal | None = None,
    ) -> None:
        """`shared` is true when all calls may have to wait, not only this one; `refusal` is what the provider said, if it said anything."""
        super().__init__(message)
        self.wait_s = wait_s
        self.shared = shared
        self.maybe_paid = maybe_paid
        self.unreached = unreached
        self.away = False
        self.refusal = refusal


@dataclass(frozen=True, slots=True)
class Completion:
    """What a raw reply says. `finish_reason` is `unreadable` when it is no chat completion at all."""

    text: str
    finish_reason: str
    usage: Usage
    reasoning: str = ""
    tool_calls: tuple[ToolCall, ...] = ()


@dataclass(frozen=True, slots=True)
class RawReply:
    """What one call brought: the raw JSON of a reply, and what the provider said when it broke the reply off."""

    raw: str
    refusal: Refusal | None = None


class Chat:
    """A connection to one provider. Owns its sockets: use it in an `async with` block.

    It holds the key, and whatever comes back is given on without it: some hosts repeat it in what they refuse.
    """

    def __init__(
        self,
        base_url: str,
        key: str,
        *,
        provider: Provider,
        concurrency: int,
        transport: httpx2.AsyncBaseTransport | None = None,
        heard: Callable[[Mapping[str, str], float], None] = lambda *_: None,
        unserved: str = "",
    ) -> None:
        """`provider` tells how to read a refusal; `transport` replaces the network, for the provider that answers in this process.

        `heard` is given the headers of each answer, whatever it says, and the seconds since its request left. `unserved` is what to do when
        the model is not served, "" when nothing is known of it.
        """
        import openai  # here and below: it takes longer to load than all else together, and many commands ask nobody

        self._provider, self._key, self._unserved = provider, key, unserved
        limits = httpx2.Limits(
            max_connections=max(concurrency, 1) + 2, max_keepalive_connections=max(concurrency, 1) + 2
        )
        timeout = httpx2.Timeout(READ_TIMEOUT_S, connect=CONNECT_TIMEOUT_S)
        http = httpx2.AsyncClient(
            transport=transport,
            limits=limits,
            timeout=timeout,
            trust_env=transport is None,
            event_hooks=_hooks(heard),
        )
        self._client = openai.AsyncOpenAI(
            base_url=base_url, api_key=key or "none", max_retries=0, http_client=http
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._client.close()

    async def send(
        self,
        body: Mapping[str, Any],
        *,
        silent_s: float = READ_TIMEOUT_S,
        say: Callable[[str], None] = lambda _: None,
    ) -> RawReply:
        """Make one call and give the raw JSON of the reply, also of a stream, and of one that was cut after its first words.

        `silent_s` is how long a stream may say nothing at first, `say` gets its words as they come.
        Raises Retryable, RequestRefused and AccessRefused.
        """
        with self._told_apart():
            reply = await self._post(body, silent_s)
        kind = reply.headers.get("content-type", "")
        if "text/event-stream" in kind:
            made = await stream.collect(reply, limit_tokens=stream.limit_of(body), say=say)
            return self._kept(made, reply.headers)
        text = without_key(await _text(reply), self._key)
        if refused := refusal_in_body(text, self._provider):
            raise _begun(trouble(refused, self._unserved))
        return RawReply(text)

    async def _post(self, body: Mapping[str, Any], silent_s: float) -> httpx2.Response:
        """The response to a call; of one that asks for a stream the body is still to be read."""
        import openai

        if not body.get("stream"):
            return await self._client.post("/chat/completions", cast_to=httpx2.Response, body=dict(body))
        how: Any = {
            "options": {"timeout": httpx2.Timeout(silent_s, connect=CONNECT_TIMEOUT_S)},
            "stream_cls": openai.AsyncStream[object],
        }
        reply: Any = await self._client.post(
            "/chat/completions", cast_to=httpx2.Response, body=dict(body), stream=True, **how
        )
        return cast(
            "httpx2.Response", reply
        )  # the SDK gives the response itself when a response is asked for

    def _kept(self, made: stream.Assembly, headers: Mapping[str, str]) -> RawReply:
        """What a stream brought. Raises what its error frame means, or Retryable, when there is nothing in it worth keeping."""
        said = self._refusal(made.status, json.dumps(made.error), headers) if made.error else None
        raw = without_key(made.raw(), self._key)
        if made.whole or made.has_text:
            return RawReply(raw, said)
        if said is None:
            raise Retryable(
                f"The reply is not whole: {made.trouble or 'it ended without [DONE]'}.", maybe_paid=True
            )
        error = trouble(said, self._unserved)
        if isinstance(error, RequestRefused):  # a filter that stopped the reply: what it had written is paid
            return RawReply(raw, said)
        raise _begun(error)

    @contextmanager
    def _told_apart(self) -> Iterator[None]:
        """Turn the SDK's errors into ours."""
        import openai

        try:
            yield
        except openai.APIStatusError as error:
            raise self._refused(error) from None
        except openai.APIConnectionError as error:
            raise self._broken(error) from None

    def _broken(self, error: openai.APIConnectionError) -> Retryable:
        """What it means that there is no answer. Without a connection all calls fail alike, so all wait."""
        cause = error.__cause__ or error
        if isinstance(cause, httpx2.ConnectError | httpx2.ConnectTimeout):
            return Retryable(
                f"{self._client.base_url} cannot be reached ({_reason(cause)}).", shared=True, unreached=True
            )
        if isinstance(
            cause, httpx2.LocalProtocolError | httpx2.UnsupportedProtocol
        ):  # what it says may show the key
            sentence = f"Nothing can be sent to {self._client.base_url} ({type(cause).__name__}): check the address and the key."
            return Retryable(sentence, shared=True, unreached=True)
        what = (
            "The provider said nothing for too long"
            if isinstance(cause, httpx2.ReadTimeout)
            else "The connection to the provider broke"
        )
        sentence = f"{what} ({type(cause).__name__})."
        return Retryable(sentence, maybe_paid=not isinstance(cause, httpx2.PoolTimeout))

    def _refused(self, error: openai.APIStatusError) -> OctavoError:
        return trouble(
            self._refusal(error.status_code, error.response.text, error.response.headers), self._unserved
        )

    def _refusal(self, status: int, body: str, headers: Mapping[str, str]) -> Refusal:
        return refusal(status, without_key(body, self._key), headers, self._provider, now_s=time.time())

    async def fetch(self, path: str) -> bytes:
        """What an address of the API answers to a GET, however large. Raises like `send`."""
        with self._told_apart():
            return without_key((await self._client.get(path, cast_to=httpx2.Response)).content, self._key)

    async def post(self, path: str, body: Mapping[str, Any] | None = None) -> bytes:
        """What an address of the API answers to a POST, such as `/batches`. Raises like `send`."""
        with self._told_apart():
            reply = await self._client.post(path, cast_to=httpx2.Response, body=body and dict(body))
            return without_key(reply.content, self._key)

    async def upload(self, name: str, content: IO[bytes], purpose: str) -> str:
        """Upload a file; gives its id. Raises like `send`."""
        with self._told_apart():
            made = await self._client.files.create(file=(name, content), purpose=purpose)  # type: ignore[arg-type] # purposes differ
            return without_key(made.id, self._key)

    async def delete(self, path: str) -> None:
        """Delete what an address names. Raises like `send`."""
        with self._told_apart():
            await self._client.delete(path, cast_to=httpx2.Response)

    async def get(self, path: str) -> Any:
        """The JSON of a GET, such as `/models` or the balance. Raises like `send`."""
        import openai

        try:
            async with asyncio.timeout(CONNECT_TIMEOUT_S):
                reply = await self._client.get(path, cast_to=httpx2.Response)
                return json.loads(without_key(reply.text, self._key))
        except openai.APIStatusError as error:
            raise self._refused(error) from None
        except (openai.APIConnectionError, TimeoutError) as error:
            raise ProviderUnavailable(
                f"{self._client.base_url} does not answer ({type(error).__name__})."
            ) from None
        except json.JSONDecodeError:
            raise ProviderUnavailable(
                f"{self._client.base_url} answers {path} with something that is no JSON."
            ) from None


def trouble(refused: Refusal, unserved: str = "") -> OctavoError:
    """The error of a refusal; `unserved` is what to do about a model that is not served. A gateway may have cut off work that is billed."""
    kind, said = refused.kind, refused.message
    if kind in ENDS_ALL:
        what, next_step = ENDS_ALL[kind]
        if kind == "not_served":
            return ModelNotServed(f"{what} ({said}).", next_step=unserved or next_step)
        return AccessRefused(f"{what} ({said}).", next_step=next_step)
    if kind in ENDS_REQUEST:
        what, reason, next_step = ENDS_REQUEST[kind]
        return RequestRefused(f"{what} ({said}).", reason=reason, next_step=next_step)
    return Retryable(
        f"The provider asks to try later ({said}).",
        wait_s=refused.wait_s,
        shared=refused.shared,
        maybe_paid=kind == "gateway",
        refusal=refused,
    )


def read_completion(raw: str) -> Completion:
    """Text, finish reason and usage of a raw reply. Never raises: a reply that cannot be read is paid all the same."""
    try:
        data = json.loads(raw)
        choice = data["choices"][0]
        said = choice["message"]
        thought = str(said.get("reasoning_content") or "")
        return Completion(
            stream.words_of(said.get("content")),
            _finish_reason(choice),
            used(data, choice),
            thought,
            calls_of(said.get("tool_calls")),
        )
    except (ValueError, LookupError, TypeError, AttributeError):
        return Completion("", "unreadable", NOT_TOLD)


def _hooks(heard: Callable[[Mapping[str, str], float], None]) -> dict[str, list[Callable[..., Any]]]:
    """What the client calls when a request leaves and when its answer begins."""
    clock = asyncio.get_running_loop().time

    async def left(request: httpx2.Request) -> None:
        request.extensions["left_at"] = clock()

    async def came(response: httpx2.Response) -> None:
        heard(response.headers, clock() - response.request.extensions["left_at"])

    return {"request": [left], "response": [came]}


def _begun(error: OctavoError) -> OctavoError:
    """An error that came after the provider had begun to answer: nobody knows whether that was billed."""
    if isinstance(error, Retryable):
        error.maybe_paid = True
    return error


async def _text(reply: httpx2.Response) -> str:
    """The body of a response. Raises Retryable when it does not come whole."""
    try:
        await reply.aread()
    except httpx2.HTTPError as error:
        raise Retryable(
            f"The connection to the provider broke ({type(error).__name__}).", maybe_paid=True
        ) from None
    return reply.text


def _finish_reason(choice: Mapping[str, Any]) -> str:
    said = str(choice.get("finish_reason"))
    return FINISH_REASONS.get(said, said)


def _reason(error: BaseException) -> str:
    """What the system says of a connection that could not be made: the deepest cause knows most."""
    while (deeper := error.__cause__ or error.__context__) is not None:
        error = deeper
    return str(error) or type(error).__name__
