"""Turns of a conversation with tools: messages and tools in, the request for the next turn out; a stored reply in, the turn out. Pure.

A turn is a request like any other: it has a fingerprint under which it is paid once, so the same question over the same tables, whose
tools give the same results, is in the ledger to its last turn.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel

from octavo.processors.ask.account import Account
from octavo.processors.ask.api.chat import Completion
from octavo.processors.ask.api.stream import SWITCHES
from octavo.processors.ask.api.tool_calls import ToolCall
from octavo.processors.ask.fingerprint import fingerprint
from octavo.processors.ask.providers import call_body
from octavo.schemas.errors import RequestRefused
from octavo.schemas.pipeline import Question, Request, Window

FRAME_TOKENS = (
    80  # of marks between messages, and of tools as the provider writes them; see `replies.FRAME_TOKENS`
)
ASKING = Question("ask", "", (), {}, 0, "ask", BaseModel)  # under which the ledger counts turns

Messages = Sequence[Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Turn:
    """What a model said in one turn, and what it wants called. `message` is what the next request repeats of it."""

    text: str
    calls: tuple[ToolCall, ...]
    finish_reason: str
    message: dict[str, Any]
    cost_usd: float
    from_ledger: bool


def turn_request(
    account: Account,
    messages: Messages,
    tools: Messages,
    count: Callable[[str], int],
    reply_tokens: int,
    may_call: bool,  # noqa: FBT001 - the last of a list that its one caller has too
) -> Request:
    """The request for the next turn, streamed. The choice of tools is left to the model, which is what every model takes.

    Without `may_call` the tools are still shown, since the calls before need them. Raises RequestRefused when the window is full.
    """
    tokens = prompt_tokens(messages, tools, count)
    limit = min(
        reply_tokens + account.model.thinking_tokens, account.model.max_output_tokens or reply_tokens * 8
    )
    if tokens + limit > account.model.context_tokens:
        message = f"The conversation has {tokens:,} tokens, and {account.model.id} takes {account.model.context_tokens:,} with the answer."
        raise RequestRefused(message, reason="too_long", next_step="Begin a new one: leave --continue out.")
    how: dict[str, Any] = {"tools": list(tools)} | ({} if may_call else {"tool_choice": "none"})
    body = call_body(account.model, account.provider, messages, {}, limit, how)
    name = fingerprint(body, account.provider.reply_limit_field)
    return Request(name, ASKING, Window((), 0), {}, {**body, **SWITCHES}, tokens, limit)


def prompt_tokens(messages: Messages, tools: Messages, count: Callable[[str], int]) -> int:
    """Tokens of a prompt with its tools, on the safe side."""
    return FRAME_TOKENS + count(json.dumps([*messages, *tools], ensure_ascii=False))


def turn_of(said: Completion, tools: Messages, *, cost_usd: float, from_ledger: bool) -> Turn:
    """The turn that a reply is. Thoughts go back with it, since models that think refuse calls without them; calls by the kind of tool."""
    kind = {tool["function"]["name"]: tool["type"] for tool in tools}
    message: dict[str, Any] = {"role": "assistant", "content": said.text}
    if said.reasoning:
        message["reasoning_content"] = said.reasoning
    if said.tool_calls:
        message["tool_calls"] = [call.sent_back(kind.get(call.name, "function")) for call in said.tool_calls]
    return Turn(said.text, said.tool_calls, said.finish_reason, message, cost_usd, from_ledger)
