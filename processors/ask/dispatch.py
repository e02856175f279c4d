"""A request in, its raw reply on disk out, paid once: everything between a question and the bill.

The order of a call is the ledger's: wait for the pace, reserve, `sent` on disk, call, raw reply on disk, bill. What may succeed later is
tried again; what ends all asking (no key, no money, nobody there) is said to everybody who waits.

It holds together what others own: `pace` says when to leave (`limits` has the places, `pauses` the lengths of pauses), `budget`
and `balance` whether there is money, `ledger` keeps, `chat` calls, `stream` says how long a silence may be, `usage` which tokens have a
price, `account` says who is asked and what that costs, and `waits` whose choice a wait is.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import tenacity

from octavo.processors.ask.account import Account
from octavo.processors.ask.api.chat import Chat, RawReply, Retryable, read_completion
from octavo.processors.ask.api.stream import LONGEST_SILENCE_S, first_word_s
from octavo.processors.ask.api.usage import billable
from octavo.processors.ask.ledger import Ledger, stored
from octavo.processors.ask.money.balance import Balance
from octavo.processors.ask.money.budget import Budget, Hear, quiet
from octavo.processors.ask.pace.limits import Permit
from octavo.processors.ask.pace.pace import RateLimiter
from octavo.processors.ask.pace.pauses import BACKOFF_MAX_S, BACKOFF_S
from octavo.processors.ask.waits import SAY_FROM_S, whose
from octavo.schemas.errors import AccessRefused, OctavoError, ProviderUnavailable, RequestRefused
from octavo.schemas.pipeline import Request, Usage

RETRY_TIME_S = 600.0  # how long one request is tried; a limit by time, not by count, since waiting is what a full minute asks for
UNREACHED_TIME_S = (
    15.0  # the same when nobody at the address has ever answered in this run: a wrong name, or no network
)
UNREACHED = "Check --base-url and the network, then run again: what is done is kept."
AWAY = "No other call got a reply meanwhile, so nothing more is sent. Run again later: what is done is kept."


@dataclass(slots=True)
class Dispatcher:
    """The way of every request of one run; `tell` gets what a person should know, `say` what only matters now.

    `heard` is set once the provider has answered anything, `over` says why nothing is asked, and `learn` gets the JSON of each call with
    the prompt tokens that it was billed.
    `words` gets what a stream says while it comes. `paid` counts replies that were bought, `refused` calls that were told to come later,
    `elsewhere` replies that other processes bought for this run.
    """

    account: Account
    run: str
    pace: RateLimiter
    ledger: Ledger
    budget: Budget
    balance: Balance
    tell: Hear = quiet
    say: Hear = quiet
    chat: Chat | None = None
    heard: bool = False
    paid: int = 0
    refused: int = 0
    elsewhere: int = 0
    over: OctavoError | None = None
    learn: Callable[[Mapping[str, Any], int], None] = lambda _, __: None
    words: Callable[[str], None] = lambda _: None
    _said_until: float = -math.inf
    _ended: asyncio.Event = field(default_factory=asyncio.Event)

    def hear(self, headers: Mapping[str, str], ago_s: float) -> None:
        """An answer came to what left so long ago, with these headers, whatever it says."""
        self.heard = True
        self.pace.observe_headers(headers, ago_s)

    async def pay(self, request: Request) -> None:
        """See to it that the ledger has the reply to a request. Raises RequestError, BudgetReached, AccessRefused and StorageError."""
        attempts = 0
        try:
            async for attempt in self.retrying():
                with attempt:
                    self._go_on()
                    attempts += 1
                    await self._call(request, again=attempts > 1)
        except Retryable as error:
            lost = ProviderUnavailable(
                f"{error.message} It was tried {attempts} times.", about=request.fingerprint
            )
            if error.unreached or error.away:
                lost.next_step = UNREACHED if error.unreached else AWAY
                if self.over is None:
                    self.end(lost)
                    self.tell(str(lost))
                self._go_on()
            raise lost from None

    def retrying(self, *, paced: bool = True) -> tenacity.AsyncRetrying:
        """Retry what may succeed later, for so long from its first failure on.

        What concerns all calls waits in the pace; without it (`paced` is false), and for trouble of its own, such as an overload now and
        then, a call waits as it is told or with growing, jittered pauses.
        """
        growing = tenacity.wait_random_exponential(multiplier=BACKOFF_S, max=BACKOFF_MAX_S)
        failures: list[tuple[float, int]] = []  # when, and how many replies the run had by then

        def wait_s(state: tenacity.RetryCallState) -> float:
            error = _later(state)
            if error.shared and paced:
                return 0.0
            seconds = growing(state) if error.wait_s is None else error.wait_s
            self._say_wait(seconds, error, len(failures))
            return seconds

        def stop(state: tenacity.RetryCallState) -> bool:
            failures.append((self.pace.clock.now(), self.paid))
            error, (began, paid) = _later(state), failures[0]
            error.away = self.paid == paid
            return failures[-1][0] - began >= (
                UNREACHED_TIME_S if error.unreached and not self.heard else RETRY_TIME_S
            )

        again = tenacity.retry_if_exception_type(Retryable)
        return tenacity.AsyncRetrying(sleep=self._rest, retry=again, wait=wait_s, stop=stop, reraise=True)

    async def _call(self, request: Request, *, again: bool) -> None:
        """One attempt, from the pace to the bill."""
        worst_usd = self.account.model.cost_usd(request.prompt_tokens, request.reply_tokens)
        async with self.pace.acquire(
            request.prompt_tokens + request.reply_tokens, self.run, again=again
        ) as permit:
            self._go_on()
            await self.balance.look_when_due(self.budget.spent_usd)
            reserved = await self.budget.reserve(worst_usd)
            billed_usd = 0.0
            try:
                self._go_on()  # the budget may have let it wait
                billed_usd = worst_usd
                billed_usd = await self._send(request, worst_usd, permit)
            except Retryable as error:
                billed_usd = worst_usd if error.maybe_paid else 0.0
                self.refused += error.refusal is not None and error.refusal.shared
                if error.shared:
                    error.shared = self.pace.refused(permit, error.refusal, error.message)
                raise
            except RequestRefused:
                billed_usd = 0.0
                raise
            except AccessRefused as error:
                billed_usd = 0.0
                self.end(error)
                raise
            finally:
                await self.budget.settle(reserved, billed_usd)
        if permit.rest_s:
            with contextlib.suppress(OctavoError):  # this reply is there; who asks next is told why all ended
                await self._rest(permit.rest_s)

    async def _send(self, request: Request, worst_usd: float, permit: Permit) -> float:
        """Write down, call, write down; gives what the call cost in USD."""
        assert self.chat is not None, "asked outside of `async with`"
        attempt = await self.ledger.sent(
            ledger_row(request, self.account), run=self.run, sent_at=_now(), reserved_usd=worst_usd
        )
        started = time.monotonic()
        self.pace.started(permit)
        try:
            arrived = await self.chat.send(request.body, silent_s=self._patience_s(request), say=self.words)
        except Retryable as error:
            await self.ledger.failed(attempt, error.message, billed_usd=None if error.maybe_paid else 0.0)
            raise
        except (RequestRefused, AccessRefused) as error:
            await self.ledger.failed(attempt, str(error), billed_usd=0.0)
            raise
        except Exception as error:  # our own mistake: nobody knows how far the call got
            await self.ledger.failed(attempt, str(error), billed_usd=None)
            raise
        seconds = time.monotonic() - started
        await self.ledger.arrived(
            attempt, request.fingerprint, arrived.raw, seconds=seconds, arrived_at=_now()
        )
        self.paid += 1
        usage = read_completion(arrived.raw).usage
        billed_usd = self._taken(request, arrived, usage, worst_usd, permit)
        await self.ledger.billed(attempt, billed_usd, usage)
        return billed_usd

    def _patience_s(self, request: Request) -> float:
        """How long a stream may say nothing at first: some hosts keep thoughts to themselves, hosts of any model may queue."""
        if self.account.provider.any_model:
            return LONGEST_SILENCE_S
        thinks = self.account.model.thinking == "always"
        return first_word_s(request.prompt_tokens, request.reply_tokens if thinks else 0)

    def _taken(
        self, request: Request, arrived: RawReply, usage: Usage, worst_usd: float, permit: Permit
    ) -> float:
        """Tell the pace what came; gives the bill in USD, which is the worst case when the reply does not say what it used."""
        cut = arrived.refusal
        if cut is not None and cut.shared:  # it came inside a stream, after the first words
            if not self.pace.overloaded(permit, cut.wait_s, cut.message):
                permit.rest_s = cut.wait_s or BACKOFF_S
                self._say_wait(permit.rest_s, Retryable(cut.message, wait_s=cut.wait_s), 1)
        else:
            self.pace.succeeded(
                permit, usage.prompt_tokens + request.reply_tokens if usage.prompt_tokens else 0
            )
        if not usage.prompt_tokens:
            return worst_usd
        self.learn(request.body, usage.prompt_tokens)
        return self.account.model.cost_usd(*billable(usage))

    def _say_wait(self, seconds: float, error: Retryable, failures: int) -> None:
        """Say that one call waits for long, and whose choice that is; of many that wait alike it is said once."""
        until = self.pace.clock.now() + seconds
        if seconds > SAY_FROM_S and until > self._said_until + SAY_FROM_S:
            self._said_until = until
            self.say(
                f"A call is tried again in {seconds:.0f} s, {whose(seconds, error.wait_s, failures)}: {error.message}"
            )

    async def _rest(self, seconds: float) -> None:
        """Sleep before the next try, but not past the moment at which all asking ended. Raises what ended it."""
        either = [
            asyncio.ensure_future(waiting) for waiting in (self.pace.clock.sleep(seconds), self._ended.wait())
        ]
        try:
            await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for waiting in either:
                waiting.cancel()
        self._go_on()

    def _go_on(self) -> None:
        """Raise what ended all asking."""
        if self.over is not None:
            raise self.over.with_traceback(None)

    def end(self, error: OctavoError) -> None:
        """Nothing more is asked, and nobody waits any longer."""
        self.over = error
        self._ended.set()
        self.pace.give_up(self.run, error)


def ledger_row(request: Request, account: Account) -> dict[str, Any]:
    """A request as the ledger has it."""
    return {
        "request": request.fingerprint,
        "question": request.question.name,
        "question_fingerprint": request.question.fingerprint,
        "engine": account.engine,
        "provider": account.provider.name,
        "model": account.model.id,
        "effort": account.model.effort,
        "round": request.round,
        "window": stored(request.window.parts),
        "ids": json.dumps(dict(request.ids)),
        "legend": json.dumps(request.legend),
        "prompt_tokens": request.prompt_tokens,
        "reply_limit": request.reply_tokens,
    }


def _later(state: tenacity.RetryCallState) -> Retryable:
    """The failure after which is decided whether to try again."""
    error = state.outcome.exception() if state.outcome else None
    assert isinstance(error, Retryable)  # nothing else is tried again
    return error


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")
