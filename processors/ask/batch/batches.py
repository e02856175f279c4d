"""Batches: requests in, replies in the ledger, at the price of a batch. The second way to send, for work that may take a day.

`orders` keeps what was ordered, so that a run that ended at any point is taken up again instead of paid again; `file` writes and
reads the files; `calls` makes the calls. The money goes through `budget`, in the units of `nano_usd`; `providers` says what a model
costs, `usage` what of a reply has a price, and `chat` reads replies.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any

from octavo.processors.ask.api.chat import read_completion
from octavo.processors.ask.api.usage import billable
from octavo.processors.ask.batch.calls import GONE, BatchCalls
from octavo.processors.ask.batch.file import Spool, line_of, results
from octavo.processors.ask.batch.orders import Ended, Order, Orders
from octavo.processors.ask.money.budget import Budget, Reservation
from octavo.processors.ask.nano_usd import nano, usd
from octavo.processors.ask.providers import Model
from octavo.schemas.errors import AccessRefused, BudgetReached, RequestRefused
from octavo.schemas.pipeline import Request

POLL_GROWTH = 1.5
HALT_NOTICED_S = 1.0  # how soon a pause hears that the run should end
ENDED_USD: Mapping[
    str, float | None
] = {  # statuses that do not change any more -> the bill of a request without a line
    "completed": None,
    GONE: None,
    "failed": 0.0,
    "expired": 0.0,
    "cancelled": 0.0,
}


def _never() -> bool:
    return False


async def _no_look() -> None:
    """Look at nothing."""


def _quiet(done: int, total: int) -> None:
    """Hear and say nothing."""


@dataclass(slots=True)
class Batches:
    """Orders batches, waits for them, and puts what comes back into the ledger."""

    calls: BatchCalls
    orders: Orders
    budget: Budget
    model: Model
    row: Callable[[Request], Mapping[str, Any]]  # a request as a row of the ledger
    is_stored: Callable[[str], bool]  # whether a request has a reply
    halted: Callable[[], bool] = _never  # whether to stop waiting; what is ordered stays ordered
    tell: Callable[[int, int], None] = _quiet  # hears how many requests of how many are answered
    look: Callable[[], Awaitable[None]] = (
        _no_look  # reads the balance while it is waited, when that is due; may raise AccessRefused
    )
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    arrived: set[str] = field(default_factory=set)  # requests whose reply came
    _reserved: dict[str, Reservation] = field(default_factory=dict)  # by intent, of what this run ordered
    _counts: dict[str, tuple[int, int]] = field(default_factory=dict)  # intent -> requests answered, requests

    async def collect(self, *, wait: bool = True) -> None:
        """Take up what earlier runs ordered, wait for it (or only look), and keep what came back. Raises like `order`."""
        found = [await self._attached(order) for order in self.orders.open()]
        await _together([asyncio.create_task(self._finish(order, wait=wait)) for order in found if order])

    async def order(self, requests: AsyncIterable[Request]) -> None:
        """Order requests in as few batches as they fit into, wait, and keep what came back. Known ones are passed over.

        What has no reply after that is left to others: the attempt says why. Raises AccessRefused, ProviderUnavailable, RequestRefused
        and StorageError, after which the next run takes up what was ordered.
        """
        waiting: list[asyncio.Task[None]] = []
        try:
            async for spool in self._spools(requests):
                async for order in self._submit(spool):
                    waiting.append(asyncio.create_task(self._finish(order)))  # noqa: PERF401 - known before the next one
        except BaseException:
            await _given_up(waiting)
            raise
        await _together(waiting)

    async def _spools(self, requests: AsyncIterable[Request]) -> AsyncIterator[Spool]:
        """Files that are neither too large nor too long. A request that cannot be a line is left out."""
        spool, seen = Spool(), set[str]()
        async for request in requests:
            line = line_of(request, self.calls.rules.url)
            if (
                not line
                or len(line) > self.calls.rules.max_bytes
                or request.fingerprint in seen
                or self.is_stored(request.fingerprint)
            ):
                continue
            if spool.rows and (
                spool.size_bytes + len(line) > self.calls.rules.max_bytes
                or len(spool.rows) >= self.calls.rules.max_lines
            ):
                yield spool
                spool = Spool()
            seen.add(request.fingerprint)
            spool.add(
                line,
                self.row(request),
                self._usd(self.model.cost_usd(request.prompt_tokens, request.reply_tokens)),
            )
        if spool.rows:
            yield spool

    async def _submit(self, spool: Spool) -> AsyncIterator[Order]:
        """Reserve and order; in halves where the budget has no room for the whole. A request without room is left out."""
        try:
            reserved = await self.budget.reserve(spool.worst_usd)
        except BudgetReached:
            halves = list(spool.halves()) if len(spool.rows) > 1 else []
            spool.close()
            for half in halves:
                async for order in self._submit(half):
                    yield order
            return
        with closing(spool):
            ordered = None if self.halted() else await self._ordered(spool, reserved)
        if ordered:
            yield ordered
        else:
            await self.budget.settle(reserved, 0.0)

    async def _ordered(self, spool: Spool, reserved: Reservation) -> Order:
        """Intent, upload, batch: each on disk before the next. What is reserved has the name of the intent, for later processes."""
        try:
            order = await asyncio.to_thread(
                self.orders.intend, spool.rows, spool.worst, sha256=spool.sha256, size_bytes=spool.size_bytes
            )
        except BaseException:
            await self.budget.settle(reserved, 0.0)
            raise
        await self.budget.name(reserved, order.intent)
        try:
            order = self.orders.uploaded(order, await self.calls.upload(order, spool.file))
            order = self.orders.ordered(order, await self.calls.create(order))
        except (RequestRefused, AccessRefused) as error:
            await self._drop(order, error.message)
            await self.budget.settle(reserved, 0.0)
            raise
        except BaseException:
            self.budget.leave(reserved)  # nobody knows how far it got; the next run will
            raise
        self._reserved[order.intent] = reserved
        return order

    async def _attached(self, order: Order) -> Order | None:
        """An order of an earlier run with its batch. Without a batch nothing was paid, so that it is dropped and ordered anew."""
        if order.batch:
            return order
        if batch := await self.calls.batch_of(order):
            return self.orders.ordered(order, batch)
        await self._drop(order, "The run ended before the batch was made, so that nothing was paid.")
        await self.budget.charge(order.intent, 0.0)
        return None

    async def _drop(self, order: Order, said: str) -> None:
        self.orders.dropped(order, said)
        await self.calls.delete(order.file or await self.calls.file_of(order))

    async def _finish(self, order: Order, *, wait: bool = True) -> None:
        """Wait for a batch and keep what it brought; what is not over by then stays reserved."""
        billed_usd, reserved = None, self._reserved.get(order.intent)
        try:
            if batch := await self._ended(order, wait=wait):
                billed_usd = await self._keep(order, batch)
        finally:
            if billed_usd is None and reserved:
                self.budget.leave(reserved)
        if billed_usd is not None and reserved:
            await self.budget.settle(reserved, billed_usd)
        elif billed_usd is not None:
            await self.budget.charge(order.intent, billed_usd)

    async def _ended(self, order: Order, *, wait: bool) -> dict[str, Any] | None:
        """The batch in the status in which it ended; None when it has not and the wait is over."""
        pause_s, longest_s = self.calls.rules.poll_s
        while True:
            batch = await self.calls.status(order)
            self._counts[order.intent] = (
                (batch.get("request_counts") or {}).get("completed") or 0,
                order.requests,
            )
            self.tell(*map(sum, zip(*self._counts.values(), strict=True)))
            if batch.get("status") in ENDED_USD:
                return batch
            if not wait or self.halted():
                return None
            await self.look()
            await self._pause(pause_s)
            pause_s = min(pause_s * POLL_GROWTH, longest_s)

    async def _pause(self, seconds: float) -> None:
        """Wait, but not past the moment at which the run should end."""
        while seconds > 0 and not self.halted():
            await self.sleep(min(seconds, HALT_NOTICED_S))
            seconds -= HALT_NOTICED_S

    async def _keep(self, order: Order, batch: Mapping[str, Any]) -> float:
        """Put the replies and reasons of a batch on disk, then remove its files from the provider. Gives the bill in USD."""
        files = [file for name in ("error_file_id", "output_file_id") if (file := batch.get(name))]
        found = {
            request: (raw, reason)
            for file in files
            for request, raw, reason in results(await self.calls.content(file))
        }
        worst_usd = self.orders.worst_usd(order)
        missing = Ended(None, ENDED_USD[batch["status"]], _why(batch))
        ended = {
            request: self._end(*found[request], worst) if request in found else missing
            for request, worst in worst_usd.items()
        }
        replied = {request for request, end in ended.items() if end.raw is not None}
        said = f"{batch['status']}: {len(replied)} of {order.requests} requests have a reply."
        await asyncio.to_thread(self.orders.done, order, ended, seconds=_seconds(batch), said=said)
        self.arrived |= replied
        for file in (order.file, *files):
            await self.calls.delete(file)
        return sum(
            worst_usd[request] if end.billed_usd is None else end.billed_usd for request, end in ended.items()
        )

    def _end(self, raw: str | None, reason: str, worst_usd: float) -> Ended:
        """What a line means: a reply with its bill (the worst case when it does not say what it used), or a refusal, which is free."""
        if raw is None:
            return Ended(None, 0.0, reason)
        usage = read_completion(raw).usage
        return Ended(
            raw,
            self._usd(self.model.cost_usd(*billable(usage))) if usage.prompt_tokens else worst_usd,
            usage=usage,
        )

    def _usd(self, live_usd: float) -> float:
        return usd(
            nano(self.model.batch_factor * live_usd)
        )  # whole, so that parts add up to the sum reserved


async def _together(tasks: list[asyncio.Task[None]]) -> None:
    """Wait for all; the first error ends the others."""
    try:
        await asyncio.gather(*tasks)
    finally:
        await _given_up(tasks)


async def _given_up(tasks: list[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def _why(batch: Mapping[str, Any]) -> str:
    """Why a request of a batch has no line."""
    errors = (batch.get("errors") or {}).get("data") or []
    told = " ".join(str(error.get("message")) for error in errors[:3])
    return f"The batch is {batch['status']} and has no line for this request. {told}".strip()


def _seconds(batch: Mapping[str, Any]) -> float:
    """From the moment a batch was made to the one at which it ended; 0 when it does not say."""
    ended, made = batch.get(f"{batch['status']}_at"), batch.get("created_at")
    return float(max(0, ended - made)) if ended and made else 0.0
