"""How a run ended: numbers that also stand in `runs`, an exit code, and sentences for people. `report` makes a page of it."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from octavo.flows.context import RunContext
from octavo.flows.reading import Ingested
from octavo.flows.tally import FIRST, Failure, Shares, Tally, falls, of_rows, together
from octavo.schemas.pipeline import NOT_APPLICABLE
from octavo.schemas.tables import EVIDENCE, REJECTS, RUNS

FAILURES_SHOWN = 3
EARLIER_RUNS = 20  # with whose answers together those of a run are compared
VANISHED = "Check that the share is mounted; if they are meant to be gone, run again with --accept-vanished."


@dataclass(frozen=True, slots=True)
class Done:
    """What the steps of a run have done by now. `tally` counts while answers come, also those of a run that is cancelled."""

    found: Ingested = field(default_factory=Ingested)
    quoted_usd: float | None = None  # what was expected before anything was asked
    approved: bool = False  # whether somebody agreed to that, so that answers may be had
    bought: frozenset[str] = frozenset()  # requests whose reply came by batch
    tally: Tally = field(default_factory=Tally)
    changed: bool = False  # whether answers changed the tables


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a run ended. `exit_code` as in the tree of schemas/errors.py: 0 all well, 2 when a document or an answer failed in this run."""

    run: str
    out: str
    engine: str
    statuses: Mapping[str, int]  # ok, empty, skipped, error -> paths
    rows: Mapping[str, int]  # table of each question -> rows
    former: Mapping[str, int]  # of these rows: those of an earlier question, model or content of the file
    added: int  # paths that were not known before
    changed_documents: int  # paths that hold another document than before
    removed: int  # paths that were gone and left the tables
    unchanged: int  # paths that were as before
    vanished: int  # files that are gone, and so many that their rows stay until a person accepts it
    unseen: (
        int  # known files below a folder or in a file that could not be looked at, so that their rows stay
    )
    known: int  # files that were known before
    unread: int  # files that could not be read, and were not known to be so
    failed_answers: int  # answers that were not accepted in this run
    failed_values: int  # fields of answers of this run that were not accepted
    failures: Sequence[Failure]  # the first of all three
    standing: (
        int  # files, answers and values that failed, in this run or earlier, and still stand so in the tables
    )
    to_review: Mapping[str, int]  # what a person should look at, in all tables: values, answers, files
    rejects: int  # answers that were not accepted, in this run or earlier
    not_asked: int  # times a document waits for an answer, since something kept it from being asked
    not_applicable: int  # documents that are not of the kind a question is about
    empty: Sequence[tuple[str, str]]  # path and question of answers of this run in which nothing was found
    shares: Shares  # how many answers of this run have a value, and how many values are proved, by field
    shares_before: Shares  # the same of the last run that had answers
    falls: Sequence[
        tuple[str, str, str]
    ]  # question, field and sentence where a field has a value less often than in earlier runs
    asked: int  # calls that were answered and paid, each step of a reply that was carried on
    recalled: int  # replies taken from the ledger, free
    cost_usd: float
    quoted_usd: float | None  # what was expected before anything was asked; None when nothing was to be
    budget_usd: float  # 0 for none
    maybe_paid: int  # calls of this folder that were sent and never answered, in this run or earlier
    repaired: Mapping[
        str, int
    ]  # how an answer came to be when not at once -> answers, one for each question and document
    single_pass: int  # answers that were not asked a second time, where the job wants that
    unrequested: int  # replies that also spoke of documents nobody asked about; that part was dropped
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
    def failed(self) -> int:
        """Files, answers and values that failed in this run."""
        return self.unread + self.failed_answers + self.failed_values

    @property
    def waiting(self) -> str:
        """What waits for a person: `12 values`, or `14, of which 12 values, 1 answer, 1 file`; "" for nothing."""
        parts = [f"{count} {what}{'s' if count > 1 else ''}" for what, count in self.to_review.items()]
        total = f"{sum(self.to_review.values())}, of which " if len(parts) > 1 else ""
        return total + ", ".join(parts)

    @property
    def sentences(self) -> list[str]:
        """What a person should know about the run."""
        return list(_sentences(self))

    @property
    def headline(self) -> str:
        """The one sentence for who has no time: what failed and how to look, or that all is well."""
        return _headline(self)

    @property
    def bill(self) -> str:
        """The sentence for what it cost; "" when no model could be asked."""
        if self.engine in ("", "offline"):
            return ""
        return f"Calls: {self.asked}. Replies from the ledger: {self.recalled}. Cost: ${self.cost_usd:.4f}."

    def sql(self, statement: str) -> str:
        """The command that queries the tables of this run, as it is typed."""
        where = "" if self.out == "out" else f" --out {shlex.quote(self.out)}"
        return f'`octavo sql{where} "{statement}"`'


