"""A real LiteLLM proxy between Octavo and the emulator: extraction, streams, tools, refusals, models, and what it changes on the way.

The proxy lives in an environment of its own, since its versions of libraries are others than ours: OCTAVO_LITELLM, else
~/.cache/octavo-litellm, made by `python3 -m venv DIR && DIR/bin/pip install 'litellm[proxy]'`. Without it these tests are skipped.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from octavo.flows import order, settings
from octavo.flows.agent import answering_loop
from octavo.processors.ask.replies import look_up
from octavo.processors.store.warehouse import Warehouse
from octavo.schemas.job import Job
from tests import told_folder
from tests.emulator.config import Config, Fault
from tests.emulator.fixture import Running, running
from tests.emulator.oracle import labelled_lines
from tests.emulator.tool_player import played, takes_tools
from tests.prefect_server import wait_for

pytestmark = pytest.mark.prove

KEY = "sk-the-key-of-the-proxy"
MODEL = "moonshot/kimi-k2.6"
START_S = 240.0


def program() -> Path:
    """The proxy. Skips the test where there is none."""
    folder = Path(os.environ.get("OCTAVO_LITELLM") or Path.home() / ".cache" / "octavo-litellm")
    if not (folder / "bin" / "litellm").exists():
        pytest.skip(
            f"no LiteLLM in {folder}: python3 -m venv {folder} && {folder}/bin/pip install 'litellm[proxy]'"
        )
    return folder / "bin" / "litellm"


@pytest.fixture(scope="module")
def kimi() -> Iterator[Running]:
    """The Kimi behind the proxy."""
    with running(Config(tier=5, timing=False, keep_bodies=True, oracle=labelled_lines)) as emulator:
        yield emulator


@pytest.fixture(scope="module")
def proxy(kimi: Running, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of the proxy, whose own retries are off, so that what we see is what the provider said."""
    folder = tmp_path_factory.mktemp("litellm")
    served = {"model": MODEL, "api_base": kimi.base_url, "api_key": kimi.key, "max_retries": 0}
    config = {
        "model_list": [{"model_name": MODEL, "litellm_params": served}],
        "general_settings": {"master_key": KEY},
        "router_settings": {"num_retries": 0, "disable_cooldowns": True},
    }
    (folder / "config.yaml").write_text(json.dumps(config), encoding="utf-8")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    words = [str(program()), "--config", "config.yaml", "--host", "127.0.0.1", "--port", str(port)]
    path = f"{program().parent}{os.pathsep}{os.environ['PATH']}"
    environ = {
        "PATH": path,
        "HOME": str(folder),
        "LITELLM_LOCAL_MODEL_COST_MAP": "True",
        "LITELLM_TELEMETRY": "False",
    }
    with (folder / "log").open("wb") as log:
        server = subprocess.Popen(words, cwd=folder, env=environ, stdout=log, stderr=log)
    address = f"http://127.0.0.1:{port}"

    def alive() -> bool:
        assert server.poll() is None, (folder / "log").read_text()[-2_000:]
        try:
            return bool(urllib.request.urlopen(f"{address}/health/liveliness", timeout=5).status == 200)
        except (urllib.error.URLError, OSError):
            return False

    wait_for(alive, "the proxy", START_S)
    yield f"{address}/v1"
    server.terminate()
    server.wait(30)


def job_of(proxy: str, folder: Path, **more: object) -> Job:
    """A job that asks by way of the proxy."""
    given = {
        "inbox": str(folder / "inbox"),
        "out": str(folder / "out"),
        "provider": "litellm",
        "model": MODEL,
    }
    return Job(**{**given, "base_url": proxy, "budget_usd": 1.0, **more})  # type: ignore[arg-type] # names differ in type


def slips(folder: Path, number: int = 3) -> None:
    """An inbox and a schema."""
    schema = {"type": "object", "description": "A parcel.", "properties": {"sender": {"type": "string"}}}
    (folder / "parcel.json").write_text(json.dumps(schema), encoding="utf-8")
    (folder / "inbox").mkdir()
    for at in range(number):
        text = f"Parcel slip {at}\nsender: Sender Number {at} Ltd\n"
        (folder / "inbox" / f"slip{at}.txt").write_text(text, encoding="utf-8")


async def extracted(kimi: Running, proxy: str, folder: Path) -> list[str]:
    """The senders of an extraction by way of the proxy."""
    kimi.reset()
    slips(folder)
    job = job_of(proxy, folder, extract=[str(folder / "parcel.json")])
    ended = await order.run(job, settings.account(job, key=KEY))
    assert ended.exit_code == 0, ended.sentences
    return sorted(row["sender"] for row in Warehouse(folder / "out").rows("parcel"))


async def test_models_are_listed(proxy: str, tmp_path: Path) -> None:
    """The proxy lists its models, by the names that it gives them."""
    slips(tmp_path)
    served, balance = await look_up(settings.account(job_of(proxy, tmp_path), key=KEY))
    assert list(served) == [MODEL]
    assert balance is None


async def test_extraction_and_what_is_changed_on_the_way(kimi: Running, proxy: str, tmp_path: Path) -> None:
    """Rows come through; the proxy takes our limit and format as they are, and `thinking` out of `extra_body`."""
    assert await extracted(kimi, proxy, tmp_path) == [f"Sender Number {at} Ltd" for at in range(3)]
    body = kimi.paid()[-1].body
    assert body is not None
    assert body["model"] == "kimi-k2.6"  # the name without the provider's
    assert "max_tokens" in body or "max_completion_tokens" in body
    assert body["response_format"]["type"] == "json_schema"
    assert body.get("thinking") == {"type": "disabled"}
    assert "temperature" not in body
    assert not kimi.asked_twice()


async def test_refusals_come_through(kimi: Running, proxy: str, tmp_path: Path) -> None:
    """A 429 behind the proxy is waited for like one of the provider's own, and nothing is paid twice."""
    kimi.config.faults = [Fault("rpm", 1.0, attempts=1)]
    try:
        assert len(await extracted(kimi, proxy, tmp_path)) == 3
    finally:
        kimi.config.faults = []
    assert kimi.breaches() or any(entry.status == 429 for entry in kimi.journal)
    assert not kimi.asked_twice()


async def test_tools_and_streams_come_through(kimi: Running, proxy: str, tmp_path: Path) -> None:
    """`octavo ask`, which streams and calls tools in parallel, answers by way of the proxy."""
    kimi.reset()
    out = told_folder.write(tmp_path)
    statement = "SELECT path, total FROM invoice ORDER BY issued"
    said = "Brandt asked for 100.00 [may/brandt.txt p. 1]."
    kimi.script(takes_tools, played([("run_sql", {"sql": statement}), ("list_tables", {})], said))
    job = job_of(proxy, tmp_path, out=str(out))
    words: list[str] = []
    async with answering_loop.opened(job, settings.account(job, key=KEY)) as agent:
        agent.say = words.append
        found = await agent.ask("What did Brandt ask for?")
    assert (found.text, found.statements) == (said, [statement])
    assert "".join(words) == said
    assert all(entry.streamed for entry in kimi.paid())
