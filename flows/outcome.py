"""How a run ended: numbers that also stand in `runs`, an exit code, and sentences for people."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from flows.asking import Desk
from flows.reading import Ingested
from processors.store.warehouse import Warehouse
from schemas.pipeline import NOT_APPLICABLE
from schemas.tables import EVIDENCE, REJECTS

FAILURES_SHOWN = 3
VANISHED = "Check that the share is mounted; if they are meant to be gone, run again with --accept-vanished."


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a run ended. `exit_code` as in the tree of schemas/errors.py: 0 all well, 2 when a document or an answer failed."""

    run: str
    engine: str
    statuses: Mapping[str, int]  # ok, empty, skipped, error -> paths
    failures: tuple[str, ...]  # the first files that failed, a sentence each
    rows: Mapping[str, int]  # table of each question -> rows
    added: int  # paths that were not known before
    changed_documents: int  # paths that hold another document than before
    removed: int  # paths that were gone and left the tables
    unchanged: int  # paths that were as before
    vanished: int  # files that are gone, and so many that their rows stay until a person accepts it
    known: int  # files that were known before
    former: Mapping[str, int]  # of these rows: those of an earlier question, model or content of the file
    rejects: int  # answers that were not accepted
    not_asked: int  # times a document waits for an answer, since something kept it from being asked
    not_applicable: int  # documents that are not of the kind a question is about
    asked: int  # calls that were answered
    recalled: int  # replies taken from the ledger, free
    cost_usd: float
    maybe_paid: int  # calls of this folder that were sent and never answered
    repaired: Mapping[str, int]  # how an answer came to be when not at once -> answers, one for each question and document
    failed_values: int  # fields of rows whose answer was not accepted
    once: int  # answers that were not asked a second time, where the job wants that
    strays: int  # replies that also spoke of documents nobody asked about; that part was dropped
    replay: bool  # whether stored replies were checked again, and no call made
    notices: tuple[str, ...]  # what was said about budget and balance
    changed: bool  # whether the tables differ from before
    stopped: str  # why nothing more was sent; "" when nothing stopped it
    exit_code: int

    @property
    def paths(self) -> int:
        """Paths found below the inbox."""
        return sum(self.statuses.values())

    @property
    def sentences(self) -> list[str]:
        """What a person should know about the run."""
        return list(_sentences(self))


def outcome(desk: Desk, found: Ingested, *, changed: bool) -> Outcome:
    """Count what stands in the tables now. `found` is what reading the inbox found, in this run."""
    warehouse = desk.warehouse
    statuses = warehouse.statuses(desk.inbox)
    names = [question.name for question in desk.questions]
    failed = sum(int(row["n"]) for row in warehouse.counts(EVIDENCE, "state") if row["state"] == "failed") if names else 0
    reasons = Counter(row["reason"] for row in warehouse.rows(REJECTS.name, ["question", "reason"]) if row["question"] in names)
    not_asked = reasons.pop("not_asked", 0)
    not_applicable = reasons.pop(NOT_APPLICABLE, 0)
    rejects = reasons.total()
    wrong = statuses.get("error") or rejects or not_asked or failed or desk.once or found.vanished
    return Outcome(
        run=desk.run,
        engine=desk.asker.account.engine if names else "",
        statuses=statuses,
        failures=_failures(warehouse) if statuses.get("error") else (),
        rows={name: warehouse.size(name) for name in names},
        former={name: former for name in names if (former := warehouse.former(name))},
        added=found.added,
        changed_documents=found.changed,
        removed=found.removed,
        unchanged=found.unchanged,
        vanished=found.vanished,
        known=found.known,
        rejects=rejects,
        not_asked=not_asked,
        not_applicable=not_applicable,
        asked=desk.asked,
        recalled=desk.recalled,
        cost_usd=desk.asker.budget.spent_usd,
        maybe_paid=desk.asker.ledger.maybe_paid()[0],
        repaired=Counter(desk.repaired.values()),
        failed_values=failed,
        once=desk.once,
        strays=desk.strays,
        replay=desk.job.replay,
        notices=tuple(desk.asker.notices),
        changed=changed,
        stopped=str(desk.halt.error or ""),
        exit_code=desk.halt.error.exit_code if desk.halt.error else 2 if wrong else 0,
    )


