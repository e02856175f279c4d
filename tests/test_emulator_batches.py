"""The emulator's files and batches: uploads, the walk through the statuses, output and error files, prices, refusals."""

from __future__ import annotations

import io
import json
import time
from collections.abc import Iterator
from typing import Any

import openai
import pytest

from tests.emulator.client import K26, OFF, error, get, post, sdk
from tests.emulator.config import Config
from tests.emulator.fixture import Running, running


@pytest.fixture
def kimi() -> Iterator[Running]:
    """An emulator on virtual time, of which little is needed."""
    with running(Config(virtual=True, tier=0)) as emulator:
        yield emulator


def order(ident: str, model: str = K26, **more: Any) -> dict[str, Any]:
    """One line of an input file."""
    body = {"model": model, "messages": [{"role": "user", "content": f"Question {ident}"}], **OFF, **more}
    return {"custom_id": ident, "method": "POST", "url": "/v1/chat/completions", "body": body}


def upload(client: openai.OpenAI, orders: list[dict[str, Any]] | bytes, name: str = "in.jsonl") -> str:
    """The id of a batch file with these lines."""
    content = (
        orders if isinstance(orders, bytes) else "".join(json.dumps(line) + "\n" for line in orders).encode()
    )
    return client.files.create(file=(name, io.BytesIO(content)), purpose="batch").id


def begun(client: openai.OpenAI, orders: list[dict[str, Any]]) -> Any:
    """A batch that was just created."""
    return client.batches.create(
        input_file_id=upload(client, orders), endpoint="/v1/chat/completions", completion_window="24h"
    )


def status(kimi: Running, client: openai.OpenAI, ident: str, seconds: float) -> str:
    """The status of a batch after so much time."""
    kimi.advance(seconds)
    return client.batches.retrieve(ident).status


def test_files_come_and_go(kimi: Running) -> None:
    """A file can be sent, seen, listed, read and removed through the SDK."""
    with sdk(kimi) as client:
        ident = upload(client, b"hello\n")
        assert client.files.retrieve(ident).bytes == 6
        assert client.files.content(ident).content == b"hello\n"
        assert [file.id for file in client.files.list()] == [ident]
        assert client.files.delete(ident).deleted
        with pytest.raises(openai.NotFoundError):
            client.files.retrieve(ident)


def test_extracted_text_is_json(kimi: Running) -> None:
    """The content of a file for extraction is JSON with its text."""
    with sdk(kimi) as client:
        sent: Any = "file-extract"
        ident = client.files.create(file=("a.txt", io.BytesIO(b"hello")), purpose=sent).id
        assert json.loads(client.files.content(ident).content)["content"] == "hello"


def test_what_files_are_refused(kimi: Running) -> None:
    """Empty, too large, too many, or for no known purpose: each is a 400 with its own sentence."""
    kimi.config.file_bytes_max, kimi.config.files_max = 2**20, 1
    with sdk(kimi) as client:
        with pytest.raises(openai.BadRequestError, match="File size is zero"):
            upload(client, b"")
        with pytest.raises(openai.BadRequestError, match="max file size is 1MB"):
            upload(client, b"x" * (2**20 + 1))
        with pytest.raises(openai.BadRequestError, match="purpose"):
            client.files.create(file=("a", io.BytesIO(b"x")), purpose="vision")
        upload(client, b"x")
        with pytest.raises(openai.BadRequestError, match="exceeded the max file count 1"):
            upload(client, b"x")


def test_walk_of_a_batch(kimi: Running) -> None:
    """A batch walks through its statuses in order; each line's reply stands in the output file, each failure in the error file."""
    orders = [order("a"), order("b"), order("long", max_completion_tokens=262_144)]
    with sdk(kimi) as client:
        batch = begun(client, orders)
        assert batch.status == "validating"
        walk = [status(kimi, client, batch.id, seconds) for seconds in (1.0, 1.0, 1.0)]
        assert walk == ["in_progress", "finalizing", "completed"]
        done = client.batches.retrieve(batch.id)
        assert done.request_counts is not None
        assert (done.request_counts.total, done.request_counts.completed, done.request_counts.failed) == (
            3,
            2,
            1,
        )
        assert done.output_file_id is not None
        assert done.error_file_id is not None
        lines = [json.loads(line) for line in client.files.content(done.output_file_id).text.splitlines()]
        assert [line["custom_id"] for line in lines] == ["a", "b"]
        assert lines[0]["response"]["body"]["choices"][0]["message"]["content"]
        assert lines[0]["error"] is None
        failed = json.loads(client.files.content(done.error_file_id).text)
        assert (failed["custom_id"], failed["response"]["status_code"]) == ("long", 400)
        assert "exceeded model token limit" in failed["error"]["message"]


