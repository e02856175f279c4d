"""docs/shared-state.md is true: its commands run over a real server."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.postgres_server import Server

ROOT = Path(__file__).resolve().parents[1]
PAGE = (ROOT / "docs" / "shared-state.md").read_text(encoding="utf-8")


@pytest.mark.prove
def test_every_command_works(tmp_path: Path, postgres: Server) -> None:
    """The role and the database of the page are made, and its octavo commands end with exit code 0, one after the other."""
    statements = "".join(re.findall(r"```sql\n(.*?)```", PAGE, re.DOTALL)).replace("'...'", "'pass'")
    for statement in statements.split(";")[:-1]:
        postgres.execute(statement)
    address = f"postgresql://octavo:pass@127.0.0.1:{postgres.port}/octavo"
    (tmp_path / "inbox").mkdir()
    shutil.copy(ROOT / "data" / "samples" / "invoice_de.pdf", tmp_path / "inbox")
    environ = {**os.environ, "PYTHONPATH": str(ROOT), "OCTAVO_STATE": address}
    commands = [
        line
        for block in re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL)
        for line in block.splitlines()
        if "bin/octavo" in line
    ]
    for command in commands:
        words = command.replace(".venv/bin/octavo", f"{sys.executable} -m octavo")
        done = subprocess.run(
            ["sh", "-c", words], cwd=tmp_path, env=environ, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
    assert not (tmp_path / "out" / "ledger.sqlite").exists()
    assert len(commands) == 3
