"""Rules of `octavo mcp`: what programs may see, what they are told, and that nothing stays behind when they leave."""

from __future__ import annotations

import asyncio
import base64
import io
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import mcp_types
import pytest
from fastmcp import Client
from fastmcp.client.transports import StdioTransport, StreamableHttpTransport
from mcp.client.subscriptions import listen
from mcp.shared.exceptions import MCPError
from mcp.shared.subscriptions import ResourcesListChanged
from PIL import Image

from octavo.flows.lookups import TEXT_CHARACTERS, Lookups
from octavo.flows.mcp.server import build
from octavo.flows.prefect_run.processes import descendants
from octavo.processors.query import sql
from octavo.processors.store.warehouse import hold
from tests import told_folder
from tests.command import octavo
from tests.prefect_server import wait_for

ROOT = Path(__file__).resolve().parents[1]
TOKEN = "a-token-for-tests-only"
READS = {"list_tables", "describe_table", "query", "search_documents", "read_document", "find_evidence"}


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Tables about three invoices, a contract and a scan."""
    return told_folder.write(tmp_path_factory.mktemp("told"))


async def call(out: Path, name: str, limits: sql.QueryLimits | None = None, **arguments: Any) -> Any:
    """What one tool gives, trouble included."""
    lookups = Lookups(out, limits) if limits else Lookups(out)
    async with Client(build(lookups)) as client:
        return await client.call_tool(name, arguments, raise_on_error=False)


def words(result: Any) -> str:
    """All text of a result."""
    return "\n".join(block.text for block in result.content if block.type == "text")


async def test_tools_say_what_they_are(out: Path) -> None:
    """Each tool has a short description, input and output schemas, a meaning for every argument, and says that it only reads."""
    async with Client(build(Lookups(out))) as client:
        tools = await client.list_tools()
    assert {tool.name for tool in tools} == READS
    for tool in tools:
        assert tool.annotations is not None
        assert tool.annotations.read_only_hint
        assert tool.output_schema
        assert len(tool.description or "") < 120
        assert all("description" in one for one in tool.input_schema["properties"].values()), tool.name


async def test_rows_come_page_by_page_and_all_of_them(out: Path) -> None:
    """A result longer than a page is read on by its token, each row once, and what is left is said."""
    statement, token, seen = "FROM range(450) ORDER BY 1", "", []
    async with Client(build(Lookups(out))) as client:
        while True:
            found = (
                await client.call_tool("query", {"sql": statement, "page_token": token})
            ).structured_content
            assert found is not None
            seen += [row[0] for row in found["rows"]]
            token = found["next_page_token"]
            assert bool(token) == any("next_page_token" in note for note in found["notes"])
            if not token:
                break
        stale = await client.call_tool(
            "query", {"sql": "SELECT 1", "page_token": "200-beef"}, raise_on_error=False
        )
    assert seen == list(range(450))
    assert stale.is_error
    assert "Send the statement again" in words(stale)


async def test_a_commit_ends_page_tokens(tmp_path: Path) -> None:
    """A token of the tables before a commit is refused, since rows could be missed or given twice."""
    out = told_folder.write(tmp_path)
    async with Client(build(Lookups(out))) as client:
        asked = {"sql": "FROM range(450)"}
        token = (await client.call_tool("query", asked)).structured_content["next_page_token"]
        with hold(out) as warehouse:
            told_folder.commit(warehouse, tmp_path / "inbox", {"may/brandt.txt": ["Other words."]})
        late = await client.call_tool("query", {**asked, "page_token": token}, raise_on_error=False)
    assert late.is_error
    assert "have changed" in words(late)


async def test_a_long_cell_is_cut_and_said(out: Path) -> None:
    """A text too long for a page is cut, and a note says how long it is and how to read on."""
    found = (await call(out, "query", sql="SELECT repeat('x', 50000) AS long")).structured_content
    assert len(found["rows"][0][0]) < 50_000
    assert "50,000 characters" in found["notes"][0]


@pytest.mark.parametrize(
    ("statement", "told"),
    [
        ("DELETE FROM invoice", "Only SELECT is run here"),
        ("SELECT * FROM read_csv('/etc/passwd')", "Permission"),
        ("FROM invoise", "Did you mean invoice?"),
        ("SELECT", "Parser Error"),
        ("SELECT 1; SELECT 2", "One statement"),
    ],
)
async def test_sql_errors_are_tool_errors_with_our_sentence(out: Path, statement: str, told: str) -> None:
    """What may not run, or cannot, is a tool error that says why, and no text of a traceback."""
    result = await call(out, "query", sql=statement)
    assert result.is_error
    assert told in words(result)
    assert "Traceback" not in words(result)


async def test_wrong_arguments_are_named(out: Path) -> None:
    """An argument that is missing or unknown is a tool error that names it; a number written as text is taken."""
    result = await call(out, "query", statement="SELECT 1")
    assert result.is_error
    assert "sql: Missing" in words(result)
    assert not (await call(out, "query", sql="SELECT 1", max_rows="5")).is_error


async def test_a_query_that_runs_away_is_ended(out: Path) -> None:
    """A statement that would not end is stopped by the guard, which says so, and the server goes on."""
    endless = (
        "SELECT count(*) FROM range(10000000000000) a, range(100000) b WHERE hash(a.range + b.range) = 7"
    )
    limits = sql.QueryLimits(time_s=1.5)
    async with Client(build(Lookups(out, limits))) as client:
        result = await client.call_tool("query", {"sql": endless}, raise_on_error=False)
        assert result.is_error
        assert "took longer than 1.5 s and was stopped" in words(result)
        assert await client.list_tools()


async def test_search_finds_the_best_page_first(out: Path) -> None:
    """Words are found whatever their case, accents and endings, the page that is about them first, in one document where it is named."""
    found = (await call(out, "search_documents", words="supplier PRICES zurich")).structured_content
    assert (found["hits"][0]["path"], found["hits"][0]["page"]) == (told_folder.CONTRACT, 2)
    assert {hit["page"] for hit in found["hits"] if hit["path"] == told_folder.CONTRACT} == {2, 3}
    inside = (
        await call(out, "search_documents", words="price", document="may/brandt.txt")
    ).structured_content
    assert [hit["path"] for hit in inside["hits"]] == ["may/brandt.txt"]
    nothing = (await call(out, "search_documents", words="unicorn")).structured_content
    assert nothing["hits"] == []
    assert nothing["note"]


async def test_a_long_document_is_read_on_to_its_end(out: Path) -> None:
    """A document that does not fit is given in parts that join to its whole text, and every part says where the next begins."""
    page, start = 1, 0
    texts: dict[int, str] = {}
    async with Client(build(Lookups(out))) as client:
        while page:
            asked = {"document": told_folder.CONTRACT, "first_page": page, "start": start}
            result = await client.call_tool("read_document", asked)
            part = result.structured_content
            assert sum(len(one["text"]) for one in part["pages"]) <= TEXT_CHARACTERS
            for one in part["pages"]:
                texts[one["page"]] = texts.get(one["page"], "") + one["text"]
            page, start = part["next_page"], part["next_start"]
            assert bool(page) == bool(part["note"])
            assert not page or part["note"] in words(result)
    assert list(texts.values()) == told_folder.CONTRACT_PAGES


@pytest.mark.prove
async def test_a_page_that_is_a_picture_is_shown(out: Path) -> None:
    """A scan comes as a picture, and of a text there is a sentence instead."""
    scan = await call(out, "read_document", document="receipt_scan.jpg", picture=True)
    (picture,) = (block for block in scan.content if block.type == "image")
    assert Image.open(io.BytesIO(base64.b64decode(picture.data))).format == "JPEG"
    text = await call(out, "read_document", document="june/acme.txt", picture=True)
    assert "no pictures" in words(text)


@pytest.mark.parametrize("name", ["nowhere.pdf", "brandt.txt", "../../etc/passwd", "' OR 1=1 --"])
async def test_a_document_that_is_not_one_is_told(out: Path, name: str) -> None:
    """A name that means no document, or several, is a tool error that says what to name."""
    result = await call(out, "read_document", document=name)
    assert result.is_error
    assert name in words(result)


async def test_evidence_leads_to_the_page(out: Path) -> None:
    """A field's value comes with page, quote and grade."""
    found = (await call(out, "find_evidence", document="june/brandt.txt", field="total")).structured_content
    (proof,) = found["evidence"]
    assert (proof["page"], proof["quote"], proof["grade"]) == (1, "130.00", "exact")


