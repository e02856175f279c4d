"""The provider without a provider: a request of the chat API comes in, a completion made by rules in this process goes out.

`answer` is the pure core; `transport` puts it behind the OpenAI SDK, so that no other part of the program knows the difference. It
reads only the request: the record's JSON Schema, and the documents between their marks. It never invents: what it does not find is null.
It imports `rules`, which answers about one document, and `kinds`, which tells what it is; this file knows the protocol.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from itertools import groupby
from typing import Any

import httpx2

from octavo.processors.ask.offline.document_kinds import is_of_kind
from octavo.processors.ask.offline.rules import record

MODEL = "offline-rules-1"
CONTEXT_TOKENS = 262_144  # as much as the models it stands in for
BYTES_A_TOKEN = 4  # rough, as for English text
_MARK = re.compile(r"<<(?P<id>\w{1,80})(?: page (?P<page>\d{1,9})/\d{1,9}(?:, (?P<role>\w{1,20}))?)?>>\n?")
_END = "end"  # what the last mark has for an id
_SCHEMA_LINE = re.compile(r"^JSON Schema of RECORD: (\{.*\})$", re.MULTILINE)
_QUESTION_LINE = re.compile(r"^Question: (\w+)$", re.MULTILINE)
_NO_POINTS = re.compile(r"\bpoints (?:is|are) (?:empty|\[\])", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Shown:
    """One document as a request shows it: the id of the prompt, its text without marks, whether its first page is there, and its pages."""

    id: str
    text: str
    opens: bool
    pages: tuple[tuple[int, str], ...] = ()


def transport() -> httpx2.AsyncBaseTransport:
    """What an `httpx2.AsyncClient` sends through instead of the network. A long request is answered in a thread."""
    return httpx2.MockTransport(_respond)


def answer(body: Mapping[str, Any]) -> dict[str, Any]:
    """The completion for the JSON of a request; the same for the same request. A request without a schema gets `{"documents":[]}`."""
    words = list(_words(body))
    schema = _schema(body, words)
    name = next(iter(_QUESTION_LINE.findall(words[-1] if words else "")), "")
    pointed = not any(_NO_POINTS.search(text) for text in words[-1:])
    documents = [
        {"id": shown.id, "record": record(schema, shown.text, opens=shown.opens, pointed=pointed, pages=shown.pages)
         if is_of_kind(name, shown.text) else None}
        for shown in _documents("".join(words))
    ] if schema else []  # fmt: skip
    content = _json({"documents": documents})
    prompt, reply = (
        max(1, len(text.encode("utf-8", "replace")) // BYTES_A_TOKEN) for text in ("".join(words), content)
    )
    return {
        "id": "cmpl-" + hashlib.sha256("".join(words).encode("utf-8", "replace")).hexdigest()[:32],
        "object": "chat.completion",
        "created": 0,
        "model": MODEL,
        "choices": [
            {"index": 0, "message": {"role": "assistant", "content": content}, "finish_reason": "stop"}
        ],
        "usage": {
            "prompt_tokens": prompt,
            "completion_tokens": reply,
            "total_tokens": prompt + reply,
            "cached_tokens": 0,
        },
    }


async def _respond(request: httpx2.Request) -> httpx2.Response:
    """The three answers of this provider: a completion, the list of its one model, and 404."""
    path = request.url.path
    if request.method == "GET" and path.endswith("/models"):
        model = {
            "id": MODEL,
            "object": "model",
            "created": 0,
            "owned_by": "octavo",
            "context_length": CONTEXT_TOKENS,
            "supports_image_in": False,
        }
        return httpx2.Response(200, json={"object": "list", "data": [model]})
    if request.method != "POST" or not path.endswith("/chat/completions"):
        return _error(
            404, "resource_not_found_error", f"The offline provider has no {request.method} {path}."
        )
    try:
        body = json.loads(request.content)
    except ValueError:
        body = None
    if not isinstance(body, dict) or not isinstance(body.get("messages"), list):
        return _error(
            400, "invalid_request_error", "Invalid request: the body is no JSON object with messages."
        )
    return httpx2.Response(200, json=await asyncio.to_thread(answer, body))


def _error(status: int, kind: str, message: str) -> httpx2.Response:
    return httpx2.Response(status, json={"error": {"type": kind, "message": message}})


def _words(body: Mapping[str, Any]) -> Iterator[str]:
    """The text of each user message; of a message in parts, its text parts joined."""
    for message in body.get("messages") or ():
        if isinstance(message, Mapping) and message.get("role") == "user":
            content = message.get("content")
            parts = content if isinstance(content, list) else [{"text": content}]
            texts = [part.get("text") for part in parts if isinstance(part, Mapping)]
            yield "".join(text for text in texts if isinstance(text, str))


def _schema(body: Mapping[str, Any], words: list[str]) -> dict[str, Any]:
    """The schema of one record: out of the envelope of the reply format, else out of the last message; {} when there is none.

    Definitions of the envelope stay reachable for references.
    """
    found: Any = body
    for step in ("response_format", "json_schema", "schema"):
        found = found.get(step) if isinstance(found, Mapping) else None
    root = found
    for step in ("properties", "documents", "items", "properties", "record"):
        found = found.get(step) if isinstance(found, Mapping) else None
    if isinstance(found, Mapping) and "anyOf" in found:  # the record, or null for a document of another kind
        found = next((branch for branch in found["anyOf"] if "properties" in branch), None)
    if isinstance(found, Mapping) and isinstance(root, Mapping):
        return {**{key: root[key] for key in ("$defs", "definitions") if key in root}, **found}
    line = next(iter(_SCHEMA_LINE.findall(words[-1] if words else "")), "{}")
    try:
        return dict(json.loads(line))
    except ValueError:
        return {}


def _documents(text: str) -> Iterator[Shown]:
    """The documents between marks; a page goes on to the next mark, the last one to the end.

    What is shown for orientation is left out, but not the columns of a table.
    """
    marks = list(_MARK.finditer(text))
    limits = [*(mark.start() for mark in marks[1:]), len(text)]
    shown = [
        (mark, text[mark.end() : limit]) for mark, limit in zip(marks, limits, strict=False)
    ]  # without marks one limit is left
    for short, group in groupby(shown, key=lambda page: page[0]["id"]):
        if short != _END:
            pages = tuple(
                (int(mark["page"] or 1), page.strip("\n"))
                for mark, page in group
                if mark["role"] != "context"
            )
            yield Shown(
                short,
                "\n".join(page for _, page in pages).strip("\n"),
                opens=not pages or pages[0][0] == 1,
                pages=pages,
            )


def _json(value: Any) -> str:
    """Compact JSON in which a Decimal is the number that it is: `{"total":9.10}`."""
    if isinstance(value, Mapping):
        return "{" + ",".join(f"{_json(str(key))}:{_json(inner)}" for key, inner in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(_json, value)) + "]"
    return format(value, "f") if isinstance(value, Decimal) else json.dumps(value, ensure_ascii=False)