def _failures(warehouse: Warehouse) -> tuple[str, ...]:
    found = warehouse.query("SELECT path, detail FROM documents WHERE status = 'error' ORDER BY path LIMIT ?", [FAILURES_SHOWN])
    return tuple(f"{row['path']} failed: {row['detail']}" for row in found.to_pylist())


def _sentences(ended: Outcome) -> Iterator[str]:
    yield from _files(ended)
    yield from _rows(ended)
    if ended.not_applicable:
        yield f"Documents of another kind than was asked about: {ended.not_applicable}."
    if ended.rejects:
        yield f"Answers not accepted: {ended.rejects}; `octavo sql 'FROM rejects'` says why."
    if ended.not_asked:
        yield f"Not asked yet: {ended.not_asked}; the next run goes on with them."
    yield from _mended(ended)
    if ended.engine == "offline":
        yield "Offline rules, draft quality: no model was asked, and what the rules did not find is null."
    elif ended.engine:
        yield from _asked(ended)
    if ended.strays:
        yield f"Replies that also spoke of documents that were not in their window, which was dropped: {ended.strays}."
    yield from (notice for notice in ended.notices if notice not in ended.stopped)
    if ended.stopped:
        yield f"Stopped early: {ended.stopped}"
    if not ended.changed:
        yield "Nothing changed since the last run."


def _files(ended: Outcome) -> Iterator[str]:
    files = ", ".join(f"{count} {'failed' if status == 'error' else status}" for status, count in sorted(ended.statuses.items()))
    yield f"Files: {ended.paths}, of which {files}." if ended.paths else "The inbox is empty."
    yield f"Against before: {ended.added} added, {ended.changed_documents} changed, {ended.removed} removed, {ended.unchanged} unchanged."
    if ended.vanished:
        some = "All" if ended.vanished == ended.known else f"{ended.vanished} of"
        yield f"{some} {ended.known} known files are gone from the inbox; nothing was removed. {VANISHED}"
    yield from ended.failures
    if ended.statuses.get("error", 0) > len(ended.failures):
        yield "`octavo sql \"FROM documents WHERE status = 'error'\"` lists all that failed."


def _rows(ended: Outcome) -> Iterator[str]:
    if ended.rows:
        yield "Rows: " + ", ".join(f"{rows} in {name}" for name, rows in ended.rows.items()) + "."
    if ended.former:
        rows = ", ".join(f"{rows} in {name}" for name, rows in ended.former.items())
        yield f"Of an earlier question, model or content of the file, until there is a successor: {rows}."


def _asked(ended: Outcome) -> Iterator[str]:
    yield f"Calls: {ended.asked}. Replies from the ledger: {ended.recalled}. Cost: ${ended.cost_usd:.4f}."
    if ended.replay:
        yield "Replay: stored replies were checked under the schemas as they are now; fields that are new are null."
    if ended.maybe_paid:
        yield f"Calls that were sent and never answered, so that they may have been paid: {ended.maybe_paid}."


def _mended(ended: Outcome) -> Iterator[str]:
    if ended.repaired:
        how = ", ".join(f"{answers} {how}" for how, answers in sorted(ended.repaired.items()))
        yield f"Answers repaired: {sum(ended.repaired.values())}, of which {how}."
    if ended.once:
        yield f"Answers of one pass, since the second could not be asked: {ended.once}; run again for it."
    if ended.failed_values:
        yield f"Values not accepted, which are null: {ended.failed_values}; `octavo sql 'FROM review'` lists them."
