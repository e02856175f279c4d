"""The order of a job: its steps one after another, over one context, and the record of how it ended.

    ingest             inbox -> documents, pages
    price_and_approve  pages -> a price that somebody agrees to
    fetch_batches      orders at half the price -> replies in the ledger
    answer             pages, ledger, provider -> invoice, contract, ..., summary, evidence, rejects

Each step looks for itself at what the ones before it have done, and whether the run was stopped.
"""

from __future__ import annotations

import asyncio
import hashlib
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, closing, suppress
from dataclasses import replace
from datetime import UTC, datetime
from typing import Literal

from octavo.flows import leases, settings
from octavo.flows.answering import answer as answering
from octavo.flows.answering.bulk import fill_ledger
from octavo.flows.consent import Agreed, Estimate
from octavo.flows.context import RunContext
from octavo.flows.corrections.settle import Overlay
from octavo.flows.estimate import estimate
from octavo.flows.hooks import Hooks, OnProgress, ignore
from octavo.flows.outcome import runs
from octavo.flows.outcome.outcome import Done, Outcome, outcome
from octavo.flows.reading import read_inbox
from octavo.flows.stored_replies import StoredReplies
from octavo.flows.token_counter import TokenCounter
from octavo.processors.ask.replies import Account, Asker
from octavo.processors.read import pages as read
from octavo.processors.store.warehouse import Change, Warehouse, drop_aside, hold, hold_aside, set_aside
from octavo.schemas.compile.compiler import compile_question, compile_summary, proving
from octavo.schemas.errors import (
    AccessRefused,
    DocumentError,
    Interrupted,
    NotApproved,
    OctavoError,
    SettingsError,
    StorageError,
)
from octavo.schemas.job import Job
from octavo.schemas.pipeline import Question, Request
from octavo.schemas.tables import DOCUMENTS, tables_of

Step = Callable[[RunContext, Done], Awaitable[Done]]
Asks = Literal["extract", "summarize"]
ASKS: tuple[Asks, ...] = ("extract", "summarize")
PUBLISH_EVERY_S = (
    30.0  # how far the Parquet files may be behind the warehouse during a run; at its end they are not
)


async def ingest(run: RunContext, done: Done) -> Done:
    """Read the inbox, or take over what a plan has read of it."""
    found = await read_inbox(run, set_aside(run.out))
    drop_aside(run.out)
    return replace(done, found=found)


async def price_and_approve(run: RunContext, done: Done) -> Done:
    """Price what is to be asked, and let it be approved. What is in the ledger is used also where nothing may be asked."""
    if run.stop.error or not run.questions:
        return done
    price = estimate(run)
    done = replace(done, quoted_usd=price.cost.usd)
    await _look_at_balance(run, price)
    return replace(done, approved=bool(run.stop.error) or run.job.replay or await _approved(run, price))


async def fetch_batches(run: RunContext, done: Done) -> Done:
    """Fetch the replies of batches, and order what is missing where the job wants that."""
    if run.stop.error or run.job.replay or not done.approved:
        return done
    return replace(done, bought=await fill_ledger(run))


async def answer(run: RunContext, done: Done) -> Done:
    """Answer what is not answered yet; a run that was stopped after its price was agreed to uses what is in the ledger."""
    return (
        replace(done, changed=await answering.answer(run, done.tally, done.bought) or done.changed)
        if done.approved
        else done
    )


PROCESS_FOLDER: tuple[Step, ...] = (ingest, price_and_approve, fetch_batches, answer)


