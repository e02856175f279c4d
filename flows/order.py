"""The order of a job: one plain function that reads, asks and commits, here or as Prefect tasks.

ingest     inbox -> documents, pages
extract    pages -> invoice, contract, ..., evidence, rejects
summarize  pages -> summary, evidence, rejects
"""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from flows import settings
from flows.asking import Desk
from flows.asking_in_bulk import fill_ledger
from flows.batches import Each, Halt, Hear, Tell, here, quiet, unheard
from flows.counting import Tokens
from flows.outcome import Outcome, outcome, run_row
from flows.plan import Approve, Estimate, always, estimate
from flows.reading import ingest
from processors.ask.replies import Account, Asker
from processors.read import pages as read
from processors.store.warehouse import Change, hold
from schemas import tables
from schemas.compiler import compile_question, compile_summary, proving
from schemas.errors import AccessRefused, NotApproved, SettingsError
from schemas.job import Job
from schemas.pipeline import Question

Step = Literal["ingest", "extract", "summarize"]
ALL: tuple[Step, ...] = ("ingest", "extract", "summarize")


async def run(  # noqa: PLR0913 - six of them have a default, and each is a different way to take part
    job: Job,
    account: Account,
    vocabulary: bytes | None = None,
    *,
    steps: Sequence[Step] = ALL,
    each: Each = here,
    tell: Tell = quiet,
    halt: Halt | None = None,
    approve: Approve = always,
    hear: Hear = unheard,
) -> Outcome:
    """Do a job, from the folder to the tables.

    `vocabulary` is the Kimi vocabulary, without which tokens are estimated. `approve` sees the price before anything is asked and
    may say no. `halt` can be set by a signal. `hear` gets a sentence when a budget or the balance runs low. Raises SettingsError
    before anything is read, Locked when another run holds the folder, and StorageError. Trouble with single documents and with the
    provider is in the outcome instead.
    """
    asked = questions(job, steps)
    started = datetime.now(UTC)
    async with open_desk(job, account, vocabulary, asked, run=run_name(job, started), halt=halt or Halt(), hear=hear) as desk:
        changed = "ingest" in steps and await ingest(desk, each=each, tell=tell)
        if asked and not desk.halt.error:
            found = estimate(desk)
            await _look_at_balance(desk, found)
            if desk.halt.error or job.replay or approve(found):
                if not (desk.halt.error or job.replay):
                    await fill_ledger(desk, tell=tell)
                changed |= await desk.answer(each=each, tell=tell)
            else:
                desk.halt.error = NotApproved("Not approved, so nothing was asked.", next_step="--yes goes on without the question.")
        ended = outcome(desk, desk.asker.run, changed=changed)
        if changed or ended.asked:
            desk.warehouse.commit([Change(tables.RUNS, [run_row(desk, ended, started)])])
    return ended


async def plan(job: Job, account: Account, vocabulary: bytes | None = None, *, tell: Tell = quiet) -> Estimate:
    """Read the folder and say what the job would cost. Fills `documents` and `pages` in the output folder; asks nothing."""
    asked = questions(job)
    async with open_desk(job, account, vocabulary, asked, run="plan", halt=Halt()) as desk:
        await ingest(desk, each=here, tell=tell)
        return estimate(desk)


@asynccontextmanager
async def open_desk(
    job: Job, account: Account, vocabulary: bytes | None, asked: Sequence[Question], *, run: str, halt: Halt, hear: Hear = unheard
) -> AsyncIterator[Desk]:
    """All that a run works with, held and open: the output folder, the warehouse, the ledger, the connection, the sandbox."""
    out = Path(job.out)
    count = Tokens(account, vocabulary)
    limits, passwords = settings.read_limits(job), settings.passwords(job)
    local_ocr = account.engine == "offline" and read.ocr_available()
    with hold(out) as warehouse, read.Reader(limits, passwords, ocr=local_ocr) as reader:
        pace_file = settings.data_folder() / "pace.sqlite"
        async with Asker(account, out / "ledger.sqlite", run=run, count=count, pace_file=pace_file, hear=hear) as asker:
            count.attend(asker)
            halt.tell = asker.end
            yield Desk(job, asked, limits, warehouse, asker, reader, count, count.exact, halt)


def questions(job: Job, steps: Sequence[Step] = ALL) -> list[Question]:
    """What the job asks about every document. Raises SchemaError and SettingsError."""
    asked = [compile_question(spec) for spec in job.extract] if "extract" in steps else []
    if "summarize" in steps and job.summarize:
        asked.append(compile_summary(job.summarize))
    known = {"all", *(field.name for question in asked for field in question.fields)}
    if unknown := [name for name in job.required_evidence if name not in known and asked]:
        message = f"No schema of the job has a field {unknown[0]}, so it cannot be required."
        raise SettingsError(message, about="required_evidence", next_step=f"Name some of {', '.join(sorted(known))}.")
    asked = [proving(question, job.required_evidence) for question in asked]
    names = [question.name for question in asked]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise SettingsError(f"Two questions are named {', '.join(twice)}.", about="extract", next_step="Rename or drop one of them.")
    return asked


async def _look_at_balance(desk: Desk, found: Estimate) -> None:
    """Say early that the balance will not do; when nothing is left, nothing is asked, and what is in the ledger is used all the same."""
    if found.windows:
        try:
            await desk.asker.balance.begin(found.cost.usd)
        except AccessRefused as error:
            desk.halt.error = error


def run_name(job: Job, started: datetime) -> str:
    """The name of a run in `runs`, in the ledger and in Prefect: when it began and six digits of what it does."""
    return f"{started:%Y%m%dT%H%M%SZ}-{hashlib.sha256(job.model_dump_json().encode()).hexdigest()[:6]}"