def outcome(run: RunContext, done: Done) -> Outcome:
    """Count what this run did, and what stands in the tables now."""
    warehouse, found, tally = run.warehouse, done.found, done.tally
    names = [question.name for question in run.questions]
    statuses = warehouse.statuses(run.inbox)
    values = _failed_values(run) if names else 0
    rejects = warehouse.rows(REJECTS.name, ["question", "reason"])
    reasons = Counter(row["reason"] for row in rejects if row["question"] in names)
    not_asked = reasons.pop("not_asked", 0)
    not_applicable = reasons.pop(NOT_APPLICABLE, 0)
    standing = statuses.get("error", 0) + reasons.total() + values
    earlier = _earlier_shares(run) if tally.shares else []
    paths = warehouse.paths_of([document for document, _ in tally.empty])
    return Outcome(
        run=run.name,
        out=run.job.out,
        engine=run.asker.account.engine if names else "",
        statuses=statuses,
        rows={name: warehouse.size(name) for name in names},
        former={name: former for name in names if (former := warehouse.former(name))},
        added=found.added,
        changed_documents=found.changed,
        removed=found.removed,
        unchanged=found.unchanged,
        vanished=found.vanished,
        unseen=found.unseen,
        known=found.known,
        unread=found.failed,
        failed_answers=tally.failed_answers,
        failed_values=tally.failed_values,
        failures=_with_paths(run, [*found.failures, *tally.failures][:FIRST]),
        standing=standing,
        to_review=(waiting := _to_review(run)),
        rejects=reasons.total(),
        not_asked=not_asked,
        not_applicable=not_applicable,
        empty=[(paths.get(document, document), question) for document, question in tally.empty],
        shares=tally.shares,
        shares_before=earlier[-1] if earlier else {},
        falls=list(falls(tally.shares, together(earlier[-EARLIER_RUNS:]), run.job.max_fill_drop)),
        asked=run.asker.traffic().answered + len(done.bought),
        recalled=tally.recalled,
        cost_usd=run.asker.budget.spent_usd,
        quoted_usd=done.quoted_usd,
        budget_usd=run.job.budget_usd,
        maybe_paid=run.asker.ledger.maybe_paid()[0],
        repaired=Counter(tally.repaired.values()),
        single_pass=tally.single_pass,
        unrequested=tally.unrequested,
        replay=run.job.replay,
        notices=tuple(run.asker.notices),
        changed=done.changed or found.tables_changed,
        stopped=str(run.stop.error or ""),
        exit_code=_exit_code(run, done, standing, sum(waiting.values())),
    )


def _failed_values(run: RunContext) -> int:
    """Fields whose answer was not accepted, in this run or earlier."""
    counts = run.warehouse.counts(EVIDENCE, "state")
    return sum(int(row["n"]) for row in counts if row["state"] == "failed")


def _to_review(run: RunContext) -> dict[str, int]:
    """What waits for a person: values, answers that were not accepted, files that could not be read and that nobody has filled in."""
    if not run.questions or not run.warehouse.has("review"):
        return {}
    query = """SELECT count(*) FILTER (field IS NOT NULL) AS value,
                      count(*) FILTER (field IS NULL AND question IS NOT NULL AND reason <> 'nothing_found') AS answer,
                      count(*) FILTER (question IS NULL AND confidence = 0 AND document NOT IN (SELECT document FROM evidence)) AS file
               FROM review WHERE document IS NOT NULL"""
    (counts,) = run.warehouse.query(query).to_pylist()
    return {what: int(count) for what, count in counts.items() if count}


def _exit_code(run: RunContext, done: Done, standing: int, to_review: int) -> int:
    """By what stopped the run, else by what failed in it, as far as the job does not allow that."""
    job, found, tally = run.job, done.found, done.tally
    if run.stop.error:
        return run.stop.error.exit_code
    if found.vanished:
        return 2
    if 0 <= job.fail_on_review < to_review:
        return 2
    if job.fail_on == "never":
        return 0
    failed = found.failed + len(tally.failed)
    worked_on = max(1, found.added + found.changed, found.failed + len(tally.documents))
    too_many = failed / worked_on > job.max_failed_share
    return 2 if too_many or tally.waiting or tally.single_pass or (job.fail_on == "any" and standing) else 0


def _earlier_shares(run: RunContext) -> list[Shares]:
    """The shares of earlier runs that had answers, in their order."""
    rows = sorted(
        run.warehouse.rows(RUNS.name, ["started_at", "run", "fields"]), key=lambda row: row["started_at"]
    )
    return [of_rows(row["fields"]) for row in rows if row["fields"] and row["run"] != run.name]


def _with_paths(run: RunContext, failures: Sequence[Failure]) -> list[Failure]:
    paths = run.warehouse.paths_of([one.document for one in failures if not one.path])
    return [one if one.path else replace(one, path=paths.get(one.document, one.document)) for one in failures]


