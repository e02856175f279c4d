"""Draw the figures of `size` and `commits`: `python -m tests.benchmarks.size_plot docs/size.json docs/size.svg`."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

KINDS = ("read", "answers", "run", "nothing", "parquet")
RUNS = ("read", "ask", "recall", "nothing")


def main(source: Path, target: Path) -> None:
    """Four small plots in one file."""
    found = json.loads(source.read_text(encoding="utf-8"))
    mpl.rcParams |= {"svg.hashsalt": "octavo", "svg.fonttype": "none"}  # the same figures are the same file
    figure = Figure(figsize=(10, 7), layout="constrained")
    (cpu, memory), (commits, sizes) = figure.subplots(2, 2)
    by_run = {
        name: [one for runs in found["runs"].values() for one in runs if one["run"] == name] for name in RUNS
    }
    draw_cpu(cpu, by_run)
    draw_memory(memory, by_run)
    draw_commits(commits, found["commits"])
    draw_sizes(sizes, by_run["ask"])
    for axes in (cpu, memory, commits, sizes):
        axes.spines[["top", "right"]].set_visible(False)
        axes.legend(fontsize="small", frameon=False)
        axes.set_ylim(bottom=0)
    figure.savefig(target, metadata={"Date": None})


def draw_cpu(axes: Axes, by_run: Mapping[str, list[dict[str, Any]]]) -> None:
    """CPU of a document by the kind of run."""
    for name, runs in by_run.items():
        spent = [one["parent_cpu_ms"] + one["workers_cpu_ms"] for one in runs]
        axes.semilogx([one["documents"] for one in runs], spent, "o-", label=name)
    axes.set(title="CPU a document, start included", xlabel="documents", ylabel="ms")


def draw_memory(axes: Axes, by_run: Mapping[str, list[dict[str, Any]]]) -> None:
    """Memory of the parent over the largest runs."""
    for name, runs in by_run.items():
        samples = runs[-1]["memory_mb"] if runs else []
        axes.plot([number / max(1, len(samples) - 1) for number in range(len(samples))], samples, label=name)
    most = max((one["documents"] for runs in by_run.values() for one in runs), default=0)
    axes.set(title=f"Memory of the parent, {most:,} documents", xlabel="share of the run", ylabel="MB")


def draw_commits(axes: Axes, commits: list[dict[str, Any]]) -> None:
    """CPU seconds of a commit, and of the Parquet files."""
    for kind in KINDS:
        some = [one for one in commits if one["kind"] == kind]
        axes.semilogx([one["documents"] for one in some], [one["cpu_s"] for one in some], "o-", label=kind)
    axes.set(title="CPU of a commit of 100 documents", xlabel="documents in the warehouse", ylabel="s")


def draw_sizes(axes: Axes, asked: list[dict[str, Any]]) -> None:
    """Bytes of a document."""
    for name in ("warehouse", "parquet", "ledger"):
        each = [1_000 * one[f"{name}_mb"] / one["documents"] for one in asked]
        axes.semilogx([one["documents"] for one in asked], each, "o-", label=name)
    axes.set(title="Disk a document", xlabel="documents", ylabel="kB")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
