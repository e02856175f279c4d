"""How batches of work are run: here in this process, or in any way that has the same shape, such as Prefect tasks."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from processors.ask.replies import Traffic
from schemas.errors import OctavoError

Item = TypeVar("Item")
Result = TypeVar("Result")

_END: Any = object()

IN_FLIGHT = 2  # batches at once: the next one starts while the last replies of the one before are awaited


class Each(Protocol):
    """Runs a function over batches and gives the results as they are done. `label` names the kind of work for people."""

    def __call__(self, label: str, function: Callable[[Any], Awaitable[Any]], items: Iterable[Any]) -> AsyncGenerator[Any]:
        """Yield `function(item)` for each item, in the order in which they end."""
        ...


class Tell(Protocol):
    """Hears how far the work is. `total` is None while it is not known."""

    def __call__(self, stage: str, done: int, total: int | None) -> None:
        """Take note."""
        ...


Hear = Callable[[str], None]  # gets a sentence that a person should know while the work goes on


@dataclass(slots=True)
class Halt:
    """Whether a run should send nothing more: `error` says why. Set from outside by a signal, from inside by a budget or a refusal.

    `tell` is told at once when the run is asked to end. `listen` hears signals, also where somebody else took them over meanwhile.
    `traffic` shows what goes between the run and its provider, once there is one.
    """

    error: OctavoError | None = None
    tell: Callable[[OctavoError], None] = lambda _: None
    listen: Callable[[], None] = lambda: None
    traffic: Callable[[], Traffic] = Traffic

    def end(self, error: OctavoError) -> None:
        """Ask the run to end: what waits is not sent, what is in flight is awaited."""
        self.error = error
        self.tell(error)


def quiet(stage: str, done: int, total: int | None) -> None:
    """Hear and say nothing."""


def unheard(sentence: str) -> None:
    """Hear and say nothing."""


async def here(label: str, function: Callable[[Any], Awaitable[Any]], items: Iterable[Any]) -> AsyncGenerator[Any]:  # noqa: ARG001 - the shape of Each
    """Run batches in this process."""
    async for result in bounded(function, items, IN_FLIGHT):
        yield result


async def bounded(function: Callable[[Item], Awaitable[Result]], items: Iterable[Item], at_once: int) -> AsyncGenerator[Result]:
    """Run a function over items, so many at once, taking an item only when there is room for it. The first error ends it all."""
    waiting: set[asyncio.Future[Result]] = set()
    source = iter(items)
    try:
        while True:
            while len(waiting) < at_once and (item := next(source, _END)) is not _END:
                waiting.add(asyncio.ensure_future(function(item)))
            if not waiting:
                return
            done, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            for future in done:
                yield future.result()
    finally:
        for future in waiting:
            future.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
