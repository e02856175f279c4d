"""The lead of this room: a window and a question in, a reply out, each request paid once.

    async with Asker(account, ledger_path, run="...") as asker:
        request = asker.request(window, question)
        reply = await asker.ask(request)      # from the ledger when it is there, else from the provider

The order of a call is the ledger's: pace, reserve, `sent` on disk, call, raw reply on disk, and only then is the reply looked at.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Self

from octavo.processors.ask import continuation, expect, prompts, providers
from octavo.processors.ask.account import Account, look_up
from octavo.processors.ask.api import stream
from octavo.processors.ask.api.chat import Chat, read_completion
from octavo.processors.ask.api.tool_calls import ToolCall
from octavo.processors.ask.batch.batches import Batches
from octavo.processors.ask.batch.calls import BatchCalls, Rules, cancel
from octavo.processors.ask.batch.orders import Order, Orders, pending
from octavo.processors.ask.bill_rows import bill_row
from octavo.processors.ask.dispatch import Dispatcher, ledger_row
from octavo.processors.ask.exact import ENGINE as EXACT_ENGINE
from octavo.processors.ask.exact import MEDIA_TYPES as EXACT_TYPES
from octavo.processors.ask.exact import MODEL as EXACT_MODEL
from octavo.processors.ask.exact import answers as answers_exactly
from octavo.processors.ask.exact import reply as exact_reply
from octavo.processors.ask.fingerprint import fingerprint
from octavo.processors.ask.ledger import Ledger, parts_of
from octavo.processors.ask.money.balance import Balance, read_balance
from octavo.processors.ask.money.budget import Budget, Caps, Hear, quiet
from octavo.processors.ask.pace.limits import day_began, fitting
from octavo.processors.ask.pace.pace import RateLimiter
from octavo.processors.ask.pace.shared import SharedLimits, account_name
from octavo.processors.ask.process_identity import holder, is_gone
from octavo.processors.ask.spend_report import statement
from octavo.processors.ask.traffic import Traffic
from octavo.processors.ask.turns import Messages, Turn, prompt_tokens, turn_of, turn_request
from octavo.schemas.compile.piecewise import shown_in
from octavo.schemas.compile.row_codec import Legend
from octavo.schemas.errors import AccessRefused, BudgetReached, Interrupted, OctavoError, RequestError
from octavo.schemas.pipeline import ASKED_BEFORE, Part, Purpose, Question, Reply, Request, Window

__all__ = [
    "EXACT_ENGINE", "EXACT_MODEL", "EXACT_TYPES", "Account", "Asker", "Caps", "Order", "ToolCall",
    "Traffic", "Turn", "answers_exactly", "cancel", "exact_reply", "holder", "is_gone", "look_up", "pending", "statement",
]  # fmt: skip

WINDOW_MARGIN, WINDOW_MARGIN_TOKENS = (
    0.02,
    512,
)  # kept free of every window, since counts are not the provider's own
FRAME_TOKENS = 77  # 8 a prompt, 4 a message, 3 for the last mark, about 54 for a format beside its schema (bills of clients, 2026-11-23)
AGAIN_FACTOR = 3  # a reply asked for again may be longer, since being cut short is one reason for it

Count = Callable[[str], int]

log = logging.getLogger("octavo.ask")


class Asker:
    """Asks, and remembers. Owns the ledger, the connection, the pace and the budget of one run: use it in an `async with` block."""

    def __init__(
        self,
        account: Account,
        ledger: Path,
        *,
        run: str,
        count: Count,
        pace: RateLimiter | None = None,
        pace_file: Path | None = None,
        hear: Hear = quiet,
    ) -> None:
        """`count` gives the tokens of a text; `run` is the name under which attempts are written down; `hear` gets every notice.

        `pace_file` is where all processes put down what they use of the account.
        """
        self.account = account
        self.run = run
        self._count = count
        self.ledger = Ledger(ledger)
        shared = pace_file and account.engine != "offline"
        self._sharing = (
            SharedLimits(pace_file, account_name(account.base_url, account.key))
            if pace_file and shared
            else None
        )
        self.pace = pace or RateLimiter(
            account.limits, begin=account.begin, sharing=self._sharing, hear=self._tell
        )
        if pace is None:
            self.pace.spent_today(self.ledger.tokens_since(account.provider.name, day_began()))
        self.expected = expect.ReplyLength(
            self._latest, count, thinking_tokens=account.model.thinking_tokens, plain=account.is_plain
        )
        self.budget = Budget(account.caps, run=run, hear=self._notice, say=self._tell)
        self.balance = Balance(
            lambda: read_balance(self.chat.get, account.provider),
            account.provider.currency,
            hear=self._notice,
        )
        self.notices: list[
            str
        ] = []  # what a person should know about money and the way to the provider, as it was said
        self._hear = hear
        self._paying = Dispatcher(
            account, run, self.pace, self.ledger, self.budget, self.balance, self._notice, self._tell
        )

    async def __aenter__(self) -> Self:
        transport = None
        if self.account.engine == "offline":
            from octavo.processors.ask.offline import (
                provider,
            )  # its rules take a while to load, and most runs ask a model

            transport = provider.transport()
        account, paying = self.account, self._paying
        if account.leaving:
            self._notice(account.leaving)
        self.chat = paying.chat = Chat(
            account.base_url,
            account.key,
            provider=account.provider,
            concurrency=self.pace.most,
            transport=transport,
            heard=paying.hear,
            unserved=account.unserved,
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.chat.__aexit__()
        self.ledger.close()
        self.budget.close()
        if self._sharing:
            self._sharing.close()

    def request(
        self, window: Window, question: Question, *, purpose: Purpose = "first", complaint: str = ""
    ) -> Request:
        """The request for a window: its exact JSON, its price in tokens, and the fingerprint under which it is paid once."""
        question = shown_in(question, window)
        form = self.account.form(question)
        messages, ids = prompts.messages(window, question, self.ledger.secret, form, complaint, purpose)
        schema = prompts.envelope(question, form, ids)
        beside = "\n".join([complaint, *prompts.pieces(window, ids)])
        prompt_tokens = (
            window.tokens + self.overhead_tokens(question, len(window.documents)) + self._count(beside)
        )
        wanted = self.reply_tokens(window, question) * (AGAIN_FACTOR if ASKED_BEFORE[purpose] else 1)
        wanted = min(wanted, self.account.model.max_output_tokens or wanted)
        reply_tokens = min(wanted, self.account.model.context_tokens - prompt_tokens - WINDOW_MARGIN_TOKENS)
        body = providers.call_body(self.account.model, self.account.provider, messages, schema, reply_tokens)
        if reply_tokens >= stream.STREAM_FROM_TOKENS:
            body.update(stream.SWITCHES)
        name = fingerprint(body, self.account.provider.reply_limit_field)
        return Request(
            name, question, window, ids, body, prompt_tokens, reply_tokens, purpose, form.legend, complaint
        )

    def overhead_tokens(self, question: Question, documents: int) -> int:
        """Prompt tokens of a request beside its documents: instruction, question and format."""
        return FRAME_TOKENS + sum(
            map(self._count, prompts.frame(question, self.account.form(question), documents))
        )

    def reply_tokens(self, window: Window, question: Question, items: int = 0) -> int:
        """The most a reply may have: what replies to this question had so far, or what its schema lets expect, and room to think.

        `items` are those that lists may have, where the window has no text yet.
        """
        tokens = self.expected.tokens(question, window, items)
        return min(tokens, self.account.model.max_output_tokens or tokens)

    def room(self, questions: Sequence[Question], max_documents: int) -> tuple[int, int]:
        """Tokens that a window may have, replies included, and of these the tokens to keep free for the reply about one document."""
        overhead = max((self.overhead_tokens(question, max_documents) for question in questions), default=0)
        model = self.account.model
        most_tokens = fitting(model.context_tokens, self.account.minute_tokens)
        usable = min(int(model.context_tokens * (1 - WINDOW_MARGIN)), most_tokens) - WINDOW_MARGIN_TOKENS
        reply = max((question.reply_tokens for question in questions), default=0) + expect.LENGTH_SHARE_TOKENS
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
            except (RequestError, BudgetReached, AccessRefused, Interrupted):
                break  # written down as failed; what is whole is used, and asking for the rest meets the same trouble or none
            found = continuation.links(request.fingerprint, self.ledger.reply)
        reply = self._reply(found, from_ledger=not fresh)
        self.expected.note(request, reply)
        return reply

    async def converse(
        self, messages: Messages, tools: Messages, *, reply_tokens: int, may_call: bool, say: Hear
    ) -> Turn:
        """The next turn of a conversation with tools: from the ledger, or paid; `say` gets its words as they come.

        Raises like `ask`, and RequestRefused when the conversation does not fit.
        """
        request = turn_request(self.account, messages, tools, self._count, reply_tokens, may_call)
        self._paying.words = say
        fresh = await self._pay(request)
        bill = self.ledger.bill(request.fingerprint)
        assert bill is not None
        said = read_completion(bill["raw"])
        if not fresh:
            say(said.text)
        return turn_of(said, tools, cost_usd=bill["cost_usd"] if fresh else 0.0, from_ledger=not fresh)

    def prompt_tokens(self, messages: Messages, tools: Messages) -> int:
        """Tokens of a conversation with its tools."""
        return prompt_tokens(messages, tools, self._count)

    async def _pay(self, request: Request) -> bool:
        """See to it that the ledger has the reply to a request; gives whether it was paid now."""
        if self.is_stored(request.fingerprint):
            return False
        await self._paying.pay(request)
        return True

    def _step(self, request: Request, found: Sequence[continuation.Link]) -> Request | None:
        """What is still to be asked for a request whose reply was cut short."""
        model = self.account.model
        return continuation.step(
            request,
            found,
            partial=self.account.partial,
            form=self.account.provider.partial,
            room=model.context_tokens - request.prompt_tokens - WINDOW_MARGIN_TOKENS,
            thoughts=model.thinking_tokens,
            count=self._count,
        )

    def end(self, error: OctavoError) -> None:
        """Send nothing more: whoever waits to leave, or to try again, gets that error; what is in flight is awaited."""
        self._paying.end(error)

    @property
    def over(self) -> OctavoError | None:
        """Why nothing more is asked, such as an address that nobody answers; None while asking goes on."""
        return self._paying.over

    def traffic(self) -> Traffic:
        """Calls and dollars of this run so far."""
        in_flight, allowed = self.pace.in_flight
        spent, cap = self.budget.spent_usd, self.budget.caps.run_usd
        answered = self._paying.paid + self._paying.elsewhere
        return Traffic(answered, in_flight, allowed, self._paying.refused, spent, cap)

    def count_others(self) -> None:
        """Count the calls that other processes made for this run, as the ledger has them. Who asks this makes no calls itself."""
        self._paying.elsewhere, spent_usd = self.ledger.spent_by(self.run)
        self.budget.count(spent_usd)

    @property
    def account_name(self) -> str:
        """The name of the account, from which its key cannot be read."""
        return account_name(self.account.base_url, self.account.key)

    @property
    def ledger_name(self) -> str:
        """The name of the ledger, wherever it is opened."""
        return hashlib.sha256(b"octavo ledger\n" + self.ledger.secret).hexdigest()[:24]

    def notice(self, sentence: str) -> None:
        """Take a notice of another process that works on the run; what was said of the same matter before is not said again."""
        if sentence.partition(":")[0] not in {known.partition(":")[0] for known in self.notices}:
            self._notice(sentence)

    def teach(self, learn: Callable[[Mapping[str, Any], int], None]) -> None:
        """Tell `learn` the JSON of each call from now on, and the prompt tokens that it was billed."""
        self._paying.learn = learn

    def batches(self, halted: Callable[[], bool], tell: Callable[[int, int], None]) -> Batches:
        """The second way to send, which puts replies into the ledger at the price of a batch."""
        account = self.account
        orders = Orders(
            self.ledger.path,
            provider=account.engine,
            model=account.model.id,
            base_url=account.base_url,
            run=self.run,
        )
        calls = BatchCalls(
            self.chat, Rules(**account.provider.batch), partial(self._paying.retrying, paced=False)
        )
        row = partial(ledger_row, account=account)
        return Batches(
            calls,
            orders,
            self.budget,
            account.model,
            row,
            self.is_stored,
            halted,
            tell,
            self._look_at_balance,
        )

    async def _look_at_balance(self) -> None:
        await self.balance.look_when_due(self.budget.spent_usd)

    def is_stored(self, fingerprint: str) -> bool:
        """Whether a request has a reply in the ledger."""
        return self.ledger.reply(fingerprint) is not None

    def remembered(
        self, question: Question, *, replay: bool = False, among: Collection[str] | None = None
    ) -> Iterator[tuple[str, Mapping[str, str], list[Part], Legend]]:
        """First-round requests with a reply: fingerprint, ids, the parts they showed (without text), and the legend of their records.

        A replay takes all rounds, and also replies to earlier questions of the same name; the best to take comes first.
        `among` leaves out those about none of these documents; what is in it is looked at anew for each request.
        """
        if among is not None and not among:
            return
        who = (question.fingerprint, self.account.engine, self.account.model.id)
        steps = self._steps(question) if replay else frozenset[str]()
        for row in self.ledger.answered_ever(question.name, *who) if replay else self.ledger.answered(*who):
            ids = json.loads(row["ids"])
            if row["request"] not in steps and (
                among is None or any(document in among for document in ids.values())
            ):
                yield row["request"], ids, parts_of(row["window"]), json.loads(row["legend"])

    def _steps(self, question: Question) -> frozenset[str]:
        """Requests that only carried another one on, so that their replies are no answers of their own."""
        rows = self.ledger.answered_ever(
            question.name, question.fingerprint, self.account.engine, self.account.model.id
        )
        chains = (continuation.links(row["request"], self.ledger.reply) for row in rows)
        return frozenset(link.fingerprint for chain in chains for link in chain[1:])

    def recalled(
        self,
        window: Window,
        question: Question,
        *,
        fingerprint: str,
        ids: Mapping[str, str],
        legend: Legend,
        purpose: Purpose = "first",
    ) -> Request:
        """A request of an earlier run, to check its stored reply by: as `remembered` gave it, without what was sent."""
        return Request(fingerprint, shown_in(question, window), window, ids, {}, 0, 0, purpose, legend)

    def recall(self, fingerprint: str) -> Reply:
        """A reply that is in the ledger. Raises KeyError when it is not."""
        return self._reply(continuation.links(fingerprint, self.ledger.reply), from_ledger=True)

    def bills(self, fingerprints: Iterable[str]) -> Iterator[dict[str, Any]]:
        """Requests with a reply, each step of them, and what they used and cost, as rows for the table `requests`."""
        for link in (link for name in fingerprints for link in continuation.links(name, self.ledger.bill)):
            yield bill_row(link)

    def _notice(self, sentence: str) -> None:
        self.notices.append(sentence)
        self._tell(sentence)

    def _tell(self, sentence: str) -> None:
        """Say what matters now, and not when the run is over."""
        log.warning(sentence)
        self._hear(sentence)

    def _reply(self, found: Sequence[continuation.Link], *, from_ledger: bool) -> Reply:
        return continuation.reply(
            found, model=self.account.model.id, engine=self.account.engine, from_ledger=from_ledger
        )

    def _latest(self, question: str) -> Iterator[tuple[str, Reply]]:
        """Windows of the latest requests for replies of this form, as the ledger has them, and the replies; the oldest first."""
        model = self.account.model
        for row in reversed(
            self.ledger.latest(question, self.account.engine, model.id, model.effort, expect.RECENT)
        ):
            if bool(json.loads(row["legend"])) is not self.account.is_plain:
                yield row["window"], self.recall(row["request"])
