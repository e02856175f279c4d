"""How batches of work are run: in turn (`BatchRunner`), such as in Prefect tasks, and by whom (`Workers`): here, or elsewhere."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable
from contextlib import AbstractAsyncContextManager, nullcontext
from typing import Any, Protocol, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")

_END: Any = object()

IN_FLIGHT = 2  # batches at once: the next one starts while the last replies of the one before are awaited


class BatchRunner(Protocol):
    """Runs a function over batches and gives the results as they are done. `label` names the kind of work for people."""

    def __call__(
        self,
        label: str,
        function: Callable[[Any], Awaitable[Any]],
        items: Iterable[Any],
        at_once: int = IN_FLIGHT,
    ) -> AsyncGenerator[Any]:
        """Yield `function(item)` for each item, in the order in which they end, `at_once` of them in work."""
        ...


class Workers(Protocol):
    """Who works on batches. `at_once` batches keep them busy; a batch has at most so many `files`, or so many `windows`."""

    at_once: int
    files: int
    windows: int

    def attend(self, run: Any) -> AbstractAsyncContextManager[None]:
        """Be there for a run as long as the block lasts. Raises SettingsError when they cannot be reached or may not work for it."""
        ...

    def do(
        self, kind: str, near: Callable[[Any], AsyncGenerator[Any]], run: Any, batch: Any
    ) -> AsyncGenerator[Any]:
        """Yield what `near(batch)` would yield in this process; `kind` (`read`, `ask`) is its name for workers elsewhere."""
        ...


class InProcess:
    """This process itself, which reads in a sandbox and asks as many at once as the account allows."""

    at_once = IN_FLIGHT
    files = 0  # as many as there are for a batch
    windows = 0

    def attend(self, run: Any) -> AbstractAsyncContextManager[None]:  # noqa: ARG002 - the shape of Workers
        """Always there."""
        return nullcontext()

    def do(
        self,
        kind: str,  # noqa: ARG002 - the shape of Workers
        near: Callable[[Any], AsyncGenerator[Any]],
        run: Any,  # noqa: ARG002 - the same
        batch: Any,
    ) -> AsyncGenerator[Any]:
        """The work itself."""
        return near(batch)


async def run_in_process(
    label: str,  # noqa: ARG001 - the shape of BatchRunner
    function: Callable[[Any], Awaitable[Any]],
    items: Iterable[Any],
    at_once: int = IN_FLIGHT,
) -> AsyncGenerator[Any]:
    """Run batches in this process."""
    async for result in bounded(function, items, at_once):
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
