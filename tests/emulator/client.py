"""Ways to ask a running emulator, for its tests: short calls through the real SDK and raw HTTP come in, replies and errors go out."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx2
import openai

from tests.emulator.fixture import Running

K26 = "kimi-k2.6"
OFF = {"thinking": {"type": "disabled"}}


@contextmanager
def sdk(kimi: Running, key: str = "") -> Iterator[openai.OpenAI]:
    """The official SDK, without retries of its own."""
    with openai.OpenAI(
        base_url=kimi.base_url, api_key=key or kimi.key, max_retries=0, timeout=20.0
    ) as client:
        yield client


def body(text: str = "Say it.", **more: Any) -> dict[str, Any]:
    """A request for the default model with thinking off."""
    return {"model": K26, "messages": [{"role": "user", "content": text}], **OFF, **more}


def post(kimi: Running, sent: Any, path: str = "/chat/completions", key: str = "") -> httpx2.Response:
    """One raw request."""
    headers = {"Authorization": f"Bearer {key or kimi.key}"}
    return httpx2.post(kimi.base_url + path, json=sent, headers=headers, timeout=20.0, verify=False)


def get(kimi: Running, path: str) -> Any:
    """The JSON of a path."""
    return httpx2.get(
        kimi.base_url + path, headers={"Authorization": f"Bearer {kimi.key}"}, timeout=20.0, verify=False
    ).json()


def error(reply: httpx2.Response) -> tuple[int, str, str]:
    """Status, type and message of an error reply."""
    told = reply.json()["error"]
    assert set(told) == {"message", "type"}
    return reply.status_code, told["type"], told["message"]


def content(reply: httpx2.Response) -> Any:
    """The text of a completion."""
    assert reply.status_code == 200, reply.text
    return reply.json()["choices"][0]["message"]["content"]
