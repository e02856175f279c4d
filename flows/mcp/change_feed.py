"""Tells clients that a run has committed: watches the mark of the warehouse, and sends `list_changed` when it is another one.

Clients of the protocol until 2025-11 get it on their session, those of 2026-07 on the `subscriptions/listen` stream that they opened.
"""

from __future__ import annotations

import asyncio
import sys
import traceback
import weakref
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

import anyio
from fastmcp import FastMCP
from fastmcp.server.middleware import CallNext, Middleware, MiddlewareContext
from mcp.server.connection import Connection
from mcp.server.subscriptions import InMemorySubscriptionBus, ListenHandler
from mcp.shared.subscriptions import ResourcesListChanged
from mcp_types import SubscriptionsListenRequestParams
from mcp_types.version import MODERN_PROTOCOL_VERSIONS

LOOK_EVERY_S = 1.0


class ChangeFeed(Middleware):
    """Knows the connections that are there, and what the tables were when it looked last. `state` gives their mark."""

    def __init__(self, state: Callable[[], str], every_s: float = LOOK_EVERY_S) -> None:
        self._state, self._every_s = state, every_s
        self._connections: weakref.WeakSet[Connection] = weakref.WeakSet()
        self._bus = InMemorySubscriptionBus()

    def attend(self, server: FastMCP) -> None:
        """Hear of the connections of a server, and take its subscriptions."""
        server.add_middleware(self)
        server._mcp_server.add_request_handler(  # noqa: SLF001 - FastMCP 4.2 has no door to subscriptions
            "subscriptions/listen", SubscriptionsListenRequestParams, ListenHandler(self._bus)
        )

    async def on_message(self, context: MiddlewareContext[Any], call_next: CallNext[Any, Any]) -> Any:
        """Note who is there."""
        if context.fastmcp_context is not None:
            with suppress(RuntimeError):  # a message before the handshake has no session
                session = (
                    context.fastmcp_context.session
                )  # one a request, and the SDK shows not what it stands on
                if session.protocol_version not in MODERN_PROTOCOL_VERSIONS:
                    self._connections.add(session._connection)  # noqa: SLF001
        return await call_next(context)

    @asynccontextmanager
    async def watching(self, _: FastMCP) -> AsyncIterator[None]:
        """Watch while a server runs."""
        task = asyncio.create_task(self._watch())
        try:
            yield
        finally:
            task.cancel()

    async def _watch(self) -> None:
        before = self._state()
        while True:
            await asyncio.sleep(self._every_s)
            if (now := self._state()) != before:
                before = now
                await self._tell()

    async def _tell(self) -> None:
        """Tell everybody; who has left meanwhile is forgotten."""
        await self._bus.publish(ResourcesListChanged())
        for connection in list(self._connections):
            try:
                await connection.send_resource_list_changed()
            except (anyio.BrokenResourceError, anyio.ClosedResourceError, RuntimeError):
                self._connections.discard(connection)
            except Exception:  # noqa: BLE001 - one client's trouble keeps nobody else from hearing
                self._connections.discard(connection)
                traceback.print_exc(file=sys.stderr)
