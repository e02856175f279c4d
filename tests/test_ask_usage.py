"""What a reply says it used: read wherever it sits, and never a reason to buy the reply again."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import httpx2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from octavo.flows import settings
from octavo.processors.ask.api.chat import Chat, read_completion
from octavo.processors.ask.replies import Asker
from octavo.processors.pack import windows as pack
from octavo.schemas.compile.compiler import compile_question
from octavo.schemas.job import Job
from octavo.schemas.pipeline import Page, Usage

TOLD = {"prompt_tokens": 100, "completion_tokens": 7}
PLACES = st.sampled_from(
    [
        "usage",
        "prompt_tokens",
        "completion_tokens",
        "cached_tokens",
        "cache_write_tokens",
        "prompt_tokens_details",
    ]
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(PLACES, inner, max_size=3),
    max_leaves=6,
)


def raw(usage: Any) -> str:
    """A reply with that usage."""
    choice = {"index": 0, "message": {"role": "assistant", "content": "{}"}, "finish_reason": "stop"}
    return json.dumps({"id": "c", "object": "chat.completion", "choices": [choice], "usage": usage})


@pytest.mark.parametrize(
    ("usage", "read"),
    [
        (TOLD, Usage(100, 7, None)),
        ({**TOLD, "cached_tokens": None, "prompt_tokens_details": {"cached_tokens": 40}}, Usage(100, 7, 40)),
        ({**TOLD, "cached_tokens": 0, "prompt_tokens_details": {"cached_tokens": 40}}, Usage(100, 7, 0)),
        ({**TOLD, "prompt_tokens_details": [1]}, Usage(100, 7, None)),
        ({**TOLD, "cached_tokens": 101}, Usage(100, 7, None)),
        (
            {**TOLD, "cached_tokens": 40, "prompt_tokens_details": {"cache_write_tokens": 60}},
            Usage(100, 7, 40, 60),
        ),
        ({**TOLD, "cached_tokens": 41, "cache_write_tokens": 60}, Usage(100, 7, 41, None)),
        ({**TOLD, "completion_tokens_details": {"reasoning_tokens": 7}}, Usage(100, 7, reasoning_tokens=7)),
        ({**TOLD, "completion_tokens_details": {"reasoning_tokens": 8}}, Usage(100, 7)),
        ({**TOLD, "completion_tokens": None}, Usage(0, 0)),
        ({"prompt_tokens": 100}, Usage(0, 0)),
        ({**TOLD, "prompt_tokens": -1}, Usage(0, 0)),
        ({**TOLD, "prompt_tokens": "many"}, Usage(0, 0)),
        ("none", Usage(0, 0)),
        (None, Usage(0, 0)),
    ],
)
def test_usage_is_taken_as_far_as_it_can_be_read(usage: Any, read: Usage) -> None:
    """Tokens that cannot be read are as good as untold; parts come from the first place that tells them, and are no more than the whole."""
    done = read_completion(raw(usage))
    assert (done.text, done.finish_reason, done.usage) == ("{}", "stop", read)


@given(JSON)
def test_no_usage_spoils_a_reply(usage: Any) -> None:
    """Whatever stands where the usage should, the reply is readable, and its usage is no gift."""
    done = read_completion(raw(usage))
    assert (done.text, done.finish_reason) == ("{}", "stop")
    parts = (done.usage.cached_tokens or 0, done.usage.cache_write_tokens or 0)
    assert 0 <= min(parts) <= sum(parts) <= done.usage.prompt_tokens


async def test_a_reply_with_an_odd_usage_is_paid_once(tmp_path: Path) -> None:
    """A reply whose usage has a null is kept and billed as the worst case; the same request is not sent again."""
    calls: list[str] = []

    def answer(request: httpx2.Request) -> httpx2.Response:
        calls.append(request.url.path)
        return httpx2.Response(
            200, text=raw({**TOLD, "completion_tokens": None}), headers={"content-type": "application/json"}
        )

    account = settings.account(
        Job(inbox=".", base_url="http://127.0.0.1:9/v1", tier=5), {}, key="sk-emulator"
    )
    async with Asker(account, tmp_path / "ledger.sqlite", run="test", count=pack.counter(None)) as asking:
        transport = httpx2.MockTransport(answer)
        asking._paying.chat = Chat(
            account.base_url, account.key, provider=account.provider, concurrency=1, transport=transport
        )
        (window,) = pack.windows(
            [Page("0" * 64, 1, "subject: x")], pack.counter(None), pack.Bounds(100_000, 50)
        )
        request = asking.request(window, compile_question("letter"))
        replies = [await asking.ask(request) for _ in range(2)]
        assert asking.budget.spent_usd == pytest.approx(
            account.model.cost_usd(request.prompt_tokens, request.reply_tokens)
        )
    assert ([reply.finish_reason for reply in replies], len(calls)) == (["stop", "stop"], 1)
