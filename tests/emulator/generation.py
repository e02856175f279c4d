"""The answer as the model would make it: a body and its prompt come in, text, reasoning, finish reason and token counts go out."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.emulator import faults, rules
from tests.emulator.catalogue import Model
from tests.emulator.config import Config, Fault
from tests.emulator.oracle import schema_filler, text_of
from tests.emulator.refusals import Refusal
from tests.emulator.tokens import Counter

_FILLER = "the record shows that every page was read and each amount agrees with the sum below it while nothing else is said"
_WORDS = tuple(re.findall(r"\w+", _FILLER))


@dataclass
class Scripted:
    """A reply laid down by a test. `content` may be an object, sent as compact JSON; `error` refuses instead."""

    content: Any = None
    reasoning: str | None = None
    tool_calls: list[dict[str, Any]] = field(default_factory=list)
    finish_reason: str = ""
    error: Refusal | None = None


@dataclass
class Script:
    """Which requests get a scripted reply, and how many of them (0: all)."""

    matcher: Callable[[dict[str, Any]], bool] | str
    reply: Any
    times: int = 0

    def answers(self, body: dict[str, Any]) -> bool:
        """True for a body that the matcher takes: a text that a message contains, or a function."""
        if isinstance(self.matcher, str):
            return any(self.matcher in text_of(message) for message in body["messages"])
        return self.matcher(body)


@dataclass
class Answer:
    """What is sent, and what it counts. `reply_tokens` include the reasoning [D]."""

    content: str | None
    reasoning: str
    tool_calls: list[dict[str, Any]]
    finish_reason: str
    reply_tokens: int
    choices: int = 1


def scripted(scripts: list[Script], body: dict[str, Any]) -> Scripted | None:
    """The reply of the latest script that takes the body; raises its error if it has one."""
    for script in reversed(scripts):
        if script.answers(body):
            if script.times == 1:
                scripts.remove(script)
            script.times -= 1
            reply = script.reply(body) if callable(script.reply) else script.reply
            made = reply if isinstance(reply, Scripted) else Scripted(reply)
            if made.error is not None:
                raise made.error
            return made
    return None


def answer(
    body: dict[str, Any], model: Model, budget: int, config: Config, counter: Counter, script: Scripted | None
) -> Answer:
    """The whole answer within so many tokens: reasoning is spent first, then content is cut [D]."""
    script = script or Scripted(_said(body, config))
    reasoning, spent = _reasoning(body, model, budget, config, counter, script)
    content, finish = (
        _stopped(_continued(_text(script.content), body, model), body),
        "tool_calls" if script.tool_calls else "stop",
    )
    tokens = counter.count(content) + sum(counter.count(json.dumps(call)) for call in script.tool_calls)
    if tokens > budget - spent:
        content, finish, tokens = (
            counter.vocabulary.cut(content, budget - spent) if budget > spent else "",
            "length",
            budget - spent,
        )
    choices = int(body.get("n") or 1)
    return Answer(
        content,
        reasoning,
        script.tool_calls,
        script.finish_reason or finish,
        spent + tokens * choices,
        choices,
    )


def spoil(made: Answer, fault: Fault, budget: int, counter: Counter) -> Answer:
    """The answer as a content fault leaves it, counted anew."""
    kind = fault.kind
    if kind == "odd_finish":
        made.finish_reason = faults.ODD_FINISH
    elif kind in ("null_content", "only_reasoning"):
        made.reasoning = made.reasoning or (made.content or "" if kind == "only_reasoning" else "")
        made.content = None if kind == "null_content" else ""
    elif kind == "whitespace":
        half = (made.content or "")[: len(made.content or "") // 2]
        made.content, made.finish_reason, made.reply_tokens = half + " \n" * budget, "length", budget
    else:
        before = made.content or ""
        made.content = faults.spoiled(kind, before)
        made.reply_tokens = max(1, made.reply_tokens + counter.count(made.content) - counter.count(before))
    return made


def _said(body: dict[str, Any], config: Config) -> Any:
    """The oracle's answer to the prompt without a prefix; else a filled schema; else words."""
    asked = {**body, "messages": body["messages"][:-1]} if rules.partial(body) is not None else body
    said = config.oracle(asked) if config.oracle else None
    wanted = (body.get("response_format") or {}).get("type", "text")
    if said is None and (wanted != "text" or rules.partial(body) is not None):
        said = schema_filler(asked)
    if said is None and wanted == "json_object":
        said = {"answer": _filler(asked, config)}
    return _filler(asked, config) if said is None else said


def _filler(body: Mapping[str, Any], config: Config) -> str:
    """Words that depend on seed, model and messages alone."""
    seed = json.dumps([config.seed, body["model"], body["messages"]], sort_keys=True)
    start = int.from_bytes(hashlib.sha256(seed.encode()).digest()[:2], "big")
    return (
        " ".join(
            _WORDS[(start * (at + 1) + at) % len(_WORDS)] for at in range(config.text_tokens)
        ).capitalize()
        + "."
    )


def _text(content: Any) -> str:
    if content is None or isinstance(content, str):
        return content or ""
    return json.dumps(content, ensure_ascii=False, separators=(",", ":"))  # constrained output is compact [C]


def _continued(content: str, body: Mapping[str, Any], model: Model) -> str:
    """In Partial Mode the rest after the prefix. K2.6 with json_object begins anew instead: "unexpected replies" [D]."""
    prefix = rules.partial(body)
    mixed = (body.get("response_format") or {}).get(
        "type"
    ) == "json_object" and model.thinking == "switchable"
    return content.removeprefix(prefix) if prefix and not mixed else content


def _stopped(content: str, body: Mapping[str, Any]) -> str:
    """The text before the first stop sequence, which is not echoed [D]."""
    given = body.get("stop") or []
    found = [content.find(stop) for stop in ([given] if isinstance(given, str) else given) if stop in content]
    return content[: min(found)] if found else content


def _reasoning(
    body: Mapping[str, Any],
    model: Model,
    budget: int,
    config: Config,
    counter: Counter,
    script: Scripted,
) -> tuple[str, int]:
    """The reasoning and its tokens: scripted, or sized by effort; none when the model does not think."""
    if script.reasoning is not None:
        return script.reasoning, counter.count(script.reasoning)
    if not rules.thinks(body, model):
        return "", 0
    planned = min(budget, config.thinking_tokens[rules.effort(body)])
    return counter.vocabulary.cut("Let me look at this once more. " * planned, planned), planned
