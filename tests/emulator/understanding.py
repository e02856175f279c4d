"""A request for a completion, understood: the bytes of a body come in, a Turn with its prompt measured goes out, or a Refusal is raised."""

from __future__ import annotations

import json
from typing import Any

from tests.emulator import dialects, faults, refusals, rules
from tests.emulator.catalogue import Model
from tests.emulator.config import Fault
from tests.emulator.generation import scripted
from tests.emulator.journal import Entry
from tests.emulator.limits import Org
from tests.emulator.oracle import text_of
from tests.emulator.state import State
from tests.emulator.turn import Turn

CHAT = "/chat/completions"


def parsed(raw: bytes) -> Any:
    """The JSON of a body."""
    try:
        return json.loads(raw)
    except ValueError as error:
        raise refusals.malformed(f"the body is not JSON: {error}") from error


async def understood(state: State, raw: bytes, org: Org, ak: str, entry: Entry, path: str = CHAT) -> Turn:
    """The request as a Turn. Order: shape, model, rules, content filter, faults, length [I]."""
    body = parsed(raw)
    entry.model = rules.structure(body)
    state.journal.attempt(entry, body)
    entry.streamed, entry.body = bool(body.get("stream")), body if state.config.keep_bodies else None
    model = state.model(entry.model)
    dialects.check(state.config.dialect, body)
    body = dialects.in_kimis_words(state.config.dialect, body)
    rules.check(body, model, state.config, state.files)
    turn = Turn(
        state,
        org,
        ak,
        entry,
        body,
        model,
        _struck(state, body, org, ak, entry, path),
        scripted(state.scripts, body),
    )
    await _measure(turn, len(raw))
    return turn


def default_budget(model: Model, prompt_tokens: int) -> int:
    """The reply budget when none is given: the model's default, clamped to what the window leaves [D, I: the clamp]."""
    left = model.context - prompt_tokens
    if left < 1:
        raise refusals.too_long(model.context, prompt_tokens + 1)
    return min(model.default_reply, left)


def _struck(state: State, body: dict[str, Any], org: Org, ak: str, entry: Entry, path: str) -> Fault | None:
    """The fault that this request meets; raises the Refusal when it is one that refuses."""
    config = state.config
    if not config.faults and not config.filter_word:
        return None
    words = "\n".join(text_of(message) for message in body["messages"])
    if config.filter_word and config.filter_word in words:
        raise refusals.filtered()
    fault = faults.pick(config, entry, words, state.clock.now(), path)
    refused = faults.refusal(fault, org, ak) if fault else None
    if refused:
        raise refused
    return fault


async def _measure(turn: Turn, size_bytes: int) -> None:
    """Counts the prompt, fixes the reply budget, and names the prompt's prefixes."""
    state, body, model = turn.state, turn.body, turn.model
    prompt = await state.prompt(body, size_bytes)
    tokens = len(prompt) // 4 + state.counter.schema_tokens(body)
    turn.entry.prompt_tokens = tokens
    limit = rules.reply_limit(body)
    if limit is not None and tokens + limit > model.context:
        raise refusals.too_long(model.context, tokens + limit)
    turn.budget = limit if limit is not None else default_budget(model, tokens)
    turn.ttl_s = state.config.cache_ttl_long_s if turn.long_ttl else state.config.cache_ttl_s
    effort = rules.effort(body) if model.k3 else ""
    turn.blocks = state.cache.chain(f"{turn.org.name} {model.name} {effort} {turn.ttl_s}", prompt)
