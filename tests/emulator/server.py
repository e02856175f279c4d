"""The emulator itself: a Config comes in, a listening server goes out. It ties the wire to the routes, keeps the door and the journal."""

from __future__ import annotations

import asyncio
import json
import sys
import time
import traceback
from email.utils import formatdate
from typing import Any

from tests.emulator import completions, dialects, introspection, refusals, routes
from tests.emulator.config import Config
from tests.emulator.faults import DOOR, due, pick, refusal
from tests.emulator.journal import Entry
from tests.emulator.limits import Org
from tests.emulator.refusals import Refusal
from tests.emulator.state import State
from tests.emulator.understanding import CHAT
from tests.emulator.wire import Exchange, Wire

JSON = "application/json; charset=utf-8"
_DOOR_POLL_S = 0.02
_AK_CHARACTERS = 4


class Emulator:
    """One server on one port. Start and close it on the loop it is to run on; `crashes` holds errors of the emulator's own."""

    def __init__(self, config: Config) -> None:
        self.state = State(config)
        self.crashes: list[str] = []
        self.port = config.port
        self._wires: set[Wire] = set()
        self._server: asyncio.Server | None = None
        self._door: asyncio.Task[None] | None = None

    @property
    def base_url(self) -> str:
        """The address for a client."""
        return f"http://{self.state.config.host}:{self.port}{dialects.prefix(self.state.config.dialect)}"

    async def start(self) -> None:
        """Listens."""
        await self._open()
        self._door = asyncio.get_running_loop().create_task(self._keep_door())

    async def close(self) -> None:
        """Stops listening and ends every connection and task."""
        tasks = [task for task in (self._door, *self.state.tasks) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._shut()

    async def handle(self, exchange: Exchange) -> None:
        """Answers one request, whatever it is."""
        state, began = self.state, self.state.clock.now()
        if exchange.path.startswith("/_emu/"):
            await self._introspect(exchange)
            return
        entry = state.journal.open(began, "other")
        try:
            await self._serve(exchange, entry)
        except Refusal as refused:
            self._refuse(exchange, entry, refused)
        except asyncio.CancelledError:
            entry.status, entry.reason = 499, "client_closed_request"
        except Exception:  # noqa: BLE001 - kept, printed and answered: a test must see that the emulator itself is wrong
            self._crashed(exchange, entry)
        finally:
            entry.ended_s = entry.ended_s or state.clock.now()

    async def _serve(self, exchange: Exchange, entry: Entry) -> None:
        path = self._path(exchange.path)
        is_chat = exchange.method == "POST" and path.partition("?")[0].rstrip("/") == CHAT
        route = None if is_chat else routes.match(exchange.method, path)
        if not is_chat and route is None:
            raise refusals.not_found(f"{exchange.method} {exchange.path}")
        entry.kind = route[0] if route else "chat"
        org = self._known(exchange, entry)
        if route is None:
            await self._complete(exchange, org, entry)
            return
        if entry.kind == "estimate" and self.state.config.estimate_counts:
            org.attempt()
        if exchange.too_large:
            raise refusals.too_large()
        self._meet_fault(entry, org, path)
        made = route[1](self.state, exchange, org, entry.ak, route[2])
        entry.status, entry.admitted, entry.delivered, entry.ended_s = 200, True, True, self.state.clock.now()
        self._reply(exchange, 200, made, entry.time_s)

    async def _complete(self, exchange: Exchange, org: Org, entry: Entry) -> None:
        """A completion; its attempt counts, refused or not, unless the setting says otherwise."""
        attempt = org.attempt()
        entry.rpm_used = org.rpm_used
        try:
            if exchange.too_large:
                raise refusals.too_large()
            await completions.serve(self.state, exchange, org, entry.ak, entry)
        except Refusal:
            if not self.state.config.count_refused:
                org.forget_attempt(attempt)
            raise

    def _path(self, path: str) -> str:
        prefix = dialects.prefix(self.state.config.dialect)
        if path.startswith(prefix + "/"):
            return path.removeprefix(prefix)
        if self.state.config.require_v1:
            raise refusals.not_found(path)
        return path

    def _known(self, exchange: Exchange, entry: Entry) -> Org:
        """The organisation of the key; raises 401 for none and for an unknown one."""
        scheme, _, key = exchange.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not key.strip():
            raise refusals.no_key()
        name = self.state.config.keys.get(key.strip())
        if name is None:
            raise refusals.wrong_key()
        entry.org, entry.ak = name, key.strip()[-_AK_CHARACTERS:]
        return self.state.org(name)

    def _meet_fault(self, entry: Entry, org: Org, path: str) -> None:
        """Faults may name other paths than completions; only refusing ones mean anything there."""
        fault = pick(self.state.config, entry, "", self.state.clock.now(), path.partition("?")[0])
        refused = refusal(fault, org, entry.ak) if fault else None
        if refused:
            raise refused

    def _refuse(self, exchange: Exchange, entry: Entry, refused: Refusal) -> None:
        entry.status, entry.reason, entry.ended_s = refused.status, refused.reason, self.state.clock.now()
        if exchange.started:
            exchange.reset()
            return
        headers = self.state.headers(entry.time_s) | self._hints(refused, entry)
        headers["Content-Type"] = "text/html" if refused.html else JSON
        status, body = dialects.refused(self.state.config.dialect, refused, entry.model)
        exchange.reply(status, headers | refused.headers, body)

    def _hints(self, refused: Refusal, entry: Entry) -> dict[str, str]:
        """Retry-After and X-RateLimit-*, where the settings have them."""
        config = self.state.config
        hints: dict[str, str] = {}
        if entry.org and entry.kind == "chat":
            hints |= self.state.limits(self.state.org(entry.org), entry)
        if refused.after_s is not None and (refused.reason == "overloaded" or config.retry_after_on_limits):
            date = formatdate(time.time() + refused.after_s, usegmt=True)
            hints["Retry-After"] = {"seconds": str(refused.after_s), "date": date, "zero": "0"}[
                config.retry_after_form
            ]
        if config.ratelimit_headers and entry.org and refused.status == 429:
            limit = self.state.org(entry.org).tier().rpm
            left = max(0, limit - entry.rpm_used)
            hints |= {
                "X-RateLimit-Limit": str(limit),
                "X-RateLimit-Remaining": str(left),
                "X-RateLimit-Reset": "60",
            }
        return hints

    def _reply(self, exchange: Exchange, status: int, made: Any, began: float) -> None:
        body = (
            made
            if isinstance(made, bytes)
            else json.dumps(made, ensure_ascii=False).encode("utf-8", "surrogatepass")
        )
        kind = "application/octet-stream" if isinstance(made, bytes) else JSON
        exchange.reply(status, {**self.state.headers(began), "Content-Type": kind}, body)

    async def _introspect(self, exchange: Exchange) -> None:
        try:
            made = await introspection.serve(self.state, exchange.method, exchange.path, exchange.body)
        except Refusal as refused:
            exchange.reply(refused.status, {"Content-Type": JSON}, refused.body())
        except (ValueError, TypeError, KeyError) as error:
            exchange.reply(400, {"Content-Type": JSON}, refusals.malformed(str(error)).body())
        else:
            self._reply(exchange, 200, made, self.state.clock.now())

    def _crashed(self, exchange: Exchange, entry: Entry) -> None:
        self.crashes.append(traceback.format_exc())
        print(self.crashes[-1], file=sys.stderr)
        entry.status, entry.reason = 500, "crash"
        if exchange.started:
            exchange.reset()
        else:
            exchange.reply(
                500, {"Content-Type": JSON}, refusals.server(500, "emulator_crash", self.crashes[-1]).body()
            )

    async def _open(self) -> None:
        config, loop = self.state.config, asyncio.get_running_loop()
        self._server = await loop.create_server(
            lambda: Wire(self.handle, lambda: config.body_bytes_max, self._wires),
            config.host,
            self.port,
            backlog=1024,
        )
        self.port = self._server.sockets[0].getsockname()[1]

    def _shut(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None
        for wire in list(self._wires):
            wire.reset()

    async def _keep_door(self) -> None:
        """Closes the port while a fault of kind `refused` is due, and opens it again after."""
        while True:
            await asyncio.sleep(_DOOR_POLL_S)
            barred = any(
                fault.kind in DOOR and due(fault, self.state.clock.now())
                for fault in self.state.config.faults
            )
            if barred and self._server is not None:
                self._shut()
            elif not barred and self._server is None:
                await self._open()
