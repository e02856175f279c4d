"""A reply that was cut short is carried on where it broke off: the request and what came so far in, the next request out.

    {"documents":[{"id":"285612","record":{"total":9     is sent back as the beginning of the answer, and the model goes on with
    .10}}]}                                            so that both are one reply. Nothing is bought twice.

Each step is a request of its own in the ledger. Its name is made from the name of the step before and from the text so far, so that the
steps of a request are found again, and put together in the same way, without asking. Where a model has no such mode (`partial` in the
catalogue) nothing is carried on: what is whole in the reply is kept by the check, and only the missing documents are asked again.
It imports `chat` for what a raw reply says, `fingerprint` for the names of requests, and `stream` for reply limits and for how a long
reply is asked for.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from octavo.processors.ask.api.chat import Completion, read_completion
from octavo.processors.ask.api.stream import CUT, LIMITS, STREAM_FROM_TOKENS, SWITCHES
from octavo.processors.ask.fingerprint import next_fingerprint
from octavo.processors.state.database import DatabaseRow
from octavo.schemas.pipeline import Reply, Request, Usage

MOST = 4  # steps after the first; a reply that needs more is not ending
LARGER = 3  # a reply that was all thought is asked for once more with so many times the limit
LEAST_TOKENS = 256  # a step with less room is not worth its prompt
FORMATS = (
    "response_format",
    "structured_outputs",
    "guided_json",
)  # fields of a call that ask for JSON, see `providers`
SAME_CHARACTERS = 16  # but for white space; a step in which the reply begins like this has begun anew
_FENCE = re.compile(r"[^`{}\[\]\"]*```\w*\n")  # with words before it


@dataclass(frozen=True, slots=True)
class Link:
    """A request that has a reply: its fingerprint, its row in the ledger, and what the reply says."""

    fingerprint: str
    row: DatabaseRow
    completion: Completion


def links(fingerprint: str, find: Callable[[str], DatabaseRow | None]) -> list[Link]:
    """A request and its steps, as far as they have replies. `find` looks one up in the ledger."""
    found: list[Link] = []
    while len(found) <= MOST and (row := find(fingerprint)) is not None:
        found.append(Link(fingerprint, row, read_completion(row["raw"])))
        if not _is_cut(found):
            break
        fingerprint = _name(found)
    return found


def text(found: Sequence[Link]) -> str:
    """The reply that the steps make together."""
    whole = ""
    for link in found:
        whole = _joined(whole, link.completion.text)
    return whole


def reply(found: Sequence[Link], *, model: str, engine: str, from_ledger: bool) -> Reply:
    """The steps as one reply to the first request. Raises KeyError when there are none."""
    if not found:
        raise KeyError
    seconds, attempts = (sum(link.row[name] for link in found) for name in ("seconds", "attempts"))
    ended = found[-1].completion.finish_reason
    said = text(found)
    if not said.strip() and ended == "stop":
        said = found[
            -1
        ].completion.reasoning  # some hosts give the words of a model that thinks as its last thoughts
    return Reply(
        found[0].fingerprint, said, ended, _usage(found), model, engine, seconds, attempts, from_ledger
    )


def _usage(found: Sequence[Link]) -> Usage:
    """What all steps used and cost."""
    used = [link.completion.usage for link in found]
    return Usage(
        prompt_tokens=sum(one.prompt_tokens for one in used),
        reply_tokens=sum(one.reply_tokens for one in used),
        cached_tokens=_told(one.cached_tokens for one in used),
        cache_write_tokens=_told(one.cache_write_tokens for one in used),
        reasoning_tokens=_told(one.reasoning_tokens for one in used),
        cost_usd=sum(float(link.row["cost_usd"]) for link in found),
    )


def _told(tokens: Iterable[int | None]) -> int | None:
    """The sum of what was told; None when nothing was."""
    told = [one for one in tokens if one is not None]
    return sum(told) if told else None


def step(
    first: Request,
    found: Sequence[Link],
    *,
    partial: str,
    form: Mapping[str, Mapping[str, Any]],
    room: int,
    thoughts: int,
    count: Callable[[str], int],
) -> Request | None:
    """The request that carries a reply on, or None when it is whole, cannot be carried on, or was carried on often enough.

    `partial` is the model's mode (`text`, `json_schema`, or "" for none), `form` how its provider says it: fields of the last message
    (`message`) and of the call (`body`). `room` are the tokens that its context has beside the prompt, and `thoughts` those that a step
    has at least more than the first request when the model thinks, so that it is not cut for it once more.
    """
    if not found or not _is_cut(found) or len(found) > MOST:
        return None
    said = text(found)
    if not said:
        return _again(first, found, room, thoughts) if len(found) == 1 else None
    if not partial:
        return None
    reasoning = next((link.completion.reasoning for link in reversed(found) if link.completion.reasoning), "")
    prefix = _prefix(said, reasoning, form.get("message", {}))
    spent = count("".join(str(prefix[name]) for name in prefix.keys() & {"content", "reasoning_content"}))
    wanted = first.reply_tokens + thoughts - (spent if found[-1].completion.finish_reason == CUT else 0)
    limit = min(max(wanted, LEAST_TOKENS), room - spent)
    body = {**first.body, "messages": [*first.body["messages"], prefix], **form.get("body", {})}
    if partial == "text":
        body = _in_words(body)
        spent += count(str(body["messages"][-2]["content"])) - count(
            str(first.body["messages"][-1]["content"])
        )
    return _request(first, found, body, limit, spent) if limit >= LEAST_TOKENS else None


def _in_words(body: dict[str, Any]) -> dict[str, Any]:
    """The call without its format, which asks for a whole object, as the rest of one is none; its schema stands in the question instead."""
    *messages, question, prefix = body["messages"]
    reply = body.get("response_format") or {}
    schema = (reply.get("json_schema") or {}).get("schema")
    if schema:
        words = json.dumps(schema, ensure_ascii=False, separators=(",", ":"))
        question = {**question, "content": f"{question['content']}\nJSON Schema of the reply: {words}"}
    kept = {name: value for name, value in body.items() if name not in FORMATS}
    return {**kept, "messages": [*messages, question, prefix]}


def _again(first: Request, found: Sequence[Link], room: int, thoughts: int) -> Request | None:
    """The same once more with more room: the model thought until its limit, and said nothing."""
    limit = min(max(first.reply_tokens * LARGER, first.reply_tokens + thoughts), room)
    return _request(first, found, dict(first.body), limit, 0) if limit > first.reply_tokens else None


def _request(first: Request, found: Sequence[Link], body: dict[str, Any], limit: int, spent: int) -> Request:
    body.update({name: limit for name in LIMITS if name in body})
    if limit >= STREAM_FROM_TOKENS:
        body.update(SWITCHES)
    name = _name(found)
    return replace(
        first,
        fingerprint=name,
        body=body,
        prompt_tokens=first.prompt_tokens + spent,
        reply_tokens=limit,
        purpose="rest",
    )


def _prefix(said: str, reasoning: str, mark: Mapping[str, Any]) -> dict[str, Any]:
    """The message that the model goes on with (Partial Mode, Moonshot's api/chat, 2026-08-13). A thinking model gets its thoughts back."""
    thought = {"reasoning_content": reasoning} if reasoning else {}
    return {"role": "assistant", "content": said, **thought, **mark}


def _is_cut(found: Sequence[Link]) -> bool:
    """Whether the reply broke off. subtle: one that was cut behind its last brace is whole."""
    return found[-1].completion.finish_reason in ("length", CUT) and not _is_json(text(found))


def _is_json(said: str) -> bool:
    try:
        json.loads(said)
    except (ValueError, RecursionError):
        return False
    return True


def _name(found: Sequence[Link]) -> str:
    return next_fingerprint(found[-1].fingerprint, text(found))


def _joined(before: str, more: str) -> str:
    """Two pieces as one. White space at a break is left out, there and in what is sent back, since a model may flood a reply with it.

    A model that begins anew instead of going on, with words or a fence before it or not, is taken at its word, unless it got less far.
    A fence around what it goes on with is left out.
    """
    opening = "".join(before.split())[:SAME_CHARACTERS]
    if len(opening) == SAME_CHARACTERS and (anew := _spaced(opening).search(more)):
        said = more[anew.start() :].rstrip()
        return said if _has_json(said) or len(said) > len(before) else before
    if fence := _FENCE.match(more):
        more = more[fence.end() :].partition("```")[0]
    return before + more.rstrip()


def _spaced(opening: str) -> re.Pattern[str]:
    """A pattern for the same characters, however they are spaced."""
    return re.compile(r"\s*".join(map(re.escape, opening)))


def _has_json(said: str) -> bool:
    """Whether a whole JSON value stands at the beginning."""
    try:
        json.JSONDecoder(strict=False).raw_decode(said)
    except (ValueError, RecursionError):
        return False
    return True
