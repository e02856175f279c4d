"""The table of flows, `prefect.yaml`, and the flow functions say the same."""

from __future__ import annotations

import importlib
import re
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
import yaml

from octavo.flows.deployments import DEPLOYMENTS, POOL, TAG, Deployment
from octavo.schemas.job import Job

ROOT = Path(__file__).resolve().parents[1]
YAML = (ROOT / "prefect.yaml").read_text(encoding="utf-8")


def test_prefect_yaml_is_the_table() -> None:
    """Each flow of the table has one deployment in prefect.yaml with the same name, entry point, words and tags, in our pool."""
    deployed = yaml.safe_load(YAML)["deployments"]
    assert [(one["name"], one["entrypoint"], one["description"], one["tags"]) for one in deployed] == [
        (flow.does, flow.entrypoint, flow.description, list(flow.tags)) for flow in DEPLOYMENTS
    ]
    assert {one["version"] for one in deployed} == {version("octavo")}
    assert {one["work_pool"]["name"] for one in deployed} == {POOL}
    assert not any("concurrency_limit" in one for one in deployed), (
        "runs wait for their output folder, not for their deployment"
    )


def test_deployments_are_told_apart() -> None:
    """No two deployments have one name, since the UI shows it first, and each has a tag of its own kind beside the common one."""
    assert len({deployment.does for deployment in DEPLOYMENTS}) == len(DEPLOYMENTS)
    assert all(deployment.tags[0] == TAG and deployment.tags[1:] for deployment in DEPLOYMENTS)


@pytest.mark.parametrize("deployment", DEPLOYMENTS, ids=lambda deployment: deployment.flow)
def test_entry_point_imports(deployment: Deployment) -> None:
    """`prefect deploy` exits 0 for a flow that cannot be imported, so this imports each. Its name is right, its one parameter a job."""
    module, _, name = deployment.entrypoint.rpartition(".")
    flow: Any = getattr(importlib.import_module(module), name)
    assert flow.name == deployment.flow
    assert list(flow.parameters.properties) == ["job"]
    assert flow.parameters.properties["job"]["description"], "the docstring's Args are the help of the form"


def test_schedules_in_comments_would_work() -> None:
    """Each deployment has a schedule in comments, and with the signs off it is a cron line with a job that Job takes."""
    opened = yaml.safe_load(
        re.sub(r"^( +)# (?= *(schedules:|- cron:|timezone:|parameters:))", r"\1", YAML, flags=re.MULTILINE)
    )
    for deployment in opened["deployments"]:
        (schedule,) = deployment["schedules"]
        assert len(schedule["cron"].split()) == 5
        Job.model_validate(schedule["parameters"]["job"])


def test_examples_in_comments_name_jobs() -> None:
    """The command in the comments of prefect.yaml passes a job that Job takes."""
    (example,) = re.findall(r"job='(\{.*\})'", YAML)
    assert Job.model_validate_json(example).inbox == "data/samples"


def test_doors_import_no_prefect() -> None:
    """`octavo serve` and the door to reporting start at once: Prefect is imported when it is used."""
    code = (
        "import sys; from octavo.flows import deployments; from octavo.flows.commands import run_in_prefect; "
    )
    code += "from octavo.flows.serving import serve; print('prefect' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True, capture_output=True, text=True)
    assert done.stdout.strip() == "False"
