"""The calls that batches need: an order in, the ids, statuses and contents that the provider has for it out.

They go through `chat`; `orders` says what an order is, and `providers` how the provider of an old one is spoken to.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import IO, Any, TypeVar

import tenacity

from octavo.processors.ask.api.chat import Chat, Retryable
from octavo.processors.ask.batch.orders import Order
from octavo.processors.ask.providers import catalogue
from octavo.schemas.errors import AccessRefused, OctavoError, ProviderUnavailable, RequestRefused

INTENT = "octavo_intent"  # the key in a batch's metadata that carries our name for it
PAGE = 100  # batches listed at once
GONE = "gone"  # our status for a batch that the provider no longer knows

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Rules:
    """How a provider takes batches. One model a file is kept by itself: an account asks one model."""

    url: str = "/v1/chat/completions"
    window: str = "24h"
    max_bytes: int = 100_000_000
    max_lines: int = 50_000
    poll_s: tuple[float, float] = (10.0, 60.0)  # first and longest pause


@dataclass(frozen=True, slots=True)
class BatchCalls:
    """The provider's side. All raise AccessRefused, RequestRefused and, when tried for as long as any call is, ProviderUnavailable."""

    chat: Chat
    rules: Rules
    retrying: Callable[[], tenacity.AsyncRetrying]

    async def upload(self, order: Order, content: IO[bytes]) -> str:
        """Upload the file of an order; gives its id."""

        async def upload() -> str:
            content.seek(0)
            return await self.chat.upload(order.file_name, content, "batch")

        return await self._once(upload, lambda: self._file_of(order))

    async def create(self, order: Order) -> str:
        """Make the batch of an order whose file is uploaded; gives its id."""
        metadata = {INTENT: order.intent, "octavo_run": order.run}
        wanted = {
            "input_file_id": order.file,
            "endpoint": self.rules.url,
            "completion_window": self.rules.window,
            "metadata": metadata,
        }

        async def create() -> str:
            return str(_json(await self.chat.post("/batches", wanted))["id"])

        return await self._once(create, lambda: self._batch_of(order))

    async def batch_of(self, order: Order) -> str:
        """The id of the batch that was made for an order; "" when there is none."""
        return await self._tried(lambda: self._batch_of(order))

    async def file_of(self, order: Order) -> str:
        """The id of the file that was uploaded for an order; "" when there is none."""
        return await self._tried(lambda: self._file_of(order))

    async def status(self, order: Order) -> dict[str, Any]:
        """The batch of an order as the provider shows it."""

        async def look() -> dict[str, Any]:
            found = await self._known_there(f"/batches/{order.batch}")
            return {"status": GONE} if found is None else _json(found)

        return await self._tried(look)

    async def content(self, file: str) -> bytes:
        """What is in a file; nothing when it is gone."""
        return await self._tried(lambda: self._known_there(f"/files/{file}/content")) or b""

    async def delete(self, file: str) -> None:
        """Remove a file, since it holds people's documents and files are counted. One that stays for some reason costs nothing."""
        if file:
            with suppress(OctavoError):
                await self.chat.delete(f"/files/{file}")

    async def _batch_of(self, order: Order) -> str:
        after = ""
        while True:
            page = _json(await self.chat.fetch(f"/batches?limit={PAGE}{after}"))
            for batch in page["data"]:
                if (batch.get("metadata") or {}).get(INTENT) == order.intent:
                    return str(batch["id"])
            if not page.get("has_more") or not page["data"]:
                return ""
            after = f"&after={page['data'][-1]['id']}"

    async def _file_of(self, order: Order) -> str:
        listed = _json(await self.chat.fetch("/files"))["data"]
        return next((str(file["id"]) for file in listed if file.get("filename") == order.file_name), "")

    async def _known_there(self, path: str) -> bytes | None:
        """What the provider has at an address; None when it has nothing there although it lets us in."""
        try:
            return await self.chat.fetch(path)
        except (AccessRefused, RequestRefused):
            await self.chat.fetch("/batches?limit=1")
            return None

    async def _once(self, make: Callable[[], Awaitable[str]], find: Callable[[], Awaitable[str]]) -> str:
        """The id of what is made. Before another try it is looked for: the last one may have got through unheard."""
        tries = 0

        async def found_or_made() -> str:
            nonlocal tries
            tries += 1
            return (tries > 1 and await find()) or await make()

        return await self._tried(found_or_made)

    async def _tried(self, call: Callable[[], Awaitable[Result]]) -> Result:
        async def called() -> (
            Result
        ):  # subtle: the library takes a lambda for a function that need not be awaited
            return await call()

        try:
            return await self.retrying()(called)
        except Retryable as error:
            raise ProviderUnavailable(error.message) from None


async def cancel(order: Order, key: str) -> str:
    """Ask the provider to end a batch; gives its status. What is answered by then is paid. Raises as the calls of `BatchCalls`."""
    async with Chat(
        order.base_url, key, provider=catalogue().provider(order.provider), concurrency=1
    ) as chat:
        try:
            return str(_json(await chat.post(f"/batches/{order.batch}/cancel"))["status"])
        except Retryable as error:
            raise ProviderUnavailable(error.message) from None


def _json(content: bytes) -> dict[str, Any]:
    try:
        return dict(json.loads(content))
    except (ValueError, TypeError):
        raise Retryable("The provider answered with something that is no JSON object.") from None