def test_batch_costs_less_and_uses_no_limit(kimi: Running) -> None:
    """Lines are billed at 60 % of the list price, and tier 0's one call and three requests a minute do not bind them."""
    with sdk(kimi) as client:
        batch = begun(client, [order(str(at)) for at in range(8)])
        assert status(kimi, client, batch.id, 10.0) in ("finalizing", "completed")
    entry = kimi.paid()[0]
    assert len(kimi.paid()) == 8
    assert entry.cost_usd == pytest.approx(
        0.6 * (entry.prompt_tokens * 0.95 + entry.reply_tokens * 4.00) / 1e6
    )
    assert kimi.breaches() == []


@pytest.mark.parametrize(
    ("orders", "said"),
    [
        ([order("a", "kimi-k3")], "model kimi-k3 cannot be used in a batch"),
        ([order("a"), order("b", "kimi-k2.7-code")], "one file takes one model"),
        ([order("a"), order("a")], "custom_id a comes twice"),
        ([order("a", temperature=0.6)], "temperature is not allowed in a batch"),
        ([{**order("a"), "url": "/v1/embeddings"}], "method and url"),
        ([{"custom_id": "a"}], "not an object with custom_id"),
    ],
)
def test_batches_that_fail(kimi: Running, orders: list[dict[str, Any]], said: str) -> None:
    """A file with a line that is not allowed fails as a whole, with the line and the reason; nothing is paid."""
    with sdk(kimi) as client:
        batch = begun(client, orders)
        assert status(kimi, client, batch.id, 1.0) == "failed"
        errors = client.batches.retrieve(batch.id).errors
        assert errors is not None
        assert any(said in str(one.message) for one in errors.data or [])
    assert kimi.paid() == []


def test_orders_that_are_refused(kimi: Running) -> None:
    """Another endpoint, an unknown file, a window out of range or long metadata: no batch is made."""
    with sdk(kimi) as client:
        ident = upload(client, [order("a")])
    sent = {"input_file_id": ident, "endpoint": "/v1/chat/completions", "completion_window": "24h"}
    assert error(post(kimi, sent | {"endpoint": "/v1/embeddings"}, "/batches"))[0] == 400
    assert error(post(kimi, sent | {"input_file_id": "gone"}, "/batches"))[0] == 404
    for window in ("1h", "8d", "soon"):
        assert error(post(kimi, sent | {"completion_window": window}, "/batches"))[0] == 400
    assert error(post(kimi, sent | {"metadata": {"k": "v" * 513}}, "/batches"))[0] == 400
    assert post(kimi, sent | {"completion_window": "3d"}, "/batches").status_code == 200
    assert error(post(kimi, {}, "/batches/gone/cancel"))[0] == 404


def test_cancelled_batch_keeps_what_was_done() -> None:
    """A cancelled batch stops, keeps the lines it has, and cannot be cancelled again."""
    with running(Config(virtual=True, batch_lines_per_s=1.0)) as kimi, sdk(kimi) as client:
        batch = begun(client, [order(str(at)) for at in range(50)])
        assert status(kimi, client, batch.id, 4.5) == "in_progress"
        assert client.batches.cancel(batch.id).status == "cancelling"
        assert status(kimi, client, batch.id, 2.0) == "cancelled"
        done = client.batches.retrieve(batch.id)
        assert done.request_counts is not None
        assert 0 < done.request_counts.completed < 50
        assert done.output_file_id is not None
        with pytest.raises(openai.BadRequestError):
            client.batches.cancel(batch.id)


def test_batch_expires() -> None:
    """A batch that is not through when its window ends expires, with the lines it has."""
    with running(Config(virtual=True, batch_lines_per_s=1 / 40_000)) as kimi, sdk(kimi) as client:
        batch = begun(client, [order(str(at)) for at in range(5)])
        assert status(kimi, client, batch.id, 86_401.0 + 40_000) == "expired"
        done = client.batches.retrieve(batch.id)
        assert done.request_counts is not None
        assert done.request_counts.completed == 2


def test_list_of_batches(kimi: Running) -> None:
    """Batches are listed newest first, in pages."""
    with sdk(kimi) as client:
        idents = [begun(client, [order("a")]).id for _ in range(3)]
    page = get(kimi, "/batches?limit=2")
    assert [batch["id"] for batch in page["data"]] == [idents[2], idents[1]]
    assert page["has_more"] is True
    assert [batch["id"] for batch in get(kimi, f"/batches?after={page['last_id']}")["data"]] == [idents[0]]


def test_batches_finish_by_themselves() -> None:
    """In real time, scaled, nobody has to push."""
    with running(Config(time_scale=100.0)) as kimi, sdk(kimi) as client:
        batch = begun(client, [order("a"), order("b")])
        deadline = time.monotonic() + 20
        while client.batches.retrieve(batch.id).status != "completed":
            assert time.monotonic() < deadline
            time.sleep(0.02)
        assert len(kimi.paid()) == 2
