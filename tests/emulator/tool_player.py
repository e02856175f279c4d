"""A model that calls tools: the steps that it takes come in, a function for `Running.script` goes out.

    kimi.script(takes_tools, played([("query", {"sql": "SELECT 1"})], "It is 1."))

A step is the calls of one turn, each by the end of the tool's name, since clients put their own words before it (`octavo_query`,
`mcp__octavo__query`). How far it is, is read from the messages: nothing is remembered between requests. The last step is the answer, a
text or a function of the body.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from tests.emulator.generation import Scripted
from tests.emulator.oracle import text_of

Body = dict[str, Any]
Call = tuple[
    str, Mapping[str, Any] | str
]  # the end of a tool's name, and arguments, or a text that is no JSON
Step = Call | Sequence[Call] | str | Scripted | Callable[[Body], Any]


def takes_tools(body: Body) -> bool:
    """Whether a request offers tools."""
    return bool(body.get("tools"))


def played(*steps: Step) -> Callable[[Body], Any]:
    """The reply of a model that takes these steps after each question, one a turn; the last one again and again."""

    def reply(body: Body) -> Any:
        step = steps[min(_turns(body), len(steps) - 1)]
        if callable(step):
            return step(body)
        if isinstance(step, str | Scripted):
            return step
        calls = [step] if isinstance(step[0], str) else list(step)
        return Scripted(tool_calls=[_call(body, number, *call) for number, call in enumerate(calls)])

    return reply


def results(body: Body) -> list[str]:
    """What tools gave since the last question, in order."""
    return [text_of(message) for message in _since_question(body) if message["role"] == "tool"]


def _turns(body: Body) -> int:
    """Turns of the model since the last question."""
    return sum(message["role"] == "assistant" for message in _since_question(body))


def _since_question(body: Body) -> list[Body]:
    places = [at for at, message in enumerate(body["messages"]) if message["role"] == "user"]
    return list(body["messages"][places[-1] + 1 if places else 0 :])


def _call(body: Body, number: int, name: str, arguments: Mapping[str, Any] | str) -> Body:
    """A call as the API has it; a tool that is not offered is called by the name as it stands."""
    offered = [tool["function"]["name"] for tool in body["tools"]]
    full = next((one for one in offered if one == name or one.endswith(f"_{name}")), name)
    written = arguments if isinstance(arguments, str) else json.dumps(arguments)
    return {
        "id": f"{full}:{number}",  # as Kimi names calls
        "type": "function",
        "function": {"name": full, "arguments": written},
    }
