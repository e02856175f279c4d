"""Who is asked: provider, model, address, limits and key; and what the provider says about the account."""

from __future__ import annotations

from dataclasses import dataclass, field

from octavo.processors.ask import providers
from octavo.processors.ask.api.chat import Chat, Retryable
from octavo.processors.ask.money.balance import read_balance
from octavo.processors.ask.money.budget import Caps
from octavo.processors.ask.prompts import Form
from octavo.schemas.compile.row_codec import legend
from octavo.schemas.job import ReplyForm
from octavo.schemas.pipeline import Question


@dataclass(frozen=True, slots=True)
class Account:
    """Who is asked, with which key and how fast. `key` is a secret: it is in no repr.

    Of `minute_tokens` windows take a whole part: the tokens a minute, or those of the smallest tier while they are to be found; 0 for any.
    """

    provider: providers.Provider
    model: providers.Model
    base_url: str
    limits: providers.AccountLimits
    key: str = ""
    caps: Caps = field(default_factory=Caps)
    reply_form: ReplyForm = "keyed"
    minute_tokens: int = 0

    def __repr__(self) -> str:
        return f"Account({self.provider.name}, {self.model.id}, {self.base_url})"

    @property
    def engine(self) -> str:
        """What the rows say: `offline` for rules, else the provider."""
        return self.provider.name

    def form(self, question: Question) -> Form:
        """How replies to a question are written; rules on this machine give entries, which cost them nothing."""
        if self.is_plain:
            style: ReplyForm = "entries" if self.engine == "offline" else self.reply_form
            told = self.model.json_mode != "json_schema" or self.partial == "text"
            return Form(
                style, told=told
            )  # a reply is carried on without a format, so that words have to say it
        known = legend(question.fields)
        return Form("rows", known, optional=not self.provider.all_keys, told=False)  # the legend says it all

    @property
    def leaving(self) -> str:
        """Until when the model answers, and what comes after it; "" when nothing was announced, or the address is another."""
        if self.model.retired is None or self.base_url != self.provider.base_url or self.provider.any_model:
            return ""
        return f"{self.model.id} answers until {self.model.retired:%Y-%m-%d}, when it is retired. {self.model.instead}"

    @property
    def unserved(self) -> str:
        """What to do when this address does not serve the model, as far as the catalogue knows; "" when it knows nothing."""
        retired = self.model.retired
        return (
            f"{self.model.id} is known to be retired ({retired:%Y-%m-%d} at its own provider). {self.model.instead}"
            if retired
            else ""
        )

    @property
    def begin(self) -> int:
        """Calls in flight with which to begin where the limit is to be found."""
        return self.provider.assumed.concurrency if self.provider.assumed else 1

    @property
    def is_plain(self) -> bool:
        """Whether records come as objects with the names of their fields, and not as rows."""
        return self.reply_form != "rows" or self.engine == "offline"

    @property
    def partial(self) -> str:
        """How a reply that was cut short is carried on: `text`, `json_schema`, or "" where it cannot be."""
        return (self.model.partial or self.provider.partial_mode) if self.provider.partial else ""


async def look_up(account: Account) -> tuple[dict[str, int], float | None]:
    """The models served (id -> context in tokens, 0 when not told) and the balance (None when the provider does not tell).

    Raises AccessRefused and ProviderUnavailable.
    """
    async with Chat(account.base_url, account.key, provider=account.provider, concurrency=1) as chat:
        listed = (await chat.get("/models"))["data"]
        served = {
            model["id"]: int(model.get("context_length") or model.get("max_model_len") or 0)
            for model in listed
        }  # Kimi's, vLLM's
        try:
            return served, await read_balance(chat.get, account.provider)
        except Retryable:
            return served, None  # it does not tell now