async def run(
    job: Job,
    account: Account,
    vocabulary: bytes | None = None,
    *,
    steps: Sequence[Step] = PROCESS_FOLDER,
    asks: Sequence[Asks] = ASKS,
    hooks: Hooks | None = None,
) -> Outcome:
    """Do a job, from the folder to the tables.

    `vocabulary` is the Kimi vocabulary, without which tokens are estimated. Raises SettingsError before anything is read, Locked when
    another run holds the folder, and StorageError. Trouble with single documents and with the provider is in the outcome instead.
    """
    asked = questions(job, asks) if answer in steps else []
    started = datetime.now(UTC)
    with hold(settings.out_folder(job.out), publish_every_s=PUBLISH_EVERY_S) as warehouse:
        refuse_other_inbox(warehouse, job, reads=ingest in steps)
        if not warehouse.inboxes():
            warehouse.adopt(read.address(job.inbox))
        async with opened(
            job, account, vocabulary, asked, warehouse, name=run_id(job, started), hooks=hooks or Hooks()
        ) as opening:
            _make_tables(warehouse, asked, at_once=warehouse.path.exists() or ingest not in steps)
            context, done = opening, Done(changed=opening.corrections.look_over(warehouse))
            note = runs.begin(context, started)
            ledger, notice = context.asker.ledger, context.asker.notice
            try:
                await leases.none_left(ledger, notice, lambda: bool(context.stop.error))
                for step in steps:
                    done = await step(context, done)
                    context = replace(context, absent=done.found.absent)
            except (
                asyncio.CancelledError
            ):  # what is paid and readable is in the tables by now; so is how the run ended
                context.stop.error = context.stop.error or Interrupted(signal.SIGTERM)
                context.stop.ended = outcome(context, replace(done, changed=True))
                runs.end(context, context.stop.ended, note)
                raise
            except OctavoError as error:  # such as an inbox that is not there; the next run is not to say that this one was killed
                context.stop.error = error
                with suppress(StorageError):  # which may be the very trouble
                    runs.end(context, outcome(context, done), note)
                raise
            done = replace(done, changed=context.corrections.look_over(warehouse) or done.changed)
            ended = outcome(context, done)
            runs.end(context, ended, note)
    return ended


def _make_tables(warehouse: Warehouse, asked: Sequence[Question], *, at_once: bool) -> None:
    """Make all tables, so that who looks on finds them, and their views, empty: in a new folder with the first documents."""
    changes = [Change(table) for table in tables_of(asked)]
    if at_once:
        warehouse.commit(changes)
    else:
        warehouse.put_off(changes)


async def plan(
    job: Job, account: Account, vocabulary: bytes | None = None, *, on_progress: OnProgress = ignore
) -> Estimate:
    """Read the folder and say what the job would cost. The tables stay as they are, and nothing is asked.

    What was read is kept aside for the run that follows.
    """
    with hold_aside(settings.out_folder(job.out)) as (warehouse, last):
        warehouse.adopt(read.address(job.inbox))
        async with opened(
            job, account, vocabulary, questions(job), warehouse, name="plan", hooks=Hooks(on_progress)
        ) as context:
            found = await read_inbox(context, last if last.path.exists() else None)
            return replace(estimate(replace(context, absent=found.absent)), vanished=found.vanished)


async def first_requests(job: Job, account: Account, vocabulary: bytes | None = None) -> list[Request]:
    """Read the folder, and give what would be asked first, without asking it. Raises the trouble of a file that cannot be read."""
    with hold(settings.out_folder(job.out)) as warehouse:
        warehouse.adopt(read.address(job.inbox))
        async with opened(
            job, account, vocabulary, questions(job), warehouse, name="prompt", hooks=Hooks()
        ) as context:
            await read_inbox(context)
            for row in warehouse.rows(DOCUMENTS.name):
                if row["status"] in ("error", "skipped") and row["reason"] != "container":
                    raise DocumentError(row["reason"], row["detail"])
            return [request async for request in answering.first_requests(context)]


@asynccontextmanager
async def opened(
    job: Job,
    account: Account,
    vocabulary: bytes | None,
    asked: Sequence[Question],
    warehouse: Warehouse,
    *,
    name: str,
    hooks: Hooks,
) -> AsyncIterator[RunContext]:
    """All that a run works with beside the warehouse, open: the ledger, the connection, the sandbox."""
    out = settings.out_folder(job.out)
    count = TokenCounter(account, vocabulary)
    limits, passwords, overlay = settings.read_limits(job), settings.passwords(job), Overlay(out)
    local_ocr = account.engine == "offline" and read.ocr_available()
    with closing(overlay), read.Reader(limits, passwords, ocr=local_ocr) as reader:
        pace_file = settings.data_folder() / "pace.sqlite"
        async with Asker(
            account, out / "ledger.sqlite", run=name, count=count, pace_file=pace_file, hear=hooks.on_notice
        ) as asker:
            count.attend(asker)
            hooks.stop.tell, hooks.stop.traffic = asker.end, asker.traffic
            inbox = read.address(job.inbox)
            context = RunContext(
                job,
                asked,
                limits,
                warehouse,
                asker,
                reader,
                count,
                StoredReplies(asker),
                hooks,
                name,
                inbox,
                out,
                overlay,
            )
            async with hooks.workers.attend(context):
                yield context