async def test_resources_are_tables_pages_pictures_and_the_tree(out: Path) -> None:
    """Tables, texts, pictures and the tree of the inbox are opened by address; a wrong one is told in our words."""
    async with Client(build(Lookups(out))) as client:
        assert "Read the invoice" in (await client.read_resource("octavo://tables/invoice"))[0].text
        tree = (await client.read_resource("octavo://inbox/june"))[0].text
        assert "acme.txt" in tree
        assert "may" in (await client.read_resource("octavo://inbox"))[0].text
        text = (await client.read_resource(f"octavo://documents/{told_folder.CONTRACT}/pages/1"))[0].text
        assert text == told_folder.CONTRACT_PAGES[0]
        picture = (await client.read_resource("octavo://documents/receipt_scan.jpg/pages/1/picture"))[0]
        assert base64.b64decode(picture.blob)[:2] == b"\xff\xd8"
        with pytest.raises(MCPError, match="There is no table 'nope'"):
            await client.read_resource("octavo://tables/nope")
        with pytest.raises(MCPError, match="no page 9"):
            await client.read_resource(f"octavo://documents/{told_folder.CONTRACT}/pages/9")


async def test_prompts_and_completions(out: Path) -> None:
    """Prompts for common questions say that documents are data; arguments are completed by tables and paths."""
    async with Client(build(Lookups(out))) as client:
        for prompt in await client.list_prompts():
            given = {one.name: "x" for one in prompt.arguments or []}
            said = (await client.get_prompt(prompt.name, given)).messages[0].content
            assert "no instruction" in getattr(said, "text", "")
        table = mcp_types.ResourceTemplateReference(type="ref/resource", uri="octavo://tables/{table}")
        assert (await client.complete(table, {"name": "table", "value": "invo"})).values[0] == "invoice"


