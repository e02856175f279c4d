"""`octavo run` towards a Prefect server that is not there. With a server: test_flows_prefect.py."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.prefect_server import ROOT, environ, free_port


@pytest.mark.flow
def test_server_that_is_not_there_is_a_sentence(tmp_path: Path) -> None:
    """When nobody answers at PREFECT_API_URL the command ends with exit code 1 and says what to do; nothing was read or written."""
    url = f"http://127.0.0.1:{free_port()}/api"
    command = [
        sys.executable,
        "-m",
        "octavo.flows.cli",
        "run",
        str(tmp_path),
        "--out",
        str(tmp_path / "out"),
        "--offline",
    ]
    done = subprocess.run(
        command,
        cwd=ROOT,
        env=environ(tmp_path, PREFECT_API_URL=url),
        check=False,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 1
    assert "Prefect does not answer" in done.stderr
    assert "unset PREFECT_API_URL" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "out").exists()
