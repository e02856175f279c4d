"""The emulator for tests of this process: a Config comes in, a running server with its journal goes out.

    with running(Config(tier=0, timing=False)) as kimi:
        client = openai.OpenAI(base_url=kimi.base_url, api_key=kimi.key, max_retries=0)

Nothing leaves 127.0.0.1; the port is free and new each time.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from typing import Any

from tests.emulator.config import Config
from tests.emulator.generation import Script
from tests.emulator.journal import Entry, Journal
from tests.emulator.server import Emulator

_PATIENCE_S = 30.0


class Running:
    """A server on a thread of its own. `config` may be changed at any time; the journal may be read at any time."""

    def __init__(self, emulator: Emulator, loop: asyncio.AbstractEventLoop) -> None:
        self.emulator = emulator
        self._loop = loop

    @property
    def base_url(self) -> str:
        """The address for a client, ending in /v1."""
        return self.emulator.base_url

    @property
    def key(self) -> str:
        """A key that is known."""
        return next(iter(self.config.keys))

    @property
    def config(self) -> Config:
        """The settings in force."""
        return self.emulator.state.config

    @property
    def log(self) -> Journal:
        """The journal with all its questions."""
        return self.emulator.state.journal

    @property
    def journal(self) -> list[Entry]:
        """All entries."""
        return self.log.entries

    def paid(self) -> list[Entry]:
        """Entries that were billed."""
        return self.log.paid()

    def asked_twice(self) -> list[str]:
        """Fingerprints of bodies that were answered 200 more than once."""
        return self.log.asked_twice()

    def breaches(self) -> list[Entry]:
        """Requests that ran into a limit of the account."""
        return self.log.breaches()

    def stats(self) -> dict[str, Any]:
        """Sums over the completions."""
        return self.log.stats()

    def script(self, matcher: Callable[[dict[str, Any]], bool] | str, reply: Any, times: int = 0) -> None:
        """Lays down the reply to requests that `matcher` takes: a text, an object, a Scripted or a function of the body. 0: always."""
        self.emulator.state.scripts.append(Script(matcher, reply, times))

    def advance(self, seconds: float) -> None:
        """Moves virtual time on."""
        self._run(self.emulator.state.clock.advance(seconds))

    def reset(self) -> None:
        """Forgets everything but the Config."""
        self._run(_call(self.emulator.state.reset))

    def _run(self, work: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(_PATIENCE_S)


async def _call(function: Callable[[], None]) -> None:
    function()


@contextmanager
def running(config: Config | None = None) -> Iterator[Running]:
    """A server that listens while the block runs. Raises AssertionError at the end when the emulator itself crashed."""
    emulator, loop = Emulator(config or Config()), asyncio.new_event_loop()
    thread = threading.Thread(target=_live, args=(loop,), name="kimi-emulator", daemon=True)
    thread.start()
    asyncio.run_coroutine_threadsafe(emulator.start(), loop).result(_PATIENCE_S)
    try:
        yield Running(emulator, loop)
    finally:
        asyncio.run_coroutine_threadsafe(emulator.close(), loop).result(_PATIENCE_S)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(_PATIENCE_S)
    assert not emulator.crashes, "\n".join(emulator.crashes)


def _live(loop: asyncio.AbstractEventLoop) -> None:
    asyncio.set_event_loop(loop)
    loop.run_forever()
    pending = asyncio.all_tasks(loop)
    for task in pending:
        task.cancel()
    loop.run_until_complete(asyncio.gather(*pending, return_exceptions=True))
    loop.run_until_complete(loop.shutdown_asyncgens())
    loop.run_until_complete(loop.shutdown_default_executor())
    loop.close()