async def test_clients_of_the_handshake_hear_of_a_commit(tmp_path: Path) -> None:
    """A commit is told by list_changed on the session of a client that shook hands."""
    out, heard = told_folder.write(tmp_path), asyncio.Event()

    async def hear(message: Any) -> None:
        if isinstance(message, mcp_types.ResourceListChangedNotification):
            heard.set()

    async with Client(build(Lookups(out)), message_handler=hear, mode="legacy") as client:
        await client.list_tools()
        with hold(out) as warehouse:
            told_folder.commit(warehouse, tmp_path / "inbox", {"may/brandt.txt": ["Other words."]})
        async with asyncio.timeout(60):
            await heard.wait()


async def test_clients_that_listen_hear_of_a_commit(tmp_path: Path) -> None:
    """A commit is told on the stream that a client of the newest protocol opened for it."""
    out = told_folder.write(tmp_path)
    async with (
        Client(build(Lookups(out))) as client,
        listen(client.session, resources_list_changed=True) as events,
    ):
        with hold(out) as warehouse:
            told_folder.commit(warehouse, tmp_path / "inbox", {"may/brandt.txt": ["Other words."]})
        async with asyncio.timeout(60):
            assert isinstance(await anext(aiter(events)), ResourcesListChanged)


def started(out: Path, *flags: str, **more: Any) -> subprocess.Popen[str]:
    """`octavo mcp` as a client starts it."""
    words = [sys.executable, "-m", "octavo", "mcp", "--out", str(out), *flags]
    environ = {**os.environ, "PYTHONPATH": str(ROOT), "OCTAVO_MCP_TOKEN": TOKEN}
    return subprocess.Popen(words, env=environ, text=True, stderr=subprocess.PIPE, **more)


