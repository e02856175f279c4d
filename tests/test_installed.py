"""Octavo as a wheel, away from its checkout and beside folders of the user that have the names of ours."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.prefect_server import Server, environ, serving

ROOT = Path(__file__).resolve().parents[1]
SAMPLES = ROOT / "data" / "samples"
APART = shutil.ignore_patterns(".git", ".venv", ".*_cache", "out", "build", "*.egg-info", "tests")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of packages with the wheel of this checkout in it."""
    top = tmp_path_factory.mktemp("wheel")
    shutil.copytree(ROOT, top / "checkout", symlinks=True, ignore=APART)
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet"]
    flags = ["--no-deps", "--no-build-isolation", "--no-index"]
    subprocess.run([*pip, "wheel", *flags, "--wheel-dir", top, top / "checkout"], check=True)
    (wheel,) = top.glob("octavo-*.whl")
    subprocess.run([*pip, "install", "--no-deps", "--no-index", "--target", top / "site", wheel], check=True)
    return top / "site"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A project of the user's own, laid out as Prefect's examples are."""
    for name in ("flows", "processors", "schemas"):
        (tmp_path / "project" / name).mkdir(parents=True)
        (tmp_path / "project" / name / "__init__.py").write_text(f'raise ImportError("{name} of the user")\n')
    return tmp_path / "project"


def invoices(inbox: Path) -> None:
    """A folder with the seven invoices of the samples."""
    inbox.mkdir()
    for path in SAMPLES.glob("invoice_*.pdf"):
        shutil.copy(path, inbox)


def python_path(site: Path, folder: Path) -> str:
    """Where Python looks first: packages of the user, then the wheel."""
    return os.pathsep.join([str(folder), str(site)])


def command(site: Path, folder: Path, *words: str, url: str = "") -> subprocess.CompletedProcess[str]:
    """A command as it is typed in the user's folder, whose own packages come first."""
    return subprocess.run(
        [sys.executable, "-m", *words],
        cwd=folder,
        env=environ(
            folder / "home", PYTHONPATH=python_path(site, folder), **({"PREFECT_API_URL": url} if url else {})
        ),
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )


def test_one_name_is_installed(site: Path) -> None:
    """A wheel brings one package, with all that it reads beside its code, and nothing else that could be in somebody's way."""
    assert {path.name for path in site.iterdir() if not path.name.endswith(".dist-info")} == {"octavo", "bin"}
    packed = {path.relative_to(site / "octavo").as_posix() for path in (site / "octavo").rglob("*.*")}
    assert {"prefect.yaml", "py.typed", "processors/ask/catalogue.toml"} <= packed
    ours = (path for room in ("flows", "processors", "schemas") for path in (ROOT / room).rglob("*"))
    wanted = {
        path.relative_to(ROOT).as_posix()
        for path in ours
        if path.suffix in (".py", ".sql", ".toml", ".html", ".js", ".css", ".svg")
    }
    assert wanted <= packed


def test_the_main_job_runs_outside_the_checkout(site: Path, folder: Path) -> None:
    """`run` and `sql` of the wheel work in a folder whose own `flows`, `processors` and `schemas` are found first."""
    invoices(folder / "inbox")
    done = command(site, folder, "octavo", "run", "inbox", "--offline", "--extract", "invoice")
    assert done.returncode == 0, done.stdout + done.stderr
    shown = command(site, folder, "octavo", "sql", "SELECT count(*) AS invoices FROM invoice")
    assert "7" in shown.stdout, shown.stdout + shown.stderr


@pytest.mark.flow
def test_flows_are_served_outside_the_checkout(server: Server, site: Path, folder: Path) -> None:
    """`octavo serve` of the wheel deploys all flows to a server, and a run of one reads folders beside where it was started."""
    invoices(folder / "inbox")
    home, log = folder / "home", folder / "serve.log"
    home.mkdir()
    packages = python_path(site, folder)
    with (
        server.without_worker(),
        serving(home, log, cwd=folder, PYTHONPATH=packages, PREFECT_API_URL=server.url),
    ):
        asked = command(
            site,
            folder,
            *("prefect", "--no-prompt", "deployment", "run", "process-folder/folder-to-tables"),
            *("--watch", "--watch-timeout", "200", "--param"),
            'job={"inbox": "inbox", "out": "tables", "extract": ["invoice"], "offline": true}',
            url=server.url,
        )
    assert asked.returncode == 0, asked.stdout + asked.stderr + log.read_text()
    assert (folder / "tables" / "warehouse.duckdb").is_file()
