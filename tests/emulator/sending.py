"""Sending a completion: a Turn whose answer is made comes in, bytes go out as one body or as a stream, with the faults of the line.

Shapes of the stream: Moonshot's api/chat page, 2026-08-13; both places of usage were seen in clients [C].
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from tests.emulator import refusals
from tests.emulator.dialects import stream_usage
from tests.emulator.turn import Turn
from tests.emulator.wire import Exchange

JSON = {"Content-Type": "application/json; charset=utf-8"}
_EVENTS = {"Content-Type": "text/event-stream; charset=utf-8", "Cache-Control": "no-cache"}
_BREAKS = ("reset_mid", "truncated", "stream_cut", "stream_error", "content_filter_output")
_HALF = 0.5
_STALL_S = 60.0


async def send_whole(turn: Turn, exchange: Exchange) -> None:
    """Sends the reply as one body; raises the Refusal of a filter that found something in it."""
    kind, value = turn.kind, turn.fault.value if turn.fault else 0.0
    if kind == "content_filter_output":
        raise refusals.filtered()
    turn.share = 1.0
    if kind == "reset_before":
        exchange.reset()
        return
    if kind == "stall":
        await turn.state.clock.sleep(value or _STALL_S)
    body = json.dumps(turn.completion(), ensure_ascii=False).encode("utf-8", "surrogatepass")
    turn.entry.status = 0 if kind in ("reset_mid", "truncated") else 200
    if kind in ("reset_mid", "truncated"):
        exchange.reply_part(200, {**turn.headers(), **JSON}, body, value or _HALF)
        await _flushed(turn, exchange)
    else:
        exchange.reply(200, {**turn.headers(), **JSON}, body)


async def send_stream(turn: Turn, exchange: Exchange, deadline: float) -> None:
    """Sends the reply as server-sent events at the model's speed; `turn.share` becomes the share that was made."""
    await turn.state.clock.until(turn.first)
    if turn.kind == "reset_before":
        turn.share = 0.0
        exchange.reset()
        return
    exchange.stream({**turn.headers(), **_EVENTS})
    turn.entry.status = 200
    deltas = list(_deltas(turn))
    broken_at = (
        max(1, int(len(deltas) * ((turn.fault.value if turn.fault else 0) or _HALF)))
        if turn.kind in _BREAKS
        else len(deltas)
    )
    for at, delta in enumerate(deltas):
        moment = turn.first + (turn.done - turn.first) * at / len(deltas)
        await turn.state.clock.until(moment)
        if at == broken_at or moment > deadline:
            turn.share = at / len(deltas)
            await _broken(turn, exchange)
            return
        await _stalled(turn, at, len(deltas))
        await exchange.write(
            _frame(
                turn,
                [
                    {"index": index, "delta": delta, "finish_reason": None}
                    for index in range(turn.made.choices)
                ],
            )
        )
    await turn.state.clock.until(turn.done)
    turn.share = 1.0
    await (_broken if turn.kind in _BREAKS else _finish)(turn, exchange)


async def _finish(turn: Turn, exchange: Exchange) -> None:
    """The chunk with the finish reason, the usage where it belongs, and [DONE]."""
    asked = bool((turn.body.get("stream_options") or {}).get("include_usage"))
    place = (
        "none"
        if turn.kind == "no_usage" or asked
        else stream_usage(turn.state.config.dialect, turn.state.config.stream_usage)
    )
    choice: dict[str, Any] = {"index": 0, "delta": {}, "finish_reason": turn.made.finish_reason}
    if place in ("choice", "both"):
        choice["usage"] = turn.usage()
    extra = {"usage": turn.usage()} if place in ("top", "both") else {}
    others = [
        {"index": at, "delta": {}, "finish_reason": turn.made.finish_reason}
        for at in range(1, turn.made.choices)
    ]
    await exchange.write(_frame(turn, [choice, *others], extra))
    if asked and turn.kind != "no_usage":
        await exchange.write(_frame(turn, [], {"usage": turn.usage()}))
    exchange.end(b"data: [DONE]\n\n")


async def _broken(turn: Turn, exchange: Exchange) -> None:
    """Ends a stream before its end, in the way of the fault, or because the gateway's time was up. Only [DONE] proves a whole one [D]."""
    if turn.kind in ("stream_error", "content_filter_output"):
        error = refusals.filtered() if turn.kind == "content_filter_output" else refusals.overloaded(1)
        await exchange.write(b"data: " + error.body() + b"\n\n")
    if turn.kind in ("reset_mid", "truncated"):
        turn.entry.status = 0
        await _flushed(turn, exchange)
    else:
        exchange.end()


async def _flushed(turn: Turn, exchange: Exchange) -> None:
    """Lets the bytes reach the client, then breaks the connection: with RST, or in an orderly way in mid-body."""
    if turn.kind == "reset_mid":
        await exchange.pause()
        exchange.reset()
    else:
        exchange.hang_up()


async def _stalled(turn: Turn, at: int, chunks: int) -> None:
    if turn.kind == "stall" and at == chunks // 2:
        await turn.state.clock.sleep((turn.fault.value if turn.fault else 0) or _STALL_S)


def _frame(turn: Turn, choices: list[dict[str, Any]], extra: dict[str, Any] | None = None) -> bytes:
    if extra is None or not extra:
        extra = {"usage": None} if (turn.body.get("stream_options") or {}).get("include_usage") else {}
    chunk = {**turn.stamp("chat.completion.chunk"), "choices": choices, **extra}
    return b"data: " + json.dumps(chunk, ensure_ascii=False).encode("utf-8", "surrogatepass") + b"\n\n"


def _deltas(turn: Turn) -> Iterator[dict[str, Any]]:
    """Role, then reasoning, then content, then tool calls, each in small pieces [D]."""
    made = turn.made
    yield {"role": "assistant", "content": ""}
    pieces = max(1, made.reply_tokens // turn.state.config.stream_chunk_tokens)
    size = max(1, (len(made.reasoning) + len(made.content or "")) // pieces)
    for at in range(0, len(made.reasoning), size):
        yield {"reasoning_content": made.reasoning[at : at + size]}
    for at in range(0, len(made.content or ""), size):
        yield {"content": (made.content or "")[at : at + size]}
    for index, call in enumerate(made.tool_calls):
        named, arguments = {"name": call["function"]["name"], "arguments": ""}, call["function"]["arguments"]
        yield {"tool_calls": [{"index": index, "id": call["id"], "type": "function", "function": named}]}
        for at in range(0, len(arguments), size):
            yield {"tool_calls": [{"index": index, "function": {"arguments": arguments[at : at + size]}}]}
