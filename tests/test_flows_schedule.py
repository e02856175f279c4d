"""Schedules on a real Prefect server with a real worker: they fire, take only what is new, and those of prefect.yaml would."""

from __future__ import annotations

import re
import shutil
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from octavo.flows.deployments import DEPLOYMENTS
from octavo.processors.store.warehouse import Warehouse
from tests.prefect_server import ROOT, Server, wait_for

pytestmark = pytest.mark.flow

SAMPLES = ROOT / "data" / "samples"
EVERY_S = 20
PATIENCE_S = 240.0  # the server plans once a minute, a worker asks every 15 s, and a run starts in 15


def scheduled(server: Server, inbox: Path, state: str) -> list[Any]:
    """The runs over a folder that a schedule started and that are in a state."""
    return [run for run in server.runs(inbox) if run["auto_scheduled"] and run["state_type"] == state]


def planned(server: Server, deployment: str, parameters: Any) -> list[Any]:
    """The runs of a deployment that the server has planned with these parameters."""
    wanted = {
        "deployments": {"id": {"any_": [deployment]}},
        "flow_runs": {"state": {"type": {"any_": ["SCHEDULED"]}}},
    }
    return [run for run in server.ask("/flow_runs/filter", wanted) if run["parameters"] == parameters]


@pytest.mark.prove
def test_a_schedule_starts_runs_that_take_only_what_is_new(server: Server, tmp_path: Path) -> None:
    """Runs that an interval schedule starts read what is there, then only the file that came meanwhile, and change nothing after that."""
    inbox, out = tmp_path / "inbox", tmp_path / "out"
    inbox.mkdir()
    shutil.copy(SAMPLES / "invoice_us.pdf", inbox)
    job = {"inbox": str(inbox), "out": str(out), "extract": ["invoice"], "offline": True}
    deployment = server.ask(f"/deployments/name/{DEPLOYMENTS[0].name}")
    schedule = {"schedule": {"interval": EVERY_S}, "parameters": {"job": job}}
    (made,) = server.ask(f"/deployments/{deployment['id']}/schedules", [schedule])

    wait_for(lambda: scheduled(server, inbox, "COMPLETED"), "a scheduled run", PATIENCE_S)
    shutil.copy(SAMPLES / "invoice_uk.pdf", inbox)
    wait_for(lambda: len(Warehouse(out).rows("runs")) == 2, "the run that takes the second file", PATIENCE_S)
    done = len(scheduled(server, inbox, "COMPLETED"))
    wait_for(
        lambda: len(scheduled(server, inbox, "COMPLETED")) > done + 1, "runs with nothing new", PATIENCE_S
    )
    server.ask(f"/deployments/{deployment['id']}/schedules/{made['id']}", method="DELETE")

    runs = sorted(Warehouse(out).rows("runs"), key=lambda run: run["started_at"])
    assert [(run["documents"], run["asked"]) for run in runs] == [(1, 1), (2, 1)]
    assert len(Warehouse(out).rows("invoice")) == 2
    assert not scheduled(server, inbox, "FAILED")


def test_the_libraries_of_the_server_fit_it(server: Server) -> None:
    """What the server wrote while it planned, started and stored runs holds no error of a library that is too new or too old for it."""
    log = (server.home / "octavo-server.log").read_text()
    assert not re.findall(
        r"^(?:[\w.]*\.)?(?:InvalidRequestError|TypeError|AttributeError|ImportError)\b.*$", log, re.MULTILINE
    )


def test_schedules_in_comments_are_planned(server: Server, tmp_path: Path) -> None:
    """With the signs off, every schedule in the comments of prefect.yaml is deployed, and the server plans runs with its job."""
    text = (ROOT / "prefect.yaml").read_text(encoding="utf-8")
    opened = tmp_path / "prefect.yaml"
    opened.write_text(
        re.sub(r"^( +)# (?= *(schedules:|- cron:|timezone:|parameters:))", r"\1", text, flags=re.MULTILINE)
    )
    done = server.prefect("deploy", "--all", "--prefect-file", str(opened))
    assert done.returncode == 0, done.stdout + done.stderr
    for one in DEPLOYMENTS:
        deployment = server.ask(f"/deployments/name/{one.name}")
        (schedule,) = deployment["schedules"]
        ahead = partial(planned, server, deployment["id"], schedule["parameters"])
        wait_for(ahead, f"runs of {one.name} ahead", PATIENCE_S)
        server.ask(f"/deployments/{deployment['id']}/schedules/{schedule['id']}", method="DELETE")
