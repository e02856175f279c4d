"""F1 of each field in; a bar chart as a file out."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from octavo.schemas.errors import SettingsError


def draw(scores: Mapping[str, float], title: str, path: Path) -> None:
    """Write a bar chart of scores from 0 to 1, worst first; the end of the name says the format, such as .svg or .png.

    Raises SettingsError when matplotlib is not installed or does not know the format.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError:
        step = "Install it with: pip install 'octavo[eval]'"
        raise SettingsError(
            "Charts are drawn by matplotlib, which is not installed.", about="plot", next_step=step
        ) from None
    ordered = sorted(scores.items(), key=lambda item: (-item[1], item[0]))
    figure = Figure(figsize=(8, 1.2 + 0.28 * len(ordered)), layout="constrained")
    axes = figure.subplots()
    bars = axes.barh([name for name, _ in ordered], [score for _, score in ordered], color="#4878a8")
    axes.bar_label(bars, fmt="%.2f", padding=3)
    axes.margins(y=0.01)
    axes.set(xlim=(0, 1.1), xlabel="F1", title=title)
    axes.spines[["top", "right"]].set_visible(False)
    try:
        figure.savefig(path, dpi=150)
    except ValueError as error:
        raise SettingsError(
            f"No chart can be written to {path}: {error}", about="plot", next_step="Name it .svg or .png."
        ) from None
