"""Rules of `docs/size.md`: its commands are there, and its plot is that of its figures."""

from __future__ import annotations

import importlib.util
import json
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PAGE = (ROOT / "docs" / "size.md").read_text(encoding="utf-8")


def test_its_commands_are_there() -> None:
    """Every program that the page says to run is a module of the checkout."""
    named = set(re.findall(r"python -m (tests\.benchmarks\.\w+)", PAGE))
    assert {"tests.benchmarks.size", "tests.benchmarks.commits", "tests.benchmarks.size_plot"} <= named
    assert all(importlib.util.find_spec(name) for name in named)


def test_its_plot_is_that_of_its_figures(tmp_path: Path) -> None:
    """The command of the page makes the picture that is shown, to the byte."""
    pytest.importorskip("matplotlib")
    from tests.benchmarks.size_plot import main

    main(ROOT / "docs" / "size.json", tmp_path / "size.svg")
    assert (tmp_path / "size.svg").read_bytes() == (ROOT / "docs" / "size.svg").read_bytes()


def test_its_table_is_that_of_its_figures() -> None:
    """Each run that was measured has its line, with its CPU a document."""
    runs = json.loads((ROOT / "docs" / "size.json").read_text(encoding="utf-8"))["runs"]
    for one in (run for some in runs.values() for run in some):
        cpu_ms = one["parent_cpu_ms"] + one["workers_cpu_ms"]
        assert re.search(rf"\| {one['documents']:,} \| `{one['run']}` \|.*\| {cpu_ms:.2f} ", PAGE)
