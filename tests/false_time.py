"""Time that passes only when nobody has anything to do: a coroutine comes in, its result goes out, hours later and at once.

Sockets, threads and files are real. Before the clock jumps to the next timer, all that was sent in this process has been read, and what
was handed to a thread has come back. So an emulator and its clients on one loop act as on a machine without load, however slow it is.
"""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import AsyncIterator, Callable, Coroutine
from concurrent.futures import Future
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import Any, TypeVar
from unittest import mock

from tests.emulator import clock as emulator_clock
from tests.emulator import server as emulator_server
from tests.emulator.config import Config
from tests.emulator.server import Emulator
from tests.emulator.tokens import RatioVocabulary

Result = TypeVar("Result")

EPOCH_S = 1_795_000_000.0  # the false wall clock begins in November 2026
_THREAD_PATIENCE_S = 0.05


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop whose clock jumps to the next timer when nothing is to be read and no thread is at work."""

    def __init__(self) -> None:
        """Start at zero."""
        self._poll = selectors.DefaultSelector()
        selector: Any = SimpleNamespace(
            **{name: getattr(self._poll, name) for name in _SELECTOR}, select=self._select
        )
        super().__init__(selector)
        self.now = 0.0
        self.turns = 0  # how often the loop went round: what polling would raise
        self.threads = 0  # pieces of work that a thread has

    def time(self) -> float:
        """Seconds since the start."""
        return self.now

    def run_in_executor(self, executor: Any, func: Callable[..., Any], *args: Any) -> asyncio.Future[Any]:  # type: ignore[override]  # the stub takes *Ts; this takes what it is given
        """As the loop's own; time stands still meanwhile."""
        return self.hold(super().run_in_executor(executor, func, *args))

    def hold(self, future: asyncio.Future[Any]) -> asyncio.Future[Any]:
        """Let time stand still until a future is done."""
        self.threads += 1
        future.add_done_callback(self._let_go)
        return future

    def _let_go(self, _: asyncio.Future[Any]) -> None:
        self.threads -= 1

    def _select(self, timeout: float | None = None) -> Any:
        """What can be read or written; else, in the place of a wait, time has passed."""
        self.turns += 1
        events = self._poll.select(None if timeout is None else 0)
        while timeout and not events and self.threads:
            events = self._poll.select(_THREAD_PATIENCE_S)
        if not events and timeout:
            self.now += timeout
        return events


_SELECTOR = ("register", "unregister", "modify", "close", "get_map", "get_key")


def run(work: Coroutine[Any, Any, Result]) -> Result:
    """The result of a coroutine in virtual time."""
    with mock.patch.object(asyncio, "wrap_future", _held), asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(work)


def now() -> float:
    """The virtual clock of the loop that runs."""
    return asyncio.get_running_loop().time()


def wall() -> float:
    """The virtual wall clock: seconds since 1970."""
    return EPOCH_S + now()


@asynccontextmanager
async def emulated(config: Config) -> AsyncIterator[Emulator]:
    """A running emulator on this virtual loop. Without a vocabulary tokens are counted by length, so that full windows are soon counted."""
    clock = SimpleNamespace(monotonic=now, time=wall)
    with (
        mock.patch.object(emulator_clock, "time", clock),
        mock.patch.object(emulator_server, "_DOOR_POLL_S", 1.0),
    ):
        emulator = Emulator(config)
        if not config.vocabulary:
            emulator.state.counter.vocabulary = _Lengths(config)
        await emulator.start()
        try:
            yield emulator
        finally:
            await emulator.close()
    assert not emulator.crashes, "\n".join(emulator.crashes)


class _Lengths(RatioVocabulary):
    """Tokens without content, for runs without a cache."""

    def encode(self, text: str) -> bytes:
        """As many tokens as the text has."""
        return bytes(4 * self.count(text))


_wrap_future = asyncio.wrap_future


def _held(future: Future[Any], *, loop: asyncio.AbstractEventLoop | None = None) -> asyncio.Future[Any]:
    """A thread's future for the loop, which stands still for it."""
    running = loop or asyncio.get_running_loop()
    wrapped = _wrap_future(future, loop=running)
    return running.hold(wrapped) if isinstance(running, VirtualLoop) else wrapped
