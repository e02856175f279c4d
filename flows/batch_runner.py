"""How batches of work are run: here in this process, or in any way that has the same shape, such as Prefect tasks."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable
from typing import Any, Protocol, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")

_END: Any = object()

IN_FLIGHT = 2  # batches at once: the next one starts while the last replies of the one before are awaited


class BatchRunner(Protocol):
    """Runs a function over batches and gives the results as they are done. `label` names the kind of work for people."""

    def __call__(
        self, label: str, function: Callable[[Any], Awaitable[Any]], items: Iterable[Any]
    ) -> AsyncGenerator[Any]:
        """Yield `function(item)` for each item, in the order in which they end."""
        ...


async def run_in_process(
    label: str,  # noqa: ARG001 - the shape of BatchRunner
    function: Callable[[Any], Awaitable[Any]],
    items: Iterable[Any],
) -> AsyncGenerator[Any]:
    """Run batches in this process."""
    async for result in bounded(function, items, IN_FLIGHT):
        yield result


async def bounded(
    function: Callable[[Item], Awaitable[Result]], items: Iterable[Item], at_once: int
) -> AsyncGenerator[Result]:
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
