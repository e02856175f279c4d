"""The emulator as a program of its own, and the paths that look inside it."""

from __future__ import annotations

import ast
import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.emulator.client import K26, body, content, post
from tests.emulator.config import Config
from tests.emulator.fixture import Running, running

ROOT = Path(__file__).resolve().parents[1]
FLAGS = (
    "--tier",
    "1",
    "--no-timing",
    "--port",
    "0",
    "--fault",
    "server_error:1.0:attempts=1:match=trouble",
    "--key",
    "sk-x=org-x",
)


@pytest.fixture
def program(tmp_path: Path) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """The program and the address that it printed."""
    gold = tmp_path / "gold.json"
    gold.write_text(json.dumps({"A-17": {"total": 12}}))
    words = [sys.executable, "-m", "tests.emulator", *FLAGS, "--gold", str(gold), "--retire", "kimi-k3"]
    with subprocess.Popen(words, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        yield process.stdout.readline().strip(), process
        process.terminate()


def test_program_prints_its_address_and_serves(program: tuple[str, subprocess.Popen[str]]) -> None:
    """One line tells the base URL; flags, faults, keys and gold records work; SIGTERM ends it with 0."""
    line, process = program
    assert line.startswith("listening on http://127.0.0.1:")
    url = line.removeprefix("listening on ")
    with httpx2.Client(base_url=url, headers={"Authorization": "Bearer sk-x"}, verify=False) as client:
        schema = {"type": "object", "properties": {"total": {"type": "integer"}}, "required": ["total"]}
        wanted = {"type": "json_schema", "json_schema": {"name": "x", "schema": schema}}
        assert json.loads(
            content(client.post("/chat/completions", json=body("Invoice A-17", response_format=wanted)))
        ) == {"total": 12}
        assert [client.post("/chat/completions", json=body("trouble")).status_code for _ in range(2)] == [
            500,
            200,
        ]
        assert "kimi-k3" not in [model["id"] for model in client.get("/models").json()["data"]]
    process.send_signal(signal.SIGTERM)
    assert process.wait(20) == 0


def test_program_refuses_what_it_does_not_know() -> None:
    """A fault that does not exist ends the program before it listens."""
    words = [sys.executable, "-m", "tests.emulator", "--fault", "gremlin"]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode != 0
    assert "gremlin" in done.stderr


@pytest.fixture
def kimi() -> Iterator[Running]:
    """An emulator that answers at once and keeps bodies."""
    with running(Config(timing=False, keep_bodies=True)) as emulator:
        yield emulator


def inside(kimi: Running, path: str, sent: Any = None) -> httpx2.Response:
    """A path under /_emu; POST when something is sent."""
    url = kimi.base_url.removesuffix("/v1") + "/_emu" + path
    return httpx2.get(url, verify=False) if sent is None else httpx2.post(url, json=sent, verify=False)


def test_stats_and_journal(kimi: Running) -> None:
    """Sums and entries can be read by another process; entries tell tokens, money, status and, when asked, the body."""
    for _ in range(2):
        post(kimi, body("hi"))
    stats = inside(kimi, "/stats").json()
    assert (stats["requests"], stats["by_status"], stats["asked_twice"]) == (2, {"200": 2}, 1)
    assert stats["cost_usd"] == pytest.approx(stats["spent_usd"]["org-emulator"])
    first, second = inside(kimi, "/journal").json()
    assert first["fingerprint"] == second["fingerprint"]
    assert (first["org"], first["model"], first["status"], second["attempt"]) == ("org-emulator", K26, 200, 2)
    assert first["body"]["messages"][0]["content"] == "hi"
    assert "sk-emulator" not in inside(kimi, "/journal").text


def test_script_config_and_reset(kimi: Running) -> None:
    """Replies are scripted, settings changed and everything forgotten over HTTP; unknown fields and paths are refused."""
    assert inside(kimi, "/script", {"contains": "hi", "reply": {"a": 1}, "times": 1}).json() == {"ok": True}
    inside(
        kimi, "/script", {"contains": "bad", "status": 503, "type": "server_unavailable", "message": "gone"}
    )
    assert content(post(kimi, body("hi"))) == '{"a":1}'
    assert post(kimi, body("bad")).status_code == 503
    inside(
        kimi,
        "/config",
        {"faults": [{"kind": "server_error"}], "tier": 0, "retired": ["kimi-k3"], "tier_at": {"5": 1}},
    )
    assert post(kimi, body()).status_code == 500
    assert inside(kimi, "/config", {"color": "red"}).status_code == 400
    assert inside(kimi, "/config", {"faults": [{"kind": "gremlin"}]}).status_code == 400
    assert inside(kimi, "/nowhere").status_code == 404
    inside(kimi, "/config", {"faults": [], "tier": 1, "tier_at": {}})
    inside(kimi, "/reset", {})
    assert (kimi.journal, kimi.stats()["requests"]) == ([], 0)
    assert content(post(kimi, body("bad")))


def test_virtual_time_over_http() -> None:
    """Another process can move virtual time: a reply that waits arrives when its time has come."""
    with running(Config(virtual=True, ttft_s=100.0)) as kimi:
        inside(kimi, "/advance", {"seconds": 50})
        assert kimi.emulator.state.clock.now() == 50.0
        with (
            httpx2.Client(verify=False, headers={"Authorization": f"Bearer {kimi.key}"}) as client,
            pytest.raises(httpx2.ReadTimeout),
        ):
            client.post(kimi.base_url + "/chat/completions", json=body(), timeout=0.2)


def test_emulator_is_an_independent_witness() -> None:
    """It imports nothing of the project, so the two cannot share a mistake; and its files stay short."""
    for path in (ROOT / "tests" / "emulator").glob("*.py"):
        text = path.read_text()
        assert len(text.splitlines()) <= 400, path
        for node in ast.walk(ast.parse(text)):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            assert not {name.split(".")[0] for name in names} & {"processors", "flows", "schemas"}, path
