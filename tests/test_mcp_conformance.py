"""`octavo mcp` against programs that others wrote: the official conformance suite and the Inspector's command line."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send

from octavo.flows.lookups import Lookups
from octavo.flows.mcp.http_door import OneToken
from octavo.flows.mcp.server import build
from tests import node_tools, told_folder
from tests.prefect_server import wait_for
from tests.proofs import slow_but

ROOT = Path(__file__).resolve().parents[1]
TOKEN = "a-token-for-tests-only"
SCENARIOS = (
    "server-initialize",
    "ping",
    "logging-set-level",
    "completion-complete",
    "tools-list",
    "resources-list",
    "prompts-list",
    "server-sse-multiple-streams",
    "dns-rebinding-protection",
)
OTHERS = {  # scenarios of 0.1.16 that do not apply -> why
    **dict.fromkeys(
        (
            "tools-call-simple-text",
            "tools-call-image",
            "tools-call-audio",
            "tools-call-embedded-resource",
            "tools-call-mixed-content",
            "tools-call-with-logging",
            "tools-call-error",
            "tools-call-with-progress",
            "server-sse-polling",
            "json-schema-2020-12",
        ),
        "calls a tool named test_... that only a server made for the suite has",
    ),
    **dict.fromkeys(
        ("tools-call-sampling",),
        "octavo never asks the client's model: what documents say goes to no other model",
    ),
    **dict.fromkeys(
        ("tools-call-elicitation", "elicitation-sep1034-defaults", "elicitation-sep1330-enums"),
        "calls a tool named test_elicitation... that only a server made for the suite has",
    ),
    **dict.fromkeys(
        ("resources-read-text", "resources-read-binary", "resources-templates-read"),
        "reads test://... addresses that only a server made for the suite has",
    ),
    **dict.fromkeys(
        ("resources-subscribe", "resources-unsubscribe"),
        "single resources cannot be subscribed to: a commit changes all, and is told by list_changed",
    ),
    **dict.fromkeys(
        (
            "prompts-get-simple",
            "prompts-get-with-args",
            "prompts-get-embedded-resource",
            "prompts-get-with-image",
        ),
        "gets a prompt named test_... that only a server made for the suite has",
    ),
}


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Tables about three invoices, a contract and a scan."""
    return told_folder.write(tmp_path_factory.mktemp("told"))


class WithToken:
    """Adds the token to each request, since the suite sends none; Host and Origin stay as they came."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand a request on."""
        if scope["type"] == "http":
            scope = {**scope, "headers": [*scope["headers"], (b"authorization", f"Bearer {TOKEN}".encode())]}
        await self._app(scope, receive, send)


@pytest.fixture(scope="module")
def address(out: Path) -> Iterator[str]:
    """The address of the server as `octavo mcp --http` has it, to which the token is added on the way."""
    server = build(Lookups(out))
    server.auth = OneToken(TOKEN)
    app = WithToken(server.http_app(host_origin_protection=True))
    web = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=0, log_level="error", ws="none"))
    thread = threading.Thread(target=web.run, daemon=True)
    thread.start()
    wait_for(lambda: web.started, "the server")
    port = web.servers[0].sockets[0].getsockname()[1]
    yield f"http://127.0.0.1:{port}/mcp"
    web.should_exit = True
    thread.join(30)


def suite(*words: str) -> subprocess.CompletedProcess[str]:
    """A run of the conformance suite."""
    program = node_tools.program(node_tools.CONFORMANCE, "conformance")
    return subprocess.run(
        [str(program), *words],
        env=node_tools.environ(),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_every_scenario_is_run_or_has_a_reason() -> None:
    """Each server scenario of the suite is run below, or says why it does not apply."""
    listed = suite("list", "--server").stdout
    names = {line.split()[1] for line in listed.splitlines() if line.strip().startswith("- ")}
    assert names == {*SCENARIOS, *OTHERS}


@pytest.mark.parametrize("scenario", slow_but([0, 4, 8], SCENARIOS))
def test_conformance(address: str, scenario: str) -> None:
    """The official suite finds nothing wrong in a scenario that applies."""
    done = suite("server", "--url", address, "--scenario", scenario)
    assert done.returncode == 0, done.stdout[-3_000:] + done.stderr[-1_000:]
    assert "0 failed" in done.stdout, done.stdout[-3_000:]


def inspector(out: Path, *words: str) -> Any:
    """What the Inspector's command line says when it starts `octavo mcp` itself."""
    program = node_tools.program(node_tools.INSPECTOR, "mcp-inspector")
    server = [sys.executable, "-m", "octavo", "mcp", "--out", str(out)]
    environ = node_tools.environ(PYTHONPATH=str(ROOT), HOME=os.environ["HOME"])
    command = [
        str(program),
        "--cli",
        "--connect-timeout",
        "90000",
        "-e",
        f"PYTHONPATH={ROOT}",
        *server,
        *words,
    ]
    done = subprocess.run(command, env=environ, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout[-2_000:] + done.stderr[-2_000:]
    return json.loads(done.stdout)


@pytest.mark.prove
def test_the_inspector_lists_and_queries(out: Path) -> None:
    """The Inspector lists our tools, calls `query`, and reads a resource."""
    listed = inspector(out, "--method", "tools/list")
    assert "query" in {tool["name"] for tool in listed["tools"]}
    asked = (
        "--method",
        "tools/call",
        "--tool-name",
        "query",
        "--tool-arg",
        "sql=SELECT count(*) FROM invoice",
    )
    assert inspector(out, *asked)["structuredContent"]["rows"] == [[3]]
    opened = inspector(out, "--method", "resources/read", "--uri", "octavo://tables/invoice")
    assert "Read the invoice" in opened["contents"][0]["text"]
