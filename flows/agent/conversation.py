"""A conversation about an output folder: its turns in `DIR/conversation.json`, and the messages of it that fit the model's window.

When they do not fit, what old tools gave goes first and is summed up in a line, then whole old turns become a note with their questions
and the beginnings of their answers. The system message, the last turn and the question stay. What went is told.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from octavo.schemas.errors import StorageError, system_message

FILE = "conversation.json"
LONG_RESULT = 400  # characters of a tool's result that are not worth cutting
_KEPT_RESULT, _KEPT_ANSWER = 200, 400  # characters of what is cut that the model still sees

Message = dict[str, Any]


@dataclass(slots=True)
class AskedTurn:
    """A question and all messages that came of it, the question's own first."""

    question: str
    messages: list[Message]
    answer: str = ""
    figures: list[str] = field(default_factory=list)  # that its rows gave, on which later answers rest too
    pages: list[tuple[str, int]] = field(default_factory=list)  # that its tools showed


@dataclass(slots=True)
class Conversation:
    """The turns so far."""

    turns: list[AskedTurn] = field(default_factory=list)

    def save(self, folder: Path) -> None:
        """Keep it in an output folder. Raises StorageError."""
        turns = [asdict(turn) for turn in self.turns]
        put(
            folder / FILE,
            json.dumps({"turns": turns}, ensure_ascii=False, indent=1).encode("utf-8", "surrogatepass"),
        )


def last_conversation(folder: Path) -> Conversation:
    """The conversation that was kept in an output folder, or a new one. Raises StorageError when it cannot be read."""
    path = folder / FILE
    if not path.exists():
        return Conversation()
    try:
        data = json.loads(path.read_bytes())
        return Conversation([_turn(one) for one in data["turns"]])
    except (OSError, ValueError, LookupError, TypeError) as error:
        message = f"The conversation {path} cannot be read: {system_message(error)}."
        raise StorageError(
            message, next_step="Move it away, or leave --continue out to begin a new one."
        ) from None


def _turn(kept: Mapping[str, Any]) -> AskedTurn:
    places = [(str(path), int(page)) for path, page in kept.get("pages", ())]
    return AskedTurn(
        kept["question"], kept["messages"], kept["answer"], list(kept.get("figures", ())), places
    )


def put(path: Path, content: bytes) -> None:
    """Write a file in one step. Raises StorageError."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        beside = path.with_name(f".{path.name}.{os.getpid()}")
        beside.write_bytes(content)
        beside.replace(path)
    except OSError as error:
        message = f"{path} cannot be written: {system_message(error)}."
        raise StorageError(message, next_step="Check the folder and free some space.") from None


def fitted(
    system: Message, turns: Sequence[AskedTurn], fits: Callable[[Sequence[Message]], bool]
) -> tuple[list[Message], list[str]]:
    """The messages to send, and sentences about what was left out. `turns` end with the one that is being answered."""
    shown = [list(turn.messages) for turn in turns]
    notes: list[str] = []
    places = [
        (turn, at)
        for turn, messages in enumerate(shown)
        for at, message in enumerate(messages)
        if message["role"] == "tool" and len(message["content"]) > LONG_RESULT
    ]
    cut = 0
    for turn, at in places[:-1]:
        if fits(_joined(system, "", shown)):
            break
        shown[turn][at] = _cut(shown[turn][at])
        cut += 1
    gone = 0
    while gone < len(turns) - 1 and not fits(_joined(system, _told(turns[:gone]), shown[gone:])):
        gone += 1
    if cut:
        notes.append(
            f"To fit the model's window, {cut} earlier results of tools were cut; it can ask for them again."
        )
    if gone:
        notes.append(
            f"To fit the model's window, the first {gone} turns of the conversation were summed up in a note."
        )
    return _joined(system, _told(turns[:gone]), shown[gone:]), notes


def _joined(system: Message, told: str, shown: Sequence[Sequence[Message]]) -> list[Message]:
    before = [{"role": "user", "content": told}] if told else []
    return [system, *before, *(message for messages in shown for message in messages)]


def _cut(message: Message) -> Message:
    content = message["content"]
    told = {
        "cut": f"{len(content):,} characters were cut; call the tool again for them.",
        "began": content[:_KEPT_RESULT],
    }
    return {**message, "content": json.dumps(told, ensure_ascii=False)}


def shortened(content: str, most: int) -> str:
    """A tool's result of which the window takes only so many characters, as JSON that says so."""
    told = {
        "cut": f"The first {most:,} of {len(content):,} characters: more does not fit. Ask for less: fewer rows or columns, one page.",
        "began": content[:most],
    }
    return json.dumps(told, ensure_ascii=False)


def _told(turns: Sequence[AskedTurn]) -> str:
    """Old turns in short."""
    lines = [
        f"- Asked: {turn.question[:_KEPT_ANSWER]}\n  Answered: {turn.answer[:_KEPT_ANSWER]}" for turn in turns
    ]
    return "\n".join(["Earlier in this conversation, in short:", *lines]) if lines else ""
