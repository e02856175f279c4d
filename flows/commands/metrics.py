"""What `octavo metrics` prints: an output folder in; how it is, as Prometheus text, out.

Everything is read beside a running job: tables from the warehouse, calls and dollars from the ledger, caps from the file that all runs
share. Each series has the label `out`, so that several folders may lie in one collector. What is not there yet has no series; the names
and what each alarm means stand in docs/production.md.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from pydantic import ValidationError

from octavo.flows import settings
from octavo.flows.outcome.runs import BEGUN, LAST, LAST_GOOD
from octavo.processors.ask.replies import call_counts, notes, pending, spent_in
from octavo.processors.store.warehouse import Warehouse
from octavo.schemas.errors import SettingsError, StorageError, system_message
from octavo.schemas.job import Job
from octavo.schemas.tables import DOCUMENTS, FIXED, REJECTS, RUNS

LEDGER, SPENDING = "ledger.sqlite", "spending.sqlite"
UNKNOWN = ("maybe_paid", "unheard")  # outcomes of attempts of which nobody knows whether they were billed

Series = Iterable[tuple[Sequence[str], float]]


@dataclass(frozen=True, slots=True)
class Watched:
    """An output folder, the name under which its series stand, and the moment (UTC) that is now."""

    folder: Path
    name: str
    now: datetime

    def metrics(self) -> Iterator[Metric]:
        """All series of the folder. Raises StorageError."""
        yield self.gauge(
            "octavo_info",
            "Version of Octavo that wrote these lines.",
            ("version",),
            [((version("octavo"),), 1)],
        )
        yield from self._tables()
        if (self.folder / LEDGER).exists():
            yield from self._calls()
            yield from self._runs()
        yield from self._caps()

    def gauge(self, name: str, help_: str, labels: Sequence[str], series: Series) -> Metric:
        """A value that goes up and down."""
        return self._filled(GaugeMetricFamily(name, help_, labels=["out", *labels]), series)

    def counter(self, name: str, help_: str, labels: Sequence[str], series: Series) -> Metric:
        """A sum that only grows."""
        return self._filled(CounterMetricFamily(name, help_, labels=["out", *labels]), series)

    def _filled(self, family: GaugeMetricFamily | CounterMetricFamily, series: Series) -> Metric:
        for labels, value in series:
            family.add_metric([self.name, *labels], value)
        return family

    def _tables(self) -> Iterator[Metric]:
        """What stands in the tables."""
        warehouse = Warehouse(self.folder)
        if not warehouse.path.exists():
            return
        by_status = [((row["status"],), row["n"]) for row in warehouse.counts(DOCUMENTS, "status")]
        yield self.gauge("octavo_documents", "Paths in the tables by status.", ("status",), by_status)
        by_reason = [((row["reason"],), row["n"]) for row in warehouse.counts(REJECTS, "reason")]
        yield self.gauge("octavo_rejects", "Answers that are missing, by reason.", ("reason",), by_reason)
        waiting = [((), warehouse.size("review"))] if warehouse.has("review") else []
        yield self.gauge(
            "octavo_review_values", "Values and documents that a person should look at.", (), waiting
        )
        answers = [
            info for info in warehouse.tables() if info.name not in FIXED and _is_answers(info.columns)
        ]
        rows = [((info.name,), info.rows) for info in answers]
        yield self.gauge("octavo_answers", "Rows of a table of answers.", ("table",), rows)
        former = [((info.name,), warehouse.former(info.name)) for info in answers]
        yield self.gauge("octavo_former_answers", "Rows that wait for their successor.", ("table",), former)
        yield self.gauge(
            "octavo_warehouse_bytes", "Size of warehouse.duckdb.", (), [((), warehouse.path.stat().st_size)]
        )

    def _calls(self) -> Iterator[Metric]:
        """What was asked, and what it cost."""
        counts = call_counts(self.folder / LEDGER, f"{self.now:%Y-%m-%d}")
        calls = _summed(counts, ("model", "outcome"), "attempts")
        yield self.counter(
            "octavo_calls",
            "Calls by model and outcome, as `octavo ledger` has them.",
            ("model", "outcome"),
            calls,
        )
        refused = _summed([row for row in counts if row["status"]], ("model", "status"), "attempts")
        yield self.counter(
            "octavo_refused_calls", "Calls that were refused, by HTTP status.", ("model", "status"), refused
        )
        yield self.counter(
            "octavo_spent_usd",
            "Dollars that are billed.",
            ("model",),
            _summed(counts, ("model",), "spent_usd"),
        )
        tokens = [
            ((model, kind), value)
            for kind in ("prompt", "cached", "reply")
            for (model,), value in _summed(counts, ("model",), f"{kind}_tokens")
        ]
        yield self.counter(
            "octavo_tokens", "Tokens that are billed; cached are part of prompt.", ("model", "kind"), tokens
        )
        today = sum(row["today_usd"] for row in counts)
        yield self.gauge(
            "octavo_spent_today_usd", "Dollars of calls that left this UTC day.", (), [((), today)]
        )
        unknown = sum(row["attempts"] for row in counts if row["outcome"] in UNKNOWN)
        yield self.gauge(
            "octavo_unknown_calls", "Calls that are maybe paid or in flight.", (), [((), unknown)]
        )
        maybe = sum(row["maybe_usd"] for row in counts)
        yield self.gauge(
            "octavo_maybe_paid_usd", "Worst case of the calls of which nobody knows.", (), [((), maybe)]
        )
        batches = len(pending(self.folder / LEDGER))
        yield self.gauge("octavo_waiting_batches", "Batches that wait at the provider.", (), [((), batches)])

    def _runs(self) -> Iterator[Metric]:
        """How the last run ended, and what has begun and not ended."""
        last, good = (notes(self.folder / LEDGER, name).get(name) for name in (LAST, LAST_GOOD))
        ended, well = (json.loads(note) if note else None for note in (last, good))
        when = [((), _unix(ended["ended_at"]))] if ended else []
        yield self.gauge("octavo_last_run_end_timestamp_seconds", "When the last run ended.", (), when)
        code = [((), ended["exit_code"])] if ended else []
        yield self.gauge("octavo_last_run_exit_code", "Exit code of the last run.", (), code)
        took = [((), _unix(ended["ended_at"]) - _unix(ended["started_at"]))] if ended else []
        yield self.gauge("octavo_last_run_duration_seconds", "How long the last run took.", (), took)
        success = [((), _unix(well["ended_at"]))] if well else []
        yield self.gauge(
            "octavo_last_success_timestamp_seconds", "When a run last exited with 0.", (), success
        )
        begun = [
            _unix(json.loads(note)["started_at"]) for note in notes(self.folder / LEDGER, BEGUN).values()
        ]
        yield self.gauge("octavo_unfinished_runs", "Runs that go on, or were killed.", (), [((), len(begun))])
        oldest = [((), min(begun))] if begun else []
        yield self.gauge(
            "octavo_unfinished_run_start_timestamp_seconds", "When the oldest of them began.", (), oldest
        )

    def _caps(self) -> Iterator[Metric]:
        """The budgets of a day, a month and a project: what all runs of this user spent, and what the last job allows."""
        job = _last_job(self.folder)
        scopes = {"day": f"day {self.now:%Y-%m-%d}", "month": f"month {self.now:%Y-%m}"}
        if job and job.project:
            scopes["project"] = f"project {job.project}"
        spent = spent_in(settings.data_folder() / SPENDING)
        used = [((kind,), sum(spent[scope])) for kind, scope in scopes.items() if scope in spent]
        yield self.gauge(
            "octavo_budget_used_usd",
            "Dollars billed or reserved by all runs that share a budget.",
            ("scope",),
            used,
        )
        limits = (
            [((kind,), getattr(job, f"budget_{kind}_usd")) for kind in ("day", "month", "project")]
            if job
            else []
        )
        named = [(labels, limit) for labels, limit in limits if limit]
        yield self.gauge(
            "octavo_budget_limit_usd", "What the last job allows; no series for no limit.", ("scope",), named
        )


class _Once(Collector):
    """Metrics that were made already."""

    def __init__(self, made: Sequence[Metric]) -> None:
        self._made = made

    def collect(self) -> Iterable[Metric]:
        return [metric for metric in self._made if metric.samples]


def text(folder: Path, name: str, now: datetime | None = None) -> str:
    """The series of an output folder, as Prometheus reads them. Raises SettingsError when there is no such folder, and StorageError."""
    if not folder.is_dir():
        raise SettingsError(
            f"There is no folder {name}.", about="out", next_step="`octavo run INBOX --out DIR` makes one."
        )
    registry = CollectorRegistry()
    registry.register(_Once(list(Watched(folder, name, now or datetime.now(UTC)).metrics())))
    return generate_latest(registry).decode()


def write(folder: Path, name: str, target: Path | None) -> None:
    """Print the series of a folder, or put them into a file. Raises SettingsError and StorageError."""
    lines = text(folder, name)
    if target:
        put(lines, target)
    else:
        sys.stdout.write(lines)


def put(lines: str, target: Path) -> None:
    """Write the lines to a file in one step, so that a collector never reads half of them. Raises StorageError."""
    try:
        descriptor, temporary = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
        try:
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                file.write(lines)
                file.flush()
                os.fchmod(file.fileno(), 0o644)  # a collector is another user
                os.fsync(file.fileno())
            Path(temporary).replace(target)
        finally:
            with suppress(FileNotFoundError):
                Path(temporary).unlink()
    except OSError as error:
        message = f"{target} cannot be written: {system_message(error)}."
        raise StorageError(
            message, about="to", next_step="Check that its folder is there and may be written."
        ) from None


def _summed(
    rows: Iterable[Mapping[str, Any]], labels: Sequence[str], value: str
) -> list[tuple[tuple[str, ...], float]]:
    sums: dict[tuple[str, ...], float] = {}
    for row in rows:
        key = tuple(str(row[label]) for label in labels)
        sums[key] = sums.get(key, 0) + row[value]
    return sorted(sums.items())


def _is_answers(columns: Iterable[Any]) -> bool:
    """Whether a table has answers, and is no view."""
    return {"question_fingerprint", "former"} <= {column.name for column in columns}


def _unix(moment: str) -> float:
    return datetime.fromisoformat(moment).timestamp()


def _last_job(folder: Path) -> Job | None:
    """The job of the last run that has a row; None when there is none, or another Octavo wrote it."""
    rows = Warehouse(folder).rows(RUNS.name, ["started_at", "job"])
    with suppress(ValidationError):
        return Job.model_validate_json(max(rows, key=lambda row: row["started_at"])["job"]) if rows else None
    return None
