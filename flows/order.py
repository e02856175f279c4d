"""The order of a job: one plain function that reads, asks and commits, here or as Prefect tasks.

ingest     inbox -> documents, pages
extract    pages -> invoice, contract, ..., evidence, rejects
summarize  pages -> summary, evidence, rejects
"""

from __future__ import annotations

import asyncio
import hashlib
import signal
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from flows import runs, settings
from flows.asking import Desk
from flows.asking_in_bulk import fill_ledger
from flows.batches import Each, Halt, Hear, Tell, here, quiet, unheard
from flows.counting import Tokens
from flows.outcome import Outcome, outcome
from flows.plan import Agreed, Approve, Estimate, always, estimate
from flows.reading import Ingested, ingest
from processors.ask.replies import Account, Asker
from processors.read import pages as read
from processors.store.warehouse import Change, Warehouse, drop_aside, hold, hold_aside, set_aside
from schemas.compiler import compile_question, compile_summary, proving
from schemas.errors import AccessRefused, Interrupted, NotApproved, SettingsError
from schemas.job import Job
from schemas.pipeline import Question
from schemas.tables import tables_of

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
    with hold(Path(job.out)) as warehouse:
        know_inbox(warehouse, job, steps)
        async with open_desk(
            job, account, vocabulary, asked, warehouse, run=run_name(job, started), halt=halt or Halt(), hear=hear
        ) as desk:
            warehouse.commit([Change(table) for table in tables_of(asked)])  # so that who looks on finds them, and their views, empty
            note = runs.begin(desk, started)
            found, changed = Ingested(), False
            try:
                if "ingest" in steps:
                    found = await ingest(desk, each=each, tell=tell, aside=set_aside(desk.out))
                    drop_aside(desk.out)
                    desk.absent = found.absent
                if asked and not desk.halt.error and await _agreed(desk, approve, tell):
                    changed = await desk.answer(each=each, tell=tell)
            except asyncio.CancelledError:  # what is paid and readable is in the tables by now; so is how the run ended
                desk.halt.error = desk.halt.error or Interrupted(signal.SIGTERM)
                runs.end(desk, outcome(desk, found, changed=True), note)
                raise
            ended = outcome(desk, found, changed=changed or found.tables_changed)
            runs.end(desk, ended, note)
    return ended


async def _agreed(desk: Desk, approve: Approve, tell: Tell) -> bool:
    """Price what is to be asked, and let it be approved; whether to go on. What is in the ledger is used also where nothing is asked."""
    found = estimate(desk)
    desk.quoted_usd = (found.cost.usd, found.cost.worst_usd)
    await _look_at_balance(desk, found)
    if desk.halt.error or desk.job.replay:
        return True
    if not await _approved(desk, approve, found):
        return False
    await fill_ledger(desk, tell=tell)
    return True


async def _approved(desk: Desk, approve: Approve, found: Estimate) -> bool:
    """Whether somebody agrees to the price; who does not may say why, and nothing is asked."""
    try:
        answer = approve(found)
        agreed = answer if isinstance(answer, bool) else await answer
    except NotApproved as error:
        desk.halt.error = error
        return False
    if isinstance(agreed, Agreed):
        desk.asker.budget.lower(agreed.budget_usd)
    elif not agreed:
        desk.halt.error = NotApproved("The price was not agreed to, so nothing was asked.", next_step="What was read is kept.")
    return not desk.halt.error


async def plan(job: Job, account: Account, vocabulary: bytes | None = None, *, tell: Tell = quiet) -> Estimate:
    """Read the folder and say what the job would cost. The tables stay as they are, and nothing is asked.

    What was read is kept aside for the run that follows.
    """
    with hold_aside(Path(job.out)) as (warehouse, last):
        warehouse.adopt(read.address(job.inbox))
        async with open_desk(job, account, vocabulary, questions(job), warehouse, run="plan", halt=Halt()) as desk:
            desk.absent = (await ingest(desk, each=here, tell=tell, aside=last if last.path.exists() else None)).absent
            return estimate(desk)


@asynccontextmanager
async def open_desk(
    job: Job,
    account: Account,
    vocabulary: bytes | None,
    asked: Sequence[Question],
    warehouse: Warehouse,
    *,
    run: str,
    halt: Halt,
    hear: Hear = unheard,
) -> AsyncIterator[Desk]:
    """All that a run works with beside the warehouse, open: the ledger, the connection, the sandbox."""
    out = Path(job.out)
    count = Tokens(account, vocabulary)
    limits, passwords = settings.read_limits(job), settings.passwords(job)
    local_ocr = account.engine == "offline" and read.ocr_available()
    with read.Reader(limits, passwords, ocr=local_ocr) as reader:
        pace_file = settings.data_folder() / "pace.sqlite"
        async with Asker(account, out / "ledger.sqlite", run=run, count=count, pace_file=pace_file, hear=hear) as asker:
            count.attend(asker)
            halt.tell, halt.traffic = asker.end, asker.traffic
            inbox = read.address(job.inbox)
            yield Desk(job, asked, limits, warehouse, asker, reader, count, count.exact, halt, run, inbox, out)


def know_inbox(warehouse: Warehouse, job: Job, steps: Sequence[Step]) -> None:
    """Raise SettingsError when the output folder holds the documents of another inbox, unless the job says what that means."""
    inbox, held = read.address(job.inbox), warehouse.inboxes()
    if not held:
        warehouse.adopt(inbox)
    if not held or inbox in held or ("ingest" in steps and (job.add_inbox or (job.replace_inbox and len(held) == 1))):
        return
    ways = ["--out with another folder keeps the two apart", "--add-inbox keeps both here, apart by the column `inbox`"]
    if len(held) == 1:
        ways.append("--replace-inbox says that the folder has moved here or has a successor here")
    message = f"{job.out} holds the tables of {' and '.join(held)}, and this job names {inbox}."
    raise SettingsError(message, about="inbox", next_step=f"{'; '.join(ways)}. Nothing was changed.")


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
