"""The lead of this room: a window and a question in, a reply out, each request paid once.

    async with Asker(account, ledger_path, run="...") as asker:
        request = asker.request(window, question)
        reply = await asker.ask(request)      # from the ledger when it is there, else from the provider

The order of a call is the ledger's: pace, reserve, `sent` on disk, call, raw reply on disk, and only then is the reply looked at.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

import tenacity

from processors.ask import pace_limits, prompts, providers
from processors.ask.budget import Budget
from processors.ask.chat import Chat, TryLater, read_completion
from processors.ask.ledger import Ledger
from processors.ask.pace import Pace
from schemas.errors import AccessRefused, ProviderUnavailable, RequestRefused
from schemas.pipeline import Part, Question, Reply, Request, Window

RETRY_TIME_S = 600.0  # how long one request is tried; a limit by time, not by count, since waiting is what a full minute asks for
BACKOFF_S = 1.0  # first pause when the provider names none; doubled each time, with jitter
BACKOFF_MAX_S = 60.0
REPLY_MARGIN_TOKENS = 256  # for the envelope and what the estimate misses
LENGTH_SHARE_TOKENS = 4_000  # most that a document's length adds to its share of the reply budget
WINDOW_MARGIN, WINDOW_MARGIN_TOKENS = 0.02, 512  # kept free of every window, since counts are not the provider's own
AGAIN_FACTOR = 3  # a reply asked for again may be longer, since being cut short is one reason for it

Count = Callable[[str], int]


@dataclass(frozen=True, slots=True)
class Account:
    """Who is asked, with which key and how fast. `key` is a secret: it is in no repr."""

    provider: providers.Provider
    model: providers.Model
    base_url: str
    limits: providers.Limits
    key: str = ""
    budget_usd: float = 0.0

    def __repr__(self) -> str:
        return f"Account({self.provider.name}, {self.model.id}, {self.base_url})"

    @property
    def engine(self) -> str:
        """What the rows say: `offline` for rules, else the provider."""
        return self.provider.name


class Asker:
    """Asks, and remembers. Owns the ledger, the connection, the pace and the budget of one run: use it in an `async with` block."""

    def __init__(self, account: Account, ledger: Path, *, run: str, count: Count, pace: Pace | None = None) -> None:
        """`count` gives the tokens of a text; `run` is the name under which attempts are written down."""
        self.account = account
        self.run = run
        self._count = count
        self.ledger = Ledger(ledger)
        limits = account.limits
        self.pace = pace or Pace(concurrency=limits.concurrency, rpm=limits.rpm, tpm=limits.tpm, tpd=limits.tpd)
        if pace is None:
            self.pace.spent_today(self.ledger.tokens_since(account.provider.name, pace_limits.day_began()))
        self.budget = Budget(account.budget_usd)
        self._refused: AccessRefused | None = None

    async def __aenter__(self) -> Self:
        transport = None
        if self.account.engine == "offline":
            from processors.ask import offline  # its rules take a while to load, and most runs ask a model

            transport = offline.transport()
        self.chat = Chat(self.account.base_url, self.account.key, concurrency=self.pace.most, transport=transport, heard=self.pace.heard)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.chat.__aexit__()
        self.ledger.close()

    def request(self, window: Window, question: Question, *, round_: int = 0, complaint: str = "") -> Request:
        """The request for a window: its exact JSON, its price in tokens, and the fingerprint under which it is paid once."""
        messages, ids = prompts.messages(window, question, self.ledger.secret, complaint)
        schema = prompts.envelope(question)
        prompt_tokens = window.tokens + self.overhead_tokens(question, len(window.documents)) + self._count(complaint)
        wanted = self.reply_tokens(window, question) * (AGAIN_FACTOR if round_ else 1)
        reply_tokens = min(wanted, self.account.model.context_tokens - prompt_tokens - WINDOW_MARGIN_TOKENS)
        body = providers.call_body(self.account.model, self.account.provider, messages, schema, reply_tokens)
        return Request(_fingerprint(body), question, window, ids, body, prompt_tokens, reply_tokens, round_)

    def overhead_tokens(self, question: Question, documents: int) -> int:
        """Prompt tokens of a request beside its documents: instruction, question, and the schema, which is counted once more as format."""
        schema = self._count(json.dumps(question.json_schema, ensure_ascii=False))
        return self._count(prompts.INSTRUCTION) + self._count(question.instruction) + 2 * schema + 8 * documents + 64

    def reply_tokens(self, window: Window, question: Question) -> int:
        """The most a reply may have. A longer document may need more, such as an invoice of many lines."""
        sizes: Counter[str] = Counter()
        for part in window.parts:
            sizes[part.document] += part.tokens
        share = sum(question.reply_tokens + min(size // 2, LENGTH_SHARE_TOKENS) for size in sizes.values())
        return share + REPLY_MARGIN_TOKENS + self.account.model.thinking_tokens

    def room(self, questions: Sequence[Question], max_documents: int) -> tuple[int, int]:
        """Tokens that a window may have, replies included, and of these the tokens to keep free for the reply about one document."""
        overhead = max(self.overhead_tokens(question, max_documents) for question in questions)
        model = self.account.model
        fitting = pace_limits.fitting(model.context_tokens, self.account.limits.tpm)
        usable = min(int(model.context_tokens * (1 - WINDOW_MARGIN)), fitting) - WINDOW_MARGIN_TOKENS
        reply = max(question.reply_tokens for question in questions) + LENGTH_SHARE_TOKENS
        return usable - overhead - REPLY_MARGIN_TOKENS - model.thinking_tokens, reply

    async def ask(self, request: Request) -> Reply:
        """The reply to a request. Raises RequestRefused, ProviderUnavailable, BudgetReached, AccessRefused and StorageError."""
        stored = self.ledger.reply(request.fingerprint)
        if stored is not None:
            return self._reply(request.fingerprint, stored, from_ledger=True)
        attempts = 0
        try:
            async for attempt in _retrying(self.pace):
                with attempt:
                    attempts += 1
                    await self._call(request, again=attempts > 1)
        except TryLater as error:
            raise ProviderUnavailable(f"{error.message} It was tried {attempts} times.", about=request.fingerprint) from None
        arrived = self.ledger.reply(request.fingerprint)
        assert arrived is not None
        return self._reply(request.fingerprint, arrived, from_ledger=False)

    def remembered(self, question: Question) -> Iterator[tuple[str, Mapping[str, str], list[Part]]]:
        """First-round requests with a reply: fingerprint, ids, and the parts they showed (without text), for whole documents only."""
        for row in self.ledger.answered(question.fingerprint, self.account.engine, self.account.model.id):
            parts = [Part(document, page, pages, start, end, "", 0) for document, page, pages, start, end in json.loads(row["window"])]
            yield row["request"], json.loads(row["ids"]), parts

    def recall(self, fingerprint: str) -> Reply:
        """A reply that is in the ledger. Raises KeyError when it is not."""
        stored = self.ledger.reply(fingerprint)
        if stored is None:
            raise KeyError(fingerprint)
        return self._reply(fingerprint, stored, from_ledger=True)

    def bills(self, fingerprints: Iterable[str]) -> Iterator[dict[str, Any]]:
        """Requests with a reply and what they used and cost, as rows for the table `requests`."""
        for row in map(self.ledger.bill, fingerprints):
            if row is None:
                continue
            done = read_completion(row["raw"])
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

    async def _call(self, request: Request, *, again: bool) -> None:
        """One attempt, from the pace to the bill."""
        worst_usd = self.account.model.cost_usd(request.prompt_tokens, request.reply_tokens)
        async with self.pace.slot(request.prompt_tokens + request.reply_tokens, self.run, again=again) as place:
            if self._refused is not None:
                raise self._refused
            await self.budget.reserve(worst_usd)
            billed_usd = worst_usd
            try:
                billed_usd = await self._send(request, worst_usd, place)
            except TryLater as error:
                billed_usd = worst_usd if error.maybe_paid else 0.0
                if error.shared:
                    self.pace.refused(place, error, error.wait_s)
                raise
            except AccessRefused as error:
                self._refused, billed_usd = error, 0.0
                self.pace.give_up(error)
                raise
            finally:
                await self.budget.settle(worst_usd, billed_usd)

    async def _send(self, request: Request, worst_usd: float, place: pace_limits.Place) -> float:
        """Write down, call, write down; gives what the call cost in USD."""
        attempt = await self.ledger.sent(self._ledger_row(request), run=self.run, sent_at=_now(), reserved_usd=worst_usd)
        started = time.monotonic()
        self.pace.left(place)
        try:
            raw = await self.chat.send(request.body)
        except TryLater as error:
            await self.ledger.failed(attempt, error.message, billed_usd=None if error.maybe_paid else 0.0)
            raise
        except Exception as error:
            await self.ledger.failed(attempt, str(error), billed_usd=0.0)
            raise
        seconds = time.monotonic() - started
        prompt_tokens = read_completion(raw).usage.prompt_tokens
        self.pace.came(place, prompt_tokens + request.reply_tokens if prompt_tokens else 0)
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

    def _reply(self, fingerprint: str, stored: sqlite3.Row, *, from_ledger: bool) -> Reply:
        done = read_completion(stored["raw"])
        usage = replace(done.usage, cost_usd=stored["cost_usd"])
        model, engine = self.account.model.id, self.account.engine
        return Reply(fingerprint, done.text, done.finish_reason, usage, model, engine, stored["seconds"], stored["attempts"], from_ledger)

    def _ledger_row(self, request: Request) -> dict[str, Any]:
        parts = [(part.document, part.page, part.pages, part.start, part.end) for part in request.window.parts]
        return {
            "request": request.fingerprint,
            "question": request.question.name,
            "question_fingerprint": request.question.fingerprint,
            "engine": self.account.engine,
            "provider": self.account.provider.name,
            "model": self.account.model.id,
            "round": request.round,
            "window": json.dumps(parts),
            "ids": json.dumps(dict(request.ids)),
            "prompt_tokens": request.prompt_tokens,
            "reply_limit": request.reply_tokens,
        }


def _retrying(pace: Pace) -> tenacity.AsyncRetrying:
    """Retry what may succeed later, for so long from its first failure on. What concerns all waits in the pace, else pauses grow."""
    growing = tenacity.wait_random_exponential(multiplier=BACKOFF_S, max=BACKOFF_MAX_S)
    failures: list[float] = []

    def wait_s(state: tenacity.RetryCallState) -> float:
        error = state.outcome.exception() if state.outcome else None
        if isinstance(error, TryLater) and error.shared:
            return 0.0
        told = error.wait_s if isinstance(error, TryLater) else None
        return growing(state) if told is None else told

    def stop(_: tenacity.RetryCallState) -> bool:
        failures.append(pace.clock())
        return failures[-1] - failures[0] >= RETRY_TIME_S

    return tenacity.AsyncRetrying(sleep=pace.sleep, retry=tenacity.retry_if_exception_type(TryLater), wait=wait_s, stop=stop, reraise=True)


def _fingerprint(body: Mapping[str, Any]) -> str:
    canonical = json.dumps(body, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")


async def look_up(account: Account) -> tuple[dict[str, int], float | None]:
    """The models served (id -> context in tokens, 0 when not told) and the balance (None when the provider does not tell).

    Raises AccessRefused and ProviderUnavailable.
    """
    async with Chat(account.base_url, account.key, concurrency=1) as chat:
        served = {model["id"]: int(model.get("context_length") or 0) for model in (await chat.get("/models"))["data"]}
        if not account.provider.balance_path:
            return served, None
        try:
            balance = await chat.get(account.provider.balance_path)
        except (RequestRefused, AccessRefused):
            return served, None  # another host under this address may have no balance
        return served, float(balance["data"]["available_balance"])
