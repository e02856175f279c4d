"""README and docs are true: they name everything there is, and their commands run."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from octavo.flows import cli, deployments
from octavo.flows.settings import catalogue
from octavo.processors.read import pages
from octavo.processors.store import views
from octavo.schemas import tables
from octavo.schemas.compile.compiler import shipped
from octavo.schemas.job import Job
from tests.emulator.config import Config
from tests.emulator.fixture import Running, running

ROOT = Path(__file__).resolve().parents[1]
OTHERS = ("prefect", "runners", "sql")  # whose commands have tests of their own
README = (ROOT / "README.md").read_text(encoding="utf-8")
PAGES = {path.stem: path.read_text(encoding="utf-8") for path in sorted((ROOT / "docs").glob("*.md"))}
ALL = "\n".join([README, *PAGES.values()])
SHOWN = "\n".join([README, *(text for name, text in PAGES.items() if name not in OTHERS)])
BLOCKS = re.findall(r"```(\w+)\n(.*?)```", SHOWN, re.DOTALL)


def commands() -> list[str]:
    """Every shell command that is shown, with continued lines joined."""
    lines = "\n".join(text for language, text in BLOCKS if language == "sh").replace("\\\n", " ").splitlines()
    return [
        re.sub(r"\s+", " ", line.split("  #")[0]).strip()
        for line in lines
        if line.strip() and not line.startswith("#")
    ]


@pytest.fixture(scope="module")
def kimi() -> Iterator[Running]:
    """A Kimi for the commands that are shown."""
    with running(Config(timing=False)) as emulator:
        yield emulator


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the commands run: a folder with an inbox and the files that the examples name."""
    folder = tmp_path_factory.mktemp("readme")
    (folder / "inbox").mkdir()
    for name in ("invoice_de.pdf", "letter.docx"):
        shutil.copy(ROOT / "data" / "samples" / name, folder / "inbox" / name)
    for path, text in re.findall(r"<!-- file: (\S+) -->\s*```\w+\n(.*?)```", SHOWN, re.DOTALL):
        (folder / path).write_text(text, encoding="utf-8")
    return folder


def test_every_command_works(kimi: Running, place: Path) -> None:
    """Every octavo command that is shown ends with exit code 0, one after the other; what an emulator answers may be wrong (2)."""
    environ = {
        **os.environ,
        "MOONSHOT_API_KEY": kimi.key,
        "MOONSHOT_BASE_URL": kimi.base_url,
        "PYTHONPATH": str(ROOT),
    }
    said = ""
    for command in (
        command
        for command in commands()
        if ".venv/bin/octavo" in command
        and not {"serve", "review"} & set(command.split())  # which go on until Ctrl-C
    ):
        words = command.replace(".venv/bin/octavo", f"{sys.executable} -m octavo.flows.cli")
        done = subprocess.run(
            ["sh", "-c", words], cwd=place, env=environ, capture_output=True, text=True, check=False
        )
        said += f"{command} [{done.returncode}]\n{done.stdout}{done.stderr}\n"  # a command may fail for what an earlier one did
        assert done.returncode in ({0, 2} if {"run", "eval"} & set(command.split()) else {0}), said


@pytest.mark.parametrize(
    "command",
    [
        command
        for command in commands()
        if not command.startswith((".venv/bin/octavo", "prefect ", "export "))
    ],
)
def test_make_command_is_run_by_ci(command: str) -> None:
    """What is neither octavo's (run above) nor Prefect's (run in test_flows_prefect) is run by CI."""
    assert f"\n{command}\n" in (ROOT / ".ci" / "run").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "target",
    re.findall(r"^\.PHONY: (.*)$", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)[0].split(),
)
def test_every_make_target_is_named(target: str) -> None:
    """Every target of the Makefile is named in README or docs."""
    assert f"`make {target}`" in ALL or f"\nmake {target}\n" in ALL


@pytest.mark.parametrize(
    "name",
    [
        *shipped(),
        *catalogue().providers,
        *tables.FIXED,
        *(view.name for view in views.load(views.SHIPPED)),
        *(deployment.flow for deployment in deployments.DEPLOYMENTS),
        *pages.READERS,
        *(f"OCTAVO_{name}" for name in ("TOKENIZER",)),
    ],
)
def test_everything_is_named(name: str) -> None:
    """Every schema, provider, table, view, flow and format is named in README or docs."""
    assert f"`{name}`" in ALL


@pytest.mark.parametrize(("kind", "reader"), pages.READERS.items())
def test_formats_name_their_extra(kind: str, reader: str) -> None:
    """The line of the table that names a format names the extra it needs, and no other line names one."""
    (line,) = (line for line in PAGES["formats"].splitlines() if line.startswith("|") and f"`{kind}`" in line)
    assert re.findall(r"octavo\[(\w+)\]", line) == ([pages.EXTRAS[reader]] if reader in pages.EXTRAS else [])


def test_every_command_and_flag_is_named() -> None:
    """Every command of octavo, and every flag of each, is named in README or docs."""
    (subparsers,) = (
        action
        for action in cli.parser()._actions
        if action.dest == "command" or (hasattr(action, "choices") and action.choices)
    )
    assert subparsers.choices is not None
    for name, command in dict(subparsers.choices).items():
        assert f"octavo {name}" in ALL
        for action in command._actions:
            for flag in action.option_strings:
                assert flag in {"-h", "--help"} or f"`{flag}" in PAGES["flags"], (name, flag)


def test_readme_is_read_in_a_sitting() -> None:
    """README has at most 120 lines, and every page that it leads to is there, as is every page that there is in it."""
    assert len(README.splitlines()) <= 120
    linked = set(re.findall(r"\]\((\S+?)\)", README))
    assert all((ROOT / path).is_file() for path in linked)
    assert {f"docs/{name}.md" for name in PAGES} <= linked


def test_every_field_of_a_job_is_a_flag() -> None:
    """The flags of `octavo run` are the fields of the job, so that YAML, deployment and command line say the same."""
    for field in Job.model_fields:
        assert field == "inbox" or f"`--{field.replace('_', '-')}" in PAGES["flags"]
