r"""Calls of tools in a reply: whole or in fragments of a stream in; calls with their arguments, broken or not, out. Pure.

{"index": 0, "id": "call_1", "function": {"name": "run_sql", "arguments": ""}}      the first fragment has id and name,
{"index": 0, "function": {"arguments": "{\"sql\": \"FROM"}}                      the others add to its arguments
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class ToolCall:
    """One call that a model wants made. `arguments` is what it wrote, which need be no JSON."""

    id: str
    name: str
    arguments: str

    @property
    def values(self) -> dict[str, Any] | None:
        """The arguments; None when they are no JSON object."""
        try:
            found = json.loads(self.arguments or "{}", strict=False)
        except (ValueError, RecursionError):
            return None
        if isinstance(found, str):  # some hosts write the object as a text once more
            return ToolCall(self.id, self.name, found).values if found != self.arguments else None
        return found if isinstance(found, dict) else None

    def sent_back(self, kind: str = "function") -> dict[str, Any]:
        """The call as the next request repeats it. subtle: broken arguments would be refused by some hosts, so they go as none."""
        arguments = self.arguments if self.values is not None else "{}"
        return {"id": self.id, "type": kind, "function": {"name": self.name, "arguments": arguments}}


class Fragments:
    """The calls of a stream, put together as they come."""

    def __init__(self) -> None:
        """Start empty."""
        self._calls: dict[int, dict[str, Any]] = {}

    def add(self, pieces: Any) -> None:
        """Take what one frame has. A piece without a place belongs to the last call, or begins one where it has an id."""
        for piece in pieces if isinstance(pieces, list) else ():
            if not isinstance(piece, Mapping):
                continue
            place = piece.get("index")
            if not isinstance(place, int):
                place = len(self._calls) if piece.get("id") or not self._calls else max(self._calls)
            call = self._calls.setdefault(place, {"id": "", "name": "", "arguments": ""})
            function = piece.get("function") or {}
            call["id"] = call["id"] or str(piece.get("id") or "")
            call["name"] = call["name"] or str(function.get("name") or "")
            call["arguments"] += str(function.get("arguments") or "")

    def whole(self) -> list[dict[str, Any]]:
        """The calls as a reply in one piece has them, in order."""
        return [
            {
                "id": call["id"],
                "type": "function",
                "function": {"name": call["name"], "arguments": call["arguments"]},
            }
            for _, call in sorted(self._calls.items())
        ]


def calls_of(said: Any) -> tuple[ToolCall, ...]:
    """The calls of a message; one without an id gets its number, since the result has to name it."""
    found: list[ToolCall] = []
    for number, call in enumerate(said if isinstance(said, Sequence) and not isinstance(said, str) else ()):
        function = call.get("function") if isinstance(call, Mapping) else None
        if isinstance(function, Mapping):
            arguments = function.get("arguments")
            text = arguments if isinstance(arguments, str) else json.dumps(arguments or {})
            found.append(
                ToolCall(str(call.get("id") or f"call_{number}"), str(function.get("name") or ""), text)
            )
    return tuple(found)
