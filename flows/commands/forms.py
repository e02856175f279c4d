"""`octavo eval GOLD INBOX --forms`: labelled documents asked once in each form of replies, and what each form got right for how much.

In: labels, the folder of their files, and whom to ask. Out: a folder of tables for each form below `--out`, and a table of all forms.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

from rich.table import Table

from octavo.flows import settings
from octavo.flows.commands import show
from octavo.flows.commands.evaluate import evaluate, read_labels
from octavo.flows.outcome.outcome import Outcome
from octavo.processors.score.answers import FieldCounts
from octavo.schemas.errors import SettingsError
from octavo.schemas.job import Job, ReplyForm


@dataclass(frozen=True, slots=True)
class Measured:
    """How one form did over all labelled values, and what it took."""

    form: ReplyForm
    counts: FieldCounts
    calls: int
    cost_usd: float

    @property
    def wrong(self) -> int:
        """Values that were found and are not as labelled."""
        return self.counts.found - self.counts.right


def measure(job: Job, gold: Path, run: Callable[[Job], Outcome]) -> Iterator[Measured]:
    """Ask about the labelled documents in each form, with `run`, and score the answers. A budget is one for all forms.

    Raises SettingsError where a labelled file is not in the inbox or no schema is labelled, and what `run` raises.
    """
    labels = [one for one in read_labels(gold) if one.question]
    if not labels:
        raise SettingsError("No label names a schema.", about="gold", next_step='An entry has a "schema".')
    inbox = settings.out_folder(job.out) / "labelled"
    for path in dict.fromkeys(one.document for one in labels):
        _copy(Path(job.inbox) / path, inbox / path, inbox)
    spent = 0.0
    for form in get_args(ReplyForm):
        changes = {
            "inbox": str(inbox),
            "out": str(settings.out_folder(job.out) / form),
            "extract": list(dict.fromkeys(one.question for one in labels)),
            "reply_form": form,
            "plain_json": False,
            "budget_usd": max(job.budget_usd - spent, 1e-9) if job.budget_usd else 0.0,
        }
        ended = run(job.model_copy(update=changes))
        spent += ended.cost_usd
        report = evaluate(gold, settings.out_folder(job.out) / form)
        yield Measured(form, report.tallies["all"], ended.asked, report.cost_usd)


def write(measured: list[Measured], form: str) -> None:
    """All forms in a table, the best F1 first, or as JSON. Subtle: the fewest wrong values may be those of a form that answers nothing."""
    best = sorted(measured, key=lambda one: (-one.counts.f1, one.wrong, one.cost_usd))
    if form == "json":
        rows = [
            {
                "form": one.form,
                "labelled": one.counts.gold,
                "right": one.counts.right,
                "wrong": one.wrong,
                "f1": round(one.counts.f1, 4),
                "calls": one.calls,
                "cost_usd": one.cost_usd,
            }
            for one in best
        ]
        show.out.print_json(data=rows)
        return
    grid = Table("form", box=None)
    for name in ("labelled", "right", "wrong", "F1", "calls", "dollars"):
        grid.add_column(name, justify="right")
    for one in best:
        counts = (f"{count:,}" for count in (one.counts.gold, one.counts.right, one.wrong))
        grid.add_row(one.form, *counts, f"{one.counts.f1:.3f}", f"{one.calls:,}", f"{one.cost_usd:.4f}")
    show.out.print(grid)
    show.out.print(f"--reply-form {best[0].form} had the best F1.", soft_wrap=True)


def _copy(source: Path, target: Path, inbox: Path) -> None:
    if not source.is_file():
        message = f"{source} is labelled and is no file."
        raise SettingsError(message, about="gold", next_step="Name the folder that the labels are about.")
    if not target.resolve().is_relative_to(inbox.resolve()):
        message = f"{source} lies outside of the folder that the labels are about."
        raise SettingsError(message, about="gold", next_step="Write paths as `documents` has them.")
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, target)