def _headline(ended: Outcome) -> str:
    if ended.stopped:
        return f"Stopped early: {ended.stopped}"
    if ended.vanished:
        return _vanished(ended)
    if ended.failed:
        parts = [(ended.unread, "file"), (ended.failed_answers, "answer"), (ended.failed_values, "value")]
        counts = [f"{count} {what}{'s' if count > 1 else ''}" for count, what in parts if count]
        named = ", ".join(
            dict.fromkeys(f"{one.path} ({one.reason})" for one in ended.failures[:FAILURES_SHOWN])
        )
        return f"Failed in this run: {', '.join(counts)}, such as {named}; {ended.sql('FROM review')} lists them."
    if ended.not_asked:
        return f"Not asked yet: {ended.not_asked}; the next run goes on with them."
    return "All went well." if ended.changed else "Nothing changed since the last run."


def _sentences(ended: Outcome) -> Iterator[str]:
    yield from _files(ended)
    yield from _rows(ended)
    yield f"Against before: {ended.added} added, {ended.changed_documents} changed, {ended.removed} removed, {ended.unchanged} unchanged."
    yield from _doubts(ended)
    yield from _mended(ended)
    if ended.to_review:
        yield _review(ended)
    if ended.engine == "offline":
        yield "Offline rules, draft quality: no model was asked, and what the rules did not find is null."
    elif ended.engine:
        yield from _asked(ended)
    if ended.unrequested:
        yield f"Replies that also spoke of documents that were not in their window, which was dropped: {ended.unrequested}."
    yield from (notice for notice in ended.notices if notice not in ended.stopped)
    if ended.stopped:
        yield f"Stopped early: {ended.stopped}"
    if not ended.changed:
        yield "Nothing changed since the last run."


def _files(ended: Outcome) -> Iterator[str]:
    files = ", ".join(
        f"{count} {'failed' if status == 'error' else status}"
        for status, count in sorted(ended.statuses.items())
    )
    yield f"Files: {ended.paths}, of which {files}." if ended.paths else "The inbox is empty."
    if ended.vanished:
        yield _vanished(ended)
    shown = [one for one in ended.failures if not one.question][:FAILURES_SHOWN]
    yield from (f"{one.path} failed: {one.detail}" for one in shown)
    if ended.unread > len(shown):
        yield f"""{ended.sql("FROM documents WHERE status = 'error'")} lists all that failed."""
    if ended.unseen:
        yield f"Known files below what could not be looked at: {ended.unseen}; their rows stay."


def _vanished(ended: Outcome) -> str:
    some = "All" if ended.vanished == ended.known else f"{ended.vanished} of"
    return f"{some} {ended.known} known files are gone from the inbox; nothing was removed. {VANISHED}"


def _rows(ended: Outcome) -> Iterator[str]:
    if ended.rows:
        yield "Rows: " + ", ".join(f"{rows} in {name}" for name, rows in ended.rows.items()) + "."
    if ended.former:
        rows = ", ".join(f"{rows} in {name}" for name, rows in ended.former.items())
        yield f"Of an earlier question, model or content of the file, until there is a successor: {rows}."
    if ended.not_applicable:
        yield f"Documents of another kind than was asked about: {ended.not_applicable}."
    if ended.failed_answers:
        yield f"Answers not accepted: {ended.failed_answers}; {ended.sql('FROM rejects')} says why."
    if ended.failed_values:
        yield f"Values not accepted, which are null: {ended.failed_values}; {ended.sql('FROM review')} lists them."
    if (earlier := ended.standing - ended.failed) > 0:
        yield f"Failed in earlier runs and still so: {earlier}; {ended.sql('FROM review')} lists them."
    if ended.not_asked:
        yield f"Not asked yet: {ended.not_asked}; the next run goes on with them."


def _doubts(ended: Outcome) -> Iterator[str]:
    if ended.empty:
        first = ", ".join(f"{path} ({question})" for path, question in ended.empty[:FAILURES_SHOWN])
        yield f"Answers in which nothing was found: {len(ended.empty)}, such as {first}; they are in `review`."
    for question, name, sentence in ended.falls:
        yield f"{question}.{name}: {sentence}"


def _review(ended: Outcome) -> str:
    out = "" if ended.out == "out" else f" --out {shlex.quote(ended.out)}"
    return f"To look at: {ended.waiting}; `octavo review{out}` shows them beside their pages."


def _asked(ended: Outcome) -> Iterator[str]:
    yield ended.bill
    if ended.replay:
        yield "Replay: stored replies were checked under the schemas as they are now; fields that are new are null."
    if ended.maybe_paid:
        yield f"Calls of this run or earlier ones that were sent and never answered, so that they may have been paid: {ended.maybe_paid}."


def _mended(ended: Outcome) -> Iterator[str]:
    if ended.repaired:
        how = ", ".join(f"{answers} {how}" for how, answers in sorted(ended.repaired.items()))
        yield f"Answers repaired: {sum(ended.repaired.values())}, of which {how}."
    if ended.single_pass:
        yield f"Answers of one pass, since the second could not be asked: {ended.single_pass}; run again for it."
