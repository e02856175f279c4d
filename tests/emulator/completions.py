"""POST /v1/chat/completions: an exchange comes in, the reply goes out on it and the journal entry is filled.

A place among the calls in flight is held from admission to the last byte. What was made is billed, also when nobody took it [D].
"""

from __future__ import annotations

import asyncio
import hashlib
import math
import random

from tests.emulator import faults, refusals
from tests.emulator.generation import answer, spoil
from tests.emulator.journal import Entry
from tests.emulator.limits import Org
from tests.emulator.refusals import Refusal
from tests.emulator.sending import send_stream, send_whole
from tests.emulator.state import State
from tests.emulator.turn import Turn
from tests.emulator.understanding import understood
from tests.emulator.wire import Exchange


async def serve(state: State, exchange: Exchange, org: Org, ak: str, entry: Entry) -> None:
    """Answers one request. Raises the Refusal that ends it."""
    turn = await understood(state, exchange.body, org, ak, entry)
    entry.reserved_tokens = entry.prompt_tokens + turn.budget
    if state.config.overload_beyond and org.in_flight >= state.config.overload_beyond:
        raise refusals.overloaded(state.config.overload_after_s)
    try:
        ticket = org.admit(ak, entry.reserved_tokens)
    finally:
        entry.in_flight, entry.tpm_used = org.in_flight, org.tpm_used
    entry.admitted = True
    try:
        plan(turn)
        _time(turn)
        await _send(turn, exchange)
    finally:
        org.release(ticket, entry.prompt_tokens + entry.reply_tokens)


def plan(turn: Turn) -> None:
    """Reads the cache and makes the answer; the entry gets its counts."""
    entry, config = turn.entry, turn.state.config
    entry.cached_tokens = _cached(turn)
    if turn.model.k3 and entry.prompt_tokens > config.cache_min:
        entry.cache_write_tokens = max(0, len(turn.blocks) * config.cache_block - entry.cached_tokens)
    turn.made = answer(turn.body, turn.model, turn.budget, config, turn.state.counter, turn.script)
    if turn.fault and turn.fault.kind not in faults.SENDING:
        turn.made = spoil(turn.made, turn.fault, turn.budget, turn.state.counter)
    entry.reply_tokens, entry.finish_reason = turn.made.reply_tokens, turn.made.finish_reason


def settle(turn: Turn, factor: float = 1.0) -> None:
    """Bills, once, the turn's share of the reply and the prompt with it, times `factor`; a negative share bills nothing."""
    if turn.settled or turn.share < 0:
        return
    turn.settled = True
    turn.entry.reply_tokens = math.ceil(turn.entry.reply_tokens * min(1.0, turn.share))
    turn.entry.cost_usd = factor * turn.price()
    turn.org.spent_usd += turn.entry.cost_usd


def _cached(turn: Turn) -> int:
    cache, config = turn.state.cache, turn.state.config
    found = cache.read(turn.blocks)
    if config.cache_exact_reads_all and turn.blocks and found == len(turn.blocks) * config.cache_block:
        return turn.entry.prompt_tokens
    return min(found, turn.entry.prompt_tokens)


def _time(turn: Turn) -> None:
    """Sets the moments of the first and the last token: base, prefill, queue, then output at the model's speed [I]."""
    config, entry = turn.state.config, turn.entry
    turn.began = turn.first = turn.done = turn.state.clock.now()
    if not config.timing:
        return
    lot = hashlib.blake2b(
        f"{config.seed} {entry.fingerprint} {entry.attempt}".encode(), digest_size=8
    ).digest()
    factor = math.exp(random.Random(lot).gauss(0.0, config.jitter))
    fresh = entry.prompt_tokens - entry.cached_tokens
    prefill_s = (fresh + entry.cached_tokens / config.cached_prefill_factor) / config.prefill_tokens_per_s
    queued = max(0, entry.in_flight - config.cold_slots) if config.cold_slots else 0
    turn.first += (config.ttft_s + prefill_s) * factor + queued * config.cold_wait_s
    turn.done = turn.first + entry.reply_tokens / (turn.model.tokens_per_s or config.tokens_per_s) * factor


async def _send(turn: Turn, exchange: Exchange) -> None:
    """Waits and sends; bills what was made, whatever became of it, before the client can know that it is over."""
    exchange.on_last = lambda: _close(turn, exchange)
    try:
        await _deliver(turn, exchange)
    except asyncio.CancelledError:
        turn.share = _made(turn) if turn.state.config.bill_hangup else -1.0
        turn.entry.status, turn.entry.reason = 499, "client_closed_request"
    except Refusal as refusal:
        turn.share = _made(turn) if refusal.html else -1.0
        raise
    finally:
        _close(turn, exchange)


def _close(turn: Turn, exchange: Exchange) -> None:
    """Closes the books of a reply."""
    turn.entry.delivered, turn.entry.ended_s = exchange.delivered, turn.state.clock.now()
    if exchange.delivered or turn.state.config.bill_undelivered:
        settle(turn)


async def _deliver(turn: Turn, exchange: Exchange) -> None:
    """Waits as the model would, then sends; raises 504 when the gateway loses patience [D: 900 s of silence, 2 h in all]."""
    config, clock = turn.state.config, turn.state.clock
    silent_s = (turn.first if turn.entry.streamed else turn.done) - turn.began
    if silent_s > min(config.gateway_silence_s, config.total_s):
        await clock.until(turn.began + min(config.gateway_silence_s, config.total_s))
        raise refusals.gateway_timeout()
    if turn.blocks:
        await clock.until(turn.first)
        turn.state.cache.write(turn.blocks, turn.entry.prompt_tokens, turn.ttl_s)
    if turn.entry.streamed:
        await send_stream(turn, exchange, turn.began + config.total_s)
    else:
        await clock.until(turn.done)
        await send_whole(turn, exchange)


def _made(turn: Turn) -> float:
    """The share of the reply that was made by now."""
    now = turn.state.clock.now()
    if now <= turn.first:
        return 0.0
    return min(1.0, (now - turn.first) / (turn.done - turn.first)) if turn.done > turn.first else 1.0