def refuse_other_inbox(warehouse: Warehouse, job: Job, *, reads: bool = True) -> None:
    """Raise SettingsError when the output folder holds the documents of another inbox, unless the job says what that means."""
    inbox, held = read.address(job.inbox), warehouse.inboxes()
    if not held or inbox in held or (reads and (job.add_inbox or (job.replace_inbox and len(held) == 1))):
        return
    ways = [
        "--out with another folder keeps the two apart",
        "--add-inbox keeps both here, apart by the column `inbox`",
    ]
    if len(held) == 1:
        ways.append("--replace-inbox says that the folder has moved here or has a successor here")
    message = f"{job.out} holds the tables of {' and '.join(held)}, and this job names {inbox}."
    raise SettingsError(message, about="inbox", next_step=f"{'; '.join(ways)}. Nothing was changed.")


def foresee(job: Job) -> None:
    """Raise what `run` would raise after a plan that went well, so that a price is not taken for a go-ahead."""
    try:
        refuse_other_inbox(Warehouse(settings.out_folder(job.out)), job)
    except SettingsError as error:
        message = f"A run of this job would be refused: {error.message}"
        raise SettingsError(message, about=error.about, next_step=error.next_step) from None


def questions(job: Job, asks: Sequence[Asks] = ASKS) -> list[Question]:
    """What the job asks about every document. Raises SchemaError and SettingsError."""
    asked = [compile_question(spec) for spec in job.extract] if "extract" in asks else []
    if "summarize" in asks and job.summarize:
        asked.append(compile_summary(job.summarize))
    known = {"all", *(field.name for question in asked for field in question.fields)}
    if unknown := [name for name in job.required_evidence if name not in known and asked]:
        message = f"No schema of the job has a field {unknown[0]}, so it cannot be required."
        raise SettingsError(
            message, about="required_evidence", next_step=f"Name some of {', '.join(sorted(known))}."
        )
    asked = [proving(question, job.required_evidence) for question in asked]
    names = [question.name for question in asked]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise SettingsError(
            f"Two questions are named {', '.join(twice)}.",
            about="extract",
            next_step="Rename or drop one of them.",
        )
    return asked


async def _look_at_balance(run: RunContext, price: Estimate) -> None:
    """Say early that the balance will not do; when nothing is left, nothing is asked, and what is in the ledger is used all the same."""
    if price.windows:
        try:
            await run.asker.balance.begin(price.cost.usd)
        except AccessRefused as error:
            run.stop.error = error


async def _approved(run: RunContext, price: Estimate) -> bool:
    """Whether somebody agrees to the price; who does not may say why, and nothing is asked."""
    try:
        said = run.hooks.approve(price)
        agreed = said if isinstance(said, bool) else await said
    except NotApproved as error:
        run.stop.error = error
        return False
    if isinstance(agreed, Agreed):
        run.asker.budget.lower(agreed.budget_usd)
    elif not agreed:
        run.stop.error = NotApproved(
            "The price was not agreed to, so nothing was asked.", next_step="What was read is kept."
        )
    if (
        run.job.mode == "live" and not price.unpriced
    ):  # what an earlier run ordered by batch is billed to this one, too
        run.asker.budget.quote(price.most_usd)
    return not run.stop.error


def run_id(job: Job, started: datetime) -> str:
    """The id of a run in `runs` and in the ledger: when it began and six digits of what it does."""
    return f"{started:%Y%m%dT%H%M%SZ}-{hashlib.sha256(job.model_dump_json().encode()).hexdigest()[:6]}"