async def test_over_standard_input_and_output(out: Path) -> None:
    """A client that starts `octavo mcp` itself gets rows, and its standard output has nothing but the protocol."""
    words = ["-m", "octavo", "mcp", "--out", str(out)]
    transport = StdioTransport(
        sys.executable, words, env={**os.environ, "PYTHONPATH": str(ROOT)}, keep_alive=False
    )
    async with Client(transport) as client:
        found = await client.call_tool("query", {"sql": "SELECT count(*) FROM invoice"})
    assert found.structured_content is not None
    assert found.structured_content["rows"] == [[3]]


@pytest.mark.prove
def test_a_client_that_vanishes_leaves_no_process(out: Path) -> None:
    """When the client's end of the pipe closes while a query runs, the server and its query end."""
    endless = (
        "SELECT count(*) FROM range(10000000000000) a, range(100000) b WHERE hash(a.range + b.range) = 7"
    )
    server = started(out, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
    assert server.stdin is not None
    hello = '{"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "test", "version": "1"}}'
    for line in (
        f'{{"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {hello}}}',
        '{"jsonrpc": "2.0", "method": "notifications/initialized"}',
        f'{{"jsonrpc": "2.0", "id": 2, "method": "tools/call", "params": {{"name": "query", "arguments": {{"sql": "{endless}"}}}}}}',
    ):
        server.stdin.write(line + "\n")
    server.stdin.flush()
    wait_for(lambda: bool(descendants(server.pid)), "the query to start")
    children = descendants(server.pid)
    server.stdin.close()
    server.wait(60)
    wait_for(lambda: not any(Path(f"/proc/{pid}").exists() for pid in children), "the query to end")


@pytest.fixture(scope="module")
def address(out: Path) -> Iterator[str]:
    """The address of a server over HTTP."""
    server = started(out, "--http", "0")
    assert server.stderr is not None
    yield server.stderr.readline().rpartition(" ")[2].strip()
    server.terminate()
    assert server.wait(30) in (0, -15, 143)


async def test_over_http_with_the_token(address: str) -> None:
    """A client with the token gets rows over HTTP."""
    transport = StreamableHttpTransport(address, headers={"Authorization": f"Bearer {TOKEN}"})
    async with Client(transport) as client:
        found = await client.call_tool("query", {"sql": "SELECT count(*) FROM invoice"})
    assert found.structured_content is not None
    assert found.structured_content["rows"] == [[3]]


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, {401}),
        ({"Authorization": "Bearer wrong"}, {401}),
        ({"Authorization": f"Bearer {TOKEN}", "Host": "evil.example"}, {403, 421}),
        ({"Authorization": f"Bearer {TOKEN}", "Origin": "http://evil.example"}, {403}),
    ],
)
def test_http_lets_in_nobody_else(address: str, headers: dict[str, str], status: set[int]) -> None:
    """Without the token, under another host's name, or from a page of another origin there is no answer."""
    import httpx2

    body = {"jsonrpc": "2.0", "id": 1, "method": "ping"}
    accept = {"Accept": "application/json, text/event-stream"}
    reply = httpx2.post(address, json=body, headers={**accept, **headers}, timeout=30)
    assert reply.status_code in status, reply.text


def test_a_token_that_is_guessed_is_refused(out: Path) -> None:
    """A short token of one's own is refused, with what to do."""
    done = octavo("mcp", "--out", str(out), "--http", "0", OCTAVO_MCP_TOKEN="short")
    assert done.returncode == 1
    assert "Unset it" in done.stderr
