"""`octavo mcp` with coding clients that others wrote, headless: their provider is the emulator, which plays a model that calls our tools.

The settings are the blocks of `docs/mcp.md`, with paths, address and key of the test in the places of those that are shown.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from tests import node_tools, told_folder
from tests.emulator.config import Config
from tests.emulator.fixture import Running, running
from tests.emulator.tool_player import played, results, takes_tools

ROOT = Path(__file__).resolve().parents[1]
PAGE = (ROOT / "docs" / "mcp.md").read_text(encoding="utf-8")
QUESTION = "How many invoices are there?"
COUNTED = {"sql": "SELECT count(*) AS invoices FROM invoice"}

pytestmark = pytest.mark.prove


@pytest.fixture
def kimi() -> Iterator[Running]:
    """A Kimi that calls `query` and says what it gave."""
    with running(Config(tier=5, timing=False, keep_bodies=True)) as emulator:
        emulator.script(
            takes_tools, played(("query", COUNTED), lambda body: f"The tables say: {results(body)[-1]}")
        )
        yield emulator


def settings(name: str, kimi: Running, out: Path) -> str:
    """A block of the page, for this test."""
    (found,) = re.findall(rf"<!-- file: {re.escape(name)} -->\s*```\w+\n(.*?)```", PAGE, re.DOTALL)
    words = {
        "https://api.moonshot.ai/v1": kimi.base_url,
        "YOUR_MOONSHOT_API_KEY": kimi.key,
        ".venv/bin/octavo": str(out.parent / "octavo"),
        '"--out", "out"': f'"--out", "{out}"',
        "--out, out": f'--out, "{out}"',
    }
    for shown, meant in words.items():
        found = found.replace(shown, meant)
    return str(found)


@pytest.fixture
def out(tmp_path: Path) -> Iterator[Path]:
    """Tables, and beside them a program `octavo` as an installation has it. What a client leaves running is ended."""
    program = tmp_path / "octavo"
    program.write_text(
        f'#!/bin/sh\nPYTHONPATH={ROOT} exec {sys.executable} -m octavo "$@"\n', encoding="utf-8"
    )
    program.chmod(0o755)
    yield told_folder.write(tmp_path)
    for place in Path("/proc").glob("[0-9]*"):  # such as Cline's daemon
        with suppress(OSError):
            if f"HOME={tmp_path}\0".encode() in (place / "environ").read_bytes():
                os.kill(int(place.name), signal.SIGKILL)


def ran(command: list[str], folder: Path, kimi: Running) -> str:
    """What a client prints. Its home is a folder of the test."""
    environ = node_tools.environ(
        HOME=str(folder), MOONSHOT_API_KEY=kimi.key, XDG_CONFIG_HOME=str(folder / "config")
    )
    done = subprocess.run(
        command,
        cwd=folder,
        env=environ,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    return f"{done.stdout}\n{done.stderr}\n[{done.returncode}]"


def checked(said: str, kimi: Running) -> None:
    """The client offered our tools to the model, called `query`, and printed the answer."""
    offered = {
        tool["function"]["name"] for entry in kimi.journal for tool in (entry.body or {}).get("tools") or ()
    }
    for name in (
        "list_tables",
        "describe_table",
        "query",
        "search_documents",
        "read_document",
        "find_evidence",
    ):
        assert any(one == name or one.endswith(f"_{name}") for one in offered), (name, offered, said)
    assert "The tables say:" in said, said
    assert re.search(r'"rows":\s*\[\[3\]\]', said.replace("\\", "")) or re.search(
        r"\[\s*\[\s*3\s*\]\s*\]", said
    ), said


def test_opencode(kimi: Running, out: Path) -> None:
    """OpenCode lists our tools, calls `query`, and prints the answer."""
    folder = out.parent
    (folder / "opencode.json").write_text(settings("opencode.json", kimi, out), encoding="utf-8")
    program = str(node_tools.program(node_tools.OPENCODE, "opencode"))
    checked(ran([program, "run", "-m", "kimi/kimi-k2.6", QUESTION], folder, kimi), kimi)


def test_continue(kimi: Running, out: Path) -> None:
    """Continue lists our tools, calls `query`, and prints the answer."""
    folder = out.parent
    (folder / "config.yaml").write_text(settings("config.yaml", kimi, out), encoding="utf-8")
    program = str(node_tools.program(node_tools.CONTINUE, "cn"))
    checked(ran([program, "--config", "config.yaml", "--auto", "-p", QUESTION], folder, kimi), kimi)


def test_cline(kimi: Running, out: Path) -> None:
    """Cline lists our tools, calls `query`, and prints the answer."""
    folder = out.parent
    file = folder / ".cline" / "data" / "settings" / "cline_mcp_settings.json"
    file.parent.mkdir(parents=True)
    file.write_text(settings("cline_mcp_settings.json", kimi, out), encoding="utf-8")
    program = str(node_tools.program(node_tools.CLINE, "cline"))
    ran(
        [program, "auth", "-p", "openai", "-b", kimi.base_url, "-k", kimi.key, "-m", "kimi-k2.6"],
        folder,
        kimi,
    )
    checked(ran([program, QUESTION], folder, kimi), kimi)


def test_environment_is_bare() -> None:
    """No key of the machine reaches a client."""
    assert not {name for name in node_tools.environ() if "KEY" in name and name in os.environ}
