"""docs/prefect.md is true: its commands run against a real server, its automations do what they say, and what is late is told."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import yaml

from octavo.flows.deployments import DEPLOYMENTS
from octavo.flows.prefect_run.processes import descendants
from octavo.processors.store.warehouse import Warehouse
from tests.emulator.fixture import Running
from tests.prefect_server import ROOT, Server, environ, prefect_server, wait_for

PAGE = (ROOT / "docs" / "prefect.md").read_text(encoding="utf-8")
AUTOMATIONS = ROOT / "docs" / "automations"
NOTICE = """
from prefect.events import emit_event
emit_event("octavo.notice", {"prefect.resource.id": "octavo.run.x"}, payload={"message": "low"})
"""

LATE = """
import asyncio, datetime
from octavo.flows.prefect_run import late_runs
late_runs.PLANNED_WITHIN = datetime.timedelta(0)
print(*asyncio.run(late_runs.of_the_server()).values(), sep="\\n")
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server of its own, since it gets automations, and one that plans nothing, as with libraries that do not fit it."""
    with prefect_server(
        tmp_path_factory.mktemp("prefect"), PREFECT_SERVER_SERVICES_SCHEDULER_ENABLED="false"
    ) as started:
        yield started


@pytest.fixture(scope="module")
def hook() -> Iterator[tuple[str, list[str]]]:
    """An address that takes messages, and the messages."""
    heard: list[str] = []

    class Ear(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            heard.append(json.loads(self.rfile.read(int(self.headers["Content-Length"])))["text"])
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Ear) as listening:
        threading.Thread(target=listening.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{listening.server_port}/hook", heard
        listening.shutdown()


def test_automations_name_every_flow() -> None:
    """Where an automation asks for the flow, it asks for every flow of the table."""
    flows = [deployment.flow for deployment in DEPLOYMENTS]
    for path in sorted(AUTOMATIONS.glob("*.yaml")):
        read = yaml.safe_load(path.read_text(encoding="utf-8"))
        for automation in read.get("automations", [read]):
            if related := automation["trigger"].get("match_related"):
                assert related["prefect.resource.name"] == flows


@pytest.mark.flow
@pytest.mark.prove
def test_the_commands_of_the_page_work(
    kimi: Running, server: Server, hook: tuple[str, list[str]], tmp_path: Path
) -> None:
    """Every shell command of the page ends well; what is missing here is a chat, and the output folder is another."""
    for link in ("data", "docs", "prefect.yaml"):
        (tmp_path / link).symlink_to(ROOT / link)
    given = {
        **server.environ,
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT),
    }
    given |= {"MOONSHOT_API_KEY": kimi.key, "MOONSHOT_BASE_URL": kimi.base_url}
    for block in re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL):
        if "PREFECT_API_URL=" in block:
            continue
        script = block.replace("https://chat.example/hook", hook[0]).replace(
            '"out/samples"', f'"{tmp_path / "out"}"'
        )
        script = script.replace(
            "octavo doctor", f"{sys.executable} -m octavo.flows.cli doctor --out {tmp_path / 'out'}"
        )
        command = ["sh", "-e", "-c", script]
        where = ROOT if "deploy" in block else tmp_path
        done = subprocess.run(
            command, cwd=where, env=given, check=False, capture_output=True, text=True, timeout=400
        )
        assert done.returncode == 0, script + done.stdout + done.stderr
    assert len(Warehouse(tmp_path / "out").rows("invoice")) == 7
    made = server.ask("/automations/filter", {})
    assert {automation["name"] for automation in made} >= {"octavo-failed", "octavo-notice", "octavo-silent"}


@pytest.mark.flow
@pytest.mark.prove
def test_failures_and_notices_reach_a_person(
    server: Server, hook: tuple[str, list[str]], tmp_path: Path
) -> None:
    """After the page was followed, a run that fails and a notice are messages with the reason; a run that went well is none."""
    heard = hook[1]
    assert not heard
    done = server.run(
        DEPLOYMENTS[0].name,
        {"inbox": str(tmp_path / "nowhere"), "out": str(tmp_path / "out"), "offline": True},
    )
    assert done.returncode != 0
    wait_for(lambda: [text for text in heard if "nowhere" in text], "the message of the failure", 90)
    python = [sys.executable, "-c", NOTICE]
    subprocess.run(python, cwd=ROOT, env=server.environ, check=True, timeout=120)
    wait_for(lambda: [text for text in heard if "low" in text], "the message of the notice", 90)
    assert len(heard) == 2


@pytest.mark.prove
@pytest.mark.flow
def test_what_is_late_is_told(server: Server, tmp_path: Path) -> None:
    """`octavo doctor` says that runs are late and that nobody takes them; a schedule of which nothing is planned is told too."""
    deployment = server.ask(f"/deployments/name/{DEPLOYMENTS[0].name}")
    job = {"inbox": str(tmp_path), "out": str(tmp_path / "out"), "offline": True}
    server.ask(
        f"/deployments/{deployment['id']}/schedules",
        [{"schedule": {"interval": 3600}, "parameters": {"job": job}}],
    )
    (worker,) = (
        pid for pid in descendants(server.pid) if b"worker" in Path(f"/proc/{pid}/cmdline").read_bytes()
    )
    os.kill(worker, signal.SIGSTOP)
    try:
        for known in server.ask("/work_pools/octavo/workers/filter", {}):
            server.ask(f"/work_pools/octavo/workers/{known['name']}", method="DELETE")
        due = (datetime.now(UTC) - timedelta(minutes=5)).isoformat()
        state = {"type": "SCHEDULED", "state_details": {"scheduled_time": due}}
        server.ask(
            f"/deployments/{deployment['id']}/create_flow_run", {"parameters": {"job": job}, "state": state}
        )
        said = server.octavo("doctor", "--provider", "offline", "--out", str(tmp_path / "out")).stdout
        wait_for(
            lambda: "should have started and did not" in server.log.read_text(),
            "the same from `octavo serve`",
            120,
        )
    finally:
        os.kill(worker, signal.SIGCONT)
    words = " ".join(said.split())
    assert f"A run of {DEPLOYMENTS[0].name} should have started and did not, the first since" in words
    assert "No worker takes runs from the work pool octavo" in words
    command = [sys.executable, "-c", LATE]
    done = subprocess.run(
        command, cwd=ROOT, env=server.environ, check=True, capture_output=True, text=True, timeout=120
    )
    assert f"{DEPLOYMENTS[0].name} has an active schedule, and the server plans no run of it" in done.stdout


def test_a_server_that_is_gone_is_told(tmp_path: Path) -> None:
    """`octavo doctor` names the address at which no server answers, and the ways out."""
    command = [
        sys.executable,
        "-m",
        "octavo.flows.cli",
        "doctor",
        "--provider",
        "offline",
        "--out",
        str(tmp_path / "out"),
    ]
    given = environ(tmp_path, PREFECT_API_URL="http://127.0.0.1:9/api")
    done = subprocess.run(
        command, cwd=ROOT, env=given, check=False, capture_output=True, text=True, timeout=120
    )
    words = " ".join(done.stdout.split())
    assert done.returncode == 1
    assert "No server answers at http://127.0.0.1:9/api" in words
    assert "unset PREFECT_API_URL" in words
