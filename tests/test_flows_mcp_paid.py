"""Rules of the tools of `octavo mcp` that cost money: the price first, a yes or a budget, the inbox only, a cancel that drains."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastmcp import Client, FastMCP
from fastmcp.client.elicitation import ElicitResult

from octavo.flows.lookups import Lookups
from octavo.flows.mcp.paid_tools import add_paid_tools
from octavo.flows.mcp.price_question import AGREE
from octavo.flows.mcp.server import build
from octavo.processors.ask.ledger import Ledger
from octavo.schemas.job import Job
from tests import told_folder
from tests.emulator.config import Config
from tests.emulator.fixture import Running, running
from tests.emulator.oracle import labelled_lines
from tests.proofs import slow


@pytest.fixture
def kimi(monkeypatch: pytest.MonkeyPatch) -> Iterator[Running]:
    """A Kimi whose key is in the environment."""
    with running(Config(tier=5, timing=False, oracle=labelled_lines)) as emulator:
        monkeypatch.setenv("MOONSHOT_API_KEY", emulator.key)
        yield emulator


def server_of(kimi: Running, folder: Path, **more: Any) -> FastMCP:
    """A server with an inbox of one slip and a schema of one's own."""
    out = told_folder.write(folder)
    (folder / "inbox" / "slip.txt").write_text("Parcel slip\nsender: Acme Ltd\n", encoding="utf-8")
    (folder / "secret.txt").write_text("sender: Secret\n", encoding="utf-8")
    (folder / "inbox" / "leak.txt").symlink_to(folder / "secret.txt")
    schema = {"type": "object", "description": "A parcel.", "properties": {"sender": {"type": "string"}}}
    (folder / "parcel.json").write_text(json.dumps(schema), encoding="utf-8")
    given = {"inbox": str(folder / "inbox"), "out": str(out), "extract": [str(folder / "parcel.json")]}
    server = build(Lookups(out))
    add_paid_tools(server, Job(**{**given, "base_url": kimi.base_url, "tier": 5, **more}))
    return server


def asked(folder: Path, path: str = "slip.txt") -> dict[str, str]:
    """The arguments of `extract`."""
    return {"path": path, "schema": str(folder / "parcel.json")}


@pytest.mark.parametrize(
    ("says", "mode"),
    [(AGREE, "auto"), ("No", "auto"), slow(None, "auto"), slow(AGREE, "legacy"), slow("No", "legacy")],
)
async def test_the_person_is_asked_with_the_price(
    kimi: Running, tmp_path: Path, says: str | None, mode: Any
) -> None:
    """Where the client, of either protocol, can ask, the person sees the price; with a yes rows and proof come, else nothing is asked."""
    seen: list[str] = []

    async def person(message: str, _type: Any, _params: Any, _context: Any) -> Any:
        seen.append(message)
        return {"value": says} if says else ElicitResult(action="decline")

    server = server_of(kimi, tmp_path)
    async with Client(server, elicitation_handler=person, mode=mode) as client:
        result = await client.call_tool("extract", asked(tmp_path), raise_on_error=False)
    assert "$" in seen[0]
    assert len(seen) == 1
    assert result.is_error == (says != AGREE)
    assert bool(kimi.paid()) == (says == AGREE)
    if says == AGREE:
        found = result.structured_content
        assert found is not None
        row = dict(zip(found["columns"], found["rows"][0], strict=True))
        assert row["sender"] == "Acme Ltd"
        assert found["evidence"][0]["quote"] == "Acme Ltd"


@pytest.mark.parametrize(
    ("budget_usd", "refused", "mode"),
    [slow(0.0, True, "legacy"), (0.000001, True, "legacy"), slow(1.0, False, "legacy"), (1.0, False, "auto")],
)
async def test_a_client_that_cannot_ask_keeps_to_the_budget(
    kimi: Running, tmp_path: Path, budget_usd: float, mode: Any, *, refused: bool
) -> None:
    """Where nobody can be asked, what may cost more than the budget leaves is refused with its price, and progress is told."""
    progress: list[float] = []

    async def heard(done: float, _total: float | None, _message: str | None) -> None:
        progress.append(done)

    server = server_of(kimi, tmp_path, budget_usd=budget_usd)
    async with Client(server, progress_handler=heard, mode=mode) as client:
        result = await client.call_tool("extract", asked(tmp_path), raise_on_error=False)
        again = await client.call_tool("extract", asked(tmp_path), raise_on_error=False)
    assert (result.is_error, again.is_error) == (refused, refused)
    assert len(kimi.paid()) == (0 if refused else 1)
    assert bool(progress) != refused
    if refused:
        assert "$" in result.content[0].text
        assert "--budget-usd" in result.content[0].text


@pytest.mark.parametrize("path", ["../secret.txt", "leak.txt", "/etc/passwd", "nowhere.txt"])
async def test_nothing_outside_the_inbox_is_read(kimi: Running, tmp_path: Path, path: str) -> None:
    """A path that leads out of the inbox, also by a link, is refused."""
    async with Client(server_of(kimi, tmp_path, budget_usd=1.0)) as client:
        result = await client.call_tool("extract", asked(tmp_path, path), raise_on_error=False)
        other = await client.call_tool(
            "extract", {"path": "slip.txt", "schema": "/tmp/evil.py:Model"}, raise_on_error=False
        )
    assert result.is_error
    assert "below the inbox" in result.content[0].text
    assert "no schema" in other.content[0].text
    assert not kimi.paid()


async def test_a_call_that_is_cancelled_keeps_what_is_paid(kimi: Running, tmp_path: Path) -> None:
    """A call that is cancelled while its question is in flight is awaited: the reply is in the ledger, and never paid again."""
    kimi.config.timing, kimi.config.ttft_s = True, 2.0
    server = server_of(kimi, tmp_path, budget_usd=1.0)
    async with Client(server, mode="legacy") as client:
        call = asyncio.ensure_future(client.call_tool("extract", asked(tmp_path)))
        async with asyncio.timeout(120):
            while not kimi.journal:  # noqa: ASYNC110 - the emulator lives on another thread
                await asyncio.sleep(0.05)
        call.cancel()
        await asyncio.wait({call})
        result = await client.call_tool("extract", asked(tmp_path))
    assert result.structured_content is not None
    assert len(result.structured_content["rows"]) == 1
    (ledger,) = (tmp_path / "out" / "mcp").rglob("ledger.sqlite")
    kept = Ledger(ledger)
    assert kept.maybe_paid() == (0, 0.0)
    kept.close()
    assert not kimi.asked_twice()
