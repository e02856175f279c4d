"""The rows in `runs`: a run that ends in whatever way comes in; how it ended, also where it could not say so itself, goes out.

A run puts down in the ledger that it has begun, and takes that away when it has ended. What is still there when the next one begins was
killed, and gets its row from that one. A run that changed nothing, asked nothing, missed no files and was stopped by nothing has no row.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from octavo.flows.context import RunContext
from octavo.flows.outcome.outcome import Outcome
from octavo.flows.outcome.report import report
from octavo.flows.tally import as_rows
from octavo.processors.store.warehouse import Change
from octavo.schemas import tables

BEGUN = "run "  # how the names of such notes begin
LAST, LAST_GOOD = (
    "last run",
    "last good run",
)  # notes: how the last run ended, and the last one that went well
KILLED = "It was killed, or the machine stopped: nothing was heard of its end. What it had paid for is kept, and the next run went on."
KILLED_EXIT_CODE = 137  # what a shell says of a process that was killed by signal 9

Row = dict[str, Any]


def begin(run: RunContext, started: datetime) -> Row:
    """Put down that the run has begun; gives what is known of it by now, for `end`."""
    row = {
        "run": run.name,
        "started_at": started.isoformat(),
        "job": run.job.model_dump_json(),
        "engine": run.asker.account.engine if run.questions else "",
        "model": run.asker.account.model.id if run.questions else "",
    }
    run.asker.ledger.keep(f"{BEGUN}{run.name}", json.dumps(row))
    return row


def end(run: RunContext, ended: Outcome, begun: Row) -> None:
    """Put down how a run ended, and that the ones before it were killed which never said."""
    ledger = run.asker.ledger
    if ended.exit_code:
        _note_end(run, ended, begun)  # first, since the tables may be what is in trouble
    killed = {name: note for name, note in ledger.notes(BEGUN).items() if name != f"{BEGUN}{run.name}"}
    rows = [_killed(json.loads(note)) for note in killed.values()]
    if ended.changed or ended.asked or ended.stopped or ended.vanished:
        rows.append(_row(ended, begun))
    if rows:
        run.warehouse.commit([Change(tables.RUNS, rows)])
    for name in (f"{BEGUN}{run.name}", *killed):
        ledger.forget(name)
    if not ended.exit_code:
        _note_end(run, ended, begun)


def _note_end(run: RunContext, ended: Outcome, begun: Row) -> None:
    """Put down in the ledger when the run ended and how, also of one without a row."""
    times = {"started_at": begun["started_at"], "ended_at": datetime.now(UTC).isoformat()}
    note = json.dumps({"run": run.name, **times, "exit_code": ended.exit_code})
    run.asker.ledger.keep(LAST, note)
    if not ended.exit_code:
        run.asker.ledger.keep(LAST_GOOD, note)


def _row(ended: Outcome, begun: Row) -> Row:
    """The job stands there as it was given; it never holds a key."""
    return {
        **begun,
        "started_at": datetime.fromisoformat(begun["started_at"]),
        "ended_at": datetime.now(UTC),
        "documents": ended.paths,
        "ok": ended.statuses.get("ok", 0),
        "failed": ended.statuses.get("error", 0),
        "added": ended.added,
        "changed": ended.changed_documents,
        "removed": ended.removed,
        "unchanged": ended.unchanged,
        "asked": ended.asked,
        "from_ledger": ended.recalled,
        "not_asked": ended.not_asked,
        "cost_usd": ended.cost_usd,
        "quoted_usd": ended.quoted_usd,
        "exit_code": ended.exit_code,
        "outcome": " ".join(ended.sentences),
        "report": report(ended),
        "fields": as_rows(ended.shares),
        "doubts": [
            {"question": question, "field": name, "detail": detail} for question, name, detail in ended.falls
        ],
    }


def _killed(begun: Row) -> Row:
    numbers = dict.fromkeys(
        (
            "documents",
            "ok",
            "failed",
            "added",
            "changed",
            "removed",
            "unchanged",
            "asked",
            "from_ledger",
            "not_asked",
        )
    )
    unknown = dict.fromkeys(("ended_at", "cost_usd", "quoted_usd"))
    started = datetime.fromisoformat(begun["started_at"])
    words: Row = {"outcome": KILLED, "report": KILLED, "fields": [], "doubts": []}
    return {**begun, **numbers, **unknown, **words, "started_at": started, "exit_code": KILLED_EXIT_CODE}
