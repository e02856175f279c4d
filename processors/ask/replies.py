"""The lead of this room: a window and a question in, a reply out, each request paid once.

    async with Asker(account, ledger_path, run="...") as asker:
        request = asker.request(window, question)
        reply = await asker.ask(request)      # from the ledger when it is there, else from the provider

The order of a call is the ledger's: pace, reserve, `sent` on disk, call, raw reply on disk, and only then is the reply looked at.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

import tenacity

from processors.ask import continuation, expect, prompts, providers, stream
from processors.ask.account import Account, look_up
from processors.ask.balance import Balance, read_balance
from processors.ask.batch import Batches
from processors.ask.batch_calls import BatchCalls, Rules, cancel
from processors.ask.budget import Budget, Caps, Hear, quiet
from processors.ask.chat import Chat, TryLater, read_completion
from processors.ask.fingerprint import fingerprint
from processors.ask.ledger import Ledger, parts_of, stored
from processors.ask.orders import Order, Orders, pending
from processors.ask.pace import Pace
from processors.ask.statement import statement
from schemas.errors import AccessRefused, BudgetReached, ProviderUnavailable, RequestError, RequestRefused
from schemas.pipeline import Part, Question, Reply, Request, Window

__all__ = ["Account", "Asker", "Caps", "Order", "cancel", "look_up", "pending", "statement"]

RETRY_TIME_S = 600.0  # how long one request is tried; a limit by time, not by count, since waiting is what a full minute asks for
BACKOFF_S = 1.0  # first pause when the provider names none; doubled each time, with jitter
BACKOFF_MAX_S = 60.0
WINDOW_MARGIN, WINDOW_MARGIN_TOKENS = 0.02, 512  # kept free of every window, since counts are not the provider's own
AGAIN_FACTOR = 3  # a reply asked for again may be longer, since being cut short is one reason for it

Count = Callable[[str], int]

log = logging.getLogger("octavo.ask")


class Asker:
    """Asks, and remembers. Owns the ledger, the connection, the pace and the budget of one run: use it in an `async with` block."""

    def __init__(self, account: Account, ledger: Path, *, run: str, count: Count, pace: Pace | None = None, hear: Hear = quiet) -> None:
        """`count` gives the tokens of a text; `run` is the name under which attempts are written down; `hear` gets every notice."""
        self.account = account
        self.run = run
        self._count = count
        self.ledger = Ledger(ledger)
        limits = account.limits
        self.pace = pace or Pace(concurrency=limits.concurrency, rpm=limits.rpm, tpm=limits.tpm, tpd=limits.tpd)
        self.expected = expect.Expectation(self._latest, self._count if account.model.thinking_tokens else None)
        self.budget = Budget(account.caps, run=run, hear=self._notice)
        self.balance = Balance(lambda: read_balance(self.chat.get, account.provider), account.provider.currency, hear=self._notice)
        self.notices: list[str] = []  # what a person should know about money, as it was said
        self._hear = hear
        self._refused: AccessRefused | None = None

    async def __aenter__(self) -> Self:
        transport = None
        if self.account.engine == "offline":
            from processors.ask.offline import provider  # its rules take a while to load, and most runs ask a model

            transport = provider.transport()
        account = self.account
        self.chat = Chat(
            account.base_url, account.key, provider=account.provider, concurrency=account.limits.concurrency, transport=transport
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.chat.__aexit__()
        self.ledger.close()
        self.budget.close()

    def request(self, window: Window, question: Question, *, round_: int = 0, complaint: str = "") -> Request:
        """The request for a window: its exact JSON, its price in tokens, and the fingerprint under which it is paid once."""
        messages, ids = prompts.messages(window, question, self.ledger.secret, complaint)
        schema = prompts.envelope(question)
        prompt_tokens = window.tokens + self.overhead_tokens(question, len(window.documents)) + self._count(complaint)
        wanted = self.reply_tokens(window, question) * (AGAIN_FACTOR if round_ else 1)
        wanted = min(wanted, self.account.model.max_output_tokens or wanted)
        reply_tokens = min(wanted, self.account.model.context_tokens - prompt_tokens - WINDOW_MARGIN_TOKENS)
        body = providers.call_body(self.account.model, self.account.provider, messages, schema, reply_tokens)
        if reply_tokens >= stream.STREAM_FROM_TOKENS:
            body.update(stream.SWITCHES)
        name = fingerprint(body, self.account.provider.reply_limit_field)
        return Request(name, question, window, ids, body, prompt_tokens, reply_tokens, round_)

    def overhead_tokens(self, question: Question, documents: int) -> int:
        """Prompt tokens of a request beside its documents: instruction, question, and the schema, which is counted once more as format."""
        schema = self._count(json.dumps(question.json_schema, ensure_ascii=False))
        return self._count(prompts.INSTRUCTION) + self._count(question.instruction) + 2 * schema + 8 * documents + 64

    def reply_tokens(self, window: Window, question: Question) -> int:
        """The most a reply may have: what replies to this question had so far, or what its schema lets expect, and room to think."""
        return self.expected.tokens(question, window) + self.account.model.thinking_tokens

    def room(self, questions: Sequence[Question], max_documents: int) -> tuple[int, int]:
        """Tokens that a window may have, replies included, and of these the tokens to keep free for the reply about one document."""
        overhead = max(self.overhead_tokens(question, max_documents) for question in questions)
        model = self.account.model
        usable = int(model.context_tokens * (1 - WINDOW_MARGIN)) - WINDOW_MARGIN_TOKENS
        reply = max(question.reply_tokens for question in questions) + expect.LENGTH_SHARE_TOKENS
        return usable - overhead - expect.REPLY_MARGIN_TOKENS - model.thinking_tokens, reply

    async def ask(self, request: Request) -> Reply:
        """The reply to a request, carried on when it was cut short.

        Raises RequestRefused, ProviderUnavailable, BudgetReached, AccessRefused and StorageError.
        """
        fresh = await self._pay(request)
        found = continuation.links(request.fingerprint, self.ledger.reply)
        while (step := self._step(request, found)) is not None:
            try:
                fresh |= await self._pay(step)
            except (RequestError, BudgetReached, AccessRefused):
                break  # written down as failed; what is whole is used, and asking for the rest meets the same trouble or none
            found = continuation.links(request.fingerprint, self.ledger.reply)
        reply = self._reply(found, from_ledger=not fresh)
        self.expected.note(request, reply)
        return reply

    async def _pay(self, request: Request) -> bool:
        """See to it that the ledger has the reply to a request; gives whether it was paid now."""
        if self.ledger.reply(request.fingerprint) is not None:
            return False
        attempts = 0
        try:
            async for attempt in _retrying():
                with attempt:
                    attempts += 1
                    await self._call(request)
        except TryLater as error:
            raise ProviderUnavailable(f"{error.message} It was tried {attempts} times.", about=request.fingerprint) from None
        return True

    def _step(self, request: Request, found: Sequence[continuation.Link]) -> Request | None:
        """What is still to be asked for a request whose reply was cut short."""
        room = self.account.model.context_tokens - request.prompt_tokens - WINDOW_MARGIN_TOKENS
        return continuation.step(request, found, partial=self.account.partial, room=room, count=self._count)

    def batches(self, halted: Callable[[], bool], tell: Callable[[int, int], None]) -> Batches:
        """The second way to send, which puts replies into the ledger at the price of a batch."""
        account = self.account
        orders = Orders(self.ledger.path, provider=account.engine, model=account.model.id, base_url=account.base_url, run=self.run)
        calls = BatchCalls(self.chat, Rules(**account.provider.batch), _retrying)
        return Batches(calls, orders, self.budget, account.model, self._ledger_row, self.known, halted, tell)

    def known(self, fingerprint: str) -> bool:
        """Whether a request has a reply in the ledger."""
        return self.ledger.reply(fingerprint) is not None

    def remembered(self, question: Question, *, replay: bool = False) -> Iterator[tuple[str, Mapping[str, str], list[Part]]]:
        """First-round requests with a reply: fingerprint, ids, and the parts they showed, without text.

        A replay takes all rounds, and also replies to earlier questions of the same name; the best to take comes first.
        """
        who = (question.fingerprint, self.account.engine, self.account.model.id)
        steps = self._steps(question) if replay else frozenset[str]()
        for row in self.ledger.answered_ever(question.name, *who) if replay else self.ledger.answered(*who):
            if row["request"] in steps:
                continue
            yield row["request"], json.loads(row["ids"]), parts_of(row["window"])

    def _steps(self, question: Question) -> frozenset[str]:
        """Requests that only carried another one on, so that their replies are no answers of their own."""
        rows = self.ledger.answered_ever(question.name, question.fingerprint, self.account.engine, self.account.model.id)
        chains = (continuation.links(row["request"], self.ledger.reply) for row in rows)
        return frozenset(link.fingerprint for chain in chains for link in chain[1:])

    def recall(self, fingerprint: str) -> Reply:
        """A reply that is in the ledger. Raises KeyError when it is not."""
        return self._reply(continuation.links(fingerprint, self.ledger.reply), from_ledger=True)

    def bills(self, fingerprints: Iterable[str]) -> Iterator[dict[str, Any]]:
        """Requests with a reply, each step of them, and what they used and cost, as rows for the table `requests`."""
        for link in (link for name in fingerprints for link in continuation.links(name, self.ledger.bill)):
            row, done = link.row, link.completion
            yield {
                **{name: row[name] for name in ("request", "question", "engine", "provider", "model", "round", "attempts", "seconds")},
                "documents": sorted(set(json.loads(row["ids"]).values())),
                "prompt_tokens": done.usage.prompt_tokens,
                "reply_tokens": done.usage.reply_tokens,
                "cached_tokens": done.usage.cached_tokens,
                "cost_usd": row["cost_usd"],
                "finish_reason": done.finish_reason,
                "sent_at": datetime.fromisoformat(row["sent_at"]),
            }

    async def _call(self, request: Request) -> None:
        """One attempt, from the pace to the bill."""
        worst_usd = self.account.model.cost_usd(request.prompt_tokens, request.reply_tokens)
        async with self.pace.slot(request.prompt_tokens + request.reply_tokens):
            if self._refused is not None:
                raise self._refused
            await self.balance.look_when_due(self.budget.spent_usd)
            await self.budget.reserve(worst_usd)
            billed_usd = worst_usd
            try:
                billed_usd = await self._send(request, worst_usd)
            except TryLater as error:
                billed_usd = worst_usd if error.maybe_paid else 0.0
                if error.shared:
                    self.pace.pause(BACKOFF_S if error.wait_s is None else error.wait_s)
                raise
            except RequestRefused:
                billed_usd = 0.0
                raise
            except AccessRefused as error:
                self._refused, billed_usd = error, 0.0
                raise
            finally:
                await self.budget.settle(worst_usd, billed_usd)

    async def _send(self, request: Request, worst_usd: float) -> float:
        """Write down, call, write down; gives what the call cost in USD."""
        attempt = await self.ledger.sent(self._ledger_row(request), run=self.run, sent_at=_now(), reserved_usd=worst_usd)
        started = time.monotonic()
        try:
            raw = await self.chat.send(request.body)
        except TryLater as error:
            await self.ledger.failed(attempt, error.message, billed_usd=None if error.maybe_paid else 0.0)
            raise
        except (RequestRefused, AccessRefused) as error:
            await self.ledger.failed(attempt, str(error), billed_usd=0.0)
            raise
        except Exception as error:  # our own mistake: nobody knows how far the call got
            await self.ledger.failed(attempt, str(error), billed_usd=None)
            raise
        seconds = time.monotonic() - started
        await self.ledger.arrived(attempt, request.fingerprint, raw, seconds=seconds, arrived_at=_now())
        billed_usd = self._cost_usd(raw, worst_usd)
        await self.ledger.billed(attempt, request.fingerprint, billed_usd)
        return billed_usd

    def _cost_usd(self, raw: str, worst_usd: float) -> float:
        """The bill of a raw reply; the worst case when it does not say what it used."""
        usage = read_completion(raw).usage
        if not usage.prompt_tokens:
            return worst_usd
        return self.account.model.cost_usd(usage.prompt_tokens, usage.reply_tokens, usage.cached_tokens or 0)

    def _notice(self, sentence: str) -> None:
        self.notices.append(sentence)
        log.warning(sentence)
        self._hear(sentence)

    def _reply(self, found: Sequence[continuation.Link], *, from_ledger: bool) -> Reply:
        return continuation.reply(found, model=self.account.model.id, engine=self.account.engine, from_ledger=from_ledger)

    def _latest(self, question: str) -> Iterator[tuple[str, Reply]]:
        """Windows of the latest requests about a question, as the ledger has them, and the replies; the oldest first."""
        for row in reversed(self.ledger.latest(question, self.account.engine, self.account.model.id, expect.RECENT)):
            yield row["window"], self.recall(row["request"])

    def _ledger_row(self, request: Request) -> dict[str, Any]:
        return {
            "request": request.fingerprint,
            "question": request.question.name,
            "question_fingerprint": request.question.fingerprint,
            "engine": self.account.engine,
            "provider": self.account.provider.name,
            "model": self.account.model.id,
            "round": request.round,
            "window": stored(request.window.parts),
            "ids": json.dumps(dict(request.ids)),
            "prompt_tokens": request.prompt_tokens,
            "reply_limit": request.reply_tokens,
        }


def _retrying() -> tenacity.AsyncRetrying:
    """Retry what may succeed later, for so long in all, waiting as told or with growing, jittered pauses."""
    growing = tenacity.wait_random_exponential(multiplier=BACKOFF_S, max=BACKOFF_MAX_S)

    def wait_s(state: tenacity.RetryCallState) -> float:
        error = state.outcome.exception() if state.outcome else None
        told = error.wait_s if isinstance(error, TryLater) else None
        return growing(state) if told is None else told

    return tenacity.AsyncRetrying(
        retry=tenacity.retry_if_exception_type(TryLater), wait=wait_s, stop=tenacity.stop_after_delay(RETRY_TIME_S), reraise=True
    )


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")
